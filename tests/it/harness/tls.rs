//! TLS of the raw client: what it trusts, offers and says.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// How a client hello differs from the plain one.
#[derive(Clone, Default)]
pub struct Hello {
    /// Protocols offered by ALPN.
    pub alpn: Vec<Vec<u8>>,
    /// No server name at all.
    pub without_sni: bool,
    /// Whatever certificate comes is taken: for names that the sidecar has no reason to vouch for.
    pub any_certificate: bool,
    /// An encrypted client hello is offered, as browsers grease it.
    pub ech: bool,
}

pub fn client_config(ca_pem: &str, hello: &Hello) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = match hello.ech {
        true => {
            let suite = rustls::crypto::aws_lc_rs::hpke::ALL_SUPPORTED_SUITES[0];
            let (public, _) = suite.generate_key_pair().unwrap();
            builder
                .with_ech(rustls::client::EchGreaseConfig::new(suite, public).into())
                .unwrap()
        }
        false => builder.with_safe_default_protocol_versions().unwrap(),
    };
    let mut config = match hello.any_certificate {
        true => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth(),
        false => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
                .unwrap();
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    config.alpn_protocols.clone_from(&hello.alpn);
    config.enable_sni = !hello.without_sni;
    Arc::new(config)
}

/// Takes every certificate.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
