//! A representation (RFC 9110 section 3.2): content, and the fields that tell of it, rendered once.

use std::rc::Rc;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::compress::Compressible;
use super::entity_tag;
use super::forms::Form;
use super::in_memory::InMemory;
use super::now::Now;
use super::residency::OpenFile;
use crate::http::encoding::Coding;
use crate::http::fields::Fields;
use crate::http::validators::{EntityTag, Validators};

/// Content, which a response carries whole or in part.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of it.
    Memory(InMemory),
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

    /// The same content for another representation.
    pub(super) fn share(&self) -> Content {
        match self {
            Content::Memory(bytes) => Content::Memory(bytes.clone()),
            Content::File(open) => Content::File(OpenFile::new(Arc::clone(open.file()), open.length())),
        }
    }
}

/// Fields that a response takes of a representation, each set with all of the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldSet {
    /// None: the response has all of its fields by itself.
    Nothing,
    /// Those that a 304 repeats (RFC 9110 section 15.4.5).
    Repeated,
    /// The others that tell of the representation: for several ranges.
    Metadata,
    /// Content-Type, too: for one range.
    Typed,
    /// Content-Length, too: for the whole content.
    All,
}

/// Content, and the fields that tell of it.
#[derive(Debug)]
pub(crate) struct Representation {
    fields: Fields,
    /// The ends of the sets before [`FieldSet::All`] among the lines.
    ends: [usize; 3],
    content: Content,
}

impl Representation {
    /// Renders the fields: those that a 304 repeats, those of the representation, and those of the content.
    pub(crate) fn new(
        repeated: &[(&str, &[u8])],
        metadata: &[(&str, &[u8])],
        media_type: &str,
        content: Content,
    ) -> Representation {
        let mut fields = Fields::default();
        let mut push = |list: &[(&str, &[u8])]| {
            list.iter().for_each(|(name, value)| fields.push(name, value));
            fields.length()
        };
        let ends = [push(repeated), push(metadata), push(&[("Content-Type", media_type.as_bytes())])];
        fields.push_display("Content-Length", content.length());
        Representation { fields, ends, content }
    }

    /// The representation of a coded form: its own tag, coding and length; all other fields are the same.
    fn coded(&self, quoted_tag: &str, coding: Coding, content: Content) -> Representation {
        let (lines, [repeated, metadata, typed]) = (self.fields.lines(), self.ends);
        let mut fields = Fields::default();
        for (name, value) in Fields::iter(&lines[..repeated]) {
            fields.push(name, if name == b"ETag" { quoted_tag.as_bytes() } else { value });
        }
        let mut ends = [fields.length(); 3];
        fields.push_lines(&lines[repeated..metadata]);
        fields.push("Content-Encoding", coding.token());
        ends[1] = fields.length();
        fields.push_lines(&lines[metadata..typed]);
        ends[2] = fields.length();
        fields.push_display("Content-Length", content.length());
        Representation { fields, ends, content }
    }

    /// The content.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// The lines of a set of fields.
    pub(crate) fn lines(&self, set: FieldSet) -> &[u8] {
        let [repeated, metadata, typed] = self.ends;
        let end = match set {
            FieldSet::Nothing => 0,
            FieldSet::Repeated => repeated,
            FieldSet::Metadata => metadata,
            FieldSet::Typed => typed,
            FieldSet::All => self.fields.length(),
        };
        &self.fields.lines()[..end]
    }
}

/// One of the representations of a file: a coded form of it, or the file as it is.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) coding: Coding,
    /// The entity tag without its quotes.
    pub(super) tag: Vec<u8>,
    /// Seconds since 1970, never later than the time of reading (RFC 9110 section 8.8.2.1).
    pub(super) last_modified: u64,
    /// The type of the file without its coding, with the charset of a text.
    pub(super) media_type: Rc<str>,
    pub(super) representation: Rc<Representation>,
    /// The file as it is has this if it may be compressed.
    pub(super) compressible: Option<Box<Compressible>>,
}

impl Variant {
    /// The validators that requests are compared with. Every tag of ours is strong.
    pub(super) fn validators(&self) -> Validators<'_> {
        let entity_tag = EntityTag { weak: false, opaque: &self.tag };
        Validators { entity_tag, last_modified: Some(self.last_modified) }
    }

    /// The text between several ranges, which no author can have written into the file beforehand.
    pub(super) fn boundary(&self, now: &Now) -> String {
        format!("{:032x}", xxh3_128_with_seed(&self.tag, now.nanoseconds() as u64))
    }

    /// Bytes of the content.
    pub(super) fn length(&self) -> u64 {
        self.representation.content.length()
    }

    /// The variant that a coded form of this one is, which was made of its bytes.
    pub(super) fn coded(&self, coding: Coding, form: Form) -> Variant {
        let tag = entity_tag::of_digest(form.digest, coding);
        let content = Content::Memory(form.body);
        let representation = Rc::new(self.representation.coded(&format!("\"{tag}\""), coding, content));
        let (last_modified, media_type) = (self.last_modified, Rc::clone(&self.media_type));
        Variant {
            coding,
            tag: tag.into_bytes(),
            last_modified,
            media_type,
            representation,
            compressible: None,
        }
    }
}
