//! Who asks: users, services and the anonymous caller, with their roles and the
//! limits of the API key they came with.

use plimsoll_types::{Name, TenantId};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The text named no role or environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such {what}; it is one of {choices}")]
pub struct UnknownWord {
    what: &'static str,
    choices: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $choices:literal, $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every one, in the order of the schema.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used in the schema, the API and the CLI.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                found.ok_or(UnknownWord { what: $what, choices: $choices })
            }
        }
    };
}

words! {
    /// What a principal may be trusted with. A principal can hold several.
    Role, "role",
    "caller, data-scientist, ml-engineer, approver, reviewer, auditor, dpo, admin, labeler, risk",
    /// Asks deployments for decisions.
    Caller = "caller",
    /// Registers models and versions.
    DataScientist = "data-scientist",
    /// Runs deployments.
    MlEngineer = "ml-engineer",
    /// Lets versions that others made answer.
    Approver = "approver",
    /// Accepts or overrides single decisions.
    Reviewer = "reviewer",
    /// Reads everything, changes nothing.
    Auditor = "auditor",
    /// The data protection officer.
    Dpo = "dpo",
    /// Manages principals, keys and the server.
    Admin = "admin",
    /// Tells what turned out to be true; reads nothing.
    Labeler = "labeler",
    /// Answers for risk: allows exceptions, and approves beside an approver what can do harm.
    Risk = "risk",
}

words! {
    /// Where a deployment stands, and what a key may be limited to.
    Environment, "environment", "development, staging, production",
    /// For trying things; nobody relies on it.
    Development = "development",
    /// As production, without its callers.
    Staging = "staging",
    /// Answers people rely on.
    Production = "production",
}

/// The kinds of principal in the schema.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program with a key of its own.
    Service,
    /// A caller who showed no key.
    Anonymous,
}

/// A set of [`Role`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RoleSet(u16);

impl RoleSet {
    /// No role: may read health and nothing that matters.
    pub const NONE: Self = Self(0);

    /// Every role. Still bound by every `forbid`.
    #[must_use]
    pub fn all() -> Self {
        Role::ALL.iter().copied().collect()
    }
    /// The set with `role` in it.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u16)
    }
    /// Whether `role` is in the set.
    #[must_use]
    pub const fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u16) != 0
    }
    /// The roles of the set, in the order of the schema.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |&role| self.contains(role))
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl serde::Serialize for RoleSet {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for RoleSet {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<Role>::deserialize(from).map(|roles| roles.into_iter().collect())
    }
}

/// Who asks, with the limits of the key it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// User, service or anonymous.
    pub kind: PrincipalKind,
    /// The id that records name as author, owner or holder. Unique over both kinds.
    pub id: Box<str>,
    /// The roles the principal holds.
    pub roles: RoleSet,
    /// The environment the key is limited to; `None` means any.
    pub environment: Option<Environment>,
    /// The deployments the key is limited to; `None` means all, an empty list means none.
    pub scopes: Option<Arc<[Name]>>,
    /// The organisation the principal belongs to.
    pub tenant: TenantId,
    /// The one principal of `--dev`, which never satisfies separation of duties.
    pub dev: bool,
}

impl Principal {
    /// The caller who showed no key. It holds no role, and the schema knows no attribute of it.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            kind: PrincipalKind::Anonymous,
            id: "anonymous".into(),
            roles: RoleSet::NONE,
            environment: None,
            scopes: None,
            tenant: TenantId::from_bytes([0; 16]),
            dev: false,
        }
    }

    /// The one principal of `--dev`: every role, every environment, no separation of duties.
    #[must_use]
    pub fn dev(tenant: TenantId) -> Self {
        Self {
            kind: PrincipalKind::User,
            id: "dev".into(),
            roles: RoleSet::all(),
            environment: None,
            scopes: None,
            tenant,
            dev: true,
        }
    }
}
