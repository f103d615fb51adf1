//! Rules under a block.

use super::*;

#[test]
fn a_rule_under_an_unconditional_block_is_told() {
    let block = "@id(\"no-refunds\") forbid (principal, action in Action::\"payments\", resource);\n";
    warns(
        &format!(
            "{block}@id(\"ours\") permit (principal == Agent::\"a\", action == Action::\"process_refund\", resource);"
        ),
        &["rule `ours` decides nothing: `no-refunds` (policies/test.cedar:1:1) blocks all"],
    );
    warns(
        &format!("{block}@id(\"asks\") @decision(\"REQUIRE_APPROVAL\") forbid ({REFUND});"),
        &["rule `asks` decides nothing"],
    );
    // It is about more, or the block is not of every such call, or only asks.
    warns(
        &format!("{block}@id(\"all\") permit (principal, action, resource);"),
        &[],
    );
    for block in [
        "@id(\"no\") forbid (principal, action in Action::\"payments\", resource) when { context.unmapped };",
        "@id(\"no\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action in Action::\"payments\", resource);",
        "@id(\"no\") forbid (principal in Role::\"r\", action in Action::\"payments\", resource);",
        "@id(\"no\") forbid (principal, action in Action::\"writes\", resource in Provider::\"stripe\");",
    ] {
        warns(&format!("{block}@id(\"ours\") permit ({REFUND});"), &[]);
    }
}

/// Each would be told to go because of the other, and with both gone nothing would be blocked.
#[test]
fn of_two_rules_that_ask_the_same_in_another_order_one_is_told() {
    let block = |id: &str, conditions: &str| format!("@id(\"{id}\") forbid ({REFUND}) {conditions};\n");
    for (one, other) in [
        (
            "when { context.unmapped && context.inspected }",
            "when { context.inspected && context.unmapped }",
        ),
        (
            "when { context.unmapped } unless { context.inspected }",
            "when { context.unmapped && !context.inspected }",
        ),
    ] {
        warns(
            &(block("one", one) + &block("two", other)),
            &["rule `two` has the scope and the conditions of `one`"],
        );
    }
}

#[test]
fn a_rule_under_a_block_of_the_same_conditions_is_told() {
    let large = "context.amount_base > 50000";
    let block = |conditions: &str| {
        format!("@id(\"never\") forbid (principal, action in Action::\"payments\", resource) {conditions};\n")
    };
    let rules = |conditions: &str| {
        [
            format!("@id(\"ours\") permit ({REFUND}) {conditions};"),
            format!(
                "@id(\"ours\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"finance\") forbid ({REFUND}) {conditions};"
            ),
        ]
    };
    let told =
        "rule `ours` decides nothing of a call that states all it reads: `never` (policies/test.cedar:1:1) blocks";
    for (blocked, asked) in [
        ("when { L }", "when { L }"),
        ("when { L }", "when { context.unmapped && L }"),
        ("when { L }", "when { L } unless { context.inspected }"),
        (
            "unless { context.inspected }",
            "when { L } unless { context.unmapped || context.inspected }",
        ),
        ("when { !context.inspected }", "when { L } unless { context.inspected }"),
    ] {
        let [blocked, asked] = [blocked, asked].map(|text| text.replace('L', large));
        for rule in rules(&asked) {
            warns(&(block(&blocked) + &rule), &[told]);
        }
    }
    for (blocked, asked) in [
        ("when { L && context.unmapped }", "when { L }"),
        ("when { L } unless { context.inspected }", "when { L }"),
        ("when { L || context.unmapped }", "when { context.inspected }"),
        ("unless { L }", "when { L }"),
        ("when { context.amount_base > 60000 }", "when { L }"),
    ] {
        let [blocked, asked] = [blocked, asked].map(|text| text.replace('L', large));
        for rule in rules(&asked) {
            warns(&(block(&blocked) + &rule), &[]);
        }
    }
    // A hold, a trial and a narrower block stop nothing of it.
    for other in [
        format!(
            "@id(\"never\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"legal\") forbid ({REFUND}) when {{ {large} }};\n"
        ),
        format!("@id(\"never\") @mode(\"observe\") forbid ({REFUND}) when {{ {large} }};\n"),
        "@id(\"never\") forbid (principal == Agent::\"a\", action, resource) when { context.unmapped };\n".to_owned(),
    ] {
        let [permit, _] = rules(&format!("when {{ {large} }}"));
        assert!(!warnings(&(other + &permit)).iter().any(|said| said.contains("`ours`")));
    }
}
