//! The response to a request for a file that was found: *coding, preconditions, range*.

use std::rc::Rc;

use super::compress::{Compressible, Made};
use super::entity_tag;
use super::error_page;
use super::load::Stop;
use super::now::Now;
use super::pending::Pending;
use super::representation::{Representation, Variant};
use super::response::Response;
use crate::http::encoding::{self, Coding, SIDECARS};
use crate::http::field::Name;
use crate::http::multipart::Multipart;
use crate::http::preconditions::{self, Outcome};
use crate::http::range::{self, Selection};
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::http::validators;

/// Answers with one of the representations of a file, the one without a coding first among them. `has_parts` says that
/// several ranges may be answered in parts.
///
/// # Errors
/// [`Stop`].
pub(super) fn respond(
    request: &Request,
    variants: &[Variant],
    now: &Now,
    pending: &Pending,
    has_parts: bool,
) -> Result<Response, Stop> {
    let variant = select_variant(request, variants, pending)?;
    Ok(match variant {
        Some(variant) => respond_with(variant, request, variants, now, has_parts),
        None => refuse_variants(Status::NotAcceptable, variants, &[]),
    })
}

/// Answers with this one of the representations of a file.
fn respond_with(
    variant: &Variant,
    request: &Request,
    variants: &[Variant],
    now: &Now,
    has_parts: bool,
) -> Response {
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
///
/// # Errors
/// [`Stop`].
pub(super) fn page(
    request: &Request,
    status: Status,
    variants: &[Variant],
    pending: &Pending,
) -> Result<Response, Stop> {
    let Some(variant) = select_variant(request, variants, pending)? else {
        return Ok(refuse_variants(Status::NotAcceptable, variants, &[]));
    };
    let mut repeated: Vec<(&str, &[u8])> = vec![("Cache-Control", b"no-cache")];
    if variants.len() > 1 || compressible(variants).is_some() {
        repeated.push(("Vary", b"Accept-Encoding"));
    }
    let coding = [("Content-Encoding", variant.coding.token().as_bytes())];
    let metadata = if variant.coding == Coding::Identity { &[][..] } else { &coding };
    let content = variant.representation.content().share();
    let page = Representation::new(&repeated, metadata, &variant.media_type, content);
    Ok(Response::whole(status, Rc::new(page)))
}

/// The representation that the client likes best, of those that there are and those that can be made; `None` where it
/// refuses all.
fn select_variant<'a>(
    request: &Request,
    variants: &'a [Variant],
    pending: &Pending,
) -> Result<Option<&'a Variant>, Stop> {
    // A file that is coded by its own name has no other form, and is sent whatever a client says.
    if let [only] = variants
        && only.coding != Coding::Identity
    {
        return Ok(Some(only));
    }
    // A client that names no coding gets the file as it is.
    if !request.has(Name::AcceptEncoding) {
        return Ok(variants.first());
    }
    let Some(coding) = select_coding(request, variants) else { return Ok(None) };
    let find = |coding| variants.iter().find(|variant| variant.coding == coding);
    if let Some(variant) = find(coding) {
        return Ok(Some(variant));
    }
    let there_are = variants.iter().map(|variant| (variant.coding, variant.length()));
    let instead = encoding::choose(request.values(Name::AcceptEncoding), there_are).and_then(find);
    let Some((file, compressible)) = compressible(variants) else { return Ok(instead) };
    match compressible.form(file, coding, instead.is_none(), pending)? {
        Made::Form(variant) => Ok(Some(variant)),
        Made::NotWorthIt => Ok(instead),
        Made::NotNow if instead.is_none() => Err(Stop::Refused(Status::ServiceUnavailable)),
        Made::NotNow => Ok(instead),
    }
}

/// The coding that the client likes best. A range is one of the file itself, if the client takes that: libraries add
/// Accept-Encoding by themselves, and cannot decode a piece out of the middle.
fn select_coding(request: &Request, variants: &[Variant]) -> Option<Coding> {
    let choose = |coding: Option<Coding>| {
        let available = available(variants).filter(|(other, _)| coding.is_none_or(|coding| coding == *other));
        encoding::choose(request.values(Name::AcceptEncoding), available)
    };
    let best = choose(None)?;
    if best == Coding::Identity || request.method != Method::Get || !request.has(Name::Range) {
        return Some(best);
    }
    if let Some(resumed) = resumed_coding(request).and_then(|coding| choose(Some(coding))) {
        return Some(resumed);
    }
    let has_range =
        |file: &Variant| range::select(request, &file.validators(), file.length()) != Selection::Whole;
    let file = variants.first().filter(|file| has_range(file));
    Some(file.and_then(|file| choose(Some(file.coding))).unwrap_or(best))
}

/// The coded form that a download is resumed of: its tag is named by If-Range, or by If-Match, as some clients do.
fn resumed_coding(request: &Request) -> Option<Coding> {
    let values = [Name::IfRange, Name::IfMatch].into_iter().flat_map(|name| request.values(name));
    values.flat_map(validators::list).find_map(|tag| entity_tag::coding_of(tag.opaque))
}

/// The codings that there are with their sizes, and those that can be made. Each of these counts as one byte less
/// than the file: among equal weights a precompressed file wins over it, and it wins over the file as it is.
fn available(variants: &[Variant]) -> impl Iterator<Item = (Coding, u64)> {
    let there_are = variants.iter().map(|variant| (variant.coding, variant.length()));
    let length = compressible(variants).map(|(file, _)| file.length().saturating_sub(1));
    let is_there = |coding: &Coding| variants.iter().any(|variant| variant.coding == *coding);
    let made = SIDECARS.into_iter().filter(move |coding| !is_there(coding));
    there_are.chain(made.filter_map(move |coding| Some((coding, length?))))
}

/// The file as it is, if it may be compressed.
fn compressible(variants: &[Variant]) -> Option<(&Variant, &Compressible)> {
    variants.iter().find_map(|variant| Some((variant, variant.compressible.as_deref()?)))
}

/// A refusal that another Accept-Encoding could have turned, where there is more than one coding.
fn refuse_variants(status: Status, variants: &[Variant], fields: &[(&str, &[u8])]) -> Response {
    let mut fields = fields.to_vec();
    if variants.len() > 1 || compressible(variants).is_some() || status == Status::NotAcceptable {
        fields.push(("Vary", b"Accept-Encoding"));
    }
    Response::whole(status, Rc::new(error_page::render(status, &fields)))
}
