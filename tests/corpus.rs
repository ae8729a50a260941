//! The entry points of `fuzz/`, over the inputs that are kept there: an ordinary test on any compiler.

use std::path::Path;

// Public for the programs of fuzz/.
#[allow(unreachable_pub)]
#[path = "../fuzz/entry.rs"]
mod entry;

/// Every input of a corpus, and every beginning of each.
fn run(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&corpus).expect("a corpus").collect();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    for file in files {
        let bytes = std::fs::read(file.expect("an entry").path()).expect("a file");
        for end in 0..=bytes.len() {
            check(&bytes[..end]);
        }
    }
}

macro_rules! targets {
    ($($target:ident,)*) => {
        $(#[test]
        fn $target() {
            run(stringify!($target), entry::$target);
        })*
    };
}

targets! {
    head,
    target,
    host,
    body,
    range,
    accept_encoding,
    date,
    conditional,
    redirects,
    headers,
    pattern,
    listing,
    charset,
    forwarded,
    authorization,
    htpasswd,
    hpack_decode,
    hpack_encode,
    priority,
    frames,
    streams,
}
