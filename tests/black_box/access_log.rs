//! The access log: one line a request, after its reply, in the combined format with the microseconds it took
//! behind it. No request can forge a line or break one; no rotation loses one (SIGHUP, SIGUSR1), and no
//! full disk stops the service.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::calendar;
use crate::patience::eventually;
use crate::server::Server;
use crate::site::{Site, WELCOME};

/// The parts of an access line.
#[derive(Debug)]
struct Line {
    peer: String,
    time: i64,
    request: String,
    status: u16,
    bytes: u64,
    referrer: String,
    agent: String,
    microseconds: u64,
}

/// Reads a line strictly: a quote within a quoted part would shift everything behind it.
fn parse(line: &str) -> Option<Line> {
    let (peer, rest) = line.split_once(" - - [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (status, rest) = rest.split_once(' ')?;
    let (bytes, rest) = rest.split_once(" \"")?;
    let (referrer, rest) = rest.split_once("\" \"")?;
    let (agent, microseconds) = rest.split_once("\" ")?;
    Some(Line {
        peer: peer.to_owned(),
        time: calendar::parse_log(time)?,
        request: request.to_owned(),
        status: status.parse().ok()?,
        bytes: bytes.parse().ok()?,
        referrer: referrer.to_owned(),
        agent: agent.to_owned(),
        microseconds: microseconds.parse().ok()?,
    })
}

/// The first `count` access lines on standard error.
fn await_lines(server: &Server, count: usize) -> Vec<Line> {
    let lines = server.process.errors.await_lines(count, |line| parse(line).is_some());
    lines.iter().filter_map(|line| parse(line)).collect()
}

#[test]
fn a_line_has_all_its_parts() {
    let server = Site::new().serve();
    let (before, begin) = (calendar::now(), Instant::now());
    let mut client = server.connect();
    client.ask("GET", "/?q=1", "Referer: http://a/b\r\nUser-Agent: curl/7.88\r\n");
    let line = await_lines(&server, 1).remove(0);
    assert_eq!((line.peer.as_str(), line.request.as_str()), ("127.0.0.1", "GET /?q=1 HTTP/1.1"));
    assert_eq!((line.status, line.bytes), (200, WELCOME.len() as u64));
    assert_eq!((line.referrer.as_str(), line.agent.as_str()), ("http://a/b", "curl/7.88"));
    assert!((before..=calendar::now()).contains(&line.time), "{line:?}");
    assert!(u128::from(line.microseconds) <= begin.elapsed().as_micros(), "{line:?}");
}

#[test]
fn statuses_and_bytes() {
    let site = Site::new();
    site.make_folder("dir");
    let server = site.serve();
    let mut client = server.connect();
    let requests = [
        ("GET", "/", ""),
        ("HEAD", "/", ""),
        ("GET", "/missing", ""),
        ("GET", "/dir", ""),
        ("GET", "/", "Range: bytes=0-3\r\n"),
        ("GET", "/", "If-None-Match: *\r\n"),
        ("POST", "/", "Content-Length: 0\r\n"),
        ("BREW", "/", ""),
    ];
    let replies = requests.map(|(method, target, fields)| client.ask(method, target, fields));
    let lines = await_lines(&server, requests.len());
    for ((reply, line), (method, target, _)) in replies.iter().zip(&lines).zip(requests) {
        assert_eq!(line.request, format!("{method} {target} HTTP/1.1"));
        assert_eq!((line.status, line.bytes), (reply.status, reply.body.len() as u64), "{line:?}");
        assert_eq!((line.referrer.as_str(), line.agent.as_str()), ("-", "-"), "nothing was said");
    }
}

#[test]
fn a_refused_head_is_logged_as_far_as_it_was_read() {
    let server = Site::new().serve_with(&["--head-timeout", "0.2"]);
    let table = [
        ("\x16\x03\x01\r\n\r\n", 400, "-", "-"),
        ("GET /a b HTTP/1.1\r\n\r\n", 400, "-", "-"),
        ("GET /a HTTP/1.1\r\nUser-Agent: b\r\nHost : c\r\n\r\n", 400, "GET /a HTTP/1.1", "b"),
        ("GET /a HTTP/1.1\r\nHost : c\r\nUser-Agent: b\r\n\r\n", 400, "GET /a HTTP/1.1", "-"),
        ("GET /", 408, "-", "-"),
        ("GET /a HTTP/1.1\r\nUser-Agent: b\r\n", 408, "GET /a HTTP/1.1", "b"),
    ];
    for (number, (bytes, status, request, agent)) in table.into_iter().enumerate() {
        let mut client = server.connect();
        client.send(bytes);
        let reply = client.response();
        let line = await_lines(&server, number + 1).remove(number);
        assert_eq!((line.request.as_str(), line.agent.as_str(), line.status), (request, agent, status));
        assert_eq!(line.bytes, reply.body.len() as u64);
    }
}

#[test]
fn no_request_can_forge_a_line() {
    let table = [
        ("a quote", "a\"b", "a\\x22b"),
        ("a backslash", "a\\b", "a\\x5Cb"),
        ("a tab", "a\tb", "a\\x09b"),
        ("an escape as given", "\\x22", "\\x5Cx22"),
        ("a whole line", "x\" 200 5 \"-\" \"-\" 1", "x\\x22 200 5 \\x22-\\x22 \\x22-\\x22 1"),
        ("a bracket needs nothing", "[a] 'b'", "[a] 'b'"),
    ];
    let server = Site::new().serve();
    let mut client = server.connect();
    for (_, given, _) in table {
        client.ask("GET", "/", &format!("User-Agent: {given}\r\nReferer: {given}\r\n"));
    }
    let lines = await_lines(&server, table.len());
    for ((what, _, expected), line) in table.into_iter().zip(lines) {
        assert!(line.agent.eq_ignore_ascii_case(expected), "{what}: {}", line.agent);
        assert!(line.referrer.eq_ignore_ascii_case(expected), "{what}: {}", line.referrer);
    }
}

#[test]
fn a_target_with_a_quote_cannot_either() {
    let server = Site::new().serve();
    let mut client = server.connect();
    client.request("GET /a\"b\\c?\" HTTP/1.1\r\nHost: a\r\n\r\n");
    let line = server.process.errors.await_line(|line| line.contains("127.0.0.1 - - "));
    let line = parse(&line).unwrap_or_else(|| panic!("{line}"));
    let allowed = ["GET /a\\x22b\\x5Cc?\\x22 HTTP/1.1", "-"];
    assert!(allowed.iter().any(|request| line.request.eq_ignore_ascii_case(request)), "{line:?}");
}

#[test]
fn bytes_above_ascii_leave_the_line_whole() {
    let server = Site::new().serve();
    let mut client = server.connect();
    client.request(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\x80\xc2\x9b\r\n\r\n");
    client.ask("GET", "/", "User-Agent: next\r\n");
    assert_eq!(await_lines(&server, 2)[1].agent, "next");
}

#[test]
fn a_line_comes_after_its_reply() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    let server = site.serve();
    let mut slow = server.connect();
    slow.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let length = slow.response_head().length();
    server.get("/second.txt");
    let first = await_lines(&server, 1).remove(0);
    assert_eq!(first.request, "GET /second.txt HTTP/1.1", "the download is not over yet");
    slow.read(usize::try_from(length).expect("it fits"));
    let second = await_lines(&server, 2).remove(1);
    assert_eq!((second.request.as_str(), second.bytes), ("GET /large.bin HTTP/1.1", length));
}

#[test]
fn a_reply_that_was_cut_short_has_fewer_bytes() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    let server = site.serve();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response_head();
    drop(client);
    let line = await_lines(&server, 1).remove(0);
    assert_eq!(line.status, 200);
    assert!(line.bytes < 64 << 20, "{line:?}");
}

#[test]
fn pipelined_requests_have_a_line_each_in_order() {
    let server = Site::new().serve();
    let mut client = server.connect();
    let requests: String =
        (0..100).map(|number| format!("GET /?{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests);
    let lines = await_lines(&server, 100);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line.request, format!("GET /?{number} HTTP/1.1"));
    }
}

#[test]
fn an_ipv6_peer() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let server = Site::new().serve_with(&["--host", "::1"]);
    server.get("/");
    assert_eq!(await_lines(&server, 1)[0].peer, "::1");
}

#[test]
fn a_log_file_takes_the_lines() {
    let site = Site::new();
    let log = site.outside("access.log");
    fs::write(&log, "what was there before\n").expect("an old log");
    let mut server = site.serve_with(&["--file-log", log.to_str().expect("an ordinary name")]);
    for number in 0..10 {
        server.get(&format!("/?{number}"));
    }
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    let text = fs::read_to_string(&log).expect("the log");
    assert!(text.starts_with("what was there before\n"), "it is appended to: {text}");
    assert_eq!(text.lines().filter(|line| parse(line).is_some()).count(), 10, "{text}");
    assert_eq!(server.process.errors.await_end().len(), 1, "only the listening line is on standard error");
}

#[test]
fn no_line_is_lost_when_the_log_is_rotated() {
    for (signal, flags) in [(libc::SIGHUP, ["-w", "1"]), (libc::SIGUSR1, ["-w", "2"])] {
        let site = Site::new();
        let log = site.outside("access.log");
        let log_flag = ["--file-log", log.to_str().expect("an ordinary name")];
        let mut server = site.serve_with(&[log_flag, flags].concat());
        let over = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let hammer = scope.spawn(|| hammer(&server, &over));
            for round in 0..5 {
                fs::rename(&log, site.outside(&format!("access.log.{round}"))).expect("rotate");
                server.process.signal(signal);
                eventually("a new log file with a line in it", || {
                    fs::metadata(&log).is_ok_and(|data| data.len() > 0)
                });
            }
            over.store(true, Ordering::Relaxed);
            hammer.join().expect("the client is well")
        });
        server.process.signal(libc::SIGTERM);
        assert_eq!(server.process.await_exit().code(), Some(0));
        assert_eq!(numbers_in_logs(&site), (0..sent).collect::<Vec<_>>());
    }
}

/// Sends numbered requests until it is over, and returns how many.
fn hammer(server: &Server, over: &AtomicBool) -> usize {
    let mut client = server.connect_as("hammer");
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        assert_eq!(client.get(&format!("/?{count}")).status, 200);
        count += 1;
    }
    count
}

/// The numbers of all requests in all log files, old and new, sorted.
fn numbers_in_logs(site: &Site) -> Vec<usize> {
    let old = (0..5).map(|round| format!("access.log.{round}"));
    let texts = old.chain(["access.log".to_owned()]);
    let all: String = texts.map(|name| fs::read_to_string(site.outside(&name)).expect("a log")).collect();
    let lines = all.lines().filter(|line| !is_message(line));
    let lines = lines.map(|line| parse(line).unwrap_or_else(|| panic!("a broken line: {line:?}")));
    let number = |line: Line| line.request[6..].split(' ').next().and_then(|number| number.parse().ok());
    let mut numbers: Vec<usize> = lines.map(|line| number(line).expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

/// Whether the line is no access line but a message, which begins with its time.
fn is_message(line: &str) -> bool {
    line.starts_with('[')
}

#[test]
fn a_full_disk_does_not_stop_the_service() {
    let site = Site::new();
    let mut server = site.serve_with(&["--file-log", "/dev/full"]);
    let mut client = server.connect();
    for _ in 0..200 {
        assert_eq!(client.get("/").text(), WELCOME);
    }
    server.process.signal(libc::SIGHUP);
    assert_eq!(server.get("/").text(), WELCOME);
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
}

#[test]
fn a_log_that_cannot_be_reopened_does_not_stop_it_either() {
    let site = Site::new();
    let folder = site.outside("logs");
    fs::create_dir(&folder).expect("a folder");
    let log = folder.join("access.log");
    let server = site.serve_with(&["--file-log", log.to_str().expect("an ordinary name")]);
    server.get("/");
    fs::remove_dir_all(&folder).expect("remove the folder");
    server.process.signal(libc::SIGHUP);
    for _ in 0..100 {
        assert_eq!(server.get("/").text(), WELCOME);
    }
}
