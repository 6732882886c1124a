//! What the text formats share: decimals, hashes in base64, lines. Each is accepted in one
//! spelling only, so that a text that parses is the text that is written again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_types::Digest;

/// A decimal without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

/// Standard base64 with its padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of standard base64; `None` for any other spelling, bits after the end included.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A hash in base64.
pub(crate) fn hash(text: &str) -> Option<Digest> {
    let bytes: [u8; 32] = unbase64(text)?.try_into().ok()?;
    Some(Digest::from_bytes(bytes))
}

/// The first line without its end, and what follows; `None` if no line ends.
pub(crate) fn line(text: &str) -> Option<(&str, &str)> {
    text.split_once('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_hashes_have_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "18446744073709551616"] {
            assert_eq!(decimal(wrong), None, "{wrong}");
        }
        assert_eq!(unbase64("TQ=="), Some(vec![b'M']));
        for wrong in ["TQ", "TQ=", "TR==", "TQ==\n", "T Q=", "-_8="] {
            assert_eq!(unbase64(wrong), None, "{wrong}");
        }
    }
}
