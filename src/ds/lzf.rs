//! LZF: a byte compressor that favours speed, in the format of liblzf, which RDB files use too.
//!
//! ```text
//!  000nnnnn                     n+1 bytes follow and stand for themselves
//!  nnnooooo oooooooo            n+2 bytes (n of 1..=6) are repeated from o+1 bytes ago
//!  111ooooo nnnnnnnn oooooooo   n+9 bytes are repeated from o+1 bytes ago
//! ```
//!
//! A repetition may reach into the bytes it makes: `o` of 0 repeats the last byte.
//! Invariant: `decompress` accepts nothing that does not make exactly the promised length.

/// Longest run of plain bytes under one control byte.
const RUN_MAX: usize = 32;
/// Farthest repetition, bytes.
const DISTANCE_MAX: usize = 1 << 13;
/// Longest repetition, bytes.
const REPEAT_MAX: usize = 264;
/// Shortest repetition that is worth its two bytes.
const REPEAT_MIN: usize = 3;
/// Fewest and most bits of the hash of three bytes: a short input needs no large table.
const HASH_BITS: (u32, u32) = (6, 14);
/// No input byte makes more output bytes than this: three make 264.
const EXPANSION_MAX: usize = 88;

/// Inputs below this take their table from the stack, bytes.
const SMALL: usize = 1 << 8;

/// Compresses `input` into at most `limit` bytes; `None` when it does not fit.
pub fn compress(input: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(limit.min(input.len()));
    compress_into(input, limit, &mut out).then_some(out)
}

/// The same in the place of what `out` holds; false, and whatever it holds, if it does not fit.
pub fn compress_into(input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
    let bits = (input.len().max(1).ilog2() + 1).clamp(HASH_BITS.0, HASH_BITS.1);
    out.clear();
    if input.len() < SMALL {
        squeeze(input, limit, &mut [0u8; SMALL][..1 << bits], out)
    } else {
        squeeze(input, limit, &mut vec![0u32; 1 << bits], out)
    }
}

/// Compresses with this table of where three bytes of each hash were seen last, plus one; its size
/// is a power of two. A place it cannot hold is not remembered, which only costs compression.
fn squeeze<P>(input: &[u8], limit: usize, seen: &mut [P], out: &mut Vec<u8>) -> bool
where
    P: Copy + Default + TryFrom<usize> + Into<u64>,
{
    let bits = seen.len().ilog2();
    let place = |at: usize| P::try_from(at + 1).unwrap_or_default();
    let (mut at, mut plain_from) = (0, 0);
    while at + REPEAT_MIN <= input.len() {
        let slot = &mut seen[hash(&input[at..at + REPEAT_MIN], bits)];
        let last: u64 = std::mem::replace(slot, place(at)).into();
        let found = (last as usize).checked_sub(1).and_then(|from| repetition(input, from, at));
        let Some((from, len)) = found else {
            at += 1;
            continue;
        };
        put_plain(out, &input[plain_from..at]);
        put_repeat(out, at - from - 1, len);
        if out.len() > limit {
            return false;
        }
        // Of the bytes skipped only the last start is remembered: enough for runs of one byte
        // and for texts whose next repetition goes on where this one ended.
        at += len;
        plain_from = at;
        if at - 1 + REPEAT_MIN <= input.len() {
            seen[hash(&input[at - 1..at - 1 + REPEAT_MIN], bits)] = place(at - 1);
        }
    }
    put_plain(out, &input[plain_from..]);
    out.len() <= limit
}

/// The bytes that `input` was made of; `None` unless they are whole and exactly `len`.
pub fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    decompress_into(input, len, &mut out).then_some(out)
}

/// The same in the place of what `out` holds; false, and whatever it holds, if they are not.
pub fn decompress_into(input: &[u8], len: usize, out: &mut Vec<u8>) -> bool {
    out.clear();
    if len > input.len().saturating_mul(EXPANSION_MAX) {
        return false;
    }
    out.reserve_exact(len);
    append(input, len, out).is_some() && out.len() == len
}

fn append(input: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = input;
    while let Some((control, tail)) = rest.split_first() {
        let control = usize::from(*control);
        rest = if control < RUN_MAX {
            let (plain, tail) = tail.split_at_checked(control + 1)?;
            if plain.len() > len - out.len() {
                return None;
            }
            out.extend_from_slice(plain);
            tail
        } else {
            take_repeat(out, control, tail, len)?
        };
    }
    Some(())
}

/// Carries out one repetition; gives what follows it in the input.
fn take_repeat<'a>(
    out: &mut Vec<u8>,
    control: usize,
    tail: &'a [u8],
    limit: usize,
) -> Option<&'a [u8]> {
    let (count, tail) = match control >> 5 {
        7 => {
            let (more, tail) = tail.split_first()?;
            (usize::from(*more) + 9, tail)
        }
        count => (count + 2, tail),
    };
    let (low, tail) = tail.split_first()?;
    let distance = ((control & 31) << 8 | usize::from(*low)) + 1;
    let from = out.len().checked_sub(distance)?;
    if count > limit - out.len() {
        return None;
    }
    // Where it overlaps itself it doubles what is there each time.
    let end = out.len() + count;
    while out.len() < end {
        let n = (out.len() - from).min(end - out.len());
        out.extend_from_within(from..from + n);
    }
    Some(tail)
}

fn hash(three: &[u8], bits: u32) -> usize {
    let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    (word.wrapping_mul(0x9E37_79B1) >> (32 - bits)) as usize
}

/// How many bytes at `at` repeat those at `from`, if enough and near enough.
fn repetition(input: &[u8], from: usize, at: usize) -> Option<(usize, usize)> {
    if at - from > DISTANCE_MAX {
        return None;
    }
    let most = REPEAT_MAX.min(input.len() - at);
    let len = (0..most).take_while(|i| input[from + i] == input[at + i]).count();
    (len >= REPEAT_MIN).then_some((from, len))
}

fn put_plain(out: &mut Vec<u8>, bytes: &[u8]) {
    for run in bytes.chunks(RUN_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn put_repeat(out: &mut Vec<u8>, offset: usize, len: usize) {
    let high = (offset >> 8) as u8;
    if len < 9 {
        out.push(((len - 2) as u8) << 5 | high);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (len - 9) as u8]);
    }
    out.push(offset as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(input: &[u8]) {
        let packed = compress(input, usize::MAX).expect("there is no limit");
        assert_eq!(decompress(&packed, input.len()).as_deref(), Some(input));
    }

    #[test]
    fn format_is_that_of_liblzf() {
        // Written by hand from the format: "abc", then 3 bytes from 3 ago, 9 from 1 ago, "xy".
        let packed = [2, b'a', b'b', b'c', 1 << 5, 2, 7 << 5, 0, 0, 1, b'x', b'y'];
        assert_eq!(decompress(&packed, 17).expect("it is whole"), b"abcabccccccccccxy");
        assert_eq!(compress(b"aaaaaaaaaaaa", 99).expect("fits"), [0, b'a', 7 << 5, 2, 0]);
    }

    #[test]
    fn far_and_long_repetitions_come_back() {
        let far: Vec<u8> = (0..DISTANCE_MAX as u32 * 3).flat_map(u32::to_le_bytes).collect();
        round_trip(&far);
        round_trip(&vec![7; 100_000]);
        for gap in [DISTANCE_MAX - 4, DISTANCE_MAX - 3, DISTANCE_MAX - 2] {
            let mut text = b"xyz0".to_vec();
            text.extend((0..gap).map(|i| (i % 251) as u8));
            text.extend(b"xyz0");
            round_trip(&text);
        }
    }

    #[test]
    fn text_shrinks_and_noise_is_refused() {
        let text = "the quick brown fox jumps over the lazy dog ".repeat(50);
        assert!(compress(text.as_bytes(), text.len() / 8).is_some());
        let mut rng = crate::base::rng::Rng::seeded(3);
        let noise: Vec<u8> = (0..4096).map(|_| rng.next_u64() as u8).collect();
        assert!(compress(&noise, noise.len() - 8).is_none());
        round_trip(&noise);
        round_trip(b"");
        for len in SMALL - 3..SMALL + 3 {
            round_trip(&noise[..len]);
            round_trip(&text.as_bytes()[..len]);
        }
    }

    #[test]
    fn broken_input_is_refused() {
        // Cut run, cut repetition, cut length, start before the output, wrong promise.
        for bad in [&[5, 1][..], &[0, 1, 1 << 5], &[0, 1, 7 << 5, 9], &[0, 1, 1 << 5, 1]] {
            assert_eq!(decompress(bad, 4), None, "{bad:?}");
        }
        assert_eq!(decompress(&[1, b'a', b'b'], 3), None);
        assert_eq!(decompress(&[1, b'a', b'b'], 1), None);
        assert_eq!(decompress(&[0, b'a', 1 << 5, 0], 3), None);
        assert_eq!(decompress(&[0, b'a'], usize::MAX), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_bytes_come_back(input in prop::collection::vec(0u8..4, 0..2000)) {
            round_trip(&input);
        }

        #[test]
        fn the_limit_holds(input in prop::collection::vec(0u8..8, 0..300), limit in 0usize..300) {
            if let Some(packed) = compress(&input, limit) {
                prop_assert!(packed.len() <= limit);
                prop_assert_eq!(decompress(&packed, input.len()), Some(input));
            }
        }

        #[test]
        fn noise_never_panics(
            input in prop::collection::vec(any::<u8>(), 0..200),
            len in 0usize..999,
        ) {
            if let Some(out) = decompress(&input, len) {
                prop_assert_eq!(out.len(), len);
            }
        }
    }
}
