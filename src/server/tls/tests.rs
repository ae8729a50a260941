//! Sessions driven by a client of the same library, or by bytes that no client would send.

use std::io::{self, Read, Write};
use std::sync::Arc;

use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

/// The state that workers share, and a client that trusts it.
pub(in crate::server) fn pair() -> (Tls, Arc<ClientConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["a".to_owned()]).unwrap().self_signed(&key).unwrap();
    let texts = Texts::of(&certificate.pem(), &key.serialize_pem());
    let files = PairFiles { certificate: "certificate".into(), key: "key".into(), http2: true };
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(pair::provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let client = builder.with_root_certificates(roots).with_no_client_auth();
    (Tls::new(&texts, &files).unwrap(), Arc::new(client))
}

pub(in crate::server) fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), ServerName::try_from("a").unwrap()).unwrap()
}

/// Feeds bytes to a session, and returns what it has read of them.
fn feed(session: &mut Session, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut plaintext = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let receive = |records: &mut Vec<u8>, limit: usize| {
            let (now, later) = rest.split_at(rest.len().min(limit));
            records.extend_from_slice(now);
            rest = later;
            Ok(now.len())
        };
        session.receive(&mut plaintext, receive)?.unwrap();
    }
    Ok(plaintext)
}

/// Lets both sides talk until neither has more to say. The client's bytes arrive in pieces of this size.
fn talk(client: &mut ClientConnection, session: &mut Session, size: usize) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    loop {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        for piece in bytes.chunks(size) {
            read.extend(feed(session, piece)?);
        }
        let mut records = session.unsent();
        let count = records.len();
        while !records.is_empty() {
            client.read_tls(&mut records).unwrap();
            client.process_new_packets().unwrap();
        }
        session.note_sent(count);
        if bytes.is_empty() && count == 0 {
            return Ok(read);
        }
    }
}

#[test]
fn requests_and_answers_pass_however_they_are_cut() {
    let (tls, config) = pair();
    for size in [1, 2, 5, 100, 1000, 100_000] {
        let (mut client, mut session) = (client(&config), tls.begin().unwrap());
        assert!(session.is_handshaking());
        assert_eq!(talk(&mut client, &mut session, size), Ok(Vec::new()));
        assert!(!session.is_handshaking());
        let request = vec![b'r'; 40_000];
        client.writer().write_all(&request).unwrap();
        assert_eq!(talk(&mut client, &mut session, size), Ok(request));
        assert_eq!((session.held(), session.capacity()), (0, 0), "an idle session holds no buffer");
        for length in [1, RECORD] {
            session.encrypt(&vec![b'a'; length]).unwrap();
            talk(&mut client, &mut session, size).unwrap();
            let mut answer = vec![0; length];
            client.reader().read_exact(&mut answer).unwrap();
            assert!(answer.iter().all(|&byte| byte == b'a'));
        }
        session.finish();
        assert!(session.is_finished() && !session.has_ended());
        talk(&mut client, &mut session, size).unwrap();
        assert_eq!(client.reader().read(&mut [0]).unwrap(), 0, "close_notify");
    }
}

#[test]
fn the_end_of_the_client_is_seen_after_its_last_bytes() {
    let (tls, config) = pair();
    let (mut client, mut session) = (client(&config), tls.begin().unwrap());
    talk(&mut client, &mut session, 1000).unwrap();
    client.writer().write_all(b"last").unwrap();
    client.send_close_notify();
    assert_eq!(talk(&mut client, &mut session, 1000).as_deref(), Ok(&b"last"[..]));
    assert!(session.has_ended());
    session.encrypt(b"answer").unwrap();
    talk(&mut client, &mut session, 1000).unwrap();
    let mut answer = [0; 6];
    client.reader().read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
}

#[test]
fn text_is_told_from_records() {
    let (tls, _) = pair();
    for byte in 0..=255 {
        let mut session = tls.begin().unwrap();
        let is_text = feed(&mut session, &[byte]) == Err(Failure::PlainText);
        assert_eq!(is_text, byte.is_ascii_alphabetic() || byte == b'\r' || byte == b'\n', "{byte}");
        if is_text {
            assert_eq!(session.into_plain_text(), [byte]);
        }
    }
}

#[test]
fn a_session_holds_no_more_than_it_may() {
    let (tls, _) = pair();
    let mut session = tls.begin().unwrap();
    // A message of the handshake that would have 16 MiB, in small records.
    let record = [&[22, 3, 1, 0, 100][..], &[1, 0xff, 0xff, 0xff], &[0; 96]].concat();
    let mut fed = 0;
    while feed(&mut session, &record).is_ok() {
        fed += record.len();
        assert!(session.held() <= MAX_HELD && fed <= MAX_HELD, "{fed} bytes");
    }
}

#[test]
fn a_failed_session_says_why_and_reads_no_more() {
    let (tls, _) = pair();
    let mut session = tls.begin().unwrap();
    assert_eq!(feed(&mut session, &[0; 1000]), Err(Failure::Protocol));
    assert!(session.is_finished());
    assert_eq!(session.unsent().first(), Some(&21), "an alert");
    assert_eq!(session.encrypt(b"answer").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A hello or a session that is changed somewhere ends in a failure or goes on, and never in a panic.
    #[test]
    fn no_bytes_of_a_client_make_a_session_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        extra in prop::collection::vec(any::<u8>(), 0..200),
        is_established in any::<bool>(),
        size in 1..2000_usize,
    ) {
        thread_local!(static PAIR: (Tls, Arc<ClientConfig>) = pair());
        PAIR.with(|(tls, config)| {
            let (mut client, mut session) = (client(config), tls.begin().unwrap());
            if is_established {
                talk(&mut client, &mut session, 1000).unwrap();
                client.writer().write_all(b"request").unwrap();
            }
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            for (index, byte) in changes {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            bytes.extend(extra);
            for piece in bytes.chunks(size) {
                if feed(&mut session, piece).is_err() {
                    break;
                }
            }
            session.finish();
        });
    }
}
