//! The environment of the command: that of `exec`, with the wiring in it and what leads round it taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::inside::MARKER;
use super::preload::Preloads;
use super::user::User;
use crate::app::wiring::{JAVA, NO_PROXY, Wiring};

/// What some clients prefer over HTTPS_PROXY, or send round it; without regard to case.
pub(in crate::cli) const OTHER_WAYS: [&str; 15] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "WS_PROXY",
    "WSS_PROXY",
    "GRPC_PROXY",
    "NO_GRPC_PROXY",
    "GLOBAL_AGENT_HTTP_PROXY",
    "GLOBAL_AGENT_HTTPS_PROXY",
    "GLOBAL_AGENT_NO_PROXY",
    "NPM_CONFIG_PROXY",
    "NPM_CONFIG_HTTPS_PROXY",
    "NPM_CONFIG_NOPROXY",
    "PIP_PROXY",
    "CARGO_HTTP_PROXY",
    "YARN_HTTPS_PROXY",
];

/// What is put on the command, and what is to be said of it.
#[derive(Debug)]
pub(super) struct Surroundings {
    set: BTreeMap<OsString, OsString>,
    removed: BTreeSet<OsString>,
    lines: Vec<String>,
}

impl Surroundings {
    /// `control` is where people decide; `found` is the environment of this process.
    pub(super) fn new(
        wiring: &Wiring,
        preloads: Option<&Preloads>,
        control: SocketAddr,
        user: Option<&User>,
        found: impl Iterator<Item = (OsString, OsString)>,
    ) -> Self {
        let found: BTreeMap<OsString, OsString> = found.collect();
        let mut surroundings = Self {
            set: BTreeMap::new(),
            removed: BTreeSet::new(),
            lines: Vec::new(),
        };
        surroundings.remove(&found);
        surroundings.say_what_is_replaced(wiring, &found);
        for (name, value) in wiring.variables() {
            let kept = found
                .get(OsStr::new(name))
                .filter(|kept| name == JAVA && !kept.is_empty());
            surroundings.set(name, joined(kept, " ", &value));
        }
        if let Some(preloads) = preloads {
            surroundings.preload(preloads, &found);
        }
        if let Some(known) = user.and_then(|user| user.known.as_ref()) {
            surroundings.set("HOME", &known.home);
            surroundings.set("USER", &known.name);
            surroundings.set("LOGNAME", &known.name);
        }
        surroundings.set(MARKER, control.to_string());
        surroundings
    }

    /// Puts it on the command.
    pub(super) fn put_on(&self, mut command: Command) -> Command {
        for name in &self.removed {
            command.env_remove(name);
        }
        command.envs(&self.set);
        command
    }

    /// What the person who starts the command should know.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }

    fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.set.insert(name.into(), value.into());
    }

    /// SECURITY: keys of people and agents are not the command's, and a proxy of its own would lead round ours (T44). Test:
    /// `what_leads_round_us_is_taken_out_and_said`.
    fn remove(&mut self, found: &BTreeMap<OsString, OsString>) {
        let mut said = Vec::new();
        for name in found.keys() {
            let upper = name.to_string_lossy().to_uppercase();
            if OTHER_WAYS.contains(&upper.as_str()) {
                said.push(name.to_string_lossy().into_owned());
                self.removed.insert(name.clone());
            } else if upper.starts_with("RUNPLANE_") {
                self.removed.insert(name.clone());
            }
        }
        if !said.is_empty() {
            self.lines
                .push(format!("left out {}: they lead round the proxy", said.join(", ")));
        }
    }

    fn say_what_is_replaced(&mut self, wiring: &Wiring, found: &BTreeMap<OsString, OsString>) {
        let dropped: BTreeSet<String> = ["NO_PROXY", "no_proxy"]
            .iter()
            .filter_map(|name| found.get(OsStr::new(name)))
            .flat_map(|value| {
                let value = value.to_string_lossy().into_owned();
                value
                    .split([',', ' '])
                    .map(|host| host.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|host| !host.is_empty() && !NO_PROXY.split(',').any(|kept| kept == host))
            .collect();
        if !dropped.is_empty() {
            let dropped: Vec<_> = dropped.into_iter().collect();
            self.lines.push(format!("left out of NO_PROXY: {}", dropped.join(", ")));
        }
        let others = wiring.variables().into_iter().filter(|(name, value)| {
            let other = found
                .get(OsStr::new(name))
                .is_some_and(|was| !was.is_empty() && was.as_os_str() != OsStr::new(value));
            other && !name.eq_ignore_ascii_case("NO_PROXY") && *name != JAVA
        });
        let others: Vec<_> = others.map(|(name, _)| name).collect();
        if !others.is_empty() {
            self.lines.push(format!("replaced {}", others.join(", ")));
        }
    }

    fn preload(&mut self, preloads: &Preloads, found: &BTreeMap<OsString, OsString>) {
        let get = |name: &str| found.get(OsStr::new(name)).filter(|value| !value.is_empty());
        let require = format!("--require {}", node_word(&preloads.node));
        self.set("NODE_OPTIONS", joined(get("NODE_OPTIONS"), " ", &require));
        let python = preloads.python.as_os_str();
        if python.to_string_lossy().contains(':') {
            self.lines.push(format!(
                "Python's preload is left out: {} holds a `:`",
                python.display()
            ));
            return;
        }
        // First, since Python loads one such file only; ours loads the next.
        let mut path = python.to_owned();
        if let Some(found) = get("PYTHONPATH") {
            path.push(":");
            path.push(found);
        }
        self.set("PYTHONPATH", path);
    }
}

fn joined(kept: Option<&OsString>, separator: &str, ours: &str) -> OsString {
    let mut joined = kept.cloned().unwrap_or_default();
    if kept.is_some() {
        joined.push(separator);
    }
    joined.push(ours);
    joined
}

/// Node takes words between blanks, and double quotes with backslashes before what stands for itself.
fn node_word(path: &Path) -> String {
    let path = path.display().to_string();
    format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
