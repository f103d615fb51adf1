//! The certificate of an authority, and what people are told of it.

use std::path::Path;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Error;
use crate::model::Timestamp;

/// What agents must trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Ends with a line break, so that several make a file.
    pub pem: String,
    pub der: CertificateDer<'static>,
    /// Its name, RFC 4514.
    pub subject: String,
    /// Its public key (DER, SubjectPublicKeyInfo).
    pub public_key: Vec<u8>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Certificate {
    /// # Errors
    /// If the file cannot be read, or holds no certificate of an authority.
    pub fn read(path: &Path) -> Result<Certificate, Error> {
        let pem = std::fs::read_to_string(path).map_err(|source| Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(pem).ok_or_else(|| Error::NotAnAuthority(path.to_owned()))
    }

    fn parse(mut pem: String) -> Option<Certificate> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, parsed) = X509Certificate::from_der(&der)
            .ok()
            .filter(|(_, parsed)| parsed.is_ca())?;
        let time = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
        if !pem.ends_with('\n') {
            pem.push('\n');
        }
        Some(Certificate {
            subject: parsed.subject().to_string(),
            public_key: parsed.public_key().raw.to_vec(),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
            pem,
            der: der.clone(),
        })
    }

    /// SHA-256 of it, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(&self.der))
    }

    pub fn is_valid(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// How long it is still valid; zero once it is over.
    pub fn left(&self, now: Timestamp) -> Duration {
        self.not_after.since(now)
    }
}
