//! Where the log goes: a file that can be reopened, or standard error. It never stops the serving.
//!
//! A server that is locked down may open no file to write to: a process of its own, which was started before,
//! opens the log again when it was moved away.
//!
//! All threads append through the same descriptor, each line or batch in one call. Reopening puts the new
//! file in the place of the old one beneath that descriptor: no lock, and no line between the two.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::sys::log_opener::LogOpener;

/// Starts the process that opens a log file again. To be called before there is a second thread.
///
/// # Errors
/// The system's.
pub(super) fn start_log_opener(path: &Path) -> io::Result<LogOpener> {
    let path = std::path::absolute(path)?;
    LogOpener::start(move || open_to_append(&path))
}

/// A log that several threads append to.
#[derive(Clone)]
pub(super) struct LogFile(Arc<Shared>);

struct Shared {
    file: File,
    /// `None` for standard error.
    path: Option<PathBuf>,
    /// Who opens the file again; without it, we do.
    opener: Option<LogOpener>,
    /// How often it was asked to be opened again since that was last done.
    reopen_requests: AtomicUsize,
    /// Whether the last append ended in the middle of a line.
    is_torn: AtomicBool,
    /// Whether the last append failed and has been told of.
    is_broken: AtomicBool,
}

impl LogFile {
    /// Opens the file to append to it, or standard error.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(path: Option<&Path>, opener: Option<LogOpener>) -> io::Result<LogFile> {
        // Absolute, so that it is the same file when it is opened again.
        let path = path.map(std::path::absolute).transpose()?;
        let file = match &path {
            Some(path) => open_to_append(path)?,
            None => standard_error()?,
        };
        let (is_torn, is_broken) = (AtomicBool::new(false), AtomicBool::new(false));
        let reopen_requests = AtomicUsize::new(0);
        Ok(LogFile(Arc::new(Shared { file, path, opener, reopen_requests, is_torn, is_broken })))
    }

    /// Appends lines in one call, if the file takes them in one. What it does not take is lost: serving goes on.
    pub(super) fn append(&self, lines: &[u8]) {
        let shared = &self.0;
        let is_written = shared.write(lines);
        if shared.is_broken.swap(!is_written, Ordering::Relaxed) == is_written && shared.path.is_some() {
            let news = if is_written { "takes lines again" } else { "does not take lines; some are lost" };
            say(format_args!("the log file {news}"));
        }
    }

    /// Opens the file anew after it was moved away. Standard error stays as it is. It is done by a thread of its
    /// own: the folder of a log may lie on a disk that hangs.
    pub(super) fn reopen(&self) {
        if self.0.path.is_none() || self.0.reopen_requests.fetch_add(1, Ordering::AcqRel) > 0 {
            return; // who is at it does it once more
        }
        let log = self.clone();
        let work = move || log.serve_reopen_requests();
        if let Err(error) = thread::Builder::new().name("log".into()).spawn(work) {
            self.0.reopen_requests.store(0, Ordering::Release);
            say(format_args!("the log cannot be reopened, the old file goes on: {error}"));
        }
    }

    fn serve_reopen_requests(&self) {
        loop {
            let reopen_requests = self.0.reopen_requests.load(Ordering::Acquire);
            self.reopen_now();
            if self.0.reopen_requests.fetch_sub(reopen_requests, Ordering::AcqRel) == reopen_requests {
                return;
            }
        }
    }

    /// When the file cannot be opened, the old one is kept, and standard error is told too: nobody may be
    /// reading the old one any more.
    fn reopen_now(&self) {
        let opened = match (&self.0.opener, &self.0.path) {
            (Some(opener), _) => opener.open(),
            (None, Some(path)) => open_to_append(path),
            (None, None) => return,
        };
        match opened.and_then(|file| crate::sys::file::replace(self.0.file.as_fd(), file.as_fd())) {
            Ok(()) => log::info!("the log is reopened"),
            Err(error) => {
                log::error!("the log cannot be reopened, the old file goes on: {error}");
                say(format_args!("the log cannot be reopened, the old file goes on: {error}"));
            }
        }
    }

    /// Whether this is a file of its own.
    pub(super) fn is_file(&self) -> bool {
        self.0.path.is_some()
    }
}

impl Shared {
    /// Writes lines; whether all of them were taken. A file that is full may take a part of them: the next line
    /// then begins a line of its own all the same.
    fn write(&self, lines: &[u8]) -> bool {
        if self.is_torn.load(Ordering::Relaxed) {
            match (&self.file).write(b"\n") {
                Ok(1) => self.is_torn.store(false, Ordering::Relaxed),
                _ => return false,
            }
        }
        let mut rest = lines;
        while !rest.is_empty() {
            match (&self.file).write(rest) {
                Ok(count @ 1..) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        let is_torn =
            !rest.is_empty() && lines[..lines.len() - rest.len()].last().is_some_and(|&byte| byte != b'\n');
        if is_torn {
            self.is_torn.store(true, Ordering::Relaxed);
        }
        rest.is_empty()
    }
}

/// Standard error is the last resort; if it is gone too, there is nobody to tell.
fn say(news: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "httpd: {news}");
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: a FIFO without a reader is an error and not a wait without end.
    OpenOptions::new().append(true).create(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Standard error, by a descriptor of its own. A pipe whose reader sleeps would put the server to sleep
/// too, so a pipe is opened once more, for this process alone, and never waited for.
fn standard_error() -> io::Result<File> {
    let inherited = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    if inherited.metadata()?.file_type().is_fifo() {
        let own = OpenOptions::new().append(true).custom_flags(libc::O_NONBLOCK).open("/proc/self/fd/2");
        return Ok(own.unwrap_or(inherited));
    }
    Ok(inherited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_moved_file_is_left_and_a_new_one_begun() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        let log = LogFile::open(Some(&path), None).unwrap();
        log.append(b"one\n");
        fs::rename(&path, &moved).unwrap();
        log.append(b"two\n");
        log.reopen_now();
        log.append(b"three\n");
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/log");
        fs::create_dir(directory.path().join("logs")).unwrap();
        let log = LogFile::open(Some(&path), None).unwrap();
        fs::rename(directory.path().join("logs"), directory.path().join("moved")).unwrap();
        log.reopen_now();
        log.append(b"kept\n");
        assert_eq!(fs::read_to_string(directory.path().join("moved/log")).unwrap(), "kept\n");
    }

    #[test]
    fn a_full_disk_is_no_panic() {
        let log = LogFile::open(Some(Path::new("/dev/full")), None).unwrap();
        log.append(b"lost\n");
        log.append(b"lost too\n");
    }
}
