//! `$apr1$`: a thousand rounds of MD5, as Apache's `htpasswd -m` writes it (apr_md5.c). It is weak, and common.

use md5::{Digest, Md5};

use super::crypt_text;

/// Bytes of a digest.
const SIZE: usize = 16;
const ROUNDS: usize = 1000;
/// Places of the bytes of the digest in its text, but for the one that comes last.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
const LAST: usize = 11;

/// The text of the digest of a password, which stands after the salt.
pub(super) fn text(password: &[u8], salt: &[u8]) -> String {
    let mut digest = begin(password, salt);
    for round in 0..ROUNDS {
        let is_odd = round % 2 == 1;
        let mut hasher = Md5::new();
        hasher.update(if is_odd { password } else { &digest[..] });
        if round % 3 != 0 {
            hasher.update(salt);
        }
        if round % 7 != 0 {
            hasher.update(password);
        }
        hasher.update(if is_odd { &digest[..] } else { password });
        digest = hasher.finalize().into();
    }
    let groups = ORDER.map(|places| places.map(|place| digest[place]));
    crypt_text::of_groups(groups.iter().map(|group| &group[..]).chain([&digest[LAST..=LAST]]))
}

/// The digest before the rounds.
fn begin(password: &[u8], salt: &[u8]) -> [u8; SIZE] {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut hasher = Md5::new().chain_update(password).chain_update(b"$apr1$").chain_update(salt);
    for start in (0..password.len()).step_by(SIZE) {
        hasher.update(&inner[..SIZE.min(password.len() - start)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        hasher.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    hasher.finalize().into()
}
