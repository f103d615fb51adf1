//! `runplane exec` and `runplane env`: an agent is wired, confined, and told from the sidecar it runs beside.

mod confined;
mod escape;
mod wired;

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use crate::harness::{Configuration, Origin, Sidecar, Trail, bounded, eventually, key, runplane, said};

/// A home outside of the directory for temporary files, where agents write.
fn home() -> Configuration {
    Sidecar::new().in_target()
}

/// `runplane exec OPTIONS -- COMMAND`, in a directory of its own beside the home.
fn exec(configuration: &Configuration, options: &[&str], command: &[&str]) -> Command {
    configuration.write();
    let mut exec = runplane();
    exec.arg("--home").arg(configuration.home.path()).arg("exec");
    exec.args(options).arg("--").args(command);
    exec.current_dir(configuration.work());
    exec
}

fn ran(configuration: &Configuration, options: &[&str], command: &[&str]) -> Output {
    bounded(exec(configuration, options, command))
}

const BALANCE: [&str; 6] = [
    "curl",
    "-q",
    "-s",
    "-S",
    "--fail-with-body",
    "https://api.stripe.com/v1/balance",
];

#[test]
fn a_command_without_a_sidecar_gets_one_of_its_own() {
    let origin = Origin::stripe();
    let configuration = home().resolve("api.stripe.com", &origin);
    let output = ran(&configuration, &[], &BALANCE);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("balance"),
        "{}",
        said(&output)
    );
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 1);
    let trail = Trail::read(configuration.home.path());
    assert_eq!((trail.of_kind("boot").len(), trail.of_kind("shutdown").len()), (1, 1));
}

#[test]
fn a_sidecar_that_runs_is_used_and_goes_on_running() {
    let origin = Origin::stripe();
    let sidecar = home().resolve("api.stripe.com", &origin).start();
    for _ in 0..2 {
        let mut arguments = vec!["exec", "--"];
        arguments.extend(BALANCE);
        sidecar.told(&arguments);
    }
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 2);
    assert_eq!(sidecar.trail().of_kind("boot").len(), 1);
    assert!(sidecar.approvals("pending").is_empty());
}

#[test]
fn the_exit_code_is_the_commands() {
    let configuration = home();
    let code = |command: &[&str]| ran(&configuration, &[], command).status.code();
    assert_eq!(code(&["sh", "-c", "exit 7"]), Some(7));
    assert_eq!(code(&["sh", "-c", "kill -KILL $$"]), Some(128 + 9));
    assert_eq!(code(&["/"]), Some(126));
    let missing = ran(&configuration, &[], &["no-such-command"]);
    assert_eq!(missing.status.code(), Some(127));
    assert!(
        said(&missing).contains("cannot start no-such-command"),
        "{}",
        said(&missing)
    );
}

#[test]
fn signals_are_passed_on_to_the_command() {
    let configuration = home();
    for (signal, code) in [("TERM", 3), ("INT", 4)] {
        let started = configuration.work().join(signal);
        let script = "trap 'exit 3' TERM; trap 'exit 4' INT; : > \"$1\"; while :; do sleep 0.05; done";
        let command = ["sh", "-c", script, "sh", started.to_str().unwrap()];
        // Not in the foreground of the tests' terminal, whose Ctrl-C would reach the command by itself.
        let mut child = exec(&configuration, &[], &command)
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the command runs", || started.exists());
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
    let trail = Trail::read(configuration.home.path());
    assert_eq!(
        trail.of_kind("shutdown").len(),
        2,
        "the sidecar ends in order all the same"
    );
}

#[test]
fn a_held_call_is_told_of_on_standard_error_and_waits() {
    let origin = Origin::stripe();
    let configuration = home().resolve("api.stripe.com", &origin);
    let refund = [
        "curl",
        "-q",
        "-s",
        "--fail-with-body",
        "https://api.stripe.com/v1/refunds",
        "-dcharge=ch_1",
        "-damount=90000",
    ];
    let mut child = exec(&configuration, &[], &refund)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = crate::harness::Output::default();
    lines.follow(child.stderr.take().unwrap());
    let held = lines.wait(0, crate::harness::PATIENCE, |line| line.starts_with("HELD "));
    let id = crate::harness::approval_id(&held.expect("a line tells of it").0).unwrap();
    let mut approve = runplane();
    approve
        .arg("--home")
        .arg(configuration.home.path())
        .args(["approvals", "approve", &id]);
    assert!(bounded(approve).status.success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{}", said(&output), lines.text());
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn a_registered_agent_shows_its_key_and_nobody_else_gets_in() {
    let origin = Origin::stripe();
    let configuration = home().agent("ops-bot", "sre").resolve("api.stripe.com", &origin);
    let with = |options: &[&str], shown: Option<String>| {
        let mut command = exec(&configuration, options, &BALANCE);
        if let Some(key) = shown {
            command.env("RUNPLANE_AGENT_KEY", key);
        }
        bounded(command)
    };
    for (options, shown, why) in [
        (&[][..], None, "--agent NAME"),
        (&["--agent", "ops-bot"][..], None, "RUNPLANE_AGENT_KEY"),
        (
            &["--agent", "ops-bot"][..],
            Some(key("somebody")),
            "not the key of an agent ops-bot",
        ),
        (&["--agent", "ops-bot"][..], Some("nonsense".to_owned()), "holds no key"),
    ] {
        let output = with(options, shown);
        assert!(
            !output.status.success() && said(&output).contains(why),
            "{}",
            said(&output)
        );
    }
    assert!(origin.seen().is_empty());
    let output = with(&["--agent", "ops-bot"], Some(key("ops-bot")));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        Trail::read(configuration.home.path()).of_kind("decided")[0]["agent"],
        "ops-bot"
    );
}

#[test]
fn a_command_whose_calls_do_not_arrive_is_warned_about() {
    let origin = Origin::stripe();
    let configuration = home().resolve("api.stripe.com", &origin);
    let until_warned = |script: &str| {
        let options = ["--warn-after", "1"];
        let child = exec(&configuration, &options, &["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let lines = crate::harness::Output::default();
        lines.follow(child.stderr.take().unwrap());
        let found = lines.wait(0, crate::harness::PATIENCE, |line| {
            line.contains("no call of support-bot")
        });
        // The command ends when its standard input does.
        drop(child.stdin.take());
        child.wait().unwrap();
        found.unwrap_or_else(|| panic!("no warning: {}", lines.text())).0
    };
    let silent = until_warned("read -r line");
    assert!(silent.contains("does not use HTTPS_PROXY"), "{silent}");
    let untrusting = "curl -q -s --cacert /dev/null https://api.stripe.com/v1/balance; read -r line";
    let refused = until_warned(untrusting);
    assert!(refused.contains("may not trust the CA"), "{refused}");
}

#[test]
fn exec_inside_exec_is_refused() {
    let binary = runplane().get_program().to_owned();
    let output = ran(&home(), &[], &[binary.to_str().unwrap(), "exec", "--", "true"]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("inside `runplane exec` already"),
        "{}",
        said(&output)
    );
}
