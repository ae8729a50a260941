//! The address for the admin pages: of this machine alone, unless the operator says otherwise.

use std::io;

use crate::config::Watching;
use crate::server::listening::{self, Binder};
use crate::server::{Context, Error};
use crate::sys::listener::{Listener, Place};

/// Connections that may wait to be accepted.
const BACKLOG: u16 = 16;

/// The sockets of the admin address: several, where it is a name.
pub(in crate::server) struct AdminListeners {
    pub(super) sockets: Vec<Listener>,
    /// The places where they listen, for people.
    places: Vec<String>,
}

impl AdminListeners {
    /// Takes the address, if there is to be one.
    pub(in crate::server) fn bind(
        watching: &Watching,
        binder: &mut Binder,
    ) -> Result<Option<AdminListeners>, Error> {
        let Some(address) = &watching.admin else { return Ok(None) };
        let context = || format!("cannot use {address} for --admin");
        let sockets = binder.bind(address).map_err(|error| error.source).context(context)?;
        for socket in &sockets {
            let place = socket.place().context(context)?;
            if !watching.admin_anywhere && matches!(place, Place::Tcp(local) if !local.ip().is_loopback()) {
                let text = "other machines reach it; --admin-anywhere allows that";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text)).context(context);
            }
        }
        Ok(Some(AdminListeners { sockets, places: Vec::new() }))
    }

    /// Lets clients connect.
    pub(in crate::server) fn open(&mut self) -> Result<(), Error> {
        for socket in &self.sockets {
            self.places.push(listening::name(&listening::open(socket, BACKLOG)?, "http"));
        }
        Ok(())
    }

    /// The places where they listen, for people.
    pub(in crate::server) fn places(&self) -> String {
        self.places.join(", ")
    }
}
