//! The bytes of one connection, in and out: the only file that names a socket.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use super::tls::{self, Failure, RECORD, Session, Version};
use crate::sys::socket::Socket;

/// Slices that [`Transport::send`] takes at most in one call.
pub(super) use crate::sys::socket::MAX_SLICES;

/// Bytes that [`Transport::receive`] is to have room for: what a session holds at most of a record that is not complete.
pub(super) const RECEIVED: usize = tls::MAX_HELD;
/// Bytes of records that are collected before they are sent: few calls, and no more in memory than one call takes.
const COLLECTED: usize = 64 * 1024;
/// Bytes that the kernel keeps unsent at most where several responses share a connection.
const SHORT_QUEUE: u32 = 32 * 1024;

/// A way to carry bytes: as they are, or encrypted by a session. Nothing here waits: a call that would have to fails with
/// `WouldBlock`.
#[derive(Debug)]
pub(super) struct Transport {
    socket: Socket,
    session: Option<Box<Session>>,
}

impl Transport {
    /// The bytes as they are.
    pub(super) fn plain(socket: Socket) -> Transport {
        Transport { socket, session: None }
    }

    /// TLS.
    pub(super) fn tls(socket: Socket, session: Session) -> Transport {
        Transport { socket, session: Some(Box::new(session)) }
    }

    /// True while no request can come before a handshake is done.
    pub(super) fn is_handshaking(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_handshaking())
    }

    /// The version of TLS, once a handshake is done.
    pub(super) fn version(&self) -> Option<Version> {
        self.session.as_ref().and_then(|session| session.version())
    }

    /// True once a handshake has agreed on HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.speaks_http2())
    }

    /// True if it encrypts.
    pub(super) fn is_tls(&self) -> bool {
        self.session.is_some()
    }

    /// Appends what has arrived to `buffer`, up to [`RECEIVED`] bytes within its spare capacity. 0 is the end of the
    /// input. A client that speaks in plain text where TLS was expected is heard, and answered in plain text.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has arrived that is to be read; `InvalidData` for what is no TLS; the socket's.
    pub(super) fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let Some(session) = &mut self.session else { return self.socket.receive(buffer, RECEIVED) };
        if session.is_finished() {
            self.flush(false)?;
            return self.socket.receive(buffer, RECEIVED);
        }
        let start = buffer.len();
        let socket = &self.socket;
        let received = session.receive(buffer, |records, limit| socket.receive(records, limit));
        // The handshake goes on with what is to be sent now.
        self.flush(false)?;
        match received {
            Ok(Err(error)) => Err(error),
            Ok(Ok(0)) => Ok(0),
            Ok(Ok(_)) if buffer.len() > start => Ok(buffer.len() - start),
            Ok(Ok(_)) if self.session.as_ref().is_some_and(|session| session.has_ended()) => Ok(0),
            Ok(Ok(_)) => Err(io::ErrorKind::WouldBlock.into()),
            Err(Failure::Protocol) => Err(io::ErrorKind::InvalidData.into()),
            Err(Failure::PlainText) => {
                let text = self.session.take().map(|session| session.into_plain_text()).unwrap_or_default();
                buffer.extend_from_slice(&text);
                Ok(text.len())
            }
        }
    }

    /// Appends what has arrived in front of a session to `buffer`, up to `limit` bytes, and leaves it to be received. 0 is
    /// the end of the input.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has arrived; the socket's.
    pub(super) fn peek(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        self.socket.peek(buffer, limit)
    }

    /// Takes bytes away in front of a session, which were peeked at, and appends them to `buffer`.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn take(&self, buffer: &mut Vec<u8>, count: usize) -> io::Result<usize> {
        self.socket.receive(buffer, count)
    }

    /// Whether something has arrived that was not received yet, the end of the input included.
    pub(super) fn has_input(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.held() > 0) || self.socket.has_input()
    }

    /// Sends slices as one. `more` says that the rest of a packet, or the end, follows at once. What is accepted may be
    /// held until [`Transport::flush`].
    pub(super) fn send(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        if self.session.is_none() {
            return self.socket.send(slices, more);
        }
        let session = self.session_with_room()?;
        match slices {
            // Small pieces share a record: the head of a response, its body, and the next ones of a pipeline.
            [first, _, ..] if first.len() < RECORD => {
                let mut record = Vec::with_capacity(RECORD);
                for slice in slices {
                    let room = RECORD - record.len();
                    record.extend_from_slice(&slice[..slice.len().min(room)]);
                }
                session.encrypt(&record)?;
                Ok(record.len())
            }
            [first, ..] => {
                let record = &first[..first.len().min(RECORD)];
                session.encrypt(record)?;
                Ok(record.len())
            }
            [] => Ok(0),
        }
    }

    /// Sends bytes of a file from `offset` on. 0 says that the file has become shorter.
    pub(super) fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        if self.session.is_none() {
            return self.socket.send_file(file, offset, count);
        }
        let session = self.session_with_room()?;
        let mut content = [0; RECORD];
        let mut sent = 0;
        while sent < count && session.unsent().len() < COLLECTED {
            let room = (count - sent).min(RECORD);
            let length = match file.read_at(&mut content[..room], offset + sent as u64) {
                Ok(0) => break,
                Ok(length) => length,
                Err(_) if sent > 0 => break, // it comes again
                Err(error) => return Err(error),
            };
            session.encrypt(&content[..length])?;
            sent += length;
        }
        Ok(sent)
    }

    /// The session, when it holds less than is sent at once.
    fn session_with_room(&mut self) -> io::Result<&mut Session> {
        if self.unsent() >= COLLECTED {
            self.flush(false)?;
        }
        match &mut self.session {
            Some(session) if session.unsent().len() < COLLECTED => Ok(session),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Sends what is held, as far as the socket takes it, and returns whether it has taken all. `ends` says that the
    /// caller ends the stream after that: the client is told so in the same packet (close_notify, RFC 8446 section 6.1).
    ///
    /// # Errors
    /// The connection's.
    pub(super) fn flush(&mut self, ends: bool) -> io::Result<bool> {
        let Some(session) = &mut self.session else { return Ok(true) };
        if ends && !session.is_finished() {
            session.finish();
        }
        while !session.unsent().is_empty() {
            match self.socket.send(&[IoSlice::new(session.unsent())], ends) {
                Ok(count) => session.note_sent(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Bytes that are held and wait for the socket to take them.
    pub(super) fn unsent(&self) -> usize {
        self.session.as_ref().map_or(0, |session| session.unsent().len())
    }

    /// Bytes that were sent and that the client's system has not acknowledged yet. After [`Transport::shutdown`] the
    /// end itself counts as one. `None` where the kernel does not tell.
    pub(super) fn unacknowledged(&self) -> Option<u64> {
        Some(self.socket.unacknowledged()? + self.unsent() as u64)
    }

    /// Lets the kernel keep as much of what could not be sent yet as it likes.
    pub(super) fn lengthen_queue(&self) {
        self.socket.lengthen_queue();
    }

    /// Lets the kernel keep few bytes that it cannot send yet: what is sent next is not far after them.
    pub(super) fn shorten_queue(&self) {
        self.socket.limit_queue(SHORT_QUEUE);
    }

    /// Says that nothing more is sent; the other direction stays open.
    ///
    /// # Errors
    /// The client is gone already.
    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        self.flush(true)?;
        self.socket.shutdown_write()
    }

    /// Makes dropping it throw away what was not acknowledged, and reset the connection.
    pub(super) fn abort_when_dropped(&self) {
        self.socket.forget_when_closed();
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
