//! The header of the PROXY protocol, versions 1 and 2, by which a proxy says at the front of a connection for whom it
//! has opened it: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::net::IpAddr;

use proxy_header::{ParseConfig, ProxyHeader};

/// The first bytes of version 1.
const TEXT: &[u8] = b"PROXY ";
/// Bytes of the longest header of version 1, its line end included.
const MAX_TEXT: usize = 107;
/// The first bytes of version 2.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 up to its addresses: the last two are the length of the rest.
const PREFIX: usize = 16;
/// Bytes of the longest addresses, those of unix sockets.
const MAX_ADDRESSES: usize = 216;
/// Bytes of the values that follow the addresses, of which none is read: host, certificate, and what clouds add.
const MAX_VALUES: usize = 4096;
/// The byte of version 2 that says `LOCAL`: the proxy has opened the connection for itself.
const LOCAL: u8 = 0x20;

/// Bytes of the longest header.
pub(super) const MAX_HEADER: usize = PREFIX + MAX_ADDRESSES + MAX_VALUES;

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of it.
    pub(super) length: usize,
    /// The client, unless it has no address, or is the proxy itself.
    pub(super) client: Option<IpAddr>,
}

/// There is no header, or one that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads the header that the bytes begin with; `None` while a part of it is missing.
///
/// # Errors
/// [`Malformed`] as soon as the bytes cannot become a header of [`MAX_HEADER`] bytes at most.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let begins = |signature: &[u8]| bytes.iter().zip(signature).all(|(byte, expected)| byte == expected);
    let length = match (begins(TEXT), begins(BINARY)) {
        (true, _) => text_length(bytes)?,
        (_, true) => binary_length(bytes)?,
        _ => return Err(Malformed),
    };
    let Some(whole) = length.and_then(|length| bytes.get(..length)) else { return Ok(None) };
    // What LOCAL has for addresses is to be ignored, whatever it is.
    if begins(BINARY) && whole.get(BINARY.len()) == Some(&LOCAL) {
        return Ok(Some(Header { length: whole.len(), client: None }));
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(whole, config) {
        Ok((header, length)) if length == whole.len() => {
            Ok(Some(Header { length, client: header.proxied_address().map(|found| found.source.ip()) }))
        }
        _ => Err(Malformed),
    }
}

/// The length of a header of version 1, once its end has come.
fn text_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let within = &bytes[..bytes.len().min(MAX_TEXT)];
    match memchr::memchr(b'\n', within) {
        None if within.len() == MAX_TEXT => Err(Malformed),
        end => Ok(end.map(|end| end + 1)),
    }
}

/// The length of a header of version 2, once it is known.
fn binary_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(&[.., high, low]) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = PREFIX + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_HEADER { Err(Malformed) } else { Ok(Some(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of version 2: its command and family, its addresses, and `values` bytes that follow them.
    fn binary(command: u8, family: u8, addresses: &[u8], values: usize) -> Vec<u8> {
        let length = u16::try_from(addresses.len() + values).unwrap().to_be_bytes();
        [BINARY, &[command, family], &length, addresses, &vec![0; values]].concat()
    }

    fn text(line: &str) -> Vec<u8> {
        format!("{line}\r\n").into_bytes()
    }

    const IPV4: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 2, 0x1f, 0x90, 0, 80];
    const IPV6: &[u8] = &[
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, 0, 1, 0, 2,
    ];

    #[test]
    fn headers_cut_at_every_byte() {
        for (bytes, client) in [
            (text("PROXY TCP4 192.0.2.1 192.0.2.2 8080 80"), Some("192.0.2.1")),
            (text("PROXY TCP6 2001:db8::1 ::1 65535 1"), Some("2001:db8::1")),
            (text("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 1"), Some("::ffff:192.0.2.1")),
            (text("PROXY UNKNOWN"), None),
            (text("PROXY UNKNOWN 2001:db8::1 ::1 1 1"), None),
            (text(&format!("PROXY UNKNOWN {}", "f".repeat(91))), None),
            (binary(0x21, 0x11, IPV4, 0), Some("192.0.2.1")),
            (binary(0x21, 0x11, IPV4, 7), Some("192.0.2.1")),
            (binary(0x21, 0x11, IPV4, MAX_VALUES), Some("192.0.2.1")),
            (binary(0x21, 0x21, IPV6, 0), Some("2001:db8::1")),
            (binary(0x21, 0x21, IPV6, 100), Some("2001:db8::1")),
            (binary(0x21, 0x31, &[b'/'; MAX_ADDRESSES], 0), None),
            (binary(0x21, 0x31, &[b'/'; MAX_ADDRESSES], MAX_VALUES), None),
            (binary(0x21, 0x00, &[], 0), None),
            (binary(0x21, 0x00, &[], 20), None),
            (binary(0x20, 0x00, &[], 0), None),
            (binary(0x20, 0x11, IPV4, 0), None),
            (binary(0x20, 0x11, &[], 0), None),
            (binary(0x20, 0xff, &[], 3), None),
        ] {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            let header = Header { length: bytes.len(), client: client.map(|client| client.parse().unwrap()) };
            for end in 0..bytes.len() {
                assert_eq!(parse(&bytes[..end]), Ok(None), "{shown:?} cut at {end}");
            }
            for after in [&b""[..], b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", &[0; MAX_HEADER]] {
                assert_eq!(parse(&[&bytes, after].concat()), Ok(Some(header)), "{shown:?}");
            }
        }
    }

    #[test]
    fn what_is_no_header() {
        for bytes in [
            text("GET / HTTP/1.1"),
            text("PROXY"),
            text("PROXY "),
            text("PROXY TCP4"),
            text("proxy TCP4 192.0.2.1 192.0.2.2 1 2"),
            text("PROXY tcp4 192.0.2.1 192.0.2.2 1 2"),
            text("PROXY TCP5 192.0.2.1 192.0.2.2 1 2"),
            text("PROXY UDP4 192.0.2.1 192.0.2.2 1 2"),
            text("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2"),
            text("PROXY TCP4 192.0.2.1 192.0.2.2 1"),
            text("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3"),
            text("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536"),
            text("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2"),
            text("PROXY TCP4 192.0.2.256 192.0.2.2 1 2"),
            text("PROXY TCP4 192.0.2.01 192.0.2.2 1 2"),
            text("PROXY TCP4 2001:db8::1 ::1 1 2"),
            text("PROXY TCP6 192.0.2.1 192.0.2.2 1 2"),
            text("PROXY TCP6 [2001:db8::1] [::1] 1 2"),
            text("PROXY TCP4 unknown unknown 1 2"),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rGET / HTTP/1.1\r\n".to_vec(),
            b"PROXY UNKNOWN\n".to_vec(),
            b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
            b"\x16\x03\x01\x02\0".to_vec(),
            binary(0x11, 0x11, IPV4, 0),
            binary(0x22, 0x11, IPV4, 0),
            binary(0x2f, 0x11, IPV4, 0),
            binary(0x21, 0x10, IPV4, 0),
            binary(0x21, 0x13, IPV4, 0),
            binary(0x21, 0x41, IPV4, 0),
            binary(0x21, 0x01, IPV4, 0),
            binary(0x21, 0x11, &IPV4[1..], 0),
            binary(0x21, 0x21, &IPV6[1..], 0),
            binary(0x21, 0x31, &[0; MAX_ADDRESSES - 1], 0),
            binary(0x21, 0x11, &[], 0),
        ] {
            assert_eq!(parse(&bytes), Err(Malformed), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn long_ones_are_refused_before_they_end() {
        let long = format!("PROXY UNKNOWN {}", "f".repeat(MAX_HEADER));
        assert_eq!(parse(&long.as_bytes()[..MAX_TEXT - 1]), Ok(None));
        assert_eq!(parse(&long.as_bytes()[..MAX_TEXT]), Err(Malformed));
        let line_end_after = text(&format!("PROXY UNKNOWN {}", "f".repeat(92)));
        assert_eq!((line_end_after.len(), parse(&line_end_after)), (MAX_TEXT + 1, Err(Malformed)));
        let long = binary(0x21, 0x11, IPV4, MAX_HEADER - PREFIX - IPV4.len() + 1);
        assert_eq!(parse(&long[..PREFIX - 1]), Ok(None));
        assert_eq!(parse(&long[..PREFIX]), Err(Malformed));
    }
}
