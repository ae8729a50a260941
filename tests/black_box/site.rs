//! A folder to serve, made for one test and removed after it. The document root is the folder `root` inside
//! of a temporary one, so that a test can also put files beside it, where no request may reach them.
//! Names are bytes, as they are on Linux.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::calendar;
use crate::server::{self, Server};

/// What `/` answers on every test site.
pub(crate) const WELCOME: &str = "<p>welcome</p>\n";

/// What `/second.txt` answers: the reply that shows that a connection still works.
pub(crate) const SECOND: &str = "the second\n";

pub(crate) struct Site {
    folder: Arc<TempDir>,
}

impl Site {
    /// A site with a welcome page and `second.txt`.
    pub(crate) fn new() -> Site {
        let site = Site { folder: Arc::new(TempDir::new().expect("a temporary folder")) };
        // Open to everybody: some tests run the server as another user.
        site.set_mode("..", 0o755);
        fs::create_dir(site.root()).expect("the root");
        site.set_mode("", 0o755);
        site.write("index.html", WELCOME);
        site.write("second.txt", SECOND);
        site
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A path beside the root, outside of what is served.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        match name.as_ref() {
            b".." => self.folder.path().to_owned(),
            name => self.root().join(OsStr::from_bytes(name)),
        }
    }

    /// Writes a file; the folders above it come into being.
    pub(crate) fn write(&self, name: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("write {path:?}: {error}"));
    }

    /// Writes a file that was last modified at that second.
    pub(crate) fn write_dated(&self, name: &str, bytes: impl AsRef<[u8]>, seconds: i64) {
        self.write(name, bytes);
        self.set_modified(name, seconds);
    }

    /// Puts a whole new file in the place of the old one, as careful programs do.
    pub(crate) fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let fresh = self.outside("fresh");
        fs::write(&fresh, bytes).expect("the new file");
        fs::rename(fresh, self.path(name)).expect("the rename");
    }

    /// A file of any size that takes no room: zeros, and `end` at its end.
    pub(crate) fn write_sparse(&self, name: &str, zeros: u64, end: &[u8]) {
        use std::os::unix::fs::FileExt;
        let file = File::create(self.path(name)).expect("a sparse file");
        file.set_len(zeros).expect("its length");
        file.write_all_at(end, zeros).expect("its end");
    }

    pub(crate) fn make_folder(&self, name: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name)).expect("a folder");
    }

    pub(crate) fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.path(name)).expect("a symbolic link");
    }

    /// Puts a new symbolic link in the place of the old one: no moment without either.
    pub(crate) fn swap_link(&self, target: impl AsRef<Path>, link: &Path) {
        let fresh = self.outside("fresh-link");
        symlink(target, &fresh).expect("the new link");
        fs::rename(fresh, link).expect("the rename");
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("remove a file");
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("chmod");
    }

    pub(crate) fn set_modified(&self, name: &str, seconds: i64) {
        let file = File::options().write(true).open(self.path(name)).expect("open for its time");
        file.set_modified(calendar::system_time(seconds)).expect("set the time");
    }

    /// `httpd` for this site, on a port that the system chooses.
    pub(crate) fn command(&self, flags: &[&str]) -> Command {
        self.command_on(0, flags)
    }

    /// `httpd` for this site on a port.
    pub(crate) fn command_on(&self, port: u16, flags: &[&str]) -> Command {
        let mut command = server::httpd();
        command.args(["--port", &port.to_string(), "--document-root"]).arg(self.root()).args(flags);
        command
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, flags: &[&str]) -> Server {
        self.start(self.command(flags))
    }

    /// Serves as a user to whom permissions mean something, also where the tests run as root.
    pub(crate) fn serve_unprivileged(&self, flags: &[&str]) -> Server {
        self.start(server::unprivileged(self.command(flags), self.folder.path()))
    }

    pub(crate) fn start(&self, command: Command) -> Server {
        Server { _folder: Some(Arc::clone(&self.folder)), ..Server::start(command) }
    }
}

/// Bytes that no two places of a file have in common for long, so that a misplaced piece is noticed.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect()
}
