//! The representation that answers: a request goes in, a response comes out.
//!
//! [`Site::answer`] is the sentence *method, target, file, coding, preconditions, range, response*; each word is a
//! file. Nothing here knows of sockets.

mod cache;
mod changed_fields;
mod characters;
mod clock_cache;
pub(crate) mod compress;
mod entity_tag;
mod error_page;
mod fallback;
mod flag_fields;
mod folder;
pub(crate) mod forms;
mod found;
mod freshness;
mod https;
pub(crate) mod in_memory;
mod listing;
mod load;
mod missing_page;
mod names;
pub(crate) mod now;
mod one_state;
pub(crate) mod pending;
pub(crate) mod representation;
pub(crate) mod residency;
pub(crate) mod resolve;
mod resource;
pub(crate) mod response;
mod restricted;
pub(crate) mod rules;
pub(crate) mod shared;
pub(crate) mod sidecar;
pub(crate) mod types_file;
mod way;

use std::rc::Rc;
use std::sync::Arc;

use crate::config::Files;
use crate::http::field::Name;
use crate::http::media_type;
use crate::http::navigation;
use crate::http::request::{self, Method, Request};
use crate::http::status::Status;
use crate::http::target::{self, Path, Target};
use crate::rules::headers::Change;
use crate::rules::redirects::{self, Match};
use cache::Cache;
use error_page::ErrorPages;
use fallback::Fallback;
use flag_fields::FlagFields;
use listing::Lister;
use load::Stop;
use missing_page::MissingPages;
use now::Now;
use pending::{Job, Pending};
use representation::{Content, Representation};
use resolve::Root;
use resource::Resource;
use response::Response;
use rules::{Rules, WorkerRules};
use shared::Shared;

/// Redirects to folders that a rule's destination is followed through within the site.
const FOLLOWED: usize = 2;

/// The part of the site that one worker may keep ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheShare {
    /// Bytes in memory.
    pub(crate) bytes: usize,
    /// Open files.
    pub(crate) descriptors: usize,
}

/// The numbers of the cache of one worker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CacheCounts {
    /// Paths that are kept.
    pub(crate) entries: u64,
    /// Their weight.
    pub(crate) bytes: u64,
    /// Times that a path was found in it, and still true.
    pub(crate) hits: u64,
    /// Times that it was not.
    pub(crate) misses: u64,
    /// Times that the file system was asked about what is kept.
    pub(crate) looks: u64,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The response.
    Ready(Response),
    /// A job that is to be done first.
    Wait(Box<Job>),
}

/// A site: the files beneath a root, as one worker knows them.
pub(crate) struct Site {
    cache: Cache,
    lister: Lister,
    shared: Arc<Shared>,
    errors: ErrorPages,
    /// Whether names that begin with a dot are not served.
    hides_dot_files: bool,
    /// The rules; `None` where they are off.
    rules: Option<WorkerRules>,
    /// The file that answers navigations to missing paths.
    fallback: Option<Fallback>,
    missing_pages: MissingPages,
    flag_fields: FlagFields,
    /// The fields of a response to OPTIONS.
    options: Rc<Representation>,
}

impl Site {
    /// The site beneath `root`, of which this worker may keep its `share`.
    pub(crate) fn new(root: Root, files: &Files, share: CacheShare, shared: Arc<Shared>) -> Site {
        let allow = [("Allow", request::ALLOWED.as_bytes())];
        let options =
            Representation::new(&allow, &[], media_type::UNKNOWN, Content::Memory(Vec::new().into()));
        Site {
            lister: Lister::new(root.clone(), files, Arc::clone(&shared)),
            missing_pages: MissingPages::new(root.clone()),
            cache: Cache::new(root, files, share, Arc::clone(&shared)),
            errors: ErrorPages::rendered(),
            hides_dot_files: !files.dot_files,
            rules: shared.rules().map(WorkerRules::new),
            fallback: files.fallback.as_deref().map(Fallback::new),
            flag_fields: FlagFields::new(files),
            options: Rc::new(options),
            shared,
        }
    }

    /// The answer to a request, for which the `pending` jobs were done.
    pub(crate) fn answer(&mut self, request: &Request, now: &Now, pending: &Pending) -> Answer {
        let response = match self.respond(request, now, pending) {
            Ok(response) => response,
            Err(Stop::Refused(status)) => self.page(status),
            Err(Stop::Wait(job)) => return Answer::Wait(job),
        };
        Answer::Ready(self.finish(request, response))
    }

    /// The response as it is sent: with the fields of the flags, and to HEAD without content.
    fn finish(&self, request: &Request, mut response: Response) -> Response {
        self.flag_fields.apply(Some(request), &mut response);
        if request.method == Method::Head { response.without_content() } else { response }
    }

    /// The numbers of the cache.
    pub(crate) fn cache_counts(&self) -> CacheCounts {
        self.cache.counts()
    }

    /// The response to a request that is refused unseen.
    pub(crate) fn refuse(&self, status: Status) -> Response {
        let mut response = self.page(status);
        self.flag_fields.apply(None, &mut response);
        response
    }

    fn page(&self, status: Status) -> Response {
        Response::whole(status, self.errors.page(status))
    }

    /// The response to a balancer.
    pub(crate) fn health(&self, request: &Request, is_ready: bool) -> Response {
        let response = self.refuse(if is_ready { Status::Ok } else { Status::ServiceUnavailable });
        if request.method == Method::Head { response.without_content() } else { response }
    }

    /// The response to a request in plain text where TLS is spoken.
    pub(crate) fn refuse_plain_text(&self) -> Response {
        Response::whole(Status::BadRequest, Rc::new(error_page::render_plain_text_refusal()))
    }

    /// The sentence: *method, target, rules, file, missing*. The file goes on in [`found`].
    fn respond(&mut self, request: &Request, now: &Now, pending: &Pending) -> Result<Response, Stop> {
        check_method(request).and_then(|()| check_expectation(request)).map_err(Stop::Refused)?;
        if request.method == Method::Options {
            return self.options(request);
        }
        let target = parse_target(request)?;
        let rules = match &mut self.rules {
            Some(rules) => rules.current(now, pending)?,
            None => None,
        };
        let changes = rules.as_deref().map(|rules| rules.headers().changes(target.path.as_bytes()));
        let changes = changes.unwrap_or_default();
        let asked = Asked { target: &target, rules: rules.as_deref(), changes: &changes };
        let (mut response, is_fallback) = match self.find(request, &asked, now, pending) {
            Err(Stop::Refused(Status::NotFound)) => self.find_instead(request, &asked, now, pending)?,
            found => (found?, false),
        };
        changed_fields::apply(&changes, target.path.as_bytes(), &self.shared.types, &mut response);
        if is_fallback {
            response.set("Cache-Control", b"no-cache");
        }
        Ok(response)
    }

    /// The methods that any path allows (RFC 9110 section 9.3.7), and what a script of another origin may do. The path
    /// is not looked at.
    fn options(&self, request: &Request) -> Result<Response, Stop> {
        if request.target != b"*" {
            parse_target(request)?;
        }
        let mut response = Response::fields_alone(Status::NoContent, Rc::clone(&self.options));
        if self.flag_fields.is_preflight(request) {
            FlagFields::allow_preflight(request, &mut response);
        }
        Ok(response)
    }

    /// The response to a request for a path: *forced rules, file, other rules*.
    fn find(
        &mut self,
        request: &Request,
        asked: &Asked,
        now: &Now,
        pending: &Pending,
    ) -> Result<Response, Stop> {
        if self.is_withheld(&asked.target.path) {
            return Err(Stop::Refused(Status::NotFound));
        }
        if let Some(rule) = asked.rule(request, true) {
            return self.obey(&rule, request, asked, now, pending);
        }
        let resource = match self.cache.find(&asked.target.path, now, pending) {
            Err(Stop::Refused(Status::NotFound)) => Rc::new(Resource::Missing),
            found => found?,
        };
        match &*resource {
            Resource::File(variants) => found::respond(request, variants, now, pending, asked.has_parts()),
            Resource::Redirect(location) => Ok(redirect_to_folder(location, asked.target.query)),
            Resource::Folder => self.lister.respond(request, asked.target, pending),
            Resource::Missing => match asked.rule(request, false) {
                Some(rule) => self.obey(&rule, request, asked, now, pending),
                None => Err(Stop::Refused(Status::NotFound)),
            },
        }
    }

    /// The response to a request for a path that leads to nothing, and whether it is the fallback: *fallback,
    /// 404.html, built-in page*.
    fn find_instead(
        &mut self,
        request: &Request,
        asked: &Asked,
        now: &Now,
        pending: &Pending,
    ) -> Result<(Response, bool), Stop> {
        let path = &asked.target.path;
        let is_navigation = !self.is_withheld(path) && navigation::is_navigation(request, path);
        if let Some(fallback) = self.fallback.as_mut().filter(|_| is_navigation) {
            match &*self.cache.find(fallback.path(), now, pending)? {
                Resource::File(variants) => {
                    fallback.note_found();
                    let mut response = found::respond(request, variants, now, pending, asked.has_parts())?;
                    response.vary_by(navigation::VARY);
                    return Ok((response, true));
                }
                _ => fallback.note_missing(),
            }
        }
        let mut response = self.missing_page(request, path, now, pending)?;
        if self.fallback.is_some() {
            response.vary_by(navigation::VARY);
        }
        Ok((response, false))
    }

    /// The nearest page for a missing path, or the built-in one.
    fn missing_page(
        &mut self,
        request: &Request,
        path: &Path,
        now: &Now,
        pending: &Pending,
    ) -> Result<Response, Stop> {
        for name in self.missing_pages.of(path, now, pending)? {
            match self.cache.find(&Path::from_name(&name), now, pending) {
                Ok(resource) => {
                    if let Resource::File(variants) = &*resource {
                        return found::page(request, Status::NotFound, variants, pending);
                    }
                }
                // A page that cannot be served is none.
                Err(Stop::Refused(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(self.page(Status::NotFound))
    }

    /// True if nothing is told of a name: a hidden one, or a file of rules.
    fn is_withheld(&self, path: &Path) -> bool {
        self.hides_dot_files && resolve::is_hidden(path)
            || self.rules.is_some() && rules::is_rules_file(path.as_bytes())
    }

    /// The response that a rule wants: a redirect, a file in place of another one, or the page of an error.
    fn obey(
        &mut self,
        rule: &Match,
        request: &Request,
        asked: &Asked,
        now: &Now,
        pending: &Pending,
    ) -> Result<Response, Stop> {
        if redirects::is_redirect(rule.status) {
            return Ok(redirect(rule.status, &rule.to));
        }
        let mut place = rule.target().to_vec();
        for _ in 0..=FOLLOWED {
            let Ok(target) = Target::parse(&place) else { break };
            if self.is_withheld(&target.path) {
                break;
            }
            let next = match &*self.cache.find(&target.path, now, pending)? {
                Resource::File(variants) if rule.status == Status::Ok => {
                    return found::respond(request, variants, now, pending, asked.has_parts());
                }
                Resource::File(variants) => return found::page(request, rule.status, variants, pending),
                Resource::Redirect(location) => beside(&place, location),
                Resource::Folder | Resource::Missing => break,
            };
            place = next;
        }
        match rule.status {
            Status::Ok | Status::NotFound => Err(Stop::Refused(Status::NotFound)),
            status => Ok(self.page(status)),
        }
    }
}

/// A request's target, and the rules that may answer it.
struct Asked<'a> {
    target: &'a Target<'a>,
    rules: Option<&'a Rules>,
    /// The changes that rules make to the fields of the response.
    changes: &'a [Change],
}

impl Asked<'_> {
    /// The rule that answers: one of those that win over a file, or of the others.
    fn rule(&self, request: &Request, forced: bool) -> Option<Match> {
        let (path, query) = (self.target.path.as_bytes(), self.target.query);
        self.rules?.redirect(redirects::Asked { path, query, host: target::host(request) }, forced)
    }

    /// True if several ranges may be answered in parts.
    fn has_parts(&self) -> bool {
        !changed_fields::tell_of_content(self.changes)
    }
}

/// The place of a relative location beside a target: its query and its last segment go.
fn beside(target: &[u8], location: &[u8]) -> Vec<u8> {
    let path = &target[..memchr::memchr(b'?', target).unwrap_or(target.len())];
    let folder = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    [&path[..folder], location].concat()
}

fn check_method(request: &Request) -> Result<(), Status> {
    match request.method {
        Method::Get | Method::Head | Method::Options => Ok(()),
        Method::Unknown => Err(Status::NotImplemented),
        _ => Err(Status::MethodNotAllowed),
    }
}

fn parse_target<'a>(request: &Request<'a>) -> Result<Target<'a>, Stop> {
    Target::parse(request.target).map_err(|error| Stop::Refused(error.status()))
}

/// HTTP/1.0 has no expectations (RFC 9110 section 10.1.1).
fn check_expectation(request: &Request) -> Result<(), Status> {
    let mut expectations = request.values(Name::Expect);
    if request.version.is_1_0() || expectations.all(|value| value.eq_ignore_ascii_case(b"100-continue")) {
        Ok(())
    } else {
        Err(Status::ExpectationFailed)
    }
}

fn redirect_to_folder(location: &[u8], query: Option<&[u8]>) -> Response {
    let mut location = location.to_vec();
    if let Some(query) = query {
        location.push(b'?');
        target::encode_query(query, &mut location);
    }
    redirect(Status::MovedPermanently, &location)
}

fn redirect(status: Status, location: &[u8]) -> Response {
    Response::whole(status, Rc::new(error_page::render(status, &[("Location", location)])))
}
