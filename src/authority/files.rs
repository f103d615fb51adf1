//! The authority on disk: `ca.pem` for everybody, `ca.key` for us alone. Both or neither.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Error, leaf};
use crate::model::Secret;

/// The authority's certificate and key, checked against each other.
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) certificate_pem: String,
    pub(super) key: KeyPair,
}

struct Paths {
    certificate: PathBuf,
    key: PathBuf,
}

pub(super) fn load_or_create(certs: &Path) -> Result<Pair, Error> {
    let paths = Paths {
        certificate: certs.join("ca.pem"),
        key: certs.join("ca.key"),
    };
    match (exists(&paths.certificate)?, exists(&paths.key)?) {
        (true, true) => load(&paths),
        (false, false) => {
            create(certs, &paths)?;
            load(&paths)
        }
        (true, false) => Err(Error::KeyMissing {
            certificate: paths.certificate,
            key: paths.key,
        }),
        (false, true) => Err(Error::CertificateMissing {
            certificate: paths.certificate,
            key: paths.key,
        }),
    }
}

/// Whether something is there, be it a link to nowhere: what is not readable is not replaced.
fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::File {
            action: "look at",
            path: path.to_owned(),
            source,
        }),
    }
}

fn load(paths: &Paths) -> Result<Pair, Error> {
    let key = load_key(&paths.key)?;
    let certificate_pem = fs::read_to_string(&paths.certificate).map_err(|source| Error::File {
        action: "read",
        path: paths.certificate.clone(),
        source,
    })?;
    let not_an_authority = || Error::NotAnAuthority(paths.certificate.clone());
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| not_an_authority())?;
    let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| not_an_authority())?;
    if !parsed.is_ca() {
        return Err(not_an_authority());
    }
    if parsed.public_key().raw != key.subject_public_key_info() {
        return Err(Error::KeyMismatch {
            certificate: paths.certificate.clone(),
            key: paths.key.clone(),
        });
    }
    if !parsed.validity().is_valid() {
        return Err(Error::NotValidNow(paths.certificate.clone()));
    }
    Ok(Pair {
        certificate,
        certificate_pem,
        key,
    })
}

fn load_key(path: &Path) -> Result<KeyPair, Error> {
    let cannot_read = |source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(cannot_read)?;
    // SECURITY: whoever reads the key can pose as every provider to the agents that trust us. Checked on the open file,
    // so that it cannot be changed for another in between. Test: `a_key_that_others_may_read_is_refused`.
    let mode = file.metadata().map_err(cannot_read)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::LaxMode {
            path: path.to_owned(),
            mode,
        });
    }
    let pem = Secret::new(io::read_to_string(file).map_err(cannot_read)?);
    KeyPair::from_pem_and_sign_algo(pem.expose(), &PKCS_ECDSA_P256_SHA256).map_err(|source| Error::Key {
        path: path.to_owned(),
        source,
    })
}

fn create(certs: &Path, paths: &Paths) -> Result<(), Error> {
    fs::create_dir_all(certs).map_err(|source| Error::File {
        action: "create",
        path: certs.to_owned(),
        source,
    })?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = leaf::authority_parameters().self_signed(&key)?;
    let key_pem = Secret::new(key.serialize_pem());
    write_new(&paths.key, 0o600, key_pem.expose())?;
    let written = write_new(&paths.certificate, 0o644, &certificate.pem()).and_then(|()| sync_directory(certs));
    if let Err(error) = written {
        // Both or neither: a key alone would keep the next start from going on.
        remove_our_own(&paths.key)?;
        return Err(error);
    }
    Ok(())
}

/// Creates the file, which must not be there, and has it on disk before going on.
fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if written.is_err() {
            fs::remove_file(path)?;
        }
        written
    };
    write().map_err(|source| Error::File {
        action: "create",
        path: path.to_owned(),
        source,
    })
}

fn sync_directory(path: &Path) -> Result<(), Error> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(|source| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn remove_our_own(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(|source| Error::File {
        action: "remove",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_cannot_be_completed_leaves_nothing() {
        let directory = tempfile::TempDir::new().unwrap();
        let certs = directory.path();
        let paths = Paths {
            certificate: certs.join("nowhere").join("ca.pem"),
            key: certs.join("ca.key"),
        };
        assert!(create(certs, &paths).is_err());
        assert!(!paths.key.exists());
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("ca.key");
        fs::write(&path, "precious").unwrap();
        assert!(write_new(&path, 0o600, "other").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
