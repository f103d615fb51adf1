use std::path::Path;

use super::*;
use crate::model::Source;

fn shipped() -> Mappings {
    let (vocabulary, files) = shipped::mappings(Path::new("/nowhere")).unwrap();
    Mappings::load(&vocabulary, &files).unwrap()
}

#[test]
fn the_skeleton_of_every_action_loads_with_each_of_its_conditions() {
    let mappings = shipped();
    let vocabulary = mappings.vocabulary();
    let rules: Vec<(String, String)> = vocabulary
        .actions
        .iter()
        .map(|(name, definition)| {
            (
                format!("policies/{name}.cedar"),
                skeleton::of(name, definition, vocabulary),
            )
        })
        .collect();
    let most = rules
        .iter()
        .map(|(_, rule)| rule.matches("// &&").count())
        .max()
        .unwrap();
    assert!(most > 2);
    for taken in 0..=most {
        let with = |(file, rule): &(String, String)| Source {
            file: file.clone(),
            text: rule.replacen("// &&", "&&", taken),
        };
        let sources: Vec<Source> = rules.iter().map(with).collect();
        if let Err(wrong) = Policies::load(&sources, vocabulary.clone(), None) {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            panic!("{}", wrong.join("\n"));
        }
    }
}

#[test]
fn an_action_is_shown_with_its_fields_operations_and_a_rule() {
    let mappings = shipped();
    let mut out = Vec::new();
    let definition = &mappings.vocabulary().actions["process_refund"];
    show("process_refund", definition, &mappings, &mut out).unwrap();
    let shown = String::from_utf8(out).unwrap();
    for part in [
        "process_refund: Give money back.",
        "write, not reversible",
        "context.amount_base",
        "must be told",
        "  Stripe: refunds.create\n",
        "when {\n  context.amount > 100\n",
        "// && context has currency && context.currency == ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn every_operation_of_the_shipped_mappings_has_its_action_in_the_list() {
    let mappings = shipped();
    let actions = &mappings.vocabulary().actions;
    assert!(mappings.meanings().count() > 500);
    for meant in mappings.meanings() {
        assert!(actions.contains_key(meant.action), "{meant:?}");
    }
    let mut out = Vec::new();
    list(&mappings, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), actions.len() + 1);
}

#[test]
fn an_unknown_action_is_answered_with_those_near_it() {
    let mappings = shipped();
    let said = unknown("refund", mappings.vocabulary());
    assert!(said.contains("process_refund"), "{said}");
    assert!(unknown("zzz", mappings.vocabulary()).contains("`runplane actions` lists all"));
}
