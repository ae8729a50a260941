//! What to do next: listen, start the workers, wait until they are done.
//!
//! `-w N` runs N of the same loop, the first of them on the main thread. A panic is a bug of ours: it is logged
//! with its place and ends the whole process, because a worker that is half gone would hold connections that
//! nobody answers. A supervisor, or the container's restart policy, starts a new one.

mod access_log;
mod connection;
mod disk;
mod exchange;
mod input;
mod limits;
mod log_file;
mod output;
mod privileges;
mod progress;
mod timers;
#[cfg(debug_assertions)]
mod trial;
mod worker;
mod workers;

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use crate::config::Config;
use crate::site::CacheShare;
use crate::site::resolve::Root;
use crate::sys::file::raise_descriptor_limit;
use crate::sys::signal::Signals;
use crate::sys::socket::Listener;
use crate::sys::user::become_user;
use disk::Disk;
use limits::ConnectionLimits;
use log_file::{LogFile, start_log_opener};
#[cfg(debug_assertions)]
pub use trial::Trial;
use worker::{Setup, Worker};
use workers::Workers;

/// Why the server could not start or go on: what failed, and what the system says of it.
#[derive(Debug)]
pub struct Error {
    what: String,
    source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: {}", self.what, self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Names what was tried, for the operator.
trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error { what: what(), source })
    }
}

/// Serves until a signal says stop.
///
/// # Errors
/// An [`Error`] when the server cannot start: the root, the log, the address.
pub fn run(config: &Config) -> Result<(), Error> {
    let log_file = open_log(config.log.file.as_deref())?;
    start_logger(log_file.clone());
    end_with_a_panic();
    let listener = take_address(config)?;
    if let Some(user) = &config.privileges.user {
        privileges::identity::find(user).and_then(become_user).context(|| format!("cannot run as {user}"))?;
    }
    let root = Root::new(&config.files.document_root)
        .context(|| format!("cannot serve {}", config.files.document_root.display()))?;
    let descriptors = Descriptors::share_out();
    let signals = Signals::new().context(|| "cannot wait for signals".into())?;
    // Behind all that an operator can get wrong: who listens beside another server gets its clients.
    listener
        .listen(i32::from(config.listen.backlog))
        .context(|| format!("cannot listen on {} port {}", config.listen.host, config.listen.port))?;
    let address = listener.local_address().context(|| "cannot tell the address".into())?;
    if !config.privileges.no_sandbox {
        privileges::lockdown::lock_in(&config.files.document_root, root.path());
    }
    #[cfg(debug_assertions)]
    if let Some(trial) = config.privileges.trial {
        trial.run(root.path());
    }

    let count = usize::from(config.limits.workers);
    let share = CacheShare {
        bytes: config.files.cache_size as usize * 1024 * 1024 / count,
        descriptors: descriptors.files / count,
    };
    let limits = Arc::new(limits(config, &descriptors));
    let workers = Arc::new(Workers::new(count).context(|| "cannot make the workers".into())?);
    let listener = Arc::new(listener);
    let disk = Disk::default();
    let setup = |index, signals| Setup {
        index,
        workers: Arc::clone(&workers),
        listener: Some(Arc::clone(&listener)),
        limits: Arc::clone(&limits),
        signals,
        root: root.clone(),
        files: config.files.clone(),
        cache: share,
        disk: disk.clone(),
        log_file: log_file.clone(),
        logs_access: log::log_enabled!(target: "access", log::Level::Info),
        timeouts: config.timeouts,
        keeps_listening: config.listen.reuse_port,
        #[cfg(debug_assertions)]
        panics: config.privileges.trial == Some(Trial::Panic) && index + 1 == count,
    };
    let first = Worker::new(setup(0, Some(signals))).context(|| "cannot make a worker".into())?;
    let others =
        (1..count).map(|index| start_worker(setup(index, None))).collect::<Result<Vec<_>, Error>>()?;
    drop(listener);
    announce(address, &root, count, &log_file);
    first.run().context(|| "cannot wait for events".into())?;
    for other in others {
        // A worker that panics ends the process: there is nothing to join then.
        if let Ok(result) = other.join() {
            result.context(|| "cannot wait for events".into())?;
        }
    }
    Ok(())
}

/// Starts a worker on a thread of its own, and returns once it is ready.
fn start_worker(setup: Setup) -> Result<JoinHandle<io::Result<()>>, Error> {
    let (ready, is_ready) = mpsc::channel();
    let name = format!("worker-{}", setup.index);
    let work = move || match Worker::new(setup) {
        Ok(worker) => {
            // Who started it waits for this word.
            let _ = ready.send(Ok(()));
            worker.run()
        }
        Err(error) => {
            let _ = ready.send(Err(error));
            Ok(())
        }
    };
    let handle = thread::Builder::new().name(name).spawn(work).context(|| "cannot start a thread".into())?;
    let answer = is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
    answer.context(|| "cannot make a worker".into())?;
    Ok(handle)
}

/// Opens the log. To be called first, while there is one thread and nothing open that a process of its own could
/// inherit.
fn open_log(path: Option<&Path>) -> Result<LogFile, Error> {
    let name = || path.map_or("standard error".into(), |path| path.display().to_string());
    let opener =
        path.map(start_log_opener).transpose().context(|| "cannot start a process for the log".into())?;
    LogFile::open(path, opener).context(|| format!("cannot open the log {}", name()))
}

fn start_logger(log_file: LogFile) {
    let filter = env_logger::Env::default().default_filter_or("info");
    let target = env_logger::Target::Pipe(Box::new(log_file));
    // It fails only when there is a logger already: in a test that runs two servers.
    let _ = env_logger::Builder::from_env(filter).target(target).try_init();
}

/// A panic says where it was, in the log too, and ends the process whatever the build's profile says.
fn end_with_a_panic() {
    std::panic::set_hook(Box::new(|panic| {
        log::error!("{panic}; the server ends");
        std::process::abort();
    }));
}

/// The socket that was passed on, or the first address of the host that can be had.
fn take_address(config: &Config) -> Result<Listener, Error> {
    if let Some(listener) = Listener::inherited().context(|| "cannot use LISTEN_FDS".into())? {
        return Ok(listener);
    }
    let (host, port) = (config.listen.host.as_str(), config.listen.port);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addresses = (bare, port).to_socket_addrs().context(|| format!("cannot resolve {host}"))?;
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = Listener::bind(address, config.listen.reuse_port);
        if result.is_ok() {
            break;
        }
    }
    result.context(|| format!("cannot listen on {host} port {port}"))
}

/// What the descriptors are for, as many as this process may have.
struct Descriptors {
    /// A quarter: files that are kept open.
    files: usize,
    /// Half, unless the operator says otherwise: connections. What is left is for files that are being sent and
    /// not kept any more, and for the server itself.
    connections: usize,
    /// The most that an operator can have for connections.
    most_connections: usize,
}

impl Descriptors {
    /// Descriptors that are neither files nor connections that were let in.
    const RESERVE: usize = 200;

    fn share_out() -> Descriptors {
        let all = usize::try_from(raise_descriptor_limit()).unwrap_or(usize::MAX);
        let files = all / 4;
        let connections = (all / 2).max(1);
        Descriptors {
            files,
            connections,
            most_connections: (all - files).saturating_sub(Descriptors::RESERVE).max(connections),
        }
    }
}

fn limits(config: &Config, descriptors: &Descriptors) -> ConnectionLimits {
    let most = descriptors.most_connections;
    let client_limit =
        (config.limits.max_connections_per_ip > 0).then_some(config.limits.max_connections_per_ip as usize);
    let limit = config.limits.max_connections.map_or(descriptors.connections, |limit| limit as usize);
    if limit > most {
        log::warn!("--max-connections {limit} is more than the limit of descriptors allows: it is {most}");
    }
    ConnectionLimits::new(limit.min(most), client_limit)
}

/// The one line that says where the server is. It goes to standard error whatever RUST_LOG says, and to a
/// log file too.
fn announce(address: SocketAddr, root: &Root, workers: usize, log_file: &LogFile) {
    let noun = if workers == 1 { "worker" } else { "workers" };
    let version = env!("CARGO_PKG_VERSION");
    let root = root.path().display();
    let line = format!("httpd {version} listening on http://{address}, serving {root} with {workers} {noun}");
    // Nobody may be there to read it: a closed standard error is no reason not to serve.
    let _ = writeln!(io::stderr(), "{line}");
    if log_file.is_file() {
        log::info!("{line}");
    }
}
