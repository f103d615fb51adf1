//! Where an export or a report goes: to standard output, or into a file that is whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Has `write` write into `file`: aside, and renamed into its place once it is on disk, so that a full disk, an error or
/// Ctrl-C leaves what was there before. Only its owner may read it: the record is in it.
///
/// # Errors
/// As `write` says, or if the file cannot be written.
pub(super) fn into_file(file: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let aside = aside(file);
    let cannot = || format!("cannot write {}", file.display());
    let made = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&aside)
        .with_context(cannot)?;
    let written = whole(made, write).and_then(|()| fs::rename(&aside, file).with_context(cannot));
    if written.is_err()
        && let Err(error) = fs::remove_file(&aside)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, file = %aside.display(), "what was written aside is left there");
    }
    written
}

fn whole(made: File, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(made);
    write(&mut out)?;
    let made = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(made.sync_all()?)
}

/// Beside it, by a name of this process.
fn aside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_whole_and_its_owners_or_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("export.jsonl");
        into_file(&file, |out| Ok(out.write_all(b"one")?)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let failed = into_file(&file, |out| {
            out.write_all(b"tw")?;
            anyhow::bail!("the disk is full")
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&file).unwrap(), b"one", "as it was");
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing is left aside"
        );
    }
}
