//! The pure modules by themselves: `cargo bench`. The parser is timed beside `httparse` on the same requests.
#![allow(missing_docs)] // criterion_main writes a function without any

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use otuserver::http::fields::Fields;
use otuserver::http::status::Status;
use otuserver::http::target::Target;
use otuserver::http1::parser::Parser;
use otuserver::http1::render::{self, Persistence};

const SMALL: &[u8] =
    b"GET / HTTP/1.0\r\nHost: localhost:8000\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n";

/// What a browser sends: 12 fields, some 500 bytes.
const BROWSER: &[u8] = b"GET /assets/app.4f3c2d1e.js?v=1 HTTP/1.1\r\n\
    Host: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.org/index.html\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Sec-Fetch-Dest: script\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    If-None-Match: \"49c98478440989ef38f9e9ad369c8af3\"\r\n\r\n";

fn head(criterion: &mut Criterion) {
    for (name, bytes) in [("small", SMALL), ("browser", BROWSER)] {
        let mut group = criterion.benchmark_group(format!("head/{name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut parser = Parser::new();
        group.bench_function("ours", |bencher| {
            bencher.iter(|| {
                parser.reset();
                let request = parser.advance(black_box(bytes));
                black_box(request.is_ok_and(|request| request.is_some()))
            });
        });
        group.bench_function("httparse", |bencher| {
            bencher.iter(|| {
                let mut fields = [httparse::EMPTY_HEADER; 100];
                let mut request = httparse::Request::new(&mut fields);
                black_box(request.parse(black_box(bytes)).is_ok_and(|status| status.is_complete()))
            });
        });
        group.finish();
    }
}

fn target(criterion: &mut Criterion) {
    for (name, target) in
        [("plain", &b"/assets/app.4f3c2d1e.js?v=1"[..]), ("encoded", b"/a%20b/%C3%A4/../c.html")]
    {
        criterion.bench_function(&format!("target/{name}"), |bencher| {
            bencher.iter(|| black_box(Target::parse(black_box(target)).is_ok()));
        });
    }
}

fn response_head(criterion: &mut Criterion) {
    let common = Fields::common(784_111_777);
    let mut fields = Fields::default();
    for (name, value) in [
        ("ETag", "\"49c98478440989ef38f9e9ad369c8af3\""),
        ("Cache-Control", "no-cache"),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", "text/html"),
        ("Content-Length", "63"),
    ] {
        fields.push(name, value);
    }
    let mut out = Vec::with_capacity(1024);
    criterion.bench_function("response head", |bencher| {
        bencher.iter(|| {
            out.clear();
            let lines = [black_box(fields.lines()), &[]];
            render::head(&mut out, Status::Ok, &common, Persistence::Implied, lines);
            black_box(out.len())
        });
    });
}

criterion_group!(benches, head, target, response_head);
criterion_main!(benches);
