//! What a locked-in server must not be able to do, tried from inside. Only debug builds have it; the tests ask for
//! it with `--trial`.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::sys::sandbox::ask_to_be_traced;

/// What to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Trial {
    /// To read a file outside of the root.
    Read,
    /// To write a file beneath the root.
    Write,
    /// To connect to port 9 of this machine.
    Connect,
    /// To listen on another port.
    Listen,
    /// To execute a program.
    Execute,
    /// To be traced by another process.
    Trace,
    /// To panic in a worker, at the first event.
    Panic,
}

impl Trial {
    /// Tries it and says how it went.
    pub fn run(self, root: &Path) {
        let result: io::Result<()> = match self {
            Trial::Read => File::open("/etc/passwd").map(drop),
            Trial::Write => OpenOptions::new().create(true).append(true).open(root.join("trial")).map(drop),
            Trial::Connect => TcpStream::connect(("127.0.0.1", 9)).map(drop),
            Trial::Listen => TcpListener::bind(("127.0.0.1", 0)).map(drop),
            Trial::Execute => Command::new("/bin/true").status().map(drop),
            Trial::Trace => ask_to_be_traced(),
            Trial::Panic => return,
        };
        match result {
            Ok(()) => log::warn!("trial {self:?}: done"),
            Err(error) => log::warn!("trial {self:?}: {error}"),
        }
    }
}
