//! Members that SDKs fill with a fresh value each time (`idempotencyToken`): of a call made again they say nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Member, Model, Operation, Shape};

/// Names of members that differ each time the same call is made, by where they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    /// In content, of every operation that has one of the name.
    pub content: BTreeSet<String>,
    pub query: BTreeSet<String>,
    pub headers: BTreeSet<String>,
    /// In the content of that operation only: elsewhere something of the name is what is acted on.
    pub of: BTreeMap<String, BTreeSet<String>>,
}

/// A member as a call names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    location: String,
    name: String,
}

/// What a place is, in all operations that have it.
#[derive(Debug, Default)]
struct Uses<'a> {
    /// Operations in which SDKs fill it, and whether they must be told it.
    tokens: BTreeMap<&'a str, bool>,
    /// Operations in which it is anything else, and whether they must be told it.
    others: BTreeMap<&'a str, bool>,
}

/// Reads the tokens of one service.
pub(super) fn tokens(model: &Model) -> Tokens {
    let mut uses: BTreeMap<Place, Uses<'_>> = BTreeMap::new();
    for (name, operation) in &model.operations {
        for (place, token, required) in members(model, operation) {
            let uses = uses.entry(place).or_default();
            match token {
                true => uses.tokens.insert(name, required),
                false => uses.others.insert(name, required),
            };
        }
    }
    let mut tokens = Tokens::default();
    for (place, uses) in uses.into_iter().filter(|(_, uses)| !uses.tokens.is_empty()) {
        let named = place.name.to_ascii_lowercase();
        let is_named_so = named.ends_with("token") || named.ends_with("requestid") || named.ends_with("tokenid");
        let names_something = uses.others.values().any(|required| *required) && !is_named_so;
        let list = match place.location.as_str() {
            "querystring" => &mut tokens.query,
            "header" => &mut tokens.headers,
            _ if names_something => {
                // SECURITY: an approval to stop one query would be spent on another (test
                // `what_an_operation_must_be_told_is_no_token_if_others_act_on_it`).
                for (operation, _) in uses.tokens.iter().filter(|(_, required)| !**required) {
                    let of = tokens.of.entry((*operation).to_owned()).or_default();
                    of.insert(place.name.clone());
                }
                continue;
            }
            _ => &mut tokens.content,
        };
        if !names_something {
            list.insert(place.name);
        }
    }
    tokens
}

/// The members of an operation's input: where each is, whether it is a token, whether it must be there.
fn members<'m>(model: &'m Model, operation: &'m Operation) -> impl Iterator<Item = (Place, bool, bool)> + 'm {
    let input = operation
        .input
        .as_ref()
        .and_then(|input| model.shapes.get(&input.shape));
    let of = move |shape: &'m Shape| {
        shape.members.iter().map(move |(name, member)| {
            let required = shape.required.contains(name);
            (place(model, name, member), member.idempotency_token, required)
        })
    };
    // What is in a member that is the whole content stands at the content's top.
    let payload = input.and_then(|shape| shape.members.get(shape.payload.as_ref()?));
    let payload = payload.and_then(|member| model.shapes.get(&member.shape));
    input.into_iter().flat_map(of).chain(payload.into_iter().flat_map(of))
}

fn place(model: &Model, name: &str, member: &Member) -> Place {
    let written = member.location_name.as_deref().unwrap_or(name);
    let name = match (model.metadata.protocol.as_str(), &member.query_name) {
        ("ec2", Some(name)) => name.clone(),
        ("ec2", None) => capital(written),
        _ => written.to_owned(),
    };
    Place {
        location: member.location.clone().unwrap_or_default(),
        name,
    }
}

fn capital(name: &str) -> String {
    let mut rest = name.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}
