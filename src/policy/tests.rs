//! What rules decide, on a small vocabulary of our own.

mod files;
mod fits;
mod incomplete;
mod index;
mod kinds;
mod meanings;
mod names;
mod trial;
mod verdicts;
mod warns;

use std::collections::BTreeMap;

use super::rule::Kind;
use super::*;
use crate::model::time::Zone;
use crate::model::vocabulary::{ActionClass, FieldClass, FieldDefinition, FieldType, Incomplete, Reversible};
use crate::model::{Access, ApprovalId, HoldRule, Missing, Target, Tie, Timestamp, Value, Vote, Why};

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn action_definition(groups: &[&str], access: Access, required: &[&str], optional: &[&str]) -> ActionDefinition {
    ActionDefinition {
        description: String::new(),
        groups: names(groups),
        access,
        reversible: Reversible::No,
        class: ActionClass::Unknown,
        required: names(required),
        optional: names(optional),
        incomplete: Incomplete::Hold,
        budgets: BTreeMap::new(),
        summary: String::new(),
    }
}

fn vocabulary() -> Vocabulary {
    let field = |kind, derived_from: Option<&str>| FieldDefinition {
        kind,
        description: String::new(),
        derived_from: derived_from.map(Arc::from),
        class: FieldClass::Text,
    };
    let fields = [
        ("amount", field(FieldType::Int, None)),
        ("amount_base", field(FieldType::Int, Some("amount"))),
        ("currency", field(FieldType::String, None)),
        ("record_count", field(FieldType::Int, None)),
        ("unbounded", field(FieldType::Bool, None)),
        ("domains", field(FieldType::Strings, None)),
        ("record_kind", field(FieldType::String, None)),
        ("sql_tables", field(FieldType::Strings, None)),
    ];
    let money = ["amount", "amount_base"];
    let mut export = action_definition(&["data"], Access::Write, &["record_count"], &[]);
    export.incomplete = Incomplete::Block;
    let actions = [
        (
            "read_record",
            action_definition(&["data"], Access::Read, &[], &["record_count"]),
        ),
        (
            "process_refund",
            action_definition(&["payments"], Access::Write, &money, &["currency"]),
        ),
        (
            "create_charge",
            action_definition(&["payments"], Access::Write, &money, &["currency"]),
        ),
        (
            "modify_record",
            action_definition(
                &["data"],
                Access::Write,
                &[],
                &["amount", "domains", "record_kind", "sql_tables"],
            ),
        ),
        (
            "delete_records",
            action_definition(&["data"], Access::Delete, &["unbounded"], &["record_count"]),
        ),
        ("export_data", export),
    ];
    let named = |name: &str| Arc::<str>::from(name);
    Vocabulary {
        groups: ["payments", "data"]
            .into_iter()
            .map(|group| (named(group), named("")))
            .collect(),
        fields: fields.into_iter().map(|(name, field)| (named(name), field)).collect(),
        actions: actions
            .into_iter()
            .map(|(name, action)| (named(name), action))
            .collect(),
        digest: named("test"),
    }
}

fn load(text: &str) -> Result<Policies, Vec<Diagnostic>> {
    let file = Source {
        file: "policies/test.cedar".to_owned(),
        text: text.to_owned(),
    };
    let groups = BTreeSet::from(["finance".to_owned(), "legal".to_owned()]);
    Policies::load(&[file], Arc::new(vocabulary()), Some(&groups))
}

fn policies(text: &str) -> Policies {
    load(text).unwrap_or_else(|diagnostics| {
        let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

fn facts() -> Facts {
    Facts {
        agent: "support-bot".into(),
        roles: names(&["support"]).into(),
        host: "api.example.com".to_owned(),
        method: "POST".to_owned(),
    }
}

fn action(name: &str, fields: &[(&str, Value)]) -> Action {
    let access = vocabulary()
        .actions
        .get(name)
        .map_or(Access::Write, |definition| definition.access);
    Action {
        provider: "stripe".into(),
        operation: "refunds.create".into(),
        name: name.into(),
        access,
        fields: fields
            .iter()
            .map(|(name, value)| (Arc::from(*name), value.clone()))
            .collect(),
        missing: Vec::new(),
        target: Target {
            kind: "charge".into(),
            id: Some("ch_1".to_owned()),
        },
        environment: "production".into(),
        labels: None,
        unmapped: false,
        inspected: true,
        summary: String::new(),
        request_line: String::new(),
        answer: Arc::default(),
        also: Vec::new(),
        tie: Tie::default(),
        risk: None,
    }
}

fn refund(amount: i64) -> Action {
    action(
        "process_refund",
        &[("amount", Value::Int(amount)), ("amount_base", Value::Int(amount))],
    )
}

fn without(mut action: Action, fields: &[&str]) -> Action {
    for field in fields {
        action.fields.remove(*field);
        action.missing.push(Missing {
            field: Arc::from(*field),
            why: Why::Absent,
        });
    }
    action
}

/// Noon of a Friday.
fn situation() -> Situation {
    Situation::at(Zone::default().at(Timestamp(1_795_176_000_000)), 50)
}

/// A vote of one person for each of these rules.
fn evidence(rules: &[HoldRule]) -> Evidence {
    Evidence {
        approval: ApprovalId::random(),
        votes: vec![Vote {
            person: "alice".into(),
            time: Timestamp(0),
            proof: "key".into(),
            reason: None,
            rules: rules
                .iter()
                .map(|rule| (rule.id.clone(), rule.digest.clone()))
                .collect(),
        }],
        stated: BTreeMap::new(),
    }
}

/// `ALLOW a b`, `BLOCK policy_blocked a`, `REQUIRE_APPROVAL a b`.
fn shown(verdict: &Verdict) -> String {
    let (head, rules): (String, Vec<&str>) = match verdict {
        Verdict::Allow { rules } => ("ALLOW".to_owned(), rules.iter().map(|id| &**id).collect()),
        Verdict::Block { reason, rules } => (format!("BLOCK {reason}"), rules.iter().map(|rule| &*rule.id).collect()),
        Verdict::RequireApproval { rules } => (
            "REQUIRE_APPROVAL".to_owned(),
            rules.iter().map(|rule| &*rule.id).collect(),
        ),
    };
    std::iter::once(head.as_str())
        .chain(rules)
        .collect::<Vec<_>>()
        .join(" ")
}

fn decided(policies: &Policies, action: &Action) -> String {
    shown(&policies.evaluate(&facts(), action, &situation(), None))
}

fn holds(policies: &Policies, action: &Action, evidence: Option<&Evidence>) -> Vec<HoldRule> {
    match policies.evaluate(&facts(), action, &situation(), evidence) {
        Verdict::RequireApproval { rules } => rules,
        other @ (Verdict::Allow { .. } | Verdict::Block { .. }) => panic!("expected a hold, found {other:?}"),
    }
}
