//! The clock that only goes on, as a number (clock_gettime(2)): systemd compares it with its own.

use std::time::Duration;

/// The time of the monotonic clock.
pub(crate) fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` has room for the answer. The call does not fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
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
}
