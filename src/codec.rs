//! Compresses and decompresses: the bytes that a content coding (RFC 9110 section 8.4.1) makes of others.
//!
//! A coded form holds no time and no name: the same bytes give the same form on every replica.

use std::io::{self, BufRead, BufReader, Read, Write};

use brotli::enc::{BrotliEncoderParams, StandardAlloc};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use crate::http::encoding::Coding;

/// The part of a file in percent that a coded form must save to be worth its decoding.
const WORTHWHILE_PERCENT: usize = 5;

/// Bytes that are decoded at once.
const BLOCK: usize = 64 * 1024;

/// The largest window of Zstandard, as a power of two, that clients must know (RFC 9659): 8 MiB. Browsers refuse a
/// larger one.
const ZSTANDARD_WINDOW: u32 = 23;

/// The time that compressing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// The form is used once: making it takes less time than making the content did.
    Once,
    /// A client waits: 1 MiB of JavaScript in a fraction of 100 ms.
    Quick,
    /// Nobody waits: the smallest form that takes some seconds for 1 MiB.
    Thorough,
}

impl Effort {
    /// The level of a coding, in its own scale. Those that are quick were measured; the next ones take up to five
    /// times as long for one part in a hundred.
    fn level(self, coding: Coding) -> i32 {
        match (self, coding) {
            (_, Coding::Identity) => 0,
            (Effort::Once, Coding::Brotli) => 3,
            (Effort::Once, Coding::Zstandard) => 3,
            (Effort::Once, Coding::Gzip) => 3,
            (Effort::Quick, Coding::Brotli) => 7,
            (Effort::Quick, Coding::Zstandard) => 10,
            (Effort::Quick, Coding::Gzip) => 6,
            (Effort::Thorough, Coding::Brotli) => 11,
            // The levels above it need windows that clients do not have.
            (Effort::Thorough, Coding::Zstandard) => 19,
            (Effort::Thorough, Coding::Gzip) => 9,
        }
    }
}

/// The coded form of bytes; `None` where it saves less than 5 % of them.
///
/// # Errors
/// The encoder's: memory is short.
pub(crate) fn encode(bytes: &[u8], coding: Coding, effort: Effort) -> io::Result<Option<Vec<u8>>> {
    let level = effort.level(coding);
    let mut coded = Vec::new();
    match coding {
        Coding::Identity => return Ok(None),
        Coding::Brotli => {
            let parameters =
                BrotliEncoderParams { quality: level, size_hint: bytes.len(), ..Default::default() };
            brotli::BrotliCompress(&mut &*bytes, &mut coded, &parameters)?;
        }
        Coding::Zstandard => coded = zstd::bulk::compress(bytes, level)?,
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(coded, Compression::new(level.unsigned_abs()));
            encoder.write_all(bytes)?;
            coded = encoder.finish()?;
        }
    }
    Ok(is_worthwhile(bytes.len(), coded.len()).then_some(coded))
}

fn is_worthwhile(length: usize, coded: usize) -> bool {
    coded.saturating_mul(100) <= length.saturating_mul(100 - WORTHWHILE_PERCENT)
}

/// Whether a coded form decodes to the original, to all of it and to nothing more. Both are read piece by piece, and
/// decoding ends with the first byte that differs: a form that would decode to far more costs no more than the
/// original.
///
/// # Errors
/// The system's, of reading one of them.
pub(crate) fn decodes_to(coding: Coding, coded: impl Read, original: impl Read) -> io::Result<bool> {
    let mut comparison = Comparison { original, expected: vec![0; BLOCK] };
    let coded = BufReader::with_capacity(BLOCK, coded);
    let result = match coding {
        Coding::Identity => copy(coded, &mut comparison),
        Coding::Brotli => decode_brotli(coded, &mut comparison),
        Coding::Zstandard => decode_zstandard(coded, &mut comparison),
        Coding::Gzip => decode_gzip(coded, &mut comparison),
    };
    match result.and_then(|()| comparison.is_at_end()) {
        // The system's errors have a number, those of the decoders have none.
        Err(error) if error.raw_os_error().is_some() => Err(error),
        result => Ok(result.unwrap_or(false)),
    }
}

fn copy(mut source: impl Read, target: &mut impl Write) -> io::Result<()> {
    io::copy(&mut source, target).map(drop)
}

/// Several frames may follow one another (RFC 8878 section 3).
fn decode_zstandard(coded: impl BufRead, target: &mut impl Write) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(coded)?;
    decoder.window_log_max(ZSTANDARD_WINDOW)?;
    copy(decoder, target)
}

/// One member and no more: RFC 1952 allows several, and browsers stop after the first one.
fn decode_gzip(coded: impl BufRead, target: &mut impl Write) -> io::Result<()> {
    let mut decoder = GzDecoder::new(coded);
    copy(&mut decoder, target)?;
    expect_end(decoder.get_mut())
}

/// One stream, without the large windows that the coding `br` does not have.
fn decode_brotli(mut coded: impl BufRead, target: &mut impl Write) -> io::Result<()> {
    let allocator = StandardAlloc::default;
    let mut state = BrotliState::new_strict(allocator(), allocator(), allocator());
    let mut room = vec![0; BLOCK];
    let mut total = 0;
    loop {
        let input = coded.fill_buf()?;
        let has_ended = input.is_empty();
        let (mut left, mut taken) = (input.len(), 0);
        let (mut free, mut filled) = (room.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            input,
            &mut free,
            &mut filled,
            &mut room,
            &mut total,
            &mut state,
        );
        coded.consume(taken);
        target.write_all(&room[..filled])?;
        match result {
            BrotliResult::ResultSuccess => return expect_end(&mut coded),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput if !has_ended => {}
            BrotliResult::NeedsMoreInput => return Err(io::ErrorKind::UnexpectedEof.into()),
            BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn expect_end(rest: &mut impl BufRead) -> io::Result<()> {
    if rest.fill_buf()?.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Compares what is written with the original.
struct Comparison<R> {
    original: R,
    expected: Vec<u8>,
}

impl<R: Read> Comparison<R> {
    fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.original.read(&mut self.expected[..1])? == 0)
    }
}

impl<R: Read> Write for Comparison<R> {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        let count = decoded.len().min(self.expected.len());
        let expected = &mut self.expected[..count];
        self.original.read_exact(expected)?;
        if *expected == decoded[..count] { Ok(count) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::encoding::SIDECARS;

    /// Text without long repetitions, as scripts are.
    fn script(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut word = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("value{:x} ", state >> 18)
        };
        let mut text = String::new();
        while text.len() < length {
            text.push_str(&word());
        }
        text.truncate(length);
        text.into_bytes()
    }

    fn decodes(coding: Coding, coded: &[u8], original: &[u8]) -> bool {
        decodes_to(coding, coded, original).unwrap()
    }

    #[test]
    fn a_form_decodes_to_its_original_and_to_nothing_else() {
        let original = script(200_000);
        let mut last_changed = original.clone();
        *last_changed.last_mut().unwrap() ^= 1;
        for coding in SIDECARS {
            for effort in [Effort::Once, Effort::Quick, Effort::Thorough] {
                let coded = encode(&original, coding, effort).unwrap().unwrap();
                assert_eq!(encode(&original, coding, effort).unwrap().as_ref(), Some(&coded));
                let longer = [&*original, b"x"].concat();
                let followed = [&*coded, b"x"].concat();
                for (what, coded, original, expected) in [
                    ("the original", &*coded, &*original, true),
                    ("another last byte", &coded, &last_changed, false),
                    ("a byte less", &coded, &original[..original.len() - 1], false),
                    ("a byte more", &coded, &longer, false),
                    ("nothing", &coded, b"", false),
                    ("the end is cut off", &coded[..coded.len() - 1], &original, false),
                    ("half of it", &coded[..coded.len() / 2], &original, false),
                    ("bytes after the end", &followed, &original, false),
                    ("nothing at all", b"", &original, false),
                    ("nothing for nothing", b"", b"", false),
                    ("no coded form", &original, &original, false),
                ] {
                    assert_eq!(decodes(coding, coded, original), expected, "{coding:?} {effort:?}: {what}");
                }
            }
        }
    }

    #[test]
    fn the_largest_window_is_one_that_clients_have() {
        // Far apart, so that the encoder would reach back as far as it may.
        let half: Vec<u8> =
            (0..9 << 20).map(|index: u32| (index.wrapping_mul(0x9e37_79b1) >> 23) as u8).collect();
        let original = [&*half, &half].concat();
        let level = Effort::Thorough.level(Coding::Zstandard);
        let coded = zstd::bulk::compress(&original, level).unwrap();
        assert!(decodes(Coding::Zstandard, &coded, &original));
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(ZSTANDARD_WINDOW + 1).unwrap();
        encoder.write_all(&original).unwrap();
        assert!(!decodes(Coding::Zstandard, &encoder.finish().unwrap(), &original), "too large a window");
    }

    #[test]
    fn several_gzip_members_are_refused_and_several_zstandard_frames_are_not() {
        let (first, second) = (script(20_000), script(5_000));
        let both = [&*first, &second].concat();
        for (coding, expected) in [(Coding::Gzip, false), (Coding::Zstandard, true), (Coding::Brotli, false)]
        {
            let coded = [&*first, &second].map(|part| encode(part, coding, Effort::Quick).unwrap().unwrap());
            assert_eq!(decodes(coding, &coded.concat(), &both), expected, "{coding:?}");
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_original() {
        let bomb = vec![0; 64 << 20];
        for coding in SIDECARS {
            let coded = encode(&bomb, coding, Effort::Quick).unwrap().unwrap();
            let mut original = Counting { count: 0, length: 1000 };
            assert!(!decodes_to(coding, &*coded, &mut original).unwrap());
            assert!(original.count <= 1001, "{coding:?}: {} bytes were compared", original.count);
        }
    }

    /// Zeros, of which it counts those that were read.
    struct Counting {
        count: usize,
        length: usize,
    }

    impl Read for Counting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.length - self.count);
            buffer[..count].fill(0);
            self.count += count;
            Ok(count)
        }
    }

    #[test]
    fn an_error_of_the_system_is_no_verdict() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
        }
        let original = script(20_000);
        for coding in SIDECARS {
            assert!(decodes_to(coding, Failing, &*original).is_err(), "{coding:?}");
            let coded = encode(&original, coding, Effort::Quick).unwrap().unwrap();
            assert!(decodes_to(coding, &*coded, Failing).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn what_saves_little_is_not_worth_it() {
        for (length, coded, expected) in
            [(1000, 950, true), (1000, 951, false), (1000, 1000, false), (0, 0, true), (10_000, 9_500, true)]
        {
            assert_eq!(is_worthwhile(length, coded), expected, "{coded} of {length}");
        }
        let mut noise = script(8_000);
        let mut state = 7u64;
        for byte in &mut noise {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        for coding in SIDECARS {
            assert_eq!(encode(&noise, coding, Effort::Quick).unwrap(), None, "{coding:?}");
        }
    }
}
