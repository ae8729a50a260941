//! `$5$` and `$6$`: many rounds of SHA-256 or SHA-512, as `htpasswd -2` and `-5` and most systems write them
//! (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"). The steps have the numbers of that text.
//!
//! The digests are those of the library that does TLS: another one would be a second copy of them in the binary.

use aws_lc_rs::digest::{self, Algorithm, SHA256, SHA512};

use super::crypt_text;

/// The digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sha {
    Sha256,
    Sha512,
}

impl Sha {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Sha::Sha256 => &SHA256,
            Sha::Sha512 => &SHA512,
        }
    }

    /// Characters of the text of a digest.
    pub(super) fn text_length(self) -> usize {
        (self.algorithm().output_len() * 8).div_ceil(6)
    }

    /// The text of the digest of a password, which stands after the salt.
    pub(super) fn text(self, password: &[u8], salt: &[u8], rounds: u32) -> String {
        let hash = |parts: &[&[u8]]| digest::digest(self.algorithm(), &parts.concat());
        let mut result = self.begin(password, salt);
        // Steps 13 to 20.
        let of_password = hash(&[&password.repeat(password.len())]);
        let of_salt = hash(&[&salt.repeat(16 + usize::from(result.as_ref()[0]))]);
        let password = stretch(of_password.as_ref(), password.len());
        let salt = stretch(of_salt.as_ref(), salt.len());
        // Step 21.
        let mut bytes = Vec::new();
        for round in 0..rounds {
            let is_odd = round % 2 == 1;
            bytes.clear();
            bytes.extend_from_slice(if is_odd { &password } else { result.as_ref() });
            if round % 3 != 0 {
                bytes.extend_from_slice(&salt);
            }
            if round % 7 != 0 {
                bytes.extend_from_slice(&password);
            }
            bytes.extend_from_slice(if is_odd { result.as_ref() } else { &password });
            result = digest::digest(self.algorithm(), &bytes);
        }
        self.text_of(result.as_ref())
    }

    /// Steps 1 to 12.
    fn begin(self, password: &[u8], salt: &[u8]) -> digest::Digest {
        let inner = digest::digest(self.algorithm(), &[password, salt, password].concat());
        let mut bytes = [password, salt, &stretch(inner.as_ref(), password.len())].concat();
        let mut bits = password.len();
        while bits > 0 {
            bytes.extend_from_slice(if bits & 1 == 1 { inner.as_ref() } else { password });
            bits >>= 1;
        }
        digest::digest(self.algorithm(), &bytes)
    }

    /// Step 22.
    fn text_of(self, digest: &[u8]) -> String {
        let third = digest.len() / 3;
        let (mut places, mut groups) = ([0, third, 2 * third], Vec::new());
        for _ in 0..third {
            groups.push(places.map(|place| digest[place]));
            places = match self {
                Sha::Sha256 => [places[2] + 1, places[0] + 1, places[1] + 1],
                Sha::Sha512 => [places[1] + 1, places[2] + 1, places[0] + 1],
            };
        }
        let rest: Vec<u8> = digest[3 * third..].iter().rev().copied().collect();
        crypt_text::of_groups(groups.iter().map(|group| &group[..]).chain([&rest[..]]))
    }
}

/// So many bytes of a digest that is repeated.
fn stretch(digest: &[u8], length: usize) -> Vec<u8> {
    digest.iter().cycle().take(length).copied().collect()
}
