//! One request and its response: what is answered, and what follows on the connection.

use crate::http::field::Name;
use crate::http::framing::{Body, FramingError, Skipper};
use crate::http::request::{Method, Request};
use crate::http::response::Persistence;
use crate::http::status::Status;
use crate::http::target;
use crate::site::cold::{Cold, Fetched};
use crate::site::{Moment, Response, Site};

/// Bytes of a request body, the lines between its chunks included, that are skipped for the sake of the
/// connection; after a longer one it is closed.
pub const MAX_SKIPPED_BODY: u64 = 1024 * 1024;

/// What follows once the responses are sent.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// The next request.
    Read,
    /// The rest of a body, and then the next request.
    Skip(Skipper),
    /// The end, while the client may still be sending.
    Linger,
    /// The end.
    Close,
}

impl Then {
    /// Whether nothing more is sent.
    pub fn is_end(self) -> bool {
        matches!(self, Then::Linger | Then::Close)
    }
}

/// A request that is answered.
pub struct Exchange {
    /// The response.
    pub response: Response,
    /// What it says of the connection.
    pub connection: Persistence,
    /// What follows it.
    pub then: Then,
}

/// Answers a request, for which something was `fetched` before; `is_last` says that its connection is to end
/// whatever the client wishes.
///
/// # Errors
/// What has to be fetched before.
pub fn answer(
    request: &Request,
    site: &mut Site,
    moment: &Moment,
    is_last: bool,
    fetched: Fetched,
) -> Result<Exchange, Cold> {
    let (response, then) = match frame(request) {
        Ok(body) => (site.answer(request, moment, fetched)?, follow_body(request, body, is_last)),
        Err(status) => {
            let with_content = request.method != Method::Head;
            (Response { with_content, ..site.refuse(status) }, Then::Linger)
        }
    };
    let connection = match then {
        Then::Read | Then::Skip(_) if request.minor == 0 => Persistence::KeepAlive,
        Then::Read | Then::Skip(_) => Persistence::Implied,
        Then::Linger | Then::Close => Persistence::Close,
    };
    Ok(Exchange { response, connection, then })
}

/// What the framing of a request says, before anybody looks at what it asks for.
fn frame(request: &Request) -> Result<Body, Status> {
    let body = Body::of(request).map_err(FramingError::status)?;
    if target::has_valid_host(request) { Ok(body) } else { Err(Status::BadRequest) }
}

fn follow_body(request: &Request, body: Body, is_last: bool) -> Then {
    let is_last = is_last || !request.is_persistent();
    // Who waits for a 100 may or may not send the body after another answer: nobody can know what the next
    // bytes are (RFC 9110 section 10.1.1).
    let waits_for_100 = request.minor >= 1 && request.has(Name::Expect);
    match body {
        Body::None if is_last => Then::Close,
        Body::None => Then::Read,
        _ if is_last || waits_for_100 => Then::Linger,
        _ => Skipper::new(body, MAX_SKIPPED_BODY).map_or(Then::Linger, Then::Skip),
    }
}
