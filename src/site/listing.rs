//! The response to a request for a folder that has no index: a listing, made anew for each request.
//!
//! It is never kept, since the sizes in it change without any sign at the folder itself. A thread reads, sorts and
//! renders. That takes about 100 bytes an entry beside the names, and twice the bytes of the listing for a moment.
//! A body is in memory once, for all who are being sent the same bytes.

use std::rc::Rc;
use std::sync::Arc;

use super::entity_tag::{self, Digest};
use super::error_page;
use super::folder::{self, Withheld};
use super::load::Stop;
use super::pending::{Job, Pending};
use super::representation::{Content, Representation};
use super::resolve::{Refusal, Root};
use super::response::Response;
use super::shared::Shared;
use crate::config::Files;
use crate::http::encoding::Coding;
use crate::http::preconditions::{self, Outcome};
use crate::http::request::Request;
use crate::http::status::Status;
use crate::http::target::Target;
use crate::http::validators::{EntityTag, Validators};
use crate::listing::View;

/// Two clients that accept different types may get different listings.
const VARY: (&str, &[u8]) = ("Vary", b"Accept");

/// A folder that is to be listed.
#[derive(Debug)]
pub(crate) struct List {
    root: Root,
    path: Vec<u8>,
    view: View,
    withheld: Withheld,
    shared: Arc<Shared>,
}

/// A listing, and its digest.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    body: Arc<[u8]>,
    digest: Digest,
}

impl List {
    /// Makes the listing. Waits for the disk.
    pub(super) fn run(&self) -> Result<Listed, Refusal> {
        let bytes = self.view.render(folder::read(&self.root, &self.path, self.withheld)?);
        let digest = entity_tag::digest_of_bytes(&bytes);
        Ok(Listed { body: self.shared.body(bytes, digest), digest })
    }
}

/// Lists folders for one worker.
pub(super) struct Lister {
    root: Root,
    withheld: Withheld,
    shared: Arc<Shared>,
}

impl Lister {
    /// Lists folders beneath `root`.
    pub(super) fn new(root: Root, files: &Files, shared: Arc<Shared>) -> Lister {
        let withheld = Withheld { dot_files: !files.dot_files, rules: shared.rules().is_some() };
        Lister { root, withheld, shared }
    }

    /// The response to a request for a folder.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn respond(
        &self,
        request: &Request,
        target: &Target,
        pending: &Pending,
    ) -> Result<Response, Stop> {
        let view = View::of(request, target.query);
        let Some(listed) = pending.listed() else {
            return Err(Job::List(List {
                root: self.root.clone(),
                path: target.path.as_bytes().to_vec(),
                view,
                withheld: self.withheld,
                shared: Arc::clone(&self.shared),
            })
            .into());
        };
        let Listed { body, digest } = listed.clone()?;
        let tag = entity_tag::of_digest(digest, Coding::Identity);
        let quoted = format!("\"{tag}\"");
        let repeated = [("ETag", quoted.as_bytes()), ("Cache-Control", b"no-cache"), VARY];
        let content = Content::Memory(body);
        let representation = Rc::new(Representation::new(&repeated, &[], view.media_type(), content));
        let entity_tag = EntityTag { weak: false, opaque: tag.as_bytes() };
        Ok(match preconditions::evaluate(request, &Validators { entity_tag, last_modified: None }) {
            Outcome::Proceed => Response::whole(Status::Ok, representation),
            Outcome::NotModified => Response::fields_alone(Status::NotModified, representation),
            Outcome::Failed => {
                let status = Status::PreconditionFailed;
                Response::whole(status, Rc::new(error_page::render(status, &[VARY])))
            }
        })
    }
}
