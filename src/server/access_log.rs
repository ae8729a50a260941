//! One line a response, after it is sent: in the combined format and then the microseconds it took, in the common
//! format, or as JSON.
//!
//! A worker gathers its lines and hands them to the writing thread once a turn of the loop. Whatever a client sends
//! is escaped, so that no request can forge a line.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use super::client::Client;
use super::close_reason::CloseReason;
use super::json;
use super::log_writer::{BATCH, LogWriter};
use super::tls::Version;
use crate::config::LogFormat;
use crate::http::date;
use crate::http::field::Name;
use crate::http::request::Request;
use crate::site::response::Response;

/// Bytes of a request target, a Referer or a User-Agent that a line keeps.
const MAX_QUOTED: usize = 2048;

/// The things that a line says of a response, as far as they are known before it is sent.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) client: Client,
    pub(super) tls: Option<Version>,
    /// The parts of the request that could be read.
    pub(super) request: Option<&'a Request<'a>>,
    pub(super) response: &'a Response,
}

impl<'a> Entry<'a> {
    /// The value of a field of the request.
    fn value(&self, name: Name) -> Option<&'a [u8]> {
        self.request.and_then(|request| request.value(name))
    }
}

/// A line whose response is not sent yet.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    /// Position at which the bytes are to be put in.
    bytes_at: usize,
}

impl Line {
    /// A line of the combined format, or of the common one, with `{time}` of the form `22/Nov/2026:17:35:27 +0000`.
    fn text(entry: &Entry, time: &str, is_combined: bool) -> Line {
        let mut text = String::with_capacity(192);
        // Writing to a string cannot fail.
        let _ = write!(text, "{} - ", entry.client);
        match entry.response.user() {
            Some(name) => escape_name(name, &mut text),
            None => text.push('-'),
        }
        let _ = write!(text, " [{time}] \"");
        match entry.request {
            Some(request) => {
                let (method, target, version) = request.line();
                escape(method, &mut text);
                text.push(' ');
                escape(target, &mut text);
                let _ = write!(text, " {version}");
            }
            None => text.push('-'),
        }
        let _ = write!(text, "\" {} ", entry.response.status.code());
        let bytes_at = text.len();
        let quoted = if is_combined { &[Name::Referer, Name::UserAgent][..] } else { &[] };
        for name in quoted {
            text.push_str(" \"");
            match entry.value(*name) {
                Some(value) => escape(value, &mut text),
                None => text.push('-'),
            }
            text.push('"');
        }
        Line { text, bytes_at }
    }

    /// An object, up to the members that are not known yet.
    fn json(entry: &Entry, second: &str, microseconds: u32) -> Line {
        let mut text = String::with_capacity(384);
        // Writing to a string cannot fail.
        let _ = write!(text, "{{\"time\":\"{second}.{microseconds:06}Z\",\"client\":\"{}\"", entry.client);
        let line = entry.request.map(|request| request.line());
        json::push_member("user", entry.response.user().map(cut), &mut text);
        json::push_member("method", line.map(|(method, ..)| cut(method)), &mut text);
        json::push_member("target", line.map(|(_, target, _)| cut(target)), &mut text);
        match line {
            Some((.., version)) => drop(write!(text, ",\"version\":\"{version}\"")),
            None => json::push_member("version", None, &mut text),
        }
        let _ = write!(text, ",\"status\":{}", entry.response.status.code());
        json::push_member("referrer", entry.value(Name::Referer).map(cut), &mut text);
        json::push_member("agent", entry.value(Name::UserAgent).map(cut), &mut text);
        json::push_member("coding", entry.response.coding(), &mut text);
        json::push_member("tls", entry.tls.map(|version| version.name().as_bytes()), &mut text);
        text.push_str(",\"bytes\":");
        let bytes_at = text.len();
        Line { text, bytes_at }
    }
}

fn cut(value: &[u8]) -> &[u8] {
    &value[..value.len().min(MAX_QUOTED)]
}

/// As [`escape`], and blanks, too: what follows stands in its own place then. A name that looks like none is escaped.
fn escape_name(name: &[u8], text: &mut String) {
    match name {
        b"-" => text.push_str("\\x2D"),
        b"" => text.push_str("\"\""),
        _ => {
            for part in cut(name).split_inclusive(|&byte| byte == b' ') {
                escape(part.strip_suffix(b" ").unwrap_or(part), text);
                text.push_str(if part.ends_with(b" ") { "\\x20" } else { "" });
            }
        }
    }
}

/// Control characters, quotes, backslashes and bytes beyond ASCII as `\xHH`.
fn escape(bytes: &[u8], text: &mut String) {
    for &byte in cut(bytes) {
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
    format: LogFormat,
    lines: Vec<u8>,
    /// The second that the next lines bear, as the format writes it.
    second: String,
    /// The microseconds within it.
    microseconds: u32,
}

impl AccessLog {
    /// A log that is handed to `writer`, with lines from `now` on.
    pub(super) fn new(writer: LogWriter, format: LogFormat, now: SystemTime) -> AccessLog {
        let mut log = AccessLog { writer, format, lines: Vec::new(), second: String::new(), microseconds: 0 };
        log.set_second(now);
        log
    }

    /// Sets the time of day that the next lines bear.
    pub(super) fn set_second(&mut self, now: SystemTime) {
        let seconds = since_1970(now).as_secs();
        self.second = if self.format == LogFormat::Json {
            date::format_rfc3339(seconds)
        } else {
            // From `Sun, 22 Nov 2026 17:35:27 GMT` to `22/Nov/2026:17:35:27 +0000`.
            let date = date::format(seconds);
            format!("{}/{}/{}:{} +0000", &date[5..7], &date[8..11], &date[12..16], &date[17..25])
        };
        self.set_fraction(now);
    }

    /// Sets it to another moment of the same second.
    pub(super) fn set_fraction(&mut self, now: SystemTime) {
        self.microseconds = since_1970(now).subsec_micros();
    }

    /// The line of a response that is not sent yet.
    pub(super) fn begin(&self, entry: &Entry) -> Line {
        match self.format {
            LogFormat::Combined => Line::text(entry, &self.second, true),
            LogFormat::Common => Line::text(entry, &self.second, false),
            LogFormat::Json => Line::json(entry, &self.second, self.microseconds),
        }
    }

    /// Adds the line of a response of which so many bytes of body were sent in so much time; `broken` says why it ended
    /// before it was sent whole.
    pub(super) fn add(&mut self, line: &Line, bytes: u64, time: Duration, broken: Option<CloseReason>) {
        let (before, after) = line.text.split_at(line.bytes_at);
        let microseconds = time.as_micros();
        // Writing to a vector cannot fail.
        let _ = match self.format {
            LogFormat::Combined => writeln!(self.lines, "{before}{bytes}{after} {microseconds}"),
            LogFormat::Common => writeln!(self.lines, "{before}{bytes}"),
            LogFormat::Json => {
                let (seconds, fraction) = (time.as_secs(), time.subsec_micros());
                let _ =
                    write!(self.lines, "{before}{bytes},\"duration\":{seconds}.{fraction:06},\"broken\":");
                match broken {
                    None => self.lines.write_all(b"null}\n"),
                    Some(reason) => writeln!(self.lines, "\"{}\"}}", reason.word()),
                }
            }
        };
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

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;
    use crate::server::log_file::{LogFile, Target};

    /// The line that a log of this format has of a request.
    fn line(format: LogFormat, tls: Option<Version>, head: &[u8], broken: Option<CloseReason>) -> String {
        let mut parser = Parser::new();
        let request = parser.advance(head).ok().flatten();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let writer = LogWriter::new(LogFile::open(&Target::File(path.clone())).unwrap(), None);
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_368_927_000_042);
        let mut log = AccessLog::new(writer.clone(), format, now);
        let (client, response) = (Client::Address([127, 0, 0, 1].into()), Response::with_coding("br"));
        let line = log.begin(&Entry { client, tls, request: request.as_ref(), response: &response });
        log.add(&line, 63, Duration::from_micros(1_000_123), broken);
        log.flush();
        writer.finish();
        std::fs::read_to_string(path).unwrap()
    }

    const HOSTILE: &[u8] = b"GET /a%0A\"\\x HTTP/1.1\r\nHost: a\r\nUser-Agent: x\" 200 1\t\xff\r\n\r\n";

    #[test]
    fn a_line_cannot_be_forged() {
        for (format, expected) in [
            (
                LogFormat::Combined,
                "127.0.0.1 - - [22/Nov/2026:17:35:27 +0000] \"GET /a%0A\\x22\\x5Cx HTTP/1.1\" 200 63 \"-\" \
                 \"x\\x22 200 1\\x09\\xFF\" 1000123\n",
            ),
            (
                LogFormat::Common,
                "127.0.0.1 - - [22/Nov/2026:17:35:27 +0000] \"GET /a%0A\\x22\\x5Cx HTTP/1.1\" 200 63\n",
            ),
            (
                LogFormat::Json,
                "{\"time\":\"2026-11-22T17:35:27.000042Z\",\"client\":\"127.0.0.1\",\"user\":null,\
                 \"method\":\"GET\",\"target\":\"/a%0A\\\"\\\\x\",\"version\":\"HTTP/1.1\",\"status\":200,\
                 \"referrer\":null,\"agent\":\"x\\\" 200 1\\u0009\\\\xFF\",\"coding\":\"br\",\"tls\":\"TLSv1.3\",\
                 \"bytes\":63,\"duration\":1.000123,\"broken\":null}\n",
            ),
        ] {
            assert_eq!(line(format, Some(Version::Tls13), HOSTILE, None), expected);
        }
    }

    #[test]
    fn nothing_is_null() {
        let line = line(LogFormat::Json, None, b"\x16\x03\x01", Some(CloseReason::TimedOut));
        let expected = "{\"time\":\"2026-11-22T17:35:27.000042Z\",\"client\":\"127.0.0.1\",\"user\":null,\
                        \"method\":null,\"target\":null,\"version\":null,\"status\":200,\"referrer\":null,\
                        \"agent\":null,\"coding\":\"br\",\"tls\":null,\"bytes\":63,\"duration\":1.000123,\
                        \"broken\":\"timed out\"}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_long_value_is_cut() {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nReferer: {}\r\n\r\n", "\u{fc}".repeat(2000));
        for format in [LogFormat::Combined, LogFormat::Json] {
            let line = line(format, None, head.as_bytes(), None);
            assert_eq!(line.matches("\\xC3").count() + line.matches('\u{fc}').count(), MAX_QUOTED / 2);
        }
    }
}
