//! Files kept ready by path, and when to look again.
//!
//! The rule that users get: *a request sent after a file was replaced gets the new file, always.* A worker
//! reads all requests that have arrived, and then answers them: an entry that was compared with the file
//! system once in this turn is therefore right for every request of the turn, and a hundred requests share
//! one `stat`. What is compared is the *name*: a directory on the way, or the root, may be a symlink that
//! was swapped. Inode, device, size and both times in nanoseconds must be the same, and an entry whose file
//! was changed so lately that another change could bear the same time is read again.
//!
//! One thing may come late: a coded file that appears beside a file that did not have it is noticed within
//! `NEIGHBOURS_SECONDS`. Until then the file is served as before: right, but not as small.

use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::clock_cache::ClockCache;
use super::cold::{Cold, Fetched, Names, is_cold};
use super::file::{Content, Opened, Variant};
use super::resolve::{self, Root};
use super::{CacheShare, Now};
use crate::config::Files;
use crate::http::encoding::{Coding, SIDECARS};
use crate::http::status::Status;
use crate::http::target::{self, Path};
use crate::sys::file::{self, Kind, Metadata};

/// How often a directory is looked at for new coded files, in seconds.
const NEIGHBOURS_SECONDS: u64 = 1;
/// Directories that are kept in mind: each is looked at once for all files in it.
const DIRECTORIES: usize = 1024;
/// The part of the cache that names without a file may fill, so that a scan cannot push out the site.
const MISSING_SHARE: usize = 16;
/// Bytes that an entry costs beyond its path and content, about.
const ENTRY_BYTES: usize = 1024;

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Resource {
    /// A file: its representations, the one without a coding first.
    File(Vec<Variant>),
    /// A directory that was asked for without its slash: where it is, relative to what was asked for.
    Directory(Vec<u8>),
    /// Nothing.
    Missing,
}

/// Why nothing can be said of a path.
#[derive(Debug)]
pub(crate) enum Unready {
    /// The status of a name that is there and cannot be served.
    Refused(Status),
    /// What has to be fetched first.
    Cold(Cold),
}

impl From<io::Error> for Unready {
    fn from(error: io::Error) -> Unready {
        Unready::Refused(resolve::refusal(&error))
    }
}

/// A name and what it stood for; `None` for nothing.
#[derive(Debug)]
struct Watch {
    name: CString,
    seen: Option<Metadata>,
}

impl Watch {
    /// Whether it still stands for the same. An error that says nothing of the name counts as a change.
    ///
    /// # Errors
    /// What has to be fetched to tell: [`is_cold`].
    fn holds(&self, names: &Names, fetched: Fetched) -> io::Result<bool> {
        match names.look_up(&self.name, fetched) {
            Ok(found) => Ok(self.seen == Some(found)),
            Err(error) if is_cold(&error) => Err(error),
            Err(error) => Ok(self.seen.is_none() && resolve::is_absence(&error)),
        }
    }
}

/// A directory in which coded files could appear.
struct Directory {
    name: CString,
    looked: Cell<u64>,
    seen: Cell<Option<Metadata>>,
}

impl Directory {
    fn new(name: CString, now: &Now) -> Directory {
        let seen = Cell::new(file::stat(&name).ok());
        Directory { name, looked: Cell::new(now.seconds()), seen }
    }

    /// How it was a second ago at most.
    fn look(&self, now: &Now) -> Option<Metadata> {
        if now.seconds() >= self.looked.get() + NEIGHBOURS_SECONDS {
            self.looked.set(now.seconds());
            self.seen.set(file::stat(&self.name).ok());
        }
        self.seen.get()
    }
}

struct Entry {
    resource: Rc<Resource>,
    /// What the resource was made of.
    watches: Vec<Watch>,
    /// Where coded files could appear, and how that was when the file was read.
    neighbours: Option<(Rc<Directory>, Option<Metadata>)>,
    /// The turn in which all this was true.
    checked: u64,
    /// Whether no further change can hide behind the same times.
    is_settled: bool,
}

impl Entry {
    fn of(resource: Resource, watches: Vec<Watch>, now: &Now) -> Entry {
        Entry { resource: Rc::new(resource), watches, neighbours: None, checked: now.turn, is_settled: true }
    }

    /// Whether it is true in this turn; looks when it has not looked yet.
    ///
    /// # Errors
    /// As [`Watch::holds`].
    fn is_current(&mut self, now: &Now, names: &Names, fetched: Fetched) -> io::Result<bool> {
        if self.checked == now.turn {
            return Ok(true);
        }
        if !self.is_settled {
            return Ok(false);
        }
        for watch in &self.watches {
            if !watch.holds(names, fetched)? {
                return Ok(false);
            }
        }
        if self.neighbours.as_ref().is_some_and(|(directory, seen)| directory.look(now) != *seen) {
            return Ok(false);
        }
        self.checked = now.turn;
        Ok(true)
    }

    /// What it looks at.
    fn names(&self) -> Cold {
        Cold::Names(self.watches.iter().map(|watch| watch.name.clone()).collect())
    }

    fn weight(&self, descriptor_bytes: usize) -> usize {
        let content = match &*self.resource {
            Resource::File(variants) => {
                variants.iter().map(|variant| match &variant.representation.content {
                    Content::Memory(bytes) => bytes.len(),
                    Content::File(..) => descriptor_bytes,
                })
            }
            _ => return ENTRY_BYTES,
        };
        ENTRY_BYTES + content.sum::<usize>()
    }
}

/// The cache of one worker.
pub(crate) struct Cache {
    root: Root,
    files: Files,
    found: ClockCache<Entry>,
    missing: ClockCache<Entry>,
    directories: ClockCache<Rc<Directory>>,
    names: Names,
    /// What an open file weighs, so that the bound in bytes bounds descriptors too.
    descriptor_bytes: usize,
}

impl Cache {
    /// An empty cache of the files beneath `root`.
    pub(crate) fn new(root: Root, files: &Files, share: CacheShare) -> Cache {
        let found = ClockCache::new(share.bytes);
        let missing = ClockCache::new(share.bytes / MISSING_SHARE);
        let descriptor_bytes = share.bytes / share.descriptors.max(1);
        let (directories, names) = (ClockCache::new(DIRECTORIES), Names::default());
        Cache { root, files: files.clone(), found, missing, directories, names, descriptor_bytes }
    }

    /// What a path leads to at this now. What was `fetched` is not asked for again.
    ///
    /// # Errors
    /// [`Unready`].
    pub(crate) fn find(&mut self, path: &Path, now: &Now, fetched: Fetched) -> Result<Rc<Resource>, Unready> {
        let key = path.as_bytes();
        for kept in [&mut self.found, &mut self.missing] {
            if let Some(entry) = kept.get_mut(key) {
                match entry.is_current(now, &self.names, fetched) {
                    Ok(true) => return Ok(Rc::clone(&entry.resource)),
                    Ok(false) => {}
                    Err(_) => return Err(Unready::Cold(entry.names())),
                }
                kept.remove(key);
                break;
            }
        }
        let entry = self.load(path, now, fetched)?;
        let resource = Rc::clone(&entry.resource);
        let weight = entry.weight(self.descriptor_bytes) + key.len();
        match *resource {
            Resource::Missing => self.missing.insert(key, entry, weight),
            _ => self.found.insert(key, entry, weight),
        }
        Ok(resource)
    }

    fn load(&mut self, path: &Path, now: &Now, fetched: Fetched) -> Result<Entry, Unready> {
        let name = resolve::file_name(path);
        let whole = self.root.name(&name, "")?;
        let seen = match self.names.look_up(&whole, fetched) {
            Ok(metadata) => metadata,
            Err(error) if is_cold(&error) => return Err(Unready::Cold(self.names_of(&name)?)),
            // What is missing behind a symlink that leads out is nobody's business: the kernel has the word.
            Err(error) if resolve::is_absence(&error) => match self.root.open_file(&name, "") {
                Err(error) if resolve::is_absence(&error) => {
                    return Ok(Entry::of(Resource::Missing, vec![Watch { name: whole, seen: None }], now));
                }
                Err(error) => return Err(error.into()),
                Ok(_) => return self.load_file(&name, whole, now, fetched), // it has just appeared
            },
            Err(error) => return Err(error.into()),
        };
        match seen.kind {
            Kind::Regular => self.load_file(&name, whole, now, fetched),
            Kind::Directory if !path.is_directory() => {
                self.root.see_directory(&name)?;
                let last = path.segments().last().unwrap_or_default();
                let mut location = Vec::with_capacity(last.len() + 1);
                target::encode_segment(last, &mut location);
                location.push(b'/');
                let watch = Watch { name: whole, seen: Some(seen) };
                Ok(Entry::of(Resource::Directory(location), vec![watch], now))
            }
            _ => Err(Unready::Refused(Status::NotFound)),
        }
    }

    fn load_file(
        &mut self,
        name: &[u8],
        whole: CString,
        now: &Now,
        fetched: Fetched,
    ) -> Result<Entry, Unready> {
        // Looked at before the files in it: what appears in between is then seen the next time.
        let neighbours = if self.files.no_precompressed { None } else { Some(self.directory_of(name, now)?) };
        let (file, metadata) = self.root.open_file(name, "")?;
        let mut opened = vec![Opened { coding: Coding::Identity, file, metadata }];
        let mut watches = Vec::new();
        let mut is_certain = true;
        for coding in SIDECARS.into_iter().filter(|_| !self.files.no_precompressed) {
            match self.open_sidecar(name, coding, &metadata, &mut watches, fetched) {
                Ok(sidecar) => opened.extend(sidecar),
                Err(error) if is_cold(&error) => return Err(Unready::Cold(self.names_of(name)?)),
                Err(error) => is_certain &= resolve::is_lasting(&error),
            }
        }
        let mut read = opened.iter().enumerate().filter(|(_, opened)| opened.is_read()).skip(fetched.files);
        if let Some((index, range)) = read.find_map(|(index, opened)| Some((index, opened.cold_range()?))) {
            return Err(Unready::Cold(Cold::Range(Arc::new(opened.swap_remove(index).file), range)));
        }
        let varies = opened.len() > 1;
        let mut variants = Vec::with_capacity(opened.len());
        for opened in opened {
            let coding = opened.coding;
            let (variant, metadata) = opened.into_variant(name, varies, &self.files.cache_control, now)?;
            let name = match coding {
                Coding::Identity => whole.clone(),
                _ => self.root.name(name, coding.suffix())?,
            };
            watches.push(Watch { name, seen: Some(metadata) });
            variants.push(variant);
        }
        let times = watches.iter().map(|watch| watch.seen).chain(neighbours.as_ref().map(|(_, seen)| *seen));
        let is_settled = is_certain && times.flatten().all(|metadata| now.is_settled(&metadata));
        let entry = Entry::of(Resource::File(variants), watches, now);
        Ok(Entry { neighbours, is_settled, ..entry })
    }

    /// The directory of a file, and how it is now or was lately.
    fn directory_of(&mut self, name: &[u8], now: &Now) -> io::Result<(Rc<Directory>, Option<Metadata>)> {
        let key = &name[..memchr::memrchr(b'/', name).unwrap_or(0)];
        let directory = match self.directories.get_mut(key) {
            Some(directory) => Rc::clone(directory),
            None => {
                let directory = Rc::new(Directory::new(self.root.name(key, "")?, now));
                self.directories.insert(key, Rc::clone(&directory), 1);
                directory
            }
        };
        let seen = directory.look(now);
        Ok((directory, seen))
    }

    /// A coded file beside the file, if it can be used and is not older. If not, it is to be watched: it may
    /// become usable, and the directory would not tell.
    fn open_sidecar(
        &self,
        name: &[u8],
        coding: Coding,
        original: &Metadata,
        watches: &mut Vec<Watch>,
        fetched: Fetched,
    ) -> io::Result<Option<Opened>> {
        let whole = self.root.name(name, coding.suffix())?;
        let seen = self.names.look_up(&whole, fetched)?;
        if seen.kind == Kind::Regular {
            match self.root.open_file(name, coding.suffix()) {
                Ok((file, metadata)) if metadata.modified >= original.modified => {
                    return Ok(Some(Opened { coding, file, metadata }));
                }
                Err(error) if !resolve::is_lasting(&error) => return Err(error),
                _ => {}
            }
        }
        watches.push(Watch { name: whole, seen: Some(seen) });
        Ok(None)
    }

    /// All that is looked up for a file.
    fn names_of(&self, name: &[u8]) -> io::Result<Cold> {
        let sidecars = SIDECARS.iter().filter(|_| !self.files.no_precompressed).map(|coding| coding.suffix());
        let names = [""].into_iter().chain(sidecars).map(|suffix| self.root.name(name, suffix));
        Ok(Cold::Names(names.collect::<io::Result<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::http::target::Target;
    use clap::Parser;
    use std::time::{Duration, SystemTime};

    const ALL: Fetched = Fetched { names: true, files: usize::MAX };

    fn cache(root: &std::path::Path) -> Cache {
        let config = Config::parse_from(["httpd"]);
        let share = CacheShare { bytes: 1024 * 1024, descriptors: 16 };
        Cache::new(Root::new(root).unwrap(), &config.files, share)
    }

    #[test]
    fn a_young_file_is_read_again_and_an_old_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "a").unwrap();
        for (age, is_kept) in [(Duration::ZERO, false), (Duration::from_secs(10), true)] {
            let mut cache = cache(root.path());
            let path = Target::parse(b"/a").unwrap().path;
            let mut find =
                |turn| cache.find(&path, &Now { turn, now: SystemTime::now() + age }, ALL).unwrap();
            let (first, second, third) = (find(1), find(1), find(2));
            assert!(Rc::ptr_eq(&first, &second), "one look serves a turn");
            assert_eq!(Rc::ptr_eq(&second, &third), is_kept, "{age:?}");
        }
    }

    #[test]
    fn what_is_missing_is_kept_apart() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = cache(root.path());
        let now = Now { turn: 1, now: SystemTime::now() };
        std::fs::write(root.path().join("a"), "a").unwrap();
        let mut find = |target: &str| {
            let path = Target::parse(target.as_bytes()).unwrap().path;
            cache.find(&path, &now, ALL).unwrap()
        };
        let first = find("/a");
        for number in 0..10_000 {
            assert!(matches!(*find(&format!("/missing-{number}")), Resource::Missing));
        }
        assert!(Rc::ptr_eq(&first, &find("/a")), "a scan has pushed it out");
    }
}
