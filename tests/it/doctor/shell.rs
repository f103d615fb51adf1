//! Where an agent is started, and what doctor says there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Sidecar, bounded, python, runplane, said};

/// Where an agent is started: with nothing but some clients on its path, and the variables it is given.
pub struct Shell {
    pub directory: TempDir,
    variables: BTreeMap<String, String>,
}

/// What was told.
pub struct Told {
    pub code: Option<i32>,
    pub value: Value,
}

impl Shell {
    pub fn with(clients: &[&str]) -> Shell {
        let directory = tempfile::tempdir().unwrap();
        for part in ["bin", "home", "tmp", "work"] {
            fs::create_dir(directory.path().join(part)).unwrap();
        }
        for client in clients {
            let real = match *client {
                "python3" => python(),
                other => real(other),
            };
            // A link would hide from Python what is installed beside it.
            script(
                &directory.path().join("bin").join(client),
                &format!("exec '{}' \"$@\"", real.display()),
            );
        }
        Shell {
            directory,
            variables: BTreeMap::new(),
        }
    }

    pub fn set(mut self, name: &str, value: &str) -> Shell {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn unset(mut self, name: &str) -> Shell {
        self.variables.remove(name);
        self
    }

    /// `eval "$(…)"`.
    pub fn eval(mut self, lines: &str) -> Shell {
        for line in lines.lines().filter_map(|line| line.strip_prefix("export ")) {
            let (name, value) = line.split_once('=').unwrap();
            self.variables
                .insert(name.to_owned(), value.trim_matches('\'').to_owned());
        }
        self
    }

    pub fn wired(self, sidecar: &Sidecar) -> Shell {
        let lines = sidecar.told(&["env"]);
        self.eval(&lines)
    }

    pub fn command(&self) -> Command {
        let mut command = runplane();
        command
            .env_clear()
            .env("PATH", self.directory.path().join("bin"))
            .env("HOME", self.directory.path().join("home"))
            .env("TMPDIR", self.directory.path().join("tmp"))
            .envs(&self.variables)
            .current_dir(self.directory.path().join("work"));
        command
    }

    pub fn doctor(&self, home: &Path, more: &[&str]) -> Output {
        let mut command = self.command();
        command.arg("--home").arg(home).arg("doctor").args(more);
        let output = bounded(command);
        let left = fs::read_dir(self.directory.path().join("tmp")).unwrap().count();
        assert_eq!(left, 0, "no file is left behind");
        output
    }

    pub fn told(&self, home: &Path) -> Told {
        let output = self.doctor(home, &["--json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
        Told {
            code: output.status.code(),
            value,
        }
    }
}

fn real(client: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(client));
    found
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{client} is missing: run tests/run"))
}

pub fn script(path: &Path, line: &str) {
    fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Told {
    /// What was found of everything whose name begins so.
    pub fn of(&self, check: &str) -> Vec<&Value> {
        let findings = self.value["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["check"].as_str().unwrap().starts_with(check))
            .collect()
    }

    pub fn assert_well(&self, check: &str) {
        let found = self.of(check);
        assert!(!found.is_empty(), "{check}: {:#}", self.value);
        for finding in found {
            assert_eq!(finding["verdict"], "ok", "{check}: {:#}", self.value);
        }
    }

    /// That it is wrong, for this reason, with this to do.
    pub fn assert_wrong(&self, check: &str, reason: &str, fix: &str) {
        assert_eq!(
            (self.code, &self.value["well"]),
            (Some(1), &false.into()),
            "{:#}",
            self.value
        );
        let says = |finding: &&Value| {
            let has = |member: &str, text: &str| finding[member].as_str().is_some_and(|told| told.contains(text));
            finding["verdict"] == "wrong" && has("detail", reason) && has("fix", fix)
        };
        assert!(
            self.of(check).iter().any(says),
            "{check}: {reason}: {fix}: {:#}",
            self.value
        );
    }

    pub fn assert_client(&self, check: &str, proxy: Option<bool>, ca: Option<bool>) {
        for finding in self.of(check) {
            let found = (finding["proxy"].as_bool(), finding["ca"].as_bool());
            assert_eq!(found, (proxy, ca), "{check}: {:#}", self.value);
        }
        assert!(!self.of(check).is_empty(), "{check}: {:#}", self.value);
    }

    /// The lines to type, of all that is wrong.
    pub fn exports(&self) -> String {
        let findings = self.value["findings"].as_array().unwrap().iter();
        let fixes = findings.filter(|finding| finding["verdict"] == "wrong");
        let fixes: Vec<_> = fixes.map(|finding| finding["fix"].as_str().unwrap()).collect();
        fixes.join("\n")
    }
}
