//! `--auth`: who may see the site, from a file of logins that changes while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::response::Response;
use crate::server::{Process, Server, httpd};
use crate::site::{SECOND, Site, WELCOME};

/// Each of these is `secret`, of another kind.
const ANNA: &str = "anna:$2y$04$qV.k2v/h7cRq6kJWqsZaNesQS0TCshTvyrTJUpNcv7R./iFypOoYO";
const BERT: &str =
    "bert:$6$salt$egUxKNxDs8kPfh8iPMNcosMhb2eWah6d3R44JDm5Rj/j/XWR5E33QPd0YmHXoDHOIDR6kL5D3JcQcz0O8FHE00";
const CARL: &str = "carl:$5$salt$kpa26zwgX83BPSR8d7w93OIXbFt/d3UOTZaAu5vsTM6";
const DORA: &str = "dora:$apr1$salt$VEpBc9VHGUKwI9.yg13Iu0";
/// Her password is `0123456789abcdef`.
const OTHER_ANNA: &str = "anna:$apr1$Xu6flhAD$x7dh2fhF3se4p8cG8QHYJ.";

fn path(site: &Site) -> PathBuf {
    site.outside("htpasswd")
}

/// Serves a site to the logins in these lines.
fn serve(site: &Site, lines: &[&str], flags: &[&str]) -> Server {
    fs::write(path(site), lines.join("\n")).expect("the logins");
    let path = path(site);
    let mut all = vec!["--auth", path.to_str().expect("a path in UTF-8")];
    all.extend(flags);
    site.serve_with(&all)
}

/// The field of a name and a password.
fn login(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))
}

fn ask(server: &Server, pair: &str) -> Response {
    server.connect_as(pair).ask("GET", "/", &login(pair))
}

/// Changes the file as editors do.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).expect("the new file");
    fs::rename(fresh, path).expect("the rename");
}

#[test]
fn every_kind_of_hash_lets_its_user_in() {
    let server = serve(&Site::new(), &[ANNA, BERT, CARL, DORA], &["-w", "2"]);
    for pair in ["anna:secret", "bert:secret", "carl:secret", "dora:secret"] {
        let mut client = server.connect_as(pair);
        for _ in 0..3 {
            assert_eq!(client.ask("GET", "/", &login(pair)).text(), WELCOME, "{pair}");
        }
    }
}

#[test]
fn all_others_are_asked_for_a_login_alike() {
    let site = Site::new();
    site.write("401.html", "shown to nobody");
    let server = serve(&site, &[ANNA], &[]);
    let expected = server.get("/").head_without_date();
    assert_eq!(expected.0, 401);
    for (what, fields) in [
        ("a wrong password", login("anna:wrong")),
        ("an unknown user", login("nobody:secret")),
        ("another case", login("Anna:secret")),
        ("no password", login("anna:")),
        ("no user", login(":secret")),
        ("no base64", "Authorization: Basic !\r\n".to_owned()),
        ("another scheme", "Authorization: Bearer secret\r\n".to_owned()),
        ("two fields", login("anna:secret").repeat(2)),
        ("too long", login(&format!("anna:{}", "x".repeat(600)))),
    ] {
        for target in ["/", "/missing", "/../x", "/%00", "/second.txt"] {
            let reply = server.connect_as(what).ask("GET", target, if target == "/" { &fields } else { "" });
            assert_eq!(reply.head_without_date(), expected, "{what} {target}");
            assert_eq!(reply.must("WWW-Authenticate"), "Basic realm=\"Restricted\", charset=\"UTF-8\"");
            assert!(!reply.text().contains("shown to nobody"));
        }
    }
    let mut client = server.connect();
    for method in ["HEAD", "OPTIONS", "POST", "DELETE", "BREW"] {
        let reply = client.ask(method, "/", "Content-Length: 0\r\n");
        assert_eq!(reply.head_without_date(), expected, "{method}");
    }
    assert_eq!(client.ask("OPTIONS", "*", "").status, 401);
}

#[test]
fn names_and_passwords_are_utf_8_and_may_hold_nearly_everything() {
    let dora = DORA.replace("dora:", "dörä d:");
    let server = serve(
        &Site::new(),
        &[&dora, "emil:$2y$05$0IpNv0O9b/.FoACn.73reOhhs5gNLuh.eUAyeXSCOmcmFIXvjWpbu"],
        &[],
    );
    assert_eq!(ask(&server, "dörä d:secret").status, 200);
    assert_eq!(ask(&server, "emil:pässwörd").status, 200);
    assert_eq!(ask(&server, "emil:passwörd").status, 401);
    server
        .process
        .errors
        .await_line(|line| line.contains(" - d\\xC3\\xB6r\\xC3\\xA4\\x20d [") && line.contains("\" 200 "));
}

#[test]
fn the_log_has_proven_names_alone() {
    for (format, right, wrong) in [
        ("combined", "127.0.0.1 - anna [", "127.0.0.1 - - ["),
        ("common", "127.0.0.1 - anna [", "127.0.0.1 - - ["),
        ("json", "\"user\":\"anna\"", "\"user\":null"),
    ] {
        let server = serve(&Site::new(), &[ANNA], &["--log-format", format]);
        ask(&server, "anna:secret");
        ask(&server, "anna:wrong");
        ask(&server, "bert:secret");
        let is_line = |line: &str| line.contains("127.0.0.1") && line.contains("GET");
        let lines = server.process.errors.await_lines(3, is_line);
        assert!(lines[0].contains(right), "{lines:?}");
        for line in &lines[1..] {
            assert!(line.contains(wrong) && line.contains("401") && !line.contains("anna"), "{line}");
        }
    }
}

#[test]
fn what_is_shown_with_a_login_is_kept_by_no_cache_of_others() {
    let site = Site::new();
    site.write(
        "_headers",
        "/open/*\n  CDN-Cache-Control: public, max-age=9\n  Cache-Control: public, s-maxage=9\n",
    );
    site.write("open/a.txt", "a");
    site.write("folder/index.html", "b");
    let server = serve(&site, &[ANNA], &["--cache-control", "public, max-age=60"]);
    let tag = server.connect().ask("GET", "/", &login("anna:secret")).must("ETag").to_owned();
    for (method, target, fields, status, expected) in [
        ("GET", "/", "", 200, "private, max-age=60"),
        ("HEAD", "/", "", 200, "private, max-age=60"),
        ("GET", "/", &*format!("If-None-Match: {tag}\r\n"), 304, "private, max-age=60"),
        ("GET", "/", "Range: bytes=0-0\r\n", 206, "private, max-age=60"),
        ("GET", "/", "Range: bytes=0-0,2-2\r\n", 206, "private, max-age=60"),
        ("GET", "/", "Range: bytes=99-\r\n", 416, "private, no-cache"),
        ("GET", "/", "If-Match: \"x\"\r\n", 412, "private, no-cache"),
        ("GET", "/missing", "", 404, "private, no-cache"),
        ("GET", "/folder", "", 301, "private, no-cache"),
        ("GET", "/open/a.txt", "", 200, "private"),
        ("POST", "/", "Content-Length: 0\r\n", 405, "private, no-cache"),
        ("OPTIONS", "/", "", 204, "private"),
    ] {
        let fields = format!("{}{fields}", login("anna:secret"));
        let reply = server.connect_as(target).ask(method, target, &fields);
        let found = (reply.status, reply.must("Cache-Control"), reply.field("CDN-Cache-Control"));
        assert_eq!(found, (status, expected, None), "{method} {target} {fields}");
    }
    assert_eq!(server.get("/").must("Cache-Control"), "no-cache");
}

#[test]
fn some_paths_need_no_login() {
    let site = Site::new();
    site.write(".well-known/acme-challenge/token", "the token");
    site.write(".well-known/acme-challenge/folder/x", "");
    site.write(".well-known/security.txt", "");
    site.write("404.html", "not for everybody");
    site.write("_redirects", "/.well-known/acme-challenge/rule /second.txt 200\n");
    let flags = ["--health", "/ping", "--fallback", "index.html", "--listing", "--admin", "127.0.0.1:0"];
    let server = serve(&site, &[ANNA], &flags);
    let mut client = server.connect();
    assert_eq!(client.get("/ping").status, 200);
    let reply = client.get("/.well-known/acme-challenge/token");
    assert_eq!((reply.text().as_str(), reply.must("Cache-Control")), ("the token", "no-cache"));
    assert_eq!(client.get("/a/../.well-known/acme-challenge/token").status, 200);
    for target in ["missing", "folder", "folder/", "", "rule", ".hidden"] {
        let target = format!("/.well-known/acme-challenge/{target}");
        let reply = client.ask("GET", &target, "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n");
        assert_eq!(reply.status, 404, "{target}");
        assert!(reply.text().contains("<title>404 Not Found</title>"), "{target}: {}", reply.text());
    }
    for target in [
        "/.well-known/security.txt",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/../security.txt",
    ] {
        assert_eq!(client.get(target).status, 401, "{target}");
    }
    assert_eq!(client.ask("POST", "/.well-known/acme-challenge/token", "Content-Length: 0\r\n").status, 401);
    let line = server.process.errors.await_line(|line| line.contains("admin pages at http://"));
    let admin = line.rsplit('/').next().and_then(|address| address.parse().ok()).expect("an address");
    assert_eq!(Client::connect(admin, "admin").get("/healthz").status, 200);
}

#[test]
fn a_script_of_another_origin_may_ask_whether_it_may_ask() {
    let site = Site::new();
    let server = serve(&site, &[ANNA], &["--cors=https://a.example"]);
    let preflight = "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let reply = server.connect().ask("OPTIONS", "/second.txt", preflight);
    assert_eq!((reply.status, reply.must("Access-Control-Allow-Headers")), (204, "authorization"));
    let reply = server.connect().ask("GET", "/", "Origin: https://a.example\r\n");
    assert_eq!((reply.status, reply.must("Access-Control-Allow-Origin")), (401, "https://a.example"));
    let closed = serve(&Site::new(), &[ANNA], &[]);
    assert_eq!(closed.connect().ask("OPTIONS", "/second.txt", preflight).status, 401);
}

#[test]
fn a_changed_file_is_obeyed_within_a_second() {
    let site = Site::new();
    let server = serve(&site, &[ANNA], &["-w", "2"]);
    assert_eq!(ask(&server, "anna:secret").status, 200);
    let mut count = 0;
    for (text, right, wrong) in [
        (format!("{OTHER_ANNA}\n"), "anna:0123456789abcdef", "anna:secret"),
        (format!("{ANNA}\n{DORA}\n"), "dora:secret", "anna:0123456789abcdef"),
        (format!("{ANNA}\n"), "anna:secret", "dora:secret"),
    ] {
        replace(&path(&site), &text);
        let begin = Instant::now();
        count += 1;
        server.process.errors.await_lines(count, |line| line.contains("were read again"));
        println!("obeyed after {:?}", begin.elapsed()); // a second, unless the machine is busy
        assert_eq!(ask(&server, right).status, 200, "{right}");
        assert_eq!(ask(&server, wrong).status, 401, "{wrong}");
    }
}

#[test]
fn a_file_that_is_gone_lets_nobody_in_and_one_that_is_back_does() {
    let site = Site::new();
    let server = serve(&site, &[ANNA], &[]);
    assert_eq!(ask(&server, "anna:secret").status, 200);
    fs::remove_file(path(&site)).expect("remove the logins");
    server.process.errors.await_line(|line| line.contains("nobody gets in") && line.contains("htpasswd"));
    for _ in 0..15 {
        assert_eq!(ask(&server, "anna:secret").status, 401, "it is no guess");
    }
    replace(&path(&site), ANNA);
    server.process.errors.await_line(|line| line.contains("were read again: 1"));
    assert_eq!(ask(&server, "anna:secret").status, 200);
    fs::write(path(&site), "x".repeat(1024 * 1024 + 1)).expect("a long file");
    let is_told = |line: &str| line.contains("nobody gets in");
    let lines = server.process.errors.await_lines(2, is_told);
    assert!(lines[1].contains("too large"), "{lines:?}");
    assert_eq!(ask(&server, "anna:secret").status, 401);
}

#[test]
fn lines_that_are_passed_over_are_named() {
    let site = Site::new();
    let lines = ["# logins", ANNA, "bert:plain", "", "carl:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="];
    let server = serve(&site, &lines, &[]);
    let is_told = |line: &str| line.contains("is passed over");
    let told = server.process.errors.await_lines(2, is_told);
    for (line, number, word) in
        [(&told[0], "htpasswd line 3", "plain text"), (&told[1], "htpasswd line 5", "{SHA}")]
    {
        assert!(line.contains("WARN") && line.contains(number) && line.contains(word), "{line}");
        assert!(!line.contains("bert") && !line.contains("5en6"), "no secret: {line}");
    }
    assert_eq!(ask(&server, "bert:plain").status, 401);
    assert_eq!(ask(&server, "anna:secret").status, 200);
    replace(&path(&site), &[ANNA, "dora:rqXexS6ZhobKA"].join("\r\n"));
    let told = server.process.errors.await_lines(3, is_told);
    assert!(told[2].contains("htpasswd line 2") && told[2].contains("crypt"), "{told:?}");
}

#[test]
fn a_file_that_cannot_be_read_ends_the_start() {
    let site = Site::new();
    for name in ["missing", "."] {
        let mut command = httpd();
        command
            .args(["--port", "0", "--document-root"])
            .arg(site.root())
            .arg("--auth")
            .arg(site.outside(name));
        let mut process = Process::spawn(command);
        assert_eq!(process.await_exit().code(), Some(1), "{name}");
        let said = process.errors.await_end();
        assert!(said.len() == 1 && said[0].contains("cannot use the logins of"), "{said:?}");
    }
}

#[test]
fn logins_beneath_the_root_are_warned_of() {
    let site = Site::new();
    site.write("logins", ANNA);
    let path = site.path("logins");
    let server = site.serve_with(&["--auth", path.to_str().expect("a path")]);
    server.process.errors.await_line(|line| line.contains("WARN") && line.contains("lie beneath the root"));
    let server = serve(&site, &[ANNA], &[]);
    assert!(!server.process.errors.has_line(|line| line.contains("WARN")));
}

#[test]
fn guessing_is_slowed_and_who_is_known_gets_in() {
    let server = serve(&Site::new(), &[ANNA, BERT], &["-w", "2"]);
    assert_eq!(ask(&server, "anna:secret").status, 200);
    for number in 0..10 {
        assert_eq!(ask(&server, &format!("anna:{number}")).status, 401, "guess {number}");
    }
    for pair in ["anna:x", "anna:1", "nobody:x", "bert:secret"] {
        let reply = ask(&server, pair);
        assert_eq!((reply.status, reply.field("WWW-Authenticate")), (429, None), "{pair}");
        let seconds: u64 = reply.must("Retry-After").parse().expect("a number");
        assert!((1..=60).contains(&seconds), "{seconds} s");
        assert!(reply.text().contains("429 Too Many Requests"));
    }
    assert_eq!(ask(&server, "anna:secret").status, 200, "it is known");
    assert_eq!(server.get("/").status, 401, "no login is no guess");
    let mut client = server.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/second.txt").status, 401);
    }
    assert_eq!(client.ask("GET", "/second.txt", &login("anna:secret")).text(), SECOND);
}

#[test]
fn guesses_that_come_at_once_are_no_more_than_one_by_one() {
    let server = serve(&Site::new(), &[ANNA], &["-w", "2"]);
    let mut clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let fields = login(&format!("anna:{number}"));
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    }
    let mut statuses: Vec<u16> = clients.iter_mut().map(|client| client.response().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![401; 10], vec![429; 30]].concat());
}

#[test]
fn requests_of_one_user_that_come_at_once_are_all_answered() {
    let server = serve(&Site::new(), &[ANNA], &["-w", "2"]);
    let fields = login("anna:secret");
    let mut clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    for client in &mut clients {
        // Two at a time: the second one waits its turn.
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").repeat(2));
    }
    for client in &mut clients {
        assert_eq!((client.response().text(), client.response().status), (WELCOME.to_owned(), 200));
    }
}

#[test]
fn a_body_is_not_asked_for_without_a_login() {
    let server = serve(&Site::new(), &[ANNA], &[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(client.response().status, 401);
    let mut client = server.connect();
    let fields = login("anna:secret");
    let chunked = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{fields}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    );
    assert_eq!(client.request(&chunked).status, 200);
    assert_eq!(client.request(&chunked).status, 200);
}

#[test]
fn a_password_is_not_asked_for_in_plain_text_beside_tls() {
    let site = Site::new();
    site.write(".well-known/acme-challenge/token", "the token");
    fs::write(path(&site), ANNA).expect("the logins");
    let path = path(&site);
    let flags = ["--http-redirect", "0", "--auth", path.to_str().expect("a path")];
    let server = certificate::serve(&site, &Pair::new(), &flags);
    let (_, plain) = server.listening_line.split_once("redirecting http://").expect("the ready line");
    let plain = plain.parse().expect("an address");
    assert_eq!(Client::connect(plain, "plain").get("/").status, 308);
    assert_eq!(Client::connect(plain, "plain").get("/.well-known/acme-challenge/token").text(), "the token");
    assert_eq!(Client::connect(plain, "plain").get("/.well-known/acme-challenge/x").status, 404);
    assert_eq!(server.get("/").status, 401);
    assert_eq!(ask(&server, "anna:secret").text(), WELCOME);
}

#[test]
fn the_hash_is_computed_by_a_thread_that_gives_way_and_only_once() {
    let server = serve(&Site::new(), &[ANNA], &["--admin", "127.0.0.1:0", "-w", "2"]);
    let line = server.process.errors.await_line(|line| line.contains("admin pages at http://"));
    let admin = line.rsplit('/').next().and_then(|address| address.parse().ok()).expect("an address");
    let jobs = || {
        let text = Client::connect(admin, "metrics").get("/metrics").text();
        let line = text.lines().find(|line| line.starts_with("httpd_jobs_total{kind=\"check_login\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    for _ in 0..5 {
        ask(&server, "anna:secret");
        ask(&server, "anna:wrong");
        server.get("/");
    }
    assert_eq!(jobs(), 2);
    assert_eq!(server.process.nice_values(), ["0", "10"]);
}

#[test]
fn the_process_that_opens_the_file_ends_with_the_server() {
    let site = Site::new();
    let mut server = serve(&site, &[ANNA], &[]);
    let begin = Instant::now();
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(10), "nothing is waited for");
}
