//! The hash of a password, in the forms that `htpasswd` and `openssl passwd` write and that are still worth something.

use std::hint::black_box;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::bcrypt::Bcrypt;
use super::sha_crypt::Sha;
use super::{apr1, crypt_text};

/// The costs of bcrypt that are taken, which are those of `htpasswd`. One more is twice the time: the highest takes some
/// seconds.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=17;
/// The rounds of SHA-crypt that are taken; the highest number takes some seconds.
const SHA_ROUNDS: std::ops::RangeInclusive<u32> = 1_000..=10_000_000;
/// The rounds of SHA-crypt where none are named.
const DEFAULT_ROUNDS: u32 = 5_000;
/// Characters of the longest salts.
const SHA_SALT: usize = 16;
const APR1_SALT: usize = 8;
/// Characters of the text of an MD5 digest.
const APR1_TEXT: usize = 22;

/// A hash of one of the kinds that are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Bcrypt(Bcrypt),
    /// Rounds, salt, and the text of the digest.
    Sha {
        sha: Sha,
        rounds: u32,
        salt: String,
        digest: String,
    },
    Apr1 {
        salt: String,
        digest: String,
    },
}

impl Hash {
    /// Reads a hash.
    ///
    /// # Errors
    /// Why it is not taken, as the end of a sentence.
    pub(super) fn parse(text: &str) -> Result<Hash, &'static str> {
        let Some((kind, rest)) = text.strip_prefix('$').and_then(|text| text.split_once('$')) else {
            return Err(match text {
                _ if text.starts_with('{') => "{SHA} and its like are too easily guessed; use htpasswd -B",
                _ if text.len() == 13 && crypt_text::is_text(text) => {
                    "crypt is too easily guessed, and takes 8 characters; use htpasswd -B"
                }
                _ => "it is no hash, but may be a password in plain text; use htpasswd -B",
            });
        };
        match kind {
            "2y" | "2a" | "2b" => parse_bcrypt(rest),
            "5" => parse_sha(Sha::Sha256, rest),
            "6" => parse_sha(Sha::Sha512, rest),
            "apr1" => parse_apr1(rest),
            "1" => Err("$1$ is too easily guessed; use htpasswd -B"),
            _ => Err("it is of an unknown kind; use htpasswd -B"),
        }
    }

    /// Whether it is that of a password. It takes [`Hash::cost`].
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let (found, expected) = match self {
            Hash::Bcrypt(bcrypt) => return bcrypt.is_of(password),
            Hash::Sha { sha, rounds, salt, digest } => (sha.text(password, salt.as_bytes(), *rounds), digest),
            Hash::Apr1 { salt, digest } => (apr1::text(password, salt.as_bytes()), digest),
        };
        verify_slices_are_equal(found.as_bytes(), expected.as_bytes()).is_ok()
    }

    /// Takes as long as [`Hash::is_of`].
    pub(super) fn spend(&self, password: &[u8]) {
        black_box(self.is_of(password));
    }

    /// About how many nanoseconds it takes to compute, to tell which of two hashes is dearer.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Hash::Bcrypt(bcrypt) => 50_000 << bcrypt.cost(),
            Hash::Sha { rounds, .. } => u64::from(*rounds) * 500,
            Hash::Apr1 { .. } => 250_000,
        }
    }
}

/// `<cost>$<22 characters of salt><31 of digest>`
fn parse_bcrypt(rest: &str) -> Result<Hash, &'static str> {
    const MALFORMED: &str = "its bcrypt hash is malformed";
    let (cost, rest) = rest.split_once('$').filter(|(cost, _)| cost.len() == 2).ok_or(MALFORMED)?;
    let cost = cost.parse().ok().filter(|cost| BCRYPT_COSTS.contains(cost));
    let cost = cost.ok_or("its bcrypt cost is not between 04 and 17")?;
    Bcrypt::parse(cost, rest).map(Hash::Bcrypt).ok_or(MALFORMED)
}

/// `[rounds=<number>$]<salt>$<digest>`
fn parse_sha(sha: Sha, rest: &str) -> Result<Hash, &'static str> {
    const MALFORMED: &str = "its SHA-crypt hash is malformed";
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => rest.split_once('$').ok_or(MALFORMED)?,
        None => ("", rest),
    };
    let rounds = match rounds {
        "" => DEFAULT_ROUNDS,
        _ => rounds
            .parse()
            .ok()
            .filter(|rounds| SHA_ROUNDS.contains(rounds))
            .ok_or("its rounds are not between 1,000 and 10,000,000")?,
    };
    let (salt, digest) = parse_salted(rest, SHA_SALT, sha.text_length()).ok_or(MALFORMED)?;
    Ok(Hash::Sha { sha, rounds, salt, digest })
}

/// `<salt>$<digest>`
fn parse_apr1(rest: &str) -> Result<Hash, &'static str> {
    let (salt, digest) = parse_salted(rest, APR1_SALT, APR1_TEXT).ok_or("its $apr1$ hash is malformed")?;
    Ok(Hash::Apr1 { salt, digest })
}

fn parse_salted(rest: &str, longest_salt: usize, digest_length: usize) -> Option<(String, String)> {
    let (salt, digest) = rest.split_once('$')?;
    let fits = salt.len() <= longest_salt && digest.len() == digest_length && crypt_text::is_text(digest);
    fits.then(|| (salt.to_owned(), digest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of the texts that specify them, of `htpasswd` 2.4.68 and of `openssl passwd` 3.
    const KNOWN: &[(&str, &str)] = &[
        ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
        (
            "This is just a test",
            "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
        ),
        (
            "a very much longer text to encrypt.  This one even stretches over morethan one line.",
            "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
        ),
        (
            "we have a short salt string but not a short password",
            "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/",
        ),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "Hello world!",
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        ),
        (
            "a very much longer text to encrypt.  This one even stretches over morethan one line.",
            "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
        ),
        ("", "$6$x$QSmr1Bx2g4O6BzKvdkgOcyU6H91X6I/XBv5pSalMhSPkwdH6Beo3F455xZJg0v//bxVK5F4OE5k1.0xuR26MK0"),
        ("pässwörd", "$5$6r16OuBrmInx/sin$HILEg/gAu4Z4nTJUTY.auj7.LVPs1aiZYMEXD0Mfvj4"),
        (
            "secret",
            "$6$rounds=1000$N.jcCwuQVuVZJkNT$cVo8QDvoNhuik1a7xFoh6n/7B9NIyv7lhykkD.NZOaglNoL8N5bUhN2k9fxAGRA3lhTPvBxbWBZtTtr4riigU1",
        ),
        (
            "a",
            "$6$lzEUaHoyToJb.7PL$a5f3SgPsBUDWPCUDTjKShObyqEO093awS/CCR0/HTcqR2Y6SylgnsfJNg20r6LGgWqG.0xutz5gFMEjq0kr5G.",
        ),
        (
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "$6$A668OVKamgd1tWmm$49cnNeGB4qldPnAAti3.HHujQ7WSemjMW0M36/RPF25cCV9ReIQFZfL7FOgRhJZZQ2aVuc9lZiU1CG5CScZgQ/",
        ),
        ("secret", "$apr1$ASevKNEz$gDkx4PUZ1CbGsmiUNFJru1"),
        ("a", "$apr1$.NQCen3h$Lbgphmep0mVYcBOckbXyP."),
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "$apr1$/RKt3xjs$0RQx/u6bWDJBzBVXQ.dJ7."),
        ("0123456789abcdef", "$apr1$Xu6flhAD$x7dh2fhF3se4p8cG8QHYJ."),
        ("pässwörd", "$apr1$HSHPwaDH$OIU5./0uuT.a3xYzSh7XQ."),
        ("secret", "$apr1$salt$VEpBc9VHGUKwI9.yg13Iu0"),
        ("secret", "$5$salt$kpa26zwgX83BPSR8d7w93OIXbFt/d3UOTZaAu5vsTM6"),
        (
            "secret",
            "$6$salt$egUxKNxDs8kPfh8iPMNcosMhb2eWah6d3R44JDm5Rj/j/XWR5E33QPd0YmHXoDHOIDR6kL5D3JcQcz0O8FHE00",
        ),
        ("", "$apr1$12345678$sHuPAw7VA9xjRbJz7zKV7/"),
        ("secret", "$2y$04$qV.k2v/h7cRq6kJWqsZaNesQS0TCshTvyrTJUpNcv7R./iFypOoYO"),
        ("pässwörd", "$2y$05$0IpNv0O9b/.FoACn.73reOhhs5gNLuh.eUAyeXSCOmcmFIXvjWpbu"),
        (
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "$2y$04$rYf1RasClbcQOlxaOJ3h4ORzeA8efV.I.3eyja3u9enNklXDpEnme",
        ),
        (
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "$2y$04$XH0EEB1KvacxVn8zO68pCu6neVA.VlJE4Y4twfI2fD2GjwqaO2RcO",
        ),
        ("", "$2y$04$hecypBiykT50bm3L5hht8.VcE8JkWhLBh.aMRvwFiUzciMSZjvXZG"),
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("£", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.crQZGxQ7hWEf.fNKRjrYcudfgPvGbVK"),
    ];

    #[test]
    fn passwords() {
        for (password, text) in KNOWN {
            let hash = Hash::parse(text).unwrap();
            assert!(hash.is_of(password.as_bytes()), "{password:?} {text}");
            for wrong in ["", "wrong", &format!("{password}x"), &password.to_uppercase()] {
                let is_same = wrong == *password || wrong.is_empty() && password.is_empty();
                // bcrypt takes 72 bytes.
                let is_cut =
                    matches!(hash, Hash::Bcrypt(_)) && password.len() >= 72 && wrong.starts_with(password);
                assert_eq!(
                    hash.is_of(wrong.as_bytes()),
                    is_same || is_cut,
                    "{wrong:?} for {password:?} {text}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_taken() {
        let sha = "a".repeat(43);
        for (text, word) in [
            ("", "plain text"),
            ("secret", "plain text"),
            ("secret$5$", "plain text"),
            ("$", "plain text"),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "{SHA}"),
            ("{SSHA}x", "{SHA}"),
            ("rqXexS6ZhobKA", "crypt is"),
            ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "$1$"),
            ("$2x$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "unknown kind"),
            ("$7$x$y", "unknown kind"),
            ("$y$j9T$x$y", "unknown kind"),
            ("$2y$05$short", "bcrypt hash is malformed"),
            ("$2y$5$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "bcrypt hash is malformed"),
            ("$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lw\u{e4}", "bcrypt hash is malformed"),
            ("$2y$03$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "cost"),
            ("$2y$18$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "cost"),
            ("$5$salt", "SHA-crypt hash is malformed"),
            ("$5$salt$short", "SHA-crypt hash is malformed"),
            ("$5$rounds=5000", "SHA-crypt hash is malformed"),
            (&format!("$6$salt${sha}"), "SHA-crypt hash is malformed"),
            (&format!("$5$saltsaltsaltsalts${sha}"), "SHA-crypt hash is malformed"),
            (&format!("$5$rounds=999$salt${sha}"), "rounds"),
            (&format!("$5$rounds=10000001$salt${sha}"), "rounds"),
            (&format!("$5$rounds=x$salt${sha}"), "rounds"),
            ("$apr1$saltsalts$qJH7.N4xYta3aEG/dfqo/0", "$apr1$ hash is malformed"),
            ("$apr1$salt$qJH7.N4xYta3aEG/dfqo/", "$apr1$ hash is malformed"),
            ("$apr1$salt$qJH7.N4xYta3aEG/dfqo/:", "$apr1$ hash is malformed"),
        ] {
            let why = Hash::parse(text).expect_err(text);
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn a_dearer_hash_has_a_higher_cost() {
        let cost = |text: &str| Hash::parse(text).unwrap().cost();
        let sha = "a".repeat(86);
        let bcrypt = |cost| format!("$2y${cost}$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK");
        let costs = [
            cost("$apr1$salt$qJH7.N4xYta3aEG/dfqo/0"),
            cost(&bcrypt("05")),
            cost(&format!("$6$salt${sha}")),
            cost(&bcrypt("10")),
            cost(&format!("$6$rounds=1000000$salt${sha}")),
            cost(&bcrypt("17")),
        ];
        assert!(costs.is_sorted(), "{costs:?}");
    }
}
