//! What is fuzzed of sinks and reviews: addresses that somebody configures, networks that an
//! operator allows, and what people say about decisions.

use crate::signature::Signature;
use plimsoll_outbound::{AddressClass, Network, Url};
use plimsoll_types::record::{OutcomeBody, ReviewBody};
use std::net::IpAddr;

pub(crate) const WORDS: &[&str] = &[
    "https://",
    "http://",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[fe80::1%25eth0]",
    "127.0.0.1",
    "@",
    ":443",
    ":0",
    "/",
    "?",
    "#",
    "%2f",
    "xn--",
    "169.254.169.254",
    "/8",
    "/128",
    "0x7f.1",
];

/// An address reads back from what it shows, names a host, and tells only its origin.
pub(crate) fn url(input: &[u8]) -> Signature {
    let Ok(text) = std::str::from_utf8(input) else { return Signature::START.word("not text") };
    if let Ok(network) = text.parse::<Network>() {
        let again = network.to_string().parse();
        assert_eq!(again, Ok(network), "a network changes when it is written and read");
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        assert_eq!(
            AddressClass::of(address),
            AddressClass::of(address.to_canonical()),
            "an address has two classes"
        );
    }
    let read = text.parse::<Url>();
    if let Ok(url) = &read {
        let again = url.expose().parse::<Url>().ok();
        assert_eq!(again.as_ref(), Some(url), "an address changes when it is written and read");
        assert!(!url.host().is_empty() && !url.host().contains(['@', '/', '%', '#']));
        assert!(url.expose().starts_with(&url.to_string()), "the origin is not its beginning");
        assert!(!url.to_string().contains('@'), "an origin with a user");
    }
    Signature::of(&read, |url| usize::from(url.is_plain()))
}

/// A review reads back from what it encodes to.
pub(crate) fn review(input: &[u8]) -> Signature {
    let read = ReviewBody::decode(input);
    if let Ok(body) = &read {
        let again = ReviewBody::decode(&body.encode());
        // Bits are compared through the encoding: a number that is none equals nothing.
        assert_eq!(again.map(|again| again.encode()), Ok(body.encode()), "a review changes");
    }
    Signature::of(&read, |body| body.before.len())
}

/// An outcome reads back from what it encodes to.
pub(crate) fn outcome(input: &[u8]) -> Signature {
    let read = OutcomeBody::decode(input);
    if let Ok(body) = &read {
        assert_eq!(OutcomeBody::decode(&body.encode()).as_ref(), Ok(body), "an outcome changes");
    }
    Signature::of(&read, |body| body.name.len())
}

pub(crate) fn urls() -> Vec<Vec<u8>> {
    let texts = [
        "https://hooks.example.org/plimsoll?token=1",
        "http://127.0.0.1:8080/",
        "https://[::1]:8443/x",
        "https://user:password@example.org/",
        "10.1.0.0/16",
        "fd00::/8",
        "::ffff:169.254.169.254",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
