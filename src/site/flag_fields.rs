//! Fields that the operator's flags give to every response: `--header` and `--cors`.

use super::response::Response;
use crate::config::{Cors, Files};
use crate::http::field::{self, Name};
use crate::http::request::{ALLOWED, Request};

/// Fields that a script may read of a response from another origin, beside those that Fetch always lets it read: what
/// reading in ranges needs.
const EXPOSED: &[u8] = b"Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag";
/// Seconds for which a browser may keep the answer to a preflight.
const MAX_AGE: &[u8] = b"86400";

/// The fields of the flags.
pub(super) struct FlagFields {
    headers: Vec<(String, String)>,
    cors: Option<Cors>,
}

impl FlagFields {
    /// What these flags say. Cache-Control is not among them: it is that of found files alone.
    pub(super) fn new(files: &Files) -> FlagFields {
        let headers = files.header.iter().filter(|header| !header.is("Cache-Control"));
        let headers = headers.map(|header| (header.name.clone(), header.value.clone())).collect();
        FlagFields { headers, cors: files.cors.clone() }
    }

    /// Adds them to a response; `request` is the request that it answers, if that could be read.
    pub(super) fn apply(&self, request: Option<&Request>, response: &mut Response) {
        if let Some(cors) = &self.cors {
            match cors {
                Cors::Any => response.add("Access-Control-Allow-Origin", b"*"),
                Cors::Origins(origins) => {
                    let origin = request.and_then(|request| request.value(Name::Origin));
                    let allowed = origins.iter().find(|allowed| Some(allowed.as_bytes()) == origin);
                    if let Some(allowed) = allowed {
                        response.add("Access-Control-Allow-Origin", allowed.as_bytes());
                    }
                    response.vary_by("Origin");
                }
            }
            response.add("Access-Control-Expose-Headers", EXPOSED);
        }
        for (name, value) in &self.headers {
            match name.eq_ignore_ascii_case("Vary") {
                true => response.vary_by(value),
                false => response.add(name, value.as_bytes()),
            }
        }
    }

    /// Whether a request to OPTIONS is a preflight that is to be answered (Fetch, section 4.8).
    pub(super) fn is_preflight(&self, request: &Request) -> bool {
        self.cors.is_some() && request.has(Name::AccessControlRequestMethod)
    }

    /// Makes the response to OPTIONS one to a preflight: it allows the methods that there are, and the fields that are
    /// asked for.
    pub(super) fn allow_preflight(request: &Request, response: &mut Response) {
        response.add("Access-Control-Allow-Methods", ALLOWED.as_bytes());
        let mut names = Vec::new();
        for value in request.values(Name::AccessControlRequestHeaders) {
            field::merge(&mut names, value);
        }
        if !names.is_empty() && field::members(&names).all(field::is_token) {
            response.add("Access-Control-Allow-Headers", &names);
        }
        response.add("Access-Control-Max-Age", MAX_AGE);
        response.vary_by("Access-Control-Request-Headers");
    }
}
