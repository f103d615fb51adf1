//! Everything but the way to what is hidden. Landlock allows and never forbids, and what it allows of a directory it allows of
//! all in it: so from the root down to what is hidden, everything beside the way is allowed, one by one.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What lies beside the way to `hidden` (real absolute paths; need not exist). A symbolic link is left out: it is
/// what it points to that counts.
///
/// # Errors
/// If a directory on the way cannot be listed for another reason than that it is closed to us.
pub(super) fn beside(hidden: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for directory in ways(hidden) {
        let listing = match fs::read_dir(&directory) {
            Ok(listing) => listing,
            // What cannot be listed is not used either, but for the working directory.
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => continue,
            Err(error) => return Err(error),
        };
        for entry in listing {
            let entry = entry?;
            let path = entry.path();
            let on_the_way = hidden.iter().any(|hidden| hidden.starts_with(&path));
            if !on_the_way && !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The directories that lead to what is hidden: nothing new can be made right in them.
pub(super) fn ways(hidden: &[PathBuf]) -> BTreeSet<PathBuf> {
    let ancestors = hidden.iter().flat_map(|path| path.ancestors().skip(1));
    ancestors.map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for made in ["project/src", "data/other", "data/home/state", "data/home/docs"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        fs::write(root.join("data/home/runplane.yaml"), "").unwrap();
        (directory, root)
    }

    #[test]
    fn what_lies_beside_is_found_at_each_level_and_the_way_itself_never() {
        let (_directory, root) = tree();
        let hidden = ["state", "runplane.yaml", "policies"].map(|name| root.join("data/home").join(name));
        let found = beside(&hidden).unwrap();
        let inside: BTreeSet<_> = found.iter().filter_map(|path| path.strip_prefix(&root).ok()).collect();
        assert_eq!(
            inside.into_iter().collect::<Vec<_>>(),
            [
                Path::new("data/home/docs"),
                Path::new("data/other"),
                Path::new("project")
            ]
        );
        for path in &found {
            assert!(
                !hidden.iter().any(|hidden| hidden.starts_with(path)),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn a_link_to_what_is_hidden_is_left_out() {
        let (_directory, root) = tree();
        std::os::unix::fs::symlink(root.join("data/home/state"), root.join("way-round")).unwrap();
        let found = beside(&[root.join("data/home/state")]).unwrap();
        assert!(!found.contains(&root.join("way-round")));
    }
}
