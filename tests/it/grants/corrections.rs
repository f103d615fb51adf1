//! Corrections: what would have been right, for one call.

use super::*;

#[test]
fn a_correction_tells_the_agent_and_waits_for_one_call_with_exactly_that() {
    let (origin, sidecar) = stripe();
    let mut client = Session::stripe(&sidecar);
    let id = pending(&client.call(REFUND));
    let output = deny(&sidecar, "fred", &id, &["amount=50000"]);
    assert!(
        output.status.success() && said(&output).contains("$500.00"),
        "{}",
        said(&output)
    );
    let denied = client.call(REFUND);
    denied
        .assert_refused("approval_denied")
        .assert_refused("amount = 50000");
    // A refund of the corrected amount, but of another charge; then another amount; then the one.
    pending(&client.call("refund ch_2 amount=50000"));
    pending(&client.call("refund ch_1 amount=49999"));
    assert_eq!(refunds(&origin), 0);
    client.call("refund ch_1 amount=50000").assert_ok();
    client
        .call("refund ch_1 amount=50000")
        .assert_refused("already_executed");
    client.call(REFUND).assert_refused("approval_denied");
    assert_eq!(refunds(&origin), 1);
    let trail = sidecar.trail();
    assert!(
        trail.of_kind("denied")[0]["grant"]
            .as_str()
            .unwrap()
            .starts_with("gra_")
    );
    assert_eq!(trail.of_kind("grant").len(), 1);
}

/// The member of the problem body, as a client without a library reads it.
#[test]
fn the_corrected_values_stand_in_the_answer() {
    let (_origin, sidecar) = stripe();
    let body = "charge=ch_1&amount=90000";
    let request = format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let ask = || Tunnel::to("api.stripe.com:443").open(&sidecar).ask(&request);
    let held = ask();
    let id = held.header("runplane-approval-id").unwrap();
    assert!(deny(&sidecar, "fred", id, &["amount=50000"]).status.success());
    let told = ask();
    let text = told.text();
    assert!(text.contains("\"correction\":{\"fields\":{\"amount\":50000}"), "{text}");
}

#[test]
fn who_may_not_approve_may_not_correct_and_a_correction_names_no_other_target() {
    let (origin, sidecar) = stripe();
    let mut client = Session::stripe(&sidecar);
    let id = pending(&client.call(REFUND));
    for (person, correct, why) in [
        ("zoe", "amount=50000", "may not decide this"),
        ("lea", "amount=50000", "may not decide this"),
        ("fred", "currency=eur", "names what is acted on"),
        ("fred", "destination=acct_2", "no field `destination`"),
        ("fred", "target=ch_2", "no field `target`"),
        ("fred", "charge=ch_2", "no field `charge`"),
        ("fred", "amount=much", "whole number"),
        ("fred", "amount=-5", "whole number"),
        ("fred", "amount=500.00", "whole number"),
        ("fred", "amount_base=5000", "follows from `amount`"),
        ("fred", "amount=90000", "what the call says already"),
        ("fred", "amount=600000", "would be blocked"),
    ] {
        let output = deny(&sidecar, person, &id, &[correct]);
        assert!(
            !output.status.success() && said(&output).contains(why),
            "{person} {correct}: {}",
            said(&output)
        );
    }
    assert_eq!(sidecar.approvals("pending").len(), 1, "nothing was changed");
    assert!(sidecar.trail().of_kind("grant").is_empty() && sidecar.trail().of_kind("denied").is_empty());
    assert_eq!(refunds(&origin), 0);
}

/// Who corrects speaks for their own groups: a corrected call that asks others too still asks them.
#[test]
fn a_correction_does_not_speak_for_other_groups() {
    let (origin, sidecar) = stripe();
    let mut client = Session::stripe(&sidecar);
    let id = pending(&client.call(REFUND));
    assert!(deny(&sidecar, "fred", &id, &["amount=150000"]).status.success());
    pending(&client.call("refund ch_1 amount=150000"));
    assert_eq!(refunds(&origin), 0);
}

#[test]
fn a_correction_outlives_kill_9_and_is_used_once() {
    let (origin, sidecar) = stripe();
    let mut client = Session::stripe(&sidecar);
    let id = pending(&client.call("refund ch_1"));
    assert!(
        deny(&sidecar, "fred", &id, &["amount=50000"]).status.success(),
        "also of what was left out"
    );
    sidecar.restart_hard();
    client.call("refund ch_1").assert_refused("approval_denied");
    client.call("refund ch_1 amount=50000").assert_ok();
    eventually("its end is on disk", || sidecar.trail().of_kind("outcome").len() >= 3);
    sidecar.restart_hard();
    client
        .call("refund ch_1 amount=50000")
        .assert_refused("already_executed");
    assert_eq!(refunds(&origin), 1);
}

/// A payout as a client without a library sends it.
fn payout(account: &str, key: &str, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer {key}\r\nStripe-Account: {account}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Nothing that the vocabulary has no field for is another one: whose account, whose key, to where, by which means.
#[test]
fn a_corrected_call_is_the_denied_one_but_for_what_was_corrected() {
    const POLICY: &str = r#"
@id("money-out") permit (principal, action, resource);
@id("payouts") @decision("REQUIRE_APPROVAL") @approvers("finance") @reason("Payouts need a person")
forbid (principal, action == Action::"transfer_funds", resource);
"#;
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .person("fred", "finance")
        .only_policy(POLICY)
        .start();
    let ask = |request: &str| Tunnel::to("api.stripe.com:443").open(&sidecar).ask(request);
    let path = "/v1/payouts";
    let held = ask(&payout("acct_A", "sk_live_1", path, "amount=90000&currency=usd"));
    let id = held.header("runplane-approval-id").unwrap();
    let denied = deny(&sidecar, "fred", id, &["amount=50000"]);
    assert!(denied.status.success(), "{}", said(&denied));
    let right = "amount=50000&currency=usd";
    for (account, key, path, body) in [
        ("acct_B", "sk_live_1", path, right),
        ("acct_A", "sk_live_2", path, right),
        ("acct_A", "sk_live_1", "/v1/payouts?expand[]=balance", right),
        ("acct_A", "sk_live_1", path, "amount=50000&currency=usd&method=instant"),
        (
            "acct_A",
            "sk_live_1",
            path,
            "amount=50000&currency=usd&source_type=card",
        ),
        (
            "acct_A",
            "sk_live_1",
            path,
            "amount=50000&currency=usd&destination=ba_2",
        ),
        ("acct_A", "sk_live_1", path, "amount=50001&currency=usd"),
    ] {
        let answer = ask(&payout(account, key, path, body));
        assert_ne!(answer.status, 200, "{account} {key} {path} {body}");
    }
    assert!(origin.calls("POST", path).is_empty());
    sidecar.restart_hard();
    assert_eq!(ask(&payout("acct_A", "sk_live_1", path, right)).status, 200);
    assert_eq!(origin.calls("POST", path).len(), 1);
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let database = sidecar.home().join("state/runplane.db");
    let verified = sidecar.told(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(verified.starts_with("OK: "), "{verified}");
}

/// How many a list has is not one value: whoever could change the list could change what is in it.
#[test]
fn what_cannot_be_told_from_the_rest_of_the_call_is_not_corrected() {
    const POLICY: &str = r#"
@id("all") permit (principal, action, resource);
@id("mail") @decision("REQUIRE_APPROVAL") @approvers("finance")
forbid (principal, action == Action::"send_email", resource);
"#;
    let origin = Origin::sendgrid();
    let sidecar = Sidecar::new()
        .resolve("api.sendgrid.com", &origin)
        .hold("1s")
        .person("fred", "finance")
        .only_policy(POLICY)
        .start();
    let body = r#"{"personalizations":[{"to":[{"email":"a@example.com"},{"email":"b@example.com"}]}],"from":{"email":"c@example.com"},"subject":"s","content":[{"type":"text/plain","value":"v"}]}"#;
    let request = format!(
        "POST /v3/mail/send HTTP/1.1\r\nHost: api.sendgrid.com\r\nAuthorization: Bearer SG.1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let held = Tunnel::to("api.sendgrid.com:443").open(&sidecar).ask(&request);
    let id = held.header("runplane-approval-id").unwrap();
    let refused = deny(&sidecar, "fred", id, &["recipient_count=1"]);
    assert!(
        !refused.status.success() && said(&refused).contains("say in the reason what would be right"),
        "{}",
        said(&refused)
    );
    assert_eq!(sidecar.approvals("pending").len(), 1);
    assert!(deny(&sidecar, "fred", id, &[]).status.success());
    origin.assert_untouched();
}

/// The rule came to another text, and the call asks again: whoever goes by what they saw before corrects nothing.
#[test]
fn a_correction_of_what_was_changed_since_it_was_shown_says_which() {
    let (origin, sidecar) = stripe();
    let mut client = Session::stripe(&sidecar);
    let id = pending(&client.call(REFUND));
    assert!(
        sidecar
            .cli_as(Some(&key("fred")), &["approvals", "approve", &id])
            .status
            .success()
    );
    sidecar.puts(
        "policies/baseline.cedar",
        POLICY.replace("Refunds over $100", "Nobody may refund over $100"),
    );
    assert_eq!(pending(&client.call(REFUND)), id);
    let refused = deny(&sidecar, "fred", &id, &["amount=50000"]);
    assert!(
        !refused.status.success() && said(&refused).contains("--revision 2"),
        "{}",
        said(&refused)
    );
    for body in [
        serde_json::json!({"reason": "r", "correct": {"amount": "50000"}}),
        serde_json::json!({"reason": "r", "correct": {"amount": "50000"}, "revision": 1}),
    ] {
        let path = format!("/api/v1/approvals/{id}/deny");
        let answer = sidecar.api("POST", &path, &key("fred"), Some(&body));
        assert_eq!(answer.status, 409, "{}", answer.text());
    }
    client
        .call("refund ch_1 amount=50000")
        .assert_refused("approval_pending");
    assert_eq!(refunds(&origin), 0);
    deny_at(&sidecar, "fred", &id, "2");
    client.call("refund ch_1 amount=50000").assert_ok();
}

/// No, and $500.00 instead, to what was shown in this revision.
#[track_caller]
fn deny_at(sidecar: &Sidecar, who: &str, id: &str, revision: &str) {
    let instead = ["--reason", "r", "--correct", "amount=50000", "--revision", revision];
    let denied = sidecar.cli_as(Some(&key(who)), &[&["approvals", "deny", id], &instead[..]].concat());
    assert!(denied.status.success(), "{}", said(&denied));
}

/// Managers are asked once finance let part of the time pass; the call that they correct asks finance first again.
#[test]
fn a_correction_by_whom_it_came_to_lets_the_corrected_call_through() {
    let origin = Origin::stripe();
    let escalating = POLICY.replace(
        r#"@approvers("finance")"#,
        r#"@approvers("finance") @timeout("120s") @escalate("managers at 5%")"#,
    );
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .person("fred", "finance")
        .person("lea", "legal")
        .person("mia", "managers")
        .only_policy(&escalating)
        .start();
    let mut client = Session::stripe(&sidecar);
    let id = pending(&client.call(REFUND));
    let asks = || {
        let shown = sidecar.api("GET", &format!("/api/v1/approvals/{id}"), &sidecar.owner_key(), None);
        shown.json()["revision"] == 1
    };
    eventually("managers are asked", asks);
    deny_at(&sidecar, "mia", &id, "1");
    client.call("refund ch_1 amount=50000").assert_ok();
    assert_eq!(refunds(&origin), 1);
}
