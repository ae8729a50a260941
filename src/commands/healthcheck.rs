//! `httpd healthcheck`: asks the server that the environment describes whether it is well, for a container without a
//! shell and without curl.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Address, Config};

/// The time for everything.
const TIME: Duration = Duration::from_secs(5);
/// Bytes of an answer that are enough to know its status: `HTTP/1.1 200`.
const ENOUGH: usize = 12;
/// The header of the PROXY protocol of somebody who speaks for itself.
const PROXY_HEADER: &str = "PROXY UNKNOWN\r\n";

/// Asks at the admin address, or else for the health path, or else for `/`. Any answer below 500 is well.
///
/// # Errors
/// No answer within five seconds, or one that is no answer of an HTTP server or says that it is not well.
pub fn run(config: &Config) -> io::Result<bool> {
    let deadline = Instant::now() + TIME;
    let path = match (&config.watching.admin, &config.watching.health) {
        (Some(_), _) => "/healthz",
        (None, Some(path)) => path,
        (None, None) => "/",
    };
    let (addresses, header) = match &config.watching.admin {
        Some(address) => (vec![address.clone()], ""),
        None if config.proxies.need_header => (config.listen.addresses(), PROXY_HEADER),
        None => (config.listen.addresses(), ""),
    };
    let status = match connect_to_any(&addresses, deadline)? {
        Connected::Tcp(stream) => ask(stream, header, path, deadline, |stream, left| {
            stream.set_read_timeout(Some(left))?;
            stream.set_write_timeout(Some(left))
        }),
        Connected::Unix(stream) => ask(stream, header, path, deadline, |stream, left| {
            stream.set_read_timeout(Some(left))?;
            stream.set_write_timeout(Some(left))
        }),
    }?;
    match status {
        0..500 => Ok(true),
        _ => Err(io::Error::other(format!("{path} answers {status}"))),
    }
}

/// A connection to the server.
enum Connected {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Connects to the first address where somebody listens.
fn connect_to_any(addresses: &[Address], deadline: Instant) -> io::Result<Connected> {
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = match address {
            Address::Tcp { host, port } => connect_tcp(host, *port, deadline).map(Connected::Tcp),
            Address::Unix { path, .. } => connect_unix(path.clone(), deadline).map(Connected::Unix),
        };
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Waits on another thread: where many clients wait, so does this call, and there is no bound to it.
fn connect_unix(path: PathBuf, deadline: Instant) -> io::Result<UnixStream> {
    let (sender, receiver) = mpsc::channel();
    let connect = move || drop(sender.send(UnixStream::connect(path)));
    thread::Builder::new().spawn(connect)?;
    receiver.recv_timeout(left(deadline)?).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn connect_tcp(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    // To connect to an unspecified address is to connect to this machine. `::` stands for IPv4, too.
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    if addresses.iter().any(|address| address.ip() == Ipv6Addr::UNSPECIFIED) {
        addresses.push((Ipv4Addr::LOCALHOST, port).into());
    }
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = TcpStream::connect_timeout(&address, left(deadline)?);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The status of the answer to a request after a PROXY header, which may be empty; `limit` bounds each wait.
fn ask<S: Read + Write>(
    mut stream: S,
    header: &str,
    path: &str,
    deadline: Instant,
    limit: impl Fn(&S, Duration) -> io::Result<()>,
) -> io::Result<u16> {
    limit(&stream, left(deadline)?)?;
    stream.write_all(
        format!("{header}GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    let mut buffer = [0; 512];
    while answer.len() < ENOUGH {
        limit(&stream, left(deadline)?)?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    status_of(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no answer of an HTTP server"))
}

/// The time that is left.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The status in the first line of an answer (RFC 9112 section 4).
fn status_of(answer: &[u8]) -> Option<u16> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', code @ ..] = answer else { return None };
    let code = std::str::from_utf8(code.get(..3)?).ok()?;
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 503", Some(503)),
            ("HTTP/1.1 20", None),
            ("HTTP/2 200 OK", None),
            ("SSH-2.0-OpenSSH", None),
            ("", None),
        ] {
            assert_eq!(status_of(answer.as_bytes()), expected, "{answer}");
        }
    }
}
