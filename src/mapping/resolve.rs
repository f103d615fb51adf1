//! The action of a call, once its rule is known.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use serde_json::Value as Json;

use super::dispatch::{Dispatch, NameSource, Names, VERSION};
use super::document::{Document, Node, Path, Sought};
use super::field::{self, Reducer, Type};
use super::file::Decoder;
use super::service::{Operation, Reader, Service};
use super::summary::Wording;
use super::{Mappings, Rule, content, guard, spelling, strangers};
use crate::mapping::form::Nesting;
use crate::model::{Access, Action, Call, Reason, Refusal, Value};

mod messages;
mod named;
mod statements;
mod target;
mod unnamed;

pub(super) use unnamed::BuiltIns;

/// A rule with what its call told: parameters of the path, or the operation's name.
struct Matched<'a> {
    service: &'a Service,
    operation: &'a Operation,
    name: Arc<str>,
    captures: &'a [(Arc<str>, String)],
    parameters: Vec<(Arc<str>, String)>,
}

/// Query and content of a call, decoded.
struct Decoded {
    query: Option<Json>,
    body: Option<content::Decoded>,
}

impl Mappings {
    /// A call to a host with a mapping.
    pub(super) fn known(
        &self,
        call: &Call,
        service: &Service,
        captures: &[(Arc<str>, String)],
        rule: Rule<'_>,
        beyond: Option<&Service>,
    ) -> Result<Action, Refusal> {
        if guard::reveals(call, service) && !matches!(rule, Rule::OtherPort) {
            return Ok(self.revealing(call, service));
        }
        let (operation, name, parameters) = match rule {
            Rule::OtherPort => return Ok(self.unnamed(call, Some(service), false)),
            Rule::None => {
                // SECURITY: GraphQL says in its query what it does (test `o94_o95_graphql_in_a_query`).
                let changes = strangers::changes_by_graphql(call.query.as_deref().unwrap_or_default());
                let reads = service.is_safe_at(&call.path) && unnamed::is_safe(call) && !changes;
                return Ok(self.unnamed(call, Some(service), reads));
            }
            Rule::Path(operation, parameters) => {
                let names = operation.parameters.iter().cloned();
                (operation, operation.name.clone(), names.zip(parameters).collect())
            }
            Rule::Name(operation, name) => (operation, full_name(service, &name), Vec::new()),
            Rule::Parameter(names) => return self.by_parameter(call, (service, names), beyond, captures),
        };
        match &operation.reader {
            Some(Reader::Graphql) => return self.by_document(call, service, captures, operation, beyond),
            Some(Reader::Mcp) => return self.by_messages(call, service, captures),
            Some(Reader::Sql(_)) | None => {}
        }
        // A GET with content is not the read that the mapping means, unless it says so.
        let odd = matches!(call.method, Method::GET | Method::HEAD)
            && !content::is_empty(&call.body)
            && !operation.content_by_get;
        if odd
            && matches!(*service.dispatch, Dispatch::Path(_) | Dispatch::Aws(_))
            && operation.meaning.access == Access::Read
        {
            return Ok(self.unnamed(call, Some(service), false));
        }
        // SECURITY: frameworks take `_method` in a form for the method, and this form goes unread (test
        // `a_form_that_nobody_reads_may_name_another_method`).
        let unread = service.generated && !operation.needs_body && !content::is_empty(&call.body);
        if unread
            && matches!(*service.dispatch, Dispatch::Path(_))
            && operation.meaning.access == Access::Read
            && !call.is_grpc()
            && content::may_be_form(call)
        {
            return Ok(self.unnamed(call, Some(service), false));
        }
        // SECURITY: where a field names the operation, a form beside it may name another, for a service that takes both
        // (test `r_two_targets_are_refused`).
        if service.dispatch.is_by_header() && !content::is_empty(&call.body) {
            content::of_media_type(call, service)?;
        }
        // SECURITY: content that nobody can read is no read's, though its path names one (test
        // `no_cbor_that_cannot_be_read_is_a_read`).
        let needs_body = operation.needs_body || is_read_in_cbor(call, service, operation);
        let decoded = match needs_body || !operation.reads_query.is_empty() {
            true => {
                let decoder = operation.decoder;
                let decoded = decode(call, service, needs_body, decoder, Nesting::Brackets)?;
                check_names(&operation.sought, &decoded)?;
                decoded
            }
            false => Decoded {
                query: None,
                body: None,
            },
        };
        let matched = Matched {
            service,
            operation,
            name,
            captures,
            parameters,
        };
        Ok(self.judged(call, &matched, &decoded))
    }

    /// The operation's name is a parameter, in query or content.
    fn by_parameter(
        &self,
        call: &Call,
        (service, names): (&Service, &Names),
        beyond: Option<&Service>,
        captures: &[(Arc<str>, String)],
    ) -> Result<Action, Refusal> {
        let NameSource::Parameter(parameter) = &names.source else {
            return Ok(self.unnamed(call, Some(service), false));
        };
        // Parameters in both are refused here: the name among them.
        let decoded = decode(call, service, true, None, Nesting::Dots)?;
        check_names(&names.sought, &decoded)?;
        let part = |name: &str| {
            let parts = [decoded.query.as_ref(), decoded.body.as_ref().map(|body| &body.value)];
            let mut found = parts.into_iter().flatten().filter_map(|part| part.get(name)?.as_str());
            found.next().map(str::to_owned)
        };
        let (name, version) = (part(parameter), part(VERSION));
        let below = beyond.and_then(|below| Some((below, below.dispatch.by_parameter(parameter)?)));
        let found = name.and_then(|name| {
            let of = |names: &'_ Names| names.key(version.as_deref(), &name);
            let written = names.find(&of(names)).map(|operation| (service, operation));
            let generated = || below.and_then(|(below, names)| Some((below, names.find(&of(names))?)));
            let (service, operation) = written.or_else(generated)?;
            // SECURITY: as in `lead`, where the generated service alone takes a parameter (test
            // `a_generated_operation_never_stands_in_for_a_written_one`).
            (!service.is_written(operation)).then_some((service, operation, name))
        });
        let Some((service, operation, name)) = found else {
            return Ok(Action {
                inspected: true,
                ..self.unnamed(call, Some(service), false)
            });
        };
        check_names(&operation.sought, &decoded)?;
        let name = match *service.dispatch {
            Dispatch::Aws(_) => operation.name.clone(),
            Dispatch::Name(_) | Dispatch::Path(_) => full_name(service, &name),
        };
        let matched = Matched {
            service,
            operation,
            name,
            captures,
            parameters: Vec::new(),
        };
        Ok(self.judged(call, &matched, &decoded))
    }

    /// A call that a rule names, with what its statements do where it has some.
    fn judged(&self, call: &Call, matched: &Matched<'_>, decoded: &Decoded) -> Action {
        match &matched.operation.reader {
            Some(Reader::Sql(sql)) => self.by_statements(call, matched, decoded, sql),
            Some(Reader::Graphql | Reader::Mcp) | None => self.named(call, matched, decoded),
        }
    }

    pub(super) fn wording<'a>(&'a self, title: &'a str) -> Wording<'a> {
        Wording {
            title,
            account_currency: self.account_currency.as_deref(),
        }
    }

    fn environment(&self, call: &Call, service: &Service, document: &Document<'_>) -> Arc<str> {
        let Some(reading) = &service.environment else {
            return self.built_ins.unknown.clone();
        };
        let told = match (reading.from.as_slice(), &reading.reduce) {
            ([Path::Credential], Reducer::One(Type::PrefixMap(prefixes, otherwise))) => {
                let credential = guard::credential(&call.headers);
                let called = |text: &str| field::called(Node::Text(text), prefixes, otherwise.as_ref()).cloned();
                credential.and_then(|credential| called(&credential).ok())
            }
            _ => match reading.value(document) {
                Ok(Value::Text(name)) => Some(name.into()),
                Ok(Value::Bool(_) | Value::Int(_) | Value::List(_)) | Err(_) => None,
            },
        };
        told.unwrap_or_else(|| self.built_ins.unknown.clone())
    }
}

/// A read by AWS's protocol in CBOR: its path names the operation, and its content is read all the same.
pub(super) fn is_read_in_cbor(call: &Call, service: &Service, operation: &Operation) -> bool {
    matches!(*service.dispatch, Dispatch::Aws(_))
        && operation.meaning.access == Access::Read
        && call.headers.contains_key("smithy-protocol")
}

fn full_name(service: &Service, name: &str) -> Arc<str> {
    format!("{}{name}", service.name_prefix).into()
}

/// Decodes query and content. What both name is refused.
///
/// SECURITY: servers merge query and content, and one of two equal names wins (tests `r_query_and_body_are_not_merged`,
/// `r_action_in_query_and_body_is_refused`).
fn decode(
    call: &Call,
    service: &Service,
    body: bool,
    decoder: Option<Decoder>,
    nesting: Nesting,
) -> Result<Decoded, Refusal> {
    let query = content::query(call.query.as_deref(), nesting)?;
    let body = match body {
        true => content::decode(call, service, decoder)?,
        false => None,
    };
    // The one member of an XML document is its root, and no parameter.
    let parameters = body
        .as_ref()
        .filter(|body| body.decoder != Decoder::Xml && !service.query_apart);
    if let (Some(Json::Object(query)), Some(Json::Object(members))) = (&query, parameters.map(|body| &body.value))
        && let members = members
            .keys()
            .map(|name| spelling::folded(name))
            .collect::<HashSet<_>>()
        && query.keys().any(|name| members.contains(&spelling::folded(name)))
    {
        return Err(Refusal::new(
            Reason::Malformed,
            "query and content name the same parameter",
        ));
    }
    if let Some(content::Decoded {
        value: Json::Object(members),
        uncoded: Some(uncoded),
        ..
    }) = &body
        && uncoded.names_one_of(members.keys().map(String::as_str))
    {
        return Err(content::readable_as_it_is());
    }
    Ok(Decoded { query, body })
}

/// Refuses what is named as one of the paths names it, but for upper and lower case or under the content's coding.
///
/// SECURITY: a server that is blind to case, or that does not undo the coding, would find there what the mapping does not
/// (tests `r_names_but_for_case_are_refused`, `r_a_coding_that_is_not_undone_hides_nothing`).
fn check_names(sought: &Sought, decoded: &Decoded) -> Result<(), Refusal> {
    let coded = decoded.body.as_ref().and_then(|body| body.uncoded.as_ref());
    if coded.is_some_and(|coded| coded.names_one_of(sought.body_names())) {
        return Err(content::readable_as_it_is());
    }
    let (query, body) = (decoded.query.as_ref(), decoded.body.as_ref().map(|body| &body.value));
    match sought.is_misspelt_in(query, body) {
        false => Ok(()),
        true => Err(Refusal::new(
            Reason::Malformed,
            "a parameter is one that the operation has but for upper and lower case: send it as documented",
        )),
    }
}
