//! A path -> the resource that it leads to, and all that this rests on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::clock_cache::ClockCache;
use super::entity_tag::{self, DIGESTED};
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

/// An open file, and the state in which it was opened.
struct Opened {
    coding: Coding,
    /// What its name has after the name of the file.
    suffix: &'static str,
    file: Arc<File>,
    metadata: Metadata,
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
        let mut opened = vec![Opened { coding: Coding::of_name(name), suffix: "", file, metadata }];
        let mut is_certain = true;
        for &coding in self.sidecars(name) {
            match self.open_sidecar(name, coding, &metadata, &mut watches, attempt)? {
                Ok(sidecar) => opened.extend(sidecar),
                Err(refusal) => is_certain &= refusal.is_lasting(),
            }
        }
        let varies = opened.len() > 1;
        let mut variants: Vec<Variant> = Vec::with_capacity(opened.len());
        for opened in opened {
            let name_of_opened = self.root.name(name, opened.suffix)?;
            // The file itself is the first, and tells the type of its coded forms.
            let media_type = variants.first().map(|of_file| Rc::clone(&of_file.media_type));
            let (variant, metadata) = self.variant(opened, name, media_type, varies, attempt)?;
            watches.push(Watch { name: name_of_opened, seen: Some(metadata) });
            variants.push(variant);
        }
        let freshness = Freshness::new(watches, neighbours, is_certain, now);
        Ok((Resource::File(variants), freshness))
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

    /// Opens a coded file beside the file, if it can be used and is not older. If not, it is watched: it may become
    /// usable, and the directory would not tell.
    fn open_sidecar(
        &self,
        name: &[u8],
        coding: Coding,
        original: &Metadata,
        watches: &mut Vec<Watch>,
        attempt: Attempt,
    ) -> Result<Result<Option<Opened>, Refusal>, Stop> {
        let whole = self.root.name(name, coding.suffix())?;
        let seen = match attempt.names.look_up(&whole, attempt.pending) {
            Ok(Ok(metadata)) => metadata,
            Ok(Err(refusal)) => return Ok(Err(refusal)),
            Err(NeedsDisk) => return Err(self.look_up_all(name)?.into()),
        };
        if seen.kind == Kind::Regular {
            match attempt.names.open(&self.root, name, coding.suffix(), attempt.pending)? {
                Ok((file, metadata)) if metadata.modified >= original.modified => {
                    return Ok(Ok(Some(Opened { coding, suffix: coding.suffix(), file, metadata })));
                }
                Err(refusal) if !refusal.is_lasting() => return Ok(Err(refusal)),
                _ => {}
            }
        }
        watches.push(Watch { name: whole, seen: Some(seen) });
        Ok(Ok(None))
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

    /// Makes an open file ready to be served: it has the `media_type` of another form of the file, or the one that the
    /// name and the bytes tell; `varies` says whether there are other forms. Returns the state of the file that was
    /// read, too.
    fn variant(
        &self,
        opened: Opened,
        name: &[u8],
        media_type: Option<Rc<str>>,
        varies: bool,
        attempt: Attempt,
    ) -> Result<(Variant, Metadata), Stop> {
        let coding = opened.coding;
        let (content, tag, metadata) = self.content(opened, attempt)?;
        let media_type = match media_type {
            Some(media_type) => media_type,
            None => self.media_type(name, &content, &metadata, attempt)?,
        };
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
        let representation = Rc::new(Representation::new(&repeated, &fields, &media_type, content));
        Ok((Variant { coding, tag: tag.into_bytes(), last_modified, media_type, representation }, metadata))
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

    /// The content of a file, its entity tag, and the state of the file that both are of.
    fn content(&self, opened: Opened, attempt: Attempt) -> Result<(Content, String, Metadata), Stop> {
        let Opened { coding, file, metadata, .. } = opened;
        if metadata.size <= IN_MEMORY {
            let range = 0..metadata.size;
            let is_cold = || !range.is_empty() && !page_cache::is_resident(&file, range.clone());
            if !attempt.pending.has_read(&metadata) && is_cold() {
                return Err(Job::Read(file, range).into());
            }
            if let Some((bytes, metadata)) = read_whole(&file, &metadata)? {
                let digest = entity_tag::digest_of_bytes(&bytes);
                let body = self.shared.body(bytes, digest);
                return Ok((Content::Memory(body), entity_tag::of_digest(digest, coding), metadata));
            }
        }
        let tag = self.tag_of_large(&file, &metadata, coding, attempt)?;
        let open = OpenFile::new(file, metadata.size);
        if attempt.pending.digest(&metadata).is_some() {
            open.note_read(&(0..metadata.size), attempt.now.instant);
        }
        Ok((Content::File(open), tag, metadata))
    }

    /// The entity tag of a file that is not in memory.
    fn tag_of_large(
        &self,
        file: &Arc<File>,
        metadata: &Metadata,
        coding: Coding,
        attempt: Attempt,
    ) -> Result<String, Stop> {
        let Attempt { now, pending, .. } = attempt;
        if metadata.size > DIGESTED {
            let settling = freshness::settling_time(metadata, now.time);
            if (Duration::from_nanos(1)..=LONGEST_SETTLING).contains(&settling) && !pending.has_settled() {
                return Err(Job::Settle(settling).into());
            }
            return Ok(entity_tag::of_times(metadata, coding));
        }
        if let Some(digest) = self.shared.digests.get(metadata) {
            return Ok(entity_tag::of_digest(digest, coding));
        }
        match pending.digest(metadata) {
            Some(of_file) => {
                self.shared.digests.keep(of_file);
                Ok(entity_tag::of_digest(of_file.value, coding))
            }
            None if pending.digests() < READINGS => Err(Job::Digest(Arc::clone(file), *metadata).into()),
            // It is changed all the time: no later response has these bytes.
            None => Ok(entity_tag::of_times(metadata, coding)),
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
