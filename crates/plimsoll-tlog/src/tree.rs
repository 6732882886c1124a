//! The Merkle tree of RFC 6962 §2.1: its hashes, and its right edge, which is all that growing
//! needs. Knows nothing of tiles or bytes on disk.

use plimsoll_types::Digest;
use sha2::{Digest as _, Sha256};

/// The largest size of a tree. Readers in other languages keep sizes in signed 64-bit numbers.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// The hash of an entry: `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(entry);
    Digest::from_bytes(hasher.finalize().into())
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [0x01; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The root of the tree without entries: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::from_bytes(Sha256::digest([]).into())
}

/// The root over `leaves`, word for word as RFC 6962 defines it. For tests and small trees: it
/// needs all leaves in memory.
#[must_use]
pub fn root_of(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The right edge of a tree: the hashes of its perfect subtrees, the largest first. There is one
/// for every one bit of the size, so 63 hashes at most describe any tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    subtrees: Vec<Digest>,
}

/// Size and hashes do not describe a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// The number of hashes is not the number of perfect subtrees.
    #[error("a tree of {size} entries has {expected} perfect subtrees, not {found}")]
    Subtrees {
        /// The size given.
        size: u64,
        /// One for each one bit of the size.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// The size is over [`MAX_SIZE`].
    #[error("{0} entries are more than a tree may have")]
    Size(u64),
}

impl Edge {
    /// The edge of the tree without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, subtrees: Vec::new() }
    }

    /// The edge of a tree of `size` entries, from the hashes of its perfect subtrees, the largest
    /// first (as [`Edge::subtrees`] gives them).
    ///
    /// # Errors
    /// If their number does not fit the size.
    pub fn restore(size: u64, subtrees: Vec<Digest>) -> Result<Self, EdgeError> {
        if size > MAX_SIZE {
            return Err(EdgeError::Size(size));
        }
        let expected = bits(size);
        if subtrees.len() != expected {
            return Err(EdgeError::Subtrees { size, expected, found: subtrees.len() });
        }
        Ok(Self { size, subtrees })
    }

    /// Adds one leaf, which is a [`leaf_hash`]. Hashes once on average.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the perfect subtrees, the largest first.
    #[must_use]
    pub fn subtrees(&self) -> &[Digest] {
        &self.subtrees
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut rest = self.subtrees.iter().rev();
        let Some(&smallest) = rest.next() else { return empty_root() };
        rest.fold(smallest, |right, left| node_hash(left, &right))
    }
}

/// The heights of the perfect subtrees of a tree of `size` leaves, the largest first.
pub(crate) fn heights(size: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).rev().filter(move |height| (size >> height) & 1 == 1)
}

/// The largest power of two below `size`, where RFC 6962 splits a tree of two or more.
pub(crate) const fn split(size: u64) -> u64 {
    debug_assert!(size > 1);
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

fn bits(size: u64) -> usize {
    heights(size).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u32) -> Vec<Digest> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// The vectors of RFC 6962 implementations (`merkletree/merkle_tree_test.cc` of the reference
    /// implementation): eight inputs and the roots of every prefix.
    #[test]
    fn the_roots_of_the_reference() {
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::new();
        assert_eq!(
            edge.root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (input, root) in inputs.into_iter().zip(roots) {
            edge.push(leaf_hash(input));
            assert_eq!(edge.root().to_string(), root);
        }
    }

    #[test]
    fn the_edge_agrees_with_the_definition_and_can_be_restored() {
        let leaves = leaves(600);
        let mut edge = Edge::new();
        for (i, leaf) in leaves.iter().enumerate() {
            assert_eq!(edge.root(), root_of(&leaves[..i]));
            edge = Edge::restore(edge.size(), edge.subtrees().to_vec()).expect("its own hashes");
            edge.push(*leaf);
        }
        assert_eq!(edge.size(), 600);
    }

    #[test]
    fn what_is_no_edge_is_refused() {
        let hash = empty_root();
        assert!(matches!(
            Edge::restore(5, vec![hash]),
            Err(EdgeError::Subtrees { expected: 2, found: 1, .. })
        ));
        assert_eq!(Edge::restore(1 << 63, vec![hash]), Err(EdgeError::Size(1 << 63)));
        assert_eq!(Edge::restore(0, Vec::new()), Ok(Edge::new()));
    }

    #[test]
    fn the_split_is_below() {
        assert_eq!([2, 3, 4, 5, 8, 9].map(split), [1, 2, 2, 4, 4, 8]);
    }
}
