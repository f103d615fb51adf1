//! Where everything of one sidecar lives.

use std::path::{Path, PathBuf};

use crate::approval;

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
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHome {
    #[error("no home directory: give one with --home DIR or RUNPLANE_HOME")]
    Nowhere,
    #[error(
        "two directories may be meant as the home: the working directory holds runplane.yaml or mappings/, and {} is there: say which, by \
         --home . or --home {}, or by RUNPLANE_HOME",
        by_default.display(),
        quoted(by_default)
    )]
    Two { by_default: PathBuf },
}

impl Home {
    /// `given` (`--home` or `RUNPLANE_HOME`), else `$XDG_DATA_HOME/runplane` (`~/.local/share/runplane`). The working directory
    /// if it holds `runplane.yaml` or `mappings/` and there is no other.
    ///
    /// # Errors
    /// If none of these can be had, or both may be meant.
    pub fn choose(given: Option<PathBuf>) -> Result<Home, NoHome> {
        Self::choose_among(given, std::env::current_dir().ok(), by_default())
    }

    // SECURITY: an agent writes in the directory where it works, and the next command typed there would take the agent's
    // policies for the house's. Test: `a_directory_in_which_an_agent_worked_does_not_become_the_home`.
    fn choose_among(
        given: Option<PathBuf>,
        here: Option<PathBuf>,
        by_default: Option<PathBuf>,
    ) -> Result<Home, NoHome> {
        if let Some(given) = given {
            return Ok(Home::at(std::path::absolute(&given).unwrap_or(given)));
        }
        let looks_like_one = |here: &PathBuf| here.join("runplane.yaml").exists() || here.join("mappings").exists();
        let here = here.filter(looks_like_one).map(Home::at);
        match (here, by_default) {
            (Some(here), Some(path)) if path.exists() => match here.real == Home::at(path.clone()).real {
                true => Ok(here),
                false => Err(NoHome::Two { by_default: path }),
            },
            (Some(here), _) => Ok(here),
            (None, Some(path)) => Ok(Home::at(path)),
            (None, None) => Err(NoHome::Nowhere),
        }
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

    /// How long clients wait.
    pub fn clients(&self) -> PathBuf {
        self.real.join(approval::CLIENTS)
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

    #[test]
    fn a_directory_in_which_an_agent_worked_does_not_become_the_home() {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (work, default) = (root.join("work"), root.join("data/runplane"));
        let choose = |given: Option<&str>, here: &Path| {
            let given = given.map(|given| root.join(given));
            let home = Home::choose_among(given, Some(here.to_owned()), Some(default.clone()));
            home.map(|home| home.path().to_owned())
        };
        let both = NoHome::Two {
            by_default: default.clone(),
        };
        let said = both.to_string();
        assert!(
            said.contains("--home . or --home") && said.contains("data/runplane"),
            "{said}"
        );
        let two = Err(both);
        std::fs::create_dir_all(&work).unwrap();
        assert_eq!(choose(None, &work), Ok(default.clone()));
        std::fs::create_dir_all(work.join("mappings")).unwrap();
        assert_eq!(choose(None, &work), Ok(work.clone()), "there is no other");
        std::fs::create_dir_all(&default).unwrap();
        assert_eq!(choose(None, &work), two);
        std::fs::remove_dir(work.join("mappings")).unwrap();
        std::fs::write(work.join("runplane.yaml"), "").unwrap();
        assert_eq!(choose(None, &work), two);
        assert_eq!(choose(Some("work"), &work), Ok(work.clone()));
        assert_eq!(choose(Some("data/runplane"), &work), Ok(default.clone()));
        // Whatever it is that has the name.
        std::fs::remove_file(work.join("runplane.yaml")).unwrap();
        std::os::unix::fs::symlink("/dev/null", work.join("runplane.yaml")).unwrap();
        assert_eq!(choose(None, &work), two);
        std::fs::create_dir_all(default.join("mappings")).unwrap();
        assert_eq!(choose(None, &default), Ok(default.clone()));
    }
}
