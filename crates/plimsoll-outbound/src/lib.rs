//! The one outgoing HTTP client.
//!
//! Everything Plimsoll sends to an address that somebody configured (webhooks, witnesses, key
//! services, model servers) goes through [`Outbound`], so that one place keeps the rules against
//! server-side request forgery (OWASP API7:2023):
//!
//! - `https` only; plain `http` where [`OutboundConfig::plain_http`] permits it, and then only
//!   to addresses on the allow list;
//! - a name is resolved once, *every* address it has is checked ([`AddressClass`]), and the
//!   connection goes to one of those addresses and to no other: a name that is resolved anew
//!   to something else (DNS rebinding) changes nothing;
//! - private, loopback, link-local, shared, multicast and reserved addresses are refused unless
//!   a [`Network`] of the allow list contains them;
//! - no redirects, no proxies, no cookies, no content decoding, nothing from the environment;
//! - replies, heads, connections, idle connections, addresses and time are bounded;
//! - errors tell the host and what was wrong, never a path, a query, a header or a reply.
//!
//! ```text
//! let outbound = Outbound::new(OutboundConfig::default(), clock)?;
//! let url: Url = "https://hooks.example.org/plimsoll".parse()?;
//! let reply = outbound.send(Request::post(url, body).with_header(CONTENT_TYPE, json)).await?;
//! ```
//!
//! [`Outbound::send_blocking`] is the same for a thread without a runtime.
//!
//! **Architecture invariant:** knows no deployments, no ledger and no settings file; runs no
//! tasks of its own (a connection is driven by the request that uses it).

mod address;
mod client;
mod connection;
mod error;
mod http2;
mod resolve;
mod sigv4;
mod tls;
mod url;

pub use address::{AddressClass, Network, NetworkError};
pub use client::{Outbound, OutboundConfig, Reply, Request};
pub use error::OutboundError;
pub use resolve::{Resolve, Resolved, SystemResolver};
pub use sigv4::Signer;
pub use tls::Roots;
pub use url::Url;
