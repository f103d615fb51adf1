use super::*;
use crate::approval::tests::{approvals, approve, call, park};
use crate::control::view::{Missing, Vote};
use crate::model::Value;

/// As it comes over the wire.
fn sample(state: State) -> Approval {
    let text = serde_json::json!({
        "id": "apr_7k2m9x4q00000000000000000a", "revision": 0, "state": state.as_str(), "agent": "support-bot", "roles": ["support"],
        "summary": "Refund $900.00 of ch_1 in Stripe", "request_line": "POST https://api.stripe.com/v1/refunds",
        "provider": "stripe", "operation": "refunds.create", "action": "process_refund", "environment": "live",
        "target_kind": "charge", "target_id": "ch_1", "fields": {"amount": 90000, "currency": "usd"}, "missing": [],
        "stated": {}, "votes": [], "denial": null, "created": "2026-11-20T14:00:00Z", "expires": "2026-11-20T14:15:00Z",
        "rules": [{"id": "refund-over-500", "reason": "Refunds over $500 need a person", "approvers": ["finance"],
            "quorum": 1, "unchecked": []}],
        "grant_expires": "2026-11-20T14:20:00Z", "decided": null, "clients": 0,
        "risk": {"action": "process_refund", "score": 74, "weights": "0123456789abcdef", "factors": [
            {"basis": {"action": {"access": "write", "class": "money"}}, "points": 56, "w": 5000, "x": 8500},
            {"basis": {"scale": {"field": "amount_base", "hi": 1000000, "lo": 1000, "value": 90000}}, "points": 18, "w": 5000, "x": 6514}]},
        "first_call": "call_7k2m9x4q00000000000000000a", "consumed_by": null, "consumed": null, "outcome": null,
        "status": null, "owner": "olga", "seconds_left": 840,
        "approving": "The agent is not connected: exactly this call goes out, once, if the agent makes it again within 10 minutes.",
        "before": [{"call": "call_7k2m9x4q00000000000000000b", "time": "2026-11-20T13:59:00Z", "decision": "ALLOW",
            "outcome": "success", "summary": "Read the balance in Stripe"}]
    });
    serde_json::from_str(&text.to_string()).unwrap()
}

fn written(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_list_says_what_waits() {
    let list = written(|out| write_list(out, &[sample(State::Pending)]));
    assert_eq!(
        list,
        "ID            STATE    AGENT        WHAT                              RISK     RULES            UNTIL\n\
         apr_7k2m9x4q  pending  support-bot  Refund $900.00 of ch_1 in Stripe  74 high  refund-over-500  2026-11-20T14:15:00Z (14 min)\n"
    );
    assert_eq!(written(|out| write_list(out, &[])), "Nothing waits for people.\n");
}

#[test]
fn an_approval_is_shown_with_all_that_a_person_needs_and_how_to_decide() {
    let shown = written(|out| write_approval(out, &sample(State::Pending), ""));
    let mut at = 0;
    // What we know comes before what was sent.
    for line in [
        "  what        Refund $900.00 of ch_1 in Stripe\n",
        "  agent       support-bot (support)\n",
        "  owner       olga\n",
        "  target      charge ch_1, live\n",
        "  field       amount = 90000 ($900.00)\n",
        "  risk        74 high (action 56, scale 18); no baseline yet\n",
        "              action 56: ",
        "              scale 18: ",
        "  rule        refund-over-500 asks finance: Refunds over $500 need a person\n",
        "  before      2026-11-20T13:59:00Z ALLOW, success: Read the balance in Stripe\n",
        "  request     POST https://api.stripe.com/v1/refunds\n",
        "  until       2026-11-20T14:15:00Z; 14 min left; no client is connected",
        "  approving   The agent is not connected: exactly this call goes out, once,",
        "runplane approvals approve apr_7k2m9x4q\n",
        "runplane approvals deny apr_7k2m9x4q --reason REASON\n",
    ] {
        let found = shown[at..].find(line);
        at += found.unwrap_or_else(|| panic!("{line} is not behind the one before it\n{shown}"));
    }
}

#[test]
fn what_is_not_known_of_an_approval_is_said_to_be_so() {
    let mut approval = sample(State::Approved);
    (approval.owner, approval.before) = (None, None);
    let shown = written(|out| write_approval(out, &approval, ""));
    assert!(shown.contains("  owner       (nobody is named)\n"), "{shown}");
    assert!(
        shown.contains("  before      (cannot be read at this moment)\n"),
        "{shown}"
    );
    assert!(
        shown.contains("  until       2026-11-20T14:20:00Z; 14 min left\n"),
        "{shown}"
    );
    approval.before = Some(Vec::new());
    let shown = written(|out| write_approval(out, &approval, ""));
    assert!(shown.contains("  before      (nothing is on record)\n"), "{shown}");
}

#[test]
fn what_is_missing_is_asked_for() {
    let mut approval = sample(State::Pending);
    approval.missing = vec![Missing {
        field: "amount".into(),
        kind: None,
        why: crate::model::Why::Absent,
        description: "In minor units".to_owned(),
        wanted: true,
    }];
    let shown = written(|out| write_approval(out, &approval, " --home '/srv/a b'"));
    assert!(shown.contains("missing     amount: In minor units"), "{shown}");
    assert!(
        shown.contains("approve apr_7k2m9x4q --set amount=… --home '/srv/a b'\n"),
        "{shown}"
    );
}

#[test]
fn text_of_an_agent_cannot_forge_what_a_person_reads() {
    let mut approval = sample(State::Pending);
    let evil = "x\n  rule  none\u{1b}[2K\u{202e}".to_owned();
    approval.summary.clone_from(&evil);
    approval.target_id = Some(evil.clone());
    approval.request_line.clone_from(&evil);
    approval.before.as_mut().unwrap()[0].summary.clone_from(&evil);
    approval.fields.insert("currency".into(), Value::Text(evil.clone()));
    approval.votes = vec![Vote {
        person: "a".into(),
        time: evil.clone(),
        proof: "key".into(),
        reason: Some(evil),
        rules: Vec::new(),
    }];
    let plain = written(|out| write_approval(out, &sample(State::Pending), ""))
        .lines()
        .count();
    let shown = written(|out| write_approval(out, &approval, " --home '/srv/a b'"));
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    assert_eq!(shown.lines().count(), plain + 1);
    let list = written(|out| write_list(out, std::slice::from_ref(&approval)));
    assert_eq!(list.lines().count(), 2);
}

#[test]
fn a_decision_says_what_comes_next() {
    let said = |approval: &Approval| written(|out| write_decision(out, approval, |field| field == "amount"));
    let mut approved = sample(State::Approved);
    approved.stated.insert("amount".into(), Value::Int(51_200));
    let text = said(&approved);
    assert!(text.contains("you stated amount = 51200 ($512.00)"), "{text}");
    assert!(
        text.contains("if the agent repeats it before 2026-11-20T14:20:00Z"),
        "{text}"
    );
    let others = written(|out| write_decision(out, &approved, |_| false));
    assert!(
        others.contains("  stated before you: amount = 51200") && !others.contains("you stated"),
        "{others}"
    );
    approved.clients = 1;
    assert!(said(&approved).contains("it goes through now, once"));
    let pending = said(&sample(State::Pending));
    assert!(pending.contains("not approved yet") && pending.contains("still waits for finance (refund-over-500)"));
}

#[tokio::test(start_paused = true)]
async fn what_the_control_api_gives_is_what_is_read() {
    let approvals = approvals();
    let ticket = park(&approvals, &call("bot", 1, None));
    approve(&approvals, ticket.approval());
    let vocabulary = crate::control::tests::vocabulary();
    let given = Approval::new(&ticket.standing().unwrap(), &vocabulary);
    let text = serde_json::to_string(&given).unwrap();
    assert_eq!(serde_json::from_str::<Approval>(&text).unwrap(), given);
}

#[test]
fn a_value_is_given_as_field_and_value() {
    assert_eq!(assignment("amount=51200").unwrap(), ("amount", "51200"));
    assert_eq!(assignment("note=a=b").unwrap(), ("note", "a=b"));
    assert!(assignment("amount").is_err());
    assert!(assignment("=5").is_err());
}
