//! The lines of a file that say something, with their numbers.

use super::{Finding, MAX_BYTES};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines that are neither empty nor a comment, trimmed. Bytes that are no UTF-8 or are control characters spoil
/// their line only. What lies beyond [`MAX_BYTES`] is left out: a line that is cut there, too.
pub(super) fn of(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, &str), Finding>> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let fits = fitting(bytes);
    let lines = bytes[..fits].split(|&byte| byte == b'\n').enumerate();
    let dropped = (fits < bytes.len()).then(|| {
        let line = bytes[..fits].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Err(Finding::error(line, format!("the file is longer than {MAX_BYTES} bytes: the rest is dropped")))
    });
    let read = lines.filter_map(|(index, line)| match text(line) {
        Ok("") => None,
        Ok(text) if text.starts_with('#') => None,
        Ok(text) => Some(Ok((index + 1, text))),
        Err(message) => Some(Err(Finding::error(index + 1, message))),
    });
    read.chain(dropped)
}

/// Bytes up to the end of the last whole line that fits.
fn fitting(bytes: &[u8]) -> usize {
    match bytes.get(..MAX_BYTES) {
        Some(start) if bytes.len() > MAX_BYTES => memchr::memrchr(b'\n', start).map_or(0, |end| end + 1),
        _ => bytes.len(),
    }
}

fn text(line: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8")?.trim();
    match text.chars().any(|character| character.is_control() && character != '\t') {
        true if !text.starts_with('#') => Err("the line holds a control character"),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Vec<Result<(usize, &str), Finding>> {
        of(bytes).collect()
    }

    #[test]
    fn lines() {
        for (bytes, expected) in [
            (&b""[..], &[][..]),
            (b"a", &[Ok((1, "a"))]),
            (b"a\nb\r\n\r\n  c\t\n", &[Ok((1, "a")), Ok((2, "b")), Ok((4, "c"))]),
            (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", &[Ok((1, "a")), Ok((2, "\u{feff}b"))]),
            (b"# a\n  # \x01b\n#\nc # d", &[Ok((4, "c # d"))]),
            (b"a\n\xff\nb", &[Ok((1, "a")), Err("the line is not UTF-8"), Ok((3, "b"))]),
            (b"a\0\nb\rc\nd\te", &[Err("the line holds a control character"); 2]),
        ] {
            let mut expected = expected.to_vec();
            if bytes.starts_with(b"a\0") {
                expected.push(Ok((3, "d\te")));
            }
            let found = found(bytes);
            assert_eq!(found.len(), expected.len(), "{bytes:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(
                    found.as_ref().map_err(|finding| finding.message.as_str()),
                    expected.as_ref().map_err(|message| *message)
                );
            }
        }
    }

    #[test]
    fn a_file_is_read_up_to_a_bound() {
        let mut bytes = b"a\n".repeat(MAX_BYTES / 2);
        assert_eq!(found(&bytes).len(), MAX_BYTES / 2);
        bytes.pop();
        bytes.push(b'b');
        assert_eq!(found(&bytes).last(), Some(&Ok((MAX_BYTES / 2, "ab"))), "just as long as it may be");
        bytes.push(b'c');
        let found = found(&bytes);
        assert_eq!(found.len(), MAX_BYTES / 2, "the last line is cut, and a finding stands in its place");
        assert!(
            matches!(found.last(), Some(Err(Finding { line, .. })) if *line == MAX_BYTES / 2),
            "{:?}",
            found.last()
        );
    }
}
