//! Where everything of one sidecar lives.

use std::path::{Path, PathBuf};

/// The directory of one sidecar: `certs/ mappings/ policies/ state/` and `runplane.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

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
            return Ok(Home(std::path::absolute(&given).unwrap_or(given)));
        }
        if let Ok(here) = std::env::current_dir()
            && (here.join("runplane.yaml").is_file() || here.join("mappings").is_dir())
        {
            return Ok(Home(here));
        }
        by_default().map(Home).ok_or(NoHome)
    }

    /// ` --home DIR` for a command that is printed, to be typed in any shell; empty where it would choose this home anyway.
    pub fn option(&self) -> String {
        if by_default().is_some_and(|home| home == self.0) {
            return String::new();
        }
        format!(" --home {}", quoted(&self.0))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn config_file(&self) -> PathBuf {
        self.0.join("runplane.yaml")
    }

    pub fn certs(&self) -> PathBuf {
        self.0.join("certs")
    }

    /// What agents are to read: the CA, bundles with it, preloads. The only part of the home that `exec` shows them.
    pub fn public(&self) -> PathBuf {
        self.0.join("certs/public")
    }

    /// Roots of the user's, trusted upstream besides the system's.
    pub fn upstream_roots(&self) -> PathBuf {
        self.0.join("certs/upstream")
    }

    pub fn mappings(&self) -> PathBuf {
        self.0.join("mappings")
    }

    pub fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    pub fn database(&self) -> PathBuf {
        self.0.join("state/runplane.db")
    }

    /// The owner's key, for the command line of the same user.
    pub fn owner_key(&self) -> PathBuf {
        self.0.join("state/owner.key")
    }
}
