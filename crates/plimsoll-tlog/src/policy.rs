//! Trust policies (C2SP tlog-policy): which logs and witnesses are known, and which of the
//! witnesses together are enough.

use crate::checkpoint::Checkpoint;
use crate::note::{Algorithm, Note, NoteError, Vkey};
use crate::text;
use std::collections::HashMap;

/// The largest policy text: some 1,000 lines of 250 bytes.
pub const MAX_POLICY_BYTES: usize = 256 * 1024;
/// The most logs, witnesses and groups together; 32 of each is the least to support. A group's
/// members lie before it, so this also bounds the work of a verdict.
const MAX_NAMES: usize = 512;

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// `None` needs no cosignature.
    quorum: Option<Member>,
}

/// A log to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its key; the key's name is the origin of its checkpoints.
    pub vkey: Vkey,
    /// Where it is, if the policy says so.
    pub url: Option<String>,
}

/// A witness to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub vkey: Vkey,
    /// Where it is asked, if the policy says so.
    pub url: Option<String>,
}

/// So many of these.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// A witness or a group, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// What a policy accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The head of the log.
    pub checkpoint: Checkpoint,
    /// The log's key that signed it.
    pub log: Vkey,
    /// The witnesses that cosigned, by their names in the policy, and when, in seconds since the
    /// epoch.
    pub witnesses: Vec<(String, u64)>,
}

/// Why a policy is none, or does not accept a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too long to be read.
    #[error("a policy of {0} bytes is larger than any policy may be")]
    Size(usize),
    /// A line is not one of a policy.
    #[error("line {line} of the policy: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A key in a line is not one.
    #[error("line {line} of the policy has no proper key")]
    Key {
        /// From 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: NoteError,
    },
    /// There is no quorum line.
    #[error("the policy has no line `quorum`; without witnesses it is `quorum none`")]
    NoQuorum,
    /// The checkpoint is malformed or not signed by a log of the policy.
    #[error("the checkpoint is not signed by a log of the policy")]
    Note(#[from] NoteError),
    /// It is signed, but as another log.
    #[error("the checkpoint is signed by a log of the policy, but names another origin")]
    Origin,
    /// Too few witnesses.
    #[error("{0} witnesses of the policy have cosigned, which is no quorum")]
    Quorum(usize),
}

impl Policy {
    /// A policy of one log and no witnesses: what somebody has who was given nothing but a key.
    #[must_use]
    pub fn of_log(vkey: Vkey) -> Self {
        let logs = vec![Log { vkey, url: None }];
        Self { logs, witnesses: Vec::new(), groups: Vec::new(), quorum: None }
    }

    /// Reads the text of a policy.
    ///
    /// # Errors
    /// Which line is wrong, and why.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::Size(text.len()));
        }
        let mut reader = Reader::default();
        let mut lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
        let last = lines.pop().unwrap_or_default();
        for (i, line) in lines.iter().enumerate() {
            reader.line(line).map_err(|wrong| wrong.at(i + 1))?;
        }
        if !last.is_empty() {
            return Err(Wrong::Why("it does not end with a newline").at(lines.len() + 1));
        }
        let Reader { logs, witnesses, groups, quorum, .. } = reader;
        let quorum = quorum.ok_or(PolicyError::NoQuorum)?;
        Ok(Self { logs, witnesses, groups, quorum })
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }
    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The checkpoint of a signed note, if a log of the policy signed it as itself and a quorum
    /// of the witnesses cosigned it. A wrong signature by any key of the policy rejects it.
    ///
    /// # Errors
    /// If not.
    pub fn accept(&self, note: &[u8]) -> Result<Accepted, PolicyError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let known: Vec<&Vkey> = self
            .logs
            .iter()
            .map(|log| &log.vkey)
            .chain(self.witnesses.iter().map(|witness| &witness.vkey))
            .collect();
        let valid = note.verify(&known)?;
        let signed = |key: &Vkey| valid.iter().find(|valid| valid.key == key);
        let mut by_logs = self.logs.iter().filter(|log| signed(&log.vkey).is_some()).peekable();
        if by_logs.peek().is_none() {
            return Err(NoteError::Unsigned.into());
        }
        let log = by_logs.find(|log| log.vkey.name() == checkpoint.origin);
        let log = log.ok_or(PolicyError::Origin)?.vkey.clone();
        let times: Vec<Option<u64>> = self
            .witnesses
            .iter()
            .map(|witness| signed(&witness.vkey).and_then(|valid| valid.time))
            .collect();
        let witnesses: Vec<(String, u64)> = self
            .witnesses
            .iter()
            .zip(&times)
            .filter_map(|(witness, time)| Some((witness.name.clone(), (*time)?)))
            .collect();
        if !self.is_quorum(&times.iter().map(Option::is_some).collect::<Vec<_>>()) {
            return Err(PolicyError::Quorum(witnesses.len()));
        }
        Ok(Accepted { checkpoint, log, witnesses })
    }

    /// Whether the witnesses that cosigned (`true` at their place) are enough.
    fn is_quorum(&self, cosigned: &[bool]) -> bool {
        let Some(quorum) = self.quorum else { return true };
        // Groups name only what is before them, so one pass settles all.
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let holds = |member: Member, groups: &[bool]| match member {
            Member::Witness(at) => cosigned.get(at).copied().unwrap_or(false),
            Member::Group(at) => groups.get(at).copied().unwrap_or(false),
        };
        for group in &self.groups {
            let count = group.members.iter().filter(|&&member| holds(member, &groups)).count();
            groups.push(count >= group.threshold);
        }
        holds(quorum, &groups)
    }
}

/// What is wrong with a line.
enum Wrong {
    Why(&'static str),
    Key(NoteError),
}

impl Wrong {
    const fn at(self, line: usize) -> PolicyError {
        match self {
            Self::Why(why) => PolicyError::Line { line, why },
            Self::Key(source) => PolicyError::Key { line, source },
        }
    }
}

/// A policy so far.
#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
    /// Octets, not characters: names are compared as they stand.
    names: HashMap<Vec<u8>, Member>,
    /// Names that are in a group already.
    used: Vec<Member>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), Wrong> {
        if line.iter().any(|&b| (b < 0x20 && b != b'\t') || b == 0x7f) {
            return Err(Wrong::Why("it has a control character"));
        }
        let words: Vec<&[u8]> =
            line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", vkey] => self.log(vkey, None),
            [b"log", vkey, url] => self.log(vkey, Some(url)),
            [b"witness", name, vkey] => self.witness(name, vkey, None),
            [b"witness", name, vkey, url] => self.witness(name, vkey, Some(url)),
            [b"group", name, threshold, members @ ..] => self.group(name, threshold, members),
            [b"quorum", name] => self.quorum(name),
            _ => Err(Wrong::Why("it is no line of a policy")),
        }
    }

    fn log(&mut self, vkey: &[u8], url: Option<&&[u8]>) -> Result<(), Wrong> {
        let vkey = key(vkey, Algorithm::Ed25519)?;
        if self.logs.iter().any(|log| log.vkey.public_key() == vkey.public_key()) {
            return Err(Wrong::Why("another log has the same key"));
        }
        self.count()?;
        self.logs.push(Log { vkey, url: url.map(|url| words(url)) });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], vkey: &[u8], url: Option<&&[u8]>) -> Result<(), Wrong> {
        let vkey = key(vkey, Algorithm::Cosignature)?;
        if self.witnesses.iter().any(|other| other.vkey.public_key() == vkey.public_key()) {
            return Err(Wrong::Why("another witness has the same key"));
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: words(name), vkey, url: url.map(|url| words(url)) });
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], names: &[&[u8]]) -> Result<(), Wrong> {
        let mut members = Vec::new();
        for name in names {
            let member = *self
                .names
                .get(*name)
                .ok_or(Wrong::Why("a member is not defined on a line before"))?;
            if self.used.contains(&member) {
                return Err(Wrong::Why("a member is in a group already"));
            }
            self.used.push(member);
            members.push(member);
        }
        let threshold = match threshold {
            b"all" => Some(members.len()),
            b"any" => Some(1),
            number => std::str::from_utf8(number)
                .ok()
                .and_then(text::decimal)
                .and_then(|number| usize::try_from(number).ok()),
        };
        let threshold = threshold
            .filter(|threshold| (1..=members.len()).contains(threshold))
            .ok_or(Wrong::Why("its threshold is not `all`, `any`, or from 1 to its members"))?;
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), Wrong> {
        if self.quorum.is_some() {
            return Err(Wrong::Why("there is a quorum already"));
        }
        let quorum = if name == b"none" {
            None
        } else {
            let member = self.names.get(name);
            Some(*member.ok_or(Wrong::Why("the quorum is not defined on a line before"))?)
        };
        self.quorum = Some(quorum);
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), Wrong> {
        if name == b"none" {
            return Err(Wrong::Why("the name `none` is taken"));
        }
        self.count()?;
        if self.names.insert(name.to_owned(), member).is_some() {
            return Err(Wrong::Why("its name is taken"));
        }
        Ok(())
    }

    fn count(&self) -> Result<(), Wrong> {
        if self.logs.len() + self.names.len() >= MAX_NAMES {
            return Err(Wrong::Why("there are too many logs, witnesses and groups"));
        }
        Ok(())
    }
}

fn key(vkey: &[u8], algorithm: Algorithm) -> Result<Vkey, Wrong> {
    let vkey: Vkey = std::str::from_utf8(vkey)
        .map_err(|_| Wrong::Why("the key is not text"))?
        .parse()
        .map_err(Wrong::Key)?;
    match (vkey.algorithm() == algorithm, algorithm) {
        (true, _) => Ok(vkey),
        (false, Algorithm::Ed25519) => Err(Wrong::Why("the key is not one of a log")),
        (false, Algorithm::Cosignature) => Err(Wrong::Why("the key is not one of a witness")),
    }
}

/// For people: what is not UTF-8 is shown by a mark.
fn words(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
