//! HPACK, the compression of fields (RFC 7541).
//!
//! Each direction of a connection has a table of fields that both ends know: [`Decoder`] keeps the one of the requests,
//! [`Encoder`] the one of the responses. Neither holds memory before it needs it, and both bound what they hold:
//! [`MAX_TABLE`] bytes of fields, and 12 or 13 bytes for each of at most 128 fields. The encoder keeps 4 KiB of former
//! blocks at most beside its table, the decoder half a KiB for strings.

#[cfg(test)]
mod appendix_c;
mod block_cache;
mod decoder;
mod encoder;
mod huffman;
mod integer;
mod static_table;
mod table;

pub use decoder::{DecodeError, Decoder};
pub use encoder::Encoder;

/// The size of a dynamic table until a setting says another (RFC 9113 section 6.5.2), and the largest of the encoder.
pub const MAX_TABLE: usize = 4096;
