//! Bytes in memory that all workers share: short ones as they are, longer ones in files of their own.
//!
//! Copying a short content in one call with its head costs less than a call of its own; from [`SHORT`] bytes on the
//! copy costs more. `sendfile` from a file in memory spares it: nobody can change that file, so that its bytes
//! are those of the tag, and no disk is waited for.

use std::fs::File;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use crate::sys::memory_file::MemoryFile;

/// Bytes up to which a content is copied.
pub(crate) const SHORT: usize = 16 * 1024;

/// Bytes in memory.
#[derive(Clone, Debug)]
pub(crate) enum InMemory {
    /// They can only be copied.
    Plain(Arc<[u8]>),
    /// They can be sent from a file, too.
    File(Arc<Counted>),
}

/// A file in memory that is one of a limited number.
#[derive(Debug)]
pub(crate) struct Counted {
    file: MemoryFile,
    left: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

impl InMemory {
    /// The file that they can be sent from.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            InMemory::Plain(_) => None,
            InMemory::File(counted) => Some(counted.file.file()),
        }
    }

    /// The same bytes, for as long as somebody has them.
    pub(super) fn downgrade(&self) -> WeakInMemory {
        match self {
            InMemory::Plain(bytes) => WeakInMemory::Plain(Arc::downgrade(bytes)),
            InMemory::File(counted) => WeakInMemory::File(Arc::downgrade(counted)),
        }
    }
}

impl Deref for InMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            InMemory::Plain(bytes) => bytes,
            InMemory::File(counted) => &counted.file,
        }
    }
}

impl From<Vec<u8>> for InMemory {
    fn from(bytes: Vec<u8>) -> InMemory {
        InMemory::Plain(bytes.into())
    }
}

impl From<&[u8]> for InMemory {
    fn from(bytes: &[u8]) -> InMemory {
        InMemory::Plain(bytes.into())
    }
}

/// Bytes that are in memory for as long as somebody has them.
pub(super) enum WeakInMemory {
    Plain(Weak<[u8]>),
    File(Weak<Counted>),
}

impl WeakInMemory {
    /// The bytes, if somebody has them.
    pub(super) fn upgrade(&self) -> Option<InMemory> {
        match self {
            WeakInMemory::Plain(bytes) => bytes.upgrade().map(InMemory::Plain),
            WeakInMemory::File(counted) => counted.upgrade().map(InMemory::File),
        }
    }
}

/// Makes files in memory, a limited number at a time: each takes a descriptor. The default makes none.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryFiles {
    left: Arc<AtomicUsize>,
}

impl MemoryFiles {
    /// Makes so many at most.
    pub(crate) fn new(most: usize) -> MemoryFiles {
        MemoryFiles { left: Arc::new(AtomicUsize::new(most)) }
    }

    /// The bytes, in a file of their own if they are long enough and there may be one more.
    pub(crate) fn keep(&self, bytes: Vec<u8>) -> InMemory {
        if bytes.len() <= SHORT || !self.take_one() {
            return bytes.into();
        }
        match MemoryFile::new(&bytes) {
            Ok(file) => InMemory::File(Arc::new(Counted { file, left: Arc::clone(&self.left) })),
            Err(error) => {
                self.left.fetch_add(1, Ordering::Relaxed);
                log::debug!("a content is copied, because there is no file in memory for it: {error}");
                bytes.into()
            }
        }
    }

    fn take_one(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_contents_have_files_as_far_as_their_number_goes() {
        let files = MemoryFiles::new(2);
        let keep = |length| files.keep(vec![b'x'; length]);
        assert!(keep(SHORT).file().is_none());
        let (first, second, third) = (keep(SHORT + 1), keep(100_000), keep(100_000));
        assert!(first.file().is_some() && second.file().is_some() && third.file().is_none());
        assert_eq!((first.len(), second.len(), &*second), (SHORT + 1, 100_000, &*third));
        let weak = first.downgrade();
        assert!(weak.upgrade().is_some_and(|same| same.file().is_some()));
        drop(first);
        assert!(weak.upgrade().is_none());
        assert!(keep(SHORT + 1).file().is_some(), "the place of the one that is gone");
        assert!(MemoryFiles::default().keep(vec![b'x'; 100_000]).file().is_none());
    }
}
