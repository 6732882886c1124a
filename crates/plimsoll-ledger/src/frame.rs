//! A record's bytes in a segment: `length, CRC, flags, position, leaf length, [tag], leaf, body`.
//! Written down in `docs/format/segment.md`.

use crate::disk::field;
use aws_lc_rs::digest;
use plimsoll_types::Digest;
use plimsoll_types::record::{Leaf, MAX_LEAF_LEN};

/// Bytes before the tag or leaf: length 4, CRC 4, flags 1, position 1, leaf length 2.
pub(crate) const HEAD: usize = 12;
/// The most a frame adds to a sealed body: head, tag, leaf, padding.
pub(crate) const OVERHEAD: usize = HEAD + 16 + MAX_LEAF_LEN + 7;
/// Flag: a tag follows the head.
const HAS_TAG: u8 = 1;

/// A durable record, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the ledger, from 0.
    pub index: u64,
    /// RFC 6962 hash of the leaf's bytes.
    pub hash: Digest,
    /// The commitment.
    pub leaf: Leaf,
    /// The tag it can be found by (a keyed digest of an idempotency key).
    pub tag: Option<[u8; 16]>,
    /// The sealed body; empty if the record has none.
    pub sealed: Vec<u8>,
}

impl Entry {
    /// The entry in one frame's bytes, taken from a segment; `None` if they are no whole
    /// frame with a leaf. Its index is the leaf's sequence number.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let Parsed::Frame(found) = parse(frame) else { return None };
        let leaf = Leaf::decode(found.leaf).ok()?;
        Some(Self {
            index: leaf.seq,
            hash: leaf_hash(found.leaf),
            leaf,
            tag: found.tag,
            sealed: found.sealed.to_vec(),
        })
    }
}

/// RFC 6962 §2.1 hash of a leaf: SHA-256 of a zero byte and the leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    context.update(leaf);
    digest_of(context.finish())
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    digest_of(digest::digest(&digest::SHA256, bytes))
}

fn digest_of(digest: digest::Digest) -> Digest {
    Digest::from_bytes(field(digest.as_ref(), 0))
}

/// A frame as it lies in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Bytes with padding: the next frame begins there.
    pub(crate) size: usize,
    /// Place in its batch, from 0. The batch before was synced when this was written.
    pub(crate) position: u8,
    pub(crate) tag: Option<[u8; 16]>,
    pub(crate) leaf: &'a [u8],
    pub(crate) sealed: &'a [u8],
}

/// What lies at a place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// A frame whose checksum is right.
    Frame(Frame<'a>),
    /// Zeros: nothing was written here.
    End,
    /// At least this many bytes must be seen to say more.
    More(usize),
    /// Neither.
    Bad(&'static str),
}

/// Appends the frame of a leaf and its sealed body; returns the leaf's hash.
pub(crate) fn write(
    out: &mut Vec<u8>,
    leaf: &Leaf,
    tag: Option<&[u8; 16]>,
    sealed: &[u8],
    position: u8,
) -> Digest {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(tag.map_or(&[], |tag| tag));
    let leaf_start = out.len();
    leaf.encode(out);
    let leaf_len = out.len() - leaf_start;
    let hash = leaf_hash(out.get(leaf_start..).unwrap_or_default());
    out.extend_from_slice(sealed);
    let frame = out.get_mut(start..).unwrap_or_default();
    // Cannot be cut: a leaf has at most 1,024 bytes and a body fits into a segment.
    let length = u32::try_from(frame.len() - 8).unwrap_or(u32::MAX);
    let leaf_len = u16::try_from(leaf_len).unwrap_or(u16::MAX);
    if let Some(head) = frame.first_chunk_mut::<HEAD>() {
        let [l0, l1, l2, l3] = length.to_le_bytes();
        let [n0, n1] = leaf_len.to_le_bytes();
        *head =
            [l0, l1, l2, l3, 0, 0, 0, 0, if tag.is_some() { HAS_TAG } else { 0 }, position, n0, n1];
    }
    let crc = crc32fast::hash(frame.get(8..).unwrap_or_default());
    if let Some(place) = frame.get_mut(4..8) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    out.resize(start + padded(out.len() - start), 0);
    hash
}

/// The size of the frame that `bytes` begin with, as far as its head is plausible; else the
/// head's own size.
pub(crate) fn announced(bytes: &[u8]) -> usize {
    lengths(bytes).map_or(HEAD, |lengths| padded(8 + lengths.content))
}

/// The lengths in a frame's head.
struct Lengths {
    /// Bytes after length and checksum, without padding.
    content: usize,
    tag: usize,
    leaf: usize,
}

/// `None` if they contradict each other.
fn lengths(head: &[u8]) -> Option<Lengths> {
    let content = u32::from_le_bytes(field(head, 0)) as usize;
    let flags = head.get(8).copied().unwrap_or(0);
    let leaf = usize::from(u16::from_le_bytes(field(head, 10)));
    let tag = if flags & HAS_TAG == 0 { 0 } else { 16 };
    let fits = flags <= HAS_TAG && leaf <= MAX_LEAF_LEN && content >= HEAD - 8 + tag + leaf;
    fits.then_some(Lengths { content, tag, leaf })
}

/// What `bytes` begin with; they may go on beyond the frame.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    if bytes.len() < HEAD {
        return if bytes.iter().all(|&b| b == 0) { Parsed::End } else { Parsed::More(HEAD) };
    }
    if bytes.iter().take(HEAD).all(|&b| b == 0) {
        return Parsed::End;
    }
    let Some(lengths) = lengths(bytes) else {
        return Parsed::Bad("a frame's lengths contradict each other");
    };
    let size = padded(8 + lengths.content);
    let Some(frame) = bytes.get(..size) else { return Parsed::More(size) };
    let content = frame.get(8..8 + lengths.content).unwrap_or_default();
    if crc32fast::hash(content) != u32::from_le_bytes(field(bytes, 4)) {
        return Parsed::Bad("a frame's checksum is wrong");
    }
    if frame.iter().skip(8 + lengths.content).any(|&b| b != 0) {
        return Parsed::Bad("a frame's padding is not zero");
    }
    let leaf_start = HEAD - 8 + lengths.tag;
    Parsed::Frame(Frame {
        size,
        position: content.get(1).copied().unwrap_or(0),
        tag: (lengths.tag != 0).then(|| field(bytes, HEAD)),
        leaf: content.get(leaf_start..leaf_start + lengths.leaf).unwrap_or_default(),
        sealed: content.get(leaf_start + lengths.leaf..).unwrap_or_default(),
    })
}

/// Frames begin at multiples of eight bytes.
pub(crate) const fn padded(len: usize) -> usize {
    len.div_ceil(8) * 8
}
