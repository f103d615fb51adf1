//! Files of mappings: a whole mapping that is the same each time, or errors with their places.

use super::*;
use crate::mapping::generated::{self, Generated};
use crate::model::diagnostic::Lines;

fn words_of_shipped() -> &'static Vocabulary {
    static WORDS: LazyLock<Arc<Vocabulary>> =
        LazyLock::new(|| Mappings::read_vocabulary(&source("actions.yaml", VOCABULARY)).unwrap());
    &WORDS
}

/// What was said of a file, which is nothing or has its places.
fn placed(source: &Source, wrong: &[Diagnostic]) -> Outcome {
    let lines = Lines::of(&source.text).count();
    for wrong in wrong {
        assert!(!wrong.message.is_empty(), "{wrong:?}");
        let line = wrong.line;
        assert!(*wrong.file == *source.file && (1..=lines).contains(&line), "{wrong:?}");
    }
    let message = wrong.first().map(|wrong| wrong.message.as_str()).unwrap_or_default();
    // What is quoted of the file is no other mistake.
    let outside = message.split('`').step_by(2).collect::<String>();
    let told = outside.replace(|character: char| character.is_ascii_digit(), "");
    match wrong {
        [] => Outcome::accepted(told),
        _ => Outcome::error(told),
    }
}

const WORDS: &[&str] = &[
    "\n",
    "  ",
    ": ",
    "- ",
    "{ ",
    " }",
    "[",
    "]",
    "&a ",
    "*a",
    "*a, *a, *a",
    "<<: *a",
    "!!str ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "\"",
    "'",
    "#",
    "\t",
    "%YAML 1.1\n",
    "? ",
    "null",
    "yes",
    "0x1f",
    "$.body.a",
    "$.body[*].a",
    "$..a",
    "action: process_refund",
    "access: read",
    "call: GET /v1/a/{id}",
    "target: { kind: a, id: $.path.id }",
    "when: [ { any: $.body.x, values: [y], action: read_secret } ]",
    "hosts: ['{a}.x.example']",
    "*.example",
    "POST /v1/{a}/{b+}",
    "fields: { amount: { from: $.body.amount } }",
    "operations:\n",
    "safe_methods: true",
];

#[test]
fn a_mapping_is_whole_or_its_mistakes_have_places() {
    let check = |input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return Outcome::error("no text");
        };
        let source = source("fuzz.yaml", text);
        let line = generated::index_line(&source, words_of_shipped());
        assert_eq!(generated::index_line(&source, words_of_shipped()), line);
        match &line {
            Ok(line) => {
                // Alone in a home, hosts that it names twice may still be told.
                let wrong = load(&[("fuzz.yaml", text)]).err().unwrap_or_default();
                let actions = line.split('\t').nth(4).unwrap_or_default();
                let loaded = placed(&source, &wrong);
                loaded.with(actions)
            }
            Err(wrong) => {
                assert!(!wrong.is_empty());
                placed(&source, wrong)
            }
        }
    };
    let target = Target {
        name: "mapping",
        words: WORDS,
        longest: 8_192,
        check,
    };
    target.fuzz();
}

#[test]
fn a_vocabulary_is_whole_or_its_mistakes_have_places() {
    let check = |input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return Outcome::error("no text");
        };
        let source = source("actions.yaml", text);
        let wrong = vocabulary::load(&source).err();
        assert_eq!(vocabulary::load(&source).err(), wrong);
        assert!(wrong.as_ref().is_none_or(|wrong| !wrong.is_empty()));
        placed(&source, &wrong.unwrap_or_default())
    };
    let target = Target {
        name: "vocabulary",
        words: WORDS,
        longest: 8_192,
        check,
    };
    target.fuzz();
}

#[test]
fn a_table_of_tools_is_whole_or_its_mistakes_have_places() {
    let check = |input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return Outcome::error("no text");
        };
        let source = source("tools.yaml", text);
        let wrong = tools::Tools::load(&source, words_of_shipped()).err();
        assert_eq!(tools::Tools::load(&source, words_of_shipped()).err(), wrong);
        assert!(wrong.as_ref().is_none_or(|wrong| !wrong.is_empty()));
        placed(&source, &wrong.unwrap_or_default())
    };
    let target = Target {
        name: "tools",
        words: WORDS,
        longest: 8_192,
        check,
    };
    target.fuzz();
}

#[test]
fn an_index_is_whole_or_its_mistakes_have_places() {
    let check = |input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return Outcome::error("no text");
        };
        let source = source("INDEX", text);
        let wrong = Generated::default().read_index(&source);
        assert_eq!(Generated::default().read_index(&source), wrong);
        placed(&source, &wrong)
    };
    let words = &[
        "\t",
        ",",
        "\n",
        "#",
        "a.x.example",
        "*.x.example",
        "{a}.x.example",
        ":443",
        "read_record=1",
        "\u{130}.example",
        "127.0.0.1",
        "xn--",
    ];
    let target = Target {
        name: "index",
        words,
        longest: 8_192,
        check,
    };
    target.fuzz();
}
