//! What a call says that its action, its fields and its target do not tell: of this, who is shown those is shown nothing.

use std::sync::Arc;

use http::HeaderName;
use serde_json::Value as Json;

use super::apart::brackets;
use super::exact::{Exact, Query};
use super::headers::counted;
use super::{Body, is_volatile, volatile};
use crate::mapping::dispatch::{ACTION, Dispatch, NameSource, VERSION};
use crate::mapping::document::Path;
use crate::mapping::field::{Reducer, Rule, Type};
use crate::mapping::service::{IdempotencyKey, Operation, Service};
use crate::model::{Action, Call, Saying, Value};

/// More is not kept: people are not shown so much of what is stated beside fields.
const MOST: usize = 40;
/// Bytes of each.
const LONGEST: usize = 400;

/// What tells of a call.
pub(super) struct Told<'a> {
    pub action: &'a Action,
    pub service: &'a Service,
    pub operation: &'a Operation,
    /// Names are parted by dots.
    pub dots: bool,
}

/// Where something is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Captured,
    Query,
    Body,
}

impl Told<'_> {
    /// All that is said besides; `None` where the content cannot be read member by member.
    ///
    /// SECURITY: what is left out here a yes to the fields is a yes to (tests `what_a_field_does_not_tell_whole_is_beyond_it`,
    /// `a_yes_to_what_was_stated_is_for_nothing_that_was_not_said`).
    pub(super) fn beyond(
        &self,
        call: &Call,
        captured: &[(Arc<str>, String)],
        query: &Query<'_>,
        body: &Body<'_>,
    ) -> Option<Vec<Saying>> {
        let text = |name: &str, value: String| Saying {
            name: name.to_owned(),
            value: Json::String(value),
            text: true,
        };
        let captured = captured
            .iter()
            .map(|(name, value)| (Part::Captured, text(name, value.clone())));
        let mut said: Vec<(Part, Saying)> = captured.collect();
        let pairs = |part, pairs: &[Exact]| -> Option<Vec<(Part, Saying)>> {
            let pairs = pairs.iter().map(|pair| {
                let name = String::from_utf8(pair.name.clone()).ok()?;
                Some((part, text(&name, plain(pair.value.as_deref()?)?)))
            });
            pairs.collect()
        };
        match query {
            Query::Absent => {}
            Query::Pairs(found) => said.extend(pairs(Part::Query, found)?),
            Query::Odd(_) => return None,
        }
        match body {
            Body::Empty => {}
            Body::Form(_, found) => said.extend(pairs(Part::Body, found)?),
            Body::Json(Json::Object(members)) if members.len() > 10 * MOST => return None,
            Body::Json(Json::Object(members)) => said.extend(members.iter().map(|(name, value)| {
                let saying = Saying {
                    name: name.clone(),
                    value: value.clone(),
                    text: false,
                };
                (Part::Body, saying)
            })),
            Body::Json(_) | Body::Cbor(_) | Body::Parts(..) | Body::Related(..) | Body::Mail(..) | Body::Raw(_) => {
                return None;
            }
        }
        let in_body = volatile(Some(self.service), self.action);
        said.retain(|(part, saying)| {
            let differs = match part {
                Part::Captured => false,
                Part::Query => is_volatile(saying.name.as_bytes(), Some(&self.service.volatile)),
                Part::Body => is_volatile(saying.name.as_bytes(), Some(&in_body)),
            };
            !differs && !self.is_told(*part, saying)
        });
        let mut beyond: Vec<Saying> = said.into_iter().map(|(_, saying)| saying).collect();
        for name in self.headers(call) {
            for value in call.headers.get_all(name) {
                beyond.push(text(name.as_str(), value.to_str().ok()?.to_owned()));
            }
        }
        let little = beyond.len() <= MOST && beyond.iter().all(|saying| weight(&saying.value) <= LONGEST);
        little.then_some(beyond)
    }

    /// The header fields that make another call of it. By which version of itself a provider reads a call is its library's
    /// to say.
    fn headers<'c>(&self, call: &'c Call) -> impl Iterator<Item = &'c HeaderName> {
        let significant = &self.service.significant;
        let all = counted(&call.headers, Some(self.service)).into_iter();
        all.filter(move |name| self.service.every_header || significant.contains(name))
            .filter(|name| !name.as_str().ends_with("-version"))
            .filter(move |name| !self.names_operation(name.as_str()))
    }

    /// Whether it says which operation it is, or which request.
    fn names_operation(&self, name: &str) -> bool {
        let of_request = matches!(&self.service.idempotency, Some(IdempotencyKey::Parameter(key)) if **key == *name);
        of_request
            || match &*self.service.dispatch {
                Dispatch::Aws(_) => [ACTION, VERSION, "x-amz-target"].contains(&name),
                Dispatch::Name(names) => match &names.source {
                    NameSource::Parameter(parameter) => **parameter == *name,
                    NameSource::Header { name: field, .. } => field == name,
                    NameSource::Path(_) => false,
                },
                Dispatch::Path(_) => false,
            }
    }

    /// Whether the target or a field is all that it says.
    fn is_told(&self, part: Part, saying: &Saying) -> bool {
        let id = self.action.target.id.as_deref();
        let is_target = || {
            let paths = &self.operation.target.id;
            id.is_some() && saying.value.as_str() == id && paths.iter().any(|path| self.names(path, part, saying))
        };
        let mut fields = self.operation.fields.iter();
        (part != Part::Captured && self.names_operation(&saying.name))
            || is_target()
            || fields.any(|(name, rule)| self.tells(name, rule, part, saying))
    }

    /// Whether a field's value can be had from this and nothing else.
    fn tells(&self, name: &Arc<str>, rule: &Rule, part: Part, saying: &Saying) -> bool {
        let reading = match rule {
            Rule::Read(reading) => reading,
            Rule::Unless(_, rule) => return self.tells(name, rule, part, saying),
            Rule::Constant(..)
            | Rule::NotTold
            | Rule::Empty(..)
            | Rule::Lacking(..)
            | Rule::Only(..)
            | Rule::Or(..)
            | Rule::Most(..) => return false,
        };
        let named = || reading.from.iter().any(|path| self.names(path, part, saying));
        match (&reading.reduce, self.action.fields.get(name)) {
            (Reducer::One(kind), Some(value)) => {
                let whole = match kind {
                    Type::Int
                    | Type::Decimal(_)
                    | Type::Money(_)
                    | Type::Text
                    | Type::Bool
                    | Type::Enum(_)
                    | Type::Currency => true,
                    Type::OneOf(_) | Type::PrefixMap(..) => false,
                };
                whole && value.is_whole() && named()
            }
            (Reducer::List | Reducer::Distinct, Some(Value::List(items))) => {
                named()
                    && saying
                        .value
                        .as_str()
                        .is_some_and(|text| items.iter().any(|item| item == text))
            }
            _ => false,
        }
    }

    /// Whether it is what a path finds.
    fn names(&self, path: &Path, part: Part, saying: &Saying) -> bool {
        let name = &*saying.name;
        match (path, part) {
            (Path::Parameter(wanted) | Path::Host(wanted), Part::Captured) => **wanted == *name,
            (_, Part::Captured) => false,
            _ => {
                let Some(place) = path.place() else {
                    return path.at_top(part == Part::Query).iter().any(|wanted| **wanted == *name);
                };
                let here = match part {
                    Part::Query => place.query,
                    Part::Body => place.body,
                    Part::Captured => false,
                };
                let spelt = match (place.names.as_slice(), saying.text) {
                    ([single], _) => Some((*single).to_owned()),
                    (names, true) if self.dots => Some(names.join(".")),
                    (names, true) => brackets(names),
                    (_, false) => None,
                };
                here && spelt.is_some_and(|spelt| spelt == name)
            }
        }
    }
}

fn weight(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 4,
        Json::Number(number) => number.as_str().len(),
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(|item| weight(item) + 1).sum(),
        Json::Object(members) => members.iter().map(|(name, item)| name.len() + weight(item) + 2).sum(),
    }
}

/// A value of a form as the provider has it: a `+` is a space.
fn plain(value: &[u8]) -> Option<String> {
    const PLUS: u8 = 0xFF;
    let bytes = value.iter().map(|byte| if *byte == PLUS { b' ' } else { *byte });
    String::from_utf8(bytes.collect()).ok()
}
