//! A new server takes over from an old one, and no client notices: on a socket that a supervisor holds, or on a
//! port that both share.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::server::{Process, Server, after_shell_line};
use crate::site::{Site, WELCOME};

/// A server on `listener`, passed on the way systemd does it.
fn on_socket(site: &Site, listener: &TcpListener, flags: &[&str]) -> Server {
    let line = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$";
    let mut command = after_shell_line(line, &site.command(flags));
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().expect("another descriptor"))));
    Server::start(command)
}

/// Clients that come one after the other for as long as `change` takes, each of which must be served.
fn under_load(address: std::net::SocketAddr, change: impl FnOnce()) {
    /// Ends the load, also when the change fails.
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let mut client = crate::client::Client::connect(address, "load");
                    for _ in 0..3 {
                        let reply = client.get("/");
                        assert_eq!(reply.text(), WELCOME);
                        if reply.says_close() {
                            break;
                        }
                    }
                }
            });
        }
        change();
    });
}

#[test]
fn a_socket_that_is_passed_on_outlives_its_servers() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    let mut old = on_socket(&site, &listener, &["-w", "2"]);
    assert_eq!(old.address, address);
    under_load(address, || {
        for _ in 0..20 {
            // One after the other: connections wait in the socket while there is no server.
            old.process.signal(libc::SIGTERM);
            assert_eq!(old.process.await_exit().code(), Some(0));
            old = on_socket(&site, &listener, &["-w", "2"]);
        }
    });
}

#[test]
fn what_is_passed_on_must_be_a_listening_socket() {
    let site = Site::new();
    for (line, expected) in [
        ("exec 3</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$", "cannot use LISTEN_FDS"),
        // Nothing is passed on, and no descriptor of the server's own is taken for it.
        ("exec 3<&-; export LISTEN_FDS=1 LISTEN_PID=$$", "Bad file descriptor"),
    ] {
        let log = site.outside("log");
        let flags = ["--file-log", log.to_str().expect("an ordinary name")];
        let mut process = Process::spawn(after_shell_line(line, &site.command(&flags)));
        assert_eq!(process.await_exit().code(), Some(1), "{line}");
        process.errors.await_line(|text| text.contains(expected));
    }
    // Meant for another process, or nothing at all.
    for line in ["export LISTEN_FDS=1 LISTEN_PID=1", "export LISTEN_FDS=0 LISTEN_PID=$$"] {
        let server = Server::start(after_shell_line(line, &site.command(&[])));
        assert_eq!(server.get("/").text(), WELCOME, "{line}");
    }
}

#[test]
fn a_new_server_takes_over_on_the_same_port() {
    let site = Site::new();
    for workers in ["1", "4"] {
        let mut old = site.serve_with(&["--reuse-port", "-w", workers]);
        let address = old.address;
        under_load(address, || {
            for _ in 0..4 {
                let new = Server::start(site.command_on(address.port(), &["--reuse-port", "-w", workers]));
                old.process.signal(libc::SIGTERM);
                assert_eq!(old.process.await_exit().code(), Some(0));
                old = new;
            }
        });
    }
}

#[test]
fn the_server_that_was_started_last_gets_all_that_is_new() {
    let (first, second) = (Site::new(), Site::new());
    second.replace("index.html", "second");
    let old = first.serve_with(&["--reuse-port"]);
    let mut kept = old.connect();
    assert_eq!(kept.get("/").text(), WELCOME);
    let new = Server::start(second.command_on(old.address.port(), &["--reuse-port"]));
    for _ in 0..20 {
        assert_eq!(new.get("/").text(), "second");
    }
    assert_eq!(kept.get("/").text(), WELCOME);
    // Back again: the new one goes, and the old one is as if nothing had been.
    drop(new);
    assert_eq!(old.get("/").text(), WELCOME);
}

#[test]
fn so_does_the_third_of_three() {
    let sites = ["first", "second", "third"].map(|name| {
        let site = Site::new();
        site.replace("index.html", name);
        site
    });
    let flags = ["--reuse-port", "--grace", "1"];
    // Whichever of the older two goes first, the newest is all that is left in the end.
    for (one, other) in [(0, 1), (1, 0)] {
        let first = sites[0].serve_with(&flags);
        let port = first.address.port();
        let second = Server::start(sites[1].command_on(port, &flags));
        let third = Server::start(sites[2].command_on(port, &flags));
        for _ in 0..20 {
            assert_eq!(third.get("/").text(), "third");
        }
        let mut old = [first, second];
        for index in [one, other] {
            old[index].process.signal(libc::SIGTERM);
            assert_eq!(old[index].process.await_exit().code(), Some(0));
            // With two left of three, the kernel may choose the older one: it serves what it always did.
            let text = third.get("/").text().to_owned();
            assert!(text == "third" || index == one && text == ["first", "second"][other], "{text}");
        }
        for _ in 0..20 {
            assert_eq!(third.get("/").text(), "third");
        }
    }
}

#[test]
fn a_port_is_shared_only_by_those_who_say_so() {
    let site = Site::new();
    let shared = site.serve_with(&["--reuse-port"]);
    let mut process = Process::spawn(site.command_on(shared.address.port(), &[]));
    assert_eq!(process.await_exit().code(), Some(1));
}
