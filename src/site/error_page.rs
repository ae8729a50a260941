//! A status as a page: small, tidy, and never stale in a cache.

use std::rc::Rc;

use super::representation::{Content, Representation};
use crate::http::credentials;
use crate::http::request::ALLOWED;
use crate::http::status::Status;

/// The look of a page, in the dark too.
const STYLE: &str = "\
:root { color-scheme: light dark }
body { max-width: 32rem; margin: 0 auto; padding: 15vh 1rem; font: 1.125rem/1.5 system-ui, sans-serif; color: #1c2126; background: #fff }
h1 { margin: 0; font-size: 4rem; font-weight: 600; line-height: 1.2 }
p { margin: 0; color: #5c6670 }
@media (prefers-color-scheme: dark) { body { color: #e4e7ea; background: #15181c } p { color: #9aa5b1 } }
";

/// The pages of all statuses, rendered once.
pub(crate) struct ErrorPages(Vec<(Status, Rc<Representation>)>);

impl ErrorPages {
    /// Renders them.
    pub(crate) fn rendered() -> ErrorPages {
        let page = |&status: &Status| (status, Rc::new(render(status, &[])));
        ErrorPages(Status::ALL.iter().map(page).collect())
    }

    /// The page of a status.
    pub(crate) fn page(&self, status: Status) -> Rc<Representation> {
        match self.0.iter().find(|(found, _)| *found == status) {
            Some((_, page)) => Rc::clone(page),
            None => Rc::new(render(status, &[])),
        }
    }
}

/// Renders the page of a client that speaks without TLS where TLS is spoken: it may be a program that shows no HTML.
pub(crate) fn render_plain_text_refusal() -> Representation {
    const TEXT: &[u8] = b"400 Bad Request: this port speaks TLS, ask with https://\n";
    let fields: [(&str, &[u8]); 1] = [("Cache-Control", b"no-cache")];
    Representation::new(&fields, &[], "text/plain", Content::Memory(TEXT.into()))
}

/// Renders a page that carries `fields` of its own.
///
/// Without a policy of ours a cache may invent one, for a 404 and a 301 too (RFC 9111 section 4.2.2).
pub(crate) fn render(status: Status, fields: &[(&str, &[u8])]) -> Representation {
    let (code, reason) = (status.code(), status.reason());
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{code} {reason}</title>\n<style>\n{STYLE}</style>\n<h1>{code}</h1>\n<p>{reason}</p>\n</html>\n"
    );
    let mut metadata: Vec<(&str, &[u8])> = fields.to_vec();
    match status {
        Status::MethodNotAllowed => metadata.push(("Allow", ALLOWED.as_bytes())),
        Status::Unauthorized => metadata.push(("WWW-Authenticate", credentials::CHALLENGE.as_bytes())),
        Status::ServiceUnavailable => metadata.push(("Retry-After", b"1")),
        _ => {}
    }
    let content = Content::Memory(html.into_bytes().into());
    Representation::new(&[("Cache-Control", b"no-cache")], &metadata, "text/html", content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::representation::FieldSet;

    #[test]
    fn a_page_says_its_status_and_length() {
        for &status in Status::ALL {
            let page = ErrorPages::rendered().page(status);
            let Content::Memory(html) = page.content() else { panic!("a page is in memory") };
            let html = String::from_utf8_lossy(html);
            assert!(
                html.contains(&format!("<title>{} {}</title>", status.code(), status.reason())),
                "{html}"
            );
            assert!(html.len() <= 1024 && html.contains("prefers-color-scheme: dark"), "{html}");
            assert!(
                !["src", "href", "url", "import"].iter().any(|word| html.contains(word)),
                "a request: {html}"
            );
            let fields = String::from_utf8_lossy(page.lines(FieldSet::All)).into_owned();
            assert!(fields.contains(&format!("Content-Length: {}\r\n", html.len())), "{fields}");
            assert_eq!(fields.contains("Allow: GET, HEAD, OPTIONS\r\n"), status == Status::MethodNotAllowed);
        }
    }
}
