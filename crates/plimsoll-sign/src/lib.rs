//! OpenSSF Model Signing v1.0: which files a model has, signed by a key or a certificate.
//!
//! The manifest is an in-toto statement in a DSSE envelope in a sigstore bundle
//! (<https://github.com/ossf/model-signing-spec>). What is signed here, the reference
//! implementation verifies, and the other way round.
//!
//! **Architecture invariant:** bytes in, bytes out. Nothing here opens a file, reads a clock or
//! keeps a key; who calls hashes the files, with [`Method`] saying how.

mod bundle;
mod certificate;
mod der;
mod early;
mod key;
mod manifest;
mod path;

pub use bundle::{
    BUNDLE_NAME, MAX_BUNDLE, Verified, sign, sign_statement, verify, verify_statement,
};
pub use certificate::Trust;
pub use key::{PublicKey, Signer};
pub use manifest::{
    DEFAULT_IGNORED, Difference, Manifest, Method, Resource, Serialization, is_ignored,
};

/// Why something was not signed, or does not verify.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// There is nothing to sign.
    #[error("the model has no file to sign")]
    Empty,
    /// A name that a manifest cannot hold.
    #[error("the path of file {0} is not relative, plain and of UTF-8")]
    Name(usize),
    /// Two files of one name, or more than are signed.
    #[error("{0}")]
    Files(&'static str),
    /// A key that cannot be used.
    #[error("{0}")]
    Key(&'static str),
    /// A certificate that cannot be used or trusted.
    #[error("{0}")]
    Certificate(&'static str),
    /// The bundle is not of the form, or of a form that is not read here.
    #[error("{0}")]
    Bundle(&'static str),
    /// The bundle is signed in another way than the verifier asks for.
    #[error("the bundle is signed with a {0}, which is not what it is verified with")]
    Method(&'static str),
    /// The signature is not of this key over this manifest.
    #[error("the signature is not of this key over this manifest")]
    Signature,
}
