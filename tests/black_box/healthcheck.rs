//! `httpd healthcheck`: exit code 0 where the server that the environment describes is well, 1 and a line otherwise.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::httpd;
use crate::site::Site;

fn check(environment: &[(&str, &str)]) -> Output {
    httpd().arg("healthcheck").envs(environment.iter().copied()).output().expect("it runs")
}

fn assert_well(environment: &[(&str, &str)]) {
    let output = check(environment);
    assert_eq!(output.status.code(), Some(0), "{environment:?}: {output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

fn assert_unwell(environment: &[(&str, &str)], words: &str) {
    let output = check(environment);
    assert_eq!(output.status.code(), Some(1), "{environment:?}: {output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("httpd: ") && text.contains(words) && text.lines().count() == 1, "{text}");
}

#[test]
fn it_asks_the_admin_address_or_the_health_path_or_the_root() {
    let site = Site::new();
    let socket = format!("unix:{}", site.outside("admin").display());
    let server = site.serve_with(&["--admin", &socket, "--health", "/ping", "--drain", "600"]);
    let port = server.address.port().to_string();
    let main = [("HTTPD_PORT", port.as_str())];
    assert_well(&[("HTTPD_ADMIN", &socket)]);
    assert_well(&[main[0], ("HTTPD_HEALTH", "/ping")]);
    assert_well(&[main[0], ("HTTPD_HOST", "0.0.0.0")]);
    assert_well(&[main[0], ("HTTPD_HEALTH", "/missing")]);
    let asked = server.process.errors.await_line(|line| line.contains("GET / HTTP/1.1"));
    assert!(asked.contains(" 200 "), "{asked}");
    server.process.signal(libc::SIGTERM);
    server.process.errors.await_line(|line| line.contains("not ready from now on"));
    assert_unwell(&[main[0], ("HTTPD_HEALTH", "/ping")], "/ping answers 503");
    assert_well(&[("HTTPD_ADMIN", &socket)]);
}

#[test]
fn nobody_is_there() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port().to_string();
    drop(socket);
    assert_unwell(&[("HTTPD_PORT", &port)], "refused");
    assert_unwell(&[("HTTPD_ADMIN", &format!("127.0.0.1:{port}"))], "refused");
    assert_unwell(&[("HTTPD_ADMIN", "unix:/nowhere/at/all")], "No such file");
}

#[test]
fn a_server_that_says_nothing_has_five_seconds() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port().to_string();
    let begin = Instant::now();
    assert_unwell(&[("HTTPD_PORT", &port)], "timed out");
    let time = begin.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&time), "{time:?}");
}

#[test]
fn something_else_answers() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port().to_string();
    let answering = thread::spawn(move || {
        for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 500 Oh\r\n\r\n", "HTTP/1.1 404 No\r\n\r\n"] {
            let (mut stream, _) = socket.accept().expect("a client");
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(answer.as_bytes()).expect("it reads");
        }
    });
    let environment = [("HTTPD_PORT", port.as_str())];
    assert_unwell(&environment, "no answer of an HTTP server");
    assert_unwell(&environment, "/ answers 500");
    assert_well(&environment);
    answering.join().expect("all came");
}
