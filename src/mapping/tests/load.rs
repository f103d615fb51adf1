//! Wrong files.

use super::*;

fn problems(text: &str) -> Vec<String> {
    load(&[("x.yaml", text)])
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

const FILE: &str = "provider: x
title: X
hosts: [api.x.example]
dispatch: path
content: { application/json: json }
operations:
  a: { call: 'POST /v1/a/{id}', action: process_refund, target: { kind: a, id: $.path.id }, fields: { amount: { from: $.body.amount } } }
";

#[test]
fn the_sample_is_right() {
    assert_eq!(problems(FILE), Vec::<String>::new());
}

#[test]
fn each_mistake_is_told_with_its_place() {
    for (from, to, says) in [
        (
            "action: process_refund",
            "action: proces_refund",
            "x.yaml:7:41: unknown action `proces_refund` (did you mean `process_refund`?)",
        ),
        (
            "{ amount: {",
            "{ amuont: {",
            "unknown field `amuont` (did you mean `amount`?)",
        ),
        ("{ amount: { from: $.body.amount } }", "{}", "requires `amount`"),
        (
            "{ amount: {",
            "{ recipient_count: { from: $.body.x }, amount: {",
            "`process_refund` has no field `recipient_count`",
        ),
        (
            "{ amount: {",
            "{ amount_base: { from: $.body.x }, amount: {",
            "is computed from another field",
        ),
        ("$.body.amount", "$.body..amount", "`..` is not used here"),
        ("$.body.amount", "'$.body[?@.a]'", "is not used here"),
        ("$.body.amount", "$.boddy.amount", "expected `$.` and one of"),
        (
            "$.path.id",
            "$.path.idd",
            "the template has no parameter `idd` (did you mean `id`?)",
        ),
        ("$.path.id", "$.host.region", "no host pattern captures `region`"),
        ("$.path.id", "$.headers.authorization", "holds a credential"),
        ("$.path.id", "$.credential", "may tell the environment only"),
        (
            "action: process_refund",
            "action: process_refund, access: read",
            "cannot be read",
        ),
        (
            "from: $.body.amount }",
            "from: $.body.amount, reduce: list }",
            "does not make a field of type int",
        ),
        (
            "from: $.body.amount }",
            "from: $.body.amount, as: bool }",
            "does not make a field of type int",
        ),
        (
            "from: $.body.amount }",
            "from: $.body.amount, value: 5 }",
            "exactly one of",
        ),
        ("from: $.body.amount }", "value: many }", "is of another type"),
        ("POST /v1/a/{id}", "POST v1/a", "starts with `/`"),
        ("POST /v1/a/{id}", "FETCH /v1/a", "expected `call: METHOD /template`"),
        ("POST /v1/a/{id}", "POST /v1/a{id}{b}", "expected segments"),
        ("api.x.example", "'{x}.example'", "the last two labels"),
        ("provider: x", "provider: unknown", "cannot be a provider's name"),
        ("operations:", "operation:", "unknown field `operation`"),
        ("title: X", "title: X\ntitle: Y", "duplicate"),
        (
            "target: { kind: a, id: $.path.id }",
            "target: { kind: a, id: $.path.id }, summary: 'Refund {amont}'",
            "the summary names `amont`",
        ),
        (
            "target: {",
            "when: [ { any: $.body.x, action: read_record } ], target: {",
            "may not be milder",
        ),
        (
            "target: {",
            "when: [ { any: $.body.x, action: read_record, target: { kind: b } } ], target: {",
            "needs its `id`",
        ),
        (
            "target: {",
            "when: [ { any: $.body.x, action: call_tool, target: { kind: b, id: $.body.x } } ], target: {",
            "`call_tool` has no field `resource_ids`",
        ),
        (
            "id: $.path.id",
            "url_path: true",
            "`url_path` is about the target's `id`, which is not said",
        ),
        (
            "target: {",
            "when: [ { any: $.query.x, values: [y], absent: true, action: delete_record } ], target: {",
            "there are no `values`",
        ),
        (
            "target: {",
            "answer: { result_id: $..id }, target: {",
            "`..` is not used here",
        ),
    ] {
        assert!(FILE.contains(from), "{from}");
        let told = problems(&FILE.replacen(from, to, 1)).join("\n");
        assert!(told.contains(says), "{to}: expected {says}, found: {told}");
        assert!(told.starts_with("x.yaml:"), "{told}");
    }
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let wrong = FILE.replace("process_refund", "refund").replace("api.x.example", "X");
    let files = [
        ("a.yaml", wrong.as_str()),
        ("b.yaml", "provider: [\n"),
        ("c.yaml", &FILE.replace("$.path.id", "$.path.x")),
    ];
    let told: Vec<_> = load(&files).err().unwrap().iter().map(ToString::to_string).collect();
    for place in ["a.yaml:3:", "a.yaml:7:", "b.yaml:", "c.yaml:7:"] {
        assert!(
            told.iter().any(|problem| problem.starts_with(place)),
            "{place}: {told:#?}"
        );
    }
}

#[test]
fn what_cannot_be_remembered_is_told() {
    const REPLAYED: &str = "replayed: { header: x-replayed }";
    let with = |answer: &str| {
        FILE.replace(
            "action: process_refund",
            &format!("answer: {{ {answer} }}, action: process_refund"),
        )
    };
    let fields = "remember: { kind: a, fields: [amount, currency] }";
    assert_eq!(
        problems(&with(&format!("result_id: $.id, {REPLAYED}, {fields}"))),
        Vec::<String>::new()
    );
    assert_eq!(
        problems(&with("recall: { fields: [amount, currency] }")),
        Vec::<String>::new()
    );
    for (answer, says) in [
        (format!("{REPLAYED}, {fields}"), "Add `result_id: $.id`"),
        (
            format!("result_id: $.id, {fields}"),
            "how does the provider mark an answer that it repeats? Add `replayed: { header: idempotent-replayed, value: \"true\" }`",
        ),
        (
            format!("result_id: $.id, replayed: {{ header: 'a b' }}, {fields}"),
            "`a b` is no header field's name",
        ),
        (
            format!("result_id: $.id, {REPLAYED}, remember: {{ kind: a, fields: [resource_ids] }}"),
            "`remember`: `resource_ids` is a list",
        ),
        (
            format!("result_id: $.id, {REPLAYED}, remember: {{ kind: a, fields: [amount] }}"),
            "an `amount` is nothing without its `currency`",
        ),
        (
            "recall: { fields: [amuont] }".to_owned(),
            "`recall`: unknown field `amuont` (did you mean `amount`?)",
        ),
        (
            "recall: { fields: [amount_base] }".to_owned(),
            "follows from another field",
        ),
        ("recall: { fields: [] }".to_owned(), "`recall` names no fields"),
        (
            format!("result_id: $.id, {REPLAYED}, {fields}, recall: {{ fields: [destination] }}"),
            "expected `remember` or `recall`, found both",
        ),
    ] {
        let told = problems(&with(&answer));
        assert!(told.iter().any(|problem| problem.contains(says)), "{says}: {told:?}");
        assert!(told.iter().all(|problem| problem.starts_with("x.yaml:7:")), "{told:?}");
    }
}

#[test]
fn two_rules_of_equal_rank_are_refused() {
    let twice = format!("{FILE}  b: {{ call: 'POST /v1/a/{{other}}', action: call_api, target: {{ kind: b }} }}\n");
    assert!(
        problems(&twice).join("\n").contains("is both `a` and `b`"),
        "{:?}",
        problems(&twice)
    );
    let cased = format!("{FILE}  b: {{ call: 'GET /v1/A/{{id}}', action: read_record, target: {{ kind: b }} }}\n");
    assert!(
        problems(&cased).join("\n").contains("in case only"),
        "{:?}",
        problems(&cased)
    );
    let two = load(&[("a.yaml", FILE), ("b.yaml", FILE)]).err().unwrap();
    assert!(
        two[0].message.contains("`api.x.example`: a.yaml is for the same hosts"),
        "{two:?}"
    );
    let literal = format!("{FILE}  b: {{ call: 'POST /v1/a/special', action: call_api, target: {{ kind: b }} }}\n");
    let mappings = load(&[("x.yaml", &literal)]).unwrap();
    let action = resolve(
        &mappings,
        &call("POST", "https://api.x.example/v1/a/special", &[], None),
    )
    .unwrap();
    assert_eq!(&*action.operation, "b", "literals go before parameters");
}

#[test]
fn the_digest_tells_files_apart() {
    let digest = |files: &[(&str, &str)]| load(files).unwrap().digest().clone();
    let other = FILE.replace("api.x", "api.y");
    assert_eq!(
        digest(&[("a.yaml", FILE), ("b.yaml", &other)]),
        digest(&[("b.yaml", &other), ("a.yaml", FILE)])
    );
    assert_ne!(digest(&[("a.yaml", FILE)]), digest(&[("b.yaml", FILE)]));
    assert_ne!(digest(&[("a.yaml", FILE)]), digest(&[("a.yaml", &other)]));
    assert_eq!(digest(&[]).len(), 64);
}

#[test]
fn a_credential_tells_the_environment_by_prefixes_only() {
    let with = |environment: &str| {
        problems(&FILE.replace("dispatch: path", &format!("dispatch: path\nenvironment: {environment}")))
    };
    assert!(with("{ from: $.credential, as: prefix_map, prefixes: { a: test } }").is_empty());
    assert!(!with("{ from: $.credential }").is_empty());
    assert!(!with("{ from: $.body.x, as: prefix_map, prefixes: { a: test } }").is_empty());
}
