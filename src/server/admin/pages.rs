//! The pages of the admin address: a request and the numbers go in, a response comes out.

use std::time::Duration;

use super::metrics;
use super::report::{Report, Sample};
use super::status_page;
use crate::http::fields::Fields;
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::http1::render::{self, Persistence};

/// Answers a request; `last` is the time of the latest numbers, and what has come in it. Every response is the last one
/// of its connection.
pub(super) fn answer(request: &Request, report: &Report, last: (Duration, Sample), now: u64) -> Vec<u8> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let path = request.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let (status, media_type, body) = match path {
        _ if !matches!(request.method, Method::Get | Method::Head) => {
            (Status::MethodNotAllowed, PLAIN, "GET and HEAD alone\n".into())
        }
        b"/metrics" => (Status::Ok, metrics::MEDIA_TYPE, metrics::render(report)),
        b"/healthz" => (Status::Ok, PLAIN, "alive\n".into()),
        b"/readyz" if report.is_ready => (Status::Ok, PLAIN, "ready\n".into()),
        b"/readyz" => (Status::ServiceUnavailable, PLAIN, "stopping\n".into()),
        b"/" | b"/status" => (Status::Ok, "text/html; charset=utf-8", status_page::render(report, last)),
        _ => (Status::NotFound, PLAIN, "/metrics, /healthz, /readyz and /status are here\n".into()),
    };
    render(status, media_type, body.as_bytes(), request.method == Method::Head, now)
}

/// Refuses a request that cannot be read.
pub(super) fn refuse(status: Status, now: u64) -> Vec<u8> {
    render(status, "text/plain; charset=utf-8", b"this is no request\n", false, now)
}

fn render(status: Status, media_type: &str, body: &[u8], is_head: bool, now: u64) -> Vec<u8> {
    let mut own = Fields::default();
    own.push("Content-Type", media_type);
    own.push_display("Content-Length", body.len());
    own.push("Cache-Control", "no-store");
    own.push("X-Content-Type-Options", "nosniff");
    if status == Status::MethodNotAllowed {
        own.push("Allow", "GET, HEAD");
    }
    let mut response = Vec::new();
    render::head(&mut response, status, &Fields::common(now), Persistence::Close, [own.lines(), &[]]);
    if !is_head {
        response.extend_from_slice(body);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    fn answer_to(method: &str, target: &str, is_ready: bool) -> String {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut parser = Parser::new();
        let request = parser.advance(head.as_bytes()).unwrap().unwrap();
        let report = Report { is_ready, ..Report::default() };
        String::from_utf8(answer(&request, &report, Default::default(), 0)).unwrap()
    }

    #[test]
    fn paths_and_methods() {
        for (method, target, is_ready, status, end) in [
            ("GET", "/healthz", true, 200, "\r\n\r\nalive\n"),
            ("GET", "/healthz", false, 200, "\r\n\r\nalive\n"),
            ("GET", "/readyz", true, 200, "\r\n\r\nready\n"),
            ("GET", "/readyz?verbose", false, 503, "\r\n\r\nstopping\n"),
            ("HEAD", "/healthz", true, 200, "\r\n\r\n"),
            ("GET", "/status", true, 200, "</html>\n"),
            ("GET", "/metrics", true, 200, "\n"),
            ("GET", "/x", true, 404, "are here\n"),
            ("POST", "/metrics", true, 405, "alone\n"),
        ] {
            let text = answer_to(method, target, is_ready);
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {target}: {text}");
            assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
            assert!(text.ends_with(end), "{method} {target}: {text}");
        }
    }
}
