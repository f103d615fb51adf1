//! The authority that the origins' certificates come from. A sidecar trusts it by `certs/upstream/`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// What can be wrong with an origin's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// By an authority that nobody trusts.
    UnknownIssuer,
    /// For another name than the one asked for.
    WrongName,
    Expired,
}

struct TestAuthority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestAuthority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn leaf(&self, name: &str, expired: bool) -> Arc<CertifiedKey> {
        let (certificate, key) = self.pair(name, expired);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key))
    }

    fn pair(&self, name: &str, expired: bool) -> (Certificate, KeyPair) {
        let mut params = leaf_params(name);
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

fn trusted() -> &'static TestAuthority {
    static TRUSTED: OnceLock<TestAuthority> = OnceLock::new();
    TRUSTED.get_or_init(|| TestAuthority::new("Runplane test origins"))
}

fn unknown() -> &'static TestAuthority {
    static UNKNOWN: OnceLock<TestAuthority> = OnceLock::new();
    UNKNOWN.get_or_init(|| TestAuthority::new("Nobody's"))
}

fn leaf_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// What a sidecar must find in `certs/upstream/` to trust the origins.
pub fn trusted_pem() -> &'static str {
    &trusted().pem
}

/// Certificate and key in PEM, for a server that is not ours.
pub fn pem_for(name: &str) -> (String, String) {
    let (certificate, key) = trusted().pair(name, false);
    (certificate.pem(), key.serialize_pem())
}

/// TLS of an origin that answers for whatever name it is asked for.
pub fn server_config(flaw: Option<Flaw>, alpn: &[&str]) -> Arc<ServerConfig> {
    let resolver = Leaves {
        flaw,
        made: Mutex::default(),
    };
    let mut config = ServerConfig::builder_with_provider(super::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Certificates made as they are asked for.
#[derive(Debug)]
struct Leaves {
    flaw: Option<Flaw>,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("127.0.0.1").to_owned();
        let mut made = self.made.lock().unwrap();
        let leaf = made.entry(name.clone()).or_insert_with(|| match self.flaw {
            None => trusted().leaf(&name, false),
            Some(Flaw::Expired) => trusted().leaf(&name, true),
            Some(Flaw::WrongName) => trusted().leaf("another.example", false),
            Some(Flaw::UnknownIssuer) => unknown().leaf(&name, false),
        });
        Some(leaf.clone())
    }
}
