//! What `fit` lets through, Cedar's own check against the schema would let through too: it is not made for each call.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-10i64..10).prop_map(Value::Int),
        "[a-z]{0,3}".prop_map(Value::Text),
        prop::collection::vec("[a-z]{0,3}", 0..3).prop_map(Value::List),
    ]
}

/// A value of the field's type, mostly.
fn field() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        (-10i64..10).prop_map(|number| ("amount", Value::Int(number))),
        (-10i64..10).prop_map(|number| ("amount_base", Value::Int(number))),
        (-10i64..10).prop_map(|number| ("record_count", Value::Int(number))),
        any::<bool>().prop_map(|flag| ("unbounded", Value::Bool(flag))),
        Just(("currency", Value::Text("usd".to_owned()))),
        Just(("domains", Value::List(vec!["example.com".to_owned()]))),
        (
            prop::sample::select(vec!["amount", "currency", "unbounded", "domains", "host", "other"]),
            value()
        ),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    let names: Vec<String> = vocabulary().actions.keys().map(ToString::to_string).collect();
    let name = prop::sample::select(names);
    let missing = prop::sample::subsequence(vec!["amount", "amount_base", "record_count", "unbounded"], 0..=4);
    (name, prop::collection::vec(field(), 0..4), missing, any::<[bool; 5]>()).prop_map(
        |(name, fields, missing, [unmapped, inspected, known, mended, complete])| {
            let mut action = action(&name, &fields);
            action.missing = missing
                .into_iter()
                .filter(|field| !action.fields.contains_key(*field))
                .map(|field| Missing {
                    field: field.into(),
                    why: Why::Absent,
                })
                .collect();
            (action.unmapped, action.inspected) = (unmapped, inspected);
            action.target.id = known.then(|| "id".to_owned());
            if mended { mend(action, complete) } else { action }
        },
    )
}

/// The action as it should be, but for types: only fields that it may have, and none forgotten.
fn mend(mut action: Action, complete: bool) -> Action {
    let definition = vocabulary().actions[&action.name].clone();
    let known = |name: &Arc<str>| definition.required.contains(name) || definition.optional.contains(name);
    action.fields.retain(|name, _| known(name));
    action.missing.retain(|missing| !complete && known(&missing.field));
    for name in &definition.required {
        if action.fields.contains_key(name) || action.is_missing(name) {
            continue;
        }
        if !complete {
            action = without(action, &[name]);
            continue;
        }
        let value = match &**name {
            "unbounded" => Value::Bool(true),
            _ => Value::Int(1),
        };
        action.fields.insert(name.clone(), value);
    }
    action
}

#[test]
fn what_fits_the_vocabulary_fits_the_schema() {
    let policies = policies(r#"@id("all") permit (principal, action, resource);"#);
    let fitting = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2048)
    });
    let agree = runner.run(&any_action(), |action| {
        let definition = &policies.vocabulary.actions[&action.name];
        if fit::check(&action, definition, &policies.vocabulary).is_err() {
            return Ok(());
        }
        fitting.set(fitting.get() + 1);
        let schema = match action.missing.is_empty() {
            true => &policies.strict,
            false => &policies.lenient,
        };
        let (facts, index) = (facts(), &policies.index);
        let prepared = policies
            .requests
            .prepare(&facts, &action, Possible::default(), definition, index)
            .unwrap();
        let situation = situation();
        let checked = request::request(
            &prepared,
            request::attributes(&facts, &action, definition, &situation),
            Some(schema),
        );
        prop_assert!(checked.is_ok());
        Ok(())
    });
    agree.unwrap();
    // About half of them.
    assert!(fitting.get() > 500, "{} fit", fitting.get());
}
