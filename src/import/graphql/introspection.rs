//! A schema as the answer to the introspection query.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::schema::{Argument, Field, Place, Schema};
use super::{at, wrong};
use crate::import::ImportError;
use crate::model::Source;

/// `{"data": {"__schema": …}}`, or what stands in it.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(borrow, rename = "__schema")]
    schema: Option<Described<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, rename = "__schema")]
    schema: Option<Described<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    #[serde(borrow)]
    query_type: Option<&'a RawValue>,
    #[serde(borrow)]
    mutation_type: Option<&'a RawValue>,
    #[serde(borrow)]
    subscription_type: Option<&'a RawValue>,
    #[serde(borrow)]
    types: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Type<'a> {
    kind: String,
    name: String,
    #[serde(borrow)]
    fields: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    input_fields: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Operation {
    name: String,
    #[serde(default)]
    args: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    #[serde(rename = "type")]
    of: Reference,
}

/// How deep it nests the reader of JSON bounds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    kind: String,
    name: Option<String>,
    of_type: Option<Box<Reference>>,
}

/// Adds what a file says.
///
/// # Errors
/// What is no such answer, with its place; what is said twice.
pub(super) fn read(source: &Source, schema: &mut Schema) -> Result<(), ImportError> {
    let reader = Reader { source };
    let answer: Answer<'_> = reader.part(&source.text)?;
    let described = answer.schema.or(answer.data.and_then(|data| data.schema));
    let described = described.ok_or_else(|| {
        let message = "expected the answer to the introspection query, with `__schema`";
        wrong(source, 0, message)
    })?;
    for (kind, named) in [
        ("query", described.query_type),
        ("mutation", described.mutation_type),
        ("subscription", described.subscription_type),
    ] {
        let Some(raw) = named.filter(|raw| raw.get() != "null") else {
            continue;
        };
        let of = reader.part::<Name>(raw.get())?.name;
        reader.check(&of, raw)?;
        schema.name_root(source, kind, of, reader.place(raw))?;
    }
    for raw in described.types {
        let of: Type<'_> = reader.part(raw.get())?;
        reader.check(&of.name, raw)?;
        schema.define(source, &of.name, reader.place(raw).offset)?;
        match of.kind.as_str() {
            "OBJECT" => {
                let fields = of.fields.unwrap_or_default().into_iter();
                let fields = fields.map(|field| reader.field(field)).collect::<Result<_, _>>()?;
                schema.object(source, of.name, fields)?;
            }
            "INPUT_OBJECT" => {
                let members = of.input_fields.unwrap_or_default().into_iter();
                let members = members.map(|member| reader.input(reader.part(member.get())?, member));
                schema.input(of.name, members.collect::<Result<_, _>>()?);
            }
            _ => {}
        }
    }
    Ok(())
}

struct Reader<'a> {
    source: &'a Source,
}

impl<'a> Reader<'a> {
    fn field(&self, raw: &'a RawValue) -> Result<Field, ImportError> {
        let field: Operation = self.part(raw.get())?;
        self.check(&field.name, raw)?;
        let arguments = field.args.into_iter().map(|argument| self.input(argument, raw));
        Ok(Field {
            name: field.name,
            arguments: arguments.collect::<Result<_, _>>()?,
            place: self.place(raw),
        })
    }

    fn input(&self, input: Input, raw: &RawValue) -> Result<Argument, ImportError> {
        self.check(&input.name, raw)?;
        let (mut list, mut of) = (false, input.of);
        loop {
            list |= of.kind == "LIST";
            match (of.of_type, of.name) {
                (Some(inner), _) => of = *inner,
                (None, Some(name)) => {
                    return Ok(Argument {
                        name: input.name,
                        of: name,
                        list,
                    });
                }
                (None, None) => return Err(self.wrong_at(raw, "a type without a name")),
            }
        }
    }

    /// SECURITY: names go into a mapping's text, so they are what GraphQL allows and nothing else (test
    /// `hostile_schemas_end_in_an_error_with_its_place`).
    fn check(&self, name: &str, raw: &RawValue) -> Result<(), ImportError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let first = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        match first && name.len() <= 200 && name.bytes().all(plain) {
            true => Ok(()),
            false => Err(self.wrong_at(raw, "expected a name of letters, digits and `_`")),
        }
    }

    fn wrong_at(&self, raw: &RawValue, message: &str) -> ImportError {
        wrong(self.source, self.place(raw).offset, message)
    }

    /// A part of the text. What is wrong in it is told by its place in the whole.
    fn part<T: Deserialize<'a>>(&self, text: &'a str) -> Result<T, ImportError> {
        serde_json::from_str(text).map_err(|error| {
            let whole = &self.source.text;
            let before = whole.get(..self.offset(text)).unwrap_or_default();
            let above = before.matches('\n').count();
            let beside = match error.line() {
                0 | 1 => before.rsplit('\n').next().unwrap_or_default().chars().count(),
                _ => 0,
            };
            let message = error.to_string();
            let message = message
                .rsplit_once(" at line ")
                .map_or(message.as_str(), |(what, _)| what);
            let (line, column) = (above + error.line().max(1), beside + error.column());
            at(
                self.source,
                line,
                column,
                format!("this is no introspection: {message}"),
            )
        })
    }

    fn place(&self, raw: &RawValue) -> Place {
        Place {
            file: self.source.file.clone(),
            offset: self.offset(raw.get()),
        }
    }

    /// Where a part of the text begins in it.
    fn offset(&self, part: &str) -> usize {
        let begin = |text: &str| text.as_ptr().addr();
        begin(part)
            .saturating_sub(begin(&self.source.text))
            .min(self.source.text.len())
    }
}
