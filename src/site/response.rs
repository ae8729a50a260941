//! A response as data: status, fields and body. No protocol is in it.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

#[cfg(test)]
use super::representation::Content;
use super::representation::{FieldSet, Representation};
use crate::http::cache_control;
use crate::http::field;
use crate::http::fields::Fields;
use crate::http::multipart::Multipart;
use crate::http::range::ContentRange;
use crate::http::status::Status;

/// A response, ready to be rendered and sent.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    /// The representation that it takes fields and content from.
    pub(crate) representation: Rc<Representation>,
    fields: FieldSet,
    /// Fields that only this response has.
    own: Fields,
    pub(crate) body: Body,
    /// The user whose credentials were right.
    user: Option<Arc<[u8]>>,
}

/// The body of a response.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Nothing: to HEAD, and where a status has none.
    Empty,
    /// A range of the content.
    Range(Range<u64>),
    /// Several ranges, with text around them.
    Multipart(Box<Multipart>),
}

impl Response {
    /// A response with all of a representation.
    pub(super) fn whole(status: Status, representation: Rc<Representation>) -> Response {
        let body = Body::Range(0..representation.content().length());
        let (fields, own) = (FieldSet::All, Fields::default());
        Response { status, representation, fields, own, body, user: None }
    }

    /// An empty response with a content coding, for tests of what is told of it.
    #[cfg(test)]
    pub(crate) fn with_coding(coding: &str) -> Response {
        let metadata = [("Content-Encoding", coding.as_bytes())];
        let content = Content::Memory(Vec::new().into());
        Response::whole(Status::Ok, Rc::new(Representation::new(&[], &metadata, "text/plain", content)))
    }

    /// A response without content: 204, and 304 with the fields that it repeats.
    pub(super) fn fields_alone(status: Status, representation: Rc<Representation>) -> Response {
        let (fields, own) = (FieldSet::Repeated, Fields::default());
        Response { status, representation, fields, own, body: Body::Empty, user: None }
    }

    /// A response with one range of a representation.
    pub(super) fn range(representation: Rc<Representation>, range: Range<u64>) -> Response {
        let mut own = Fields::default();
        let length = representation.content().length();
        own.push_display("Content-Range", ContentRange { range: &range, length });
        own.push_display("Content-Length", range.end - range.start);
        let (status, body) = (Status::PartialContent, Body::Range(range));
        Response { status, representation, fields: FieldSet::Typed, own, body, user: None }
    }

    /// A response with several ranges of a representation.
    pub(super) fn ranges(representation: Rc<Representation>, parts: Multipart) -> Response {
        let mut own = Fields::default();
        own.push_display("Content-Type", parts.content_type());
        own.push_display("Content-Length", parts.length());
        let (status, body) = (Status::PartialContent, Body::Multipart(Box::new(parts)));
        Response { status, representation, fields: FieldSet::Metadata, own, body, user: None }
    }

    /// The same response to HEAD (RFC 9110 section 9.3.2).
    pub(crate) fn without_content(self) -> Response {
        Response { body: Body::Empty, ..self }
    }

    /// Shows it to a user alone: no cache that others share may keep it. `Vary` need not name `Authorization`: all users are
    /// shown the same, and shared caches keep nothing (RFC 9111 sections 3.5 and 5.2.2.7).
    pub(crate) fn show_to(&mut self, user: Arc<[u8]>) {
        self.user = Some(user);
        let mut fields = Fields::default();
        let lines = || self.lines().into_iter().flat_map(Fields::iter);
        let is_cache_control = |name: &[u8]| name.eq_ignore_ascii_case(b"Cache-Control");
        for (name, value) in lines().filter(|(name, _)| !is_cache_control(name)) {
            if !cache_control::is_targeted(name) {
                fields.push(name, value);
            }
        }
        let values = lines().filter(|(name, _)| is_cache_control(name)).map(|(_, value)| value);
        fields.push("Cache-Control", cache_control::make_private(values));
        self.replace_fields(fields);
    }

    /// The user that it is shown to, if credentials were asked for.
    pub(crate) fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }

    /// Gives it these fields in the place of all that it has.
    pub(super) fn replace_fields(&mut self, fields: Fields) {
        (self.fields, self.own) = (FieldSet::Nothing, fields);
    }

    /// The content coding of its content.
    pub(crate) fn coding(&self) -> Option<&[u8]> {
        let mut fields = self.lines().into_iter().flat_map(Fields::iter);
        fields.find_map(|(name, value)| name.eq_ignore_ascii_case(b"Content-Encoding").then_some(value))
    }

    /// Whether it has a field of this name.
    fn has(&self, name: &str) -> bool {
        let mut fields = self.lines().into_iter().flat_map(Fields::iter);
        fields.any(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Adds a field, unless it has one of this name.
    pub(super) fn add(&mut self, name: &str, value: &[u8]) {
        if !self.has(name) {
            self.own.push(name, value);
        }
    }

    /// Sets a field, in the place of all lines of this name.
    pub(super) fn set(&mut self, name: &str, value: &[u8]) {
        let mut fields = Fields::default();
        for (other, value) in self.lines().into_iter().flat_map(Fields::iter) {
            if !other.eq_ignore_ascii_case(name.as_bytes()) {
                fields.push(other, value);
            }
        }
        fields.push(name, value);
        self.replace_fields(fields);
    }

    /// Says that the response depends on these request fields, too.
    pub(super) fn vary_by(&mut self, names: &str) {
        let mut list = Vec::new();
        for (name, value) in self.lines().into_iter().flat_map(Fields::iter) {
            if name.eq_ignore_ascii_case(b"Vary") {
                field::merge(&mut list, value);
            }
        }
        field::merge(&mut list, names.as_bytes());
        self.set("Vary", &list);
    }

    /// The lines of its fields: shared ones, and its own.
    pub(crate) fn lines(&self) -> [&[u8]; 2] {
        [self.representation.lines(self.fields), self.own.lines()]
    }
}
