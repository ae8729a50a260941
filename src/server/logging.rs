//! The log as the server opens, reopens and ends it.
//!
//! A server that is locked in may open no file to write to: a process of its own, which was started before, opens
//! the log again after it was moved away.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use super::json;
use super::log_file::{LogFile, Target};
use super::log_writer::LogWriter;
use super::{Context, Error};
use crate::config::LogFormat;
use crate::http::date;
use crate::sys::file_opener::{Access, FileOpener};

/// The log of the server.
pub(super) struct Log {
    writer: LogWriter,
    /// `None` for the standard streams, which stay as they are.
    reopener: Option<Arc<Reopener>>,
}

impl Log {
    /// Opens the log, and starts the process that opens it again.
    pub(super) fn open(path: Option<&Path>) -> Result<Log, Error> {
        let name = || path.map_or("standard error".into(), |path| path.display().to_string());
        let target = Target::new(path).context(|| format!("cannot open the log {}", name()))?;
        let open = |target| LogFile::open(target).context(|| format!("cannot open the log {}", name()));
        let standard_error = open(&Target::StandardError)?;
        let Target::File(path) = &target else {
            let writer = match target {
                Target::StandardError => LogWriter::new(standard_error, None),
                _ => LogWriter::new(open(&target)?, Some(LogWriter::new(standard_error, None))),
            };
            return Ok(Log { writer, reopener: None });
        };
        let opener = FileOpener::start(c"httpd-log", &[(path, Access::Append)])
            .context(|| "cannot start a process for the log".into())?;
        let writer = LogWriter::new(open(&target)?, Some(LogWriter::new(standard_error, None)));
        let reopener = Reopener::new(writer.clone(), move || opener.open(0).map(LogFile::from));
        Ok(Log { writer, reopener: Some(Arc::new(reopener)) })
    }

    /// The queue that all threads append to.
    pub(super) fn writer(&self) -> &LogWriter {
        &self.writer
    }

    /// Sends the messages of the server to the log, beside JSON lines as JSON. A panic says where it was, in the log too, and ends the process
    /// whatever the build's profile says.
    pub(super) fn take_messages(&self, format: LogFormat) {
        let filter = env_logger::Env::default().default_filter_or("info");
        let target = env_logger::Target::Pipe(Box::new(self.writer.clone()));
        let mut builder = env_logger::Builder::from_env(filter);
        if format == LogFormat::Json {
            builder.format(|line, record| writeln!(line, "{}", as_json(SystemTime::now(), record)));
        }
        // It fails only when there is a logger already: in a test that runs two servers.
        let _ = builder.target(target).try_init();
        let writer = self.writer.clone();
        std::panic::set_hook(Box::new(move |panic| {
            log::error!("{panic}; the server ends");
            writer.finish();
            std::process::abort();
        }));
    }

    /// Says a line on standard error whatever RUST_LOG says, and in the log.
    pub(super) fn announce(&self, line: &str) {
        self.writer.standard_error().append(format!("{line}\n").as_bytes());
        if !self.writer.is_standard_error() {
            log::info!("{line}");
        }
    }

    /// Opens the file again after it was moved away.
    pub(super) fn reopen(&self) {
        if let Some(reopener) = &self.reopener {
            reopener.request();
        }
    }
}

/// A message as JSON.
fn as_json(now: SystemTime, record: &log::Record) -> String {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (second, fraction) = (date::format_rfc3339(since_1970.as_secs()), since_1970.subsec_micros());
    let mut text = format!("{{\"time\":\"{second}.{fraction:06}Z\"");
    let level = record.level().as_str().to_ascii_lowercase();
    json::push_member("level", Some(level.as_bytes()), &mut text);
    json::push_member("message", Some(record.args().to_string().as_bytes()), &mut text);
    text.push('}');
    text
}

/// Opens the log file again on a thread of its own: the folder of a log may lie on a disk that hangs.
struct Reopener {
    writer: LogWriter,
    open: Box<dyn Fn() -> io::Result<LogFile> + Send + Sync>,
    /// Requests to open the file again that came since that was last done.
    requests: AtomicUsize,
}

impl Reopener {
    fn new(writer: LogWriter, open: impl Fn() -> io::Result<LogFile> + Send + Sync + 'static) -> Reopener {
        Reopener { writer, open: Box::new(open), requests: AtomicUsize::new(0) }
    }

    fn request(self: &Arc<Reopener>) {
        if self.requests.fetch_add(1, Ordering::AcqRel) > 0 {
            return; // The thread that is at it does it once more.
        }
        let reopener = Arc::clone(self);
        let work = move || reopener.serve_requests();
        if let Err(error) = thread::Builder::new().name("log-reopener".into()).spawn(work) {
            self.requests.store(0, Ordering::Release);
            self.complain(&error);
        }
    }

    fn serve_requests(&self) {
        loop {
            let requests = self.requests.load(Ordering::Acquire);
            self.reopen();
            if self.requests.fetch_sub(requests, Ordering::AcqRel) == requests {
                return;
            }
        }
    }

    fn reopen(&self) {
        match (self.open)() {
            Ok(file) => self.writer.continue_in(file),
            Err(error) => self.complain(&error),
        }
    }

    /// Standard error is told too: the old file may have no reader any more.
    fn complain(&self, error: &io::Error) {
        let message = format!("the log cannot be reopened, the old file goes on: {error}");
        log::error!("{message}");
        self.writer.standard_error().append(format!("httpd: {message}\n").as_bytes());
    }
}

/// Says one last line on standard error, which is waited for no longer than any log.
pub fn report(line: &str) {
    let line = format!("{line}\n");
    let writer = LogFile::open(&Target::StandardError).and_then(|file| {
        let writer = LogWriter::new(file, None);
        writer.start().map(|()| writer)
    });
    match writer {
        Ok(writer) => {
            writer.append(line.as_bytes());
            writer.finish();
        }
        // No descriptor or no thread is left: to wait is better than to end without a word.
        Err(_) => eprint!("{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    fn log_at(path: &Path) -> (LogWriter, Reopener) {
        let target = Target::File(path.to_owned());
        let writer = LogWriter::new(LogFile::open(&target).unwrap(), None);
        (writer.clone(), Reopener::new(writer, move || LogFile::open(&target)))
    }

    /// Tells a child process, which is this test once more, to panic with its log there.
    const PANIC_LOG: &str = "LOGGING_PANIC_LOG";

    #[test]
    fn a_panic_says_where_it_was_and_ends_the_process() {
        if let Some(path) = std::env::var_os(PANIC_LOG) {
            let (writer, _) = log_at(Path::new(&path));
            Log { writer, reopener: None }.take_messages(LogFormat::Combined);
            // The process ends before this thread does.
            let _ = thread::spawn(|| panic!("on purpose")).join();
            return;
        }
        const NAME: &str = "server::logging::tests::a_panic_says_where_it_was_and_ends_the_process";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME]);
        let output =
            command.arg("--nocapture").env(PANIC_LOG, &path).env_remove("RUST_LOG").output().unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
        let text = fs::read_to_string(path).unwrap();
        let expected = "panicked at src/server/logging.rs:";
        assert!(text.contains(expected) && text.ends_with("on purpose; the server ends\n"), "{text}");
    }

    #[test]
    fn messages_as_json() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(784_111_777_000_042);
        let message = format_args!("a \"quoted\"\nline");
        let record = log::Record::builder().level(log::Level::Warn).args(message).build();
        let expected =
            r#"{"time":"1994-11-06T08:49:37.000042Z","level":"warn","message":"a \"quoted\"\u000aline"}"#;
        assert_eq!(as_json(now, &record), expected);
    }

    fn write(writer: &LogWriter, line: &[u8]) {
        writer.append(line);
        writer.finish();
    }

    #[test]
    fn a_moved_file_is_left_and_a_new_one_begun() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        let (writer, reopener) = log_at(&path);
        write(&writer, b"one\n");
        fs::rename(&path, &moved).unwrap();
        write(&writer, b"two\n");
        reopener.reopen();
        write(&writer, b"three\n");
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (folder, moved) = (directory.path().join("logs"), directory.path().join("moved"));
        fs::create_dir(&folder).unwrap();
        let (writer, reopener) = log_at(&folder.join("log"));
        fs::rename(&folder, &moved).unwrap();
        reopener.reopen();
        write(&writer, b"kept\n");
        let text = fs::read_to_string(moved.join("log")).unwrap();
        assert!(text.starts_with("httpd: the log cannot be reopened") && text.ends_with("kept\n"), "{text}");
    }
}
