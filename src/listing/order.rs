//! The order of entries: folders before files, numbers in names by their value.

use std::cmp::Ordering;

use super::Entry;
use super::Kind;

/// The column that decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// In natural order.
    #[default]
    Name,
    /// By the size of files; folders by name.
    Size,
    /// By the time of the last change.
    Time,
}

/// An order of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The column that decides.
    pub by: SortBy,
    /// Whether the last comes first. Folders come before files all the same.
    pub is_descending: bool,
}

impl Order {
    /// Compares two entries. Only two of the same name are equal.
    pub fn compare(self, left: &Entry, right: &Entry) -> Ordering {
        let is_file = |entry: &Entry| matches!(entry.kind, Kind::File { .. });
        let ascending = match self.by {
            SortBy::Name => Ordering::Equal,
            SortBy::Size => left.kind.cmp(&right.kind),
            SortBy::Time => left.modified.cmp(&right.modified),
        };
        let ascending = ascending.then_with(|| natural(&left.name, &right.name));
        let wanted = if self.is_descending { ascending.reverse() } else { ascending };
        is_file(left).cmp(&is_file(right)).then(wanted)
    }
}

/// Compares two names as people do: `a2` before `a10`, `B` between `a` and `c`. The bytes decide where nothing else
/// does, so that no two names are equal.
pub fn natural(left: &[u8], right: &[u8]) -> Ordering {
    compare_parts(left, right).then_with(|| left.cmp(right))
}

/// Compares names part by part: a part is a number, or one byte that is no digit, letters in any case.
fn compare_parts(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while let (Some(first), Some(second)) = (left.first(), right.first()) {
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (first, second) = (take_number(&mut left), take_number(&mut right));
            first.len().cmp(&second.len()).then_with(|| first.cmp(second))
        } else {
            let order = first.to_ascii_lowercase().cmp(&second.to_ascii_lowercase());
            (left, right) = (&left[1..], &right[1..]);
            order
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

/// Takes the digits that a name begins with, and returns them without leading zeros.
fn take_number<'a>(name: &mut &'a [u8]) -> &'a [u8] {
    let end = name.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(name.len());
    let (digits, rest) = name.split_at(end);
    *name = rest;
    let start = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_natural_order() {
        let ordered = [
            "",
            "01", // of the same value as the next: the bytes decide
            "1",
            "2",
            "2a",
            "10",
            "0010b",
            "100000000000000000000000000000000000001",
            "100000000000000000000000000000000000002",
            "A",
            "a",
            "a1",
            "a2",
            "a2b",
            "a10",
            "B2",
            "b10",
            "image-9.png",
            "image-10.png",
            "v1.2.9",
            "v1.10.0",
            "\u{e4}",
        ];
        for (index, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                let order = natural(left.as_bytes(), right.as_bytes());
                assert_eq!(order, index.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn columns() {
        let entry = |name: &str, kind, modified| Entry { name: name.into(), kind, modified };
        let entries = [
            entry("b", Kind::Folder, 9),
            entry("a", Kind::Folder, 8),
            entry("f10", Kind::File { size: 5 }, 3),
            entry("f2", Kind::File { size: 70 }, 2),
            entry("f1", Kind::File { size: 70 }, 4),
        ];
        for (by, is_descending, expected) in [
            (SortBy::Name, false, ["a", "b", "f1", "f2", "f10"]),
            (SortBy::Name, true, ["b", "a", "f10", "f2", "f1"]),
            (SortBy::Size, false, ["a", "b", "f10", "f1", "f2"]),
            (SortBy::Size, true, ["b", "a", "f2", "f1", "f10"]),
            (SortBy::Time, false, ["a", "b", "f2", "f10", "f1"]),
            (SortBy::Time, true, ["b", "a", "f1", "f10", "f2"]),
        ] {
            let mut sorted = entries.clone();
            sorted.sort_by(|left, right| Order { by, is_descending }.compare(left, right));
            let names = sorted.map(|entry| String::from_utf8(entry.name).unwrap());
            assert_eq!(names, expected, "{by:?} {is_descending}");
        }
    }
}
