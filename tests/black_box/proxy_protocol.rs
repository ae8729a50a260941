//! `--proxy-protocol`: a PROXY header in front of every connection, with TLS or plain HTTP after it. The tables of single
//! headers stand beside their parser, in `src/server/proxy_header.rs`.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::admin;
use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Process, Server, httpd};
use crate::site::{Site, WELCOME};

const FLAGS: [&str; 3] = ["--proxy-protocol", "--trusted-proxies", "127.0.0.1,10.0.0.0/8"];
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 127.0.0.1 4711 80\r\n";

/// A header of version 2.
fn v2(command: u8, family: u8, addresses: &[u8], values: usize) -> Vec<u8> {
    let length = u16::try_from(addresses.len() + values).expect("a length").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, addresses, &vec![0; values]].concat()
}

fn v2_of(client: [u8; 4]) -> Vec<u8> {
    v2(0x21, 0x11, &[client, [127, 0, 0, 1], [1, 2, 3, 4]].concat(), 20)
}

/// Headers of trusted proxies, and the client that each names.
fn headers() -> Vec<(Vec<u8>, &'static str)> {
    let ipv6 = "2001:db8::1".parse::<std::net::Ipv6Addr>().expect("an address").octets();
    vec![
        (V1.to_vec(), "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(), "2001:db8::1"),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n".to_vec(), "192.0.2.1"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (b"PROXY UNKNOWN 203.0.113.9 203.0.113.9 1 2\r\n".to_vec(), "127.0.0.1"),
        (v2_of([192, 0, 2, 1]), "192.0.2.1"),
        (v2(0x21, 0x21, &[&ipv6[..], &ipv6, &[0; 4]].concat(), 0), "2001:db8::1"),
        (v2(0x20, 0x00, &[], 0), "127.0.0.1"),
        (v2(0x20, 0x11, &[203, 0, 113, 9, 203, 0, 113, 9, 0, 1, 0, 2], 0), "127.0.0.1"),
        (v2(0x21, 0x00, &[], 0), "127.0.0.1"),
        (v2(0x21, 0x31, &[b'/'; 216], 4096), "127.0.0.1"),
    ]
}

/// Asks for a path, after a header that comes in pieces.
fn ask_in_pieces(server: &Server, header: &[u8], path: &str, size: usize) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    let mut client = server.connect_as(path);
    if server.tls.is_some() {
        client.send_in_front(header, size);
        client.send(request);
    } else {
        client.try_send_in_pieces(&[header, request.as_bytes()].concat(), size).expect("it takes all");
    }
    assert_eq!(client.response().status, 404, "{path}");
    let line = server.process.errors.await_line(|line| line.contains(&format!(" {path} ")));
    line.split(' ').next().expect("a word").to_owned()
}

#[test]
fn the_client_of_the_header_is_the_client_however_it_is_cut() {
    let site = Site::new();
    let pair = Pair::new();
    for workers in ["1", "2"] {
        let flags = [&FLAGS[..], &["-w", workers]].concat();
        for server in [site.serve_with(&flags), certificate::serve(&site, &pair, &flags)] {
            for (number, (header, expected)) in headers().into_iter().enumerate() {
                for size in [1, 7, 16, header.len() - 1, header.len(), header.len() + 1, usize::MAX] {
                    if header.len() / size > 300 {
                        continue; // a segment a byte takes long
                    }
                    // A proxy that speaks for itself is believed when it names somebody else.
                    let expected = if expected == "127.0.0.1" { "203.0.113.9" } else { expected };
                    let path = format!("/{number}-{size}");
                    assert_eq!(ask_in_pieces(&server, &header, &path, size), expected, "{path}");
                }
            }
        }
    }
}

#[test]
fn fields_are_believed_only_where_the_address_of_the_header_is_trusted() {
    let server = Site::new().serve_with(&FLAGS);
    for (number, (header, fields, expected)) in [
        ("PROXY TCP4 192.0.2.1 127.0.0.1 1 2", "X-Forwarded-For: 203.0.113.9\r\n", "192.0.2.1"),
        ("PROXY TCP4 10.0.0.1 127.0.0.1 1 2", "X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
        ("PROXY TCP4 10.0.0.1 127.0.0.1 1 2", "Forwarded: for=203.0.113.9, for=10.0.0.2\r\n", "203.0.113.9"),
        ("PROXY TCP4 10.0.0.1 127.0.0.1 1 2", "", "10.0.0.1"),
        ("PROXY UNKNOWN", "", "127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{number}");
        let mut client = server.connect_as(header);
        client.request(format!("{header}\r\nGET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let line = server.process.errors.await_line(|line| line.contains(&format!(" {path} ")));
        assert!(line.starts_with(&format!("{expected} ")), "{header} and {fields}: {line}");
        // The header holds for all requests of the connection.
        let path = format!("/again-{number}");
        client.ask("GET", &path, fields);
        let line = server.process.errors.await_line(|line| line.contains(&format!(" {path} ")));
        assert!(line.starts_with(&format!("{expected} ")), "{header} and {fields}: {line}");
    }
}

#[test]
fn without_a_header_nothing_is_answered() {
    let site = Site::new();
    let flags = [&FLAGS[..], &["--admin", "127.0.0.1:0"]].concat();
    for server in [site.serve_with(&flags), certificate::serve(&site, &Pair::new(), &flags)] {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let long = [b"PROXY UNKNOWN ", &[b'f'; 200][..], b"\r\n"].concat();
        let faults = [
            request.to_vec(),
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
            b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            [b"PROXY TCP4 192.0.2.1 127.0.0.1 1 99999\r\n", &request[..]].concat(),
            [b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\n", &request[..]].concat(),
            [b"PROXY TCP6 192.0.2.1 127.0.0.1 1 2\r\n", &request[..]].concat(),
            [&long[..], request].concat(),
            [&v2(0x22, 0x11, &[0; 12], 0)[..], request].concat(),
            [&v2(0x21, 0x11, &[0; 11], 0)[..], request].concat(),
            [&v2(0x21, 0x11, &[0; 12], 4400)[..], request].concat(),
        ];
        for (number, fault) in faults.iter().enumerate() {
            let mut client = Client::connect(server.address, &format!("fault {number}"));
            client.send(fault);
            assert!(client.read_until_closed().is_empty(), "fault {number}");
        }
        let admin = admin::of(&server);
        let closed = "httpd_connections_closed_total{reason=\"no_proxy_header\"}";
        admin::await_metric(admin, closed, faults.len() as f64);
        let failed = "httpd_tls_handshakes_total{version=\"unknown\",outcome=\"failed\"}";
        admin::await_metric(admin, failed, 0.0);
        server.process.errors.await_line(|line| line.contains("127.0.0.1 sends no valid PROXY header"));
    }
}

#[test]
fn it_is_to_come_within_the_head_timeout() {
    let site = Site::new();
    let flags = [&FLAGS[..], &["--head-timeout", "0.3", "--admin", "127.0.0.1:0"]].concat();
    for server in [site.serve_with(&flags), certificate::serve(&site, &Pair::new(), &flags)] {
        let begun = [&b""[..], b"PROXY", &V1[..V1.len() - 1], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"];
        let mut clients: Vec<Client> =
            begun.iter().map(|_| Client::connect(server.address, "a slow client")).collect();
        for (client, begun) in clients.iter_mut().zip(begun) {
            client.send(begun);
        }
        for client in &mut clients {
            assert!(client.read_until_closed().is_empty());
        }
        let admin = admin::of(&server);
        admin::await_metric(
            admin,
            "httpd_connections_closed_total{reason=\"timed_out\"}",
            begun.len() as f64,
        );
    }
}

#[test]
fn one_that_ends_within_the_header_is_forgotten() {
    let site = Site::new();
    let flags = [&FLAGS[..], &["--admin", "127.0.0.1:0"]].concat();
    let server = site.serve_with(&flags);
    for begun in [&b""[..], b"PROXY", &V1[..V1.len() - 1]] {
        let mut client = server.connect();
        client.send(begun);
        client.finish_sending();
        assert!(client.read_until_closed().is_empty());
    }
    let admin = admin::of(&server);
    admin::await_metric(admin, "httpd_connections_closed_total{reason=\"closed_by_the_client\"}", 3.0);
}

#[test]
fn from_others_no_connection_is_taken() {
    let site = Site::new();
    let flags = ["--proxy-protocol", "--trusted-proxies", "127.0.0.2,unix", "--admin", "127.0.0.1:0"];
    for server in [site.serve_with(&flags), certificate::serve(&site, &Pair::new(), &flags)] {
        for (header, _) in headers() {
            let mut client = Client::connect(server.address, "from elsewhere");
            // The server may be faster.
            let _ = client.try_send([&header[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
            assert!(client.read_until_closed().is_empty());
        }
        let admin = admin::of(&server);
        let closed = "httpd_connections_closed_total{reason=\"no_proxy_header\"}";
        admin::await_metric(admin, closed, headers().len() as f64);
        server.process.errors.await_line(|line| line.contains("127.0.0.1 is no trusted proxy"));
    }
}

#[test]
fn the_client_of_the_header_is_counted() {
    let site = Site::new();
    let pair = Pair::new();
    let flags = [&FLAGS[..], &["--max-connections-per-ip", "1", "--admin", "127.0.0.1:0"]].concat();
    for server in [site.serve_with(&flags), certificate::serve(&site, &pair, &flags)] {
        let connect = |header: &[u8]| {
            let mut client = server.connect_as("client");
            client.send_in_front(header, usize::MAX);
            client
        };
        let mut first = connect(V1);
        assert_eq!(first.get("/").text(), WELCOME);
        let mut second = connect(&v2_of([192, 0, 2, 1]));
        if server.tls.is_some() {
            // It gets no handshake: that would cost more than the answer is worth.
            assert!(second.shake_hands().is_err());
        } else {
            assert_eq!(second.get("/").status, 503);
        }
        let refused = "httpd_refused_total{limit=\"max_connections_per_ip\"}";
        admin::await_metric(admin::of(&server), refused, 1.0);
        let mut other = connect(&v2_of([192, 0, 2, 2]));
        assert_eq!(other.get("/").text(), WELCOME);
        // The proxy itself may have any number, and names clients by fields.
        let mut proxies: Vec<_> = (0..3).map(|_| connect(b"PROXY UNKNOWN\r\n")).collect();
        for proxy in &mut proxies {
            assert_eq!(proxy.get("/").text(), WELCOME);
        }
        let reply = proxies[0].ask("GET", "/", "X-Forwarded-For: 192.0.2.1\r\n");
        assert_eq!(reply.status, 503);
        drop(first);
        eventually("there is room", || {
            let mut client = connect(V1);
            (server.tls.is_none() || client.shake_hands().is_ok()) && client.get("/").status == 200
        });
    }
}

#[test]
fn who_finds_no_room_is_told_so_after_the_header() {
    let server = Site::new().serve_with(&[&FLAGS[..], &["--max-connections", "1"]].concat());
    let mut busy = server.connect();
    busy.send([V1, b"GET / HTTP/1.1\r\n"].concat());
    assert!(busy.is_silent_for(Duration::from_millis(20)));
    let mut client = server.connect();
    client.send([V1, b"GET /full HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    assert_eq!(client.response().status, 503);
    let line = server.process.errors.await_line(|line| line.contains(" /full "));
    assert!(line.starts_with("192.0.2.1 "), "{line}");
    busy.send("Host: a\r\n\r\n");
    assert_eq!(busy.response().text(), WELCOME);
}

#[test]
fn the_client_of_the_header_is_allowed_or_not() {
    let server = Site::new().serve_with(&[&FLAGS[..], &["--allow", "192.0.2.0/24"]].concat());
    for (header, expected) in
        [(v2_of([192, 0, 2, 1]), 200), (v2_of([203, 0, 113, 9]), 403), (b"PROXY UNKNOWN\r\n".to_vec(), 403)]
    {
        let mut client = server.connect();
        client.send(&header);
        assert_eq!(client.get("/").status, expected);
        let reply = client.ask("GET", "/", "X-Forwarded-For: 203.0.113.9\r\n");
        assert_eq!(reply.status, expected);
    }
}

#[test]
fn a_header_is_no_header_without_the_flag() {
    let server = Site::new().serve_with(&["--trusted-proxies", "127.0.0.1"]);
    let mut client = server.connect();
    client.send(V1);
    assert_eq!(client.response().status, 400);
}

/// Runs a command that should end by itself: its exit code, and what it says.
fn refusal(mut command: Command) -> (Option<i32>, String) {
    command.args(["--port", "0"]);
    let mut process = Process::spawn(command);
    (process.await_exit().code(), process.errors.await_end().join("\n"))
}

#[test]
fn it_needs_somebody_to_trust() {
    let mut by_flag = httpd();
    by_flag.arg("--proxy-protocol");
    let mut by_variable = httpd();
    by_variable.env("HTTPD_PROXY_PROTOCOL", "1");
    for command in [by_flag, by_variable] {
        let (code, text) = refusal(command);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("--proxy-protocol needs --trusted-proxies"), "{text}");
    }
    for flag in ["--trusted-proxies", "--allow"] {
        let mut command = httpd();
        command.args([flag, "10.0.0.0/8,10.0.0.0/33"]);
        let (code, text) = refusal(command);
        assert!(code == Some(2) && text.contains("\"10.0.0.0/33\" is no network"), "{text}");
    }
}

#[test]
fn the_health_check_sends_a_header() {
    let server = Site::new().serve_with(&[&FLAGS[..], &["--health", "/ping"]].concat());
    let port = server.address.port().to_string();
    let mut check = httpd();
    check.arg("healthcheck").env("HTTPD_PORT", &port).env("HTTPD_HEALTH", "/ping");
    check.env("HTTPD_PROXY_PROTOCOL", "1").env("HTTPD_TRUSTED_PROXIES", "127.0.0.1");
    let output = check.output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn connections_that_say_nothing_do_not_hold_up_the_stop() {
    let mut server = Site::new().serve_with(&[&FLAGS[..], &["--grace", "0.5"]].concat());
    let _silent = TcpStream::connect(server.address).expect("a connection");
    let mut client = server.connect();
    client.send(V1);
    assert_eq!(client.get("/").text(), WELCOME);
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
}
