//! Checkpoints (C2SP tlog-checkpoint v1.0.0): origin, size and root of a log, as the text of a
//! signed note.

use crate::note::{Note, NoteError, Signer, Valid, Vkey};
use crate::text;
use crate::tree::{MAX_SIZE, empty_root};
use plimsoll_types::Digest;
use std::fmt;

/// The head of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: one non-empty line.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// Further lines, which nobody audits. Ours have none.
    pub extensions: Vec<String>,
}

/// A checkpoint whose signatures were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'k> {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The note it came in.
    pub note: Note,
    /// By which of the known keys.
    pub signatures: Vec<Valid<'k>>,
}

impl Checkpoint {
    /// The head of a log without extensions.
    #[must_use]
    pub fn new(origin: &str, size: u64, root: Digest) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// If it is not a checkpoint in the one form it can have.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Note("its text is not origin, size and root of a log");
        let mut lines = text.strip_suffix('\n').ok_or(wrong)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(wrong);
        let origin = line()?.to_owned();
        let size = text::decimal(line()?).filter(|&size| size <= MAX_SIZE).ok_or(wrong)?;
        let root = text::hash(line()?).ok_or(wrong)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) || (size == 0 && root != empty_root()) {
            return Err(wrong);
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// Reads and verifies a signed checkpoint, whatever its origin; see [`crate::Policy`] for
    /// whom to trust for which.
    ///
    /// # Errors
    /// If it is not one, a known signature is wrong, or no known key has signed.
    pub fn open<'k>(note: &[u8], known: &[&'k Vkey]) -> Result<Opened<'k>, NoteError> {
        let note = Note::parse(note)?;
        let signatures = note.verify(known)?;
        Ok(Opened { checkpoint: Self::parse(note.text())?, note, signatures })
    }

    /// The signed note. Sign a size once only: a log that signs two roots for one size, or two
    /// that do not extend each other, is caught by its witnesses.
    ///
    /// # Errors
    /// If the origin or an extension is not one line.
    pub fn sign(&self, signer: &Signer) -> Result<Note, NoteError> {
        let text = self.to_string();
        if Self::parse(&text).as_ref() != Ok(self) {
            return Err(NoteError::Note("its text is not origin, size and root of a log"));
        }
        let mut note = Note::new(&text)?;
        note.add(signer.sign(&text))?;
        Ok(note)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, text::base64(self.root.as_bytes()))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
