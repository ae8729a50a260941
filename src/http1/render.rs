//! A response head -> bytes (RFC 9112 section 4).

use crate::http::fields::Fields;
use crate::http::status::Status;

/// The connection after a response, as the response announces it (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// HTTP/1.1 goes on without a word.
    Implied,
    /// It goes on although the client speaks HTTP/1.0.
    KeepAlive,
    /// It ends after this response.
    Close,
}

/// Appends a head: the status line, the fields of every response of this second, the connection, the response's own
/// field lines in one piece or two, and the empty line.
pub fn head(out: &mut Vec<u8>, status: Status, common: &Fields, persistence: Persistence, lines: [&[u8]; 2]) {
    let connection: &[u8] = match persistence {
        Persistence::Implied => b"",
        Persistence::KeepAlive => b"Connection: keep-alive\r\n",
        Persistence::Close => b"Connection: close\r\n",
    };
    for part in [status.line().as_bytes(), common.lines(), connection, lines[0], lines[1], b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let (mut common, mut own) = (Fields::default(), Fields::default());
        common.push("Server", "Otuserver");
        own.push_display("Content-Length", 5);
        for (persistence, line) in [
            (Persistence::Implied, ""),
            (Persistence::KeepAlive, "Connection: keep-alive\r\n"),
            (Persistence::Close, "Connection: close\r\n"),
        ] {
            let mut out = Vec::new();
            head(&mut out, Status::Ok, &common, persistence, [b"A: b\r\n", own.lines()]);
            let expected =
                format!("HTTP/1.1 200 OK\r\nServer: Otuserver\r\n{line}A: b\r\nContent-Length: 5\r\n\r\n");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
