//! An agent that wants out (tests/clients/agent_escape.py). The table of what it could is written to `target/confinement-table.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde::Deserialize;

use super::confined::{enforcing, is_root};
use super::home;
use crate::harness::{Origin, Sidecar, bounded, python, root, runplane, said};

/// What it tried, in its words.
#[derive(Deserialize)]
struct Attempt {
    kind: String,
    attempt: String,
    done: bool,
    how: String,
}

/// Ways that Landlock does not close; in README and docs/exec.md.
const OPEN: [&str; 3] = ["connect by MPTCP", "connect by Fast Open", "send by UDP"];
/// Ways of root, whom Landlock does not hold either: without `--user` it is told that it is advisory.
const OF_ROOT: [&str; 2] = ["open a raw socket", "read the sidecar's environment"];
/// What does not work without a sidecar in the way either, or asks for root.
const NOWHERE: [&str; 2] = ["connect to the network", "open a raw socket"];
/// What another user may not do: the home is its owner's.
const OF_THE_OWNER: &str = "list the home";

/// What an agent that was started with these options could do.
fn attempts(sidecar: &Sidecar, other: u16, options: &[&str]) -> Vec<Attempt> {
    // Everybody's, for the agent may be another user; so is the interpreter of the system.
    let work = tempfile::Builder::new().prefix("runplane-it-agent-").tempdir().unwrap();
    fs::set_permissions(work.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let script = work.path().join("agent_escape.py");
    fs::copy(root().join("tests/clients/agent_escape.py"), &script).unwrap();
    let system = PathBuf::from("/usr/bin/python3");
    let python = if system.exists() { system } else { python() };

    let mut exec = runplane();
    let numbers = [
        sidecar.pid(),
        sidecar.proxy_port().into(),
        sidecar.control_port().into(),
        other.into(),
    ];
    exec.arg("--home")
        .arg(sidecar.home())
        .arg("exec")
        .args(options)
        .arg("--");
    exec.arg(python).arg(script).arg(sidecar.home());
    exec.args(numbers.map(|number: u32| number.to_string()));
    exec.env("ESCAPE_BINARY", runplane().get_program())
        .current_dir(work.path());
    let output = bounded(exec);
    assert!(output.status.success(), "{}", said(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_agent_that_wants_out_stays_in() {
    let origin = Origin::stripe();
    let sidecar = home()
        .resolve("api.stripe.com", &origin)
        .policy("@id(\"house\") forbid (principal, action == Action::\"transfer_funds\", resource);\n")
        .start();
    let other = origin.address().port();
    let mut table = Table::default();
    for attempt in attempts(&sidecar, other, &[]) {
        let open = OPEN.contains(&&*attempt.attempt) || (is_root() && OF_ROOT.contains(&&*attempt.attempt));
        attempt.assert(open || attempt.done == attempt.is_every_day());
        table.note(&attempt, 0);
    }
    if is_root() {
        for attempt in attempts(&sidecar, other, enforcing()) {
            let open = OPEN.contains(&&*attempt.attempt) || attempt.attempt == OF_THE_OWNER;
            attempt.assert(open || attempt.done == attempt.is_every_day());
            table.note(&attempt, 1);
        }
    }
    // Nothing of it failed because it never works: unconfined, the same user does it all. Last, since it destroys the record.
    for attempt in attempts(&sidecar, other, &["--confine", "off"]) {
        let nowhere = OPEN.contains(&&*attempt.attempt) || NOWHERE.contains(&&*attempt.attempt);
        attempt.assert(nowhere || attempt.done);
        table.note(&attempt, 2);
    }
    table.write();
}

impl Attempt {
    fn is_every_day(&self) -> bool {
        self.kind == "every day"
    }

    #[track_caller]
    fn assert(&self, so: bool) {
        assert!(so, "{}: {}", self.attempt, self.how);
    }
}

/// What was seen, for people to read.
#[derive(Default)]
struct Table(BTreeMap<(String, String), [String; 3]>);

impl Table {
    fn note(&mut self, attempt: &Attempt, column: usize) {
        let row = (attempt.kind.clone(), attempt.attempt.clone());
        self.0.entry(row).or_default()[column] = shown(attempt);
    }

    fn write(&self) {
        let who = if is_root() { "root" } else { "same user" };
        let mut text =
            format!("| | an agent wants to | confined, {who} | confined, another user | `--confine off` |\n");
        text.push_str("|---|---|---|---|---|\n");
        for ((kind, attempt), cells) in &self.0 {
            writeln!(text, "| {kind} | {attempt} | {} |", cells.join(" | ")).unwrap();
        }
        let target = PathBuf::from(env!("CARGO_BIN_EXE_runplane"));
        fs::write(target.ancestors().nth(2).unwrap().join("confinement-table.md"), text).unwrap();
    }
}

fn shown(attempt: &Attempt) -> String {
    match attempt.done {
        true => format!("yes ({})", attempt.how),
        false => format!("no ({})", attempt.how.split(':').next().unwrap_or_default()),
    }
}
