//! The steps of an approval, through the real doors: races, repeats, withdrawal, and what is given back.

mod alike;
mod ended;
mod escalated;
mod homes;
mod returned;
mod watch;

use std::thread;

use crate::harness::{Origin, Session, Sidecar, Tunnel, eventually, key, said};

const REFUND: &str = "refund ch_1 amount=90000";

fn refunds(origin: &Origin) -> usize {
    origin.calls("POST", "/v1/refunds").len()
}

fn stripe(hold: &str) -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold(hold)
        .person("alice", "approver")
        .person("zoe", "legal")
        .start();
    (origin, sidecar)
}

/// A refund as a client without a library sends it.
fn refund(amount: u64) -> String {
    let body = format!("charge=ch_1&amount={amount}");
    format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_hundred_repeats_of_one_approved_call_are_one_execution() {
    let (origin, sidecar) = stripe("1s");
    let held = Tunnel::to("api.stripe.com:443").open(&sidecar).ask(refund(90_000));
    sidecar.approve(held.header("runplane-approval-id").unwrap());
    let answers: Vec<(u16, String)> = thread::scope(|scope| {
        let calls: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let answer = Tunnel::to("api.stripe.com:443").open(&sidecar).ask(refund(90_000));
                    (answer.status, answer.text())
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let sent = answers.iter().filter(|(status, _)| *status == 200).count();
    let told = answers
        .iter()
        .filter(|(_, text)| text.contains("already_executed"))
        .count();
    assert_eq!((sent, told), (1, 99), "{answers:?}");
    assert_eq!(refunds(&origin), 1);
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 1);
}

#[test]
fn of_a_yes_and_a_no_at_once_one_counts_and_the_call_obeys_it() {
    let (origin, sidecar) = stripe("30s");
    for round in 1..=8u64 {
        let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
        wire.send(refund(90_000 + round));
        let id = sidecar.next_held();
        let before = refunds(&origin);
        let (yes, no) = thread::scope(|scope| {
            let post = |verb: &'static str, body: serde_json::Value| {
                let (sidecar, id) = (&sidecar, &id);
                scope.spawn(move || {
                    let path = format!("/api/v1/approvals/{id}/{verb}");
                    sidecar.api("POST", &path, &key("alice"), Some(&body)).status
                })
            };
            let yes = post("approve", serde_json::json!({ "revision": 0 }));
            let no = post("deny", serde_json::json!({ "reason": "no" }));
            (yes.join().unwrap(), no.join().unwrap())
        });
        let answer = wire.answer().unwrap();
        let sent = refunds(&origin) - before;
        match (yes, no) {
            // The no came second, to a yes that was not used yet or to one that was.
            (200, 200 | 409) | (409, 200) => assert_eq!(sent, usize::from(answer.status == 200), "{answer:?}"),
            other => panic!("{other:?} {answer:?}"),
        }
        if yes == 409 || answer.status != 200 {
            assert_eq!(sent, 0);
        }
        let of = |kind: &str| {
            let entries = sidecar.trail().of_kind(kind);
            entries
                .iter()
                .filter(|entry| entry["approval"].as_str().unwrap().starts_with(&id))
                .count()
        };
        assert_eq!((of("consumed"), of("approved")), (sent, usize::from(yes == 200)));
        assert_eq!(of("denied"), usize::from(no == 200), "each step is one entry");
    }
}

#[test]
fn a_question_is_withdrawn_once_by_who_may_and_the_same_call_asks_anew() {
    let (origin, sidecar) = stripe("30s");
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let id = sidecar.next_held();
    let cancel = ["approvals", "cancel", &id, "--reason", "asked by mistake"];
    let stranger = sidecar.cli_as(Some(&key("zoe")), &cancel);
    assert!(
        !stranger.status.success() && said(&stranger).contains("may not decide this"),
        "{}",
        said(&stranger)
    );
    assert!(sidecar.trail().of_kind("cancelled").is_empty());
    assert!(sidecar.cli_as(Some(&key("alice")), &cancel).status.success());
    client
        .receive()
        .assert_refused("approval_expired")
        .assert_refused("asked by mistake");
    let again = sidecar.cli(&cancel);
    assert!(
        !again.status.success() && said(&again).contains("is cancelled by alice"),
        "{}",
        said(&again)
    );
    for verb in [&["approve"][..], &["deny", "--reason", "no"]] {
        let output = sidecar.cli(&[&["approvals"][..], verb, &[&id]].concat());
        assert!(
            !output.status.success() && said(&output).contains("cancelled"),
            "{}",
            said(&output)
        );
    }
    origin.assert_untouched();
    assert_eq!(sidecar.trail().of_kind("cancelled").len(), 1);
    assert!(sidecar.trail().of_kind("approved").is_empty());
    client.send(REFUND);
    let anew = sidecar.next_held();
    assert_ne!(anew, id);
    sidecar.approve(&anew);
    client.receive().assert_ok();
    assert_eq!(refunds(&origin), 1);
}

#[test]
fn what_was_cancelled_is_so_after_kill_9_and_what_is_pending_keeps_its_own_deadline() {
    let (origin, sidecar) = stripe("1s");
    let mut client = Session::stripe(&sidecar);
    let cancelled = client.call(REFUND).approval();
    let pending = client.call("refund ch_2 amount=90000").approval();
    let deadline = |id: &str| {
        let all = sidecar.approvals("pending");
        all.iter()
            .find(|one| one["id"].as_str().unwrap().starts_with(id))
            .map(|one| one["expires"].clone())
    };
    let before = deadline(&pending).unwrap();
    sidecar.told(&["approvals", "cancel", &cancelled]);
    sidecar.restart_hard();
    assert_eq!(deadline(&pending), Some(before));
    assert_eq!(sidecar.approvals("cancelled").len(), 1);
    assert!(!sidecar.cli(&["approvals", "approve", &cancelled]).status.success());
    sidecar.approve(&pending);
    client.call("refund ch_2 amount=90000").assert_ok();
    assert_eq!(refunds(&origin), 1);
}

/// Registered people, their keys, and time: finance does not answer, so managers may. Nobody else may at any time, and
/// managers not before.
#[test]
fn a_question_that_finance_leaves_unanswered_comes_to_managers() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("70s")
        .person("fred", "finance")
        .person("mona", "managers")
        .person("zoe", "legal")
        .only_policy(
            r#"
@id("money-out") permit (principal, action, resource);
@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("finance") @timeout("60s") @escalate("managers at 25%")
forbid (principal, action == Action::"process_refund", resource);
"#,
        )
        .start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let id = sidecar.next_held();
    let approve = |person: &str, revision: &str| {
        sidecar.cli_as(
            Some(&key(person)),
            &["approvals", "approve", &id, "--revision", revision],
        )
    };
    let early = approve("mona", "0");
    assert!(
        !early.status.success() && said(&early).contains("may not decide this"),
        "{}",
        said(&early)
    );
    let line = sidecar.next_held_line();
    for words in ["nobody has answered", "finance or managers", "--revision 1", &id] {
        assert!(line.contains(words), "{words}: {line}");
    }
    let stranger = approve("zoe", "1");
    assert!(
        !stranger.status.success() && said(&stranger).contains("may not decide this"),
        "{}",
        said(&stranger)
    );
    let unseen = approve("mona", "0");
    assert!(!unseen.status.success(), "she has not seen what it is now");
    origin.assert_untouched();
    let late = approve("mona", "1");
    assert!(late.status.success(), "{}", said(&late));
    client.receive().assert_ok();
    assert_eq!(refunds(&origin), 1);
    let trail = sidecar.trail();
    let escalated = trail.of_kind("escalated");
    assert_eq!(
        (escalated.len(), &escalated[0]["groups"]),
        (1, &"finance,managers".into())
    );
    let tried = trail.of_kind("refused");
    let who: Vec<_> = tried.iter().map(|entry| entry["person"].as_str().unwrap()).collect();
    assert_eq!(who, ["mona", "zoe"]);
}

#[test]
fn from_a_risk_on_a_yes_needs_a_reason_too() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("30s")
        .approvals("reason_from_risk: 1")
        .start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let id = sidecar.next_held();
    let mute = sidecar.cli(&["approvals", "approve", &id]);
    assert!(
        !mute.status.success() && said(&mute).contains("needs a reason"),
        "{}",
        said(&mute)
    );
    origin.assert_untouched();
    sidecar.told(&["approvals", "approve", &id, "--reason", "the customer called"]);
    client.receive().assert_ok();
}

#[test]
fn a_decision_that_is_refused_changes_nothing_and_is_on_record() {
    let (origin, sidecar) = stripe("1s");
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    let post = |path: &str, person: &str| {
        let body = serde_json::json!({ "reason": "no" });
        sidecar
            .api("POST", &format!("/api/v1/{path}"), &key(person), Some(&body))
            .status
    };
    let unknown = "apr_00000000000000000000000000";
    let found = [
        post(&format!("approvals/{id}/approve"), "zoe"),
        post(&format!("approvals/{id}/deny"), "zoe"),
        post(&format!("approvals/{id}/cancel"), "zoe"),
        post(&format!("approvals/{unknown}/approve"), "alice"),
        post("approvals/apr_/deny", "alice"),
        post("grants/gra_00000000/revoke", "alice"),
    ];
    assert_eq!(found, [403, 403, 403, 404, 422, 404]);
    sidecar.deny(&id, "no");
    assert_eq!(post(&format!("approvals/{id}/approve"), "alice"), 409);
    let tried = sidecar.trail().of_kind("refused");
    let statuses: Vec<_> = tried.iter().map(|entry| entry["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [403, 403, 403, 404, 422, 404, 409]);
    assert!(
        tried
            .iter()
            .all(|entry| entry["reason"] == "not_decided" && entry["door"] == "control")
    );
    origin.assert_untouched();
}
