//! Socket files: made at the start, removed at the end.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::sys::file_remover::FileRemover;
use crate::sys::listener::{Listener, is_abandoned};
use crate::sys::open::open_to_identify;
use crate::sys::user::Identity;

/// The socket files that this server has made. Dropping it removes those that are still the ones that were made.
#[derive(Debug, Default)]
pub(in crate::server) struct SocketFiles {
    made: Vec<PathBuf>,
    /// Removes them, once that was handed over.
    remover: Option<FileRemover>,
}

impl SocketFiles {
    /// Makes a socket file; one that nobody listens on any more makes room. It has the permissions of `mode`, or those
    /// that the umask leaves, and belongs to `owner`, if there is one.
    ///
    /// # Errors
    /// Something else has that name, or the file cannot be made.
    pub(super) fn bind(
        &mut self,
        path: &Path,
        mode: Option<u32>,
        owner: Option<Identity>,
    ) -> io::Result<Listener> {
        // It would refuse connections until it is opened, and so make room for itself.
        if self.made.iter().any(|made| made == path) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "it is given twice"));
        }
        make_room(path)?;
        let listener = Listener::bind_unix(path)?;
        self.made.push(path.to_owned());
        if mode.is_some() || owner.is_some() {
            adjust(path, mode, owner)?;
        }
        Ok(listener)
    }

    /// Has them removed by a process that keeps the rights of this moment.
    ///
    /// # Errors
    /// It cannot be started.
    pub(in crate::server) fn hand_over(&mut self) -> io::Result<()> {
        if !self.made.is_empty() {
            let paths: Vec<&Path> = self.made.iter().map(PathBuf::as_path).collect();
            self.remover = Some(FileRemover::start(c"httpd-sockets", &paths)?);
            self.made.clear();
        }
        Ok(())
    }
}

impl Drop for SocketFiles {
    fn drop(&mut self) {
        for path in &self.made {
            // The start has failed, and that is what the operator hears of.
            let _ = fs::remove_file(path);
        }
    }
}

/// Sets the permissions and the owner of a socket file. This may be root in a folder of others: so it is what was opened
/// that changes, and nothing that has taken its name.
fn adjust(path: &Path, mode: Option<u32>, owner: Option<Identity>) -> io::Result<()> {
    let file = File::from(open_to_identify(&CString::new(path.as_os_str().as_bytes())?)?);
    if !file.metadata()?.file_type().is_socket() {
        return Err(io::Error::other("it was replaced by something else"));
    }
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    if let Some(mode) = mode {
        fs::set_permissions(&opened, Permissions::from_mode(mode))?;
    }
    if let Some(Identity { user, group }) = owner
        && let Err(error) = chown(&opened, Some(user), Some(group))
    {
        log::warn!("unix:{} keeps its owner: {error}", path.display());
    }
    Ok(())
}

/// Removes a socket file that refuses connections.
fn make_room(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there"));
    }
    if !is_abandoned(path)? {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server answers there"));
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_socket_that_nobody_listens_on_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut files = SocketFiles::default();
        let listener = UnixListener::bind(&path).unwrap();
        let error = files.bind(&path, None, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(files.bind(&path, None, None).is_ok());
        assert_eq!(files.bind(&path, None, None).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        for other in ["file", "link"].map(|name| folder.path().join(name)) {
            if other.ends_with("file") {
                fs::write(&other, "").unwrap();
            } else {
                std::os::unix::fs::symlink(&path, &other).unwrap();
            }
            assert_eq!(files.bind(&other, None, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert!(fs::symlink_metadata(&other).is_ok());
        }
        drop(files);
        assert!(!path.exists());
    }

    #[test]
    fn permissions() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("all", 0o777), ("some", 0o660), ("none", 0)] {
            let path = folder.path().join(name);
            let mut files = SocketFiles::default();
            let _listener = files.bind(&path, Some(mode), None).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{name}");
        }
    }
}
