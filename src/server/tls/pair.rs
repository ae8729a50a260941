//! A certificate chain and its private key: read as text, checked together.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{PairFiles, validity};

/// Bytes of the longest file that is read: a chain has a few thousand.
const LONGEST: u64 = 1024 * 1024;

/// The text of both files, read one right after the other.
#[derive(PartialEq, Eq)]
pub(super) struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Texts {
    /// Reads both, each opened by `open`.
    ///
    /// # Errors
    /// A line that names the file.
    pub(super) fn read(
        files: &PairFiles,
        open: impl Fn(u8, &Path) -> io::Result<File>,
    ) -> Result<Texts, String> {
        let [certificate, key] = files.names();
        let read = |index, path: &Path| {
            let text = open(index, path).and_then(read_text);
            text.map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        Ok(Texts { certificate: read(0, certificate)?, key: read(1, key)? })
    }

    /// The texts of a test.
    #[cfg(test)]
    pub(super) fn of(certificate: &str, key: &str) -> Texts {
        Texts { certificate: certificate.into(), key: key.into() }
    }
}

fn read_text(file: File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut text)?;
    match text.len() as u64 {
        0 => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
        length if length > LONGEST => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        _ => Ok(text),
    }
}

/// The cryptography: one for the whole process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// Parses both texts and checks that they fit. A certificate that has expired costs a warning: its clients know best
/// what to make of it.
///
/// # Errors
/// A line that names the file and says what is wrong with it.
pub(super) fn certify(texts: &Texts, files: &PairFiles) -> Result<CertifiedKey, String> {
    let [certificate, key] = files.names().map(Path::display);
    let chain: Vec<CertificateDer> = CertificateDer::pem_slice_iter(&texts.certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("cannot use {certificate}: a certificate in it is no PEM"))?;
    let Some(first) = chain.first() else {
        return Err(format!("cannot use {certificate}: there is no certificate in it, in PEM form"));
    };
    let valid_until = validity::end(first);
    let private = PrivateKeyDer::from_pem_slice(&texts.key).map_err(|_| match is_encrypted(&texts.key) {
        true => format!("cannot use {key}: the private key is encrypted"),
        false => format!("cannot use {key}: there is no private key in it, in PEM form"),
    })?;
    if is_encrypted(&texts.key) {
        return Err(format!("cannot use {key}: the private key is encrypted"));
    }
    let private = provider()
        .key_provider
        .load_private_key(private)
        .map_err(|_| format!("cannot use {key}: no private key of a known kind"))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(format!("cannot use {key}: it does not belong to the certificate {certificate}"));
        }
        Err(_) => return Err(format!("cannot use {certificate}: the first certificate is malformed")),
    }
    if valid_until.is_some_and(|end| end < now()) {
        log::warn!("the certificate {certificate} has expired, and is served all the same");
    }
    Ok(certified)
}

/// PKCS#8 says so in its label, the older forms in a line of their own (RFC 7468 section 11, RFC 1421 section 4.6.1.1).
fn is_encrypted(text: &[u8]) -> bool {
    let has = |words: &[u8]| memchr::memmem::find(text, words).is_some();
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().try_into().unwrap_or(i64::MAX)
}
