//! The words for systemd, or any supervisor that speaks its protocol (sd_notify(3)): a datagram each.
//!
//! The socket is connected before the process is locked in, and never waited for: a supervisor that does not read
//! loses words and holds up nothing. The protocol is small enough to need no crate, and the usual one opens a socket
//! for each word.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use super::workers::Workers;
use crate::sys::clock;

/// The supervisor, if there is one.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
}

/// The supervisor wants to hear at intervals that the server lives.
#[derive(Debug)]
struct Watchdog {
    /// Half of the time after which the supervisor ends the server.
    interval: Duration,
    next: Instant,
}

impl Supervisor {
    /// Connects to the supervisor that the environment names. To be called before the process is locked in.
    ///
    /// # Errors
    /// It names one that is not there.
    pub(super) fn connect() -> io::Result<Supervisor> {
        let socket = match std::env::var_os("NOTIFY_SOCKET") {
            Some(name) if !name.is_empty() => Some(connect_to(&name)?),
            _ => None,
        };
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let microseconds = number("WATCHDOG_USEC").filter(|&microseconds| is_ours && microseconds > 0);
        let watchdog = microseconds.filter(|_| socket.is_some()).map(|microseconds| Watchdog {
            interval: Duration::from_micros(microseconds / 2),
            next: Instant::now(),
        });
        Ok(Supervisor { socket, watchdog })
    }

    /// The server takes requests.
    pub(super) fn note_ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// The server was told to reopen its log. It is ready all the time.
    pub(super) fn note_reload(&self) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", clock::monotonic().as_micros()));
        self.send("READY=1");
    }

    /// The server was told to stop.
    pub(super) fn note_stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Says that the server lives if every worker has gone round since it was asked last, and asks again. Returns when
    /// that is due next.
    pub(super) fn check_watchdog(&mut self, now: Instant, workers: &Workers) -> Option<Instant> {
        let watchdog = self.watchdog.as_mut()?;
        if watchdog.next <= now {
            watchdog.next = now + watchdog.interval;
            if workers.have_answered() {
                self.send("WATCHDOG=1");
                workers.ask();
            }
        }
        self.watchdog.as_ref().map(|watchdog| watchdog.next)
    }

    fn send(&self, words: &str) {
        if let Some(socket) = &self.socket {
            // A supervisor that does not read misses it.
            let _ = socket.send(words.as_bytes());
        }
    }
}

/// The name is that of a file, or after `@` one that no file has.
fn connect_to(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervisor(socket: UnixDatagram) -> Supervisor {
        let watchdog = Watchdog { interval: Duration::from_secs(1), next: Instant::now() };
        Supervisor { socket: Some(socket), watchdog: Some(watchdog) }
    }

    #[test]
    fn it_lives_while_every_worker_goes_round() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut supervisor = supervisor(ours);
        let (workers, start) = (Workers::new(2).unwrap(), Instant::now());
        let has_heard = || theirs.recv(&mut [0; 64]).is_ok();
        let mut check = |second| supervisor.check_watchdog(start + Duration::from_secs(second), &workers);
        assert_eq!(check(1), Some(start + Duration::from_secs(2)));
        assert!(has_heard());
        workers.peer(0).note_turn();
        check(2);
        assert!(!has_heard(), "one of two has not gone round");
        workers.peer(1).note_turn();
        check(3);
        assert!(has_heard());
    }

    #[test]
    fn a_supervisor_that_does_not_read_is_not_waited_for() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let supervisor = supervisor(ours);
        for _ in 0..10_000 {
            supervisor.note_reload();
        }
    }

    #[test]
    fn names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        connect_to(path.as_os_str()).unwrap().send(b"x").unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
        let name = format!("otuserver-test-{}", std::process::id());
        let receiver = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        connect_to(OsStr::new(&format!("@{name}"))).unwrap().send(b"x").unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
        assert!(connect_to(OsStr::new("/nowhere/at/all")).is_err());
    }
}
