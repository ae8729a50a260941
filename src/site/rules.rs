//! `_headers` and `_redirects` of the root: read by threads, shared by all workers, obeyed within a second.
//!
//! A worker looks at the two names once a second at most; that costs two `stat` and reads nothing. A changed file is
//! read and parsed by a thread, and the request that saw the change waits for it. A bad line is skipped with a
//! warning, once for each version of its file. A file that cannot be read leaves the rules as they are.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entity_tag::{self, Digest};
use super::names::{Names, NeedsDisk};
use super::now::Now;
use super::one_state::{self, InOneState};
use super::pending::{Job, Pending};
use super::resolve::{Refusal, Root};
use crate::http::encoding::SIDECARS;
use crate::rules::headers::{self, Headers};
use crate::rules::redirects::{self, Asked, Match, Redirects};
use crate::rules::{Finding, MAX_BYTES, Reading};
use crate::sys::file::{self, Kind, Metadata};

/// The time between two looks at the files: a little less than the second within which a change is obeyed, because
/// reading takes time, too.
const LOOK: Duration = Duration::from_millis(900);
/// Findings of one version of a file that are logged; `httpd check` shows them all.
const LOGGED: usize = 100;

/// True if a path beneath the root names one of the files, or a coded form of one. They are never served.
pub(super) fn is_rules_file(name: &[u8]) -> bool {
    let suffix = SIDECARS.iter().map(|coding| coding.suffix().as_bytes());
    let plain = suffix.into_iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    [headers::FILE, redirects::FILE].iter().any(|file| file.as_bytes() == plain)
}

/// The rules that hold at one time.
#[derive(Debug)]
pub(super) struct Rules {
    headers: Source<Headers>,
    redirects: Source<Redirects>,
    /// True if a redirect that leads back to where it came from was warned of.
    has_warned: AtomicBool,
}

/// A file, and what was read from it.
#[derive(Debug)]
struct Source<T> {
    parsed: Arc<T>,
    /// The digest of the bytes; `None` for no file.
    digest: Option<Digest>,
    /// The file that its name stood for.
    seen: Result<Metadata, Refusal>,
    /// Why it could not be read the last time.
    failure: Option<Refusal>,
    /// True if no further change can hide under the same metadata.
    is_settled: bool,
}

impl<T> Source<T> {
    fn new(parsed: T) -> Source<T> {
        let seen = Err(Refusal::Absent);
        Source { parsed: Arc::new(parsed), digest: None, seen, failure: None, is_settled: true }
    }

    fn share(&self) -> Source<T> {
        Source { parsed: Arc::clone(&self.parsed), ..*self }
    }

    fn is_current(&self, found: Result<Metadata, Refusal>) -> bool {
        self.is_settled && self.seen == found
    }
}

impl Rules {
    fn is_empty(&self) -> bool {
        self.headers.parsed.blocks().is_empty() && self.redirects.parsed.rules().is_empty()
    }

    /// The fields that rules change in the responses for a path.
    pub(super) fn headers(&self) -> &Headers {
        &self.headers.parsed
    }

    /// The first rule that answers a request: of those that win over a file, or of the others. A redirect that leads
    /// back to where it came from is skipped.
    pub(super) fn redirect(&self, asked: Asked, forced: bool) -> Option<Match> {
        self.redirects.parsed.matches(asked, forced).find(|found| {
            let leads_back = found.is_redirect_to(&asked);
            if leads_back && !self.has_warned.swap(true, Ordering::Relaxed) {
                let to = String::from_utf8_lossy(&found.to);
                log::warn!("{}:{}: skipped for {to}, which it leads back to", redirects::FILE, found.line);
            }
            !leads_back
        })
    }
}

/// The rules of a site, for all workers.
#[derive(Debug)]
pub(crate) struct SharedRules {
    root: Root,
    /// The whole names of `_headers` and `_redirects`.
    names: [CString; 2],
    reading: Reading,
    /// Counts the times that `current` was replaced.
    version: AtomicU64,
    current: Mutex<Arc<Rules>>,
    /// Held by the thread that reads.
    loading: Mutex<()>,
}

impl SharedRules {
    /// Reads the rules of a site, and waits for the disk. Files that cannot be read are warned of.
    ///
    /// # Errors
    /// The root is no name that a file can have.
    pub(crate) fn load_first(root: Root, reading: Reading) -> io::Result<SharedRules> {
        let names = [root.name(headers::FILE.as_bytes(), "")?, root.name(redirects::FILE.as_bytes(), "")?];
        let (headers, redirects) = (Headers::none(reading), Redirects::none(reading));
        let (headers, redirects) = (Source::new(headers), Source::new(redirects));
        let rules = Rules { headers, redirects, has_warned: AtomicBool::new(false) };
        let shared = SharedRules {
            root,
            names,
            reading,
            version: AtomicU64::new(0),
            current: Mutex::new(Arc::new(rules)),
            loading: Mutex::default(),
        };
        shared.load();
        Ok(shared)
    }

    /// Reads what has changed, and waits for the disk.
    pub(super) fn load(&self) {
        let _one_at_a_time = lock(&self.loading);
        let before = Arc::clone(&lock(&self.current));
        let [headers, redirects] = &self.names;
        let headers = self.load_file(headers::FILE, headers, &before.headers, Headers::parse);
        let redirects = self.load_file(redirects::FILE, redirects, &before.redirects, Redirects::parse);
        if headers.is_some() || redirects.is_some() {
            let headers = headers.unwrap_or_else(|| before.headers.share());
            let redirects = redirects.unwrap_or_else(|| before.redirects.share());
            let rules = Rules { headers, redirects, has_warned: AtomicBool::new(false) };
            *lock(&self.current) = Arc::new(rules);
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Reads a file anew; `None` when it has not changed.
    fn load_file<T>(
        &self,
        name: &str,
        path: &CStr,
        before: &Source<T>,
        parse: fn(&[u8], Reading) -> (T, Vec<Finding>),
    ) -> Option<Source<T>> {
        let seen = file::stat(path).map_err(Refusal::from);
        if before.is_current(seen) {
            return None;
        }
        let mut after = Source {
            parsed: Arc::clone(&before.parsed),
            digest: before.digest,
            seen,
            failure: None,
            is_settled: true,
        };
        match self.read(name) {
            Ok(InOneState { metadata, value: bytes, is_settled }) => {
                after.is_settled = is_settled && seen == Ok(metadata);
                let digest = entity_tag::digest_of_bytes(&bytes);
                if before.digest != Some(digest) {
                    let (parsed, findings) = parse(&bytes, self.reading);
                    warn(name, &findings);
                    (after.parsed, after.digest) = (Arc::new(parsed), Some(digest));
                }
            }
            Err(Refusal::Absent) => {
                after.is_settled = !seen.is_ok_and(|metadata| metadata.kind == Kind::Regular);
                (after.parsed, after.digest) = (Arc::new(parse(b"", self.reading).0), None);
            }
            Err(refusal) => {
                after.is_settled = refusal.is_lasting();
                after.failure = Some(refusal);
                if before.failure != after.failure {
                    log::warn!("{name} cannot be read ({refusal:?}): its last rules stay in force");
                }
            }
        }
        Some(after)
    }

    /// The first bytes of a file: one more than are obeyed.
    fn read(&self, name: &str) -> Result<InOneState<Vec<u8>>, Refusal> {
        let (file, metadata) = self.root.open_file(name.as_bytes(), "")?;
        Ok(one_state::read(&file, &metadata, |file| read_start(file, MAX_BYTES + 1))?)
    }
}

/// The rules, as one worker knows them.
pub(super) struct WorkerRules {
    shared: Arc<SharedRules>,
    names: Names,
    version: u64,
    current: Arc<Rules>,
    /// The time of the next look at the files.
    next_look: Instant,
}

impl WorkerRules {
    /// The rules that all workers share.
    pub(super) fn new(shared: Arc<SharedRules>) -> WorkerRules {
        // The version first: rules that are replaced in between are then taken again.
        let version = shared.version.load(Ordering::Acquire);
        let current = Arc::clone(&lock(&shared.current));
        WorkerRules { shared, names: Names::default(), version, current, next_look: Instant::now() }
    }

    /// The rules at this moment, if there are any. No change older than a second is missing from them.
    ///
    /// # Errors
    /// The [`Job`] that reads them.
    pub(super) fn current(&mut self, now: &Now, pending: &Pending) -> Result<Option<Arc<Rules>>, Job> {
        let version = self.shared.version.load(Ordering::Acquire);
        if version != self.version {
            self.current = Arc::clone(&lock(&self.shared.current));
            self.version = version;
        }
        if now.instant >= self.next_look {
            if !pending.has_loaded_rules() && self.have_changed(pending) {
                return Err(Job::LoadRules(Arc::clone(&self.shared)));
            }
            self.next_look = now.instant + LOOK;
        }
        Ok((!self.current.is_empty()).then(|| Arc::clone(&self.current)))
    }

    fn have_changed(&self, pending: &Pending) -> bool {
        let [headers, redirects] = &self.shared.names;
        let found = |name| self.names.look_up(name, pending);
        match (found(headers), found(redirects)) {
            (Ok(headers), Ok(redirects)) => {
                !self.current.headers.is_current(headers) || !self.current.redirects.is_current(redirects)
            }
            (Err(NeedsDisk), _) | (_, Err(NeedsDisk)) => true,
        }
    }
}

fn read_start(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while length < most {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn warn(name: &str, findings: &[Finding]) {
    for Finding { line, message, .. } in findings.iter().take(LOGGED) {
        log::warn!("{name}:{line}: {message}");
    }
    if let Some(more @ 1..) = findings.len().checked_sub(LOGGED) {
        log::warn!("{name}: {more} more, which `httpd check` shows");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
