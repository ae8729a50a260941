//! Looks names up and opens files, in the loop where that is fast, and by threads where it is slow.

use std::cell::Cell;
use std::ffi::CStr;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use super::pending::{Job, Pending};
use super::resolve::{Refusal, Root};
use crate::sys::clock::Moment;
use crate::sys::file::{Metadata, stat};
use crate::sys::{open, thread};

/// A call that waits longer than this in the loop hands later ones to threads for a while. (Always doing so would
/// more than double the cost of names that the kernel does not have in memory.)
const SLOW: Duration = Duration::from_millis(1);
/// A call that takes longer than this has waited: no other process keeps the processor for so long.
const CERTAINLY_SLOW: Duration = Duration::from_millis(50);
/// Time for which they are handed to threads then, at least.
const RESPITE: Duration = Duration::from_secs(1);
/// The same as a multiple of the time that the slow call took: slow calls take a tenth of the loop's time at most.
const RESPITE_TIMES: u32 = 10;

/// The state of a name cannot be told without waiting for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeedsDisk;

/// The file system as one worker knows it: fast or slow.
#[derive(Debug, Default)]
pub(super) struct Names {
    slow_until: Cell<Option<Moment>>,
    /// Until when it is told apart whether a slow call has waited, or another process had the processor.
    suspect_until: Cell<Option<Moment>>,
}

impl Names {
    /// The file that a name stands for.
    ///
    /// # Errors
    /// [`NeedsDisk`]: the name is to be looked up by a thread first.
    pub(super) fn look_up(
        &self,
        name: &CStr,
        pending: &Pending,
    ) -> Result<Result<Metadata, Refusal>, NeedsDisk> {
        if self.is_slow() && !pending.has_looked_up(name) {
            return match open::stat_if_cached(name) {
                Ok(None) => Err(NeedsDisk),
                Ok(Some(metadata)) => Ok(Ok(metadata)),
                Err(error) => Ok(Err(error.into())),
            };
        }
        Ok(self.measured(|| stat(name)).map_err(Refusal::from))
    }

    /// Opens a regular file beneath the root: its name, and a suffix of it.
    ///
    /// # Errors
    /// The [`Job`] that opens it, where that is to be done by a thread first.
    pub(super) fn open(
        &self,
        root: &Root,
        name: &[u8],
        suffix: &'static str,
        pending: &Pending,
    ) -> Result<Result<(Arc<File>, Metadata), Refusal>, Job> {
        if let Some(opened) = pending.opened(name, suffix) {
            return Ok(opened.clone());
        }
        if self.is_slow() {
            return Err(Job::Open(root.clone(), name.to_vec(), suffix));
        }
        Ok(self.measured(|| root.open_file(name, suffix)))
    }

    /// The file that a name stands for, for what can do without: `None` where there is none, or a disk is needed.
    pub(super) fn glance(&self, name: &CStr) -> Option<Metadata> {
        match self.is_slow() {
            true => open::stat_if_cached(name).ok().flatten(),
            false => self.measured(|| stat(name)).ok(),
        }
    }

    /// Whether calls are handed to threads at this moment.
    fn is_slow(&self) -> bool {
        self.slow_until.get().is_some_and(|end| Moment::now() < end)
    }

    /// Makes a call and notes whether it was slow. Only a call that has given up the processor by itself has waited for
    /// a disk. To tell costs a system call, so calls are trusted until one of them takes long.
    fn measured<T>(&self, call: impl FnOnce() -> T) -> T {
        let begun = Moment::now();
        let waits = self.suspect_until.get().filter(|&end| begun < end).map(|_| thread::waits());
        let result = call();
        let took = begun.elapsed();
        if took > SLOW {
            let respite = Some(begun.after(took + RESPITE.max(took * RESPITE_TIMES)));
            match waits {
                Some(before) if thread::waits() == before => {}
                Some(_) => self.slow_until.set(respite),
                None if took > CERTAINLY_SLOW => self.slow_until.set(respite),
                None => self.suspect_until.set(respite),
            }
        }
        result
    }
}
