use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read_body(body: &Value) -> Option<Vec<(Kind, String)>> {
    let roots = read(None, Some(body))?;
    Some(roots.into_iter().map(|root| (root.kind, root.name)).collect())
}

fn of(text: &str) -> Option<Vec<(Kind, String)>> {
    read_body(&json!({ "query": text }))
}

fn roots(kind: Kind, names: &[&str]) -> Option<Vec<(Kind, String)>> {
    Some(names.iter().map(|name| (kind, (*name).to_owned())).collect())
}

#[test]
fn the_fields_of_the_root_are_what_is_asked_for() {
    for (text, kind, names) in [
        ("{ viewer { id } }", Kind::Query, &["viewer"][..]),
        (
            "query A { a: issues { id } b: issues { id } }",
            Kind::Query,
            &["issues", "issues"],
        ),
        (
            "mutation { x: issueDelete(id: \"1\") { success } }",
            Kind::Mutation,
            &["issueDelete"],
        ),
        ("# query\nmutation{a}", Kind::Mutation, &["a"]),
        ("\u{feff}".trim_matches('\u{feff}'), Kind::Query, &[]),
        ("subscription { changed { id } }", Kind::Subscription, &["changed"]),
        (
            "mutation M { ...F } fragment F on Mutation { ... on Mutation { b } ...G } fragment G on Mutation { c }",
            Kind::Mutation,
            &["b", "c"],
        ),
        ("mutation @live { a @skip(if: true) }", Kind::Mutation, &["a"]),
    ] {
        match names.is_empty() {
            true => assert_eq!(of(text), None),
            false => assert_eq!(of(text), roots(kind, names), "{text}"),
        }
    }
}

#[test]
fn the_operation_that_is_named_runs_and_without_a_name_any_may() {
    let text = "# query\nquery A { shop { name } }\nmutation B { customerDelete { id } }";
    let named = |name: Value| read_body(&json!({ "query": text, "operationName": name }));
    assert_eq!(named(json!("A")), roots(Kind::Query, &["shop"]));
    assert_eq!(named(json!("B")), roots(Kind::Mutation, &["customerDelete"]));
    assert_eq!(named(json!("C")), None);
    assert_eq!(named(json!(1)), None);
    for none in [json!(null), json!("")] {
        assert_eq!(named(none).unwrap().len(), 2);
    }
    let in_query = json!({ "operationName": "B" });
    let found = read(Some(&in_query), Some(&json!({ "query": text }))).unwrap();
    assert_eq!(found[0].kind, Kind::Mutation);
}

#[test]
fn arguments_have_the_values_of_their_variables() {
    let body = json!({
        "query": "mutation M($id: ID!, $n: Int = 3) { a(id: $id, input: {n: $n, on: true, s: \"x\\\"y\", l: [1.5, RED, null]}) { id } }",
        "variables": { "id": "i-1" },
    });
    let found = read(None, Some(&body)).unwrap();
    assert_eq!(
        found[0].arguments,
        json!({ "id": "i-1", "input": { "n": 3, "on": true, "s": "x\"y", "l": [1.5, "RED", null] } })
    );
    let in_query = json!({ "query": "{a(x: $x){b}}", "variables": "{\"x\": [1]}" });
    assert_eq!(read(Some(&in_query), None).unwrap()[0].arguments, json!({ "x": [1] }));
}

#[test]
fn each_request_of_a_batch_counts() {
    let batch = json!([{ "query": "{a}" }, { "query": "mutation{b}" }]);
    let found = read_body(&batch).unwrap();
    assert_eq!(found[1], (Kind::Mutation, "b".to_owned()));
    assert_eq!(read_body(&json!([])), None);
    assert_eq!(read_body(&json!([{ "query": "{a}" }, 1])), None);
    assert_eq!(read(Some(&json!({ "query": "{a}" })), Some(&batch)), None);
    let many: Vec<_> = (0..=MAX_FIELDS).map(|_| json!({ "query": "{a}" })).collect();
    assert_eq!(read_body(&json!(many)), None);
}

#[test]
fn what_may_run_another_document_is_not_read() {
    for body in [
        json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "ab" } } }),
        json!({ "query": "{a}", "Query": "mutation{b}" }),
        json!({ "query": "{a}", "doc_id": "1" }),
        json!({ "query": "{a}", "documentId": "1" }),
        json!({ "query": "{a}", "OperationName": "B" }),
        json!({ "query": ["{a}"] }),
        json!({ "query": null }),
        json!({}),
        json!("{a}"),
    ] {
        assert_eq!(read_body(&body), None, "{body}");
    }
}

#[test]
fn what_cannot_be_read_is_no_request() {
    for text in [
        "",
        "{",
        "{a",
        "mutation",
        "query {a} }",
        "{ ...Missing }",
        "fragment F on Query { a }",
        "type Query { a: Int }",
        "{a} extend type Query { b: Int }",
        "{ a(x: 1, x: 2) }",
        "{ a } fragment F on Q { b } fragment F on Q { c }",
        "{ a(x: \"open) }",
        "{a} # x\rmutation{b}",
        "{a}\u{0}",
        "quеry {a}",
        "Mutation {a}",
    ] {
        assert_eq!(of(text), None, "{text}");
    }
    let deep = format!("{}a{}", "{a".repeat(5_000), "}".repeat(5_000));
    assert_eq!(of(&deep), None);
    let lists = format!("{{a(x: {}{})}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(of(&lists), None);
    // A fragment within itself ends.
    assert_eq!(
        of("{ ...F } fragment F on Query { a ...F }"),
        roots(Kind::Query, &["a"])
    );
    let many: String = (0..=MAX_FIELDS).map(|at| format!("a{at} ")).collect();
    assert_eq!(of(&format!("{{{many}}}")), None);
}

proptest! {
    /// Comments, commas and spaces make no query of a mutation.
    #[test]
    fn a_mutation_in_any_dress_is_one(fills in proptest::collection::vec(
        proptest::sample::select(vec![" ", "\n", ",", "# {a}\n", "\t", " # query\r\n"]), 6)) {
        let [a, b, c, d, e, f] = &fills[..] else { unreachable!() };
        let text = format!("{a}mutation{b} M{c} {{{d} x: del{e}(id: 1) }}{f}\n");
        prop_assert_eq!(of(&text), roots(Kind::Mutation, &["del"]));
        let both = format!("query Q {{ a }}{f}\n{text}");
        prop_assert!(of(&both).unwrap().contains(&(Kind::Mutation, "del".to_owned())));
    }

    /// Whatever is read and does not begin as a mutation has none in it.
    #[test]
    fn nothing_that_cannot_be_read_is_read(text in "[ -~\n]{0,60}") {
        if let Some(found) = of(&text) {
            let queries = found.iter().all(|(kind, _)| *kind == Kind::Query);
            prop_assert!(!queries || apollo_parser::Parser::new(&text).parse().errors().next().is_none());
        }
    }

    #[test]
    fn a_broken_document_is_not_read(at in 0usize..30, odd in proptest::sample::select(vec!["{", "}", "(", "\"", "\0"])) {
        let text = "mutation M { a(id: 1) { id } }";
        let at = at.min(text.len());
        prop_assert_eq!(of(&format!("{}{odd}{}", &text[..at], &text[at..])), None);
    }
}
