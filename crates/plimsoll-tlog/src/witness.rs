//! What a witness is asked and what it answers (C2SP tlog-witness v1.0.0): the text of
//! `add-checkpoint` for either side, and the witness itself as a pure function over a store of
//! heads. Knows no HTTP beyond its status numbers, and no clock.

use crate::checkpoint::Checkpoint;
use crate::cosignature::Cosigner;
use crate::note::{MAX_NOTE_BYTES, Note, NoteError, Signature, Vkey};
use crate::proof::Consistency;
use crate::text;
use crate::tree::empty_root;
use plimsoll_types::{Digest, digest};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The most lines of a consistency proof in a request.
pub const MAX_PROOF_LINES: usize = 63;
/// The largest request: the proof's lines of 45 bytes and a checkpoint.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 + MAX_NOTE_BYTES;
/// The largest answer: a few signature lines of up to 5 kB.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The content type of the answer 409 that tells the latest size.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// A request to cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last, as far as the log knows; 0 if
    /// never.
    pub old: u64,
    /// The proof that the new checkpoint extends it.
    pub proof: Vec<Digest>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

/// What a witness last cosigned of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The size.
    pub size: u64,
    /// The root.
    pub root: Digest,
    /// The checkpoint with the signatures of the log and of the witness: what monitors get.
    pub note: String,
}

/// Where a witness keeps its heads.
///
/// Comparing with the latest head and storing the next one is one step, or two requests at once
/// could roll the witness back (the race that the specification prints). So it is one method.
pub trait Heads {
    /// Why a head could not be kept.
    type Error;

    /// Under a lock of this origin: gives `next` the latest head and, if it returns another one,
    /// keeps it durably before returning what came with it.
    ///
    /// # Errors
    /// If a head cannot be read or is not durable; `next`'s answer is then lost.
    fn advance<T, R>(
        &self,
        origin: &str,
        next: impl FnOnce(Option<&Head>) -> Result<(Head, T), R>,
    ) -> Result<Result<T, R>, Self::Error>;
}

/// A witness that knows some logs.
#[derive(Clone, Debug)]
pub struct Witness {
    cosigner: Cosigner,
    logs: Vec<Vkey>,
}

/// Why a witness does not cosign. The text may go to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is malformed.
    #[error("the request is not an add-checkpoint request: {0}")]
    Malformed(&'static str),
    /// The old size is more than the checkpoint's.
    #[error("the old size is larger than the checkpoint")]
    Backwards,
    /// No key known for the origin has signed, or one has wrongly.
    #[error("the checkpoint is not signed by a key this witness knows for its origin")]
    Signature(#[source] NoteError),
    /// The origin is unknown.
    #[error("this witness does not know the origin of the checkpoint")]
    Origin,
    /// The old size is not the latest this witness cosigned.
    #[error("the latest checkpoint this witness cosigned has {0} entries")]
    Conflict(u64),
    /// The proof proves nothing, or the same size has another root.
    #[error("the checkpoint is not consistent with the latest this witness cosigned")]
    Inconsistent,
}

/// What a log hears from a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It cosigned; these are signature lines that were not verified yet.
    Cosigned(Vec<Signature>),
    /// Its latest checkpoint has this size: prove from there.
    Conflict(u64),
    /// It refused for good, or failed.
    Refused(u16),
}

/// Why a witness failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError<E> {
    /// It does not cosign.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot keep its heads.
    #[error("the witness cannot keep its state")]
    Heads(#[source] E),
}

impl AddCheckpoint {
    /// Reads a request.
    ///
    /// # Errors
    /// If it is not one in the one form it can have.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        use Refusal::Malformed;
        if body.len() > MAX_REQUEST_BYTES {
            return Err(Malformed("it is too long"));
        }
        let body = std::str::from_utf8(body).map_err(|_| Malformed("it is not UTF-8"))?;
        let short = Malformed("it ends early");
        let (line, mut rest) = text::line(body).ok_or(short)?;
        let old = line.strip_prefix("old ").and_then(text::decimal);
        let old = old.ok_or(Malformed("its first line is not `old` and a size"))?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = text::line(rest).ok_or(short)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF_LINES {
                return Err(Malformed("its proof has more than 63 lines"));
            }
            proof.push(text::hash(line).ok_or(Malformed("a line is not a hash in base64"))?);
        }
        if rest.is_empty() {
            return Err(short);
        }
        Ok(Self { old, proof, checkpoint: rest.to_owned() })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", text::base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl Head {
    /// Reads a head from what a witness keeps: the note as it was published.
    ///
    /// # Errors
    /// If it is not a checkpoint that this key cosigned.
    pub fn open(note: &[u8], vkey: &Vkey) -> Result<(String, Self), NoteError> {
        let opened = Checkpoint::open(note, &[vkey])?;
        let Checkpoint { origin, size, root, .. } = opened.checkpoint;
        Ok((origin, Self { size, root, note: opened.note.to_string() }))
    }
}

impl Witness {
    /// A witness of the logs with these keys. An origin may have several keys.
    #[must_use]
    pub const fn new(cosigner: Cosigner, logs: Vec<Vkey>) -> Self {
        Self { cosigner, logs }
    }

    /// The key that logs and auditors know this witness by.
    #[must_use]
    pub const fn vkey(&self) -> &Vkey {
        self.cosigner.vkey()
    }

    /// The origins it knows.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.iter().map(Vkey::name)
    }

    /// Answers a request at `now`, in seconds since the epoch: the cosignature, after the head is
    /// kept.
    ///
    /// # Errors
    /// Why it does not cosign, or could not keep the head.
    pub fn add_checkpoint<H: Heads>(
        &self,
        body: &[u8],
        now: u64,
        heads: &H,
    ) -> Result<Signature, WitnessError<H::Error>> {
        let request = AddCheckpoint::parse(body)?;
        let (checkpoint, note) = self.trusted(&request)?;
        let next = |latest: Option<&Head>| -> Result<(Head, Signature), Refusal> {
            extends(&request, &checkpoint, latest)?;
            let signature = self.cosigner.cosign(note.text(), now);
            let mut note = note;
            note.add(signature.clone())
                .map_err(|_| Refusal::Malformed("the checkpoint has too many signatures"))?;
            let Checkpoint { size, root, .. } = checkpoint;
            Ok((Head { size, root, note: note.to_string() }, signature))
        };
        Ok(heads.advance(&checkpoint.origin, next).map_err(WitnessError::Heads)??)
    }

    /// The checkpoint, if a key known for its origin signed it, and its note with nothing but the
    /// signatures of such keys: what a stranger wrote beside them is not passed on.
    fn trusted(&self, request: &AddCheckpoint) -> Result<(Checkpoint, Note), Refusal> {
        let malformed = |_| Refusal::Malformed("its checkpoint is not a signed checkpoint");
        let note = Note::parse(request.checkpoint.as_bytes()).map_err(malformed)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(malformed)?;
        let keys: Vec<&Vkey> =
            self.logs.iter().filter(|key| key.name() == checkpoint.origin).collect();
        if keys.is_empty() {
            return Err(Refusal::Origin);
        }
        note.verify(&keys).map_err(Refusal::Signature)?;
        if request.old > checkpoint.size {
            return Err(Refusal::Backwards);
        }
        let mut known = Note::new(note.text()).map_err(malformed)?;
        for signature in note.signatures() {
            if keys.iter().any(|key| signature.is_of(key)) {
                known.add(signature.clone()).map_err(malformed)?;
            }
        }
        Ok((checkpoint, known))
    }
}

/// Whether the checkpoint extends the latest head, and the request knows that head.
fn extends(
    request: &AddCheckpoint,
    checkpoint: &Checkpoint,
    latest: Option<&Head>,
) -> Result<(), Refusal> {
    let (size, root) = latest.map_or((0, empty_root()), |head| (head.size, head.root));
    if request.old != size {
        return Err(Refusal::Conflict(size));
    }
    let (old, new, hashes) = (size, checkpoint.size, request.proof.clone());
    Consistency { old, new, hashes }
        .verify(&root, &checkpoint.root)
        .map_err(|_| Refusal::Inconsistent)
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Backwards => 400,
            Self::Signature(_) => 403,
            Self::Origin => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The body of the answer and its content type.
    #[must_use]
    pub fn body(&self) -> (String, &'static str) {
        match self {
            Self::Conflict(size) => (format!("{size}\n"), SIZE_TYPE),
            other @ (Self::Malformed(_)
            | Self::Backwards
            | Self::Signature(_)
            | Self::Origin
            | Self::Inconsistent) => (format!("{other}\n"), "text/plain; charset=utf-8"),
        }
    }
}

impl Answer {
    /// Reads a witness's answer. Whether a cosignature is one is for [`Note::verify`] to say,
    /// after it was added to the checkpoint.
    ///
    /// # Errors
    /// If the answer is not in the form of the specification.
    pub fn parse(status: u16, content_type: &str, body: &[u8]) -> Result<Self, NoteError> {
        if body.len() > MAX_ANSWER_BYTES {
            return Err(NoteError::Size(body.len()));
        }
        let wrong = NoteError::Note("it is not what a witness answers");
        let body = std::str::from_utf8(body).map_err(|_| wrong)?;
        match status {
            200 => {
                let lines = body.strip_suffix('\n').ok_or(wrong)?.split('\n');
                lines.map(str::parse).collect::<Result<_, _>>().map(Self::Cosigned)
            }
            409 if content_type == SIZE_TYPE => {
                let size = body.strip_suffix('\n').and_then(text::decimal).ok_or(wrong)?;
                Ok(Self::Conflict(size))
            }
            status => Ok(Self::Refused(status)),
        }
    }
}

/// The name by which a witness serves the head of a log: SHA-256 of the origin, in hexadecimal.
#[must_use]
pub fn origin_hash(origin: &str) -> String {
    digest::hex(&Sha256::digest(origin))
}
