//! Connections that begin with a PROXY header.

use super::Worker;
use super::reading::is_transient;
use crate::server::close_reason::CloseReason;
use crate::server::connection::Event;
use crate::server::limits::Refusal;
use crate::server::remote::Remote;
use crate::throttle::Throttle;

/// The warning that connections are closed.
static CLOSED: Throttle = Throttle::new();

impl Worker {
    /// Reads the PROXY header of a connection, in the reading half of a turn. `None` once it is there: what follows it is
    /// to be received then.
    pub(super) fn read_proxy_header(&mut self, token: usize) -> Option<Event> {
        let connection = &mut self.slots[token].connection;
        match connection.read_proxy_header(&self.setup.proxies, self.now.instant) {
            Ok(0) => return Some(Event::End),
            Err(error) if is_transient(&error) => return Some(Event::Ready),
            Err(error) => return Some(Event::Broken(error.kind())),
            Ok(_) if connection.lacks_proxy_header() => return Some(Event::Ready),
            Ok(_) => {}
        }
        if connection.closed() == Some(CloseReason::NoProxyHeader) {
            self.note_no_proxy_header(self.slots[token].connection.remote());
            return Some(Event::Ready);
        }
        if !connection.count_client(&self.setup.limits) {
            self.counters().add_refused(Refusal::PerClientLimit);
        }
        None
    }

    /// Says that a connection is closed because it does not begin with a header, or not from a trusted proxy.
    pub(super) fn note_no_proxy_header(&self, remote: &Remote) {
        if CLOSED.permits(self.now.instant) {
            let why = if remote.is_trusted() { "sends no valid PROXY header" } else { "is no trusted proxy" };
            log::warn!("a connection is closed: {} {why}", remote.client());
        }
    }
}
