//! The authority on disk: `ca.pem` for everybody, `ca.key` for us alone. Both or neither.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};

use super::certificate::Certificate;
use super::{Error, file_error, leaf};
use crate::model::{Secret, Timestamp};

/// The authority's certificate and key, checked against each other.
pub(super) struct Pair {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
}

pub(super) struct Paths {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Paths {
    pub(super) fn in_directory(directory: &Path) -> Paths {
        Paths {
            certificate: directory.join("ca.pem"),
            key: directory.join("ca.key"),
        }
    }
}

pub(super) fn load_or_create(certs: &Path) -> Result<Pair, Error> {
    let paths = Paths::in_directory(certs);
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
pub(super) fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(file_error("look at", path)(error)),
    }
}

pub(super) fn load(paths: &Paths) -> Result<Pair, Error> {
    let key = load_key(&paths.key)?;
    let certificate = Certificate::read(&paths.certificate)?;
    if certificate.public_key != key.subject_public_key_info() {
        return Err(Error::KeyMismatch {
            certificate: paths.certificate.clone(),
            key: paths.key.clone(),
        });
    }
    if !certificate.is_valid(Timestamp::now()) {
        return Err(Error::NotValidNow(paths.certificate.clone()));
    }
    Ok(Pair { certificate, key })
}

fn load_key(path: &Path) -> Result<KeyPair, Error> {
    let cannot_read = file_error("read", path);
    let file = File::open(path).map_err(&cannot_read)?;
    // SECURITY: whoever reads the key can pose as every provider to the agents that trust us. Checked on the open file,
    // so that it cannot be changed for another in between. Test: `a_key_that_others_may_read_is_refused`.
    let mode = file.metadata().map_err(&cannot_read)?.permissions().mode() & 0o777;
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

pub(super) fn create(certs: &Path, paths: &Paths) -> Result<(), Error> {
    fs::create_dir_all(certs).map_err(file_error("create", certs))?;
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
    write().map_err(file_error("create", path))
}

pub(super) fn sync_directory(path: &Path) -> Result<(), Error> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(file_error("write", path))
}

fn remove_our_own(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(file_error("remove", path))
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
