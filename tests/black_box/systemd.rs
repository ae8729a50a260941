//! The words to a supervisor (sd_notify(3)): ready, reloading, stopping, and that every worker goes round. One that does
//! not listen holds up nothing.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::patience::PATIENCE;
use crate::server::Server;
use crate::site::{Site, WELCOME};

/// A supervisor, and a server that knows it.
fn supervised(site: &Site, flags: &[&str], prepare: impl FnOnce(&mut Command)) -> (UnixDatagram, Server) {
    let path = site.outside("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let mut command = site.command(flags);
    command.env("NOTIFY_SOCKET", &path);
    prepare(&mut command);
    (socket, Server::start(command))
}

fn hear(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("a word");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn ready_reloading_stopping() {
    let site = Site::new();
    let log = site.outside("log");
    let flags = ["--file-log", log.to_str().expect("an ordinary name")];
    let (socket, mut server) = supervised(&site, &flags, |_| ());
    assert_eq!(hear(&socket), format!("READY=1\nSTATUS={}", server.listening_line));
    server.process.signal(libc::SIGHUP);
    let word = hear(&socket);
    let time = word.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{word}"));
    assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{word}");
    assert_eq!(hear(&socket), "READY=1");
    server.process.signal(libc::SIGTERM);
    let word = hear(&socket);
    assert!(word.starts_with("STOPPING=1\nSTATUS="), "{word}");
    assert_eq!(server.process.await_exit().code(), Some(0));
}

#[test]
fn it_says_that_it_lives_as_often_as_it_is_asked_to() {
    for workers in ["1", "4"] {
        let site = Site::new();
        let interval = Duration::from_millis(100);
        let (socket, server) = supervised(&site, &["-w", workers], |command| {
            command.env("WATCHDOG_USEC", interval.as_micros().to_string());
        });
        assert!(hear(&socket).starts_with("READY=1\n"));
        for _ in 0..5 {
            assert_eq!(hear(&socket), "WATCHDOG=1");
        }
        assert_eq!(server.get("/").text(), WELCOME);
    }
}

#[test]
fn the_watchdog_of_another_process_is_not_ours() {
    let site = Site::new();
    let (socket, mut server) = supervised(&site, &[], |command| {
        command.env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    });
    assert!(hear(&socket).starts_with("READY=1\n"));
    server.process.signal(libc::SIGTERM);
    assert!(hear(&socket).starts_with("STOPPING=1\n"));
    server.process.await_exit();
}

#[test]
fn a_supervisor_that_does_not_listen_holds_up_nothing() {
    let site = Site::new();
    let (socket, mut server) = supervised(&site, &[], |command| {
        command.env("WATCHDOG_USEC", "2000");
    });
    for _ in 0..50 {
        server.process.signal(libc::SIGHUP);
        assert_eq!(server.get("/").text(), WELCOME);
    }
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    drop(socket);
}

#[test]
fn a_supervisor_that_is_not_there_is_an_error() {
    let mut command = Site::new().command(&[]);
    let output = command.env("NOTIFY_SOCKET", "/nowhere/at/all").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("cannot reach NOTIFY_SOCKET"), "{text}");
}
