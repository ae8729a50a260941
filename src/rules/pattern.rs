//! A path, or a pattern of paths, and what stands in place of its placeholders.
//!
//! A pattern is a list of segments. One segment may hold a star, which stands for any bytes, slashes included: the
//! segments before it are compared from the front, those after it from the end. Within a segment everything is
//! compared from the end, and each placeholder takes as little as it can, so that the first one takes as much as it
//! can. No path makes it try twice: the time grows with the length of the path alone.

use crate::http::target::decode_segment;

use super::Syntax;

/// The placeholder that a star fills.
pub(super) const SPLAT: &str = "splat";

/// A path or a pattern of paths, without the leading slash and decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The segments, up to the star in the last of them where there is one.
    front: Vec<Segment>,
    /// The pieces after the star: the rest of its segment, and the segments after it.
    back: Option<Vec<Segment>>,
    /// The names of the placeholders, the splat last.
    names: Vec<String>,
    ignores_closing_slash: bool,
    ignores_case: bool,
}

/// Pieces of one segment. Two placeholders never touch.
type Segment = Vec<Piece>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// One byte or more, no slash; the number of a name.
    Placeholder(usize),
}

/// The bytes that stand in place of each placeholder.
pub(super) type Captures<'a> = Vec<&'a [u8]>;

impl Pattern {
    /// Reads a pattern that begins with a slash.
    ///
    /// # Errors
    /// The reason why it is none.
    pub(super) fn parse(text: &str, syntax: &Syntax, ignores_case: bool) -> Result<Pattern, String> {
        let path = text.strip_prefix('/').ok_or("a path begins with a slash")?;
        let mut pattern = Pattern {
            front: Vec::new(),
            back: None,
            names: Vec::new(),
            ignores_closing_slash: syntax.ignores_closing_slash,
            ignores_case,
        };
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            match segment {
                "" if !is_last || syntax.ignores_closing_slash && !pattern.front.is_empty() => continue,
                "." | ".." => return Err("no request has a segment `.` or `..`".into()),
                _ => {}
            }
            if !syntax.has_partial_patterns {
                check_whole_segment(segment, is_last)?;
            }
            pattern.push_segment(segment, syntax)?;
        }
        if pattern.back.is_some() {
            pattern.push_name(SPLAT)?;
        }
        Ok(pattern)
    }

    fn push_segment(&mut self, segment: &str, syntax: &Syntax) -> Result<(), String> {
        match segment.split_once('*') {
            None => {
                let segment = self.read_segment(segment, syntax)?;
                self.back.as_mut().unwrap_or(&mut self.front).push(segment);
            }
            Some((before, after)) => {
                if self.back.is_some() || after.contains('*') {
                    return Err("a path has one star at most".into());
                }
                let (before, after) = (self.read_segment(before, syntax)?, self.read_segment(after, syntax)?);
                let is_placeholder = |piece: Option<&Piece>| matches!(piece, Some(Piece::Placeholder(_)));
                if is_placeholder(before.last()) || is_placeholder(after.first()) {
                    return Err("a placeholder and a star touch".into());
                }
                self.front.push(before);
                self.back = Some(vec![after]);
            }
        }
        Ok(())
    }

    fn read_segment(&mut self, mut rest: &str, syntax: &Syntax) -> Result<Segment, String> {
        let mut pieces = Segment::new();
        let mut text = Vec::new();
        while let Some(first) = rest.chars().next() {
            let name = match syntax.has_partial_patterns {
                true => name_at(rest),
                false if pieces.is_empty() && text.is_empty() => {
                    rest.strip_prefix(':').filter(|name| !name.is_empty())
                }
                false => None,
            };
            let length = match name {
                Some(name) => {
                    push_text(&mut pieces, &mut text)?;
                    if matches!(pieces.last(), Some(Piece::Placeholder(_))) {
                        return Err("two placeholders touch".into());
                    }
                    pieces.push(Piece::Placeholder(self.names.len()));
                    self.push_name(name)?;
                    1 + name.len()
                }
                None => {
                    text.extend_from_slice(&rest.as_bytes()[..first.len_utf8()]);
                    first.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        push_text(&mut pieces, &mut text)?;
        Ok(pieces)
    }

    fn push_name(&mut self, name: &str) -> Result<(), String> {
        if self.names.iter().any(|found| found == name) {
            return Err(format!("the placeholder :{name} stands there twice"));
        }
        self.names.push(name.into());
        Ok(())
    }

    /// True if it has a star.
    pub(super) fn has_splat(&self) -> bool {
        self.back.is_some()
    }

    /// The names of the placeholders.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The one path that it matches, as [`Pattern::key_of`] writes it; `None` where there are many.
    pub(super) fn literal(&self) -> Option<Vec<u8>> {
        if self.back.is_some() || !self.names.is_empty() {
            return None;
        }
        let texts = self.front.iter().map(|segment| match segment.as_slice() {
            [Piece::Text(text)] => text.as_slice(),
            _ => b"",
        });
        Some(Pattern::key_of(
            &texts.collect::<Vec<_>>().join(&b'/'),
            self.ignores_closing_slash,
            self.ignores_case,
        ))
    }

    /// A path that it matches: each placeholder stands for itself, and the star for `splat`.
    pub(super) fn example(&self, splat: &str) -> Vec<u8> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Placeholder(index) => format!(":{}", self.names[*index]).into_bytes(),
        };
        let segment = |segment: &Segment| segment.iter().flat_map(piece).collect::<Vec<u8>>();
        let join = |segments: &[Segment]| segments.iter().map(segment).collect::<Vec<_>>().join(&b'/');
        match &self.back {
            Some(back) => [&join(&self.front), splat.as_bytes(), &join(back)].concat(),
            None => join(&self.front),
        }
    }

    /// A path, such that two which a literal pattern takes for the same are the same.
    pub(super) fn key_of(path: &[u8], ignores_closing_slash: bool, ignores_case: bool) -> Vec<u8> {
        let path = if ignores_closing_slash { path.strip_suffix(b"/").unwrap_or(path) } else { path };
        if ignores_case { path.to_ascii_lowercase() } else { path.to_vec() }
    }

    /// Matches a decoded path without its leading slash.
    pub(super) fn matches<'a>(&self, path: &'a [u8]) -> Option<Captures<'a>> {
        if !self.may_begin(path) {
            return None;
        }
        let mut captures = vec![&b""[..]; self.names.len()];
        let (last, before) = self.front.split_last()?;
        let open = if self.ignores_closing_slash { path.strip_suffix(b"/").unwrap_or(path) } else { path };
        let mut rest = if self.back.is_some() { path } else { open };
        for (index, segment) in before.iter().enumerate() {
            let Some(slash) = memchr::memchr(b'/', rest) else {
                // `/docs/*` for `/docs`: nothing is left for the star.
                let is_all = self.ignores_closing_slash && self.back.is_some() && index + 1 == before.len();
                return (is_all && self.match_segment(segment, rest, &mut captures)).then_some(captures);
            };
            if !self.match_segment(segment, &rest[..slash], &mut captures) {
                return None;
            }
            rest = &rest[slash + 1..];
        }
        let Some(back) = &self.back else {
            let is_last = memchr::memchr(b'/', rest).is_none();
            return (is_last && self.match_segment(last, rest, &mut captures)).then_some(captures);
        };
        let (first, after) = back.split_first()?;
        for segment in after.iter().rev() {
            let slash = memchr::memrchr(b'/', rest)?;
            if !self.match_segment(segment, &rest[slash + 1..], &mut captures) {
                return None;
            }
            rest = &rest[..slash];
        }
        rest = self.match_end(first, rest, &mut captures)?;
        rest = self.match_start(last, rest, &mut captures)?;
        *captures.last_mut()? = rest;
        Some(captures)
    }

    /// False if a path begins with another text than the pattern, as most do.
    fn may_begin(&self, path: &[u8]) -> bool {
        let Some([Piece::Text(text), ..]) = self.front.first().map(Vec::as_slice) else { return true };
        let is_same =
            |start: &[u8]| if self.ignores_case { start.eq_ignore_ascii_case(text) } else { start == text };
        path.get(..text.len()).is_some_and(is_same)
    }

    fn match_segment<'a>(&self, pieces: &[Piece], text: &'a [u8], captures: &mut Captures<'a>) -> bool {
        match pieces {
            [] => text.is_empty(),
            [Piece::Text(only)] => self.without_end(text, only).is_some_and(<[u8]>::is_empty),
            [Piece::Text(first), after @ ..] => text
                .strip_prefix(first.as_slice())
                .is_some_and(|rest| self.match_segment(after, rest, captures)),
            [Piece::Placeholder(index), after @ ..] => {
                self.match_end(after, text, captures).is_some_and(|value| {
                    captures[*index] = value;
                    is_value(value)
                })
            }
        }
    }

    /// Matches pieces, of which the first is text, with the end of `text`; returns what is left in front of them.
    fn match_end<'a>(
        &self,
        pieces: &[Piece],
        text: &'a [u8],
        captures: &mut Captures<'a>,
    ) -> Option<&'a [u8]> {
        let mut rest = text;
        let mut open = None;
        for piece in pieces.iter().rev() {
            match (piece, open.take()) {
                (Piece::Placeholder(index), _) => open = Some(*index),
                (Piece::Text(text), None) => rest = self.without_end(rest, text)?,
                (Piece::Text(text), Some(index)) => {
                    // One byte at least is left for the placeholder.
                    let start = memchr::memmem::rfind(&rest[..rest.len().checked_sub(1)?], text)?;
                    let value = &rest[start + text.len()..];
                    if !is_value(value) {
                        return None;
                    }
                    captures[index] = value;
                    rest = &rest[..start];
                }
            }
        }
        Some(rest)
    }

    /// Matches the pieces before a star, of which the last is text, with the start of `text`; returns what is left.
    fn match_start<'a>(
        &self,
        pieces: &[Piece],
        text: &'a [u8],
        captures: &mut Captures<'a>,
    ) -> Option<&'a [u8]> {
        match pieces.split_last() {
            None => Some(text),
            Some((Piece::Text(only), [])) => text.strip_prefix(only.as_slice()),
            Some((Piece::Text(last), before)) => {
                let segment = &text[..memchr::memchr(b'/', text).unwrap_or(text.len())];
                let start = memchr::memmem::rfind(segment, last)?;
                let is_match = self.match_segment(before, &segment[..start], captures);
                is_match.then(|| &text[start + last.len()..])
            }
            Some((Piece::Placeholder(_), _)) => None,
        }
    }

    fn without_end<'a>(&self, text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
        let (front, back) = text.split_at(text.len().checked_sub(end.len())?);
        let is_same = if self.ignores_case { back.eq_ignore_ascii_case(end) } else { back == end };
        is_same.then_some(front)
    }
}

/// True if bytes can stand in place of a placeholder.
fn is_value(value: &[u8]) -> bool {
    !value.is_empty() && memchr::memchr(b'/', value).is_none()
}

/// Checks a segment where placeholders and stars are whole segments.
fn check_whole_segment(segment: &str, is_last: bool) -> Result<(), String> {
    match segment.find('*') {
        Some(_) if segment == "*" && is_last => Ok(()),
        Some(_) => Err("a star is the whole last segment of a path".into()),
        None => Ok(()),
    }
}

/// The name of the placeholder that a text begins with: a letter, then letters, digits and `_`.
fn name_at(text: &str) -> Option<&str> {
    let name =
        text.strip_prefix(':').filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()))?;
    let end = name.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    Some(&name[..end.unwrap_or(name.len())])
}

fn push_text(pieces: &mut Segment, text: &mut Vec<u8>) -> Result<(), String> {
    if !text.is_empty() {
        let mut decoded = Vec::with_capacity(text.len());
        decode_segment(&std::mem::take(text), &mut decoded).map_err(
            |_| "no request has this path: a percent sign without two digits, an encoded slash or NUL",
        )?;
        pieces.push(Piece::Text(decoded));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;

    #[test]
    fn matches() {
        for (reading, pattern, path, expected) in [
            (Reading::Netlify, "/", "", Some("")),
            (Reading::Netlify, "/a", "a", Some("")),
            (Reading::Netlify, "/a", "a/", Some("")),
            (Reading::Netlify, "/a/", "a", Some("")),
            (Reading::Netlify, "/a/b", "a", None),
            (Reading::Netlify, "/a", "A", None),
            (Reading::Netlify, "/a%20b/%C3%A4", "a b/\u{e4}", Some("")),
            (Reading::Netlify, "/a//b", "a/b", Some("")),
            (Reading::Netlify, "/:a/b", "x/b", Some("a=x")),
            (Reading::Netlify, "/:a/b", "x/y/b", None),
            (Reading::Netlify, "/:a", "", None),
            (Reading::Netlify, "/:a", "x/", Some("a=x")),
            (Reading::Netlify, "/:post-id", "x", Some("post-id=x")),
            (Reading::Netlify, "/a:b", "a:b", Some("")),
            (Reading::Netlify, "/*", "", Some("splat=")),
            (Reading::Netlify, "/*", "a/b/", Some("splat=a/b/")),
            (Reading::Netlify, "/docs/*", "docs", Some("splat=")),
            (Reading::Netlify, "/docs/*", "docs/", Some("splat=")),
            (Reading::Netlify, "/docs/*", "docs/a/b", Some("splat=a/b")),
            (Reading::Netlify, "/docs/*", "docsx", None),
            (Reading::Netlify, "/:a/:b/*", "x/y", Some("a=x b=y splat=")),
            (Reading::Netlify, "/:a/:b/*", "x", None),
            (Reading::Cloudflare, "/a", "a/", None),
            (Reading::Cloudflare, "/a/", "a/", Some("")),
            (Reading::Cloudflare, "/a/", "a", None),
            (Reading::Cloudflare, "/*", "", Some("splat=")),
            (Reading::Cloudflare, "/docs/*", "docs", None),
            (Reading::Cloudflare, "/a*", "abc/d", Some("splat=bc/d")),
            (Reading::Cloudflare, "/a*", "ba", None),
            (Reading::Cloudflare, "/*.css", "a/b.css", Some("splat=a/b")),
            (Reading::Cloudflare, "/*.css", "a/b.csss", None),
            (Reading::Cloudflare, "/*/end", "a/b/end", Some("splat=a/b")),
            (Reading::Cloudflare, "/*/end", "end", None),
            (Reading::Cloudflare, "/a*a", "a", None), // the two may not share a byte
            (Reading::Cloudflare, "/a*a", "aa", Some("splat=")),
            (Reading::Cloudflare, "/x/*/:id/z", "x/1/2/3/z", Some("id=3 splat=1/2")),
            (Reading::Cloudflare, "/:a-:b", "x-y-z", Some("a=x-y b=z")),
            (Reading::Cloudflare, "/:a-:b", "x--", Some("a=x b=-")),
            (Reading::Cloudflare, "/:a-:b", "-x", None),
            (Reading::Cloudflare, "/:a-:b", "x/y-z", None),
            (Reading::Cloudflare, "/p-:id.html", "p-7.html", Some("id=7")),
            (Reading::Cloudflare, "/p-:id.html", "p-.html", None),
            (Reading::Cloudflare, "/:a-*", "x-y-z/w", Some("a=x-y splat=z/w")),
            (Reading::Cloudflare, "/:a-*", "x/y-z", None),
            (Reading::Cloudflare, "/-:a-*", "--x-", Some("a=-x splat=")),
            (Reading::Cloudflare, "/-:a", "--x", Some("a=-x")),
            (Reading::Cloudflare, "/a:b", "a", None),
            (Reading::Cloudflare, "/*-:a", "x/y-z-w", Some("a=w splat=x/y-z")),
            (Reading::Cloudflare, "/*-:a", "x-y/z", None),
            (Reading::Cloudflare, "/:9", ":9", Some("")),
        ] {
            let read = Pattern::parse(pattern, reading.syntax(), false).unwrap();
            let found = read.matches(path.as_bytes()).map(|captures| {
                let pairs = read.names.iter().zip(captures);
                let pairs = pairs.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
                pairs.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref(), expected, "{reading:?} {pattern} of {path}");
            for splat in ["", "*", "*/*/*"] {
                let example = read.example(splat);
                assert!(read.matches(&example).is_some(), "{reading:?} {pattern}: {example:?}");
            }
            if let Some(literal) = read.literal() {
                let key = Pattern::key_of(path.as_bytes(), read.ignores_closing_slash, false);
                assert_eq!(literal == key, expected.is_some(), "{reading:?} {pattern} of {path}");
            }
        }
    }

    #[test]
    fn case_of_letters() {
        for (pattern, path, expected) in [
            ("/A/b", "a/B", true),
            ("/A/*", "a/B", true),
            ("/:x/B", "x/b", true),
            ("/\u{c4}", "\u{e4}", false),
        ] {
            let read = Pattern::parse(pattern, Reading::Netlify.syntax(), true).unwrap();
            assert_eq!(read.matches(path.as_bytes()).is_some(), expected, "{pattern} of {path}");
        }
    }

    #[test]
    fn refusals() {
        for (reading, pattern) in [
            (Reading::Netlify, "a"),
            (Reading::Netlify, ""),
            (Reading::Netlify, "/a*"),
            (Reading::Netlify, "/*.css"),
            (Reading::Netlify, "/*/a"),
            (Reading::Netlify, "/*/"),
            (Reading::Netlify, "/**"),
            (Reading::Netlify, "/:a/:a"),
            (Reading::Netlify, "/:splat/*"),
            (Reading::Netlify, "/../a"),
            (Reading::Netlify, "/a%2fb"),
            (Reading::Netlify, "/%"),
            (Reading::Netlify, "/%00"),
            (Reading::Cloudflare, "/*/*"),
            (Reading::Cloudflare, "/a**"),
            (Reading::Cloudflare, "/:a:b"),
            (Reading::Cloudflare, "/:a*"),
            (Reading::Cloudflare, "/*:a"),
            (Reading::Cloudflare, "/:a-:a"),
            (Reading::Cloudflare, "/:splat/*"),
        ] {
            assert!(Pattern::parse(pattern, reading.syntax(), false).is_err(), "{reading:?} {pattern}");
        }
    }
}
