//! Which file answers: a request goes in, a response comes out.
//!
//! [`Site::answer`] is the sentence *method, target, file, coding, preconditions, range, response*; each
//! word is a file. Nothing here knows of sockets.

pub(crate) mod cache;
mod clock_cache;
pub(crate) mod cold;
pub(crate) mod error_page;
pub(crate) mod file;
pub(crate) mod open_file;
pub(crate) mod resolve;

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Files;
use crate::http::encoding;
use crate::http::field::Name;
use crate::http::multipart::Multipart;
use crate::http::preconditions::{self, Outcome};
use crate::http::range::{self, Selection};
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::http::target::Target;
use crate::sys::file::Metadata;
use cache::{Cache, Resource, Unready};
use cold::{Cold, Fetched};
use error_page::ErrorPages;
use file::{Representation, Variant};
use resolve::Root;

/// What one worker may keep ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheShare {
    /// Bytes in memory.
    pub bytes: usize,
    /// Open files.
    pub descriptors: usize,
}

/// A turn of the loop, and when it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Counts the turns: all requests of one turn had arrived before it looked at any file.
    pub turn: u64,
    /// Time of day.
    pub now: SystemTime,
}

impl Now {
    /// Two changes of a file closer than this may bear the same time: a tick of the slowest kernel clock
    /// (10 ms), twice.
    const TICK: Duration = Duration::from_millis(20);
    /// The same on file systems that keep whole seconds; FAT keeps two.
    const COARSE_TICK: Duration = Duration::from_secs(3);

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.since_1970().as_secs()
    }

    /// Nanoseconds since 1970.
    pub(crate) fn nanoseconds(&self) -> u128 {
        self.since_1970().as_nanos()
    }

    fn since_1970(&self) -> Duration {
        self.now.duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// Whether the file was changed so long ago that a further change bears another time.
    pub(crate) fn is_settled(&self, metadata: &Metadata) -> bool {
        let changed = metadata.changed;
        let tick = if changed.nanoseconds == 0 { Now::COARSE_TICK } else { Now::TICK };
        let changed = Duration::new(u64::try_from(changed.seconds).unwrap_or(0), changed.nanoseconds);
        self.since_1970().checked_sub(changed).is_some_and(|age| age > tick)
    }
}

/// Which part of a representation a response carries.
#[derive(Debug)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// Nothing: the client has it (304).
    Nothing,
    /// One range.
    One(std::ops::Range<u64>),
    /// Several ranges.
    Several(Multipart),
}

/// A response, ready to be rendered and sent.
#[derive(Debug)]
pub(crate) struct Response {
    /// How it went.
    pub status: Status,
    /// Fields and content.
    pub representation: Rc<Representation>,
    /// The part of it that is meant.
    pub part: Part,
    /// False for HEAD: the head is the same, the content is left out.
    pub with_content: bool,
}

/// A site: the files beneath a root, as one worker knows them.
pub(crate) struct Site {
    cache: Cache,
    errors: ErrorPages,
}

impl Site {
    /// The site beneath `root`.
    pub(crate) fn new(root: Root, files: &Files, share: CacheShare) -> Site {
        Site { cache: Cache::new(root, files, share), errors: ErrorPages::rendered() }
    }

    /// The response to a request, for which a thread has fetched something before.
    ///
    /// # Errors
    /// What has to be fetched before there is one.
    pub(crate) fn answer(
        &mut self,
        request: &Request,
        now: &Now,
        fetched: Fetched,
    ) -> Result<Response, Cold> {
        let response = match self.respond(request, now, fetched) {
            Ok(response) => response,
            Err(Unready::Refused(status)) => self.refuse(status),
            Err(Unready::Cold(cold)) => return Err(cold),
        };
        Ok(Response { with_content: request.method != Method::Head, ..response })
    }

    /// The response to what is not even a request.
    pub(crate) fn refuse(&self, status: Status) -> Response {
        Response { status, representation: self.errors.page(status), part: Part::Whole, with_content: true }
    }

    fn respond(&mut self, request: &Request, now: &Now, fetched: Fetched) -> Result<Response, Unready> {
        check_method(request).and_then(|()| check_expectation(request)).map_err(Unready::Refused)?;
        let target = Target::parse(request.target).map_err(|error| Unready::Refused(error.status()))?;
        if resolve::is_hidden(&target.path) {
            return Err(Unready::Refused(Status::NotFound));
        }
        let resource = self.cache.find(&target.path, now, fetched)?;
        let variants = match &*resource {
            Resource::File(variants) => variants,
            Resource::Directory(location) => return Ok(redirect(location, target.query)),
            Resource::Missing => return Err(Unready::Refused(Status::NotFound)),
        };
        let Some(variant) = select_variant(request, variants) else {
            return Ok(refuse_variants(Status::NotAcceptable, variants, &[]));
        };
        match preconditions::evaluate(request, &variant.validators()) {
            Outcome::Proceed => {}
            Outcome::NotModified => return Ok(success(Status::NotModified, variant, Part::Nothing)),
            Outcome::Failed => return Ok(refuse_variants(Status::PreconditionFailed, variants, &[])),
        }
        let length = variant.representation.content.length();
        Ok(match range::select(request, &variant.validators(), length) {
            Selection::Whole => success(Status::Ok, variant, Part::Whole),
            Selection::One(range) => success(Status::PartialContent, variant, Part::One(range)),
            // Where a coding stands beside several parts, its place is understood in two ways: in the head
            // of the response, or in each part. Nobody asks for it, and a range may always be ignored.
            Selection::Several(_) if variant.coding != encoding::Coding::Identity => {
                success(Status::Ok, variant, Part::Whole)
            }
            Selection::Several(ranges) => {
                let parts = Multipart::new(&variant.boundary(now), variant.media_type, ranges, length);
                success(Status::PartialContent, variant, Part::Several(parts))
            }
            Selection::Unsatisfiable => {
                let content_range = range::unsatisfied_range(length);
                let fields = [("Content-Range", content_range.as_bytes())];
                refuse_variants(Status::RangeNotSatisfiable, variants, &fields)
            }
        })
    }
}

fn check_method(request: &Request) -> Result<(), Status> {
    match request.method {
        Method::Get | Method::Head => Ok(()),
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

fn select_variant<'a>(request: &Request, variants: &'a [Variant]) -> Option<&'a Variant> {
    let available = variants.iter().map(|variant| (variant.coding, variant.representation.content.length()));
    let coding = encoding::choose(request.values(Name::AcceptEncoding), available)?;
    variants.iter().find(|variant| variant.coding == coding)
}

fn success(status: Status, variant: &Variant, part: Part) -> Response {
    Response { status, representation: Rc::clone(&variant.representation), part, with_content: true }
}

/// A refusal that another Accept-Encoding could have turned, where there is more than one coding.
fn refuse_variants(status: Status, variants: &[Variant], fields: &[(&str, &[u8])]) -> Response {
    let mut fields = fields.to_vec();
    if variants.len() > 1 || status == Status::NotAcceptable {
        fields.push(("Vary", b"Accept-Encoding"));
    }
    let representation = Rc::new(error_page::render(status, &fields));
    Response { status, representation, part: Part::Whole, with_content: true }
}

fn redirect(location: &[u8], query: Option<&[u8]>) -> Response {
    let mut location = location.to_vec();
    if let Some(query) = query {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    let status = Status::MovedPermanently;
    let representation = Rc::new(error_page::render(status, &[("Location", &location)]));
    Response { status, representation, part: Part::Whole, with_content: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::{Kind, Timestamp};

    #[test]
    fn a_change_is_settled_once_no_other_can_bear_its_time() {
        let second = 1_000_000_000u64;
        for (changed, now_nanoseconds, expected) in [
            ((1, 5_000_000), second + 5_000_000, false),
            ((1, 5_000_000), second + 25_000_000, false),
            ((1, 5_000_000), second + 25_000_001, true),
            ((1, 0), 4 * second, false), // whole seconds: a coarse clock
            ((1, 0), 4 * second + 1, true),
            ((9, 1), 2 * second, false), // the clock was set back
        ] {
            let (seconds, nanoseconds) = changed;
            let changed = Timestamp { seconds, nanoseconds };
            let metadata =
                Metadata { kind: Kind::Regular, device: 0, inode: 0, size: 0, modified: changed, changed };
            let now = Now { turn: 0, now: UNIX_EPOCH + Duration::from_nanos(now_nanoseconds) };
            assert_eq!(now.is_settled(&metadata), expected, "{changed:?} at {now_nanoseconds}");
        }
    }
}
