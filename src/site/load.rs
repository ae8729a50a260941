//! A path -> the resource that it leads to, and all that this rests on.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::clock_cache::ClockCache;
use super::compress::{self, Compressible};
use super::entity_tag::{self, DIGESTED, Digest};
use super::forms::Original;
use super::freshness::{self, Freshness, LONGEST_SETTLING, Neighbours, Watch};
use super::names::{Names, NeedsDisk};
use super::now::Now;
use super::one_state::READINGS;
use super::pending::{Job, Pending};
use super::representation::{Content, Representation, Variant};
use super::residency::OpenFile;
use super::resolve::{Refusal, Root};
use super::resource::Resource;
use super::shared::Shared;
use super::sidecar::{VERIFIED, Verification};
use super::way::{Place, Way};
use crate::config::Files;
use crate::http::charset::{self, Characters};
use crate::http::date;
use crate::http::encoding::{Coding, SIDECARS};
use crate::http::status::Status;
use crate::http::target::Path;
use crate::sys::file::{self, Kind, Metadata};
use crate::sys::page_cache;

/// Bytes of the largest file that is kept in memory. A larger one is sent from an open file, without a copy. A file
/// in memory takes no descriptor and never waits for a disk.
pub(super) const IN_MEMORY: u64 = 64 * 1024;

/// The Cache-Control value of files that never change under their name (RFC 8246).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Directories that are kept in mind: each is looked at once for all files in it.
const DIRECTORIES: usize = 1024;

/// Why there is no resource.
#[derive(Debug)]
pub(super) enum Stop {
    /// The status of a name that is there and cannot be served.
    Refused(Status),
    /// The job that is to be done first.
    Wait(Box<Job>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal.status())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Refusal::from(error).into()
    }
}

impl From<Job> for Stop {
    fn from(job: Job) -> Stop {
        Stop::Wait(Box::new(job))
    }
}

/// Loads resources for one worker.
pub(super) struct Loader {
    root: Root,
    files: Files,
    directories: ClockCache<Rc<Neighbours>>,
    shared: Arc<Shared>,
}

/// A file that was read or is kept open, and the state in which it was.
struct Loaded {
    coding: Coding,
    file: Arc<File>,
    metadata: Metadata,
    content: Content,
    /// The entity tag without its quotes.
    tag: String,
    /// The digest of the bytes, if it is known.
    digest: Option<Digest>,
}

/// An attempt to load: the path, the worker's file system, the time, and the jobs that were done for the request.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    /// The path that was asked for.
    pub(super) path: &'a Path<'a>,
    pub(super) names: &'a Names,
    pub(super) now: &'a Now,
    pub(super) pending: &'a Pending,
}

impl Loader {
    /// A loader of the files beneath `root`.
    pub(super) fn new(root: Root, files: &Files, shared: Arc<Shared>) -> Loader {
        Loader { root, files: files.clone(), directories: ClockCache::new(DIRECTORIES), shared }
    }

    /// The resource that a path leads to at this moment.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn load(&mut self, attempt: Attempt) -> Result<(Resource, Freshness), Stop> {
        let mut way = Way { root: &self.root, files: &self.files, attempt, watches: Vec::new() };
        let place = way.find(attempt.path)?;
        let watches = way.watches;
        let resource = match place {
            Place::File(name) => return self.load_file(&name, watches, attempt),
            Place::Redirect(location) => Resource::Redirect(location),
            Place::Folder => Resource::Folder,
            Place::Missing => Resource::Missing,
        };
        Ok((resource, Freshness::new(watches, None, true, attempt.now)))
    }

    /// Loads a file, which these names have led to.
    fn load_file(
        &mut self,
        name: &[u8],
        mut watches: Vec<Watch>,
        attempt: Attempt,
    ) -> Result<(Resource, Freshness), Stop> {
        let Attempt { names, now, pending, .. } = attempt;
        // Looked at before the files in it: a file that appears in between is then seen the next time.
        let neighbours =
            if self.sidecars(name).is_empty() { None } else { Some(self.neighbours_of(name, attempt)?) };
        let (file, metadata) = names.open(&self.root, name, "", pending)??;
        let original = self.content(Coding::of_name(name), file, metadata, attempt)?;
        watches.push(Watch { name: self.root.name(name, "")?, seen: Some(original.metadata) });
        let mut is_certain = true;
        let mut sidecars = Vec::new();
        for &coding in self.sidecars(name) {
            match self.load_sidecar(name, coding, &original, &mut watches, attempt)? {
                Ok(sidecar) => sidecars.extend(sidecar),
                Err(refusal) => is_certain &= refusal.is_lasting(),
            }
        }
        let media_type = self.media_type(name, &original.content, &original.metadata, attempt)?;
        let may_compress = self.may_compress(name, &media_type, &original.metadata);
        let digest = original.digest.filter(|_| may_compress);
        let bytes = digest.map(|digest| Original::new(&original.metadata, digest));
        let varies = may_compress || !sidecars.is_empty();
        let loaded = [original].into_iter().chain(sidecars);
        let mut variants: Vec<Variant> =
            loaded.map(|loaded| self.variant(loaded, &media_type, varies, attempt)).collect();
        if let (Some(file), Some(bytes)) = (variants.first_mut(), bytes) {
            file.compressible = Some(Box::new(Compressible::new(bytes, &self.shared.forms)));
        }
        Ok((Resource::File(variants), Freshness::new(watches, neighbours, is_certain, now)))
    }

    /// The directory of a file, and its state now or lately.
    fn neighbours_of(
        &mut self,
        name: &[u8],
        attempt: Attempt,
    ) -> io::Result<(Rc<Neighbours>, Option<Metadata>)> {
        let key = &name[..memchr::memrchr(b'/', name).unwrap_or(0)];
        let neighbours = match self.directories.get_mut(key) {
            Some(neighbours) => Rc::clone(neighbours),
            None => {
                let directory = self.root.name(key, "")?;
                let neighbours = Rc::new(Neighbours::new(directory, attempt.names, attempt.now));
                self.directories.insert(key, Rc::clone(&neighbours), 1);
                neighbours
            }
        };
        let seen = neighbours.state(attempt.names, attempt.now);
        Ok((neighbours, seen))
    }

    /// Loads a coded file beside the file, if it can be used and is true. It is watched in any case: it may become so,
    /// and the directory would not tell.
    fn load_sidecar(
        &self,
        name: &[u8],
        coding: Coding,
        original: &Loaded,
        watches: &mut Vec<Watch>,
        attempt: Attempt,
    ) -> Result<Result<Option<Loaded>, Refusal>, Stop> {
        let whole = self.root.name(name, coding.suffix())?;
        let mut seen = match attempt.names.look_up(&whole, attempt.pending) {
            Ok(Ok(metadata)) => metadata,
            Ok(Err(refusal)) => return Ok(Err(refusal)),
            Err(NeedsDisk) => return Err(self.look_up_all(name)?.into()),
        };
        let mut used = None;
        if seen.kind == Kind::Regular {
            match attempt.names.open(&self.root, name, coding.suffix(), attempt.pending)? {
                Ok((file, metadata)) => {
                    let sidecar = self.content(coding, file, metadata, attempt)?;
                    seen = sidecar.metadata;
                    match self.is_true(original, &sidecar, &whole, attempt)? {
                        Some(is_true) => used = Some(sidecar).filter(|_| is_true),
                        None => return Ok(Err(Refusal::Unavailable)),
                    }
                }
                Err(refusal) if !refusal.is_lasting() => return Ok(Err(refusal)),
                Err(_) => {}
            }
        }
        watches.push(Watch { name: whole, seen: Some(seen) });
        Ok(Ok(used))
    }

    /// Whether a coded file decodes to the file; of a pair that is too large to try, whether it is not older. `None`
    /// where that cannot be found out at this moment.
    fn is_true(
        &self,
        original: &Loaded,
        sidecar: &Loaded,
        name: &CStr,
        attempt: Attempt,
    ) -> Result<Option<bool>, Stop> {
        let states = [original.metadata, sidecar.metadata];
        if states.iter().any(|metadata| metadata.size > VERIFIED) {
            return Ok(Some(sidecar.metadata.modified >= original.metadata.modified));
        }
        if let Some(is_true) = self.shared.verdicts.get(&states) {
            return Ok(Some(is_true));
        }
        match attempt.pending.verdict(&states) {
            Some(verdict) => Ok(verdict),
            None => Err(Job::Verify(Box::new(Verification {
                original: Arc::clone(&original.file),
                coded: Arc::clone(&sidecar.file),
                states,
                coding: sidecar.coding,
                name: name.into(),
                shared: Arc::clone(&self.shared),
            }))
            .into()),
        }
    }

    /// Whether coded forms of a file may be made.
    fn may_compress(&self, name: &[u8], media_type: &str, metadata: &Metadata) -> bool {
        !self.files.no_compress
            && !self.shared.forms.are_off()
            && Coding::of_name(name) == Coding::Identity
            && compress::applies(media_type, metadata.size)
    }

    /// The codings of the files that may lie beside a file.
    fn sidecars(&self, name: &[u8]) -> &'static [Coding] {
        let may_have = !self.files.no_precompressed && Coding::of_name(name) == Coding::Identity;
        if may_have { &SIDECARS } else { &[] }
    }

    /// Looks up all names that loading a file needs.
    fn look_up_all(&self, name: &[u8]) -> io::Result<Job> {
        let sidecars = self.sidecars(name).iter().map(|coding| coding.suffix());
        let names = [""].into_iter().chain(sidecars).map(|suffix| self.root.name(name, suffix));
        Ok(Job::LookUp(names.collect::<io::Result<_>>()?))
    }

    /// Makes a file that was loaded ready to be served; `varies` says whether it has, or may get, other forms.
    fn variant(&self, loaded: Loaded, media_type: &Rc<str>, varies: bool, attempt: Attempt) -> Variant {
        let Loaded { coding, content, tag, metadata, .. } = loaded;
        let modified = u64::try_from(metadata.modified.seconds).unwrap_or(0);
        let last_modified = modified.min(attempt.now.seconds());
        let quoted = format!("\"{tag}\"");
        let date = date::format(last_modified);
        let mut repeated =
            vec![("ETag", quoted.as_bytes()), ("Cache-Control", self.cache_control(attempt.path).as_bytes())];
        if varies {
            repeated.push(("Vary", b"Accept-Encoding"));
        }
        let mut fields = vec![("Last-Modified", date.as_bytes()), ("Accept-Ranges", b"bytes")];
        if coding != Coding::Identity {
            fields.push(("Content-Encoding", coding.token().as_bytes()));
        }
        let representation = Rc::new(Representation::new(&repeated, &fields, media_type, content));
        let (tag, media_type) = (tag.into_bytes(), Rc::clone(media_type));
        Variant { coding, tag, last_modified, media_type, representation, compressible: None }
    }

    /// The Cache-Control value of a found file that was asked for by this path.
    fn cache_control(&self, path: &Path) -> &str {
        let is_immutable =
            |glob: &String| fast_glob::glob_match(glob.strip_prefix('/').unwrap_or(glob), path.as_bytes());
        match self.files.immutable.iter().any(is_immutable) {
            true => IMMUTABLE,
            false => self.files.found_cache_control(),
        }
    }

    /// Reads a small file, and finds out what must be known of a large one.
    fn content(
        &self,
        coding: Coding,
        file: Arc<File>,
        metadata: Metadata,
        attempt: Attempt,
    ) -> Result<Loaded, Stop> {
        if metadata.size <= IN_MEMORY {
            let range = 0..metadata.size;
            let is_cold = || !range.is_empty() && !page_cache::is_resident(&file, range.clone());
            if !attempt.pending.has_read(&metadata) && is_cold() {
                return Err(Job::Read(file, range).into());
            }
            if let Some((bytes, metadata)) = read_whole(&file, &metadata)? {
                let digest = entity_tag::digest_of_bytes(&bytes);
                let content = Content::Memory(self.shared.body(bytes, digest));
                let tag = entity_tag::of_digest(digest, coding);
                return Ok(Loaded { coding, file, metadata, content, tag, digest: Some(digest) });
            }
        }
        let digest = self.digest_of_large(&file, &metadata, attempt)?;
        let tag = match digest {
            Some(digest) => entity_tag::of_digest(digest, coding),
            None => entity_tag::of_times(&metadata, coding),
        };
        let open = OpenFile::new(Arc::clone(&file), metadata.size);
        if attempt.pending.digest(&metadata).is_some() {
            open.note_read(&(0..metadata.size), attempt.now.instant);
        }
        Ok(Loaded { coding, file, metadata, content: Content::File(open), tag, digest })
    }

    /// The digest of a file that is not in memory; `None` where its tag is one of its times.
    fn digest_of_large(
        &self,
        file: &Arc<File>,
        metadata: &Metadata,
        attempt: Attempt,
    ) -> Result<Option<Digest>, Stop> {
        let Attempt { now, pending, .. } = attempt;
        if metadata.size > DIGESTED {
            let settling = freshness::settling_time(metadata, now.time);
            if (Duration::from_nanos(1)..=LONGEST_SETTLING).contains(&settling) && !pending.has_settled() {
                return Err(Job::Settle(settling).into());
            }
            return Ok(None);
        }
        if let Some(digest) = self.shared.digests.get(metadata) {
            return Ok(Some(digest));
        }
        match pending.digest(metadata) {
            Some(of_file) => {
                self.shared.digests.keep(of_file);
                Ok(Some(of_file.value))
            }
            None if !pending.has_tried_digests() => Err(Job::Digest(Arc::clone(file), *metadata).into()),
            // It is changed all the time: no later response has these bytes.
            None => Ok(None),
        }
    }

    /// The type of a file, with the charset of a text where that is to be said.
    fn media_type(
        &self,
        name: &[u8],
        content: &Content,
        metadata: &Metadata,
        attempt: Attempt,
    ) -> Result<Rc<str>, Stop> {
        let media_type = self.shared.types.of(name);
        if !charset::is_text(media_type) {
            return Ok(media_type.into());
        }
        let characters = match content {
            Content::Memory(bytes) => Characters::of(bytes, bytes.len() as u64),
            Content::File(open) => self.characters_of_large(open.file(), metadata, attempt.pending)?,
        };
        Ok(match characters.charset(media_type) {
            Some(charset) => format!("{media_type}; charset={charset}").into(),
            None => media_type.into(),
        })
    }

    /// The characters of a text that is not in memory.
    fn characters_of_large(
        &self,
        file: &Arc<File>,
        metadata: &Metadata,
        pending: &Pending,
    ) -> Result<Characters, Stop> {
        if let Some(characters) = self.shared.characters.get(metadata) {
            return Ok(characters);
        }
        match pending.characters(metadata) {
            Some(of_file) => {
                self.shared.characters.keep(of_file);
                Ok(of_file.value)
            }
            None if pending.looks_at_characters() < READINGS => {
                Err(Job::Characters(Arc::clone(file), *metadata).into())
            }
            // It is changed all the time: nothing can be said of it.
            None => Ok(Characters::Other),
        }
    }
}

/// Reads a small file; a change meanwhile makes it read it again. `None` when it is changed all the time, or has
/// become large: it is then served as an open file, whose length the sending keeps to.
fn read_whole(file: &File, opened: &Metadata) -> io::Result<Option<(Vec<u8>, Metadata)>> {
    let mut before = *opened;
    for _ in 0..READINGS {
        if before.size > IN_MEMORY {
            break;
        }
        let mut bytes = vec![0; before.size as usize];
        let result = file.read_exact_at(&mut bytes, 0);
        let after = file::metadata(file)?;
        match result {
            Ok(()) if after == before => return Ok(Some((bytes, after))),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => before = after,
        }
    }
    Ok(None)
}
