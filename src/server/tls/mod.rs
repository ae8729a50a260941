//! TLS: the certificate and its key, the tickets by which clients resume a session, and the sessions themselves.
//! Nothing outside of this folder knows the library that does it.
//!
//! | file | does |
//! | --- | --- |
//! | `pair` | reads a certificate and its key, and checks that they fit |
//! | `validity` | says until when a certificate is valid |
//! | `tickets` | encrypts session tickets with keys that rotate |
//! | `renewal` | takes a changed pair while the server runs |
//! | `session` | bytes of one connection in and out, without a socket |

mod pair;
mod renewal;
mod session;
#[cfg(test)]
pub(super) mod tests;
mod tickets;
mod validity;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;

pub(super) use renewal::{Renewal, Requests};
pub(super) use session::{Failure, MAX_HELD, RECORD, Session, Version};

use crate::config;
use pair::Texts;
use tickets::TicketKeys;

/// The protocols that a client may choose from, the better one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [session::HTTP2, b"http/1.1"];

/// The two files that the operator names.
#[derive(Clone, Debug)]
pub(super) struct PairFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// Whether clients may choose HTTP/2.
    http2: bool,
}

impl PairFiles {
    /// The files of the flags; `None` where there is no TLS.
    ///
    /// # Errors
    /// One of the flags lacks another one.
    pub(super) fn of(flags: &config::Tls) -> io::Result<Option<PairFiles>> {
        let missing =
            |flag: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it needs {flag}")));
        match (&flags.certificate, &flags.key) {
            (Some(certificate), Some(key)) => {
                let (certificate, key) = (certificate.clone(), key.clone());
                Ok(Some(PairFiles { certificate, key, http2: !flags.no_http2 }))
            }
            (Some(_), None) => missing("--tls-key"),
            (None, Some(_)) => missing("--tls-cert"),
            (None, None) if flags.http_redirect.is_some() => missing("--tls-cert"),
            (None, None) => Ok(None),
        }
    }

    /// The names, in the order in which [`Texts`] are read.
    fn names(&self) -> [&Path; 2] {
        [&self.certificate, &self.key]
    }
}

/// The state that all workers share: what a new session begins with.
pub(super) struct Tls {
    tickets: Arc<TicketKeys>,
    /// The pair that new sessions get. One that has begun keeps its own.
    current: Mutex<Arc<ServerConfig>>,
}

impl Tls {
    /// Begins with the pair of these texts.
    ///
    /// # Errors
    /// They are no pair; random numbers are short.
    fn new(texts: &Texts, files: &PairFiles) -> Result<Tls, String> {
        let tickets = Arc::new(TicketKeys::new().map_err(|_| "no random numbers can be had")?);
        let config = configure(texts, files, &tickets)?;
        Ok(Tls { tickets, current: Mutex::new(config) })
    }

    /// A session for a new connection.
    ///
    /// # Errors
    /// The library's: memory or random numbers are short.
    pub(super) fn begin(&self) -> io::Result<Session> {
        let config = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        Session::new(config)
    }

    /// Takes another pair for the sessions that begin from now on.
    ///
    /// # Errors
    /// The texts are no pair: the old one stays.
    fn replace(&self, texts: &Texts, files: &PairFiles) -> Result<(), String> {
        let config = configure(texts, files, &self.tickets)?;
        self.tickets.rotate();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

fn configure(
    texts: &Texts,
    files: &PairFiles,
    tickets: &Arc<TicketKeys>,
) -> Result<Arc<ServerConfig>, String> {
    let certified = pair::certify(texts, files)?;
    let builder = ServerConfig::builder_with_provider(pair::provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config =
        builder.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let protocols = PROTOCOLS.iter().filter(|name| files.http2 || **name != session::HTTP2);
    config.alpn_protocols = protocols.map(|name| name.to_vec()).collect();
    config.ticketer = Arc::<TicketKeys>::clone(tickets);
    // A ticket holds the whole session: nothing is kept for a client that may never come again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}
