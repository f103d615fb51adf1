//! What was made through the sidecar completes calls that name its id and no more, as long as nothing else names it.

use std::thread;
use std::time::Duration;

use crate::harness::{Answer, Curl, Gate, Origin, Reply, Session, Sidecar, eventually};

const URL: &str = "https://api.stripe.com/v1";
const OVER_100: &str = r#"@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("owner")
forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 10000 };"#;

/// A call to Stripe, its outcome on record.
fn ask(sidecar: &Sidecar, path: &str, content: &str, more: &[&str]) -> Answer {
    let answer = start(sidecar, path, content, more).finish();
    eventually("its outcome", || {
        let trail = sidecar.trail();
        let allowed = trail
            .of_kind("decided")
            .iter()
            .filter(|entry| entry["decision"] == "ALLOW")
            .count();
        let ended = trail
            .of_kind("outcome")
            .iter()
            .filter(|entry| entry["reason"].is_null())
            .count();
        ended >= allowed
    });
    answer
}

fn start(sidecar: &Sidecar, path: &str, content: &str, more: &[&str]) -> Curl {
    let url = format!("{URL}{path}");
    let call = [&url, "-H", "Authorization: Bearer sk_test_1", "-d", content];
    Curl::start(sidecar, &[&call[..], more].concat())
}

fn charge(sidecar: &Sidecar, amount: u64, more: &[&str]) -> String {
    let content = format!("amount={amount}&currency=usd&source=tok_1");
    let charged = ask(sidecar, "/charges", &content, more);
    let text = charged.assert_ok().value.as_str().unwrap();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["id"].as_str().unwrap().to_owned()
}

fn refunds(origin: &Origin) -> usize {
    origin.calls("POST", "/v1/refunds").len()
}

#[test]
fn a_charge_that_was_made_here_is_refunded_whole_by_its_amount() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut client = Session::stripe(&sidecar);
    // Of a charge that somebody else made nobody knows how much it is.
    client.call("refund ch_earlier").assert_refused("approval_pending");
    let mut charged = |amount: &str| {
        let ended = sidecar.trail().of_kind("outcome").len();
        let charge = client.call(&format!("charge {amount}"));
        let id = charge.assert_ok().value["id"].as_str().unwrap().to_owned();
        eventually("its outcome", || sidecar.trail().of_kind("outcome").len() > ended);
        id
    };
    let (small, large) = (charged("2000"), charged("50000"));
    client.call(&format!("refund {small}")).assert_ok();
    // What was taken of it since is not known from the id.
    client.call(&format!("refund {large} amount=100")).assert_ok();
    client
        .call(&format!("refund {large}"))
        .assert_refused("approval_pending");
    assert_eq!(refunds(&origin), 2);
    let decided = sidecar.trail().of_kind("decided");
    let recalled: Vec<_> = decided.iter().filter(|entry| !entry["recalled"].is_null()).collect();
    assert_eq!(recalled.len(), 1);
    assert_eq!(
        (&recalled[0]["recalled"], &recalled[0]["decision"]),
        (&"amount,currency".into(), &"ALLOW".into())
    );
    let told = sidecar.told(&["explain", recalled[0]["call"].as_str().unwrap()]);
    assert!(told.contains("($20.00, as it was made here)"), "{told}");
    let database = sidecar.home().join("state/runplane.db");
    let key = sidecar.told(&["audit", "key"]);
    let told = sidecar.told(&["audit", "verify", "--key", key.trim(), database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
}

#[test]
fn an_answer_that_is_repeated_teaches_nothing() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let again = ["-H", "Idempotency-Key: k1"];
    let id = charge(&sidecar, 2_000, &again);
    let whole = format!("charge={id}");
    // Somebody changed it; the answer to its making is what it was.
    ask(&sidecar, &format!("/charges/{id}"), "description=x", &[]);
    assert_eq!(charge(&sidecar, 2_000, &again), id);
    ask(&sidecar, "/refunds", &whole, &[]).assert_refused("approval_pending");
    // By another way, and nothing of that is known here.
    sidecar.restart();
    assert_eq!(charge(&sidecar, 2_000, &again), id);
    ask(&sidecar, "/refunds", &whole, &[]).assert_refused("approval_pending");
    assert_eq!(refunds(&origin), 0);
}

#[test]
fn a_change_waits_for_the_answer_to_a_call_that_recalled() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let id = charge(&sidecar, 2_000, &[]);
    let gate = Gate::shut();
    origin.answer_next_with(Reply::json(200, &serde_json::json!({ "id": "re_1" })).after(&gate));
    let refund = start(&sidecar, "/refunds", &format!("charge={id}"), &[]);
    eventually("the refund at Stripe", || refunds(&origin) == 1);
    let path = format!("/charges/{id}");
    let change = start(&sidecar, &path, "description=x", &[]);
    let other = start(&sidecar, "/charges/ch_other", "description=x", &[]);
    let seen = |path: &str| origin.calls("POST", &format!("/v1{path}")).len();
    eventually("a change of another one", || seen("/charges/ch_other") == 1);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(seen(&path), 0, "it has not left");
    gate.open();
    refund.finish().assert_ok();
    change.finish();
    other.finish();
    assert_eq!(seen(&path), 1);
}

#[test]
fn a_held_call_whose_thing_was_changed_is_not_sent_and_its_approval_is_not_used_up() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("30s");
    let sidecar = configuration.policy(OVER_100).start();
    let id = charge(&sidecar, 40_000, &[]);
    let whole = format!("charge={id}");
    let refund = start(&sidecar, "/refunds", &whole, &["-A", "python-requests/2"]);
    let line = sidecar.next_held_line();
    assert!(
        line.contains("($400.00, as it was made here)") && line.contains("over-100"),
        "{line}"
    );
    let approval = crate::harness::approval_id(&line).unwrap();
    start(&sidecar, &format!("/charges/{id}"), "description=x", &[]).finish();
    sidecar.approve(&approval);
    let refused = refund.finish();
    refused.assert_refused("changed_meanwhile");
    assert!(refused.error().message.contains("not used up"), "{refused:?}");
    let closed = || {
        let outcomes = sidecar.trail().of_kind("outcome");
        outcomes
            .into_iter()
            .find(|entry| entry["reason"] == "changed_meanwhile")
    };
    // Its end is written behind the answer.
    eventually("its end is on disk", || closed().is_some());
    assert_eq!(closed().unwrap()["outcome"], "not_sent");
    assert!(sidecar.trail().of_kind("consumed").is_empty());
    // Made again, it is incomplete, and people are asked about that.
    let again = start(&sidecar, "/refunds", &whole, &["-A", "python-requests/2"]);
    let line = sidecar.next_held_line();
    assert!(
        line.contains("incomplete_action") && !line.contains("as it was made here"),
        "{line}"
    );
    sidecar.deny(&crate::harness::approval_id(&line).unwrap(), "no");
    again.finish().assert_refused("approval_denied");
    assert_eq!(refunds(&origin), 0);
}

#[test]
fn nothing_is_recalled_where_that_is_switched_off() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s");
    let sidecar = configuration.section("money: { recall: false }\n").start();
    let id = charge(&sidecar, 2_000, &[]);
    ask(&sidecar, "/refunds", &format!("charge={id}"), &[]).assert_refused("approval_pending");
    assert_eq!(refunds(&origin), 0);
}
