//! One session: bytes of the client in, plaintext out, and back. No socket is in it, and nothing waits.
//!
//! Every record that is complete is decrypted at once, and never more than [`MAX_HELD`] bytes are taken in: so no
//! plaintext is ever left inside, where no event would tell of it.

use std::io;
use std::sync::Arc;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeTlsData, EncryptError, WriteTraffic};
use rustls::{ProtocolVersion, ServerConfig};

/// Bytes of records of which a part is missing; more than the largest record has (RFC 8446 section 5.2, RFC 5246
/// section 6.2.3), and than a message of the handshake may have here.
pub(in crate::server) const MAX_HELD: usize = 20 * 1024;
/// Bytes of one record's content at most (RFC 8446 section 5.1).
pub(in crate::server) const RECORD: usize = 16 * 1024;
/// Bytes that encryption adds to a record at most, with what may have to be sent before it.
const OVERHEAD: usize = 256;

/// The name of HTTP/2 among the protocols (RFC 9113 section 3.2).
pub(super) const HTTP2: &[u8] = b"h2";

/// The reason why a session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Failure {
    /// The first bytes are text: somebody speaks HTTP without TLS.
    PlainText,
    /// The client has broken the protocol, or shares no version, algorithm or name of a protocol with us. An alert is
    /// among the bytes to send.
    Protocol,
}

/// A version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Version {
    Tls12,
    Tls13,
}

impl Version {
    /// The name of the version, as logs and metrics write it.
    pub(in crate::server) fn name(self) -> &'static str {
        match self {
            Version::Tls12 => "TLSv1.2",
            Version::Tls13 => "TLSv1.3",
        }
    }
}

/// A session, and the bytes of it that wait for the rest of a record, or for the socket.
pub(in crate::server) struct Session {
    connection: UnbufferedServerConnection,
    /// Records of which a part is missing.
    incoming: Vec<u8>,
    /// Records that are to be sent, from a position on.
    outgoing: Vec<u8>,
    sent: usize,
    stage: Stage,
    /// The version, once the handshake is done.
    version: Option<Version>,
    /// True once the client has said that it sends no more (close_notify).
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has come yet.
    New,
    Handshaking,
    Established,
    /// The last record is in `outgoing`.
    Finished,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        // Neither keys nor bytes belong into a message.
        formatter.debug_struct("Session").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Session {
    /// A session that has not begun.
    ///
    /// # Errors
    /// The library's.
    pub(super) fn new(config: Arc<ServerConfig>) -> io::Result<Session> {
        let connection = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        Ok(Session {
            connection,
            incoming,
            outgoing,
            sent: 0,
            stage: Stage::New,
            version: None,
            has_ended: false,
        })
    }

    /// True while no request can come yet.
    pub(in crate::server) fn is_handshaking(&self) -> bool {
        matches!(self.stage, Stage::New | Stage::Handshaking)
    }

    /// The version that is spoken; `None` while the handshake is not done, or if it failed.
    pub(in crate::server) fn version(&self) -> Option<Version> {
        self.version
    }

    /// True once the handshake has agreed on HTTP/2.
    pub(in crate::server) fn speaks_http2(&self) -> bool {
        self.connection.alpn_protocol() == Some(HTTP2)
    }

    /// True if the client sends no more.
    pub(in crate::server) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// True once the last record was made: nothing that comes is read any more.
    pub(in crate::server) fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// Bytes of records of which a part is missing.
    pub(in crate::server) fn held(&self) -> usize {
        self.incoming.len()
    }

    /// Lets `receive` append bytes of the client to the records, and reads what is complete; its content is appended to
    /// `plaintext`. Returns what `receive` does.
    ///
    /// # Errors
    /// Those of `receive`; a [`Failure`], after which nothing is read any more.
    pub(in crate::server) fn receive(
        &mut self,
        plaintext: &mut Vec<u8>,
        receive: impl FnOnce(&mut Vec<u8>, usize) -> io::Result<usize>,
    ) -> Result<io::Result<usize>, Failure> {
        let room = MAX_HELD - self.incoming.len();
        self.incoming.reserve_exact(room);
        let received = receive(&mut self.incoming, room);
        if matches!(received, Ok(1..)) {
            self.read(plaintext)?;
        }
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        Ok(received)
    }

    fn read(&mut self, plaintext: &mut Vec<u8>) -> Result<(), Failure> {
        if self.stage == Stage::New {
            if self.incoming.first().is_some_and(|&byte| is_text(byte)) {
                return Err(Failure::PlainText);
            }
            self.stage = Stage::Handshaking;
        }
        let mut incoming = std::mem::take(&mut self.incoming);
        let result = self.read_records(&mut incoming, plaintext);
        if let Err(Failure::Protocol) = result {
            self.take_alert(&mut incoming);
            return result;
        }
        if incoming.len() == MAX_HELD {
            self.stage = Stage::Finished;
            return Err(Failure::Protocol);
        }
        self.incoming = incoming;
        result
    }

    fn read_records(&mut self, incoming: &mut Vec<u8>, plaintext: &mut Vec<u8>) -> Result<(), Failure> {
        loop {
            let status = self.connection.process_tls_records(incoming);
            let discard = status.discard;
            let goes_on = match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        plaintext.extend_from_slice(record.map_err(|_| Failure::Protocol)?.payload);
                    }
                    Ok(true)
                }
                Ok(ConnectionState::EncodeTlsData(data)) => Ok(encode(data, &mut self.outgoing)),
                Ok(ConnectionState::TransmitTlsData(transmission)) => {
                    transmission.done();
                    Ok(true)
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.has_ended = true;
                    Ok(true)
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    self.stage = Stage::Established;
                    self.version = Some(match self.connection.protocol_version() {
                        Some(ProtocolVersion::TLSv1_2) => Version::Tls12,
                        _ => Version::Tls13,
                    });
                    Ok(false)
                }
                Ok(_) => Ok(false),
                Err(_) => Err(Failure::Protocol),
            };
            incoming.drain(..discard);
            if !goes_on? {
                return Ok(());
            }
        }
    }

    /// Takes what the failed session has left to say, up to the alert that tells the client what is wrong. The library
    /// must not be asked again after that alert: it would read on, and fail a second time.
    fn take_alert(&mut self, incoming: &mut [u8]) {
        self.stage = Stage::Finished;
        loop {
            let start = self.outgoing.len();
            match self.connection.process_tls_records(incoming).state {
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.outgoing),
                _ => return,
            };
            if self.outgoing.len() == start || is_alert(&self.outgoing[start..]) {
                return;
            }
        }
    }

    /// Encrypts a piece of a response, [`RECORD`] bytes at most.
    ///
    /// # Errors
    /// The session has failed, or its keys have encrypted as much as they may.
    pub(in crate::server) fn encrypt(&mut self, piece: &[u8]) -> io::Result<()> {
        debug_assert!(piece.len() <= RECORD);
        self.write(piece.len(), |traffic, room| traffic.encrypt(piece, room))
    }

    /// Says that nothing more is sent (close_notify); the other direction stays open.
    pub(in crate::server) fn finish(&mut self) {
        if self.stage == Stage::Established {
            // It fails where no record can be encrypted any more: the client then sees that the end is missing.
            let _ = self.write(0, |traffic, room| traffic.queue_close_notify(room));
        }
        self.stage = Stage::Finished;
    }

    /// Appends what `write` makes of `length` bytes to the records to send.
    fn write(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut WriteTraffic<ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        if self.stage != Stage::Established {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let start = self.outgoing.len();
        let status = self.connection.process_tls_records(&mut self.incoming);
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        self.outgoing.resize(start + length + OVERHEAD, 0);
        let written = write(&mut traffic, &mut self.outgoing[start..]);
        self.outgoing.truncate(start + written.as_ref().copied().unwrap_or(0));
        written.map(drop).map_err(io::Error::other)
    }

    /// The records that are to be sent.
    pub(in crate::server) fn unsent(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// Notes that so many bytes of them are sent. No buffer is held once all are.
    pub(in crate::server) fn note_sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.outgoing.len() {
            (self.outgoing, self.sent) = (Vec::new(), 0);
        }
    }

    /// Bytes of memory for records.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.incoming.capacity() + self.outgoing.capacity()
    }

    /// The bytes that have come in plain text, after a [`Failure::PlainText`].
    pub(in crate::server) fn into_plain_text(self) -> Vec<u8> {
        self.incoming
    }
}

/// Appends a record of the handshake, or an alert. Returns whether it could be made.
fn encode(mut data: EncodeTlsData<ServerConnectionData>, outgoing: &mut Vec<u8>) -> bool {
    use rustls::unbuffered::{EncodeError, InsufficientSizeError};
    let start = outgoing.len();
    let mut room = OVERHEAD;
    // Its size is known after a first attempt.
    loop {
        outgoing.resize(start + room, 0);
        match data.encode(&mut outgoing[start..]) {
            Ok(written) => {
                outgoing.truncate(start + written);
                return true;
            }
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size }))
                if required_size > room =>
            {
                room = required_size;
            }
            Err(_) => {
                outgoing.truncate(start);
                return false;
            }
        }
    }
}

/// True if a record is an alert, by its type, or by its length where that is encrypted: level, description, type and tag
/// (RFC 8446 sections 5.2 and 6). No message of a handshake is as short.
fn is_alert(record: &[u8]) -> bool {
    const HEADER: usize = 5;
    match record {
        [21, ..] => true,
        [23, ..] => record.len() <= HEADER + 2 + 1 + 16,
        _ => false,
    }
}

/// True if a first byte is one of a request in plain text, an empty line before it included. No record begins with one
/// (RFC 8446 section 5.1).
fn is_text(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'\r' | b'\n')
}
