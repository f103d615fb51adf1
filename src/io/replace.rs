//! Files that are replaced whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::model::secret::random_bytes;

/// Puts a file of this content and mode in the place of the one before: on disk, and whole or not at all.
///
/// SECURITY: the draft is made under a name that nobody knows before, so that no link can lie there. Test:
/// `no_draft_goes_through_a_link_and_none_is_left`.
///
/// # Errors
/// If the file or its directory cannot be written.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".new-{}", hex::encode(random_bytes::<8>())));
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&draft)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, path));
    if let Err(error) = written {
        fs::remove_file(&draft)?;
        return Err(error);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        for (content, mode) in [("one", 0o600), ("another", 0o644)] {
            replace(&path, content.as_bytes(), mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o022,
                mode & !0o022
            );
        }
    }

    #[test]
    fn no_draft_goes_through_a_link_and_none_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let (path, victim) = (directory.path().join("a"), directory.path().join("victim"));
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, directory.path().join("a.new")).unwrap();
        replace(&path, b"content", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        fs::create_dir(directory.path().join("b")).unwrap();
        assert!(replace(&directory.path().join("b"), b"content", 0o600).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4, "no draft is left");
    }
}
