//! Requests in plain HTTP beside a port that speaks TLS: redirected to it, but for what a certificate client puts down
//! to show that the site is its own (RFC 8555 section 8.3).

use super::now::Now;
use super::pending::Pending;
use super::{Answer, Site, redirect};
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::http::target::{self, Target, TargetError};

/// The folder of the challenges, which are fetched without TLS: there may be no certificate yet.
const CHALLENGES: &[u8] = b".well-known/acme-challenge/";
/// The port that a URI of https need not name.
const DEFAULT_PORT: u16 = 443;

impl Site {
    /// The answer to a request that came without TLS: the same target on another port of the host that was asked.
    pub(crate) fn redirect_to_https(
        &mut self,
        request: &Request,
        port: u16,
        now: &Now,
        pending: &Pending,
    ) -> Answer {
        let response = match place(request, port) {
            Place::Here => return self.answer(request, now, pending),
            Place::There(location) => redirect(Status::PermanentRedirect, &location),
            Place::Nowhere(status) => self.refuse(status),
        };
        Answer::Ready(if request.method == Method::Head { response.without_content() } else { response })
    }
}

/// Whether a target is one of the challenges.
pub(super) fn is_challenge(target: &[u8]) -> bool {
    Target::parse(target).is_ok_and(|target| is_in_challenges(&target))
}

fn is_in_challenges(target: &Target) -> bool {
    target.path.as_bytes().starts_with(CHALLENGES)
}

/// The place where a request is answered.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Here, although it came without TLS.
    Here,
    /// At this URI.
    There(Vec<u8>),
    /// Nowhere: the request is refused.
    Nowhere(Status),
}

/// The place of a request whose host, if it names one, is valid already.
fn place(request: &Request, port: u16) -> Place {
    match request.method {
        Method::Unknown => return Place::Nowhere(Status::NotImplemented),
        Method::Connect => return Place::Nowhere(Status::MethodNotAllowed),
        _ => {}
    }
    let local = match request.target {
        b"*" => b"/",
        target => match Target::parse(target) {
            Ok(target) if is_in_challenges(&target) => return Place::Here,
            Err(error @ TargetError::Malformed(_)) => return Place::Nowhere(error.status()),
            Ok(_) | Err(TargetError::EncodedSlash) => target::local(target),
        },
    };
    let Some(host) = target::host(request).filter(|host| !host.is_empty()) else {
        return Place::Nowhere(Status::BadRequest);
    };
    let mut location = [b"https://", host].concat();
    if port != DEFAULT_PORT {
        location.extend_from_slice(format!(":{port}").as_bytes());
    }
    if !local.starts_with(b"/") {
        location.push(b'/'); // a query right after the authority
    }
    target::encode_query(local, &mut location);
    Place::There(location)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    #[test]
    fn places() {
        let there = |location: &str| Place::There(location.as_bytes().to_vec());
        for (line, host, port, expected) in [
            ("GET / HTTP/1.1", "Host: a\r\n", 443, there("https://a/")),
            ("GET /b?c=d HTTP/1.1", "Host: a:80\r\n", 8443, there("https://a:8443/b?c=d")),
            ("POST /b/../c HTTP/1.1", "Host: [::1]:8080\r\n", 443, there("https://[::1]/b/../c")),
            ("GET //b.example/ HTTP/1.1", "Host: a\r\n", 443, there("https://a//b.example/")),
            ("GET /\u{e4} HTTP/1.1", "Host: a\r\n", 443, there("https://a/%C3%A4")),
            ("GET /b%2fc HTTP/1.1", "Host: a\r\n", 443, there("https://a/b%2fc")),
            // RFC 9112 section 3.2.2: the authority of the target wins.
            ("GET http://b:81/c HTTP/1.1", "Host: a\r\n", 443, there("https://b/c")),
            ("GET http://b HTTP/1.1", "Host: a\r\n", 443, there("https://b/")),
            ("GET http://b?c HTTP/1.1", "Host: a\r\n", 443, there("https://b/?c")),
            ("OPTIONS * HTTP/1.1", "Host: a\r\n", 443, there("https://a/")),
            ("GET http://b/ HTTP/1.0", "", 443, there("https://b/")),
            ("GET / HTTP/1.0", "", 443, Place::Nowhere(Status::BadRequest)),
            ("GET / HTTP/1.1", "Host:\r\n", 443, Place::Nowhere(Status::BadRequest)),
            ("GET /.. HTTP/1.1", "Host: a\r\n", 443, Place::Nowhere(Status::BadRequest)),
            ("CONNECT a:443 HTTP/1.1", "Host: a:443\r\n", 443, Place::Nowhere(Status::MethodNotAllowed)),
            ("BREW / HTTP/1.1", "Host: a\r\n", 443, Place::Nowhere(Status::NotImplemented)),
            // RFC 8555 section 8.3
            ("GET /.well-known/acme-challenge/x HTTP/1.1", "Host: a\r\n", 443, Place::Here),
            (
                "GET /.well-known/acme-challenge/../x HTTP/1.1",
                "Host: a\r\n",
                443,
                there("https://a/.well-known/acme-challenge/../x"),
            ),
            (
                "GET /.well-known/acme-challengex HTTP/1.1",
                "Host: a\r\n",
                443,
                there("https://a/.well-known/acme-challengex"),
            ),
        ] {
            let head = format!("{line}\r\n{host}\r\n");
            let mut parser = Parser::new();
            let request = parser.advance(head.as_bytes()).unwrap().unwrap();
            assert_eq!(place(&request, port), expected, "{line}");
        }
    }
}
