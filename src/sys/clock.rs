//! The clock that only goes on, as a number (clock_gettime(2)): systemd compares it with its own.

use std::time::Duration;

/// A moment, in nanoseconds: reading it and comparing it cost half of what `Instant` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// This moment.
    pub(crate) fn now() -> Moment {
        let time = read();
        Moment(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
    }

    /// The moment after some time, a few years at most.
    pub(crate) fn after(self, time: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time since then.
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_nanos(Moment::now().0.saturating_sub(self.0))
    }
}

/// The time of the monotonic clock.
pub(crate) fn monotonic() -> Duration {
    let time = read();
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

fn read() -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` has room for the answer. The call does not fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_as_the_clock_of_the_library_does() {
        let (before, begin) = (monotonic(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(2));
        let (inner, outer) = (begin.elapsed(), monotonic() - before);
        assert!(outer >= inner && inner >= Duration::from_millis(2), "{inner:?} {outer:?}");
    }

    #[test]
    fn a_moment_is_nanoseconds_of_that_clock() {
        let before = monotonic();
        let moment = Moment::now();
        let time = Duration::from_nanos(moment.0);
        assert!((before..=monotonic()).contains(&time), "{time:?}");
        assert!(moment.after(Duration::from_secs(1)) > Moment::now());
        assert!(moment.elapsed() <= monotonic() - before);
    }
}
