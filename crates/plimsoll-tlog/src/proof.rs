//! Proofs that an entry is in a tree and that a tree only grew (RFC 9162 §2.1.3 and §2.1.4), and
//! the text in which a proof goes to an auditor (C2SP tlog-proof). [`crate::read`] builds proofs;
//! this file only judges them and needs nothing but hashes.

use crate::checkpoint::Checkpoint;
use crate::note::NoteError;
use crate::policy::{Accepted, Policy, PolicyError};
use crate::text;
use crate::tree::{MAX_SIZE, empty_root, leaf_hash, node_hash};
use plimsoll_types::Digest;
use std::fmt;

/// The most hashes a proof has: a tree of [`MAX_SIZE`] entries is 63 levels high, and a
/// consistency proof may need one more than that.
pub const MAX_HASHES: usize = 64;
/// The most a proof text may have before it is read: 64 lines of 45 bytes, a checkpoint with its
/// signatures (see [`crate::note::MAX_NOTE_BYTES`]), and as much again of extra data.
pub const MAX_PROOF_BYTES: usize = 256 * 1024;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof that a tree of `size` entries has a certain leaf at `index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The place of the leaf, from 0.
    pub index: u64,
    /// How many entries the tree has.
    pub size: u64,
    /// From the leaf's sibling up to the root's child.
    pub hashes: Vec<Digest>,
}

/// A proof that a tree of `new` entries begins with the `old` entries of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The size of the earlier tree.
    pub old: u64,
    /// The size of the later one.
    pub new: u64,
    /// In the order of RFC 6962 §2.1.2.
    pub hashes: Vec<Digest>,
}

/// The proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not in the tree.
    #[error("entry {index} is not in a tree of {size} entries")]
    Index {
        /// The index.
        index: u64,
        /// The size.
        size: u64,
    },
    /// The later tree is smaller, or too large for any tree.
    #[error("a tree of {new} entries cannot have grown from one of {old}")]
    Shrunk {
        /// The earlier size.
        old: u64,
        /// The later size.
        new: u64,
    },
    /// It has too many or too few hashes for these sizes.
    #[error("the proof has {0} hashes, which is not the number these sizes need")]
    Length(usize),
    /// It leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

impl Inclusion {
    /// The root of the tree that this proof and this leaf hash lead to.
    ///
    /// # Errors
    /// If the index is outside, or the number of hashes is wrong.
    pub fn root(&self, leaf: &Digest) -> Result<Digest, ProofError> {
        if self.index >= self.size || self.size > MAX_SIZE {
            return Err(ProofError::Index { index: self.index, size: self.size });
        }
        let wrong = ProofError::Length(self.hashes.len());
        // RFC 9162 §2.1.3.2.
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut hash = *leaf;
        for sibling in &self.hashes {
            if last == 0 {
                return Err(wrong);
            }
            if node & 1 == 1 || node == last {
                hash = node_hash(sibling, &hash);
                if node & 1 == 0 {
                    // The last node of its level has no sibling there: up to where it has.
                    let up = node.trailing_zeros();
                    node = node.checked_shr(up).unwrap_or_default();
                    last = last.checked_shr(up).unwrap_or_default();
                }
            } else {
                hash = node_hash(&hash, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        if last == 0 { Ok(hash) } else { Err(wrong) }
    }

    /// Whether the tree with this root has this leaf hash at the index.
    ///
    /// # Errors
    /// If not, or if the proof is malformed.
    pub fn verify(&self, leaf: &Digest, root: &Digest) -> Result<(), ProofError> {
        if self.root(leaf)? == *root { Ok(()) } else { Err(ProofError::Root) }
    }
}

impl Consistency {
    /// Whether the tree with root `new_root` begins with the tree with root `old_root`.
    ///
    /// From the empty tree every tree has grown, and a tree from itself; both need a proof
    /// without hashes.
    ///
    /// # Errors
    /// If not, or if the proof is malformed.
    pub fn verify(&self, old_root: &Digest, new_root: &Digest) -> Result<(), ProofError> {
        let Self { old, new, ref hashes } = *self;
        if old > new || new > MAX_SIZE {
            return Err(ProofError::Shrunk { old, new });
        }
        let wrong = ProofError::Length(hashes.len());
        if old == 0 || old == new {
            let expected = if old == 0 { &empty_root() } else { new_root };
            let roots_agree = old_root == expected && (new > 0 || *new_root == empty_root());
            return match (hashes.is_empty(), roots_agree) {
                (false, _) => Err(wrong),
                (true, false) => Err(ProofError::Root),
                (true, true) => Ok(()),
            };
        }
        // RFC 9162 §2.1.4.2. A perfect earlier tree is a node of the later one, so its root is
        // known and not part of the proof.
        let mut rest = hashes.iter();
        let first = if old.is_power_of_two() { old_root } else { rest.next().ok_or(wrong)? };
        let up = (old - 1).trailing_ones();
        let (mut node, mut last) = ((old - 1) >> up, (new - 1) >> up);
        let (mut old_hash, mut new_hash) = (*first, *first);
        for sibling in rest {
            if last == 0 {
                return Err(wrong);
            }
            if node & 1 == 1 || node == last {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
                if node & 1 == 0 {
                    let up = node.trailing_zeros();
                    node = node.checked_shr(up).unwrap_or_default();
                    last = last.checked_shr(up).unwrap_or_default();
                }
            } else {
                new_hash = node_hash(&new_hash, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return Err(wrong);
        }
        if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(ProofError::Root) }
    }
}

/// A proof for offline use: where an entry is, why it is there, and the signed checkpoint that
/// covers it. The text is the C2SP `.tlog-proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// What an application put beside it. Nothing authenticates it.
    pub extra: Option<Vec<u8>>,
    /// The place of the entry, from 0.
    pub index: u64,
    /// The inclusion proof.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint with its cosignatures, word for word.
    pub checkpoint: String,
}

/// Why a proof text was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Too long to be read.
    #[error("a proof of {0} bytes is larger than any proof")]
    Size(usize),
    /// The text is not a proof.
    #[error("not a tlog-proof: {0}")]
    Text(&'static str),
    /// The checkpoint is not a signed checkpoint.
    #[error("the checkpoint of the proof is malformed")]
    Checkpoint(#[from] NoteError),
    /// The policy does not accept the checkpoint.
    #[error("the checkpoint of the proof is not trusted")]
    Policy(#[from] PolicyError),
    /// The entry is not in the tree.
    #[error("the entry is not proved")]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// Reads the text. Nothing is verified by that.
    ///
    /// # Errors
    /// If it is not a proof in the one form it can have.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        use TlogProofError::Text;
        if text.len() > MAX_PROOF_BYTES {
            return Err(TlogProofError::Size(text.len()));
        }
        let short = Text("it ends early");
        let (header, mut rest) = text::line(text).ok_or(short.clone())?;
        if header != HEADER {
            return Err(Text("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let (mut line, mut after) = text::line(rest).ok_or(short.clone())?;
        let mut extra = None;
        if let Some(data) = line.strip_prefix("extra ") {
            extra = Some(text::unbase64(data).ok_or(Text("the extra data is not base64"))?);
            rest = after;
            (line, after) = text::line(rest).ok_or(short.clone())?;
        }
        let index = line.strip_prefix("index ").and_then(text::decimal);
        let index = index.ok_or(Text("there is no line `index` with a number"))?;
        let mut hashes = Vec::new();
        loop {
            (line, after) = text::line(after).ok_or(short.clone())?;
            if line.is_empty() {
                break;
            }
            if hashes.len() == MAX_HASHES {
                return Err(Text("it has more hashes than any tree is high"));
            }
            hashes.push(text::hash(line).ok_or(Text("a line is not a hash in base64"))?);
        }
        if after.is_empty() {
            return Err(short);
        }
        Ok(Self { extra, index, hashes, checkpoint: after.to_owned() })
    }

    /// Whether `policy` accepts the checkpoint and the tree has this `entry` (its bytes, not its
    /// hash) at the index.
    ///
    /// # Errors
    /// If not; what was accepted otherwise.
    pub fn verify(&self, entry: &[u8], policy: &Policy) -> Result<Accepted, TlogProofError> {
        let accepted = policy.accept(self.checkpoint.as_bytes())?;
        self.verify_in(&leaf_hash(entry), &accepted.checkpoint)?;
        Ok(accepted)
    }

    /// Whether a checkpoint that is already trusted has this leaf hash at the index.
    ///
    /// # Errors
    /// If not.
    pub fn verify_in(&self, leaf: &Digest, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let (index, size) = (self.index, checkpoint.size);
        Inclusion { index, size, hashes: self.hashes.clone() }.verify(leaf, &checkpoint.root)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", text::base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
