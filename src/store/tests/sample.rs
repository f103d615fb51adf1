//! Rows to write in tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::change::{ApprovalRow, CallClosed, CallRow};
use crate::model::entry::{Committed, Kind};
use crate::model::grant::{Bounds, Grant, Most, Scope};
use crate::model::{
    Access, Action, ApprovalId, CallId, Change, Entry, Facts, GrantId, HoldRule, Outcome, State, Target, Tie,
    Timestamp, Value, Vote,
};

pub(crate) fn entry(kind: Kind) -> Change {
    Change::Append(Entry::new(kind))
}

/// A refund of $900 as the Stripe mapping reads it.
pub(crate) fn action() -> Action {
    Action {
        provider: "stripe".into(),
        operation: "refunds.create".into(),
        name: "process_refund".into(),
        access: Access::Write,
        fields: BTreeMap::from([
            ("amount".into(), Value::Int(90_000)),
            ("currency".into(), Value::Text("usd".to_owned())),
            ("full".into(), Value::Bool(false)),
            ("resource_ids".into(), Value::List(vec!["ch_1".to_owned()])),
        ]),
        missing: Vec::new(),
        target: Target {
            kind: "charge".into(),
            id: Some("ch_1".to_owned()),
        },
        environment: "production".into(),
        labels: None,
        unmapped: false,
        inspected: true,
        summary: "Refund $900.00 of ch_1 in Stripe".to_owned(),
        request_line: "POST https://api.stripe.com/v1/refunds?key=…".to_owned(),
        answer: Arc::default(),
        also: Vec::new(),
        tie: Tie::default(),
        risk: None,
    }
}

pub(crate) fn call_row(id: &CallId, decision: &'static str) -> CallRow {
    let action = action();
    CallRow {
        id: id.clone(),
        time: Timestamp(1_000),
        agent: "support-bot".into(),
        provider: action.provider,
        operation: action.operation,
        action: action.name,
        environment: action.environment,
        decision,
        would: None,
        rules: vec!["refund-over-500".into()],
        approval: None,
        reason: None,
        outcome: (decision == "BLOCK").then_some(Outcome::NotSent),
        summary: action.summary,
        request_line: action.request_line,
        target_kind: action.target.kind,
        target_id: action.target.id,
        risk: Some(74),
    }
}

/// A decision with an entry and two values beside it.
pub(crate) fn decided(id: &CallId, decision: &'static str) -> Vec<Change> {
    let entry = Entry::new(Kind::Decided)
        .call(id)
        .commit("summary", Committed::keep(&"Refund"))
        .commit("request", Committed::hide(&"POST /v1/refunds?key=secret"));
    vec![
        Change::Append(entry),
        Change::CallDecided(Box::new(call_row(id, decision))),
    ]
}

pub(crate) fn closed(id: &CallId) -> Vec<Change> {
    vec![
        Change::Append(Entry::new(Kind::Outcome).call(id)),
        Change::CallClosed(CallClosed {
            call: id.clone(),
            time: Timestamp(2_000),
            outcome: Outcome::Success,
            reason: None,
            status: Some(200),
            result_id: Some("re_1".to_owned()),
            carried: None,
        }),
    ]
}

pub(crate) fn approval() -> ApprovalRow {
    ApprovalRow {
        id: ApprovalId::random(),
        revision: 0,
        state: State::Pending,
        fingerprint: [9; 32],
        remainder: None,
        idempotency: Some("a1".to_owned()),
        facts: Facts {
            agent: "support-bot".into(),
            roles: Arc::new(["support".into()]),
            host: "api.stripe.com".to_owned(),
            method: "POST".to_owned(),
        },
        action: action(),
        rules: vec![HoldRule {
            id: "refund-over-500".into(),
            reason: Some("Refunds over $500 need a person".to_owned()),
            approvers: vec!["finance".into()],
            quorum: 1,
            timeout: Some(Duration::from_millis(90_500)),
            escalation: None,
            digest: "ab".repeat(32).into(),
            unchecked: Vec::new(),
        }],
        votes: Vec::new(),
        stated: BTreeMap::new(),
        denial: None,
        escalated: Vec::new(),
        asked: None,
        returned: 0,
        created: Timestamp(1_000),
        expires: Timestamp(901_000),
        grant_expires: None,
        decided: None,
        first_call: CallId::random(),
        consumed_by: None,
        consumed: None,
    }
}

/// A grant of so many uses.
pub(crate) fn grant(uses: u32) -> Grant {
    Grant {
        id: GrantId::random(),
        agent: "support-bot".into(),
        scope: Scope::Within(Bounds {
            action: "process_refund".into(),
            kind: "charge".into(),
            target: None,
            environment: None,
            most: BTreeMap::from([(
                "amount".into(),
                Most {
                    value: 100_000,
                    currency: Some("usd".into()),
                },
            )]),
        }),
        vote: Vote {
            person: "alice".into(),
            time: Timestamp(1_000),
            proof: "key".into(),
            reason: Some("a lost shipment".to_owned()),
            rules: vec![("refund-over-500".into(), "d1".into())],
        },
        uses,
        created: Timestamp(1_000),
        expires: Timestamp(1_801_000),
    }
}

/// The row after people consented.
pub(crate) fn granted(row: &ApprovalRow) -> ApprovalRow {
    ApprovalRow {
        revision: row.revision + 1,
        state: State::Approved,
        decided: Some(Timestamp(2_000)),
        grant_expires: Some(Timestamp(602_000)),
        ..row.clone()
    }
}

/// The row after it was spent on `call`.
pub(crate) fn spent(row: &ApprovalRow, call: &CallId) -> ApprovalRow {
    ApprovalRow {
        revision: row.revision + 1,
        state: State::Consumed,
        consumed_by: Some(call.clone()),
        consumed: Some(Timestamp(3_000)),
        ..row.clone()
    }
}

/// Makes each transaction that appends a `shutdown` fail at COMMIT: an orphan that is only noticed there.
pub(crate) fn fail_at_commit(connection: &rusqlite::Connection) {
    connection
        .execute_batch(
            "CREATE TEMP TABLE parents (id INTEGER PRIMARY KEY);
            CREATE TEMP TABLE orphans (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
            CREATE TEMP TRIGGER fail AFTER INSERT ON main.entries WHEN NEW.kind = 'shutdown'
            BEGIN INSERT INTO orphans VALUES (1); END;",
        )
        .unwrap();
}
