//! Several workers: the same service from a pool of threads. Every connection is served by one of them for
//! all of its life, none is lost, and what one worker does is in no other's way.
//! How evenly they are spread is a measurement, and so no matter for a test.

use std::thread;

use crate::server::Server;
use crate::site::{SECOND, Site, WELCOME, pattern};

#[test]
fn many_clients_at_once() {
    for workers in ["1", "4"] {
        let server = Site::new().serve_with(&["-w", workers]);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| visit(&server));
            }
        });
    }
}

/// Short connections and a long one, in turn.
fn visit(server: &Server) {
    let mut long = server.connect_as("long");
    for _ in 0..50 {
        assert_eq!(long.get("/").text(), WELCOME);
        assert_eq!(server.get("/second.txt").text(), SECOND);
    }
}

#[test]
fn connections_that_stay_open_all_work() {
    let server = Site::new().serve_with(&["-w", "4"]);
    let mut clients: Vec<_> = (0..40).map(|number| server.connect_as(&number.to_string())).collect();
    for _ in 0..5 {
        for client in &mut clients {
            assert_eq!(client.get("/").text(), WELCOME);
        }
    }
}

#[test]
fn a_large_download_on_each_worker() {
    let site = Site::new();
    let bytes = pattern(8 << 20);
    site.write("large.bin", &bytes);
    let server = site.serve_with(&["-w", "2"]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(server.get("/large.bin").body == bytes));
        }
    });
}

#[test]
fn every_worker_writes_its_lines() {
    let mut server = Site::new().serve_with(&["-w", "4"]);
    for number in 0..50 {
        server.get(&format!("/?{number}"));
    }
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    let lines = server.process.errors.await_end();
    for number in 0..50 {
        let wanted = format!("\"GET /?{number} HTTP/1.1\" 200");
        assert_eq!(lines.iter().filter(|line| line.contains(&wanted)).count(), 1, "{wanted}");
    }
}
