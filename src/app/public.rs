//! What agents read of the home: the CA, and bundles of it with the system's roots for clients that take one file for all.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::authority::Certificate;
use crate::io::pkcs12;
use crate::upstream;

/// The CA alone, for clients that add it to what they trust.
pub fn authority(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

/// The system's roots and the CA, for clients that trust what one file says.
pub fn bundle(directory: &Path) -> PathBuf {
    directory.join("bundle.pem")
}

/// The same for Java.
pub fn trust_store(directory: &Path) -> PathBuf {
    directory.join("bundle.p12")
}

/// Writes the CA and the bundles into `directory`, for everybody to read, where they are not there or not the same any more.
/// `ours`: the CA, and the one that follows it.
///
/// # Errors
/// If a file cannot be written.
pub fn write_trust(directory: &Path, ours: &[Certificate]) -> anyhow::Result<()> {
    let keys: Vec<_> = ours.iter().map(|certificate| certificate.public_key.clone()).collect();
    let mut all: Vec<_> = ours.iter().map(|certificate| certificate.der.clone()).collect();
    all.extend(upstream::system_certificates(&keys));
    let text: String = all.iter().map(|certificate| pem(certificate)).collect();
    let alone: String = ours.iter().map(|certificate| certificate.pem.as_str()).collect();
    write(&authority(directory), alone.as_bytes())?;
    write(&bundle(directory), text.as_bytes())?;
    write(&trust_store(directory), &pkcs12::trust_store("runplane", &all))
}

/// A file for agents to read, with the directories it lies in: whole at any time, and left alone if it is the same.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    replace(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    let aside = PathBuf::from(aside);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&aside)?;
    file.write_all(content)?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(0o644))?;
    fs::rename(&aside, path)
}

/// RFC 7468.
fn pem(certificate: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(certificate);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while let Some((line, more)) = rest.split_at_checked(64) {
        text.extend([line, "\n"]);
        rest = more;
    }
    if !rest.is_empty() {
        text.extend([rest, "\n"]);
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::authority::Authority;

    fn certificate() -> Certificate {
        let directory = tempfile::TempDir::new().unwrap();
        Authority::load_or_create(directory.path()).unwrap().certificate()
    }

    #[test]
    fn the_bundle_holds_the_ca_and_the_systems_roots_and_everybody_may_read_it() {
        let directory = tempfile::TempDir::new().unwrap();
        let public = directory.path().join("certs/public");
        let ours = [certificate(), certificate()];
        write_trust(&public, &ours).unwrap();
        let found = |file: PathBuf| {
            let text = fs::read(file).unwrap();
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
            found.unwrap()
        };
        let bundled = found(bundle(&public));
        let ours: Vec<_> = ours.into_iter().map(|certificate| certificate.der).collect();
        assert_eq!(found(authority(&public)), ours);
        assert_eq!(bundled[..2], ours);
        assert_eq!(bundled.len(), 2 + upstream::system_certificates(&[]).len());
        for file in [authority(&public), bundle(&public), trust_store(&public)] {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o644);
        }
    }

    #[test]
    fn what_is_the_same_is_left_alone_and_what_is_not_is_replaced() {
        let directory = tempfile::TempDir::new().unwrap();
        let changed = || fs::metadata(bundle(directory.path())).unwrap().modified().unwrap();
        let first = [certificate()];
        write_trust(directory.path(), &first).unwrap();
        let then = changed();
        write_trust(directory.path(), &first).unwrap();
        assert_eq!(changed(), then);
        write_trust(directory.path(), &[certificate()]).unwrap();
        assert_ne!(fs::read_to_string(authority(directory.path())).unwrap(), first[0].pem);
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            3,
            "nothing aside is left"
        );
    }
}
