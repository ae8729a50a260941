//! The access log: one line a request, after its reply, in the combined format and then the microseconds it took.
//! No request can forge a line or break one, and no rotation loses one (SIGHUP, SIGUSR1). No log stops the service: a
//! full disk, or a pipe, a socket or a terminal that nobody reads.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::calendar;
use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Server, after_shell_line, unprivileged};
use crate::site::{Site, WELCOME, pattern};
use crate::system;

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

#[test]
fn a_log_without_a_descriptor_is_reopened_later() {
    let site = Site::new();
    let log = site.outside("access.log");
    let server = site.serve_with(&["--file-log", log.to_str().expect("an ordinary name")]);
    fs::rename(&log, site.outside("access.log.1")).expect("rotate");
    server.process.limit_descriptors(3);
    server.process.signal(libc::SIGHUP);
    let line = server.process.errors.await_line(|line| line.contains("cannot be reopened"));
    assert!(line.ends_with("the old file goes on: no descriptor is left for it"), "{line}");
    server.process.limit_descriptors(100);
    server.process.signal(libc::SIGHUP);
    eventually("the log is reopened", || {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("reopened"))
    });
}

/// A server whose standard error is in the hands of the test, which reads it or does not.
struct Unread {
    child: Child,
    log: File,
    address: SocketAddr,
}

/// How much longer than its last lines may take a server is given to end: far less than a wait without end.
const END: Duration = Duration::from_secs(5);

impl Unread {
    /// Starts the server and reads the line that says where it listens, and no byte more.
    fn start(mut command: Command, log: File, theirs: OwnedFd) -> Unread {
        let child = command.stderr(theirs).spawn().expect("it starts");
        // The command holds the other end, too: a log that nobody holds any more ends.
        drop(command);
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            (&log).read_exact(&mut byte).expect("the listening line");
            line.push(byte[0]);
        }
        let line = String::from_utf8(line).expect("text");
        let (_, rest) = line.split_once("http://").expect("the listening line");
        let address = rest.split_once(',').expect("and more").0.parse().expect("an address");
        Unread { child, log, address }
    }

    fn ask(&self, count: usize) {
        let mut client = Client::connect(self.address, "client");
        let long = "a".repeat(2000);
        let long = format!("Referer: {long}\r\nUser-Agent: {long}\r\n");
        for _ in 0..count {
            assert_eq!(client.ask("GET", "/", &long).text(), WELCOME);
        }
    }

    fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        system::send_signal(self.child.id(), libc::SIGTERM);
        let status = self.child.wait().expect("it is ours");
        assert!(begin.elapsed() < END, "{:?}", begin.elapsed());
        status
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ends of streams that fill up when nobody reads: ours and the server's.
fn streams() -> [(&'static str, File, OwnedFd); 3] {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (controller, terminal) = system::open_terminal();
    [
        ("a socket", File::from(OwnedFd::from(ours)), theirs.into()),
        ("a pipe", File::from(OwnedFd::from(reader)), writer.into()),
        ("a terminal", controller, terminal),
    ]
}

/// Requests with long lines that are more than all buffers on the way take.
const TOO_MANY: usize = 2000;

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_service() {
    let site = Site::new();
    for (what, ours, theirs) in streams() {
        let mut server = Unread::start(site.command(&["-w", "2"]), ours, theirs);
        server.ask(TOO_MANY);
        assert_eq!(server.end().code(), Some(0), "{what}");
    }
}

#[test]
fn nor_does_a_pipe_that_it_could_not_open_again() {
    let site = Site::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let command = unprivileged(site.command(&[]), &site.path(".."));
    let mut server = Unread::start(command, File::from(OwnedFd::from(reader)), writer.into());
    server.ask(TOO_MANY);
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_second_signal_does_not_wait_for_the_log_either() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    for (what, ours, theirs) in streams() {
        let mut server = Unread::start(site.command(&["--grace", "60"]), ours, theirs);
        let mut slow = Client::connect(server.address, "download");
        slow.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        slow.response_head();
        server.ask(TOO_MANY);
        system::send_signal(server.child.id(), libc::SIGTERM);
        eventually("it has heard the signal", || std::net::TcpStream::connect(server.address).is_err());
        assert_eq!(server.end().code(), Some(1), "{what}");
    }
}

#[test]
fn a_start_that_fails_ends_although_nobody_reads_why() {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    theirs.set_nonblocking(true).expect("a flag");
    while (&theirs).write(&[b'\n'; 4096]).is_ok() {}
    theirs.set_nonblocking(false).expect("a flag");
    let mut command = Site::new().command(&["--file-log", "/nowhere/at/all"]);
    let begin = Instant::now();
    let status = command.stderr(OwnedFd::from(theirs)).status().expect("it starts");
    assert_eq!(status.code(), Some(1));
    assert!(begin.elapsed() < END, "{:?}", begin.elapsed());
    drop(ours);
}

#[test]
fn lines_that_were_lost_are_counted() {
    let site = Site::new();
    for (what, ours, theirs) in streams() {
        let server = Unread::start(site.command(&[]), ours, theirs);
        server.ask(TOO_MANY);
        let mut log = BufReader::new(&server.log);
        let (mut count, mut line) = (0, String::new());
        let lost: usize = loop {
            line.clear();
            log.read_line(&mut line).expect("a line");
            match line.trim_end().split_once("lines of the log that were lost: ") {
                Some((_, lost)) => break lost.parse().expect("a number"),
                None => assert!(parse(line.trim_end()).is_some(), "{what}: a broken line: {line:?}"),
            }
            count += 1;
        };
        assert!(lost > 0 && count + lost == TOO_MANY, "{what}: {count} lines and {lost} lost ones");
        server.ask(1);
        line.clear();
        log.read_line(&mut line).expect("a line");
        assert!(parse(line.trim_end()).is_some(), "{what}: {line:?}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_costs_lines_and_no_response() {
    let site = Site::new();
    site.write("long", pattern(40_000));
    let log = site.outside("access.log");
    let command = site.command(&["--file-log", log.to_str().expect("UTF-8")]);
    // Some kilobytes: how many bytes a unit has differs between shells.
    let server = Server::start(after_shell_line("ulimit -f 8", &command));
    for _ in 0..200 {
        assert!(server.get("/long").body == pattern(40_000));
    }
    server.process.errors.await_line(|line| line.contains("the log does not take lines; some are lost"));
    let text = fs::read_to_string(&log).expect("the log");
    assert!((1_000..=8 * 1024).contains(&text.len()), "{} bytes", text.len());
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn the_log_may_be_a_standard_stream() {
    let site = Site::new();
    for (name, is_output) in [("-", true), ("/dev/stdout", true), ("/dev/stderr", false)] {
        let mut server = site.serve_with(&["--file-log", name]);
        server.get("/");
        server.process.signal(libc::SIGHUP);
        server.get("/");
        server.process.signal(libc::SIGTERM);
        assert_eq!(server.process.await_exit().code(), Some(0), "{name}");
        let is_access = |line: &&String| parse(line).is_some();
        let count = |lines: Vec<String>| lines.iter().filter(is_access).count();
        let (output, errors) = (server.process.output.await_end(), server.process.errors.await_end());
        assert!(output.iter().any(|line| line.contains("listening on")) == is_output, "{output:?}");
        assert_eq!((count(output), count(errors)), if is_output { (2, 0) } else { (0, 2) }, "{name}");
    }
}

#[test]
fn standard_output_may_be_a_socket() {
    // The kernel does not open a socket by a name such as /dev/stdout.
    let site = Site::new();
    for name in ["-", "/dev/stdout"] {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let mut command = site.command(&["--file-log", name]);
        command.stdout(OwnedFd::from(theirs));
        let mut process = command.stderr(Stdio::null()).spawn().expect("it starts");
        drop(command);
        let mut lines = BufReader::new(ours).lines();
        let line = lines.next().expect("a line").expect("text");
        assert!(line.contains("listening on"), "{line}");
        system::send_signal(process.id(), libc::SIGTERM);
        assert_eq!(lines.count(), 0, "{name}");
        assert!(process.wait().expect("it is ours").success(), "{name}");
    }
}
