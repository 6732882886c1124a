//! A short print of how a target behaved. Two inputs with the same print are of one kind, and
//! only the first of a kind is worth keeping.

/// The print: a hash of words. Digits do not count, so that "row 3" and "row 4" are one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Signature(u64);

impl Signature {
    /// Nothing happened yet.
    pub(crate) const START: Self = Self(0xcbf2_9ce4_8422_2325);

    /// This and then a word (FNV-1a).
    pub(crate) fn word(self, word: &str) -> Self {
        let letters = word.bytes().filter(|byte| !byte.is_ascii_digit()).chain([0]);
        Self(letters.fold(self.0, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }
    /// This and then a number's order of magnitude.
    pub(crate) fn size(self, size: usize) -> Self {
        let bits = usize::BITS - size.leading_zeros();
        // A letter for each power of two: digits would not count.
        let letter = char::from_u32(u32::from('A') + bits).unwrap_or('~');
        self.word(letter.encode_utf8(&mut [0; 4]))
    }
    /// The print of an outcome: `size` of what was read, or the words of the error.
    pub(crate) fn of<T, E: std::fmt::Display>(
        result: &Result<T, E>,
        size: impl FnOnce(&T) -> usize,
    ) -> Self {
        match result {
            Ok(read) => Self::START.word("ok").size(size(read)),
            Err(error) => Self::START.word(&error.to_string()),
        }
    }
}
