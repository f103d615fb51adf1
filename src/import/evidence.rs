//! What an operation does to its target, and how that is known.
//!
//! In this order: an authorization reference; the kind that a schema says; OAuth scopes or permissions; the operation's name; the method. A change is
//! never taken for a read: a name that changes something outweighs a scope that only reads, a scope makes a read of what has a
//! word for reading in its name, and a method alone makes one of GET and HEAD only.

use super::words::{
    ANYWHERE, ASKING, CHANGING_BY_GET, CREDENTIAL, ENDING, READING, REMOVING, begins_with_a_change, changes, words,
};
use crate::model::Access;

/// What tells the access; kept in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    Authorization,
    /// The schema calls it a query, a mutation or a subscription.
    Kind,
    Scopes,
    Name,
    Method,
}

impl Evidence {
    /// The word in the file; none for the method, which is there anyway.
    pub(super) fn told(self) -> Option<&'static str> {
        match self {
            Evidence::Authorization => Some("authorization"),
            Evidence::Kind => Some("kind"),
            Evidence::Scopes => Some("scopes"),
            Evidence::Name => Some("name"),
            Evidence::Method => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    pub access: Access,
    pub by: Evidence,
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// `GET`; none where operations are told otherwise.
    pub method: Option<&'a str>,
    /// The provider's own word, without what all its words begin with.
    pub name: &'a str,
    /// The path template, if there is one.
    pub path: &'a str,
    /// Every one of these is enough: an alternative is the scopes that are needed together.
    pub scopes: &'a [Vec<String>],
    /// The method says nothing, only the last segment of the path: the provider calls everything by one method.
    pub by_path: bool,
    /// The content has a text in which a language says what is done: SQL.
    pub statement: bool,
}

/// The access class of an operation.
pub fn judge(known: &Known<'_>) -> Judged {
    let judged = |access, by| Judged { access, by };
    let segment = known.path.rsplit('/').next().unwrap_or_default();
    let end = last_words(segment);
    let name = match known.by_path {
        true => end.clone(),
        false => words(known.name),
    };
    let leads = |list: &[&str]| name.first().is_some_and(|word| list.contains(&word.as_str()));
    if name.join(" ").ends_with("set iam policy") {
        return judged(Access::Admin, Evidence::Name);
    }
    let scopes = reads_by_scopes(known.scopes);
    let safe = known.method.is_some_and(|method| matches!(method, "GET" | "HEAD"));
    if safe && !known.by_path {
        // SECURITY: some providers change things by GET (test `a_name_that_changes_is_no_read`).
        let verb = custom_verb(segment);
        // What completes by GET is what somebody types.
        let acts = verb.first().filter(|word| changes(word) && *word != "complete");
        let leads = name.first().filter(|word| {
            let is = |list: &[&str]| list.contains(&word.as_str());
            is(&CHANGING_BY_GET) || is(&REMOVING)
        });
        return match acts.or(leads) {
            Some(word) if REMOVING.contains(&word.as_str()) => judged(Access::Delete, Evidence::Name),
            Some(_) => judged(Access::Write, Evidence::Name),
            None if scopes => judged(Access::Read, Evidence::Scopes),
            None => judged(Access::Read, Evidence::Method),
        };
    }
    if known.method == Some("DELETE") {
        return judged(Access::Delete, Evidence::Method);
    }
    // The first word that changes something says what: `createLogsArchive` removes nothing.
    let mut verbs = name.iter().chain(&end).map(String::as_str);
    let compound = || name.iter().chain(&end).find_map(|word| begins_with_a_change(word));
    let change = verbs.find(|word| changes(word)).or_else(compound);
    if change.is_some_and(|word| REMOVING.contains(&word)) {
        return judged(Access::Delete, Evidence::Name);
    }
    let overwrites = known.method.is_some_and(|method| matches!(method, "PUT" | "PATCH"));
    // SECURITY: what is asked for in a language may be a change (BigQuery's `jobs.query`, which takes a scope that only
    // reads), and a token is a credential that is made (test `a_name_that_changes_is_no_read`).
    let makes_credential = !known.by_path && name.iter().chain(&end).any(|word| CREDENTIAL.contains(&word.as_str()));
    // The first word may be the method.
    let posts = name.iter().skip(1).any(|word| word == "post");
    if change.is_some() || overwrites || known.statement || makes_credential || posts {
        return judged(Access::Write, Evidence::Method);
    }
    // A name that is only the method and the path says nothing, and POST to a collection adds to it, whatever scopes are
    // listed; what is done to many at once is named by more than its first word.
    let asks = |word: &String| READING.contains(&word.as_str()) || ASKING.contains(&word.as_str());
    if scopes && !leads(&["post", "put", "batch"]) && name.iter().any(asks) {
        return judged(Access::Read, Evidence::Scopes);
    }
    match reads_by_name(known, segment, &name, &end) {
        true => judged(Access::Read, Evidence::Name),
        false => judged(Access::Write, Evidence::Method),
    }
}

fn reads_by_name(known: &Known<'_>, segment: &str, name: &[String], end: &[String]) -> bool {
    let is = |word: Option<&String>, list: &[&str]| word.is_some_and(|word| list.contains(&word.as_str()));
    if name.join(" ").ends_with("test iam permissions") {
        return true;
    }
    let only = (end.len() == 1).then(|| end.first()).flatten();
    if known.by_path {
        // `/transactions/get`, `/users.list`
        let verb = segment.rsplit_once('.').map(|(_, verb)| words(verb));
        return match verb {
            Some(verb) => is(verb.first(), &READING),
            None => is(only, &READING),
        };
    }
    // `ml-get-records`: what stands before is a group. In `streamingReadValues` nothing does.
    let grouped = known.name.contains(['-', '_', '.', '/']);
    let group = if grouped { 2 } else { 1 };
    name.iter().take(group).any(|word| READING.contains(&word.as_str()))
        || grouped && name.iter().any(|word| ANYWHERE.contains(&word.as_str()))
        || grouped && is(name.last(), &ENDING)
        || is(only, &ENDING) && name.iter().any(|word| READING.contains(&word.as_str()))
}

/// `/v1/items/{item}:search` → `search`; `/items/batch/read` → `read`; nothing where a parameter ends it.
fn last_words(segment: &str) -> Vec<String> {
    words(segment.rsplit('}').next().unwrap_or_default())
}

/// `/v1/items/{item}:move` → `move`
fn custom_verb(segment: &str) -> Vec<String> {
    segment.rsplit_once(':').map_or_else(Vec::new, |(_, verb)| words(verb))
}

/// Whether one of the alternatives that are enough only reads: with it nothing can be changed. That all of them write
/// proves nothing.
fn reads_by_scopes(alternatives: &[Vec<String>]) -> bool {
    let reads = |scope: &String| {
        let words = words(scope.rsplit('/').next().unwrap_or_default());
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        has(&["read", "readonly"]) && !has(&["write", "manage", "edit", "modify", "all", "readwrite"])
    };
    alternatives
        .iter()
        .any(|scopes| !scopes.is_empty() && scopes.iter().all(reads))
}

/// Whether the content of a query has a text in a language, in one of these members: what that does, nobody knows.
pub(super) fn is_statement<'a>(
    name: &str,
    mut members: impl Iterator<Item = (&'a str, &'a serde_json::Value)>,
) -> bool {
    let searches = words(name)
        .iter()
        .any(|word| matches!(word.as_str(), "search" | "list" | "find"));
    let is_text = |schema: &serde_json::Value| schema.get("type").and_then(serde_json::Value::as_str) == Some("string");
    members.any(|(member, schema)| match member {
        "sql" | "statement" | "statements" | "sqlQuery" | "sql_query" => true,
        // A text to search for is one, too.
        "query" | "queryString" | "q" => !searches && is_text(schema),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
