//! `Cache-Control` of what only some may see (RFC 9111 section 5.2.2).

use super::field;

/// Makes the values of `Cache-Control` say that only the cache of the user may keep the response: `private` is added, and
/// what lets shared caches keep it goes.
pub fn make_private<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut list = b"private".to_vec();
    for directive in values.flat_map(directives) {
        let name = directive.split(|&byte| byte == b'=').next().unwrap_or_default().trim_ascii_end();
        let is_of_shared = [&b"public"[..], b"private", b"s-maxage", b"proxy-revalidate"]
            .iter()
            .any(|shared| name.eq_ignore_ascii_case(shared));
        if !is_of_shared {
            list.extend_from_slice(b", ");
            list.extend_from_slice(directive);
        }
    }
    list
}

/// True for a field that tells some caches what `Cache-Control` tells all of them, and wins there: those of RFC 9213, and
/// the older one of the edge architecture.
pub fn is_targeted(name: &[u8]) -> bool {
    const SUFFIX: &[u8] = b"CDN-Cache-Control";
    let end = &name[name.len().saturating_sub(SUFFIX.len())..];
    end.eq_ignore_ascii_case(SUFFIX) || name.eq_ignore_ascii_case(b"Surrogate-Control")
}

/// The directives of a value; a comma in a quoted string divides nothing.
fn directives(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = value.split(move |&byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        byte == b',' && !is_quoted
    });
    parts.map(field::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (values, expected) in [
            (&[][..], "private"),
            (&["no-cache"], "private, no-cache"),
            (&["public, max-age=31536000, immutable"], "private, max-age=31536000, immutable"),
            (&["PUBLIC,max-age=1", "s-maxage=5 , must-revalidate"], "private, max-age=1, must-revalidate"),
            (&["no-store"], "private, no-store"),
            (&["private"], "private"),
            (&["private=\"a, public\", max-age=1"], "private, max-age=1"),
            (&["no-cache=\"a, public\""], "private, no-cache=\"a, public\""),
            (&["x=\"a\\\", public\", public"], "private, x=\"a\\\", public\""),
            (&["proxy-revalidate", " , "], "private"),
            (&["public=\"", "max-age=1"], "private, max-age=1"),
        ] {
            let found = make_private(values.iter().map(|value| value.as_bytes()));
            assert_eq!(String::from_utf8_lossy(&found), expected, "{values:?}");
        }
    }

    #[test]
    fn fields_for_some_caches() {
        for (name, expected) in [
            ("CDN-Cache-Control", true),
            ("cloudflare-cdn-cache-control", true),
            ("Netlify-CDN-Cache-Control", true),
            ("surrogate-control", true),
            ("Cache-Control", false),
            ("Control", false),
            ("", false),
        ] {
            assert_eq!(is_targeted(name.as_bytes()), expected, "{name}");
        }
    }
}
