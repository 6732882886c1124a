//! A browser's session.

use crate::time::Timestamp;
use crate::words::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signs a browser in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// An API key. It is kept in memory for as long as the session lasts, and nowhere else.
    pub key: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIn")
    }
}

/// Who is signed in, and what they may do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The name of the principal.
    pub name: String,
    /// What it is trusted with.
    pub roles: Vec<Role>,
    /// The actions that policy may permit it on something; what is not here, it may do nowhere.
    pub actions: Vec<String>,
    /// Whether this is a server for trying things, where nobody signs in.
    pub dev: bool,
    /// Must be sent as `plimsoll-csrf` with everything that changes something. None where no
    /// session is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
    /// When the session ends at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}
