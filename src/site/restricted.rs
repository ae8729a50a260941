//! A site that not everybody may see: what is answered to those who have not said who they are, and how the rest is
//! marked.

use std::rc::Rc;
use std::time::Duration;

use super::https::is_challenge;
use super::load::Stop;
use super::now::Now;
use super::pending::Pending;
use super::resource::Resource;
use super::response::Response;
use super::{Answer, Site, error_page, found, parse_target};
use crate::http::request::{Method, Request};
use crate::http::status::Status;

impl Site {
    /// Whether a request is for the file that a certificate authority looks for: it has no credentials.
    pub(crate) fn is_challenge(request: &Request) -> bool {
        matches!(request.method, Method::Get | Method::Head) && is_challenge(request.target)
    }

    /// The answer to such a request: the file, or the built-in page. No rule, fallback, listing or page of the site is
    /// shown in its place.
    pub(crate) fn answer_challenge(&mut self, request: &Request, now: &Now, pending: &Pending) -> Answer {
        let response = match self.find_challenge(request, now, pending) {
            Ok(response) => response,
            Err(Stop::Refused(status)) => self.page(status),
            Err(Stop::Wait(job)) => return Answer::Wait(job),
        };
        Answer::Ready(self.finish(request, response))
    }

    fn find_challenge(&mut self, request: &Request, now: &Now, pending: &Pending) -> Result<Response, Stop> {
        let path = parse_target(request)?.path;
        if self.is_withheld(&path) {
            return Err(Stop::Refused(Status::NotFound));
        }
        match &*self.cache.find(&path, now, pending)? {
            Resource::File(variants) => found::respond(request, variants, now, pending, true),
            Resource::Redirect(_) | Resource::Folder | Resource::Missing => {
                Err(Stop::Refused(Status::NotFound))
            }
        }
    }

    /// Whether a request is a browser's question before a script may send another one: it has no credentials (Fetch,
    /// section 3.3.5), and what is answered says nothing of any file.
    pub(crate) fn is_preflight(&self, request: &Request) -> bool {
        request.method == Method::Options && self.flag_fields.is_preflight(request)
    }

    /// The response that asks for credentials. It is the same whether there were none or wrong ones, and it is the built-in
    /// page: one of the site would have to be shown, with all that it refers to, to those who may not see the site.
    pub(crate) fn ask_for_login(&self, request: &Request) -> Response {
        self.finish(request, self.page(Status::Unauthorized))
    }

    /// The response to a client that has guessed too often, and is to wait for so long.
    pub(crate) fn refuse_guess(&self, request: &Request, wait: Duration) -> Response {
        let seconds = wait.as_secs_f64().ceil().max(1.0).to_string();
        let page = error_page::render(Status::TooManyRequests, &[("Retry-After", seconds.as_bytes())]);
        self.finish(request, Response::whole(Status::TooManyRequests, Rc::new(page)))
    }

    /// The response while too many credentials are being looked at.
    pub(crate) fn refuse_for_now(&self, request: &Request) -> Response {
        self.finish(request, self.page(Status::ServiceUnavailable))
    }
}
