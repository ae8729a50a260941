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
use super::compress::Compression;
use super::entity_tag::{self, Digest};
use super::forms::Original;
use super::listing::{List, Listed};
use super::one_state::{InOneState, READINGS};
use super::resolve::{Refusal, Root};
use super::rules::SharedRules;
use super::sidecar::{States, Verdict, Verification};
use crate::auth::Check;
use crate::http::charset::Characters;
use crate::http::encoding::{Coding, SIDECARS};
use crate::sys::file::{Metadata, stat};
use crate::sys::page_cache;

/// Jobs of one kind that a request may need for a file and the coded files beside it, each of which may be changed
/// while it is read.
const TRIES: usize = READINGS + SIDECARS.len();

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
    /// Makes a coded form of a file.
    Compress(Box<Compression>),
    /// Finds out whether a precompressed file is true.
    Verify(Box<Verification>),
    /// Reads the rules of the site, if they have changed.
    LoadRules(Arc<SharedRules>),
    /// Computes the hash of a password.
    CheckLogin(Box<Check>),
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
    /// Whether the precompressed file is true, unless one of the two could not be read.
    Verified(Option<Verdict>),
    /// The name whose password was right, unless it was wrong.
    Login(Option<Arc<[u8]>>),
    /// The job was not done, for there was too much to do. Only one that can be skipped, or that
    /// needs a thread, has this outcome.
    Skipped,
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
            Job::Compress(_) => "compress",
            Job::Verify(_) => "verify",
            Job::CheckLogin(_) => "check_login",
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
            Job::Compress(compression) => compression.run(),
            Job::Verify(verification) => return Outcome::Verified(verification.run().ok()),
            Job::LoadRules(rules) => rules.load(),
            Job::CheckLogin(check) => return Outcome::Login(check.run()),
            Job::Settle(time) => thread::sleep(*time),
        }
        Outcome::Done
    }

    /// Whether it takes a processor rather than a disk, and much of it.
    pub(crate) fn computes(&self) -> bool {
        matches!(self, Job::Compress(_) | Job::Verify(_))
    }

    /// Whether no worker may do it itself, for it would hold up all others for long.
    pub(crate) fn needs_thread(&self) -> bool {
        matches!(self, Job::CheckLogin(_))
    }

    /// Whether the request can do without it.
    pub(crate) fn can_be_skipped(&self) -> bool {
        match self {
            Job::Compress(compression) => !compression.is_needed(),
            Job::Verify(_) => true,
            _ => false,
        }
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

    /// Whether no job was done.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
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

    /// Whether so many digests were tried that a file must be changed all the time.
    pub(super) fn has_tried_digests(&self) -> bool {
        self.0.iter().filter(|(job, _)| matches!(**job, Job::Digest(..))).count() >= TRIES
    }

    /// The listing that was made.
    pub(super) fn listed(&self) -> Option<&Result<Listed, Refusal>> {
        self.0.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Listed(listed) => Some(listed),
            _ => None,
        })
    }

    /// Whether a coded form of these bytes was tried to make, or those of so many others that the file must be changed
    /// all the time.
    pub(super) fn has_compressed(&self, original: &Original, coding: Coding) -> bool {
        let mut tried = self.0.iter().filter_map(|(job, _)| match &**job {
            Job::Compress(compression) => Some(&**compression),
            _ => None,
        });
        tried.clone().count() >= READINGS || tried.any(|compression| compression.makes(original, coding))
    }

    /// Whether a coded file is true, in these states of it and of the file beside it: `None` where that was not tried,
    /// and `Some(None)` where it cannot be found out at this moment.
    pub(super) fn verdict(&self, states: &States) -> Option<Option<bool>> {
        let mut tried = 0;
        for (job, outcome) in &self.0 {
            let Job::Verify(verification) = &**job else { continue };
            match outcome {
                Outcome::Verified(Some(verdict)) if verdict.states == *states => {
                    return Some(Some(verdict.is_true));
                }
                Outcome::Skipped if verification.states == *states => return Some(None),
                _ => tried += 1,
            }
        }
        (tried >= TRIES).then_some(None)
    }

    /// The outcome of looking at the credentials: the name, if they are right. `None` where that was not done, and an
    /// [`Outcome::Skipped`] where it could not be.
    pub(crate) fn login(&self) -> Option<&Outcome> {
        let check = self.0.iter().find(|(job, _)| matches!(**job, Job::CheckLogin(_)));
        check.map(|(_, outcome)| outcome)
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
