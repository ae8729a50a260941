//! Work that may wait for a disk, done by a thread before a request can be answered.
//!
//! [`Site::answer`](super::Site::answer) is tried; where it would wait it returns a [`Job`] instead. A thread runs
//! it, and its [`Outcome`] goes into the [`Pending`] of the request, which is then tried again. A request may need
//! any number of jobs, one after another.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::characters;
use super::entity_tag::{self, Digest};
use super::listing::{List, Listed};
use super::one_state::InOneState;
use super::resolve::{Refusal, Root};
use super::rules::SharedRules;
use crate::http::charset::Characters;
use crate::sys::file::{Metadata, stat};
use crate::sys::page_cache;

/// Work for a thread.
#[derive(Debug)]
pub(crate) enum Job {
    /// Looks names up, so that the kernel has them in memory.
    LookUp(Vec<CString>),
    /// Opens a file beneath the root: its name, and a suffix of it.
    Open(Root, Vec<u8>, &'static str),
    /// Brings a range of a file into memory.
    Read(Arc<File>, Range<u64>),
    /// Makes the digest of a file with this metadata.
    Digest(Arc<File>, Metadata),
    /// Lists a folder.
    List(List),
    /// Looks at the characters of a text with this metadata.
    Characters(Arc<File>, Metadata),
    /// Reads the rules of the site, if they have changed.
    LoadRules(Arc<SharedRules>),
    /// Lets time pass, until a further change of a file must bear another time.
    Settle(Duration),
}

/// The result of a job.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// There is nothing to hand over: the next attempt finds what it needs.
    Done,
    /// The file that was opened.
    Opened(Result<(Arc<File>, Metadata), Refusal>),
    /// The digest, unless the file could not be read.
    Digest(Option<InOneState<Digest>>),
    /// The characters, unless the file could not be read.
    Characters(Option<InOneState<Characters>>),
    /// The listing.
    Listed(Result<Listed, Refusal>),
}

impl Job {
    /// The name of its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Job::LookUp(_) => "look_up",
            Job::Open(..) => "open",
            Job::Read(..) => "read",
            Job::Digest(..) => "digest",
            Job::List(_) => "list",
            Job::Characters(..) => "characters",
            Job::LoadRules(_) => "load_rules",
            Job::Settle(_) => "settle",
        }
    }

    /// Does the work, and waits for as long as that takes. What cannot be had is for the next attempt to find out.
    pub(crate) fn run(&self) -> Outcome {
        match self {
            Job::LookUp(names) => names.iter().for_each(|name| drop(stat(name))),
            Job::Open(root, name, suffix) => return Outcome::Opened(root.open_file(name, suffix)),
            Job::Read(file, range) => drop(page_cache::read_into_memory(file, range.clone())),
            Job::Digest(file, metadata) => {
                return Outcome::Digest(entity_tag::digest_of_file(file, metadata).ok());
            }
            Job::List(list) => return Outcome::Listed(list.run()),
            Job::Characters(file, metadata) => {
                return Outcome::Characters(characters::of_file(file, metadata).ok());
            }
            Job::LoadRules(rules) => rules.load(),
            Job::Settle(time) => thread::sleep(*time),
        }
        Outcome::Done
    }
}

/// The jobs that were done for a request. They are not asked for again: some file systems never tell that something
/// is in memory, and what was evicted meanwhile would be fetched without end.
#[derive(Debug, Default)]
pub(crate) struct Pending(Vec<(Arc<Job>, Outcome)>);

impl Pending {
    /// Adds the outcome of a job.
    pub(crate) fn add(&mut self, job: Arc<Job>, outcome: Outcome) {
        self.0.push((job, outcome));
    }

    /// Whether a name was looked up.
    pub(super) fn has_looked_up(&self, name: &CStr) -> bool {
        self.0.iter().any(|(job, _)| match &**job {
            Job::LookUp(names) => names.iter().any(|found| **found == *name),
            _ => false,
        })
    }

    /// The file that was opened by this name and suffix, or why it was not.
    pub(super) fn opened(
        &self,
        name: &[u8],
        suffix: &str,
    ) -> Option<&Result<(Arc<File>, Metadata), Refusal>> {
        self.0.iter().find_map(|(job, outcome)| match (&**job, outcome) {
            (Job::Open(_, found, of), Outcome::Opened(result)) if found == name && *of == suffix => {
                Some(result)
            }
            _ => None,
        })
    }

    /// Whether the file of this name was brought into memory: `metadata` says which one it is.
    pub(super) fn has_read(&self, metadata: &Metadata) -> bool {
        self.0.iter().any(|(job, _)| match &**job {
            Job::Read(file, _) => crate::sys::file::metadata(file)
                .is_ok_and(|found| (found.device, found.inode) == (metadata.device, metadata.inode)),
            _ => false,
        })
    }

    /// The digest of the file in exactly this state.
    pub(super) fn digest(&self, metadata: &Metadata) -> Option<&InOneState<Digest>> {
        self.0.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Digest(Some(found)) if found.metadata == *metadata => Some(found),
            _ => None,
        })
    }

    /// The characters of the file in exactly this state.
    pub(super) fn characters(&self, metadata: &Metadata) -> Option<&InOneState<Characters>> {
        self.0.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Characters(Some(found)) if found.metadata == *metadata => Some(found),
            _ => None,
        })
    }

    /// How many times characters were looked at.
    pub(super) fn looks_at_characters(&self) -> usize {
        self.0.iter().filter(|(job, _)| matches!(**job, Job::Characters(..))).count()
    }

    /// How many digests were tried.
    pub(super) fn digests(&self) -> usize {
        self.0.iter().filter(|(job, _)| matches!(**job, Job::Digest(..))).count()
    }

    /// The listing that was made.
    pub(super) fn listed(&self) -> Option<&Result<Listed, Refusal>> {
        self.0.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Listed(listed) => Some(listed),
            _ => None,
        })
    }

    /// Whether the rules were looked at.
    pub(super) fn has_loaded_rules(&self) -> bool {
        self.0.iter().any(|(job, _)| matches!(**job, Job::LoadRules(_)))
    }

    /// Whether time was let pass.
    pub(super) fn has_settled(&self) -> bool {
        self.0.iter().any(|(job, _)| matches!(**job, Job::Settle(_)))
    }
}
