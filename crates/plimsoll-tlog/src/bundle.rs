//! Entry bundles (C2SP tlog-tiles): up to 256 entries, each after its length in two bytes, the
//! high one first.

use crate::tile::TILE_WIDTH;
use crate::tree::leaf_hash;
use plimsoll_types::Digest;

/// The largest entry: its length has two bytes.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;
/// The largest bundle: 256 of the largest entries with their lengths.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_BYTES);

/// Why bytes are not a bundle, or an entry does not fit into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The entry is larger than a log takes.
    #[error("an entry of {0} bytes is larger than a log takes")]
    Entry(usize),
    /// It ends within an entry or a length.
    #[error("the bundle ends within its entry {0}")]
    Short(usize),
    /// It has another number of entries than it must have.
    #[error("the bundle has not the {0} entries it must have")]
    Count(u16),
}

/// Appends an entry to the bytes of a bundle.
///
/// # Errors
/// If it is larger than [`MAX_ENTRY_BYTES`].
pub fn append(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::Entry(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle that must have `width` of them and nothing else.
///
/// # Errors
/// If it has more or fewer, or ends within one.
pub fn entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::with_capacity(usize::from(width.min(TILE_WIDTH)));
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() >= usize::from(width.min(TILE_WIDTH)) {
            return Err(BundleError::Count(width));
        }
        let short = BundleError::Short(entries.len());
        let (length, after) = rest.split_first_chunk().ok_or(short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(short)?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() == usize::from(width) { Ok(entries) } else { Err(BundleError::Count(width)) }
}

/// The leaf hashes of the entries of a bundle: the hashes of the tile beside it.
///
/// # Errors
/// As [`entries`].
pub fn leaf_hashes(bytes: &[u8], width: u16) -> Result<Vec<Digest>, BundleError> {
    Ok(entries(bytes, width)?.into_iter().map(leaf_hash).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let mut bundle = Vec::new();
        append(&mut bundle, b"one").expect("fits");
        append(&mut bundle, b"").expect("fits");
        append(&mut bundle, &[7; 300]).expect("fits");
        assert_eq!(&bundle[..9], b"\x00\x03one\x00\x00\x01\x2c");
        assert_eq!(entries(&bundle, 3), Ok(vec![&b"one"[..], b"", &[7; 300]]));
        assert_eq!(entries(&bundle, 2), Err(BundleError::Count(2)));
        assert_eq!(entries(&bundle, 4), Err(BundleError::Count(4)));
        assert_eq!(entries(&bundle[..8], 3), Err(BundleError::Short(2)));
        assert_eq!(entries(&bundle[..10], 3), Err(BundleError::Short(2)));
        assert_eq!(append(&mut bundle, &[0; 65_536]), Err(BundleError::Entry(65_536)));
        assert_eq!(entries(b"", 0), Ok(Vec::new()));
        // Entries without bytes are cheap to claim: no more than a tile has are ever read.
        assert_eq!(entries(&[0; 514], u16::MAX), Err(BundleError::Count(u16::MAX)));
    }
}
