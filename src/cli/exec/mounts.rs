//! Where else the same files are mounted.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug)]
pub(super) struct Mount {
    /// `major:minor`
    device: Vec<u8>,
    /// What of the device's files.
    root: PathBuf,
    at: PathBuf,
}

/// # Errors
/// If it cannot be told: then the command does not start.
pub(super) fn now() -> anyhow::Result<Vec<Mount>> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read(path).with_context(|| format!("cannot tell what is mounted where: {path}"))?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mounts = lines.map(mount).collect::<Option<_>>();
    mounts.with_context(|| format!("cannot tell what is mounted where: {path} has an unknown form"))
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(2);
    Some(Mount {
        device: fields.next()?.to_owned(),
        root: unescaped(fields.next()?),
        at: unescaped(fields.next()?),
    })
}

/// White space and backslashes are written as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut left = field;
    while let Some((first, rest)) = left.split_first() {
        let digits = rest.get(..3).filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        left = octal.and_then(|_| rest.get(3..)).unwrap_or(rest);
    }
    OsString::from_vec(bytes).into()
}

/// Each path by which another mount shows `path` or a part of it.
///
/// SECURITY: a directory mounted twice (`mount --bind`) is open by its other name. Test:
/// `a_second_mount_of_what_is_hidden_is_found`.
pub(super) fn aliases(path: &Path, mounts: &[Mount]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // Which of several mounts over each other shows it is not asked: all count.
    for holder in mounts {
        let inside = match (path.strip_prefix(&holder.at), holder.at.starts_with(path)) {
            (Ok(rest), _) => below(&holder.root, rest),
            (Err(_), true) => holder.root.clone(),
            (Err(_), false) => continue,
        };
        for other in mounts.iter().filter(|other| other.device == holder.device) {
            match inside.strip_prefix(&other.root) {
                Ok(rest) => found.push(below(&other.at, rest)),
                Err(_) if other.root.starts_with(&inside) => found.push(other.at.clone()),
                Err(_) => {}
            }
        }
    }
    found
}

/// Without the slash at the end that joining nothing leaves.
fn below(directory: &Path, rest: &Path) -> PathBuf {
    match rest.as_os_str().as_bytes() {
        b"" => directory.to_owned(),
        _ => directory.join(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [&str; 6] = [
        "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
        "22 27 0:21 / /proc rw - proc proc rw",
        "40 27 254:0 /home /mnt/two\\040words rw - ext4 /dev/vda rw",
        "41 27 254:0 /home/me/rp/policies /srv/policies rw - ext4 /dev/vda rw",
        "42 27 8:1 / /home/me/rp/state rw - ext4 /dev/sda rw",
        "43 27 8:1 / /backup rw - ext4 /dev/sda rw",
    ];

    #[test]
    fn a_second_mount_of_what_is_hidden_is_found() {
        let mounts: Vec<Mount> = TABLE.iter().map(|line| mount(line.as_bytes()).unwrap()).collect();
        let mut found = aliases(Path::new("/home/me/rp"), &mounts);
        found.sort_unstable();
        found.dedup();
        let expected = [
            "/backup",
            "/home/me/rp",
            "/home/me/rp/state",
            "/mnt/two words/me/rp",
            "/srv/policies",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
        let found = aliases(Path::new("/home/you"), &mounts);
        assert_eq!(found, ["/home/you", "/mnt/two words/you"].map(PathBuf::from));
    }

    #[test]
    fn what_this_system_has_is_understood() {
        assert!(now().unwrap().iter().any(|mount| mount.at == Path::new("/")));
    }
}
