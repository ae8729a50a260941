//! `--http-redirect`: plain HTTP beside TLS, which leads there.

use std::net::SocketAddr;

use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::server::Server;
use crate::site::Site;

/// A server with TLS, and the address of its redirects.
fn serve(site: &Site) -> (Server, SocketAddr) {
    let server = certificate::serve(site, &Pair::new(), &["--http-redirect", "0"]);
    let (_, address) = server.listening_line.split_once("redirecting http://").expect("the ready line");
    let address = address.parse().expect("an address");
    (server, address)
}

#[test]
fn every_method_is_led_to_the_same_target_of_the_host_that_was_asked() {
    let site = Site::new();
    let (server, address) = serve(&site);
    let port = server.address.port();
    for (request, location) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n", "https://localhost:PORT/"),
        ("GET /a/../b?c=d HTTP/1.1\r\nHost: localhost:80\r\n", "https://localhost:PORT/a/../b?c=d"),
        ("HEAD /missing HTTP/1.1\r\nHost: [::1]:8080\r\n", "https://[::1]:PORT/missing"),
        ("OPTIONS / HTTP/1.1\r\nHost: a.example\r\n", "https://a.example:PORT/"),
        ("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n", "https://a:PORT/form"),
        ("PUT /form HTTP/1.1\r\nHost: a\r\n", "https://a:PORT/form"),
        ("DELETE /form HTTP/1.1\r\nHost: a\r\n", "https://a:PORT/form"),
        ("TRACE /form HTTP/1.1\r\nHost: a\r\n", "https://a:PORT/form"),
        ("GET http://b:81/c HTTP/1.1\r\nHost: a\r\n", "https://b:PORT/c"),
        ("GET /old HTTP/1.0\r\nHost: a\r\n", "https://a:PORT/old"),
    ] {
        let reply = Client::connect(address, request).request(format!("{request}\r\n"));
        assert_eq!(reply.status, 308, "{request}");
        assert_eq!(reply.must("Location"), location.replace("PORT", &port.to_string()), "{request}");
    }
}

#[test]
fn a_request_that_names_no_valid_host_is_led_nowhere() {
    let site = Site::new();
    let (_server, address) = serve(&site);
    for request in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        "GET /.. HTTP/1.1\r\nHost: a\r\n",
    ] {
        let reply = Client::connect(address, request).request(format!("{request}\r\n"));
        assert_eq!((reply.status, reply.field("Location")), (400, None), "{request}");
    }
}

#[test]
fn challenges_are_answered_without_tls_and_nothing_else_is() {
    let site = Site::new();
    site.write(".well-known/acme-challenge/token", "proof");
    site.write(".well-known/other", "other");
    let (server, address) = serve(&site);
    let mut client = Client::connect(address, "challenge");
    assert_eq!(client.get("/.well-known/acme-challenge/token").text(), "proof");
    assert_eq!(client.get("/.well-known/acme-challenge/missing").status, 404);
    assert_eq!(client.get("/.well-known/other").status, 308);
    assert_eq!(client.get("/.well-known/acme-challenge/../other").status, 308);
    assert_eq!(client.get("/%2e%2e/.well-known/acme-challenge/token").status, 400);
    assert_eq!(server.get("/.well-known/other").text(), "other");
}

#[test]
fn both_ports_close_when_the_server_stops() {
    let site = Site::new();
    let (mut server, address) = serve(&site);
    assert_eq!(Client::connect(address, "before").get("/").status, 308);
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    for address in [address, server.address] {
        assert!(std::net::TcpStream::connect(address).is_err(), "{address}");
    }
}
