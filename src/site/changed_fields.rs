//! The fields of a response as rules change them.

use std::borrow::Cow;

use super::response::{Body, Response};
use crate::http::encoding::SIDECARS;
use crate::http::field;
use crate::http::fields::Fields;
use crate::http::media_type::Types;
use crate::http::status::Status;
use crate::rules::headers::Change;

/// True if rules say what the content is: several ranges are then answered with the whole, for each part would say
/// something else.
pub(super) fn tell_of_content(changes: &[Change]) -> bool {
    changes.iter().any(tells_of_content)
}

/// Changes the fields of the response for a path. Fields that tell of the content are those of a file alone, and the
/// page of an error is never kept by a cache, whatever a rule says.
pub(super) fn apply(changes: &[Change], path: &[u8], media_types: &Types, response: &mut Response) {
    let applies = |change: &&Change| match response.status {
        _ if is(change, "Content-Encoding") => {
            has_content_of_file(response) && name_says_coding(path, change, response)
        }
        _ if is(change, "Content-Type") => has_content_of_file(response),
        status if status.code() >= 400 => !is(change, "Cache-Control"),
        _ => true,
    };
    let changes: Vec<&Change> = changes.iter().filter(applies).collect();
    if changes.is_empty() || !may_change(response.status) {
        return;
    }
    let mut fields = Fields::default();
    let mut varies = Vec::new();
    let mut media_type = None;
    for (name, value) in response.lines().into_iter().flat_map(Fields::iter) {
        if name.eq_ignore_ascii_case(b"Vary") {
            varies = value.to_vec();
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            media_type = Some(Cow::Owned(value.to_vec()));
        } else if !changes.iter().any(|change| change.name.as_bytes().eq_ignore_ascii_case(name)) {
            fields.push(name, value);
        }
    }
    let (types, others): (Vec<&Change>, Vec<&Change>) =
        changes.into_iter().partition(|change| is(change, "Content-Type"));
    for change in others.into_iter().chain(types) {
        let values = change.values.iter().map(Vec::as_slice);
        if is(change, "Vary") {
            values.for_each(|value| field::merge(&mut varies, value));
        } else if is(change, "Content-Encoding") {
            media_type =
                plain_name(path, change).map(|plain| Cow::Borrowed(media_types.of(plain).as_bytes()));
            values.for_each(|value| fields.push(&change.name, value));
        } else if is(change, "Content-Type") {
            media_type = change.values.last().map(|value| Cow::Owned(value.to_vec()));
        } else {
            values.for_each(|value| fields.push(&change.name, value));
        }
    }
    if !varies.is_empty() {
        fields.push("Vary", varies);
    }
    if let Some(media_type) = media_type {
        fields.push("Content-Type", media_type);
    }
    response.replace_fields(fields);
}

/// True if the content is that of a file, or one range of it.
fn has_content_of_file(response: &Response) -> bool {
    matches!(response.status, Status::Ok | Status::PartialContent)
        && !matches!(response.body, Body::Multipart(_))
}

/// True if rules speak of responses with a status: of what was found, of redirects, and of what is missing.
fn may_change(status: Status) -> bool {
    let is_missing = matches!(status, Status::NotFound | Status::Gone | Status::UnavailableForLegalReasons);
    is_missing || status.code() < 400 && status != Status::NoContent
}

fn is(change: &Change, name: &str) -> bool {
    change.name.eq_ignore_ascii_case(name)
}

fn tells_of_content(change: &Change) -> bool {
    is(change, "Content-Type") || is(change, "Content-Encoding")
}

/// True if the suffix of a name says the coding that a rule does, and the response has none.
fn name_says_coding(path: &[u8], change: &Change, response: &Response) -> bool {
    let mut fields = response.lines().into_iter().flat_map(Fields::iter);
    plain_name(path, change).is_some()
        && !fields.any(|(name, _)| name.eq_ignore_ascii_case(b"Content-Encoding"))
}

/// The name of a file without the suffix that says the coding of a rule, if it has it.
fn plain_name<'a>(path: &'a [u8], change: &Change) -> Option<&'a [u8]> {
    let coding = change.values.last()?;
    let coding = SIDECARS.iter().find(|known| known.token().as_bytes().eq_ignore_ascii_case(coding))?;
    path.strip_suffix(coding.suffix().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Reading;
    use crate::rules::headers::Headers;
    use crate::site::representation::{Content, Representation};
    use std::rc::Rc;

    const REPEATED: [(&str, &[u8]); 3] =
        [("ETag", b"\"1\""), ("Cache-Control", b"no-cache"), ("Vary", b"Accept-Encoding")];

    fn lines(response: &Response) -> String {
        let [shared, own] = response.lines();
        String::from_utf8([shared, own].concat()).unwrap().replace("\r\n", "\n")
    }

    fn representation() -> Rc<Representation> {
        let fields: [(&str, &[u8]); 1] = [("Accept-Ranges", b"bytes")];
        let content = Content::Memory(b"12345".to_vec().into());
        Rc::new(Representation::new(&REPEATED, &fields, "text/plain", content))
    }

    #[test]
    fn fields_of_a_file() {
        let before = lines(&Response::whole(Status::Ok, representation()));
        for (rule, path, gone, new) in [
            ("X-A: 1", "a", &[][..], &["X-A: 1"][..]),
            ("cache-control: max-age=1", "a", &["Cache-Control: no-cache"], &["cache-control: max-age=1"]),
            (
                "Vary: Origin, accept-encoding",
                "a",
                &["Vary: Accept-Encoding"],
                &["Vary: Accept-Encoding, Origin"],
            ),
            ("Content-Type: text/x", "a", &["Content-Type: text/plain"], &["Content-Type: text/x"]),
            (
                "Content-Encoding: br",
                "a.js.br",
                &["Content-Type: text/plain"],
                &["Content-Encoding: br", "Content-Type: text/javascript"],
            ),
            (
                "Content-Type: a/b\nContent-Encoding: br",
                "a.js.br",
                &["Content-Type: text/plain"],
                &["Content-Encoding: br", "Content-Type: a/b"],
            ),
            ("Content-Encoding: gzip", "a.js.br", &[], &[]),
            ("Set-Cookie: a\nSet-Cookie: b", "a", &[], &["Set-Cookie: a", "Set-Cookie: b"]),
        ] {
            let text = format!("/*\n{rule}");
            let changes = Headers::parse(text.as_bytes(), Reading::Netlify).0.changes(path.as_bytes());
            let mut response = Response::whole(Status::Ok, representation());
            apply(&changes, path.as_bytes(), &Types::default(), &mut response);
            let mut expected: Vec<_> =
                before.lines().filter(|line| !gone.contains(line)).chain(new.iter().copied()).collect();
            let after = lines(&response);
            let mut found: Vec<_> = after.lines().collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{rule}");
        }
    }

    #[test]
    fn a_coding_is_said_once() {
        let coded: [(&str, &[u8]); 1] = [("Content-Encoding", b"gzip")];
        for path in ["a", "a.br"] {
            let content = Content::Memory(b"12345".to_vec().into());
            let representation = Representation::new(&REPEATED, &coded, "text/plain", content);
            let changes =
                Headers::parse(b"/*\nContent-Encoding: br", Reading::Netlify).0.changes(path.as_bytes());
            let mut response = Response::whole(Status::Ok, Rc::new(representation));
            apply(&changes, path.as_bytes(), &Types::default(), &mut response);
            let lines = lines(&response);
            assert!(lines.contains("Content-Encoding: gzip\n") && !lines.contains("br"), "{path}: {lines}");
        }
    }

    #[test]
    fn statuses() {
        let text = b"/*\nX-A: 1\nCache-Control: max-age=1\nContent-Type: a/b\nContent-Encoding: br";
        let changes = Headers::parse(text, Reading::Netlify).0.changes(b"a.br");
        for (status, own, cache_control, content) in [
            (Status::Ok, true, true, true),
            (Status::PartialContent, true, true, true),
            (Status::NotModified, true, true, false),
            (Status::MovedPermanently, true, true, false),
            (Status::PermanentRedirect, true, true, false),
            (Status::NotFound, true, false, false),
            (Status::Gone, true, false, false),
            (Status::NoContent, false, false, false),
            (Status::Forbidden, false, false, false),
            (Status::BadRequest, false, false, false),
            (Status::PreconditionFailed, false, false, false),
            (Status::RangeNotSatisfiable, false, false, false),
            (Status::ServiceUnavailable, false, false, false),
        ] {
            let mut response = Response::whole(status, representation());
            apply(&changes, b"a.br", &Types::default(), &mut response);
            let lines = lines(&response);
            let has = |line: &str| lines.contains(line);
            let found = (
                has("X-A: 1\n"),
                has("Cache-Control: max-age=1\n"),
                has("Content-Type: a/b\n"),
                has("Content-Encoding: br\n"),
            );
            assert_eq!(found, (own, cache_control, content, content), "{status:?} {lines}");
            assert_eq!(lines.matches("Cache-Control").count(), 1);
            assert_eq!(lines.matches("Content-Type").count(), 1);
        }
    }
}
