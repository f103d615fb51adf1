use std::collections::BTreeMap;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: Located<String>,
    #[serde(default)]
    rules: BTreeMap<String, Located<Rule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    size: u32,
}

fn source(text: &str) -> Source {
    Source {
        file: "a.yaml".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_value_knows_where_it_stands() {
    let sample: Sample = load(&source("name: no\nrules:\n  x: { size: 1 }\n")).unwrap();
    assert_eq!(
        (sample.name.value.as_str(), sample.name.line, sample.name.column),
        ("no", 1, 7)
    );
    assert_eq!((sample.rules["x"].line, sample.rules["x"].value.size), (3, 1));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, line, says) in [
        ("name: a\nname: b\n", 2, "duplicate"),
        ("name: a\nnme: b\n", 2, "unknown field"),
        ("rules: {}\n", 1, "missing field"),
        ("name: a\nrules:\n  x: { size: many }\n", 3, "u32"),
        ("name: a\nrules: {\n", 3, ""),
        ("name: a\n---\nname: b\n", 2, ""),
    ] {
        let wrong = load::<Sample>(&source(text)).unwrap_err();
        let [error] = &wrong[..] else {
            panic!("{text:?}: {wrong:?}")
        };
        assert!(error.message.contains(says), "{text:?}: {error}");
        assert!(error.line.abs_diff(line) <= 1, "{text:?}: {error}");
        assert!(!error.message.contains("at line"), "{error}");
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("name: a\nrules: &a0 {}\n");
    for depth in 1..200 {
        text.push_str(&format!("k{depth}: &a{depth} [*a{}, *a{}]\n", depth - 1, depth - 1));
    }
    assert!(load::<BTreeMap<String, serde_json::Value>>(&source(&text)).is_err());
}

/// Line, column and beginning of each mistake.
fn wrong<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Vec<(usize, usize, String)> {
    let wrong = load::<T>(&source(text)).unwrap_err();
    let told = wrong.into_iter().map(|wrong| (wrong.line, wrong.column, wrong.message));
    told.collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct Book {
    entries: BTreeMap<String, Located<Entry>>,
    #[serde(default)]
    list: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct Entry {
    window: Located<String>,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    per: Option<Per>,
    #[serde(default)]
    words: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Per {
    Agent,
    Target,
}

#[test]
fn all_mistakes_of_form_are_told_at_once() {
    let text = "\
entries:
  a:
    windw: 1h
    limt: 5
    per: agentt
  b: { window: 1h, limit: many, words: [x, [y], z] }
  c:
    limit: 1
  d:
    window: 1h
    colour: red
    window: 2h
  e: 7
list:
  - window: 1h
    words:
      - {}
  -
    limit: -1
    window: 1h
";
    let found = wrong::<Book>(text);
    let places: Vec<(usize, usize)> = found.iter().map(|(line, column, _)| (*line, *column)).collect();
    let expected = [
        (3, 5),
        (4, 5),
        (5, 10),
        (6, 27),
        (6, 44),
        (8, 5),
        (11, 5),
        (12, 5),
        (13, 6),
        (17, 9),
        (19, 12),
    ];
    assert_eq!(places, expected, "{found:#?}");
    for (at, says) in [
        (0, "did you mean `window`?"),
        (1, "did you mean `limit`?"),
        (2, "did you mean `agent`?"),
    ] {
        assert!(found[at].2.contains(says), "{found:#?}");
    }
    assert!(
        found[6].2.contains("colour") && !found[6].2.contains("did you mean"),
        "{found:#?}"
    );
    for ends in ["\r", "\r\n"] {
        assert_eq!(
            wrong::<Book>(&text.replace('\n', ends)),
            found,
            "lines that end in {ends:?}"
        );
    }
}

/// `window` is taken out for what it is, and `a` does not lack it for that.
#[test]
fn what_follows_from_another_mistake_is_not_told() {
    let found = wrong::<Book>("entries:\n  a:\n    window: [1h]\n  b:\n    limit: x\n    window: 1h\n");
    let lines: Vec<usize> = found.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [3, 5], "{found:#?}");
    let found = wrong::<Book>("entries: 5\n");
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn what_is_no_yaml_is_told_with_the_mistake_before_it() {
    let found = wrong::<Book>("entries:\n  a: { windw: 1h }\n  b: { window: 1h\nlist: }\n");
    assert_eq!(found.len(), 2, "{found:#?}");
}

/// A longer word in the place of a misspelt one moves nothing that is told.
#[test]
fn a_mistake_after_a_misspelt_word_is_where_it_was_typed() {
    let text = "entries:\n  a: { windw: 99d, limt: 1 }\n";
    let check = |book: Book| {
        Err::<(), _>(vec![
            book.entries["a"].value.window.diagnostic(&source(text), "too long"),
        ])
    };
    let told: Vec<String> = load_with(&source(text), check)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        told[1].starts_with("a.yaml:2:15: too long\n   2 |   a: { windw: 99d, limt: 1 }\n"),
        "{told:#?}"
    );
}

proptest::proptest! {
    /// Whatever is wrong: it ends, and tells something, each mistake once.
    #[test]
    fn any_text_is_read_or_refused(lines in proptest::collection::vec("[ -]{0,4}(entries|window|limt|per|[a-c]|1)?[:, ]{0,2}[]{}a-c1,\"|&*]{0,4}", 0..12)) {
        let text = format!("entries:\n{}", lines.join("\n"));
        if let Err(wrong) = load::<Book>(&source(&text)) {
            proptest::prop_assert!(!wrong.is_empty() && wrong.len() <= 100);
            let mut told: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            told.sort();
            told.dedup();
            proptest::prop_assert_eq!(told.len(), wrong.len());
        }
    }
}
