//! The representation that answers: a request goes in, a response comes out.
//!
//! [`Site::answer`] is the sentence *method, target, file, coding, preconditions, range, response*; each word is a
//! file. Nothing here knows of sockets.

mod cache;
mod characters;
mod clock_cache;
pub(crate) mod compress;
mod entity_tag;
mod error_page;
mod folder;
pub(crate) mod forms;
mod found;
mod freshness;
mod listing;
mod load;
mod names;
pub(crate) mod now;
mod one_state;
pub(crate) mod pending;
pub(crate) mod representation;
pub(crate) mod residency;
pub(crate) mod resolve;
mod resource;
pub(crate) mod response;
pub(crate) mod shared;
pub(crate) mod sidecar;
pub(crate) mod types_file;

use std::rc::Rc;
use std::sync::Arc;

use crate::config::Files;
use crate::http::field::Name;
use crate::http::media_type;
use crate::http::request::{self, Method, Request};
use crate::http::status::Status;
use crate::http::target::{self, Target};
use cache::Cache;
use error_page::ErrorPages;
use listing::Lister;
use load::Stop;
use now::Now;
use pending::{Job, Pending};
use representation::{Content, Representation};
use resolve::Root;
use resource::Resource;
use response::Response;
use shared::Shared;

/// The part of the site that one worker may keep ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheShare {
    /// Bytes in memory.
    pub(crate) bytes: usize,
    /// Open files.
    pub(crate) descriptors: usize,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The response.
    Ready(Response),
    /// A job that is to be done first.
    Wait(Job),
}

/// A site: the files beneath a root, as one worker knows them.
pub(crate) struct Site {
    cache: Cache,
    lister: Lister,
    errors: ErrorPages,
    /// Whether names that begin with a dot are not served.
    hides_dot_files: bool,
    /// The fields of a response to OPTIONS.
    options: Rc<Representation>,
}

impl Site {
    /// The site beneath `root`, of which this worker may keep its `share`.
    pub(crate) fn new(root: Root, files: &Files, share: CacheShare, shared: Arc<Shared>) -> Site {
        let allow = [("Allow", request::ALLOWED.as_bytes())];
        let options = Representation::new(&allow, &[], media_type::UNKNOWN, Content::Memory(Arc::new([])));
        let lister = Lister::new(root.clone(), files, Arc::clone(&shared));
        let cache = Cache::new(root, files, share, shared);
        let (errors, options) = (ErrorPages::rendered(), Rc::new(options));
        Site { cache, lister, errors, hides_dot_files: !files.dot_files, options }
    }

    /// The answer to a request, for which the `pending` jobs were done.
    pub(crate) fn answer(&mut self, request: &Request, now: &Now, pending: &Pending) -> Answer {
        let response = match self.respond(request, now, pending) {
            Ok(response) => response,
            Err(Stop::Refused(status)) => self.refuse(status),
            Err(Stop::Wait(job)) => return Answer::Wait(job),
        };
        Answer::Ready(if request.method == Method::Head { response.without_content() } else { response })
    }

    /// The response to a request that is refused unseen.
    pub(crate) fn refuse(&self, status: Status) -> Response {
        Response::whole(status, self.errors.page(status))
    }

    /// The methods that any path allows (RFC 9110 section 9.3.7).
    fn options(&self) -> Response {
        Response::fields_alone(Status::NoContent, Rc::clone(&self.options))
    }

    fn respond(&mut self, request: &Request, now: &Now, pending: &Pending) -> Result<Response, Stop> {
        check_method(request).and_then(|()| check_expectation(request)).map_err(Stop::Refused)?;
        if request.method == Method::Options && request.target == b"*" {
            return Ok(self.options());
        }
        let target = Target::parse(request.target).map_err(|error| Stop::Refused(error.status()))?;
        if request.method == Method::Options {
            return Ok(self.options());
        }
        if self.hides_dot_files && resolve::is_hidden(&target.path) {
            return Err(Stop::Refused(Status::NotFound));
        }
        let resource = self.cache.find(&target.path, now, pending)?;
        match &*resource {
            Resource::File(variants) => {
                let response = found::respond(request, variants, now, pending)?;
                if resource.has_grown() {
                    self.cache.weigh(&target.path);
                }
                Ok(response)
            }
            Resource::Redirect(location) => Ok(redirect(location, target.query)),
            Resource::Folder => self.lister.respond(request, &target, pending),
            Resource::Missing => Err(Stop::Refused(Status::NotFound)),
        }
    }
}

fn check_method(request: &Request) -> Result<(), Status> {
    match request.method {
        Method::Get | Method::Head | Method::Options => Ok(()),
        Method::Unknown => Err(Status::NotImplemented),
        _ => Err(Status::MethodNotAllowed),
    }
}

/// HTTP/1.0 has no expectations (RFC 9110 section 10.1.1).
fn check_expectation(request: &Request) -> Result<(), Status> {
    let mut expectations = request.values(Name::Expect);
    if request.minor == 0 || expectations.all(|value| value.eq_ignore_ascii_case(b"100-continue")) {
        Ok(())
    } else {
        Err(Status::ExpectationFailed)
    }
}

fn redirect(location: &[u8], query: Option<&[u8]>) -> Response {
    let mut location = location.to_vec();
    if let Some(query) = query {
        location.push(b'?');
        target::encode_query(query, &mut location);
    }
    let status = Status::MovedPermanently;
    Response::whole(status, Rc::new(error_page::render(status, &[("Location", &location)])))
}
