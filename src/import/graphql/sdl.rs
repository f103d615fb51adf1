//! A schema as text.

use apollo_parser::Parser;
use apollo_parser::cst::{
    ArgumentsDefinition, CstNode, Definition, FieldsDefinition, InputFieldsDefinition, InputValueDefinition, Name,
    RootOperationTypeDefinition, Type,
};

use super::schema::{Argument, Field, Place, Schema};
use super::wrong;
use crate::import::ImportError;
use crate::model::Source;

/// How deep values and types may nest.
const MAX_DEPTH: usize = 100;
const MAX_TOKENS: usize = 4_000_000;

/// Adds what a file says.
///
/// # Errors
/// What is no SDL, with its place; what is said twice.
pub(super) fn read(source: &Source, schema: &mut Schema) -> Result<(), ImportError> {
    let parser = Parser::new(&source.text);
    let tree = parser.recursion_limit(MAX_DEPTH).token_limit(MAX_TOKENS).parse();
    if let Some(error) = tree.errors().next() {
        return Err(wrong(
            source,
            error.index(),
            format!("this is no GraphQL schema: {}", error.message()),
        ));
    }
    let reader = Reader { source };
    for definition in tree.document().definitions() {
        reader.definition(definition, schema)?;
    }
    Ok(())
}

struct Reader<'a> {
    source: &'a Source,
}

impl Reader<'_> {
    fn definition(&self, definition: Definition, schema: &mut Schema) -> Result<(), ImportError> {
        let offset = offset(&definition);
        match definition {
            Definition::ObjectTypeDefinition(object) => {
                let name = self.defined(object.name(), offset, schema)?;
                schema.object(self.source, name, self.fields(object.fields_definition())?)
            }
            Definition::ObjectTypeExtension(object) => {
                let name = self.name(object.name(), offset)?;
                schema.object(self.source, name, self.fields(object.fields_definition())?)
            }
            Definition::InputObjectTypeDefinition(input) => {
                let name = self.defined(input.name(), offset, schema)?;
                schema.input(name, self.members(input.input_fields_definition())?);
                Ok(())
            }
            Definition::InputObjectTypeExtension(input) => {
                let name = self.name(input.name(), offset)?;
                schema.input(name, self.members(input.input_fields_definition())?);
                Ok(())
            }
            Definition::SchemaDefinition(named) => self.roots(named.root_operation_type_definitions(), schema),
            Definition::SchemaExtension(named) => self.roots(named.root_operation_type_definitions(), schema),
            Definition::ScalarTypeDefinition(other) => self.defined(other.name(), offset, schema).map(drop),
            Definition::InterfaceTypeDefinition(other) => self.defined(other.name(), offset, schema).map(drop),
            Definition::UnionTypeDefinition(other) => self.defined(other.name(), offset, schema).map(drop),
            Definition::EnumTypeDefinition(other) => self.defined(other.name(), offset, schema).map(drop),
            Definition::DirectiveDefinition(_)
            | Definition::ScalarTypeExtension(_)
            | Definition::InterfaceTypeExtension(_)
            | Definition::UnionTypeExtension(_)
            | Definition::EnumTypeExtension(_) => Ok(()),
            Definition::OperationDefinition(_) | Definition::FragmentDefinition(_) => {
                Err(wrong(self.source, offset, "expected a schema, found a request"))
            }
        }
    }

    fn name(&self, name: Option<Name>, offset: usize) -> Result<String, ImportError> {
        let name = name.map(|name| name.text().to_string());
        name.ok_or_else(|| wrong(self.source, offset, "expected a name"))
    }

    fn defined(&self, name: Option<Name>, offset: usize, schema: &mut Schema) -> Result<String, ImportError> {
        let name = self.name(name, offset)?;
        schema.define(self.source, &name, offset)?;
        Ok(name)
    }

    fn roots(
        &self,
        named: impl Iterator<Item = RootOperationTypeDefinition>,
        schema: &mut Schema,
    ) -> Result<(), ImportError> {
        for root in named {
            let offset = offset(&root);
            let word = root.operation_type();
            let word = word.as_ref();
            let kind = match word.map(|word| (word.query_token(), word.mutation_token(), word.subscription_token())) {
                Some((Some(_), None, None)) => "query",
                Some((None, Some(_), None)) => "mutation",
                Some((None, None, Some(_))) => "subscription",
                _ => return Err(wrong(self.source, offset, "expected query, mutation or subscription")),
            };
            let of = self.name(root.named_type().and_then(|of| of.name()), offset)?;
            schema.name_root(self.source, kind, of, self.place(offset))?;
        }
        Ok(())
    }

    fn fields(&self, fields: Option<FieldsDefinition>) -> Result<Vec<Field>, ImportError> {
        let fields = fields.iter().flat_map(FieldsDefinition::field_definitions);
        let read = fields.map(|field| {
            let offset = offset(&field);
            let arguments = field.arguments_definition();
            let arguments = arguments.iter().flat_map(ArgumentsDefinition::input_value_definitions);
            Ok(Field {
                name: self.name(field.name(), offset)?,
                arguments: arguments
                    .map(|argument| self.argument(&argument))
                    .collect::<Result<_, _>>()?,
                place: self.place(offset),
            })
        });
        read.collect()
    }

    fn members(&self, members: Option<InputFieldsDefinition>) -> Result<Vec<Argument>, ImportError> {
        let members = members.iter().flat_map(InputFieldsDefinition::input_value_definitions);
        members.map(|member| self.argument(&member)).collect()
    }

    fn argument(&self, argument: &InputValueDefinition) -> Result<Argument, ImportError> {
        let offset = offset(argument);
        let mut list = false;
        let mut at = argument.ty();
        let of = loop {
            at = match at {
                Some(Type::NamedType(named)) => break named.name(),
                Some(Type::ListType(inner)) => {
                    list = true;
                    inner.ty()
                }
                Some(Type::NonNullType(inner)) => match (inner.named_type(), inner.list_type()) {
                    (Some(named), _) => Some(Type::NamedType(named)),
                    (None, inner) => inner.map(Type::ListType),
                },
                None => break None,
            };
        };
        Ok(Argument {
            name: self.name(argument.name(), offset)?,
            of: self.name(of, offset)?,
            list,
        })
    }

    fn place(&self, offset: usize) -> Place {
        Place {
            file: self.source.file.clone(),
            offset,
        }
    }
}

/// Where a node begins, its description with it.
fn offset(node: &impl CstNode) -> usize {
    usize::from(node.syntax().text_range().start())
}
