//! Whom to trust: rustls with the ring provider and Mozilla's authorities.

use std::path::Path;
use std::sync::Arc;

use ratchet_plugin_api::{Code, Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::client::wrong;

/// Protocols offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Which servers are believed to be who they say.
pub(crate) enum Trusted {
    /// Those that an authority vouches for: a built-in one, or one of these.
    Vouched(Vec<CertificateDer<'static>>),
    /// All of them.
    Everyone,
}

impl Trusted {
    /// # Errors
    /// `Configuration` when `ca_file` has no certificates that can be read.
    pub(crate) fn new(verify: bool, ca_file: Option<&Path>) -> Result<Self> {
        let extra = ca_file.map(read_certificates).transpose()?.unwrap_or_default();
        Ok(if verify { Self::Vouched(extra) } else { Self::Everyone })
    }

    /// # Errors
    /// `Internal` when rustls refuses the certificates or its own defaults.
    pub(crate) fn client_config(&self) -> Result<ClientConfig> {
        let unusable =
            |error: rustls::Error| Error::wrap(Code::Internal, "TLS could not be set up", &error);
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match self {
            Self::Vouched(extra) => {
                let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.to_vec());
                for certificate in extra {
                    roots.add(certificate.clone()).map_err(unusable)?;
                }
                builder.with_root_certificates(roots)
            }
            Self::Everyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Credulous::new(&provider))),
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |why: String| wrong("http.ca_file", &format!("{} {why}", file.display()));
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if certificates.is_empty() {
        return Err(unreadable("has no certificate in PEM form".to_owned()));
    }
    for (index, certificate) in certificates.iter().enumerate() {
        RootCertStore::empty().add(certificate.clone()).map_err(|error| {
            let number = index + 1;
            unreadable(format!("has a certificate (number {number}) that is damaged: {error}"))
        })?;
    }
    Ok(certificates)
}

/// Believes every certificate, as `verify_ssl: false` asks for, but still wants the server to hold
/// its key.
#[derive(Debug)]
struct Credulous(WebPkiSupportedAlgorithms);

impl Credulous {
    fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
