//! A file name -> the media type of what is in it (RFC 9110 section 8.3.1).
//!
//! There are three tables, the strongest first: the rows of the operator, the few rows of ours, and the rows of
//! mime-db, which collects the registered types (IANA) and those that Apache and nginx know.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use super::field;

/// What an unknown extension gets: bytes, nothing is promised.
pub const UNKNOWN: &str = "application/octet-stream";

/// Made by `mime_db.py` in the same folder.
const MIME_DB: &str = include_str!("media_type/mime-db.types");

/// What mime-db does not have, or has otherwise than a web server needs: a type, and its extensions.
const OURS: &[(&str, &str)] = &[
    // A browser runs a script only under this type; mime-db calls it Node's own.
    ("text/javascript", "cjs"),
    // Browsers have always known the icon by this name, the registered one came later.
    ("image/x-icon", "ico"),
    // A browser shows both names alike; a type of text can say its charset.
    ("text/xml", "xml"),
    // Registered, and not in mime-db or there under an older name: RFC 9512, 9639, 9559, 8878, IANA's `vnd.` tree.
    ("application/yaml", "yaml yml"),
    ("audio/flac", "flac"),
    ("audio/matroska", "mka"),
    ("video/matroska", "mkv"),
    ("video/matroska-3d", "mk3d"),
    ("application/zstd", "zst"),
    ("application/vnd.apache.parquet", "parquet"),
    ("application/vnd.debian.binary-package", "deb udeb"),
    ("application/vnd.microsoft.portable-executable", "dll exe"),
    // The short name of `.tar.gz`.
    ("application/gzip", "tgz"),
    // Beside a download there is more often its signature than a key.
    ("application/pgp-signature", "asc"),
    // Sources, which a browser is to show and not to save. `.ts` alone stays video: HLS players refuse a segment of
    // another type, and those who import TypeScript take this one, too. `.rs` is registered for something rare.
    ("text/plain", "d.cts d.mts d.ts cts tsx"),
    ("text/plain", "adoc bas cfg cmd cs diff go hpp hxx kt lst mk patch ps1 py pyi rb rs rst swift zig"),
];

static BUILT_IN: LazyLock<HashMap<&[u8], &str>> = LazyLock::new(|| {
    let ours = OURS.iter().map(|(media_type, extensions)| (*media_type, extensions.split_ascii_whitespace()));
    let rows = MIME_DB.lines().filter_map(row).chain(ours);
    rows.flat_map(|(media_type, extensions)| extensions.map(move |one| (one.as_bytes(), media_type)))
        .collect()
});

/// The media types of a site.
#[derive(Debug, Default)]
pub struct Types {
    /// The operator's, by extension in small letters.
    extra: HashMap<Vec<u8>, String>,
}

/// A line that is no row of media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The number of the line, from 1 on.
    pub line: usize,
    reason: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for Malformed {}

impl Types {
    /// The built-in types after the rows of a text in the form of /etc/mime.types. Each line has a type and its
    /// extensions, without a dot in front; `#` begins a comment. A later row wins.
    ///
    /// # Errors
    /// [`Malformed`]: the first line that has another form.
    pub fn parse(text: &[u8]) -> Result<Types, Malformed> {
        let mut extra = HashMap::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let malformed = |reason| Malformed { line: index + 1, reason };
            let line = std::str::from_utf8(line).map_err(|_| malformed("not UTF-8"))?;
            let Some((media_type, extensions)) = row(line) else { continue };
            if !is_media_type(media_type) {
                return Err(malformed("does not begin with a media type such as text/plain"));
            }
            for extension in extensions {
                if extension.contains('/') || extension.starts_with('.') || extension.ends_with('.') {
                    return Err(malformed("an extension has no slash, and no dot at its ends"));
                }
                extra.insert(extension.to_ascii_lowercase().into(), media_type.into());
            }
        }
        Ok(Types { extra })
    }

    /// The media type of a file by the extension of its name, in any case of letters. The longest extension that a
    /// table knows counts: `d.ts` before `ts`.
    pub fn of(&self, name: &[u8]) -> &str {
        let extra = extensions(name).find_map(|extension| self.extra.get(&extension).map(String::as_str));
        extra
            .or_else(|| extensions(name).find_map(|extension| BUILT_IN.get(&*extension).copied()))
            .unwrap_or(UNKNOWN)
    }
}

/// The type and the extensions of a line; `None` for a comment and for an empty line.
fn row(line: &str) -> Option<(&str, std::str::SplitAsciiWhitespace<'_>)> {
    let (line, _) = line.split_once('#').unwrap_or((line, ""));
    let mut words = line.split_ascii_whitespace();
    Some((words.next()?, words))
}

/// RFC 9110 section 8.3.1, without spaces and quotes.
fn is_media_type(text: &str) -> bool {
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(field::is_token_byte);
    let is_pair = |text: &str, separator| {
        text.split_once(separator).is_some_and(|(left, right)| is_token(left) && is_token(right))
    };
    let mut parts = text.split(';');
    parts.next().is_some_and(|name| is_pair(name, '/')) && parts.all(|parameter| is_pair(parameter, '='))
}

/// All that a name has after each of its dots, the longest first, in small letters.
fn extensions(name: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let name = &name[memchr::memrchr(b'/', name).map_or(0, |slash| slash + 1)..];
    memchr::memchr_iter(b'.', name).map(|dot| name[dot + 1..].to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (name, expected) in [
            ("index.html", "text/html"),
            ("a.b/INDEX.HTM", "text/html"),
            ("a.css", "text/css"),
            ("a.js", "text/javascript"),
            ("a.mjs", "text/javascript"),
            ("a.cjs", "text/javascript"),
            ("a.JPG", "image/jpeg"),
            ("a.jpeg", "image/jpeg"),
            ("a.png", "image/png"),
            ("a.gif", "image/gif"),
            ("a.swf", "application/x-shockwave-flash"),
            ("a.wasm", "application/wasm"),
            ("a.json", "application/json"),
            ("a.map", "application/json"),
            ("a.geojson", "application/geo+json"),
            ("a.svg", "image/svg+xml"),
            ("a.svgz", "image/svg+xml"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.jxl", "image/jxl"),
            ("a.woff", "font/woff"),
            ("a.woff2", "font/woff2"),
            ("a.otf", "font/otf"),
            ("a.ttf", "font/ttf"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.mp3", "audio/mpeg"),
            ("a.m4a", "audio/mp4"),
            ("a.opus", "audio/ogg"),
            ("a.flac", "audio/flac"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.mkv", "video/matroska"),
            ("a.m3u8", "application/vnd.apple.mpegurl"),
            ("a.mpd", "application/dash+xml"),
            ("a.vtt", "text/vtt"),
            ("a.ts", "video/mp2t"),
            ("a.d.ts", "text/plain"),
            ("a.tsx", "text/plain"),
            ("a.pdf", "application/pdf"),
            ("a.epub", "application/epub+zip"),
            ("a.ico", "image/x-icon"),
            ("a.txt", "text/plain"),
            ("a.log", "text/plain"),
            ("a.py", "text/plain"),
            ("a.rs", "text/plain"),
            ("a.md", "text/markdown"),
            ("a.csv", "text/csv"),
            ("a.ics", "text/calendar"),
            ("a.xml", "text/xml"),
            ("a.atom", "application/atom+xml"),
            ("a.yaml", "application/yaml"),
            ("a.toml", "application/toml"),
            ("a.rpm", "application/x-redhat-package-manager"),
            ("a.deb", "application/vnd.debian.binary-package"),
            ("a.apk", "application/vnd.android.package-archive"),
            ("a.tar", "application/x-tar"),
            ("a.tar.gz", "application/gzip"),
            ("a.tgz", "application/gzip"),
            ("a.tar.zst", "application/zstd"),
            ("a.tar.xz", "application/x-xz"),
            ("a.zip", "application/zip"),
            ("a.7z", "application/x-7z-compressed"),
            ("a.asc", "application/pgp-signature"),
            ("a.stl", "model/stl"),
            ("a.obj", "model/obj"),
            ("a.glb", "model/gltf-binary"),
            ("a.bin", "application/octet-stream"),
            ("a.unheard-of", "application/octet-stream"),
            ("a.html.unheard-of", "application/octet-stream"),
            ("Makefile", "application/octet-stream"),
            ("html", "application/octet-stream"),
            ("dir.html/file", "application/octet-stream"),
            ("a.", "application/octet-stream"),
        ] {
            assert_eq!(Types::default().of(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(Types::default().of(b"a.\xff"), "application/octet-stream");
        assert_eq!(Types::default().of(b"\xff.html"), "text/html");
    }

    #[test]
    fn the_built_in_rows_have_the_form_that_others_need() {
        let ours: String =
            OURS.iter().map(|(media_type, extensions)| format!("{media_type} {extensions}\n")).collect();
        for text in [MIME_DB, &ours] {
            let types = Types::parse(text.as_bytes()).unwrap();
            for (extension, media_type) in &types.extra {
                assert_eq!(*extension, extension.to_ascii_lowercase(), "{media_type}");
            }
        }
        assert!(BUILT_IN.len() > 1200, "{} extensions", BUILT_IN.len());
    }

    #[test]
    fn rows_of_the_operator_win() {
        let types = Types::parse(
            b"# a comment\n\n  \t\r\n\
            text/x-one one\n\
            text/x-one\tone  two.ONE\r\n\
            text/x-nobody\n\
            application/x-page html # and why\n\
            text/plain;charset=iso-8859-1 txt\n\
            text/x-early late\ntext/x-late late",
        )
        .unwrap();
        for (name, expected) in [
            ("a.one", "text/x-one"),
            ("A.ONE", "text/x-one"),
            ("a.two.one", "text/x-one"),
            ("a.Two.One", "text/x-one"),
            ("a.html", "application/x-page"),
            ("a.txt", "text/plain;charset=iso-8859-1"),
            ("a.late", "text/x-late"),
            ("a.png", "image/png"),
            ("a.two", "application/octet-stream"),
        ] {
            assert_eq!(types.of(name.as_bytes()), expected, "{name}");
        }
        // The operator's shorter extension before a longer one of ours.
        assert_eq!(Types::parse(b"text/x-ts ts").unwrap().of(b"a.d.ts"), "text/x-ts");
    }

    #[test]
    fn lines_of_another_form() {
        for (text, line) in [
            ("text", 1),
            ("text/plain txt\nhtml text/html", 2),
            ("\n\n/plain txt", 3),
            ("text/ txt", 1),
            ("text/a/b txt", 1),
            ("text/plain; charset=utf-8 txt", 1),
            ("text/plain;charset txt", 1),
            ("text/pl\u{e4}in txt", 1),
            ("type=text/html exts=\"html\"", 1),
            ("text/html .html", 1),
            ("text/html html.", 1),
            ("text/html a/b", 1),
        ] {
            assert_eq!(Types::parse(text.as_bytes()).unwrap_err().line, line, "{text}");
        }
        let error = Types::parse(b"text/plain txt\ntext/plain \xfc").unwrap_err();
        assert_eq!(error.to_string(), "line 2: not UTF-8");
    }
}
