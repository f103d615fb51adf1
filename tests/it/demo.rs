//! `runplane demo`, as a stranger runs it: what it prints is parsed, and the commands it prints are typed in another process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output as Ended, Stdio};

use serde_json::Value;

use crate::harness::{Origin, Output, PATIENCE, Session, Sidecar, bounded, eventually, runplane, said};

/// What allowed calls do at the fakes.
const CHARGE: &str = "Stripe charge of $150.00";
const MESSAGE: &str = "Slack message in #support";
/// What held calls do there, once approved.
const INSTANCES: &str = "AWS EC2 120 × c7i.4xlarge started";
const MAIL: &str = "SendGrid mail to 50,000 recipients";
const REFUND: &str = "Stripe refund of $900.00 of ch_3Ben";

/// A running demo with a home of its own. Killed, by its own process id, when dropped.
struct Demo {
    child: Child,
    output: Output,
    /// Its home is the directory `home` in here.
    directory: tempfile::TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        // Not an easy name: what is printed must be typed as it stands.
        let directory = tempfile::Builder::new().prefix("demo it's ").tempdir().unwrap();
        let mut command = runplane();
        command
            .arg("demo")
            .arg("--home")
            .arg(directory.path().join("home"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Output::default();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        Self {
            child,
            output,
            directory,
        }
    }

    fn wait_for(&self, words: &str) -> String {
        let found = self.output.wait(0, PATIENCE, |line| line.contains(words));
        found
            .unwrap_or_else(|| panic!("never printed: {words}\n{}", self.output.text()))
            .0
    }

    /// The command that a row of this name prints for the held call whose line has these words.
    fn command(&self, held: &str, row: &str) -> String {
        let is_held = |line: &str| line.starts_with("HELD ") && line.contains(held);
        let (_, after) = self.output.wait(0, PATIENCE, is_held).unwrap();
        let prefix = format!("   {row} ");
        let (line, _) = self
            .output
            .wait(after, PATIENCE, |line| line.starts_with(&prefix))
            .unwrap();
        line[prefix.len()..].trim().to_owned()
    }

    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the demo ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // Its last lines are read by then, or are about to be.
        self.wait_for(" audit show --home ");
        status.unwrap()
    }

    /// What reached the fakes, from the summary; sorted.
    fn received(&self) -> Vec<String> {
        let text = self.output.text();
        let (_, list) = text.split_once("What really reached the providers").unwrap();
        let rows = list.lines().skip(1).take_while(|line| line.starts_with("  "));
        let mut rows: Vec<String> = rows
            .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        rows.sort_unstable();
        rows
    }

    /// The record, by operation: the last call of each, read by the command that was printed.
    fn record(&self) -> BTreeMap<String, Value> {
        let command = self.wait_for(" audit show --home ");
        let output = typed(&format!("{} --json", command.trim()));
        let calls = String::from_utf8(output.stdout).unwrap();
        let calls = calls.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        calls
            .map(|call| (call["operation"].as_str().unwrap().to_owned(), call))
            .collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the demo printed:\n{}\n---", self.output.text());
        }
    }
}

/// Types a command into a shell of its own, as in a second terminal.
fn typed(command: &str) -> Ended {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env_remove("RUNPLANE_KEY")
        .env_remove("RUNPLANE_HOME");
    let output = bounded(shell);
    assert!(output.status.success(), "{command}: {}", said(&output));
    output
}

fn sorted<const N: usize>(mut rows: [&str; N]) -> Vec<String> {
    rows.sort_unstable();
    rows.map(str::to_owned).to_vec()
}

#[test]
fn what_you_approve_goes_through_and_what_you_deny_does_not() {
    let mut demo = Demo::start(&[]);
    demo.wait_for("Now it is your turn: 3 calls wait");
    for provider in ["AWS EC2", "SendGrid", "AWS DynamoDB"] {
        demo.wait_for(&format!("   {provider:<12} has seen nothing of it"));
    }
    demo.wait_for("BLOCKED ops-bot: Delete 25 records in AWS DynamoDB");
    typed(&demo.command("ops-bot: Start 120 × c7i.4xlarge in AWS EC2 [call ", "approve"));
    typed(&demo.command("support-bot: Mail to 50,000 recipients at example.com", "deny"));
    typed(&demo.command("support-bot: Refund $900.00 of ch_3Ben in Stripe [call ", "approve"));
    assert_eq!(demo.ended().code(), Some(0));
    assert_eq!(demo.received(), sorted([CHARGE, INSTANCES, REFUND, MESSAGE]));

    let record = demo.record();
    let told = |operation: &str| {
        let call = &record[operation];
        let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
        (
            text("agent"),
            text("decision"),
            text("outcome"),
            call["decided_by"].to_string(),
        )
    };
    let row = |agent: &str, decision: &str, outcome: &str, by: &str| {
        (agent.to_owned(), decision.to_owned(), outcome.to_owned(), by.to_owned())
    };
    let owner = r#"["owner"]"#;
    assert_eq!(told("charges.create"), row("support-bot", "ALLOW", "success", "[]"));
    assert_eq!(told("ec2.RunInstances"), row("ops-bot", "ALLOW", "success", owner));
    assert_eq!(
        told("mail.send"),
        row("support-bot", "REQUIRE_APPROVAL", "not_sent", owner)
    );
    assert_eq!(
        told("dynamodb.BatchWriteItem"),
        row("ops-bot", "BLOCK", "not_sent", "[]")
    );
    assert_eq!(told("refunds.create"), row("support-bot", "ALLOW", "success", owner));
    assert_eq!(told("chat.postMessage"), row("support-bot", "ALLOW", "success", "[]"));
    assert_eq!(record.len(), 6, "{record:#?}");
    demo.wait_for(r#"is told approval_denied: "NOT executed. A person refused this call"#);
    demo.wait_for("Their reason: not today.");
    demo.wait_for("] (owner: yes)");
}

#[test]
fn it_can_answer_for_itself() {
    let cases = [
        ("approve", sorted([CHARGE, INSTANCES, MAIL, REFUND, MESSAGE])),
        ("deny", sorted([CHARGE, MESSAGE])),
        ("none", sorted([CHARGE, MESSAGE])),
    ];
    for (answer, received) in cases {
        let mut demo = Demo::start(&["--answer", answer]);
        assert_eq!(demo.ended().code(), Some(0), "{answer}");
        assert_eq!(demo.received(), received, "{answer}");
        let refund = demo.record().remove("refunds.create").unwrap();
        let by = if answer == "none" { "[]" } else { r#"["owner"]"# };
        assert_eq!(refund["decided_by"].to_string(), by, "{answer}");
    }
}

#[test]
fn agents_that_are_told_to_come_again_do_and_each_call_goes_through_once() {
    let mut demo = Demo::start(&["--hold", "1s"]);
    demo.wait_for("and sends the same call again");
    demo.wait_for("UNDECIDED apr_");
    demo.wait_for("Now it is your turn");
    for held in ["AWS EC2", "SendGrid", "Stripe"] {
        typed(&demo.command(held, "approve"));
    }
    assert_eq!(demo.ended().code(), Some(0));
    assert_eq!(demo.received(), sorted([CHARGE, INSTANCES, MAIL, REFUND, MESSAGE]));
}

#[test]
fn ctrl_c_ends_it_with_the_summary_and_nothing_undecided_is_sent() {
    let mut demo = Demo::start(&[]);
    demo.wait_for("Now it is your turn");
    typed(&format!("kill -INT {}", demo.child.id()));
    assert_eq!(demo.ended().code(), Some(130));
    demo.wait_for("Ended by you");
    assert_eq!(demo.received(), sorted([CHARGE]));
    let command = demo.wait_for(" audit show --home ");
    let entries = typed(&format!("{} --entries", command.trim()));
    let last = said(&entries).lines().last().unwrap().to_owned();
    assert!(last.contains("shutdown"), "{last}");
}

#[test]
fn a_home_that_is_somebodys_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("runplane.yaml");
    std::fs::write(&file, "money: { account_currency: eur }\n").unwrap();
    let mut command = runplane();
    command
        .args(["demo", "--answer", "none"])
        .env("RUNPLANE_HOME", home.path());
    let output = bounded(command);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("is not empty"), "{}", said(&output));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "money: { account_currency: eur }\n"
    );
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn keys_are_for_the_user_alone_and_those_of_agents_and_fakes_are_not_on_disk() {
    use std::os::unix::fs::PermissionsExt;
    let mut demo = Demo::start(&["--answer", "none"]);
    demo.ended();
    let home = demo.directory.path().join("home");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for key in ["state/owner.key", "certs/ca.key"] {
        assert_eq!(mode(&home.join(key)), 0o600, "{key}");
    }
    assert!(home.join("certs/upstream/fakes.pem").exists() && !home.join("fakes").exists());
    let yaml = std::fs::read_to_string(home.join("runplane.yaml")).unwrap();
    assert!(yaml.contains("key_sha256: ") && !yaml.contains("rp_"), "{yaml}");
    assert!(!demo.output.text().contains("rp_"));
}

#[test]
fn a_hold_that_is_no_time_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = runplane();
    command
        .args(["demo", "--hold", "soon\" }, limits: { body: 1 } #"])
        .arg("--home")
        .arg(directory.path().join("home"));
    let output = bounded(command);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("expected a time with its unit"),
        "{}",
        said(&output)
    );
}

#[test]
fn boto3_reads_what_the_fake_aws_answers() {
    let origin = Origin::aws();
    let sidecar = Sidecar::new().resolve("ec2.us-east-1.amazonaws.com", &origin).start();
    let mut boto3 = Session::boto3(&sidecar);
    boto3.send("run_instances 3");
    let started = boto3.receive();
    let instances = started.assert_ok().value["Instances"].as_array().unwrap();
    assert_eq!(instances.len(), 3);
    assert_eq!(instances[0]["State"]["Name"], "pending");
    boto3.send("describe_instances");
    let described = boto3.receive();
    let seen = &described.assert_ok().value["Reservations"][0]["Instances"];
    assert_eq!(seen[2]["InstanceId"], instances[2]["InstanceId"]);
    assert_eq!(seen[2]["InstanceType"], "t3.micro");
}
