//! How deep a policy text can make Cedar recurse, found before Cedar sees it.
//!
//! Cedar's parser overflows the stack on deeply nested brackets, and its validator lets
//! pass what it lacks the stack to check (cedar-policy-core 4.14, `RecursionLimit` in
//! `validator/typecheck.rs`). Both recurse once per bracket or operator, so both are
//! bounded here, far below what a megabyte of stack holds.

/// How deep brackets may nest. The shipped policies nest 3 deep.
pub const MAX_NESTING: usize = 32;
/// How many brackets and operator characters one policy may have; `if` counts as one. The
/// shipped policies have at most about 20. The costliest operator takes some 4 KiB of stack
/// in the validator, so 128 of them stay within 512 KiB.
pub const MAX_OPERATORS: usize = 128;

/// Whether the text is within [`MAX_NESTING`] and, between any two `;`, [`MAX_OPERATORS`].
/// Strings, comments and words are told apart as Cedar's lexer does.
pub(crate) fn is_bounded(text: &str) -> bool {
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'/' if bytes.peek() == Some(&b'/') => {
                while bytes.next_if(|&b| b != b'\n').is_some() {}
            }
            b';' => operators = 0,
            b'(' | b'[' | b'{' => (depth, operators) = (depth + 1, operators + 1),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'!' | b'&' | b'|' | b'+' | b'-' | b'*' | b'.' | b'<' | b'>' | b'=' => operators += 1,
            _ if is_word(byte) => {
                let is_if = byte == b'i' && bytes.next_if_eq(&b'f').is_some();
                let is_longer = bytes.next_if(|&b| is_word(b)).is_some();
                while bytes.next_if(|&b| is_word(b)).is_some() {}
                operators += usize::from(is_if && !is_longer);
            }
            _ => {}
        }
        if depth > MAX_NESTING || operators > MAX_OPERATORS {
            return false;
        }
    }
    true
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Takes the rest of a string literal, its closing quote included.
fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}
