//! Why a request got no reply.

use crate::address::AddressClass;
use std::time::Duration;

/// Why a request got no reply. Names the host and what was wrong; never a path, a query, a
/// header, or anything the other side said.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is unusable.
    #[error("the address cannot be used: {0}")]
    Url(&'static str),
    /// Certificates that should be trusted cannot be.
    #[error("the certificates to trust are unusable: {0}")]
    Roots(Box<str>),
    /// Plain `http` where it is not permitted.
    #[error(
        "`{host}` must be reached by https: plain http needs leave and an address on the allow list"
    )]
    Plain {
        /// The host.
        host: Box<str>,
    },
    /// The host has an address that is neither global nor on the allow list.
    #[error("`{host}` has a {class} address, which is not on the allow list of outgoing addresses")]
    Forbidden {
        /// The host.
        host: Box<str>,
        /// What kind of address it is.
        class: AddressClass,
    },
    /// The name could not be resolved.
    #[error("`{host}` has no address")]
    Resolve {
        /// The host.
        host: Box<str>,
    },
    /// No address of the host took a connection.
    #[error("`{host}` takes no connection")]
    Connect {
        /// The host.
        host: Box<str>,
        /// What the last one tried said.
        source: std::io::Error,
    },
    /// The TLS handshake failed: the certificate is not to be trusted, or not this host's.
    #[error("no trusted connection to `{host}`")]
    Tls {
        /// The host.
        host: Box<str>,
        /// What was wrong.
        source: std::io::Error,
    },
    /// The other side broke off or spoke no HTTP.
    #[error("`{host}` broke off or did not speak HTTP/1.1")]
    Broken {
        /// The host.
        host: Box<str>,
        /// What was wrong.
        source: hyper::Error,
    },
    /// The time was up.
    #[error("`{host}` did not answer within {deadline:?}")]
    Deadline {
        /// The host.
        host: Box<str>,
        /// How long was waited.
        deadline: Duration,
    },
    /// The reply is larger than the caller wants.
    #[error("the reply of `{host}` is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: Box<str>,
        /// The bound.
        limit: usize,
    },
    /// The other side wants us to go elsewhere.
    #[error("`{host}` redirects ({status}), and redirects are not followed")]
    Redirect {
        /// The host.
        host: Box<str>,
        /// The status of the reply.
        status: u16,
    },
    /// A thread to send from could not be had.
    #[error("no thread to send from")]
    Thread,
}

impl OutboundError {
    /// A short word for metrics and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "bad_address",
            Self::Roots(_) => "bad_roots",
            Self::Plain { .. } => "plain_http",
            Self::Forbidden { .. } => "forbidden_address",
            Self::Resolve { .. } => "unresolved",
            Self::Connect { .. } => "no_connection",
            Self::Tls { .. } => "not_trusted",
            Self::Broken { .. } => "broken",
            Self::Deadline { .. } => "deadline",
            Self::TooLarge { .. } => "reply_too_large",
            Self::Redirect { .. } => "redirect",
            Self::Thread => "thread",
        }
    }
}
