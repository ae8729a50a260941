//! The response to a request for a file that was found: *coding, preconditions, range*.

use std::rc::Rc;

use super::error_page;
use super::now::Now;
use super::representation::{Representation, Variant};
use super::response::Response;
use crate::http::encoding::{self, Coding};
use crate::http::field::Name;
use crate::http::multipart::Multipart;
use crate::http::preconditions::{self, Outcome};
use crate::http::range::{self, Selection};
use crate::http::request::Request;
use crate::http::status::Status;

/// Answers with one of the representations of a file, the one without a coding first among them. `has_parts` says that
/// several ranges may be answered in parts.
pub(super) fn respond(request: &Request, variants: &[Variant], now: &Now, has_parts: bool) -> Response {
    let Some(variant) = select_variant(request, variants) else {
        return refuse_variants(Status::NotAcceptable, variants, &[]);
    };
    let representation = Rc::clone(&variant.representation);
    match preconditions::evaluate(request, &variant.validators()) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Response::fields_alone(Status::NotModified, representation),
        Outcome::Failed => return refuse_variants(Status::PreconditionFailed, variants, &[]),
    }
    let length = variant.length();
    match range::select(request, &variant.validators(), length) {
        Selection::Whole => Response::whole(Status::Ok, representation),
        Selection::One(range) => Response::range(representation, range),
        // Where a coding stands beside several parts, its place is understood in two ways: in the head
        // of the response, or in each part. Nobody asks for it, and a range may always be ignored.
        Selection::Several(_) if variant.coding != Coding::Identity || !has_parts => {
            Response::whole(Status::Ok, representation)
        }
        Selection::Several(ranges) => {
            let parts = Multipart::new(&variant.boundary(now), &variant.media_type, ranges, length);
            Response::ranges(representation, parts)
        }
        Selection::Unsatisfiable => {
            let content_range = range::unsatisfied_range(length);
            let fields = [("Content-Range", content_range.as_bytes())];
            refuse_variants(Status::RangeNotSatisfiable, variants, &fields)
        }
    }
}

/// Answers with a file as the page of an error: never from a cache, never in part.
pub(super) fn page(request: &Request, status: Status, variants: &[Variant]) -> Response {
    let Some(variant) = select_variant(request, variants) else {
        return refuse_variants(Status::NotAcceptable, variants, &[]);
    };
    let mut repeated: Vec<(&str, &[u8])> = vec![("Cache-Control", b"no-cache")];
    if variants.len() > 1 {
        repeated.push(("Vary", b"Accept-Encoding"));
    }
    let coding = [("Content-Encoding", variant.coding.token().as_bytes())];
    let metadata = if variant.coding == Coding::Identity { &[][..] } else { &coding };
    let content = variant.representation.content().share();
    Response::whole(status, Rc::new(Representation::new(&repeated, metadata, &variant.media_type, content)))
}

fn select_variant<'a>(request: &Request, variants: &'a [Variant]) -> Option<&'a Variant> {
    // A file that is coded by its own name has no other form, and is sent whatever a client says.
    if let [only] = variants
        && only.coding != Coding::Identity
    {
        return Some(only);
    }
    let available = variants.iter().map(|variant| (variant.coding, variant.length()));
    let coding = encoding::choose(request.values(Name::AcceptEncoding), available)?;
    variants.iter().find(|variant| variant.coding == coding)
}

/// A refusal that another Accept-Encoding could have turned, where there is more than one coding.
fn refuse_variants(status: Status, variants: &[Variant], fields: &[(&str, &[u8])]) -> Response {
    let mut fields = fields.to_vec();
    if variants.len() > 1 || status == Status::NotAcceptable {
        fields.push(("Vary", b"Accept-Encoding"));
    }
    Response::whole(status, Rc::new(error_page::render(status, &fields)))
}
