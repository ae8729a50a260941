//! Reads a folder for a listing. A name is shown when a request for it could be answered with a file or a folder
//! beneath the root, and not otherwise.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use super::resolve::{self, Refusal, Root};
use crate::http::encoding::SIDECARS;
use crate::listing::{Entry, Folder, Kind, MAX_ENTRIES};
use crate::sys::directory::Directory;
use crate::sys::file::{self, Metadata};
use crate::sys::open::Purpose;

/// Files in the root that tell how the site is served, and are not served themselves.
const RULES: [&[u8]; 2] = [b"_headers", b"_redirects"];

/// The entries of a folder beneath the root: `path` ends in a slash, or is empty for the root. Waits for the disk.
pub(super) fn read<'a>(root: &Root, path: &'a [u8], shows_dot_files: bool) -> Result<Folder<'a>, Refusal> {
    let place = if path.is_empty() { b"." } else { path };
    let mut directory = Directory::new(root.open(place, "", Purpose::List)?);
    let root = root.directory()?;
    let mut folder = Folder { path, entries: Vec::new(), is_cut: false };
    while let Some(name) = directory.next_name()? {
        if !is_shown(path, name.to_bytes(), shows_dot_files) {
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

/// Whether a name may be shown, whatever it stands for.
fn is_shown(path: &[u8], name: &[u8], shows_dot_files: bool) -> bool {
    let suffixes = SIDECARS.iter().map(|coding| coding.suffix().as_bytes());
    let original = suffixes.into_iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let is_rules = path.is_empty() && RULES.contains(&original);
    !is_rules && (shows_dot_files || !resolve::is_hidden_name(name))
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
