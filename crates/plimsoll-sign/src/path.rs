//! Paths of certificates (RFC 5280 §6.1) whose signer says that it is an authority itself, or is
//! the root that is believed.
//!
//! `webpki` takes no authority for a signer, as it was made for servers. The reference
//! implementation of Model Signing does, and so do the certificates that people sign by
//! themselves. Everything else goes through `webpki`; this file knows as little as it can: what it
//! does not understand, it does not believe.

use crate::SignError;
use crate::der::{element, elements};
use rustls_pki_types::CertificateDer;
use std::ops::ControlFlow;

const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// `id-ce-keyUsage`, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// `id-ce-subjectAltName`, 2.5.29.17.
const OTHER_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// `id-ce-basicConstraints`, 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// `id-ce-nameConstraints`, 2.5.29.30.
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
/// `id-ce-extKeyUsage`, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// `keyCertSign`, the sixth bit of a key's usage.
const SIGNS_CERTIFICATES: u8 = 0x04;

/// Follows a chain from its first certificate, the signer's, to one of `roots`. At `at_secs`
/// seconds after 1970 all of them must be valid; those that say what they are for must say
/// `purpose`.
///
/// # Errors
/// [`SignError::Certificate`] with what does not hold.
pub(crate) fn follow(
    chain: &[CertificateDer<'_>],
    roots: &[CertificateDer<'_>],
    at_secs: u64,
    purpose: &[u8],
) -> Result<(), SignError> {
    let mut others: Vec<Certificate<'_>> =
        chain.iter().map(|der| Certificate::read(der)).collect::<Result<_, _>>()?;
    let roots: Vec<Certificate<'_>> =
        roots.iter().map(|der| Certificate::read(der)).collect::<Result<_, _>>()?;
    if others.is_empty() {
        return Err(SignError::Certificate("the chain is empty"));
    }
    let mut last = others.remove(0);
    last.fits(at_secs, purpose)?;
    // Each step takes one certificate out of the chain, so this ends.
    let mut authorities = 0;
    loop {
        if roots.iter().any(|root| root.whole == last.whole) {
            return Ok(());
        }
        if let Some(root) = roots.iter().find(|root| last.is_signed_by(root)) {
            root.fits(at_secs, purpose)?;
            return root.may_issue(authorities);
        }
        let Some(next) = others.iter().position(|other| last.is_signed_by(other)) else {
            return Err(SignError::Certificate("no root that is believed vouches for the signer"));
        };
        last = others.remove(next);
        last.fits(at_secs, purpose)?;
        last.may_issue(authorities)?;
        authorities += 1;
    }
}

/// Whether a certificate is valid at a time; `None` if it cannot be read.
pub(crate) fn is_valid(der: &[u8], at_secs: u64) -> Option<bool> {
    let certificate = Certificate::read(der).ok()?;
    Some(certificate.from <= at_secs && at_secs <= certificate.until)
}

/// What a path needs of a certificate (RFC 5280 §4.1).
struct Certificate<'a> {
    whole: &'a [u8],
    /// What its issuer signed.
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    from: u64,
    until: u64,
    key_algorithm: &'a [u8],
    key: &'a [u8],
    extensions: Vec<Extension<'a>>,
}

struct Extension<'a> {
    id: &'a [u8],
    is_critical: bool,
    value: &'a [u8],
}

impl<'a> Certificate<'a> {
    fn read(der: &'a [u8]) -> Result<Self, SignError> {
        Self::parse(der).ok_or(SignError::Certificate("a certificate of the chain cannot be read"))
    }

    fn parse(der: &'a [u8]) -> Option<Self> {
        let (SEQUENCE, certificate, []) = element(der)? else { return None };
        let (SEQUENCE, to_be_signed, after) = element(certificate)? else { return None };
        let signed = certificate.get(..certificate.len() - after.len())?;
        let (SEQUENCE, algorithm, after) = element(after)? else { return None };
        let (BITS, [0, signature @ ..], []) = element(after)? else { return None };
        let parts = elements(to_be_signed);
        let parts = match parts.first()? {
            (VERSION, _) => parts.get(1..)?,
            _ => parts.as_slice(),
        };
        let [
            (INTEGER, _),
            (SEQUENCE, same_algorithm),
            (SEQUENCE, issuer),
            (SEQUENCE, validity),
            (SEQUENCE, subject),
            (SEQUENCE, key),
            more @ ..,
        ] = parts
        else {
            return None;
        };
        let [from, until] = elements(validity)[..] else { return None };
        let [(SEQUENCE, key_algorithm), (BITS, [0, key @ ..])] = elements(key)[..] else {
            return None;
        };
        let extensions = match more.iter().find(|(tag, _)| *tag == EXTENSIONS) {
            None => Vec::new(),
            Some((_, extensions)) => read_extensions(extensions)?,
        };
        (*same_algorithm == algorithm).then_some(())?;
        Some(Self {
            whole: der,
            signed,
            algorithm,
            signature,
            issuer,
            subject,
            from: seconds(from)?,
            until: seconds(until)?,
            key_algorithm,
            key,
            extensions,
        })
    }

    fn extension(&self, id: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|extension| extension.id == id).map(|found| found.value)
    }

    /// Whether it is valid, understood, and for the purpose if it says for what it is.
    fn fits(&self, at_secs: u64, purpose: &[u8]) -> Result<(), SignError> {
        const KNOWN: [&[u8]; 4] = [KEY_USAGE, OTHER_NAMES, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE];
        let refuse = |why| Err(SignError::Certificate(why));
        if at_secs > self.until {
            return refuse("a certificate of the chain has expired");
        }
        if at_secs < self.from {
            return refuse("a certificate of the chain is not valid yet");
        }
        let is_unknown = |one: &Extension<'_>| one.is_critical && !KNOWN.contains(&one.id);
        if self.extensions.iter().any(is_unknown) || self.extension(NAME_CONSTRAINTS).is_some() {
            return refuse("a certificate of the chain demands something that is not known here");
        }
        let Some(value) = self.extension(EXTENDED_KEY_USAGE) else { return Ok(()) };
        let purposes = match element(value) {
            Some((SEQUENCE, purposes, [])) => elements(purposes),
            _ => Vec::new(),
        };
        if purposes.contains(&(OBJECT_ID, purpose)) {
            return Ok(());
        }
        refuse("the certificate is not for signing code")
    }

    /// Whether it may issue certificates with `authorities` more of them below.
    fn may_issue(&self, authorities: u64) -> Result<(), SignError> {
        let refuse = |why| Err(SignError::Certificate(why));
        let constraints = self.extension(BASIC_CONSTRAINTS).and_then(element);
        let Some((SEQUENCE, constraints, [])) = constraints else {
            return refuse("an issuer of the chain is no authority");
        };
        let parts = elements(constraints);
        let [(BOOLEAN, [0xff]), most @ ..] = parts.as_slice() else {
            return refuse("an issuer of the chain is no authority");
        };
        let most = match most {
            [] => u64::MAX,
            [(INTEGER, [most])] if *most < 0x80 => u64::from(*most),
            _ => return refuse("an issuer of the chain is no authority"),
        };
        if authorities > most {
            return refuse("an issuer of the chain may not have so many below it");
        }
        let Some(usage) = self.extension(KEY_USAGE) else { return Ok(()) };
        match element(usage) {
            Some((BITS, [_, bits, ..], [])) if bits & SIGNS_CERTIFICATES != 0 => Ok(()),
            _ => refuse("an issuer of the chain may not sign certificates"),
        }
    }

    fn is_signed_by(&self, issuer: &Self) -> bool {
        if self.issuer != issuer.subject {
            return false;
        }
        let tried = webpki::ALL_VERIFICATION_ALGS.iter().try_for_each(|algorithm| {
            let fits = algorithm.signature_alg_id().as_ref() == self.algorithm
                && algorithm.public_key_alg_id().as_ref() == issuer.key_algorithm;
            if fits && algorithm.verify_signature(issuer.key, self.signed, self.signature).is_ok() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        tried.is_break()
    }
}

fn read_extensions(bytes: &[u8]) -> Option<Vec<Extension<'_>>> {
    let (SEQUENCE, bytes, []) = element(bytes)? else { return None };
    let read = |(tag, extension): (u8, _)| {
        let parts = elements(extension);
        match (tag, parts.as_slice()) {
            (SEQUENCE, [(OBJECT_ID, id), (OCTETS, value)]) => {
                Some(Extension { id, is_critical: false, value })
            }
            (SEQUENCE, [(OBJECT_ID, id), (BOOLEAN, [critical]), (OCTETS, value)]) => {
                Some(Extension { id, is_critical: *critical != 0, value })
            }
            _ => None,
        }
    };
    elements(bytes).into_iter().map(read).collect()
}

/// A time of a certificate (RFC 5280 §4.1.2.5), in seconds after 1970. Those before are 1970.
fn seconds((tag, text): (u8, &[u8])) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |from: usize| rest.get(from..from + 2)?.parse::<u64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    fits.then_some(())?;
    let days = days_after_1970(year, month, day);
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar, 0 for what is before: years begin in March, so
/// that the day of a leap year is the last.
fn days_after_1970(year: u64, month: u64, day: u64) -> u64 {
    /// From 0000-03-01 to 1970-01-01.
    const TO_1970: u64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.max(1) - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.saturating_sub(TO_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_certificates_are_seconds_after_1970() {
        let utc = |text: &str| seconds((UTC_TIME, text.as_bytes()));
        let general = |text: &str| seconds((GENERALIZED_TIME, text.as_bytes()));
        assert_eq!(utc("700101000000Z"), Some(0));
        assert_eq!(utc("500101000000Z"), Some(0), "1950");
        assert_eq!(utc("491231235959Z"), Some(2_524_607_999));
        assert_eq!(utc("000229120000Z"), Some(951_825_600));
        assert_eq!(general("20261123024500Z"), Some(1_795_401_900));
        assert_eq!(general("99991231235959Z"), Some(253_402_300_799));
        for wrong in ["", "Z", "700101000000", "7001010000Z", "701301000000Z", "70010100000 Z", "é"]
        {
            assert_eq!(utc(wrong), None, "{wrong}");
        }
        assert_eq!(seconds((INTEGER, b"700101000000Z")), None);
    }
}
