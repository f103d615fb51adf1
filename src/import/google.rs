//! Google discovery documents → drafts: one for each host, which several APIs and versions may share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::draft::{Draft, Operation, Origin};
use super::evidence::{self, Known};
use super::files::Document;
use super::meaning::{self, Named};
use super::{ImportError, LeftOut, refs, template};

/// Resources in resources.
const MAX_DEPTH: usize = 32;
/// The most operations of one description.
const MAX_OPERATIONS: usize = 20_000;
/// The most endpoints of an API that are looked at.
const MAX_ENDPOINTS: usize = 500;
const MAX_MEMBERS: usize = 2_000;
/// What lies below these runs what somebody deployed there, whatever the method is called.
const RUNS: [&str; 2] = ["/reasoningEngines/{", "/extensions/{"];

/// The mappings of discovery documents. Beside them what was left out, and why.
///
/// # Errors
/// A document that is no discovery document, or has more operations than any has.
pub fn read(documents: &[Document]) -> Result<(Vec<Draft>, LeftOut), ImportError> {
    let (mut drafts, mut left_out) = (BTreeMap::new(), LeftOut::new());
    for document in documents {
        // The list of all documents stands among them.
        if document.value.get("kind").and_then(Value::as_str) != Some("discovery#directoryList") {
            one(document, &mut drafts, &mut left_out)?;
        }
    }
    let mut drafts: Vec<Draft> = drafts.into_values().collect();
    for draft in &mut drafts {
        merge_versions(draft);
        take_prefix(draft);
    }
    Ok((drafts, left_out))
}

fn one(document: &Document, drafts: &mut BTreeMap<String, Draft>, left_out: &mut LeftOut) -> Result<(), ImportError> {
    let root = &document.value;
    let text = |key: &str| root.get(key).and_then(Value::as_str);
    let host = text("rootUrl").and_then(host_of);
    let (Some(host), Some(base)) = (host, text("servicePath")) else {
        return Err(ImportError::Unexpected {
            file: document.name.clone(),
            expected: "a discovery document with `rootUrl` and `servicePath`",
            found: "one without".to_owned(),
        });
    };
    let label = host.split('.').next().unwrap_or_default().to_owned();
    let draft = drafts.entry(host.clone()).or_insert_with(|| Draft {
        name: format!("google-{label}"),
        provider: "google".to_owned(),
        title: text("title").unwrap_or("Google").to_owned(),
        content: BTreeMap::from([
            ("application/json".to_owned(), "json"),
            ("multipart/related".to_owned(), "multipart"),
        ]),
        secret: BTreeSet::from(["cookie".to_owned(), "x-goog-api-key".to_owned()]),
        // By this a query names another method.
        head: vec![
            ("refuse", "{ query: [$httpMethod] }".to_owned()),
            ("answer", "{ error: google }".to_owned()),
        ],
        origin: Origin {
            by: "google-discovery",
            ..Origin::default()
        },
        ..Draft::default()
    });
    let id = text("id").filter(|id| !id.is_empty()).unwrap_or(&document.name);
    let hosts = hosts(root, &host);
    draft.parts.push((id.to_owned(), hosts.clone()));
    draft.hosts.extend(hosts);
    let version = format!("{id} {}", text("revision").unwrap_or_default());
    for (all, one) in [(&mut draft.origin.source, id), (&mut draft.origin.version, &version)] {
        let separator = if all.is_empty() { "" } else { ", " };
        all.push_str(separator);
        all.push_str(one);
    }
    let mut open = vec![(root, 0)];
    let mut count = 0;
    while let Some((at, depth)) = open.pop() {
        let nested = at.get("resources").and_then(Value::as_object).into_iter().flatten();
        open.extend(
            nested
                .filter(|_| depth < MAX_DEPTH)
                .map(|(_, resource)| (resource, depth + 1)),
        );
        for (_, method) in at.get("methods").and_then(Value::as_object).into_iter().flatten() {
            count += 1;
            if count > MAX_OPERATIONS {
                return Err(ImportError::TooMany {
                    file: document.name.clone(),
                    limit: MAX_OPERATIONS,
                    what: "methods",
                });
            }
            operation(root, base, method, draft, left_out);
        }
    }
    Ok(())
}

fn operation(root: &Value, base: &str, method: &Value, draft: &mut Draft, left_out: &mut LeftOut) {
    let text = |key: &str| method.get(key).and_then(Value::as_str);
    let (Some(id), Some(verb), Some(path)) = (text("id"), text("httpMethod"), text("flatPath").or(text("path"))) else {
        return;
    };
    let uploads = method.pointer("/mediaUpload/protocols").and_then(Value::as_object);
    let uploads = uploads.into_iter().flatten();
    let uploads = uploads.filter_map(|(_, protocol)| Some(protocol.get("path")?.as_str()?.to_owned()));
    let mut calls = BTreeSet::new();
    for path in std::iter::once(format!("/{base}{path}")).chain(uploads) {
        match template::read(&path, false) {
            Ok((template, _)) => drop(calls.insert(format!("{verb} {template}"))),
            Err(why) => drop(left_out.insert(format!("{verb} {path}"), why)),
        }
    }
    let scopes = method.get("scopes").and_then(Value::as_array).into_iter().flatten();
    let scopes: Vec<Vec<String>> = scopes
        .filter_map(Value::as_str)
        .map(|scope| vec![scope.to_owned()])
        .collect();
    let own = id.rsplit('.').next().unwrap_or(id);
    let request = method.pointer("/request/$ref").and_then(Value::as_str);
    let schema = request.and_then(|name| root.get("schemas")?.get(name));
    let members = schema
        .into_iter()
        .flat_map(|schema| refs::members(root, schema, MAX_MEMBERS));
    let judged = evidence::judge(&Known {
        method: Some(verb),
        name: own,
        path,
        scopes: &scopes,
        by_path: false,
        statement: evidence::is_statement(own, members) || RUNS.iter().any(|runs| path.contains(runs)),
    });
    let made = Operation {
        calls,
        judged,
        action: meaning::action(&Named {
            access: judged.access,
            name: id,
            path,
            method: Some(verb),
        }),
        more: Vec::new(),
    };
    draft.add(id.to_owned(), made);
}

fn host_of(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://")?.split('/').next()?;
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// The API's host, where it is called with a client's certificate, and where regions have one of their own.
fn hosts(root: &Value, host: &str) -> BTreeSet<String> {
    let mtls = root.get("mtlsRootUrl").and_then(Value::as_str).and_then(host_of);
    let endpoints = root.get("endpoints").and_then(Value::as_array).into_iter().flatten();
    let endpoints = endpoints.take(MAX_ENDPOINTS).filter_map(|endpoint| {
        let location = endpoint.get("location")?.as_str()?;
        let found = host_of(endpoint.get("endpointUrl")?.as_str()?)?;
        // One pattern for all of them: `{location}-aiplatform.googleapis.com`
        let (first, rest) = found.split_once('.')?;
        Some(match first.strip_prefix(location) {
            Some(ending) if ending.starts_with('-') => format!("{{location}}{ending}.{rest}"),
            Some(_) | None => found.replace(&format!(".{location}."), ".{location}."),
        })
    });
    let below = |name: &String| name.ends_with(".googleapis.com") || name == host;
    endpoints.chain(mtls).chain([host.to_owned()]).filter(below).collect()
}

/// `/v1/projects/{p}` and `/v1beta1/projects/{p}` of one operation → `/v1|v1beta1/projects/{p}`
fn merge_versions(draft: &mut Draft) {
    for operation in draft.operations.values_mut() {
        let mut merged: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for call in std::mem::take(&mut operation.calls) {
            let version = call.split('/').position(is_version);
            let segments: Vec<&str> = call.split('/').collect();
            let (before, rest) = segments.split_at(version.unwrap_or(segments.len()));
            let after = rest.get(1..).unwrap_or_default();
            let around = (before.join("/"), after.iter().map(|part| format!("/{part}")).collect());
            let versions = merged.entry(around).or_default();
            versions.extend(rest.first().map(|version| (*version).to_owned()));
        }
        operation.calls = merged
            .into_iter()
            .map(|((before, after), versions)| match versions.is_empty() {
                true => before,
                false => format!("{before}/{}{after}", versions.into_iter().collect::<Vec<_>>().join("|")),
            })
            .collect();
    }
}

/// `v1`, `v2beta1`, `alpha`, `beta`
fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').and_then(|rest| rest.chars().next());
    let plain = segment
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    plain && (number.is_some_and(|first| first.is_ascii_digit()) || matches!(segment, "alpha" | "beta"))
}

/// What all names begin with is said once.
fn take_prefix(draft: &mut Draft) {
    let Some(first) = draft.operations.keys().next() else {
        return;
    };
    let Some((prefix, _)) = first.split_once('.') else {
        return;
    };
    let prefix = format!("{prefix}.");
    if draft.operations.keys().all(|name| name.starts_with(&prefix)) {
        let named = std::mem::take(&mut draft.operations).into_iter();
        let short = named.map(|(name, operation)| (name.strip_prefix(&prefix).unwrap_or(&name).to_owned(), operation));
        draft.operations = short.collect();
        draft.name_prefix = prefix;
    }
}
