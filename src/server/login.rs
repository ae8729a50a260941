//! The login of a request: the site's answer for those whose credentials are right, and another one for all others.

use std::sync::Arc;

use crate::auth::{Logins, Network, Verdict};
use crate::http::field::Name;
use crate::http::request::Request;
use crate::site::now::Now;
use crate::site::pending::{Job, Outcome, Pending};
use crate::site::{Answer, Site};

/// The logins, and the client that asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) logins: &'a Arc<Logins>,
    pub(super) client: Network,
}

impl Login<'_> {
    /// Answers a request, for which the `pending` jobs were done. It stays out of the way of requests that need no login.
    #[inline(never)]
    pub(super) fn answer(self, request: &Request, site: &mut Site, now: &Now, pending: &Pending) -> Answer {
        if site.is_preflight(request) {
            return site.answer(request, now, pending);
        }
        Answer::Ready(match self.verdict(request, now, pending) {
            Verdict::Right(name) => match site.answer(request, now, pending) {
                Answer::Ready(mut response) => {
                    response.show_to(name);
                    response
                }
                wait => return wait,
            },
            Verdict::Missing => site.ask_for_login(request),
            Verdict::Slowed(wait) => site.refuse_guess(request, wait),
            Verdict::Busy => site.refuse_for_now(request),
            Verdict::Unknown(check) => return Answer::Wait(Box::new(Job::CheckLogin(check))),
        })
    }

    fn verdict(self, request: &Request, now: &Now, pending: &Pending) -> Verdict {
        match pending.login() {
            Some(Outcome::Login(Some(name))) => Verdict::Right(Arc::clone(name)),
            Some(Outcome::Login(None)) => Verdict::Missing,
            Some(_) => Verdict::Busy,
            None => self.logins.look(only_value(request), self.client, now.instant),
        }
    }
}

/// The value of `Authorization`; two of them are as good as none, for another program may take the other one.
fn only_value<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let mut values = request.values(Name::Authorization);
    values.next().filter(|_| values.next().is_none())
}
