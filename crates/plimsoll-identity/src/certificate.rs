//! Client certificates: the names in one that the TLS handshake proved, and which of them stands
//! for a principal.

use crate::issuer::{Identity, principal_id};
use crate::settings::CertificateDocument;
use plimsoll_policy::{Principal, RoleSet};
use plimsoll_types::TenantId;
use std::fmt;

/// The most names of one certificate that are looked at.
pub const MAX_NAMES: usize = 64;
/// The longest name.
const MAX_NAME_BYTES: usize = 2_048;

/// The names in a certificate whose holder is proved and whose authority is trusted: each with
/// its kind before it, `uri:`, `dns:` or `cn:`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CertificateNames(Vec<Box<str>>);

impl fmt::Debug for CertificateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateNames({})", self.0.len())
    }
}

impl CertificateNames {
    /// The names of the subject alternative names (RFC 5280 §4.2.1.6), and the common name of a
    /// subject in DER, without the outer tag. The common name counts only where there are no
    /// alternative names (RFC 9525 §2).
    pub fn new<'a>(
        uris: impl Iterator<Item = &'a str>,
        hosts: impl Iterator<Item = &'a str>,
        subject: &[u8],
    ) -> Self {
        let uris = uris.map(|name| format!("uri:{name}"));
        let hosts = hosts.map(|name| format!("dns:{}", name.to_ascii_lowercase()));
        let fits = |name: &String| name.len() <= MAX_NAME_BYTES;
        let mut names: Vec<Box<str>> =
            uris.chain(hosts).filter(fits).take(MAX_NAMES).map(Into::into).collect();
        if names.is_empty() {
            names.extend(common_name(subject).map(|name| format!("cn:{name}").into()));
        }
        Self(names)
    }
}

impl CertificateNames {
    /// The first name, with its kind.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(|name| &**name)
    }
}

/// What a certificate with a name gives.
#[derive(Debug, Clone)]
pub struct CertificateRule {
    subject: Box<str>,
    /// Who it is.
    pub identity: Identity,
    /// The same as policy sees it.
    pub principal: Principal,
}

impl CertificateRule {
    /// Checks and compiles a rule. The error is what the rule must be.
    pub(crate) fn compile(document: CertificateDocument, tenant: TenantId) -> Result<Self, String> {
        let CertificateDocument { subject, kind, roles, environment, deployments } = document;
        let named = ["uri:", "dns:", "cn:"].iter().find_map(|kind| subject.strip_prefix(kind));
        let is_name = |name: &str| {
            !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control)
        };
        if !named.is_some_and(is_name) {
            return Err("`subject` must be `uri:`, `dns:` or `cn:` and a name".to_owned());
        }
        if subject.starts_with("dns:") && subject != subject.to_ascii_lowercase() {
            return Err("a `dns:` name must be in lower case".to_owned());
        }
        if deployments.as_ref().is_some_and(|d| d.len() > plimsoll_policy::MAX_SCOPES) {
            return Err("`deployments` names more than a principal can be limited to".to_owned());
        }
        let id = principal_id("x509", &subject);
        Ok(Self {
            identity: Identity {
                issuer: "certificate".into(),
                url: "x509".into(),
                subject: subject.as_str().into(),
                kind,
                id,
            },
            principal: Principal {
                kind,
                id: id.to_string().into(),
                roles: roles.into_iter().collect::<RoleSet>(),
                environment,
                scopes: deployments.map(Into::into),
                tenant,
                dev: false,
            },
            subject: subject.into(),
        })
    }
    /// The name it is for, with its kind.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
    /// Whether a certificate with these names is meant.
    #[must_use]
    pub fn covers(&self, names: &CertificateNames) -> bool {
        names.0.contains(&self.subject)
    }
}

/// The one common name (2.5.4.3) of a distinguished name in DER (RFC 5280 §4.1.2.4); nothing if
/// there are several, or something cannot be read.
fn common_name(subject: &[u8]) -> Option<&str> {
    const SEQUENCE: u8 = 0x30;
    const SET: u8 = 0x31;
    const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
    const TEXTS: [u8; 2] = [0x0c, 0x13];
    let mut rest = subject;
    let mut found = None;
    while !rest.is_empty() {
        let (tag, mut set, after) = element(rest)?;
        rest = after;
        if tag != SET {
            return None;
        }
        while !set.is_empty() {
            let (tag, pair, after) = element(set)?;
            set = after;
            if tag != SEQUENCE {
                return None;
            }
            let Some(value) = pair.strip_prefix(COMMON_NAME) else { continue };
            let (tag, text, []) = element(value)? else { return None };
            let text = TEXTS.contains(&tag).then(|| std::str::from_utf8(text).ok()).flatten()?;
            let is_name = !text.is_empty() && !text.chars().any(char::is_control);
            if !is_name || found.replace(text).is_some() {
                return None;
            }
        }
    }
    found
}

/// Tag, contents, and what follows (X.690 §8.1). Lengths to 65,535.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&len, rest) = rest.split_first()?;
            (usize::from(len), rest)
        }
        0x82 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        _ => return None,
    };
    let (contents, after) = rest.split_at_checked(len)?;
    Some((tag, contents, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `subject` of `/O=example/CN=scorer`, without its outer tag.
    const SUBJECT: &[u8] = b"\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07example\
          \x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x0c\x06scorer";

    #[test]
    fn a_common_name_counts_only_without_alternative_names() {
        let none = || std::iter::empty();
        let names = CertificateNames::new(none(), none(), SUBJECT);
        assert_eq!(names, CertificateNames(vec!["cn:scorer".into()]));
        let names = CertificateNames::new(none(), ["A.example"].into_iter(), SUBJECT);
        assert_eq!(names, CertificateNames(vec!["dns:a.example".into()]));
        let twice = [SUBJECT, SUBJECT].concat();
        assert_eq!(common_name(&twice), None, "two common names are none");
    }

    proptest! {
        #[test]
        fn any_subject_has_a_name_or_none(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(name) = common_name(&bytes) {
                prop_assert!(!name.is_empty());
            }
        }
        #[test]
        fn a_cut_subject_never_panics(at in 0..SUBJECT.len(), bit in 0..8_u32) {
            let mut bytes = SUBJECT.to_vec();
            bytes[at] ^= 1 << bit;
            let _seen = common_name(&bytes);
            let _seen = common_name(&SUBJECT[..at]);
        }
    }
}
