//! YAML files into types: strict, and every mistake with its place. The only module that knows the parser.
//!
//! A key that is there twice, a key that the type does not know (with `deny_unknown_fields`), several documents in one
//! file and alias bombs are refused.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::model::{Diagnostic, Source};

/// The largest file that is read at all.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A value and where it stands (1-based; 0 where the place is not known).
#[derive(Clone, Copy, Debug)]
pub struct Located<T> {
    pub value: T,
    pub line: usize,
    pub column: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            line: number(spanned.referenced.line()),
            column: number(spanned.referenced.column()),
            value: spanned.value,
        })
    }
}

impl<T> Located<T> {
    /// A mistake at this value.
    pub fn diagnostic(&self, source: &Source, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&source.file, &source.text, self.line, self.column, message)
    }
}

/// Reads one document into `T`.
///
/// # Errors
/// The first mistake, with line, column and snippet: the parser stops there.
pub fn load<T: DeserializeOwned>(source: &Source) -> Result<T, Box<Diagnostic>> {
    if source.text.len() > MAX_BYTES {
        let message = format!("the file is larger than {MAX_BYTES} bytes");
        return Err(Box::new(Diagnostic::of_file(&source.file, message)));
    }
    serde_saphyr::from_str_with_options(&source.text, options()).map_err(|error| Box::new(diagnostic(source, &error)))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        budget: serde_saphyr::budget! {
            max_events: 2_000_000,
            max_nodes: 1_000_000,
            max_aliases: 100,
            max_anchors: 100,
            max_depth: 64,
            max_documents: 1,
        },
    }
}

fn diagnostic(source: &Source, error: &serde_saphyr::Error) -> Diagnostic {
    let text = error.without_snippet().to_string();
    let Some(location) = error.location() else {
        return Diagnostic::of_file(&source.file, text);
    };
    let (line, column) = (number(location.line()), number(location.column()));
    // The place is told by the diagnostic itself.
    let place = format!(" at line {line}, column {column}");
    let message = text.replace(&place, "");
    Diagnostic::at(&source.file, &source.text, line, column, message)
}

fn number(value: u64) -> usize {
    usize::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
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
            let error = load::<Sample>(&source(text)).unwrap_err();
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
}
