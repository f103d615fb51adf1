//! What is refused when policies are loaded, and where it is said to stand.

use super::*;

/// `line:column message` of each mistake.
pub(super) fn mistakes(text: &str) -> Vec<String> {
    let diagnostics = load(text).err().unwrap_or_default();
    let shown = diagnostics
        .iter()
        .map(|found| format!("{}:{} {}", found.line, found.column, found.message));
    shown.collect()
}

#[track_caller]
pub(super) fn refused(text: &str, expected: &[&str]) {
    let found = mistakes(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "found `{found}`, expected `{expected}`");
    }
}

#[test]
fn a_misspelt_attribute_is_refused_with_its_place_and_the_right_word() {
    let text = "// a comment\n@id(\"cap\")\nforbid (principal, action == Action::\"process_refund\", resource)\nwhen { context.ammount > 5 };";
    let diagnostics = load(text).err().unwrap();
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(
        diagnostics[0].to_string(),
        "policies/test.cedar:4:8: rule `cap`: attribute `ammount` in context for Action::\"process_refund\" not found \
         (did you mean `amount`?)\n   4 | when { context.ammount > 5 };\n     |        ^"
    );
}

#[test]
fn wrong_types_actions_and_impossible_rules_are_refused() {
    let forbid =
        |rest: &str| format!("@id(\"x\")\nforbid (principal, action == Action::\"process_refund\", resource)\n{rest};");
    refused(
        &forbid("when { context.amount > \"5\" }"),
        &["3:25 rule `x`: unexpected type: expected Long but saw String"],
    );
    refused(
        &forbid("when { resource.colour == \"x\" }"),
        &["3:8 rule `x`: attribute `colour`"],
    );
    refused(&forbid("when { 1 == 2 }"), &["1:1 rule `x`: policy is impossible"]);
    refused(
        "@id(\"x\") forbid (principal, action == Action::\"proces_refund\", resource);",
        &[
            "1:39 rule `x`: unrecognized action `Action::\"proces_refund\"` (did you mean `Action::\"process_refund\"`?)",
        ],
    );
    // A group is no action: the rule would never match.
    assert!(load("@id(\"x\") forbid (principal, action == Action::\"payments\", resource);").is_err());
    assert!(load("@id(\"x\") forbid (principal == Role::\"sre\", action, resource);").is_err());
}

#[test]
fn an_optional_field_must_be_tested_first() {
    refused(
        "@id(\"x\") forbid (principal, action == Action::\"modify_record\", resource) when { context.amount > 5 };",
        &["1:81 rule `x`: unable to guarantee safety of access to optional attribute `amount`"],
    );
    let tested = "@id(\"x\") forbid (principal, action == Action::\"modify_record\", resource) when { context has amount && context.amount > 5 };";
    assert_eq!(mistakes(tested), Vec::<String>::new());
}

#[test]
fn a_sensitivity_that_no_target_has_is_refused() {
    let rule = |condition: &str| format!("@id(\"x\") forbid (principal, action, resource)\nwhen {{ {condition} }};");
    for (condition, place, meant) in [
        (
            "resource.sensitivity == \"restriced\"",
            "2:32",
            "(did you mean `restricted`?)",
        ),
        ("\"secret\" != resource.sensitivity", "2:8", "restricted"),
        (
            "[\"public\", \"Internal\"].contains(resource.sensitivity)",
            "2:19",
            "(did you mean `internal`?)",
        ),
    ] {
        let found = mistakes(&rule(condition));
        assert!(
            found.len() == 1 && found[0].starts_with(place) && found[0].contains(meant),
            "{found:?}"
        );
    }
    for right in [
        "resource.sensitivity == \"unknown\"",
        "!([\"public\", \"internal\"].contains(resource.sensitivity)) && resource.tags.contains(\"secret\")",
        "resource has owner && resource.owner == \"secret\"",
    ] {
        assert_eq!(mistakes(&rule(right)), Vec::<String>::new());
    }
    // Whether anybody owns it is to be asked first.
    refused(
        &rule("resource.owner == \"finance\""),
        &["2:8 rule `x`: unable to guarantee safety of access to optional attribute `owner`"],
    );
}

#[test]
fn a_rule_that_hides_a_missing_field_is_refused() {
    let hidden = |scope: &str, condition: &str| {
        format!("@id(\"x\") forbid (principal, {scope}, resource)\nwhen {{ {condition} }};")
    };
    let refund = "action == Action::\"process_refund\"";
    let test = "context has amount && context.amount > 5";
    for scope in [
        refund,
        "action",
        "action in Action::\"payments\"",
        "action in [Action::\"writes\"]",
    ] {
        refused(&hidden(scope, test), &["2:16 `amount` is required of `"]);
    }
    refused(
        &hidden(refund, "context has amount_base"),
        &["2:16 `amount_base` is required of `process_refund`"],
    );
    refused(
        &hidden(refund, "context has \"amount\""),
        &["2:16 `amount` is required of `process_refund`"],
    );
    // Ways round it.
    for whole in [
        "{ a: context } has a && { a: context }.a has amount",
        "(if true then context else context) has amount",
        "context == context",
    ] {
        let found = mistakes(&hidden(refund, whole));
        assert!(
            found.iter().any(|found| found.contains("never as a whole")),
            "{found:#?}"
        );
    }
}

#[test]
fn a_score_only_makes_rules_stricter() {
    let rule =
        |effect: &str, conditions: &str| format!("@id(\"x\") {effect} (principal, action, resource)\n{conditions};");
    for permit in ["when { context.risk < 50 }", "unless { 50 <= context.risk }"] {
        let found = mistakes(&rule("permit", permit));
        assert!(
            found
                .iter()
                .any(|found| found.contains("2:") && found.contains("a `permit` does not read")),
            "{found:#?}"
        );
    }
    let ask = "@decision(\"REQUIRE_APPROVAL\") forbid";
    for loosening in [
        "unless { context.risk < 50 }",
        "when { context.risk < 50 }",
        "when { context.risk == 50 }",
        "when { !(context.risk > 50) }",
        "when { context.risk > 50 && !(context.risk > 70) }",
        "when { 100 - context.risk > 30 }",
        "when { context.risk > context.risk - 1 }",
        "when { 30 >= context.risk }",
        "when { {a: context.risk}.a > 50 }",
        "when { if context.risk > 50 then false else true }",
    ] {
        for effect in ["forbid", ask] {
            let found = mistakes(&rule(effect, loosening));
            assert!(
                found.iter().any(|found| found.contains("must never take a call out")),
                "{loosening}: {found:#?}"
            );
        }
    }
    for tightening in [
        "when { context.risk >= 70 }",
        "when { 70 < context.risk || context.unmapped }",
        "when { context.unmapped && (context.risk > 50 || context.host == \"a\") } unless { context.method == \"GET\" }",
    ] {
        for effect in ["forbid", ask] {
            assert_eq!(
                mistakes(&rule(effect, tightening)),
                Vec::<String>::new(),
                "{tightening}"
            );
        }
    }
}

#[test]
fn targets_have_no_names_of_their_own() {
    let message = "targets have no names of their own";
    for rule in [
        "forbid (principal, action, resource == Target::\"ch_1\");",
        "forbid (principal, action, resource is Target in Target::\"ch_1\");",
        "forbid (principal, action, resource) when { resource == Target::\"target\" };",
    ] {
        let found = mistakes(&format!("@id(\"x\") {rule}"));
        assert!(found.iter().any(|found| found.contains(message)), "{found:#?}");
    }
}

#[test]
fn all_mistakes_of_all_files_show_at_once() {
    let file = |name: &str, text: &str| Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    let files = [
        file(
            "a.cedar",
            "permit (principal, action, resource) when { context.unmapped > };\n",
        ),
        file(
            "b.cedar",
            "@id(\"x\") @wrong permit (principal, action, resource)\nwhen { context.nothing };",
        ),
        file(
            "c.cedar",
            "permit (principal, action, resource);\n@id(\"y\") permit (principal, action, resource)",
        ),
    ];
    let diagnostics = Policies::load(&files, Arc::new(vocabulary()), Some(&BTreeSet::new()))
        .err()
        .unwrap();
    let places: BTreeSet<String> = diagnostics
        .iter()
        .map(|found| format!("{}:{}", found.file, found.line))
        .collect();
    assert_eq!(
        places,
        ["a.cedar:1", "b.cedar:1", "b.cedar:2", "c.cedar:2"]
            .map(str::to_owned)
            .into()
    );
    assert!(
        diagnostics
            .iter()
            .all(|found| found.column > 0 && found.snippet.is_some())
    );
}

#[test]
fn an_empty_file_is_a_set_that_permits_nothing() {
    assert_eq!(mistakes("// nothing yet\n"), Vec::<String>::new());
}

#[test]
fn a_vocabulary_whose_fields_would_be_mistaken_for_ours_is_refused() {
    let with = |field: &str| {
        let mut vocabulary = vocabulary();
        let definition = vocabulary.fields["amount"].clone();
        vocabulary.fields.insert(field.into(), definition);
        Policies::load(&[], Arc::new(vocabulary), Some(&BTreeSet::new()))
    };
    for field in [
        "host",
        "operation",
        "access",
        "method",
        "unmapped",
        "inspected",
        "risk",
        "budgets",
        "Amount",
        "a\"b",
        "",
    ] {
        let diagnostics = with(field).err().unwrap_or_default();
        assert_eq!(diagnostics.len(), 1, "{field}");
        assert_eq!(diagnostics[0].file, "mappings/actions.yaml");
    }
    assert!(with("size").is_ok());
    let mut clash = vocabulary();
    let definition = clash.actions["read_record"].clone();
    clash.actions.insert("payments".into(), definition.clone());
    clash.actions.insert(
        "lost".into(),
        action_definition(&["nowhere"], Access::Read, &["nothing"], &[]),
    );
    let diagnostics = Policies::load(&[], Arc::new(clash), Some(&BTreeSet::new()))
        .err()
        .unwrap();
    assert_eq!(diagnostics.len(), 3, "{diagnostics:#?}");
}

#[test]
fn one_mistake_is_told_once_however_many_actions_it_is_made_for() {
    let text = "@id(\"x\") forbid (principal, action in Action::\"payments\", resource)\nwhen { context.amuont > 5 };";
    let wrong = load(text).map(drop).unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let told = wrong[0].to_string();
    assert!(
        told.contains("amuont") && told.contains("(the same for 2 actions)"),
        "{told}"
    );
    let both = format!("{text}\n{}", text.replace("\"x\"", "\"y\""));
    assert_eq!(load(&both).map(drop).unwrap_err().len(), 2);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_a_vocabulary_says_of_its_words_is_a_schema_that_cedar_reads(says in "(?s).{0,40}", name in "[a-z][a-z_]{0,8}") {
        let mut vocabulary = vocabulary();
        vocabulary.groups.insert(Arc::from("a_group"), Arc::from(says.as_str()));
        if let Some(definition) = vocabulary.actions.values_mut().next() {
            definition.description.clone_from(&says);
        }
        let described = FieldDefinition { kind: FieldType::Int, description: says, derived_from: None, class: FieldClass::Text };
        vocabulary.fields.insert(Arc::from(format!("of_ours_{name}")), described);
        let text = Policies::schema(&vocabulary).unwrap();
        proptest::prop_assert!(text.contains("action \"a_group\";"));
    }
}
