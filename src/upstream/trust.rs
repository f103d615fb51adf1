//! Whom we believe upstream: the system's roots and those of `certs/upstream/`. Never ourselves, and no switch for less.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::io::tls::AUTHORITY_NAME;

/// Why the way out could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    #[error("`{}` holds a certificate that cannot be a root", path.display())]
    NotARoot {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("`{}` is Runplane's own authority, which must not be trusted upstream: remove it there (it belongs with the agents)", .0.display())]
    OwnAuthority(PathBuf),
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

/// TLS towards providers. `own` are the public keys (DER) of our own authority.
pub(super) fn client_config(directory: &Path, own: &[Vec<u8>]) -> Result<ClientConfig, Error> {
    let mut roots = system_roots(own);
    add_directory(&mut roots, directory, own)?;
    if roots.is_empty() {
        tracing::warn!("no root certificates: no provider can be verified (install ca-certificates)");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

// SECURITY: our own authority signs for every name. Trusted upstream, whoever holds its key (or a second sidecar that the
// first one talks to) could pose as any provider to us. It is known by its key, whatever file it comes in.
// Test: `our_own_authority_is_not_trusted_upstream`.
fn system_roots(own: &[Vec<u8>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Systems carry roots that no verifier takes; they are left out, as everywhere.
    roots.add_parsable_certificates(system_certificates(own));
    roots
}

/// The system's root certificates, as its files have them. `own` are the public keys (DER) of our own authority, which is
/// left out, as is every one that a sidecar has made.
pub fn system_certificates(own: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    let (mut found, ourselves) = without(own, rustls_native_certs::load_native_certs());
    if ourselves {
        // Started from a shell with the agent's exports: SSL_CERT_FILE names our own authority, and hides the system's.
        tracing::info!("SSL_CERT_FILE names Runplane's own authority: the system's directories are read instead");
        for directory in openssl_probe::candidate_cert_dirs() {
            let more = rustls_native_certs::load_certs_from_paths(None, Some(directory));
            found.extend(without(own, more).0);
        }
    }
    found
}

/// True: our own authority was among them, and was left out.
fn without(own: &[Vec<u8>], found: rustls_native_certs::CertificateResult) -> (Vec<CertificateDer<'static>>, bool) {
    for error in &found.errors {
        tracing::warn!(%error, "some system roots could not be read");
    }
    let all = found.certs.len();
    let others: Vec<_> = found
        .certs
        .into_iter()
        .filter(|certificate| !has_key(certificate, own) && !is_of_a_sidecar(certificate))
        .collect();
    let ourselves = others.len() < all;
    (others, ourselves)
}

fn add_directory(roots: &mut RootCertStore, directory: &Path, own: &[Vec<u8>]) -> Result<(), Error> {
    let unreadable = |source| Error::Read {
        path: directory.to_owned(),
        source,
    };
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(unreadable(source)),
    };
    for file in listing {
        let path = file.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            add_file(roots, &path, own)?;
        }
    }
    Ok(())
}

fn add_file(roots: &mut RootCertStore, path: &Path, own: &[Vec<u8>]) -> Result<(), Error> {
    let text = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|_| Error::NoCertificate(path.to_owned()))?;
    if certificates.is_empty() {
        return Err(Error::NoCertificate(path.to_owned()));
    }
    for certificate in certificates {
        if has_key(&certificate, own) {
            return Err(Error::OwnAuthority(path.to_owned()));
        }
        roots.add(certificate).map_err(|source| Error::NotARoot {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(())
}

fn has_key(certificate: &CertificateDer<'_>, keys: &[Vec<u8>]) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| keys.iter().any(|key| parsed.public_key().raw == key))
}

/// SECURITY: one that was ours may be trusted by the system still after another has followed it, for what `runplane ca trust`
/// prints is not undone by that. Its key is gone here, and may be elsewhere. Test:
/// `an_authority_that_was_ours_is_no_root_of_the_system`.
fn is_of_a_sidecar(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let mut names = parsed.subject().iter_common_name();
    names.any(|name| name.as_str().is_ok_and(|name| name.starts_with(AUTHORITY_NAME)))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PublicKeyData};

    use super::*;

    fn authority(name: &str, key: &KeyPair) -> String {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.self_signed(key).unwrap().pem()
    }

    #[test]
    fn our_own_authority_is_not_trusted_upstream() {
        let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let directory = tempfile::TempDir::new().unwrap();
        let next = KeyPair::generate().unwrap().subject_public_key_info();
        let load = || client_config(directory.path(), &[next.clone(), own.subject_public_key_info()]);
        fs::write(directory.path().join("a.pem"), authority("Other", &other)).unwrap();
        assert!(load().is_ok());
        // Known by its key: another name, and company in the file, do not hide it.
        let both = authority("Other", &other) + &authority("Renamed", &own);
        fs::write(directory.path().join("b.pem"), both).unwrap();
        assert!(matches!(load(), Err(Error::OwnAuthority(path)) if path.ends_with("b.pem")));
    }

    #[test]
    fn the_authority_that_compose_makes_is_known_by_its_name() {
        let script = include_str!("../../deploy/compose/certificates");
        assert!(script.contains(&format!("-subj \"/CN={AUTHORITY_NAME}$(")));
    }

    #[test]
    fn an_authority_that_was_ours_is_no_root_of_the_system() {
        let found = |name: &str| {
            let pem = authority(name, &KeyPair::generate().unwrap());
            let mut found = rustls_native_certs::CertificateResult::default();
            found.certs = vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()];
            without(&[], found)
        };
        let (kept, ourselves) = found(&format!("{AUTHORITY_NAME}1a2b3c4d"));
        assert!(kept.is_empty() && ourselves);
        let (kept, ourselves) = found("Corporate root");
        assert!(kept.len() == 1 && !ourselves);
    }

    #[test]
    fn a_root_that_is_none_is_refused() {
        let directory = tempfile::TempDir::new().unwrap();
        fs::write(directory.path().join("readme.txt"), "not looked at").unwrap();
        assert!(client_config(directory.path(), &[]).is_ok());
        fs::write(directory.path().join("a.pem"), "nonsense").unwrap();
        assert!(matches!(
            client_config(directory.path(), &[]),
            Err(Error::NoCertificate(_))
        ));
    }
}
