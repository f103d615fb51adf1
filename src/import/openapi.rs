//! OpenAPI 2 and 3 → drafts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::draft::{Dispatch, Draft, Operation, Origin};
use super::evidence::{self, Known};
use super::files::Document;
use super::meaning::{self, Named};
use super::{ImportError, LeftOut, refs, template};
use crate::model::Access;

mod parts;
mod servers;

use parts::{path_item, whole};
use servers::servers;

/// The most operations of one description.
const MAX_OPERATIONS: usize = 20_000;
/// Members of content that are looked at.
const MAX_MEMBERS: usize = 2_000;
/// Hosts that one server's variables are worth.
const MAX_HOSTS: usize = 32;
const METHODS: [(&str, &str); 6] = [
    ("delete", "DELETE"),
    ("get", "GET"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("post", "POST"),
    ("put", "PUT"),
];

/// What a description does not say, or says otherwise than it is.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// File name of the mapping, without its ending.
    pub name: String,
    pub provider: String,
    pub title: String,
    /// In the place of the description's own: host patterns.
    pub hosts: Vec<String>,
    /// In the place of the path of the description's own server: `/api`
    pub base: Option<String>,
    /// Goes before the names of operations.
    pub name_prefix: String,
    /// Clients choose the answer's format by the ending `.json` of a path.
    pub formats: bool,
    /// Every operation is called by one method, so that only the last word of its path tells what it does.
    pub by_path: bool,
    /// Operations are named by the path after this beginning, whatever the method: `/api/`
    pub after: Option<String>,
    /// Further keys of the head, with their YAML.
    pub head: Vec<(&'static str, String)>,
}

/// The mappings of one description: one for each set of hosts that it speaks of. Beside them what was left out, and why.
///
/// # Errors
/// A document that is no OpenAPI, or has more operations than any has.
pub(super) fn read(document: &Document, options: &Options) -> Result<(Vec<Draft>, LeftOut), ImportError> {
    let root = &document.value;
    let paths = root.get("paths").and_then(Value::as_object);
    let Some(paths) = paths else {
        return Err(ImportError::Unexpected {
            file: document.name.clone(),
            expected: "an OpenAPI description with `paths`",
            found: kind(root).to_owned(),
        });
    };
    let mut importer = Importer {
        document,
        options,
        drafts: BTreeMap::new(),
        left_out: LeftOut::new(),
        secret: secrets(root),
        ids: paths.values().flat_map(ids).collect(),
        beginning: servers::beginning(paths.keys().filter(|path| !path.starts_with("x-"))),
    };
    let servers = servers(root, root);
    let mut count = 0;
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        let item = match path_item(root, path, item) {
            Ok(item) => item,
            Err(why) => {
                importer.left_out.insert(path.clone(), why.to_owned());
                continue;
            }
        };
        for (key, method) in METHODS {
            let Some(operation) = item.get(key) else { continue };
            if let Err(why) = whole(root, item, operation) {
                importer.left_out.insert(format!("{method} {path}"), why.to_owned());
                continue;
            }
            count += 1;
            if count > MAX_OPERATIONS {
                return Err(ImportError::TooMany {
                    file: document.name.clone(),
                    limit: MAX_OPERATIONS,
                    what: "operations",
                });
            }
            let own = [operation, item].into_iter().find(|at| at.get("servers").is_some());
            let own = own.map(|at| self::servers(root, at)).filter(|own| *own != servers);
            importer.operation(method, path, operation, own.as_ref().unwrap_or(&servers), own.is_some());
        }
    }
    let mut drafts = Vec::new();
    for draft in importer.drafts.into_values() {
        put(&mut drafts, draft);
    }
    Ok((drafts, importer.left_out))
}

/// The mappings of several descriptions of one provider, those of the same hosts in one.
///
/// # Errors
/// As [`read`].
pub fn read_all(documents: &[Document], options: &Options) -> Result<(Vec<Draft>, LeftOut), ImportError> {
    let (mut drafts, mut left_out) = (Vec::new(), LeftOut::new());
    for document in documents {
        let (read, left) = read(document, options)?;
        left_out.extend(left);
        for draft in read {
            put(&mut drafts, draft);
        }
    }
    Ok((drafts, left_out))
}

/// Adds a draft, to one that has a host of its own if there is one: a host belongs to one file.
pub(super) fn put(drafts: &mut Vec<Draft>, draft: Draft) {
    let Some(at) = drafts.iter().position(|other| !other.hosts.is_disjoint(&draft.hosts)) else {
        drafts.push(draft);
        return;
    };
    let mut whole = drafts.remove(at);
    whole.absorb(draft);
    // With more hosts it may meet others.
    put(drafts, whole);
}

/// Hosts, and the beginning of paths there.
type Servers = (BTreeSet<String>, String);

struct Importer<'a> {
    document: &'a Document,
    options: &'a Options,
    drafts: BTreeMap<BTreeSet<String>, Draft>,
    left_out: LeftOut,
    secret: BTreeSet<String>,
    /// All operations' names.
    ids: BTreeSet<String>,
    /// What all paths begin with.
    beginning: String,
}

impl Importer<'_> {
    fn operation(&mut self, method: &str, path: &str, operation: &Value, servers: &Servers, own: bool) {
        let base = self.options.base.as_deref().filter(|_| !own).unwrap_or(&servers.1);
        let call = servers::joined(&self.beginning, base.trim_end_matches('/'), path);
        let (template, format) = match template::read(&call, self.options.formats) {
            Ok(read) => read,
            Err(why) => {
                self.left_out.insert(format!("{method} {path}"), why);
                return;
            }
        };
        if servers.0.is_empty() && (own || self.options.hosts.is_empty()) {
            let why = "its host is known to its user only: say it by `--host`".to_owned();
            self.left_out.insert(format!("{method} {path}"), why);
            return;
        }
        let root = &self.document.value;
        let id = operation.get("operationId").and_then(Value::as_str);
        let id = id.filter(|id| template::is_name(id)).map(|id| self.base_name(id));
        let scopes = scopes(root, operation);
        let known = Known {
            method: Some(method),
            name: id.unwrap_or(path),
            path,
            scopes: &scopes,
            by_path: self.options.by_path || self.options.after.is_some(),
            statement: has_statement(root, operation, id.unwrap_or(path)),
        };
        let judged = evidence::judge(&known);
        let draft = self.draft(servers, own);
        draft.formats.extend(format);
        draft.content.extend(content(operation));
        let after = draft.name_after(&call);
        let action = meaning::action(&Named {
            access: judged.access,
            name: after.as_deref().unwrap_or(known.name),
            path: &template,
            method: Some(method),
        });
        let (name, calls) = match after {
            Some(name) => (name, BTreeSet::new()),
            None => {
                let call = format!("{method} {template}");
                (id.map_or_else(|| call.clone(), str::to_owned), BTreeSet::from([call]))
            }
        };
        let made = Operation {
            calls,
            judged,
            action,
            more: match method == "GET"
                && judged.access == Access::Read
                && has_content(root, operation)
                && !known.statement
            {
                true => vec![("content_by_get", "true".to_owned())],
                false => Vec::new(),
            },
        };
        draft.add(name, made);
    }

    /// `nodes-info-2` beside `nodes-info-1` or `nodes-info`: another call of the same operation.
    fn base_name<'i>(&self, id: &'i str) -> &'i str {
        let Some((base, number)) = id.rsplit_once('-') else {
            return id;
        };
        let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let sibling = |number: &str| format!("{base}-{number}");
        match numbered
            && (self.ids.contains(base) || (self.ids.contains(&sibling("1")) && self.ids.contains(&sibling("2"))))
        {
            true => base,
            false => id,
        }
    }

    fn draft(&mut self, servers: &Servers, own: bool) -> &mut Draft {
        let (options, document) = (self.options, self.document);
        let hosts = match options.hosts.is_empty() || own {
            true => servers.0.clone(),
            false => options.hosts.iter().cloned().collect(),
        };
        let secret = &self.secret;
        let count = self.drafts.len();
        self.drafts.entry(hosts.clone()).or_insert_with(|| Draft {
            // The first is the provider's own, the others are beside it.
            name: match (own, count) {
                (false, _) => options.name.clone(),
                (true, _) => format!("{}-{}", options.name, template::slug(hosts.iter().next())),
            },
            provider: options.provider.clone(),
            title: options.title.clone(),
            hosts,
            dispatch: options.after.clone().map_or(Dispatch::Path, Dispatch::After),
            name_prefix: options.name_prefix.clone(),
            secret: secret.clone(),
            head: options.head.clone(),
            origin: Origin {
                by: "openapi",
                source: document.name.trim_end_matches(".gz").to_owned(),
                version: version(&document.value),
            },
            ..Draft::default()
        })
    }
}

fn ids(item: &Value) -> impl Iterator<Item = String> {
    let operations = METHODS
        .iter()
        .filter_map(|(key, _)| item.get(key)?.get("operationId")?.as_str());
    operations.map(str::to_owned)
}

fn version(root: &Value) -> String {
    let info = root.pointer("/info/version").or_else(|| root.get("version"));
    let said = info.and_then(Value::as_str).filter(|version| !version.is_empty());
    said.unwrap_or("unstated").to_owned()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object without them",
    }
}

/// Header fields that hold a key.
fn secrets(root: &Value) -> BTreeSet<String> {
    let schemes = root
        .pointer("/components/securitySchemes")
        .or_else(|| root.get("securityDefinitions"));
    let schemes = schemes.and_then(Value::as_object).into_iter().flatten();
    let named = schemes.filter_map(|(_, scheme)| {
        let text = |key: &str| scheme.get(key).and_then(Value::as_str);
        (text("type") == Some("apiKey") && text("in") == Some("header")).then(|| text("name"))?
    });
    let named = named
        .map(str::to_ascii_lowercase)
        .filter(|name| name != "authorization");
    let named = named.filter(|name| http::HeaderName::try_from(name.as_str()).is_ok());
    named.chain(["cookie".to_owned()]).collect()
}

/// Alternatives of scopes or permissions that are enough, each those that are needed together.
fn scopes(root: &Value, operation: &Value) -> Vec<Vec<String>> {
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if let Some(permission) = operation.get("x-permission") {
        let needed = permission.get("permissions").map(texts).unwrap_or_default();
        return match permission.get("operator").and_then(Value::as_str) {
            Some("OR" | "or") => needed.into_iter().map(|one| vec![one]).collect(),
            Some(_) | None => vec![needed],
        };
    }
    let security = operation.get("security").or_else(|| root.get("security"));
    let alternatives = security.and_then(Value::as_array).into_iter().flatten();
    let of = |alternative: &Value| {
        let all = alternative.as_object().into_iter().flatten();
        all.flat_map(|(_, scopes)| texts(scopes)).collect()
    };
    alternatives.map(of).collect()
}

/// Media types of the content that are read.
fn content(operation: &Value) -> BTreeMap<String, &'static str> {
    let listed = operation.pointer("/requestBody/content").and_then(Value::as_object);
    let listed = listed.into_iter().flatten().map(|(name, _)| name.as_str());
    let consumed = operation
        .get("consumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let consumed = consumed.filter_map(Value::as_str);
    let known = listed.chain(consumed).filter_map(|name| {
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'-' | b'.');
        let decoder = match name.as_str() {
            "application/x-www-form-urlencoded" => "form",
            "multipart/form-data" => "multipart",
            json if json == "application/json" || (json.starts_with("application/") && json.ends_with("+json")) => {
                "json"
            }
            _ => return None,
        };
        name.bytes().all(plain).then_some((name, decoder))
    });
    known.collect()
}

/// Whether the description says that there is content, and with members: an empty form says nothing.
fn has_content(root: &Value, operation: &Value) -> bool {
    schemas(root, operation).any(|schema| !refs::members(root, schema, MAX_MEMBERS).is_empty())
}

/// The schemas of the content.
fn schemas<'a>(root: &'a Value, operation: &'a Value) -> impl Iterator<Item = &'a Value> {
    let bodies = operation
        .pointer("/requestBody")
        .and_then(|body| refs::follow(root, body));
    let media = bodies
        .and_then(|body| body.get("content")?.as_object())
        .into_iter()
        .flatten();
    media.filter_map(|(_, media)| media.get("schema"))
}

/// Whether the content of a query has a text in a language: what that does is not known from outside.
fn has_statement(root: &Value, operation: &Value, name: &str) -> bool {
    let parameters = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let parameters = parameters.filter_map(|parameter| refs::follow(root, parameter)?.get("schema"));
    let all: Vec<&Value> = schemas(root, operation).chain(parameters).collect();
    let members = all.iter().flat_map(|schema| refs::members(root, schema, MAX_MEMBERS));
    // What is not there may be one.
    all.iter().any(|schema| refs::follow(root, schema).is_none()) || evidence::is_statement(name, members)
}

impl Draft {
    /// The operation's name in its path, where that is how operations are named.
    fn name_after(&self, call: &str) -> Option<String> {
        match &self.dispatch {
            Dispatch::After(prefix) => call.strip_prefix(prefix.as_str()).map(str::to_owned),
            Dispatch::Path | Dispatch::Parameter(_) | Dispatch::Header { .. } | Dispatch::Aws(_) => None,
        }
    }
}
