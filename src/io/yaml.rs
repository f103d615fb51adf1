//! YAML files into types: strict, and every mistake with its place. The only module that knows the parser.
//!
//! A key that is there twice, a key that the type does not know (with `deny_unknown_fields`), several documents in one
//! file and alias bombs are refused.

mod mend;
mod outline;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
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

/// To an editor it is the value.
impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
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
/// Every mistake of form, with line, column and snippet.
pub fn load<T: DeserializeOwned>(source: &Source) -> Result<T, Vec<Diagnostic>> {
    load_with(source, Ok)
}

/// The same, with what `check` makes of it: where the form is wrong, it has a look at what can be read all the same.
///
/// # Errors
/// Every mistake of form, and what `check` finds; by line.
pub fn load_with<T: DeserializeOwned, U>(
    source: &Source,
    check: impl FnOnce(T) -> Result<U, Vec<Diagnostic>>,
) -> Result<U, Vec<Diagnostic>> {
    if source.text.len() > MAX_BYTES {
        let message = format!("the file is larger than {MAX_BYTES} bytes");
        return Err(vec![Diagnostic::of_file(&source.file, message)]);
    }
    let error = match serde_saphyr::from_str_with_options(&source.text, options()) {
        Ok(value) => return check(value),
        Err(error) => error,
    };
    let mut mended = mend::Mended::read(source, error);
    let found = mended.value.take().and_then(|value| check(value).err());
    let found: Vec<Diagnostic> = found
        .into_iter()
        .flatten()
        .map(|found| mended.place(source, found))
        .collect();
    let mut wrong = mended.wrong;
    wrong.extend(found);
    wrong.sort_by_key(|wrong| (wrong.line, wrong.column));
    Err(wrong)
}

/// The same of a document that is larger than any that people write: a description of an API. Its bounds are wider, and
/// there are bounds; what aliases repeat is in proportion to the text, so that a small bomb is a small one.
///
/// # Errors
/// As [`load`].
pub fn load_large<T: DeserializeOwned>(source: &Source) -> Result<T, Box<Diagnostic>> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: source.text.len().saturating_add(10_000).min(100_000),
            max_replay_stack_depth: 8,
        },
        budget: serde_saphyr::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_aliases: 10_000,
            max_anchors: 10_000,
            max_depth: 128,
            max_documents: 1,
        },
    };
    serde_saphyr::from_str_with_options(&source.text, options).map_err(|error| Box::new(diagnostic(source, &error)))
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
        // It is of the whole text, which begins there.
        return Diagnostic::at(&source.file, &source.text, 1, 1, text);
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
mod tests;
