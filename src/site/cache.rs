//! Resources kept ready by path: the map of one worker.

use std::rc::Rc;
use std::sync::Arc;

use super::CacheShare;
use super::clock_cache::ClockCache;
use super::freshness::Freshness;
use super::load::{Attempt, Loader, Stop};
use super::names::Names;
use super::now::Now;
use super::pending::Pending;
use super::resolve::Root;
use super::resource::Resource;
use super::shared::Shared;
use crate::config::Files;
use crate::http::target::Path;

/// The part of the cache that names without a file may fill, so that a scan cannot push out the site.
const MISSING_SHARE: usize = 16;

struct Entry {
    resource: Rc<Resource>,
    freshness: Freshness,
}

/// The cache of one worker.
pub(super) struct Cache {
    loader: Loader,
    names: Names,
    found: ClockCache<Entry>,
    missing: ClockCache<Entry>,
    /// The weight of an open file, so that the bound in bytes bounds descriptors too.
    descriptor_bytes: usize,
    /// The resource that was found last and its key, if it may grow.
    last: Option<Rc<Resource>>,
    last_key: Vec<u8>,
}

impl Cache {
    /// An empty cache of the files beneath `root`.
    pub(super) fn new(root: Root, files: &Files, share: CacheShare, shared: Arc<Shared>) -> Cache {
        Cache {
            loader: Loader::new(root, files, shared),
            names: Names::default(),
            found: ClockCache::new(share.bytes),
            missing: ClockCache::new(share.bytes / MISSING_SHARE),
            descriptor_bytes: share.bytes / share.descriptors.max(1),
            last: None,
            last_key: Vec::new(),
        }
    }

    /// The resource that a path leads to at this moment.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn find(&mut self, path: &Path, now: &Now, pending: &Pending) -> Result<Rc<Resource>, Stop> {
        self.weigh_last();
        let resource = self.find_current(path, now, pending)?;
        if resource.may_grow() {
            self.last = Some(Rc::clone(&resource));
            self.last_key.clear();
            self.last_key.extend_from_slice(path.as_bytes());
        }
        Ok(resource)
    }

    /// Weighs the resource that was found last again, if coded forms were added to it since then.
    fn weigh_last(&mut self) {
        if self.last.take().is_some_and(|resource| resource.has_grown()) {
            let (key, descriptor_bytes) = (&*self.last_key, self.descriptor_bytes);
            self.found.weigh(key, |entry| entry.resource.weight(descriptor_bytes) + key.len());
        }
    }

    fn find_current(&mut self, path: &Path, now: &Now, pending: &Pending) -> Result<Rc<Resource>, Stop> {
        let key = path.as_bytes();
        for kept in [&mut self.found, &mut self.missing] {
            if let Some(entry) = kept.get_mut(key) {
                if entry.freshness.is_current(now, &self.names, pending)? {
                    return Ok(Rc::clone(&entry.resource));
                }
                kept.remove(key);
                break;
            }
        }
        let (resource, freshness) = self.loader.load(Attempt { path, names: &self.names, now, pending })?;
        let resource = Rc::new(resource);
        let weight = resource.weight(self.descriptor_bytes) + key.len();
        let entry = Entry { resource: Rc::clone(&resource), freshness };
        match *resource {
            Resource::Missing => self.missing.insert(key, entry, weight),
            _ => self.found.insert(key, entry, weight),
        }
        Ok(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::http::target::Target;
    use clap::Parser;
    use std::time::{Duration, SystemTime};

    fn cache(root: &std::path::Path) -> Cache {
        let config = Config::parse_from(["httpd"]);
        let share = CacheShare { bytes: 1024 * 1024, descriptors: 16 };
        Cache::new(Root::new(root).unwrap(), &config.files, share, Arc::default())
    }

    /// What a path leads to; jobs are done at once.
    fn found(cache: &mut Cache, target: &str, now: &Now) -> Rc<Resource> {
        let path = Target::parse(target.as_bytes()).unwrap().path;
        let mut pending = Pending::default();
        loop {
            match cache.find(&path, now, &pending) {
                Ok(resource) => return resource,
                Err(Stop::Wait(job)) => {
                    let outcome = job.run();
                    pending.add(job.into(), outcome);
                }
                Err(Stop::Refused(status)) => panic!("{target}: {status:?}"),
            }
        }
    }

    #[test]
    fn a_young_file_is_read_again_and_an_old_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a", "a.txt", "a.svgz"] {
            std::fs::write(root.path().join(name), "a").unwrap();
            for (age, is_kept) in [(Duration::ZERO, false), (Duration::from_secs(10), true)] {
                let mut cache = cache(root.path());
                let mut find = |turn| {
                    let now = Now { turn, time: SystemTime::now() + age, ..Now::first() };
                    found(&mut cache, &format!("/{name}"), &now)
                };
                let (first, second, third) = (find(1), find(1), find(2));
                assert!(Rc::ptr_eq(&first, &second), "{name}: one look serves a turn");
                assert_eq!(Rc::ptr_eq(&second, &third), is_kept, "{name}: {age:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_kept_apart() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = cache(root.path());
        let now = Now::first();
        std::fs::write(root.path().join("a"), "a").unwrap();
        let mut find = |target: &str| found(&mut cache, target, &now);
        let first = find("/a");
        for number in 0..10_000 {
            assert!(matches!(*find(&format!("/missing-{number}")), Resource::Missing));
        }
        assert!(Rc::ptr_eq(&first, &find("/a")), "a scan has pushed it out");
    }
}
