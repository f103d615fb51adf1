//! Floor 5. `runplane.yaml` read, checked, and turned into what each part wants. The file as typed is `file::FileConfig`.

mod audit;
mod file;
pub mod home;
mod listen;
mod money;
mod notifications;
mod reverse;
mod risk;
mod scalar;
pub mod shipped;
mod upstream_proxy;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::agent::{Declared, Registry};
use crate::approval::{self, Patience};
use crate::gate;
use crate::io::{body, coding};
use crate::model::observed::Observe;
use crate::model::{Diagnostic, Host, Source};
use crate::notify;
use crate::publish;
use crate::upstream;

pub use audit::Audit;
use file::FileConfig;
use home::Home;
pub use listen::{Port, PublicUrl};
pub use reverse::Listener as ReverseListener;

/// Everything the sidecar is told, ready to use.
#[derive(Debug)]
pub struct Config {
    pub home: Home,
    pub proxy: Port,
    pub control: Port,
    /// Where probes and monitoring find `/live`, `/ready` and `/metrics`, besides control.
    pub health: Option<SocketAddr>,
    /// For calls under way when we are to stop.
    pub shutdown_within: Duration,
    /// By which people reach control.
    pub public_url: Option<PublicUrl>,
    /// Agents and people of the file.
    pub declared: Declared,
    /// What the gate is told besides its files.
    pub gate: gate::Config,
    pub upstream: upstream::Config,
    /// Of `upstream_proxy`.
    password_file: Option<PathBuf>,
    /// Ports and prefixes that lead to providers.
    pub reverse: Vec<ReverseListener>,
    pub approvals: approval::Config,
    /// How long each kind of client is held.
    pub patience: Patience,
    /// Whether the person answerable for an agent may approve its calls.
    pub owner_may_approve: bool,
    /// From which score on a yes needs a reason, too; `None`: never.
    pub reason_from_risk: Option<i64>,
    pub limits: Limits,
    pub audit: Audit,
    /// Where checkpoints go besides a file.
    pub publish: publish::Config,
    publish_files: Vec<PathBuf>,
    /// Who is told of approvals.
    pub notifications: notify::Config,
    notification_files: Vec<PathBuf>,
}

/// How long clients wait, by the home's file or the shipped one.
fn clients(home: &Home) -> Result<Patience, Vec<Diagnostic>> {
    let path = home.clients();
    let file = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Patience::load(&Source { file, text }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Patience::load(&approval::shipped_clients()),
        Err(error) => Err(vec![Diagnostic::of_file(file, error.to_string())]),
    }
}

/// A file's text and permission bits.
fn read(path: &Path) -> io::Result<(String, u32)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, mode))
}

/// Bounds of what one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one body that is read before the decision.
    pub body: usize,
    /// Bytes of all such bodies together.
    pub bodies: usize,
    /// Bytes of one such body without its content coding.
    pub decoded: usize,
    /// Those for each byte on the wire.
    pub ratio: usize,
    /// Connections of agents at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 8 << 20,
            bodies: 256 << 20,
            decoded: coding::Limits::default().decoded,
            ratio: coding::Limits::default().ratio,
            connections: 4096,
        }
    }
}

impl Limits {
    /// What one body may come to, on the wire and without its coding.
    pub fn of_one_body(&self) -> body::Limits {
        body::Limits {
            body: self.body,
            codings: coding::Limits {
                decoded: self.decoded,
                ratio: self.ratio,
            },
        }
    }
}

impl Config {
    /// Reads `runplane.yaml` of the home; without one, the defaults.
    ///
    /// # Errors
    /// Everything that is wrong in the file, each with its place.
    pub fn load(home: Home) -> Result<Config, Vec<Diagnostic>> {
        Self::read(home, |home| clients(home).map(Some))
    }

    /// The same for a command that only asks the sidecar: how long clients wait is not its affair, and what is wrong in
    /// `clients.yaml` keeps nobody from pausing an agent.
    ///
    /// # Errors
    /// Everything that is wrong in the file, each with its place.
    pub fn to_ask(home: Home) -> Result<Config, Vec<Diagnostic>> {
        Self::read(home, |_| Ok(None))
    }

    fn read(
        home: Home,
        clients: impl FnOnce(&Home) -> Result<Option<Patience>, Vec<Diagnostic>>,
    ) -> Result<Config, Vec<Diagnostic>> {
        let path = home.config_file();
        let file = path.display().to_string();
        let (text, mode) = match read(&path) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), 0),
            Err(error) => return Err(vec![Diagnostic::of_file(file, error.to_string())]),
        };
        let patience = clients(&home)?;
        Self::parse(home, &Source { file, text }, mode, patience)
    }

    fn parse(home: Home, source: &Source, mode: u32, patience: Option<Patience>) -> Result<Config, Vec<Diagnostic>> {
        let mut file = match source
            .text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            true => FileConfig::default(),
            false => crate::io::yaml::load::<FileConfig>(source)?,
        };
        let wrong = |message: String| vec![Diagnostic::of_file(&source.file, message)];
        let rates = file.money.rates().map_err(wrong)?;
        let accounts = file.money.accounts(source)?;
        let patience = match patience {
            Some(patience) => file.approvals.patience(patience, source)?,
            None => Patience::load(&approval::shipped_clients())?,
        };
        let declared = file.declared();
        // SECURITY: who reads the hash of a key can pass for this sidecar while it is down, and is sent the key (test
        // `hashes_of_keys_are_in_no_file_that_others_can_read`).
        if mode & 0o077 != 0 && !(declared.agents.is_empty() && declared.people.is_empty()) {
            return Err(wrong(format!(
                "it holds hashes of keys (`key_sha256`) and is open to other users (mode {mode:04o}): whoever reads one can pass \
                 for this sidecar and be sent the key; type: chmod 600 {}",
                source.file
            )));
        }
        // The same checks as at start, before anything else is touched.
        Registry::new(&declared, Vec::new(), Vec::new()).map_err(|error| wrong(error.to_string()))?;
        let ports = (file.proxy.port(&home, source), file.control.port(&home, source));
        let (proxy, control) = match ports {
            (Ok(proxy), Ok(control)) => (proxy, control),
            (proxy, control) => return Err([proxy, control].into_iter().filter_map(Result::err).collect()),
        };
        let (proxy_listen, control_listen) = (proxy.address, control.address);
        if proxy_listen == control_listen && proxy_listen.port() != 0 {
            return Err(wrong(format!(
                "`proxy.listen` and `control.listen` are both {proxy_listen}: give each its own port"
            )));
        }
        let resolve = file
            .resolve
            .iter()
            .map(|(asked, dialled)| (asked.clone(), dialled.0))
            .collect();
        let password_file = file.upstream_proxy.as_ref().and_then(|section| section.file(&home));
        let upstream_proxy = file.upstream_proxy.take().map(|section| section.proxy(&home, source));
        let upstream = upstream::Config {
            resolve,
            destinations: file.destinations.clone(),
            roots: home.upstream_roots(),
            own_listeners: Vec::new(),
            own_names: Vec::new(),
            proxy: upstream_proxy.transpose().map_err(|wrong| vec![wrong])?,
            own_authorities: Vec::new(),
        };
        let sections = std::mem::take(&mut file.notifications);
        let notification_files = sections.files(&home);
        let has_page = file.control.public_url.is_some();
        let notifications = sections.config(&home, source, has_page);
        let notifications = notifications.map_err(|wrong| vec![wrong])?;
        let reverse = reverse::listeners(&file.reverse, (proxy_listen, control_listen), &upstream, &home, source)?;
        let section = std::mem::take(&mut file.audit);
        let publish_files = section.files(&home);
        let audit = section.read(&home, source, file.dangerously_accept_rollback);
        let (audit, publish) = audit.map_err(|wrong| vec![wrong])?;
        Ok(Config {
            audit,
            publish,
            publish_files,
            upstream,
            password_file,
            reverse,
            approvals: file.approvals.config(),
            owner_may_approve: file.approvals.owner_may_approve.unwrap_or(true),
            reason_from_risk: file.approvals.reason_from_risk.map(|score| score.0),
            limits: file.limits.limits(),
            notifications,
            notification_files,
            health: file.health.listen.map(|listen| listen.0),
            shutdown_within: file.shutdown.within(),
            home,
            proxy,
            control,
            public_url: file.control.public_url,
            declared,
            gate: gate::Config {
                rates,
                accounts,
                zone: file.time_zone.0,
                observe: file.dangerously_observe.0,
                risk: file.risk.settings(source),
                recall: file.money.recall(),
            },
            patience,
        })
    }

    /// Keys that take a promise back, with what they are set to: said at each start and in `boot`.
    pub fn dangerous(&self) -> Vec<(&'static str, String)> {
        let observe = &self.gate.observe;
        let observed = (*observe != Observe::Nobody).then(|| ("dangerously_observe", observe.to_string()));
        let rollback = self.audit.accept_rollback;
        let rollback = rollback.then(|| ("dangerously_accept_rollback", "true".to_owned()));
        observed.into_iter().chain(rollback).collect()
    }

    /// What is allowed and may not be meant: said at each start and by `check`.
    pub fn warnings(&self) -> Vec<String> {
        self.audit.warning().into_iter().collect()
    }

    /// Every file that `runplane.yaml` names: certificates, their keys, passwords.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = [&self.proxy, &self.control].into_iter();
        let ports = own.chain(self.reverse.iter().map(|listener| &listener.port));
        let pairs = ports.filter_map(|port| port.tls.as_ref().map(|server| server.files()));
        let pairs = pairs.flat_map(|files| [files.certificate.clone(), files.key.clone()]);
        let others = self
            .password_file
            .iter()
            .chain(&self.notification_files)
            .chain(&self.publish_files);
        pairs.chain(others.cloned()).collect()
    }

    /// What the file and the certificates of our ports call us, at one port or all. A name that `reverse:` also leads on to is
    /// the provider's.
    pub fn own_names(&self) -> Vec<(Host, Option<u16>)> {
        let reverse = || self.reverse.iter().map(|listener| &listener.reverse);
        let leads_to = |host: &Host| reverse().any(|it| it.routes.iter().any(|route| route.authority.host == *host));
        let listeners = reverse().flat_map(|it| it.hosts.iter().filter(|(host, _)| !leads_to(host)).cloned());
        let public = self.public_url.iter().map(|url| (url.host().clone(), None));
        let own = [&self.proxy, &self.control].into_iter();
        let ports = own.chain(self.reverse.iter().map(|listener| &listener.port));
        let shown = ports.flat_map(|port| {
            let names = port.tls.as_ref().map(|server| server.names()).unwrap_or_default();
            names.into_iter().map(|name| (name, Some(port.address.port())))
        });
        let shown = shown.filter(|(name, _)| !leads_to(name));
        listeners.chain(public).chain(shown).collect()
    }

    /// Groups of the people that the file declares.
    pub fn groups(&self) -> BTreeSet<String> {
        self.declared
            .people
            .iter()
            .flat_map(|person| person.groups.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests;
