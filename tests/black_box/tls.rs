//! TLS as clients see it: what is spoken, what is refused, and that the answers are the same as without it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::{AlertDescription, ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};

use crate::admin;
use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::feeding::{After, Row, check};
use crate::patience::PATIENCE;
use crate::server::{Process, Server};
use crate::site::{Site, WELCOME, pattern};

#[test]
fn the_ready_line_says_https_and_files_come_whole() {
    let site = Site::new();
    let large = pattern(3_000_000);
    site.write("large", &large);
    let server = certificate::serve(&site, &Pair::new(), &[]);
    assert!(server.listening_line.contains("listening on https://127.0.0.1:"), "{}", server.listening_line);
    let mut client = server.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/").text(), WELCOME);
        assert!(client.get("/large").body == large, "the large file is not the same");
    }
    let reply = client.ask("GET", "/large", "Range: bytes=16380-16400,2999990-\r\n");
    assert_eq!(reply.status, 206);
}

#[test]
fn kinds_of_keys_and_versions() {
    let site = Site::new();
    for (what, kind) in [
        ("ECDSA P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("ECDSA P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("Ed25519", &rcgen::PKCS_ED25519),
        ("RSA 2048", &rcgen::PKCS_RSA_SHA256),
    ] {
        let pair = Pair::of(kind);
        let mut server = certificate::serve(&site, &pair, &[]);
        for (offered, expected) in [
            (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
            (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        ] {
            server.tls = Some(Arc::new(pair.client_of(&[offered])));
            let mut client = server.connect_as(what);
            assert_eq!(client.get("/").text(), WELCOME, "{what}");
            assert_eq!(client.tls().protocol_version(), Some(expected), "{what}");
        }
    }
}

/// PKCS#1 and SEC1 are what PKCS#8 wraps (RFC 8017 appendix A.1.2, RFC 5915, RFC 5958).
#[test]
fn older_forms_of_keys() {
    let site = Site::new();
    for (kind, label) in
        [(&rcgen::PKCS_RSA_SHA256, "RSA PRIVATE KEY"), (&rcgen::PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY")]
    {
        let mut pair = Pair::of(kind);
        let bare = pair.unwrapped_key(label);
        pair.key = bare;
        let server = certificate::serve(&site, &pair, &[]);
        assert_eq!(server.get("/").text(), WELCOME, "{label}");
    }
}

#[test]
fn a_pair_that_cannot_be_used_costs_one_line_that_names_the_file() {
    let site = Site::new();
    let [good, other] = [Pair::new(), Pair::new()];
    let folder = site.outside("tls");
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old_encrypted = good.key.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n");
    for (certificate, key, named, why) in [
        (Some(&*good.certificate), None, "privkey.pem", "No such file"),
        (None, Some(&*good.key), "fullchain.pem", "No such file"),
        (Some(""), Some(&*good.key), "fullchain.pem", "empty"),
        (Some(&*good.certificate), Some(""), "privkey.pem", "empty"),
        (Some("no PEM"), Some(&*good.key), "fullchain.pem", "no certificate"),
        (Some(&*good.certificate), Some("no PEM"), "privkey.pem", "no private key"),
        (Some(&*good.key), Some(&*good.key), "fullchain.pem", "no certificate"),
        (Some(&*good.certificate), Some(&*good.certificate), "privkey.pem", "no private key"),
        (Some(&*good.certificate), Some(&*encrypted), "privkey.pem", "encrypted"),
        (Some(&*good.certificate), Some(&*old_encrypted), "privkey.pem", "encrypted"),
        (Some(&*good.certificate), Some(&*other.key), "privkey.pem", "does not belong"),
    ] {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        for (path, text) in certificate::paths(&folder).iter().zip([certificate, key]) {
            if let Some(text) = text {
                fs::write(path, text).expect("a file");
            }
        }
        let line = refusal(certificate::command(&site, &folder, &[]));
        assert!(line.contains(named) && line.contains(why), "{named} {why}: {line}");
    }
}

#[test]
fn a_flag_that_lacks_another_one_costs_one_line() {
    let site = Site::new();
    let [certificate, key] = Pair::new().write(&site.outside("tls"));
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    for (flags, wanted) in [
        (["--tls-cert", &path(&certificate)], "--tls-key"),
        (["--tls-key", &path(&key)], "--tls-cert"),
        (["--http-redirect", "0"], "--tls-cert"),
    ] {
        let line = refusal(site.command(&flags));
        assert!(line.contains(wanted), "{flags:?}: {line}");
    }
}

/// The one line of a server that does not start.
fn refusal(command: std::process::Command) -> String {
    let mut process = Process::spawn(command);
    let code = process.await_exit().code();
    let lines = process.errors.await_end();
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    lines[0].clone()
}

#[test]
fn an_expired_certificate_costs_a_warning_and_is_served() {
    let site = Site::new();
    let pair = Pair::expired();
    let server = certificate::serve(&site, &pair, &[]);
    server.process.errors.await_line(|line| line.contains("fullchain.pem has expired"));
    let error = server.connect().shake_hands().expect_err("the client refuses it");
    assert!(error.to_string().contains("certificate expired"), "{error}");
}

#[test]
fn names_of_protocols() {
    // RFC 7301 section 3.2
    let site = Site::new();
    let pair = Pair::new();
    let servers = [&[][..], &["--no-http2"]].map(|flags| certificate::serve(&site, &pair, flags));
    for (server, offered, expected) in [
        (0, &[][..], Ok(None)),
        (0, &["http/1.1"], Ok(Some("http/1.1"))),
        (0, &["h2", "http/1.1"], Ok(Some("h2"))),
        (0, &["http/1.1", "h2"], Ok(Some("h2"))),
        (0, &["h2"], Ok(Some("h2"))),
        (0, &["spdy/1"], Err(())),
        (1, &["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (1, &["h2"], Err(())),
    ] {
        let mut config = pair.client();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.enable_sni = false;
        let mut client = Client::connect_tls(servers[server].address, "names", &Arc::new(config));
        match (client.shake_hands(), expected) {
            (Ok(()), Ok(expected)) => {
                assert_eq!(client.tls().alpn_protocol(), expected.map(str::as_bytes), "{offered:?}");
                if expected != Some("h2") {
                    assert_eq!(client.get("/").text(), WELCOME, "{offered:?}");
                }
            }
            (Err(error), Err(())) => assert_eq!(alert(&error), Some(AlertDescription::NoApplicationProtocol)),
            (result, _) => panic!("{offered:?}: {result:?}"),
        }
    }
}

/// The alert that has ended a session.
fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[test]
fn tickets_are_taken_by_every_worker_and_after_a_renewal() {
    let site = Site::new();
    let pair = Pair::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let server = certificate::serve(&site, &pair, &["-w", "4"]);
        let mut config = pair.client_of(&[version]);
        config.resumption = Resumption::in_memory_sessions(16);
        config.enable_early_data = true;
        let config = Arc::new(config);
        let kind = |config: &Arc<ClientConfig>| {
            let mut client = Client::connect_tls(server.address, "tickets", config);
            assert_eq!(client.get("/").text(), WELCOME);
            assert!(client.tls().early_data().is_none(), "early data is offered");
            client.tls().handshake_kind()
        };
        let first = kind(&config);
        assert!(matches!(first, Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest)));
        for _ in 0..20 {
            assert_eq!(kind(&config), Some(HandshakeKind::Resumed), "{version:?}");
        }
        Pair::new().write(&site.outside("tls"));
        server.process.signal(libc::SIGHUP);
        server.process.errors.await_line(|line| line.contains("the certificate was renewed"));
        assert_eq!(kind(&config), Some(HandshakeKind::Resumed), "{version:?} after a renewal");
    }
}

#[test]
fn plain_text_on_the_port_of_tls_is_told_so() {
    let site = Site::new();
    let server = certificate::serve(&site, &Pair::new(), &[]);
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "G",
        "get",
        "\r\nGET / HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = Client::connect(server.address, request);
        client.send(request);
        let reply = client.response();
        assert_eq!((reply.status, reply.says_close()), (400, true), "{request}");
        assert!(reply.text().contains("TLS"), "{request}: {}", reply.text());
        assert_eq!(reply.must("Content-Type").split(';').next(), Some("text/plain"));
        client.assert_closed();
    }
    let reply = Client::connect(server.address, "HEAD").request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.status, 400);
    assert_eq!(server.get("/").text(), WELCOME);
}

/// The first bytes of a client.
fn hello(pair: &Pair) -> Vec<u8> {
    let host = "localhost".try_into().expect("a host");
    let mut connection = ClientConnection::new(Arc::new(pair.client()), host).expect("a session");
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).expect("a hello");
    bytes
}

/// A socket without TLS.
fn raw(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.address).expect("connect");
    socket.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    socket
}

#[test]
fn a_handshake_that_stops_at_any_byte_has_the_time_of_a_head() {
    let site = Site::new();
    let pair = Pair::new();
    let server = certificate::serve(&site, &pair, &["--head-timeout", "0.5"]);
    let hello = hello(&pair);
    let before = server.process.open_sockets();
    let begin = Instant::now();
    let sockets: Vec<TcpStream> = (1..=hello.len())
        .step_by(7)
        .chain([hello.len()])
        .map(|length| {
            let mut socket = raw(&server);
            socket.write_all(&hello[..length]).expect("send");
            socket
        })
        .collect();
    for mut socket in sockets {
        let mut answer = Vec::new();
        // A reset is an end as well.
        let _ = socket.read_to_end(&mut answer);
    }
    assert!(begin.elapsed() >= Duration::from_millis(400), "they were closed too soon");
    assert_eq!(server.get("/").text(), WELCOME);
    crate::patience::eventually("nothing leaks", || server.process.open_sockets() == before);
}

#[test]
fn garbage_ends_its_own_connection_and_no_other_one() {
    let site = Site::new();
    let pair = Pair::new();
    let server = certificate::serve(&site, &pair, &[]);
    let hello = hello(&pair);
    let noise = pattern(40_000);
    let oversized = [&[22, 3, 1, 0xff, 0xff][..], &noise].concat();
    // A message of the handshake that would have 16 MiB, in records that are full.
    let mut endless = Vec::new();
    for part in 0..8 {
        endless.extend_from_slice(&[22, 3, 1, 0x40, 0]);
        let start = endless.len();
        endless.extend_from_slice(&[0; 0x4000]);
        if part == 0 {
            endless[start..start + 4].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
        }
    }
    let alerts = [21, 3, 3, 0, 2, 1, 90].repeat(50);
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("noise".into(), noise.clone()),
        ("a record that is too long".into(), oversized),
        ("a message without end".into(), endless),
        ("warnings".into(), alerts),
        ("no type of a record".into(), vec![0x50 + 0x80; 100]),
        ("SSL 2".into(), vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 7, 0, 0xc0]),
        ("two hellos".into(), [&hello[..], &hello].concat()),
        ("data before its time".into(), [&hello[..], &[23, 3, 3, 0, 1, 0]].concat()),
    ];
    cases.extend((5..hello.len()).step_by(29).map(|index| {
        let mut changed = hello.clone();
        changed[index] ^= 0x55;
        (format!("byte {index} changed"), [&changed[..], &[23, 3, 3, 0, 1, 0]].concat())
    }));
    for (what, bytes) in cases {
        let mut socket = raw(&server);
        // The server may have closed before all is sent.
        let _ = socket.write_all(&bytes);
        let mut answer = Vec::new();
        match socket.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{what}"),
        }
        assert_eq!(server.get("/").text(), WELCOME, "after {what}");
    }
}

#[test]
fn key_updates_without_end_are_refused_and_a_few_are_not() {
    // RFC 8446 section 4.6.3
    let site = Site::new();
    let pair = Pair::new();
    let server = certificate::serve(&site, &pair, &[]);
    let mut client = server.connect();
    client.shake_hands().expect("a handshake");
    for _ in 0..5 {
        client.tls().refresh_traffic_keys().expect("a key update");
        assert_eq!(client.get("/").text(), WELCOME);
    }
    // The server may have closed before all are sent.
    let _ = (0..200).try_for_each(|_| {
        client.tls().refresh_traffic_keys().map_err(io::Error::other)?;
        client.complete_io()
    });
    let error = client.read_to_error();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "two hundred key updates were taken");
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn the_end_is_announced_and_an_answer_that_is_cut_off_is_seen() {
    let site = Site::new();
    site.write_sparse("huge", 64 << 20, b"end");
    let flags = ["--idle-timeout", "0.3", "--stall-timeout", "1", "--grace", "0.3"];
    let mut server = certificate::serve(&site, &Pair::new(), &flags);
    // Each of these reads fails without close_notify.
    let mut client = server.connect_as("the client wants the end");
    let reply = client.request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(reply.text(), WELCOME);
    client.assert_closed();
    let mut client = server.connect_as("a bad request");
    assert_eq!(client.request("GET / HTTP/1.1\r\n\r\n").status, 400);
    client.assert_closed();
    let mut client = server.connect_as("idle");
    assert_eq!(client.get("/").text(), WELCOME);
    client.assert_closed();
    let mut client = server.connect_as("a half-close");
    assert_eq!(client.get("/").text(), WELCOME);
    client.finish_sending();
    client.assert_closed();
    let mut client = server.connect_as("cut off");
    client.send("GET /huge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.response_head();
    server.process.signal(libc::SIGTERM);
    assert_eq!(server.process.await_exit().code(), Some(0));
    let error = client.read_to_error();
    assert!(
        matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let site = Site::new();
    let content = pattern(8_000_000);
    site.write("large", &content);
    let server = certificate::serve(&site, &Pair::new(), &[]);
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.response_head();
    // The socket is full before the first read of these.
    std::thread::sleep(Duration::from_millis(200));
    assert!(client.read(content.len()) == content, "not the same");
    client.assert_closed();
}

#[test]
fn heads_are_read_as_they_are_without_tls() {
    let site = Site::new();
    let server = certificate::serve(&site, &Pair::new(), &[]);
    let table: &[Row] = &[
        ("a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, After::Stays),
        ("two fields of Host", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, After::Closes),
        ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", 200, After::Closes),
        ("keep-alive", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, After::Stays),
        ("a body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, After::Stays),
        (
            "chunks",
            b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            200,
            After::Stays,
        ),
        ("a missing file", b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404, After::Stays),
        ("HEAD", b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, After::Stays),
        ("a version", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, After::Closes),
        ("a space before a colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, After::Closes),
    ];
    check(&server, table);
}

#[test]
fn records_that_come_byte_by_byte_are_read_in_every_state() {
    let site = Site::new();
    let server = certificate::serve(&site, &Pair::new(), &[]);
    let mut client = server.connect();
    client.shake_hands().expect("a handshake");
    for (parts, status) in [
        (&["GET / HTTP/1.1\r\nHost: a\r\n\r\n"][..], 200),
        (&["GET / HTTP/1.1\r\n", "Host: a\r\n\r\n"], 200),
        (&["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", "def"], 405),
        (
            &["GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "c\r\n0\r\n", "\r\n"],
            200,
        ),
        (&["GET / HTTP/1.1\r\nHost: a\r\n\r\n"], 200),
    ] {
        for part in parts {
            client.send_cut_records(part.as_bytes(), 1);
        }
        assert_eq!(client.response().status, status, "{parts:?}");
    }
}

#[test]
fn forty_answers_are_the_same_with_and_without_tls() {
    let site = Site::new();
    site.write_dated("page.html", pattern(5_000), 1_000_000_000);
    site.write_dated("large.bin", pattern(300_000), 1_000_000_000);
    site.write_dated("text.txt", "some text", 1_000_000_000);
    site.write("text.txt.gz", "no real gzip");
    site.make_folder("folder");
    site.write("folder/index.html", "in a folder");
    let plain = site.serve();
    let encrypted = certificate::serve(&site, &Pair::new(), &[]);
    let mut requests = Vec::new();
    for target in
        ["/", "/page.html", "/large.bin", "/text.txt", "/folder", "/folder/", "/missing", "/%2e%2e/a"]
    {
        for (method, fields) in [
            ("GET", ""),
            ("HEAD", ""),
            ("GET", "Range: bytes=5-9\r\n"),
            ("GET", "Accept-Encoding: gzip\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n"),
            ("GET", "Range: bytes=0-1,4-7,-2\r\n"),
        ] {
            requests.push((method, target, fields));
        }
    }
    assert_eq!(requests.len(), 40);
    let (mut one, mut other) = (plain.connect_as("plain"), encrypted.connect_as("TLS"));
    for (method, target, fields) in requests {
        let name = format!("{method} {target} {fields}");
        let [one_reply, other_reply] = [&mut one, &mut other].map(|client| {
            let mut reply = client.ask(method, target, fields);
            reply.fields.retain(|(name, _)| name != "Date");
            reply
        });
        // The boundary between ranges is made anew for each response.
        let is_random = one_reply.field("Content-Type").is_some_and(|value| value.contains("boundary"));
        assert_eq!(one_reply.status, other_reply.status, "{name}");
        if is_random {
            assert_eq!(one_reply.body.len(), other_reply.body.len(), "{name}");
        } else {
            assert_eq!(one_reply.fields, other_reply.fields, "{name}");
            assert!(one_reply.body == other_reply.body, "{name}: another body");
        }
        if one_reply.says_close() {
            (one, other) = (plain.connect_as("plain"), encrypted.connect_as("TLS"));
        }
    }
}

#[test]
fn a_file_that_was_replaced_is_never_stale() {
    let site = Site::new();
    let server = certificate::serve(&site, &Pair::new(), &[]);
    let mut client = server.connect();
    for round in 0..50 {
        let text = format!("round {round}");
        site.replace("page", &text);
        assert_eq!(client.get("/page").text(), text);
    }
}

#[test]
fn clients_without_room_are_closed_before_a_handshake() {
    let site = Site::new();
    let pair = Pair::new();
    let server = certificate::serve(&site, &pair, &["--max-connections-per-ip", "1"]);
    let mut first = server.connect_as("first");
    assert_eq!(first.get("/").text(), WELCOME);
    assert!(server.connect_as("second").shake_hands().is_err());
    assert_eq!(first.get("/").text(), WELCOME);
}

#[test]
fn handshakes_are_counted_and_the_log_has_the_version() {
    let pair = Pair::new();
    let options = ["--admin", "127.0.0.1:0", "--log-format", "json"];
    let mut server = certificate::serve(&Site::new(), &pair, &options);
    let admin = admin::of(&server);
    for (offered, name) in [(&rustls::version::TLS12, "TLSv1.2"), (&rustls::version::TLS13, "TLSv1.3")] {
        server.tls = Some(Arc::new(pair.client_of(&[offered])));
        assert_eq!(server.get("/").text(), WELCOME);
        let member = format!("\"tls\":\"{name}\"");
        server.process.errors.await_line(|line| line.contains(&member));
        admin::await_metric(admin, &handshakes(name, "done"), 1.0);
    }
    for (what, bytes) in [
        ("plain text", &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..]),
        ("no record", b"\x00\x01\x02\x03\x04\x05"),
        ("nothing", b""),
    ] {
        let before = admin::metrics(admin)[&handshakes("unknown", "failed")];
        let mut socket = TcpStream::connect(server.address).expect(what);
        socket.write_all(bytes).expect(what);
        drop(socket);
        admin::await_metric(admin, &handshakes("unknown", "failed"), before + 1.0);
    }
    admin::await_metric(admin, &handshakes("TLSv1.3", "done"), 1.0);
}

fn handshakes(version: &str, outcome: &str) -> String {
    format!("httpd_tls_handshakes_total{{version=\"{version}\",outcome=\"{outcome}\"}}")
}
