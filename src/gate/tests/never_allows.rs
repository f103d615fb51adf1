//! Missing is never zero: leaving a field out never turns a block or a hold into ALLOW.

use proptest::prelude::*;

use super::*;

fn value(kind: FieldType) -> BoxedStrategy<Value> {
    match kind {
        FieldType::Int => prop_oneof![
            prop::sample::select(vec![-1, 0, 10, 11, 100, 101, 50_000, 50_001, 1_000_000_000_000_000]),
            0..1_000_000i64,
        ]
        .prop_map(Value::Int)
        .boxed(),
        FieldType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::String => prop::sample::select(vec!["usd", "eur", "jpy", "x"])
            .prop_map(|text| Value::Text(text.to_owned()))
            .boxed(),
        FieldType::Strings => prop::sample::subsequence(vec!["a", "b"], 0..=2)
            .prop_map(|texts| Value::List(texts.into_iter().map(str::to_owned).collect()))
            .boxed(),
    }
}

/// An action of the vocabulary with all that it requires, but what the gate works out, and some of what it may have.
fn complete_action() -> impl Strategy<Value = Action> {
    let names: Vec<Arc<str>> = vocabulary().actions.keys().cloned().collect();
    prop::sample::select(names).prop_flat_map(|name| {
        let definition = vocabulary().actions[&name].clone();
        let given = |field: &&Arc<str>| vocabulary().fields[*field].derived_from.is_none();
        let required = definition
            .required
            .iter()
            .filter(given)
            .map(|field| (field.clone(), true));
        let optional = definition
            .optional
            .iter()
            .filter(given)
            .map(|field| (field.clone(), false));
        let fields: Vec<_> = required
            .chain(optional)
            .map(|(field, required)| {
                let value = value(vocabulary().fields[&field].kind);
                (
                    Just(field),
                    value,
                    any::<bool>().prop_map(move |there| there || required),
                )
            })
            .collect();
        let environment = prop::sample::select(vec!["unknown", "test"]);
        (fields, any::<bool>(), environment).prop_map(move |(fields, unmapped, environment)| {
            let there = fields.into_iter().filter(|(_, _, there)| *there);
            let fields: Vec<(Arc<str>, Value)> = there.map(|(field, value, _)| (field, value)).collect();
            let fields: Vec<(&str, Value)> = fields.iter().map(|(field, value)| (&**field, value.clone())).collect();
            let mut action = action(&name, &fields);
            action.unmapped = unmapped;
            action.environment = environment.into();
            action
        })
    })
}

/// A rule on one action that turns on one of its fields.
fn rule() -> impl Strategy<Value = String> {
    let vocabulary = vocabulary();
    let mut conditions = Vec::new();
    for (name, definition) in &vocabulary.actions {
        for (fields, required) in [(&definition.required, true), (&definition.optional, false)] {
            for field in fields {
                let guard = if required {
                    String::new()
                } else {
                    format!("context has {field} && ")
                };
                let test = match vocabulary.fields[field].kind {
                    FieldType::Int => format!("context.{field} > 100"),
                    FieldType::Bool => format!("context.{field}"),
                    FieldType::String => format!("context.{field} == \"x\""),
                    FieldType::Strings => format!("context.{field}.contains(\"a\")"),
                };
                conditions.push((name.clone(), format!("{guard}{test}")));
            }
        }
    }
    let kind = prop::sample::select(vec!["permit", "forbid", "@decision(\"REQUIRE_APPROVAL\") forbid"]);
    let clause = prop::sample::select(vec!["when", "unless"]);
    (kind, prop::sample::select(conditions), clause).prop_map(|(kind, (action, condition), clause)| {
        format!("{kind} (principal, action == Action::\"{action}\", resource) {clause} {{ {condition} }};")
    })
}

fn is_allow(gate: &Gate, action: &Action, evidence: Option<&Evidence>) -> bool {
    matches!(
        gate.rules().review(&call().facts(), action, evidence, NOON),
        Verdict::Allow { .. }
    )
}

fn with_rules(rules: &[String]) -> Gate {
    let rules = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| format!("@id(\"r{at}\") {rule}\n"));
    gate(&rules.collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn dropping_a_required_field_never_allows(
        rules in prop::collection::vec(rule(), 0..30),
        actions in prop::collection::vec((complete_action(), any::<prop::sample::Index>(), any::<bool>()), 60),
    ) {
        let gate = with_rules(&rules);
        for (full, which, unreadable) in actions {
            let required: Vec<Arc<str>> = full.fields.keys().filter(|field| {
                vocabulary().actions[&full.name].required.contains(field)
            }).cloned().collect();
            if required.is_empty() {
                continue;
            }
            let field = which.get(&required).clone();
            let mut dropped = full.clone();
            let value = dropped.fields.remove(&field).unwrap();
            let why = if unreadable { Why::Unreadable } else { Why::Absent };
            dropped.missing.push(Missing { field: field.clone(), why });

            prop_assert!(!is_allow(&gate, &dropped, None));
            let Verdict::RequireApproval { rules } = gate.rules().review(&call().facts(), &dropped, None, NOON) else {
                continue;
            };
            // A person who states another value than the call would have had answers for it; one who states the same
            // gets what the full call would have got, and nobody's vote is nobody's.
            let stated = [(&*field, value)];
            let mut unvoted = evidence(&rules, &stated);
            unvoted.votes.clear();
            prop_assert!(!is_allow(&gate, &dropped, Some(&unvoted)));
            let incomplete: Vec<HoldRule> =
                rules.iter().filter(|rule| &*rule.id == INCOMPLETE_ACTION).cloned().collect();
            prop_assert_eq!(incomplete.len(), 1);
            let others: Vec<HoldRule> = rules.iter().filter(|rule| &*rule.id != INCOMPLETE_ACTION).cloned().collect();
            prop_assert!(!is_allow(&gate, &dropped, Some(&evidence(&others, &stated))));
            prop_assert_eq!(
                gate.rules().review(&call().facts(), &dropped, Some(&evidence(&incomplete, &stated)), NOON),
                gate.rules().review(&call().facts(), &full, None, NOON)
            );
        }
    }

    #[test]
    fn an_action_that_lacks_anything_never_passes_without_a_vote(
        rules in prop::collection::vec(rule(), 0..30),
        actions in prop::collection::vec((complete_action(), any::<u64>()), 60),
    ) {
        let gate = with_rules(&rules);
        for (mut action, lost) in actions {
            let fields: Vec<Arc<str>> = action.fields.keys().cloned().collect();
            let mut stated = Vec::new();
            for (at, field) in fields.into_iter().enumerate().filter(|(at, _)| lost >> (at % 64) & 1 == 1 || *at == 0) {
                let value = action.fields.remove(&field).unwrap();
                action.missing.push(Missing { field: field.clone(), why: Why::Unreadable });
                stated.push((at, field, value));
            }
            if stated.is_empty() {
                continue;
            }
            prop_assert!(!is_allow(&gate, &action, None));
            let stated: Vec<(&str, Value)> = stated.iter().map(|(_, field, value)| (&**field, value.clone())).collect();
            let mut unvoted = evidence(&[], &stated);
            prop_assert!(!is_allow(&gate, &action, Some(&unvoted)));
            unvoted.votes.clear();
            prop_assert!(!is_allow(&gate, &action, Some(&unvoted)));
        }
    }
}
