//! HPACK of ours at both ends of a connection, and beside `httlib-hpack` at the other end.
//!
//! The twin does not look at padding, and cannot be given a block that was cut off. So where bytes were changed, what
//! ours accepts decides: the twin must read the same in it.

use httlib_hpack::{Decoder as TwinDecoder, Encoder as TwinEncoder};
use otuserver::http::fields::Fields;
use otuserver::http2::hpack::{DecodeError, Decoder, Encoder, MAX_TABLE};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

const LEFT_OUT: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// What happens on a connection.
#[derive(Clone, Debug)]
enum Step {
    /// A status, and the lines in so many parts.
    Response(u16, Vec<(String, Vec<u8>)>, Vec<Index>),
    SetMaxSize(u32),
}

fn names() -> impl Strategy<Value = String> {
    let known = vec![
        "Server",
        "Date",
        "ETag",
        "Content-Type",
        "Cache-Control",
        "Location",
        "Set-Cookie",
        "Connection",
    ];
    prop_oneof![
        4 => select(known).prop_map(str::to_owned),
        1 => select(&LEFT_OUT[..]).prop_map(str::to_uppercase),
        2 => "[A-Za-z][A-Za-z0-9-]{0,40}",
    ]
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    let any_byte = prop_oneof![8 => 0x20..0x7f_u8, 1 => 0x80..=0xff_u8, 1 => Just(b'\t')];
    prop_oneof![
        4 => select(&["", "a", "b", "text/html; charset=utf-8"][..]).prop_map(|text| text.as_bytes().to_vec()),
        3 => vec(any_byte, 0..60),
        1 => (0..1500_usize).prop_map(|length| vec![b'v'; length]),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let response = (100..600_u16, vec((names(), values()), 0..12), vec(any::<Index>(), 0..3));
    let sizes = prop_oneof![0..300_u32, select(&[0, 4095, 4096, 4097, u32::MAX][..])];
    let step = prop_oneof![
        9 => response.prop_map(|(status, fields, cuts)| Step::Response(status, fields, cuts)),
        1 => sizes.prop_map(Step::SetMaxSize),
    ];
    // Each step several times, so that what is in the table is used.
    vec((step, 1..4_usize), 1..12)
        .prop_map(|steps| steps.into_iter().flat_map(|(step, count)| vec![step; count]).collect())
}

/// The lines of a response, cut into parts where a line ends.
fn parts(fields: &[(String, Vec<u8>)], cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut parts = vec![Fields::default()];
    let cuts: Vec<_> = cuts.iter().map(|cut| cut.index(fields.len() + 1)).collect();
    for (number, (name, value)) in fields.iter().enumerate() {
        if cuts.contains(&number) {
            parts.push(Fields::default());
        }
        parts.last_mut().expect("a part").push(name, value);
    }
    parts.iter().map(|part| part.lines().to_vec()).collect()
}

/// What must arrive.
fn expected(status: u16, fields: &[(String, Vec<u8>)]) -> Pairs {
    let fields = fields.iter().map(|(name, value)| (name.to_lowercase(), value));
    let fields = fields.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    let fields = fields.map(|(name, value)| (name.into_bytes(), value.clone()));
    [(b":status".to_vec(), status.to_string().into_bytes())].into_iter().chain(fields).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Pairs, DecodeError> {
    let mut pairs = Vec::new();
    decoder.decode(block, |name, value| pairs.push((name.to_vec(), value.to_vec())))?;
    Ok(pairs)
}

/// What the twin reads, or the reason why it does not.
fn twin_decode(decoder: &mut TwinDecoder, block: &[u8]) -> Result<Pairs, String> {
    let mut found = Vec::new();
    decoder.decode(&mut block.to_vec(), &mut found).map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|(name, value, _)| (name, value)).collect())
}

/// Blocks of requests as the twin writes them, in all its forms; what they say, and where each field ends.
fn requests() -> impl Strategy<Value = (Vec<u8>, Pairs, Vec<usize>)> {
    let forms = vec![
        0,
        TwinEncoder::HUFFMAN_NAME,
        TwinEncoder::HUFFMAN_NAME | TwinEncoder::HUFFMAN_VALUE | TwinEncoder::WITH_INDEXING,
        TwinEncoder::BEST_FORMAT | TwinEncoder::WITH_INDEXING,
        TwinEncoder::BEST_FORMAT | TwinEncoder::HUFFMAN_VALUE | TwinEncoder::WITH_INDEXING,
        TwinEncoder::BEST_FORMAT | TwinEncoder::NEVER_INDEXED,
    ];
    let names =
        prop_oneof![select(&[":method", ":path", "accept", "x-a"][..]).prop_map(str::to_owned), names()];
    vec((names, values(), select(forms), 1..3_usize), 0..40).prop_map(|fields| {
        let mut encoder = TwinEncoder::with_dynamic_size(MAX_TABLE as u32);
        let (mut block, mut pairs, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value, form, count) in fields {
            for _ in 0..count {
                let pair = (name.clone().into_bytes(), value.clone());
                encoder.encode((pair.0.clone(), pair.1.clone(), form), &mut block).expect("a short field");
                pairs.push(pair);
                ends.push(block.len());
            }
        }
        (block, pairs, ends)
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(steps in steps()) {
        let mut encoder = Encoder::new();
        let mut decoder = Decoder::new(MAX_TABLE);
        let mut twin = TwinDecoder::with_dynamic_size(MAX_TABLE as u32);
        for step in steps {
            match step {
                Step::SetMaxSize(size) => encoder.set_max_size(size),
                Step::Response(status, fields, cuts) => {
                    let parts = parts(&fields, &cuts);
                    let lines: Vec<_> = parts.iter().map(Vec::as_slice).collect();
                    let mut block = b"before".to_vec();
                    encoder.encode(status, &lines, &mut block);
                    let block = block.strip_prefix(b"before").expect("what was there");
                    let expected = expected(status, &fields);
                    prop_assert_eq!(decode(&mut decoder, block), Ok(expected.clone()));
                    prop_assert_eq!(twin_decode(&mut twin, block), Ok(expected));
                }
            }
        }
    }

    #[test]
    fn what_the_twin_encodes_is_decoded((block, pairs, _) in requests()) {
        prop_assert_eq!(decode(&mut Decoder::new(MAX_TABLE), &block), Ok(pairs));
    }

    #[test]
    fn changed_blocks_are_refused_or_read_alike(
        (mut block, _, _) in requests(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        end in any::<Index>(),
    ) {
        for (place, byte) in changes {
            if let Some(place) = (!block.is_empty()).then(|| place.index(block.len())) {
                block[place] = byte;
            }
        }
        block.truncate(end.index(block.len() + 1).max(block.len() / 2));
        if let Ok(pairs) = decode(&mut Decoder::new(MAX_TABLE), &block) {
            let twin = twin_decode(&mut TwinDecoder::with_dynamic_size(MAX_TABLE as u32), &block);
            prop_assert_eq!(twin, Ok(pairs));
        }
    }

    /// A block of each field is as one of all.
    #[test]
    fn blocks_can_be_cut_between_fields((block, pairs, ends) in requests()) {
        let mut decoder = Decoder::new(MAX_TABLE);
        let mut start = 0;
        for (end, pair) in ends.into_iter().zip(pairs) {
            prop_assert_eq!(decode(&mut decoder, &block[start..end]), Ok(vec![pair]));
            start = end;
        }
        prop_assert_eq!(start, block.len());
    }

    #[test]
    fn no_block_ends_in_a_panic(blocks in vec(vec(any::<u8>(), 0..80), 1..5), size in 0..200_usize) {
        let mut decoder = Decoder::new(size);
        for block in blocks {
            let mut count = 0;
            let is_accepted = decoder.decode(&block, |_, _| count += 1).is_ok();
            prop_assert!(count <= block.len());
            if !is_accepted {
                break;
            }
        }
    }
}
