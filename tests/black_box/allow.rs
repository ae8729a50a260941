//! `--allow`: whoever is in none of the networks gets 403, whatever it asks for.

use crate::admin;
use crate::certificate::{self, Pair};
use crate::site::{Site, WELCOME};

const REQUESTS: [&str; 10] = [
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "GET / HTTP/1.0\r\n",
    "GET /missing HTTP/1.1\r\nHost: a\r\n",
    "GET /ping HTTP/1.1\r\nHost: a\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n",
    "GET /.. HTTP/1.1\r\nHost: a\r\n",
    "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n",
    "BREW / HTTP/1.1\r\nHost: a\r\n",
];

#[test]
fn others_get_403_for_everything() {
    let site = Site::new();
    let server = site.serve_with(&["--allow", "127.0.0.2,10.0.0.0/8,::1,unix", "--health", "/ping"]);
    for request in REQUESTS {
        let mut client = server.connect_as(request);
        let reply = client.request(format!("{request}\r\n"));
        assert_eq!((reply.status, reply.says_close()), (403, request.contains("1.0")), "{request}");
        assert_eq!(reply.body.is_empty(), request.starts_with("HEAD"), "{request}");
        assert!(!reply.text().contains(WELCOME), "{request}");
    }
    server
        .process
        .errors
        .await_line(|line| line.starts_with("127.0.0.1 ") && line.contains("/ping HTTP/1.1\" 403"));
}

#[test]
fn the_networks_are_served() {
    let site = Site::new();
    for allowed in ["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", "0.0.0.0/0", "::ffff:127.0.0.0/104"] {
        let server = site.serve_with(&["--allow", allowed, "--health", "/ping"]);
        assert_eq!(server.get("/").text(), WELCOME, "{allowed}");
        assert_eq!(server.get("/ping").status, 200, "{allowed}");
    }
}

#[test]
fn the_client_of_each_request_counts() {
    let site = Site::new();
    let server =
        site.serve_with(&["--allow", "192.0.2.0/24", "--trusted-proxies", "127.0.0.1", "--health", "/ping"]);
    let mut client = server.connect();
    for (fields, expected) in [
        ("X-Forwarded-For: 192.0.2.1\r\n", 200),
        ("X-Forwarded-For: 203.0.113.9\r\n", 403),
        ("X-Forwarded-For: 192.0.2.1, 203.0.113.9\r\n", 403),
        ("", 403),
        ("X-Forwarded-For: unknown\r\n", 403),
        ("Forwarded: for=192.0.2.1\r\n", 200),
        ("Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 203.0.113.9\r\n", 403),
    ] {
        for path in ["/", "/ping"] {
            assert_eq!(client.ask("GET", path, fields).status, expected, "{path} with {fields}");
        }
    }
    // Nobody is let in for what it says of itself.
    let server = site.serve_with(&["--allow", "192.0.2.0/24", "--trusted-proxies", "192.0.2.0/24"]);
    for fields in ["X-Forwarded-For: 192.0.2.1\r\n", "Forwarded: for=192.0.2.1\r\n", ""] {
        assert_eq!(server.connect().ask("GET", "/", fields).status, 403, "{fields}");
    }
}

#[test]
fn with_tls_and_on_the_port_of_redirects_it_is_the_same() {
    let site = Site::new();
    let server = certificate::serve(&site, &Pair::new(), &["--allow", "127.0.0.2", "--http-redirect", "0"]);
    assert_eq!(server.get("/").status, 403);
    let (_, address) = server.listening_line.split_once("redirecting http://").expect("the ready line");
    let mut client = crate::client::Client::connect(address.parse().expect("an address"), "plain");
    for path in ["/", "/.well-known/acme-challenge/x"] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.field("Location")), (403, None), "{path}");
    }
}

#[test]
fn the_admin_address_is_not_affected() {
    let site = Site::new();
    let server = site.serve_with(&["--allow", "127.0.0.2", "--admin", "127.0.0.1:0"]);
    assert_eq!(server.get("/").status, 403);
    admin::await_metric(admin::of(&server), "httpd_requests_total{method=\"GET\",class=\"4xx\"}", 1.0);
}
