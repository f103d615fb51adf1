//! Which programs, and which directories of such, only root and we can have put where they are.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::process::Scratch;

/// Where a path leads, to a program or a directory of such, unless an agent or a stranger may have put it there.
///
/// # Errors
/// The reason not to trust it.
pub(super) fn trusted(path: &Path) -> Result<PathBuf, &'static str> {
    // SECURITY: what cannot be told is not trusted: who takes the working directory away would have what lies in it run. Test:
    // `what_cannot_be_told_is_not_trusted`.
    let here = std::env::current_dir().and_then(fs::canonicalize);
    let (Ok(place), Ok(here)) = (fs::canonicalize(path), here) else {
        return Err("where it lies cannot be told");
    };
    if here.parent().is_some() && place.starts_with(here) {
        return Err("it lies below the working directory, where an agent may have put it");
    }
    // Where everybody may put files, nobody may replace another's: enough for what lies around, not for where it lies itself.
    let own = 1 + usize::from(place.is_file());
    // The root directory is nobody's to write, though everything lies below it.
    let around = place.ancestors().filter(|path| path.parent().is_some());
    for (distance, at) in around.enumerate() {
        let sticky = distance >= own;
        fs::metadata(at).map_or(Err("where it lies cannot be told"), |found| closed(&found, sticky))?;
    }
    Ok(place)
}

/// SECURITY: root and we may put programs into place, and nobody else: members of another group may not, nor who owns the
/// file or any directory on the way to it. Test: `what_others_may_write_or_own_is_not_run`.
fn closed(found: &Metadata, may_be_sticky: bool) -> Result<(), &'static str> {
    let (mode, ours) = (found.permissions().mode(), ours());
    let sticky = may_be_sticky && mode & 0o1000 != 0;
    let is_ours = |id: u32, ours: Option<u32>| id == 0 || Some(id) == ours;
    if !is_ours(found.uid(), ours.map(|(user, _)| user)) {
        return Err("it, or a directory around it, is another user's");
    }
    if mode & 0o002 != 0 && !sticky {
        return Err("everybody may write there");
    }
    if mode & 0o020 != 0 && !sticky && !is_ours(found.gid(), ours.map(|(_, group)| group)) {
        return Err("a group that is not ours may write there");
    }
    Ok(())
}

/// The user and the group that our files are made for; `None`: we cannot make any.
fn ours() -> Option<(u32, u32)> {
    static OURS: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *OURS.get_or_init(|| {
        let made = Scratch::new().and_then(|scratch| fs::metadata(&scratch.0)).ok()?;
        Some((made.uid(), made.gid()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_not_trusted() {
        let place = Scratch::new().unwrap();
        assert!(trusted(&place.0.join("nowhere")).is_err());
        assert!(trusted(Path::new("/bin/sh")).is_ok_and(|place| place.is_file()));
    }

    #[test]
    fn what_others_may_write_or_own_is_not_run() {
        let place = Scratch::new().unwrap();
        let directory = place.0.join("a");
        fs::create_dir_all(directory.join("b")).unwrap();
        let program = directory.join("b/program");
        fs::write(&program, "").unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for path in [&directory, &directory.join("b"), &program] {
            mode(path, 0o755);
        }
        assert_eq!(trusted(&program), Ok(fs::canonicalize(&program).unwrap()));
        for (path, loose, sticky) in [
            (&directory, 0o757, Some(0o1757)),
            (&directory.join("b"), 0o757, None),
            (&program, 0o757, None),
        ] {
            mode(path, loose);
            assert_eq!(
                trusted(&program),
                Err("everybody may write there"),
                "{}",
                path.display()
            );
            mode(path, 0o1757);
            assert_eq!(trusted(&program).is_ok(), sticky.is_some(), "{}", path.display());
            mode(path, 0o755);
        }
        // Those of another user can only be made by root.
        let strange = |user, group| {
            mode(&program, 0o775);
            std::os::unix::fs::chown(&program, user, group).unwrap();
            trusted(&program)
        };
        if ours().is_some_and(|(user, _)| user == 0) {
            assert_eq!(
                strange(None, Some(12_345)),
                Err("a group that is not ours may write there")
            );
            let owned = strange(Some(12_345), Some(0));
            assert_eq!(owned, Err("it, or a directory around it, is another user's"));
        }
    }
}
