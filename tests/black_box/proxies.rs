//! `--trusted-proxies`: the client that trusted proxies name is the client, in the log and in the limits; nobody else can
//! choose one. The tables of single fields stand beside their parser, in `src/http/forwarded.rs`.

use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Process, Server, httpd};
use crate::site::{Site, WELCOME};

/// Fields of a request, and the client where 127.0.0.0/8 and 10.0.0.0/8 are trusted.
const FIELDS: [(&str, &str); 12] = [
    ("", "127.0.0.1"),
    ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
    ("X-Forwarded-For: 203.0.113.9, 192.0.2.1:4711, 10.0.0.1\r\n", "192.0.2.1"),
    ("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
    ("X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
    ("X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.2\r\n", "10.0.0.2"),
    ("X-Forwarded-For: 203.0.113.9, unknown\r\n", "127.0.0.1"),
    ("Forwarded: for=203.0.113.9, for=\"[2001:db8::1]:80\";proto=https, for=10.0.0.1\r\n", "2001:db8::1"),
    ("Forwarded: for=\"203.0.113.9, for=192.0.2.1\r\n", "192.0.2.1"),
    ("Forwarded: for=_hidden\r\n", "127.0.0.1"),
    ("Forwarded: for=203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
    ("X-Real-IP: 203.0.113.9\r\nClient-IP: 203.0.113.9\r\nForwarded-For: 203.0.113.9\r\n", "127.0.0.1"),
];

/// Waits for the access line of a path, and returns the client that it names.
fn client_of(server: &Server, path: &str) -> String {
    let line = server.process.errors.await_line(|line| line.contains(&format!(" {path} ")));
    line.split(' ').next().expect("a word").to_owned()
}

#[test]
fn the_client_that_a_trusted_proxy_names_is_in_the_log() {
    let server = Site::new().serve_with(&["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]);
    let mut kept = server.connect_as("kept");
    for (number, (fields, expected)) in FIELDS.into_iter().enumerate() {
        // Each request of a connection for itself.
        let (path, chunked) = (format!("/kept-{number}"), format!("/chunked-{number}"));
        kept.ask("GET", &path, fields);
        kept.request(format!(
            "GET {chunked} HTTP/1.1\r\nHost: a\r\n{fields}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ));
        assert_eq!(client_of(&server, &path), expected, "{fields}");
        assert_eq!(client_of(&server, &chunked), expected, "{fields}");
        let path = format!("/old-{number}");
        server.connect().request(format!("GET {path} HTTP/1.0\r\n{fields}\r\n"));
        assert_eq!(client_of(&server, &path), expected, "{fields}");
    }
    let requests: String = (0..FIELDS.len())
        .map(|number| format!("GET /pipe-{number} HTTP/1.1\r\nHost: a\r\n{}\r\n", FIELDS[number].0))
        .collect();
    server.connect().request(requests);
    for (number, (fields, expected)) in FIELDS.into_iter().enumerate() {
        assert_eq!(client_of(&server, &format!("/pipe-{number}")), expected, "{fields}");
    }
}

#[test]
fn nobody_else_can_choose_it() {
    for flags in [&[][..], &["--trusted-proxies", "127.0.0.2,10.0.0.0/8,::1,unix"]] {
        let server = Site::new().serve_with(flags);
        for (number, (fields, _)) in FIELDS.into_iter().enumerate() {
            let path = format!("/path-{number}");
            server.connect().ask("GET", &path, fields);
            assert_eq!(client_of(&server, &path), "127.0.0.1", "{fields} with {flags:?}");
        }
    }
}

#[test]
fn a_head_that_is_not_complete_names_nobody() {
    // The proxy adds its line at the end: what stands before may be the client's own.
    let server = Site::new().serve_with(&["--trusted-proxies", "127.0.0.1", "--head-timeout", "0.3"]);
    let fields = "X-Forwarded-For: 203.0.113.9\r\n";
    let broken = format!("GET /broken HTTP/1.1\r\nHost: a\r\n{fields}a b: c\r\n\r\n");
    assert_eq!(server.connect().request(broken).status, 400);
    assert_eq!(client_of(&server, "/broken"), "127.0.0.1");
    let slow = format!("GET /slow HTTP/1.1\r\nHost: a\r\n{fields}");
    assert_eq!(server.connect().request(slow).status, 408);
    assert_eq!(client_of(&server, "/slow"), "127.0.0.1");
    // One that is refused for what stands in it is complete.
    let refused = format!("GET /refused HTTP/1.1\r\n{fields}\r\n");
    assert_eq!(server.connect().request(refused).status, 400);
    assert_eq!(client_of(&server, "/refused"), "203.0.113.9");
}

#[test]
fn a_client_is_counted_however_it_comes() {
    for workers in ["1", "2"] {
        let flags = ["--trusted-proxies", "127.0.0.1", "--max-connections-per-ip", "1", "-w", workers];
        let server = Site::new().serve_with(&flags);
        let connect = |client: &str| {
            let mut connection = server.connect_as(client);
            let reply = connection.ask("GET", "/", &format!("X-Forwarded-For: {client}\r\n"));
            (connection, reply)
        };
        let (mut first, reply) = connect("192.0.2.1");
        assert_eq!(reply.text(), WELCOME);
        let (mut second, reply) = connect("192.0.2.1");
        assert!(reply.status == 503 && reply.says_close(), "{reply:?}");
        second.assert_closed();
        assert_eq!(client_of(&server, "/"), "192.0.2.1");
        let (_other, reply) = connect("192.0.2.2");
        assert_eq!(reply.text(), WELCOME);
        let (_network, reply) = connect("2001:db8::1");
        assert_eq!(reply.text(), WELCOME);
        assert_eq!(connect("2001:db8::2").1.status, 503);
        // The first request decides.
        let reply = first.ask("GET", "/", "X-Forwarded-For: 192.0.2.2\r\n");
        assert_eq!(reply.text(), WELCOME);
        // The proxy itself may have any number.
        let proxies: Vec<_> = (0..5)
            .map(|_| {
                let mut proxy = server.connect();
                assert_eq!(proxy.get("/").text(), WELCOME);
                proxy
            })
            .collect();
        drop((first, proxies));
        eventually("there is room", || connect("192.0.2.1").1.status == 200);
    }
}

#[test]
fn a_client_that_sends_a_body_hears_that_there_is_no_room() {
    let server = Site::new().serve_with(&["--trusted-proxies", "127.0.0.1", "--max-connections-per-ip", "1"]);
    let fields = "X-Forwarded-For: 192.0.2.1\r\n";
    let mut first = server.connect();
    assert_eq!(first.ask("GET", "/", fields).text(), WELCOME);
    for body in ["Content-Length: 5\r\n\r\nhe", "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"] {
        let mut client = server.connect_as(body);
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}{body}");
        assert_eq!(client.request(request).status, 503);
        client.assert_closed();
    }
    let mut pipeline = server.connect();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    assert_eq!(pipeline.request(request.repeat(3)).status, 503);
    pipeline.assert_closed();
    drop(first);
    eventually("there is room", || server.connect().ask("GET", "/", fields).status == 200);
}

#[test]
fn from_others_the_address_is_counted_that_they_have() {
    let server = Site::new().serve_with(&["--trusted-proxies", "127.0.0.2", "--max-connections-per-ip", "1"]);
    let mut first = server.connect();
    assert_eq!(first.get("/").text(), WELCOME);
    for (fields, _) in FIELDS {
        assert_eq!(server.connect().ask("GET", "/", fields).status, 503, "{fields}");
    }
}

#[test]
fn a_request_that_came_by_https_is_not_redirected() {
    let site = Site::new();
    for (trusted, fields, expected) in [
        ("127.0.0.1", "X-Forwarded-Proto: https\r\n", 200),
        ("127.0.0.1", "X-Forwarded-Proto: http, HTTPS\r\n", 200),
        ("127.0.0.1", "X-Forwarded-Proto: http\r\n", 308),
        ("127.0.0.1", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", 308),
        ("127.0.0.1", "", 308),
        ("127.0.0.2", "X-Forwarded-Proto: https\r\n", 308),
    ] {
        let flags = ["--http-redirect", "0", "--trusted-proxies", trusted];
        let server = certificate::serve(&site, &Pair::new(), &flags);
        let (_, address) = server.listening_line.split_once("redirecting http://").expect("the ready line");
        let reply = Client::connect(address.parse().expect("an address"), fields).ask("GET", "/", fields);
        assert_eq!(reply.status, expected, "{fields}");
        if expected == 308 {
            let location = format!("https://localhost:{}/", server.address.port());
            assert_eq!(reply.must("Location"), location, "{fields}");
        } else {
            assert_eq!(reply.text(), WELCOME, "{fields}");
        }
    }
}

#[test]
fn a_proxy_at_a_unix_socket_is_trusted_by_name() {
    let site = Site::new();
    let path = site.outside("socket");
    let listen = format!("unix:{}", path.display());
    let listen = ["--listen", &listen, "--listen", "127.0.0.1:0"];
    for (number, (trusted, from_unix, from_tcp)) in
        [("unix", "192.0.2.1", "127.0.0.1"), ("127.0.0.1", "unix", "192.0.2.1")].into_iter().enumerate()
    {
        let flags =
            ["--trusted-proxies", trusted, "--allow", "unix,192.0.2.1", "--max-connections-per-ip", "1"];
        let mut command = httpd();
        command.arg("--document-root").arg(site.root()).args(listen).args(flags);
        let process = Process::spawn(command);
        let line = process.errors.await_line(|line| line.contains("listening on"));
        let tcp = line.split("http://").nth(1).and_then(|rest| rest.split([',', ' ']).next());
        let tcp = tcp.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        let fields = "X-Forwarded-For: 192.0.2.1\r\n";
        for (kind, expected) in [("unix", from_unix), ("tcp", from_tcp)] {
            let connect = || match kind {
                "unix" => Client::connect_unix(&path, kind),
                _ => Client::connect(tcp, kind),
            };
            let (mut first, target) = (connect(), format!("/{kind}-{number}"));
            let status = if expected == "127.0.0.1" { 403 } else { 404 };
            assert_eq!(first.ask("GET", &target, fields).status, status, "{kind} where {trusted} is trusted");
            let line = process.errors.await_line(|line| line.contains(&format!(" {target} ")));
            assert!(line.starts_with(&format!("{expected} ")), "{kind} where {trusted} is trusted: {line}");
            let is_counted = expected != "unix";
            assert_eq!(
                connect().ask("GET", "/", fields).status == 503,
                is_counted,
                "{kind} where {trusted} is"
            );
        }
    }
}
