//! Where an API is served, by its description.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{MAX_HOSTS, Servers};

/// The hosts of the servers that are said at a place, and the path of the first of them.
pub(super) fn servers(root: &Value, at: &Value) -> Servers {
    if let Some(host) = root.get("host").and_then(Value::as_str) {
        let base = root.get("basePath").and_then(Value::as_str).unwrap_or_default();
        return (BTreeSet::from([host.to_ascii_lowercase()]), base.to_owned());
    }
    let mut hosts = BTreeSet::new();
    let mut base = None;
    for server in at.get("servers").and_then(Value::as_array).into_iter().flatten() {
        let Some(url) = server.get("url").and_then(Value::as_str) else {
            continue;
        };
        for url in expanded(url, server.get("variables")) {
            let Some(rest) = url.strip_prefix("https://") else {
                continue;
            };
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let plain = |label: &str| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if !host.contains('.') || !host.trim_end_matches(":443").split('.').all(plain) {
                continue;
            }
            if base.is_none() || base.as_deref() == Some(path.trim_end_matches('/')) {
                base = Some(path.trim_end_matches('/').to_owned());
                hosts.insert(host.trim_end_matches(":443").to_ascii_lowercase());
            }
        }
    }
    (hosts, base.unwrap_or_default())
}

/// What all of these begin with.
pub(super) fn beginning<'p>(mut paths: impl Iterator<Item = &'p String>) -> String {
    let mut common = paths.next().map_or("", String::as_str);
    for path in paths {
        let same = common.bytes().zip(path.bytes()).take_while(|(one, other)| one == other);
        let mut end = same.count();
        while !common.is_char_boundary(end) {
            end -= 1;
        }
        common = common.get(..end).unwrap_or_default();
    }
    common.to_owned()
}

/// A path below the one that the server says, where not all paths of the description begin with that already (PayPal's
/// reports).
pub(super) fn joined(beginning: &str, base: &str, path: &str) -> String {
    let whole = beginning.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
    match !base.is_empty() && whole {
        true => path.to_owned(),
        false => format!("{base}{path}"),
    }
}

/// A server's URL with what its variables may be.
fn expanded(url: &str, variables: Option<&Value>) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    for (name, variable) in variables.and_then(Value::as_object).into_iter().flatten() {
        let slot = format!("{{{name}}}");
        let listed = variable.get("enum").and_then(Value::as_array).into_iter().flatten();
        let default = variable.get("default");
        let values: BTreeSet<&str> = default.into_iter().chain(listed).filter_map(Value::as_str).collect();
        let with = |url: &String| match url.contains(&slot) {
            true => values.iter().map(|value| url.replace(&slot, value)).collect(),
            false => vec![url.clone()],
        };
        urls = urls.iter().flat_map(with).take(MAX_HOSTS).collect();
    }
    urls.retain(|url| !url.contains('{'));
    urls
}
