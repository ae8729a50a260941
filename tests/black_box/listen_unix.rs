//! `--listen unix:/path`: a socket file serves as a port does, is made at the start and removed at the end, and its
//! clients have no address.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Process, after_shell_line, httpd};
use crate::site::{SECOND, Site, WELCOME, pattern};
use crate::system;

/// A socket file beside the root, and the flags that make it.
fn place(site: &Site) -> (PathBuf, Vec<String>) {
    let path = site.outside("socket");
    let flags = vec!["--listen".to_owned(), format!("unix:{}", path.display())];
    (path, flags)
}

fn command(site: &Site, flags: &[impl AsRef<str>]) -> Command {
    let mut command = httpd();
    command.arg("--document-root").arg(site.root()).args(flags.iter().map(AsRef::as_ref));
    command
}

/// A server that listens on its socket file.
fn start(command: Command) -> Process {
    let process = Process::spawn(command);
    process.errors.await_line(|line| line.contains("listening on unix:/"));
    process
}

fn get(path: &Path) -> String {
    Client::connect_unix(path, "a socket file").get("/").text()
}

#[test]
fn it_serves_as_a_port_does() {
    let site = Site::new();
    let large = pattern(3 << 20);
    site.write("large", &large);
    let (path, mut flags) = place(&site);
    for workers in ["1", "4"] {
        flags.extend(["-w".to_owned(), workers.to_owned()]);
        let process = start(command(&site, &flags));
        let mut clients: Vec<_> = (0..8).map(|_| Client::connect_unix(&path, workers)).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").text(), WELCOME);
            assert_eq!(client.get("/second.txt").text(), SECOND);
            assert!(client.get("/large").body == large);
            let part = client.ask("GET", "/large", "Range: bytes=1000-1999\r\n");
            assert_eq!((part.status, part.body.as_slice()), (206, &large[1000..2000]));
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assert_eq!((client.response().text(), client.response().text()), (WELCOME.into(), SECOND.into()));
            client.assert_closed();
        }
        process.errors.await_line(|line| {
            line.starts_with("unix - - [") && line.contains("\"GET /large HTTP/1.1\" 206 1000")
        });
        let mut client = Client::connect_unix(&path, "nonsense");
        client.send("nonsense\r\n\r\n");
        assert_eq!(client.response().status, 400);
        drop(process);
        flags.truncate(2);
    }
}

#[test]
fn clients_are_called_unix_in_json_too() {
    let site = Site::new();
    let (path, mut flags) = place(&site);
    flags.extend(["--log-format", "json"].map(str::to_owned));
    let process = start(command(&site, &flags));
    get(&path);
    process.errors.await_line(|line| line.contains("\"client\":\"unix\""));
}

#[test]
fn a_proxy_that_is_trusted_names_its_clients() {
    let site = Site::new();
    let (path, flags) = place(&site);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n";
    for (extra, sent, expected) in [
        (&[][..], request.to_owned(), "unix"),
        (&["--trusted-proxies", "127.0.0.1"], request.to_owned(), "unix"),
        (&["--trusted-proxies", "unix"], request.to_owned(), "192.0.2.7"),
        (
            &["--trusted-proxies", "unix", "--proxy-protocol"],
            format!("PROXY TCP4 192.0.2.8 192.0.2.1 1 80\r\n{request}"),
            "192.0.2.8",
        ),
    ] {
        let all: Vec<&str> = flags.iter().map(String::as_str).chain(extra.iter().copied()).collect();
        let process = start(command(&site, &all));
        let mut client = Client::connect_unix(&path, expected);
        client.send(sent);
        assert_eq!(client.response().text(), WELCOME);
        process.errors.await_line(|line| line.starts_with(&format!("{expected} - - [")));
        drop(process);
        eventually("it is removed", || !path.exists());
    }
}

#[test]
fn clients_without_an_address_are_not_counted_by_it() {
    let site = Site::new();
    let (path, flags) = place(&site);
    let mut command = site.command(&["--max-connections-per-ip", "1", "--max-connections", "3"]);
    command.args(&flags);
    let server = site.start(command);
    let mut clients: Vec<_> = (0..2).map(|_| Client::connect_unix(&path, "one of many")).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\n");
        assert!(client.is_silent_for(std::time::Duration::from_millis(20)));
    }
    let mut busy = server.connect();
    busy.send("GET / HTTP/1.1\r\n");
    assert!(busy.is_silent_for(std::time::Duration::from_millis(20)));
    // All places are taken, of which they have theirs.
    assert_eq!(Client::connect_unix(&path, "one too many").get("/").status, 503);
    for client in clients.iter_mut().chain([&mut busy]) {
        client.send("Host: a\r\n\r\n");
        assert_eq!(client.response().text(), WELCOME);
    }
}

#[test]
fn who_takes_nothing_is_given_up() {
    let site = Site::new();
    site.write_sparse("large", 64 << 20, b"end");
    let (path, mut flags) = place(&site);
    flags.extend(["--stall-timeout", "0.2"].map(str::to_owned));
    let process = start(command(&site, &flags));
    let mut client = Client::connect_unix(&path, "stalled");
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    process.errors.await_line(|line| line.contains("\"GET /large HTTP/1.1\" 200 "));
    assert!(client.read_until_closed().len() < 64 << 20);
}

#[test]
fn permissions() {
    let site = Site::new();
    let path = site.outside("socket");
    let mode = || fs::symlink_metadata(&path).expect("a socket file").permissions().mode() & 0o777;
    for (umask, suffix, expected) in
        [("022", "", 0o755), ("077", "", 0o700), ("077", ",mode=0660", 0o660), ("022", ",mode=777", 0o777)]
    {
        let flag = format!("unix:{}{suffix}", path.display());
        let command = command(&site, &["--listen", &flag]);
        let process = start(after_shell_line(&format!("umask {umask}"), &command));
        assert_eq!(mode(), expected, "umask {umask} and {suffix:?}");
        drop(process);
        eventually("it is removed", || !path.exists());
    }
}

#[test]
fn a_stale_file_makes_room_and_nothing_else_does() {
    let site = Site::new();
    let (path, flags) = place(&site);
    drop(UnixListener::bind(&path).expect("a socket file"));
    let first = start(command(&site, &flags));
    assert_eq!(get(&path), WELCOME);
    let fails = |flags: &[String], words: &str| {
        let mut process = Process::spawn(command(&site, flags));
        let lines = process.errors.await_end();
        assert_eq!(process.await_exit().code(), Some(1), "{lines:?}");
        assert!(lines.len() == 1 && lines[0].contains(words), "{lines:?}");
    };
    fails(&flags, "another server answers there");
    let shared = [&flags[..], &["--reuse-port".to_owned()]].concat();
    fails(&shared, "another server answers there");
    assert_eq!(get(&path), WELCOME);
    drop(first);
    eventually("it is removed", || !path.exists());
    fs::write(&path, "precious").expect("a file");
    fails(&flags, "a file that is no socket is there");
    assert_eq!(fs::read_to_string(&path).expect("the file"), "precious");
    fs::remove_file(&path).expect("remove it");
    std::os::unix::fs::symlink(site.outside("other"), &path).expect("a link");
    fails(&flags, "a file that is no socket is there");
}

#[test]
fn it_is_removed_at_the_end_with_that_of_the_admin_address() {
    let site = Site::new();
    let (path, mut flags) = place(&site);
    let admin = site.outside("admin");
    flags.extend(["--admin".to_owned(), format!("unix:{},mode=0600", admin.display())]);
    for extra in [&["-w", "2"][..], &["--no-sandbox"]] {
        let all: Vec<&str> = flags.iter().map(String::as_str).chain(extra.iter().copied()).collect();
        let mut process = start(command(&site, &all));
        assert!(path.exists() && admin.exists());
        process.signal(libc::SIGTERM);
        assert_eq!(process.await_exit().code(), Some(0));
        assert!(!path.exists() && !admin.exists(), "{extra:?}");
    }
    // However it ends: by a second signal, or by force.
    for signals in [&[libc::SIGTERM, libc::SIGTERM][..], &[libc::SIGKILL]] {
        let mut process = start(command(&site, &flags));
        let mut busy = Client::connect_unix(&path, "busy");
        busy.send("GET / HTTP/1.1\r\n");
        assert!(busy.is_silent_for(std::time::Duration::from_millis(20)));
        for signal in signals {
            process.signal(*signal);
            eventually("it stops listening", || UnixStream::connect(&path).is_err());
        }
        process.await_exit();
        eventually("both are removed", || !path.exists() && !admin.exists());
    }
}

#[test]
fn who_waits_at_the_end_is_served() {
    let site = Site::new();
    let (path, flags) = place(&site);
    let mut process = start(command(&site, &flags));
    let mut idle = Client::connect_unix(&path, "idle");
    assert_eq!(idle.get("/").text(), WELCOME);
    let mut waiting: Vec<_> = (0..50).map(|_| Client::connect_unix(&path, "waiting")).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    process.signal(libc::SIGTERM);
    for client in &mut waiting {
        assert_eq!(client.response().text(), WELCOME);
    }
    idle.assert_closed();
    assert_eq!(process.await_exit().code(), Some(0));
}

#[test]
fn the_file_of_another_server_is_left_alone() {
    let site = Site::new();
    let (path, flags) = place(&site);
    let mut old = start(command(&site, &flags));
    fs::remove_file(&path).expect("somebody removes it");
    let new = start(command(&site, &flags));
    old.signal(libc::SIGTERM);
    assert_eq!(old.await_exit().code(), Some(0));
    assert_eq!(get(&path), WELCOME);
    drop(new);
    eventually("it is removed", || !path.exists());
}

#[test]
fn a_start_that_fails_leaves_no_file() {
    let site = Site::new();
    let (path, flags) = place(&site);
    for extra in
        [&["-r", "/nowhere/at/all"][..], &["--listen", "192.0.2.1:0"], &["--admin", "unix:/nowhere/at/all"]]
    {
        let mut command = httpd();
        command.args(&flags).args(extra);
        let mut process = Process::spawn(command);
        assert_eq!(process.await_exit().code(), Some(1), "{extra:?}");
        assert!(!path.exists(), "{extra:?}");
    }
}

#[test]
fn another_user_has_the_file_and_may_not_even_remove_it() {
    if !system::is_root() {
        return;
    }
    let site = Site::new();
    let folder = site.outside("only-root-writes-here");
    fs::create_dir(&folder).expect("a folder");
    let path = folder.join("socket");
    let flag = format!("unix:{},mode=0660", path.display());
    let mut process = start(command(&site, &["--listen", &flag, "--user", "65534:65533"]));
    let metadata = fs::symlink_metadata(&path).expect("a socket file");
    assert_eq!((metadata.uid(), metadata.gid()), (65534, 65533));
    assert_eq!(get(&path), WELCOME);
    process.signal(libc::SIGTERM);
    assert_eq!(process.await_exit().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_health_check_finds_it() {
    let site = Site::new();
    let (path, flags) = place(&site);
    let check = |listen: &str| {
        let mut command = httpd();
        command.arg("healthcheck").env("HTTPD_LISTEN", listen).env("HTTPD_PORT", "1");
        command.output().expect("it runs").status.code()
    };
    let flag = format!("unix:{},mode=0660", path.display());
    assert_eq!(check(&flag), Some(1));
    let process = start(command(&site, &flags));
    assert_eq!(check(&flag), Some(0));
    // The first one that somebody listens on is asked.
    assert_eq!(check(&format!("127.0.0.1:1 {flag}")), Some(0));
    drop(process);
}
