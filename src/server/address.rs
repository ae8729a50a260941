//! The address to listen on: the first address of `--host` that can be had.

use std::io;
use std::net::ToSocketAddrs;

use super::{Context, Error};
use crate::config::Listen;
use crate::sys::socket::Listener;

/// Takes the address. Nobody can connect before [`listen`].
pub(super) fn bind(listen: &Listen) -> Result<Listener, Error> {
    let host = listen.host.as_str();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addresses = (bare, listen.port).to_socket_addrs().context(|| format!("cannot resolve {host}"))?;
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = Listener::bind(address, listen.reuse_port);
        if result.is_ok() {
            break;
        }
    }
    result.context(|| format!("cannot listen on {host} port {}", listen.port))
}

/// Lets clients connect.
pub(super) fn listen(listener: &Listener, listen: &Listen) -> Result<(), Error> {
    listener
        .listen(i32::from(listen.backlog))
        .context(|| format!("cannot listen on {} port {}", listen.host, listen.port))
}
