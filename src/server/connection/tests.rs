//! A connection driven over a pair of sockets, with a clock that the test moves.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;

use super::closing::LINGER;
use super::*;
use crate::config::Config;
use crate::server::remote::Place;
use crate::server::tls;
use crate::server::workers::Workers;
use crate::site::CacheShare;
use crate::site::resolve::Root;
use crate::sys::socket::Socket;

/// Bytes of `/large`: more than the buffers of a pair of sockets hold.
pub(super) const LARGE: usize = 3 * 1024 * 1024;
const REQUEST: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const LARGE_REQUEST: &str = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection, its client, and all that a worker would lend to it.
pub(super) struct Driver {
    pub(super) connection: Connection,
    pub(super) client: UnixStream,
    site: Site,
    pub(super) timeouts: Timeouts,
    proxies: Proxies,
    limits: ConnectionLimits,
    now: Now,
    parser: Parser,
    output: Output,
    recorder: Recorder,
    pub(super) jobs: Vec<Arc<Job>>,
    arena: Vec<u8>,
    pub(super) is_stopping: bool,
    pub(super) has_drained: bool,
    may_linger: bool,
    _folder: tempfile::TempDir,
}

impl Driver {
    pub(super) fn new() -> Driver {
        Driver::with(true)
    }

    pub(super) fn with(is_admitted: bool) -> Driver {
        let (socket, client) = Socket::pair().unwrap();
        Driver::over(Transport::plain(socket), client, is_admitted)
    }

    pub(super) fn over(transport: Transport, client: UnixStream, is_admitted: bool) -> Driver {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "hello").unwrap();
        std::fs::write(folder.path().join("large"), vec![b'x'; LARGE]).unwrap();
        client.set_nonblocking(true).unwrap();
        let config = Config::parse_from(["httpd", "--stall-timeout", "8", "--min-rate", "0"]);
        let now = Now::first();
        let remote = Remote::local(if is_admitted { Place::Named } else { Place::None });
        let incoming = Incoming { transport, remote, lacks_proxy_header: false, sent: 0, asked: 0 };
        Driver {
            connection: Connection::from_incoming(incoming, now.instant),
            client,
            site: site(folder.path(), &config),
            timeouts: config.timeouts,
            proxies: config.proxies,
            limits: ConnectionLimits::new(100, None),
            now,
            parser: Parser::new(),
            output: Output::default(),
            recorder: Recorder::new(Arc::new(Workers::new(1).unwrap()), 0, None),
            jobs: Vec::new(),
            arena: Vec::with_capacity(64 * 1024),
            is_stopping: false,
            has_drained: false,
            may_linger: true,
            _folder: folder,
        }
    }

    pub(super) fn act(&mut self, act: impl FnOnce(&mut Connection, &mut Turn)) {
        let common = Fields::common(0);
        let mut turn = Turn {
            site: &mut self.site,
            now: self.now,
            timeouts: &self.timeouts,
            arena: &self.arena,
            common: &common,
            parser: &mut self.parser,
            output: &mut self.output,
            sends_until: Instant::now() + Duration::from_secs(60),
            recorder: &mut self.recorder,
            jobs: &mut self.jobs,
            gate: Gate {
                proxies: &self.proxies,
                allowed: None,
                limits: &self.limits,
                health: None,
                logins: None,
            },
            head: &mut Head::default(),
            http2: true,
            is_stopping: self.is_stopping,
            has_drained: self.has_drained,
            may_linger: self.may_linger,
        };
        act(&mut self.connection, &mut turn);
    }

    /// The client sends; the connection gets it in a turn of its own.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).unwrap();
        self.receive();
    }

    /// One turn in which the connection is readable.
    pub(super) fn receive(&mut self) {
        self.now = self.now.next_at(self.now.instant);
        self.arena.clear();
        let event = match self.connection.receive(&mut self.arena) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Event::Ready,
            Ok(0) => Event::End,
            Ok(count) => Event::Received(0..count),
            Err(error) => Event::Broken(error.kind()),
        };
        self.act(|connection, turn| connection.advance(event, turn));
    }

    /// One turn in which the connection may send.
    pub(super) fn ready(&mut self) {
        self.act(|connection, turn| connection.advance(Event::Ready, turn));
    }

    /// Does the jobs that the connection waits for, and hands it their outcomes.
    pub(super) fn do_jobs(&mut self) {
        while let Some(job) = self.jobs.pop() {
            let (asked, outcome) = (Arc::downgrade(&job), job.run());
            drop(job);
            self.act(|connection, turn| connection.advance(Event::JobDone(asked, Box::new(outcome)), turn));
        }
    }

    /// Time passes, and the timers look when they are asked to.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(look) = self.connection.next_look(&self.timeouts).filter(|&look| look <= end) {
            self.now = self.now.next_at(look.max(self.now.instant));
            self.act(|connection, turn| connection.check_time(turn));
        }
        self.now = self.now.next_at(end);
    }

    /// What the client has got so far.
    pub(super) fn received(&mut self) -> String {
        let mut bytes = Vec::new();
        // It ends with `WouldBlock`, or at the end of the stream.
        let _ = self.client.read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    /// How many bytes the client takes, at most so many.
    pub(super) fn take(&mut self, count: usize) -> usize {
        let mut buffer = vec![0; count];
        let mut taken = 0;
        while taken < count {
            match self.client.read(&mut buffer[taken..]) {
                Ok(0) | Err(_) => break,
                Ok(more) => taken += more,
            }
        }
        taken
    }

    /// Whether the client sees the end of the stream.
    pub(super) fn is_ended(&mut self) -> bool {
        matches!(self.client.read(&mut [0]), Ok(0))
    }

    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.connection.closed()
    }
}

fn site(root: &Path, config: &Config) -> Site {
    let share = CacheShare { bytes: 1024 * 1024, descriptors: 16 };
    Site::new(Root::new(root).unwrap(), &config.files, share, Arc::default())
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_request_is_answered_however_it_is_cut() {
    let both = format!("{REQUEST}{REQUEST}");
    for cut in 0..=both.len() {
        let mut driver = Driver::new();
        for part in [&both[..cut], &both[cut..]].into_iter().filter(|part| !part.is_empty()) {
            driver.send(part);
            driver.do_jobs();
        }
        let received = driver.received();
        assert_eq!(received.matches("HTTP/1.1 200 OK\r\n").count(), 2, "cut at {cut}: {received}");
        assert_eq!(received.matches("\r\n\r\nhello").count(), 2, "cut at {cut}: {received}");
        assert!(driver.connection.is_idle(), "cut at {cut}");
    }
}

#[test]
fn an_idle_connection_is_small_and_ends_after_its_time() {
    assert!(size_of::<Connection>() <= 80, "{} bytes", size_of::<Connection>());
    let mut driver = Driver::new();
    let idle = driver.timeouts.idle;
    driver.wait(idle - seconds(1));
    assert_eq!(driver.closed(), None);
    driver.send(REQUEST);
    driver.do_jobs();
    driver.wait(idle - seconds(1));
    assert_eq!((driver.closed(), driver.connection.interest()), (None, Interest::Readable));
    driver.wait(seconds(2));
    assert_eq!(driver.closed(), Some(CloseReason::TimedOut));
    driver.received();
    assert!(driver.is_ended());
}

#[test]
fn a_slow_head_has_its_time_from_the_first_byte_on() {
    let mut driver = Driver::new();
    for byte in REQUEST.as_bytes()[..10].iter() {
        driver.send([*byte]);
        assert_eq!(driver.received(), "", "too soon");
        driver.wait(seconds(1));
    }
    assert!(driver.received().starts_with("HTTP/1.1 408 "));
    assert!(driver.is_ended());
    // It may still be sending.
    assert_eq!((driver.closed(), driver.connection.interest()), (None, Interest::Readable));
    driver.send("more");
    driver.wait(LINGER + seconds(1));
    assert_eq!(driver.closed(), Some(CloseReason::Done));
}

#[test]
fn a_full_socket_waits_for_room_and_a_disk_for_a_job() {
    let mut driver = Driver::new();
    driver.send(LARGE_REQUEST);
    // The digest of the file is made by a thread.
    assert_eq!((driver.jobs.len(), driver.connection.interest()), (1, Interest::Nothing));
    driver.do_jobs();
    let mut taken = 0;
    while driver.connection.interest() != Interest::Readable {
        let count = driver.take(LARGE);
        taken += count;
        match driver.connection.interest() {
            Interest::Writable => driver.ready(),
            _ => driver.do_jobs(),
        }
        assert!(count > 0 || taken == 0, "no progress after {taken} bytes");
    }
    taken += driver.take(LARGE);
    assert!((LARGE..LARGE + 1024).contains(&taken), "{taken} bytes");
    assert!(driver.connection.is_idle());
}

#[test]
fn a_client_that_takes_a_first_bit_and_no_more_is_cut_off() {
    let mut driver = Driver::new();
    driver.send(LARGE_REQUEST);
    driver.do_jobs();
    assert_eq!(driver.take(100_000), 100_000);
    driver.wait(seconds(8));
    assert_eq!(driver.closed(), None);
    driver.wait(seconds(2));
    assert_eq!(driver.closed(), Some(CloseReason::TimedOut));
}

#[test]
fn a_client_that_goes_on_taking_is_not_cut_off() {
    let mut driver = Driver::new();
    driver.send(LARGE_REQUEST);
    driver.do_jobs();
    for _ in 0..10 {
        driver.wait(seconds(6));
        assert!(driver.take(200_000) > 0);
        driver.ready();
    }
    assert_eq!(driver.closed(), None);
}

#[test]
fn the_last_answer_is_whole_before_the_connection_ends() {
    // RFC 9112 section 9.6
    let mut driver = Driver::new();
    driver.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    driver.do_jobs();
    let mut taken = 0;
    while driver.connection.interest() != Interest::Readable {
        taken += driver.take(LARGE);
        driver.ready();
        driver.do_jobs();
    }
    // All is handed to the kernel, and the client lacks a part of it.
    assert_eq!(driver.closed(), None);
    driver.send("xx");
    driver.wait(seconds(5));
    assert_eq!(driver.closed(), None);
    taken += driver.take(LARGE);
    assert!((LARGE..LARGE + 1024).contains(&taken), "{taken} bytes");
    assert!(driver.is_ended());
    driver.wait(LINGER + seconds(8));
    assert_eq!(driver.closed(), Some(CloseReason::Done));
}

#[test]
fn a_client_that_never_takes_the_end_is_cut_off() {
    let mut driver = Driver::new();
    driver.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=0-99999\r\n\r\n");
    driver.do_jobs();
    assert_eq!((driver.closed(), driver.connection.interest()), (None, Interest::Readable));
    driver.wait(seconds(7));
    assert_eq!(driver.closed(), None);
    driver.wait(seconds(3));
    assert_eq!(driver.closed(), Some(CloseReason::Done));
}

#[test]
fn a_short_last_answer_ends_the_connection_at_once() {
    let mut driver = Driver::new();
    driver.send("GET /a HTTP/1.0\r\n\r\n");
    driver.do_jobs();
    assert_eq!(driver.closed(), Some(CloseReason::Done));
    assert!(driver.received().ends_with("hello"));
}

#[test]
fn bodies_are_skipped_and_chunks_are_read_first() {
    let mut driver = Driver::new();
    driver.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    assert!(driver.received().starts_with("HTTP/1.1 405 "));
    driver.send(format!("llo{REQUEST}"));
    driver.do_jobs();
    assert!(driver.received().starts_with("HTTP/1.1 200 "));
    for (end, status) in [("0\r\n\r\n", 200), ("5 5\r\n", 400)] {
        let mut driver = Driver::new();
        driver.send("GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n");
        assert_eq!(driver.received(), "");
        driver.send(format!("{end}{REQUEST}"));
        driver.do_jobs();
        let received = driver.received();
        assert!(received.starts_with(&format!("HTTP/1.1 {status} ")), "{received}");
        assert_eq!(received.matches("HTTP/1.1 ").count(), if status == 200 { 2 } else { 1 }, "{received}");
    }
}

#[test]
fn a_body_that_stalls_ends_the_connection_after_the_answer() {
    for fields in ["Content-Length: 5\r\n\r\nhe", "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"] {
        let mut driver = Driver::new();
        driver.send(format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}"));
        driver.wait(seconds(9));
        assert!(driver.received().starts_with("HTTP/1.1 405 "), "{fields}");
        assert!(driver.is_ended(), "{fields}");
        driver.wait(LINGER + seconds(1));
        assert!(driver.closed().is_some(), "{fields}");
    }
}

#[test]
fn a_half_close_ends_what_is_not_complete() {
    for (bytes, answers) in [("", 0), ("GET /a HT", 0), (REQUEST, 1)] {
        let mut driver = Driver::new();
        if !bytes.is_empty() {
            driver.send(bytes);
            driver.do_jobs();
        }
        driver.client.shutdown(Shutdown::Write).unwrap();
        driver.receive();
        assert_eq!(driver.closed(), Some(CloseReason::ClientClosed), "{bytes:?}");
        assert_eq!(driver.received().matches("HTTP/1.1 ").count(), answers, "{bytes:?}");
    }
}

#[test]
fn a_connection_without_room_is_told_so_and_lingers_while_its_client_sends() {
    for (bytes, may_linger, lingers) in [
        (REQUEST, true, false),
        ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", true, true),
        ("GET /a HT", true, true),
        ("GET /a HT", false, false),
    ] {
        let mut driver = Driver::with(false);
        driver.may_linger = may_linger;
        driver.send(bytes);
        assert!(driver.received().starts_with("HTTP/1.1 503 "), "{bytes:?}");
        assert_eq!(driver.closed().is_none(), lingers, "{bytes:?}");
    }
}

#[test]
fn the_last_request_of_a_server_that_stops_is_answered() {
    let mut driver = Driver::new();
    driver.is_stopping = true;
    driver.send(format!("{REQUEST}{REQUEST}"));
    driver.do_jobs();
    let received = driver.received();
    assert_eq!(received.matches("HTTP/1.1 200 OK\r\n").count(), 1, "{received}");
    assert!(received.contains("Connection: close\r\n"), "{received}");
}

#[test]
fn a_request_that_waits_too_long_for_its_job_gets_a_503() {
    let mut driver = Driver::new();
    driver.send(LARGE_REQUEST);
    driver.wait(seconds(9));
    assert!(driver.received().starts_with("HTTP/1.1 503 "));
    assert_eq!(driver.jobs.pop().map(|job| Arc::strong_count(&job)), Some(1), "nobody waits for it any more");
}

#[test]
fn a_handshake_has_its_time_and_waits_for_a_socket_that_is_full() {
    let (tls, config) = tls::tests::pair();
    for goes_on in [true, false] {
        let (socket, client) = Socket::pair().unwrap();
        // The socket is full before the first byte of the handshake.
        while socket.send(&[io::IoSlice::new(&[0; 4096])], false).is_ok() {}
        let mut driver = Driver::over(Transport::tls(socket, tls.begin().unwrap()), client, true);
        assert_eq!(driver.connection.interest(), Interest::Readable);
        let mut session = tls::tests::client(&config);
        let mut hello = Vec::new();
        session.write_tls(&mut hello).unwrap();
        driver.send(&hello);
        assert_eq!(driver.connection.interest(), Interest::ReadableOrWritable);
        driver.wait(driver.timeouts.head - seconds(1));
        assert_eq!(driver.closed(), None);
        if goes_on {
            driver.received();
            driver.receive();
            assert_eq!(driver.connection.interest(), Interest::Readable);
            let mut records = vec![0; 16 * 1024];
            let count = driver.client.read(&mut records).unwrap();
            session.read_tls(&mut &records[..count]).unwrap();
            session.process_new_packets().unwrap();
            session.writer().write_all(REQUEST.as_bytes()).unwrap();
            let mut request = Vec::new();
            session.write_tls(&mut request).unwrap();
            driver.send(&request);
            driver.do_jobs();
            assert!(driver.connection.is_idle());
            let count = driver.client.read(&mut records).unwrap();
            session.read_tls(&mut &records[..count]).unwrap();
            session.process_new_packets().unwrap();
            let mut answer = Vec::new();
            let _ = session.reader().read_to_end(&mut answer);
            assert!(answer.ends_with(b"hello"), "{}", String::from_utf8_lossy(&answer));
        } else {
            driver.wait(seconds(2));
            assert_eq!(driver.closed(), Some(CloseReason::TimedOut));
        }
    }
}

#[test]
fn a_session_without_room_is_ended_before_its_handshake() {
    let (tls, config) = tls::tests::pair();
    let (socket, client) = Socket::pair().unwrap();
    let mut driver = Driver::over(Transport::tls(socket, tls.begin().unwrap()), client, false);
    let mut hello = Vec::new();
    tls::tests::client(&config).write_tls(&mut hello).unwrap();
    driver.send(&hello);
    assert_eq!((driver.closed(), driver.received().as_str()), (Some(CloseReason::Done), ""));
}
