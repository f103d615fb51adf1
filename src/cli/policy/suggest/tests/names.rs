//! Names and labels that were seen, as bounds.

use super::*;

#[tokio::test]
async fn tools_statements_and_kinds_of_records_are_those_that_were_seen() {
    let with = |name: &str, access: Access, field: &str, text: &str| {
        let mut action = action(name, access, &[]);
        action.fields.insert(field.into(), Value::Text(text.to_owned()));
        action
    };
    let text = suggested(&[
        ("caller", with("call_tool", Access::Write, "tool", "search")),
        ("caller", with("call_tool", Access::Write, "tool", "say_\"hello\"")),
        ("asker", with("execute_query", Access::Read, "sql_verb", "SELECT")),
        ("putter", with("modify_record", Access::Write, "record_kind", "orders")),
        ("putter", action("modify_record", Access::Write, &[])),
    ])
    .await;
    for said in [
        "5 calls. These rules alone permit 5 of them.",
        "context has tool && [\"say_\\\"hello\\\"\", \"search\"].contains(context.tool)",
        "context has sql_verb && [\"SELECT\"].contains(context.sql_verb)",
        "(if context has record_kind then [\"orders\"].contains(context.record_kind) else true)",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn a_permit_for_what_is_internal_covers_nothing_confidential() {
    let targets = "targets:\n  - match: { kind: thing, id: open }\n    label: { sensitivity: internal }\n  \
                   - match: { kind: thing, id: close }\n    label: { sensitivity: confidential }\n";
    let read = |id: &str| {
        let mut action = action("read_record", Access::Read, &[]);
        action.target.id = Some(id.to_owned());
        ("reader", action)
    };
    let text = suggested_with(targets, &[read("open"), read("open")]).await;
    assert!(text.contains("resource.sensitivity == \"internal\""), "{text}");
    assert!(!text.contains("confidential"), "{text}");
    let text = suggested_with(targets, &[read("open"), read("close"), read("neither")]).await;
    assert!(text.contains("3 calls. These rules alone permit 3 of them."), "{text}");
    for one in ["internal", "confidential", "unknown"] {
        let rule = format!("resource.sensitivity == \"{one}\"");
        assert_eq!(text.matches(&rule).count(), 1, "{text}");
    }
}
