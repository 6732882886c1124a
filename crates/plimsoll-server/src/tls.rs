//! TLS by rustls, TLS 1.2 and 1.3.

use crate::config::{ClientCertificates, TlsFiles};
use crate::error::ServerError;
use plimsoll_identity::CertificateNames;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Turns TCP connections into TLS connections.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads certificate chain and key.
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, ServerError> {
        let chain = CertificateDer::pem_file_iter(&files.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable(&files.cert))?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unusable = |error: rustls::Error| ServerError::Tls {
            path: files.cert.clone(),
            reason: error.to_string(),
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match &files.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

/// Who decides whether a client's certificate is trusted: not another authority's, not expired,
/// not revoked.
fn verifier(
    clients: &ClientCertificates,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ServerError> {
    let unusable = |path: &Path, reason: String| ServerError::Tls { path: path.into(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(&clients.ca).map_err(unreadable(&clients.ca))?
    {
        let certificate = certificate.map_err(unreadable(&clients.ca))?;
        roots.add(certificate).map_err(|error| unusable(&clients.ca, error.to_string()))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if let Some(path) = &clients.crl {
        let lists = CertificateRevocationListDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable(path))?;
        if lists.is_empty() {
            return Err(unusable(path, "there is no revocation list in the file".to_owned()));
        }
        // The certificates of clients are what is issued and revoked here; a list that is past its
        // next update says nothing any more.
        builder = builder
            .with_crls(lists)
            .only_check_end_entity_revocation()
            .enforce_revocation_expiration();
    }
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    let built = builder.build();
    let at = clients.crl.as_ref().unwrap_or(&clients.ca);
    built.map(|verifier| verifier as _).map_err(|error| unusable(at, error.to_string()))
}

fn unreadable(path: &Path) -> impl FnOnce(rustls_pki_types::pem::Error) -> ServerError {
    let path = path.to_path_buf();
    move |error| ServerError::Tls { path, reason: error.to_string() }
}

/// The names in the certificate that the client proved to hold.
pub(crate) fn names(stream: &TlsStream<TcpStream>) -> Option<CertificateNames> {
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates()?.first()?;
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let (uris, hosts) = (certificate.valid_uri_names(), certificate.valid_dns_names());
    Some(CertificateNames::new(uris, hosts, certificate.subject()))
}
