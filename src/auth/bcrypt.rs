//! `$2y$`, `$2a$` and `$2b$`: bcrypt, which other systems than its first ones wrote wrongly once and tell apart by a letter;
//! all three are read alike, as Apache does.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Bytes of a password that count.
const LONGEST: usize = 72;
/// Bytes of a digest that are written; the last one is not.
const WRITTEN: usize = 23;
/// Characters of the salt.
const SALT: usize = 22;
/// The text of bytes. Some programs make salts at random, also the bits at the end that say nothing.
const TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Salt and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bcrypt {
    /// The logarithm of the rounds.
    cost: u32,
    salt: [u8; 16],
    digest: [u8; WRITTEN],
}

impl Bcrypt {
    /// Reads what follows the cost: 22 characters of salt and 31 of digest. The cost is below 32.
    pub(super) fn parse(cost: u32, text: &str) -> Option<Bcrypt> {
        let (salt, digest) = text.split_at_checked(SALT)?;
        let bytes = |text| TEXT.decode(text).ok();
        Some(Bcrypt { cost, salt: bytes(salt)?.try_into().ok()?, digest: bytes(digest)?.try_into().ok()? })
    }

    /// The logarithm of the rounds.
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether it is that of a password, which holds no NUL.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let mut text = [password, &[0]].concat();
        text.truncate(LONGEST);
        let found = bcrypt::bcrypt(self.cost, self.salt, &text);
        verify_slices_are_equal(&found[..WRITTEN], &self.digest).is_ok()
    }
}
