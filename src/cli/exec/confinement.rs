//! What keeps the command from going round the sidecar, and how far it does.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::confined;
use super::grants;
use super::hidden::hidden;
use super::terminal;
use super::user::{self, User};
use crate::app::Enforcement;
use crate::config::Config;

/// This program, whatever has become of its file.
const OURSELVES: &str = "/proc/self/exe";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Wish {
    /// As far as this machine can, and say how far that is
    Auto,
    /// Wholly, or do not start
    Required,
    /// Not at all
    Off,
}

/// What keeps the command in.
#[derive(Debug)]
pub(super) struct Confinement {
    landlock: Option<Landlock>,
    user: Option<User>,
    /// Why the command can go round us all the same.
    lacking: Option<&'static str>,
    /// Where it may connect to.
    ports: Vec<u16>,
}

/// What the kernel has of Landlock, beyond files and TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Landlock {
    /// Signals and abstract sockets stay inside (Linux 6.12).
    scopes: bool,
}

impl Confinement {
    /// # Errors
    /// If what is wished for cannot be had.
    pub(super) fn choose(wish: Wish, user: Option<&str>) -> anyhow::Result<Confinement> {
        let root = user::is_root();
        let user = match (user, root) {
            (Some(_), false) => bail!("only root can run a command as another user: leave out --user"),
            (Some(asked), true) => Some(User::find(asked)?),
            (None, _) => None,
        };
        let landlock = match wish {
            Wish::Off => None,
            Wish::Auto | Wish::Required => confined::has_tcp().then(|| Landlock {
                scopes: confined::has_scopes(),
            }),
        };
        let lacking = match (landlock, wish) {
            (None, Wish::Off) => Some("--confine=off"),
            (None, Wish::Auto | Wish::Required) => Some("the kernel has no Landlock for TCP (Linux 6.7, and enabled)"),
            // Raw sockets, devices, modules of the kernel: Landlock is not made to hold root.
            (Some(_), _) if root && user.is_none() => {
                Some("the command is root, which can get out of any of this: name a user with --user")
            }
            (Some(_), _) => None,
        };
        match (wish, lacking) {
            (Wish::Required, Some(lacking)) => bail!("the command cannot be confined: {lacking}"),
            (Wish::Auto | Wish::Required | Wish::Off, _) => Ok(Confinement {
                landlock,
                user,
                lacking,
                ports: Vec::new(),
            }),
        }
    }

    /// What the sidecar says of it, if it is started for this command only.
    pub(super) fn enforcement(&self) -> Enforcement {
        match (self.landlock, self.lacking) {
            (Some(landlock), None) => Enforcement::Exec(self.means(landlock)),
            _ => Enforcement::Advisory,
        }
    }

    fn means(&self, landlock: Landlock) -> String {
        let scopes = if landlock.scopes { " and signals" } else { "" };
        let user = self.user.as_ref().map(|user| format!(", as user {}", user.uid));
        let open = confined::open_ways().join(", ");
        format!(
            "Landlock holds files, TCP{scopes}{}; {open} stay open",
            user.unwrap_or_default()
        )
    }

    pub(super) fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// Lets the command connect to the proxy, and to `more` ports.
    ///
    /// # Errors
    /// If that would open the way to control.
    pub(super) fn around(mut self, [proxy, control]: [SocketAddr; 2], more: &[u16]) -> anyhow::Result<Confinement> {
        self.ports = std::iter::once(proxy.port()).chain(more.iter().copied()).collect();
        // SECURITY: Landlock knows ports, not addresses. Test: `a_way_to_the_control_port_is_refused`.
        if self.landlock.is_some() && self.ports.contains(&control.port()) {
            bail!(
                "port {} is where people decide ({control}), and the command must not connect to it: give \
                 `control.listen` another port, or leave it out of --connect",
                control.port()
            );
        }
        Ok(self)
    }

    /// What the person who starts the command should know.
    pub(super) fn lines(&self, config: &Config) -> Vec<String> {
        let mut lines = Vec::new();
        match (self.landlock, self.lacking) {
            (Some(landlock), None) => lines.push(format!("enforced: {} (docs/exec.md)", self.means(landlock))),
            (_, lacking) => lines.push(format!(
                "advisory: the command can go round the proxy ({})",
                lacking.unwrap_or_default()
            )),
        }
        if terminal::takes_typing() {
            lines.push(
                "the command can type into this terminal what your shell then runs: `sysctl dev.tty.legacy_tiocsti=0` \
                 forbids that (Linux 6.2), a terminal of its own does too"
                    .to_owned(),
            );
        }
        if self.landlock.is_some() {
            let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
            lines.push(format!("the command may connect to TCP port {} only", ports.join(", ")));
            let closed = self.closed(config);
            if !closed.is_empty() {
                lines.push(format!(
                    "no file can be made or removed right in {}: they lead to the home (--home elsewhere changes that)",
                    closed.join(", ")
                ));
            }
        }
        lines
    }

    /// The directories in which the command could make files, were they not on the way to what is hidden.
    fn closed(&self, config: &Config) -> Vec<String> {
        let uid = self.user.as_ref().map_or_else(user::current, |user| Some(user.uid));
        let could = |way: &PathBuf| {
            let metadata = way.metadata().ok();
            metadata.is_some_and(|metadata| Some(metadata.uid()) == uid || metadata.mode() & 0o022 != 0)
        };
        // Where it cannot be told, the command does not start either.
        let hidden = hidden(config).unwrap_or_default();
        let ways = grants::ways(&hidden).into_iter().filter(could);
        ways.map(|way| way.display().to_string()).collect()
    }

    /// The command, held by what there is. `public` is what it may read of the home.
    ///
    /// # Errors
    /// If it cannot be told where the home and what the configuration names are.
    pub(super) fn command(&self, config: &Config, public: &Path, command: &[OsString]) -> anyhow::Result<Command> {
        let mut confined = Command::new(OURSELVES);
        confined.arg(confined::NAME);
        let mut option = |name: &str, value: &Path| {
            confined.arg(name).arg(value);
        };
        if self.landlock.is_some() {
            for path in hidden(config)? {
                option("--hide", &path);
            }
            option(
                "--show",
                &public.canonicalize().context("cannot find what was just written")?,
            );
            for port in &self.ports {
                option("--port", port.to_string().as_ref());
            }
        }
        if let Some(user) = &self.user {
            option("--uid", user.uid.to_string().as_ref());
            option("--gid", user.gid.to_string().as_ref());
        }
        confined.arg("--").args(command);
        Ok(confined)
    }
}
