//! Consent beforehand: corrections and scoped grants, and what an agent or a person without the group could try with them.

mod corrections;

use std::process::Output;
use std::thread;

use crate::harness::{Answer, Origin, Session, Sidecar, Tunnel, eventually, key, said};

const REFUND: &str = "refund ch_1 amount=90000";

/// Refunds above $100 ask finance, above $1,000 two of legal besides, above $5,000 are blocked.
const POLICY: &str = r#"
@id("money-out") permit (principal, action, resource);
@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("finance") @reason("Refunds over $100 need a person")
forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 10000 };
@id("over-1000") @decision("REQUIRE_APPROVAL") @approvers("legal") @quorum("2")
forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 100000 };
@id("over-5000") forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 500000 };
"#;

fn stripe() -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .person("fred", "finance")
        .person("lea", "legal")
        .person("lou", "legal")
        .person("zoe", "support")
        .only_policy(POLICY)
        .start();
    (origin, sidecar)
}

fn refunds(origin: &Origin) -> usize {
    origin.calls("POST", "/v1/refunds").len()
}

const GRANT: [&str; 16] = [
    "grants",
    "add",
    "--agent",
    "support-bot",
    "--action",
    "process_refund",
    "--kind",
    "charge",
    "--max",
    "amount=20000usd",
    "--for",
    "30m",
    "--uses",
    "2",
    "--reason",
    "the shipment of Monday was lost",
];

fn grant(sidecar: &Sidecar, person: &str) -> String {
    let output = sidecar.cli_as(Some(&key(person)), &GRANT);
    assert!(output.status.success(), "{}", said(&output));
    id_in(&output)
}

fn id_in(output: &Output) -> String {
    let text = said(output);
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words
        .into_iter()
        .find(|word| word.starts_with("gra_"))
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

/// The same command with one word changed.
fn with(option: &str, value: &str) -> Vec<String> {
    let mut words: Vec<String> = GRANT.map(str::to_owned).to_vec();
    let at = words.iter().position(|word| word == option).unwrap();
    words[at + 1] = value.to_owned();
    words
}

fn refused(sidecar: &Sidecar, person: &str, words: &[String], why: &str) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = sidecar.cli_as(Some(&key(person)), &words);
    assert!(
        !output.status.success() && said(&output).contains(why),
        "{words:?}: {}",
        said(&output)
    );
}

fn deny(sidecar: &Sidecar, person: &str, id: &str, correct: &[&str]) -> Output {
    let mut words = vec!["approvals", "deny", id, "--reason", "too much"];
    for pair in correct {
        words.extend(["--correct", pair]);
    }
    sidecar.cli_as(Some(&key(person)), &words)
}

fn pending(answer: &Answer) -> String {
    answer.assert_refused("approval_pending");
    answer.approval()
}

#[test]
fn a_grant_lets_its_calls_through_as_often_as_it_says_and_is_named_in_the_record() {
    let (origin, sidecar) = stripe();
    let id = grant(&sidecar, "fred");
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=20000").assert_ok();
    assert!(sidecar.prints(&["GRANTED support-bot", "$200.00", &id, "fred"]));
    client.call("refund ch_2 amount=15000").assert_ok();
    pending(&client.call("refund ch_3 amount=15000"));
    assert_eq!(refunds(&origin), 2);
    let trail = sidecar.trail();
    let given = trail.of_kind("grant");
    assert_eq!(
        (given.len(), given[0]["event"].as_str(), given[0]["uses"].as_i64()),
        (1, Some("given"), Some(2))
    );
    let names = |kind: &str, member: &str| {
        let of_kind = trail.of_kind(kind);
        of_kind
            .iter()
            .filter(|entry| entry[member].as_str().is_some_and(|found| found.starts_with(&id)))
            .count()
    };
    assert_eq!((names("approved", "grant"), names("decided", "grants")), (2, 2));
    let list = said(&sidecar.cli(&["grants", "list"]));
    assert!(list.contains("2/2") && list.contains("amount up to $200.00"), "{list}");
    // The same call again is no other call: it was made.
    client
        .call("refund ch_1 amount=20000")
        .assert_refused("already_executed");
}

#[test]
fn a_grant_covers_what_it_says_and_nothing_beside_it() {
    let (origin, sidecar) = stripe();
    grant(&sidecar, "fred");
    let mut client = Session::stripe(&sidecar);
    for beside in [
        "refund ch_1 amount=20001",
        "refund ch_1 amount=120000",
        "refund ch_1",
        "charge 60000",
    ] {
        let answer = client.call(beside);
        // What no rule asks about is none of the grant's business.
        if !answer.ok {
            pending(&answer);
        }
    }
    client
        .call("refund ch_1 amount=600000")
        .assert_refused("policy_blocked");
    assert_eq!(refunds(&origin), 0);
    let list = said(&sidecar.cli(&["grants", "list"]));
    assert!(list.contains("0/2"), "{list}");
}

#[test]
fn who_could_not_approve_grants_nothing() {
    let (_origin, sidecar) = stripe();
    refused(
        &sidecar,
        "zoe",
        &GRANT.map(str::to_owned),
        "could not approve such a call",
    );
    for (option, value, why) in [
        ("--agent", "nobody", "disabled or gone"),
        ("--action", "proces_refund", "did you mean `process_refund`"),
        ("--action", "read_balance", "no field `amount`"),
        ("--action", "update_subscription", "no rule asks people"),
        ("--kind", "chargee", "did you mean `charge`"),
        ("--max", "amount=20000", "minor units with their currency"),
        ("--max", "amount=-1usd", "minor units with their currency"),
        ("--max", "amount_base=20000", "amount=20000usd"),
        ("--max", "recipient_count=3", "amount=20000usd"),
        ("--for", "25h", "1 s to 24 h"),
        ("--for", "0s", "1 s to 24 h"),
        ("--for", "soon", "expected a span"),
        ("--uses", "0", "1 to 100 uses"),
        ("--uses", "101", "1 to 100 uses"),
        ("--reason", " ", "expected a reason"),
    ] {
        refused(&sidecar, "fred", &with(option, value), why);
    }
    assert!(sidecar.trail().of_kind("grant").is_empty());
    let tried = sidecar.trail().of_kind("refused");
    assert!(
        tried
            .iter()
            .any(|entry| entry["person"] == "zoe" && entry["status"] == 403),
        "who tried is on record: {tried:?}"
    );
    let answer = sidecar.api("POST", "/api/v1/grants", "rp_of_an_agent", Some(&serde_json::json!({})));
    assert_eq!(answer.status, 401);
}

/// One grant is one person's word: fred's counts for finance only, and two of legal are two grants.
#[test]
fn a_grant_is_one_persons_word_for_the_rules_of_their_groups() {
    let (origin, sidecar) = stripe();
    let big = with("--max", "amount=200000usd");
    let give = |person: &str| {
        let words: Vec<&str> = big.iter().map(String::as_str).collect();
        assert!(sidecar.cli_as(Some(&key(person)), &words).status.success());
    };
    let mut client = Session::stripe(&sidecar);
    give("fred");
    pending(&client.call("refund ch_1 amount=150000"));
    give("lea");
    give("lea");
    let second = pending(&client.call("refund ch_2 amount=150000"));
    assert_eq!(refunds(&origin), 0, "lea is one person, however often she says so");
    give("lou");
    client.call("refund ch_3 amount=150000").assert_ok();
    // What waits already is released by what stands now, when it comes again.
    client.call("refund ch_2 amount=150000").assert_ok();
    assert_eq!(refunds(&origin), 2);
    let shown = said(&sidecar.cli(&["approvals", "show", &second]));
    assert!(
        shown.contains("lou") && shown.contains("lea") && shown.contains("fred"),
        "{shown}"
    );
}

#[test]
fn a_rule_that_was_changed_asks_again() {
    let (origin, sidecar) = stripe();
    grant(&sidecar, "fred");
    let changed = POLICY.replace("> 10000 ", "> 9000 ");
    sidecar.puts("policies/baseline.cedar", changed);
    let mut client = Session::stripe(&sidecar);
    pending(&client.call("refund ch_1 amount=15000"));
    assert_eq!(refunds(&origin), 0);
}

/// However much an agent asks that nobody answers: what people said beforehand holds.
#[test]
fn a_covered_call_goes_through_while_as_many_wait_as_may() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .approvals("max_pending_per_agent: 2")
        .person("fred", "finance")
        .person("lea", "legal")
        .only_policy(POLICY)
        .start();
    grant(&sidecar, "fred");
    let mut client = Session::stripe(&sidecar);
    for charge in ["ch_1", "ch_2"] {
        pending(&client.call(&format!("refund {charge} amount=90000")));
    }
    client.call("refund ch_3 amount=90000").assert_refused("overloaded");
    client.call("refund ch_3 amount=15000").assert_ok();
    assert_eq!(refunds(&origin), 1);
    assert_eq!(sidecar.approvals("pending").len(), 2);
}

#[test]
fn a_grant_that_was_revoked_counts_no_more() {
    let (origin, sidecar) = stripe();
    let id = grant(&sidecar, "fred");
    let revoke = ["grants", "revoke", &id];
    let stranger = sidecar.cli_as(Some(&key("zoe")), &revoke);
    assert!(
        !stranger.status.success() && said(&stranger).contains("may not revoke"),
        "{}",
        said(&stranger)
    );
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=15000").assert_ok();
    assert!(sidecar.cli_as(Some(&key("fred")), &revoke).status.success());
    let again = sidecar.cli(&revoke);
    assert!(
        !again.status.success() && said(&again).contains("over already"),
        "{}",
        said(&again)
    );
    pending(&client.call("refund ch_2 amount=15000"));
    assert_eq!(refunds(&origin), 1);
    let events: Vec<_> = sidecar
        .trail()
        .of_kind("grant")
        .iter()
        .map(|entry| entry["event"].clone())
        .collect();
    assert_eq!(events, ["given", "revoked"]);
    assert!(!sidecar.cli(&["grants", "revoke", "gra_zzzzzzzz"]).status.success());
}

#[test]
fn parallel_calls_and_kill_9_use_a_grant_no_more_often_than_it_says() {
    let (origin, sidecar) = stripe();
    let id = grant(&sidecar, "fred");
    let call = |number: u64| {
        let body = format!("charge=ch_1&amount={}", 15_000 + number);
        let request = format!(
            "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Tunnel::to("api.stripe.com:443").open(&sidecar).ask(request).status
    };
    assert_eq!(call(0), 200);
    sidecar.restart_hard();
    let list = said(&sidecar.cli(&["grants", "list"]));
    assert!(list.contains("1/2") && list.contains(&id), "{list}");
    let sent = thread::scope(|scope| {
        let calls: Vec<_> = (1..=12).map(|number| scope.spawn(move || call(number))).collect();
        calls
            .into_iter()
            .map(|call| call.join().unwrap())
            .filter(|status| *status == 200)
            .count()
    });
    assert_eq!((sent, refunds(&origin)), (1, 2));
    sidecar.restart_hard();
    assert_ne!(call(99), 200);
    assert_eq!(refunds(&origin), 2);
}

#[test]
fn the_owner_of_an_agent_neither_grants_nor_corrects_where_they_may_not_approve() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .approvals("owner_may_approve: false")
        .person("fred", "finance")
        .person("lea", "legal")
        .only_policy(POLICY)
        .start();
    sidecar.told(&["agents", "add", "bot", "--owner", "owner"]);
    let mut words = with("--agent", "bot");
    words[9] = "amount=20000usd".to_owned();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = sidecar.cli(&words);
    assert!(
        !output.status.success() && said(&output).contains("do not approve their own agents"),
        "{}",
        said(&output)
    );
}
