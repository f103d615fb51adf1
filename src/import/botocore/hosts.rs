//! The hosts of a service, by the URLs in its endpoint rules and the prefixes in its model.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::Service;
use crate::mapping::AWS_ENDINGS;

/// Names of regions, but for their numbers: `us-gov-west-1`, `ap-southeast-3`.
const REGIONS: [&str; 16] = [
    "us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-", "cn-", "eusc-", "us-gov-", "us-iso-", "us-isob-",
    "eu-isoe-", "us-isof-",
];
/// The ending of any partition.
const AWS: &str = "{aws}";

/// Host patterns of a service, and the names that its calls are signed for.
pub(super) struct Hosts {
    pub patterns: BTreeSet<String>,
    pub signing_names: BTreeSet<String>,
}

/// Reads them.
pub(super) fn hosts(service: &Service) -> Hosts {
    let metadata = &service.model.metadata;
    let own = &metadata.endpoint_prefix;
    let mut signing_names = BTreeSet::from([metadata.signing_name.clone().unwrap_or_else(|| own.clone())]);
    let mut urls = BTreeSet::new();
    walk(&service.endpoints, &mut urls, &mut signing_names);
    urls.extend([
        format!("https://{own}.{{Region}}.amazonaws.com"),
        format!("https://{own}-fips.{{Region}}.amazonaws.com"),
    ]);
    if let Some(global) = &metadata.global_endpoint {
        urls.insert(format!("https://{global}"));
    }
    let kinds = kinds(service);
    let expanded = urls.iter().flat_map(|url| match url.contains("{OperationType}") {
        true => kinds.iter().map(|kind| url.replace("{OperationType}", kind)).collect(),
        false => vec![url.clone()],
    });
    let bases: BTreeSet<String> = expanded.filter_map(|url| pattern(&url)).collect();
    let prefixes: BTreeSet<String> = service
        .model
        .operations
        .values()
        .filter_map(|operation| operation.endpoint.as_ref()?.host_prefix.clone())
        .collect();
    let mut patterns = bases.clone();
    for prefix in &prefixes {
        let prefix = captures(prefix);
        patterns.extend(bases.iter().map(|base| format!("{prefix}{base}")));
    }
    patterns.insert(format!("{{endpoint}}.{own}.{{region}}.vpce.{AWS}"));
    Hosts {
        patterns,
        signing_names,
    }
}

/// All URLs and names for signing in endpoint rules.
fn walk(value: &Value, urls: &mut BTreeSet<String>, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(url) = members
                .get("endpoint")
                .and_then(|endpoint| endpoint.get("url")?.as_str())
            {
                urls.insert(url.to_owned());
            }
            if let Some(name) = members.get("signingName").and_then(Value::as_str)
                && !name.contains('{')
            {
                names.insert(name.to_owned());
            }
            members.values().for_each(|member| walk(member, urls, names));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, urls, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a part of some hosts may be, as its operations say: `control`, `data`.
fn kinds(service: &Service) -> BTreeSet<String> {
    let operations = service.model.operations.values();
    let constants = operations.filter_map(|operation| operation.constants.get("OperationType")?.value.as_str());
    constants.map(str::to_owned).collect()
}

/// `https://ec2-fips.{Region}.{PartitionResult#dnsSuffix}` as `ec2-fips.{region}.{aws}`; `None` for what names no host of AWS.
fn pattern(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://")?.split('/').next()?;
    if host.contains("{url#") || host.contains("{Endpoint}") {
        return None;
    }
    let endings = AWS_ENDINGS
        .iter()
        .find_map(|ending| host.strip_suffix(ending)?.strip_suffix('.'));
    let placed = || {
        let (stem, last) = host.rsplit_once('.')?;
        last.to_ascii_lowercase().ends_with("dnssuffix}").then_some(stem)
    };
    let (stem, ending) = match endings.or_else(placed) {
        Some(stem) => (stem, Some(AWS)),
        None => (host, None),
    };
    let labels: Option<Vec<String>> = stem.split('.').map(label).collect();
    let labels = labels?;
    let text = |label: &String| !label.contains('{');
    // What is decided by no name of its own is another service's too.
    let named = labels.iter().any(text) && (ending.is_some() || labels.iter().rev().take(2).all(text));
    named.then(|| {
        labels
            .into_iter()
            .chain(ending.map(str::to_owned))
            .collect::<Vec<_>>()
            .join(".")
    })
}

fn label(label: &str) -> Option<String> {
    let region =
        label.eq_ignore_ascii_case("{region}") || label.ends_with("#region}") || label.ends_with("GlobalRegion}");
    let (stem, number) = label.rsplit_once('-').unwrap_or((label, ""));
    let number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if region || (number && stem.contains('-') && REGIONS.iter().any(|start| stem.starts_with(start))) {
        return Some("{region}".to_owned());
    }
    let label = captures(label);
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match label.split_once('{') {
        None => plain(&label).then_some(label),
        Some((start, rest)) => {
            let whole = rest.ends_with('}') && rest.matches(['{', '}']).count() == 1;
            // Captures that meet are one: where one ends nobody can tell.
            match whole {
                true => plain(start).then_some(label),
                false => start
                    .is_empty()
                    .then(|| "{name}".to_owned())
                    .filter(|_| rest.ends_with('}')),
            }
        }
    }
}

/// Placeholders as captures: `{AccountId}`, `{ParsedArn#accountId}` as `{account}`.
fn captures(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, following) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let name = name.rsplit('#').next().unwrap_or(name);
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        out.push('{');
        out.push_str(if plain == "accountid" { "account" } else { &plain });
        out.push('}');
        rest = following;
    }
    out + rest
}
