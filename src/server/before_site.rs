//! The answers that are given before the site is asked, and the site's where there is none.

use std::sync::Arc;

use super::client::Client;
use super::login::Login;
use crate::auth::Logins;
use crate::config::Networks;
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::site::now::Now;
use crate::site::pending::Pending;
use crate::site::{Answer, Site};

/// The path for balancers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health<'a> {
    pub(super) path: &'a str,
    /// Whether they are to send requests.
    pub(super) is_ready: bool,
}

impl Health<'_> {
    /// Whether a request asks for it.
    pub(super) fn is_asked(self, request: &Request) -> bool {
        matches!(request.method, Method::Get | Method::Head) && request.target == self.path.as_bytes()
    }
}

/// Answers that come before the site's, whatever protocol the request came by.
#[derive(Clone, Copy, Debug)]
pub(super) struct BeforeSite<'a> {
    /// The client of the request.
    pub(super) client: Client,
    /// The networks whose clients are served, unless all are.
    pub(super) allowed: Option<&'a Networks>,
    pub(super) health: Option<Health<'a>>,
    /// The port to which requests are redirected, where they come in plain text beside TLS.
    pub(super) https_port: Option<u16>,
    /// The logins, if not everybody may see the site.
    pub(super) logins: Option<&'a Arc<Logins>>,
}

impl BeforeSite<'_> {
    /// Answers a request, for which the `pending` jobs were done.
    pub(super) fn answer(&self, request: &Request, site: &mut Site, now: &Now, pending: &Pending) -> Answer {
        if !self.is_allowed() {
            let response = site.refuse(Status::Forbidden);
            let is_head = request.method == Method::Head;
            return Answer::Ready(if is_head { response.without_content() } else { response });
        }
        match *self {
            BeforeSite { health: Some(health), .. } if health.is_asked(request) => {
                Answer::Ready(site.health(request, health.is_ready))
            }
            BeforeSite { logins: Some(_), .. } if Site::is_challenge(request) => {
                site.answer_challenge(request, now, pending)
            }
            // A password is not asked for in plain text.
            BeforeSite { https_port: Some(port), .. } => site.redirect_to_https(request, port, now, pending),
            BeforeSite { logins: Some(logins), client, .. } => {
                Login { logins, client: client.network() }.answer(request, site, now, pending)
            }
            _ => site.answer(request, now, pending),
        }
    }

    /// Whether the answer is one for balancers, which is not logged.
    pub(super) fn is_health(&self, request: &Request) -> bool {
        self.is_allowed() && self.health.is_some_and(|health| health.is_asked(request))
    }

    fn is_allowed(&self) -> bool {
        self.allowed.is_none_or(|allowed| self.client.is_in(allowed))
    }
}
