//! The files beneath the root: which of them can be asked for, and which are not what they seem.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::report::Report;
use crate::codec;
use crate::http::charset::Characters;
use crate::http::encoding::{Coding, SIDECARS};
use crate::rules::{Severity, headers, redirects};
use crate::site::sidecar::VERIFIED;

/// Names that are looked at.
const MAX_NAMES: usize = 1_000_000;
/// Folders within one another that are looked into.
const MAX_DEPTH: usize = 64;
/// Bytes of a document in which a declaration of its charset counts.
const DECLARATION: usize = 1024;
/// Bytes of the largest document that is compared with its declaration.
const DOCUMENT: u64 = 16 * 1024 * 1024;
/// The one hidden name that is served.
const WELL_KNOWN: &[u8] = b".well-known";

/// The files beneath a root.
pub(super) struct Tree {
    root: PathBuf,
    /// Names of files beneath the root, sorted; without the files of rules.
    files: Vec<Vec<u8>>,
}

impl Tree {
    /// Walks a folder, and reports what cannot be served or is not true.
    ///
    /// # Errors
    /// The root cannot be read.
    pub(super) fn walk(root: &Path, report: &mut Report) -> io::Result<Tree> {
        let mut tree = Tree { root: fs::canonicalize(root)?, files: Vec::new() };
        let mut walk = Walk { left: MAX_NAMES, report };
        let top = fs::read_dir(&tree.root)?;
        tree.walk_folder(top, b"", 0, &mut walk);
        if walk.left == 0 {
            report.add(
                ".",
                Severity::Warning,
                format!("more than {MAX_NAMES} names: the others are not looked at"),
            );
        }
        tree.files.sort_unstable();
        Ok(tree)
    }

    /// The names of the files beneath the root, sorted.
    pub(super) fn files(&self) -> &[Vec<u8>] {
        &self.files
    }

    /// True if a path beneath the root is answered by a file, an index, or a folder that leads to its index.
    pub(super) fn answers(&self, path: &[u8]) -> bool {
        let place = self.root.join(OsStr::from_bytes(path));
        match fs::metadata(&place) {
            Ok(metadata) if metadata.is_dir() => place.join("index.html").is_file(),
            Ok(metadata) => metadata.is_file() && !path.ends_with(b"/"),
            Err(_) => false,
        }
    }

    fn walk_folder(&mut self, folder: fs::ReadDir, path: &[u8], depth: usize, walk: &mut Walk) {
        for entry in folder {
            if walk.left == 0 {
                return;
            }
            walk.left -= 1;
            let name = match &entry {
                Ok(entry) => entry.file_name(),
                Err(error) => return walk.warn(path, format!("it cannot be read: {error}")),
            };
            let name = name.as_bytes();
            let whole = if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() };
            if name.starts_with(b".") && name != WELL_KNOWN {
                walk.warn(&whole, "it begins with a dot: it is not served without --dot-files");
                continue;
            }
            if std::str::from_utf8(name).is_err() {
                walk.warn(&whole, "its name is not UTF-8: no browser asks for it by that name");
            }
            self.look_at(&whole, depth, walk);
        }
    }

    fn look_at(&mut self, path: &[u8], depth: usize, walk: &mut Walk) {
        let place = self.root.join(OsStr::from_bytes(path));
        let is_link = place.is_symlink();
        let metadata = match fs::metadata(&place) {
            Ok(metadata) => metadata,
            Err(_) if is_link => return walk.warn(path, "the link leads to nothing"),
            Err(error) => return walk.warn(path, format!("it cannot be read: {error}")),
        };
        if is_link && !fs::canonicalize(&place).is_ok_and(|target| target.starts_with(&self.root)) {
            return walk.warn(path, "the link leads outside of the root: it is not served");
        }
        if metadata.is_dir() {
            // The folder that a link leads to is walked where it stands.
            match fs::read_dir(&place) {
                _ if is_link => {}
                Ok(_) if depth == MAX_DEPTH => {
                    walk.warn(
                        path,
                        format!("more than {MAX_DEPTH} folders within one another are not looked into"),
                    );
                }
                Ok(folder) => self.walk_folder(folder, path, depth + 1, walk),
                Err(error) => walk.warn(path, format!("it cannot be read: {error}")),
            }
        } else if metadata.is_file() {
            self.look_at_sidecar(path, &metadata, walk);
            look_at_charset(path, &place, &metadata, walk);
            if ![headers::FILE, redirects::FILE].iter().any(|file| file.as_bytes() == path) {
                self.files.push(path.to_vec());
            }
        } else {
            walk.warn(path, "it is neither a file nor a folder: it is not served");
        }
    }

    /// Looks at a coded file beside its original.
    fn look_at_sidecar(&self, path: &[u8], metadata: &Metadata, walk: &mut Walk) {
        let find = |coding: Coding| Some((coding, path.strip_suffix(coding.suffix().as_bytes())?));
        let Some((coding, original)) = SIDECARS.into_iter().find_map(find) else { return };
        let [place, of_original] = [path, original].map(|name| self.root.join(OsStr::from_bytes(name)));
        let Ok(of_original_metadata) = fs::metadata(&of_original) else { return };
        if !of_original_metadata.is_file() {
            return;
        }
        let is_small = metadata.len().max(of_original_metadata.len()) <= VERIFIED;
        let decodes = || codec::decodes_to(coding, File::open(&place)?, File::open(&of_original)?);
        let is_older = || Some(metadata.modified().ok()? < of_original_metadata.modified().ok()?);
        let original = String::from_utf8_lossy(original);
        if is_small && decodes().is_ok_and(|decodes| !decodes) {
            walk.warn(path, format!("it does not decode to {original}: it is not used"));
        } else if is_older() == Some(true) {
            walk.warn(path, format!("it is older than {original}"));
        }
    }
}

/// A walk in progress.
struct Walk<'a> {
    /// Names that may still be looked at.
    left: usize,
    report: &'a mut Report,
}

impl Walk<'_> {
    fn warn(&mut self, path: &[u8], message: impl Into<String>) {
        let path = if path.is_empty() { b"." } else { path };
        self.report.add(&String::from_utf8_lossy(path), Severity::Warning, message);
    }
}

/// Looks at whether a page or a style sheet that says it is UTF-8 is that.
fn look_at_charset(path: &[u8], place: &Path, metadata: &Metadata, walk: &mut Walk) {
    let lower = path.to_ascii_lowercase();
    let is_document = [&b".html"[..], b".htm", b".css"].iter().any(|suffix| lower.ends_with(suffix));
    if !is_document || metadata.len() > DOCUMENT {
        return;
    }
    let Ok(bytes) = fs::read(place) else { return };
    let beginning = &bytes[..bytes.len().min(DECLARATION)];
    let is_utf8 = Characters::of(&bytes, bytes.len() as u64) != Characters::Other;
    if declares_utf8(beginning) && !is_utf8 {
        walk.warn(path, "it says that it is UTF-8, and is not");
    }
}

/// True if the beginning of a page or a style sheet names UTF-8.
fn declares_utf8(beginning: &[u8]) -> bool {
    let lower = beginning.to_ascii_lowercase();
    let places = memchr::memmem::find_iter(&lower, b"charset");
    places.map(|place| &lower[place + b"charset".len()..]).any(|after| {
        let value = after.trim_ascii_start();
        let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii_start();
        let value = value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value);
        value.starts_with(b"utf-8") || value.starts_with(b"utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        for (text, expected) in [
            ("<meta charset=utf-8>", true),
            ("<META CHARSET = \"UTF-8\">", true),
            ("<meta http-equiv=content-type content='text/html; charset=utf8'>", true),
            ("@charset \"utf-8\";", true),
            ("<meta charset=iso-8859-1>", false),
            ("<meta name=viewport>", false),
        ] {
            assert_eq!(declares_utf8(text.as_bytes()), expected, "{text}");
        }
    }
}
