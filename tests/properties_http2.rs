//! Properties of HTTP/2 that hold for all bytes: what comes is understood in whatever pieces it comes, windows are never
//! overdrawn, and who gives credit gets all.

#[path = "../fuzz/frames.rs"]
mod frames;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A frame of a kind and in a state that have a meaning, mostly.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![10 => 0..10u8, 1 => Just(0x10u8), 1 => any::<u8>()];
    let flags = select(vec![0, 1, 4, 5, 8, 0x0d, 0x20, 0x25, 0xff]);
    let stream =
        prop_oneof![3 => 0..8u32, 2 => (0..20u32).prop_map(|number| 2 * number + 1), 1 => any::<u32>()];
    let request = |path: &str| [&b"\x82\x86\x44"[..], &[path.len() as u8], path.as_bytes()].concat();
    let payload = prop_oneof![
        4 => (0..200_000u32).prop_map(move |length| request(&format!("/{length}"))),
        2 => vec(any::<u8>(), 0..20),
        2 => any::<u32>().prop_map(|number| number.to_be_bytes().to_vec()),
        1 => (0..10u16, any::<u32>()).prop_map(|(setting, value)| {
            [&setting.to_be_bytes()[..], &value.to_be_bytes()].concat()
        }),
        1 => vec(any::<u8>(), 0..600),
        1 => Just(vec![0; 8]),
        1 => Just(vec![]),
    ];
    (kind, flags, stream, payload).prop_map(|(kind, flags, stream, payload)| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), &payload].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_have_one_answer(
        frames in vec(prop_oneof![20 => frame(), 1 => vec(any::<u8>(), 0..30)], 0..30),
        piece in prop_oneof![1..40usize, 1..4000usize],
    ) {
        frames::check_any(&frames.concat(), piece);
    }

    #[test]
    fn who_obeys_gets_all_and_no_more_than_the_windows_allow(steps in vec(any::<[u8; 4]>(), 0..300)) {
        frames::check_obedient(&steps.concat());
    }
}
