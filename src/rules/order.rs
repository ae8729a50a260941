//! The rules that could match a path, in the order in which they are tried: the cost of a look-up does not grow with
//! the number of rules without a pattern.

use std::collections::HashMap;

use super::Syntax;
use super::pattern::Pattern;

/// The numbers of rules, by path.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Rules without a pattern, by their path.
    literals: HashMap<Vec<u8>, Vec<usize>>,
    patterns: Vec<usize>,
}

impl Order {
    /// Adds a rule after all others.
    pub(super) fn push(&mut self, number: usize, pattern: &Pattern) {
        match pattern.literal() {
            Some(path) => self.literals.entry(path).or_default().push(number),
            None => self.patterns.push(number),
        }
    }

    /// The numbers of the rules that could match a path: all of those with a pattern, and the others that do match.
    pub(super) fn candidates(
        &self,
        path: &[u8],
        syntax: &Syntax,
        ignores_case: bool,
        literals_first: bool,
    ) -> impl Iterator<Item = usize> {
        let key = match self.literals.is_empty() {
            true => Vec::new(),
            false => Pattern::key_of(path, syntax.ignores_closing_slash, ignores_case),
        };
        let mut literals = self.literals.get(&key).map_or(&[][..], Vec::as_slice).iter().copied().peekable();
        let mut patterns = self.patterns.iter().copied().peekable();
        std::iter::from_fn(move || match (literals.peek(), patterns.peek()) {
            (Some(literal), Some(pattern)) if !literals_first && pattern < literal => patterns.next(),
            (Some(_), _) => literals.next(),
            (None, _) => patterns.next(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;

    #[test]
    fn candidates_in_order() {
        let rules = ["/a", "/*", "/a", "/:x", "/b", "/a/"];
        for (reading, path, expected) in [
            (Reading::Netlify, "a", &[0, 1, 2, 3, 5][..]),
            (Reading::Netlify, "b", &[1, 3, 4]),
            (Reading::Netlify, "c", &[1, 3]),
            (Reading::Cloudflare, "a", &[0, 2, 1, 3]),
            (Reading::Cloudflare, "a/", &[5, 1, 3]),
        ] {
            let syntax = reading.syntax();
            let mut order = Order::default();
            for (number, text) in rules.iter().enumerate() {
                order.push(number, &Pattern::parse(text, syntax, false).unwrap());
            }
            let found: Vec<_> =
                order.candidates(path.as_bytes(), syntax, false, syntax.literals_first).collect();
            assert_eq!(found, expected, "{reading:?} {path}");
        }
    }
}
