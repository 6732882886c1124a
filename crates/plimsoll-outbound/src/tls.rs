//! TLS by rustls with aws-lc-rs, TLS 1.2 and 1.3, for HTTP/1.1 or for HTTP/2.

use crate::error::OutboundError;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Whose certificates are trusted.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// Mozilla's list, as it was when Plimsoll was built.
    #[default]
    WebPki,
    /// Only these authorities, in PEM: for a company's own.
    Own(Arc<[u8]>),
    /// Mozilla's list and these authorities.
    Both(Arc<[u8]>),
}

/// HTTP/2, as TLS calls it (RFC 7301).
pub(crate) const HTTP_2: &[u8] = b"h2";

/// What TLS connections are made with, for each protocol that goes over them.
#[derive(Clone)]
pub(crate) struct Connectors {
    one: TlsConnector,
    two: TlsConnector,
}

impl Connectors {
    pub(crate) const fn of(&self, is_http2: bool) -> &TlsConnector {
        if is_http2 { &self.two } else { &self.one }
    }
}

impl Roots {
    pub(crate) fn connectors(&self) -> Result<Connectors, OutboundError> {
        let mut store = RootCertStore::empty();
        if let Self::WebPki | Self::Both(_) = self {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Self::Own(pem) | Self::Both(pem) = self {
            add(&mut store, pem).map_err(|reason| OutboundError::Roots(reason.into()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OutboundError::Roots(error.to_string().into()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        let mut two = config.clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        two.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(Connectors { one: Arc::new(config).into(), two: Arc::new(two).into() })
    }
}

fn add(store: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
        found = true;
    }
    if found { Ok(()) } else { Err("there is no certificate in the file".to_owned()) }
}
