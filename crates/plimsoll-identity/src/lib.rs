//! Who a bearer token or a client certificate stands for.
//!
//! A token is a JSON Web Token (RFC 7519) in the compact form of RFC 7515, signed by an issuer
//! that the operator named; RFC 8725 says what goes wrong with those, and its rules are kept
//! here: algorithms are pinned per issuer, keys come from the issuer's own set and never out of
//! the token, every claim that decides has exactly one value of exactly one type.
//!
//! **Architecture invariant:** nothing here awaits, reads a clock, or fetches a key. Time and key
//! sets are given.

mod certificate;
mod claims;
mod console;
mod discovery;
mod error;
mod issuer;
mod json;
mod jwks;
mod jws;
mod settings;

pub use certificate::{CertificateNames, CertificateRule, MAX_NAMES};
pub use console::{
    ConsoleClient, ConsoleDocument, Endpoints, MAX_TOKEN_REPLY, answers, endpoints, id_token,
};
pub use discovery::{MAX_DISCOVERY_BYTES, discovered, discovery_url};
pub use error::{IdentityError, KeysError, TokenError};
pub use issuer::{Identity, Issuer, KeySource, Verified, principal_id};
pub use jwks::{KeySet, MAX_KEYS, MAX_SET_BYTES};
pub use jws::{Algorithm, MAX_TOKEN_BYTES, Token, is_token};
pub use settings::{CertificateDocument, IdentityDocument, IssuerDocument, MAX_ISSUERS};
