//! Why a token, a key set or a declaration was refused. Never repeats what was in a token.

/// Why a token was refused. Callers are told no more than that they are not known; operators
/// find the word in metrics, and in `plimsoll identity check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum TokenError {
    /// Longer than any token may be.
    #[error("the token is longer than {} bytes", crate::MAX_TOKEN_BYTES)]
    TooLong,
    /// Not three parts of base64url without padding.
    #[error("the token is not three parts of base64url")]
    Malformed,
    /// Header or claims are no JSON object, or name a member twice.
    #[error("the token's header or claims are not one JSON object with every member once")]
    Json,
    /// A header that must be understood and is not, or one of the wrong kind.
    #[error("the token's header asks for what is not spoken here (`typ`, `cty`, `crit`, `b64`)")]
    Header,
    /// An algorithm that the issuer is not trusted with, `none` and `HS…` among them.
    #[error("the token is signed with an algorithm that is not pinned for its issuer")]
    Algorithm,
    /// No trusted issuer.
    #[error("the token's issuer is not one that is trusted")]
    Issuer,
    /// No key of the issuer's set fits.
    #[error("the issuer's key set has no key that fits the token")]
    UnknownKey,
    /// There is no key set, or the last one is too old to be believed.
    #[error("the issuer's key set was not to be had")]
    NoKeys,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that must be there is not.
    #[error("the token lacks a claim that is required")]
    Missing,
    /// A claim has another type than it must have.
    #[error("a claim of the token has the wrong type")]
    Mistyped,
    /// Meant for somebody else.
    #[error("the token is not meant for this server")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// It lives longer than tokens of this issuer may.
    #[error("the token lives longer than its issuer's tokens may")]
    TooLongLived,
    /// A required claim has another value.
    #[error("a claim of the token does not have the value that is required")]
    Claim,
}

impl TokenError {
    /// Every one, for metrics.
    pub const ALL: &'static [Self] = &[
        Self::TooLong,
        Self::Malformed,
        Self::Json,
        Self::Header,
        Self::Algorithm,
        Self::Issuer,
        Self::UnknownKey,
        Self::NoKeys,
        Self::Signature,
        Self::Missing,
        Self::Mistyped,
        Self::Audience,
        Self::Expired,
        Self::NotYet,
        Self::TooLongLived,
        Self::Claim,
    ];

    /// A short word for metrics and tables.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Json => "json",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Issuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::NoKeys => "no_keys",
            Self::Signature => "signature",
            Self::Missing => "missing_claim",
            Self::Mistyped => "mistyped_claim",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_valid",
            Self::TooLongLived => "too_long_lived",
            Self::Claim => "claim",
        }
    }
}

/// Why a key set was not taken. The set before it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Too many bytes.
    #[error("the key set is larger than {} bytes", crate::MAX_SET_BYTES)]
    TooLarge,
    /// Too many keys.
    #[error("the key set has more than {} keys", crate::MAX_KEYS)]
    TooMany,
    /// Not a JSON Web Key Set.
    #[error("the key set is not JSON with a list `keys` of objects, every member once")]
    Json,
    /// No key in it that could verify a token of this issuer.
    #[error("the key set has no key for the algorithms that are pinned")]
    NoneUsable,
}

/// Why the declaration of issuers and certificates cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {rule}")]
pub struct IdentityError {
    /// Where: `issuer 1`.
    pub place: String,
    /// What it must be.
    pub rule: String,
}

impl IdentityError {
    pub(crate) fn new(place: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { place: place.into(), rule: rule.into() }
    }
}
