//! Recorded traffic (HAR 1.2) → drafts: what was called, and nothing of what was said.
//!
//! A draft is a generated mapping: it names operations, and a change is still one that nobody knows until a person writes
//! down what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use http::Uri;
use sha2::{Digest as _, Sha256};

use super::draft::{Draft, Operation, Origin};
use super::entry::judged;
use super::evidence::{Evidence, Judged};
use super::meaning::{self, Named};
use super::paths::{self, Read, Words};
use super::{ImportError, LeftOut, files};
use crate::model::Access;

mod record;

pub use record::{Content, Request};

/// Hexadecimal digits of the file's digest that stand for its version.
const DIGITS: usize = 16;
/// Header fields that hold a key, by their names as many APIs have them. Others stay out: a name may be the secret itself.
const SECRET: [&str; 8] = [
    "api-key",
    "apikey",
    "private-token",
    "x-access-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-goog-api-key",
];
/// Members of content that are a text in SQL.
const STATEMENTS: [&str; 4] = ["sql", "sqlQuery", "sql_query", "statement"];

/// What is wanted of a recording.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Hosts; all that were called, unless some are said.
    pub hosts: Vec<String>,
    /// Name of the provider, where there is one host.
    pub provider: Option<String>,
    pub title: Option<String>,
    /// Parts of paths that are words.
    pub words: Vec<String>,
}

/// The requests of a recording.
///
/// # Errors
/// A file that cannot be read, is too large, or is no HAR.
pub fn requests(path: &Path) -> Result<Vec<Request>, ImportError> {
    let name = name_of(path);
    record::read(&name, &files::bytes(&name, path)?)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Calls of one host that are one operation.
#[derive(Default)]
struct Calls {
    /// Media types that a decoder reads.
    content: BTreeMap<String, &'static str>,
    /// In which their content says what is done.
    language: Option<&'static str>,
}

/// The mappings of a recording, one for each host.
///
/// # Errors
/// As [`requests`]; hosts that were not called.
pub fn read(path: &Path, options: &Options) -> Result<(Vec<Draft>, LeftOut), ImportError> {
    let name = name_of(path);
    let bytes = files::bytes(&name, path)?;
    let mut version = hex::encode(Sha256::digest(&bytes));
    version.truncate(DIGITS);
    let requests = record::read(&name, &bytes)?;
    let words = Words::known(&options.words);
    let (mut drafts, mut left_out) = (Vec::new(), LeftOut::new());
    let by_host = by_host(&requests, options, &mut left_out);
    if by_host.is_empty() {
        return Err(ImportError::Unexpected {
            file: name,
            expected: "requests by https:// or http:// to the hosts that are wanted",
            found: "none".to_owned(),
        });
    }
    let only = by_host.len() == 1;
    for (host, calls) in by_host {
        let provider = options
            .provider
            .clone()
            .filter(|_| only)
            .unwrap_or_else(|| provider_of(&host));
        let mut draft = Draft {
            name: provider.clone(),
            title: options
                .title
                .clone()
                .filter(|_| only)
                .unwrap_or_else(|| provider.clone()),
            provider,
            hosts: BTreeSet::from([host.clone()]),
            secret: BTreeSet::from(["cookie".to_owned()]),
            origin: Origin {
                by: "har",
                source: name.clone(),
                version: format!("sha256 {version}"),
            },
            ..Draft::default()
        };
        left_out.extend(draft_host(&mut draft, &host, &calls, &words));
        if !draft.operations.is_empty() {
            drafts.push(draft);
        }
    }
    if drafts.is_empty() {
        let why: Vec<String> = left_out.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        return Err(ImportError::Unexpected {
            file: name,
            expected: "a call that can be told as an operation",
            found: format!("none ({})", why.join("; ")),
        });
    }
    Ok((drafts, left_out))
}

/// The requests to the hosts that are wanted.
fn by_host<'a>(
    requests: &'a [Request],
    options: &Options,
    left_out: &mut LeftOut,
) -> BTreeMap<String, Vec<(&'a Request, Uri)>> {
    let mut by_host: BTreeMap<String, Vec<(&Request, Uri)>> = BTreeMap::new();
    for request in requests {
        let Ok(uri) = request.url.parse::<Uri>() else {
            left_out.insert(
                "requests without a URL that can be read".to_owned(),
                "no server is known of them".to_owned(),
            );
            continue;
        };
        let host = uri.authority().map(|authority| {
            authority
                .as_str()
                .rsplit('@')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        });
        let host = host.filter(|_| matches!(uri.scheme_str(), Some("http" | "https")));
        match host {
            Some(host) if options.hosts.is_empty() || options.hosts.contains(&host) => {
                by_host.entry(host).or_default().push((request, uri));
            }
            Some(_) | None => {}
        }
    }
    by_host
}

/// Adds the operations of a host; what is left out of them.
fn draft_host(draft: &mut Draft, host: &str, calls: &[(&Request, Uri)], words: &Words) -> LeftOut {
    let all: BTreeSet<String> = calls.iter().map(|(_, uri)| uri.path().to_owned()).collect();
    let templates = paths::templates(&all, words);
    let mut left_out = LeftOut::new();
    let doubtful = templates.values().filter(|read| **read == Read::Doubtful).count();
    if doubtful > 0 {
        let why = "a part of the path may be a word or a value: say which are words by --word".to_owned();
        left_out.insert(format!("{doubtful} paths at {host}"), why);
    }
    let mut seen: BTreeMap<String, Calls> = BTreeMap::new();
    for (request, uri) in calls {
        let secret = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        draft
            .secret
            .extend(secret.filter(|name| SECRET.contains(&name.as_str())));
        let (Some(Read::Template(template)), Some(method)) = (templates.get(uri.path()), method(&request.method))
        else {
            continue;
        };
        seen.entry(format!("{method} {template}")).or_default().see(request);
    }
    for (call, calls) in seen {
        if let Some(language) = calls.language {
            let why = format!("its content is {language}, which a mapping of your own reads (docs/readers.md)");
            left_out.insert(format!("{call} at {host}"), why);
            continue;
        }
        let (method, template) = call.split_once(' ').unwrap_or_default();
        let access = judged(method, template);
        let implied = match method {
            "GET" | "HEAD" => Access::Read,
            "DELETE" => Access::Delete,
            _ => Access::Write,
        };
        let by = if access == implied {
            Evidence::Method
        } else {
            Evidence::Name
        };
        let operation = Operation {
            action: meaning::action(&Named {
                access,
                name: &call,
                path: template,
                method: Some(method),
            }),
            judged: Judged { access, by },
            more: Vec::new(),
            calls: BTreeSet::from([call.clone()]),
        };
        draft.content.extend(calls.content);
        draft.add(call, operation);
    }
    left_out
}

impl Calls {
    fn see(&mut self, request: &Request) {
        let Some(content) = &request.content else { return };
        let media_type = content
            .media_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let decoder = match media_type.as_str() {
            "application/json" => "json",
            "application/x-www-form-urlencoded" => "form",
            "multipart/form-data" => "multipart",
            _ => return,
        };
        self.content.insert(media_type, decoder);
        if decoder == "json" && self.language.is_none() {
            self.language = language(&content.text);
        }
    }
}

/// The language in which content says what is done, as far as it has the look of one.
///
/// SECURITY: one operation of all that such an address does would be one answer for all of it (test
/// `content_that_is_a_language_is_left_to_people`).
fn language(text: &str) -> Option<&'static str> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?; // what cannot be read is in no language
    let first = value.as_array().and_then(|batch| batch.first()).unwrap_or(&value);
    let text = |name: &str| first.get(name).is_some_and(serde_json::Value::is_string);
    if text("jsonrpc") && text("method") {
        return Some("JSON-RPC");
    }
    let document = first.get("query").and_then(serde_json::Value::as_str);
    if document.is_some_and(|document| document.contains('{')) {
        return Some("GraphQL");
    }
    STATEMENTS.iter().any(|name| text(name)).then_some("SQL")
}

/// Methods that mappings name.
fn method(text: &str) -> Option<&'static str> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    known.into_iter().find(|known| *known == text)
}

/// `api.acme.example` → `acme`; with its port where there is one.
fn provider_of(host: &str) -> String {
    let labels: Vec<&str> = host
        .split(['.', ':'])
        .filter(|label| !["api", "www"].contains(label))
        .collect();
    let name = match labels.as_slice() {
        [name, _] => (*name).to_owned(),
        several => several.join("-"),
    };
    let plain = name.chars().map(|letter| {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            letter
        } else {
            '-'
        }
    });
    plain.collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests;
