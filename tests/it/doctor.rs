//! `runplane doctor`: what it says of set-ups that are well and of broken ones, and that what it says mends them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Sidecar, bounded, free_port, key, python, runplane, said};

/// Where an agent is started: with nothing but some clients on its path, and the variables it is given.
struct Shell {
    directory: TempDir,
    variables: BTreeMap<String, String>,
}

/// What was told.
struct Told {
    code: Option<i32>,
    value: Value,
}

impl Shell {
    fn with(clients: &[&str]) -> Shell {
        let directory = tempfile::tempdir().unwrap();
        for part in ["bin", "home", "tmp"] {
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

    fn set(mut self, name: &str, value: &str) -> Shell {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn unset(mut self, name: &str) -> Shell {
        self.variables.remove(name);
        self
    }

    /// `eval "$(…)"`.
    fn eval(mut self, lines: &str) -> Shell {
        for line in lines.lines().filter_map(|line| line.strip_prefix("export ")) {
            let (name, value) = line.split_once('=').unwrap();
            self.variables
                .insert(name.to_owned(), value.trim_matches('\'').to_owned());
        }
        self
    }

    fn wired(self, sidecar: &Sidecar) -> Shell {
        let lines = sidecar.told(&["env"]);
        self.eval(&lines)
    }

    fn command(&self) -> Command {
        let mut command = runplane();
        command
            .env_clear()
            .env("PATH", self.directory.path().join("bin"))
            .env("HOME", self.directory.path().join("home"))
            .env("TMPDIR", self.directory.path().join("tmp"))
            .envs(&self.variables)
            .current_dir(self.directory.path());
        command
    }

    fn doctor(&self, home: &Path, more: &[&str]) -> Output {
        let mut command = self.command();
        command.arg("--home").arg(home).arg("doctor").args(more);
        let output = bounded(command);
        let left = fs::read_dir(self.directory.path().join("tmp")).unwrap().count();
        assert_eq!(left, 0, "no file is left behind");
        output
    }

    fn told(&self, home: &Path) -> Told {
        let output = self.doctor(home, &["--json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
        Told {
            code: output.status.code(),
            value,
        }
    }
}

fn real(client: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(client));
    found
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{client} is missing: run tests/run"))
}

fn script(path: &Path, line: &str) {
    fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Told {
    /// What was found of everything whose name begins so.
    fn of(&self, check: &str) -> Vec<&Value> {
        let findings = self.value["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["check"].as_str().unwrap().starts_with(check))
            .collect()
    }

    fn assert_well(&self, check: &str) {
        let found = self.of(check);
        assert!(!found.is_empty(), "{check}: {:#}", self.value);
        for finding in found {
            assert_eq!(finding["verdict"], "ok", "{check}: {:#}", self.value);
        }
    }

    /// That it is wrong, for this reason, with this to do.
    fn assert_wrong(&self, check: &str, reason: &str, fix: &str) {
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

    fn assert_client(&self, check: &str, proxy: Option<bool>, ca: Option<bool>) {
        for finding in self.of(check) {
            let found = (finding["proxy"].as_bool(), finding["ca"].as_bool());
            assert_eq!(found, (proxy, ca), "{check}: {:#}", self.value);
        }
        assert!(!self.of(check).is_empty(), "{check}: {:#}", self.value);
    }

    /// The lines to type, of all that is wrong.
    fn exports(&self) -> String {
        let findings = self.value["findings"].as_array().unwrap().iter();
        let fixes = findings.filter(|finding| finding["verdict"] == "wrong");
        let fixes: Vec<_> = fixes.map(|finding| finding["fix"].as_str().unwrap()).collect();
        fixes.join("\n")
    }
}

const QUICK: [&str; 3] = ["curl", "git", "python3"];

#[test]
fn an_agent_that_exec_starts_is_well_by_every_client() {
    let sidecar = Sidecar::new().in_target().start();
    let shell = Shell::with(&["curl", "git", "python3", "node", "java"]);
    let mut exec = shell.command();
    exec.arg("--home").arg(sidecar.home()).args(["exec", "--"]);
    exec.arg(runplane().get_program()).args(["doctor", "--json"]);
    let output = bounded(exec);
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    let told = Told {
        code: output.status.code(),
        value,
    };
    assert_eq!(told.code, Some(0), "{:#}", told.value);
    for client in [
        "curl",
        "git",
        "Python: urllib",
        "Python: requests",
        "Python: httpx",
        "Node: https",
        "Node: fetch",
        "Java: HttpClient",
        "Java: URLConnection",
    ] {
        told.assert_well(client);
        told.assert_client(client, Some(true), Some(true));
    }
    assert_eq!(told.of("Go")[0]["verdict"], "absent");
    assert_eq!(told.of("place")[0]["verdict"], "note");
    // Nobody's action, and nothing that went wrong.
    let trail = sidecar.trail();
    assert!(trail.of_kind("decided").is_empty() && trail.of_kind("refused").is_empty());
}

#[test]
fn a_shell_after_env_is_well() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&QUICK).wired(&sidecar);
    let output = shell.doctor(sidecar.home(), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let told = said(&output);
    for line in [
        "ok     sidecar",
        "ok     bundle",
        "ok     curl ",
        "all is well",
        "-      Node",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn without_variables_clients_go_past_and_it_says_what_to_type() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]);
    let told = shell.told(sidecar.home());
    told.assert_wrong("HTTPS_PROXY", "is not set", "eval \"$(runplane env --home ");
    told.assert_wrong("curl", "HTTPS_PROXY is not set", "runplane exec");
    told.assert_client("curl", Some(false), None);
    told.assert_well("sidecar");
}

#[test]
fn a_ca_that_is_not_trusted_is_told_by_client_and_its_exports_mend_it() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&QUICK).wired(&sidecar);
    let wanted = [
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let shell = wanted.iter().fold(shell, |shell, name| shell.unset(name));
    // One that is there, and another's.
    let shell = shell.set(
        "CURL_CA_BUNDLE",
        sidecar.home().join("certs/upstream/test.pem").to_str().unwrap(),
    );
    let told = shell.told(sidecar.home());
    told.assert_wrong("curl", "CA NOT trusted", "export CURL_CA_BUNDLE='");
    told.assert_wrong("git", "CA NOT trusted", "export GIT_SSL_CAINFO='");
    told.assert_wrong("Python: urllib", "CA NOT trusted", "export SSL_CERT_FILE='");
    told.assert_wrong("Python: requests", "CA NOT trusted", "export REQUESTS_CA_BUNDLE='");
    told.assert_wrong("CA files", "does not hold the CA", "certs/public/bundle.pem'");
    told.assert_client("curl", Some(true), Some(false));
    // Connections that never became a call, and no calls.
    assert!(sidecar.trail().of_kind("decided").is_empty());
    let exports = told.exports();
    let mended = shell.eval(&exports).told(sidecar.home());
    assert_eq!(mended.code, Some(0), "{:#}", mended.value);
}

#[test]
fn a_provider_that_no_proxy_hides_is_wrong_although_every_client_is_well() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let told = shell.set("NO_PROXY", "localhost,api.stripe.com").told(sidecar.home());
    told.assert_wrong(
        "NO_PROXY",
        "Stripe (api.stripe.com)",
        "export NO_PROXY=localhost,127.0.0.1,::1",
    );
    told.assert_well("curl");
}

#[test]
fn a_proxy_variable_that_leads_elsewhere_is_told_with_both_places() {
    let sidecar = Sidecar::new().start();
    let other = format!("http://127.0.0.1:{}", free_port());
    let own = format!("127.0.0.1:{}", sidecar.proxy_port());
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let shell = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]
        .iter()
        .fold(shell, |shell, name| shell.set(name, &other));
    let told = shell.told(sidecar.home());
    told.assert_wrong(
        "HTTPS_PROXY",
        &format!("leads to {other}, and the sidecar of this home listens on {own}"),
        "runplane env",
    );
    told.assert_wrong("proxy", "nothing answers there", "runplane run");
    assert!(told.of("curl").is_empty(), "{:#}", told.value);
    // One of two spellings only.
    let shell = shell.wired(&sidecar).set("HTTPS_PROXY", &other);
    shell
        .told(sidecar.home())
        .assert_wrong("HTTPS_PROXY", &other, "runplane env");
}

#[test]
fn a_sidecar_that_does_not_run_is_told_first() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let told = shell.told(sidecar.home());
    told.assert_wrong("sidecar", "none runs", "runplane run --home ");
    assert_eq!(told.of("clients")[0]["verdict"], "note");
    // And where none ever ran.
    let nowhere = shell.directory.path().join("home");
    let told = Shell::with(&["curl"]).told(&nowhere);
    assert_eq!(told.code, Some(1));
    assert!(
        told.of("home")[0]["fix"].as_str().unwrap().contains("runplane run"),
        "{:#}",
        told.value
    );
}

#[test]
fn an_agent_without_its_key_is_told_so_and_its_key_is_not_shown() {
    let sidecar = Sidecar::new().agent("ops-bot", "sre").start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let told = shell.told(sidecar.home());
    told.assert_wrong("agent", "knows no agent", "runplane env --agent NAME");
    told.assert_wrong("curl", "refuses the agent's key", "RUNPLANE_AGENT_KEY");
    let mut env = shell.command();
    env.arg("--home")
        .arg(sidecar.home())
        .args(["env", "--agent", "ops-bot"])
        .env("RUNPLANE_AGENT_KEY", key("ops-bot"));
    let wired = shell.eval(&said(&bounded(env)));
    let output = wired.doctor(sidecar.home(), &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("as ops-bot") && !said(&output).contains(&key("ops-bot")));
}

#[test]
fn settings_of_a_client_that_go_before_variables_are_pointed_at() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl", "git"]).wired(&sidecar);
    fs::write(shell.directory.path().join("home/.curlrc"), "noproxy = \"*\"\n").unwrap();
    let told = shell.told(sidecar.home());
    told.assert_wrong("curl", "proxy NOT used", "~/.curlrc");
    told.assert_well("git");
}

#[test]
fn a_client_that_cannot_run_is_told_and_is_no_fault_of_the_wiring() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    script(
        &shell.directory.path().join("bin/python3"),
        "echo 'pyenv: no such version' >&2; exit 127",
    );
    let told = shell.told(sidecar.home());
    assert_eq!(told.code, Some(0), "{:#}", told.value);
    assert!(
        told.of("Python")[0]["detail"]
            .as_str()
            .unwrap()
            .contains("pyenv: no such version")
    );
}
