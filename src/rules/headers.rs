//! `_headers`: blocks of a path and the fields that its responses get.

use std::borrow::Cow;

use super::order::Order;
use super::pattern::Pattern;
use super::value::{Template, is_unreserved};
use super::{Finding, MAX_EXPANDED, MAX_RULES, Reading, Severity, Syntax, lines};
use crate::http::encoding::SIDECARS;
use crate::http::field;

/// The name of the file.
pub const FILE: &str = "_headers";

/// Fields that tell how a message is framed, or what the server alone knows: no rule may set them.
const RESERVED: [&str; 15] = [
    "Accept-Ranges",
    "Age",
    "Allow",
    "Connection",
    "Content-Length",
    "Content-Range",
    "Date",
    "ETag",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Server",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

/// True if no rule may set or remove a field of this name. Content-Encoding is a matter of its own.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// The blocks of a file.
#[derive(Debug)]
pub struct Headers {
    syntax: &'static Syntax,
    blocks: Vec<Block>,
    order: Order,
}

/// A path, and what happens to the fields of its responses.
#[derive(Debug)]
pub struct Block {
    line: usize,
    path: Pattern,
    removed: Vec<String>,
    fields: Vec<(String, Template)>,
}

/// A change of a field of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name, as the file spells it first.
    pub name: String,
    /// The values, of which each that is not joined is a line of its own; none for a field that is removed.
    pub values: Vec<Vec<u8>>,
}

impl Headers {
    /// Reads a file.
    pub fn parse(bytes: &[u8], reading: Reading) -> (Headers, Vec<Finding>) {
        let syntax = reading.syntax();
        let mut headers = Headers { syntax, blocks: Vec::new(), order: Order::default() };
        let mut findings = Vec::new();
        let mut place = Place::Nowhere;
        for line in lines::of(bytes) {
            let result = line.and_then(|(line, text)| {
                let of_other = text.starts_with('!') && !syntax.removes_fields;
                let severity = if of_other { Severity::Warning } else { Severity::Error };
                let finding = |message| Finding { line, severity, message };
                headers.read_line(line, text, &mut place).map_err(finding)
            });
            findings.extend(result.err());
            if headers.blocks.len() > MAX_RULES {
                let line = headers.blocks.pop().map_or(0, |block| block.line);
                let message = format!("the file has more than {MAX_RULES} blocks: the rest is dropped");
                findings.push(Finding::error(line, message));
                break;
            }
        }
        for (number, block) in headers.blocks.iter().enumerate() {
            headers.order.push(number, &block.path);
            if block.fields.is_empty() && block.removed.is_empty() {
                let (severity, message) = (Severity::Warning, "the block has no field".into());
                findings.push(Finding { line: block.line, severity, message });
            }
        }
        findings.sort_by_key(|finding| finding.line);
        (headers, findings)
    }

    /// No blocks.
    pub fn none(reading: Reading) -> Headers {
        Headers::parse(b"", reading).0
    }

    fn read_line(&mut self, line: usize, text: &str, place: &mut Place) -> Result<(), String> {
        let is_path =
            text.starts_with('/') || text.split_whitespace().next().is_some_and(|word| word.contains("://"));
        if is_path {
            // The lines after a path that is not understood belong to no other path.
            *place = Place::Skipped;
            let path = match text.starts_with('/') {
                true => Pattern::parse(text, self.syntax, self.syntax.ignores_case_of_fields)?,
                false => return Err("a path without a host is needed".into()),
            };
            self.blocks.push(Block { line, path, removed: Vec::new(), fields: Vec::new() });
            *place = Place::Block;
            return Ok(());
        }
        match place {
            Place::Nowhere => Err("no path stands above this line".into()),
            Place::Skipped => Ok(()),
            Place::Block => match self.blocks.last_mut() {
                Some(block) => block.read_field(text, self.syntax),
                None => Ok(()),
            },
        }
    }

    /// The blocks, in the order of their lines.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The blocks that match a decoded path without its leading slash.
    pub fn matching<'a>(&'a self, path: &'a [u8]) -> impl Iterator<Item = &'a Block> {
        let ignores_case = self.syntax.ignores_case_of_fields;
        let candidates = self.order.candidates(path, self.syntax, ignores_case, false);
        candidates
            .filter_map(|number| self.blocks.get(number))
            .filter(move |block| block.path.matches(path).is_some())
    }

    /// The changes to the fields of the responses for a decoded path without its leading slash.
    pub fn changes(&self, path: &[u8]) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for block in self.matching(path) {
            let captures = block.path.matches(path).unwrap_or_default();
            let values: Vec<Cow<[u8]>> = captures.into_iter().map(Cow::Borrowed).collect();
            for name in &block.removed {
                change(&mut changes, name).values.clear();
            }
            let expand = |value: &Template| {
                let mut text = Vec::new();
                value.expand(&values, &mut text, |text, out| out.extend_from_slice(text), is_unreserved);
                // An empty placeholder at an end leaves a space there.
                let trimmed = field::trim(&text);
                (1..=MAX_EXPANDED).contains(&trimmed.len()).then(|| trimmed.to_vec())
            };
            let fields = block.fields.iter().filter_map(|(name, value)| Some((name, expand(value)?)));
            let fields: Vec<(&String, Vec<u8>)> = fields.collect();
            for (name, _) in fields.iter().filter(|_| !self.syntax.joins_blocks) {
                change(&mut changes, name).values.clear();
            }
            for (name, value) in fields {
                join(change(&mut changes, name), value);
            }
        }
        changes
    }
}

/// The place of a line with a field.
enum Place {
    /// Above every path.
    Nowhere,
    /// Beneath a path that was skipped.
    Skipped,
    /// Beneath the path of the last block.
    Block,
}

impl Block {
    fn read_field(&mut self, text: &str, syntax: &Syntax) -> Result<(), String> {
        if let Some(name) = text.strip_prefix('!').filter(|_| !text.contains(':')) {
            let name = checked_name(name.trim())?;
            if !syntax.removes_fields {
                return Err(format!("`! {name}` is Cloudflare's: {} removes no field", syntax.name));
            }
            if name.eq_ignore_ascii_case("Content-Encoding") || name.eq_ignore_ascii_case("Vary") {
                return Err(format!("a rule may not remove {name}"));
            }
            self.removed.push(name.into());
            return Ok(());
        }
        let (name, value) = text.split_once(':').ok_or("neither a path (/…) nor a field (Name: value)")?;
        let (name, value) = (checked_name(name.trim_end())?, value.trim());
        if value.is_empty() {
            return Err(format!("{name} has no value"));
        }
        if !field::is_value(value.as_bytes()) || value.contains('\t') {
            return Err(format!("the value of {name} holds a control character"));
        }
        if name.eq_ignore_ascii_case("Content-Encoding") && !is_coding(value) {
            return Err(
                "Content-Encoding may only name the coding of a name's own suffix: br, zstd or gzip".into()
            );
        }
        let names = if syntax.has_value_placeholders { self.path.names() } else { &[] };
        let value = Template::parse(value, names);
        match self.fields.iter_mut().find(|(found, _)| found.eq_ignore_ascii_case(name)) {
            Some((found, before)) if !found.eq_ignore_ascii_case("Set-Cookie") => before.append(", ", value),
            _ => self.fields.push((name.into(), value)),
        }
        Ok(())
    }

    /// The line of its path.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The names of the fields that it sets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// True if a field value of it holds a placeholder.
    pub fn has_placeholders(&self) -> bool {
        self.fields.iter().any(|(_, value)| !value.is_fixed())
    }
}

/// True if a name's own suffix can say this coding.
fn is_coding(value: &str) -> bool {
    SIDECARS.iter().any(|coding| coding.token().eq_ignore_ascii_case(value))
}

fn checked_name(name: &str) -> Result<&str, String> {
    if name.is_empty() || !name.bytes().all(field::is_token_byte) {
        return Err(format!("`{name}` is no name of a field"));
    }
    if is_reserved(name) {
        return Err(format!("{name} is the server's own: a rule may not set it"));
    }
    Ok(name)
}

fn change<'a>(changes: &'a mut Vec<Change>, name: &str) -> &'a mut Change {
    let place =
        changes.iter().position(|change| change.name.eq_ignore_ascii_case(name)).unwrap_or_else(|| {
            changes.push(Change { name: name.into(), values: Vec::new() });
            changes.len() - 1
        });
    &mut changes[place]
}

/// Adds a value to a list. Cookies are no list: each has a line of its own (RFC 9110 section 5.3).
fn join(change: &mut Change, value: Vec<u8>) {
    match change.values.last_mut() {
        Some(before) if !change.name.eq_ignore_ascii_case("Set-Cookie") => {
            before.extend_from_slice(b", ");
            before.extend_from_slice(&value);
        }
        _ => change.values.push(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reading::{Cloudflare, Netlify};

    const BOTH: [Reading; 2] = [Netlify, Cloudflare];

    fn changes(text: &str, reading: Reading, path: &str) -> String {
        let (headers, findings) = Headers::parse(text.as_bytes(), reading);
        assert_eq!(findings, [], "{text}");
        let change = |Change { name, values }: Change| match values.as_slice() {
            [] => format!("!{name}"),
            values => format!("{name}={}", String::from_utf8_lossy(&values.join(&b'|'))),
        };
        headers.changes(path.as_bytes()).into_iter().map(change).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn blocks() {
        for (text, readings, path, expected) in [
            ("/a\n  X: 1", &BOTH[..], "a", "X=1"),
            ("/a\nX: 1", &BOTH, "a", "X=1"),
            ("/a\n  X : 1", &BOTH, "a", "X=1"),
            ("/a\n  X:\t1:2 ", &BOTH, "a", "X=1:2"),
            ("/a\n  X: 1", &BOTH, "b", ""),
            ("/a\n  X: 1\n  # why\n\n  x: 2", &BOTH, "a", "X=1, 2"),
            ("/a\n  Set-Cookie: a\n  Set-Cookie: b", &BOTH, "a", "Set-Cookie=a|b"),
            ("/*\n  X: 1\n/a\n  Y: 2", &BOTH, "a", "X=1 Y=2"),
            ("/*\n  X: 1\n/a\n  x: 2", &[Netlify], "a", "X=2"),
            ("/*\n  X: 1\n/a\n  x: 2", &[Cloudflare], "a", "X=1, 2"),
            ("/a\n  X: 2\n/*\n  X: 1", &[Netlify], "a", "X=1"),
            ("/a\n  X: 2\n/*\n  X: 1", &[Cloudflare], "a", "X=2, 1"),
            ("/*\n  X: 1\n/a\n  ! X", &[Cloudflare], "a", "!X"),
            ("/*\n  X: 1\n/a\n  ! x\n  X: 2", &[Cloudflare], "a", "X=2"),
            ("/a\n  !Cache-Control", &[Cloudflare], "a", "!Cache-Control"),
            ("/A\n  X: 1", &[Netlify], "a", "X=1"),
            ("/A\n  X: 1", &[Cloudflare], "a", ""),
            ("/a/\n  X: 1", &[Netlify], "a", "X=1"),
            ("/*.js\n  X: 1", &[Cloudflare], "b/a.js", "X=1"),
            ("/u/:id/*\n  X: :id :splat", &[Cloudflare], "u/\n1/a/b", "X=%0A1 a/b"),
            ("/u/:id/*\n  X: :id :splat", &[Netlify], "u/1/a", "X=:id :splat"),
            ("/u/:id/*\n  X: :id :splat\n  Y: :splat", &[Cloudflare], "u/1/", "X=1"),
            ("/*\n  Content-Encoding: br", &BOTH, "a.br", "Content-Encoding=br"),
        ] {
            for &reading in readings {
                assert_eq!(changes(text, reading, path), expected, "{reading:?} {text:?} of {path}");
            }
        }
    }

    #[test]
    fn lines_that_are_skipped() {
        for (text, readings, lines) in [
            ("X: 1\n/a\n  X: 1", &BOTH[..], &[1][..]),
            ("/a\n  X\n  Y: 1", &BOTH, &[2]),
            ("/a\n  X:\n  Y: 1", &BOTH, &[2]),
            ("/a\n  : 1\n  Y: 1", &BOTH, &[2]),
            ("/a\n  X Y: 1\n  Y: 1", &BOTH, &[2]),
            ("/a\n  X: a\tb\n  Y: 1", &BOTH, &[2]),
            ("/a\n/b\n  Y: 1", &BOTH, &[1]),
            ("/a\n  Y: 1\n/b", &BOTH, &[3]),
            ("/a**\n  X: 1\n/b\n  Y: 1", &BOTH, &[1]), // what stands beneath it goes without a word
            ("https://example.com/a\n  X: 1\n/b\n  Y: 1", &BOTH, &[1]),
            ("/a\n  Content-Encoding: deflate\n  Y: 1", &BOTH, &[2]),
            ("/a\n  content-length: 1\n  Y: 1", &BOTH, &[2]),
            ("/a\n  ! X\n  Y: 1", &[Netlify], &[2]),
            ("/*.js\n  X: 1", &[Netlify], &[1]),
            ("/a\n  ! ETag\n  ! Vary\n  ! Content-Encoding\n  ! \n  Y: 1", &[Cloudflare], &[2, 3, 4, 5]),
        ] {
            for &reading in readings {
                let (_, findings) = Headers::parse(text.as_bytes(), reading);
                let found: Vec<_> = findings.iter().map(|finding| finding.line).collect();
                assert_eq!(found, lines, "{reading:?} {text:?}: {findings:?}");
            }
        }
        for name in RESERVED {
            let text = format!("/a\n  Y: 1\n  {}: 1", name.to_lowercase());
            assert_eq!(Headers::parse(text.as_bytes(), Netlify).1.len(), 1, "{name}");
        }
    }

    #[test]
    fn a_file_has_so_many_blocks() {
        let mut text: String = (0..MAX_RULES).map(|number| format!("/{number}\nX: 1\n")).collect();
        let (headers, findings) = Headers::parse(text.as_bytes(), Netlify);
        assert_eq!((headers.blocks().len(), findings.len()), (MAX_RULES, 0));
        text += "/x\nX: 1\nbad\n";
        let (headers, findings) = Headers::parse(text.as_bytes(), Netlify);
        assert_eq!((headers.blocks().len(), findings.len()), (MAX_RULES, 1), "{findings:?}");
        assert_eq!(findings[0].line, 2 * MAX_RULES + 1);
    }

    #[test]
    fn a_value_is_as_long_as_it_may_be() {
        let (headers, _) = Headers::parse(b"/*\n  X: :splat\n  Y: 1", Cloudflare);
        for (length, expected) in [(MAX_EXPANDED, 2), (MAX_EXPANDED + 1, 1)] {
            assert_eq!(headers.changes(&vec![b'a'; length]).len(), expected, "{length}");
        }
    }
}
