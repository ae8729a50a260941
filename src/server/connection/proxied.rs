//! Connections from trusted proxies: the PROXY header that comes first, and the client that is counted.

use std::io;
use std::time::Instant;

use super::{Connection, State};
use crate::config::Proxies;
use crate::server::close_reason::CloseReason;
use crate::server::limits::ConnectionLimits;
use crate::server::proxy_header::{self, MAX_HEADER};

impl Connection {
    /// True while a PROXY header is to come before anything else.
    pub(in crate::server) fn lacks_proxy_header(&self) -> bool {
        matches!(self.state, State::ReadingProxyHeader(_))
    }

    /// Reads what has arrived of the PROXY header, in the reading half of a turn, and nothing that follows it. A
    /// connection that begins with something else is closed. Returns the bytes of the header that were read; 0 is the end
    /// of the input.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has arrived; the socket's.
    pub(in crate::server) fn read_proxy_header(
        &mut self,
        proxies: &Proxies,
        now: Instant,
    ) -> io::Result<usize> {
        let State::ReadingProxyHeader(reading) = &mut self.state else { return Ok(0) };
        let before = reading.held.len();
        let mut bytes = Vec::with_capacity(MAX_HEADER);
        bytes.extend_from_slice(&reading.held);
        let arrived = self.transport.peek(&mut bytes, MAX_HEADER - before)?;
        let header = proxy_header::parse(&bytes);
        let count = match header {
            Ok(Some(header)) => header.length - before,
            Ok(None) | Err(_) => arrived,
        };
        bytes.truncate(before);
        let count = self.transport.take(&mut bytes, count)?;
        match header {
            Ok(Some(header)) => {
                self.remote.note_header(header.client, proxies);
                self.state = State::first(&self.transport, now);
            }
            Ok(None) => {
                bytes.shrink_to_fit();
                reading.held = bytes;
            }
            Err(_) => self.state = State::Closed(CloseReason::NoProxyHeader),
        }
        Ok(count)
    }

    /// Counts the client of a connection whose PROXY header has come, unless it is another proxy, whose fields are to
    /// tell. Returns whether the client may have one more.
    pub(in crate::server) fn count_client(&mut self, limits: &ConnectionLimits) -> bool {
        self.remote.is_trusted() || self.remote.count(self.remote.client(), limits)
    }
}
