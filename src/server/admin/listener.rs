//! The address for the admin pages: of this machine alone, unless the operator says otherwise.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::config::{AdminAddress, Listen, Watching};
use crate::server::{Context, Error, address};
use crate::sys::listener::Listener;

/// Connections that may wait to be accepted.
const BACKLOG: u16 = 16;

/// The socket of the admin address.
pub(in crate::server) struct AdminListener {
    socket: Listener,
    /// The TCP address as it was asked for.
    tcp: Option<Listen>,
    /// The place where it listens, for people.
    place: String,
}

impl AdminListener {
    /// Takes the address, if there is to be one. `main` says whether ports are shared with another server.
    pub(in crate::server) fn bind(
        watching: &Watching,
        main: &Listen,
    ) -> Result<Option<AdminListener>, Error> {
        match &watching.admin {
            None => Ok(None),
            Some(AdminAddress::Tcp { host, port }) => {
                let (host, port) = (host.clone(), *port);
                let tcp = Listen { host, port, backlog: BACKLOG, reuse_port: main.reuse_port };
                let socket = address::bind(&tcp)?;
                let context = || format!("cannot use {}:{} for --admin", tcp.host, tcp.port);
                let local = socket.local_address().context(context)?;
                if !watching.admin_anywhere && !local.ip().is_loopback() {
                    let text = "other machines reach it; --admin-anywhere allows that";
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, text)).context(context);
                }
                Ok(Some(AdminListener { socket, tcp: Some(tcp), place: String::new() }))
            }
            Some(AdminAddress::Unix(path)) => {
                let place = format!("unix:{}", path.display());
                let socket = bind_unix(path).context(|| format!("cannot use {place} for --admin"))?;
                Ok(Some(AdminListener { socket, tcp: None, place }))
            }
        }
    }

    /// Lets clients connect.
    pub(in crate::server) fn listen(&mut self) -> Result<(), Error> {
        if let Some(tcp) = &self.tcp {
            self.place = format!("http://{}", address::listen(&self.socket, tcp)?);
        }
        Ok(())
    }

    /// The place where it listens, for people.
    pub(in crate::server) fn place(&self) -> &str {
        &self.place
    }

    /// The socket.
    pub(super) fn socket(&self) -> &Listener {
        &self.socket
    }
}

/// Makes a socket file; one that nobody listens on any more makes room.
fn bind_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let is_stale =
        || UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if is_socket && is_stale() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(listener.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_file_that_nobody_listens_on_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin");
        let first = bind_unix(&path).unwrap();
        assert_eq!(bind_unix(&path).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(bind_unix(&path).is_ok());
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(bind_unix(&folder.path().join("file")).is_err());
        assert!(folder.path().join("file").exists());
    }
}
