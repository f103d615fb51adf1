//! What the command must not reach: what decides, by the paths that lead there, the links on them, and other mounts of the same.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::mounts;
use crate::config::Config;

/// As the kernel has it.
const MOST_LINKS: usize = 40;
/// How deep in the home a link may lie whose other end decides something (`certs/upstream/corp.pem`).
const DEPTH: usize = 2;

/// Absolute paths, none below another one; the last part of one may be a link, or not exist.
///
/// # Errors
/// If it cannot be told where a path leads.
pub(super) fn hidden(config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let home = &config.home;
    let mut found = BTreeSet::new();
    // SECURITY: the home is found by this path next time, and must lead to the same one.
    // Test: `a_link_to_the_home_stays_in_its_place`.
    follow(home.typed(), &mut found)?;
    let root = follow(home.path(), &mut found)?;
    for path in [
        home.certs(),
        home.mappings(),
        home.policies(),
        home.state(),
        home.config_file(),
        home.clients(),
    ] {
        hide(&path, DEPTH, &mut found)?;
    }
    for path in config.files() {
        hide(&path, 0, &mut found)?;
    }
    // Where the home is the directory of a project, the agent works in it.
    if !std::env::current_dir().is_ok_and(|here| here.starts_with(&root)) {
        found.insert(root);
    }
    let mounted = mounts::now()?;
    let elsewhere: Vec<PathBuf> = found.iter().flat_map(|path| mounts::aliases(path, &mounted)).collect();
    found.extend(elsewhere);
    // In the order of paths, what lies below follows at once.
    let mut hidden: Vec<PathBuf> = found.into_iter().collect();
    hidden.dedup_by(|below, above| below.starts_with(above));
    Ok(hidden)
}

/// Adds what `path` names, each link on the way, and of a directory the same for all in it.
fn hide(path: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let real = follow(path, found)?;
    if depth > 0 && real.is_dir() {
        for entry in real
            .read_dir()
            .with_context(|| format!("cannot look into {}", real.display()))?
        {
            let entry = entry.with_context(|| format!("cannot look into {}", real.display()))?;
            hide(&entry.path(), depth - 1, found)?;
        }
    }
    found.insert(real);
    Ok(())
}

/// The real path of what the absolute `path` names, whether it exists or not; adds the path of each link on the way.
///
/// SECURITY: who replaces a link in the middle of a chain decides where it leads.
/// Test: `every_link_of_a_chain_is_hidden`.
fn follow(path: &Path, links: &mut BTreeSet<PathBuf>) -> anyhow::Result<PathBuf> {
    let parts = |path: &Path| -> Vec<OsString> {
        let parts = path.components().rev();
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut real, mut left, mut followed) = (PathBuf::from("/"), parts(path), 0);
    while let Some(part) = left.pop() {
        match part.as_bytes() {
            b"." => {}
            b".." => {
                real.pop();
            }
            // `/` begins anew.
            _ => {
                let next = real.join(part);
                match next.read_link() {
                    Ok(_) if followed == MOST_LINKS => bail!("too many links on the way to {}", path.display()),
                    Ok(target) => {
                        followed += 1;
                        left.extend(parts(&target));
                        links.insert(next);
                    }
                    Err(error) if is_no_link(error.kind()) => real = next,
                    Err(error) => return Err(error).with_context(|| format!("cannot look at {}", next.display())),
                }
            }
        }
    }
    Ok(real)
}

/// Something else is there, or nothing.
fn is_no_link(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::home::Home;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn home(make: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf, Config) {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for made in ["home/policies", "home/state", "srv"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        make(&root);
        let config = Config::load(Home::choose(Some(root.join("home"))).unwrap()).unwrap();
        (directory, root, config)
    }

    #[test]
    fn every_link_of_a_chain_is_hidden() {
        let (_directory, root, config) = home(|root| {
            fs::create_dir(root.join("srv/r1")).unwrap();
            fs::write(root.join("srv/r1/mine.cedar"), "").unwrap();
            symlink("r1", root.join("srv/current")).unwrap();
            symlink("../../srv/current/mine.cedar", root.join("home/policies/mine.cedar")).unwrap();
        });
        let hidden = hidden(&config).unwrap();
        for path in ["home", "srv/current", "srv/r1/mine.cedar"] {
            assert!(hidden.contains(&root.join(path)), "{path}: {hidden:?}");
        }
    }

    #[test]
    fn links_that_lead_to_themselves_are_an_error() {
        let (_directory, _root, config) = home(|root| symlink("loop", root.join("home/policies/loop")).unwrap());
        assert!(hidden(&config).unwrap_err().to_string().contains("too many links"));
    }

    #[test]
    fn a_file_that_the_configuration_names_is_hidden_wherever_it_is() {
        let (_directory, root, config) = home(|root| {
            let password = root.join("srv/password");
            fs::write(&password, "secret").unwrap();
            fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            let section = "upstream_proxy: { url: \"http://me@proxy.corp:3128\", password_file: ../srv/password }\n";
            fs::write(root.join("home/runplane.yaml"), section).unwrap();
        });
        let hidden = hidden(&config).unwrap();
        assert!(hidden.contains(&root.join("srv/password")), "{hidden:?}");
        let all = hidden.iter().filter(|path| path.starts_with(root.join("home")));
        assert_eq!(all.collect::<Vec<_>>(), [&root.join("home")]);
    }
}
