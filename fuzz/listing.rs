//! A listing read back: whatever the names are, they come out as they went in, and nothing else changes.

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, Token, Tokenizer};
use otuserver::listing::{Entry, Folder, Format, Kind, Order, View};

/// Renders a folder in both forms, and reads both with parsers that others wrote. `names` are names of files, or of
/// folders where a slash ends them.
pub(crate) fn check(path: &[u8], names: &[Vec<u8>]) {
    let entry = |name: &Vec<u8>| match name.strip_suffix(b"/") {
        Some(name) => Entry { name: name.to_vec(), kind: Kind::Folder, modified: 0 },
        None => Entry { name: name.clone(), kind: Kind::File { size: 7 }, modified: u64::MAX },
    };
    let entries: Vec<Entry> = names.iter().map(entry).collect();
    let mut sorted = entries.clone();
    sorted.sort_by(|left, right| Order::default().compare(left, right));
    let render = |path: &[u8], entries: &[Entry], format| {
        let view = View { format, order: Order::default() };
        let bytes = view.render(Folder { path, entries: entries.to_vec(), is_cut: false });
        String::from_utf8(bytes).expect("UTF-8")
    };
    check_page(&render(path, &entries, Format::Html), path, &sorted, |path, entries| {
        render(path, entries, Format::Html)
    });
    check_json(&render(path, &entries, Format::Json), &sorted);
}

fn check_page(page: &str, path: &[u8], sorted: &[Entry], render: impl Fn(&[u8], &[Entry]) -> String) {
    // The same folder with harmless names has the same tags with the same attributes.
    let harmless_path: Vec<u8> = path.iter().map(|&byte| if byte == b'/' { byte } else { b'a' }).collect();
    let harmless = |(number, entry): (usize, &Entry)| Entry { name: format!("{number:09}").into(), ..*entry };
    let harmless: Vec<Entry> = sorted.iter().enumerate().map(harmless).collect();
    let (page, harmless) = (Page::read(page), Page::read(&render(&harmless_path, &harmless)));
    assert_eq!(page.tags, harmless.tags);

    assert_eq!(page.title, format!("Index of /{}", shown(path)));
    let entries = page.links.iter().filter(|(href, _)| !href.starts_with('?') && !href.starts_with("../"));
    let expected = sorted.iter().map(|entry| {
        let mut name = entry.name.clone();
        if entry.kind == Kind::Folder {
            name.push(b'/');
        }
        (shown(&name), name)
    });
    let found: Vec<_> = entries.map(|(href, text)| (text.clone(), place(href))).collect();
    assert_eq!(found, expected.collect::<Vec<_>>());
}

fn check_json(json: &str, sorted: &[Entry]) {
    let objects: Vec<BTreeMap<String, serde_json::Value>> = serde_json::from_str(json).expect("JSON");
    assert_eq!(objects.len(), sorted.len());
    for (object, entry) in objects.iter().zip(sorted) {
        let text = |name: &str| object[name].as_str().expect("a string");
        assert_eq!(text("name"), String::from_utf8_lossy(&entry.name));
        let (kind, slash, fields) = match entry.kind {
            Kind::Folder => ("directory", &b"/"[..], 4),
            Kind::File { .. } => ("file", &b""[..], 5),
        };
        assert_eq!((text("type"), object.len()), (kind, fields));
        assert_eq!(place(text("href")), [&entry.name, slash].concat());
    }
}

/// What a browser makes of a page.
#[derive(Default)]
struct Page {
    /// The names of tags and of their attributes.
    tags: Vec<String>,
    title: String,
    /// The place that each link leads to, and its text.
    links: Vec<(String, String)>,
}

impl Page {
    fn read(html: &str) -> Page {
        let mut page = Page::default();
        let mut open = Vec::new();
        // What stands in a title or a style is text.
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => {
                    let name = String::from_utf8(tag.name.to_vec()).expect("UTF-8");
                    let attributes = tag.attributes.keys().map(|name| String::from_utf8_lossy(name));
                    page.tags.push(format!("{name} {}", attributes.collect::<Vec<_>>().join(" ")));
                    if name == "a" {
                        let href = String::from_utf8_lossy(&tag.attributes[&b"href"[..]]).into_owned();
                        page.links.push((href, String::new()));
                    }
                    open.push(name);
                }
                Token::EndTag(tag) => {
                    page.tags.push(format!("/{}", String::from_utf8_lossy(&tag.name)));
                    // The `meta` elements have no end.
                    while open.pop().is_some_and(|name| name.as_bytes() != &tag.name[..]) {}
                }
                Token::String(text) => match open.last().map(String::as_str) {
                    Some("title") => page.title.push_str(&String::from_utf8_lossy(&text)),
                    Some("a") => {
                        let (_, of_link) = page.links.last_mut().expect("a link");
                        of_link.push_str(&String::from_utf8_lossy(&text));
                    }
                    _ => {}
                },
                Token::Doctype(_) => {}
                Token::Comment(_) | Token::Error(_) => unreachable!("{token:?} in {html}"),
            }
        }
        page
    }
}

/// The text that is seen of a name.
fn shown(name: &[u8]) -> String {
    let seen = |character: char| match u32::from(character) {
        0..0x20 | 0x7f..0xa0 | 0x202a..=0x202e | 0x2066..=0x2069 | 0xfdd0..0xfdf0 => '\u{fffd}',
        code if code % 0x1_0000 > 0xfffd => '\u{fffd}',
        _ => character,
    };
    String::from_utf8_lossy(name).chars().map(seen).collect()
}

/// The name that a relative reference leads to: a single one, beneath the folder (RFC 3986 section 4.2).
fn place(href: &str) -> Vec<u8> {
    assert!(href.bytes().all(|byte| byte.is_ascii_graphic()), "{href}");
    assert!(!href.contains(['?', '#', ':', '\\']) && !href.starts_with('/'), "{href} leads elsewhere");
    let href = href.strip_prefix("./").unwrap_or(href);
    let mut name = Vec::new();
    let mut bytes = href.bytes();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("two digits"));
                u8::from_str_radix(std::str::from_utf8(&digits).expect("ASCII"), 16).expect("two digits")
            }
            byte => byte,
        });
    }
    name
}
