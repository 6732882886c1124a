//! What is asked and told about people: erasures, holds, and everything held. A subject's
//! name travels in request bodies only, and never back.

use crate::decision::Decision;
use crate::time::Timestamp;
use plimsoll_types::record::Kind;
use plimsoll_types::{Digest, EventId, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! request_of_subject {
    ($($(#[$doc:meta])* $name:ident { $($rest:tt)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The subject, as requests name it.
            pub subject: String,
            $($rest)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // Never whom it is about.
                f.write_str(stringify!($name))
            }
        }
    )+};
}

request_of_subject! {
    /// Asks about a subject.
    SubjectQuestion {}

    /// Asks to erase a subject.
    EraseSubject {
        /// Why, in words that do not name the subject: it stays in the ledger.
        pub reason: String,
        /// Begin a new epoch of keys at once, instead of within the published window.
        #[serde(default)]
        pub rotate_now: bool,
    }

    /// Asks to hold what there is about a subject.
    HoldSubject {
        /// Why, in words that do not name the subject.
        pub reason: String,
    }

    /// Asks for a part of everything held about a subject.
    ExportSubject {
        /// The `next` of the part before; from the beginning unless told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub from: Option<u64>,
    }
}

/// Asks to hold what there is of a deployment against the end of its retention.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldDeployment {
    /// The deployment.
    pub deployment: Name,
    /// Why.
    pub reason: String,
}

/// Names a deployment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentQuestion {
    /// The deployment.
    pub deployment: Name,
}

/// How far an erasure is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// The key opens nothing any more; copies of it may still be on the disk or in backups
    /// of the keys folder.
    Pending,
    /// Nothing is left of the key.
    Final,
}

impl std::fmt::Display for ErasureState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Final => "final",
        })
    }
}

/// The destruction of a subject's key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Erasure {
    /// Its id: the control event that it began with.
    pub id: EventId,
    /// How far it is.
    pub state: ErasureState,
    /// SHA-256 of the id of the key.
    pub key: Digest,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub principal: PrincipalId,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Since when nothing opens; absent while a restart or the ledger is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// When the epoch of keys that it belonged to was destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Timestamp>,
    /// When that will be at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotates_by: Option<Timestamp>,
    /// When it became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_at: Option<Timestamp>,
    /// When it will be final: backups of the keys folder are kept until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_by: Option<Timestamp>,
}

/// A legal hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// Its id: the control event that it began with.
    pub id: EventId,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub principal: PrincipalId,
    /// When.
    pub placed_at: Timestamp,
}

/// What is known about a subject, without its data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubjectStatus {
    /// Whether it has a key, so that something may be held about it.
    pub is_known: bool,
    /// The hold that keeps it from being erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Its erasures that are not final. Which one a final erasure was about is forgotten.
    pub erasures: Vec<Erasure>,
}

/// A record about a subject that is no decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubjectRecord {
    /// What it is.
    pub kind: Kind,
    /// Its index in the ledger.
    pub index: u64,
    /// When it was recorded.
    pub time: Timestamp,
    /// Its body as recorded (CBOR, see docs/format/record.cddl), in hexadecimal.
    pub body: String,
}

/// A part of everything held about a subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubjectExport {
    /// Decisions, opened, oldest first. Each one's receipt is at
    /// `/api/v1/decisions/{id}/receipt`.
    pub decisions: Vec<Decision>,
    /// Other records.
    pub others: Vec<SubjectRecord>,
    /// Where to go on; absent at the end of the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What a rotation did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeyRotation {
    /// The epoch of keys in force now.
    pub epoch: u32,
    /// Keys that survived.
    pub keys: u64,
    /// Erasures whose keys went with the epoch before.
    pub erasures: u64,
}
