//! Properties that hold for every input, not only for the rows of a table. Each is compared with a naive twin that
//! is written from the structure, never by reading the text again.

#[path = "../fuzz/listing.rs"]
mod listing_read_back;

use std::ops::Range;

use otuserver::http::charset::Characters;
use otuserver::http::encoding::{self, Coding};
use otuserver::http::field::Name;
use otuserver::http::media_type::Types;
use otuserver::http::multipart::Multipart;
use otuserver::http::preconditions::{self, Outcome};
use otuserver::http::range::{self, Selection};
use otuserver::http::request::{Request, Version};
use otuserver::http::target::{self, Target};
use otuserver::http::validators::{self, EntityTag, Validators};
use otuserver::http1::framing::{Body, FramingError, Skipped, Skipper};
use otuserver::http1::parser::{ParseError, Parser};
use otuserver::listing::natural;
use otuserver::rules::Reading;
use otuserver::rules::headers::Headers;
use otuserver::rules::redirects::{Asked, Redirects};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

const VALIDATORS: Validators =
    Validators { entity_tag: EntityTag { weak: false, opaque: b"now" }, last_modified: Some(784_111_777) };

/// Runs `check` on the request that the head is.
fn with_request<T>(head: &[u8], check: impl FnOnce(&Request) -> T) -> T {
    let mut parser = Parser::new();
    let request = parser.advance(head).expect("a well-formed head").expect("a complete head");
    check(&request)
}

// ---- range

#[derive(Clone, Debug)]
enum Spec {
    FromTo(u64, u64),
    From(u64),
    Suffix(u64),
}

impl Spec {
    fn text(&self) -> String {
        match self {
            Spec::FromTo(first, last) => format!("{first}-{last}"),
            Spec::From(first) => format!("{first}-"),
            Spec::Suffix(length) => format!("-{length}"),
        }
    }

    fn covers(&self, offset: u64, length: u64) -> bool {
        match *self {
            Spec::FromTo(first, last) => first <= offset && offset <= last,
            Spec::From(first) => first <= offset,
            Spec::Suffix(suffix) => length - offset <= suffix,
        }
    }
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    let number = || prop_oneof![60 => 0..60u64, 1 => Just(u64::MAX)];
    let spec = prop_oneof![
        30 => (number(), 0..5u64).prop_map(|(first, more)| Spec::FromTo(first, first.saturating_add(more))),
        1 => number().prop_map(Spec::From),
        1 => number().prop_map(Spec::Suffix),
    ];
    // So few that the limits are never reached.
    vec(spec, 1..9)
}

/// Byte by byte: the runs of bytes that some spec covers, in the order of the first spec in each.
fn naive_parts(specs: &[Spec], length: u64) -> Vec<Range<u64>> {
    let first_spec = |offset| specs.iter().position(|spec| spec.covers(offset, length));
    let mut runs: Vec<(usize, Range<u64>)> = Vec::new();
    for offset in 0..length {
        let Some(spec) = first_spec(offset) else { continue };
        match runs.last_mut() {
            Some((first, run)) if run.end == offset => {
                run.end += 1;
                *first = spec.min(*first);
            }
            _ => runs.push((spec, offset..offset + 1)),
        }
    }
    runs.sort_by_key(|(spec, _)| *spec);
    runs.into_iter().map(|(_, run)| run).collect()
}

fn selection(value: &str, length: u64) -> Selection {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nRange: {value}\r\n\r\n");
    with_request(head.as_bytes(), |request| range::select(request, &VALIDATORS, length))
}

/// A multipart body taken apart as a client does it: by the delimiters and by `Content-Range`.
fn naive_read(mut body: &[u8], boundary: &str, length: usize) -> Vec<(Range<u64>, Vec<u8>)> {
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    loop {
        body = body.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        if body == b"--\r\n" {
            return parts;
        }
        let end = body.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of a head");
        let head = std::str::from_utf8(&body[..end]).expect("a head is text");
        let lines: Vec<_> = head.split("\r\n").collect();
        assert_eq!(lines[..2], ["", "Content-Type: text/plain"]);
        let range = lines[2].strip_prefix("Content-Range: bytes ").expect("Content-Range");
        let (range, total) = range.split_once('/').expect("a length");
        let (first, last) = range.split_once('-').expect("a range");
        let (first, last): (u64, u64) = (first.parse().expect("a number"), last.parse().expect("a number"));
        assert_eq!((total.parse(), lines.len()), (Ok(length), 3));
        let (bytes, rest) = body[end + 4..].split_at((last - first + 1) as usize);
        parts.push((first..last + 1, bytes.to_vec()));
        body = rest;
    }
}

proptest! {
    /// RFC 9110 sections 14.1.2 and 15.3.7.2: the parts are the slices, in the asked order.
    #[test]
    fn range_parts_are_the_slices_that_were_asked_for(file in vec(any::<u8>(), 1..60), specs in specs()) {
        let length = file.len() as u64;
        let set: Vec<_> = specs.iter().map(Spec::text).collect();
        let expected = naive_parts(&specs, length);
        match selection(&format!("bytes={}", set.join(", ")), length) {
            Selection::Whole => prop_assert!(false, "a valid set was ignored"),
            Selection::Unsatisfiable => prop_assert!(expected.is_empty()),
            Selection::One(range) => prop_assert_eq!(vec![range], expected),
            Selection::Several(ranges) => {
                prop_assert_eq!(&ranges, &expected);
                prop_assert!(ranges.len() > 1);
                let multipart = Multipart::new("boundary", "text/plain", ranges, length);
                let mut body = Vec::new();
                for (head, range) in multipart.parts() {
                    body.extend(head);
                    body.extend(&file[range.start as usize..range.end as usize]);
                }
                body.extend(multipart.end());
                prop_assert_eq!(body.len() as u64, multipart.length());
                let slice = |range: &Range<u64>| file[range.start as usize..range.end as usize].to_vec();
                let slices: Vec<_> = expected.iter().map(|range| (range.clone(), slice(range))).collect();
                prop_assert_eq!(naive_read(&body, "boundary", file.len()), slices);
            }
        }
    }

    /// Whatever the field says, what is selected lies in the file and nothing is sent twice.
    #[test]
    fn range_never_selects_what_is_not_there(value in "(bytes=)?[-0-9, a]{0,40}", length in 0..100u64) {
        let ranges = match selection(&value, length) {
            Selection::Whole | Selection::Unsatisfiable => vec![],
            Selection::One(range) => vec![range],
            Selection::Several(ranges) => ranges,
        };
        for (index, range) in ranges.iter().enumerate() {
            prop_assert!(range.start < range.end && range.end <= length);
            for other in &ranges[..index] {
                prop_assert!(range.end < other.start || other.end < range.start);
            }
        }
    }
}

// ---- encoding

/// A weight as it is spelled, and the thousandths that it means; `None` if it is not well-formed.
fn weight() -> impl Strategy<Value = (String, Option<u16>)> {
    let well_formed = prop_oneof![
        Just((String::new(), 1000)),
        (0..=1000u16).prop_map(|weight| (format!(";q={}.{:03}", weight / 1000, weight % 1000), weight)),
        (0..10u16).prop_map(|tenth| (format!(" ; q=0.{tenth}"), tenth * 100)),
        Just((";q=0".into(), 0)),
        Just((";Q=1".into(), 1000)),
    ];
    prop_oneof![
        9 => well_formed.prop_map(|(text, weight)| (text, Some(weight))),
        1 => select(vec![";q=2", ";q=", ";", ";q=0.0001", ";a=b", ";q=0;a", ";q=-1"])
            .prop_map(|text| (text.into(), None)),
    ]
}

/// A name as it is spelled, and the codings that it stands for: `None` for all that are not named.
fn name() -> impl Strategy<Value = (&'static str, Option<Option<Coding>>)> {
    select(vec![
        ("br", Some(Some(Coding::Brotli))),
        ("Br", Some(Some(Coding::Brotli))),
        ("zstd", Some(Some(Coding::Zstandard))),
        ("gzip", Some(Some(Coding::Gzip))),
        ("X-GZip", Some(Some(Coding::Gzip))),
        ("identity", Some(Some(Coding::Identity))),
        ("*", Some(None)),
        ("deflate", None),
    ])
}

fn available() -> impl Strategy<Value = Vec<(Coding, u64)>> {
    let sidecar = |coding| proptest::option::of((Just(coding), 0..4u64));
    let sidecars = (sidecar(Coding::Brotli), sidecar(Coding::Zstandard), sidecar(Coding::Gzip));
    let all = (Just((Coding::Identity, 2)), sidecars);
    let list = all.prop_map(|(identity, (brotli, zstandard, gzip))| {
        [Some(identity), brotli, zstandard, gzip].into_iter().flatten().collect::<Vec<_>>()
    });
    list.prop_shuffle()
}

proptest! {
    /// RFC 9110 sections 12.4.2 and 12.5.3.
    #[test]
    fn the_chosen_coding_obeys_the_weights(
        members in vec((name(), weight()), 0..8),
        separators in vec(select(vec![",", ", ", " ,\t", ",,", "\n"]), 8),
        available in available(),
    ) {
        let mut text = String::new();
        for (((name, _), (weight, _)), separator) in members.iter().zip(separators) {
            text.extend([name, weight.as_str(), separator]);
        }
        let chosen = encoding::choose(text.lines().map(str::as_bytes), available.iter().copied());

        let stated = |coding: Option<Coding>| {
            let of_this = |((_, meant), (_, weight)): &((_, Option<Option<Coding>>), (_, Option<u16>))| {
                if *meant == Some(coding) { *weight } else { None }
            };
            members.iter().filter_map(of_this).min()
        };
        // In ten-thousandths, so that there is room for identity below all that was named.
        let liked = |coding: Coding| match (stated(Some(coding)), stated(None)) {
            (Some(weight), _) | (None, Some(weight)) => u32::from(weight) * 10,
            (None, None) => u32::from(coding == Coding::Identity),
        };
        let order = [Coding::Identity, Coding::Brotli, Coding::Zstandard, Coding::Gzip];
        let rank = |coding| order.iter().position(|&other| other == coding);
        match chosen {
            None => prop_assert!(available.iter().all(|&(coding, _)| liked(coding) == 0), "{}", text),
            Some(best) => {
                let size = available.iter().find(|(coding, _)| *coding == best).map(|(_, size)| *size);
                prop_assert!(liked(best) > 0, "{}", text);
                for &(coding, other_size) in &available {
                    let (better, worse) = (liked(best), liked(coding));
                    let is_no_better = better > worse
                        || (better == worse && size < Some(other_size))
                        || (better == worse && size == Some(other_size) && rank(best) <= rank(coding));
                    prop_assert!(is_no_better, "{:?} before {:?} for {}", best, coding, text);
                }
            }
        }
    }

    #[test]
    fn any_accept_encoding_has_an_answer(lines in vec(vec(any::<u8>(), 0..30), 0..4), available in available()) {
        let chosen = encoding::choose(lines.iter().map(Vec::as_slice), available.iter().copied());
        prop_assert!(chosen.is_none_or(|chosen| available.iter().any(|(coding, _)| *coding == chosen)));
    }
}

// ---- parser

/// All that can be seen of a parser's answer.
type Answer = Result<Option<(usize, Vec<u8>, Vec<u8>, Version, Vec<Vec<u8>>)>, ParseError>;

/// The parser's answer when the bytes have come up to each of `ends` in turn.
fn answer(bytes: &[u8], ends: impl Iterator<Item = usize>) -> Answer {
    let mut parser = Parser::new();
    for end in ends {
        let Some(request) = parser.advance(&bytes[..end])? else { continue };
        let (method, target, version) = request.line();
        let names = [Name::Host, Name::Connection, Name::AcceptEncoding, Name::IfNoneMatch, Name::Range];
        let values = names.iter().flat_map(|&name| request.values(name)).map(<[u8]>::to_vec).collect();
        let (method, target) = (method.to_vec(), target.to_vec());
        return Ok(Some((parser.length(), method, target, version, values)));
    }
    Ok(None)
}

/// Bytes that have a meaning in a head, mostly well put together.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let line = select(vec![
        "GET / HTTP/1.1\r\n",
        "HEAD /a/b?c HTTP/1.0\r\n",
        "Host: a\r\n",
        "range:bytes=0-1 \r\n",
        "Connection: \tclose\r\n",
        "X-Other: \u{e4}\r\n",
        "\r\n",
        "\r\n\r\n",
    ]);
    let noise =
        select(vec!["\r", "\n", " ", "\t", ":", "\0", "\x7f", "HTTP/2.0", "GET", "/", "\u{e4}", "Host"]);
    let long = (1..70_000usize).prop_map(|length| "a".repeat(length));
    let many = (1..120usize).prop_map(|count| "a: b\r\n".repeat(count));
    let part = prop_oneof![
        60 => line.prop_map(str::to_string),
        10 => noise.prop_map(str::to_string),
        1 => long,
        1 => many,
    ];
    let parts = vec(part, 0..8);
    let start = select(vec!["", "\r\n", "GET / HTTP/1.1\r\n", "GET /", "GET / HTTP/1.1\r\na:"]);
    (start, parts).prop_map(|(start, parts)| (start.to_string() + &parts.concat()).into_bytes())
}

proptest! {
    #[test]
    fn the_parser_gives_one_answer_however_the_bytes_are_cut(
        bytes in prop_oneof![4 => head(), 1 => vec(any::<u8>(), 0..200)],
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let whole = answer(&bytes, std::iter::once(bytes.len()));
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(bytes.len());
        prop_assert_eq!(&answer(&bytes, ends.into_iter()), &whole);
        if bytes.len() < 2000 {
            prop_assert_eq!(&answer(&bytes, 0..=bytes.len()), &whole);
        }
    }
}

// ---- framing

/// The end of a chunked body that comes in the given pieces; `None` while it has not ended.
fn skipped(pieces: &[&[u8]]) -> Result<Option<usize>, FramingError> {
    let mut skipper = Skipper::new(Body::Chunked, 1 << 20).expect("no length beforehand");
    let mut before = 0;
    for piece in pieces {
        if let Skipped::End(used) = skipper.skip(piece)? {
            return Ok(Some(before + used));
        }
        before += piece.len();
    }
    Ok(None)
}

proptest! {
    /// RFC 9112 section 7.1: a body of chunks is skipped to its last byte and no further.
    #[test]
    fn chunks_are_skipped_however_they_are_cut(
        chunks in vec(vec(any::<u8>(), 1..40), 0..4),
        extension in select(vec!["", ";a", " ; a=b", ";a=\"b;c\"", "\t;a = \"\\\"\" ; b"]),
        trailers in select(vec!["", "A: b\r\n", "A:\r\nB: c\r\n"]),
        behind in vec(any::<u8>(), 0..20),
        damage in proptest::option::weighted(0.5, (any::<Index>(), any::<u8>())),
        cut in any::<Index>(),
    ) {
        let mut body = Vec::new();
        for chunk in chunks {
            body.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(format!("0{extension}\r\n{trailers}\r\n").bytes());
        let length = body.len();
        body.extend(behind);
        if let Some((place, byte)) = damage {
            let place = place.index(length);
            body[place] = byte;
        } else {
            prop_assert_eq!(skipped(&[&body]), Ok(Some(length)));
        }
        let (before, after) = body.split_at(cut.index(body.len()));
        let bytes: Vec<_> = body.chunks(1).collect();
        prop_assert_eq!(skipped(&[before, after]), skipped(&[&body]));
        prop_assert_eq!(skipped(&bytes), skipped(&[&body]));
    }
}

// ---- validators and preconditions

fn tag() -> impl Strategy<Value = (bool, String)> {
    (any::<bool>(), prop_oneof![1 => Just("now".to_string()), 2 => "[!#-~\u{e4}]{0,6}"])
}

fn tag_text((weak, opaque): &(bool, String)) -> String {
    format!("{}\"{opaque}\"", if *weak { "W/" } else { "" })
}

proptest! {
    /// RFC 9110 section 8.8.3.
    #[test]
    fn lists_of_tags_are_read_as_they_were_written(
        tags in vec(tag(), 0..6),
        separators in vec(select(vec![",", ", ", " ,\t", ",,", " , , "]), 6),
    ) {
        let members = tags.iter().zip(separators);
        let text: String = members.map(|(tag, separator)| tag_text(tag) + separator).collect();
        let read: Vec<_> = validators::list(text.as_bytes()).map(|tag| (tag.weak, tag.opaque.to_vec())).collect();
        let written: Vec<_> = tags.iter().map(|(weak, opaque)| (*weak, opaque.as_bytes().to_vec())).collect();
        prop_assert_eq!(read, written);
        for tag in &tags {
            let text = tag_text(tag);
            prop_assert_eq!(EntityTag::parse(text.as_bytes()).map(|found| found.weak), Some(tag.0));
        }
    }

    #[test]
    fn any_value_ends_as_a_list_of_tags(value in vec(select(b"\"W/, a\t\\\xe4".to_vec()), 0..40)) {
        for tag in validators::list(&value) {
            prop_assert!(!tag.opaque.iter().any(|byte| b"\" \t".contains(byte)));
        }
    }

    /// RFC 9110 section 13.2.2, written as one expression.
    #[test]
    fn preconditions_in_their_order(
        if_match in proptest::option::of(vec(tag(), 0..3)),
        if_none_match in proptest::option::of(vec(tag(), 0..3)),
        if_unmodified_since in proptest::option::of(-2..=2i64),
        if_modified_since in proptest::option::of(-2..=2i64),
    ) {
        let list = |tags: &Vec<_>| tags.iter().map(tag_text).collect::<Vec<_>>().join(", ");
        let date = |offset: i64| otuserver::http::date::format(784_111_777_u64.saturating_add_signed(offset));
        let fields = [
            if_modified_since.map(|offset| format!("If-Modified-Since: {}\r\n", date(offset))),
            if_none_match.as_ref().map(|tags| format!("If-None-Match: {}\r\n", list(tags))),
            if_unmodified_since.map(|offset| format!("If-Unmodified-Since: {}\r\n", date(offset))),
            if_match.as_ref().map(|tags| format!("If-Match: {}\r\n", list(tags))),
        ];
        let fields: String = fields.into_iter().flatten().collect();
        let head = format!("HEAD / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let outcome = with_request(head.as_bytes(), |request| preconditions::evaluate(request, &VALIDATORS));

        let strongly = |tags: &Vec<(bool, String)>| tags.iter().any(|(weak, opaque)| !weak && opaque == "now");
        let weakly = |tags: &Vec<(bool, String)>| tags.iter().any(|(_, opaque)| opaque == "now");
        let may_go_on = if_match.as_ref().map(strongly).or(if_unmodified_since.map(|offset| offset >= 0));
        let is_known = if_none_match.as_ref().map(weakly).or(if_modified_since.map(|offset| offset >= 0));
        let expected = match (may_go_on.unwrap_or(true), is_known.unwrap_or(false)) {
            (false, _) => Outcome::Failed,
            (true, true) => Outcome::NotModified,
            (true, false) => Outcome::Proceed,
        };
        prop_assert_eq!(outcome, expected, "{}", fields);
    }
}

// ---- date

proptest! {
    /// RFC 9110 section 5.6.7: from 1970 on, `httpdate` is the twin, in all three forms.
    #[test]
    fn dates_are_read_as_httpdate_reads_them(
        seconds in 0..253_402_300_800u64,
        damage in proptest::option::of((any::<Index>(), select(b" 0169:,-aGTNovSunday\x80".to_vec()))),
    ) {
        let imf = otuserver::http::date::format(seconds);
        let (day, month, year, time) = (&imf[5..7], &imf[8..11], &imf[12..16], &imf[17..25]);
        let name = &imf[..3];
        let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let long_name = names.into_iter().find(|long| long.starts_with(name)).unwrap_or_default();
        let forms = [
            imf.clone(),
            format!("{long_name}, {day}-{month}-{} {time} GMT", &year[2..]),
            format!("{name} {month} {:>2} {time} {year}", day.trim_start_matches('0')),
        ];
        for form in forms {
            let mut bytes = form.into_bytes();
            if let Some((place, byte)) = &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let twin = httpdate::parse_http_date(&text).ok();
            let twin = twin.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let ours = otuserver::http::date::parse(text.as_bytes());
            match twin {
                // It trims the text, which is for the field to do, and takes any byte before the time in the
                // form of RFC 850.
                Some(_) if text.trim() != text || bytes[bytes.len() - 13] != b' ' && text.contains('-') => prop_assert_eq!(ours, None, "{}", text),
                Some(twin) => prop_assert_eq!(ours, i64::try_from(twin.as_secs()).ok(), "{}", text),
                None => prop_assert!(ours.is_none_or(|seconds| seconds < 0 || text.contains(":60 ")), "{}", text),
            }
        }
    }

    #[test]
    fn any_date_has_an_answer(value in vec(any::<u8>(), 0..40)) {
        let _ = otuserver::http::date::parse(&value);
    }
}

// ---- target

/// A piece of a target, and the bytes that it stands for; `None` for what no target may hold.
fn piece() -> impl Strategy<Value = (String, Option<Vec<u8>>)> {
    let plain = select(vec!["a", "b", ".", "..", "...", ".a", "~", "\\", ":", "\u{e4}", "/", "/", "/", "//"]);
    let encoded = prop_oneof![3 => select(b"./\0%\\".to_vec()), 2 => any::<u8>()];
    prop_oneof![
        6 => plain.prop_map(|text| (text.to_string(), Some(text.as_bytes().to_vec()))),
        2 => encoded.prop_map(|byte| {
            let is_allowed = byte != 0 && byte != b'/';
            (format!("%{byte:02x}"), is_allowed.then(|| vec![byte]))
        }),
    ]
}

/// A stack of segments.
fn naive_path(pieces: &[(String, Option<Vec<u8>>)]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    for (_, bytes) in pieces {
        decoded.extend(bytes.as_ref()?);
    }
    let mut stack: Vec<&[u8]> = Vec::new();
    let mut ends_in_a_name = false;
    for segment in decoded.split(|&byte| byte == b'/') {
        ends_in_a_name = !matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                stack.pop()?;
            }
            _ => stack.push(segment),
        }
    }
    let mut path = stack.join(&b'/');
    if !ends_in_a_name && !path.is_empty() {
        path.push(b'/');
    }
    Some(path)
}

proptest! {
    /// RFC 3986 sections 2.1 and 5.2.4: what is decoded has no dot segment, no empty one and no NUL.
    #[test]
    fn a_decoded_target_stays_below_the_root(pieces in vec(piece(), 0..12), origin in select(vec!["", "http://a:1"])) {
        let text: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let target = format!("{origin}/{text}");
        let found = Target::parse(target.as_bytes()).ok();
        prop_assert_eq!(found.as_ref().map(|found| found.path.as_bytes().to_vec()), naive_path(&pieces), "{}", target);
        let Some(Target { path, .. }) = found else { return Ok(()) };
        prop_assert!(!path.as_bytes().contains(&0) && !path.as_bytes().starts_with(b"/"));
        for segment in path.as_bytes().strip_suffix(b"/").unwrap_or(path.as_bytes()).split(|&byte| byte == b'/') {
            prop_assert!(path.as_bytes().is_empty() || !matches!(segment, b"" | b"." | b".."), "{}", target);
        }

        // Written again, it is read as the same.
        let mut again = Vec::new();
        for segment in path.segments() {
            again.push(b'/');
            target::encode_segment(segment, &mut again);
        }
        if path.is_directory() {
            again.push(b'/');
        }
        prop_assert!(again.iter().all(u8::is_ascii_graphic));
        prop_assert_eq!(Target::parse(&again).map(|target| target.path), Ok(path.clone()));
    }

    #[test]
    fn any_target_has_an_answer(target in vec(any::<u8>(), 0..60)) {
        let target = Target::parse(&target);
        prop_assert!(target.is_err() || target.is_ok_and(|target| !target.path.as_bytes().starts_with(b"/")));
    }
}

// ---- charset, media types

/// Pieces of which tags are made, and what may stand between them.
fn markup() -> impl Strategy<Value = String> {
    let pieces =
        vec!["<", ">", "<!--", "-->", "<meta ", "<p", "</p", "/", "=", "'", "\"", " ", "content", "x", "ö"];
    vec(select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

fn charset_of_page(page: &str) -> Option<&'static str> {
    Characters::of(page.as_bytes(), page.len() as u64).charset("text/html")
}

proptest! {
    /// HTML standard, 13.2.3.2.
    #[test]
    fn a_page_names_its_charset_in_a_tag_alone(before in markup(), after in markup()) {
        let declaration = "<meta charset=utf-8>";
        let in_comment = format!("<!-- {}{declaration}-->ö", before.replace('-', ""));
        for (page, expected) in [
            (format!("{before}ö{after}"), Some("utf-8")),
            (format!("{declaration}{before}ö{after}"), None),
            (in_comment, Some("utf-8")),
        ] {
            prop_assert_eq!(charset_of_page(&page), expected, "{}", page);
        }
    }

    #[test]
    fn rows_of_types_are_found_again(
        rows in vec(("[a-z]{1,5}", "[a-zA-Z]{1,3}(\\.[a-zA-Z]{1,3})?"), 0..10),
        stem in "[a-z]{0,3}",
    ) {
        let lines = rows.iter().map(|(subtype, extension)| format!("x/{subtype}\t{extension} # x\n"));
        let text: String = lines.collect();
        let types = Types::parse(text.as_bytes()).expect("rows");
        for (_, extension) in &rows {
            let last = rows.iter().rev().find(|(_, other)| other.eq_ignore_ascii_case(extension));
            let expected = last.map(|(subtype, _)| format!("x/{subtype}")).expect("itself");
            prop_assert_eq!(types.of(format!("{stem}.{extension}").as_bytes()), expected);
        }
    }

    #[test]
    fn any_text_is_rows_of_types_or_names_its_first_bad_line(text in vec(select(b"ab/ .#;=\n\t\xff".to_vec()), 0..40)) {
        if let Err(error) = Types::parse(&text) {
            let lines = text.split_inclusive(|&byte| byte == b'\n');
            let before: Vec<u8> = lines.take(error.line - 1).flatten().copied().collect();
            prop_assert!(Types::parse(&before).is_ok(), "line {} is not the first", error.line);
        }
    }
}

// ---- rules

/// Bytes that a stranger may put into a path, those that mean something in a URI or a message among them.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![3 => select(b"\r\n\t /\\:?#%&=<>\"'@.;".to_vec()), 2 => any::<u8>(), 2 => 97..123u8];
    vec(byte, 1..12)
}

/// A request target of these segments, all of them escaped, and the decoded path.
fn escaped(segments: &[Vec<u8>]) -> (String, Vec<u8>) {
    let escape = |segment: &Vec<u8>| segment.iter().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let target = segments.iter().map(|segment| format!("/{}", escape(segment))).collect();
    (target, segments.join(&b'/'))
}

/// Segments that a path can have.
fn segments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let is_name =
        |name: &Vec<u8>| !name.contains(&b'/') && !name.contains(&0) && name != b"." && name != b"..";
    vec(hostile().prop_filter("no name", is_name), 1..5)
}

fn naive_encoding(bytes: &[u8], plain: &[u8]) -> String {
    let encode = |&byte: &u8| match byte.is_ascii_alphanumeric() || plain.contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(encode).collect()
}

const IN_PATH: &[u8] = b"-._~!$&'()*+,;=@:";
const IN_QUERY: &[u8] = b"-._~";

proptest! {
    /// The values of placeholders come out encoded, each in its place, and nothing of them means anything.
    #[test]
    fn no_value_leaves_its_place_in_a_location(segments in segments(), site in select(vec!["", "https://a.example"])) {
        let (target, path) = escaped(&segments);
        let target = Target::parse(target.as_bytes()).expect("a target");
        prop_assert_eq!(target.path.as_bytes(), &path);
        let line = format!("/:first/* {site}/:splat/x/:first?a=:splat#:first");
        for reading in [Reading::Netlify, Reading::Cloudflare] {
            let (redirects, findings) = Redirects::parse(line.as_bytes(), reading);
            prop_assert!(findings.is_empty());
            let asked = Asked { path: target.path.as_bytes(), query: None, host: None };
            let found = [true, false].into_iter().flat_map(|forced| redirects.matches(asked, forced)).next();
            let rest: Vec<_> = segments[1..].iter().map(|segment| naive_encoding(segment, IN_PATH)).collect();
            let in_query: Vec<_> = segments[1..].iter().map(|segment| naive_encoding(segment, IN_QUERY)).collect();
            let first = (naive_encoding(&segments[0], IN_PATH), naive_encoding(&segments[0], IN_QUERY));
            let slash = if rest.is_empty() && site.is_empty() { "" } else { "/" };
            let expected = format!("{site}/{}{slash}x/{}?a={}#{}", rest.join("/"), first.0, in_query.join("/"), first.1);
            let is_match = reading == Reading::Netlify || segments.len() > 1;
            prop_assert_eq!(found.map(|found| found.to), is_match.then(|| expected.into_bytes()));
        }
    }

    /// A value of the query is decoded once and encoded again, and cannot leave its segment.
    #[test]
    fn no_parameter_leaves_its_place_in_a_location(value in hostile(), plain in any::<bool>()) {
        let query = format!("other=1&id={}", naive_encoding(&value, if plain { b"-" } else { b"" }));
        let (redirects, _) = Redirects::parse(b"/s id=:id /:id/x?y=:id", Reading::Netlify);
        let asked = Asked { path: b"s", query: Some(query.as_bytes()), host: None };
        let found = redirects.matches(asked, false).next().map(|found| found.to);
        let expected = format!("/{}/x?y={}", naive_encoding(&value, IN_PATH), naive_encoding(&value, IN_QUERY));
        prop_assert_eq!(found, Some(expected.into_bytes()));
    }

    /// What a field value takes from a path is ASCII without controls.
    #[test]
    fn no_value_leaves_its_field(segments in segments()) {
        let (_, path) = escaped(&segments);
        let (headers, _) = Headers::parse(b"/:first*\n  X: no\n/:first/*\n  X: :first|:splat", Reading::Cloudflare);
        let changes = headers.changes(&path);
        let encode = |segment: &Vec<u8>| naive_encoding(segment, IN_QUERY);
        let rest: Vec<_> = segments[1..].iter().map(encode).collect();
        let expected = (segments.len() > 1).then(|| format!("{}|{}", encode(&segments[0]), rest.join("/")).into_bytes());
        prop_assert_eq!(changes.into_iter().next().map(|change| change.values.concat()), expected);
    }

    /// A line that is skipped changes nothing for the others.
    #[test]
    fn a_bad_line_spoils_itself_alone(noise in vec(any::<u8>(), 0..40), at in 0..4usize) {
        let noise: Vec<u8> = noise.into_iter().filter(|&byte| byte != b'\n').collect();
        let good: [&[u8]; 3] = [b"/a /b 301", b"/b/* /c/:splat 302", b"/c /d 200"];
        let mut lines = good.to_vec();
        lines.insert(at.min(3), &noise);
        let (with, _) = Redirects::parse(&lines.join(&b'\n'), Reading::Netlify);
        let (without, _) = Redirects::parse(&good.join(&b'\n'), Reading::Netlify);
        for path in ["a", "b/x", "c"] {
            let asked = Asked { path: path.as_bytes(), query: None, host: None };
            let found = |redirects: &Redirects| -> Vec<_> {
                redirects.matches(asked, false).map(|found| (found.status, found.to)).collect()
            };
            let (with, without) = (found(&with), found(&without));
            prop_assert!(without.iter().all(|found| with.contains(found)), "{path}: {with:?}");
        }
    }
}

// ---- listing

/// Bytes that a name can be made of, those that mean something somewhere more often than others.
fn file_name() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        10 => "[a-c0-2 .]{1,3}".prop_map(String::into_bytes),
        10 => select(&["<", ">", "&", "\"", "'", ":", "?", "#", "%", "%2F", "\\", "<!--", "</title>", "</a>", "&lt;"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
        5 => select(&['\n', '\r', '\u{7f}', '\u{85}', '\u{202e}', '\u{2067}', '\u{fffe}', '\u{5d0}', '\u{2028}'][..])
            .prop_map(|character| character.to_string().into_bytes()),
        5 => (1..=255u8).prop_filter("a separator", |&byte| byte != b'/').prop_map(|byte| vec![byte]),
    ];
    vec(piece, 1..6)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("no name", |name| name != b"." && name != b"..")
}

proptest! {
    #[test]
    fn no_name_changes_a_listing(
        path in vec(file_name(), 0..3),
        files in btree_set(file_name(), 0..6),
        folders in btree_set(file_name(), 0..3),
    ) {
        let path: Vec<u8> = path.into_iter().flat_map(|name| [name, b"/".to_vec()].concat()).collect();
        let folders = folders.difference(&files).map(|name| [name.as_slice(), b"/"].concat());
        let names: Vec<Vec<u8>> = folders.chain(files.iter().cloned()).collect();
        listing_read_back::check(&path, &names);
    }

    #[test]
    fn the_natural_order_is_one(names in btree_set(file_name(), 3)) {
        let names: Vec<_> = names.into_iter().collect();
        for [a, b, c] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let (a, b, c) = (&names[a], &names[b], &names[c]);
            prop_assert_eq!(natural(a, b), natural(b, a).reverse());
            prop_assert!(natural(a, b).is_ne());
            prop_assert!(!(natural(a, b).is_lt() && natural(b, c).is_lt()) || natural(a, c).is_lt());
        }
    }

    #[test]
    fn numbers_in_names_are_compared_by_value(before in "[a-z]{0,3}", left: u64, right: u64, zeros in 0..3usize) {
        prop_assume!(left != right);
        let left_name = format!("{before}{left}.txt");
        let right_name = format!("{before}{}{right}.txt", "0".repeat(zeros));
        prop_assert_eq!(natural(left_name.as_bytes(), right_name.as_bytes()), left.cmp(&right));
    }
}
