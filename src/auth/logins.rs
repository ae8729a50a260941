//! The logins that all workers share: the file's, what is known of pairs of credentials, and who guesses.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;

use super::failures::{Failures, Network};
use super::htpasswd::Htpasswd;
use super::known::{Key, Known};
use super::sorted_map::SortedMap;
use crate::http::credentials::Credentials;

/// Pairs whose hash is being computed or waits for that, of all clients together.
const MOST_CHECKS: usize = 32;

/// The logins.
pub(crate) struct Logins {
    /// The key of the digests of pairs: nobody else knows it, and it ends with the process.
    key: hmac::Key,
    state: Mutex<State>,
}

struct State {
    /// The logins of the file; `None` while it cannot be read.
    file: Option<Arc<Htpasswd>>,
    known: Known,
    failures: Failures,
    /// Checks that have begun and not ended, by pair: requests of one client often come together.
    open: SortedMap<Key, usize>,
}

/// What follows from the credentials of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// They are right: the name.
    Right(Arc<[u8]>),
    /// There are none, they are wrong, or nobody gets in.
    Missing,
    /// They may be right, but the client has guessed too often: it is to wait for so long.
    Slowed(Duration),
    /// They may be right, but too many others are being looked at.
    Busy,
    /// A hash is to be computed before.
    Unknown(Box<Check>),
}

impl Logins {
    /// The logins of a file.
    ///
    /// # Errors
    /// No random numbers can be had.
    pub(crate) fn new(file: Htpasswd) -> Result<Logins, &'static str> {
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new());
        let state = State {
            file: Some(Arc::new(file)),
            known: Known::default(),
            failures: Failures::default(),
            open: SortedMap::default(),
        };
        Ok(Logins { key: key.map_err(|_| "no random numbers can be had")?, state: Mutex::new(state) })
    }

    /// Takes another state of the file; `None` lets nobody in. What is known of pairs is forgotten.
    pub(crate) fn replace(&self, file: Option<Htpasswd>) {
        let mut state = self.lock();
        (state.file, state.known) = (file.map(Arc::new), Known::default());
    }

    /// Forgets what is too old to count.
    pub(crate) fn forget_old(&self, now: Instant) {
        let mut state = self.lock();
        state.known.forget_old(now);
        state.failures.forget_old(now);
    }

    /// Looks at the value of the `Authorization` field of a request, if it has just one. Wrong credentials are a failure
    /// of the client; none, and those of another scheme, are not.
    pub(crate) fn look(
        self: &Arc<Logins>,
        authorization: Option<&[u8]>,
        client: Network,
        now: Instant,
    ) -> Verdict {
        let Some(credentials) = authorization.and_then(Credentials::parse) else { return Verdict::Missing };
        let key = self.digest(&credentials);
        let mut state = self.lock();
        if state.file.is_none() {
            return Verdict::Missing;
        }
        let known = state.known.find(&key, now);
        if let Some(Some(name)) = known {
            return Verdict::Right(name);
        }
        if let Some(left) = state.failures.slowed(client, now) {
            return Verdict::Slowed(left);
        }
        if known.is_some() {
            state.failures.note(client, now);
            return Verdict::Missing;
        }
        let is_first = state.open.get(&key).is_none();
        if is_first && state.open.len() >= MOST_CHECKS {
            return Verdict::Busy;
        }
        if is_first && !state.failures.open(client, now) {
            return Verdict::Slowed(Duration::ZERO);
        }
        *state.open.get_or_insert_with(key, || 0) += 1;
        drop(state);
        let is_counted = AtomicBool::new(is_first);
        Verdict::Unknown(Box::new(Check { logins: Arc::clone(self), credentials, key, client, is_counted }))
    }

    fn digest(&self, credentials: &Credentials) -> Key {
        let tag = hmac::sign(&self.key, credentials.text());
        let mut key = Key::default();
        key.copy_from_slice(tag.as_ref());
        key
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Logins").finish_non_exhaustive()
    }
}

/// Credentials whose hash is to be computed. Dropping it makes room for others.
pub(crate) struct Check {
    logins: Arc<Logins>,
    credentials: Credentials,
    key: Key,
    client: Network,
    /// Whether it counts among the guesses of its client that are being looked at: no other check of the pair was open
    /// when it began, and it is not done.
    is_counted: AtomicBool,
}

impl Check {
    /// Computes the hash, unless the same pair was looked at meanwhile, and keeps what comes of it. Returns the name if the
    /// pair is right. It takes long, and holds up nobody else.
    pub(crate) fn run(&self) -> Option<Arc<[u8]>> {
        let (file, known) = {
            let mut state = self.logins.lock();
            (state.file.clone()?, state.known.find(&self.key, Instant::now()))
        };
        let name = known.clone().unwrap_or_else(|| {
            let is_right = file.has(self.credentials.name(), self.credentials.password());
            is_right.then(|| self.credentials.name().into())
        });
        let (mut state, now) = (self.logins.lock(), Instant::now());
        // At one with the failure: nothing counts twice, not for a moment.
        self.end_count(&mut state, now);
        if name.is_none() {
            state.failures.note(self.client, now);
        }
        let is_current = state.file.as_ref().is_some_and(|current| Arc::ptr_eq(current, &file));
        if known.is_none() && is_current {
            state.known.add(self.key, name.clone(), now);
        }
        name
    }

    fn end_count(&self, state: &mut State, now: Instant) {
        if self.is_counted.swap(false, Ordering::Relaxed) {
            state.failures.close(self.client, now);
        }
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        let mut state = self.logins.lock();
        self.end_count(&mut state, Instant::now());
        match state.open.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => state.open.remove(&self.key),
        }
    }
}

impl fmt::Debug for Check {
    /// Neither name nor password.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Check").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::failures::{MOST_FAILURES, WINDOW};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use std::net::Ipv4Addr;

    fn file(text: &str) -> Htpasswd {
        Htpasswd::parse(text.as_bytes()).0
    }

    /// Anna's password is `secret`.
    fn anna() -> Arc<Logins> {
        Arc::new(Logins::new(file("anna:$apr1$salt$VEpBc9VHGUKwI9.yg13Iu0")).unwrap())
    }

    fn client(number: u32) -> Network {
        Some(Ipv4Addr::from_bits(number).into())
    }

    fn value(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// The verdict on a pair, as a word.
    fn look(logins: &Arc<Logins>, pair: &str, client: Network, now: Instant) -> &'static str {
        match logins.look(Some(value(pair).as_bytes()), client, now) {
            Verdict::Right(_) => "right",
            Verdict::Missing => "missing",
            Verdict::Slowed(_) => "slowed",
            Verdict::Busy => "busy",
            Verdict::Unknown(_) => "unknown",
        }
    }

    fn check(logins: &Arc<Logins>, pair: &str, client: Network, now: Instant) -> Box<Check> {
        match logins.look(Some(value(pair).as_bytes()), client, now) {
            Verdict::Unknown(check) => check,
            verdict => panic!("{pair}: {verdict:?}"),
        }
    }

    #[test]
    fn a_hash_is_computed_once_for_a_pair_and_a_state_of_the_file() {
        let (logins, now) = (anna(), Instant::now());
        for pair in ["anna:secret", "anna:wrong", "bert:secret"] {
            check(&logins, pair, client(1), now).run();
        }
        for _ in 0..3 {
            assert_eq!(look(&logins, "anna:secret", client(2), now), "right");
            assert_eq!(look(&logins, "anna:wrong", client(2), now), "missing");
            assert_eq!(look(&logins, "bert:secret", client(2), now), "missing");
        }
        logins.replace(Some(file("anna:$apr1$ASevKNEz$gDkx4PUZ1CbGsmiUNFJru1")));
        let again = check(&logins, "anna:secret", client(1), now);
        assert_eq!(again.run().as_deref(), Some(&b"anna"[..]));
        logins.replace(Some(file("anna:$apr1$.NQCen3h$Lbgphmep0mVYcBOckbXyP.")));
        assert_eq!(check(&logins, "anna:secret", client(1), now).run(), None);
    }

    #[test]
    fn a_check_of_an_older_file_is_not_kept() {
        let (logins, now) = (anna(), Instant::now());
        let begun = check(&logins, "anna:secret", client(1), now);
        logins.replace(Some(file("")));
        assert_eq!(begun.run(), None);
        let begun = check(&logins, "anna:wrong", client(1), now);
        logins.replace(None);
        assert_eq!(begun.run(), None);
        assert_eq!(look(&logins, "anna:secret", client(1), now), "missing", "nobody gets in");
    }

    #[test]
    fn only_wrong_credentials_are_a_failure() {
        let (logins, now) = (anna(), Instant::now());
        for value in [None, Some(""), Some("Bearer x"), Some("Basic !"), Some("Basic YQ==")] {
            for _ in 0..20 {
                let verdict = logins.look(value.map(str::as_bytes), client(1), now);
                assert!(matches!(verdict, Verdict::Missing), "{value:?}");
            }
        }
        check(&logins, "anna:wrong", client(1), now).run();
        let now = Instant::now(); // after the check
        for _ in 1..MOST_FAILURES {
            assert_eq!(look(&logins, "anna:wrong", client(1), now), "missing");
        }
        assert_eq!(look(&logins, "anna:wrong", client(1), now), "slowed");
        assert_eq!(look(&logins, "anna:secret", client(1), now), "slowed", "it may be a guess");
        assert_eq!(look(&logins, "anna:secret", client(2), now), "unknown");
        check(&logins, "anna:secret", client(2), now).run();
        assert_eq!(look(&logins, "anna:secret", client(1), now), "right");
        assert!(matches!(logins.look(None, client(1), now), Verdict::Missing));
        assert_eq!(look(&logins, "bert:secret", client(1), now + WINDOW), "unknown");
    }

    #[test]
    fn guesses_that_come_together_are_no_more_than_may_be_wrong() {
        let (logins, now) = (anna(), Instant::now());
        let guess = |number: usize| format!("anna:{number}");
        let open: Vec<_> =
            (0..MOST_FAILURES).map(|number| check(&logins, &guess(number), client(1), now)).collect();
        assert_eq!(look(&logins, &guess(MOST_FAILURES), client(1), now), "slowed");
        assert_eq!(look(&logins, &guess(0), client(1), now), "unknown", "it is looked at already");
        open[0].run();
        assert_eq!(
            look(&logins, &guess(MOST_FAILURES), client(1), now),
            "slowed",
            "nine are open, one was wrong"
        );
        drop(open);
        assert_eq!(look(&logins, &guess(MOST_FAILURES), client(1), now), "unknown");
    }

    #[test]
    fn no_more_checks_than_so_many() {
        let (logins, now) = (anna(), Instant::now());
        let guess = |number: usize| format!("anna:{number}");
        let open: Vec<_> = (0..MOST_CHECKS)
            .map(|number| check(&logins, &guess(number), client(number as u32), now))
            .collect();
        assert_eq!(look(&logins, &guess(MOST_CHECKS), client(MOST_CHECKS as u32), now), "busy");
        let same: Vec<_> = (0..100).map(|_| check(&logins, &guess(0), client(0), now)).collect();
        drop(open);
        assert_eq!(look(&logins, &guess(MOST_CHECKS), client(MOST_CHECKS as u32), now), "unknown");
        assert_eq!(logins.lock().open.len(), 1);
        drop(same);
        assert_eq!(logins.lock().open.len(), 0, "nothing is left of checks that were given up");
    }
}
