//! `--listen`: several addresses, names that stand for several, all addresses of the machine, and the sockets that a
//! supervisor passes on. Socket files are in `listen_unix`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::server::{Process, Server, after_shell_line, httpd};
use crate::site::{Site, WELCOME};

/// `httpd` for a site, without `--port`.
fn command(site: &Site, flags: &[&str]) -> Command {
    let mut command = httpd();
    command.arg("--document-root").arg(site.root()).args(flags);
    command
}

/// The places that a ready line names.
fn places(line: &str) -> Vec<String> {
    let (_, rest) = line.split_once("listening on ").expect("the ready line");
    let (places, _) = rest.split_once(", serving ").expect("a root");
    places.split(", ").map(str::to_owned).collect()
}

fn addresses(line: &str) -> Vec<SocketAddr> {
    let address = |place: String| place.split_once("://").and_then(|(_, address)| address.parse().ok());
    places(line).into_iter().filter_map(address).collect()
}

/// The answer to `/` at a place that the ready line names.
fn get(place: &str) -> String {
    match place.strip_prefix("unix:") {
        Some(path) => Client::connect_unix(path.as_ref(), place).get("/").text(),
        None => {
            let (_, address) = place.split_once("://").expect("a scheme");
            Client::connect(address.parse().expect("an address"), place).get("/").text()
        }
    }
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn each_address_is_named_and_serves() {
    let site = Site::new();
    let socket = format!("unix:{}", site.outside("socket").display());
    let flags = ["--listen", "127.0.0.1:0", "--listen", &socket, "--listen", "127.0.0.2:0", "-w", "2"];
    for (port, expected) in [
        (None, &["127.0.0.1", "unix", "127.0.0.2"][..]),
        (Some("0"), &["127.0.0.1", "127.0.0.1", "unix", "127.0.0.2"]),
    ] {
        let mut command = command(&site, &flags);
        command.args(port.iter().flat_map(|port| ["--port", port]));
        let server = Server::start(command);
        let places = places(&server.listening_line);
        assert_eq!(places.len(), expected.len(), "{places:?}");
        for (place, expected) in places.iter().zip(expected) {
            assert!(place.contains(expected), "{place} for {expected}");
            assert_eq!(get(place), WELCOME, "{place}");
        }
    }
}

#[test]
fn one_variable_has_several_addresses_and_the_host_counts_on_the_command_line_only() {
    let site = Site::new();
    let socket = format!("unix:{}", site.outside("socket").display());
    let with_environment = |flags: &[&str]| {
        let mut command = command(&site, flags);
        command.env("HTTPD_LISTEN", format!(" 127.0.0.1:0  {socket}\n"));
        // An address of another machine (RFC 5737).
        command.env("HTTPD_HOST", "192.0.2.1").env("HTTPD_PORT", "1");
        command
    };
    let server = Server::start(with_environment(&[]));
    assert_eq!(addresses(&server.listening_line).len(), 1);
    assert_eq!(places(&server.listening_line)[1], socket);
    drop(server);
    let server = Server::start(with_environment(&["--host", "127.0.0.3", "--port", "0"]));
    assert_eq!(server.address.ip(), IpAddr::from([127, 0, 0, 3]));
    assert_eq!(places(&server.listening_line).len(), 3);
    drop(server);
    // One of the two is enough, and the other one comes from wherever it comes.
    let mut process = Process::spawn(with_environment(&["--port", "7"]));
    process.errors.await_line(|line| line.contains("cannot listen on 192.0.2.1:7"));
    assert_eq!(process.await_exit().code(), Some(1));
    // `--listen` wins over its variable, as every flag does.
    let server = Server::start(with_environment(&["--listen", "127.0.0.4:0"]));
    assert_eq!(addresses(&server.listening_line).len(), places(&server.listening_line).len());
}

#[test]
fn addresses_that_are_none() {
    let site = Site::new();
    for (address, code) in [
        ("8000", 2),
        ("::1:8000", 2),
        ("unix:socket", 2),
        ("unix:/a,mode=999", 2),
        ("localhost:http", 2),
        ("192.0.2.1:0", 1),
        ("unix:/nowhere/at/all", 1),
    ] {
        let mut process = Process::spawn(command(&site, &["--listen", address]));
        let lines = process.errors.await_end();
        assert_eq!(process.await_exit().code(), Some(code), "{address}: {lines:?}");
        assert!(lines.len() == 1 && lines[0].contains(address), "{address}: {lines:?}");
    }
    let long = format!("unix:/{}", "x".repeat(107));
    let mut process = Process::spawn(command(&site, &["--listen", &long]));
    process.errors.await_line(|line| line.contains("longer than 107 bytes"));
    assert_eq!(process.await_exit().code(), Some(1));
}

/// The addresses of `localhost` that can be had here.
fn localhost() -> Vec<IpAddr> {
    let mut addresses = vec![Ipv4Addr::LOCALHOST.into(), IpAddr::from(Ipv6Addr::LOCALHOST)];
    addresses.retain(|address| TcpListener::bind((*address, 0)).is_ok());
    addresses
}

#[test]
fn a_name_is_heard_on_all_its_addresses() {
    let site = Site::new();
    for flags in [&["--listen", "localhost:0"][..], &["--host", "localhost", "--port", "0"]] {
        let server = Server::start(command(&site, flags));
        let addresses = addresses(&server.listening_line);
        assert_eq!(addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>(), localhost());
        for address in &addresses {
            assert_eq!(address.port(), server.address.port(), "one port for all");
            assert_eq!(Client::connect(*address, "localhost").get("/").text(), WELCOME);
        }
    }
}

#[test]
fn an_address_of_a_name_that_cannot_be_had_is_a_warning() {
    let all = localhost();
    if all.len() < 2 {
        return; // There is no IPv6 here.
    }
    let site = Site::new();
    for (taken, free) in [(all[0], all[1]), (all[1], all[0])] {
        let listener = TcpListener::bind((taken, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = Server::start(command(&site, &["--listen", &format!("localhost:{port}")]));
        server.process.errors.await_line(|line| line.contains("cannot listen on") && line.contains("in use"));
        assert_eq!(server.address, SocketAddr::new(free, port));
        assert_eq!(server.get("/").text(), WELCOME);
    }
}

#[test]
fn all_addresses_of_the_machine_and_the_urls_of_others() {
    let site = Site::new();
    let everywhere: &[&str] = if has_ipv6() { &[":0", "[::]:0", "0.0.0.0:0"] } else { &["0.0.0.0:0"] };
    for &address in everywhere {
        let mut server = Server::start(command(&site, &["--listen", address]));
        let takes_both = address != "0.0.0.0:0";
        assert_eq!(server.address.is_ipv6(), takes_both, "{}", server.listening_line);
        let port = server.address.port();
        let own: &[&str] = if takes_both { &["127.0.0.1", "::1"] } else { &["127.0.0.1"] };
        for own in own {
            let own = SocketAddr::new(own.parse().expect("an address"), port);
            assert_eq!(Client::connect(own, address).get("/").text(), WELCOME);
        }
        if has_other_addresses() {
            server.process.errors.await_line(|line| line.contains(": others can open http://"));
        }
        for url in urls(&mut server) {
            let other: SocketAddr = url.parse().expect("an address");
            assert!(!other.ip().is_loopback() && other.port() == port, "{url}");
        }
    }
    let mut server = Server::start(command(&site, &["--listen", "127.0.0.1:0"]));
    assert!(urls(&mut server).is_empty());
}

/// The addresses that the lines after the ready line name; the server has ended then.
fn urls(server: &mut Server) -> Vec<String> {
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    let lines = server.process.errors.await_end();
    let ready = lines.iter().position(|line| *line == server.listening_line).expect("the ready line");
    let url = |line: &String| line.strip_prefix("httpd: others can open http://").map(str::to_owned);
    let urls: Vec<String> = lines[ready + 1..].iter().map_while(url).collect();
    assert_eq!(urls.len(), lines.iter().filter_map(url).count(), "{lines:?}");
    urls
}

/// Whether the machine has an address of IPv4 beside those of the loopback.
fn has_other_addresses() -> bool {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let lines: Vec<&str> = table.lines().map(str::trim).collect();
    let is_other = |pair: &[&str]| {
        pair[1].contains("/32 host LOCAL") && pair[0].starts_with("|-- ") && !pair[0].contains(" 127.")
    };
    lines.windows(2).any(is_other)
}

#[test]
fn sockets_that_a_supervisor_passes_on() {
    let site = Site::new();
    let path = site.outside("socket");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let unix = UnixListener::bind(&path).expect("a socket file");
    let place = format!("unix:{}", path.display());
    for round in 0..2 {
        let line = "exec 3<&0 4>&1 0</dev/null 1>/dev/null; export LISTEN_FDS=2 LISTEN_PID=$$";
        let mut command = command(&site, &["-w", "2"]);
        if round > 0 {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut command = after_shell_line(line, &command);
        command.stdin(Stdio::from(OwnedFd::from(tcp.try_clone().expect("another descriptor"))));
        let output = Stdio::from(OwnedFd::from(unix.try_clone().expect("another descriptor")));
        let mut server = Server::start_onto(command, output);
        assert_eq!(places(&server.listening_line), [format!("http://{}", server.address), place.clone()]);
        assert_eq!(server.address, tcp.local_addr().expect("an address"));
        assert_eq!((server.get("/").text(), get(&place)), (WELCOME.into(), WELCOME.into()));
        server.process.errors.await_line(|line| line.contains("unix - - "));
        let is_told = server.process.errors.has_line(|line| line.contains("--listen is passed over"));
        assert_eq!(is_told, round > 0);
        server.process.signal(libc::SIGTERM);
        assert_eq!(server.process.await_exit().code(), Some(0));
        assert!(path.exists(), "it is the supervisor's");
    }
}

#[test]
fn what_is_passed_on_must_be_listening_sockets() {
    let site = Site::new();
    let folder = site.outside("datagrams");
    let datagrams = std::os::unix::net::UnixDatagram::bind(&folder).expect("a socket");
    let line = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$";
    let mut command = after_shell_line(line, &command(&site, &[]));
    command.stdin(Stdio::from(OwnedFd::from(datagrams)));
    let mut process = Process::spawn(command);
    process.errors.await_line(|line| line.contains("descriptor 3 is no listening TCP or unix socket"));
    assert_eq!(process.await_exit().code(), Some(1));
}

#[test]
fn plain_http_is_redirected_to_the_port_of_its_own_host() {
    let site = Site::new();
    let pair = Pair::new();
    let socket = format!("unix:{}", site.outside("socket").display());
    let flags =
        ["--listen", "127.0.0.2:0", "--listen", &socket, "--listen", "127.0.0.2:0", "--http-redirect", "0"];
    let server = certificate::serve(&site, &pair, &flags);
    let (_, redirecting) = server.listening_line.split_once("redirecting ").expect("the ready line");
    let redirecting: Vec<SocketAddr> = redirecting
        .split(", ")
        .map(|place| {
            place.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address")
        })
        .collect();
    let speaking = addresses(&server.listening_line);
    assert_eq!((speaking.len(), redirecting.len()), (3, 2), "{}", server.listening_line);
    for address in redirecting {
        let first = speaking.iter().find(|place| place.ip() == address.ip()).expect("its host");
        let location = Client::connect(address, "redirect").get("/a").must("Location").to_owned();
        assert_eq!(location, format!("https://localhost:{}/a", first.port()));
    }
    let tls = server.tls.as_ref().expect("a certificate");
    let path = site.outside("socket");
    assert_eq!(Client::connect_unix(&path, "TLS").begin_tls(tls).get("/").text(), WELCOME);
}

#[test]
fn nothing_can_be_redirected_without_a_port() {
    let site = Site::new();
    let socket = format!("unix:{}", site.outside("socket").display());
    let [certificate, key] = Pair::new().write(&site.outside("tls"));
    let mut command = command(&site, &["--listen", &socket, "--http-redirect", "0"]);
    command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
    let mut process = Process::spawn(command);
    process
        .errors
        .await_line(|line| line.contains("cannot redirect on port 0: there is no address with a port"));
    assert_eq!(process.await_exit().code(), Some(1));
    assert!(!site.outside("socket").exists());
}
