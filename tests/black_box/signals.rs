//! Signals: SIGTERM and SIGINT end the server with 0, at once when it is idle, after the replies in flight when
//! it is not, and within the grace period in any case; a second one ends it immediately with 1. SIGPIPE and a
//! closed standard error do it no harm.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::patience::eventually;
use crate::server::Server;
use crate::site::{Site, WELCOME};

/// What "at once" may take on a busy machine: far less than any grace period that these tests set.
const AT_ONCE: Duration = Duration::from_secs(3);

fn site_with_large_file() -> Site {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    site
}

/// Begins a download that fills all buffers, so that it is in flight until somebody reads on.
fn begin_download(server: &Server) -> (Client, usize) {
    let mut client = server.connect_as("download");
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let length = client.response_head().length();
    (client, usize::try_from(length).expect("it fits"))
}

/// A connection that waits for its end, which is the first effect of a signal that a client can see.
fn idle_client(server: &Server) -> Client {
    let mut client = server.connect_as("idle");
    assert_eq!(client.get("/second.txt").status, 200);
    client
}

fn is_refused(server: &Server) -> bool {
    let result = TcpStream::connect_timeout(&server.address, Duration::from_secs(1));
    result.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn assert_ends(server: &mut Server, within: Duration, what: &str) {
    let begin = Instant::now();
    assert_eq!(server.process.await_exit().code(), Some(0), "{what}");
    assert!(begin.elapsed() < within, "{what}: {:?}", begin.elapsed());
}

#[test]
fn an_idle_server_ends_at_once() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        for workers in ["1", "4"] {
            let mut server = Site::new().serve_with(&["-w", workers]);
            server.get("/");
            server.process.signal(signal);
            assert_ends(&mut server, AT_ONCE, &format!("signal {signal}, {workers} workers"));
            assert!(is_refused(&server));
        }
    }
}

#[test]
fn a_server_that_was_never_used_ends_at_once() {
    let mut server = Site::new().serve();
    server.process.signal(libc::SIGTERM);
    assert_ends(&mut server, AT_ONCE, "never used");
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let mut server = Site::new().serve_with(&["--grace", "10"]);
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), WELCOME);
    }
    server.process.signal(libc::SIGTERM);
    assert_ends(&mut server, AT_ONCE, "idle connections");
    for client in &mut clients {
        client.assert_closed();
    }
}

#[test]
fn a_request_that_was_on_its_way_is_answered() {
    for workers in ["1", "4"] {
        let mut server = Site::new().serve_with(&["-w", workers]);
        let mut clients: Vec<_> = (0..8).map(|_| idle_client(&server)).collect();
        server.process.signal(libc::SIGTERM);
        eventually("it has heard the signal", || is_refused(&server));
        for client in &mut clients {
            let reply = client.get("/");
            assert_eq!(reply.text(), WELCOME);
            assert!(reply.says_close());
            client.assert_closed();
        }
        assert_ends(&mut server, AT_ONCE, workers);
    }
}

#[test]
fn a_reply_in_flight_is_finished() {
    for workers in ["1", "2"] {
        let site = site_with_large_file();
        let mut server = site.serve_with(&["-w", workers]);
        let (mut client, length) = begin_download(&server);
        let mut idle = idle_client(&server);
        server.process.signal(libc::SIGTERM);
        idle.assert_closed();
        assert_eq!(client.read(length).len(), length);
        client.assert_closed();
        assert_ends(&mut server, AT_ONCE, workers);
        let lines = server.process.errors.await_end();
        assert!(lines.iter().any(|line| line.contains("/large.bin")), "its line is in the log: {lines:?}");
    }
}

#[test]
fn nobody_is_let_in_while_it_finishes() {
    // A client in a queue that nobody serves any more would wait for nothing; a refused one goes elsewhere.
    for workers in ["1", "4"] {
        let site = site_with_large_file();
        let server = site.serve_with(&["-w", workers, "--grace", "60"]);
        let (_client, _) = begin_download(&server);
        let mut idle = idle_client(&server);
        server.process.signal(libc::SIGTERM);
        idle.assert_closed();
        eventually("new connections are refused", || is_refused(&server));
    }
}

#[test]
fn the_grace_period_is_the_longest_that_it_waits() {
    let site = site_with_large_file();
    let mut server = site.serve_with(&["--grace", "0.3"]);
    let (_client, _) = begin_download(&server);
    server.process.signal(libc::SIGTERM);
    assert_ends(&mut server, AT_ONCE, "a reader that does not read");
}

#[test]
fn a_second_signal_ends_it_immediately() {
    // Several times with several workers: the download may lie with any of them.
    for (workers, times) in [("1", 1), ("2", 4), ("4", 2)] {
        for second in [libc::SIGTERM, libc::SIGINT].repeat(times) {
            let site = site_with_large_file();
            let mut server = site.serve_with(&["--grace", "60", "-w", workers]);
            let (_client, _) = begin_download(&server);
            let mut idle = idle_client(&server);
            server.process.signal(libc::SIGTERM);
            idle.assert_closed();
            let begin = Instant::now();
            server.process.signal(second);
            assert_eq!(server.process.await_exit().code(), Some(1), "{workers} workers");
            assert!(begin.elapsed() < AT_ONCE, "{workers} workers: {:?}", begin.elapsed());
            server.process.errors.await_line(|line| line.contains("stopped at once by a second signal"));
        }
    }
}

#[test]
fn the_log_is_reopened_while_the_server_stops() {
    for (workers, times) in [("1", 1), ("2", 4)] {
        for signal in [libc::SIGHUP, libc::SIGUSR1].repeat(times) {
            let site = site_with_large_file();
            let log = site.outside("access.log");
            let log_flag = log.to_str().expect("an ordinary name");
            let server = site.serve_with(&["--grace", "60", "-w", workers, "--file-log", log_flag]);
            let (_client, _) = begin_download(&server);
            let mut idle = idle_client(&server);
            server.process.signal(libc::SIGTERM);
            idle.assert_closed();
            for _ in 0..3 {
                fs::rename(&log, site.outside("access.log.1")).expect("rotate");
                server.process.signal(signal);
                eventually("the log is reopened", || log.exists());
            }
        }
    }
}

#[test]
fn sigpipe_is_harmless() {
    let site = site_with_large_file();
    let server = site.serve();
    server.process.signal(libc::SIGPIPE);
    assert_eq!(server.get("/").text(), WELCOME);
    for _ in 0..20 {
        // Gone with data unread: the server's next write meets a reset.
        drop(begin_download(&server));
    }
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn a_closed_standard_error_is_harmless() {
    let site = Site::new();
    let mut command = site.command(&[]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let line = lines.next().expect("a line").expect("text");
    drop(lines);
    let (_, rest) = line.split_once("http://").expect("the listening line");
    let address = rest.split_once(',').expect("and more").0.parse().expect("an address");
    let mut client = Client::connect(address, "client");
    for _ in 0..50 {
        assert_eq!(client.get("/").text(), WELCOME, "every access line meets a broken pipe");
    }
    child.kill().expect("it is still alive");
    child.wait().expect("and now it is not");
}
