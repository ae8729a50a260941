//! One line a response, after it is sent: the combined format and the microseconds it took.
//!
//! A worker gathers its lines and hands them to the writing thread once a turn of the loop. Whatever a client sends
//! is escaped, so that no request can forge a line.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use super::log_writer::{BATCH, LogWriter};
use crate::http::field::Name;
use crate::http::request::Request;
use crate::http::status::Status;

/// Bytes of a request target, a Referer or a User-Agent that a line keeps.
const MAX_QUOTED: usize = 2048;

/// A line whose response is not sent yet: all but the bytes and the time.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    /// Position at which the bytes are to be put in.
    bytes_at: usize,
    arrived: Instant,
}

impl Line {
    /// The line of a response with this status to a client; `request` is the part of its request that could be read.
    pub(super) fn new(
        client: IpAddr,
        time: &str,
        request: Option<&Request>,
        status: Status,
        arrived: Instant,
    ) -> Line {
        let mut text = String::with_capacity(192);
        // Writing to a string cannot fail.
        let _ = write!(text, "{client} - - [{time}] \"");
        match request {
            Some(request) => {
                let (method, target, minor) = request.line();
                escape(method, &mut text);
                text.push(' ');
                escape(target, &mut text);
                let _ = write!(text, " HTTP/1.{minor}");
            }
            None => text.push('-'),
        }
        let _ = write!(text, "\" {} ", status.code());
        let bytes_at = text.len();
        for name in [Name::Referer, Name::UserAgent] {
            text.push_str(" \"");
            match request.and_then(|request| request.value(name)) {
                Some(value) => escape(value, &mut text),
                None => text.push('-'),
            }
            text.push('"');
        }
        Line { text, bytes_at, arrived }
    }
}

/// Control characters, quotes, backslashes and bytes beyond ASCII as `\xHH`.
fn escape(bytes: &[u8], text: &mut String) {
    for &byte in bytes.iter().take(MAX_QUOTED) {
        if (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
}

/// The lines of one worker.
pub(super) struct AccessLog {
    writer: LogWriter,
    lines: Vec<u8>,
    time: String,
}

impl AccessLog {
    /// A log that is handed to `writer`.
    pub(super) fn new(writer: LogWriter) -> AccessLog {
        AccessLog { writer, lines: Vec::new(), time: String::new() }
    }

    /// Sets the time of day that the next lines bear.
    pub(super) fn set_time(&mut self, now: SystemTime) {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // From `Sun, 22 Nov 2026 17:35:27 GMT` to `22/Nov/2026:17:35:27 +0000`.
        let date = crate::http::date::format(seconds);
        self.time = format!("{}/{}/{}:{} +0000", &date[5..7], &date[8..11], &date[12..16], &date[17..25]);
    }

    /// The time of day that lines bear.
    pub(super) fn time(&self) -> &str {
        &self.time
    }

    /// Adds the line of a response of which so many bytes of body were sent by `now`.
    pub(super) fn add(&mut self, line: &Line, bytes: u64, now: Instant) {
        let (before, after) = line.text.split_at(line.bytes_at);
        let microseconds = now.saturating_duration_since(line.arrived).as_micros();
        // Writing to a vector cannot fail.
        let _ = writeln!(self.lines, "{before}{bytes}{after} {microseconds}");
        // The queue of the writing thread is bounded, and takes or loses each portion as a whole.
        if self.lines.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands over the lines that were added.
    pub(super) fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.writer.append(&self.lines);
            self.lines.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;
    use crate::server::log_file::{LogFile, Target};

    #[test]
    fn a_line_cannot_be_forged() {
        let head = b"GET /a%0A\"\\x HTTP/1.1\r\nHost: a\r\nUser-Agent: x\" 200 1\t\xff\r\n\r\n";
        let mut parser = Parser::new();
        let request = parser.advance(head).unwrap().unwrap();
        let arrived = Instant::now();
        let line = Line::new(
            [127, 0, 0, 1].into(),
            "22/Nov/2026:17:35:27 +0000",
            Some(&request),
            Status::Ok,
            arrived,
        );
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let writer = LogWriter::new(LogFile::open(&Target::File(path.clone())).unwrap(), None);
        let mut log = AccessLog::new(writer.clone());
        log.add(&line, 63, arrived + std::time::Duration::from_micros(123));
        log.flush();
        writer.finish();
        let expected = "127.0.0.1 - - [22/Nov/2026:17:35:27 +0000] \"GET /a%0A\\x22\\x5Cx HTTP/1.1\" 200 63 \
                        \"-\" \"x\\x22 200 1\\x09\\xFF\" 123\n";
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn the_time_of_day() {
        let mut log = AccessLog::new(LogWriter::new(LogFile::open(&Target::StandardError).unwrap(), None));
        log.set_time(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777));
        assert_eq!(log.time(), "06/Nov/1994:08:49:37 +0000");
    }
}
