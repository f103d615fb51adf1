//! Held by people, sent once.

mod ends;
pub mod locked;

use crate::harness::{Answer, Curl, Origin, Session, Sidecar, Tunnel, eventually, key, said};

const REFUND: &str = "refund ch_1 amount=90000";

fn stripe(hold: &str) -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold(hold).start();
    (origin, sidecar)
}

fn refunds(origin: &Origin) -> usize {
    origin.calls("POST", "/v1/refunds").len()
}

/// The bytes of a refund as some client without a name sends it.
fn refund(amount: u64, idempotency_key: &str) -> String {
    let body = format!("charge=ch_1&amount={amount}");
    format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Idempotency-Key: {idempotency_key}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn approved_in_time_the_same_connection_gets_the_answer() {
    let (origin, sidecar) = stripe("30s");
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let line = sidecar.next_held_line();
    for word in [
        "support-bot",
        "$900.00",
        "ch_1",
        "refund-over-500",
        "runplane approvals approve apr_",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
    origin.assert_untouched();
    let id = crate::harness::approval_id(&line).unwrap();
    sidecar.approve(&id);
    let answer = client.receive();
    answer.assert_ok();
    assert!(answer.value["id"].as_str().unwrap().starts_with("re_"));
    assert_eq!(refunds(&origin), 1);
    assert_eq!(origin.seen()[0].text(), "charge=ch_1&amount=90000");
}

#[test]
fn two_calls_that_differ_in_one_header_never_read_alike() {
    let (_origin, sidecar) = stripe("1s");
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    let accounts = ["acct_1", "acct_2", "acct_1"];
    let lines = accounts.map(|account| {
        let request = refund(90_000, "k").replacen("\r\n\r\n", &format!("\r\nStripe-Account: {account}\r\n\r\n"), 1);
        wire.ask(request);
        let line = sidecar.next_held_line();
        let what = line.split_once("support-bot: ").unwrap().1;
        what.split_once(" (refund-over-500)").unwrap().0.to_owned()
    });
    assert!(
        lines[0].starts_with("Refund $900.00 of ch_1 in Stripe [call "),
        "{lines:?}"
    );
    assert_ne!(lines[0], lines[1]);
    assert_eq!(lines[0], lines[2]);
}

/// In any shell: neither the home nor what has to be stated is left to be found out.
#[test]
fn the_command_on_the_terminal_decides_as_it_stands() {
    let (origin, sidecar) = stripe("30s");
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1");
    let line = sidecar.next_held_line();
    let command = line.split("→ runplane ").nth(1).unwrap().replace('…', "51200");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut decide = crate::harness::runplane();
    decide.args(command.split_whitespace()).current_dir(elsewhere.path());
    let output = crate::harness::bounded(decide);
    assert!(output.status.success(), "{command}: {}", crate::harness::said(&output));
    client.receive().assert_ok();
    assert_eq!(refunds(&origin), 1);
    let shown = sidecar.told(&["approvals", "list", "--all"]);
    assert!(shown.contains("consumed"), "{shown}");
}

#[test]
fn not_approved_in_time_the_same_call_goes_through_once_when_it_comes_again() {
    let (origin, sidecar) = stripe("1s");
    let mut client = Session::stripe(&sidecar);
    let pending = client.call(REFUND);
    pending.assert_refused("approval_pending");
    let id = pending.approval();
    assert_eq!(
        pending.headers["runplane-approval-id"],
        sidecar.approvals("pending")[0]["id"].as_str().unwrap()
    );
    let again = client.call(REFUND);
    again.assert_refused("approval_pending");
    assert_eq!(again.approval(), id, "the same call is the same request");
    assert_eq!(sidecar.approvals("pending").len(), 1);
    origin.assert_untouched();
    sidecar.approve(&id);
    origin.assert_untouched();
    client.call(REFUND).assert_ok();
    client.call(REFUND).assert_refused("already_executed");
    assert_eq!(refunds(&origin), 1);
}

#[test]
fn a_denial_reaches_the_agent_with_its_reason_and_stands_for_a_while() {
    let (origin, sidecar) = stripe("30s");
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    sidecar.deny(&sidecar.next_held(), "the customer was refunded by hand");
    let denied = client.receive();
    denied
        .assert_refused("approval_denied")
        .assert_refused("the customer was refunded by hand");
    client.call(REFUND).assert_refused("approval_denied");
    origin.assert_untouched();
    let entry = &sidecar.trail().of_kind("denied")[0];
    assert!(entry.to_string().contains("owner"), "{entry}");
}

#[test]
fn a_denial_needs_a_reason() {
    let (_origin, sidecar) = stripe("1s");
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    assert!(!sidecar.cli(&["approvals", "deny", &id]).status.success());
    assert_eq!(sidecar.approvals("pending").len(), 1);
}

#[test]
fn a_full_refund_without_amount_is_held_until_its_amount_is_stated() {
    let (origin, sidecar) = stripe("30s");
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1");
    let line = sidecar.next_held_line();
    assert!(line.contains("incomplete_action"), "{line}");
    let id = crate::harness::approval_id(&line).unwrap();
    assert!(
        !sidecar.cli(&["approvals", "approve", &id]).status.success(),
        "nobody has said how much"
    );
    for wrong in ["amount=much", "amount=-5", "amount=512.00", "charge=ch_2"] {
        assert!(
            !sidecar
                .cli(&["approvals", "approve", &id, "--set", wrong])
                .status
                .success(),
            "{wrong}"
        );
    }
    origin.assert_untouched();
    sidecar.told(&["approvals", "approve", &id, "--set", "amount=51200"]);
    client.receive().assert_ok();
    assert_eq!(refunds(&origin), 1);
    assert_eq!(
        origin.seen()[0].text(),
        "charge=ch_1",
        "stated for the record, never put into the call"
    );
    let approved = &sidecar.trail().of_kind("approved")[0];
    assert!(
        approved.to_string().contains("stated"),
        "that it was stated is in the record: {approved}"
    );
}

#[test]
fn an_approval_covers_exactly_the_call_that_was_shown() {
    let (origin, sidecar) = stripe("1s");
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    for other in [
        "refund ch_1 amount=90001",
        "refund ch_2 amount=90000",
        "refund ch_1 amount=90000 stripe_account=acct_2",
    ] {
        let answer = client.call(other);
        answer.assert_refused("approval_pending");
        assert_ne!(answer.approval(), id, "{other}");
    }
    origin.assert_untouched();
    client.call(REFUND).assert_ok();
    assert_eq!(refunds(&origin), 1);
}

#[test]
fn eight_callers_of_one_call_are_one_execution() {
    let (origin, sidecar) = stripe("30s");
    let mut wires: Vec<_> = (0..8)
        .map(|_| Tunnel::to("api.stripe.com:443").open(&sidecar))
        .collect();
    for wire in &mut wires {
        wire.send(refund(90_000, "the-same"));
    }
    let id = sidecar.next_held();
    eventually("all are decided", || sidecar.trail().of_kind("decided").len() >= 8);
    assert_eq!(sidecar.approvals("pending").len(), 1);
    sidecar.approve(&id);
    let statuses: Vec<u16> = wires.iter_mut().map(|wire| wire.answer().unwrap().status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 403).count(),
        7,
        "{statuses:?}"
    );
    assert_eq!(refunds(&origin), 1);
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 1);
}

#[test]
fn two_connected_callers_with_different_idempotency_keys_are_two_requests() {
    let (origin, sidecar) = stripe("30s");
    let mut first = Tunnel::to("api.stripe.com:443").open(&sidecar);
    first.send(refund(90_000, "one"));
    let one = sidecar.next_held();
    let mut second = Tunnel::to("api.stripe.com:443").open(&sidecar);
    second.send(refund(90_000, "two"));
    let two = sidecar.next_held();
    assert_ne!(one, two);
    sidecar.approve(&one);
    assert_eq!(first.answer().unwrap().status, 200);
    assert_eq!(refunds(&origin), 1);
    sidecar.approve(&two);
    assert_eq!(second.answer().unwrap().status, 200);
    assert_eq!(refunds(&origin), 2);
}

/// Even where rules let everything out, and with a person's key: by the proxy nobody reaches what decides.
#[test]
fn a_held_call_is_not_decided_by_its_own_agent() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new();
    let control = format!("127.0.0.1:{}", configuration.control_port);
    let sidecar = configuration
        .resolve("api.stripe.com", &origin)
        .destination(&control)
        .hold("1s")
        .only_policy(
            r#"
@id("all-is-open") permit (principal, action, resource);
@id("refunds") @decision("REQUIRE_APPROVAL") forbid (principal, action == Action::"process_refund", resource);
"#,
        )
        .start();
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    let target = format!("http://{control}/api/v1/approvals/{id}/approve");
    let key = format!("Authorization: Bearer {}", sidecar.owner_key());
    let typed = "Content-Type: application/json";
    let answer = Curl::call(&sidecar, &["-H", &key, "-H", typed, "-d", "{}", target.as_str()]);
    answer.assert_refused("destination_refused");
    assert_eq!(sidecar.approvals("pending").len(), 1);
    assert!(sidecar.trail().of_kind("approved").is_empty());
    origin.assert_untouched();
}

/// Below $500 nobody is asked; the amount is read however it is spelt.
#[test]
fn the_line_is_at_500_dollars() {
    let (origin, sidecar) = stripe("1s");
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    client
        .call("refund ch_1 amount=50001")
        .assert_refused("approval_pending");
    client.call("charge 50000").assert_ok();
    client.call("charge 50001").assert_refused("approval_pending");
    client.call("payment_intent 50001").assert_refused("approval_pending");
    let body = "charge=ch_1&%61mount=90000";
    let spelt: Answer = Curl::call(&sidecar, &["-d", body, "https://api.stripe.com/v1/refunds"]);
    spelt.assert_refused("approval_pending");
    assert_eq!((refunds(&origin), origin.calls("POST", "/v1/charges").len()), (1, 1));
}

/// Who pastes the line of before consents to nothing else.
#[test]
fn a_yes_to_what_was_changed_since_it_was_shown_says_which() {
    let rule = "@id(\"by-finance\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"finance\")\n\
        forbid (principal, action == Action::\"process_refund\", resource);";
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("alice", "finance")
        .policy(rule)
        .start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let line = sidecar.next_held_line();
    assert!(!line.contains("--revision"), "{line}");
    let id = crate::harness::approval_id(&line).unwrap();
    let first = sidecar.cli_as(Some(&key("alice")), &["approvals", "approve", &id]);
    assert!(first.status.success(), "{}", said(&first));
    let line = sidecar.next_held_line();
    let command = format!("runplane approvals approve {id} --revision 1");
    assert!(line.contains(&command) && line.contains("refund-over-500"), "{line}");
    let stale = sidecar.cli(&["approvals", "approve", &id]);
    assert!(!stale.status.success());
    for shown in [&*command, "alice", "refund-over-500"] {
        assert!(said(&stale).contains(shown), "{shown}: {}", said(&stale));
    }
    let path = format!("/api/v1/approvals/{id}/approve");
    let answer = sidecar.api("POST", &path, &sidecar.owner_key(), Some(&serde_json::json!({})));
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(sidecar.told(&["approvals", "show", &id]).contains(&command));
    origin.assert_untouched();
    sidecar.told(&["approvals", "approve", &id, "--revision", "1"]);
    client.receive().assert_ok();
}

/// As long as the call has not come.
#[test]
fn a_given_approval_can_be_taken_back() {
    let (origin, sidecar) = stripe("1s");
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    assert!(sidecar.told(&["approvals", "show", &id]).contains("approvals deny"));
    sidecar.deny(&id, "it was the wrong customer");
    client
        .call(REFUND)
        .assert_refused("approval_denied")
        .assert_refused("the wrong customer");
    origin.assert_untouched();
    let denied = sidecar.trail().of_kind("denied");
    assert_eq!(denied.len(), 1, "{denied:?}");
    let again = sidecar.cli(&["approvals", "deny", &id, "--reason", "twice"]);
    assert!(
        !again.status.success() && said(&again).contains("is denied"),
        "{}",
        said(&again)
    );
    let other = client.call("refund ch_2 amount=90000").approval();
    sidecar.approve(&other);
    client.call("refund ch_2 amount=90000").assert_ok();
    let late = sidecar.cli(&["approvals", "deny", &other, "--reason", "too late"]);
    assert!(
        !late.status.success() && said(&late).contains("is consumed"),
        "{}",
        said(&late)
    );
}

/// Copies of one call are one approval, and each holds its content.
#[test]
fn what_one_agent_has_waiting_leaves_memory_for_others() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .agent("greedy", "support")
        .agent("modest", "support")
        .section("limits: { body: 1MiB, bodies: 2MiB }")
        .start();
    let charge = |amount: u32| {
        let content = format!(
            "amount={amount}&currency=usd&source=tok_visa&description={}",
            "x".repeat(900 << 10)
        );
        format!(
            "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        )
    };
    let agent = |name: &str| {
        let proof = format!("Proxy-Authorization: Bearer {}", key(name));
        Tunnel::to("api.stripe.com:443").field(&proof).open(&sidecar)
    };
    let (mut first, mut second) = (agent("greedy"), agent("greedy"));
    first.send(charge(90_000));
    sidecar.next_held();
    second.send(charge(90_000));
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(agent("modest").ask(charge(100)).status, 200);
    let refused = second.answer().unwrap();
    assert!(refused.text().contains("overloaded"), "{refused:?}");
}
