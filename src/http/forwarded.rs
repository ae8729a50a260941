//! The client for which proxies pass a request on: `X-Forwarded-For`, and `Forwarded` (RFC 7239).
//!
//! Each proxy adds the address of its own client at the end, and what stands before may be invented by anybody. So the
//! elements are read from the end on, as long as a trusted proxy has written them, and what stands before has no
//! influence on how they are read.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::field::{self, Name};
use super::request::Request;

/// The client of a request that has come from a trusted proxy: the last address that is not trusted itself, or the first
/// one where all of them are. An element that is no address ends the search. `None` where no address is found: the
/// proxy itself is the client then. `Forwarded` counts only where there is no `X-Forwarded-For`.
pub fn client(request: &Request, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    if request.has(Name::XForwardedFor) {
        let lines = request.values(Name::XForwardedFor).rev();
        search(lines.flat_map(|line| line.rsplit(|&byte| byte == b',').map(field::trim)), address, is_trusted)
    } else {
        let lines = request.values(Name::Forwarded).rev();
        search(lines.flat_map(elements_from_end), node_of, is_trusted)
    }
}

/// True if a request that has come from a trusted proxy says that its client speaks https: the last word of
/// `X-Forwarded-Proto`, which the nearest proxy has written.
pub fn is_https(request: &Request) -> bool {
    let last = request.values(Name::XForwardedProto).next_back();
    last.and_then(|line| field::members(line).last()).is_some_and(|word| word.eq_ignore_ascii_case(b"https"))
}

/// Reads elements from the last one on. Empty ones are passed over (RFC 9110 section 5.6.1.2).
fn search<'a>(
    elements: impl Iterator<Item = &'a [u8]>,
    read: impl Fn(&'a [u8]) -> Option<IpAddr>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut found = None;
    for element in elements.filter(|element| !element.is_empty()) {
        let Some(address) = read(element) else { break };
        found = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    found
}

/// An element of `X-Forwarded-For`. IPv6 addresses stand there with and without brackets.
fn address(element: &[u8]) -> Option<IpAddr> {
    let literal = std::str::from_utf8(element).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    literal.map(|literal| literal.to_canonical()).or_else(|| node(element))
}

/// The address of a node (RFC 7239 section 6) without its port; an IPv4 address in the form of an IPv6 one is the
/// former. `None` for `unknown` and for an obfuscated identifier.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, port): (IpAddr, _) = match text.strip_prefix('[') {
        Some(rest) => {
            let (literal, port) = rest.split_once(']')?;
            (literal.parse::<Ipv6Addr>().ok()?.to_canonical(), port)
        }
        None => {
            let (literal, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (literal.parse::<Ipv4Addr>().ok()?.into(), port)
        }
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(address)
}

/// `1*5DIGIT`, or `_` and a name (RFC 7239 section 6).
fn is_port(port: &str) -> bool {
    match port.strip_prefix('_') {
        Some(name) => {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// The elements of a line of `Forwarded`, from the last one on. A comma in a quoted string is a part of it. The quotes
/// are paired from the end, too: one that a client leaves open does not swallow what a proxy has added.
fn elements_from_end(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let start = start_of_last(line);
        rest = start.checked_sub(1).map(|comma| &line[..comma]);
        Some(field::trim(&line[start..]))
    })
}

/// The position after the last comma that stands in no quoted string.
fn start_of_last(line: &[u8]) -> usize {
    let mut is_quoted = false;
    for (index, byte) in line.iter().enumerate().rev() {
        match byte {
            b',' if !is_quoted => return index + 1,
            b'"' if !is_quoted => is_quoted = true,
            b'"' => {
                // A quote after an odd number of backslashes is a part of the string (RFC 9110 section 5.6.4).
                let escapes = line[..index].iter().rev().take_while(|&&byte| byte == b'\\').count();
                is_quoted = escapes % 2 == 1;
            }
            _ => {}
        }
    }
    0
}

/// The address of the parameter `for` of an element; `None` for an element that is malformed, or has none or several.
fn node_of(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = element;
    loop {
        if !matches!(rest, [] | [b';', ..]) {
            let length = rest.iter().position(|&byte| !field::is_token_byte(byte)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(length);
            let (value, after) = split_value(after.strip_prefix(b"=")?)?;
            if name.eq_ignore_ascii_case(b"for") && found.replace(value).is_some() {
                return None;
            }
            rest = field::trim(after);
        }
        match rest {
            [] => return node(&found?),
            [b';', next @ ..] => rest = field::trim(next),
            _ => return None,
        }
    }
}

/// The value at the front of the text, a token or a quoted string, and what follows it. Colons and brackets, which
/// belong into quotes, are taken without them, for proxies that write addresses so.
fn split_value(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let is_value = |&byte: &u8| field::is_token_byte(byte) || b":[]".contains(&byte);
        let (value, after) =
            text.split_at(text.iter().position(|byte| !is_value(byte)).unwrap_or(text.len()));
        return (!value.is_empty()).then_some((value.into(), after));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((index, &byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value.into(), &quoted[index + 1..])),
            b'\\' => value.push(*bytes.next()?.1),
            byte => value.push(byte),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    /// The client of a request with these lines, where 10.0.0.0/8 and fd00::/8 are trusted; `-` for the proxy itself.
    fn client_of(lines: &str) -> String {
        with(lines, |request| {
            let is_trusted = |address: IpAddr| match address {
                IpAddr::V4(address) => address.octets()[0] == 10,
                IpAddr::V6(address) => address.octets()[0] == 0xfd,
            };
            client(request, is_trusted).map_or_else(|| "-".to_owned(), |address| address.to_string())
        })
    }

    fn with<T>(lines: &str, ask: impl FnOnce(&Request) -> T) -> T {
        let head = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        ask(&Parser::new().advance(head.as_bytes()).unwrap().unwrap())
    }

    #[test]
    fn elements_of_x_forwarded_for() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:8080", "192.0.2.1"),
            ("192.0.2.1:0", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:8080", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
            ("", "-"),
            (" \t", "-"),
            (",,", "-"),
            ("unknown", "-"),
            ("_hidden", "-"),
            ("example.org", "-"),
            ("192.0.2.1:", "-"),
            ("192.0.2.1:http", "-"),
            ("192.0.2.1:123456", "-"),
            ("192.0.2.1 192.0.2.2", "-"),
            ("192.0.2", "-"),
            ("192.0.2.256", "-"),
            ("192.0.2.01", "-"),
            ("0xc0000201", "-"),
            ("3221225985", "-"),
            ("192.0.2.1/32", "-"),
            ("\"192.0.2.1\"", "-"),
            ("[192.0.2.1]", "-"),
            ("[2001:db8::1", "-"),
            ("[2001:db8::1]8080", "-"),
            ("2001:db8::1]", "-"),
            ("fe80::1%eth0", "-"),
            ("[fe80::1%25eth0]", "-"),
            ("\u{ff11}92.0.2.1", "-"),
            ("for=192.0.2.1", "-"),
        ] {
            assert_eq!(client_of(&format!("X-Forwarded-For: {value}\r\n")), expected, "{value}");
        }
    }

    #[test]
    fn elements_of_forwarded() {
        // RFC 7239 sections 4 and 6
        for (value, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:47011\"", "192.0.2.1"),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("FOR=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=\"\\[2001:db8::1\\]\"", "2001:db8::1"),
            ("for=\"[::ffff:192.0.2.1]\"", "192.0.2.1"),
            ("for=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1"),
            ("by=203.0.113.43;host=\"a;b,c\";for=192.0.2.1", "192.0.2.1"),
            (";for=192.0.2.1;;proto=http;", "192.0.2.1"),
            ("proto=https ; for=192.0.2.1 ; by=_x", "192.0.2.1"),
            ("for=\"192.0.2.1:_port\"", "192.0.2.1"),
            // Not RFC 7239, but written by proxies.
            ("for=192.0.2.1:80", "192.0.2.1"),
            ("for=[2001:db8::1]:80", "2001:db8::1"),
            ("for=unknown", "-"),
            ("for=_gazonk", "-"),
            ("for=\"_gazonk:80\"", "-"),
            ("for=\"192.0.2.1:_\"", "-"),
            ("for=2001:db8::1", "-"),
            ("for=\"2001:db8::1\"", "-"),
            ("for=192.0.2.1;for=192.0.2.1", "-"),
            ("for=", "-"),
            ("for=\"\"", "-"),
            ("for", "-"),
            ("for =192.0.2.1", "-"),
            ("for= 192.0.2.1", "-"),
            ("=192.0.2.1", "-"),
            ("192.0.2.1", "-"),
            ("for=\"192.0.2.1", "-"),
            ("for=192.0.2.1\"", "-"),
            ("for=\"192.0.2.1\\\"", "-"),
            ("for=\"192.0.2.1\"x", "-"),
            ("for=192.0.2.1;proto", "-"),
            ("proto=https", "-"),
            ("forward=192.0.2.1", "-"),
            ("for=192.0.2.1 proto=https", "-"),
        ] {
            assert_eq!(client_of(&format!("Forwarded: {value}\r\n")), expected, "{value}");
        }
    }

    #[test]
    fn the_last_address_that_is_not_trusted() {
        for (elements, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["10.0.0.1"], "10.0.0.1"),
            (&["192.0.2.1", "192.0.2.2"], "192.0.2.2"),
            (&["192.0.2.1", "10.0.0.1"], "192.0.2.1"),
            (&["192.0.2.1", "192.0.2.2", "10.0.0.2", "10.0.0.1"], "192.0.2.2"),
            (&["10.0.0.3", "10.0.0.2", "10.0.0.1"], "10.0.0.3"),
            (&["10.0.0.3", "192.0.2.1", "10.0.0.1"], "192.0.2.1"),
            (&["192.0.2.1", "unknown"], "-"),
            (&["192.0.2.1", "unknown", "10.0.0.1"], "10.0.0.1"),
            (&["192.0.2.1", "_x", "10.0.0.2", "10.0.0.1"], "10.0.0.2"),
            (&["unknown", "192.0.2.1", "10.0.0.1"], "192.0.2.1"),
            (&["unknown", "10.0.0.1"], "10.0.0.1"),
            (&["192.0.2.1", "", "10.0.0.1", ""], "192.0.2.1"),
            (&["192.0.2.1", "[fd00::1]:80", "10.0.0.1:80"], "192.0.2.1"),
            (&["192.0.2.1", "[::ffff:10.0.0.1]"], "192.0.2.1"),
        ] {
            let forwarded = elements.iter().map(|element| match *element {
                "" => String::new(),
                element => format!("by=_p;for=\"{element}\""),
            });
            let forwarded: Vec<_> = forwarded.collect();
            let plain: Vec<_> = elements.iter().map(|element| (*element).to_owned()).collect();
            for (name, elements) in [("X-Forwarded-For", plain), ("Forwarded", forwarded)] {
                // RFC 9110 section 5.3: in one line, in a line each, and in two.
                for count in 1..=elements.len() {
                    let lines = elements.chunks(count).map(|line| format!("{name}: {}\r\n", line.join(", ")));
                    let lines: String = lines.collect();
                    assert_eq!(client_of(&lines), expected, "{lines}");
                    assert_eq!(client_of(&lines.replace(", ", " ,\t").to_lowercase()), expected, "{lines}");
                }
            }
        }
    }

    #[test]
    fn x_forwarded_for_wins() {
        for (lines, expected) in [
            ("Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n", "192.0.2.2"),
            ("X-Forwarded-For: 192.0.2.2\r\nForwarded: for=192.0.2.1\r\n", "192.0.2.2"),
            ("X-Forwarded-For: unknown\r\nForwarded: for=192.0.2.1\r\n", "-"),
            ("X-Forwarded-For:\r\nForwarded: for=192.0.2.1\r\n", "-"),
            ("X-Forwarded-For: 10.0.0.1\r\nForwarded: for=192.0.2.1\r\n", "10.0.0.1"),
            ("X-Forwarded: for=192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nClient-IP: 192.0.2.1\r\n", "-"),
        ] {
            assert_eq!(client_of(lines), expected, "{lines}");
        }
    }

    #[test]
    fn what_a_client_sends_does_not_hide_what_a_proxy_adds() {
        for sent in [
            "for=\"",
            "for=\"192.0.2.9",
            "for=\"192.0.2.9\\",
            "for=\"192.0.2.9\\\"",
            "\"\"\"",
            "\\",
            "for=192.0.2.9;host=\"",
            ";;;",
            ",,,",
            "for=192.0.2.9\\",
            "\u{fc}",
        ] {
            for added in ["for=192.0.2.1", "for=\"192.0.2.1\"", "by=\"a,\\\"b\";for=192.0.2.1;host=\"\\\\\""]
            {
                let line = format!("Forwarded: {sent}, {added}\r\n");
                assert_eq!(client_of(&line), "192.0.2.1", "{line}");
                let line = format!("Forwarded: {sent}, {added}, for=10.0.0.1, for=\"10.0.0.2:80\"\r\n");
                assert_eq!(client_of(&line), "192.0.2.1", "{line}");
            }
            let line = format!("X-Forwarded-For: {sent}, 192.0.2.1, 10.0.0.1\r\n");
            assert_eq!(client_of(&line), "192.0.2.1", "{line}");
        }
    }

    #[test]
    fn long_values_are_read_in_one_pass() {
        const LONG: usize = 16 * 1024;
        for (name, piece) in [
            ("X-Forwarded-For", ","),
            ("Forwarded", ","),
            ("Forwarded", "\""),
            ("Forwarded", "\\"),
            ("Forwarded", "\\\""),
            ("Forwarded", ";"),
        ] {
            let value = piece.repeat(LONG / piece.len());
            assert_eq!(client_of(&format!("{name}: {value}\r\n")), "-", "{name} of {piece}");
        }
        let trusted = "10.0.0.1,".repeat(LONG / 9);
        assert_eq!(client_of(&format!("X-Forwarded-For: 192.0.2.1,{trusted}\r\n")), "192.0.2.1");
        let commas = ",".repeat(LONG);
        assert_eq!(client_of(&format!("X-Forwarded-For: 192.0.2.1{commas}10.0.0.1\r\n")), "192.0.2.1");
    }

    #[test]
    fn schemes() {
        for (lines, expected) in [
            ("", false),
            ("X-Forwarded-Proto: https\r\n", true),
            ("x-forwarded-proto: HTTPS \r\n", true),
            ("X-Forwarded-Proto: http\r\n", false),
            ("X-Forwarded-Proto: https, http\r\n", false),
            ("X-Forwarded-Proto: http,https,\r\n", true),
            ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", false),
            ("X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n", true),
            ("X-Forwarded-Proto: \"https\"\r\n", false),
            ("X-Forwarded-Proto: https:\r\n", false),
            ("X-Forwarded-Proto:\r\n", false),
            ("X-Forwarded-Scheme: https\r\nFront-End-Https: on\r\n", false),
        ] {
            assert_eq!(with(lines, is_https), expected, "{lines}");
        }
    }
}
