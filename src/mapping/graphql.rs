//! GraphQL requests: the fields of their root, which are a provider's operations.
//!
//! SECURITY: what is read here decides, so that a document that cannot be read, that the server has already, or of which it
//! is not told what runs, is no request at all for this reader: its caller takes it for a change (tests in
//! `graphql/tests.rs`).

use std::collections::{BTreeMap, HashSet};

use apollo_parser::cst::{
    CstNode, Definition, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet, Value as Node,
};
use apollo_parser::{Parser, cst};
use serde_json::{Map, Value};

/// Bytes of a document that is read at all.
const MAX_BYTES: usize = 256 * 1024;
const MAX_TOKENS: usize = 50_000;
/// How deep a document may nest.
const MAX_DEPTH: usize = 100;
/// Fields of the root that one request may have: each is judged.
pub(super) const MAX_FIELDS: usize = 32;

/// What a request may tell.
const MEMBERS: [&str; 4] = ["query", "operationName", "variables", "extensions"];

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// One field of the root.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Root {
    pub kind: Kind,
    pub name: String,
    /// With the values of the variables.
    pub arguments: Value,
}

/// All that requests ask for: `query` and `body` are the parameters and the content of a call.
pub(super) fn read(query: Option<&Value>, body: Option<&Value>) -> Option<Vec<Root>> {
    let empty = Map::new();
    let in_query = match query {
        Some(Value::Object(members)) => members,
        Some(_) => return None,
        None => &empty,
    };
    let mut roots = Vec::new();
    match body {
        None => roots.extend(request(&[in_query])?),
        Some(Value::Object(members)) => roots.extend(request(&[in_query, members])?),
        Some(Value::Array(items)) if !items.is_empty() && items.len() <= MAX_FIELDS && tells_nothing(in_query) => {
            for item in items {
                roots.extend(request(&[item.as_object()?])?);
            }
        }
        Some(_) => return None,
    }
    (1..=MAX_FIELDS).contains(&roots.len()).then_some(roots)
}

fn tells_nothing(members: &Map<String, Value>) -> bool {
    !members
        .keys()
        .any(|name| MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// One request, which parameters and content tell together: no name is in both.
fn request(parts: &[&Map<String, Value>]) -> Option<Vec<Root>> {
    let members = || parts.iter().flat_map(|part| part.iter());
    // SECURITY: some servers take `Query` for `query`, and a document of their own before one that is sent (test
    // `what_may_run_another_document_is_not_read`).
    let odd = |name: &str| {
        MEMBERS
            .iter()
            .any(|known| *known != name && known.eq_ignore_ascii_case(name))
            || super::strangers::names_document(name)
    };
    if members().any(|(name, _)| odd(name)) {
        return None;
    }
    let member = |wanted: &str| members().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let text = member("query")?.as_str()?;
    let chosen = match member("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) if name.is_empty() => None,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(_) => return None,
    };
    let parsed;
    let variables = match member("variables") {
        None | Some(Value::Null) => &Value::Null,
        // In a query they are written as text.
        Some(Value::String(text)) => {
            parsed = super::json::parse(text.as_bytes()).ok()?;
            &parsed
        }
        Some(variables) => variables,
    };
    document(text, chosen, variables)
}

/// What a document asks for: the operation of that name, or all of them.
fn document(text: &str, chosen: Option<&str>, variables: &Value) -> Option<Vec<Root>> {
    if text.len() > MAX_BYTES || super::spelling::is_odd(text) {
        return None;
    }
    let parser = Parser::new(text).recursion_limit(MAX_DEPTH).token_limit(MAX_TOKENS);
    let tree = parser.parse();
    if tree.errors().next().is_some() {
        return None;
    }
    let (mut operations, mut fragments) = (Vec::new(), BTreeMap::new());
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => operations.push(operation),
            Definition::FragmentDefinition(fragment) => {
                let name = fragment.fragment_name()?.name()?.text().to_string();
                if fragments.insert(name, fragment).is_some() {
                    return None;
                }
            }
            // A schema is no request.
            Definition::DirectiveDefinition(_)
            | Definition::SchemaDefinition(_)
            | Definition::ScalarTypeDefinition(_)
            | Definition::ObjectTypeDefinition(_)
            | Definition::InterfaceTypeDefinition(_)
            | Definition::UnionTypeDefinition(_)
            | Definition::EnumTypeDefinition(_)
            | Definition::InputObjectTypeDefinition(_)
            | Definition::SchemaExtension(_)
            | Definition::ScalarTypeExtension(_)
            | Definition::ObjectTypeExtension(_)
            | Definition::InterfaceTypeExtension(_)
            | Definition::UnionTypeExtension(_)
            | Definition::EnumTypeExtension(_)
            | Definition::InputObjectTypeExtension(_) => return None,
        }
    }
    let name = |operation: &OperationDefinition| operation.name().map(|name| name.text().to_string());
    if let Some(chosen) = chosen {
        operations.retain(|operation| name(operation).as_deref() == Some(chosen));
        if operations.len() != 1 {
            return None;
        }
    }
    let mut roots = Vec::new();
    for operation in &operations {
        let reader = Reader {
            kind: kind(operation)?,
            values: values(operation, variables)?,
            fragments: &fragments,
        };
        reader.roots(&operation.selection_set()?, &mut HashSet::new(), &mut roots)?;
    }
    Some(roots)
}

fn kind(operation: &OperationDefinition) -> Option<Kind> {
    let Some(word) = operation.operation_type() else {
        return Some(Kind::Query);
    };
    match (word.query_token(), word.mutation_token(), word.subscription_token()) {
        (Some(_), None, None) => Some(Kind::Query),
        (None, Some(_), None) => Some(Kind::Mutation),
        (None, None, Some(_)) => Some(Kind::Subscription),
        _ => None,
    }
}

/// The variables' values, as sent or by default.
fn values(operation: &OperationDefinition, sent: &Value) -> Option<Map<String, Value>> {
    let mut values = match sent {
        Value::Object(sent) => sent.clone(),
        Value::Null => Map::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
    };
    let defined = operation.variable_definitions();
    for variable in defined.iter().flat_map(|defined| defined.variable_definitions()) {
        let name = variable.variable()?.name()?.text().to_string();
        if let Some(default) = variable.default_value().and_then(|default| default.value())
            && !values.contains_key(&name)
        {
            let value = plain(&default, &Map::new())?;
            values.insert(name, value);
        }
    }
    Some(values)
}

struct Reader<'a> {
    kind: Kind,
    values: Map<String, Value>,
    fragments: &'a BTreeMap<String, FragmentDefinition>,
}

impl Reader<'_> {
    /// The fields of a selection, those in fragments too; what `@skip` and `@include` say is not asked.
    fn roots(&self, set: &SelectionSet, seen: &mut HashSet<String>, out: &mut Vec<Root>) -> Option<()> {
        for selection in set.selections() {
            if out.len() > MAX_FIELDS {
                return None;
            }
            match selection {
                Selection::Field(field) => out.push(Root {
                    kind: self.kind,
                    name: field.name()?.text().to_string(),
                    arguments: self.arguments(&field)?,
                }),
                Selection::InlineFragment(inner) => self.roots(&inner.selection_set()?, seen, out)?,
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name()?.name()?.text().to_string();
                    let fragment = self.fragments.get(&name)?;
                    if seen.insert(name) {
                        self.roots(&fragment.selection_set()?, seen, out)?;
                    }
                }
            }
        }
        Some(())
    }

    fn arguments(&self, field: &Field) -> Option<Value> {
        let mut out = Map::new();
        for argument in field.arguments().iter().flat_map(|arguments| arguments.arguments()) {
            let name = argument.name()?.text().to_string();
            if out.insert(name, plain(&argument.value()?, &self.values)?).is_some() {
                return None;
            }
        }
        Some(Value::Object(out))
    }
}

/// A value as JSON. A variable without a value is null.
fn plain(node: &Node, variables: &Map<String, Value>) -> Option<Value> {
    let text = |node: &dyn Fn() -> String| node().trim().to_owned();
    Some(match node {
        Node::Variable(variable) => {
            let name = variable.name()?.text().to_string();
            variables.get(&name).cloned().unwrap_or(Value::Null)
        }
        Node::StringValue(value) => Value::String(String::from(value)),
        Node::IntValue(value) => number(&text(&|| value.source_string()))?,
        Node::FloatValue(value) => number(&text(&|| value.source_string()))?,
        Node::BooleanValue(value) => Value::Bool(value.true_token().is_some()),
        Node::NullValue(_) => Value::Null,
        Node::EnumValue(value) => Value::String(value.name()?.text().to_string()),
        Node::ListValue(list) => {
            let items = list.values().map(|item| plain(&item, variables));
            Value::Array(items.collect::<Option<_>>()?)
        }
        Node::ObjectValue(object) => {
            let mut out = Map::new();
            for field in object.object_fields() {
                let (name, value) = pair(&field, variables)?;
                if out.insert(name, value).is_some() {
                    return None;
                }
            }
            Value::Object(out)
        }
    })
}

fn pair(field: &cst::ObjectField, variables: &Map<String, Value>) -> Option<(String, Value)> {
    Some((field.name()?.text().to_string(), plain(&field.value()?, variables)?))
}

fn number(text: &str) -> Option<Value> {
    serde_json::from_str::<serde_json::Number>(text).ok().map(Value::Number)
}

#[cfg(test)]
mod tests;
