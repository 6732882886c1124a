//! As much of DER (ITU-T X.690) as two extensions and a name of a certificate need.

/// The element at the beginning: its tag, its content, and what follows.
pub(crate) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The elements of a content, one after the other.
pub(crate) fn elements(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let Some((tag, content, rest)) = element(bytes) {
        found.push((tag, content));
        bytes = rest;
    }
    found
}

const SEQUENCE: u8 = 0x30;
const EXTENSIONS: u8 = 0xa3;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;

/// The value of an extension of a certificate (RFC 5280, 4.1), by its object id.
pub(crate) fn extension<'a>(certificate: &'a [u8], id: &[u8]) -> Option<&'a [u8]> {
    let (SEQUENCE, certificate, _) = element(certificate)? else { return None };
    let (SEQUENCE, signed, _) = element(certificate)? else { return None };
    let (_, extensions) = elements(signed).into_iter().find(|(tag, _)| *tag == EXTENSIONS)?;
    let (SEQUENCE, extensions, _) = element(extensions)? else { return None };
    elements(extensions).into_iter().find_map(|(_, extension)| {
        let parts = elements(extension);
        let is_it = parts.first().is_some_and(|part| *part == (OBJECT_ID, id));
        let value = parts.into_iter().find(|(tag, _)| *tag == OCTETS);
        value.filter(|_| is_it).map(|(_, value)| value)
    })
}

/// A text of a name (RFC 5280, 4.1.2.4), by its object id.
pub(crate) fn name_part<'a>(name: &'a [u8], id: &[u8]) -> Option<&'a str> {
    elements(name).into_iter().find_map(|(_, set)| {
        let (_, pair, _) = element(set)?;
        match elements(pair).as_slice() {
            [(OBJECT_ID, found), (_, text)] if *found == id => std::str::from_utf8(text).ok(),
            _ => None,
        }
    })
}
