use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::json;

use super::*;
use crate::model::change::CallClosed;
use crate::model::entry::{Committed, Member};
use crate::model::*;
use crate::store::OpenCall;
use crate::store::tests::sample;

mod events;
pub(crate) mod scene;

use events::one_of_each;

fn call() -> Call {
    Call {
        id: format!("call_{}", "1".repeat(26)).parse().unwrap(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "support-bot".into(),
            roles: Arc::new(["billing".into(), "support".into()]),
            owner: None,
        },
        received: Timestamp(1_000),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name("api.stripe.com".into()),
            port: 443,
        },
        method: Method::POST,
        path: "/v1/refunds".to_owned(),
        query: Some("key=sk_live_planted".to_owned()),
        headers: HeaderMap::new(),
        body: Body::Captured(Bytes::from_static(b"charge=ch_1")),
    }
}

fn digests() -> Digests {
    Digests {
        mappings: "ab".repeat(32).into(),
        policies: "cd".repeat(32).into(),
    }
}

fn approval_row() -> crate::model::change::ApprovalRow {
    let mut row = sample::approval();
    row.id = format!("apr_{}", "2".repeat(26)).parse().unwrap();
    row.first_call = call().id;
    row
}

fn entries(changes: &[Change]) -> Vec<Entry> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Append(entry) => Some(entry.clone()),
            Change::CallDecided(_)
            | Change::CallClosed(_)
            | Change::ApprovalHeld(_)
            | Change::ApprovalMoved(_)
            | Change::AgentPut(_)
            | Change::PersonPut(_)
            | Change::HabitsPut(_)
            | Change::Sealed(_)
            | Change::Outbox(_)
            | Change::ValuesErased(_)
            | Change::CallErased(_)
            | Change::ApprovalErased(_)
            | Change::GrantErased(_)
            | Change::Pruned(_)
            | Change::Paused(_)
            | Change::Resumed(_)
            | Change::GrantGiven(_)
            | Change::GrantUsed(_)
            | Change::GrantEnded(..) => None,
        })
        .collect()
}

/// The entry with salts that do not change, after a look whether each commitment is to what is kept.
fn with_fixed_salts(mut entry: Entry) -> Entry {
    let salt = [7; 16];
    for (name, committed) in &mut entry.values {
        if *name == "row" {
            // Held against the row by `verify`.
            *committed = Committed::new(salt, &"the row", false);
            continue;
        }
        let value: serde_json::Value = match &committed.kept {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => json!({
                "authority": "api.stripe.com:443", "method": "POST",
                "path": "/v1/refunds", "query": "key=sk_live_planted",
            }),
        };
        let keep = committed.kept.is_some();
        assert_eq!(
            *committed,
            Committed::new(committed.salt, &value, keep),
            "commits to another value"
        );
        *committed = Committed::new(salt, &value, keep);
    }
    entry
}

#[test]
fn a_decision_commits_to_its_risk() {
    let mut action = sample::action();
    action.risk = Some(Box::new(Risk {
        action: "process_refund".into(),
        factors: Vec::new(),
        score: 74,
        weights: "0123456789abcdef".into(),
    }));
    let ruling = Ruling {
        decision: "ALLOW",
        reason: None,
        rules: &[],
        approval: None,
        spending: None,
        would: None,
        trial: None,
    };
    let changes = decided(&call(), &action, &ruling, &digests());
    let [Change::Append(entry), Change::CallDecided(row)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(row.risk, Some(74));
    let kept = entry.values["risk"].kept.as_deref().unwrap();
    assert_eq!(
        kept,
        r#"{"action":"process_refund","factors":[],"score":74,"weights":"0123456789abcdef"}"#
    );
    assert!(
        String::from_utf8(entry.bytes(1, Timestamp(1)))
            .unwrap()
            .contains("\"commit_risk\":\"")
    );
}

#[test]
fn what_is_kept_beside_an_entry_holds_what_each_commitment_was_made_of() {
    for changes in one_of_each() {
        for entry in entries(&changes) {
            let Some(committed) = entry.committed() else {
                assert!(entry.values.is_empty());
                continue;
            };
            let told: serde_json::Value = serde_json::from_str(&committed).unwrap();
            assert_eq!(serde_json::to_string(&told).unwrap(), committed, "canonical");
            for (name, value) in &entry.values {
                assert_eq!(told[name]["salt"], hex::encode(value.salt), "{name}");
                let kept = told[name].get("value").map(ToString::to_string);
                assert_eq!(kept, value.kept, "{name}");
            }
        }
    }
}

#[test]
fn every_kind_of_entry_has_its_final_bytes() {
    let mut lines = String::new();
    for (seq, changes) in (1..).zip(one_of_each()) {
        let [entry] = &entries(&changes)[..] else {
            panic!("one entry per event");
        };
        let bytes = with_fixed_salts(entry.clone()).bytes(seq, Timestamp(1_795_183_500_000));
        writeln!(lines, "{}", String::from_utf8(bytes).unwrap()).unwrap();
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/entries.jsonl");
    if std::env::var_os("RUNPLANE_WRITE_GOLDEN").is_some() {
        std::fs::write(golden, &lines).unwrap();
    }
    // Entries are kept for ever: a difference here is a new version of the byte form, never an edit of this file.
    assert_eq!(lines, std::fs::read_to_string(golden).unwrap());
}

#[test]
fn entries_are_canonical_json_of_integers_and_strings() {
    for changes in one_of_each() {
        for entry in entries(&changes) {
            let bytes = entry.bytes(1, Timestamp(2));
            let members: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
            assert!(
                members.values().all(|value| value.is_i64() || value.is_string()),
                "{members:?}"
            );
            // Sorted by name, without white space: read and written again it is the same.
            assert_eq!(serde_json::to_vec(&members).unwrap(), bytes);
        }
    }
}

#[test]
fn no_value_of_the_call_is_in_any_entry() {
    for changes in one_of_each() {
        for entry in entries(&changes) {
            let bytes = entry.bytes(1, Timestamp(2));
            let mut members: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
            // Random digits, among which any number may turn up.
            members.retain(|name, _| !name.starts_with("commit_"));
            let text = serde_json::to_string(&members).unwrap();
            for value in [
                "sk_live",
                "ch_1",
                "90000",
                "900.00",
                "re_1",
                "51200",
                "/v1/refunds",
                "customer",
                "127.0.0.1",
            ] {
                assert!(!text.contains(value), "{value} in {text}");
            }
        }
    }
}

#[test]
fn the_request_as_sent_is_committed_to_and_never_kept() {
    let changes = decided(
        &call(),
        &sample::action(),
        &Ruling {
            decision: "ALLOW",
            reason: None,
            rules: &[],
            approval: None,
            spending: None,
            would: None,
            trial: None,
        },
        &digests(),
    );
    assert_eq!(entries(&changes)[0].values["request"].kept, None);
    assert!(!format!("{changes:?}").contains("sk_live_planted"));
}

#[test]
fn an_unmapped_operation_stays_out_of_entry_and_projection() {
    let mut action = sample::action();
    action.unmapped = true;
    action.operation = "POST /bot123:planted/send".into();
    action.request_line = "POST https://example.com/…/send".to_owned();
    let ruling = Ruling {
        decision: "ALLOW",
        reason: None,
        rules: &[],
        approval: None,
        spending: None,
        would: None,
        trial: None,
    };
    let changes = decided(&call(), &action, &ruling, &digests());
    assert!(!format!("{changes:?}").contains("planted"));
    assert!(!entries(&changes)[0].members.contains_key("operation"));
}

#[test]
fn everything_that_a_call_does_is_in_its_entry() {
    let mut action = sample::action();
    let ruling = Ruling {
        decision: "ALLOW",
        reason: None,
        rules: &[],
        approval: None,
        spending: None,
        would: None,
        trial: None,
    };
    let plain = entries(&decided(&call(), &action, &ruling, &digests())).remove(0);
    assert!(!plain.members.contains_key("also") && !plain.values.contains_key("also"));
    action.also = vec![Action {
        name: "delete_record".into(),
        access: Access::Delete,
        fields: BTreeMap::from([("record_kind".into(), Value::Text("b".to_owned()))]),
        ..sample::action()
    }];
    let entry = entries(&decided(&call(), &action, &ruling, &digests())).remove(0);
    assert_eq!(entry.members["also"], Member::from("delete_record"));
    let kept: serde_json::Value = serde_json::from_str(entry.values["also"].kept.as_deref().unwrap()).unwrap();
    let target = json!({ "id": action.target.id, "kind": &*action.target.kind });
    let also =
        json!([{ "access": "delete", "action": "delete_record", "fields": { "record_kind": "b" }, "target": target }]);
    assert_eq!(kept, also);
    assert_eq!(entry.values["also"].kept.as_deref().unwrap(), also.to_string());
}

#[test]
fn a_block_is_closed_by_its_decision_and_nothing_else_is() {
    for (decision, outcome) in [
        ("ALLOW", None),
        ("REQUIRE_APPROVAL", None),
        ("BLOCK", Some(Outcome::NotSent)),
    ] {
        let ruling = Ruling {
            decision,
            reason: None,
            rules: &[],
            approval: None,
            spending: None,
            would: None,
            trial: None,
        };
        let changes = decided(&call(), &sample::action(), &ruling, &digests());
        let Some(Change::CallDecided(row)) = changes.get(1) else {
            panic!("{changes:?}");
        };
        assert_eq!((row.decision, row.outcome), (decision, outcome));
    }
}

#[test]
fn after_a_crash_what_was_allowed_is_unknown_and_what_was_held_was_not_sent() {
    let open = |allowed| OpenCall {
        id: CallId::random(),
        agent: "support-bot".into(),
        allowed,
    };
    let changes = recover(vec![open(true), open(false)]);
    let outcomes: Vec<Outcome> = changes
        .iter()
        .filter_map(|change| match change {
            Change::CallClosed(closed) => Some(closed.outcome),
            Change::Append(_)
            | Change::CallDecided(_)
            | Change::ApprovalHeld(_)
            | Change::ApprovalMoved(_)
            | Change::AgentPut(_)
            | Change::PersonPut(_)
            | Change::HabitsPut(_)
            | Change::Sealed(_)
            | Change::Outbox(_)
            | Change::ValuesErased(_)
            | Change::CallErased(_)
            | Change::ApprovalErased(_)
            | Change::GrantErased(_)
            | Change::Pruned(_)
            | Change::Paused(_)
            | Change::Resumed(_)
            | Change::GrantGiven(_)
            | Change::GrantUsed(_)
            | Change::GrantEnded(..) => None,
        })
        .collect();
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::NotSent]);
    assert_eq!(entries(&changes).len(), 2);
}
