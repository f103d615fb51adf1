//! The action of a call, once its rule is known.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::Method;
use serde_json::Value as Json;

use super::dispatch::{Dispatch, NameSource, Names};
use super::document::{Document, Node, Path};
use super::field::{Reducer, Type};
use super::file::Decoder;
use super::record::{self, Known};
use super::service::{Operation, Service};
use super::summary::Wording;
use super::{Mappings, Rule, content, guard, outline, spelling};
use crate::mapping::form::Nesting;
use crate::model::action::MAX_INT;
use crate::model::{Access, Action, Call, Missing, Reason, Refusal, Target, Value, Why, money};

mod unnamed;

pub(super) use unnamed::{BuiltIns, is_outlined};

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
    ) -> Result<Action, Refusal> {
        if guard::reveals(call, service) && !matches!(rule, Rule::OtherPort) {
            return Ok(self.revealing(call, service));
        }
        let (operation, name, parameters) = match rule {
            Rule::OtherPort => return Ok(self.unnamed(call, Some(service), false)),
            Rule::None => {
                return Ok(self.unnamed(
                    call,
                    Some(service),
                    service.is_safe_at(&call.path) && unnamed::is_safe(call),
                ));
            }
            Rule::Path(operation, parameters) => {
                let names = operation.parameters.iter().cloned();
                (operation, operation.name.clone(), names.zip(parameters).collect())
            }
            Rule::Name(operation, name) => (operation, full_name(service, &name), Vec::new()),
            Rule::Parameter(names) => return self.by_parameter(call, service, captures, names),
        };
        // A GET with content is not the read that the mapping means.
        let odd = matches!(call.method, Method::GET | Method::HEAD) && !content::is_empty(&call.body);
        if odd && matches!(service.dispatch, Dispatch::Path(_)) && operation.meaning.access == Access::Read {
            return Ok(self.unnamed(call, Some(service), false));
        }
        let decoded = match operation.needs_body || !operation.reads_query.is_empty() {
            true => {
                let decoder = operation.decoder;
                let decoded = decode(call, service, operation.needs_body, decoder, Nesting::Brackets)?;
                check_names(operation.paths(), &decoded)?;
                decoded
            }
            false => Decoded {
                query: None,
                body: None,
            },
        };
        Ok(self.named(
            call,
            &Matched {
                service,
                operation,
                name,
                captures,
                parameters,
            },
            &decoded,
        ))
    }

    /// The operation's name is a parameter, in query or content.
    fn by_parameter(
        &self,
        call: &Call,
        service: &Service,
        captures: &[(Arc<str>, String)],
        names: &Names,
    ) -> Result<Action, Refusal> {
        let NameSource::Parameter(parameter) = &names.source else {
            return Ok(self.unnamed(call, Some(service), false));
        };
        // Parameters in both are refused here: the name among them.
        let decoded = decode(call, service, true, None, Nesting::Dots)?;
        check_names(names.path.iter(), &decoded)?;
        let part = |part: Option<&Json>| {
            part.and_then(|part| part.get(&**parameter))
                .and_then(Json::as_str)
                .map(str::to_owned)
        };
        let name = part(decoded.query.as_ref()).or_else(|| part(decoded.body.as_ref().map(|body| &body.value)));
        let found = name.and_then(|name| Some((names.find(&name)?, name)));
        let Some((operation, name)) = found else {
            return Ok(Action {
                inspected: true,
                ..self.unnamed(call, Some(service), false)
            });
        };
        check_names(operation.paths(), &decoded)?;
        let name = full_name(service, &name);
        Ok(self.named(
            call,
            &Matched {
                service,
                operation,
                name,
                captures,
                parameters: Vec::new(),
            },
            &decoded,
        ))
    }

    /// A call that a rule names.
    fn named(&self, call: &Call, matched: &Matched<'_>, decoded: &Decoded) -> Action {
        let Matched { service, operation, .. } = matched;
        let document = Document {
            method: call.method.as_str(),
            host: matched.captures,
            parameters: &matched.parameters,
            headers: &call.headers,
            query: decoded.query.as_ref(),
            body: decoded.body.as_ref().map(|body| &body.value),
            json: decoded.body.as_ref().is_some_and(|body| body.decoder == Decoder::Json),
        };
        let meaning = operation.meaning(|trigger| trigger.applies(&document));
        let mut fields = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, rule) in operation
            .fields
            .iter()
            .filter(|(name, _)| meaning.allowed.contains(name))
        {
            match rule.value(&document) {
                Ok(value) => drop(fields.insert(name.clone(), value)),
                // What is there but cannot be read may not look as if it were not there, required or not.
                Err(why) if why == Why::Unreadable || meaning.required.contains(name) => missing.push(Missing {
                    field: name.clone(),
                    why,
                }),
                Err(_) => {}
            }
        }
        self.settle_places(service, &mut fields, &mut missing);
        let told = |field: &Arc<str>| operation.fields.iter().any(|(name, _)| name == field);
        let untold = meaning.required.iter().filter(|field| !told(field));
        missing.extend(untold.map(|field| Missing {
            field: field.clone(),
            why: Why::Absent,
        }));
        let known = Known::Operation(service, operation);
        let mut action = Action {
            provider: service.provider.clone(),
            operation: matched.name.clone(),
            name: meaning.action.clone(),
            access: meaning.access,
            fields,
            missing,
            target: Target {
                kind: operation.target_kind.clone(),
                id: id(&operation.target_id, &document),
            },
            environment: self.environment(call, service, &document),
            unmapped: false,
            inspected: decoded.body.is_some() || content::is_empty(&call.body),
            summary: String::new(),
            request_line: record::request_line(call, known),
            answer: operation.answer.clone(),
        };
        action.summary = meaning.summary.render(&action, self.wording(&service.title));
        // Content that no field tells of is read only where people are asked: they see that another is another one.
        if !operation.needs_body && call.body.captured().is_some_and(|content| !content.is_empty()) {
            action.summary.push_str(&outline::outline(call, None));
        }
        action
    }

    /// Turns an amount with the provider's decimal places into minor units of ISO 4217, rounded up.
    ///
    /// SECURITY: Stripe counts whole ariary where ISO 4217 has two places, so that an amount would look a hundred times
    /// smaller than it is (test `amounts_are_in_iso_minor_units`).
    fn settle_places(&self, service: &Service, fields: &mut BTreeMap<Arc<str>, Value>, missing: &mut Vec<Missing>) {
        let currency = match fields.get("currency") {
            Some(Value::Text(code)) => Some(code.as_str()),
            _ => self.account_currency.as_deref(),
        };
        let places = currency.and_then(|code| Some((*service.currency_places.get(code)?, money::exponent(code)?)));
        let (Some((theirs, iso)), Some(Value::Int(amount))) = (places, fields.get("amount")) else {
            return;
        };
        let power = 10i64.pow(theirs.abs_diff(iso));
        let settled = match theirs > iso {
            true => Some(amount.div_euclid(power) + i64::from(amount.rem_euclid(power) > 0)),
            false => amount.checked_mul(power).filter(|settled| *settled <= MAX_INT),
        };
        match settled {
            Some(settled) => drop(fields.insert("amount".into(), Value::Int(settled))),
            None => {
                fields.remove("amount");
                missing.push(Missing {
                    field: "amount".into(),
                    why: Why::Unreadable,
                });
            }
        }
    }

    fn wording<'a>(&'a self, title: &'a str) -> Wording<'a> {
        Wording {
            title,
            account_currency: self.account_currency.as_deref(),
        }
    }

    fn environment(&self, call: &Call, service: &Service, document: &Document<'_>) -> Arc<str> {
        let Some(reading) = &service.environment else {
            return self.built_ins.unknown.clone();
        };
        let read = match (reading.from.as_slice(), &reading.reduce) {
            ([Path::Credential], Reducer::One(kind)) => match guard::credential(&call.headers) {
                Some(credential) => kind.read(Node::Text(&credential), document),
                None => return self.built_ins.unknown.clone(),
            },
            _ => reading.value(document),
        };
        match read {
            Ok(Value::Text(name)) => name.into(),
            Ok(Value::Bool(_) | Value::Int(_) | Value::List(_)) | Err(_) => self.built_ins.unknown.clone(),
        }
    }
}

fn full_name(service: &Service, name: &str) -> Arc<str> {
    format!("{}{name}", service.name_prefix).into()
}

/// `holder/id`, or the id alone; none unless each path finds exactly one.
fn id(paths: &[Path], document: &Document<'_>) -> Option<String> {
    let parts: Option<Vec<_>> = paths.iter().map(|path| one_id(path, document)).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"))
}

/// The one id that a path finds; none if it finds several.
fn one_id(path: &Path, document: &Document<'_>) -> Option<String> {
    let nodes = path.select(document);
    match nodes.as_slice() {
        [node] => match Type::Text.read(*node, document) {
            Ok(Value::Text(id)) => Some(id),
            _ => None,
        },
        _ => None,
    }
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
    let parameters = body.as_ref().filter(|body| body.decoder != Decoder::Xml);
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
fn check_names<'a>(paths: impl Iterator<Item = &'a Path>, decoded: &Decoded) -> Result<(), Refusal> {
    let (query, body) = (decoded.query.as_ref(), decoded.body.as_ref().map(|body| &body.value));
    let misspelt = |path: &Path| match path {
        Path::Query(selector) => query.is_some_and(|query| selector.is_misspelt_in(query)),
        Path::Body(selector) => body.is_some_and(|body| selector.is_misspelt_in(body)),
        Path::Params(selector) => [query, body]
            .into_iter()
            .flatten()
            .any(|part| selector.is_misspelt_in(part)),
        Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Credential => false,
    };
    let paths: Vec<_> = paths.collect();
    let coded = decoded.body.as_ref().and_then(|body| body.uncoded.as_ref());
    let names = paths.iter().flat_map(|path| path.body_names()).map(AsRef::as_ref);
    let readable = coded.is_some_and(|coded| coded.names_one_of(names));
    let wrong = readable || paths.iter().any(|path| misspelt(path));
    match wrong {
        false => Ok(()),
        true if readable => Err(content::readable_as_it_is()),
        true => Err(Refusal::new(
            Reason::Malformed,
            "a parameter is one that the operation has but for upper and lower case: send it as documented",
        )),
    }
}
