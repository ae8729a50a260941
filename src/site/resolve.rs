//! A path -> the file that it names beneath the root. The only place that turns an `io::Error` into a status.
//!
//! A name is looked up twice: `stat` on the whole path tells its kind and whether it is still what a cache holds,
//! and the opening goes beneath the root's own descriptor, where the kernel lets no symlink lead out. The root is
//! found by its name each time: it may be a symlink that a deploy swaps.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Instant;

use crate::http::status::Status;
use crate::http::target::Path;
use crate::sys::file::{self, Metadata};
use crate::sys::open::{self, Purpose};
use crate::throttle::Throttle;

/// The one hidden name that is served (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// The warning that a symlink leads outside.
static OUTSIDE: Throttle = Throttle::new();

/// The reason why a file cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing has this name, or nothing that is a file.
    Absent,
    /// The file may not be read, or a symlink on the way leads outside of the root.
    Forbidden,
    /// Something is short, or another process holds a lease on the file: the next attempt may succeed.
    Unavailable,
    /// The file system failed.
    Broken,
}

impl Refusal {
    /// The status that says so.
    pub(super) fn status(self) -> Status {
        match self {
            Refusal::Absent => Status::NotFound,
            Refusal::Forbidden => Status::Forbidden,
            Refusal::Unavailable => Status::ServiceUnavailable,
            Refusal::Broken => Status::InternalServerError,
        }
    }

    /// Whether it would be the same a moment later.
    pub(super) fn is_lasting(self) -> bool {
        matches!(self, Refusal::Absent | Refusal::Forbidden)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        match error.raw_os_error() {
            // ENXIO: a socket, or a device without a driver. A FIFO opens, and is refused for its kind.
            Some(
                libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ELOOP | libc::ENXIO | libc::ENODEV,
            ) => Refusal::Absent,
            Some(libc::EACCES | libc::EPERM | libc::EXDEV) => Refusal::Forbidden,
            // EAGAIN: a write lease, as file servers take one for their own clients.
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN) => Refusal::Unavailable,
            _ => match error.kind() {
                io::ErrorKind::NotFound => Refusal::Absent,
                io::ErrorKind::CrossesDevices => Refusal::Forbidden,
                _ => Refusal::Broken,
            },
        }
    }
}

/// The document root, by name.
#[derive(Clone, Debug)]
pub(crate) struct Root(CString);

impl Root {
    /// A root that can be searched at this moment.
    ///
    /// # Errors
    /// The system's: it is missing, no directory, or may not be searched.
    pub(crate) fn new(path: &FilePath) -> io::Result<Root> {
        let absolute = std::path::absolute(path)?;
        let root = Root(CString::new(absolute.as_os_str().as_bytes())?);
        open::open_directory(&root.0)?;
        file::stat(&root.name(b".", "")?)?;
        Ok(root)
    }

    /// The absolute path.
    pub(crate) fn path(&self) -> &FilePath {
        FilePath::new(std::ffi::OsStr::from_bytes(self.0.as_bytes()))
    }

    /// The whole path of a name beneath the root, with something appended to it.
    ///
    /// # Errors
    /// `InvalidInput` for a NUL, which no decoded path holds.
    pub(crate) fn name(&self, relative: &[u8], suffix: &str) -> io::Result<CString> {
        Ok(CString::new([self.0.as_bytes(), b"/", relative, suffix.as_bytes()].concat())?)
    }

    /// Whether there is a file of this name that can be served.
    pub(crate) fn has_file(&self, relative: &[u8]) -> bool {
        self.open_file(relative, "").is_ok()
    }

    /// Opens a regular file beneath the root by its name and a suffix of it; never blocks on the file itself.
    pub(super) fn open_file(&self, relative: &[u8], suffix: &str) -> Result<(Arc<File>, Metadata), Refusal> {
        let opened = self.open(relative, suffix, Purpose::Read)?;
        let metadata = file::metadata(&opened)?;
        match metadata.kind {
            file::Kind::Regular => Ok((Arc::new(opened), metadata)),
            _ => Err(Refusal::Absent),
        }
    }

    /// Checks that a name beneath the root is a directory.
    pub(super) fn check_directory(&self, relative: &[u8]) -> Result<(), Refusal> {
        self.open(relative, "", Purpose::Look).map(drop)
    }

    /// The root itself, as a place to look from.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn directory(&self) -> io::Result<OwnedFd> {
        open::open_directory(&self.0)
    }

    /// Opens a name beneath the root, and a suffix of it.
    pub(super) fn open(&self, relative: &[u8], suffix: &str, purpose: Purpose) -> Result<File, Refusal> {
        let directory = self.directory()?;
        let name = CString::new([relative, suffix.as_bytes()].concat()).map_err(io::Error::from)?;
        open::open_beneath(directory.as_fd(), &name, purpose).map_err(|error| {
            if let Some(reason) = error.get_ref()
                && OUTSIDE.permits(Instant::now())
            {
                log::warn!("{} is refused: {reason}", name.to_bytes().escape_ascii());
            }
            error.into()
        })
    }
}

/// The file or folder that a name beneath the root stands for, symlinks followed as far as they stay there.
///
/// # Errors
/// The system's; `CrossesDevices` for a symlink that leads outside.
pub(super) fn identify_beneath(root: BorrowedFd, relative: &[u8]) -> io::Result<Metadata> {
    let name = CString::new(relative)?;
    file::metadata(open::open_beneath(root, &name, Purpose::Identify)?)
}

/// Whether a path leads through a hidden name.
pub(crate) fn is_hidden(path: &Path) -> bool {
    let bytes = path.as_bytes();
    let has_dot = bytes.starts_with(b".") || memchr::memmem::find(bytes, b"/.").is_some();
    has_dot && path.segments().any(is_hidden_name)
}

/// Whether a name begins with a dot, `.well-known` apart: such names hold what is not meant to be seen.
pub(crate) fn is_hidden_name(name: &[u8]) -> bool {
    name.starts_with(b".") && name != WELL_KNOWN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::target::Target;

    #[test]
    fn hidden_names() {
        for (target, expected) in [
            ("/", false),
            ("/a/b.html", false),
            ("/.env", true),
            ("/a/.git/config", true),
            ("/.well-known/security.txt", false),
            ("/a/.well-known/", false),
            ("/.well-known/.secret", true),
            ("/.well-knownx", true),
            ("/...", true),
            ("/text..txt", false),
        ] {
            let target_read = Target::parse(target.as_bytes()).unwrap();
            assert_eq!(is_hidden(&target_read.path), expected, "{target}");
        }
    }

    #[test]
    fn refusals() {
        for (code, expected, lasts) in [
            (libc::ENOENT, Status::NotFound, true),
            (libc::ENOTDIR, Status::NotFound, true),
            (libc::ENAMETOOLONG, Status::NotFound, true),
            (libc::EACCES, Status::Forbidden, true),
            (libc::EXDEV, Status::Forbidden, true),
            (libc::EMFILE, Status::ServiceUnavailable, false),
            (libc::EAGAIN, Status::ServiceUnavailable, false),
            (libc::EIO, Status::InternalServerError, false),
        ] {
            let refusal = Refusal::from(io::Error::from_raw_os_error(code));
            assert_eq!((refusal.status(), refusal.is_lasting()), (expected, lasts), "{code}");
        }
    }
}
