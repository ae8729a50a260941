//! A folder as JSON, in the shape of nginx's `autoindex_format json`.

use std::fmt::Write;

use super::escape::{self, Json};
use super::{Folder, Kind};
use crate::http::date;

/// Bytes of an entry, about.
const ENTRY: usize = 160;

/// Renders the entries in their order. Every entry has a field `href` beside nginx's: a name that is no UTF-8 is
/// whole in it alone.
pub(super) fn render(folder: &Folder) -> String {
    let mut json = String::with_capacity(ENTRY * folder.entries.len() + 16);
    json.push('[');
    let mut separator = "\n";
    for entry in &folder.entries {
        let href = escape::href(entry);
        let (name, href) = (Json(&entry.name), Json(&href));
        let kind = if entry.kind == Kind::Folder { "directory" } else { "file" };
        let modified = date::format(entry.modified);
        // Writing to memory cannot fail.
        let _ =
            write!(json, "{separator}{{ \"name\":\"{name}\", \"type\":\"{kind}\", \"mtime\":\"{modified}\"");
        if let Kind::File { size } = entry.kind {
            let _ = write!(json, ", \"size\":{size}");
        }
        let _ = write!(json, ", \"href\":\"{href}\" }}");
        separator = ",\n";
    }
    json.push_str("\n]\n");
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::Entry;

    #[test]
    fn objects() {
        let entry = |name: &[u8], kind| Entry { name: name.to_vec(), kind, modified: 784_111_777 };
        let mut folder = Folder { path: b"", entries: Vec::new(), is_cut: false };
        assert_eq!(render(&folder), "[\n]\n");
        folder.entries = vec![entry(b"a:\"b", Kind::Folder), entry(b"\xff&", Kind::File { size: 7 })];
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let expected = format!(
            "[\n{{ \"name\":\"a:\\\"b\", \"type\":\"directory\", \"mtime\":\"{date}\", \"href\":\"./a%3A%22b/\" }},\n\
             {{ \"name\":\"\u{fffd}&\", \"type\":\"file\", \"mtime\":\"{date}\", \"size\":7, \"href\":\"%FF%26\" }}\n]\n"
        );
        assert_eq!(render(&folder), expected);
    }
}
