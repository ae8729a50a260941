//! Compression on the fly: a coded form of a file is made once for all workers, when the first client asks for it.
//!
//! The request that asks first waits for it, as for a file that is not in memory. Another one that comes meanwhile
//! gets the file as it is, and so does every request when the threads have too much to do.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::forms::{Claim, Forms, Original};
use super::in_memory::InMemory;
use super::pending::{Job, Pending};
use super::representation::{Content, Variant};
use crate::codec::{self, Effort};
use crate::http::compressible::is_compressible;
use crate::http::encoding::{Coding, SIDECARS};

/// Bytes of the smallest file that is compressed: a smaller one fits into the first packet as it is.
pub(crate) const SMALLEST: u64 = 1024;
/// Bytes of the largest file that is compressed: it takes less than a second.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Whether a file of this type and size is worth compressing.
pub(super) fn applies(media_type: &str, size: u64) -> bool {
    (SMALLEST..=LARGEST).contains(&size) && is_compressible(media_type)
}

/// A file that may be compressed, and its coded forms as one worker knows them.
pub(super) struct Compressible {
    original: Original,
    forms: Arc<Forms>,
    /// By coding, in the order of [`SIDECARS`]; `None` for one that is not worth it.
    made: [OnceCell<Option<Variant>>; SIDECARS.len()],
    /// Whether one was made since the worker has weighed the file.
    has_grown: Cell<bool>,
}

/// What became of the wish for a coded form.
pub(super) enum Made<'a> {
    /// Here it is.
    Form(&'a Variant),
    /// It would save next to nothing.
    NotWorthIt,
    /// It cannot be had at this moment.
    NotNow,
}

impl Compressible {
    /// A file with these bytes, whose forms are kept among `forms`.
    pub(super) fn new(original: Original, forms: &Arc<Forms>) -> Compressible {
        let made = Default::default();
        Compressible { original, forms: Arc::clone(forms), made, has_grown: Cell::new(false) }
    }

    /// A coded form. `file` is the file as it is; `is_needed` says that the client takes nothing else.
    ///
    /// # Errors
    /// The [`Job`] that makes it.
    pub(super) fn form(
        &self,
        file: &Variant,
        coding: Coding,
        is_needed: bool,
        pending: &Pending,
    ) -> Result<Made<'_>, Job> {
        let Some(index) = SIDECARS.iter().position(|&known| known == coding) else { return Ok(Made::NotNow) };
        if let Some(made) = self.made[index].get() {
            return Ok(made.as_ref().map_or(Made::NotWorthIt, Made::Form));
        }
        // Claimed before it is looked for: a form that another worker finishes in between is then found.
        let claim = self.forms.claim(&self.original, coding);
        match (self.forms.find(&self.original, coding), claim) {
            (Some(form), _) => {
                self.has_grown.set(true);
                let made = self.made[index].get_or_init(|| form.map(|form| file.coded(coding, form)));
                Ok(made.as_ref().map_or(Made::NotWorthIt, Made::Form))
            }
            (None, Some(claim)) if !pending.has_compressed(&self.original, coding) => {
                let source = match file.representation.content() {
                    Content::Memory(bytes) => Source::Memory(bytes.clone()),
                    Content::File(open) => Source::File(Arc::clone(open.file())),
                };
                let (original, forms) = (self.original, Arc::clone(&self.forms));
                let job = Compression { original, coding, source, forms, is_needed, _claim: claim };
                Err(Job::Compress(Box::new(job)))
            }
            _ => Ok(Made::NotNow),
        }
    }

    /// Whether a form was made since the last call.
    pub(super) fn has_grown(&self) -> bool {
        self.has_grown.take()
    }

    /// Bytes of the forms that were made.
    pub(super) fn weight(&self) -> usize {
        let made = self.made.iter().filter_map(|form| form.get()?.as_ref());
        made.map(|form| form.length() as usize).sum()
    }
}

impl fmt::Debug for Compressible {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Compressible").field("original", &self.original).finish_non_exhaustive()
    }
}

/// The work of making one coded form.
pub(crate) struct Compression {
    original: Original,
    coding: Coding,
    source: Source,
    forms: Arc<Forms>,
    is_needed: bool,
    _claim: Claim,
}

enum Source {
    Memory(InMemory),
    File(Arc<File>),
}

impl Compression {
    /// Makes the form and keeps it for all. A file that does not have these bytes any more is left alone: the request
    /// then finds it changed.
    pub(super) fn run(&self) {
        let result = match &self.source {
            Source::Memory(bytes) => codec::encode(bytes, self.coding, Effort::Quick),
            Source::File(file) => match read(file) {
                Ok(bytes) if self.original.is(&bytes) => codec::encode(&bytes, self.coding, Effort::Quick),
                Ok(_) => return,
                Err(error) => Err(error),
            },
        };
        match result {
            Ok(form) => {
                let (of, by) = (self.original.size(), self.coding.token());
                match &form {
                    Some(form) => log::debug!("{of} bytes compressed by {by}, to {}", form.len()),
                    None => log::debug!("{of} bytes are not worth compressing by {by}"),
                }
                self.forms.keep(&self.original, self.coding, form);
            }
            Err(error) => log::warn!("a file is sent as it is, because it cannot be compressed: {error}"),
        }
    }

    /// Whether it is to make this form.
    pub(super) fn makes(&self, original: &Original, coding: Coding) -> bool {
        self.original == *original && self.coding == coding
    }

    /// Whether the client takes nothing else.
    pub(super) fn is_needed(&self) -> bool {
        self.is_needed
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Compression { original, coding, .. } = self;
        formatter
            .debug_struct("Compression")
            .field("of", original)
            .field("by", coding)
            .finish_non_exhaustive()
    }
}

/// All bytes of a file, up to one more than may be compressed.
fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; LARGEST as usize + 1];
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}
