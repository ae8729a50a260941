//! The field `Priority` (RFC 9218 section 5): which response a client wants first.
//!
//! The value is a dictionary of structured fields (RFC 9651 section 4.2.2). One that is malformed anywhere is ignored as
//! a whole. Members that are unknown, of another type or out of range are ignored alone (RFC 9218 section 4). Byte
//! sequences and display strings, which no known member is, are not decoded: their letters are looked at.

use crate::http::field;

/// The urgency without any other (RFC 9218 section 4.1).
const DEFAULT_URGENCY: u8 = 3;

/// The urgency of what comes last.
const LEAST_URGENT: u8 = 7;

/// Digits of an integer, and of a decimal before its point (RFC 9651 section 4.2.4).
const MAX_INTEGER: usize = 15;
const MAX_BEFORE_POINT: usize = 12;
const MAX_AFTER_POINT: usize = 3;

/// The priority of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// From 0, which comes first, to 7 (section 4.1).
    pub urgency: u8,
    /// Whether a part of the response is of use before the rest is there (section 4.2).
    pub incremental: bool,
}

impl Default for Priority {
    fn default() -> Self {
        Priority { urgency: DEFAULT_URGENCY, incremental: false }
    }
}

impl Priority {
    /// The priority that a field value or a frame PRIORITY_UPDATE says. Several lines of the field are one value, joined
    /// with commas (RFC 9651 section 4.2).
    pub fn parse(value: &[u8]) -> Priority {
        Cursor { rest: value }.dictionary().unwrap_or_default()
    }
}

/// A bare item, as far as a priority needs it (RFC 9651 section 4.2.3.1).
#[derive(Clone, Copy)]
enum Item {
    Boolean(bool),
    /// An integer that is an urgency.
    Urgency(u8),
    Other,
}

/// The bytes that are not read yet. Each step is `None` where parsing fails.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn dictionary(mut self) -> Option<Priority> {
        let mut priority = Priority::default();
        self.skip(|byte| byte == b' ');
        while !self.rest.is_empty() {
            let key = self.key()?;
            let member = if self.takes(b'=') {
                self.item_or_list()?
            } else {
                self.with_parameters(Item::Boolean(true))?
            };
            // The last member of a name is the only one, whatever it is.
            match (key, member) {
                (b"u", Item::Urgency(urgency)) => priority.urgency = urgency,
                (b"u", _) => priority.urgency = DEFAULT_URGENCY,
                (b"i", Item::Boolean(incremental)) => priority.incremental = incremental,
                (b"i", _) => priority.incremental = false,
                _ => {}
            }
            self.skip(is_whitespace);
            if self.rest.is_empty() {
                break;
            }
            self.expect(b',')?;
            self.skip(is_whitespace);
            // A comma at the end is malformed.
            self.rest.first()?;
        }
        Some(priority)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        self.rest.first().filter(|byte| byte.is_ascii_lowercase() || **byte == b'*')?;
        Some(self.skip(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)))
    }

    fn item_or_list(&mut self) -> Option<Item> {
        if !self.takes(b'(') {
            let item = self.bare_item()?;
            return self.with_parameters(item);
        }
        loop {
            self.skip(|byte| byte == b' ');
            if self.takes(b')') {
                return self.with_parameters(Item::Other);
            }
            let item = self.bare_item()?;
            self.with_parameters(item)?;
            // Only a space or the end follows.
            self.rest.first().filter(|byte| b" )".contains(byte))?;
        }
    }

    /// Skips the parameters of an item.
    fn with_parameters(&mut self, item: Item) -> Option<Item> {
        while self.takes(b';') {
            self.skip(|byte| byte == b' ');
            self.key()?;
            if self.takes(b'=') {
                self.bare_item()?;
            }
        }
        Some(item)
    }

    fn bare_item(&mut self) -> Option<Item> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => {
                self.skip(|byte| field::is_token_byte(byte) || b":/".contains(&byte));
                Some(Item::Other)
            }
            b':' => self.byte_sequence(),
            b'?' => self.boolean(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item> {
        let is_negative = self.takes(b'-');
        let digits = self.skip(|byte| byte.is_ascii_digit());
        if self.rest.first() != Some(&b'.') {
            if !(1..=MAX_INTEGER).contains(&digits.len()) {
                return None;
            }
            let number = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
            let is_urgency = number <= LEAST_URGENT.into() && (!is_negative || number == 0);
            return Some(if is_urgency { Item::Urgency(number as u8) } else { Item::Other });
        }
        self.expect(b'.')?;
        let fraction = self.skip(|byte| byte.is_ascii_digit());
        let is_decimal =
            (1..=MAX_BEFORE_POINT).contains(&digits.len()) && (1..=MAX_AFTER_POINT).contains(&fraction.len());
        is_decimal.then_some(Item::Other)
    }

    fn string(&mut self) -> Option<Item> {
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Some(Item::Other),
                b'\\' => _ = self.next().filter(|byte| b"\"\\".contains(byte))?,
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn byte_sequence(&mut self) -> Option<Item> {
        self.expect(b':')?;
        self.skip(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        self.expect(b':')?;
        Some(Item::Other)
    }

    fn boolean(&mut self) -> Option<Item> {
        self.expect(b'?')?;
        match self.next()? {
            b'0' => Some(Item::Boolean(false)),
            b'1' => Some(Item::Boolean(true)),
            _ => None,
        }
    }

    fn date(&mut self) -> Option<Item> {
        self.expect(b'@')?;
        let before = self.rest;
        self.number()?;
        let text = &before[..before.len() - self.rest.len()];
        (!text.contains(&b'.')).then_some(Item::Other)
    }

    fn display_string(&mut self) -> Option<Item> {
        self.expect(b'%')?;
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Some(Item::Other),
                b'%' => {
                    for _ in 0..2 {
                        self.next().filter(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))?;
                    }
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn takes(&mut self, byte: u8) -> bool {
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    /// Takes the bytes up to the first one that is not so.
    fn skip(&mut self, is_so: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !is_so(byte)).unwrap_or(self.rest.len());
        let (skipped, rest) = self.rest.split_at(end);
        self.rest = rest;
        skipped
    }
}

/// OWS (RFC 9110 section 5.6.3).
fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[(&str, u8, bool)]) {
        for &(value, urgency, incremental) in rows {
            assert_eq!(Priority::parse(value.as_bytes()), Priority { urgency, incremental }, "{value}");
        }
    }

    #[test]
    fn what_is_said() {
        check(&[
            ("", 3, false),
            ("   ", 3, false),
            ("u=5, i", 5, true),
            ("i,u=0", 0, true),
            ("u=7", 7, false),
            ("i", 3, true),
            ("i=?1", 3, true),
            ("i=?0", 3, false),
            (" u=1 \t,\t i ", 1, true),
            ("u=-0", 0, false),
            ("u=002", 2, false),
            // Parameters of a member.
            ("u=2;a;b=\"x\";  c=1.5, i;q=0", 2, true),
            // The last one of a name.
            ("u=1, u=4, i, i=?0", 4, false),
        ]);
    }

    #[test]
    fn members_that_are_ignored_alone() {
        check(&[
            ("u=8, i", 3, true),
            ("u=-1, i", 3, true),
            ("u=999999999999999, i", 3, true),
            ("u=1.0, i", 3, true),
            ("u, i", 3, true),
            ("u=?1, i", 3, true),
            ("u=\"1\", i", 3, true),
            ("u=(1), i", 3, true),
            ("u=2, i=1", 2, false),
            ("u=2, i=yes", 2, false),
            // An ignored one overwrites, too.
            ("u=1, u=9, i, i=a", 3, false),
            ("U=1", 3, false),
            ("x=1, u=5", 5, false),
            ("uu=1, i2, u=5", 5, false),
            (
                "a=tok:en/*, b=:YWJj:, c=@-1659578233, d=%\"f%c3%bc\", e=( 1 \"a\";x  b ), *f_-.=-1.25, u=5",
                5,
                false,
            ),
            ("a=\"\\\"\\\\, \", u=5", 5, false),
            ("a=(), b=::, u=5", 5, false),
        ]);
    }

    #[test]
    fn dictionaries_that_are_malformed() {
        for end in [
            ",",
            ", ",
            ",,",
            " i",
            ";",
            ";A",
            ";=1",
            ", U",
            ", 1",
            ", =1",
            ", a=",
            ", a= 1",
            ", a=-",
            ", a=--1",
            ", a=1.",
            ", a=.5",
            ", a=1.2345",
            ", a=1.2.3",
            ", a=1234567890123456",
            ", a=288888888888888888888",
            ", a=1234567890123.1",
            ", a=?",
            ", a=?2",
            ", a=?true",
            ", a=\"",
            ", a=\"\\a\"",
            ", a=\"\u{7f}\"",
            ", a=\"ü\"",
            ", a=:YQ",
            ", a=:Y Q:",
            ", a=@",
            ", a=@1.5",
            ", a=%\"",
            ", a=%a",
            ", a=%\"%\"",
            ", a=%\"%C3\"",
            ", a=(",
            ", a=(1",
            ", a=(1,2)",
            ", a=(1\"b\")",
            ", a=((1))",
            ", a=)",
            ", a=!",
            "\n",
            "\0",
            ", ü",
        ] {
            for value in [format!("u=1{end}"), format!("i, u=1{end}")] {
                assert_eq!(Priority::parse(value.as_bytes()), Priority::default(), "{value:?}");
            }
        }
        check(&[(",u=1", 3, false), ("\tu=1", 3, false), ("u =1", 3, false), ("U=1, u=1", 3, false)]);
    }
}
