//! A field block each way, in nanoseconds: `cargo bench --bench hpack`. The same response again is a copy; one of
//! another file has an index for each line that is in the table, and literals of its own.
#![allow(missing_docs)] // criterion_main writes a function without any

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use otuserver::http::fields::Fields;
use otuserver::http2::hpack::{Decoder, Encoder, MAX_TABLE};

const FILES: usize = 50;

/// The lines of a file that only this one has, and some that all have.
fn file(number: usize) -> Vec<u8> {
    let mut fields = Fields::default();
    fields.push("Content-Type", "text/html; charset=utf-8");
    fields.push("Last-Modified", format!("Sun, 06 Nov 1994 08:49:{:02} GMT", number % 60));
    fields.push(
        "ETag",
        format!("\"{:032x}\"", (number as u128 + 1) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
    );
    fields.push("Accept-Ranges", "bytes");
    fields.push("Cache-Control", "public, max-age=3600");
    fields.push("Vary", "Accept-Encoding");
    fields.push_display("Content-Length", 612 + number);
    fields.lines().to_vec()
}

fn encode(criterion: &mut Criterion) {
    let common = Fields::common(784_111_777);
    let files: Vec<_> = (0..FILES).map(file).collect();
    for count in [1, 3, FILES] {
        let mut encoder = Encoder::new();
        let mut out = Vec::with_capacity(4096);
        let mut number = 0;
        criterion.bench_function(&format!("encode/{count} files"), |bencher| {
            bencher.iter(|| {
                out.clear();
                number = (number + 1) % count;
                encoder.encode(200, black_box(&[common.lines(), &files[number]]), &mut out);
                black_box(out.len())
            });
        });
    }
    criterion.bench_function("encode/first of a connection", |bencher| {
        let mut out = Vec::with_capacity(4096);
        bencher.iter(|| {
            out.clear();
            Encoder::new().encode(200, black_box(&[common.lines(), &files[0]]), &mut out);
            black_box(out.len())
        });
    });
}

fn decode(criterion: &mut Criterion) {
    // The first request of a browser puts five fields into the table; `:path` is a literal where it is not `/`.
    let mut first = b"\x82\x84\x87".to_vec();
    for (name, value) in [
        (1, "www.example.com"),
        (19, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (16, "gzip, deflate, br, zstd"),
        (58, "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"),
        (17, "en-US,en;q=0.5"),
    ] {
        first.extend([0x40 | name, value.len() as u8]);
        first.extend(value.as_bytes());
    }
    // `/assets/app.4f3c2d1e.js`, coded.
    let path = b"\x04\x90\x60\x68\x41\x52\x86\x07\x5d\x6b\xb5\x2b\x24\x14\x81\x2a\xfd\x11";
    let indexed = b"\x82\x84\x87\xc2\xc1\xc0\xbf\xbe".to_vec();
    let with_path = [&indexed[..1], &indexed[2..], path].concat();
    for (name, block) in [("8 indexed", indexed), ("7 indexed and a path", with_path)] {
        let mut decoder = Decoder::new(MAX_TABLE);
        decoder.decode(&first, |_, _| ()).expect("a block");
        criterion.bench_function(&format!("decode/{name}"), |bencher| {
            bencher.iter(|| {
                let mut length = 0;
                let add = |name: &[u8], value: &[u8]| length += name.len() + value.len();
                decoder.decode(black_box(&block), add).expect("a block");
                length
            });
        });
    }
    criterion.bench_function("decode/first of a connection", |bencher| {
        bencher.iter(|| Decoder::new(MAX_TABLE).decode(black_box(&first), |_, _| ()));
    });
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
