//! Blind mutations: bits, bytes, ranges, splices, words and numbers. They know no format; what
//! a format is likely to trip over is in the target's dictionary.

/// The longest input that is made. Limits that need more are tested by name, not by luck.
pub(crate) const MAX_LEN: usize = 64 << 10;

/// Texts of numbers at the edges of types and of what JSON readers keep.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "-0.0",
    "1e999",
    "-1e999",
    "1e-400",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "3.4028236e38",
    "0.1",
    "00",
    "1.",
    ".5",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
];
/// Bytes at the edges: of signedness, of CBOR's and UBJSON's lengths, of UTF-8.
const BYTES: &[u8] = &[
    0, 1, 0x17, 0x18, 0x1b, 0x1f, b'"', b'[', b'{', 0x5b, 0x7f, 0x80, 0x9f, 0xbf, 0xc0, 0xf5, 0xff,
];

/// A sequence of numbers that only its seed decides (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }
    /// One of `items`.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
    /// A range of at most `longest` within `len`.
    fn range(&mut self, len: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let size = self.below(longest.min(len - start) + 1);
        start..start + size
    }
}

/// A mutation of `input`: one to eight changes, small numbers of them most often.
pub(crate) fn mutate(random: &mut Random, input: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut out = input.to_vec();
    let changes = 1 + random.below(8).min(random.below(8));
    for _ in 0..changes {
        change(random, &mut out, other, words);
        out.truncate(MAX_LEN);
    }
    out
}

fn change(random: &mut Random, out: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    match random.below(11) {
        0 => {
            let bit = 1_u8 << random.below(8);
            at(random, out, |byte| byte ^ bit);
        }
        1 => {
            let new = random.pick(BYTES).copied().unwrap_or(0);
            at(random, out, |_| new);
        }
        2 => at(random, out, |byte| byte.wrapping_add(1)),
        3 => drop(out.drain(random.range(out.len(), 32))),
        4 => out.truncate(random.below(out.len() + 1)),
        5 => {
            // The same again: nesting, repeated keys, longer lists.
            let piece = out.get(random.range(out.len(), 64)).unwrap_or_default().to_vec();
            let times = 1 + random.below(4);
            insert(random, out, &piece.repeat(times));
        }
        6 => {
            let many = 1 + random.below(512);
            let byte = random.pick(BYTES).copied().unwrap_or(0);
            insert(random, out, &vec![byte; many]);
        }
        7 => {
            let piece = other.get(random.range(other.len(), 256)).unwrap_or_default();
            insert(random, out, piece);
        }
        8 => {
            // The head of one, the tail of the other.
            let tail = other.get(random.below(other.len() + 1)..).unwrap_or_default();
            out.truncate(random.below(out.len() + 1));
            out.extend_from_slice(tail);
        }
        9 => number(random, out),
        _ => {
            let word = random.pick(words).copied().unwrap_or("\n");
            if random.below(2) == 0 {
                insert(random, out, word.as_bytes());
            } else {
                overwrite(random, out, word.as_bytes());
            }
        }
    }
}

fn at(random: &mut Random, out: &mut [u8], new: impl Fn(u8) -> u8) {
    let place = random.below(out.len());
    if let Some(byte) = out.get_mut(place) {
        *byte = new(*byte);
    }
}

fn insert(random: &mut Random, out: &mut Vec<u8>, piece: &[u8]) {
    let place = random.below(out.len() + 1);
    out.splice(place..place, piece.iter().copied());
}

fn overwrite(random: &mut Random, out: &mut Vec<u8>, piece: &[u8]) {
    let place = random.below(out.len() + 1);
    let end = (place + piece.len()).min(out.len());
    out.splice(place..end, piece.iter().copied());
}

/// Puts a number of the edge in the place of a number.
fn number(random: &mut Random, out: &mut Vec<u8>) {
    let from = random.below(out.len());
    let digit = |byte: &u8| byte.is_ascii_digit();
    let found = out.iter().skip(from).position(digit).map(|place| place + from);
    let Some(start) = found else { return };
    let len = out.iter().skip(start).take_while(|byte| digit(byte)).count();
    let new = random.pick(NUMBERS).copied().unwrap_or("0");
    out.splice(start..start + len, new.bytes());
}
