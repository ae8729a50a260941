//! The findings about `_headers`: lines that are skipped, and what the two hosts read differently.

use std::collections::BTreeSet;

use super::report::Report;
use super::tree::Tree;
use super::{other, shown};
use crate::rules::headers::{FILE, Headers};
use crate::rules::{Reading, Severity};

/// Checks the blocks.
pub(super) fn check(bytes: &[u8], reading: Reading, tree: &Tree, report: &mut Report) {
    let (headers, findings) = Headers::parse(bytes, reading);
    let (in_other, of_other) = Headers::parse(bytes, other(reading));
    report.extend(FILE, &findings);
    let name = other(reading).name();
    let is_read = |line: usize, findings: &[crate::rules::Finding]| {
        !findings.iter().any(|finding| finding.line == line)
    };
    for finding in of_other.iter().filter(|finding| is_read(finding.line, &findings)) {
        let message = format!("{name} skips this line: {}", finding.message);
        report.add_line(FILE, finding.line, Severity::Warning, message);
    }
    for finding in findings.iter().filter(|finding| is_read(finding.line, &of_other)) {
        report.add_line(FILE, finding.line, Severity::Warning, format!("{name} obeys this line"));
    }
    for block in headers.blocks().iter().chain(in_other.blocks()).filter(|block| block.has_placeholders()) {
        let message = "a value has a placeholder: Cloudflare replaces it, Netlify sends it as it is";
        report.add_line(FILE, block.line(), Severity::Warning, message);
    }
    for (line, before, field, path) in fields_of_two_blocks(&headers, tree) {
        let message = format!(
            "{field} stands in line {before}'s block, too, and both match {path}: Netlify takes this value, Cloudflare joins both"
        );
        report.add_line(FILE, line, Severity::Warning, message);
    }
}

/// Fields that two blocks set for one file: the later line, the earlier one, the name, and the first such file.
fn fields_of_two_blocks(headers: &Headers, tree: &Tree) -> Vec<(usize, usize, String, String)> {
    let (mut known, mut found) = (BTreeSet::new(), Vec::new());
    for file in tree.files() {
        let blocks: Vec<_> = headers.matching(file).collect();
        for (index, block) in blocks.iter().enumerate() {
            for before in &blocks[..index] {
                let names =
                    block.names().filter(|name| before.names().any(|other| other.eq_ignore_ascii_case(name)));
                for name in names.filter(|name| !name.eq_ignore_ascii_case("Vary")) {
                    if known.insert((block.line(), before.line(), name.to_ascii_lowercase())) {
                        found.push((block.line(), before.line(), name.to_owned(), shown(file)));
                    }
                }
            }
        }
    }
    found
}
