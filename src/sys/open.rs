//! Opening by name: beneath a directory, or as far as the kernel has the name in memory (openat2(2)).

use std::ffi::{CStr, CString};
use std::fmt;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::{Kind, Metadata, metadata, stat};
use super::{check_size, uninterrupted};

/// Opens a directory only as a place to look from.
pub(crate) fn open_directory(path: &CStr) -> io::Result<OwnedFd> {
    open_at(None, path, libc::O_PATH | libc::O_DIRECTORY)
}

/// Opens a path only as something to be told from others; a symlink itself, not its target. Allocates no memory.
pub(crate) fn open_to_identify(path: &CStr) -> io::Result<OwnedFd> {
    open_by_path(path, libc::O_PATH | libc::O_NOFOLLOW).map(OwnedFd::from)
}

/// Opens a file to append to it, and makes it if it is missing. A FIFO that is not read is an error and not a wait
/// without end (O_NONBLOCK). Allocates no memory.
pub(crate) fn open_to_append(path: &CStr) -> io::Result<File> {
    open_by_path(path, libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT)
}

/// Opens a file to read it. Reading a FIFO that nobody writes to gives nothing and does not wait (O_NONBLOCK).
/// Allocates no memory.
pub(crate) fn open_to_read(path: &CStr) -> io::Result<File> {
    open_by_path(path, libc::O_RDONLY)
}

fn open_by_path(path: &CStr, flags: libc::c_int) -> io::Result<File> {
    const MODE: libc::c_uint = 0o666;
    let flags = flags | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: `path` ends in NUL.
    let descriptor = uninterrupted(|| unsafe { libc::open(path.as_ptr(), flags, MODE) })?;
    // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}

/// Purpose of [`open_beneath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To read a file. Never blocks, whatever the name stands for.
    Read,
    /// To see that there is a directory.
    Look,
    /// To read the names in a directory.
    List,
    /// To see the kind of a name.
    Identify,
}

impl Purpose {
    fn flags(self) -> libc::c_int {
        match self {
            Purpose::Read => libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY,
            Purpose::Look => libc::O_PATH | libc::O_DIRECTORY,
            Purpose::List => libc::O_RDONLY | libc::O_DIRECTORY,
            Purpose::Identify => libc::O_PATH,
        }
    }
}

/// Set once `openat2` has turned out to be missing or forbidden.
static BY_COMPONENTS: AtomicBool = AtomicBool::new(false);

/// Opens a name beneath a directory. The kernel sees to it that no symlink, `..` or mount trick on the
/// way leads out; symlinks that stay inside are followed. The kernel takes every absolute symlink for a way out. Then,
/// and where it does not know `openat2` (before 5.6) or a container's profile forbids it, the path is walked name by
/// name, and an absolute symlink that leads beneath the directory is followed, too.
///
/// # Errors
/// `CrossesDevices` for a way that leads out, with [`LeadsOutside`] as the reason; otherwise the system's (openat2(2)).
pub(crate) fn open_beneath(directory: BorrowedFd, path: &CStr, purpose: Purpose) -> io::Result<File> {
    if !BY_COMPONENTS.load(Ordering::Relaxed) {
        match open_by_kernel(directory, path, purpose) {
            // Something was renamed somewhere while `..` was followed, and the kernel does not say whether it
            // matters. By hand it does not: a directory that is open stays the same one.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            Err(error) if is_missing_or_forbidden(&error) => {
                // A forbidden call fails for the directory itself too; a forbidden file does not.
                if open_by_kernel(directory, c".", Purpose::Look)
                    .is_err_and(|error| is_missing_or_forbidden(&error))
                {
                    BY_COMPONENTS.store(true, Ordering::Relaxed);
                } else {
                    return Err(error);
                }
            }
            result => return result,
        }
    }
    open_by_components(directory, path, purpose)
}

fn is_missing_or_forbidden(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

fn open_by_kernel(directory: BorrowedFd, path: &CStr, purpose: Purpose) -> io::Result<File> {
    open_with(Some(directory), path, purpose.flags(), libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS)
}

fn open_with(
    directory: Option<BorrowedFd>,
    path: &CStr,
    flags: libc::c_int,
    resolve: u64,
) -> io::Result<File> {
    // SAFETY: all zeros is a valid `open_how`; the structure may grow and cannot be written out in full.
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.resolve = resolve;
    let from = directory.map_or(libc::AT_FDCWD, |directory| directory.as_raw_fd());
    let size = size_of_val(&how);
    // SAFETY: `path` ends in NUL, and `how` is given with its size.
    let descriptor = uninterrupted(|| unsafe {
        libc::syscall(libc::SYS_openat2, from, path.as_ptr(), &raw const how, size) as libc::c_int
    })?;
    // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}

/// Symlinks that one path may lead through, as in the kernel.
const MAX_SYMLINKS: usize = 40;

/// A symlink that leads outside of the directory beneath which it was to be opened.
#[derive(Debug)]
pub(crate) struct LeadsOutside {
    link: Vec<u8>,
    target: Vec<u8>,
}

impl fmt::Display for LeadsOutside {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let (link, target) = (self.link.escape_ascii(), self.target.escape_ascii());
        write!(formatter, "the symlink {link} leads outside, to {target}")
    }
}

impl std::error::Error for LeadsOutside {}

impl From<LeadsOutside> for io::Error {
    fn from(outside: LeadsOutside) -> io::Error {
        io::Error::new(io::ErrorKind::CrossesDevices, outside)
    }
}

/// `openat2(RESOLVE_BENEATH)` by hand, but for absolute symlinks: every name is opened without following, and a
/// symlink's target is walked in its place. `..` goes back along the directories that were opened, which no one can
/// move under our feet.
fn open_by_components(directory: BorrowedFd, path: &CStr, purpose: Purpose) -> io::Result<File> {
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut ahead: Vec<Vec<u8>> = components(path.to_bytes())?;
    let mut symlinks = 0;
    let mut last_link = LeadsOutside { link: b"..".to_vec(), target: path.to_bytes().to_vec() };
    while let Some(name) = ahead.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                if opened.pop().is_none() {
                    return Err(last_link.into());
                }
                continue;
            }
            _ => {}
        }
        let here = opened.last().map_or(directory, |directory| directory.as_fd());
        let name = CString::new(name)?;
        let is_last = ahead.is_empty();
        let flags = if is_last { purpose.flags() } else { Purpose::Look.flags() };
        match open_unless_symlink(here, &name, flags) {
            Ok(file) if is_last => return Ok(File::from(file)),
            Ok(directory) => opened.push(directory),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENOTDIR)) => {
                symlinks += 1;
                if symlinks > MAX_SYMLINKS {
                    return Err(io::Error::from_raw_os_error(libc::ELOOP));
                }
                let target = match read_link_at(here, &name) {
                    Ok(target) => target,
                    // It was a symlink, and is replaced by this moment: it is looked at again.
                    Err(_) if error.raw_os_error() == Some(libc::ELOOP) => {
                        ahead.push(name.into_bytes());
                        continue;
                    }
                    Err(_) => return Err(error),
                };
                last_link = LeadsOutside { link: name.into_bytes(), target };
                let target = last_link.target.as_slice();
                if target.starts_with(b"/") {
                    let Some(rest) = rest_beneath(directory, target)? else { return Err(last_link.into()) };
                    opened.clear();
                    ahead.append(&mut components(rest)?);
                } else {
                    ahead.append(&mut components(target)?);
                }
            }
            Err(error) => return Err(error),
        }
    }
    // The way ended in `.` or `..`: at a directory.
    let here = opened.last().map_or(directory, |directory| directory.as_fd());
    open_at(Some(here), c".", purpose.flags()).map(File::from)
}

/// The rest of an absolute path after the longest part of it that is this directory, by any name; `None` where no part
/// is. The rest is walked from the directory itself, so it does not matter if the names before it change.
fn rest_beneath<'a>(directory: BorrowedFd, path: &'a [u8]) -> io::Result<Option<&'a [u8]>> {
    let identity = |metadata: Metadata| (metadata.device, metadata.inode);
    let wanted = identity(metadata(directory)?);
    let mut rest = None;
    for end in (1..=path.len()).filter(|&end| end == path.len() || path[end] == b'/') {
        match stat(&CString::new(&path[..end])?) {
            Ok(found) if identity(found) == wanted => rest = Some(&path[end..]),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(rest.map(|rest| match rest.iter().position(|&byte| byte != b'/') {
        Some(start) => &rest[start..],
        None => b".",
    }))
}

/// The names of a relative path, the last one first; a closing slash asks for a directory, like `.`.
fn components(path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    match path {
        [] => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        [b'/', ..] => Err(io::Error::from_raw_os_error(libc::EXDEV)),
        _ => Ok(path.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec).collect()),
    }
}

/// Opens a name, but no symlink. `ELOOP` for a symlink, or `ENOTDIR` where a directory is wanted.
fn open_unless_symlink(directory: BorrowedFd, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let opened = open_at(Some(directory), name, flags | libc::O_NOFOLLOW)?;
    // Only what may be anything, and is not to be read, can be the symlink itself.
    if flags == Purpose::Identify.flags() && metadata(&opened)?.kind == Kind::Symlink {
        return Err(io::Error::from_raw_os_error(libc::ELOOP));
    }
    Ok(opened)
}

fn open_at(directory: Option<BorrowedFd>, path: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let directory = directory.map_or(libc::AT_FDCWD, |directory| directory.as_raw_fd());
    // SAFETY: `path` ends in NUL.
    let descriptor =
        uninterrupted(|| unsafe { libc::openat(directory, path.as_ptr(), flags | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn read_link_at(directory: BorrowedFd, name: &CStr) -> io::Result<Vec<u8>> {
    let mut target = vec![0u8; libc::PATH_MAX as usize];
    let (room, directory) = (target.len(), directory.as_raw_fd());
    // SAFETY: `name` ends in NUL, and `target` has `room` bytes.
    let length = unsafe { libc::readlinkat(directory, name.as_ptr(), target.as_mut_ptr().cast(), room) };
    target.truncate(check_size(length)?);
    Ok(target)
}

/// [`stat`], but only if the kernel has the name in memory: it never waits for a local disk. `None` where a disk is
/// needed. Where the kernel does not know how to (before 5.12, or forbidden by a container's profile), and where
/// descriptors are short, it is just [`stat`].
pub(crate) fn stat_if_cached(path: &CStr) -> io::Result<Option<Metadata>> {
    const UNABLE: [i32; 5] = [libc::EINVAL, libc::ENOSYS, libc::EPERM, libc::EMFILE, libc::ENFILE];
    match open_with(None, path, libc::O_PATH, libc::RESOLVE_CACHED) {
        Ok(found) => metadata(found).map(Some),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.raw_os_error().is_some_and(|code| UNABLE.contains(&code)) => stat(path).map(Some),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, OwnedFd) {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::write(root.join("file"), "file").unwrap();
        fs::write(root.join("a/b/deep"), "deep").unwrap();
        for (link, target) in [
            ("in", "file"),
            ("dir", "a/b"),
            ("a/up", "../file"),
            ("a/b/round", "../../dir/deep"),
            ("out", "../secret"),
            ("absolute", "/etc/passwd"),
            ("a/far", "../../secret"),
            ("outdir", ".."),
            ("loop", "loop"),
            ("magic", "/proc/self/root"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let path = CString::new(root.as_os_str().as_bytes()).unwrap();
        let directory = open_directory(&path).unwrap();
        (outside, directory)
    }

    #[test]
    fn both_ways_open_the_same_and_refuse_the_same() {
        let (_outside, directory) = root();
        for (path, expected) in [
            (c"file", Ok("file")),
            (c"a/b/deep", Ok("deep")),
            (c"a//b/./deep", Ok("deep")),
            (c"in", Ok("file")),
            (c"dir/deep", Ok("deep")),
            (c"a/up", Ok("file")),
            (c"a/b/round", Ok("deep")),
            (c"a/../file", Ok("file")),
            (c"missing", Err(libc::ENOENT)),
            (c"file/", Err(libc::ENOTDIR)),
            (c"file/x", Err(libc::ENOTDIR)),
            (c"out", Err(libc::EXDEV)),
            (c"absolute", Err(libc::EXDEV)),
            (c"a/far", Err(libc::EXDEV)),
            (c"outdir/secret", Err(libc::EXDEV)),
            (c"../secret", Err(libc::EXDEV)),
            (c"/etc/passwd", Err(libc::EXDEV)),
            (c"magic/etc/passwd", Err(libc::EXDEV)),
            (c"loop", Err(libc::ELOOP)),
        ] {
            for open in [open_by_kernel, open_by_components] {
                let found = open(directory.as_fd(), path, Purpose::Read).and_then(|mut file| {
                    let mut text = String::new();
                    file.read_to_string(&mut text).map(|_| text)
                });
                let found = found.map_err(|error| error.raw_os_error().unwrap_or(libc::EXDEV));
                assert_eq!(found.as_deref(), expected.as_deref(), "{path:?}");
            }
        }
    }

    #[test]
    fn absolute_symlinks_that_lead_beneath_the_directory_are_followed() {
        let (outside, directory) = root();
        let root = fs::canonicalize(outside.path().join("root")).unwrap();
        symlink(&root, outside.path().join("alias")).unwrap();
        let alias = outside.path().join("alias");
        for (link, target) in [
            ("by-path", root.join("file")),
            ("a/by-alias", alias.join("a/b")),
            ("to-root", root.clone()),
            ("to-root-slash", root.join("")),
            ("chain", root.join("a/by-alias/deep")),
            ("round", root.join("a/../dir/deep")),
            ("outside-first", outside.path().join("secret/../root/file")),
            ("through-outside", outside.path().join("root/../root/file")),
            ("up", root.join("../secret")),
            ("beside", outside.path().join("secret")),
            ("dangling", root.join("missing")),
            ("nowhere", "/nonexistent/root/file".into()),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        for (path, expected) in [
            (c"by-path", Ok("file")),
            (c"a/by-alias/deep", Ok("deep")),
            (c"to-root/file", Ok("file")),
            (c"to-root/to-root-slash/in", Ok("file")),
            (c"chain", Ok("deep")),
            (c"round", Ok("deep")),
            (c"outside-first", Err(libc::EXDEV)),
            (c"through-outside", Ok("file")),
            (c"up", Err(libc::EXDEV)),
            (c"beside", Err(libc::EXDEV)),
            (c"dangling", Err(libc::ENOENT)),
            (c"nowhere", Err(libc::EXDEV)),
        ] {
            let found = open_beneath(directory.as_fd(), path, Purpose::Read).and_then(|mut file| {
                let mut text = String::new();
                file.read_to_string(&mut text).map(|_| text)
            });
            let found = found.map_err(|error| error.raw_os_error().unwrap_or(libc::EXDEV));
            assert_eq!(found.as_deref(), expected.as_deref(), "{path:?}");
        }
        let error = open_beneath(directory.as_fd(), c"absolute", Purpose::Read).unwrap_err();
        assert_eq!(error.to_string(), "the symlink absolute leads outside, to /etc/passwd");
        let error = open_beneath(directory.as_fd(), c"a/far", Purpose::Read).unwrap_err();
        assert_eq!(error.to_string(), "the symlink far leads outside, to ../../secret");
    }

    #[test]
    fn a_name_that_was_looked_up_is_known_without_a_disk() {
        let (outside, _) = root();
        // Some file systems keep no missing names in memory, or no symlinks.
        for (name, is_kept) in
            [("root/file", true), ("root/a/b", true), ("root/in", false), ("root/missing", false)]
        {
            let path = CString::new(outside.path().join(name).as_os_str().as_bytes()).unwrap();
            let found = stat(&path).map(Some).map_err(|error| error.kind());
            let known = stat_if_cached(&path).map_err(|error| error.kind());
            assert!(known == found || !is_kept && known == Ok(None), "{name}: {known:?}");
        }
    }

    #[test]
    fn directories_are_seen_and_files_are_not_taken_for_them() {
        let (_outside, directory) = root();
        for (path, expected) in [
            (c"a", true),
            (c"dir", true),
            (c"a/..", true),
            (c"file", false),
            (c"in", false),
            (c"outdir", false),
        ] {
            for open in [open_by_kernel, open_by_components] {
                assert_eq!(open(directory.as_fd(), path, Purpose::Look).is_ok(), expected, "{path:?}");
            }
        }
    }
}
