//! The calling thread, as the scheduler sees it (getrusage(2)).

use std::mem::MaybeUninit;

/// Counts how often this thread has given up the processor by itself, because it had to wait.
pub(crate) fn waits() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` has room for the answer, and all zeros, as they stand if the call fails, are valid.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    // The type is narrower on other architectures.
    #[allow(clippy::unnecessary_cast)]
    {
        usage.ru_nvcsw as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_waits_and_one_that_works_does_not() {
        let before = waits();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(waits() > before);
    }
}
