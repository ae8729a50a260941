//! The thing that a path leads to (RFC 9110 section 3.1).

use super::representation::{Content, Variant};

/// Bytes that a kept resource costs beyond its path and content, about.
const OVERHEAD: usize = 1024;

/// The thing that a path leads to.
#[derive(Debug)]
pub(super) enum Resource {
    /// A file: its representations, the file as it lies on the disk first.
    File(Vec<Variant>),
    /// A directory that was asked for without its slash: its place, relative to the path that was asked for.
    Redirect(Vec<u8>),
    /// A folder without an index, which is listed.
    Folder,
    /// Nothing.
    Missing,
}

impl Resource {
    /// Bytes that it costs to keep it, where an open file counts as `descriptor_bytes`.
    pub(super) fn weight(&self, descriptor_bytes: usize) -> usize {
        let Resource::File(variants) = self else { return OVERHEAD };
        let contents = variants.iter().map(|variant| match variant.representation.content() {
            Content::Memory(bytes) => bytes.len(),
            Content::File(_) => descriptor_bytes,
        });
        let made = variants.iter().filter_map(|variant| Some(variant.compressible.as_ref()?.weight()));
        OVERHEAD + contents.chain(made).sum::<usize>()
    }

    /// Whether coded forms may be added to it.
    pub(super) fn may_grow(&self) -> bool {
        let Resource::File(variants) = self else { return false };
        variants.first().is_some_and(|file| file.compressible.is_some())
    }

    /// Whether a coded form of it was made since the last call: it then weighs more.
    pub(super) fn has_grown(&self) -> bool {
        let Resource::File(variants) = self else { return false };
        variants.iter().any(|variant| variant.compressible.as_ref().is_some_and(|file| file.has_grown()))
    }
}
