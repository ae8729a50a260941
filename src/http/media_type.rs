//! A file name -> the media type of the file (RFC 9110 section 8.3.1).
//!
//! Most types come from the `mime_guess` table. Three are overridden: browsers refuse a module script whose
//! type is not JavaScript, and a source map is JSON.

/// The type of a file with an unknown extension: bytes.
pub const UNKNOWN: &str = "application/octet-stream";

const OVERRIDES: [(&str, &str); 3] =
    [("cjs", "text/javascript"), ("map", "application/json"), ("mjs", "text/javascript")];

/// The media type of a file by the extension of its name, in any case of letters.
pub fn of(name: &[u8]) -> &'static str {
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
    let Some(dot) = memchr::memrchr(b'.', name) else { return UNKNOWN };
    let Ok(extension) = std::str::from_utf8(&name[dot + 1..]) else { return UNKNOWN };
    let ours = OVERRIDES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    match ours {
        Some((_, media_type)) => media_type,
        None => mime_guess::from_ext(extension).first_raw().unwrap_or(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn types() {
        for (name, expected) in [
            ("index.html", "text/html"),
            ("a.b/INDEX.HTM", "text/html"),
            ("a.css", "text/css"),
            ("a.js", "text/javascript"),
            ("a.mjs", "text/javascript"),
            ("a.JPG", "image/jpeg"),
            ("a.jpeg", "image/jpeg"),
            ("a.png", "image/png"),
            ("a.gif", "image/gif"),
            ("a.swf", "application/x-shockwave-flash"),
            ("a.wasm", "application/wasm"),
            ("a.json", "application/json"),
            ("a.map", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.woff2", "font/woff2"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.pdf", "application/pdf"),
            ("a.ico", "image/x-icon"),
            ("a.txt", "text/plain"),
            ("a.md", "text/markdown"),
            ("a.xml", "text/xml"),
            ("a.tar.gz", "application/gzip"),
            ("a.unheard-of", "application/octet-stream"),
            ("Makefile", "application/octet-stream"),
            ("dir.html/file", "application/octet-stream"),
            ("a.", "application/octet-stream"),
        ] {
            assert_eq!(of(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(of(b"a.\xff"), "application/octet-stream");
    }
}
