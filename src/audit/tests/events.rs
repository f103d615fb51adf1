//! One of each event that is recorded.

use super::*;
use crate::model::change::{AgentRow, ApprovalRow, Carried, Denial, PersonRow};
use crate::model::month::Month;
use crate::model::observed::{Trial, Would};
use crate::model::outbox::{Attempt, Channel, Delivery, DeliveryState, End};
use crate::model::pause::{Pause, Whom};
use crate::model::time::Jump;

fn given_back(granted: &ApprovalRow) -> ApprovalRow {
    ApprovalRow {
        returned: 1,
        ..granted.clone()
    }
}

pub(super) fn one_of_each() -> Vec<Vec<Change>> {
    let (call, action, row) = (call(), sample::action(), approval_row());
    let rules = ["a".into(), "refund-over-500".into()];
    let ruling = |decision, reason, approval| Ruling {
        decision,
        reason,
        rules: &rules,
        approval,
        spending: None,
        would: None,
        trial: None,
    };
    let would = |decision, reason| Would { decision, reason };
    let observed = Ruling {
        would: Some(would("BLOCK", Some(Reason::PolicyBlocked))),
        ..ruling("ALLOW", None, None)
    };
    let trial = Trial {
        rules: vec!["c".into(), "d".into()],
        failed: vec!["e".into()],
        would: would("REQUIRE_APPROVAL", None),
    };
    let tried = Ruling {
        trial: Some(&trial),
        ..ruling("ALLOW", None, None)
    };
    let mut incomplete = action.clone();
    incomplete.fields.clear();
    for field in ["amount", "amount_base"] {
        incomplete.missing.push(Missing {
            field: field.into(),
            why: Why::Absent,
        });
    }
    let mut recalling = action.clone();
    recalling.tie = Tie::Recalled {
        fields: vec!["amount".into(), "currency".into()],
        version: 7,
    };
    let vote = Vote {
        person: "alice".into(),
        time: Timestamp(5),
        proof: "key".into(),
        reason: None,
        rules: vec![("refund-over-500".into(), "ab".into())],
    };
    let mut granted = sample::granted(&row);
    granted.stated = BTreeMap::from([("amount".into(), Value::Int(51_200))]);
    let mut denied_row = row.clone();
    denied_row.denial = Some(Denial {
        person: "bob".into(),
        reason: "not \"this\"\ncustomer".to_owned(),
        correction: None,
    });
    let second_call: CallId = format!("call_{}", "3".repeat(26)).parse().unwrap();
    let agent = AgentRow {
        name: "ops-bot".into(),
        roles: vec!["sre".into()],
        owner: Some("alice".into()),
        key_sha256: "ef".repeat(32),
        created: Timestamp(5),
        disabled: None,
    };
    let person = PersonRow {
        name: "alice".into(),
        groups: vec!["approver".into(), "finance".into()],
        key_sha256: "ef".repeat(32),
        created: Timestamp(5),
        disabled: Some(Timestamp(6)),
    };
    let ended = CallClosed {
        call: call.id.clone(),
        time: Timestamp(9),
        outcome: Outcome::Success,
        reason: None,
        status: Some(200),
        result_id: Some("re_1".to_owned()),
        carried: None,
    };
    let carried = CallClosed {
        status: Some(101),
        result_id: None,
        carried: Some(Carried {
            sent: 5,
            received: 70_000,
            milliseconds: 1_500,
        }),
        ..ended.clone()
    };
    let refusal = Refusal::new(Reason::AgentUnknown, "no credentials");
    vec![
        decided(&call, &action, &ruling("ALLOW", None, Some(&row.id)), &digests()),
        decided(
            &call,
            &action,
            &ruling("BLOCK", Some(Reason::PolicyBlocked), None),
            &digests(),
        ),
        decided(
            &call,
            &incomplete,
            &ruling("REQUIRE_APPROVAL", Some(Reason::IncompleteAction), Some(&row.id)),
            &digests(),
        ),
        held(&row),
        approved(&granted, &vote, &granted.stated),
        denied(&denied_row),
        expired(&row),
        consumed(&sample::spent(&granted, &second_call)),
        closed(&call.caller.agent, ended),
        refused(None, None, "127.0.0.1:5000".parse().unwrap(), &refusal),
        refused(
            Some(&call.id),
            Some(&call.caller.agent),
            "[::1]:5000".parse().unwrap(),
            &refusal,
        ),
        agent_put(&agent, "alice"),
        person_put(&person, "first start"),
        boot(vec![
            ("version", "0.1.0".to_owned()),
            ("confinement", "advisory".to_owned()),
        ]),
        shutdown(),
        gap(Jump::Back(std::time::Duration::from_secs(6))),
        gap(Jump::Forward(std::time::Duration::from_secs(7))),
        reload(&digests(), &[]),
        reload(&digests(), &["policies/house.cedar:3:8: expected a rule".to_owned()]),
        closed(&call.caller.agent, carried),
        authority_next(Some((&"ef".repeat(32), Timestamp(1_795_788_300_000)))),
        authority_next(None),
        authority_in_force(&"ef".repeat(32)),
        paused(&Pause {
            whom: Whom::Agent("support-bot".into()),
            by: "alice".into(),
            reason: Some("sends what nobody asked for".to_owned()),
            since: Timestamp(5),
        }),
        paused(&Pause {
            whom: Whom::Everyone,
            by: "alice".into(),
            reason: None,
            since: Timestamp(5),
        }),
        resumed(&Whom::Agent("support-bot".into()), "bob"),
        resumed(&Whom::Everyone, "bob"),
        decided(&call, &action, &observed, &digests()),
        decided(&call, &action, &tried, &digests()),
        cancelled(&denied_row),
        escalated(&row),
        returned(&given_back(&granted), &second_call),
        receiver_disabled(&approval_delivery(), "410 Gone", Timestamp(5)),
        receiver_enabled(Channel::Webhook, "webhook:ops", "bob"),
        attempted(&approval_delivery(), Channel::Webhook, given_up()),
        log_key("runplane/0123+01234567+AQ=="),
        log_key_follows(
            "runplane/0123+76543210+AQ==",
            "runplane/0123+01234567+AQ==",
            1_795_183_500,
        ),
        log_key_retired("runplane/0123+01234567+AQ=="),
        sidecar::anchor_failed(None, "unwritable", 0),
        sidecar::anchor_published(None, 0),
        erased_values(),
        vec![Change::Append(erase::of_approval(&granted, "owner"))],
        sidecar::anchor_failed(Some("webhook"), "unreachable", 0),
        sidecar::anchor_published(Some("witness:witness.example/w1"), 0),
        sidecar::anchor_failed(Some("webhook"), "refused", 94),
        Prune::sample().ordered(Month::of(Timestamp(1_795_183_500_000)), &by()),
        Prune::sample().pieces()[0].changes(46, &by()),
        Prune::sample().ordered(Month::of(Timestamp(1_795_183_500_000)), &By::Retention { months: 13 }),
        silence(std::time::Duration::from_secs(7_200)),
        decided(&call, &recalling, &ruling("ALLOW", None, None), &digests()),
        boot(vec![
            ("mappings", "ab".repeat(32)),
            ("money", "0f".repeat(32)),
            ("policies", "cd".repeat(32)),
            ("version", "0.1.0".to_owned()),
        ]),
    ]
}

fn by() -> By<'static> {
    By::Person {
        name: "owner",
        reason: "they are old",
    }
}

fn erased_values() -> Vec<Change> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let values = [
        (3, names(&["fields", "summary"])),
        (4, names(&["fields"])),
        (9, names(&["result_id"])),
    ];
    let entry = erase::of_values(&values, "owner", "they asked for it", Some("target"));
    vec![Change::Append(entry)]
}

fn approval_delivery() -> Delivery {
    Delivery {
        id: 1,
        approval: approval_row().id,
        revision: 0,
        event: "requested".to_owned(),
        receiver: "webhook:ops".into(),
        created: Timestamp(5),
        state: DeliveryState::Pending,
        attempts: 0,
        due: Timestamp(5),
        error: None,
    }
}

fn given_up() -> Attempt {
    Attempt {
        delivery: 1,
        time: Timestamp(5),
        end: End::GivenUp {
            error: "500 Internal Server Error".to_owned(),
        },
    }
}
