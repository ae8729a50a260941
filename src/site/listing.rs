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
use super::in_memory::InMemory;
use super::load::Stop;
use super::pending::{Job, Pending};
use super::representation::{Content, Representation};
use super::resolve::{Refusal, Root};
use super::response::Response;
use super::shared::Shared;
use crate::codec::{self, Effort};
use crate::config::Files;
use crate::http::encoding::{self, Coding};
use crate::http::field::Name;
use crate::http::preconditions::{self, Outcome};
use crate::http::request::Request;
use crate::http::status::Status;
use crate::http::target::Target;
use crate::http::validators::{EntityTag, Validators};
use crate::listing::View;

/// The codings of a listing, that first which takes the least time, with a place instead of a size.
const CODINGS: [(Coding, u64); 4] =
    [(Coding::Zstandard, 0), (Coding::Brotli, 1), (Coding::Gzip, 2), (Coding::Identity, 3)];

/// A folder that is to be listed.
#[derive(Debug)]
pub(crate) struct List {
    root: Root,
    path: Vec<u8>,
    view: View,
    coding: Coding,
    withheld: Withheld,
    shared: Arc<Shared>,
}

/// A listing, and the digest that it had before it was coded.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    body: InMemory,
    coding: Coding,
    digest: Digest,
}

impl List {
    /// Makes the listing. Waits for the disk.
    pub(super) fn run(&self) -> Result<Listed, Refusal> {
        let bytes = self.view.render(folder::read(&self.root, &self.path, self.withheld)?);
        let digest = entity_tag::digest_of_bytes(&bytes);
        let (bytes, coding) = match codec::encode(&bytes, self.coding, Effort::Once) {
            Ok(Some(coded)) => (coded, self.coding),
            Ok(None) | Err(_) => (bytes, Coding::Identity),
        };
        Ok(Listed { body: self.shared.body(bytes, digest), coding, digest })
    }
}

/// Lists folders for one worker.
pub(super) struct Lister {
    root: Root,
    withheld: Withheld,
    compresses: bool,
    shared: Arc<Shared>,
}

impl Lister {
    /// Lists folders beneath `root`.
    pub(super) fn new(root: Root, files: &Files, shared: Arc<Shared>) -> Lister {
        let withheld = Withheld { dot_files: !files.dot_files, rules: shared.rules().is_some() };
        Lister { root, withheld, compresses: !files.no_compress, shared }
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
        let vary: (_, &[u8]) = ("Vary", if self.compresses { b"Accept, Accept-Encoding" } else { b"Accept" });
        let refuse = |status| Response::whole(status, Rc::new(error_page::render(status, &[vary])));
        let Some(coding) = self.coding(request) else { return Ok(refuse(Status::NotAcceptable)) };
        let Some(listed) = pending.listed() else {
            return Err(Job::List(List {
                root: self.root.clone(),
                path: target.path.as_bytes().to_vec(),
                view,
                coding,
                withheld: self.withheld,
                shared: Arc::clone(&self.shared),
            })
            .into());
        };
        let Listed { body, coding, digest } = listed.clone()?;
        let tag = entity_tag::of_digest(digest, coding);
        let quoted = format!("\"{tag}\"");
        let repeated = [("ETag", quoted.as_bytes()), ("Cache-Control", b"no-cache"), vary];
        let coded = [("Content-Encoding", coding.token().as_bytes())];
        let metadata = if coding == Coding::Identity { &[][..] } else { &coded };
        let content = Content::Memory(body);
        let representation = Rc::new(Representation::new(&repeated, metadata, view.media_type(), content));
        let entity_tag = EntityTag { weak: false, opaque: tag.as_bytes() };
        Ok(match preconditions::evaluate(request, &Validators { entity_tag, last_modified: None }) {
            Outcome::Proceed => Response::whole(Status::Ok, representation),
            Outcome::NotModified => Response::fields_alone(Status::NotModified, representation),
            Outcome::Failed => refuse(Status::PreconditionFailed),
        })
    }

    /// The coding that the client likes best; `None` where it refuses all.
    fn coding(&self, request: &Request) -> Option<Coding> {
        let available =
            CODINGS.into_iter().filter(|(coding, _)| self.compresses || *coding == Coding::Identity);
        encoding::choose(request.values(Name::AcceptEncoding), available)
    }
}
