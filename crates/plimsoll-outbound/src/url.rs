//! Where a request goes.

use crate::error::OutboundError;
use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The longest address that is taken, in bytes: what web servers take in a request line.
const MAX_URL: usize = 4096;

/// Characters that a name never has, and an authority that is misread does.
const OF_NO_NAME: &[char] = &['%', ':', '[', ']', '@', '/'];

/// An absolute `https` (or `http`) address without user, password or fragment.
///
/// It shows itself by its origin alone: the path of a webhook is often its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    pub(crate) is_plain: bool,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    path: PathAndQuery,
}

impl Url {
    /// Name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is `http`, not `https`.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The whole address. May hold a secret: for storage, not for messages.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{self}{}", self.path)
    }

    /// The same origin with another path (and query), which begins with a slash.
    ///
    /// # Errors
    /// [`OutboundError::Url`] if it does not.
    pub fn with_path(&self, path: &str) -> Result<Self, OutboundError> {
        let path = Some(path).filter(|path| path.starts_with('/') && path.len() <= MAX_URL);
        let path = path.and_then(|path| path.parse().ok());
        let path = path.ok_or(OutboundError::Url("the path is not one"))?;
        Ok(Self { path, ..self.clone() })
    }

    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        (self.port, self.is_plain) == (other.port, other.is_plain) && self.host == other.host
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// What stands in the request line.
    pub(crate) fn target(&self) -> Uri {
        Uri::from(self.path.clone())
    }

    /// The whole address, which HTTP/2 sends in parts.
    pub(crate) fn whole(&self) -> Uri {
        let scheme = if self.is_plain { Scheme::HTTP } else { Scheme::HTTPS };
        let whole = Uri::builder().scheme(scheme).authority(self.authority());
        // An origin that was read and a path that was read are an address.
        whole.path_and_query(self.path.clone()).build().unwrap_or_else(|_| self.target())
    }

    /// What stands in the header `host`: RFC 9110 §7.2.
    pub(crate) fn authority(&self) -> String {
        let host = match self.address() {
            Some(IpAddr::V6(_)) => format!("[{}]", self.host),
            _ => self.host.to_string(),
        };
        if self.port == self.default_port() { host } else { format!("{host}:{}", self.port) }
    }

    const fn default_port(&self) -> u16 {
        if self.is_plain { 80 } else { 443 }
    }
}

impl FromStr for Url {
    type Err = OutboundError;

    fn from_str(text: &str) -> Result<Self, OutboundError> {
        let wrong = |what| Err(OutboundError::Url(what));
        if text.len() > MAX_URL {
            return wrong("it is too long");
        }
        if text.contains('#') {
            return wrong("it has a fragment");
        }
        let Ok(uri) = text.parse::<Uri>() else { return wrong("it is malformed") };
        let is_plain = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => false,
            Some(scheme) if *scheme == Scheme::HTTP => true,
            _ => return wrong("it must begin with https://"),
        };
        let Some(authority) = uri.authority() else { return wrong("it names no host") };
        if authority.as_str().contains('@') {
            return wrong("it holds a user or a password");
        }
        let written = authority.host();
        let Some(host) = host_in(written) else { return wrong("it names no host") };
        let default = if is_plain { 80 } else { 443 };
        let port = match authority.as_str().strip_prefix(written) {
            Some("") => Some(default),
            Some(rest) => rest.strip_prefix(':').and_then(|port| port.parse().ok()),
            None => None,
        };
        let Some(port) = port.filter(|&port| port != 0) else {
            return wrong("its port is not one");
        };
        // Shown, an empty path is a slash; read back, it has to be one.
        let path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        let Ok(path) = path.parse() else { return wrong("its path is malformed") };
        Ok(Self { is_plain, host: host.to_ascii_lowercase().into(), port, path })
    }
}

/// A name, or an address of IPv6 without its brackets. One with a zone means something on this
/// machine alone, and is none.
fn host_in(written: &str) -> Option<&str> {
    let address = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok().then_some(address),
        None => Some(written).filter(|host| !host.is_empty() && !host.contains(OF_NO_NAME)),
    }
}

/// The origin.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_plain { "http" } else { "https" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self}/…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read() {
        for (text, origin, host) in [
            ("https://example.org", "https://example.org", "example.org"),
            ("https://EXAMPLE.org:443/a?b=c", "https://example.org", "example.org"),
            ("https://example.org:8443/", "https://example.org:8443", "example.org"),
            ("http://127.0.0.1:80/x", "http://127.0.0.1", "127.0.0.1"),
            ("https://[::1]:8443/x", "https://[::1]:8443", "::1"),
        ] {
            let url: Url = text.parse().expect(text);
            assert_eq!((url.to_string().as_str(), url.host()), (origin, host), "{text}");
        }
        let url: Url = "https://example.org/secret?token=1".parse().expect("read");
        assert_eq!(url.expose(), "https://example.org/secret?token=1");
        assert_eq!(format!("{url:?} {url}"), "Url(https://example.org/…) https://example.org");
        assert_eq!(url.with_path("/b?c").expect("path").expose(), "https://example.org/b?c");
        assert!(url.with_path("b").is_err());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "example.org",
            "/path",
            "ftp://example.org",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://user@example.org/",
            "https://user:password@example.org/",
            "https://example.org#fragment",
            "https://example.org:0/",
            "https://example.org:/",
            "https://example.org:65536/",
            "https://exa mple.org/",
            "https://[fe80::1%25eth0]/",
            "https://bücher.example/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
        assert!(format!("https://example.org/{}", "x".repeat(MAX_URL)).parse::<Url>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_that_reads_back_or_an_error(text in "(https?://)?[ -~]{0,40}") {
            if let Ok(url) = text.parse::<Url>() {
                prop_assert_eq!(url.expose().parse::<Url>().expect("reads back"), url);
            }
        }
    }
}
