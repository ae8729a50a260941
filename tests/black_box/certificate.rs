//! Certificates that the tests sign themselves, and clients that trust them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::server::Server;
use crate::site::Site;

/// A certificate for `localhost` and its key.
pub(crate) struct Pair {
    pub certificate: String,
    pub key: String,
    der: CertificateDer<'static>,
}

impl Pair {
    /// A pair with the usual kind of key.
    pub(crate) fn new() -> Pair {
        Pair::of(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    pub(crate) fn of(kind: &'static SignatureAlgorithm) -> Pair {
        Pair::with(kind, |_| ())
    }

    pub(crate) fn expired() -> Pair {
        Pair::with(&rcgen::PKCS_ECDSA_P256_SHA256, |parameters| {
            parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        })
    }

    fn with(kind: &'static SignatureAlgorithm, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate_for(kind).expect("a key");
        let mut parameters = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        change(&mut parameters);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Pair { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// The key as it stands inside of its wrapping, under the label of its own form.
    pub(crate) fn unwrapped_key(&self, label: &str) -> String {
        let wrapped = PrivatePkcs8KeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let content = |bytes: &[u8]| {
            let (start, length) = match bytes[1] {
                0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
                0x81 => (3, usize::from(bytes[2])),
                length => (2, usize::from(length)),
            };
            (bytes[start..start + length].to_vec(), bytes[start + length..].to_vec())
        };
        let (fields, _) = content(wrapped.secret_pkcs8_der());
        let (_, after_version) = content(&fields);
        let (_, after_algorithm) = content(&after_version);
        let (key, _) = content(&after_algorithm);
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(&key))
    }

    /// Writes both files into a folder.
    pub(crate) fn write(&self, folder: &Path) -> [PathBuf; 2] {
        fs::create_dir_all(folder).expect("a folder");
        let [certificate, key] = paths(folder);
        fs::write(&certificate, &self.certificate).expect("the certificate");
        fs::write(&key, &self.key).expect("the key");
        [certificate, key]
    }

    /// A client that trusts this certificate and no other one.
    pub(crate) fn client(&self) -> ClientConfig {
        self.client_of(rustls::ALL_VERSIONS)
    }

    pub(crate) fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("versions");
        builder.with_root_certificates(roots).with_no_client_auth()
    }
}

/// RFC 4648 section 4, in lines of 64 letters.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (index, group) in bytes.chunks(3).enumerate() {
        if index > 0 && index % 16 == 0 {
            text.push('\n');
        }
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let letter = LETTERS[number >> (18 - 6 * at) & 63];
            text.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The names of the two files in a folder.
pub(crate) fn paths(folder: &Path) -> [PathBuf; 2] {
    [folder.join("fullchain.pem"), folder.join("privkey.pem")]
}

/// `httpd` for a site, with the pair of this folder.
pub(crate) fn command(site: &Site, folder: &Path, flags: &[&str]) -> Command {
    let [certificate, key] = paths(folder);
    let mut command = site.command(flags);
    command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
    command
}

/// A server with this pair, and clients that trust it.
pub(crate) fn serve(site: &Site, pair: &Pair, flags: &[&str]) -> Server {
    let folder = site.outside("tls");
    pair.write(&folder);
    let mut server = site.start(command(site, &folder, flags));
    server.tls = Some(Arc::new(pair.client()));
    server
}
