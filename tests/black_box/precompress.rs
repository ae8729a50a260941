//! `httpd precompress`: the neighbours that it writes, and what it leaves alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::SystemTime;

use crate::calendar;
use crate::coder::{CODINGS, encoded, noise};
use crate::server;
use crate::site::Site;

fn text() -> String {
    (0..800u32).map(|index| format!("let value_{index} = {};\n", index.wrapping_mul(0x9e37_79b1))).collect()
}

fn precompress(site: &Site, flags: &[&str]) -> Output {
    let mut command = server::httpd();
    command.args(["precompress", "-r"]).arg(site.root()).args(flags);
    command.output().expect("run it")
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().last().unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

/// A site with the welcome page and `second.txt`, which are too small, and three files to compress.
fn site() -> Site {
    let site = Site::new();
    for name in ["app.js", "deep/er/style.css", ".well-known/security.txt"] {
        site.write_dated(name, text(), calendar::EXAMPLE);
    }
    for name in [".hidden.js", ".git/config.json", "_headers", "image.png", "app.wasm.gz", "drawing.svgz"] {
        site.write(name, text());
    }
    site.write("noise.json", noise(5_000));
    site.link("app.js", "link.js");
    site
}

#[test]
fn it_writes_neighbours_that_the_server_uses() {
    let site = site();
    site.set_mode("app.js", 0o640);
    let output = precompress(&site, &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(last_line(&output), "4 files to compress: 9 neighbours written, 0 up to date, 3 not worth it");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let columns: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns[0], ["coding", "files", "before", "after", "saved"]);
    assert_eq!(
        columns[1..4].iter().map(|row| (row[0], row[1])).collect::<Vec<_>>(),
        [("br", "3"), ("zst", "3"), ("gz", "3")]
    );
    assert!(output.stderr.is_empty(), "no bar where there is no terminal: {output:?}");
    for name in ["app.js", "deep/er/style.css", ".well-known/security.txt"] {
        for (_, suffix) in CODINGS {
            let neighbour = fs::metadata(site.path(format!("{name}{suffix}"))).expect("a neighbour");
            assert_eq!(neighbour.modified().expect("its time"), calendar::system_time(calendar::EXAMPLE));
            assert!(neighbour.len() * 100 <= text().len() as u64 * 95);
            let mode = if name == "app.js" { 0o640 } else { 0o644 };
            assert_eq!(neighbour.permissions().mode() & 0o777, mode, "{name}{suffix}");
        }
    }
    for name in [
        ".hidden.js",
        ".git/config.json",
        "_headers",
        "image.png",
        "app.wasm.gz",
        "drawing.svgz",
        "noise.json",
        "link.js",
        "index.html",
    ] {
        for (_, suffix) in CODINGS {
            assert!(!site.path(format!("{name}{suffix}")).exists(), "{name}{suffix}");
        }
    }
    site.set_mode("app.js", 0o644);
    let server = site.serve_with(&["--no-compress"]);
    for (coding, suffix) in CODINGS {
        let reply =
            server.connect().ask("GET", "/deep/er/style.css", &format!("Accept-Encoding: {coding}\r\n"));
        let expected = fs::read(site.path(format!("deep/er/style.css{suffix}"))).expect("a neighbour");
        assert_eq!((reply.field("Content-Encoding"), &reply.body), (Some(coding), &expected));
    }
}

#[test]
fn done_again_it_does_only_what_has_changed() {
    let site = site();
    precompress(&site, &[]);
    // A true one of another program is as good.
    site.write("app.js.gz", encoded("gzip", text()));
    let written = |name: &str| -> SystemTime {
        fs::metadata(site.path(name))
            .and_then(|metadata| metadata.created())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let before = written("app.js.br");
    let output = precompress(&site, &[]);
    assert_eq!(last_line(&output), "4 files to compress: 0 neighbours written, 9 up to date, 3 not worth it");
    assert_eq!(written("app.js.br"), before);
    // As old as before, and of the same length.
    site.write_dated("app.js", text().replace("let", "var"), calendar::EXAMPLE);
    site.remove("deep/er/style.css.zst");
    let output = precompress(&site, &[]);
    assert_eq!(last_line(&output), "4 files to compress: 4 neighbours written, 5 up to date, 3 not worth it");
    let reply = site.serve().connect().ask("GET", "/app.js", "Accept-Encoding: br\r\n");
    assert_eq!(reply.body, fs::read(site.path("app.js.br")).expect("a neighbour"));
}

#[test]
fn what_can_be_chosen() {
    let site = site();
    let output = precompress(&site, &["--dry-run"]);
    assert_eq!(
        last_line(&output),
        "4 files to compress: 9 neighbours would be written, 0 up to date, 3 not worth it"
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("would write ") && text.contains("/deep/er/style.css.zst\n"), "{text}");
    assert!(!site.path("app.js.br").exists());
    let output = precompress(&site, &["--codings", "gz"]);
    assert_eq!(last_line(&output), "4 files to compress: 3 neighbours written, 0 up to date, 1 not worth it");
    assert!(site.path("app.js.gz").exists() && !site.path("app.js.br").exists());
    let output = precompress(&site, &["--codings", "gz,lzma"]);
    assert_eq!(output.status.code(), Some(2));
    let mut command = server::httpd();
    let output = command.args(["precompress", "-r"]).arg(site.path("none")).output().expect("run it");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    // The flags of serving are none of its own.
    let output = server::httpd().args(["--port", "1", "precompress"]).output().expect("run it");
    assert_eq!(output.status.code(), Some(2));
    // The variables of serving do not stand in its way, and one is its own.
    let mut command = server::httpd();
    command.arg("precompress").env("HTTPD_PORT", "1").env("HTTPD_DOCUMENT_ROOT", site.root());
    assert_eq!(
        last_line(&command.output().expect("run it")),
        "4 files to compress: 6 neighbours written, 3 up to date, 3 not worth it"
    );
}

#[test]
fn what_an_interrupted_run_has_left_is_not_in_the_way() {
    let site = site();
    site.write(".app.js.br", "half of it");
    site.make_folder("app.js.zst");
    let output = precompress(&site, &[]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "one could not be written");
    assert!(error.lines().count() == 1 && error.contains("app.js.zst: "), "{error}");
    assert_eq!(last_line(&output), "4 files to compress: 8 neighbours written, 0 up to date, 3 not worth it");
    assert!(site.path("app.js.br").exists() && !site.path(".app.js.br").exists());
    assert!(!site.path(".app.js.zst").exists());
}

#[test]
fn a_limit_on_the_size_of_files_leaves_no_half_of_one() {
    let site = site();
    site.write("large.json", noise(100_000).iter().map(|byte| format!("{byte},")).collect::<String>());
    let mut command = server::httpd();
    command.args(["precompress", "-r"]).arg(site.root());
    let output = server::after_shell_line("ulimit -f 64", &command).output().expect("run it");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("large.json"), "{text}");
    let names =
        fs::read_dir(site.root()).expect("the root").map(|entry| entry.expect("an entry").file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(!names.iter().any(|name| name.contains("large.json.") || name == ".large.json"), "{names:?}");
    assert!(names.iter().any(|name| name == "app.js.br"), "the others are made: {names:?}");
}
