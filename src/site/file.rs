//! A file that can be served: its representations, each with validators and a rendered block of fields.
//!
//! **What an entity tag is made of.** A file that is kept in memory: the 128-bit digest of its bytes. It
//! changes when they do, whatever the clock says, and every replica that holds the same bytes gives the same
//! tag. A larger file: its size and modification time in nanoseconds, which replicas share when they share
//! the times (no inode number in it). Where the modification time says nothing (the first two seconds of
//! 1970, as reproducible images have it), the digest again up to [`DIGESTED`]; beyond that the time of the
//! last change of the inode, which nobody can set and no replica shares. A large file so young that another
//! change could bear the same times gets a tag that is used once. The tag of a coded representation ends in
//! the coding, so that no two codings share one (RFC 9110 section 8.8.3.3).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

use super::Now;
use super::open_file::OpenFile;
use crate::http::encoding::Coding;
use crate::http::validators::{EntityTag, Validators};
use crate::http::{date, media_type, response};
use crate::sys::file::{self, Metadata, Timestamp};
use crate::sys::page_cache;

/// Bytes of the largest file that is kept in memory; a larger one is sent by `sendfile`, without a copy. By
/// the price alone they cross at 16 KiB: from memory 10.6 us and by `sendfile` 10.8, with 32 KiB 12.4 and
/// 11.2, with 64 KiB 20.4 and 16.6. What is kept has a tag made of its bytes, takes no descriptor, and is
/// there on a slow disk, which is worth the 4 us.
pub(crate) const IN_MEMORY: u64 = 64 * 1024;

/// Bytes of the largest file whose digest is its tag where its modification time says nothing: some
/// milliseconds of reading, once each time that it changes.
pub(crate) const DIGESTED: u64 = 16 * 1024 * 1024;

/// Times that a file is read again because it was changed while it was read.
const READINGS: usize = 3;

/// The content of a representation.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of it.
    Memory(Vec<u8>),
    /// An open file.
    File(OpenFile),
}

impl Content {
    /// Bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(open) => open.length(),
        }
    }
}

/// What a response carries: content and the fields that tell of it.
#[derive(Debug)]
pub(crate) struct Representation {
    /// The field lines, in an order in which every kind of response takes the first part of them.
    fields: Vec<u8>,
    /// How far the lines go that a 304 repeats (RFC 9110 section 15.4.5).
    repeated: usize,
    /// How far the ones go that do not tell of the body of the message.
    metadata: usize,
    /// How far they go with Content-Type and without Content-Length.
    typed: usize,
    /// The content.
    pub content: Content,
}

impl Representation {
    /// Renders the fields: first the ones that a 304 repeats, then those of the file, then the body's.
    pub(crate) fn new(
        repeated: &[(&str, &[u8])],
        metadata: &[(&str, &[u8])],
        media_type: &str,
        content: Content,
    ) -> Representation {
        let mut fields = Vec::with_capacity(256);
        let mut append = |lines: &[(&str, &[u8])]| {
            for (name, value) in lines {
                response::field(&mut fields, name, value);
            }
            fields.len()
        };
        let repeated = append(repeated);
        let metadata = append(metadata);
        let typed = append(&[("Content-Type", media_type.as_bytes())]);
        append(&[("Content-Length", content.length().to_string().as_bytes())]);
        Representation { fields, repeated, metadata, typed, content }
    }

    /// All fields: for the whole content.
    pub(crate) fn fields(&self) -> &[u8] {
        &self.fields
    }

    /// Without Content-Length: for one range.
    pub(crate) fn fields_of_a_range(&self) -> &[u8] {
        &self.fields[..self.typed]
    }

    /// Without Content-Type and Content-Length: for several ranges.
    pub(crate) fn fields_of_ranges(&self) -> &[u8] {
        &self.fields[..self.metadata]
    }

    /// What a 304 repeats.
    pub(crate) fn fields_of_not_modified(&self) -> &[u8] {
        &self.fields[..self.repeated]
    }
}

/// One of the representations of a file: a coding of it.
#[derive(Debug)]
pub(crate) struct Variant {
    /// How it is coded.
    pub coding: Coding,
    /// Without its quotes.
    pub tag: Vec<u8>,
    /// Seconds since 1970, never later than the now of reading (RFC 9110 section 8.8.2.1).
    pub last_modified: u64,
    /// The type of the file without its coding.
    pub media_type: &'static str,
    /// Fields and content.
    pub representation: Rc<Representation>,
}

impl Variant {
    /// What requests are compared with. Every tag of ours is strong.
    pub(crate) fn validators(&self) -> Validators<'_> {
        let entity_tag = EntityTag { weak: false, opaque: &self.tag };
        Validators { entity_tag, last_modified: self.last_modified }
    }

    /// What stands between several ranges: nobody can have written it into the file beforehand.
    pub(crate) fn boundary(&self, now: &Now) -> String {
        format!("{:032x}", xxh3_128_with_seed(&self.tag, now.nanoseconds() as u64))
    }
}

/// What is known of a file before it is read.
pub(crate) struct Opened {
    /// How it is coded.
    pub coding: Coding,
    /// The open file.
    pub file: File,
    /// Its state when it was opened.
    pub metadata: Metadata,
}

impl Opened {
    /// Whether all of it is read to make it ready, and not only when it is sent.
    pub(crate) fn is_read(&self) -> bool {
        let most = if says_nothing(&self.metadata) { DIGESTED } else { IN_MEMORY };
        (1..=most).contains(&self.metadata.size)
    }

    /// What of it is to be fetched before it is read, if anything is.
    pub(crate) fn cold_range(&self) -> Option<Range<u64>> {
        let whole = 0..self.metadata.size;
        (!page_cache::is_resident(&self.file, whole.clone())).then_some(whole)
    }

    /// Makes it ready to be served. `name` tells the type, `varies` whether the file has other codings.
    /// Returns the state of the file that was read, too.
    ///
    /// # Errors
    /// The system's, for a file that cannot be read.
    pub(crate) fn into_variant(
        self,
        name: &[u8],
        varies: bool,
        cache_control: &str,
        now: &Now,
    ) -> io::Result<(Variant, Metadata)> {
        let (content, metadata) = read(self.file, self.metadata)?;
        let mut tag = tag(&content, &metadata, now)?;
        if self.coding != Coding::Identity {
            tag.extend(["-", self.coding.token()]);
        }
        let modified = u64::try_from(metadata.modified.seconds).unwrap_or(0);
        let last_modified = modified.min(now.seconds());
        let quoted = format!("\"{tag}\"");
        let date = date::format(last_modified);
        let mut repeated = vec![("ETag", quoted.as_bytes()), ("Cache-Control", cache_control.as_bytes())];
        if varies {
            repeated.push(("Vary", b"Accept-Encoding"));
        }
        let mut lines = vec![("Last-Modified", date.as_bytes()), ("Accept-Ranges", b"bytes")];
        if self.coding != Coding::Identity {
            lines.push(("Content-Encoding", self.coding.token().as_bytes()));
        }
        let media_type = media_type::of(name);
        let representation = Rc::new(Representation::new(&repeated, &lines, media_type, content));
        let tag = tag.into_bytes();
        Ok((Variant { coding: self.coding, tag, last_modified, media_type, representation }, metadata))
    }
}

/// Reads a small file whole; what is changed meanwhile is read again.
fn read(file: File, opened: Metadata) -> io::Result<(Content, Metadata)> {
    let mut before = opened;
    for _ in 0..READINGS {
        if before.size > IN_MEMORY {
            return Ok((Content::File(OpenFile::new(file, before.size)), before));
        }
        let mut bytes = vec![0; before.size as usize];
        let result = file.read_exact_at(&mut bytes, 0);
        let after = file::metadata(&file)?;
        match result {
            Ok(()) if after == before => return Ok((Content::Memory(bytes), after)),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => before = after,
        }
    }
    // Somebody writes without pause: it is served as an open file, whose length the sending keeps to.
    Ok((Content::File(OpenFile::new(file, before.size)), before))
}

fn tag(content: &Content, metadata: &Metadata, now: &Now) -> io::Result<String> {
    let open = match content {
        Content::Memory(bytes) => return Ok(format!("{:032x}", xxh3_128(bytes))),
        Content::File(open) => open,
    };
    if says_nothing(metadata) && open.length() <= DIGESTED {
        return digest(open.file());
    }
    let times = if says_nothing(metadata) { metadata.changed } else { metadata.modified };
    let Timestamp { seconds, nanoseconds } = times;
    let tag = format!("{:x}-{seconds:x}-{nanoseconds:x}", open.length());
    Ok(if now.is_settled(metadata) { tag } else { format!("{tag}-{:x}", now.nanoseconds()) })
}

/// Whether the modification time is one that builders of images set, the same for all versions.
fn says_nothing(metadata: &Metadata) -> bool {
    matches!(metadata.modified.seconds, 0 | 1)
}

fn digest(file: &File) -> io::Result<String> {
    let mut digest = Xxh3::new();
    let mut buffer = vec![0; IN_MEMORY as usize];
    let mut position = 0;
    loop {
        match file.read_at(&mut buffer, position)? {
            0 => return Ok(format!("{:032x}", digest.digest128())),
            count => {
                digest.update(&buffer[..count]);
                position += count as u64;
            }
        }
    }
}
