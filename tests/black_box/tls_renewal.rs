//! A certificate that is renewed while the server runs.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::patience::eventually;
use crate::server::{Server, unprivileged};
use crate::site::{Site, WELCOME};

/// True if the server has shown this pair's certificate.
fn shows(server: &Server, pair: &Pair) -> bool {
    let mut client = Client::connect_tls(server.address, "look", &Arc::new(pair.client()));
    match client.shake_hands() {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => false,
        Err(error) => panic!("the handshake is broken: {error}"),
    }
}

/// Puts a new symbolic link in the place of an old one.
fn swap_link(target: &Path, link: &Path) {
    let fresh = link.with_file_name("fresh-link");
    std::os::unix::fs::symlink(target, &fresh).expect("the new link");
    fs::rename(fresh, link).expect("the rename");
}

#[test]
fn a_changed_pair_is_taken_by_itself() {
    let site = Site::new();
    let [old, new] = [Pair::new(), Pair::new()];
    let server = certificate::serve(&site, &old, &["-w", "2"]);
    let mut open = server.connect();
    assert_eq!(open.get("/").text(), WELCOME);
    new.write(&site.outside("tls"));
    server.process.errors.await_line(|line| line.contains("the certificate was renewed"));
    assert!(shows(&server, &new) && !shows(&server, &old));
    assert_eq!(open.get("/").text(), WELCOME, "a connection that was open goes on");
}

#[test]
fn a_changed_pair_is_taken_at_once_on_a_signal() {
    let site = Site::new();
    let pairs: Vec<Pair> = (0..5).map(|_| Pair::new()).collect();
    let server = certificate::serve(&site, &pairs[0], &[]);
    for (index, pair) in pairs.iter().enumerate().skip(1) {
        pair.write(&site.outside("tls"));
        server.process.signal(libc::SIGHUP);
        server.process.errors.await_lines(index, |line| line.contains("the certificate was renewed"));
        assert!(shows(&server, pair), "renewal {index}");
    }
}

#[test]
fn a_pair_that_does_not_fit_keeps_the_old_one_and_is_told_once() {
    let site = Site::new();
    let [old, new] = [Pair::new(), Pair::new()];
    let server = certificate::serve(&site, &old, &[]);
    let [certificate, key] = certificate::paths(&site.outside("tls"));
    fs::write(&certificate, &new.certificate).expect("the certificate alone");
    let is_told = |line: &str| line.contains("the certificate is not renewed");
    let line = server.process.errors.await_line(is_told);
    assert!(line.contains("privkey.pem: it does not belong to the certificate"), "{line}");
    assert!(shows(&server, &old));
    // Once more for each signal, and never again for the state itself.
    server.process.signal(libc::SIGHUP);
    server.process.errors.await_lines(2, is_told);
    fs::remove_file(&key).expect("remove the key");
    server.process.signal(libc::SIGHUP);
    let lines = server.process.errors.await_lines(3, is_told);
    assert!(lines[2].contains("cannot read") && lines[2].contains("privkey.pem"), "{lines:?}");
    fs::write(&key, &new.key).expect("the key");
    server.process.errors.await_line(|line| line.contains("the certificate was renewed"));
    assert!(shows(&server, &new));
    assert!(!server.process.errors.has_line(|line| line.contains("PRIVATE KEY")));
}

/// The folder of certbot: `live/NAME/` with links into `archive/NAME/`, each of which is put in place by itself.
#[test]
fn links_that_are_replaced_one_by_one_are_followed() {
    let site = Site::new();
    let folder = site.outside("letsencrypt");
    let (archive, live) = (folder.join("archive"), folder.join("live"));
    fs::create_dir_all(&live).expect("a folder");
    let pairs = [Pair::new(), Pair::new(), Pair::new()];
    let link = |generation: usize| {
        let real = archive.join(generation.to_string());
        for (file, link) in pairs[generation].write(&real).iter().zip(certificate::paths(&live)) {
            swap_link(file, &link);
        }
    };
    link(0);
    let server = site.start(certificate::command(&site, &live, &[]));
    for (generation, pair) in pairs.iter().enumerate().skip(1) {
        link(generation);
        server.process.signal(libc::SIGHUP);
        server.process.errors.await_lines(generation, |line| line.contains("the certificate was renewed"));
        assert!(shows(&server, pair), "generation {generation}");
    }
}

/// The volume of a Kubernetes secret: the names lead through `..data`, a link that is swapped.
#[test]
fn a_hundred_swaps_of_a_folder_under_load_fail_no_handshake() {
    let site = Site::new();
    let volume = site.outside("volume");
    fs::create_dir(&volume).expect("a folder");
    let pairs = [Pair::new(), Pair::new()];
    for (index, pair) in pairs.iter().enumerate() {
        pair.write(&volume.join(format!("..{index}")));
    }
    let data = volume.join("..data");
    swap_link(Path::new("..0"), &data);
    for path in certificate::paths(&volume) {
        let name = path.file_name().expect("a name");
        std::os::unix::fs::symlink(Path::new("..data").join(name), &path).expect("a link");
    }
    let server = site.start(certificate::command(&site, &volume, &["-w", "2"]));
    let (is_over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = server.address;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let clients = pairs.each_ref().map(|pair| Arc::new(pair.client()));
                while !is_over.load(Ordering::Relaxed) {
                    // One of the two is shown, and the other one refused by the client.
                    for client in &clients {
                        let mut client = Client::connect_tls(address, "load", client);
                        match client.shake_hands() {
                            Ok(()) => assert_eq!(client.get("/").text(), WELCOME),
                            Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}"),
                        }
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for round in 1..=100 {
            swap_link(Path::new(&format!("..{}", round % 2)), &data);
            server.process.signal(libc::SIGHUP);
            server.process.errors.await_lines(round, |line| line.contains("the certificate was renewed"));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(served.load(Ordering::Relaxed) >= 100);
}

#[test]
fn the_key_of_another_user_is_read_and_renewed_and_the_server_cannot_open_it() {
    if !crate::system::is_root() {
        return; // nobody else can become another user
    }
    let site = Site::new();
    let [old, new] = [Pair::new(), Pair::new()];
    let folder = site.outside("tls");
    let [_, key] = old.write(&folder);
    let secret = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("chmod");
    };
    secret(&key);
    // The very user, without its rights from before, cannot even start.
    let mut command = unprivileged(certificate::command(&site, &folder, &[]), &site.path(".."));
    command.stderr(std::process::Stdio::piped());
    let output = command.output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let server = site.start(certificate::command(&site, &folder, &["--user", "65534:65534"]));
    assert!(shows(&server, &old));
    new.write(&folder);
    secret(&key);
    eventually("the renewal", || shows(&server, &new));
}
