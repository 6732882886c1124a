//! Certificates (RFC 5280): a chain to given roots, made for signing code, valid at a time.

use crate::SignError;
use crate::der::{element, extension, name_part};
use crate::key::PublicKey;
use crate::manifest::sha256_hex;
use crate::path;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Certificates of a chain: nobody's public key infrastructure is deeper.
const MAX_CHAIN: usize = 16;

/// `id-kp-codeSigning`, 1.3.6.1.5.5.7.3.3.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
/// `id-ce-keyUsage`, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// `id-ce-extKeyUsage`, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// A signer's certificate, and those that lead to a root.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    certificates: Vec<CertificateDer<'static>>,
}

impl Chain {
    pub(crate) fn from_pem(leaf: &[u8], others: &[&[u8]]) -> Result<Self, SignError> {
        let mut certificates = read(leaf)?;
        certificates.truncate(1);
        for pem in others {
            certificates.extend(read(pem)?);
        }
        Self::new(certificates)
    }

    pub(crate) fn from_der(certificates: Vec<Vec<u8>>) -> Result<Self, SignError> {
        Self::new(certificates.into_iter().map(CertificateDer::from).collect())
    }

    fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, SignError> {
        if certificates.is_empty() || certificates.len() > MAX_CHAIN {
            return Err(SignError::Certificate("a chain is 1 to 16 certificates"));
        }
        Ok(Self { certificates })
    }

    pub(crate) fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }

    fn leaf(&self) -> Result<(&CertificateDer<'static>, EndEntityCert<'_>), SignError> {
        let leaf = self.certificates.first().ok_or(SignError::Certificate("the chain is empty"))?;
        let read = EndEntityCert::try_from(leaf)
            .map_err(|_| SignError::Certificate("the signer's certificate cannot be read"))?;
        Ok((leaf, read))
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey, SignError> {
        let (_, leaf) = self.leaf()?;
        PublicKey::from_der(&leaf.subject_public_key_info())
    }

    /// Whether `trust` vouches for the signer; who that is.
    pub(crate) fn verify(&self, trust: &Trust) -> Result<String, SignError> {
        let (der, leaf) = self.leaf()?;
        check_usage(der)?;
        let roots = trust.valid_roots()?;
        let anchors: Vec<_> = roots
            .iter()
            .map(|root| anchor_from_trusted_cert(root))
            .collect::<Result<_, _>>()
            .map_err(|_| SignError::Certificate("a root cannot be read"))?;
        let between = self.certificates.get(1..).unwrap_or_default();
        let path = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            between,
            UnixTime::since_unix_epoch(Duration::from_secs(trust.at_secs)),
            KeyUsage::required_if_present(CODE_SIGNING),
            None,
            None,
        );
        match path {
            Ok(_) => {}
            Err(webpki::Error::CaUsedAsEndEntity) => {
                path::follow(&self.certificates, &roots, trust.at_secs, CODE_SIGNING)?;
            }
            Err(error) => return Err(SignError::Certificate(why(&error))),
        }
        Ok(identity(der, &leaf))
    }
}

/// Whom to believe, and when the signature was made or is looked at.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Vec<CertificateDer<'static>>,
    at_secs: u64,
}

impl Trust {
    /// Believes the certificates in these PEM files, at `at_secs` seconds after 1970.
    ///
    /// # Errors
    /// [`SignError::Certificate`] if a file has none.
    pub fn from_pem(roots: &[&[u8]], at_secs: u64) -> Result<Self, SignError> {
        let mut read_roots = Vec::new();
        for pem in roots {
            read_roots.extend(read(pem)?);
        }
        if read_roots.is_empty() {
            return Err(SignError::Certificate("there is no root to believe"));
        }
        Ok(Self { roots: read_roots, at_secs })
    }
}

impl Trust {
    /// The roots that are valid at the time: `webpki` asks no root whether it has expired.
    fn valid_roots(&self) -> Result<Vec<CertificateDer<'static>>, SignError> {
        let mut valid = Vec::with_capacity(self.roots.len());
        for root in &self.roots {
            match path::is_valid(root, self.at_secs) {
                Some(true) => valid.push(root.clone()),
                Some(false) => {}
                None => return Err(SignError::Certificate("a root cannot be read")),
            }
        }
        if valid.is_empty() {
            return Err(SignError::Certificate("no root that is believed is valid at this time"));
        }
        Ok(valid)
    }
}

fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SignError> {
    let wrong = SignError::Certificate("it is no certificate in PEM");
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty()).ok_or(wrong)
}

/// If a certificate says what its key is for, signing must be part of it; and it must say for
/// what purpose. (Which one that is, the path's verification asks of all certificates that say.)
fn check_usage(certificate: &[u8]) -> Result<(), SignError> {
    const DIGITAL_SIGNATURE: u8 = 0x80;
    if extension(certificate, EXTENDED_KEY_USAGE).is_none() {
        return Err(SignError::Certificate("the certificate is not for signing code"));
    }
    let Some(value) = extension(certificate, KEY_USAGE) else { return Ok(()) };
    match element(value) {
        Some((0x03, [_, bits, ..], _)) if bits & DIGITAL_SIGNATURE != 0 => Ok(()),
        _ => Err(SignError::Certificate("the certificate is not for signatures")),
    }
}

/// The first name that a certificate was given, or its digest.
fn identity(der: &[u8], leaf: &EndEntityCert<'_>) -> String {
    let uri = leaf.valid_uri_names().next().map(str::to_owned);
    let dns = leaf.valid_dns_names().next().map(str::to_owned);
    let common = name_part(leaf_subject(der).unwrap_or_default(), COMMON_NAME).map(str::to_owned);
    uri.or(dns).or(common).unwrap_or_else(|| format!("sha256:{}", sha256_hex(der)))
}

/// The subject of a certificate: the name after the validity, which is a sequence of two times.
fn leaf_subject(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate)?;
    let (_, signed, _) = element(certificate)?;
    let parts = crate::der::elements(signed);
    // Version, serial, algorithm, issuer, validity, subject.
    let versioned = usize::from(parts.first()?.0 == 0xa0);
    parts.get(versioned + 4).map(|(_, content)| *content)
}

fn why(error: &webpki::Error) -> &'static str {
    match error {
        webpki::Error::CertExpired { .. } => "a certificate of the chain has expired",
        webpki::Error::CertNotValidYet { .. } => "a certificate of the chain is not valid yet",
        webpki::Error::UnknownIssuer => "no root that is believed vouches for the signer",
        webpki::Error::RequiredEkuNotFoundContext(_) => "the certificate is not for signing code",
        _ => "the chain of certificates does not hold",
    }
}
