//! Where the demo lives: a home of its own, which is kept.

use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::script::{AGENTS, Provider};
use crate::authority::Authority;
use crate::config::home::Home;
use crate::io::keys;
use crate::model::Secret;
use crate::model::secret::random_bytes;

/// A home that nobody lived in, with the keys of the agents that will.
pub(super) struct DemoHome {
    pub(super) home: Home,
    /// Signs the fakes' certificates.
    pub(super) authority: Authority,
    /// By agent, as in [`AGENTS`]. In memory only, as a sidecar has the hashes only.
    pub(super) keys: Vec<Secret<String>>,
}

impl DemoHome {
    /// Makes it where it was asked for, else in the directory for temporary files.
    ///
    /// # Errors
    /// If there is something already: it may be somebody's real home.
    pub(super) fn make(given: Option<PathBuf>) -> anyhow::Result<Self> {
        let home = match given {
            Some(path) => empty(Home::choose(Some(path))?)?,
            None => Home::choose(Some(temporary()?))?,
        };
        let aside = home.path().join("fakes");
        let authority = Authority::load_or_create(&aside)?;
        // The key is in memory, and nowhere else from here on: the home trusts it, and is kept.
        fs::remove_dir_all(&aside).with_context(|| format!("cannot remove {}", aside.display()))?;
        let roots = home.upstream_roots();
        fs::create_dir_all(&roots)
            .and_then(|()| fs::write(roots.join("fakes.pem"), authority.certificate().pem))
            .with_context(|| format!("cannot write into {}", roots.display()))?;
        Ok(Self {
            home,
            authority,
            keys: AGENTS.iter().map(|_| keys::generate()).collect(),
        })
    }
}

/// Writes `runplane.yaml`: what `run` would be told. `listen`: of the proxy and of control; `keys`: of the agents. Whoever
/// reads the file finds it whole.
///
/// # Errors
/// If it cannot be written.
pub(super) fn configure(
    home: &Home,
    keys: &[Secret<String>],
    listen: [SocketAddr; 2],
    fakes: SocketAddr,
    hold: &str,
) -> anyhow::Result<()> {
    let path = home.config_file();
    let aside = path.with_extension("yaml.new");
    let write = |text: String| {
        let mut file = fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(text.as_bytes())
    };
    write(yaml(keys, listen, fakes, hold))
        .and_then(|()| fs::rename(&aside, &path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn yaml(keys: &[Secret<String>], [proxy, control]: [SocketAddr; 2], fakes: SocketAddr, hold: &str) -> String {
    let mut yaml =
        "# Made by `runplane demo`. The providers are fakes, which are there while the demo runs.\n".to_owned();
    let mut line = |shown: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(yaml, "{shown}");
    };
    line(format!(
        "proxy: {{ listen: \"{proxy}\" }}\ncontrol: {{ listen: \"{control}\" }}\nagents:"
    ));
    for ((name, role), key) in AGENTS.iter().zip(keys) {
        let hash = keys::hash(key.expose());
        line(format!("  - {{ name: {name}, roles: [{role}], key_sha256: {hash} }}"));
    }
    line("resolve:".to_owned());
    for provider in Provider::ALL {
        line(format!("  \"{}:443\": \"{fakes}\"", provider.host()));
    }
    line(format!("destinations: [\"{fakes}\"]"));
    // As text in quotes, so that it cannot be anything but a value.
    line(format!("approvals: {{ hold: {{ default: {hold:?} }} }}"));
    yaml
}

fn temporary() -> anyhow::Result<PathBuf> {
    let name = format!("runplane-demo-{}", hex::encode(random_bytes::<4>()));
    let path = std::env::temp_dir().join(name);
    // SECURITY: exclusively and for this user alone: others may write where temporary files are, and could put a directory
    // of theirs in its place, with keys they can read.
    make(&path).with_context(|| format!("cannot make {}; name a new directory with --home DIR", path.display()))?;
    Ok(path)
}

fn empty(home: Home) -> anyhow::Result<Home> {
    let shown = home.path().display();
    match fs::read_dir(home.path()).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(home),
        Ok(false) => bail!(
            "{shown} is not empty, and the demo would write its own configuration and record there: name a new directory \
             with --home DIR, or none (and unset RUNPLANE_HOME) to have one made"
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if let Some(parent) = home.path().parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            }
            make(home.path()).with_context(|| format!("cannot make {shown}"))?;
            Ok(home)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}
