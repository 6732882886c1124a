//! What is told of a bucket that cannot be used: what was tried, and what the server's word means.

use crate::address::Address;
use object_store::Error;
use object_store::path::Path;
use plimsoll_outbound::OutboundError;
use std::fmt;

/// Names this store in errors of `object_store`.
pub(crate) const STORE: &str = "S3";

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The access key is missing or malformed.
    #[error("the bucket `{0}` needs an access key: its id and its secret, each on one line")]
    Key(Address),
    /// The endpoint cannot be spoken to by name of the bucket.
    #[error("the endpoint cannot be used: {0}")]
    Endpoint(OutboundError),
    /// A look at the bucket failed.
    #[error("the bucket `{address}` cannot be used: an object could not be {what}: {why}")]
    Unusable {
        /// The bucket.
        address: Address,
        /// What was tried.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

/// What a server answered that was no success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The server's word for it; nothing but letters and digits.
    pub(crate) code: String,
}

impl std::error::Error for Answer {}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if let Some(means) = meaning(self) {
            write!(f, " ({means})")?;
        }
        Ok(())
    }
}

/// What an operator can do about an answer (Amazon S3 API reference, "Error responses").
fn meaning(answer: &Answer) -> Option<&'static str> {
    Some(match answer.code.as_str() {
        "NoSuchBucket" => "there is no such bucket at this endpoint; make it first",
        "InvalidAccessKeyId" | "InvalidClientTokenId" => {
            "the server does not know the access key's id"
        }
        "SignatureDoesNotMatch" => {
            "the secret access key is another, or a proxy changed the request"
        }
        "AccessDenied" => "the access key may not do this",
        "RequestTimeTooSkewed" => "this machine's clock is too far from the server's",
        "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            "the bucket is in another region"
        }
        "QuotaExceeded" | "XMinioStorageFull" => "there is no room left",
        _ if answer.status == 403 => "the access key may not do this, or there is no such bucket",
        _ => return None,
    })
}

/// Why a request brought no answer at all.
#[derive(Debug)]
pub(crate) struct Unreached(pub(crate) OutboundError);

impl std::error::Error for Unreached {}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let OutboundError::Redirect { .. } = self.0 {
            return write!(f, "{}; the bucket is in another region or at another endpoint", self.0);
        }
        // What lies beneath says whether it is the name, the port or the certificate.
        match std::error::Error::source(&self.0) {
            Some(source) => write!(f, "{}: {source}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

pub(crate) fn unreached(error: OutboundError) -> Error {
    Error::Generic { store: STORE, source: Box::new(Unreached(error)) }
}

/// An answer as what callers of an object store tell apart.
pub(crate) fn refused(answer: Answer, path: &Path) -> Error {
    let (status, path) = (answer.status, path.to_string());
    let is_conflict = answer.code == "ConditionalRequestConflict";
    let is_gone = status == 404 && answer.code != "NoSuchBucket";
    let source = Box::new(answer);
    match status {
        404 if is_gone => Error::NotFound { path, source },
        304 => Error::NotModified { path, source },
        412 => Error::Precondition { path, source },
        409 if is_conflict => Error::Precondition { path, source },
        401 => Error::Unauthenticated { path, source },
        403 => Error::PermissionDenied { path, source },
        _ => Error::Generic { store: STORE, source },
    }
}

/// A reply that is not as the reference has it.
pub(crate) fn odd(what: &'static str) -> Error {
    Error::Generic { store: STORE, source: what.into() }
}
