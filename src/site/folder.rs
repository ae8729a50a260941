//! Reads a folder for a listing. A name is shown when a request for it could be answered with a file or a folder
//! beneath the root, and not otherwise.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use super::resolve::{self, Refusal, Root};
use super::rules;
use crate::listing::{Entry, Folder, Kind, MAX_ENTRIES};
use crate::sys::directory::Directory;
use crate::sys::file::{self, Metadata};
use crate::sys::open::Purpose;

/// Names of which nothing is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Withheld {
    /// Those that begin with a dot.
    pub(super) dot_files: bool,
    /// The files of rules in the root, and their coded forms.
    pub(super) rules: bool,
}

impl Withheld {
    fn has(self, path: &[u8], name: &[u8]) -> bool {
        self.dot_files && resolve::is_hidden_name(name)
            || self.rules && path.is_empty() && rules::is_rules_file(name)
    }
}

/// The entries of a folder beneath the root: `path` ends in a slash, or is empty for the root. Waits for the disk.
pub(super) fn read<'a>(root: &Root, path: &'a [u8], withheld: Withheld) -> Result<Folder<'a>, Refusal> {
    let place = if path.is_empty() { b"." } else { path };
    let mut directory = Directory::new(root.open(place, "", Purpose::List)?);
    let root = root.directory()?;
    let mut folder = Folder { path, entries: Vec::new(), is_cut: false };
    while let Some(name) = directory.next_name()? {
        if withheld.has(path, name.to_bytes()) {
            continue;
        }
        let Some(found) = identify(&root, path, &directory, &name) else { continue };
        let kind = match found.kind {
            file::Kind::Directory => Kind::Folder,
            file::Kind::Regular => Kind::File { size: found.size },
            file::Kind::Symlink | file::Kind::Other => continue,
        };
        if folder.entries.len() == MAX_ENTRIES {
            folder.is_cut = true;
            break;
        }
        let modified = u64::try_from(found.modified.seconds).unwrap_or(0);
        folder.entries.push(Entry { name: name.into_bytes(), kind, modified });
    }
    Ok(folder)
}

/// The file or folder that a name stands for. `None` where it has gone meanwhile, and for a symlink that leads outside
/// of the root or to nothing.
fn identify(root: &OwnedFd, path: &[u8], directory: &Directory, name: &CStr) -> Option<Metadata> {
    let found = file::metadata_at(directory, name).ok()?;
    match found.kind {
        file::Kind::Symlink => {
            resolve::identify_beneath(root.as_fd(), &[path, name.to_bytes()].concat()).ok()
        }
        _ => Some(found),
    }
}
