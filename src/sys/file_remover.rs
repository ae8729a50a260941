//! A second process that removes a few files when the server ends, however it ends: the server itself may not remove
//! them any more.

use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::file::{Metadata, metadata, metadata_path};
use super::open::open_to_identify;
use super::second_process;

/// The time for which the end waits for the files to be removed. They may lie on a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server's end of the connection to that process.
#[derive(Debug)]
pub(crate) struct FileRemover(UnixStream);

/// A file that is to be removed, and an open descriptor of it: as long as that is open, no other file has its number.
struct Doomed {
    path: CString,
    metadata: Metadata,
    open: Option<OwnedFd>,
}

impl FileRemover {
    /// Starts the process, which keeps the rights of this moment. `name` is shown in lists of processes.
    pub(crate) fn start(name: &CStr, paths: &[&Path]) -> io::Result<FileRemover> {
        let doomed = |path: &&Path| {
            let path = CString::new(path.as_os_str().as_bytes())?;
            let metadata = metadata_path(&path)?;
            Ok(Doomed { path, metadata, open: None })
        };
        let mut files = paths.iter().map(doomed).collect::<io::Result<Vec<_>>>()?;
        let mut server = second_process::start(name, move |server| remove_at_the_end(server, &mut files))?;
        server.set_read_timeout(Some(PATIENCE))?;
        // From now on the files are open, and no other one gets their numbers.
        server.read_exact(&mut [0])?;
        Ok(FileRemover(server))
    }
}

impl Drop for FileRemover {
    /// Has the files removed, and waits until they are.
    fn drop(&mut self) {
        // Both fail only where the process is gone, and the files stay.
        let _ = self.0.shutdown(Shutdown::Write);
        let _ = self.0.read(&mut [0]);
    }
}

/// Runs in the other process: waits until the server has ended, or says that it does.
fn remove_at_the_end(mut server: UnixStream, files: &mut [Doomed]) {
    for file in files.iter_mut() {
        file.open = open_to_identify(&file.path).ok();
    }
    // It fails only where the server has ended.
    let _ = server.write_all(&[0]);
    while server.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {}
    for file in files {
        if file.is_still_there() {
            // SAFETY: the path ends in NUL.
            unsafe { libc::unlink(file.path.as_ptr()) };
        }
    }
}

impl Doomed {
    /// Whether the path leads to the file that it led to at the start.
    fn is_still_there(&self) -> bool {
        let number = |metadata: Metadata| (metadata.device, metadata.inode);
        let at_start = self.open.as_ref().and_then(|open| metadata(open).ok()).map(number);
        at_start == Some(number(self.metadata)) && metadata_path(&self.path).ok().map(number) == at_start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_removed_unless_others_have_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["stays", "is replaced", "is gone"].map(|name| folder.path().join(name));
        for path in &paths {
            fs::write(path, "").unwrap();
        }
        let remover = FileRemover::start(c"test", &paths.each_ref().map(|path| path.as_path())).unwrap();
        assert!(paths.iter().all(|path| path.exists()));
        fs::remove_file(&paths[1]).unwrap();
        fs::write(&paths[1], "another").unwrap();
        fs::remove_file(&paths[2]).unwrap();
        drop(remover);
        assert_eq!(paths.map(|path| path.exists()), [false, true, false]);
    }
}
