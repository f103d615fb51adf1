//! Rules that change while calls are held, approved or still coming.

use super::*;

#[test]
fn a_grant_for_a_rule_that_was_edited_asks_again() {
    let (origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    sidecar.puts("policies/house.cedar", limit(25_000));
    let again = client.call(REFUND);
    again.assert_refused("approval_pending");
    assert_eq!(again.approval(), id);
    origin.assert_untouched();
    sidecar.approve_at(&id, 2);
    client.call(REFUND).assert_ok();
    assert_eq!(sidecar.trail().of_kind("held").len(), 2);
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn a_rule_edited_while_a_call_is_held_needs_consent_to_its_new_text() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin);
    let sidecar = configuration.policy(&limit(20_000)).start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let id = sidecar.next_held();
    sidecar.puts("policies/house.cedar", limit(25_000));
    // What was shown is the rule of before: a yes to that is none to the new one.
    let _first = sidecar.cli(&["approvals", "approve", &id]);
    assert_eq!(sidecar.approvals("pending").len(), 1);
    origin.assert_untouched();
    sidecar.approve_at(&id, 1);
    client.receive().assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn an_unrelated_rule_does_not_touch_a_held_call() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin);
    let sidecar = configuration.policy(&limit(20_000)).start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let id = sidecar.next_held();
    sidecar.puts(
        "policies/other.cedar",
        "@id(\"other\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action == Action::\"send_sms\", resource);",
    );
    sidecar.approve(&id);
    client.receive().assert_ok();
    assert_eq!(sidecar.trail().of_kind("held").len(), 1);
}

#[test]
fn a_rule_that_forbids_by_now_blocks_what_was_approved_before() {
    let (origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    sidecar.puts(
        "policies/freeze.cedar",
        "@id(\"freeze\") forbid (principal, action == Action::\"process_refund\", resource);",
    );
    client.call(REFUND).assert_refused("policy_blocked");
    origin.assert_untouched();
}

/// What people consented to is what they were shown.
#[test]
fn a_mapping_that_reads_another_amount_asks_again() {
    let (origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    let shipped = fs::read_to_string(root().join("mappings/stripe.yaml")).unwrap();
    let (head, refunds) = shipped.split_once("  refunds.create:\n").unwrap();
    let other = refunds.replacen("amount: { from: $.params.amount }", "amount: { from: $.params.fee }", 1);
    assert_ne!(refunds, other);
    sidecar.puts("mappings/stripe.yaml", format!("{head}  refunds.create:\n{other}"));
    let again = client.call(REFUND);
    again.assert_refused("approval_pending");
    assert_eq!(again.approval(), id);
    origin.assert_untouched();
    let pending = &sidecar.approvals("pending")[0];
    assert_eq!(pending["votes"], json!([]), "{pending}");
    sidecar.told(&["approvals", "approve", &id, "--set", "amount=30000", "--revision", "2"]);
    client.call(REFUND).assert_ok();
}

/// A call whose content comes slowly is judged by what is in force when it is there.
#[test]
fn rules_that_change_while_the_content_comes_judge_the_call() {
    let (origin, sidecar) = stripe(&limit(40_000));
    let (head, content) = refund_of(30_000);
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(head + &content[..10]);
    std::thread::sleep(Duration::from_millis(300));
    sidecar.puts("policies/house.cedar", limit(20_000));
    let answer = wire.ask(&content[10..]);
    assert!(answer.text().contains("approval_pending"), "{answer:?}");
    origin.assert_untouched();
    let trail = sidecar.trail();
    assert_eq!(set(&trail.of_kind("decided")[0]), set(&trail.of_kind("reload")[0]));
}

/// The same where no rule needed the content, and only the hold did.
#[test]
fn rules_that_change_while_the_content_of_a_held_call_comes_judge_it() {
    let (origin, sidecar) = stripe("");
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send("POST /v1/of_next_year HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Length: 10\r\n\r\n12345");
    std::thread::sleep(Duration::from_millis(300));
    sidecar.puts(
        "policies/house.cedar",
        "@id(\"closed\") forbid (principal, action, resource);",
    );
    let answer = wire.ask("67890");
    assert!(answer.text().contains("policy_blocked"), "{answer:?}");
    origin.assert_untouched();
    let trail = sidecar.trail();
    assert_eq!(trail.of_kind("held").len(), 0);
    assert_eq!(set(&trail.of_kind("decided")[0]), set(&trail.of_kind("reload")[0]));
}

/// People are asked about what the mapping read; by another one nobody need be asked. The approval is spent all the same,
/// and that nothing was sent is known.
#[test]
fn an_approval_spent_where_none_is_wanted_any_more_learns_how_its_call_ended() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin);
    let sidecar = configuration.policy(&limit(20_000)).start();
    drop(origin);
    let shipped = fs::read_to_string(root().join("mappings/stripe.yaml")).unwrap();
    let (before, refunds) = shipped.split_once("  refunds.create:\n").unwrap();
    let other = refunds.replacen("amount: { from: $.params.amount }", "amount: { from: $.params.fee }", 1);
    let content = "charge=ch_1&amount=30000&fee=100";
    let request = format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    );
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(&request);
    let id = sidecar.next_held();
    sidecar.puts("mappings/stripe.yaml", format!("{before}  refunds.create:\n{other}"));
    sidecar.approve(&id);
    let answer = wire.answer().unwrap();
    assert!(
        answer.text().contains("NOT executed") || answer.text().contains("not executed"),
        "{answer:?}"
    );
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 1);
    sidecar.puts("mappings/stripe.yaml", &shipped);
    // Nothing was executed, so the consent was given back: it serves the same call, and nobody is asked again.
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(&request);
    let again = wire.answer().unwrap();
    assert!(again.text().contains("upstream_unreachable"), "{again:?}");
    eventually("both calls have their end on disk", || {
        sidecar.trail().of_kind("returned").len() == 2
    });
    let trail = sidecar.trail();
    assert_eq!((trail.of_kind("held").len(), trail.of_kind("consumed").len()), (1, 2));
}
