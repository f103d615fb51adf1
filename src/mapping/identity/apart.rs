//! A call without what single fields are read from: what stays the same when a person corrects those.

use super::exact::{Exact, Query};
use super::{Body, Framed};
use crate::mapping::document::Place;
use crate::mapping::field::{Reading, Reducer, Rule, Type};
use crate::mapping::service::Operation;
use crate::model::FieldSource;

/// Takes out of a call what those fields are read from that are read from one value each; nothing else is looked at for them
/// but what stays.
///
/// SECURITY: what is taken out is what an agent may change after a correction, so it is one value in one place, or nothing
/// (tests `a_corrected_field_is_taken_out_alone`, `what_cannot_be_told_from_the_rest_is_not_taken_out`).
pub(super) fn take(operation: &Operation, dots: bool, query: &mut Query<'_>, body: &mut Body<'_>) -> Vec<FieldSource> {
    let fields = operation.fields.iter();
    let once = |name: &str| operation.fields.iter().filter(|(other, _)| **other == *name).count() == 1;
    let sources = fields.filter(|(name, _)| once(name)).filter_map(|(name, rule)| {
        let content = value(&place(rule)?, dots, query, body)?;
        Some(FieldSource {
            field: name.clone(),
            content,
        })
    });
    sources.collect()
}

/// Where a number, or a yes or no, is read from, if that is one place.
fn place(rule: &Rule) -> Option<Place<'_>> {
    match rule {
        Rule::Read(Reading {
            from,
            reduce: Reducer::One(Type::Int | Type::Decimal(_) | Type::Money(_) | Type::Bool),
            ..
        }) => match from.as_slice() {
            [path] => path.place(),
            _ => None,
        },
        Rule::Unless(_, rule) => place(rule),
        // What lacks a text, or is told only beside one, is told by that text, too.
        Rule::Read(_)
        | Rule::Constant(..)
        | Rule::NotTold
        | Rule::Empty(..)
        | Rule::Lacking(..)
        | Rule::Only(..)
        | Rule::Or(..)
        | Rule::Most(..) => None,
    }
}

/// Takes out what stands at a place, or that nothing does; `None`, and nothing is taken, where it cannot be told from the rest.
fn value(place: &Place<'_>, dots: bool, query: &mut Query<'_>, body: &mut Body<'_>) -> Option<Vec<u8>> {
    let mut taken = Framed::default();
    let in_body = place.body && !matches!(body, Body::Empty);
    let pairs = match (place.query, &mut *query) {
        (false, _) => None,
        (true, Query::Pairs(pairs)) => Some((*single(place)?, pairs)),
        (true, Query::Absent) if in_body => None,
        (true, Query::Absent | Query::Odd(_)) => return None,
    };
    match in_body {
        true => taken.member(place, dots, body)?,
        false if pairs.is_none() => return None,
        false => {}
    }
    if let Some((name, pairs)) = pairs {
        taken.pair(name, pairs);
    }
    Some(taken.0)
}

impl Framed {
    fn member(&mut self, place: &Place<'_>, dots: bool, body: &mut Body<'_>) -> Option<()> {
        match body {
            Body::Json(value) => {
                let (last, above) = place.names.split_last()?;
                let mut at = value;
                for name in above {
                    at = at.get_mut(*name)?;
                }
                match at.as_object_mut()?.remove(*last) {
                    Some(found) => self.json(&found, &|_| false),
                    None => self.put(b'-', b""),
                }
            }
            Body::Form(_, pairs) => {
                let name = match dots {
                    true => place.names.join("."),
                    false => brackets(&place.names)?,
                };
                self.pair(&name, pairs);
            }
            Body::Cbor(members) => {
                let name = *single(place)?;
                match members.iter().position(|(member, _)| member == name) {
                    Some(at) => self.put(b'v', members.remove(at).1),
                    None => self.put(b'-', b""),
                }
            }
            Body::Empty | Body::Parts(..) | Body::Related(..) | Body::Mail(..) | Body::Raw(_) => return None,
        }
        Some(())
    }

    fn pair(&mut self, name: &str, pairs: &mut Vec<Exact>) {
        let found: Vec<Exact> = pairs.extract_if(.., |pair| pair.name == name.as_bytes()).collect();
        self.pairs(b't', &found, None);
    }
}

fn single<'a, 'b>(place: &'b Place<'a>) -> Option<&'b &'a str> {
    match place.names.as_slice() {
        [name] => Some(name),
        _ => None,
    }
}

/// `a[b][c]`
pub(super) fn brackets(names: &[&str]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    Some(
        rest.iter()
            .fold((*first).to_owned(), |name, next| format!("{name}[{next}]")),
    )
}
