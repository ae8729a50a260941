//! `--drain`: after a signal the server says that it is not ready, and still serves for so long; then it stops as ever.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::patience::eventually;
use crate::server::Server;
use crate::site::{Site, WELCOME};

fn serve(drain: &str, workers: &str) -> (Server, std::net::SocketAddr) {
    let flags = ["--drain", drain, "--admin", "127.0.0.1:0", "--health", "/ping", "-w", workers];
    let server = Site::new().serve_with(&flags);
    let line = server.process.errors.await_line(|line| line.contains("admin pages at http://"));
    let admin = line.rsplit('/').next().and_then(|address| address.parse().ok());
    (server, admin.unwrap_or_else(|| panic!("{line}")))
}

fn status(address: std::net::SocketAddr, target: &str) -> u16 {
    Client::connect(address, target).get(target).status
}

#[test]
fn balancers_are_told_and_clients_are_served() {
    for workers in ["1", "2"] {
        let (mut server, admin) = serve("2", workers);
        let mut kept = server.connect();
        assert_eq!(kept.get("/ping").status, 200);
        assert_eq!(status(admin, "/readyz"), 200);
        server.process.signal(libc::SIGTERM);
        let begin = Instant::now();
        eventually("it is not ready", || status(admin, "/readyz") == 503);
        assert_eq!(status(admin, "/healthz"), 200);
        assert_eq!(server.get("/ping").status, 503);
        let reply = server.get("/");
        assert!(reply.text() == WELCOME && !reply.says_close(), "a new connection");
        assert!(!kept.get("/").says_close(), "a kept connection");
        server.process.errors.await_line(|line| line.contains("not ready from now on; stopping in 2 s"));
        assert_eq!(server.process.await_exit().code(), Some(0));
        assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for workers in ["1", "2"] {
        let (mut server, admin) = serve("600", workers);
        server.process.signal(libc::SIGTERM);
        eventually("it is not ready", || status(admin, "/readyz") == 503);
        server.process.signal(libc::SIGTERM);
        assert_eq!(server.process.await_exit().code(), Some(1));
    }
}

#[test]
fn the_log_is_reopened_meanwhile() {
    let (server, admin) = serve("600", "1");
    server.process.signal(libc::SIGTERM);
    eventually("it is not ready", || status(admin, "/readyz") == 503);
    server.process.signal(libc::SIGHUP);
    assert_eq!(server.get("/").text(), WELCOME);
}
