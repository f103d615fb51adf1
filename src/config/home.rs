//! Where everything of one sidecar lives.

use std::path::{Path, PathBuf};

/// The directory of one sidecar: `certs/ mappings/ policies/ state/` and `runplane.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Without links, so that none that is replaced later leads this sidecar elsewhere.
    real: PathBuf,
    typed: PathBuf,
}

/// `$XDG_DATA_HOME/runplane`.
fn by_default() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")));
    data.map(|data| data.join("runplane"))
}

/// A path as one word of a command that is printed, to be typed in any shell.
pub fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    match !path.is_empty() && path.bytes().all(plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// No directory could be chosen.
#[derive(Debug, thiserror::Error)]
#[error("no home directory: give one with --home DIR or RUNPLANE_HOME")]
pub struct NoHome;

impl Home {
    /// `given` (`--home` or `RUNPLANE_HOME`), else the working directory if it holds `runplane.yaml` or `mappings/`, else
    /// `$XDG_DATA_HOME/runplane` (`~/.local/share/runplane`).
    ///
    /// # Errors
    /// If none of these can be had.
    pub fn choose(given: Option<PathBuf>) -> Result<Home, NoHome> {
        if let Some(given) = given {
            return Ok(Home::at(std::path::absolute(&given).unwrap_or(given)));
        }
        if let Ok(here) = std::env::current_dir()
            && (here.join("runplane.yaml").is_file() || here.join("mappings").is_dir())
        {
            return Ok(Home::at(here));
        }
        by_default().map(Home::at).ok_or(NoHome)
    }

    /// SECURITY: who replaces a link on the way would replace the policies at the next reload.
    /// Test: `a_home_behind_a_link_is_where_the_link_leads`.
    fn at(typed: PathBuf) -> Home {
        // What is not there yet is made in a directory that is.
        let real = typed.ancestors().find_map(|there| {
            let real = there.canonicalize().ok()?;
            Some(typed.strip_prefix(there).map_or(real.clone(), |rest| real.join(rest)))
        });
        // Comparing parts drops the slash that joining nothing leaves.
        let real = real.map(|real| real.components().collect());
        Home {
            real: real.unwrap_or_else(|| typed.clone()),
            typed,
        }
    }

    /// ` --home DIR` for a command that is printed, to be typed in any shell; empty where it would choose this home anyway.
    pub fn option(&self) -> String {
        if by_default().is_some_and(|home| Home::at(home).real == self.real) {
            return String::new();
        }
        format!(" --home {}", quoted(&self.real))
    }

    pub fn path(&self) -> &Path {
        &self.real
    }

    /// As it was given, links and all.
    pub fn typed(&self) -> &Path {
        &self.typed
    }

    pub fn config_file(&self) -> PathBuf {
        self.real.join("runplane.yaml")
    }

    pub fn certs(&self) -> PathBuf {
        self.real.join("certs")
    }

    /// What agents are to read: the CA, bundles with it, preloads. The only part of the home that `exec` shows them.
    pub fn public(&self) -> PathBuf {
        self.real.join("certs/public")
    }

    /// Roots of the user's, trusted upstream besides the system's.
    pub fn upstream_roots(&self) -> PathBuf {
        self.real.join("certs/upstream")
    }

    pub fn mappings(&self) -> PathBuf {
        self.real.join("mappings")
    }

    pub fn policies(&self) -> PathBuf {
        self.real.join("policies")
    }

    pub fn state(&self) -> PathBuf {
        self.real.join("state")
    }

    pub fn database(&self) -> PathBuf {
        self.real.join("state/runplane.db")
    }

    /// The owner's key, for the command line of the same user.
    pub fn owner_key(&self) -> PathBuf {
        self.real.join("state/owner.key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_behind_a_link_is_where_the_link_leads() {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.join("link")).unwrap();
        for (given, path) in [("link", "real"), ("link/not/yet", "real/not/yet"), ("real", "real")] {
            let home = Home::choose(Some(root.join(given))).unwrap();
            assert_eq!((home.path(), home.typed()), (&*root.join(path), &*root.join(given)));
        }
    }
}
