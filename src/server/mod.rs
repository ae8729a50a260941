//! What to do next: listen, start the workers, wait until they are done.
//!
//! `-w N` runs N times the same loop, each on a thread of its own. A panic is a bug of ours: it is logged with its
//! place and ends the whole process, because a worker that is half gone would hold connections that are never
//! answered. A supervisor, or the container's restart policy, starts a new one.

mod access_log;
mod address;
mod blocking;
mod close_reason;
mod connection;
mod descriptors;
mod exchange;
mod input;
mod limits;
mod log_file;
mod main_thread;
mod output;
mod privileges;
mod progress;
mod timers;
mod transport;
#[cfg(debug_assertions)]
mod trial;
mod worker;
mod workers;

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::site::CacheShare;
use crate::site::resolve::Root;
use crate::site::shared::Shared;
use crate::sys::signal::Signals;
use crate::sys::socket::Listener;
use crate::sys::user::become_user;
use blocking::Blocking;
use descriptors::Descriptors;
use log_file::{LogFile, start_log_opener};
use main_thread::WorkerThreads;
#[cfg(debug_assertions)]
pub use trial::Trial;
use worker::Setup;
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

/// Serves until a signal says stop. The order of the steps matters:
///
/// 1. Open the log, while there is one thread: the process that opens it again starts as a copy of this one.
/// 2. Bind the address as the user that started us: low ports need root. Then become the other user.
/// 3. Open the root with the rights of that user.
/// 4. Block signals: all threads inherit that, and the main thread reads them.
/// 5. Listen last, after everything that can fail: with `--reuse-port` we take the other server's clients from
///    this moment on.
/// 6. Lock in: all threads inherit that too, and it leaves no right to listen.
/// 7. Start the workers. From then on the main thread waits for signals, and for the workers to finish.
///
/// # Errors
/// An [`Error`] when the server cannot start (the root, the log, the address), or a worker cannot go on.
pub fn run(config: &Config) -> Result<(), Error> {
    let log_file = open_log(config.log.file.as_deref())?;
    start_logger(log_file.clone());
    end_with_a_panic();
    let listener = address::bind(&config.listen)?;
    change_user(config.privileges.user.as_deref())?;
    let root = Root::new(&config.files.document_root)
        .context(|| format!("cannot serve {}", config.files.document_root.display()))?;
    let descriptors = Descriptors::share_out();
    let signals = Signals::new().context(|| "cannot wait for signals".into())?;
    address::listen(&listener, &config.listen)?;
    let address = listener.local_address().context(|| "cannot tell the address".into())?;
    if !config.privileges.no_sandbox {
        privileges::lockdown::lock_in(&config.files.document_root, root.path());
    }
    #[cfg(debug_assertions)]
    if let Some(trial) = config.privileges.trial {
        trial.run(root.path());
    }
    let threads = start_workers(config, listener, &root, &descriptors, &log_file)?;
    announce(address, &root, config.limits.workers, &log_file);
    threads.wait(signals, &log_file).context(|| "cannot wait for events".into())
}

fn change_user(user: Option<&str>) -> Result<(), Error> {
    let Some(user) = user else { return Ok(()) };
    privileges::identity::find(user).and_then(become_user).context(|| format!("cannot run as {user}"))
}

fn start_workers(
    config: &Config,
    listener: Listener,
    root: &Root,
    descriptors: &Descriptors,
    log_file: &LogFile,
) -> Result<WorkerThreads, Error> {
    let count = usize::from(config.limits.workers);
    let cache_bytes = usize::try_from(u64::from(config.files.cache_size) << 20).unwrap_or(usize::MAX);
    let limits = Arc::new(descriptors.connection_limits(&config.limits));
    let workers = Arc::new(Workers::new(count).context(|| "cannot make the workers".into())?);
    let listener = Arc::new(listener);
    let blocking = Blocking::default();
    let shared = Arc::new(Shared::default());
    let mut threads =
        WorkerThreads::new(Arc::clone(&workers)).context(|| "cannot make the workers".into())?;
    for index in 0..count {
        threads.start(Setup {
            index,
            workers: Arc::clone(&workers),
            listener: Some(Arc::clone(&listener)),
            limits: Arc::clone(&limits),
            root: root.clone(),
            files: config.files.clone(),
            cache: CacheShare { bytes: cache_bytes / count, descriptors: descriptors.files / count },
            shared: Arc::clone(&shared),
            blocking: blocking.clone(),
            log_file: log_file.clone(),
            logs_access: log::log_enabled!(target: "access", log::Level::Info),
            timeouts: config.timeouts,
            keeps_listening: config.listen.reuse_port,
            #[cfg(debug_assertions)]
            panics: config.privileges.trial == Some(Trial::Panic) && index + 1 == count,
        })?;
    }
    Ok(threads)
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

/// The one line that says where the server is. It goes to standard error whatever RUST_LOG says, and to a
/// log file too.
fn announce(address: SocketAddr, root: &Root, workers: u16, log_file: &LogFile) {
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
