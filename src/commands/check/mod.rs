//! `httpd check`: says what is wrong with the rules and the files of a site, and serves nothing.

mod headers;
mod redirects;
mod report;
mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::config::Check;
use crate::rules::{MAX_BYTES, Reading, Severity};
use report::Report;
use tree::Tree;

/// Checks a folder and prints what was found. Returns whether nothing is an error.
///
/// # Errors
/// The folder cannot be read, or standard output is closed.
pub fn run(options: &Check) -> Result<bool, String> {
    let root = &options.document_root;
    let mut report = Report::default();
    let tree =
        Tree::walk(root, &mut report).map_err(|error| format!("cannot check {}: {error}", root.display()))?;
    if let Some(reading) = options.rules.reading() {
        if let Some(bytes) = read(root, crate::rules::redirects::FILE, &mut report) {
            redirects::check(&bytes, reading, &tree, &mut report);
        }
        if let Some(bytes) = read(root, crate::rules::headers::FILE, &mut report) {
            headers::check(&bytes, reading, &tree, &mut report);
        }
    }
    report.print(options.format).map_err(|error| format!("cannot print: {error}"))?;
    Ok(!report.has_errors())
}

/// The bytes of a file of the root, one more than are obeyed; `None` where there is none.
fn read(root: &Path, name: &str, report: &mut Report) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = || File::open(root.join(name))?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    match { read }() {
        Ok(_) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            report.add(name, Severity::Error, format!("it cannot be read: {error}"));
            None
        }
    }
}

/// The other reading.
fn other(reading: Reading) -> Reading {
    match reading {
        Reading::Netlify => Reading::Cloudflare,
        Reading::Cloudflare => Reading::Netlify,
    }
}

/// A path of this site as its author writes it.
fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}
