//! Where the chunks of a sealed artifact are. Arithmetic, and nothing else.
//!
//! ```text
//! header 100 · chunk 0 · tag 16 · chunk 1 · tag 16 · … · trailer 56
//! ```
//!
//! Every chunk but the last is full; the last holds at least one byte, unless there is none.

use std::ops::Range;

/// Bytes before the first chunk.
pub(crate) const HEADER: u64 = 100;
/// Bytes of an authentication tag.
pub(crate) const TAG: u64 = 16;
/// Bytes after the last chunk: a digest, a length, a tag.
pub(crate) const TRAILER: u64 = 56;
/// What chunks are at least: 16 bytes, for tests that flip every byte.
const MIN_LOG2: u8 = 4;
/// What chunks are at most, and what they are: 1 MiB, so that tags cost 16 in a million bytes
/// and whoever reads holds 1 MiB.
const MAX_LOG2: u8 = 20;
/// The STREAM nonce counts chunks in 32 bits; with 1 MiB each, 4 PiB.
const MAX_CHUNKS: u64 = 1 << 32;

/// How an artifact is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    log2: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Self { log2: MAX_LOG2 }
    }
}

impl Layout {
    /// Chunks of `1 << log2` bytes, from 16 bytes to 1 MiB.
    #[must_use]
    pub fn new(log2: u8) -> Option<Self> {
        (MIN_LOG2..=MAX_LOG2).contains(&log2).then_some(Self { log2 })
    }
    /// The base-2 logarithm of the bytes of a chunk.
    #[must_use]
    pub const fn log2(self) -> u8 {
        self.log2
    }
    /// Bytes of a full chunk.
    #[must_use]
    pub const fn chunk(self) -> u64 {
        1 << self.log2
    }
    /// Chunks of an artifact of `length` bytes: one at least.
    #[must_use]
    pub const fn chunks(self, length: u64) -> u64 {
        let chunks = length.div_ceil(self.chunk());
        if chunks == 0 { 1 } else { chunks }
    }
    /// Bytes on disk of an artifact of `length` bytes; `None` if it is too large for any.
    #[must_use]
    pub fn sealed(self, length: u64) -> Option<u64> {
        let chunks = self.chunks(length);
        if chunks > MAX_CHUNKS {
            return None;
        }
        length.checked_add(chunks.checked_mul(TAG)?)?.checked_add(HEADER + TRAILER)
    }
    /// Bytes of the artifact that takes `sealed` bytes on disk; `None` if there is none.
    #[must_use]
    pub fn length(self, sealed: u64) -> Option<u64> {
        let body = sealed.checked_sub(HEADER + TRAILER)?;
        let chunks = body.div_ceil(self.chunk() + TAG);
        let length = body.checked_sub(chunks.checked_mul(TAG)?)?;
        (self.sealed(length) == Some(sealed)).then_some(length)
    }
    /// Where a chunk with its tag lies on disk, of an artifact of `length` bytes.
    #[must_use]
    pub fn place(self, chunk: u64, length: u64) -> Range<u64> {
        let full = self.chunk() + TAG;
        let start = HEADER.saturating_add(chunk.saturating_mul(full));
        let text = length.saturating_sub(chunk.saturating_mul(self.chunk())).min(self.chunk());
        start..start.saturating_add(text + TAG)
    }
    /// The chunks that hold a range of bytes. An empty range needs none.
    #[must_use]
    pub const fn covering(self, start: u64, end: u64) -> Range<u64> {
        if start >= end {
            return 0..0;
        }
        start / self.chunk()..end.div_ceil(self.chunk())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_smallest_and_the_largest() {
        let layout = Layout::default();
        assert_eq!(layout.chunk(), 1 << 20);
        assert_eq!(layout.sealed(0), Some(HEADER + TAG + TRAILER));
        assert_eq!(layout.length(HEADER + TRAILER), None, "no chunk at all");
        assert_eq!(layout.chunks(1 << 20), 1, "a full chunk is the last one");
        assert_eq!(layout.chunks((1 << 20) + 1), 2);
        assert_eq!(layout.sealed(u64::MAX), None);
        assert_eq!(Layout::new(4).and_then(|l| l.sealed(MAX_CHUNKS * 16 + 1)), None);
        assert_eq!((Layout::new(3), Layout::new(21)), (None, None));
    }

    proptest! {
        #[test]
        fn lengths_are_found_again(log2 in 4_u8..=20, length in 0_u64..1 << 34) {
            let layout = Layout::new(log2).unwrap();
            let sealed = layout.sealed(length).unwrap();
            prop_assert_eq!(layout.length(sealed), Some(length));
            // Whatever is taken off or added, it is another length or none.
            for other in sealed.saturating_sub(20)..sealed {
                prop_assert_ne!(layout.length(other), Some(length));
            }
        }

        #[test]
        fn chunks_follow_one_another_from_header_to_trailer(
            log2 in 4_u8..=8,
            length in 0_u64..4096,
        ) {
            let layout = Layout::new(log2).unwrap();
            let mut at = HEADER;
            let mut text = 0;
            for chunk in 0..layout.chunks(length) {
                let place = layout.place(chunk, length);
                prop_assert_eq!(place.start, at);
                let bytes = place.end - place.start - TAG;
                prop_assert!(bytes <= layout.chunk());
                prop_assert!(bytes > 0 || length == 0);
                at = place.end;
                text += bytes;
            }
            prop_assert_eq!(text, length);
            prop_assert_eq!(Some(at + TRAILER), layout.sealed(length));
        }

        #[test]
        fn a_range_is_covered_and_by_no_chunk_too_many(
            log2 in 4_u8..=8,
            start in 0_u64..4096,
            bytes in 0_u64..600,
        ) {
            let layout = Layout::new(log2).unwrap();
            let end = start + bytes;
            let chunks = layout.covering(start, end);
            if bytes == 0 {
                prop_assert!(chunks.is_empty());
            } else {
                let size = layout.chunk();
                prop_assert!(chunks.start * size <= start && start < (chunks.start + 1) * size);
                prop_assert!((chunks.end - 1) * size < end && end <= chunks.end * size);
            }
        }
    }
}
