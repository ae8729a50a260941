//! Session tickets: what a client needs to resume its session, encrypted with keys that only this process has
//! (RFC 5077, RFC 8446 section 4.6.1).
//!
//! All workers share the keys. A key makes tickets for a day, or until the certificate changes, and its tickets are
//! taken for a day after that: whoever steals a key later can read no session that ended before. Nothing is sent with
//! a resumption before the handshake is done (no early data): it could be replayed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

/// The time for which a key makes tickets, and after that the time for which they are taken.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a key's name, by which a ticket says which key has made it.
const NAME: usize = 16;

/// The key of today and the one before.
#[derive(Debug)]
pub(super) struct TicketKeys(Mutex<Keys>);

#[derive(Debug)]
struct Keys {
    current: Key,
    previous: Option<Key>,
    /// The time at which the current one came into use.
    since: Instant,
}

#[derive(Debug)]
struct Key {
    name: [u8; NAME],
    key: LessSafeKey,
}

impl Key {
    fn random() -> Result<Key, Unspecified> {
        let (mut name, mut secret) = ([0; NAME], [0; 32]);
        let random = SystemRandom::new();
        random.fill(&mut name)?;
        random.fill(&mut secret)?;
        Ok(Key { name, key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret)?) })
    }

    /// A ticket: name, nonce, and the encrypted session.
    fn encrypt(&self, session: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        let mut sealed = session.to_vec();
        let associated = Aad::from(self.name);
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated, &mut sealed)?;
        Ok([&self.name[..], &nonce, &sealed].concat())
    }

    /// The session of a ticket that this key has made.
    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        if name != self.name {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut session = sealed.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(self.name), &mut session).ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

impl TicketKeys {
    /// A first key.
    ///
    /// # Errors
    /// Random numbers are short.
    pub(super) fn new() -> Result<TicketKeys, Unspecified> {
        let keys = Keys { current: Key::random()?, previous: None, since: Instant::now() };
        Ok(TicketKeys(Mutex::new(keys)))
    }

    /// Begins to use another key.
    pub(super) fn rotate(&self) {
        self.lock().rotate(Instant::now());
    }

    fn encrypt_at(&self, now: Instant, session: &[u8]) -> Option<Vec<u8>> {
        self.up_to(now).current.encrypt(session).ok()
    }

    fn decrypt_at(&self, now: Instant, ticket: &[u8]) -> Option<Vec<u8>> {
        let keys = self.up_to(now);
        keys.current.decrypt(ticket).or_else(|| keys.previous.as_ref()?.decrypt(ticket))
    }

    /// The keys that are in use at this time.
    fn up_to(&self, now: Instant) -> MutexGuard<'_, Keys> {
        let mut keys = self.lock();
        let age = now.saturating_duration_since(keys.since);
        if age >= DAY {
            keys.rotate(now);
        }
        if age >= 2 * DAY {
            keys.previous = None;
        }
        keys
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    /// Puts a new key into use. If no random numbers can be had the old one goes on.
    fn rotate(&mut self, now: Instant) {
        if let Ok(key) = Key::random() {
            self.previous = Some(std::mem::replace(&mut self.current, key));
            self.since = now;
        }
    }
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        DAY.as_secs() as u32
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.encrypt_at(Instant::now(), session)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.decrypt_at(Instant::now(), ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_taken_for_a_day_at_least_and_two_at_most() {
        let keys = TicketKeys::new().unwrap();
        let begin = keys.lock().since;
        let after = |hours: u32| begin + DAY / 24 * hours;
        let early = keys.encrypt_at(after(1), b"early").unwrap();
        let late = keys.encrypt_at(after(23), b"late").unwrap();
        for (hours, early_is_taken, late_is_taken) in
            [(23, true, true), (25, true, true), (47, true, true), (49, false, false), (97, false, false)]
        {
            let now = after(hours);
            assert_eq!(keys.decrypt_at(now, &early).is_some(), early_is_taken, "early after {hours} hours");
            assert_eq!(keys.decrypt_at(now, &late).is_some(), late_is_taken, "late after {hours} hours");
        }
    }

    #[test]
    fn nobody_is_asked_for_two_days() {
        let keys = TicketKeys::new().unwrap();
        let begin = keys.lock().since;
        let ticket = keys.encrypt_at(begin, b"session").unwrap();
        assert_eq!(keys.decrypt_at(begin + DAY * 2, &ticket), None);
    }

    #[test]
    fn a_renewal_keeps_the_tickets_of_the_key_before() {
        let keys = TicketKeys::new().unwrap();
        let tickets = [0; 3].map(|_| {
            let ticket = keys.encrypt(b"session").unwrap();
            keys.rotate();
            ticket
        });
        let taken = tickets.map(|ticket| keys.decrypt(&ticket).is_some());
        assert_eq!(taken, [false, false, true]);
    }

    #[test]
    fn a_ticket_that_was_changed_is_no_ticket() {
        let keys = TicketKeys::new().unwrap();
        let ticket = keys.encrypt(b"session").unwrap();
        assert_eq!(keys.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        for index in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[index] ^= 1;
            assert_eq!(keys.decrypt(&changed), None, "byte {index}");
            assert_eq!(keys.decrypt(&ticket[..index]), None, "{index} bytes");
        }
    }
}
