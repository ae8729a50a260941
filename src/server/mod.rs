//! Start and end of the server: take the address, give up rights, start the threads, wait for them.
//!
//! `-w N` runs N times the same loop, each on a thread of its own. A panic is a bug of ours: it is logged with its
//! place and ends the whole process, because a worker that is half gone would hold connections that are never
//! answered. A supervisor, or the container's restart policy, starts a new one.

mod access_log;
mod admin;
mod before_site;
mod blocking;
mod client;
mod close_reason;
mod connection;
mod counters;
mod descriptors;
mod entrances;
mod exchange;
mod input;
mod job_counts;
mod json;
mod limits;
mod listening;
mod log_file;
mod log_writer;
mod logging;
mod login;
mod login_file;
mod main_thread;
mod output;
mod privileges;
mod progress;
mod proxy_header;
mod record;
mod remote;
mod supervisor;
mod timers;
mod tls;
mod transport;
mod worker;
mod workers;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::auth::Logins;
use crate::config::{self, Config, Files};
use crate::http::media_type::Types;
use crate::site::CacheShare;
use crate::site::forms;
use crate::site::in_memory::MemoryFiles;
use crate::site::resolve::Root;
use crate::site::rules::SharedRules;
use crate::site::shared::Shared;
use crate::site::types_file;
use crate::sys::listener::Listener;
use crate::sys::process::Process;
use crate::sys::signal::{self, Signals};
use crate::sys::user::{Identity, become_user};
use admin::Admin;
use admin::listener::AdminListeners;
use admin::report::Sources;
use blocking::Blocking;
use descriptors::Descriptors;
use entrances::Taken;
use listening::Binder;
use listening::socket_file::SocketFiles;
use log_writer::LogWriter;
use logging::Log;
pub use logging::report;
use login_file::LoginFile;
use main_thread::{Duties, WorkerThreads};
use supervisor::Supervisor;
use tls::{PairFiles, Renewal};
use worker::{Entrance, Setup, Speech};
use workers::Workers;

/// Reason for which the server could not start or go on: what failed, and the error of the system.
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

/// Adds the action that failed to an error of the system.
trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error { what: what(), source })
    }
}

/// Makes a limit on the size of files (`ulimit -f`) an error of the write that goes beyond it. Otherwise it would end the
/// process, in the middle of a file. To be called before anything else, whatever the command.
pub fn survive_file_size_limit() {
    signal::ignore_file_size_limit();
}

/// Serves until a signal says stop. The lines that the log has accepted are written before this returns, unless the log
/// takes nothing.
///
/// # Errors
/// An [`Error`] when the server cannot start (the log, the address, the root), or a worker cannot go on.
pub fn run(config: &Config) -> Result<(), Error> {
    let inherited = listening::inherited()?;
    let log = Log::open(config.log.file.as_deref())?;
    log.take_messages(config.log.format);
    for variable in &config.passed_over {
        log::warn!("{variable} is passed over: it is the address of a service, as Kubernetes sets it");
    }
    let result = serve(config, inherited, &log);
    log.writer().finish();
    result
}

/// Serves, in steps whose order matters:
///
/// 1. Take the sockets that a supervisor passes on (above), before anything is opened. Then open the log, and connect to
///    the supervisor.
/// 2. Read the certificate, its key and the logins, and bind the addresses, as the user that started us: keys and low
///    ports are root's. So may be the folders of socket files: a process that keeps these rights removes them at the
///    end. Then become the other user.
/// 3. Open the root, and read the media types, with the rights of that user.
/// 4. Block signals: all threads inherit that, and the main thread reads them.
/// 5. Listen last, after everything that can fail: with `--reuse-port` we take the other server's clients from
///    this moment on.
/// 6. Lock in: all threads inherit that too, and it leaves no right to listen.
/// 7. Start the threads. From then on the main thread waits for signals, and for the workers to finish.
fn serve(config: &Config, inherited: Vec<Listener>, log: &Log) -> Result<(), Error> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let supervisor = Supervisor::connect().context(|| "cannot reach NOTIFY_SOCKET".into())?;
    let renewal = begin_tls(&config.tls)?;
    let login_file = begin_logins(config.access.auth.as_deref())?;
    let user = config.privileges.user.as_deref();
    let owner = find_user(user)?;
    let mut files = SocketFiles::default();
    let mut binder = Binder { reuse_port: config.listen.reuse_port, owner, files: &mut files };
    let taken = Taken::bind(config, inherited, &mut binder)?;
    let mut admin = AdminListeners::bind(&config.watching, &mut binder)?;
    files.hand_over().context(|| "cannot start a process for the sockets".into())?;
    change_user(user, owner)?;
    let root = Root::new(&config.files.document_root)
        .context(|| format!("cannot serve {}", config.files.document_root.display()))?;
    check_fallback(&config.files, &root)?;
    warn_of_served_logins(config.access.auth.as_deref(), &root);
    let rules = read_rules(&config.files, &root)?;
    let forms = forms::share_of(cache_bytes(&config.files));
    let descriptors = Descriptors::share_out();
    let memory_files = MemoryFiles::new(descriptors.memory_files);
    let shared = Shared::new(read_types(&config.files)?, rules, forms, memory_files);
    let blocking = Blocking::new();
    let signals = Signals::new().context(|| "cannot wait for signals".into())?;
    let process = Process::open();
    if let Some(admin) = &mut admin {
        admin.open()?;
    }
    let (scheme, speech) = match &renewal {
        Some(renewal) => ("https", Speech::Https(renewal.tls())),
        None => ("http", Speech::Http),
    };
    let entrances = taken.open(config.listen.backlog, scheme, &speech)?;
    if !config.privileges.no_sandbox {
        privileges::lockdown::lock_in(&config.files.document_root, root.path());
    }
    log.writer().start().context(|| "cannot start a thread for the log".into())?;
    let line = entrances.ready_line(root.path(), config.limits.workers);
    let reachable = entrances.reachable;
    let ways = Ways { entrances: entrances.all, logins: login_file.as_ref().map(LoginFile::logins) };
    let threads = start_workers(config, ways, &root, shared, &descriptors, &blocking, log.writer())?;
    let renewal = renewal.map(Renewal::start).transpose();
    let renewal = renewal.context(|| "cannot start a thread for the certificate".into())?;
    let watched = login_file.map(LoginFile::start).transpose();
    watched.context(|| "cannot start a thread for the logins".into())?;
    if let Some(admin) = &admin {
        log.announce(&format!("httpd: admin pages at {}", admin.places()));
    }
    log.announce(&line);
    for url in reachable {
        log.announce(&format!("httpd: others can open {url}"));
    }
    supervisor.note_ready(&line);
    let sources = Sources {
        blocking,
        log: log.writer().clone(),
        process,
        most_descriptors: descriptors.all,
        started,
        root: root.path().display().to_string(),
    };
    let watch = |listeners| Admin::new(listeners, Arc::clone(threads.workers()), sources, threads.epoll());
    let admin = admin.map(watch).transpose().context(|| "cannot watch the admin address".into())?;
    let duties =
        Duties { signals, log, admin, renewal, supervisor, drain: config.timeouts.drain, stops_at: None };
    threads.wait(duties).context(|| "cannot wait for events".into())
}

/// Reads the certificate and its key, if there is to be TLS.
fn begin_tls(flags: &config::Tls) -> Result<Option<Renewal>, Error> {
    let files = PairFiles::of(flags).context(|| "cannot speak TLS".into())?;
    let renewal = files.map(Renewal::begin).transpose();
    renewal.map_err(io::Error::other).context(|| "cannot speak TLS".into())
}

fn find_user(user: Option<&str>) -> Result<Option<Identity>, Error> {
    let find = |user| privileges::identity::find(user).context(|| format!("cannot run as {user}"));
    user.map(find).transpose()
}

/// Reads the file of logins, if not everybody is to see the site.
fn begin_logins(path: Option<&Path>) -> Result<Option<LoginFile>, Error> {
    let Some(path) = path else { return Ok(None) };
    let file = LoginFile::begin(path).map_err(io::Error::other);
    file.map(Some).context(|| format!("cannot use the logins of {}", path.display()))
}

/// Hashes are secrets: some of them can be guessed.
fn warn_of_served_logins(path: Option<&Path>, root: &Root) {
    let path = path.and_then(|path| path.canonicalize().ok());
    if let Some(path) = path.filter(|path| path.starts_with(root.path())) {
        log::warn!("the logins of {} lie beneath the root: move them elsewhere", path.display());
    }
}

fn change_user(user: Option<&str>, identity: Option<Identity>) -> Result<(), Error> {
    identity.map_or(Ok(()), become_user).context(|| format!("cannot run as {}", user.unwrap_or_default()))
}

/// The fallback must be there at the start. One that goes later is a warning.
fn check_fallback(files: &Files, root: &Root) -> Result<(), Error> {
    match &files.fallback {
        Some(name) if !root.has_file(name.as_bytes()) => {
            Err(io::ErrorKind::NotFound.into()).context(|| format!("cannot serve the fallback {name}"))
        }
        _ => Ok(()),
    }
}

/// The built-in media types, and those of a file.
fn read_types(files: &Files) -> Result<Types, Error> {
    let Some(path) = &files.types else { return Ok(Types::default()) };
    types_file::read(path).context(|| format!("cannot use the media types of {}", path.display()))
}

/// Bytes that may be kept ready, of files and of coded forms.
fn cache_bytes(files: &Files) -> usize {
    usize::try_from(u64::from(files.cache_size) << 20).unwrap_or(usize::MAX)
}

/// The rules of the root, unless they are off. They are read before the first request.
fn read_rules(files: &Files, root: &Root) -> Result<Option<SharedRules>, Error> {
    let rules = files.rules.reading().map(|reading| SharedRules::load_first(root.clone(), reading));
    rules.transpose().context(|| "cannot read the rules".into())
}

/// The ways to the site.
struct Ways {
    entrances: Vec<Entrance>,
    /// The logins, if not everybody may see it.
    logins: Option<Arc<Logins>>,
}

fn start_workers(
    config: &Config,
    ways: Ways,
    root: &Root,
    shared: Shared,
    descriptors: &Descriptors,
    blocking: &Blocking,
    log: &LogWriter,
) -> Result<WorkerThreads, Error> {
    let count = usize::from(config.limits.workers);
    let limits = Arc::new(descriptors.connection_limits(&config.limits));
    let workers = Arc::new(Workers::new(count).context(|| "cannot make the workers".into())?);
    let shared = Arc::new(shared);
    let cache_bytes = cache_bytes(&config.files);
    let cache_bytes = cache_bytes - forms::share_of(cache_bytes);
    let mut threads =
        WorkerThreads::new(Arc::clone(&workers)).context(|| "cannot make the workers".into())?;
    for index in 0..count {
        threads.start(Setup {
            index,
            workers: Arc::clone(&workers),
            entrances: ways.entrances.clone(),
            http2: !config.tls.no_http2,
            limits: Arc::clone(&limits),
            root: root.clone(),
            files: config.files.clone(),
            cache: CacheShare { bytes: cache_bytes / count, descriptors: descriptors.files / count },
            shared: Arc::clone(&shared),
            blocking: blocking.clone(),
            log: log.clone(),
            access_log: log::log_enabled!(target: "access", log::Level::Info).then_some(config.log.format),
            timeouts: config.timeouts,
            logins: ways.logins.clone(),
            health: config.watching.health.clone(),
            proxies: config.proxies.clone(),
            allowed: config.access.allow.clone(),
            keeps_listening: config.listen.reuse_port,
        })?;
    }
    Ok(threads)
}
