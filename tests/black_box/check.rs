//! `httpd check`: one line a finding, an exit code, and JSON for machines. Nothing is served.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::coder::encoded;
use crate::redirects::fixture;
use crate::server::{Process, httpd};
use crate::site::Site;

/// The exit code and the lines of both outputs.
fn check(site: &Site, flags: &[&str]) -> (i32, Vec<String>, Vec<String>) {
    let mut command = httpd();
    command.args(["check", "-r"]).arg(site.root()).args(flags);
    run(command)
}

fn run(command: Command) -> (i32, Vec<String>, Vec<String>) {
    let mut process = Process::spawn(command);
    let status = process.await_exit();
    (status.code().expect("a code"), process.output.await_end(), process.errors.await_end())
}

/// The lines of a site with this `_redirects`, as `line: severity: message`, in one reading.
fn redirects(text: &str, reading: &str) -> Vec<String> {
    let site = Site::new();
    site.write("_redirects", text);
    let (_, lines, _) = check(&site, &["--rules", reading]);
    let of_file = lines.iter().filter_map(|line| line.strip_prefix("_redirects:"));
    of_file.map(str::to_owned).collect()
}

#[test]
fn a_clean_site_has_no_findings() {
    let site = Site::new();
    site.write("_redirects", "/old /second.txt 301\n");
    site.write("_headers", "/second.txt\n  X-A: 1\n");
    site.write("app.js", "x");
    site.write("app.js.gz", encoded("gzip", "x"));
    assert_eq!(check(&site, &[]), (0, vec![], vec!["0 errors, 0 warnings".into()]));
    assert_eq!(check(&site, &["--format", "json"]), (0, vec!["[]".into()], vec![]));
}

#[test]
fn warnings_alone_are_no_failure() {
    let site = Site::new();
    site.write("_headers", "/a\n  ! X-A\n  X-B: 1\n");
    let (code, lines, summary) = check(&site, &[]);
    assert_eq!((code, summary), (0, vec!["0 errors, 2 warnings".into()]), "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("_headers:2: warning: ")), "{lines:#?}");
}

#[test]
fn every_row_of_the_table() {
    let (code, lines, summary) = check(&fixture(), &[]);
    assert_eq!(code, 1);
    for wanted in [
        "_headers:20: error: Content-Length is the server's own",
        "_headers:21: warning: `! X-Frame-Options` is Cloudflare's",
        "_headers:10: warning: Cache-Control stands in line 3's block, too",
        "_redirects:4: warning: without a status Netlify answers with 301, Cloudflare with 302",
        "_redirects:19: warning: Cloudflare skips this line: ",
        "_redirects:23: warning: Cloudflare skips this line: ",
        "_redirects:26: warning: it can never match: /kept.html is there",
        "_redirects:30: error: its destination /missing-page.html is missing",
        "_redirects:41: error: `Country=de`",
        "_redirects:42: error: 299 is no status",
        "_redirects:43: error: a rule with status 200",
        "_redirects:44: error: a star is the whole last segment",
        "_redirects:44: warning: Cloudflare obeys this line",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "no {wanted} in {lines:#?}");
    }
    let errors = lines.iter().filter(|line| line.contains(": error: ")).count();
    assert!(summary[0].starts_with(&format!("{errors} errors, ")), "{summary:?}");
}

#[test]
fn redirects_that_lead_nowhere_or_in_a_circle() {
    let chain = |count: usize| {
        let rules = (0..count).map(|number| format!("/{number} /{} 301\n", number + 1));
        format!("{}/{count} /second.txt 301\n", rules.collect::<String>())
    };
    let is_error = |line: &&String| line.contains("error");
    for (text, reading, expected) in [
        (
            "/a /b 301\n/b /a 301\n",
            "netlify",
            &["1: error: it leads in a circle", "2: error: it leads in a circle"][..],
        ),
        ("/a/* /a/b/:splat 301\n", "netlify", &["1: error: it takes more than 10 redirects"]),
        ("/* /index.html 200\n", "netlify", &[]),
        ("/* /second.txt 301\n", "netlify", &[]),
        ("/a /second.txt/ 301\n", "netlify", &["1: error: its destination /second.txt/ is missing"]),
        ("/a /missing 301\n", "netlify", &["1: error: its destination /missing is missing"]),
        ("/a /missing 200\n", "netlify", &["1: error: its destination /missing is missing"]),
        ("/a /missing?x#y 200\n", "cloudflare", &["1: error: its destination /missing is missing"]),
        ("/a /:b 301\n", "netlify", &["1: error: its destination /:b is missing"]),
        ("/a/:b /x/:b 301\n", "netlify", &[]),
        ("/a https://example.com/missing 301\n", "netlify", &[]),
        (&chain(9), "netlify", &[]),
        (&chain(10), "netlify", &["1: error: it takes more than 10 redirects"]),
    ] {
        let lines = redirects(text, reading);
        let found: Vec<_> = lines.iter().filter(is_error).collect();
        assert_eq!(found.len(), expected.len(), "{text} {lines:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{text} {lines:#?}");
        }
    }
}

#[test]
fn a_destination_that_a_flag_would_find() {
    let site = Site::new();
    site.write("about.html", "x");
    site.write("_redirects", "/a /about 301\n/b /about 200\n");
    let (code, lines, _) = check(&site, &[]);
    let wanted =
        |line: &String| line.contains(": warning: its destination /about is missing, unless --clean-urls");
    assert_eq!((code, lines.iter().filter(|line| wanted(line)).count()), (0, 2), "{lines:#?}");
}

#[test]
fn rules_that_can_never_match() {
    for (text, reading, shadowed) in [
        ("/* /index.html 200\n/a /second.txt 301\n", "netlify", &[(2, 1)][..]),
        ("/* /index.html 200\n/a /second.txt 301\n", "cloudflare", &[]),
        ("/a/* /index.html 200\n/a/:b /second.txt 301\n", "netlify", &[(2, 1)]),
        ("/a/:b /index.html 200\n/a/* /second.txt 301\n", "netlify", &[]),
        ("/a id=1 /index.html 301\n/a /second.txt 301\n", "netlify", &[]),
        ("https://example.com/a /index.html\n/a /second.txt 301\n", "netlify", &[]),
        ("/a /second.txt 301\n/a/ /index.html 301!\n", "netlify", &[(1, 2)]),
        ("/a /second.txt 301\n/a/ /index.html 301\n", "cloudflare", &[]),
        // A redirect to where it comes from is skipped.
        ("/* /a 301\n/a /second.txt 200\n", "netlify", &[]),
    ] {
        let lines = redirects(text, reading);
        let expected: Vec<_> = shadowed
            .iter()
            .map(|(line, by)| format!("{line}: warning: it can never match: line {by} answers before it"))
            .collect();
        let found: Vec<_> = lines.iter().filter(|line| line.contains("never match")).cloned().collect();
        assert_eq!(found, expected, "{reading} {text} {lines:#?}");
    }
}

#[test]
fn files_that_are_not_what_they_seem() {
    let site = Site::new();
    site.make_folder("dir/.git");
    site.write("dir/.git/config", "never looked at");
    site.write(".well-known/security.txt", "served");
    site.write(b"m\xfcsli.txt", "x");
    site.write("app.js", "x");
    site.write("app.js.br", "x");
    site.write("app.js.gz", encoded("gzip", "x"));
    site.write("app.js.zst", encoded("zstd", "x"));
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(site.path("app.js.zst")).unwrap().set_modified(long_ago).unwrap();
    site.write("bad.html", b"<meta charset=utf-8>\xff");
    site.write("good.html", "<meta charset=utf-8>\u{e4}");
    site.write("latin.html", b"<meta charset=iso-8859-1>\xff");
    for (name, before) in [("first.html", 1024 - 19), ("late.html", 1024 - 18)] {
        site.write(name, [&b" ".repeat(before)[..], b"<meta charset=utf-8>\xff"].concat());
    }
    site.link("/etc/hostname", "out");
    site.link("nowhere", "dangling");
    site.link(site.path("app.js"), "inside");
    let (code, lines, _) = check(&site, &[]);
    let expected = [
        "app.js.br: warning: it does not decode to app.js: it is not used",
        "app.js.zst: warning: it is older than app.js",
        "bad.html: warning: it says that it is UTF-8, and is not",
        "dangling: warning: the link leads to nothing",
        "dir/.git: warning: it begins with a dot: it is not served without --dot-files",
        "first.html: warning: it says that it is UTF-8, and is not",
        "m\u{fffd}sli.txt: warning: its name is not UTF-8: no browser asks for it by that name",
        "out: warning: the link leads outside of the root: it is not served",
    ];
    assert_eq!((code, lines), (0, expected.map(String::from).to_vec()));
}

#[test]
fn folders_are_looked_into_so_deep() {
    for (depth, expected) in [(64, 0), (65, 1)] {
        let site = Site::new();
        site.make_folder("d/".repeat(depth));
        let (_, lines, _) = check(&site, &[]);
        assert_eq!(lines.len(), expected, "{depth}: {lines:#?}");
    }
}

#[test]
fn a_folder_that_is_missing_and_rules_that_cannot_be_read() {
    let mut command = httpd();
    command.args(["check", "-r", "/nowhere"]);
    let (code, lines, errors) = run(command);
    assert_eq!((code, lines.len(), errors.len()), (1, 0, 1), "{errors:?}");
    let site = Site::new();
    site.make_folder("_redirects");
    let (code, lines, _) = check(&site, &["--format", "json"]);
    assert_eq!(code, 1, "{lines:#?}");
    assert!(
        lines[1].starts_with(r#"  {"file": "_redirects", "line": null, "severity": "error", "message": "#),
        "{lines:#?}"
    );
    assert_eq!(check(&site, &["--rules", "off"]).0, 0);
}

#[test]
fn the_environment_says_what_the_command_line_does_not() {
    let site = Site::new();
    site.write("_redirects", "/a /second.txt 404\n");
    for (rules, code) in [("netlify", 0), ("cloudflare", 1), ("", 0)] {
        let mut command = httpd();
        command.arg("check").env("HTTPD_DOCUMENT_ROOT", site.root()).env("HTTPD_RULES", rules);
        assert_eq!(run(command).0, code, "{rules}");
    }
}
