//! A folder as a page: it works without script, and asks for nothing else.

use std::fmt::Write;

use super::escape::{self, Text};
use super::order::{Order, SortBy};
use super::units::{Size, Utc};
use super::{Entry, Folder, Kind, MAX_ENTRIES};

/// Bytes of an entry, about.
const ENTRY: usize = 220;

const STYLE: &str = include_str!("style.css");

/// Renders the entries, which are in this order.
pub(super) fn render(folder: &Folder, order: Order) -> String {
    let mut page = String::with_capacity(ENTRY * folder.entries.len() + 4096);
    // Writing to memory cannot fail, here and below.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Index of /{path}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        path = Text(folder.path)
    );
    push_heading(&mut page, folder.path);
    if folder.is_cut {
        let _ = writeln!(
            page,
            "<p><strong>This folder has more than {MAX_ENTRIES} entries. The others are not shown.</strong></p>"
        );
    }
    page.push_str("<table>\n<thead>\n<tr>\n");
    push_column(&mut page, "Name", SortBy::Name, order);
    push_column(&mut page, "Size", SortBy::Size, order);
    push_column(&mut page, "Changed (UTC)", SortBy::Time, order);
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    if !folder.path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in &folder.entries {
        push_row(&mut page, entry);
    }
    page.push_str("</tbody>\n</table>\n");
    push_summary(&mut page, &folder.entries);
    page.push_str("</body>\n</html>\n");
    page
}

/// The path, each folder on the way with a link to it.
fn push_heading(page: &mut String, path: &[u8]) {
    let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
    page.push_str("<nav aria-label=\"Folders\">\n<h1>Index of ");
    let Some((last, before)) = names.split_last() else {
        return page.push_str("<span aria-current=\"page\">/</span></h1>\n</nav>\n");
    };
    let _ = write!(page, "<a href=\"{}\">/</a>", "../".repeat(names.len()));
    for (index, name) in before.iter().enumerate() {
        let up = "../".repeat(before.len() - index);
        let _ = write!(page, "<a href=\"{up}\" dir=\"auto\">{}</a>/", Text(name));
    }
    let _ = writeln!(page, "<span aria-current=\"page\" dir=\"auto\">{}</span>/</h1>\n</nav>", Text(last));
}

/// The head of a column: a link that sorts by it, the other way round where it is sorted by already.
fn push_column(page: &mut String, title: &str, by: SortBy, order: Order) {
    let is_sorted = order.by == by;
    let state = match order.is_descending {
        _ if !is_sorted => "",
        false => " aria-sort=\"ascending\"",
        true => " aria-sort=\"descending\"",
    };
    let column = match by {
        SortBy::Name => "name",
        SortBy::Size => "size",
        SortBy::Time => "time",
    };
    let direction = if is_sorted && !order.is_descending { "desc" } else { "asc" };
    let _ = writeln!(
        page,
        "<th scope=\"col\"{state}><a href=\"?sort={column}&amp;order={direction}\">{title}</a></th>"
    );
}

fn push_row(page: &mut String, entry: &Entry) {
    let (href, name) = (escape::href(entry), Text(&entry.name));
    let _ = write!(page, "<tr><td><a href=\"{}\" dir=\"auto\">{name}", Text(&href));
    let _ = match entry.kind {
        Kind::Folder => write!(page, "/</a></td><td></td>"),
        Kind::File { size } => write!(page, "</a></td><td><data value=\"{size}\">{}</data></td>", Size(size)),
    };
    let time = Utc::new(entry.modified);
    let _ = writeln!(page, "<td><time datetime=\"{time:#}\">{time}</time></td></tr>");
}

fn push_summary(page: &mut String, entries: &[Entry]) {
    if entries.is_empty() {
        return page.push_str("<p>This folder is empty.</p>\n");
    }
    let sizes = entries.iter().filter_map(|entry| match entry.kind {
        Kind::File { size } => Some(size),
        Kind::Folder => None,
    });
    let files = sizes.clone().count();
    let total = Size(sizes.fold(0, u64::saturating_add));
    let folders = entries.len() - files;
    let (folder, file) = (counted(folders, "folder"), counted(files, "file"));
    let _ = match (folders, files) {
        (_, 0) => writeln!(page, "<p>{folder}</p>"),
        (0, _) => writeln!(page, "<p>{file}, {total}</p>"),
        _ => writeln!(page, "<p>{folder}, {file}, {total}</p>"),
    };
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, names: &[&str], is_cut: bool, order: Order) -> String {
        let entry = |name: &&str| match name.strip_suffix('/') {
            Some(name) => Entry { name: name.into(), kind: Kind::Folder, modified: 784_111_777 },
            None => Entry { name: (*name).into(), kind: Kind::File { size: 1536 }, modified: 784_111_777 },
        };
        let entries = names.iter().map(entry).collect();
        render(&Folder { path: path.as_bytes(), entries, is_cut }, order)
    }

    #[test]
    fn parts_of_a_page() {
        for (path, names, is_cut, expected) in [
            ("", &[][..], false, "<title>Index of /</title>"),
            ("", &[], false, "<p>This folder is empty.</p>"),
            ("", &[], true, "more than 100000 entries"),
            ("a/b<c/", &[], false, "<title>Index of /a/b&lt;c/</title>"),
            ("a/b<c/", &[], false, "<tr><td><a href=\"../\">../</a></td>"),
            (
                "a&/b/c/",
                &[],
                false,
                "Index of <a href=\"../../../\">/</a><a href=\"../../\" dir=\"auto\">a&amp;</a>/\
                 <a href=\"../\" dir=\"auto\">b</a>/<span aria-current=\"page\" dir=\"auto\">c</span>/</h1>",
            ),
            ("", &["a&b"], false, "<a href=\"a%26b\" dir=\"auto\">a&amp;b</a>"),
            ("", &["a'b"], false, "<a href=\"a%27b\" dir=\"auto\">a&#39;b</a>"),
            ("", &["a/"], false, "<a href=\"a/\" dir=\"auto\">a/</a></td><td></td>"),
            ("", &["javascript:x"], false, "<a href=\"./javascript%3Ax\" dir=\"auto\">javascript:x</a>"),
            ("", &["a"], false, "<td><data value=\"1536\">1.5 KiB</data></td>"),
            ("", &["a"], false, "<time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49</time>"),
            ("", &["a/"], false, "<p>1 folder</p>"),
            ("", &["a", "b"], false, "<p>2 files, 3.0 KiB</p>"),
            ("", &["a/", "b/", "c"], false, "<p>2 folders, 1 file, 1.5 KiB</p>"),
        ] {
            let page = page(path, names, is_cut, Order::default());
            assert!(page.contains(expected), "{expected} in {page}");
        }
        assert!(!page("", &["a"], false, Order::default()).contains("more than"));
        assert!(!page("", &["a"], false, Order::default()).contains("href=\"../"), "a way out of the root");
    }

    #[test]
    fn heads_of_columns() {
        for (by, is_descending, expected) in [
            (
                SortBy::Name,
                false,
                "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">",
            ),
            (SortBy::Name, false, "<th scope=\"col\"><a href=\"?sort=size&amp;order=asc\">"),
            (
                SortBy::Name,
                true,
                "<th scope=\"col\" aria-sort=\"descending\"><a href=\"?sort=name&amp;order=asc\">",
            ),
            (SortBy::Time, true, "<th scope=\"col\"><a href=\"?sort=name&amp;order=asc\">"),
            (
                SortBy::Time,
                true,
                "<th scope=\"col\" aria-sort=\"descending\"><a href=\"?sort=time&amp;order=asc\">",
            ),
            (
                SortBy::Size,
                false,
                "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=size&amp;order=desc\">",
            ),
        ] {
            let page = page("", &["a"], false, Order { by, is_descending });
            assert!(page.contains(expected), "{expected} in {page}");
            assert_eq!(page.matches("aria-sort=").count(), 1 + STYLE.matches("aria-sort=").count());
        }
    }
}
