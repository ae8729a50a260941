//! One request and its response: the answer, and what follows on the connection.

use super::before_site::BeforeSite;
use crate::http::field::Name;
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::http::target;
use crate::http1::framing::{Body, FramingError, Skipper};
use crate::http1::render::Persistence;
use crate::site::now::Now;
use crate::site::pending::{Job, Pending};
use crate::site::response::Response;
use crate::site::{Answer, Site};

/// Bytes of a request body, the lines between its chunks included, that are read for the sake of the connection; after
/// a longer one it is closed.
pub(super) const MAX_SKIPPED_BODY: u64 = 1024 * 1024;

/// What follows on the connection once the responses are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// The next request.
    Read,
    /// The rest of a body, and then the next request.
    Skip(Skipper),
    /// The end, while the client may still be sending.
    Linger,
    /// The end.
    Close,
}

impl Next {
    /// Whether nothing more is sent.
    pub(super) fn is_end(self) -> bool {
        matches!(self, Next::Linger | Next::Close)
    }
}

/// A request that is answered.
pub(super) struct Exchange {
    pub(super) response: Response,
    /// What the response says of the connection.
    pub(super) persistence: Persistence,
    /// What follows it.
    pub(super) next: Next,
}

/// Answers a request, for which the `pending` jobs were done. `is_last` says that its connection is to end whatever the
/// client wishes.
///
/// # Errors
/// The [`Job`] that is to be done before.
pub(super) fn answer(
    request: &Request,
    site: &mut Site,
    now: &Now,
    pending: &Pending,
    before_site: BeforeSite,
    is_last: bool,
) -> Result<Exchange, Box<Job>> {
    let body = match frame(request) {
        Ok(body) => body,
        Err(status) => return Ok(refuse(request, site, status)),
    };
    let response = match before_site.answer(request, site, now, pending) {
        Answer::Ready(response) => response,
        Answer::Wait(job) => return Err(job),
    };
    let next = follow_body(request, body, is_last);
    let persistence = match next {
        Next::Read | Next::Skip(_) if request.version.is_1_0() => Persistence::KeepAlive,
        Next::Read | Next::Skip(_) => Persistence::Implied,
        Next::Linger | Next::Close => Persistence::Close,
    };
    Ok(Exchange { response, persistence, next })
}

/// Refuses a request after which nothing on the connection can be trusted.
pub(super) fn refuse(request: &Request, site: &Site, status: Status) -> Exchange {
    let response = site.refuse(status);
    let response = if request.method == Method::Head { response.without_content() } else { response };
    Exchange { response, persistence: Persistence::Close, next: Next::Linger }
}

/// The skipper of a chunked body, which is read before its request is answered: a body that is not well-formed makes
/// the whole request a bad one (RFC 9112 section 7.1). `None` where there is no such body, and where the client may
/// not send it.
pub(super) fn chunks_to_read(request: &Request) -> Option<Skipper> {
    if !request.has(Name::TransferEncoding) {
        return None;
    }
    match frame(request) {
        Ok(body @ Body::Chunked) if !waits_for_100(request) => Skipper::new(body, MAX_SKIPPED_BODY),
        _ => None,
    }
}

/// The framing of a request, checked before anything that it asks for.
fn frame(request: &Request) -> Result<Body, Status> {
    let body = Body::of(request).map_err(FramingError::status)?;
    if target::has_valid_host(request) { Ok(body) } else { Err(Status::BadRequest) }
}

/// A client that waits for a 100 may or may not send the body after another answer: the meaning of the next bytes
/// cannot be known (RFC 9110 section 10.1.1).
fn waits_for_100(request: &Request) -> bool {
    !request.version.is_1_0() && request.has(Name::Expect)
}

fn follow_body(request: &Request, body: Body, is_last: bool) -> Next {
    let is_last = is_last || !request.is_persistent();
    match body {
        Body::None if is_last => Next::Close,
        Body::None => Next::Read,
        _ if is_last || waits_for_100(request) => Next::Linger,
        _ => Skipper::new(body, MAX_SKIPPED_BODY).map_or(Next::Linger, Next::Skip),
    }
}
