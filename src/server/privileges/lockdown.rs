//! What the server gives up before the first request: other users' rights, other files, other system calls.
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
    use std::os::unix::fs::symlink;

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
