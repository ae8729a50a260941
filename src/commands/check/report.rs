//! Findings, as lines for people or as JSON for machines.

use std::fmt::{self, Display, Formatter};
use std::io::{self, IsTerminal, Write};

use crate::config::Format;
use crate::rules::{Finding, Severity};

/// A finding, and the file that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name beneath the root.
    pub(super) file: String,
    pub(super) line: Option<usize>,
    pub(super) severity: Severity,
    pub(super) message: String,
}

/// All findings.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Entry>);

impl Report {
    /// Adds a finding of a file as a whole.
    pub(super) fn add(&mut self, file: &str, severity: Severity, message: impl Into<String>) {
        self.0.push(Entry { file: file.into(), line: None, severity, message: message.into() });
    }

    /// Adds a finding of a line.
    pub(super) fn add_line(
        &mut self,
        file: &str,
        line: usize,
        severity: Severity,
        message: impl Into<String>,
    ) {
        self.0.push(Entry { file: file.into(), line: Some(line), severity, message: message.into() });
    }

    /// Adds the findings of a parser.
    pub(super) fn extend(&mut self, file: &str, findings: &[Finding]) {
        for Finding { line, severity, message } in findings {
            self.add_line(file, *line, *severity, message);
        }
    }

    /// True if one of them is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|entry| entry.severity == severity).count()
    }

    /// Prints all, in the order of files and lines; their number goes to standard error.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn print(&mut self, format: Format) -> io::Result<()> {
        self.0.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        let mut out = io::stdout().lock();
        match format {
            Format::Text => {
                let style = if out.is_terminal() { &COLOURED } else { &PLAIN };
                self.0.iter().try_for_each(|entry| writeln!(out, "{}", Line { entry, style }))?;
                let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
                // Nobody may be there to read it.
                let _ =
                    writeln!(io::stderr(), "{}, {}", number(errors, "error"), number(warnings, "warning"));
            }
            Format::Json => {
                let objects: Vec<String> =
                    self.0.iter().map(|entry| format!("  {}", Object(entry))).collect();
                match objects.as_slice() {
                    [] => writeln!(out, "[]")?,
                    objects => writeln!(out, "[\n{}\n]", objects.join(",\n"))?,
                }
            }
        }
        out.flush()
    }
}

fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Escape sequences of a terminal: for the place, an error, a warning, and the end of each.
struct Style {
    place: &'static str,
    error: &'static str,
    warning: &'static str,
    end: &'static str,
}

static PLAIN: Style = Style { place: "", error: "", warning: "", end: "" };
static COLOURED: Style =
    Style { place: "\x1b[1m", error: "\x1b[1;31m", warning: "\x1b[1;33m", end: "\x1b[0m" };

struct Line<'a> {
    entry: &'a Entry,
    style: &'a Style,
}

impl Display for Line<'_> {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        let Line { entry: Entry { file, line, severity, message }, style } = self;
        // A name may hold what a terminal would obey.
        write!(formatter, "{}{}", style.place, file.escape_debug())?;
        if let Some(line) = line {
            write!(formatter, ":{line}")?;
        }
        let colour = if *severity == Severity::Error { style.error } else { style.warning };
        write!(formatter, ":{} {colour}{}:{} ", style.end, word(*severity), style.end)?;
        message.chars().try_for_each(|character| match character.is_control() {
            true => write!(formatter, "{}", character.escape_debug()),
            false => write!(formatter, "{character}"),
        })
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

struct Object<'a>(&'a Entry);

impl Display for Object<'_> {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        let Entry { file, line, severity, message } = self.0;
        let line = line.map_or("null".into(), |line| line.to_string());
        let (file, message) = (Text(file), Text(message));
        let severity = word(*severity);
        write!(
            formatter,
            r#"{{"file": {file}, "line": {line}, "severity": "{severity}", "message": {message}}}"#
        )
    }
}

/// A JSON string (RFC 8259 section 7).
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        formatter.write_str("\"")?;
        self.0.chars().try_for_each(|character| match character {
            '"' | '\\' => write!(formatter, "\\{character}"),
            character if character.is_control() => write!(formatter, "\\u{:04x}", u32::from(character)),
            character => write!(formatter, "{character}"),
        })?;
        formatter.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_objects() {
        for (file, line, message, text, object) in [
            (
                "_headers",
                Some(3),
                "no `value`",
                "_headers:3: error: no `value`",
                r#"{"file": "_headers", "line": 3, "severity": "error", "message": "no `value`"}"#,
            ),
            (
                "a\n\"\x1b[2J",
                None,
                "\x07",
                r#"a\n\"\u{1b}[2J: error: \u{7}"#,
                r#"{"file": "a\u000a\"\u001b[2J", "line": null, "severity": "error", "message": "\u0007"}"#,
            ),
        ] {
            let entry = Entry { file: file.into(), line, severity: Severity::Error, message: message.into() };
            assert_eq!(Line { entry: &entry, style: &PLAIN }.to_string(), text);
            assert_eq!(Object(&entry).to_string(), object);
        }
    }
}
