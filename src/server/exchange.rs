//! One request and its response: what is answered, and what follows on the connection.

use crate::http::field::Name;
use crate::http::framing::{Body, FramingError, Skipper};
use crate::http::request::{Method, Request};
use crate::http::response::Connection;
use crate::http::status::Status;
use crate::http::target;
use crate::site::cold::{Cold, Fetched};
use crate::site::{Now, Response, Site};

/// Bytes of a request body, the lines between its chunks included, that are skipped for the sake of the
/// connection; after a longer one it is closed.
pub(super) const MAX_SKIPPED_BODY: u64 = 1024 * 1024;

/// What follows once the responses are sent.
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
    /// The response.
    pub response: Response,
    /// What it says of the connection.
    pub connection: Connection,
    /// What follows it.
    pub then: Next,
}

/// Answers a request, for which something was `fetched` before; `is_last` says that its connection is to end
/// whatever the client reopen_requests.
///
/// # Errors
/// What has to be fetched before.
pub(super) fn answer(
    request: &Request,
    site: &mut Site,
    moment: &Now,
    is_last: bool,
    fetched: Fetched,
) -> Result<Exchange, Cold> {
    let (response, then) = match frame(request) {
        Ok(body) => (site.answer(request, moment, fetched)?, follow_body(request, body, is_last)),
        Err(status) => {
            let with_content = request.method != Method::Head;
            (Response { with_content, ..site.refuse(status) }, Next::Linger)
        }
    };
    let connection = match then {
        Next::Read | Next::Skip(_) if request.minor == 0 => Connection::KeepAlive,
        Next::Read | Next::Skip(_) => Connection::Implied,
        Next::Linger | Next::Close => Connection::Close,
    };
    Ok(Exchange { response, connection, then })
}

/// What the framing of a request says, before anybody looks at what it asks for.
fn frame(request: &Request) -> Result<Body, Status> {
    let body = Body::of(request).map_err(FramingError::status)?;
    if target::has_valid_host(request) { Ok(body) } else { Err(Status::BadRequest) }
}

fn follow_body(request: &Request, body: Body, is_last: bool) -> Next {
    let is_last = is_last || !request.is_persistent();
    // Who waits for a 100 may or may not send the body after another answer: nobody can know what the next
    // bytes are (RFC 9110 section 10.1.1).
    let waits_for_100 = request.minor >= 1 && request.has(Name::Expect);
    match body {
        Body::None if is_last => Next::Close,
        Body::None => Next::Read,
        _ if is_last || waits_for_100 => Next::Linger,
        _ => Skipper::new(body, MAX_SKIPPED_BODY).map_or(Next::Linger, Next::Skip),
    }
}
