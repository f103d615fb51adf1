//! What is said of idle rules, and that it is true.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::index::{principal, question, scope_of_action};
use super::*;
use crate::model::labels::Possible;
use crate::policy::warn::{Known, Matter};

mod blocks;

fn known() -> Known {
    let set = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    Known {
        providers: set(&["stripe", "aws", "unknown"]),
        agents: set(&["a", "b"]),
        roles: set(&["r", "s"]),
        groups: set(&["approver", "finance"]),
        domains: None,
    }
}

fn warnings(text: &str) -> Vec<String> {
    let files = [Source {
        file: "policies/test.cedar".to_owned(),
        text: text.to_owned(),
    }];
    let warnings = policies(text).warnings(&files, &known());
    warnings.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn warns(text: &str, expected: &[&str]) {
    let said = warnings(text);
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(
            said.starts_with("policies/test.cedar:") && said.contains(" | "),
            "{said}"
        );
    }
}

const REFUND: &str = "principal, action == Action::\"process_refund\", resource";

#[test]
fn conditions_that_contradict_themselves_are_told() {
    for (condition, why) in [
        (
            "when { context.amount > 100 && context.amount < 50 }",
            "`context.amount`",
        ),
        (
            "when { context.amount >= 5 } unless { context.amount > 4 }",
            "`context.amount`",
        ),
        (
            "when { 100 < context.amount && context.amount == 7 }",
            "`context.amount`",
        ),
        (
            "when { context.host == \"a.example\" && context.host == \"b.example\" }",
            "`context.host`",
        ),
        (
            "when { [\"a\", \"b\"].contains(context.host) && context.host == \"c\" }",
            "`context.host`",
        ),
        (
            "when { context.host == \"a\" } unless { [\"a\", \"b\"].contains(context.host) }",
            "`context.host`",
        ),
        (
            "when { context.unmapped } unless { context.unmapped }",
            "`context.unmapped`",
        ),
        ("when { context.time.hour > 23 }", "`context.time.hour`"),
        ("when { context.time.weekday == \"Friday\" }", "`context.time.weekday`"),
        (
            "when { context.host like \"a*\" } unless { context.host like \"a*\" }",
            "and for its opposite",
        ),
        (
            "when { (context.amount < 5 || context.amount > 10) && context.amount == 7 }",
            "`context.amount`",
        ),
        (
            "when { resource.kind == \"charge\" && !(resource.kind == \"charge\") }",
            "`resource.kind`",
        ),
    ] {
        warns(&format!("@id(\"x\") permit ({REFUND}) {condition};"), &[why]);
    }
    for possible in [
        "when { context.amount > 100 && context.amount < 102 }",
        "when { context.amount >= 5 } unless { context.amount > 5 }",
        "when { context.amount < 5 || context.amount > 10 }",
        "when { context.time.hour >= 22 || context.time.hour < 6 }",
        "when { context.host == \"a\" } unless { context.method == \"a\" }",
        "when { context.time.weekday == \"friday\" && context.access == \"write\" }",
    ] {
        warns(&format!("@id(\"x\") permit ({REFUND}) {possible};"), &[]);
    }
}

#[test]
fn no_call_has_a_risk_above_100() {
    let rule = |condition: &str| format!("@id(\"x\") forbid ({REFUND}) when {{ {condition} }};");
    warns(&rule("context.risk > 100"), &["`context.risk`"]);
    warns(&rule("context.risk >= 100 && context.risk > 0"), &[]);
}

#[test]
fn rules_that_stand_twice_or_that_a_wider_one_covers_are_told() {
    let limit = "when { context.amount > 5 }";
    warns(
        &format!("@id(\"one\") permit ({REFUND}) {limit};\n@id(\"two\") permit ({REFUND}) {limit};"),
        &["rule `two` has the scope and the conditions of `one`"],
    );
    warns(
        &format!(
            "@id(\"narrow\") permit ({REFUND}) {limit};\n@id(\"wide\") permit (principal, action in Action::\"payments\", resource);"
        ),
        &["rule `narrow` is not needed: `wide` (policies/test.cedar:2:1) permits"],
    );
    let asks = |id: &str, who: &str, scope: &str| {
        format!("@id(\"{id}\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"{who}\") forbid ({scope});\n")
    };
    let wide = asks("wide", "finance", "principal, action in Action::\"payments\", resource");
    warns(
        &(asks("narrow", "finance", REFUND) + &wide),
        &["rule `narrow` is not needed"],
    );
    // Other people are asked.
    warns(&(asks("narrow", "finance, approver", REFUND) + &wide), &[]);
}

#[test]
fn a_hold_that_asks_more_people_is_covered_by_none_that_asks_fewer() {
    let asks = |id: &str, quorum: &str, scope: &str| {
        format!("@id(\"{id}\") @decision(\"REQUIRE_APPROVAL\") @quorum(\"{quorum}\") forbid ({scope});\n")
    };
    let payments = "principal, action in Action::\"payments\", resource";
    let (one, two) = (asks("wide", "1", payments), asks("wide", "2", payments));
    warns(&(asks("narrow", "2", REFUND) + &one), &[]);
    warns(
        &(asks("narrow", "1", REFUND) + &two),
        &["rule `narrow` is not needed: `wide`"],
    );
    // Of the same scope, the one that asks fewer is idle, whatever their names.
    warns(
        &(asks("a", "1", REFUND) + &asks("b", "2", REFUND)),
        &["rule `a` is not needed: `b`"],
    );
    warns(
        &(asks("a", "2", REFUND) + &asks("b", "1", REFUND)),
        &["rule `b` is not needed: `a`"],
    );
    warns(
        &(asks("a", "2", REFUND) + &asks("b", "2", REFUND)),
        &["rule `b` has the scope and the conditions of `a`"],
    );
}

/// Two packs may repeat the same rule of the baseline; what stands twice in one file, or beside no baseline, is told.
#[test]
fn what_the_baseline_says_another_file_may_say_again() {
    let rule = |id: &str| format!("@id(\"{id}\") forbid ({REFUND});\n");
    let told = |files: &[(&str, String)]| {
        let files: Vec<Source> = files
            .iter()
            .map(|(file, text)| Source {
                file: (*file).to_owned(),
                text: text.clone(),
            })
            .collect();
        let policies = Policies::load(&files, Arc::new(vocabulary()), None).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        policies.matters(&known())
    };
    let twice = |one: &str, other: &str| (Arc::from(other), Matter::Twice(Arc::from(one)));
    for baseline in ["embedded:policies/baseline.cedar", "policies/baseline.cedar"] {
        let files = [
            (baseline, rule("b")),
            ("policies/one.cedar", rule("a")),
            ("policies/two.cedar", rule("c")),
        ];
        assert_eq!(told(&files), []);
        let files = [(baseline, rule("b")), ("policies/one.cedar", rule("a") + &rule("c"))];
        assert_eq!(told(&files), [twice("a", "c")]);
    }
    let files = [("policies/one.cedar", rule("a")), ("policies/two.cedar", rule("c"))];
    assert_eq!(told(&files), [twice("a", "c")]);
}

#[test]
fn names_that_nobody_has_are_told() {
    warns(
        "@id(\"x\") permit (principal == Agent::\"aa\", action, resource) when { principal in Role::\"rr\" };",
        &[
            "there is no agent `aa`; did you mean `a`?",
            "there is no agent with the role `rr`",
        ],
    );
    warns(
        "@id(\"x\") forbid (principal, action, resource in Provider::\"strip\");",
        &["never holds: there is no provider in the mappings `strip`; did you mean `stripe`?"],
    );
    warns(
        "@id(\"x\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"legal\") forbid (principal, action, resource);",
        &["nobody is in legal; put somebody there with `runplane people add NAME --group legal`"],
    );
}

#[test]
fn whom_a_rule_spares_need_not_be_there() {
    let rule =
        |clause: &str| format!("@id(\"x\") forbid (principal, action == Action::\"export_data\", resource) {clause};");
    for spared in [
        "unless { principal in Role::\"data-exporter\" }",
        "when { !(principal in Role::\"data-exporter\") }",
        "when { principal != Agent::\"aa\" }",
        "unless { context.unmapped && principal == Agent::\"aa\" }",
    ] {
        warns(&rule(spared), &[]);
    }
    for (asked, says) in [
        ("when { principal in Role::\"rr\" }", "with the role `rr`"),
        ("unless { !(principal in Role::\"rr\") }", "with the role `rr`"),
        ("unless { principal != Agent::\"aa\" }", "no agent `aa`"),
        (
            "when { principal in Role::\"rr\" } unless { principal in Role::\"rr\" && context.unmapped }",
            "with the role `rr`",
        ),
    ] {
        warns(&rule(asked), &[says]);
    }
}

#[test]
fn of_a_rule_on_trial_it_is_told_that_it_can_say_nothing() {
    let limit = "when { context.amount > 5 }";
    let trial = |id: &str, rest: &str| format!("@id(\"{id}\") @mode(\"observe\") {rest}\n");
    warns(
        &trial(
            "x",
            &format!("forbid ({REFUND}) when {{ context.amount > 5 && context.amount < 5 }};"),
        ),
        &["rule `x` never holds"],
    );
    warns(
        &trial(
            "x",
            "@decision(\"REQUIRE_APPROVAL\") @approvers(\"legal\") forbid (principal == Agent::\"aa\", action, resource);",
        ),
        &["there is no agent `aa`", "nobody is in legal"],
    );
    // What others do as well is to be compared, and it does nothing to others.
    let rule = format!("permit ({REFUND}) {limit};");
    warns(&(trial("one", &rule) + &trial("two", &rule)), &[]);
    warns(&format!("{}@id(\"two\") {rule}", trial("one", &rule)), &[]);
    warns(&format!("@id(\"one\") {rule}\n{}", trial("two", &rule)), &[]);
    warns(
        &format!("{}@id(\"y\") {rule}", trial("block", &format!("forbid ({REFUND});"))),
        &[],
    );
}

fn rule() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "permit",
        "permit",
        "forbid",
        "@decision(\"REQUIRE_APPROVAL\") forbid",
        "@decision(\"REQUIRE_APPROVAL\") @quorum(\"2\") forbid",
        "@mode(\"observe\") permit",
        "@mode(\"observe\") forbid",
    ]);
    let resource = prop::sample::select(vec![
        "resource",
        "resource in Provider::\"stripe\"",
        "resource in Provider::\"nobody\"",
        "resource is Target",
        "resource is Target in Provider::\"aws\"",
    ]);
    let atom = prop::sample::select(vec![
        "context.method == \"POST\"",
        "context.method != \"GET\"",
        "context.unmapped",
        "!context.unmapped",
        "context.inspected",
        "(context.time.hour > 12)",
        "(context.time.hour < 13)",
        "context.time.weekday == \"friday\"",
        "(context.risk >= 50)",
        "!(context.risk <= 100)",
        "[\"POST\", \"GET\"].contains(context.method)",
        "!([\"GET\"].contains(context.method))",
        "(context.unmapped || context.inspected)",
        "!(context.unmapped && context.inspected)",
        "resource.kind == \"charge\"",
        "principal == Agent::\"a\"",
    ]);
    let clause = (
        prop::sample::select(vec!["when", "unless"]),
        prop::collection::vec(atom, 1..4),
    )
        .prop_map(|(word, atoms)| format!("{word} {{ {} }}", atoms.join(" && ")));
    let clauses = prop::collection::vec(clause, 0..3);
    (kind, principal(), scope_of_action(), resource, clauses).prop_map(
        |(kind, principal, action, resource, clauses)| {
            format!("{kind} ({principal}, {action}, {resource}) {};", clauses.join(" "))
        },
    )
}

/// Whether a rule, alone, is met.
fn is_met(policies: &Policies, id: &str, (facts, action): &(Facts, Action)) -> bool {
    let others: BTreeSet<Arc<str>> = policies.rules.keys().filter(|other| &***other != id).cloned().collect();
    let alone = policies.supposing(&others, None).unwrap();
    let situation = situation();
    let asked = alone.ask(facts, action, Possible::default(), &situation);
    asked.is_ok_and(|(_, findings)| {
        let tried = findings.on_trial.iter().any(|tried| tried.satisfied.contains(id));
        tried || findings.satisfied.contains(id)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_warned_of_is_true_of_every_question(
        rules in prop::collection::vec(rule(), 2..9),
        questions in prop::collection::vec(question(), 25),
    ) {
        let rules = rules.iter().enumerate().map(|(at, rule)| format!("@id(\"r{at}\") {rule}"));
        let text = rules.collect::<Vec<_>>().join("\n");
        // What Cedar's validator finds impossible does not load.
        let Ok(policies) = load(&text) else { return Ok(()) };
        let people = |id: &Arc<str>| match &policies.rules[id].kind {
            Kind::Hold(hold) => hold.quorum,
            Kind::Permit | Kind::Forbid => 0,
        };
        for (id, matter) in policies.matters(&known()) {
            for question in &questions {
                if !is_met(&policies, &id, question) {
                    continue;
                }
                let by_another = !matches!(&matter, Matter::Never(_) | Matter::Nobody(_));
                prop_assert!(!(by_another && policies.rules[&id].on_trial), "{id} is on trial in\n{text}");
                let true_of_it = match &matter {
                    Matter::Never(_) => false,
                    Matter::Shadowed(other) | Matter::Blocked(other) => is_met(&policies, other, question),
                    Matter::Twice(other) => people(other) == people(&id) && is_met(&policies, other, question),
                    Matter::Covered(other) => people(other) >= people(&id) && is_met(&policies, other, question),
                    Matter::Nobody(_) => true,
                };
                prop_assert!(true_of_it, "{id} {matter:?} of {question:?} in\n{text}");
            }
        }
    }
}
