//! Files that mean harm, or none at all: an error or a mapping, never a hang.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What nothing here comes near to, on a slow and busy machine too.
const LONG: Duration = Duration::from_secs(300);

const FILE: &str = "provider: x
title: X
hosts: [api.x.example, '{region}.x.example']
dispatch: path
content: { application/json: json }
operations:
  a: { call: 'POST /v1/a/{id}', action: process_refund, target: &a { kind: a, id: $.path.id }, fields: { amount: { from: $.body.amount } } }
  b:
    call: GET /v1/b/{id}
    action: read_record
    target: *a
    when: [ { any: $.body.x, values: [y], action: read_secret } ]
";

/// Every mistake has a place in the file, and a text for people.
fn told(text: &str) -> Option<Vec<Diagnostic>> {
    let start = Instant::now();
    let wrong = load(&[("x.yaml", text)]).err();
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    let lines = text.lines().count();
    for wrong in wrong.iter().flatten() {
        assert!(wrong.line <= lines + 1 && !wrong.message.is_empty(), "{wrong}");
    }
    wrong
}

#[test]
fn the_sample_is_right() {
    assert_eq!(told(FILE), None);
}

#[test]
fn hostile_files_end_in_an_error_soon() {
    let operation = |name: usize| format!("  o{name}: {{ call: 'POST /v1/a{name}', acton: process_refund }}\n");
    let bomb: String = (1..30)
        .map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}, *a{0}]\n", at - 1))
        .collect();
    let many_mistakes = FILE.to_owned() + &(0..5_000).map(operation).collect::<String>();
    for (what, text) in [
        ("deep lists", format!("{FILE}z: {}", "[".repeat(100_000))),
        ("deep mappings", format!("{FILE}z: {}", "{ a: ".repeat(100_000))),
        (
            "deep blocks",
            (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        ),
        ("a bomb of aliases", format!("a0: &a0 [x, x, x, x]\n{bomb}{FILE}")),
        ("an alias in itself", FILE.replace("*a", "&b { kind: *b }")),
        ("ten megabytes", format!("{FILE}# {}", "x".repeat(10 << 20))),
        ("a long key", format!("{}: x\n{FILE}", "k".repeat(1 << 20))),
        ("a key twice", format!("{FILE}provider: y\n")),
        (
            "an operation twice",
            format!("{FILE}  a: {{ call: GET /v1/z, action: read_record, target: {{ kind: z }} }}\n"),
        ),
        ("two documents", format!("{FILE}---\n{FILE}")),
        ("a tag", FILE.replace("title: X", "title: !!python/object:os.system X")),
        ("nothing", String::new()),
        ("zeros", "\0".repeat(4096)),
        ("thousands of mistakes", many_mistakes),
    ] {
        assert!(told(&text).is_some_and(|wrong| !wrong.is_empty()), "{what}");
    }
}

#[test]
fn many_hosts_and_operations_are_no_hang() {
    let hosts: Vec<String> = (0..1_000).map(|host| format!("h{host}.x.example")).collect();
    let operations = (0..2_000).map(|at| {
        format!(
            "  o{at}: {{ call: 'GET /v1/a{at}/{{id}}', action: read_record, target: {{ kind: a, id: $.path.id }} }}\n"
        )
    });
    let text = FILE.replace("api.x.example", &hosts.join(", ")) + &operations.collect::<String>();
    assert_eq!(told(&text), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_that_was_cut_or_mixed_up_is_a_mapping_or_an_error(
        cuts in proptest::collection::vec((0usize..700, 0usize..40, "[ -~\n]{0,6}"), 1..4),
    ) {
        let mut text: Vec<char> = FILE.chars().collect();
        for (at, length, with) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            drop(text.splice(at..end, with.chars()));
        }
        told(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_text_is_a_mapping_or_an_error(text in "[ -~\n\t\u{e9}]{0,200}") {
        told(&text);
        told(&format!("{FILE}  z: {text}\n"));
    }
}
