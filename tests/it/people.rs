//! Agents and people: who asks, who may decide, and that the record names them.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Curl, Origin, Session, Sidecar, Tunnel, key, said};

const REFUND: &str = "refund ch_1 amount=90000";

/// Support may not refund at all; others as the shipped rules say.
const NOT_SUPPORT: &str = r#"
@id("support-does-not-refund")
@reason("Support asks operations for refunds")
forbid (principal in Role::"support", action == Action::"process_refund", resource);
"#;

#[test]
fn two_agents_of_different_roles_get_different_decisions_for_one_call() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .agent("support-bot", "support")
        .agent("ops-bot", "sre")
        .policy(NOT_SUPPORT)
        .start();
    let call = "refund ch_1 amount=100";
    let session = |name: &str| Session::open("stripe_client.py", &sidecar, Some(name), &[]);
    session("support-bot")
        .call(call)
        .assert_refused("policy_blocked")
        .assert_refused("Support asks operations");
    session("ops-bot").call(call).assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let decided = sidecar.trail().of_kind("decided");
    let agents: Vec<_> = decided.iter().map(|entry| entry["agent"].as_str().unwrap()).collect();
    assert_eq!(agents, ["support-bot", "ops-bot"]);
}

#[test]
fn one_agents_approval_is_not_anothers() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .agent("support-bot", "support")
        .agent("ops-bot", "sre")
        .hold("1s")
        .start();
    let session = |name: &str| Session::open("stripe_client.py", &sidecar, Some(name), &[]);
    let id = session("support-bot").call(REFUND).approval();
    sidecar.approve(&id);
    let other = session("ops-bot").call(REFUND);
    assert_ne!(other.assert_refused("approval_pending").approval(), id);
    origin.assert_untouched();
}

#[test]
fn every_approval_names_a_person() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("alice", "approver")
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    let output = sidecar.cli_as(Some(&key("alice")), &["approvals", "approve", &id]);
    assert!(output.status.success(), "{}", said(&output));
    client.call(REFUND).assert_ok();
    let trail = sidecar.trail();
    let approved = &trail.of_kind("approved")[0];
    assert!(approved.to_string().contains("\"alice\""), "{approved}");
    assert!(
        approved.to_string().contains("\"key\""),
        "and how she proved it: {approved}"
    );
    assert!(sidecar.told(&["approvals", "show", &id]).contains("alice"));
}

#[test]
fn only_people_of_the_rules_own_groups_may_approve() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("mallory", "marketing")
        .hold("1s")
        .start();
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    let output = sidecar.cli_as(Some(&key("mallory")), &["approvals", "approve", &id]);
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(sidecar.approvals("pending").len(), 1);
    origin.assert_untouched();
}

/// Two people are two people: not one who says it twice, nor one of another group.
#[test]
fn a_quorum_of_two_waits_for_two_different_people() {
    let rule = r#"
@id("refund-over-10000")
@decision("REQUIRE_APPROVAL") @approvers("finance") @quorum("2")
@reason("Refunds over $10,000 need two people")
forbid (principal, action == Action::"process_refund", resource)
when { context.amount_base > 1000000 };
"#;
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("alice", "finance,approver")
        .person("bob", "finance")
        .person("mallory", "approver")
        .policy(rule)
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    let id = client.call("refund ch_1 amount=1000001").approval();
    let approve = |name: &str, revision: &str| {
        let output = sidecar.cli_as(Some(&key(name)), &["approvals", "approve", &id, "--revision", revision]);
        (output.status.success(), said(&output))
    };
    let (took, said) = approve("alice", "0");
    assert!(
        took && said.contains("still waits for 2 of finance (refund-over-10000)"),
        "{said}"
    );
    let (took, said) = approve("alice", "1");
    assert!(!took && said.contains("you consented already"), "{said}");
    let (took, said) = approve("mallory", "1");
    assert!(!took, "{said}");
    client.call("refund ch_1 amount=1000001").assert_refused(&id);
    origin.assert_untouched();
    let (took, said) = approve("bob", "1");
    assert!(took && said.contains("Approved"), "{said}");
    client.call("refund ch_1 amount=1000001").assert_ok();
    assert_eq!(origin.seen().len(), 1);
}

/// A rule of the house's own names who may speak for it; others may not, but for the owner.
#[test]
fn a_rules_approvers_are_asked_and_nobody_else() {
    let rule = r#"
@id("refunds-by-finance")
@decision("REQUIRE_APPROVAL") @approvers("finance")
@reason("Finance looks at every refund")
forbid (principal, action == Action::"process_refund", resource);
"#;
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("alice", "finance")
        .person("mallory", "approver")
        .policy(rule)
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    let small = client.call("refund ch_1 amount=100").approval();
    assert!(
        !sidecar
            .cli_as(Some(&key("mallory")), &["approvals", "approve", &small])
            .status
            .success()
    );
    let approved = sidecar.cli_as(Some(&key("alice")), &["approvals", "approve", &small]);
    assert!(approved.status.success(), "{}", said(&approved));
    client.call("refund ch_1 amount=100").assert_ok();
    // Over $500 two rules ask: hers is not enough for the other one.
    let large = client.call(REFUND).approval();
    assert!(
        sidecar
            .cli_as(Some(&key("alice")), &["approvals", "approve", &large])
            .status
            .success()
    );
    client.call(REFUND).assert_refused("approval_pending");
    assert!(
        sidecar
            .cli_as(
                Some(&key("mallory")),
                &["approvals", "approve", &large, "--revision", "1"]
            )
            .status
            .success()
    );
    client.call(REFUND).assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 2);
}

#[test]
fn an_agents_key_decides_nothing() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .agent("ops-bot", "sre")
        .hold("1s")
        .start();
    let mut client = Session::open("stripe_client.py", &sidecar, Some("ops-bot"), &[]);
    let id = client.call(REFUND).approval();
    let path = format!("/api/v1/approvals/{id}/approve");
    for (wrong, status) in [(key("ops-bot").as_str(), 403), ("rp_nobody", 401), ("", 401)] {
        let answer = sidecar.api("POST", &path, wrong, Some(&json!({})));
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(sidecar.api("GET", "/api/v1/approvals", wrong, None).status, status);
    }
    assert_eq!(sidecar.approvals("pending").len(), 1);
    assert_eq!(sidecar.trail().of_kind("refused").len(), 6, "each attempt is on record");
    origin.assert_untouched();
}

#[test]
fn an_agent_added_at_run_time_works_until_it_is_disabled() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .without_fixed_agent()
        .start();
    let balance = ["https://api.stripe.com/v1/balance"];
    Curl::call(&sidecar, &balance).assert_ok();
    let told = sidecar.told(&["agents", "add", "ops-bot", "--role", "sre", "--owner", "owner"]);
    let key = shown_key(&told);
    let nobody = Curl::call(&sidecar, &balance);
    assert!(
        !nobody.ok && nobody.error().message.contains("407"),
        "`default` serves only while none is registered: {nobody:?}"
    );
    let ours = format!("ops-bot:{key}");
    Curl::start_as(&sidecar, Some(&ours), &balance).finish().assert_ok();
    assert!(sidecar.told(&["agents", "list"]).contains("ops-bot"));
    assert!(!sidecar.told(&["agents", "list"]).contains(key), "shown once");
    assert!(!sidecar.trail().holds(key.as_bytes()), "kept as a hash only");
    sidecar.restart_hard();
    Curl::start_as(&sidecar, Some(&ours), &balance).finish().assert_ok();
    let told = sidecar.told(&["agents", "rotate", "ops-bot"]);
    let rotated = shown_key(&told);
    let old = Curl::start_as(&sidecar, Some(&ours), &balance).finish();
    assert!(!old.ok && old.error().message.contains("407"), "{old:?}");
    let ours = format!("ops-bot:{rotated}");
    Curl::start_as(&sidecar, Some(&ours), &balance).finish().assert_ok();
    assert!(!sidecar.trail().holds(rotated.as_bytes()), "kept as a hash only");
    sidecar.told(&["agents", "disable", "ops-bot"]);
    let disabled = Curl::start_as(&sidecar, Some(&ours), &balance).finish();
    assert!(!disabled.ok && disabled.error().message.contains("407"), "{disabled:?}");
    assert!(
        !Curl::call(&sidecar, &balance).ok,
        "a disabled agent does not bring `default` back"
    );
    assert_eq!(origin.seen().len(), 4);
}

/// The key that the command line showed.
fn shown_key(told: &str) -> &str {
    &told[told.find("\n  rp_").unwrap() + 3..][..46]
}

#[test]
fn a_person_added_at_run_time_may_approve_until_disabled() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let told = sidecar.told(&["people", "add", "bob", "--group", "approver"]);
    let key = told.split_whitespace().find(|word| word.contains("rp_")).unwrap();
    let key = key[key.find("rp_").unwrap()..][..46].to_owned();
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    let shown = sidecar.cli_as(Some(&key), &["approvals", "show", &id]);
    assert!(
        shown.status.success() && said(&shown).contains("ch_1"),
        "{}",
        said(&shown)
    );
    let approved = sidecar.cli_as(Some(&key), &["approvals", "approve", &id]);
    assert!(approved.status.success(), "{}", said(&approved));
    client.call(REFUND).assert_ok();
    sidecar.told(&["people", "disable", "bob"]);
    assert!(!sidecar.cli_as(Some(&key), &["approvals", "list"]).status.success());
}

/// Basic credentials as a field of CONNECT.
fn proven(name: &str, key: &str) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{key}"));
    format!("Proxy-Authorization: Basic {encoded}")
}

/// A sidecar with an agent that was added while it runs, and that agent's key.
fn with_added_agent(origin: &Origin) -> (Sidecar, String) {
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", origin)
        .without_fixed_agent()
        .start();
    let told = sidecar.told(&["agents", "add", "ops-bot", "--role", "sre"]);
    let key = shown_key(&told).to_owned();
    (sidecar, key)
}

fn refund(content: &str) -> String {
    format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        content.len()
    )
}

/// A leaked key is worth nothing from the rotation on, for a call as well whose content was still coming.
#[test]
fn a_key_that_is_rotated_while_the_content_comes_is_refused() {
    let origin = Origin::stripe();
    let (sidecar, key) = with_added_agent(&origin);
    let content = "charge=ch_1&amount=100";
    let mut wire = Tunnel::to("api.stripe.com:443")
        .field(&proven("ops-bot", &key))
        .open(&sidecar);
    wire.send(refund(content) + &content[..10]);
    std::thread::sleep(Duration::from_millis(300));
    sidecar.told(&["agents", "rotate", "ops-bot"]);
    let answer = wire.ask(&content[10..]);
    assert!(answer.text().contains("agent_unknown"), "{answer:?}");
    origin.assert_untouched();
}

/// Nor does a person's yes help a call that was held with it.
#[test]
fn a_call_held_with_a_key_that_was_rotated_meanwhile_is_not_sent() {
    let origin = Origin::stripe();
    let (sidecar, key) = with_added_agent(&origin);
    let content = "charge=ch_1&amount=90000";
    let mut wire = Tunnel::to("api.stripe.com:443")
        .field(&proven("ops-bot", &key))
        .open(&sidecar);
    wire.send(refund(content) + content);
    let id = sidecar.next_held();
    let told = sidecar.told(&["agents", "rotate", "ops-bot"]);
    sidecar.approve(&id);
    let answer = wire.answer().unwrap();
    assert!(answer.text().contains("agent_unknown"), "{answer:?}");
    origin.assert_untouched();
    assert_eq!(sidecar.approvals("approved").len(), 1, "not spent");
    let proof = proven("ops-bot", shown_key(&told));
    let mut wire = Tunnel::to("api.stripe.com:443").field(&proof).open(&sidecar);
    assert_eq!(wire.ask(refund(content) + content).status, 200);
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

/// Who is moved to other work speaks for its rules no more, even with a yes of before.
#[test]
fn a_yes_does_not_outlive_its_givers_group() {
    let rule = "@id(\"by-finance\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"finance\")\n\
        forbid (principal, action == Action::\"process_refund\", resource);";
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("alice", "finance")
        .person("frank", "finance")
        .policy(rule)
        .hold("1s")
        .start();
    let call = "refund ch_1 amount=100";
    let id = Session::stripe(&sidecar).call(call).approval();
    let output = sidecar.cli_as(Some(&key("alice")), &["approvals", "approve", &id]);
    assert!(output.status.success(), "{}", said(&output));
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = std::fs::read_to_string(&configuration).unwrap();
    let moved = yaml.replacen("name: alice, groups: [finance]", "name: alice, groups: [marketing]", 1);
    assert_ne!(yaml, moved);
    std::fs::write(&configuration, moved).unwrap();
    sidecar.restart_hard();
    let again = Session::stripe(&sidecar).call(call);
    assert_eq!(again.assert_refused("approval_pending").approval(), id);
    origin.assert_untouched();
    let output = sidecar.cli_as(Some(&key("frank")), &["approvals", "approve", &id, "--revision", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    Session::stripe(&sidecar).call(call).assert_ok();
}
