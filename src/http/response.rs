//! A response head -> bytes (RFC 9112 section 4). The only code that knows how a header line is written.

use std::fmt::Display;
use std::io::Write;

use super::date;
use super::status::Status;

/// The product name that every response carries (RFC 9110 section 10.2.4).
pub const SERVER: &str = "Otuserver";

/// The announcement of a response that the connection stays or ends (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// No announcement: HTTP/1.1 stays connected.
    Implied,
    /// It stays, although the client speaks HTTP/1.0.
    KeepAlive,
    /// It ends after this response.
    Close,
}

/// The lines that all responses of one second share, rendered once.
#[derive(Clone, Debug)]
pub struct Preamble(Vec<u8>);

impl Preamble {
    /// `Server` and `Date` for a second since 1970.
    pub fn new(now: u64) -> Preamble {
        let mut lines = Vec::new();
        field(&mut lines, "Server", SERVER);
        field(&mut lines, "Date", date::format(now));
        Preamble(lines)
    }
}

/// Appends one field line.
pub fn field(out: &mut Vec<u8>, name: &str, value: impl AsRef<[u8]>) {
    for part in [name.as_bytes(), b": ", value.as_ref(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Appends one field line with a value that is formatted into it.
pub fn field_display(out: &mut Vec<u8>, name: &str, value: impl Display) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{name}: {value}\r\n");
}

/// Begins a head: status line, preamble, connection. Field lines follow, and an empty line.
pub fn begin_head(out: &mut Vec<u8>, status: Status, preamble: &Preamble, persistence: Persistence) {
    let connection = match persistence {
        Persistence::Implied => "",
        Persistence::KeepAlive => "Connection: keep-alive\r\n",
        Persistence::Close => "Connection: close\r\n",
    };
    out.extend_from_slice(status.line().as_bytes());
    out.extend_from_slice(&preamble.0);
    out.extend_from_slice(connection.as_bytes());
}

/// Ends a head.
pub fn end_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let preamble = Preamble::new(784_111_777);
        for (persistence, line) in [
            (Persistence::Implied, ""),
            (Persistence::KeepAlive, "Connection: keep-alive\r\n"),
            (Persistence::Close, "Connection: close\r\n"),
        ] {
            let mut out = Vec::new();
            begin_head(&mut out, Status::Ok, &preamble, persistence);
            field_display(&mut out, "Content-Length", 5);
            field(&mut out, "A", "b");
            end_head(&mut out);
            let expected = format!(
                "HTTP/1.1 200 OK\r\nServer: Otuserver\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n{line}\
                 Content-Length: 5\r\nA: b\r\n\r\n"
            );
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
