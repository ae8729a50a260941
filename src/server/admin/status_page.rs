//! The page that shows the numbers to people.

use std::fmt::Write as _;
use std::time::Duration;

use super::report::{Report, Sample};
use crate::http::date;
use crate::server::counters::{CLASSES, STATES};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;\
    color:#222;background:#fff}h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .5rem;\
    border-bottom:1px solid #ddd;font-weight:normal}td{text-align:right;font-variant-numeric:tabular-nums}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}th,td{border-color:#444}}";

/// The page; `last` is the time of the latest numbers, and what has come in it.
pub(super) fn render(report: &Report, last: (Duration, Sample)) -> String {
    let sums = &report.sums;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>httpd status</title>\n<style>{STYLE}</style></head>\n<body>\n<h1>httpd {}</h1>\n",
        report.version
    );
    let noun = if report.workers == 1 { "worker" } else { "workers" };
    let state = if report.is_ready { "ready" } else { "stopping" };
    table(
        &mut page,
        "Server",
        &[
            ("State", state.into()),
            ("Serves", format!("{} with {} {noun}", escape(&report.root), report.workers)),
            ("Since", format!("{} ({})", date::format(report.started.as_secs()), in_words(report.age))),
            ("Memory", report.resident_bytes.map_or("unknown".into(), bytes)),
            ("Processor time", format!("{:.1} s", report.processor_time.as_secs_f64())),
        ],
    );
    let (time, sample) = last;
    let rate = sample.responses as f64 / time.as_secs_f64().max(1.0);
    let title = format!("The last {} s", time.as_secs());
    table(
        &mut page,
        &title,
        &[
            ("Requests", format!("{} ({rate:.1} a second)", sample.responses)),
            ("Failures (5xx)", sample.failures.to_string()),
            ("Sent", bytes(sample.bytes)),
        ],
    );
    let classes: Vec<_> =
        (1..CLASSES.len()).map(|index| (CLASSES[index], sums.of_class(index + 1).to_string())).collect();
    table(&mut page, "Requests since the start, by class of the status", &classes);
    let states: Vec<_> = STATES.into_iter().zip(sums.connections.map(|count| count.to_string())).collect();
    table(&mut page, "Connections by state", &states);
    let cache = &sums.cache;
    table(
        &mut page,
        "Cache",
        &[
            ("Entries", cache.entries.to_string()),
            ("Weight", bytes(cache.bytes)),
            ("Hits", cache.hits.to_string()),
            ("Misses", cache.misses.to_string()),
        ],
    );
    page.push_str(
        "<p>More: <a href=\"/metrics\">/metrics</a>, <a href=\"/healthz\">/healthz</a>, \
         <a href=\"/readyz\">/readyz</a></p>\n</body>\n</html>\n",
    );
    page
}

fn table(page: &mut String, title: &str, rows: &[(&str, String)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "<h2>{title}</h2>\n<table>");
    for (name, value) in rows {
        let _ = writeln!(page, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>");
    }
    page.push_str("</table>\n");
}

/// Text within HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A number of bytes with a unit.
fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", count as f64 / size as f64),
        None => format!("{count} B"),
    }
}

/// A time in its largest unit.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    match units.into_iter().find(|(size, _)| seconds >= 2 * size) {
        Some((size, unit)) => format!("{} {unit}", seconds / size),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        for (count, expected) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(count), expected);
        }
        for (seconds, expected) in [(1, "1 s"), (119, "119 s"), (120, "2 minutes"), (200_000, "2 days")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_name_is_text() {
        let report = Report { root: "/srv/<b>&".into(), ..Report::default() };
        let page = render(&report, Default::default());
        assert!(page.contains("/srv/&lt;b>&amp; with"), "{page}");
    }
}
