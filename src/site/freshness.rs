//! When a kept resource must be looked at again.
//!
//! The rule that users get: *a request sent after a file was replaced gets the new file, always.* A worker reads all
//! requests that have arrived, and then answers them: a resource that was compared with the file system once in this
//! turn is therefore right for every request of the turn, and a hundred requests share one `stat`. The *name* is
//! compared: a directory on the way, or the root, may be a symlink that was swapped. Inode, device, size and both
//! times in nanoseconds must be the same, and a file that was changed so lately that another change could bear the
//! same time is read again.
//!
//! One thing may come late: a coded file that appears beside a file that did not have it is noticed within
//! [`NEIGHBOURS_AGE`]. Until then the file is served as before: right, but not as small.

use std::cell::Cell;
use std::ffi::CString;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::names::{Names, NeedsDisk};
use super::now::Now;
use super::pending::{Job, Pending};
use super::resolve::{Refusal, Root};
use crate::sys::file::Metadata;

/// The age at which the state of a directory is looked at again for new coded files.
const NEIGHBOURS_AGE: Duration = Duration::from_secs(1);
/// Two changes of a file closer than this may bear the same time: a tick of the slowest kernel clock (10 ms), twice.
const TICK: Duration = Duration::from_millis(20);
/// The same on file systems that keep whole seconds; FAT keeps two.
const COARSE_TICK: Duration = Duration::from_secs(3);
/// The longest time that a request waits for a file to settle: a tick, and what the timer adds. A file system with a
/// coarse clock, or one that is ahead of ours, is not waited for.
pub(super) const LONGEST_SETTLING: Duration = Duration::from_millis(25);

/// The time after which a further change of a file bears another time than its last one; zero when it does already.
pub(super) fn settling_time(metadata: &Metadata, now: SystemTime) -> Duration {
    let changed = metadata.changed;
    let tick = if changed.nanoseconds == 0 { COARSE_TICK } else { TICK };
    let changed = Duration::new(u64::try_from(changed.seconds).unwrap_or(0), changed.nanoseconds);
    let settled = changed + tick + Duration::from_nanos(1);
    settled.saturating_sub(now.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A name, and the file that it stood for; `None` for nothing.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) name: CString,
    pub(super) seen: Option<Metadata>,
}

impl Watch {
    /// Whether it is of this name beneath the root.
    pub(super) fn is_of(&self, root: &Root, name: &[u8]) -> bool {
        root.name(name, "").is_ok_and(|whole| whole == self.name)
    }

    /// Whether it still stands for the same. An error that says nothing of the name counts as a change.
    fn holds(&self, names: &Names, pending: &Pending) -> Result<bool, NeedsDisk> {
        Ok(match names.look_up(&self.name, pending)? {
            Ok(found) => self.seen == Some(found),
            Err(refusal) => self.seen.is_none() && refusal == Refusal::Absent,
        })
    }
}

/// A directory in which coded files could appear.
#[derive(Debug)]
pub(super) struct Neighbours {
    name: CString,
    looked: Cell<Instant>,
    seen: Cell<Option<Metadata>>,
}

impl Neighbours {
    /// The directory of this name, as it is now.
    pub(super) fn new(name: CString, names: &Names, now: &Now) -> Neighbours {
        let seen = Cell::new(names.glance(&name));
        Neighbours { name, looked: Cell::new(now.instant), seen }
    }

    /// The state that it had [`NEIGHBOURS_AGE`] ago or later.
    pub(super) fn state(&self, names: &Names, now: &Now) -> Option<Metadata> {
        if now.instant >= self.looked.get() + NEIGHBOURS_AGE {
            self.looked.set(now.instant);
            self.seen.set(names.glance(&self.name));
        }
        self.seen.get()
    }
}

/// All that a resource was made of, and when that was last compared with the file system.
#[derive(Debug)]
pub(super) struct Freshness {
    watches: Vec<Watch>,
    /// The directory in which coded files could appear, and its state when the file was read.
    neighbours: Option<(Rc<Neighbours>, Option<Metadata>)>,
    /// The turn in which all this was true.
    checked: u64,
    /// Whether no further change can hide under the same times.
    is_settled: bool,
}

impl Freshness {
    /// What was found in this turn, all of it by these names; `is_certain` says that no look failed.
    pub(super) fn new(
        watches: Vec<Watch>,
        neighbours: Option<(Rc<Neighbours>, Option<Metadata>)>,
        is_certain: bool,
        now: &Now,
    ) -> Freshness {
        let states = watches.iter().map(|watch| watch.seen).chain(neighbours.as_ref().map(|(_, seen)| *seen));
        let is_settled =
            is_certain && states.flatten().all(|metadata| settling_time(&metadata, now.time).is_zero());
        Freshness { watches, neighbours, checked: now.turn, is_settled }
    }

    /// Whether the file system has to be asked in this turn.
    pub(super) fn has_to_look(&self, now: &Now) -> bool {
        self.is_settled && self.checked != now.turn
    }

    /// Whether it is true in this turn; looks when it has not looked yet.
    ///
    /// # Errors
    /// The [`Job`] that is to look.
    pub(super) fn is_current(&mut self, now: &Now, names: &Names, pending: &Pending) -> Result<bool, Job> {
        if self.checked == now.turn {
            return Ok(true);
        }
        if !self.is_settled {
            return Ok(false);
        }
        for watch in &self.watches {
            match watch.holds(names, pending) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(NeedsDisk) => return Err(self.look_up()),
            }
        }
        if self.neighbours.as_ref().is_some_and(|(directory, seen)| directory.state(names, now) != *seen) {
            return Ok(false);
        }
        self.checked = now.turn;
        Ok(true)
    }

    /// Looks up all that it watches.
    fn look_up(&self) -> Job {
        Job::LookUp(self.watches.iter().map(|watch| watch.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::{Kind, Timestamp};

    #[test]
    fn a_change_is_settled_once_no_other_can_bear_its_time() {
        let second = 1_000_000_000u64;
        for (changed, now_nanoseconds, expected) in [
            ((1, 5_000_000), second + 5_000_000, 20_000_001),
            ((1, 5_000_000), second + 25_000_000, 1),
            ((1, 5_000_000), second + 25_000_001, 0),
            ((1, 0), 4 * second, 1), // whole seconds: a coarse clock
            ((1, 0), 4 * second + 1, 0),
            ((9, 1), 2 * second, 7_020_000_002), // the clock was set back
        ] {
            let (seconds, nanoseconds) = changed;
            let changed = Timestamp { seconds, nanoseconds };
            let metadata =
                Metadata { kind: Kind::Regular, device: 0, inode: 0, size: 0, modified: changed, changed };
            let now = UNIX_EPOCH + Duration::from_nanos(now_nanoseconds);
            let time = settling_time(&metadata, now);
            assert_eq!(time, Duration::from_nanos(expected), "{changed:?} at {now_nanoseconds}");
        }
    }
}
