//! `_headers` and `_redirects`: the text of the two files -> rules, and a path -> the rules that answer for it.
//!
//! Two hosts read these files, and not in the same way: a [`Reading`] is one row of a table, `Syntax`, that one
//! parser obeys. Pure: bytes and values come in, values go out. A line that cannot be obeyed is skipped with a
//! [`Finding`]; the other lines hold.
//!
//! | | Netlify | Cloudflare |
//! | --- | --- | --- |
//! | redirect line | `from [name=value …] to [status[!]]` | `from to [status]` |
//! | default status | 301 | 302 |
//! | statuses | 200 301 302 303 307 308 404 410 451 | 200 301 302 303 307 308 |
//! | existing file | wins, unless `!` | the rule wins |
//! | pattern | `:name` a whole segment, `*` as the last one; a trailing slash does not matter | `:name` and one `*` anywhere; exact |
//! | `from` with a host or a query | obeyed | skipped |
//! | order | first match | first match, lines without pattern before the others |
//! | field in two matching blocks | the later one replaces | joined |
//! | `! Name` | skipped | removes the field |
//! | field pattern | as in redirects, in any case of letters | as in redirects |
//! | placeholder in a field value | text | replaced |
//!
//! Paths are compared decoded: a pattern's escapes and a request's mean the same. The values of placeholders come from
//! strangers. Each byte of them that could mean something in a URI is encoded again, so that no value can begin a
//! host, a query or a line.

mod destination;
pub mod headers;
mod lines;
mod order;
mod pattern;
pub mod redirects;
mod value;

use crate::http::status::Status;

/// Bytes of a file that are read; what follows is dropped.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Rules of a file that are obeyed; what follows is dropped.
pub const MAX_RULES: usize = 10_000;
/// Bytes of the longest destination or field value that placeholders may make. A rule that makes a longer one does
/// not apply.
pub const MAX_EXPANDED: usize = 16 * 1024;

/// The host that gives the files their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As Netlify reads them.
    Netlify,
    /// As Cloudflare Pages reads them.
    Cloudflare,
}

/// The things that one reading allows, and their meaning.
#[derive(Debug)]
struct Syntax {
    /// The host, as messages name it.
    name: &'static str,
    default_status: Status,
    statuses: &'static [Status],
    /// Rules win over files that exist.
    rules_win: bool,
    /// `from` may have a host and a query, and a line ends in `status!` or conditions.
    has_long_lines: bool,
    /// `:name` and `*` stand for a part of a segment, too, and `*` may stand anywhere.
    has_partial_patterns: bool,
    /// A closing slash makes no difference.
    ignores_closing_slash: bool,
    /// Lines without a pattern are tried first.
    literals_first: bool,
    /// Field patterns match in any case of letters.
    ignores_case_of_fields: bool,
    /// A field of two matching blocks has both values.
    joins_blocks: bool,
    /// `! Name` removes a field.
    removes_fields: bool,
    /// Field values may hold placeholders.
    has_value_placeholders: bool,
}

static NETLIFY: Syntax = Syntax {
    name: "Netlify",
    default_status: Status::MovedPermanently,
    statuses: &[
        Status::Ok,
        Status::MovedPermanently,
        Status::Found,
        Status::SeeOther,
        Status::TemporaryRedirect,
        Status::PermanentRedirect,
        Status::NotFound,
        Status::Gone,
        Status::UnavailableForLegalReasons,
    ],
    rules_win: false,
    has_long_lines: true,
    has_partial_patterns: false,
    ignores_closing_slash: true,
    literals_first: false,
    ignores_case_of_fields: true,
    joins_blocks: false,
    removes_fields: false,
    has_value_placeholders: false,
};

static CLOUDFLARE: Syntax = Syntax {
    name: "Cloudflare",
    default_status: Status::Found,
    statuses: &[
        Status::Ok,
        Status::MovedPermanently,
        Status::Found,
        Status::SeeOther,
        Status::TemporaryRedirect,
        Status::PermanentRedirect,
    ],
    rules_win: true,
    has_long_lines: false,
    has_partial_patterns: true,
    ignores_closing_slash: false,
    literals_first: true,
    ignores_case_of_fields: false,
    joins_blocks: true,
    removes_fields: true,
    has_value_placeholders: true,
};

impl Reading {
    fn syntax(self) -> &'static Syntax {
        match self {
            Reading::Netlify => &NETLIFY,
            Reading::Cloudflare => &CLOUDFLARE,
        }
    }

    /// The host, as messages name it.
    pub fn name(self) -> &'static str {
        self.syntax().name
    }
}

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something does not do what its author wants.
    Error,
    /// Something may not do what its author wants.
    Warning,
}

/// Something to tell the author of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line, counted from 1.
    pub line: usize,
    /// An error for a line that is skipped.
    pub severity: Severity,
    /// The reason.
    pub message: String,
}

impl Finding {
    fn error(line: usize, message: impl Into<String>) -> Finding {
        Finding { line, severity: Severity::Error, message: message.into() }
    }
}
