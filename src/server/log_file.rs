//! Where the log goes: a file that can be reopened, or standard error. It never stops the serving.
//!
//! All threads append through the same descriptor, each line or batch in one call. Reopening puts the new
//! file in the place of the old one beneath that descriptor: no lock, and no line between the two.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A log that several threads append to.
#[derive(Clone)]
pub struct LogFile(Arc<Shared>);

struct Shared {
    file: File,
    /// `None` for standard error.
    path: Option<PathBuf>,
    /// Whether the last append failed and has been told of.
    is_broken: AtomicBool,
}

impl LogFile {
    /// Opens the file to append to it, or standard error.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: Option<&Path>) -> io::Result<LogFile> {
        // Absolute, so that it is the same file when it is opened again.
        let path = path.map(std::path::absolute).transpose()?;
        let file = match &path {
            Some(path) => open_to_append(path)?,
            None => standard_error()?,
        };
        Ok(LogFile(Arc::new(Shared { file, path, is_broken: AtomicBool::new(false) })))
    }

    /// Appends bytes in one call. What the file does not take is lost: serving goes on.
    pub fn append(&self, bytes: &[u8]) {
        let shared = &self.0;
        let is_written = matches!((&shared.file).write(bytes), Ok(count) if count == bytes.len());
        if shared.is_broken.swap(!is_written, Ordering::Relaxed) == is_written && shared.path.is_some() {
            let news = if is_written { "takes lines again" } else { "does not take lines; some are lost" };
            // Standard error is the last resort; if it is gone too, there is nobody to tell.
            let _ = writeln!(io::stderr(), "httpd: the log file {news}");
        }
    }

    /// Opens the file anew after it was moved away. Standard error stays as it is.
    ///
    /// # Errors
    /// The system's; the old file is then kept.
    pub fn reopen(&self) -> io::Result<()> {
        match &self.0.path {
            Some(path) => crate::sys::file::replace(self.0.file.as_fd(), open_to_append(path)?.as_fd()),
            None => Ok(()),
        }
    }

    /// Whether this is a file of its own.
    pub fn is_file(&self) -> bool {
        self.0.path.is_some()
    }
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
        let log = LogFile::open(Some(&path)).unwrap();
        log.append(b"one\n");
        fs::rename(&path, &moved).unwrap();
        log.append(b"two\n");
        log.reopen().unwrap();
        log.append(b"three\n");
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/log");
        fs::create_dir(directory.path().join("logs")).unwrap();
        let log = LogFile::open(Some(&path)).unwrap();
        fs::rename(directory.path().join("logs"), directory.path().join("moved")).unwrap();
        assert!(log.reopen().is_err());
        log.append(b"kept\n");
        assert_eq!(fs::read_to_string(directory.path().join("moved/log")).unwrap(), "kept\n");
    }

    #[test]
    fn a_full_disk_is_no_panic() {
        let log = LogFile::open(Some(Path::new("/dev/full"))).unwrap();
        log.append(b"lost\n");
        log.append(b"lost too\n");
    }
}
