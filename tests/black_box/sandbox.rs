//! The sandbox as it is seen from outside: every thread is locked in, and what a server must be able to do it can. The
//! unit tests of `server::privileges::lockdown` try from inside what is forbidden.

use std::fs;

use crate::server::Server;
use crate::site::{Site, WELCOME, pattern};
use crate::system;

#[test]
fn every_thread_is_locked_in() {
    let site = Site::new();
    for (flags, privileges, filter) in
        [(&["-w", "3"][..], "1", "2"), (&["-w", "3", "--no-sandbox"], "0", "0")]
    {
        let server = site.serve_with(flags);
        assert_eq!(server.get("/").text(), WELCOME);
        let statuses = server.process.thread_statuses();
        // One more where the file system does not tell what is in memory: the one that reads from the disk.
        assert!(statuses.len() >= 3, "{}", statuses.len());
        for status in statuses {
            let value = |name: &str| {
                let line = status.lines().find(|line| line.split(':').next() == Some(name));
                line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default().to_owned()
            };
            assert_eq!(
                (value("NoNewPrivs"), value("Seccomp")),
                (privileges.into(), filter.into()),
                "{flags:?}"
            );
        }
    }
}

#[test]
fn contents_that_are_long_to_copy_have_files_in_memory() {
    let site = Site::new();
    let lengths = [10_000, 20_000, 65_536, 65_537];
    lengths.iter().for_each(|&length| site.write(format!("{length}"), pattern(length)));
    for (flags, is_alone) in [(&["-w", "3"][..], false), (&["-w", "1"], true), (&["--no-sandbox"], true)] {
        let server = site.serve_with(flags);
        for _ in 0..6 {
            for length in lengths {
                assert!(server.get(&format!("/{length}")).body == pattern(length), "{length} bytes");
            }
        }
        let files = || server.process.open_descriptors("/memfd:");
        assert_eq!(files(), 2, "for all workers, {flags:?}");
        if is_alone {
            site.write("20000", "short");
            assert_eq!(server.get("/20000").text(), "short");
            assert_eq!(files(), 1, "the old content is forgotten, {flags:?}");
            site.write("20000", pattern(20_000));
        }
    }
}

#[test]
fn a_root_that_is_made_anew_is_served() {
    let site = Site::new();
    let server = site.serve();
    assert_eq!(server.get("/").text(), WELCOME);
    fs::remove_dir_all(site.root()).expect("remove the root");
    assert_eq!(server.get("/").status, 404);
    fs::create_dir(site.root()).expect("make the root");
    site.write("index.html", "anew");
    assert_eq!(server.get("/").text(), "anew");
}

#[test]
fn a_root_behind_a_link_is_swapped() {
    let site = Site::new();
    let releases = site.outside("releases");
    for name in ["one", "two"] {
        fs::create_dir_all(releases.join(name).join("public")).expect("a release");
        fs::write(releases.join(name).join("public/index.html"), name).expect("a page");
    }
    let holder = site.outside("holder");
    fs::create_dir(&holder).expect("a folder");
    let link = holder.join("current");
    site.swap_link(releases.join("one"), &link);
    let mut command = crate::server::httpd();
    command.args(["--port", "0", "--document-root"]).arg(link.join("public"));
    let server = Server::start(command);
    assert_eq!(server.get("/").text(), "one");
    site.swap_link(releases.join("two"), &link);
    assert_eq!(server.get("/").text(), "two");
}

#[test]
fn the_log_is_opened_again_wherever_it_was_moved() {
    let site = Site::new();
    let folder = site.outside("logs");
    fs::create_dir(&folder).expect("a folder");
    let log = folder.join("access");
    let server = site.serve_with(&["--file-log", log.to_str().expect("UTF-8")]);
    server.get("/?one");
    fs::remove_dir_all(&folder).expect("remove the folder");
    server.process.signal(libc::SIGHUP);
    server.process.errors.await_line(|line| line.contains("the log cannot be reopened"));
    assert_eq!(server.get("/?two").text(), WELCOME);
    fs::create_dir(&folder).expect("make the folder anew");
    server.process.signal(libc::SIGHUP);
    crate::patience::eventually("the log is there again", || log.exists());
    server.get("/?three");
    crate::patience::eventually("its line is there", || {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("/?three"))
    });
}

#[test]
fn another_user_serves_what_root_has_opened() {
    let site = Site::new();
    if !system::is_root() {
        let mut process = crate::server::Process::spawn(site.command(&["--user", "0:0"]));
        assert_eq!(process.await_exit().code(), Some(1));
        process.errors.await_line(|line| line.contains("cannot run as 0:0"));
        return;
    }
    let log = site.outside("only-root-writes-here").join("access");
    fs::create_dir(log.parent().expect("a folder")).expect("a folder");
    site.write("mine", "secret");
    site.set_mode("mine", 0o600);
    let server = site.serve_with(&["--user", "65534:65533", "--file-log", log.to_str().expect("UTF-8")]);
    assert_eq!(server.get("/").text(), WELCOME);
    assert_eq!(server.get("/mine").status, 403);
    let ids =
        |name| server.process.status_line(name).split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    assert_eq!(ids("Uid"), "65534 65534 65534 65534");
    assert_eq!((ids("Gid").as_str(), ids("Groups").as_str()), ("65533 65533 65533 65533", "65533"));
    fs::rename(&log, log.with_extension("1")).expect("rotate");
    server.process.signal(libc::SIGHUP);
    crate::patience::eventually("the log is there again", || log.exists());
}

#[test]
fn a_user_whom_nobody_knows() {
    let mut process = crate::server::Process::spawn(Site::new().command(&["--user", "no-such-user"]));
    assert_eq!(process.await_exit().code(), Some(1));
    let lines = process.errors.await_end();
    assert!(lines.len() == 1 && lines[0].contains("cannot run as no-such-user"), "{lines:?}");
}
