//! One group of services as a mapping file in the making.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{Group, Judged, Member, call};
use super::model::{Model, Operation};
use crate::import::{self, Dispatch, Draft, Origin, quoted, scalar};
use crate::model::Access;

/// Media types of all protocols, with their decoders.
const CONTENT: [(&str, &str); 7] = [
    ("application/cbor", "cbor"),
    ("application/json", "json"),
    ("application/x-amz-json-1.0", "json"),
    ("application/x-amz-json-1.1", "json"),
    ("application/x-www-form-urlencoded", "aws_query"),
    ("application/xml", "xml"),
    ("text/xml", "xml"),
];
/// What signatures in a query are made of.
const SIGNATURE: [&str; 4] = [
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
];
/// Ends of the names of members that name something.
const IDS: [&str; 6] = ["Arn", "ARN", "Id", "Identifier", "Name", "Url"];
/// Segments that a name with slashes in it may have where something follows it: those of an ARN's end.
const SEGMENTS: usize = 3;

pub(super) fn draft(group: &Group<'_>, origin: &Origin) -> Draft {
    let title = group
        .members
        .first()
        .map(|member| member.service.model.metadata.service_full_name.as_str());
    let title = title.unwrap_or_default();
    let short = title
        .strip_prefix("Amazon ")
        .or_else(|| title.strip_prefix("AWS "))
        .unwrap_or(title);
    let mut draft = Draft {
        name: format!("aws-{}", group.name),
        provider: "aws".to_owned(),
        title: format!("AWS {short}"),
        hosts: group.hosts.clone(),
        dispatch: Dispatch::Aws(group.members.iter().map(ways).collect()),
        content: content(group),
        volatile: SIGNATURE.map(str::to_owned).into(),
        origin: origin.clone(),
        ..Draft::default()
    };
    let mut headers = BTreeSet::new();
    for tokens in group.members.iter().map(|member| &member.tokens) {
        draft.volatile.extend(tokens.query.iter().cloned());
        draft.volatile_content.extend(tokens.content.iter().cloned());
        headers.extend(tokens.headers.iter().cloned());
    }
    let signed: BTreeSet<&String> = group
        .members
        .iter()
        .flat_map(|member| &member.hosts.signing_names)
        .collect();
    draft.head.push((
        "aws",
        match signed.len() {
            1 => format!("{{ service: {} }}", list(signed)),
            _ => format!("{{ services: [{}] }}", list(signed)),
        },
    ));
    if !headers.is_empty() {
        draft.head.push(("volatile_headers", format!("[{}]", list(&headers))));
    }
    // The provider's own key, where it has one name only.
    if let (Some(name), 1) = (draft.volatile_content.first(), draft.volatile_content.len()) {
        draft
            .head
            .push(("idempotency", format!("{{ parameter: {} }}", scalar(name))));
    }
    draft.head.push(("answer", format!("{{ error: {} }}", error(group))));
    let templates: Vec<&str> = group.members.iter().flat_map(templates).collect();
    for member in &group.members {
        for (name, judged) in &member.operations {
            let name = format!("{}.{name}", member.service.name);
            draft
                .operations
                .insert(name.clone(), operation(member, judged, &name, &templates));
        }
    }
    draft
}

/// `{ name: ec2, version: "2016-11-15" }`
fn ways(member: &Member<'_>) -> String {
    let ways = &member.ways;
    let told = [("version", &ways.query), ("target", &ways.target), ("cbor", &ways.cbor)];
    let told = told
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}: {}", scalar(value.as_ref()?))));
    let name = format!("name: {}", scalar(&member.service.name));
    let members: Vec<String> = std::iter::once(name).chain(told).collect();
    format!("{{ {} }}", members.join(", "))
}

fn content(group: &Group<'_>) -> BTreeMap<String, &'static str> {
    let speaks = |decoder: &str| {
        group.members.iter().any(|member| match decoder {
            "cbor" => member.ways.cbor.is_some(),
            "json" => member.ways.target.is_some() || member.ways.rest,
            "aws_query" => member.ways.query.is_some(),
            _ => member.service.model.metadata.protocol == "rest-xml",
        })
    };
    let known = CONTENT.iter().filter(|(_, decoder)| speaks(decoder));
    known.map(|(media, decoder)| ((*media).to_owned(), *decoder)).collect()
}

fn error(group: &Group<'_>) -> &'static str {
    let protocol = group
        .members
        .first()
        .map(|member| member.service.model.metadata.protocol.as_str());
    match protocol {
        Some("ec2") => "aws_ec2",
        Some("query") => "aws_query",
        Some("rest-xml") => "aws_rest",
        Some(_) | None => "aws_json",
    }
}

/// The paths of a service's operations.
fn templates<'a>(member: &'a Member<'_>) -> impl Iterator<Item = &'a str> {
    let rest = member.operations.values().filter(|_| member.ways.rest);
    rest.map(|judged| call(judged.operation).0)
}

fn operation(member: &Member<'_>, judged: &Judged<'_>, name: &str, templates: &[&str]) -> import::Operation {
    let Judged { operation, judgement } = judged;
    let mut more = Vec::new();
    let mut calls = BTreeSet::new();
    if member.ways.rest {
        let (path, query) = call(operation);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let paths = paths(path, templates);
        calls = paths
            .into_iter()
            .map(|path| format!("{} {path}{query}", operation.http.method))
            .collect();
        if is_opaque(&member.service.model, operation) {
            more.push(("content_ignored", "true".to_owned()));
        }
    }
    if let Some(fields) = removed(&member.service.model, judged).filter(|_| !member.ways.rest) {
        more.push(("fields", fields));
    }
    let short = name.rsplit('.').next().unwrap_or(name);
    if let Some(names) = member.tokens.of.get(short) {
        more.push(("volatile", format!("[{}]", list(names))));
    }
    import::Operation {
        calls,
        judged: judgement.judged,
        action: judgement.action,
        more,
    }
}

/// The ids of what is removed: the members that a call must have and that name something.
fn removed(model: &Model, judged: &Judged<'_>) -> Option<String> {
    let input = judged.operation.input.as_ref()?;
    let shape = model.shapes.get(&input.shape)?;
    let names = |name: &str| IDS.iter().any(|end| name.ends_with(end));
    let ids = shape.required.iter().filter(|name| names(name));
    let ids = ids.filter(|name| {
        let member = shape.members.get(*name).filter(|member| member.location_name.is_none());
        let kind = member.and_then(|member| model.shapes.get(&member.shape));
        kind.is_some_and(|kind| kind.kind == "string")
    });
    let ids: Vec<String> = ids.map(|name| format!("'{name}'")).collect();
    let removes = judged.judgement.judged.access == Access::Delete && !ids.is_empty();
    removes.then(|| {
        format!(
            "{{ resource_ids: {{ from: {} }} }}",
            quoted(&format!("$.params[{}]", ids.join(",")))
        )
    })
}

/// A path as templates have it: what may hold slashes (`{arn+}`) is all that is left, or, where something follows, one
/// segment or some.
fn paths(path: &str, templates: &[&str]) -> Vec<String> {
    let Some((before, rest)) = path.split_once("+}") else {
        return vec![path.to_owned()];
    };
    let (stem, name) = before.rsplit_once('{').unwrap_or((before, ""));
    let goes_on = |other: &&str| {
        let parts = other
            .strip_prefix(stem)
            .and_then(|rest| rest.strip_prefix('{')?.split_once('}'));
        parts.is_some_and(|(name, rest)| !name.ends_with('+') || !rest.is_empty())
    };
    if rest.is_empty() && !templates.iter().any(goes_on) {
        return vec![format!("{stem}{{{name}*}}")];
    }
    let several = |count: usize| {
        let more = (2..=count).map(|at| format!("/{{{name}{at}}}"));
        format!("{stem}{{{name}}}{}{rest}", more.collect::<String>())
    };
    (1..=SEGMENTS).map(several).collect()
}

/// Whether the content is bytes, text or a stream rather than a document.
fn is_opaque(model: &Model, operation: &Operation) -> bool {
    let input = operation
        .input
        .as_ref()
        .and_then(|input| model.shapes.get(&input.shape));
    let payload = input.and_then(|input| input.members.get(input.payload.as_ref()?));
    let payload = payload.and_then(|member| model.shapes.get(&member.shape));
    payload.is_some_and(|shape| shape.kind != "structure" || shape.eventstream)
}

fn list<'n>(names: impl IntoIterator<Item = &'n String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| scalar(name)).collect();
    names.join(", ")
}
