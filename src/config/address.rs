//! The addresses of `--listen` and `--admin`.

use std::fmt;
use std::path::PathBuf;

/// A place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host, by name or address, and a port.
    Tcp {
        /// The host, without the brackets of an IPv6 address.
        host: String,
        /// The port; 0 lets the system choose one.
        port: u16,
    },
    /// A socket file.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permissions, of 9 bits; those that the umask leaves if it is `None`.
        mode: Option<u32>,
    },
}

impl Address {
    /// A host as flags have it, with or without the brackets of an IPv6 address, and a port.
    pub(super) fn of_host(host: &str, port: u16) -> Address {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Address::Tcp { host: bare.unwrap_or(host).into(), port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Address::Unix { path, .. } => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// One address, or several with blanks between them.
pub(super) fn parse_list(text: &str) -> Result<Vec<Address>, String> {
    let addresses = text.split_whitespace().map(parse).collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() { Err("no address".into()) } else { Ok(addresses) }
}

/// `HOST:PORT`, `:PORT` for all addresses of the machine, or `unix:/path`, after which `,mode=0660` may stand.
pub(super) fn parse(text: &str) -> Result<Address, String> {
    const FORMS: &str = "neither HOST:PORT, :PORT nor unix:/path";
    if let Some(rest) = text.strip_prefix("unix:") {
        let (path, mode) = match rest.rsplit_once(",mode=") {
            Some((path, mode)) => (path, Some(parse_mode(mode)?)),
            None => (rest, None),
        };
        // Without its first letter, `unix:8000` could be a path or a port of a host.
        return match path.starts_with(['/', '.']) {
            true => Ok(Address::Unix { path: path.into(), mode }),
            false => Err("the path of a socket begins with / or ./".into()),
        };
    }
    let (host, port) = text.rsplit_once(':').ok_or(FORMS)?;
    let port = port.parse().map_err(|_| FORMS)?;
    let is_bracketed = host.len() > 2 && host.starts_with('[') && host.ends_with(']');
    match host {
        "" => Ok(Address::Tcp { host: "::".into(), port }),
        _ if is_bracketed || !host.contains([':', '[', ']']) => Ok(Address::of_host(host, port)),
        _ => Err(FORMS.into()),
    }
}

/// An octal number.
fn parse_mode(text: &str) -> Result<u32, String> {
    let is_octal = !text.is_empty() && text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|&mode| is_octal && mode <= 0o777);
    mode.ok_or_else(|| "the mode is no octal number up to 0777".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| Some(Address::Tcp { host: host.into(), port });
        let unix = |path: &str, mode| Some(Address::Unix { path: path.into(), mode });
        for (text, expected) in [
            ("127.0.0.1:9000", tcp("127.0.0.1", 9000)),
            ("localhost:0", tcp("localhost", 0)),
            ("[::1]:9000", tcp("::1", 9000)),
            ("[fe80::1%eth0]:80", tcp("fe80::1%eth0", 80)),
            ("[::]:80", tcp("::", 80)),
            (":80", tcp("::", 80)),
            ("unix:/run/httpd.sock", unix("/run/httpd.sock", None)),
            ("unix:./httpd.sock", unix("./httpd.sock", None)),
            ("unix:/a,b,mode=0660", unix("/a,b", Some(0o660))),
            ("unix:/a,mode=777", unix("/a", Some(0o777))),
            ("unix:/a,mode=0", unix("/a", Some(0))),
            ("unix:/a,mode=0888", None),
            ("unix:/a,mode=1777", None),
            ("unix:/a,mode=+660", None),
            ("unix:/a,mode=", None),
            ("unix:", None),
            ("unix:8000", None),
            ("unix:,mode=0660", None),
            ("::1:9000", None),
            ("[]:9000", None),
            ("[::1:9000", None),
            ("9000", None),
            ("localhost:http", None),
            ("localhost:65536", None),
            ("localhost:", None),
            ("", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn lists() {
        for (text, expected) in [
            ("", None),
            (" \n", None),
            (":80", Some(1)),
            (" :80  unix:/a\t[::1]:0\n", Some(3)),
            (":80 a", None),
        ] {
            assert_eq!(parse_list(text).ok().map(|list| list.len()), expected, "{text:?}");
        }
    }
}
