//! Bytes that have come and are still to be read: what was held back, and what has just arrived.
//!
//! What has just arrived lies in the worker's arena and is read where it is; only what cannot be used yet is
//! copied out, to be held.

use std::borrow::Cow;

/// Bytes that are still to be read, in one piece.
pub(super) struct Input<'a> {
    bytes: Cow<'a, [u8]>,
    position: usize,
}

impl<'a> Input<'a> {
    /// What was held back, and what has arrived behind it.
    pub(super) fn new(mut held: Vec<u8>, arrived: &'a [u8]) -> Input<'a> {
        let bytes = if held.is_empty() {
            Cow::Borrowed(arrived)
        } else {
            held.extend_from_slice(arrived);
            Cow::Owned(held)
        };
        Input { bytes, position: 0 }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.position..]
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.position == self.bytes.len()
    }

    /// Takes away bytes that were read.
    pub(super) fn consume(&mut self, length: usize) {
        self.position += length;
    }

    /// Takes what is left away, to be held. A head that comes byte by byte is not copied for each of them.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        match &mut self.bytes {
            Cow::Owned(held) if self.position == 0 => std::mem::take(held),
            _ => {
                let rest = self.rest().to_vec();
                self.position = self.bytes.len();
                rest
            }
        }
    }
}
