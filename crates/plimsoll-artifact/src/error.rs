//! What can go wrong with an artifact, and in which part of it.

use plimsoll_types::Digest;
use std::fmt;

/// A part of a sealed artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What names the keys.
    Header,
    /// The chunk with this number, from 0.
    Chunk(u64),
    /// What holds the digest and the length.
    Trailer,
    /// All chunks are whole, but together they are not what the name says.
    Digest,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("its header was altered or is of other keys"),
            Self::Chunk(number) => write!(f, "chunk {number} was altered"),
            Self::Trailer => f.write_str("its end is missing or was altered"),
            Self::Digest => f.write_str("its bytes are not what its digest says"),
        }
    }
}

/// Why an artifact cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// There is no such artifact.
    #[error("there is no artifact `{0}`")]
    Missing(Digest),
    /// What is stored is not what was stored.
    #[error("the artifact `{digest}` is damaged: {part}")]
    Damaged {
        /// Its name.
        digest: Digest,
        /// Where.
        part: Part,
    },
    /// An upload under way is not what was written.
    #[error("the upload is damaged: {0}; begin it anew")]
    DamagedUpload(Part),
    /// More bytes than may be taken, or loaded at once.
    #[error("larger than the {limit} bytes that may be {what}")]
    TooLarge {
        /// The bound.
        limit: u64,
        /// What was tried.
        what: &'static str,
    },
    /// The range does not lie within the artifact.
    #[error("the range does not lie within the {length} bytes of the artifact")]
    Range {
        /// Bytes of the artifact.
        length: u64,
    },
    /// There is no such upload, or it expired.
    #[error("there is no such upload; it may have ended or expired")]
    NoSession,
    /// Another request writes to the upload.
    #[error("another request writes to this upload")]
    Busy,
    /// Too many uploads are under way.
    #[error("{0} uploads are under way; end one, or wait until one expires")]
    TooManySessions(usize),
    /// Bytes were sent for another place than the next.
    #[error("the upload goes on at offset {at}")]
    Offset {
        /// Where it goes on.
        at: u64,
    },
    /// Not as many bytes came as were announced.
    #[error("{announced} bytes were announced and {got} came")]
    Incomplete {
        /// Bytes announced.
        announced: u64,
        /// Bytes taken.
        got: u64,
    },
    /// The bytes are not those that the uploader named.
    #[error("the bytes have the digest `{0}`, which is not the one announced")]
    OtherDigest(Digest),
    /// An upload in parts is not what was announced.
    #[error("{0}")]
    Parts(&'static str),
    /// The generator of random numbers or the cipher failed.
    #[error("the cipher failed")]
    Cipher,
    /// The disk failed.
    #[error("the artifact cannot be {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The bucket failed.
    #[error("the bucket failed")]
    Bucket(#[source] object_store::Error),
}

impl ArtifactError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
    pub(crate) const fn damaged(digest: Digest, part: Part) -> Self {
        Self::Damaged { digest, part }
    }
}
