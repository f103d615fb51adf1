//! Names of rules and their annotations.

use super::files::{mistakes, refused};
use super::*;

#[test]
fn every_rule_has_a_name_of_its_own() {
    let rule = |head: &str| format!("{head}permit (principal, action, resource);");
    refused(&rule(""), &["1:1 a rule needs a name of its own"]);
    for id in ["", "Refund", "-x", "_x", "a b", "é", "a.b"] {
        refused(
            &rule(&format!("\n@id(\"{id}\") ")),
            &[&format!("2:1 `@id(\"{id}\")`: expected lower-case")],
        );
    }
    for id in ["default", "incomplete_action", "policy_error"] {
        refused(
            &rule(&format!("@id(\"{id}\") ")),
            &[&format!("1:1 `@id(\"{id}\")`: this name is a built-in")],
        );
    }
    refused(
        &[rule("@id(\"x\") "), rule("@id(\"y\") "), rule("\n@id(\"x\") ")].join("\n"),
        &["4:1 `@id(\"x\")` is used twice, first at policies/test.cedar:1:1"],
    );
}

#[test]
fn a_name_used_in_two_files_is_refused() {
    let file = |name: &str| Source {
        file: name.to_owned(),
        text: "@id(\"x\") permit (principal, action, resource);".to_owned(),
    };
    let files = [file("a.cedar"), file("b.cedar")];
    let diagnostics = Policies::load(&files, Arc::new(vocabulary()), Some(&BTreeSet::new()))
        .err()
        .unwrap();
    assert_eq!(diagnostics.len(), 1);
    assert!(
        diagnostics[0]
            .to_string()
            .starts_with("b.cedar:1:1: `@id(\"x\")` is used twice, first at a.cedar:1:1")
    );
}

#[test]
fn annotations_are_known_and_say_something_known() {
    let forbid = |annotations: &str| format!("@id(\"x\")\n{annotations}\nforbid (principal, action, resource);");
    refused(
        &forbid("@decison(\"REQUIRE_APPROVAL\")"),
        &["2:1 unknown annotation `@decison`; did you mean `@decision`?"],
    );
    refused(
        &forbid("@colour(\"red\")"),
        &["2:1 unknown annotation `@colour` (known: @id, @decision,"],
    );
    for value in ["ALLOW", "require_approval", "HOLD", ""] {
        refused(
            &forbid(&format!("@decision(\"{value}\")")),
            &[&format!("2:1 `@decision(\"{value}\")`: expected")],
        );
    }
    refused(&forbid("@decision"), &["2:1 `@decision(\"\")`: expected"]);
    refused(
        &forbid("@approvers(\"finance\")"),
        &["2:1 `@approvers` stands only with"],
    );
    refused(
        &forbid("@decision(\"BLOCK\") @timeout(\"5m\") @quorum(\"1\")"),
        &["2:20 `@timeout` stands only with", "2:35 `@quorum` stands only with"],
    );
    refused(
        "@id(\"x\") @decision(\"BLOCK\") permit (principal, action, resource);",
        &["1:10 `@decision` stands on a `forbid` only"],
    );
    assert_eq!(
        mistakes(&forbid("@decision(\"BLOCK\") @reason(\"no\")")),
        Vec::<String>::new()
    );
}

#[test]
fn terms_of_a_hold_are_checked() {
    let hold = |terms: &str| {
        format!("@id(\"x\") @decision(\"REQUIRE_APPROVAL\")\n{terms}\nforbid (principal, action, resource);")
    };
    refused(
        &hold("@approvers(\"finanse\")"),
        &[
            "2:1 `@approvers`: no person is in a group `finanse` (known: approver, finance, legal, owner); did you mean `finance`?",
        ],
    );
    refused(&hold("@approvers(\"\")"), &["2:1 `@approvers`: expected group names"]);
    refused(
        &hold("@approvers(\"finance,,legal\")"),
        &["2:1 `@approvers`: expected group names"],
    );
    refused(
        &hold("@quorum(\"two\")"),
        &["2:1 `@quorum(\"two\")`: expected how many people must consent"],
    );
    for wrong in ["0", "11", "-1", "+2", "1.5", ""] {
        refused(
            &hold(&format!("@quorum(\"{wrong}\")")),
            &[&format!("2:1 `@quorum(\"{wrong}\")`")],
        );
    }
    refused(
        &hold("@timeout(\"soon\")"),
        &["2:1 `@timeout(\"soon\")`: expected a whole number"],
    );
    for good in [
        "",
        "@quorum(\"1\")",
        "@quorum(\"10\")",
        "@approvers(\"legal, finance\")",
        "@approvers(\"owner\")",
        "@timeout(\"1d\")",
    ] {
        assert_eq!(mistakes(&hold(good)), Vec::<String>::new());
    }
}

#[test]
fn templates_are_refused() {
    refused(
        "@id(\"a\") permit (principal, action, resource);\n@id(\"x\") permit (principal == ?principal, action, resource);",
        &["2:1 templates"],
    );
}
