//! The numbers of the server in the text form of Prometheus, version 0.0.4. The form is five lines of code: a crate for
//! it would bring a registry with atomics of its own.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::report::Report;
use crate::server::close_reason::CloseReason;
use crate::server::counters::{BOUNDS, CLASSES, HANDSHAKES, LIMITS, METHODS, STATES};

/// The media type of the text.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Begins a metric.
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample. No value of a label needs an escape: all of them are ours.
    fn add(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A metric with one sample.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.add(name, &[], value);
    }

    /// A metric with one sample, where the system tells it.
    fn known(&mut self, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.single(name, kind, help, value);
        }
    }

    /// A metric with a sample for each value of a label.
    fn list(&mut self, name: &str, kind: &str, help: &str, label: &str, samples: &[(&str, u64)]) {
        self.begin(name, kind, help);
        for (text, value) in samples {
            self.add(name, &[(label, text)], value);
        }
    }
}

/// All metrics.
pub(super) fn render(report: &Report) -> String {
    let mut text = Text::default();
    add_responses(report, &mut text);
    add_connections(report, &mut text);
    add_cache(report, &mut text);
    add_jobs(report, &mut text);
    add_process(report, &mut text);
    text.0
}

fn add_responses(report: &Report, text: &mut Text) {
    let sums = &report.sums;
    let name = "httpd_requests_total";
    text.begin(name, "counter", "Requests by method and class of the status.");
    for (method, classes) in METHODS.iter().zip(&sums.requests) {
        for (class, count) in CLASSES.iter().zip(classes) {
            // No response of ours is a 1xx one.
            if *class != "1xx" {
                text.add(name, &[("method", method), ("class", class)], count);
            }
        }
    }
    text.single(
        "httpd_response_bytes_total",
        "counter",
        "Bytes of response bodies that were sent.",
        sums.bytes,
    );
    let name = "httpd_request_duration_seconds";
    text.begin(name, "histogram", "Time from the head of a request to the last byte of its response.");
    let (bucket, mut count) = (format!("{name}_bucket"), 0);
    for (bound, responses) in BOUNDS.iter().zip(&sums.durations) {
        count += responses;
        text.add(&bucket, &[("le", &seconds(Duration::from_micros(*bound)))], count);
    }
    count = sums.durations.iter().sum();
    text.add(&bucket, &[("le", "+Inf")], count);
    text.add(&format!("{name}_sum"), &[], seconds(Duration::from_micros(sums.microseconds)));
    text.add(&format!("{name}_count"), &[], count);
}

fn add_connections(report: &Report, text: &mut Text) {
    let sums = &report.sums;
    let states: Vec<(&str, u64)> = STATES.into_iter().zip(sums.connections).collect();
    text.list("httpd_connections", "gauge", "Open connections by state.", "state", &states);
    let reasons = CloseReason::WORDS.map(|words| words.replace(' ', "_"));
    let reasons: Vec<(&str, u64)> = reasons.iter().map(String::as_str).zip(sums.closed).collect();
    text.list(
        "httpd_connections_closed_total",
        "counter",
        "Closed connections by reason.",
        "reason",
        &reasons,
    );
    let limits: Vec<(&str, u64)> = LIMITS.into_iter().zip(sums.refused).collect();
    text.list("httpd_refused_total", "counter", "Connections that a limit turned away.", "limit", &limits);
    let name = "httpd_tls_handshakes_total";
    text.begin(name, "counter", "TLS handshakes by version and outcome.");
    for ((version, outcome), count) in HANDSHAKES.iter().zip(sums.handshakes) {
        text.add(name, &[("version", version), ("outcome", outcome)], count);
    }
    text.single("httpd_http2_streams", "gauge", "Streams of HTTP/2 that are not over.", sums.streams);
}

fn add_cache(report: &Report, text: &mut Text) {
    let cache = &report.sums.cache;
    text.single(
        "httpd_cache_entries",
        "gauge",
        "Paths that are kept ready, over all workers.",
        cache.entries,
    );
    text.single("httpd_cache_bytes", "gauge", "Weight of what is kept ready, over all workers.", cache.bytes);
    text.single("httpd_cache_hits_total", "counter", "Paths that were found in the cache.", cache.hits);
    text.single("httpd_cache_misses_total", "counter", "Paths that were not.", cache.misses);
    let help = "Times that the file system was asked whether something kept is still true.";
    text.single("httpd_cache_looks_total", "counter", help, cache.looks);
}

fn add_jobs(report: &Report, text: &mut Text) {
    let states: Vec<(&str, u64)> = ["waiting", "running"].into_iter().zip(report.unfinished_jobs).collect();
    text.list("httpd_jobs", "gauge", "Jobs of the helper threads.", "state", &states);
    let kinds: Vec<(&str, u64)> = report.jobs.iter().map(|(kind, done)| (*kind, done.count)).collect();
    text.list("httpd_jobs_total", "counter", "Jobs that were done, by kind.", "kind", &kinds);
    let name = "httpd_job_seconds_total";
    text.begin(name, "counter", "Time that jobs took, by kind.");
    for (kind, done) in &report.jobs {
        text.add(name, &[("kind", kind)], seconds(done.time));
    }
    let help = "Lines of the log that were lost.";
    text.single("httpd_log_lines_lost_total", "counter", help, report.lines_lost);
}

fn add_process(report: &Report, text: &mut Text) {
    text.begin("httpd_build_info", "gauge", "The version of the server.");
    text.add("httpd_build_info", &[("version", report.version)], 1);
    let help = "Start of the process, in seconds since 1970.";
    text.single("process_start_time_seconds", "gauge", help, seconds(report.started));
    text.known("process_open_fds", "gauge", "Open descriptors.", report.open_descriptors);
    text.single("process_max_fds", "gauge", "Descriptors that there may be.", report.most_descriptors);
    text.known("process_resident_memory_bytes", "gauge", "Resident memory.", report.resident_bytes);
    let help = "Time for which processors have worked for the process.";
    text.single("process_cpu_seconds_total", "counter", help, seconds(report.processor_time));
}

/// A time in seconds, with no more digits than it needs.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn times() {
        for (microseconds, expected) in [(0, "0"), (100, "0.0001"), (2_500_000, "2.5"), (10_000_000, "10")] {
            assert_eq!(seconds(Duration::from_micros(microseconds)), expected);
        }
    }

    #[test]
    fn each_metric_has_a_type_and_its_samples() {
        let text = render(&Report::default());
        let mut names = BTreeSet::new();
        let mut last = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                last = rest.split(' ').next().unwrap().to_owned();
                assert!(names.insert(last.clone()), "{last} comes twice");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                assert!(name == last || stem == Some(&last), "{line} after {last}");
                assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
            }
        }
        for name in ["httpd_requests_total", "httpd_request_duration_seconds", "process_cpu_seconds_total"] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let mut report = Report::default();
        report.sums.durations[0] = 2;
        report.sums.durations[1] = 3;
        report.sums.durations[BOUNDS.len()] = 4;
        report.sums.microseconds = 1_500_000;
        let text = render(&report);
        for line in [
            "httpd_request_duration_seconds_bucket{le=\"0.0001\"} 2\n",
            "httpd_request_duration_seconds_bucket{le=\"0.00025\"} 5\n",
            "httpd_request_duration_seconds_bucket{le=\"10\"} 5\n",
            "httpd_request_duration_seconds_bucket{le=\"+Inf\"} 9\n",
            "httpd_request_duration_seconds_sum 1.5\n",
            "httpd_request_duration_seconds_count 9\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
