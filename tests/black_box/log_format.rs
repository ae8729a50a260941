//! `--log-format`: the access log as JSON lines or in the common format. A JSON log is read by a JSON reader, whatever
//! was sent, and in a log file every line is one.

use std::fs;

use serde_json::Value;

use crate::calendar;
use crate::server::Server;
use crate::site::{Site, WELCOME};

const KEYS: [&str; 14] = [
    "time", "client", "user", "method", "target", "version", "status", "bytes", "duration", "referrer",
    "agent", "coding", "tls", "broken",
];

/// The first `count` objects on standard error that are access lines.
fn await_objects(server: &Server, count: usize) -> Vec<Value> {
    let lines = server
        .process
        .errors
        .await_lines(count, |line| line.starts_with("{\"time\"") && line.contains("client"));
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

#[test]
fn an_object_has_all_its_members() {
    let site = Site::new();
    site.write("a.txt", "x".repeat(4000));
    site.write("a.txt.gz", b"\x1f\x8b");
    let server = site.serve_with(&["--log-format", "json"]);
    let before = calendar::now();
    let mut client = server.connect();
    client.ask("GET", "/?q=1", "Referer: http://a/b\r\nUser-Agent: curl/7.88\r\n");
    let compressed = client.ask("GET", "/a.txt", "Accept-Encoding: gzip\r\n");
    let lines = await_objects(&server, 2);
    let line = &lines[0];
    let mut keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = KEYS.to_vec();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!((&line["client"], &line["user"]), (&"127.0.0.1".into(), &Value::Null));
    assert_eq!((&line["method"], &line["target"]), (&"GET".into(), &"/?q=1".into()));
    assert_eq!((&line["version"], &line["status"]), (&"HTTP/1.1".into(), &200.into()));
    assert_eq!(line["bytes"], WELCOME.len());
    assert_eq!((&line["referrer"], &line["agent"]), (&"http://a/b".into(), &"curl/7.88".into()));
    for absent in ["coding", "tls", "broken"] {
        assert_eq!(line[absent], Value::Null, "{absent}");
    }
    assert!((0.0..60.0).contains(&line["duration"].as_f64().expect("a number")), "{line}");
    assert!((before..=calendar::now()).contains(&second_of(line)), "{line}");
    let coding = compressed.field("Content-Encoding").map_or(Value::Null, Value::from);
    assert_eq!(lines[1]["coding"], coding);
}

/// The time of a line, which has microseconds, in seconds since 1970.
fn second_of(line: &Value) -> i64 {
    let time = line["time"].as_str().expect("a text");
    let (day, clock) = time.split_once('T').expect("a date and a time");
    let (clock, fraction) = clock.split_once('.').expect("a fraction");
    assert_eq!((fraction.len(), fraction.ends_with('Z')), (7, true), "{time}");
    let number = |text: &str| text.parse::<i64>().unwrap_or_else(|_| panic!("{time}"));
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[number(&day[5..7]) as usize - 1];
    calendar::parse_log(&format!("{}/{month}/{}:{clock} +0000", &day[8..], &day[..4])).expect("a time")
}

#[test]
fn whatever_is_sent_is_valid_json() {
    let server = Site::new().serve_with(&["--log-format", "json"]);
    let all: Vec<u8> =
        (1..=255).filter(|byte| !matches!(byte, b'\r' | b'\n' | 0x01..=0x08 | 0x0b..=0x1f | 0x7f)).collect();
    let table: [(&[u8], &str); 5] = [
        (b"a\"b\\c/\t", "a\"b\\c/"),
        (b"\",\"status\":500,\"x\":\"", "\",\"status\":500,\"x\":\""),
        ("m\u{fc}sli".as_bytes(), "m\u{fc}sli"),
        (b"\xff\x80", "\\xFF\\x80"),
        (b"\\u0000\xe2\x82", "\\u0000\\xE2\\x82"),
    ];
    for (agent, _) in table {
        let request = [b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ", agent, b"\r\n\r\n"].concat();
        server.connect().request(request);
    }
    server.connect().request([b"GET / HTTP/1.1\r\nHost: a\r\nReferer: ", &all[..], b"\r\n\r\n"].concat());
    server.connect().request(b"\x16\x03\x01\r\n\r\n");
    let mut lines = await_objects(&server, table.len() + 2);
    let refused = lines.pop().expect("the last one");
    assert_eq!((&refused["status"], &refused["method"]), (&400.into(), &Value::Null));
    assert!(lines.pop().is_some_and(|line| line["referrer"].is_string()));
    for ((agent, expected), line) in table.iter().zip(lines) {
        assert_eq!(line["agent"], *expected, "{agent:?}");
        assert_eq!(line["status"], 200, "{agent:?}");
    }
}

#[test]
fn a_download_that_breaks_off_says_why() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    let server = site.serve_with(&["--log-format", "json"]);
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response_head();
    drop(client);
    let line = await_objects(&server, 1).remove(0);
    let broken = line["broken"].as_str().unwrap_or_else(|| panic!("{line}"));
    assert!(["broken", "closed by the client"].contains(&broken), "{line}");
    assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes < 64 << 20), "{line}");
}

#[test]
fn every_line_of_a_log_file_is_json() {
    let site = Site::new();
    let log = site.outside("access.log");
    let flags = ["--log-format", "json", "--file-log", log.to_str().expect("an ordinary name")];
    let mut server = site.serve_with(&flags);
    server.get("/");
    server.process.signal(libc::SIGHUP);
    server.get("/missing");
    server.process.signal(libc::SIGTERM);
    server.process.await_exit();
    let text = fs::read_to_string(&log).expect("a log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let message = lines.iter().find(|line| !line["message"].is_null()).expect("the line that it listens");
    assert_eq!(message["level"], "info");
    assert!(
        message["message"].as_str().is_some_and(|text| text.contains("listening on http://")),
        "{message}"
    );
    assert_eq!(lines.iter().filter(|line| line["target"].is_string()).count(), 2, "{text}");
}

#[test]
fn the_common_format_has_nine_words() {
    let server = Site::new().serve_with(&["--log-format", "common"]);
    server.connect().ask("GET", "/", "User-Agent: a\r\n");
    let line = server.process.errors.await_line(|line| line.starts_with("127.0.0.1"));
    let end = format!(" +0000] \"GET / HTTP/1.1\" 200 {}", WELCOME.len());
    assert!(line.ends_with(&end), "{line}");
    let time = line.strip_prefix("127.0.0.1 - - [").and_then(|rest| rest.split_once(']')).expect("a time").0;
    assert!(calendar::parse_log(time).is_some(), "{line}");
}

#[test]
fn another_format_is_refused() {
    let output = crate::server::httpd().args(["--log-format", "xml"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("invalid value 'xml' for '--log-format <FORMAT>'"), "{text}");
}
