//! What of a schema a mapping is made of, put together of all its files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_FIELDS, wrong};
use crate::import::ImportError;
use crate::model::Source;

/// Types of one schema.
const MAX_TYPES: usize = 100_000;

/// Where something stands: the file, and the byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub file: String,
    pub offset: usize,
}

#[derive(Debug, Default)]
pub(super) struct Schema {
    /// `query`, `mutation` and `subscription` with the types that the schema names for them.
    named: BTreeMap<&'static str, (String, Place)>,
    /// Whether a schema says which types those are: else they have their usual names.
    says_roots: bool,
    objects: BTreeMap<String, Object>,
    pub inputs: BTreeMap<String, Vec<Argument>>,
    /// What is defined, rather than extended.
    defined: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Object {
    fields: Vec<Field>,
    names: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub arguments: Vec<Argument>,
    pub place: Place,
}

/// An argument, or a member of an input type.
#[derive(Debug)]
pub(super) struct Argument {
    pub name: String,
    /// The type, without lists around it.
    pub of: String,
    pub list: bool,
}

/// The fields of the root types.
pub(super) struct Roots<'a> {
    pub query: Option<&'a Vec<Field>>,
    pub mutation: Option<&'a Vec<Field>>,
    pub subscription: Option<&'a Vec<Field>>,
}

const KINDS: [(&str, &str); 3] = [
    ("query", "Query"),
    ("mutation", "Mutation"),
    ("subscription", "Subscription"),
];

impl Schema {
    /// Says which type is the root of a kind.
    pub(super) fn name_root(
        &mut self,
        source: &Source,
        kind: &'static str,
        of: String,
        place: Place,
    ) -> Result<(), ImportError> {
        self.says_roots = true;
        let offset = place.offset;
        match self.named.insert(kind, (of, place)) {
            None => Ok(()),
            Some(_) => Err(wrong(source, offset, format!("the schema names its {kind} type twice"))),
        }
    }

    /// Says that something is defined here.
    pub(super) fn define(&mut self, source: &Source, name: &str, offset: usize) -> Result<(), ImportError> {
        if self.defined.len() >= MAX_TYPES {
            return Err(ImportError::TooMany {
                file: source.file.clone(),
                limit: MAX_TYPES,
                what: "types",
            });
        }
        match self.defined.insert(name.to_owned()) {
            true => Ok(()),
            false => Err(wrong(source, offset, format!("`{name}` is defined twice"))),
        }
    }

    /// Adds fields to an object type.
    pub(super) fn object(&mut self, source: &Source, name: String, fields: Vec<Field>) -> Result<(), ImportError> {
        let has = self.objects.entry(name.clone()).or_default();
        for field in fields {
            if !has.names.insert(field.name.clone()) {
                let message = format!("`{name}` has two fields `{}`", field.name);
                return Err(wrong(source, field.place.offset, message));
            }
            if has.fields.len() >= MAX_FIELDS {
                return Err(ImportError::TooMany {
                    file: source.file.clone(),
                    limit: MAX_FIELDS,
                    what: "fields of one type",
                });
            }
            has.fields.push(field);
        }
        Ok(())
    }

    /// Adds members to an input type.
    pub(super) fn input(&mut self, name: String, members: Vec<Argument>) {
        match self.inputs.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(members)),
            Entry::Occupied(mut entry) => entry.get_mut().extend(members),
        }
    }

    /// The fields of the root types.
    ///
    /// # Errors
    /// A schema without any, or that names for a root what is no type, or one type for two of them.
    pub(super) fn roots<'a>(&'a self, sources: &[Source]) -> Result<Roots<'a>, ImportError> {
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        let mut found = [None, None, None];
        for ((kind, usual), slot) in KINDS.into_iter().zip(&mut found) {
            let named = self.named.get(kind);
            let of = match named {
                Some((of, _)) => of.as_str(),
                None if self.says_roots => continue,
                None => usual,
            };
            let told = |message: String| match named {
                Some((_, place)) => match sources.iter().find(|source| source.file == place.file) {
                    Some(source) => wrong(source, place.offset, message),
                    None => no_schema(sources, &message),
                },
                None => no_schema(sources, &message),
            };
            match self.objects.get(of) {
                Some(object) => *slot = Some(&object.fields),
                None if named.is_some() => {
                    return Err(told(format!(
                        "the schema's {kind} type `{of}` is not defined as an object type"
                    )));
                }
                None => continue,
            }
            // SECURITY: a field of both would be a read and a change (test
            // `hostile_schemas_end_in_an_error_with_its_place`).
            if let Some(other) = taken.insert(of, kind) {
                return Err(told(format!("`{of}` is the type of both {other} and {kind}")));
            }
        }
        let [query, mutation, subscription] = found;
        match query.is_none() && mutation.is_none() && subscription.is_none() {
            true => Err(no_schema(sources, "expected a schema with a query or mutation type")),
            false => Ok(Roots {
                query,
                mutation,
                subscription,
            }),
        }
    }
}

fn no_schema(sources: &[Source], what: &str) -> ImportError {
    let names: Vec<&str> = sources.iter().map(|source| source.file.as_str()).collect();
    ImportError::Unreadable {
        file: names.join(", "),
        what: what.to_owned(),
    }
}
