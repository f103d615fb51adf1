//! What would happen to a call, and what did, without sending or recording anything.

mod lines;
mod past;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use self::past::steps_are_timed;
use serde_json::{Value, json};

use crate::harness::{Curl, Origin, Session, Sidecar, runplane, said};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("runplane.yaml"), "money: { account_currency: usd }\n").unwrap();
        Self(home)
    }

    fn with_policy(self, cedar: &str) -> Self {
        fs::create_dir_all(self.0.path().join("policies")).unwrap();
        fs::write(self.0.path().join("policies/house.cedar"), cedar).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> Output {
        explain(self.0.path(), arguments, "")
    }

    /// What it told, where it must succeed.
    #[track_caller]
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    fn results(&self, requests: &str) -> Vec<Value> {
        let output = explain(self.0.path(), &["--jsonl"], requests);
        assert!(output.status.success(), "{}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn explain(home: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = runplane();
    command.arg("explain").args(arguments).env("RUNPLANE_HOME", home);
    let streams = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output
}

/// The line that begins with a name, without it.
#[track_caller]
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no `{name}` in:\n{text}")).trim()
}

const REFUNDS: &str = "https://api.stripe.com/v1/refunds";

#[test]
fn a_refund_is_told_with_all_that_is_understood_of_it() {
    let home = Home::new();
    let text = home.told(&[
        "-X",
        "POST",
        REFUNDS,
        "-H",
        "Authorization: Bearer sk_test_x",
        "-d",
        "charge=ch_1",
        "-d",
        "amount=90000",
    ]);
    assert_eq!(line(&text, "provider"), "stripe");
    assert_eq!(line(&text, "operation"), "refunds.create");
    assert_eq!(line(&text, "action"), "process_refund");
    assert_eq!(line(&text, "access"), "write");
    assert_eq!(line(&text, "target"), "charge ch_1");
    assert_eq!(line(&text, "environment"), "test");
    assert_eq!(line(&text, "missing"), "-");
    assert!(line(&text, "mapping").starts_with("mappings/stripe.yaml:"), "{text}");
    assert!(
        text.contains("permit  changes") && text.contains("hold    refund-over-500"),
        "{text}"
    );
    steps_are_timed(&text, &["read ", "map ", "weigh ", "budgets ", "decide "]);
    assert_eq!(line(&text, "decision"), "REQUIRE_APPROVAL");
    let held = line(&text, "  held by");
    for word in [
        "refund-over-500",
        "Refunds over $500 need a person",
        "baseline.cedar:",
        "asks approver",
    ] {
        assert!(held.contains(word), "{word}: {text}");
    }
    assert!(
        text.contains("amount = 90000") && text.contains("currency = usd"),
        "{text}"
    );
    assert!(text.contains("runplane approvals approve"), "{text}");
    assert!(!text.contains("sk_test_x"), "{text}");
}

#[test]
fn what_is_allowed_needs_no_change() {
    let text = Home::new().told(&["https://api.stripe.com/v1/balance"]);
    assert_eq!(line(&text, "decision"), "ALLOW");
    assert!(line(&text, "  permitted").starts_with("reads "), "{text}");
    assert!(text.contains("nothing is to be changed"), "{text}");
}

#[test]
fn what_a_call_leaves_out_is_told_with_how_to_state_it() {
    let text = Home::new().told(&[REFUNDS, "-d", "charge=ch_1"]);
    assert_eq!(line(&text, "decision"), "REQUIRE_APPROVAL");
    assert_eq!(line(&text, "missing"), "amount: not stated");
    assert!(line(&text, "  held by").starts_with("incomplete_action"), "{text}");
    assert!(text.contains("could not be checked: refund-over-500"), "{text}");
    assert!(
        text.contains("--set amount=…") && text.contains("state in the call itself"),
        "{text}"
    );
}

/// The advice is taken as given, and does what it says.
#[test]
fn the_rule_skeleton_allows_what_nothing_permits() {
    let only_reads = "@id(\"balance\") permit (principal, action == Action::\"read_balance\", resource);\n";
    let home = Home::new();
    fs::create_dir_all(home.0.path().join("policies")).unwrap();
    fs::write(home.0.path().join("policies/baseline.cedar"), only_reads).unwrap();
    let call = [
        "https://api.stripe.com/v1/customers",
        "-d",
        "name=x",
        "--agent",
        "Ops \"1\"",
        "--role",
        "ops",
    ];
    let text = home.told(&call);
    assert_eq!(line(&text, "decision"), "BLOCK (policy_blocked)");
    assert!(line(&text, "  blocked by").contains("no rule permits it"), "{text}");
    let skeleton: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("@id("))
        .take_while(|line| line.starts_with("    "))
        .collect();
    fs::write(home.0.path().join("policies/mine.cedar"), skeleton.join("\n")).unwrap();
    let text = home.told(&call);
    assert_eq!(line(&text, "decision"), "ALLOW", "{text}");
    let other = home.told(&["https://api.stripe.com/v1/customers", "-d", "name=x"]);
    assert_eq!(line(&other, "decision"), "BLOCK (policy_blocked)");
}

#[test]
fn the_exception_allows_what_a_rule_blocks() {
    let rule =
        "@id(\"no-refunds\") @reason(\"Not here\")\nforbid (principal, action == Action::\"process_refund\", resource)";
    let call = [
        REFUNDS,
        "-d",
        "charge=ch_1",
        "-d",
        "amount=100",
        "--agent",
        "bot",
        "--role",
        "any",
    ];
    let home = Home::new().with_policy(&format!("{rule};"));
    let text = home.told(&call);
    assert_eq!(line(&text, "decision"), "BLOCK (policy_blocked)");
    assert!(
        line(&text, "  blocked by").contains("policies/house.cedar:1:1"),
        "{text}"
    );
    let exception = text.lines().find(|line| line.contains("unless {")).unwrap();
    assert!(text.contains("Then it would be allowed."), "{text}");
    let home = Home::new().with_policy(&format!("{rule}\n{exception};"));
    assert_eq!(line(&home.told(&call), "decision"), "ALLOW");
}

#[test]
fn what_comes_behind_a_block_is_told_as_well() {
    let rule = "@id(\"no-refunds\") forbid (principal, action == Action::\"process_refund\", resource);";
    let text = Home::new()
        .with_policy(rule)
        .told(&[REFUNDS, "-d", "charge=ch_1", "-d", "amount=90000"]);
    assert!(
        text.contains("To allow it, except it from the rule `no-refunds`"),
        "{text}"
    );
    assert!(
        text.contains("Then, make the call and get the approval of approver (refund-over-500)"),
        "{text}"
    );
}

#[test]
fn a_malformed_request_is_told_as_the_proxy_would() {
    let home = Home::new();
    for (arguments, word) in [
        (vec!["https://api.stripe.com/v1//refunds"], "malformed"),
        (
            vec!["https://api.stripe.com/v1/balance", "-H", "Host: evil.example"],
            "authority_mismatch",
        ),
        (
            vec![
                "https://api.stripe.com/v1/balance",
                "-H",
                "X-HTTP-Method-Override: DELETE",
            ],
            "malformed",
        ),
        (vec!["https://api.stripe.com/v1/balance", "-H", "x_y: 1"], "malformed"),
        (vec!["https://api.stripe.com/v1/balance", "-X", "get"], "malformed"),
        (vec!["api.stripe.com/v1/balance"], "https://"),
        (
            vec![REFUNDS, "-d", "charge=ch_1", "-H", "Content-Type: text/plain"],
            "not_inspectable",
        ),
        (vec![REFUNDS, "-d", "amount=1&amount=2"], "malformed"),
    ] {
        let text = home.told(&arguments);
        assert!(line(&text, "decision").starts_with("none"), "{text}");
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_websocket_is_blocked_until_a_rule_names_its_host() {
    let text = Home::new().told(&[
        "https://feed.example.com/",
        "-H",
        "Connection: upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
        "-H",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]);
    assert_eq!(line(&text, "action"), "open_stream");
    assert!(line(&text, "decision").starts_with("BLOCK"), "{text}");
}

#[test]
fn a_line_that_says_more_than_is_understood_is_refused() {
    let home = Home::new();
    let target = |value: &str| format!("\"X-Amz-Target\":\"DynamoDB_20120810.{value}\"");
    let twice = format!(
        "{{\"method\":\"POST\",\"url\":\"https://dynamodb.us-east-1.amazonaws.com/\",\"headers\":{{{},{}}},\"body\":\"{{}}\"}}",
        target("DeleteTable"),
        target("ListTables")
    );
    for line in [
        r#"{"id":1,"method":"GET","url":"https://unknown.example/","data":"amount=5"}"#,
        twice.as_str(),
    ] {
        let results = home.results(line);
        assert_eq!(results[0]["refusal"], "malformed", "{results:?}");
        assert!(results[0]["decision"].is_null(), "{results:?}");
    }
}

#[test]
fn curls_options_mean_what_they_mean_to_curl() {
    let home = Home::new();
    let file = home.0.path().join("data");
    fs::write(&file, "charge=ch_7\n&amount=5\r\n").unwrap();
    let file = format!("@{}", file.display());
    for arguments in [
        vec![REFUNDS, "-d", &file, "-s", "-S", "-i"],
        vec![REFUNDS, "--data-raw", "charge=ch_7&amount=5", "-u", "sk_test_1:"],
        vec![REFUNDS, "--data-urlencode", "charge=ch_7", "--data-binary", "amount=5"],
    ] {
        let text = home.told(&arguments);
        assert_eq!(line(&text, "target"), "charge ch_7", "{text}");
        assert!(text.contains("amount = 5"), "{text}");
    }
    let text = home.told(&["-G", "https://api.stripe.com/v1/customers", "-d", "limit=3"]);
    assert_eq!(
        (line(&text, "operation"), line(&text, "decision")),
        ("customers.list", "ALLOW"),
        "{text}"
    );
    assert_eq!(
        line(&home.told(&["-I", "https://unknown.example/"]), "decision"),
        "ALLOW"
    );
    let json = home.told(&[
        "https://dynamodb.us-east-1.amazonaws.com/",
        "-H",
        "X-Amz-Target: DynamoDB_20120810.DeleteTable",
        "-H",
        "Content-Type: application/x-amz-json-1.0",
        "--json",
        "{\"TableName\":\"orders\"}",
    ]);
    assert!(line(&json, "target").ends_with("orders"), "{json}");
}

#[test]
fn the_agent_and_its_roles_count() {
    let rule =
        "@id(\"support\") forbid (principal in Role::\"support\", action == Action::\"process_refund\", resource);
        @id(\"bot\") forbid (principal == Agent::\"bot\", action == Action::\"process_refund\", resource);";
    let home = Home::new().with_policy(rule);
    let file = home.0.path().join("runplane.yaml");
    fs::write(
        &file,
        format!("money: {{ account_currency: usd }}\nagents: [ {{ name: helper, roles: [support], key_sha256: \"{}\" }} ]\n", "ab".repeat(32)),
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let decision = |more: &[&str]| {
        let call = [&[REFUNDS, "-d", "charge=ch_1", "-d", "amount=5"], more].concat();
        let text = home.told(&call);
        text.lines()
            .find(|line| line.starts_with("  blocked by "))
            .unwrap()
            .split_whitespace()
            .nth(2)
            .unwrap_or("")
            .to_owned()
    };
    assert_eq!(decision(&["--agent", "bot", "--role", "none"]), "bot");
    assert_eq!(decision(&["--agent", "other", "--role", "support"]), "support");
    assert_eq!(decision(&["--agent", "helper"]), "support");
    // Nobody at all, and a name that is nobody's: the proxy would let neither in.
    for more in [&[][..], &["--agent", "heplper"]] {
        let told = home.told(&[&[REFUNDS, "-d", "charge=ch_1", "-d", "amount=5"], more].concat());
        assert!(told.contains("agent_unknown") && !told.contains("ALLOW"), "{told}");
    }
}

#[test]
fn broken_files_are_told_instead() {
    let home = Home::new().with_policy("@id(\"x\") forbid (");
    let output = home.run(&[REFUNDS]);
    assert!(
        !output.status.success() && said(&output).contains("house.cedar:1:"),
        "{}",
        said(&output)
    );
}

#[test]
fn nothing_is_recorded_and_nothing_is_made() {
    let home = Home::new();
    home.told(&[REFUNDS, "-d", "charge=ch_1"]);
    let names: Vec<_> = fs::read_dir(home.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["runplane.yaml"]);
}

#[test]
fn what_an_agent_wrote_does_not_move_the_cursor() {
    let text = Home::new().told(&[REFUNDS, "--data-raw", "charge=ch%1B%5B2J%E2%80%AE&amount=90000"]);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn a_pause_is_told_though_rules_would_allow_the_call() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let balance = || sidecar.told(&["explain", "https://api.stripe.com/v1/balance"]);
    assert!(balance().contains("nothing is to be changed"));
    sidecar.told(&["pause", "--all", "--reason", "sends too much"]);
    let text = balance();
    assert!(line(&text, "paused").contains("sends too much"), "{text}");
    assert!(
        text.contains("`runplane resume --all`") && !text.contains("nothing is to be changed"),
        "{text}"
    );
    sidecar.told(&["resume", "--all"]);
    assert!(balance().contains("nothing is to be changed"));
}
