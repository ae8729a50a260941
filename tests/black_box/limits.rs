//! Limits on the number of connections, in all and for each address: idle ones make room, the oldest first; a client
//! that finds no room gets 503 at once; and when others go, there is room again.

use crate::client::Client;
use crate::patience::eventually;
use crate::server::Server;
use crate::site::{Site, WELCOME};

#[test]
fn the_connection_that_is_idle_for_longest_makes_room() {
    for workers in ["1", "4"] {
        let server = Site::new().serve_with(&["--max-connections", "8", "-w", workers]);
        let mut clients: Vec<_> = (0..8).map(|number| server.connect_as(&number.to_string())).collect();
        for client in clients.iter_mut().rev() {
            assert_eq!(client.get("/").text(), WELCOME);
        }
        // The last one has been idle for longest, where one worker knows them all.
        assert_eq!(server.connect().get("/").text(), WELCOME, "with {workers} workers");
        if workers == "1" {
            clients.pop().expect("the last").assert_closed();
            for client in &mut clients {
                assert_eq!(client.get("/").text(), WELCOME);
            }
        }
    }
}

fn busy(server: &Server, name: &str) -> Client {
    let mut client = server.connect_as(name);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    assert!(client.is_silent_for(std::time::Duration::from_millis(20)));
    client
}

#[test]
fn who_finds_nobody_idle_is_told_so() {
    for workers in ["1", "4"] {
        let server = Site::new().serve_with(&["--max-connections", "4", "-w", workers]);
        let mut busy: Vec<_> = (0..4).map(|number| busy(&server, &number.to_string())).collect();
        for method in ["GET", "HEAD", "POST"] {
            let mut client = server.connect_as(method);
            let reply = client.ask(method, "/", "");
            assert_eq!(reply.status, 503, "{method} with {workers} workers");
            assert!(reply.says_close() && reply.field("retry-after") == Some("1"), "{reply:?}");
            client.assert_closed();
        }
        server.process.errors.await_line(|line| line.contains("\"POST / HTTP/1.1\" 503 "));
        for client in &mut busy {
            client.send("\r\n");
            assert_eq!(client.response().text(), WELCOME);
        }
        // Now there are idle ones.
        assert_eq!(server.get("/").text(), WELCOME);
    }
}

#[test]
fn there_is_room_again_when_others_have_gone() {
    let server = Site::new().serve_with(&["--max-connections", "4"]);
    for _ in 0..10 {
        let busy: Vec<_> = (0..4).map(|number| busy(&server, &number.to_string())).collect();
        assert_eq!(server.get("/").status, 503);
        drop(busy);
        // That they are gone may reach the server a little later than the next client does.
        eventually("there is room", || server.get("/").status == 200);
    }
}

#[test]
fn so_many_of_one_client() {
    let server = Site::new().serve_with(&["--max-connections-per-ip", "2", "-w", "2"]);
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!(first.get("/").text(), WELCOME);
    assert_eq!(second.get("/").text(), WELCOME);
    // Idle ones are not closed for the sake of a client that has as many as it may have.
    assert_eq!(server.get("/").status, 503);
    assert_eq!(first.get("/").text(), WELCOME);
    drop(second);
    eventually("there is room", || server.get("/").status == 200);
    assert_eq!(first.get("/").text(), WELCOME);
}

#[test]
fn more_than_the_descriptors_allow_is_said() {
    let site = Site::new();
    let server = site.serve_with(&["--max-connections", "100000000"]);
    server.process.errors.await_line(|line| line.contains("--max-connections 100000000 is more than"));
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn the_soft_limit_of_descriptors_is_no_limit() {
    let site = Site::new();
    let server = Server::start(crate::server::after_shell_line("ulimit -S -n 64", &site.command(&[])));
    let limits = server.process.limits();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    let [soft, hard] = [3, 4].map(|index| line.split_whitespace().nth(index));
    assert_eq!(soft, hard, "{line}");
}
