//! Another user to run the command as.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};

/// A user as `/etc/passwd` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Unknown of a bare number.
    pub(super) known: Option<Known>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) home: String,
}

/// Whose this process is; unknown where there is no /proc.
pub(super) fn current() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|metadata| metadata.uid())
}

/// Whether this process is root, or may be.
pub(super) fn is_root() -> bool {
    current().is_none_or(|uid| uid == 0)
}

impl User {
    /// By name or number.
    ///
    /// # Errors
    /// If nobody has this name, or it is root's.
    pub(super) fn find(asked: &str) -> anyhow::Result<User> {
        let path = Path::new("/etc/passwd");
        let passwd = std::fs::read_to_string(path).context("cannot read /etc/passwd")?;
        Self::find_in(&passwd, asked)
    }

    fn find_in(passwd: &str, asked: &str) -> anyhow::Result<User> {
        let number = asked.parse::<u32>().ok();
        let found = passwd
            .lines()
            .filter_map(parse)
            .find(|user| Some(user.uid) == number || user.known.as_ref().is_some_and(|known| known.name == asked));
        let user = match (found, number) {
            (Some(user), _) => user,
            (None, Some(uid)) => User {
                uid,
                gid: uid,
                known: None,
            },
            (None, None) => bail!("/etc/passwd has no user `{asked}`: give a name that it has, or a number"),
        };
        match user.uid == 0 || user.gid == 0 {
            true => {
                bail!("`{asked}` is root, or in its group: expected a user who cannot reach the files of this home")
            }
            false => Ok(user),
        }
    }
}

fn parse(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let (name, _, uid, gid, _, home) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    Some(User {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        known: Some(Known {
            name: name.to_owned(),
            home: home.to_owned(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let nobody = User::find_in(PASSWD, "nobody").unwrap();
        assert_eq!((nobody.uid, nobody.gid), (65534, 65534));
        assert_eq!(User::find_in(PASSWD, "65534").unwrap(), nobody);
        let stranger = User::find_in(PASSWD, "4711").unwrap();
        assert_eq!((stranger.uid, stranger.gid, stranger.known), (4711, 4711, None));
    }

    #[test]
    fn root_by_any_name_is_refused() {
        for root in ["root", "0", "00"] {
            assert!(User::find_in(PASSWD, root).is_err(), "{root}");
        }
        assert!(User::find_in(PASSWD, "norbert").is_err());
        assert!(User::find_in("toor:x:7:0::/:/bin/sh\n", "toor").is_err());
    }
}
