//! What is wrong in a file, told at once.

use super::*;

/// Mistakes as `line: message`.
fn mistakes(text: &str) -> Vec<String> {
    let wrong = load(text).unwrap_err();
    assert!(
        wrong.iter().all(|wrong| wrong.snippet.is_some() && wrong.column > 0),
        "{wrong:#?}"
    );
    wrong
        .into_iter()
        .map(|wrong| format!("{}: {}", wrong.line, wrong.message))
        .collect()
}

#[test]
fn all_mistakes_are_told_at_once_with_what_was_meant() {
    let found = mistakes(
        "domains: [Example.com, fine.test]
targets:
  - match: { provider: awz, kind: table }
    label: { sensitivity: secret }
  - match: { provider: aws, kind: tabel, id: \"\" }
    label: { sensitivity: Restricted, tags: [a, a] }
  - match: { kind: repostory, environment: prod* }
    label: {}
  - match: { host: Api.example.com }
    label: { owner: \" x\", tags: [\"a,b\"] }
",
    );
    for (line, says) in [
        (1, "did you mean `example.com`?"),
        (3, "no mapping is for the provider `awz` (did you mean `aws`?)"),
        (
            4,
            "`secret` is no sensitivity: expected public, internal, confidential or restricted",
        ),
        (
            5,
            "no mapping has targets of `aws` of kind `tabel` (did you mean `table`?)",
        ),
        (5, "expected 1 to 512 bytes"),
        (6, "did you mean `restricted`?"),
        (6, "`a` is there twice"),
        (7, "of kind `repostory` (did you mean `repository`?)"),
        (7, "only `id` and `host` are patterns"),
        (8, "expected a label"),
        (9, "hosts are in lower case: `api.example.com`"),
        (10, "spaces around them"),
        (10, "owners are without commas"),
    ] {
        let says_so = |found: &&String| found.starts_with(&format!("{line}: ")) && found.contains(says);
        assert!(
            found.iter().any(|found| says_so(&found)),
            "{line}: {says} in {found:#?}"
        );
    }
    assert_eq!(found.len(), 13, "{found:#?}");
}

#[test]
fn what_is_not_of_the_files_shape_is_refused() {
    for wrong in [
        "target: []\n",
        "targets: {}\n",
        "targets:\n  - { match: {}, labels: { owner: x } }\n",
        "targets:\n  - { match: { name: x }, label: { owner: x } }\n",
        "targets:\n  - { match: {}, label: { sensitvity: public } }\n",
        "targets:\n  - { label: { owner: x } }\n",
        "domains: [a.example, [2]]\n",
        "targets: []\ntargets: []\n",
        "targets: [\n",
    ] {
        let found = load(wrong).unwrap_err();
        assert!(found.len() == 1 && found[0].line > 0, "{wrong}: {found:?}");
    }
}

#[test]
fn a_label_that_an_earlier_entry_leaves_nothing_to_is_a_mistake() {
    let found = mistakes(
        "targets:
  - { match: { provider: aws, id: \"pay*\" }, label: { sensitivity: internal } }
  - { match: { provider: aws, kind: table, id: \"payroll-*\" }, label: { sensitivity: restricted, owner: finance } }
  - { match: {}, label: { owner: all } }
  - { match: { kind: queue }, label: { owner: none, tags: [x] } }
",
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("3: `sensitivity` never counts here") && found[0].contains("line 2"),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("5: `owner` never counts here") && found[1].contains("line 4"),
        "{found:#?}"
    );
}

#[test]
fn owners_are_few_enough_to_be_asked_about_each() {
    let many = |count| {
        let lines: String = (0..count)
            .map(|at| format!("  - {{ match: {{ id: t{at} }}, label: {{ owner: o{at} }} }}\n"))
            .collect();
        load(&format!("targets:\n{lines}"))
    };
    assert!(many(64).is_ok());
    let wrong = many(65).unwrap_err();
    assert!(
        wrong.len() == 1 && wrong[0].message.contains("more than 64 owners"),
        "{wrong:?}"
    );
}
