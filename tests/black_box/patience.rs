//! A helper: the time after which a test calls something broken, and the one way to wait for what sends no event.
//! A deadline here is never a measurement: it is generous, so that a busy machine fails no test,
//! and it is reached only by a server that hangs.

use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for anything that a correct server does at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until `condition` holds. Only for states without an event, such as the existence of a file.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
