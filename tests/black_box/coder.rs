//! Content codings as other programs write and read them: what a test puts beside a file, and what it makes of a reply.

use std::io::{Read, Write};

use crate::response::Response;

/// The codings, as their names in fields and as suffixes.
pub(crate) const CODINGS: [(&str, &str); 3] = [("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")];

/// The bytes as a coding has them.
pub(crate) fn encoded(coding: &str, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    match coding {
        "br" => brotli_of_quality(9, bytes),
        "zstd" => zstd::bulk::compress(bytes, 3).expect("zstd"),
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).expect("gzip");
            encoder.finish().expect("gzip")
        }
        other => panic!("no coding {other}"),
    }
}

/// The bytes as a careless Brotli encoder has them.
pub(crate) fn brotli_of_quality(quality: i32, bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut coded, &parameters).expect("brotli");
    coded
}

/// The bytes as gzip has them that puts a time into its head: as many true forms of one file as a test needs.
pub(crate) fn gzip_of_time(time: u32, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().mtime(time).write(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

/// Bytes that no coding makes shorter.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // xorshift64, of which the low bits are the worse ones.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// What a client that decodes shows of a reply.
pub(crate) fn decoded(reply: &Response) -> Vec<u8> {
    let (coding, body) = (reply.field("Content-Encoding").unwrap_or_default(), &*reply.body);
    let mut bytes = Vec::new();
    let result = match coding {
        "" => return body.to_vec(),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut bytes),
        "zstd" => zstd::stream::read::Decoder::new(body).expect("zstd").read_to_end(&mut bytes),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut bytes),
        other => panic!("no coding {other}"),
    };
    result.unwrap_or_else(|error| panic!("{coding}: {error}"));
    bytes
}
