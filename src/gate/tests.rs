//! The gate with the vocabulary and the baseline that ship.

mod baseline;
mod budgets;
mod completing;
mod labels;
mod made;
mod meanings;
mod never_allows;
mod packs;
mod risk;

use super::*;
use crate::model::vocabulary::FieldType;
use crate::model::{
    Access, ApprovalId, Authority, Body, CallId, Caller, HoldRule, Host, Missing, Origin, Reason, Scheme, Source,
    Target, Tie, Timestamp, Value, Vote, Why,
};
use crate::policy::{Hold, Permit};

const BASELINE: &str = include_str!("../../policies/baseline.cedar");
const TARGETS: &str = include_str!("../../policies/targets.yaml");
const VOCABULARY: &str = include_str!("../../mappings/actions.yaml");

/// The vocabulary that ships.
fn vocabulary() -> Arc<Vocabulary> {
    static VOCABULARY: std::sync::LazyLock<Arc<Vocabulary>> =
        std::sync::LazyLock::new(|| rule_set("", Rates::default()).vocabulary().clone());
    VOCABULARY.clone()
}

/// The baseline and `more` rules.
fn rule_set(more: &str, rates: Rates) -> Rules {
    labelled(more, TARGETS, rates)
}

/// The same with that `targets.yaml`.
fn labelled(more: &str, targets: &str, rates: Rates) -> Rules {
    let file = |name: &str, text: &str| Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    let sources = Sources {
        vocabulary: file("mappings/actions.yaml", VOCABULARY),
        mappings: Vec::new(),
        policies: vec![
            file("policies/baseline.cedar", BASELINE),
            file("policies/more.cedar", more),
        ],
        budgets: Vec::new(),
        prices: None,
        targets: file("policies/targets.yaml", targets),
    };
    let groups = BTreeSet::from(["finance".to_owned()]);
    let config = Config {
        rates,
        ..Config::default()
    };
    Rules::load(&sources, Some(&groups), config, &Arc::default()).unwrap_or_else(|diagnostics| {
        let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

/// A Friday in November, UTC.
const NOON: Timestamp = Timestamp(1_795_176_000_000);

fn rates() -> Rates {
    let mut rates = Rates::new(Some("usd"));
    rates.insert("eur", "1.10").unwrap();
    rates
}

fn gate(more: &str) -> Gate {
    Gate::new(rule_set(more, rates()))
}

fn call() -> Call {
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "support-bot".into(),
            roles: Arc::from([Arc::from("support")]),
            owner: None,
        },
        received: Timestamp(0),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name("api.stripe.com".into()),
            port: 443,
        },
        method: http::Method::POST,
        path: "/v1/refunds".to_owned(),
        query: None,
        headers: http::HeaderMap::new(),
        body: Body::Absent,
    }
}

/// An action of a mapped operation, with these fields.
pub(super) fn action(name: &str, fields: &[(&str, Value)]) -> Action {
    let definition = &vocabulary().actions[name];
    let fields: BTreeMap<Arc<str>, Value> = fields
        .iter()
        .map(|(name, value)| (Arc::from(*name), value.clone()))
        .collect();
    let absent = |field: &&Arc<str>| !fields.contains_key(*field) && vocabulary().fields[*field].derived_from.is_none();
    let missing = definition.required.iter().filter(absent).map(|field| Missing {
        field: field.clone(),
        why: Why::Absent,
    });
    Action {
        provider: "stripe".into(),
        operation: "refunds.create".into(),
        name: name.into(),
        access: definition.access,
        missing: missing.collect(),
        fields,
        target: Target {
            kind: "charge".into(),
            id: Some("ch_1".to_owned()),
        },
        environment: "unknown".into(),
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
    action("process_refund", &[("amount", Value::Int(amount))])
}

/// A vote of one person for each of these rules, and the values they state.
fn evidence(rules: &[HoldRule], stated: &[(&str, Value)]) -> Evidence {
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
        stated: stated
            .iter()
            .map(|(name, value)| (Arc::from(*name), value.clone()))
            .collect(),
    }
}

/// `ALLOW a b`, `BLOCK policy_blocked a`, `REQUIRE_APPROVAL a b`; the same from both ways of asking.
fn decided(gate: &Gate, action: &Action, evidence: Option<&Evidence>) -> String {
    decided_call(gate, call(), action, evidence)
}

fn decided_call(gate: &Gate, call: Call, action: &Action, evidence: Option<&Evidence>) -> String {
    let verdict = gate.rules().review(&call.facts(), action, evidence, NOON);
    let (head, rules) = match gate.rules().decide(call, action.clone(), evidence, NOON) {
        Decision::Allow(permit) => ("ALLOW".to_owned(), permit.rules().to_vec()),
        Decision::Block(blocked) => (
            format!("BLOCK {}", blocked.reason),
            blocked.rules.into_iter().map(|rule| rule.id).collect(),
        ),
        Decision::RequireApproval(hold) => (
            "REQUIRE_APPROVAL".to_owned(),
            hold.rules.into_iter().map(|rule| rule.id).collect(),
        ),
    };
    let (reviewed, reviewed_rules) = match verdict {
        Verdict::Allow { rules } => ("ALLOW".to_owned(), rules),
        Verdict::Block { reason, rules } => (
            format!("BLOCK {reason}"),
            rules.into_iter().map(|rule| rule.id).collect(),
        ),
        Verdict::RequireApproval { rules } => (
            "REQUIRE_APPROVAL".to_owned(),
            rules.into_iter().map(|rule| rule.id).collect(),
        ),
    };
    assert_eq!(
        (&head, &rules),
        (&reviewed, &reviewed_rules),
        "decide and review differ"
    );
    std::iter::once(&*head)
        .chain(rules.iter().map(|id| &**id))
        .collect::<Vec<_>>()
        .join(" ")
}

fn held(gate: &Gate, action: &Action, evidence: Option<&Evidence>) -> Vec<HoldRule> {
    match gate.rules().decide(call(), action.clone(), evidence, NOON) {
        Decision::RequireApproval(hold) => hold.rules,
        other @ (Decision::Allow(_) | Decision::Block(_)) => panic!("expected a hold, found {other:?}"),
    }
}

fn allowed(gate: &Gate, action: &Action, evidence: Option<&Evidence>) -> Permit {
    match gate.rules().decide(call(), action.clone(), evidence, NOON) {
        Decision::Allow(permit) => permit,
        other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("expected a permit, found {other:?}"),
    }
}

#[test]
fn a_reload_is_in_force_for_the_next_decision() {
    let gate = gate("");
    let before = gate.rules().policies().digest().clone();
    assert_eq!(decided(&gate, &refund(1), None), "ALLOW changes");
    gate.replace(rule_set("@id(\"stop\") forbid (principal, action, resource);", rates()));
    assert_eq!(decided(&gate, &refund(1), None), "BLOCK policy_blocked stop");
    assert_ne!(gate.rules().policies().digest(), &before);
}

#[test]
fn debug_of_a_decision_shows_no_header_query_or_body() {
    let secret = || {
        let mut call = call();
        let value = http::HeaderValue::from_static("Bearer hunter2");
        call.headers.insert("authorization", value);
        call.query = Some("token=hunter2".to_owned());
        call.body = Body::Captured(bytes::Bytes::from_static(b"hunter2"));
        call
    };
    let mut action = refund(1);
    action.summary = "Refund hunter2".to_owned();
    action.fields.insert("currency".into(), Value::Text("usd".to_owned()));
    action
        .fields
        .insert("resource_ids".into(), Value::List(vec!["hunter2".to_owned()]));
    for (rules, kind) in [
        ("", "Allow(Permit"),
        ("@id(\"b\") forbid (principal, action, resource);", "Block(Blocked"),
        (
            "@id(\"h\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action, resource);",
            "RequireApproval(Hold",
        ),
    ] {
        let shown = format!("{:?}", gate(rules).rules().decide(secret(), action.clone(), None, NOON));
        assert!(shown.starts_with(kind) && shown.contains("process_refund"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }
}
