//! The files in `packaging/`: the dashboard asks for metrics that there are, and systemd takes its units. A tool that
//! this machine does not have is not asked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::client::Client;
use crate::server::BINARY;
use crate::site::Site;

fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)
}

/// The queries of a dashboard.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| queries(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// The words of a text that begin with one of these.
fn names(text: &str, beginnings: [&str; 2]) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| beginnings.iter().any(|begin| word.starts_with(begin))).map(str::to_owned).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let text = fs::read_to_string(packaged("grafana-dashboard.json")).expect("the dashboard");
    let mut found = Vec::new();
    queries(&serde_json::from_str(&text).expect("JSON"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let server = Site::new().serve_with(&["--admin", "127.0.0.1:0"]);
    server.get("/");
    let line = server.process.errors.await_line(|line| line.contains("admin pages at http://"));
    let admin = line.rsplit('/').next().and_then(|address| address.parse().ok()).expect("an address");
    let metrics = Client::connect(admin, "metrics").get("/metrics").text();
    let beginnings = ["httpd_", "process_"];
    let (asked, printed) = (names(&found.join(" "), beginnings), names(&metrics, beginnings));
    assert!(asked.is_subset(&printed), "{:?}", asked.difference(&printed));
    for label in ["class", "state", "reason", "limit", "le", "version"] {
        assert!(metrics.contains(&format!("{label}=\"")), "{label}");
    }
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["otuserver.service", "otuserver.socket"] {
        let text = fs::read_to_string(packaged("systemd").join(name)).expect("a unit");
        // What it names is not installed here.
        let text = text.replace("/usr/bin/httpd", BINARY).replace("Documentation=man:httpd(8)\n", "");
        fs::write(folder.path().join(name), text).expect("a copy");
    }
    let analyze = |arguments: &[&str]| {
        let output =
            Command::new("systemd-analyze").args(arguments).current_dir(folder.path()).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    };
    if let Some((succeeds, text)) = analyze(&["verify", "./otuserver.service", "./otuserver.socket"]) {
        assert!(succeeds && text.is_empty(), "{text}");
    }
    // In tenths: 2.0 is the most.
    let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", "./otuserver.service"];
    if let Some((succeeds, text)) = analyze(&arguments) {
        assert!(succeeds, "{text}");
    }
}
