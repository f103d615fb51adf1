//! A GraphQL schema → a draft: fields of its root types, which are the provider's operations.
//!
//! A schema comes as text (SDL, in one file or in several) or as the answer to the introspection query (JSON); both become the
//! same mapping. It does not say where the API is: that is told beside it.
//!
//! SECURITY: the schema's own word says what reads: a query's field does, a mutation's never, whatever it is called (test
//! `a_mutation_is_never_a_read`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::draft::{Dispatch, Draft, Operation, Origin, Tables, scalar};
use super::evidence::{self, Evidence, Judged, Known};
use super::meaning::{self, Named};
use super::{ImportError, files, regenerate, template};
use crate::model::{Access, Diagnostic, Source, Vocabulary};

mod introspection;
mod schema;
mod sdl;
#[cfg(test)]
mod tests;

use schema::{Argument, Field, Schema};

/// Bytes of one file: the largest published schemas have a fifth of that.
const MAX_BYTES: usize = 16 << 20;
/// Fields of one root type.
const MAX_FIELDS: usize = 20_000;

/// What the schema does not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub provider: String,
    /// For people.
    pub title: String,
    pub hosts: Vec<String>,
    /// Where documents are sent: `/graphql`.
    pub path: String,
}

/// The mapping of a schema.
///
/// # Errors
/// Files that are no schema, with line and column; schemas that say one thing twice, or have more than any has.
pub fn read(paths: &[PathBuf], options: &Options) -> Result<Draft, ImportError> {
    let mut sources = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or(path.as_os_str());
        sources.push(text(name.to_string_lossy().into_owned(), path)?);
    }
    draft(&sources, options)
}

fn text(name: String, path: &std::path::Path) -> Result<Source, ImportError> {
    let bytes = files::bytes(&name, path)?;
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge {
            file: name,
            limit: MAX_BYTES >> 20,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source {
            file: name,
            text: text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
        }),
        Err(error) => Err(ImportError::Unreadable {
            file: name,
            what: format!("this is no UTF-8 text from byte {}", error.utf8_error().valid_up_to()),
        }),
    }
}

/// The mapping of a schema's texts.
fn draft(sources: &[Source], options: &Options) -> Result<Draft, ImportError> {
    let mut schema = Schema::default();
    for source in sources {
        match source.text.trim_start().starts_with('{') {
            true => introspection::read(source, &mut schema)?,
            false => sdl::read(source, &mut schema)?,
        }
    }
    let roots = schema.roots(sources)?;
    let vocabulary = regenerate::vocabulary()?;
    let writer = Writer {
        schema: &schema,
        vocabulary: &vocabulary,
    };
    let table = |root: Option<&Vec<Field>>, make: &dyn Fn(&Field) -> Operation| -> BTreeMap<String, Operation> {
        let fields = root.into_iter().flatten();
        fields.map(|field| (field.name.clone(), make(field))).collect()
    };
    let tables = Tables {
        queries: table(roots.query, &|field| writer.query(field)),
        mutations: table(roots.mutation, &|field| writer.mutation(field)),
        subscriptions: table(roots.subscription, &|field| writer.subscription(field)),
    };
    let (path, _) = template::read(&options.path, false).map_err(|what| ImportError::Unreadable {
        file: options.path.clone(),
        what,
    })?;
    let documents = ["POST", "GET"].map(|method| (name(method), documents(format!("{method} {path}"))));
    Ok(Draft {
        name: options.provider.clone(),
        provider: options.provider.clone(),
        title: options.title.clone(),
        hosts: options.hosts.iter().cloned().collect(),
        dispatch: Dispatch::Path,
        content: BTreeMap::from([("application/json".to_owned(), "json")]),
        secret: BTreeSet::from(["cookie".to_owned()]),
        origin: origin(sources),
        operations: documents.into_iter().collect(),
        graphql: Some(tables),
        ..Draft::default()
    })
}

fn name(method: &str) -> String {
    match method {
        "GET" => "graphql.get".to_owned(),
        _ => "graphql".to_owned(),
    }
}

/// What takes documents. A document that cannot be read is a change.
fn documents(call: String) -> Operation {
    Operation {
        calls: BTreeSet::from([call]),
        judged: Judged {
            access: Access::Write,
            by: Evidence::Method,
        },
        action: None,
        more: vec![("reader", "graphql".to_owned())],
    }
}

/// A schema names no version of itself: what it was is told by its digest.
fn origin(sources: &[Source]) -> Origin {
    let names: Vec<&str> = sources.iter().map(|source| source.file.as_str()).collect();
    let mut digest = Sha256::new();
    for source in sources {
        digest.update(Sha256::digest(&source.text));
    }
    let digest = match sources {
        [only] => Sha256::digest(&only.text),
        _ => digest.finalize(),
    };
    Origin {
        by: "graphql",
        source: names.join(", "),
        version: format!("sha256:{}", hex::encode(digest)),
    }
}

/// Fields of root types as operations.
struct Writer<'a> {
    schema: &'a Schema,
    vocabulary: &'a Vocabulary,
}

impl Writer<'_> {
    fn query(&self, field: &Field) -> Operation {
        let judged = Judged {
            access: Access::Read,
            by: Evidence::Kind,
        };
        let path = format!("/{}", field.name);
        let action = meaning::action(&Named {
            access: judged.access,
            name: &field.name,
            path: &path,
            method: None,
        });
        self.operation(field, judged, action)
    }

    fn mutation(&self, field: &Field) -> Operation {
        let by_name = evidence::judge(&Known {
            name: &field.name,
            ..Known::default()
        });
        let judged = match by_name.access {
            Access::Delete | Access::Admin => by_name,
            Access::Read | Access::Write => Judged {
                access: Access::Write,
                by: Evidence::Kind,
            },
        };
        let action = meaning::action(&Named {
            access: judged.access,
            name: &field.name,
            path: "",
            method: None,
        });
        let several = self.id(field).is_some_and(|(_, several)| several);
        let action = match (action, judged.access) {
            (None | Some("delete_record"), Access::Delete) if several => Some("delete_records"),
            (None | Some("modify_record"), Access::Write) if several => Some("bulk_update"),
            _ => action,
        };
        self.operation(field, judged, action)
    }

    fn subscription(&self, field: &Field) -> Operation {
        let judged = Judged {
            access: Access::Write,
            by: Evidence::Kind,
        };
        self.operation(field, judged, Some("open_stream"))
    }

    fn operation(&self, field: &Field, judged: Judged, action: Option<&'static str>) -> Operation {
        let kind = meaning::thing(&field.name).unwrap_or_else(|| "record".to_owned());
        let kind = scalar(&kind);
        let id = self.id(field);
        let mut more = Vec::new();
        more.push(match &id {
            Some((path, false)) => ("target", format!("{{ kind: {kind}, id: {path} }}")),
            Some((_, true)) | None => ("target", format!("{{ kind: {kind} }}")),
        });
        let told = action.unwrap_or(match judged.access {
            Access::Read => "read_record",
            Access::Write => "call_api",
            Access::Delete => "delete_record",
            Access::Admin => "modify_security",
        });
        let definition = self.vocabulary.actions.get(told);
        let has_ids = definition.is_some_and(|definition| {
            let mut fields = definition.required.iter().chain(&definition.optional);
            fields.any(|name| &**name == "resource_ids")
        });
        if let Some((path, several)) = id.filter(|_| has_ids) {
            let path = match several {
                true => format!("\"{path}\""),
                false => path,
            };
            more.push(("fields", format!("{{ resource_ids: {{ from: {path} }} }}")));
        }
        Operation {
            calls: BTreeSet::new(),
            judged,
            action,
            more,
        }
    }

    /// Where the id of what a field is about stands, and whether it is a list of them: `id`, `ids`, or the thing's own
    /// (`issueId` of `closeIssue`), among the arguments or in `input`. Types are followed no further, however they go round.
    fn id(&self, field: &Field) -> Option<(String, bool)> {
        let thing = meaning::thing(&field.name).unwrap_or_default();
        let own = format!("{}_id", thing.split('_').next_back().unwrap_or_default());
        let find = |arguments: &[Argument], place: &str| {
            let named = |wanted: &dyn Fn(&str) -> bool, list: bool| {
                let mut fitting = arguments.iter();
                let found = fitting.find(|argument| argument.list == list && wanted(&argument.name))?;
                let all = if list { "[*]" } else { "" };
                Some((format!("$.body.arguments{place}.{}{all}", found.name), list))
            };
            named(&|name| name == "id", false)
                .or_else(|| named(&|name| name == "ids", true))
                .or_else(|| named(&|name| super::words::words(name).join("_") == own, false))
        };
        let inner = || {
            let input = field
                .arguments
                .iter()
                .find(|argument| argument.name == "input" && !argument.list)?;
            find(self.schema.inputs.get(&input.of)?, ".input")
        };
        find(&field.arguments, "").or_else(inner)
    }
}

/// A mistake at a place of a source.
fn wrong(source: &Source, offset: usize, message: impl Into<String>) -> ImportError {
    let mut end = offset.min(source.text.len());
    while !source.text.is_char_boundary(end) {
        end -= 1;
    }
    let before = source.text.get(..end).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    at(source, line, column, message)
}

fn at(source: &Source, line: usize, column: usize, message: impl Into<String>) -> ImportError {
    let mut found = Diagnostic::at(&source.file, &source.text, line, column, message);
    // Introspection comes as one line of any length.
    found.snippet = found.snippet.filter(|snippet| snippet.len() <= 400);
    ImportError::Wrong(Box::new(found))
}
