//! The authority of a URI, as `Host` and request targets carry it: `host [":" port]` (RFC 3986 sections 3.2.2
//! and 3.2.3), without user information, which RFC 9110 section 4.2.4 bans.
//!
//! It is checked and not obeyed, since this server has one site. A proxy in front of it may choose by the
//! host, so a host that the two could read differently is refused.

use std::net::Ipv6Addr;

use super::field;

/// True if `text` is an authority. The host must not be empty (RFC 9110 section 4.2.1); the port may be.
pub fn is_valid(text: &[u8]) -> bool {
    // Almost all are a name or an IPv4 address, and perhaps a port.
    let name = text.iter().take_while(|&&byte| is_name_byte(byte)).count();
    match &text[name..] {
        [] => name > 0,
        [b':', port @ ..] if name > 0 => is_port(port),
        _ => {
            let (host, port) = split(text);
            is_host(host) && port.is_none_or(is_port)
        }
    }
}

/// True if `text` is an authority that names a port, as CONNECT needs it (RFC 9110 section 9.3.6).
pub(super) fn is_valid_with_port(text: &[u8]) -> bool {
    let (host, port) = split(text);
    is_host(host) && port.is_some_and(|port| !port.is_empty() && is_port(port))
}

/// The host of an authority, without its port.
pub fn host(text: &[u8]) -> &[u8] {
    split(text).0
}

/// The host, and the port after its colon. A colon between brackets belongs to an address.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let literal_end = match text {
        [b'[', ..] => memchr::memchr(b']', text).unwrap_or(0),
        _ => 0,
    };
    match memchr::memchr(b':', &text[literal_end..]) {
        Some(distance) => {
            let (host, port) = text.split_at(literal_end + distance);
            (host, Some(&port[1..]))
        }
        None => (text, None),
    }
}

fn is_host(host: &[u8]) -> bool {
    match host {
        [] => false,
        [b'[', literal @ .., b']'] => is_ipv6_address(literal) || is_future_address(literal),
        name => is_registered_name(name),
    }
}

/// The parser of the standard library takes exactly the IPv6address of RFC 3986: one `::` that stands for one
/// group at least, IPv4 in the last two groups, at most four digits a group, no zone.
fn is_ipv6_address(literal: &[u8]) -> bool {
    std::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`
fn is_future_address(literal: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = literal else { return false };
    let Some(dot) = memchr::memchr(b'.', rest) else { return false };
    let (version, address) = (&rest[..dot], &rest[dot + 1..]);
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && !address.is_empty()
        && address.iter().all(|&byte| byte == b':' || is_name_byte(byte))
}

/// `*( unreserved / pct-encoded / sub-delims )`: names and IPv4 addresses.
fn is_registered_name(name: &[u8]) -> bool {
    name.iter().all(|&byte| is_name_byte(byte)) || is_escaped_name(name)
}

/// The same for a name with a percent sign.
fn is_escaped_name(name: &[u8]) -> bool {
    let mut parts = name.split(|&byte| byte == b'%');
    let is_plain = |part: &[u8]| part.iter().all(|&byte| is_name_byte(byte));
    parts.next().is_some_and(is_plain)
        && parts.all(|part| match part {
            [high, low, rest @ ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && is_plain(rest),
            _ => false,
        })
}

/// unreserved and sub-delims.
fn is_name_byte(byte: u8) -> bool {
    NAME[byte as usize]
}

const NAME: [bool; 256] = field::byte_table(b"-._~!$&'()*+,;=");

/// `*DIGIT`, of which no more than a port can be.
fn is_port(port: &[u8]) -> bool {
    let value = port.iter().try_fold(0u16, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u16::from(byte - b'0')),
        _ => None,
    });
    value.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for (section, text, expected) in [
            ("3986 3.2.2 name", "example.org", true),
            ("3986 3.2.2 name", "EXAMPLE.org.", true),
            ("3986 3.2.2 unreserved", "a-b.c_d~e", true),
            ("3986 3.2.2 sub-delims", "!$&'()*+,;=", true),
            ("3986 3.2.2 percent-encoded", "gr%C3%b6%C3%9Fe", true),
            ("3986 3.2.2 percent-encoded", "a%zz", false),
            ("3986 3.2.2 percent-encoded", "a%4", false),
            ("3986 3.2.2 percent-encoded", "a%4g", false),
            ("3986 3.2.2 percent-encoded", "a%", false),
            ("3986 3.2.2 percent-encoded", "%", false),
            ("3986 3.2.2 other bytes", "a b", false),
            ("3986 3.2.2 other bytes", "a\tb", false),
            ("3986 3.2.2 other bytes", "a\"b", false),
            ("3986 3.2.2 other bytes", "a\\b", false),
            ("3986 3.2.2 other bytes", "a^b", false),
            ("3986 3.2.2 other bytes", "a{b}", false),
            ("3986 3.2.2 other bytes", "a|b", false),
            ("3986 3.2.2 other bytes", "<a>", false),
            ("3986 3.2.2 other bytes", "gr\u{f6}\u{df}e", false),
            ("3986 3.2 gen-delims", "a/b", false),
            ("3986 3.2 gen-delims", "a?b", false),
            ("3986 3.2 gen-delims", "a#b", false),
            ("3986 3.2 gen-delims", "a[b", false),
            ("3986 3.2 gen-delims", "a]", false),
            ("3986 3.2 gen-delims", "]a[", false),
            ("9110 4.2.4 user information", "user@a", false),
            ("9110 4.2.1 no host", "", false),
            ("9110 4.2.1 no host", ":80", false),
            ("3986 3.2.2 IPv4", "127.0.0.1", true),
            ("3986 3.2.2 a name of digits", "256.1.1", true),
            ("3986 3.2.2 IPv6", "[::]", true),
            ("3986 3.2.2 IPv6", "[::1]", true),
            ("3986 3.2.2 IPv6", "[2001:DB8::a]", true),
            ("3986 3.2.2 IPv6, eight groups", "[1:2:3:4:5:6:7:8]", true),
            ("3986 3.2.2 IPv6, seven groups", "[1:2:3:4:5:6:7]", false),
            ("3986 3.2.2 IPv6, nine groups", "[1:2:3:4:5:6:7:8:9]", false),
            ("3986 3.2.2 IPv6, :: for one group", "[1:2:3:4:5:6:7::]", true),
            ("3986 3.2.2 IPv6, :: for one group", "[::2:3:4:5:6:7:8]", true),
            ("3986 3.2.2 IPv6, :: for none", "[1:2:3:4::5:6:7:8]", false),
            ("3986 3.2.2 IPv6, two ::", "[1::2::3]", false),
            ("3986 3.2.2 IPv6, four digits", "[0001::]", true),
            ("3986 3.2.2 IPv6, five digits", "[00001::]", false),
            ("3986 3.2.2 IPv6, no digit", "[::g]", false),
            ("3986 3.2.2 IPv6, a colon too many", "[:1::2]", false),
            ("3986 3.2.2 IPv6, a colon too many", "[1::2:]", false),
            ("3986 3.2.2 IPv6, a colon too many", "[:::]", false),
            ("3986 3.2.2 IPv4 in IPv6", "[::1.2.3.4]", true),
            ("3986 3.2.2 IPv4 in IPv6", "[1:2:3:4:5:6:1.2.3.4]", true),
            ("3986 3.2.2 IPv4 in IPv6", "[1:2:3:4:5:6:7:1.2.3.4]", false),
            ("3986 3.2.2 IPv4 in IPv6, not last", "[1.2.3.4::]", false),
            ("3986 3.2.2 IPv4 in IPv6, not last", "[::1.2.3.4:5]", false),
            ("3986 3.2.2 IPv4 in IPv6, too large", "[::1.2.3.256]", false),
            ("3986 3.2.2 IPv4 in IPv6, a leading zero", "[::1.2.3.04]", false),
            ("3986 3.2.2 IPv4 in brackets", "[1.2.3.4]", false),
            ("3986 3.2.2 empty brackets", "[]", false),
            ("3986 3.2.2 a name in brackets", "[a]", false),
            ("3986 3.2.2 no end", "[::1", false),
            ("3986 3.2.2 no begin", "::1]", false),
            ("3986 3.2.2 no brackets", "::1", false),
            ("3986 3.2.2 after the end", "[::1]a", false),
            ("3986 3.2.2 after the end", "[::1]]", false),
            ("3986 3.2.2 before the begin", "a[::1]", false),
            ("3986 3.2.2 space in brackets", "[ ::1]", false),
            ("3986 3.2.2 no zone", "[fe80::1%eth0]", false),
            ("3986 3.2.2 no zone", "[fe80::1%25eth0]", false),
            ("3986 3.2.2 IPvFuture", "[v1.a]", true),
            ("3986 3.2.2 IPvFuture", "[VfF.a:b~!=]", true),
            ("3986 3.2.2 IPvFuture, no address", "[v1.]", false),
            ("3986 3.2.2 IPvFuture, no dot", "[v1]", false),
            ("3986 3.2.2 IPvFuture, no version", "[v.a]", false),
            ("3986 3.2.2 IPvFuture, no digit", "[vg.a]", false),
            ("3986 3.2.2 IPvFuture, no escapes", "[v1.%41]", false),
            ("3986 3.2.3 port", "a:0", true),
            ("3986 3.2.3 port", "a:65535", true),
            ("3986 3.2.3 port", "[::1]:80", true),
            ("3986 3.2.3 port, leading zeros", "a:0000000080", true),
            ("3986 3.2.3 port, empty", "a:", true),
            ("3986 3.2.3 port, empty", "[::1]:", true),
            ("3986 3.2.3 port, one beyond", "a:65536", false),
            ("3986 3.2.3 port, far beyond", "a:99999999999999999999", false),
            ("3986 3.2.3 port, no number", "a:b", false),
            ("3986 3.2.3 port, a sign", "a:+80", false),
            ("3986 3.2.3 port, hexadecimal", "a:0x50", false),
            ("3986 3.2.3 two ports", "a:1:2", false),
            ("3986 3.2.3 two ports", "[::1]:1:2", false),
            ("3986 3.2.3 two colons", "a::", false),
        ] {
            assert_eq!(is_valid(text.as_bytes()), expected, "{section}: {text}");
        }
    }

    #[test]
    fn authorities_with_a_port() {
        for (section, text, expected) in [
            ("9110 9.3.6 port", "a:443", true),
            ("9110 9.3.6 port", "[::1]:443", true),
            ("9110 9.3.6 no port", "a", false),
            ("9110 9.3.6 no port", "[::1]", false),
            ("9110 9.3.6 empty port", "a:", false),
            ("9110 9.3.6 empty port", "[::1]:", false),
            ("9110 9.3.6 invalid port", "a:65536", false),
            ("9110 9.3.6 invalid port", "a:b", false),
            ("9112 3.2.3 no host", ":443", false),
            ("9112 3.2.3 invalid host", "a%zz:443", false),
            ("9112 3.2.3 invalid host", "[::g]:443", false),
        ] {
            assert_eq!(is_valid_with_port(text.as_bytes()), expected, "{section}: {text}");
        }
    }
}
