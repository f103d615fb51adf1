//! Records of calls, as the sidecar writes them.

use super::*;
use crate::model::change::ApprovalRow;
use crate::store::{Reader, Store};

/// A record of its own.
pub(crate) struct Scene {
    pub(crate) home: tempfile::TempDir,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

/// A call that is to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) agent: &'static str,
    pub(crate) action: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) received: i64,
    /// Amount, currency, and its worth.
    pub(crate) money: Option<(i64, &'static str, Option<i64>)>,
    /// Of what else the call does.
    pub(crate) also: Option<(i64, &'static str, Option<i64>)>,
    pub(crate) summary: String,
    pub(crate) target: String,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            agent: "support-bot",
            action: "process_refund",
            provider: "stripe",
            received: 1_000,
            money: Some((90_000, "usd", Some(90_000))),
            also: None,
            summary: "Refund $900.00 of ch_1 in Stripe".to_owned(),
            target: "ch_1".to_owned(),
        }
    }
}

fn fields(money: Option<(i64, &str, Option<i64>)>) -> BTreeMap<Arc<str>, Value> {
    let Some((amount, currency, base)) = money else {
        return BTreeMap::new();
    };
    let mut fields = BTreeMap::from([("amount".into(), Value::Int(amount))]);
    if !currency.is_empty() {
        fields.insert("currency".into(), Value::Text(currency.to_owned()));
    }
    fields.extend(base.map(|base| ("amount_base".into(), Value::Int(base))));
    fields
}

impl Made {
    pub(crate) fn action(&self) -> Action {
        let mut action = sample::action();
        action.name = self.action.into();
        action.provider = self.provider.into();
        action.fields = fields(self.money);
        action.summary.clone_from(&self.summary);
        action.target.id = Some(self.target.clone());
        action.also = self
            .also
            .map(|money| Action {
                fields: fields(Some(money)),
                also: Vec::new(),
                ..action.clone()
            })
            .into_iter()
            .collect();
        action
    }

    /// What is written when it is decided.
    pub(crate) fn decided(&self, id: &CallId, decision: &'static str, approval: Option<&ApprovalId>) -> Vec<Change> {
        let mut call = call();
        call.id = id.clone();
        call.caller.agent = self.agent.into();
        call.received = Timestamp(self.received);
        let rules = ["refund-over-500".into()];
        let ruling = Ruling {
            decision,
            reason: (decision == "BLOCK").then_some(Reason::PolicyBlocked),
            rules: &rules,
            approval,
            spending: None,
            would: None,
            trial: None,
        };
        decided(&call, &self.action(), &ruling, &digests())
    }

    /// What is written when it ends.
    pub(crate) fn ended(&self, id: &CallId, outcome: Outcome) -> Vec<Change> {
        let end = CallClosed {
            call: id.clone(),
            time: Timestamp(self.received + 10),
            outcome,
            reason: None,
            status: (outcome == Outcome::Success).then_some(200),
            result_id: None,
            carried: None,
        };
        closed(&self.agent.into(), end)
    }

    /// An approval that asks about it.
    pub(crate) fn asked(&self, id: &CallId) -> ApprovalRow {
        let mut row = sample::approval();
        row.first_call = id.clone();
        row.facts.agent = self.agent.into();
        row.action = self.action();
        row
    }
}

/// A person's yes to it, and the row after it.
pub(crate) fn consent(row: &ApprovalRow, person: &str) -> (ApprovalRow, Vec<Change>) {
    let vote = Vote {
        person: person.into(),
        time: Timestamp(2_000),
        proof: "key".into(),
        reason: None,
        rules: vec![("refund-over-500".into(), "ab".repeat(32).into())],
    };
    let mut granted = sample::granted(row);
    granted.votes.push(vote.clone());
    let changes = approved(&granted, &vote, &BTreeMap::new());
    (granted, changes)
}

impl Scene {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join(crate::store::FILE)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { home, store, runtime }
    }

    pub(crate) fn write(&self, changes: Vec<Change>) {
        self.runtime.block_on(self.store.write(changes)).unwrap();
    }

    pub(crate) fn reader(&self) -> Reader {
        self.store.reader().unwrap()
    }

    /// A call that was decided so, and ended so.
    pub(crate) fn call(&self, made: &Made, decision: &'static str, outcome: Option<Outcome>) -> CallId {
        let id = CallId::random();
        let mut changes = made.decided(&id, decision, None);
        changes.extend(outcome.into_iter().flat_map(|outcome| made.ended(&id, outcome)));
        self.write(changes);
        id
    }

    /// A call that was held, and sent once `person` had consented.
    pub(crate) fn approved(&self, made: &Made, person: &str) -> CallId {
        let id = CallId::random();
        let row = made.asked(&id);
        let mut changes = made.decided(&id, "REQUIRE_APPROVAL", Some(&row.id));
        changes.extend(held(&row));
        let (granted, consented) = consent(&row, person);
        changes.extend(consented);
        changes.extend(made.decided(&id, "ALLOW", Some(&row.id)));
        changes.extend(consumed(&sample::spent(&granted, &id)));
        changes.extend(made.ended(&id, Outcome::Success));
        self.write(changes);
        id
    }
}
