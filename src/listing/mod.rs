//! A folder as a page for people, or as JSON for programs.
//!
//! Pure, as [`http`](crate::http) is: entries come in, bytes go out. The names in a folder are hostile text, and many
//! are no UTF-8: every place that a name is written to has a type that escapes for that place (`escape`).

mod escape;
mod html;
mod json;
mod order;
mod units;

pub use order::{Order, SortBy, natural};

use crate::http::accept;
use crate::http::field::Name;
use crate::http::request::Request;

/// Entries that a listing has at most.
pub const MAX_ENTRIES: usize = 100_000;

/// A name in a folder, and the file or folder that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Any bytes but NUL and slash.
    pub name: Vec<u8>,
    /// The kind of thing that has this name.
    pub kind: Kind,
    /// The last change of its content, in seconds since 1970.
    pub modified: u64,
}

/// A folder or a file: folders come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Bytes.
        size: u64,
    },
}

/// A folder that was read.
#[derive(Clone, Debug)]
pub struct Folder<'a> {
    /// Its decoded path below the root, with a closing slash; empty for the root.
    pub path: &'a [u8],
    /// The entries that are shown, in any order.
    pub entries: Vec<Entry>,
    /// Whether there are more than [`MAX_ENTRIES`], and some are left out.
    pub is_cut: bool,
}

/// The form of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page.
    Html,
    /// An array of objects, as nginx's `autoindex_format json` has it.
    Json,
}

/// A way to show a folder: the form and the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The form.
    pub format: Format,
    /// The order.
    pub order: Order,
}

impl View {
    /// The view that a request asks for: by its query, and by the media types that it accepts. What has no meaning is
    /// passed over.
    pub fn of(request: &Request, query: Option<&[u8]>) -> View {
        let likes = |media_type| accept::preference(request.values(Name::Accept), media_type);
        let prefers_json = likes("application/json") > likes("text/html");
        let mut view =
            View { format: if prefers_json { Format::Json } else { Format::Html }, order: Order::default() };
        for pair in query.unwrap_or_default().split(|&byte| byte == b'&') {
            match pair {
                b"format=html" => view.format = Format::Html,
                b"format=json" => view.format = Format::Json,
                b"sort=name" => view.order.by = SortBy::Name,
                b"sort=size" => view.order.by = SortBy::Size,
                b"sort=time" => view.order.by = SortBy::Time,
                b"order=asc" => view.order.is_descending = false,
                b"order=desc" => view.order.is_descending = true,
                _ => {}
            }
        }
        view
    }

    /// The value of Content-Type.
    pub fn media_type(self) -> &'static str {
        match self.format {
            Format::Html => "text/html; charset=utf-8",
            Format::Json => "application/json",
        }
    }

    /// Shows a folder.
    pub fn render(self, mut folder: Folder) -> Vec<u8> {
        folder.entries.sort_unstable_by(|left, right| self.order.compare(left, right));
        let text = match self.format {
            Format::Html => html::render(&folder, self.order),
            Format::Json => json::render(&folder),
        };
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    #[test]
    fn views() {
        let by = |by, is_descending| Order { by, is_descending };
        let plain = by(SortBy::Name, false);
        for (query, accept, format, order) in [
            (None, "*/*", Format::Html, plain),
            (Some(""), "*/*", Format::Html, plain),
            (Some("format=json"), "text/html", Format::Json, plain),
            (Some("format=html"), "application/json", Format::Html, plain),
            (None, "application/json", Format::Json, plain),
            (None, "image/png", Format::Html, plain),
            (Some("sort=size"), "*/*", Format::Html, by(SortBy::Size, false)),
            (Some("sort=time&order=desc"), "*/*", Format::Html, by(SortBy::Time, true)),
            (Some("order=desc&sort=name"), "*/*", Format::Html, by(SortBy::Name, true)),
            (Some("sort=size&order=asc&format=json"), "*/*", Format::Json, by(SortBy::Size, false)),
            (Some("sort=colour&order=up&format=xml&x"), "*/*", Format::Html, plain),
            (Some("sort=size&sort=name"), "*/*", Format::Html, plain),
            (Some("?sort=size"), "*/*", Format::Html, plain),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
            let mut parser = Parser::new();
            let request = parser.advance(head.as_bytes()).unwrap().unwrap();
            let view = View::of(&request, query.map(str::as_bytes));
            assert_eq!(view, View { format, order }, "{query:?} {accept}");
        }
    }
}
