//! A media type -> whether compressing makes such content smaller.
//!
//! Text, and what is written like text: XML, JSON, scripts. Of the others those formats that are not compressed by
//! themselves. The list agrees with the `compressible` column of jshttp's mime-db where that has one.

/// Types beyond `text/*` and the suffixes of structured syntax.
const OTHERS: &[&str] = &[
    "application/dart",
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/n-quads",
    "application/n-triples",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/trig",
    "application/typescript",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/vnd.ms-opentype",
    "application/wasm",
    "application/x-font-otf",
    "application/x-font-ttf",
    "application/x-httpd-php",
    "application/x-javascript",
    "application/x-latex",
    "application/x-ndjson",
    "application/x-ns-proxy-autoconfig",
    "application/x-perl",
    "application/x-sh",
    "application/x-sql",
    "application/x-subrip",
    "application/x-tcl",
    "application/x-tex",
    "application/x-texinfo",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/sfnt",
    "font/ttf",
    "image/bmp",
    "image/vnd.adobe.photoshop",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "image/x-ms-bmp",
    "message/rfc822",
    "model/gltf-binary",
    "model/mtl",
    "model/obj",
    "model/stl",
];

/// Suffixes of structured syntax (RFC 6839) whose content is text.
const SUFFIXES: &[&str] = &["+json", "+xml", "+text", "+yaml", "+json-seq"];

/// Whether content of a media type, with or without parameters, becomes smaller.
pub fn is_compressible(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || SUFFIXES.iter().any(|suffix| essence.ends_with(suffix))
        || OTHERS.contains(&&*essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (media_type, expected) in [
            ("text/html", true),
            ("text/html; charset=utf-8", true),
            ("Text/CSS", true),
            ("text/javascript", true),
            ("application/json", true),
            ("application/manifest+json", true),
            ("application/ld+json; profile=\"x\"", true),
            ("application/rss+xml", true),
            ("application/wasm", true),
            ("image/svg+xml", true),
            ("image/x-icon", true),
            ("font/ttf", true),
            ("font/otf", true),
            ("application/vnd.ms-fontobject", true),
            ("model/gltf+json", true),
            ("font/woff", false),
            ("font/woff2", false),
            ("image/png", false),
            ("image/jpeg", false),
            ("image/avif", false),
            ("video/mp4", false),
            ("audio/mpeg", false),
            ("application/pdf", false),
            ("application/zip", false),
            ("application/gzip", false),
            ("application/x-tar", false),
            ("application/zstd", false),
            ("application/epub+zip", false),
            ("application/octet-stream", false),
            ("", false),
        ] {
            assert_eq!(is_compressible(media_type), expected, "{media_type}");
        }
    }
}
