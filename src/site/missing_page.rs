//! The page of a missing path: the nearest `404.html`, from the folder of the path up to the root.

use std::time::{Duration, Instant};

use super::clock_cache::ClockCache;
use super::load::Stop;
use super::names::{Names, NeedsDisk};
use super::now::Now;
use super::pending::{Job, Pending};
use super::resolve::{self, Refusal, Root};
use crate::http::target::Path;
use crate::sys::file::Kind;

/// The name of the page.
const PAGE: &[u8] = b"404.html";
/// The age at which a folder is looked at again for a page that has come or gone. A page that is changed is read like
/// any file, and never late.
const AGE: Duration = Duration::from_secs(1);
/// Folders that are kept in mind.
const FOLDERS: usize = 1024;

/// A folder, as it was a short time ago.
#[derive(Clone, Copy, Debug)]
struct Folder {
    looked: Instant,
    exists: bool,
    has_page: bool,
}

/// Finds pages for one worker.
pub(super) struct MissingPages {
    root: Root,
    names: Names,
    folders: ClockCache<Folder>,
}

impl MissingPages {
    /// Finds pages beneath `root`.
    pub(super) fn new(root: Root) -> MissingPages {
        MissingPages { root, names: Names::default(), folders: ClockCache::new(FOLDERS) }
    }

    /// The pages for a missing path, by name, the nearest first. Hidden folders are passed over, as if they were
    /// missing, too.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn of(&mut self, path: &Path, now: &Now, pending: &Pending) -> Result<Vec<Vec<u8>>, Stop> {
        let path = path.as_bytes();
        let ends = [0].into_iter().chain(memchr::memchr_iter(b'/', path).map(|slash| slash + 1));
        let mut pages = Vec::new();
        let mut start = 0;
        for end in ends {
            let (folder, name) = (&path[..end], path[start..end].strip_suffix(b"/").unwrap_or_default());
            start = end;
            if resolve::is_hidden_name(name) {
                break;
            }
            let found = self.folder(folder, now, pending)?;
            if found.has_page {
                pages.push([folder, PAGE].concat());
            }
            if !found.exists {
                break;
            }
        }
        pages.reverse();
        Ok(pages)
    }

    fn folder(&mut self, folder: &[u8], now: &Now, pending: &Pending) -> Result<Folder, Stop> {
        if let Some(found) = self.folders.get_mut(folder)
            && now.instant < found.looked + AGE
        {
            return Ok(*found);
        }
        let has_page = self.kind(&[folder, PAGE].concat(), pending)? == Some(Kind::Regular);
        let exists = has_page || folder.is_empty() || self.kind(folder, pending)? == Some(Kind::Directory);
        let found = Folder { looked: now.instant, exists, has_page };
        self.folders.insert(folder, found, 1);
        Ok(found)
    }

    fn kind(&self, name: &[u8], pending: &Pending) -> Result<Option<Kind>, Stop> {
        let whole = self.root.name(name, "")?;
        match self.names.look_up(&whole, pending) {
            Ok(Ok(metadata)) => Ok(Some(metadata.kind)),
            Ok(Err(Refusal::Absent | Refusal::Forbidden)) => Ok(None),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(NeedsDisk) => Err(Job::LookUp(vec![whole]).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::target::Target;

    #[test]
    fn the_nearest_page_comes_first_and_a_new_one_within_a_second() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["404.html", "a/404.html", "a/b/x", ".git/404.html", "c/404.html/x"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut pages = MissingPages::new(Root::new(folder.path()).unwrap());
        let mut of = |target: &str, now: &Now| {
            let path = Target::parse(target.as_bytes()).unwrap().path;
            let found = pages.of(&path, now, &Pending::default()).ok().unwrap();
            found.into_iter().map(|name| String::from_utf8(name).unwrap()).collect::<Vec<_>>()
        };
        let now = Now::first();
        for (target, expected) in [
            ("/x", &["404.html"][..]),
            ("/a/x", &["a/404.html", "404.html"]),
            ("/a/b/c/d", &["a/404.html", "404.html"]),
            ("/a/b/", &["a/404.html", "404.html"]),
            ("/nothing/at/all", &["404.html"]),
            ("/.git/config", &["404.html"]),
            ("/c/x", &["404.html"]),
        ] {
            assert_eq!(of(target, &now), expected, "{target}");
        }
        std::fs::write(folder.path().join("a/b/404.html"), "").unwrap();
        std::fs::remove_file(folder.path().join("404.html")).unwrap();
        assert_eq!(of("/a/b/x", &now), ["a/404.html", "404.html"]);
        let later = now.next_at(now.instant + AGE);
        assert_eq!(of("/a/b/x", &later), ["a/b/404.html", "a/404.html"]);
    }
}
