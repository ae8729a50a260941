//! The content of a response, read bit by bit into frames.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::server::output::to_fetch;
use crate::site::pending::Job;
use crate::site::representation::{self, Representation};
use crate::site::residency::OpenFile;
use crate::site::response::{Body, Response};
use crate::sys::file;

/// The reason why no content can be read now.
#[derive(Debug)]
pub(super) enum Stop {
    /// A job has to bring it into memory.
    NeedsDisk(Job),
    /// The file has become shorter, or cannot be read.
    Broken,
}

/// A piece of content, up to where another one begins.
enum Piece<'a> {
    Text(&'a [u8]),
    Range(Range<u64>),
}

impl Piece<'_> {
    fn length(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::Range(range) => range.end - range.start,
        }
    }
}

/// The content of a response, from a position on.
#[derive(Debug)]
pub(super) struct Content {
    representation: Rc<Representation>,
    body: Body,
    /// Bytes of it that were read.
    position: u64,
    /// An offset in the file up to which it was brought into memory, and need not be asked for.
    fetched: u64,
}

impl Content {
    /// The content of a response.
    pub(super) fn of(response: &Response) -> Content {
        let (representation, body) = (Rc::clone(&response.representation), response.body.clone());
        Content { representation, body, position: 0, fetched: 0 }
    }

    /// Bytes of the content of a response.
    pub(super) fn length_of(response: &Response) -> u64 {
        match &response.body {
            Body::Empty => 0,
            Body::Range(range) => range.end - range.start,
            Body::Multipart(parts) => parts.length(),
        }
    }

    /// All of the content of a response, if it is one range in memory.
    pub(super) fn in_memory(response: &Response) -> Option<&[u8]> {
        match (&response.body, response.representation.content()) {
            (Body::Empty, _) => Some(&[]),
            (Body::Range(range), representation::Content::Memory(bytes)) => {
                bytes.get(range.start as usize..range.end as usize)
            }
            _ => None,
        }
    }

    /// Bytes that were read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of memory that are kept for it; `None` for an open file.
    pub(super) fn pinned(&self) -> Option<usize> {
        match self.representation.content() {
            representation::Content::Memory(bytes) => Some(bytes.len()),
            representation::Content::File(_) => None,
        }
    }

    /// Appends the next bytes, `count` of them or fewer, at least one. Returns how many.
    ///
    /// # Errors
    /// Not one can be had now.
    pub(super) fn append(&mut self, count: usize, out: &mut Vec<u8>, now: Instant) -> Result<usize, Stop> {
        let mut appended = 0;
        while appended < count {
            match self.append_piece(count - appended, out, now) {
                Ok(length) => {
                    self.position += length as u64;
                    appended += length;
                }
                Err(_) if appended > 0 => break,
                Err(stop) => return Err(stop),
            }
        }
        Ok(appended)
    }

    fn append_piece(&mut self, count: usize, out: &mut Vec<u8>, now: Instant) -> Result<usize, Stop> {
        let (piece, rest) = self.piece().ok_or(Stop::Broken)?;
        let count = rest.min(count as u64) as usize;
        let start = piece.length() - rest;
        let range = match piece {
            Piece::Text(text) => {
                out.extend_from_slice(&text[start as usize..start as usize + count]);
                return Ok(count);
            }
            Piece::Range(range) => range.start + start..range.start + start + count as u64,
        };
        match self.representation.content() {
            representation::Content::Memory(bytes) => {
                out.extend_from_slice(&bytes[range.start as usize..range.end as usize]);
                Ok(count)
            }
            representation::Content::File(open) => self.append_file(open, range, out, now),
        }
    }

    fn append_file(
        &self,
        open: &OpenFile,
        range: Range<u64>,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<usize, Stop> {
        if range.end > self.fetched && !open.is_resident(range.clone(), now) {
            return Err(Stop::NeedsDisk(Job::Read(Arc::clone(open.file()), self.to_fetch(open, range))));
        }
        match file::append(open.file(), range.start, (range.end - range.start) as usize, out) {
            Ok(0) | Err(_) => Err(Stop::Broken),
            Ok(length) => Ok(length),
        }
    }

    /// What the disk is asked for when a range is to be read: it and what follows it in its piece.
    fn to_fetch(&self, open: &OpenFile, range: Range<u64>) -> Range<u64> {
        let end = match self.piece() {
            Some((Piece::Range(piece), _)) => piece.end,
            _ => range.end,
        };
        to_fetch(open, &(range.start..end))
    }

    /// Notes that the job of a [`Stop::NeedsDisk`] was done. What it has read is sent without asking whether it is in
    /// memory, because some file systems do not tell.
    pub(super) fn note_fetched(&mut self, now: Instant) {
        let Some((Piece::Range(piece), rest)) = self.piece() else { return };
        let representation::Content::File(open) = self.representation.content() else { return };
        let fetched = to_fetch(open, &(piece.end - rest..piece.end));
        open.note_read(&fetched, now);
        self.fetched = fetched.end;
    }

    /// The piece at the position, and the bytes of it that were not read.
    fn piece(&self) -> Option<(Piece<'_>, u64)> {
        let mut end = 0;
        let mut is_at_position = |piece: &Piece| {
            end += piece.length();
            end > self.position
        };
        let piece = match &self.body {
            Body::Empty => None,
            Body::Range(range) => Some(Piece::Range(range.clone())).filter(&mut is_at_position),
            Body::Multipart(parts) => {
                let pieces = parts.parts().flat_map(|(text, range)| [Piece::Text(text), Piece::Range(range)]);
                pieces.chain([Piece::Text(parts.end())]).find(&mut is_at_position)
            }
        };
        piece.map(|piece| (piece, end - self.position))
    }
}
