//! The start of the command, and its refusals: flags, environment, the line that says where it listens,
//! exit codes and messages. 2 is for what the operator typed, 1 for what the machine would not do.
//! Never a panic, never a silent failure.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::process::Command;

use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Process, Server, httpd, unprivileged};
use crate::site::{Site, WELCOME};
use crate::system;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs a command that should end by itself: its exit code and its lines on standard error and output.
fn run_to_end(command: Command) -> (Option<i32>, Vec<String>, Vec<String>) {
    let mut process = Process::spawn(command);
    let status = process.await_exit();
    (status.code(), process.errors.await_end(), process.output.await_end())
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn the_listening_line_says_where_what_and_how() {
    let site = Site::new();
    for (workers, said) in [("1", "1 worker"), ("4", "4 workers")] {
        let server = site.serve_with(&["-w", workers]);
        let root = site.root().canonicalize().expect("the root exists");
        let expected = format!(
            "httpd {VERSION} listening on http://{}, serving {} with {said}",
            server.address,
            root.display()
        );
        assert_eq!(server.listening_line, expected);
        assert!(server.address.ip().is_loopback(), "the default host is 127.0.0.1");
    }
}

#[test]
fn the_listening_line_does_not_depend_on_the_log_level() {
    let site = Site::new();
    for level in ["off", "error", "trace"] {
        let mut command = site.command(&[]);
        command.env("RUST_LOG", level);
        let server = Server::start(command);
        assert_eq!(server.get("/").text(), WELCOME, "RUST_LOG={level}");
    }
}

#[test]
fn a_quiet_server_says_that_one_line_only() {
    let site = Site::new();
    let mut command = site.command(&[]);
    command.env("RUST_LOG", "off");
    let mut server = Server::start(command);
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    assert_eq!(server.process.errors.await_end(), [server.listening_line.clone()]);
    assert!(server.process.output.await_end().is_empty(), "standard output is not used");
}

#[test]
fn short_flags_mean_the_same() {
    let site = Site::new();
    let mut command = httpd();
    command.args(["-p", "0", "-w", "2", "-r"]).arg(site.root());
    let server = Server::start(command);
    assert!(server.listening_line.ends_with("with 2 workers"), "{}", server.listening_line);
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn the_working_directory_is_served_by_default() {
    let site = Site::new();
    let mut command = httpd();
    command.args(["--port", "0"]).current_dir(site.root());
    let server = Server::start(command);
    assert_eq!(server.get("/").text(), WELCOME);
    assert!(server.listening_line.contains("serving /"), "an absolute path: {}", server.listening_line);
}

#[test]
fn every_flag_can_come_from_the_environment() {
    let site = Site::new();
    let log = site.outside("access.log");
    let mut command = httpd();
    command.env("HTTPD_HOST", "127.0.0.1").env("HTTPD_PORT", "0").env("HTTPD_WORKERS", "3");
    command.env("HTTPD_DOCUMENT_ROOT", site.root()).env("HTTPD_FILE_LOG", &log);
    command.env("HTTPD_CACHE_CONTROL", "max-age=7").env("HTTPD_BACKLOG", "5");
    let server = Server::start(command);
    assert!(server.listening_line.ends_with("with 3 workers"), "{}", server.listening_line);
    assert_eq!(server.get("/").must("Cache-Control"), "max-age=7");
    eventually("the line in the log file", || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("GET / "))
    });
}

/// The variable of each flag, as the help text has it.
fn variables() -> Vec<String> {
    let mut command = httpd();
    command.arg("--help");
    let help = run_to_end(command).2.join("\n");
    let variables: Vec<String> =
        help.split("[env: ").skip(1).filter_map(|rest| Some(rest.split_once('=')?.0.to_owned())).collect();
    assert!(variables.len() > 15, "{variables:?}");
    variables
}

#[test]
fn an_empty_variable_is_no_variable() {
    let site = Site::new();
    for variable in variables() {
        let mut command = httpd();
        command.current_dir(site.root()).env(&variable, "");
        if variable == "HTTPD_PORT" {
            // The default port may be in use: so it is only seen to be the one that is tried, at an address of
            // another machine (RFC 5737).
            command.args(["--host", "192.0.2.1"]);
            let (code, errors, _) = run_to_end(command);
            assert!(code == Some(1) && errors[0].contains("192.0.2.1:8000"), "{errors:?}");
            continue;
        }
        command.args(["-p", "0"]);
        let server = Server::start(command);
        assert_eq!(server.get("/").text(), WELCOME, "{variable}");
        assert!(server.listening_line.contains("with 1 worker"), "{variable}: {}", server.listening_line);
    }
}

#[test]
fn a_variable_that_kubernetes_sets_is_passed_over() {
    let site = Site::new();
    for (variable, value) in variables()
        .into_iter()
        .zip(["tcp://10.96.0.7:80", "udp://10.96.0.7:53", "sctp://[2001:db8::1]:9"].into_iter().cycle())
    {
        let mut command = httpd();
        command.current_dir(site.root()).env(&variable, value);
        let warning = format!("{variable}={value} is passed over");
        if variable == "HTTPD_PORT" {
            command.args(["--host", "192.0.2.1"]);
            let (code, errors, _) = run_to_end(command);
            assert!(code == Some(1) && errors.len() == 2, "{errors:?}");
            assert!(errors[0].contains(&warning) && errors[1].contains("192.0.2.1:8000"), "{errors:?}");
            continue;
        }
        command.args(["-p", "0"]);
        let server = Server::start(command);
        server.process.errors.await_line(|line| line.contains(&warning));
        assert_eq!(server.get("/").text(), WELCOME, "{variable}");
    }
    // The rest of what it sets for such a service is not ours.
    let mut command = site.command(&[]);
    command.env("HTTPD_PORT_80_TCP", "tcp://10.96.0.7:80").env("HTTPD_SERVICE_PORT", "80");
    let server = Server::start(command);
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn a_flag_wins_over_the_environment() {
    let site = Site::new();
    let mut command = site.command(&["-w", "2", "--host", "127.0.0.1"]);
    command.env("HTTPD_PORT", "1").env("HTTPD_WORKERS", "7").env("HTTPD_HOST", "::1");
    command.env("HTTPD_DOCUMENT_ROOT", "/nowhere");
    let server = Server::start(command);
    assert!(server.listening_line.ends_with("with 2 workers"), "{}", server.listening_line);
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn a_host_may_be_a_name() {
    let site = Site::new();
    let server = site.serve_with(&["--host", "localhost"]);
    assert!(server.address.ip().is_loopback());
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn ipv6_loopback() {
    if !has_ipv6() {
        return;
    }
    let site = Site::new();
    let server = site.serve_with(&["--host", "::1"]);
    assert!(server.listening_line.contains("http://[::1]:"), "{}", server.listening_line);
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn the_ipv6_wildcard_takes_both_families() {
    if !has_ipv6() {
        return;
    }
    let site = Site::new();
    let server = site.serve_with(&["--host", "::"]);
    assert!(server.listening_line.contains("http://[::]:"), "{}", server.listening_line);
    for loopback in ["127.0.0.1", "::1"] {
        let address = SocketAddr::new(loopback.parse().expect("an address"), server.address.port());
        assert_eq!(Client::connect(address, loopback).get("/").text(), WELCOME);
    }
}

#[test]
fn version_and_help_end_well() {
    let mut command = httpd();
    command.arg("--version");
    assert_eq!(run_to_end(command), (Some(0), vec![], vec![format!("httpd {VERSION}")]));

    let mut command = httpd();
    command.arg("--help");
    let (code, errors, output) = run_to_end(command);
    assert_eq!((code, errors), (Some(0), vec![]));
    let help = output.join("\n");
    for flag in [
        "host",
        "port",
        "file-log",
        "backlog",
        "document-root",
        "workers",
        "head-timeout",
        "idle-timeout",
        "stall-timeout",
        "grace",
        "cache-size",
        "cache-control",
        "no-precompressed",
    ] {
        let variable = format!("HTTPD_{}", flag.replace('-', "_").to_uppercase());
        assert!(help.contains(&format!("--{flag}")), "--{flag} is missing in {help}");
        assert!(help.contains(&variable), "{variable} is missing in {help}");
    }
}

#[test]
fn usage_errors_end_with_2() {
    let table: &[&[&str]] = &[
        &["--port", "65536"],
        &["--port", "-1"],
        &["--port", "http"],
        &["--port", ""],
        &["-w", "0"],
        &["-w", "many"],
        &["-w", "-2"],
        &["--backlog", "x"],
        &["--idle-timeout", "soon"],
        &["--head-timeout=-1"],
        &["--stall-timeout", "NaN"],
        &["--grace", ""],
        &["--cache-size", "big"],
        &["--cache-control", "no-cache\r\nX-Injected: 1"],
        &["--no-such-flag"],
        &["an-argument"],
        &["--port"],
    ];
    for flags in table {
        let mut command = httpd();
        command.args(*flags);
        let (code, errors, output) = run_to_end(command);
        assert_eq!(code, Some(2), "{flags:?}: {errors:?}");
        assert!(!errors.is_empty() && output.is_empty(), "{flags:?}: {errors:?} {output:?}");
        assert!(!errors.join(" ").contains("panicked"), "{flags:?}: {errors:?}");
    }
}

#[test]
fn a_usage_error_in_the_environment_ends_with_2_as_well() {
    for (name, value) in [("HTTPD_PORT", "70000"), ("HTTPD_WORKERS", "0"), ("HTTPD_GRACE", "x")] {
        let mut command = httpd();
        command.env(name, value);
        let (code, errors, _) = run_to_end(command);
        assert_eq!(code, Some(2), "{name}={value}: {errors:?}");
    }
}

/// The other failures: exit 1 and exactly one line that begins with the name of the program.
fn assert_fails(what: &str, command: Command) -> String {
    let (code, errors, output) = run_to_end(command);
    assert_eq!(code, Some(1), "{what}: {errors:?}");
    assert_eq!((errors.len(), output.len()), (1, 0), "{what}: {errors:?} {output:?}");
    assert!(errors[0].starts_with("httpd: "), "{what}: {errors:?}");
    errors[0].clone()
}

fn assert_flags_fail(what: &str, site: &Site, flags: &[&str]) -> String {
    assert_fails(what, site.command(flags))
}

/// `httpd` with this root only, for roots that are not the site's.
fn with_root(root: impl AsRef<OsStr>) -> Command {
    let mut command = httpd();
    command.args(["--port", "0", "--document-root"]).arg(root.as_ref());
    command
}

fn on_port(site: &Site, port: u16, workers: &str) -> Command {
    let mut command = httpd();
    command.args(["-w", workers, "--port", &port.to_string(), "--document-root"]).arg(site.root());
    command
}

#[test]
fn a_port_in_use_is_said_so() {
    let site = Site::new();
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = other.local_addr().expect("its address").port();
    for workers in ["1", "4"] {
        let message = assert_fails("a port in use", on_port(&site, port, workers));
        assert!(message.contains(&port.to_string()), "it should name the port: {message}");
    }
}

#[test]
fn two_servers_never_share_a_port() {
    // Listeners with SO_REUSEPORT would, and each would get half of the connections.
    let site = Site::new();
    for workers in ["1", "4"] {
        let first = site.serve_with(&["-w", workers]);
        assert_fails("the port of another httpd", on_port(&site, first.address.port(), workers));
    }
}

#[test]
fn a_privileged_port_needs_privilege() {
    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first_free.is_ok_and(|number| number.trim().parse::<u16>().is_ok_and(|number| number <= 1)) {
        return; // Here nobody needs it.
    }
    let site = Site::new();
    assert_fails("port 1", unprivileged(on_port(&site, 1, "1"), &site.path("..")));
}

#[test]
fn hosts_that_cannot_be_listened_on() {
    let site = Site::new();
    // A label of more than 63 bytes fits into no DNS query: this fails without one leaving the machine.
    let unresolvable = format!("{}.invalid", "x".repeat(64));
    assert_flags_fail("a host that does not resolve", &site, &["--host", &unresolvable]);
    // A network for documentation (RFC 5737): no machine has such an address.
    assert_flags_fail("an address of another machine", &site, &["--host", "192.0.2.1"]);
}

#[test]
fn roots_that_cannot_be_served() {
    let site = Site::new();
    assert_fails("a missing root", with_root(site.outside("missing")));
    assert_fails("a file as root", with_root(site.path("index.html")));
    site.make_folder("locked");
    site.set_mode("locked", 0o000);
    let command = unprivileged(with_root(site.path("locked")), &site.path(".."));
    assert_fails("an unreadable root", command);
}

#[test]
fn log_files_that_cannot_be_opened() {
    let site = Site::new();
    assert_flags_fail("a log in a missing folder", &site, &["--file-log", "/nowhere/at/all.log"]);
    let folder = site.root();
    let folder = folder.to_str().expect("a temporary folder has an ordinary name");
    assert_flags_fail("a folder as log", &site, &["--file-log", folder]);
}

#[test]
fn the_tests_know_who_runs_them() {
    // The tests of permissions rest on this: as root they run the server as somebody else.
    let site = Site::new();
    let server = site.serve_unprivileged(&[]);
    assert_eq!(server.get("/").text(), WELCOME, "root: {}", system::is_root());
}
