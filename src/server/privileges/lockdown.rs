//! Rights that the server gives up before the first request: other files and other system calls.
//!
//! Each lock holds on its own, and one that this kernel does not have costs a line in the log and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sys::sandbox;

/// Locks the process in: it can read beneath the root, and nothing else. `given` is the root as the operator has
/// written it.
pub(crate) fn lock_in(given: &Path, root: &Path) {
    match sandbox::forbid_files(&readable(given, root)) {
        Ok(true) => {}
        Ok(false) => {
            log::warn!("this kernel has no Landlock: only the server itself confines itself to the root")
        }
        Err(error) => log::warn!("files outside of the root are not locked away: {error}"),
    }
    if let Err(error) = sandbox::forbid_system_calls() {
        log::warn!("system calls are not filtered: {error}");
    }
}

/// The directories beneath which everything may be read. The kernel keeps the directory and not its name, and a
/// deploy puts another one in its place: so it is
///
/// - the root itself;
/// - the folder that holds it, unless the root was given without a name, as `.`;
/// - for each symlink on the way to it, the folder that holds what the link points to.
///
/// The whole file system is never one of them.
fn readable(given: &Path, root: &Path) -> Vec<PathBuf> {
    let mut directories = vec![root.to_owned()];
    if given.file_name().is_some() {
        directories.extend(root.parent().map(Path::to_owned));
    }
    for link in root.ancestors().filter(|path| path.is_symlink()) {
        let target = fs::canonicalize(link).ok();
        directories.extend(target.as_deref().and_then(Path::parent).map(Path::to_owned));
    }
    directories
        .retain(|path| fs::canonicalize(path).is_ok_and(|path| path.parent().is_some()) || path == root);
    directories
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::symlink;
    use std::process::{Command, Stdio};

    /// Variables for a child process, which is this test once more: the attempt to make, and if it is locked in.
    const ATTEMPT: &str = "LOCKDOWN_ATTEMPT";
    const LOCKED: &str = "LOCKDOWN_LOCKED";
    const ROOT: &str = "LOCKDOWN_ROOT";

    /// Each attempt is made without the locks too: one that fails there as well would prove nothing.
    #[test]
    fn what_is_locked_away_is_refused() {
        if let Ok(name) = std::env::var(ATTEMPT) {
            return run_attempt(&name);
        }
        let root = tempfile::tempdir().unwrap();
        for name in ["read", "write", "connect", "listen", "execute", "trace"] {
            let outcome = |is_locked| {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command
                    .args(["--exact", "server::privileges::lockdown::tests::what_is_locked_away_is_refused"]);
                command.arg("--nocapture").env(ATTEMPT, name).env(ROOT, root.path());
                if is_locked {
                    command.env(LOCKED, "");
                }
                let output = command.stderr(Stdio::piped()).output().unwrap();
                String::from_utf8_lossy(&output.stderr).into_owned()
            };
            let (locked, free) = (outcome(true), outcome(false));
            let is_refused =
                |text: &str| text.contains("Permission denied") || text.contains("Function not implemented");
            assert!(is_refused(&locked) && !is_refused(&free), "{name}: locked {locked}, free {free}");
            assert!(locked.contains("attempted") && free.contains("attempted"), "{name}: {locked}, {free}");
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "one attempt to write was not refused");
    }

    fn run_attempt(name: &str) {
        let root = PathBuf::from(std::env::var_os(ROOT).unwrap());
        if std::env::var_os(LOCKED).is_some() {
            lock_in(&root, &root);
        }
        let result: io::Result<()> = match name {
            "read" => File::open("/etc/passwd").map(drop),
            "write" => OpenOptions::new().create(true).append(true).open(root.join("new")).map(drop),
            "connect" => TcpStream::connect(("127.0.0.1", 9)).map(drop),
            "listen" => TcpListener::bind(("127.0.0.1", 0)).map(drop),
            "execute" => Command::new("/bin/true").status().map(drop),
            _ => sandbox::trace_parent(),
        };
        // The last word of a server that must end gets out, too.
        crate::server::report(&format!("attempted: {result:?}"));
    }

    #[test]
    fn what_a_deploy_can_put_in_place_of_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir_all(top.join("releases/1/public")).unwrap();
        fs::create_dir(top.join("srv")).unwrap();
        symlink("../releases/1", top.join("srv/current")).unwrap();
        for (given, root, expected) in [
            ("public", "releases/1/public", &["releases/1/public", "releases/1"][..]),
            (".", "releases/1/public", &["releases/1/public"]),
            ("srv/current", "srv/current", &["srv/current", "srv", "releases"]),
            ("current/public", "srv/current/public", &["srv/current/public", "srv/current", "releases"]),
        ] {
            let expected: Vec<PathBuf> = expected.iter().map(|path| top.join(path)).collect();
            assert_eq!(readable(Path::new(given), &top.join(root)), expected, "{given} for {root}");
        }
        assert_eq!(readable(Path::new("/etc"), Path::new("/etc")), [Path::new("/etc")]);
        assert_eq!(readable(Path::new("/"), Path::new("/")), [Path::new("/")]);
    }
}
