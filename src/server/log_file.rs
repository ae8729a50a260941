//! Target of the log: a file, standard output or standard error. Lines are written whole, also around a full disk.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::open::open_to_append;

/// Target of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(PathBuf),
    StandardOutput,
    StandardError,
}

impl Target {
    /// The target that `--file-log` names. A file is named absolutely: it is the same one when it is opened again.
    pub(super) fn new(path: Option<&Path>) -> io::Result<Target> {
        let Some(path) = path else { return Ok(Target::StandardError) };
        Ok(match path.to_str() {
            Some("-" | "/dev/stdout") => Target::StandardOutput,
            Some("/dev/stderr") => Target::StandardError,
            _ => Target::File(std::path::absolute(path)?),
        })
    }
}

/// An open log, which one thread writes.
pub(super) struct LogFile {
    file: File,
    /// True if the last write ended in the middle of a line.
    is_torn: bool,
}

impl LogFile {
    /// Opens a file to append to it. The standard streams are used as they were inherited: a socket cannot be opened
    /// again, and other processes may share their flags.
    pub(super) fn open(target: &Target) -> io::Result<LogFile> {
        let file = match target {
            Target::File(path) => open_to_append(&CString::new(path.as_os_str().as_bytes())?)?,
            Target::StandardOutput => io::stdout().as_fd().try_clone_to_owned()?.into(),
            Target::StandardError => io::stderr().as_fd().try_clone_to_owned()?.into(),
        };
        Ok(LogFile::from(file))
    }

    /// Writes lines, waits as long as it takes, and returns the rest that was not taken because of an error. A disk that is
    /// full may take a part of a line: the next line then begins on a line of its own.
    pub(super) fn write<'a>(&mut self, lines: &'a [u8]) -> &'a [u8] {
        if self.is_torn && self.write_bytes(b"\n") == 0 {
            return lines;
        }
        let (written, rest) = lines.split_at(self.write_bytes(lines));
        self.is_torn = !rest.is_empty() && written.last().is_some_and(|&byte| byte != b'\n');
        rest
    }

    fn write_bytes(&self, bytes: &[u8]) -> usize {
        let mut count = 0;
        while count < bytes.len() {
            match (&self.file).write(&bytes[count..]) {
                Ok(written @ 1..) => count += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.wait_for_room().is_ok() => {}
                _ => break,
            }
        }
        count
    }

    /// A FIFO was opened not to block, and so may be a stream that was inherited.
    fn wait_for_room(&self) -> io::Result<()> {
        let epoll = Epoll::new()?;
        epoll.add(&self.file, 0, Interest::Writable)?;
        epoll.wait(&mut Events::with_capacity(1), -1)
    }
}

impl From<File> for LogFile {
    fn from(file: File) -> LogFile {
        LogFile { file, is_torn: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn targets() {
        let here = std::env::current_dir().unwrap();
        for (path, expected) in [
            (None, Target::StandardError),
            (Some("-"), Target::StandardOutput),
            (Some("/dev/stdout"), Target::StandardOutput),
            (Some("/dev/stderr"), Target::StandardError),
            (Some("/dev/full"), Target::File("/dev/full".into())),
            (Some("log"), Target::File(here.join("log"))),
        ] {
            assert_eq!(Target::new(path.map(Path::new)).unwrap(), expected, "{path:?}");
        }
    }

    #[test]
    fn a_full_disk_takes_nothing() {
        let mut log = LogFile::open(&Target::File("/dev/full".into())).unwrap();
        assert_eq!(log.write(b"one\ntwo\n"), b"one\ntwo\n");
        assert!(!log.is_torn);
    }

    #[test]
    fn a_line_after_a_torn_one_begins_on_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "tor").unwrap();
        let mut log = LogFile { is_torn: true, ..LogFile::open(&Target::File(path.clone())).unwrap() };
        assert_eq!((log.write(b"one\n"), log.write(b"two\n")), (&b""[..], &b""[..]));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "tor\none\ntwo\n");
    }

    #[test]
    fn a_stream_that_does_not_block_is_waited_for() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let mut log = LogFile::from(File::from(OwnedFd::from(writer)));
        let reading = std::thread::spawn(move || {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).map(|_| received)
        });
        let lines = b"a line\n".repeat(300_000);
        assert_eq!(log.write(&lines), b"");
        drop(log);
        assert!(reading.join().unwrap().unwrap() == lines);
    }
}
