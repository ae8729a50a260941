//! `--admin` and `--health`: numbers, health and a page, also while every worker is full or held up; and nothing of it in
//! the log, in the numbers or among the connections that there may be.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Process, Server, httpd};
use crate::site::{Site, WELCOME};

const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

/// The admin address of a server that was started with one.
pub(crate) fn of(server: &Server) -> SocketAddr {
    let line = server.process.errors.await_line(|line| line.contains("admin pages at http://"));
    line.rsplit('/').next().and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

fn ask(admin: SocketAddr, target: &str) -> (u16, String) {
    let mut client = Client::connect(admin, target);
    let response = client.get(target);
    client.assert_closed();
    (response.status, response.text())
}

/// The samples of /metrics.
pub(crate) fn metrics(admin: SocketAddr) -> BTreeMap<String, f64> {
    let (status, text) = ask(admin, "/metrics");
    assert_eq!(status, 200);
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}")));
    samples.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
}

pub(crate) fn await_metric(admin: SocketAddr, name: &str, expected: f64) {
    eventually(&format!("{name} is {expected}"), || metrics(admin).get(name) == Some(&expected));
}

#[test]
fn requests_are_counted() {
    for workers in ["1", "2"] {
        let server = Site::new().serve_with(&[&ADMIN[..], &["-w", workers]].concat());
        let admin = of(&server);
        for _ in 0..5 {
            server.get("/");
        }
        server.get("/missing");
        server.connect().ask("HEAD", "/", "");
        server.connect().ask("BREW", "/", "");
        server.connect().request("\x16\x03\x01\r\n\r\n");
        for (name, expected) in [
            ("httpd_requests_total{method=\"GET\",class=\"2xx\"}", 5.0),
            ("httpd_requests_total{method=\"GET\",class=\"4xx\"}", 1.0),
            ("httpd_requests_total{method=\"HEAD\",class=\"2xx\"}", 1.0),
            ("httpd_requests_total{method=\"other\",class=\"5xx\"}", 1.0),
            ("httpd_requests_total{method=\"other\",class=\"4xx\"}", 1.0),
            ("httpd_request_duration_seconds_count", 9.0),
            ("httpd_request_duration_seconds_bucket{le=\"+Inf\"}", 9.0),
            ("httpd_log_lines_lost_total", 0.0),
            (concat!("httpd_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
        ] {
            await_metric(admin, name, expected);
        }
        let found = metrics(admin);
        assert!(found["httpd_response_bytes_total"] > 5.0 * WELCOME.len() as f64, "{found:#?}");
        assert!(found["httpd_cache_misses_total"] >= 2.0, "{found:#?}");
        assert!(found["process_resident_memory_bytes"] > 100_000.0, "{found:#?}");
        assert!(found["process_max_fds"] >= 256.0 && found["process_cpu_seconds_total"] > 0.0, "{found:#?}");
        eventually("every connection is closed", || {
            let found = metrics(admin);
            let open = found.iter().filter(|(name, _)| name.starts_with("httpd_connections{"));
            open.map(|(_, count)| count).sum::<f64>() == 0.0
        });
        let found = metrics(admin);
        let closed = found.iter().filter(|(name, _)| name.starts_with("httpd_connections_closed_total"));
        assert_eq!(closed.map(|(_, count)| count).sum::<f64>(), 9.0, "{found:#?}");
    }
}

#[test]
fn connections_are_counted_by_state() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    let server = site.serve_with(&ADMIN);
    let admin = of(&server);
    let mut idle = server.connect();
    idle.get("/");
    let mut reading = server.connect();
    reading.send("GET / HTTP/1.1\r\n");
    let mut sending = server.connect();
    sending.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    sending.response_head();
    for state in ["idle", "reading", "sending"] {
        await_metric(admin, &format!("httpd_connections{{state=\"{state}\"}}"), 1.0);
    }
    drop(sending);
    await_metric(admin, "httpd_connections{state=\"sending\"}", 0.0);
    reading.send("Host: a\r\n\r\n");
    reading.response();
    await_metric(admin, "httpd_connections{state=\"idle\"}", 2.0);
}

#[test]
fn a_full_server_still_tells_how_it_is() {
    let server = Site::new().serve_with(&[&ADMIN[..], &["--max-connections", "2"]].concat());
    let admin = of(&server);
    let mut holders: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut holders {
        client.send("GET / HTTP/1.1\r\n");
    }
    await_metric(admin, "httpd_connections{state=\"reading\"}", 2.0);
    let mut refused = server.connect();
    assert_eq!(refused.get("/").status, 503);
    await_metric(admin, "httpd_refused_total{limit=\"max_connections\"}", 1.0);
    assert_eq!(ask(admin, "/healthz"), (200, "alive\n".into()));
    assert_eq!(ask(admin, "/readyz"), (200, "ready\n".into()));
}

#[test]
fn a_limit_for_each_client_is_counted_apart() {
    let server = Site::new().serve_with(&[&ADMIN[..], &["--max-connections-per-ip", "1"]].concat());
    let admin = of(&server);
    let mut first = server.connect();
    first.get("/");
    assert_eq!(server.get("/").status, 503);
    await_metric(admin, "httpd_refused_total{limit=\"max_connections_per_ip\"}", 1.0);
    await_metric(admin, "httpd_refused_total{limit=\"max_connections\"}", 0.0);
}

#[test]
fn clients_that_say_nothing_make_room() {
    let server = Site::new().serve_with(&ADMIN);
    let admin = of(&server);
    let mut silent: Vec<Client> = (0..40).map(|_| Client::connect(admin, "silent")).collect();
    for client in &mut silent {
        client.send("GET /metrics HTTP/1.1\r\n");
    }
    assert_eq!(ask(admin, "/healthz").0, 200);
    silent[0].read_until_closed();
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn nothing_of_it_is_logged_or_counted() {
    let server = Site::new().serve_with(&[&ADMIN[..], &["--health", "/ping"]].concat());
    let admin = of(&server);
    for target in ["/metrics", "/status", "/healthz", "/missing"] {
        ask(admin, target);
    }
    let mut client = server.connect();
    for method in ["GET", "HEAD"] {
        let response = client.ask(method, "/ping", "");
        assert_eq!((response.status, response.must("Cache-Control")), (200, "no-cache"), "{method}");
    }
    assert_eq!(client.get("/ping?").status, 404, "another target");
    assert_eq!(client.get("/").text(), WELCOME);
    await_metric(admin, "httpd_request_duration_seconds_count", 2.0);
    let lines = server.process.errors.await_lines(2, |line| line.contains("HTTP/1.1\""));
    assert!(lines[0].contains("GET /ping? ") && lines[1].contains("GET / "), "{lines:?}");
    assert!(!server.process.errors.has_line(|line| line.contains("/metrics") || line.contains("/missing")));
}

#[test]
fn a_socket_file() {
    let site = Site::new();
    let path = site.outside("admin.sock");
    let flag = format!("unix:{}", path.display());
    for round in 0..2 {
        // The second one finds the file of the first one, which was ended by force.
        let server = site.serve_with(&["--admin", &flag]);
        server.process.errors.await_line(|line| line.ends_with(&format!("admin pages at {flag}")));
        assert!(ask_unix(&path).starts_with("HTTP/1.1 200 OK\r\n"), "round {round}");
    }
}

fn ask_unix(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers and closes");
    text
}

#[test]
fn other_machines_are_kept_out() {
    let site = Site::new();
    let server = site.serve_with(&["--admin", "0.0.0.0:0", "--admin-anywhere"]);
    server.process.errors.await_line(|line| line.contains("admin pages at http://0.0.0.0:"));
    for (flags, code, words) in [
        (&["--admin", "0.0.0.0:0"][..], 1, "cannot use 0.0.0.0:0 for --admin: other machines reach it"),
        (&["--admin", "9000"], 2, "neither HOST:PORT, :PORT nor unix:/path"),
        (&["--admin", "unix:/nowhere/at/all"], 1, "cannot use unix:/nowhere/at/all for --admin"),
        (&["--health", "ping"], 2, "not a path that begins with a slash"),
    ] {
        let mut command = httpd();
        command.args(["--port", "0"]).args(flags);
        let mut process = Process::spawn(command);
        let text = process.errors.await_end().join("\n");
        assert_eq!(process.await_exit().code(), Some(code), "{flags:?}: {text}");
        assert!(text.contains(words), "{flags:?}: {text}");
    }
}

#[test]
fn a_page_for_people() {
    let site = Site::new();
    let server = site.serve_with(&ADMIN);
    let (status, page) = ask(of(&server), "/status");
    assert_eq!(status, 200);
    let root = site.root();
    for words in
        ["<title>httpd status</title>", root.to_str().expect("an ordinary name"), "The last ", "ready"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
}
