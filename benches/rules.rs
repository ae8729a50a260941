//! Looking a path up among the rules of a site: `cargo bench --bench rules`. Rules without a pattern cost the same
//! whatever their number is; those with one are tried in order.
#![allow(missing_docs)] // criterion_main writes a function without any

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use otuserver::rules::Reading;
use otuserver::rules::headers::Headers;
use otuserver::rules::redirects::{Asked, Redirects};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

fn redirects(criterion: &mut Criterion) {
    for (name, line) in
        [("literal", "/old/page-{}.html /new/{} 301\n"), ("pattern", "/old-{}/:name/* /new/:name/:splat\n")]
    {
        for count in COUNTS {
            let text: String = (0..count).map(|number| line.replace("{}", &number.to_string())).collect();
            let (redirects, _) = Redirects::parse(text.as_bytes(), Reading::Netlify);
            for (what, path) in [("hit", "old/page-9.html"), ("miss", "assets/app.4f3c2d1e.js")] {
                let asked =
                    Asked { path: path.as_bytes(), query: Some(b"v=1"), host: Some(b"www.example.org") };
                criterion.bench_function(&format!("redirects/{name}/{count}/{what}"), |bencher| {
                    bencher.iter(|| black_box(redirects.matches(black_box(asked), false).next()));
                });
            }
        }
    }
}

fn headers(criterion: &mut Criterion) {
    for count in COUNTS {
        let block = |number| format!("/page-{number}.html\n  X-Page: {number}\n");
        let text: String = (0..count).map(block).chain(["/*\n  X-Frame-Options: DENY\n".into()]).collect();
        let (headers, _) = Headers::parse(text.as_bytes(), Reading::Netlify);
        criterion.bench_function(&format!("headers/literal/{count}"), |bencher| {
            bencher.iter(|| black_box(headers.changes(black_box(b"page-9.html"))));
        });
    }
}

fn parsing(criterion: &mut Criterion) {
    let text: String =
        (0..10_000).map(|number| format!("/old/page-{number}.html /new/{number} 301\n")).collect();
    criterion.bench_function("parse/redirects/10000", |bencher| {
        bencher.iter(|| black_box(Redirects::parse(black_box(text.as_bytes()), Reading::Netlify)).1.len());
    });
}

criterion_group!(benches, redirects, headers, parsing);
criterion_main!(benches);
