//! The real binary as a child process: started, awaited by what it says on standard error, and ended by
//! its own handle. Its output is drained all the time by threads, so that it never blocks on a full pipe,
//! and each line can be awaited with a deadline.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use rustls::ClientConfig;
use tempfile::TempDir;

use crate::client::Client;
use crate::patience::PATIENCE;
use crate::response::Response;
use crate::system;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_httpd");

/// The user and group called nobody nearly everywhere: it owns no file.
const NOBODY: u32 = 65_534;

/// `httpd` without flags, and without what the environment of the tests would tell it.
pub(crate) fn httpd() -> Command {
    without_our_environment(Command::new(BINARY))
}

/// `command`, if these tests run as root, as a user whom file permissions can forbid something.
/// The binary is copied into `folder`, for its own may be closed to that user.
pub(crate) fn unprivileged(command: Command, folder: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    if !system::is_root() {
        return command;
    }
    let copy = folder.join("httpd-copy");
    if !copy.exists() {
        // By another process: were the copy open for writing here while another test forks, the exec of
        // it could fail with "text file busy".
        let status = Command::new("cp").arg(command.get_program()).arg(&copy).status();
        assert!(status.is_ok_and(|status| status.success()), "cp of the binary");
    }
    let mut lowered = without_our_environment(Command::new(copy));
    lowered.args(command.get_args()).uid(NOBODY).gid(NOBODY);
    lowered
}

/// `command` after a line of shell, such as `ulimit -n 40`.
pub(crate) fn after_shell_line(line: &str, command: &Command) -> Command {
    let mut shell = without_our_environment(Command::new("sh"));
    shell.arg("-c").arg(format!("{line}; exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

fn without_our_environment(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name == "RUST_LOG" || name.to_string_lossy().starts_with("HTTPD_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A running `httpd` and the address on which it said that it listens.
pub(crate) struct Server {
    pub process: Process,
    pub address: SocketAddr,
    pub listening_line: String,
    /// The trust of its clients, if it speaks TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// Keeps the site in being for as long as the server, also where the test has let go of it.
    pub _folder: Option<Arc<TempDir>>,
}

impl Server {
    /// Starts `command` and waits for its line on standard error.
    pub(crate) fn start(command: Command) -> Server {
        Server::start_onto(command, Stdio::piped())
    }

    /// The same with something of the test's as standard output.
    pub(crate) fn start_onto(command: Command, output: Stdio) -> Server {
        let process = Process::spawn_onto(command, output);
        let listening_line = process.errors.await_line(|line| line.contains("listening on http"));
        let address = address_in(&listening_line);
        Server { process, address, listening_line, tls: None, _folder: None }
    }

    pub(crate) fn connect(&self) -> Client {
        self.connect_as("client")
    }

    pub(crate) fn connect_as(&self, name: &str) -> Client {
        match &self.tls {
            Some(tls) => Client::connect_tls(self.address, name, tls),
            None => Client::connect(self.address, name),
        }
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Response {
        self.connect_as(target).get(target)
    }
}

fn address_in(listening_line: &str) -> SocketAddr {
    let (_, rest) = listening_line.split_once("://").expect("the caller looked for it");
    let (address, _) = rest.split_once(',').unwrap_or_else(|| panic!("no comma in {listening_line:?}"));
    address.parse().unwrap_or_else(|error| panic!("{address:?} in {listening_line:?}: {error}"))
}

/// A child process whose output is collected line by line. It is killed when it goes out of scope.
pub(crate) struct Process {
    child: Child,
    pub errors: Lines,
    pub output: Lines,
}

impl Process {
    pub(crate) fn spawn(command: Command) -> Process {
        Process::spawn_onto(command, Stdio::piped())
    }

    fn spawn_onto(mut command: Command, output: Stdio) -> Process {
        command.stdout(output).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let errors = Lines::collect(child.stderr.take().expect("piped"));
        let output = match child.stdout.take() {
            Some(stream) => Lines::collect(stream),
            None => Lines::collect(std::io::empty()),
        };
        Process { child, errors, output }
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        system::send_signal(self.child.id(), signal);
    }

    /// Waits for the end. A process that ends closes its standard error, and that is an event.
    pub(crate) fn await_exit(&mut self) -> ExitStatus {
        self.errors.await_end();
        self.child.wait().expect("wait for the child")
    }

    /// How many sockets it has open, the listening one included.
    pub(crate) fn open_sockets(&self) -> usize {
        self.open_descriptors("socket:")
    }

    /// How many descriptors it has open of what begins with `kind`: a path, or a word of the kernel's.
    pub(crate) fn open_descriptors(&self, kind: &str) -> usize {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("proc");
        let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with(kind)).count()
    }

    /// What the kernel says of each of its threads.
    pub(crate) fn thread_statuses(&self) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("proc");
        let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status"));
        threads.map(|thread| status(thread.expect("a thread")).expect("its status")).collect()
    }

    /// The nice values of its threads, each once.
    pub(crate) fn nice_values(&self) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("proc");
        let value = |thread: fs::DirEntry| {
            let stat = fs::read_to_string(thread.path().join("stat")).expect("its numbers");
            let (_, after_name) = stat.rsplit_once(')').expect("a name");
            after_name.split_whitespace().nth(16).expect("a nice value").to_owned()
        };
        let values = threads.map(|thread| value(thread.expect("a thread")));
        values.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// Lets it open descriptors with numbers below `limit` only; those that are open stay.
    pub(crate) fn limit_descriptors(&self, limit: u64) {
        system::limit_descriptors(self.child.id(), limit);
    }

    /// What the kernel grants it.
    pub(crate) fn limits(&self) -> String {
        fs::read_to_string(format!("/proc/{}/limits", self.child.id())).expect("proc")
    }

    /// A line of what the kernel says of it.
    pub(crate) fn status_line(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("proc");
        let line = status.lines().find(|line| line.split(':').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in {status}")).to_owned()
    }

    /// How many kilobytes of its memory are resident.
    pub(crate) fn resident_kilobytes(&self) -> u64 {
        let line = self.status_line("VmRSS");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they come, shared with the thread that reads them.
pub(crate) struct Lines {
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn collect(stream: impl Read + Send + 'static) -> Lines {
        let shared = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let lines = Lines { shared: Arc::clone(&shared) };
        thread::spawn(move || Lines { shared }.read_all(BufReader::new(stream)));
        lines
    }

    /// Waits for the first line that `wanted` accepts.
    pub(crate) fn await_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.await_lines(1, wanted).remove(0)
    }

    /// Waits until `wanted` has accepted `count` lines, and returns those in their order.
    pub(crate) fn await_lines(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let accepted = |collected: &Collected| {
            collected.lines.iter().filter(|line| wanted(line)).take(count).cloned().collect::<Vec<_>>()
        };
        let collected = self.wait_until(|collected| accepted(collected).len() == count || collected.ended);
        let found = accepted(&collected);
        assert_eq!(found.len(), count, "lines awaited in vain among {:#?}", collected.lines);
        found
    }

    /// Whether a line that `wanted` accepts has come already.
    pub(crate) fn has_line(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.lock().lines.iter().any(|line| wanted(line))
    }

    /// Waits for the end of the stream and returns all of it.
    pub(crate) fn await_end(&self) -> Vec<String> {
        let collected = self.wait_until(|collected| collected.ended);
        assert!(collected.ended, "it should have ended; it said {:#?}", collected.lines);
        collected.lines.clone()
    }

    fn wait_until(&self, done: impl Fn(&Collected) -> bool) -> MutexGuard<'_, Collected> {
        let deadline = Instant::now() + PATIENCE;
        let mut collected = self.lock();
        while !done(&collected) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            collected = self.shared.1.wait_timeout(collected, left).expect("no test poisons this").0;
        }
        collected
    }

    fn read_all(&self, mut stream: impl BufRead) {
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            self.lock().lines.push(text);
            self.shared.1.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.shared.0.lock().expect("no test poisons this")
    }
}
