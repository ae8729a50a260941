//! The file of logins, as Apache's `htpasswd` writes it: a name, a colon and a hash a line.

use std::collections::HashMap;

use super::hash::Hash;

/// Bytes of the longest file that is taken: some ten thousand logins.
pub const LONGEST: usize = 1024 * 1024;

/// The logins of a file.
#[derive(Debug, Default)]
pub struct Htpasswd {
    hashes: HashMap<Vec<u8>, Hash>,
    /// The dearest of the hashes.
    dearest: Option<Hash>,
}

/// A line that is passed over.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number, from 1 on.
    pub line: usize,
    /// Why, as the end of a sentence.
    pub why: &'static str,
}

impl Htpasswd {
    /// Reads the text of a file. Empty lines and those that begin with `#` say nothing; what follows a second colon is
    /// not read, as Apache does not read it either. Of two lines with one name the first one counts.
    pub fn parse(text: &[u8]) -> (Htpasswd, Vec<Finding>) {
        let (mut logins, mut findings) = (Htpasswd::default(), Vec::new());
        for (line, text) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            if let Err(why) = logins.add(text) {
                findings.push(Finding { line, why });
            }
        }
        logins.dearest = logins.hashes.values().max_by_key(|hash| hash.cost()).cloned();
        (logins, findings)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let colon = memchr::memchr(b':', line).ok_or("there is no colon in it")?;
        let (name, hash) = (&line[..colon], &line[colon + 1..]);
        let hash = hash.split(|&byte| byte == b':').next().unwrap_or_default();
        let hash = Hash::parse(std::str::from_utf8(hash).map_err(|_| "its hash is malformed")?)?;
        if self.hashes.contains_key(name) {
            return Err("an earlier line has the same name");
        }
        self.hashes.insert(name.to_vec(), hash);
        Ok(())
    }

    /// The number of logins.
    pub fn count(&self) -> usize {
        self.hashes.len()
    }

    /// Whether a name has this password. Any other pair takes at least as long as the dearest hash, whether there is the
    /// name or not.
    pub(super) fn has(&self, name: &[u8], password: &[u8]) -> bool {
        let (own, other) = self.hashes_for(name);
        if own.is_some_and(|hash| hash.is_of(password)) {
            return true;
        }
        if let Some(hash) = other {
            hash.spend(password);
        }
        false
    }

    /// The hash of a name, and the one that is computed where the password is another: the dearest one, unless the name
    /// has one that is as dear.
    fn hashes_for(&self, name: &[u8]) -> (Option<&Hash>, Option<&Hash>) {
        let own = self.hashes.get(name);
        let is_cheaper = |dearest: &&Hash| own.is_none_or(|own| own.cost() < dearest.cost());
        (own, self.dearest.as_ref().filter(is_cheaper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both are `secret`.
    const CHEAP: &str = "$apr1$salt$VEpBc9VHGUKwI9.yg13Iu0";
    const DEAR: &str = "$2y$04$qV.k2v/h7cRq6kJWqsZaNesQS0TCshTvyrTJUpNcv7R./iFypOoYO";

    #[test]
    fn lines() {
        let text = format!(
            "# a comment\n\nanna:{CHEAP}\r\nbert:{DEAR}:more:of:it\n  \nno colon\n\
             dora:plain\ncäsar:{CHEAP}\nanna:{DEAR}\n:{CHEAP}\nemil:{{SHA}}x\n#f:{CHEAP}\nlast:{DEAR}"
        );
        let (logins, findings) = Htpasswd::parse(text.as_bytes());
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [6, 7, 9, 11]);
        assert_eq!(logins.count(), 5);
        for (name, password, expected) in [
            ("anna", "secret", true),
            ("anna", "Secret", false),
            ("Anna", "secret", false),
            ("bert", "secret", true),
            ("cäsar", "secret", true),
            ("", "secret", true),
            ("dora", "plain", false),
            ("emil", "x", false),
            ("last", "secret", true),
            ("nobody", "secret", false),
        ] {
            assert_eq!(logins.has(name.as_bytes(), password.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn nothing_in_it_lets_nobody_in() {
        for text in ["", "\n", "#", "a:b", "\u{0}"] {
            let (logins, _) = Htpasswd::parse(text.as_bytes());
            assert_eq!((logins.count(), logins.has(b"", b""), logins.has(b"a", b"b")), (0, false, false));
        }
    }

    #[test]
    fn a_wrong_pair_takes_as_long_as_the_dearest_hash_whether_there_is_the_name_or_not() {
        let (logins, _) = Htpasswd::parse(format!("cheap:{CHEAP}\ndear:{DEAR}\nalso:{DEAR}").as_bytes());
        let [cheap, dear] = [CHEAP, DEAR].map(|text| Hash::parse(text).unwrap());
        for (name, expected) in [
            ("cheap", (Some(&cheap), Some(&dear))),
            ("dear", (Some(&dear), None)),
            ("also", (Some(&dear), None)),
            ("nobody", (None, Some(&dear))),
        ] {
            assert_eq!(logins.hashes_for(name.as_bytes()), expected, "{name}");
        }
    }
}
