//! An operation drafted for a mapping that people write: what a call looks like, for a person to say what it is.

use std::fmt::Write as _;

use super::draft::{quoted, scalar};
use super::evidence::{self, Known};
use super::meaning::{self, Named};
use super::paths::one_of_many;
use super::words::words;
use crate::model::{Access, Vocabulary};

/// An entry of `operations`, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `charges.capture`
    pub name: String,
    /// With its line ends, indented as below `operations:`.
    pub text: String,
}

/// Drafts the operation of calls (`POST /v1/charges/{charge}/capture`) of one method and kind; the name is drawn from the
/// first unless it is known. What only the method tells is a change, but for GET and HEAD.
///
/// A field that its action requires is `not_told`, so that calls are held until somebody says where it stands.
pub fn entry(vocabulary: &Vocabulary, name: Option<&str>, calls: &[String], access: Option<Access>) -> Option<Entry> {
    let (method, template) = calls.first()?.split_once(' ')?;
    let name = name.map_or_else(|| name_of(method, template), str::to_owned);
    let access = access.unwrap_or_else(|| judged(method, template));
    let named = Named {
        access,
        name: &name,
        path: template,
        method: Some(method),
    };
    let action = meaning::action(&named).unwrap_or(match access {
        Access::Read => "read_record",
        Access::Write => "call_api",
        Access::Delete => "delete_record",
        Access::Admin => "modify_security",
    });
    let definition = vocabulary.actions.get(action)?;
    let id = template.rsplit('/').next().and_then(parameter);
    let mut text = format!("  {}:\n", scalar(&name));
    // Here and below: writing into a String cannot fail.
    let _ = match calls {
        [call] => writeln!(text, "    call: {}", plain(call)),
        several => {
            let several: Vec<String> = several.iter().map(|call| quoted(call)).collect();
            writeln!(text, "    calls: [{}]", several.join(", "))
        }
    };
    let _ = writeln!(text, "    action: {action}");
    let kind = template
        .rsplit('/')
        .find(|segment| is_word(segment))
        .map_or_else(|| "resource".to_owned(), one_of_many);
    let _ = match id {
        Some(id) => writeln!(text, "    target: {{ kind: {}, id: $.path.{id} }}", scalar(&kind)),
        None => writeln!(text, "    target: {{ kind: {} }}", scalar(&kind)),
    };
    let told = |field: &str| {
        vocabulary
            .fields
            .get(field)
            .is_some_and(|field| field.derived_from.is_none())
    };
    let mut fields = Vec::new();
    for field in definition.required.iter().filter(|field| told(field)) {
        fields.push(format!(
            "      {field}: {{ not_told: true }} # or where it stands: {{ from: $.body.{field} }}\n"
        ));
    }
    if let Some(id) = id.filter(|_| definition.optional.iter().any(|field| &**field == "resource_ids")) {
        fields.push(format!("      resource_ids: {{ from: $.path.{id} }}\n"));
    }
    if !fields.is_empty() {
        text.push_str("    fields:\n");
        text.push_str(&fields.concat());
    }
    Some(Entry { name, text })
}

/// What a call does as far as method and path tell. Only GET and HEAD may be a read.
///
/// SECURITY: a draft is put into force by people who trust it, and a change must not pass for a read (test
/// `a_drafted_change_is_no_read`).
pub fn judged(method: &str, template: &str) -> Access {
    let last = template
        .rsplit('/')
        .find(|segment| is_word(segment))
        .unwrap_or_default();
    let by = |name: &str| {
        let known = Known {
            method: Some(method),
            name,
            path: template,
            ..Known::default()
        };
        evidence::judge(&known).access
    };
    let least = match method {
        "GET" | "HEAD" => Access::Read,
        _ => Access::Write,
    };
    by(template).max(by(last)).max(least)
}

/// `charges.capture` of `POST /v1/charges/{charge}/capture`.
fn name_of(method: &str, template: &str) -> String {
    let segments: Vec<&str> = template.split('/').filter(|segment| is_word(segment)).collect();
    let mut parts: Vec<String> = segments.iter().map(|segment| words(segment).join("_")).collect();
    parts.retain(|part| !part.is_empty());
    let ends_in_value = template.rsplit('/').next().and_then(parameter).is_some();
    let last = segments.last().copied().unwrap_or_default();
    let verb = match method {
        "GET" if ends_in_value => Some("retrieve"),
        "GET" => Some("list"),
        "PUT" => Some("replace"),
        "PATCH" => Some("update"),
        "DELETE" => Some("delete"),
        "HEAD" => Some("head"),
        // `capture`, behind the thing that it is done to.
        _ if !ends_in_value && template.contains('{') && one_of_many(last) == words(last).join("_") => None,
        _ => Some("create"),
    };
    parts.extend(verb.map(str::to_owned));
    parts.join(".")
}

fn is_word(segment: &str) -> bool {
    let version = segment.starts_with('v') && segment.bytes().skip(1).any(|byte| byte.is_ascii_digit());
    segment.starts_with(|first: char| first.is_ascii_alphabetic()) && !segment.contains('{') && !version
}

fn parameter(segment: &str) -> Option<&str> {
    segment
        .strip_prefix('{')?
        .strip_suffix('}')
        .map(|name| name.trim_end_matches(['+', '*']))
}

/// A call as it is, where YAML takes it so.
fn plain(call: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" /_-.{}".contains(&byte);
    if call.bytes().all(plain) {
        call.to_owned()
    } else {
        quoted(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::regenerate::vocabulary;
    use crate::mapping::Mappings;
    use crate::model::Source;

    const CALLS: [(&str, &str, &str); 9] = [
        ("POST /v1/charges/{charge}/capture", "charges.capture", "create_charge"),
        (
            "POST /v1/charges/{charge}/refunds",
            "charges.refunds.create",
            "process_refund",
        ),
        ("GET /v1/charges/{charge}", "charges.retrieve", "read_record"),
        ("GET /v1/charges", "charges.list", "read_record"),
        ("DELETE /v1/users/{user}", "users.delete", "delete_record"),
        ("POST /mail/send", "mail.send.create", "send_email"),
        ("POST /v1/items/search", "items.search.create", "modify_record"),
        ("PATCH /api/blog-posts/{id}", "api.blog_posts.update", "modify_record"),
        ("POST /", "create", "modify_record"),
    ];

    #[test]
    fn a_draft_is_an_entry_that_the_loader_takes() {
        let vocabulary = vocabulary().unwrap();
        let text =
            "provider: x\nhosts: [api.x.example]\ndispatch: path\ncontent: { application/json: json }\noperations:\n";
        let mut text = text.to_owned();
        for (call, name, action) in CALLS {
            let entry = entry(&vocabulary, None, &[call.to_owned()], None).unwrap();
            assert_eq!(entry.name, name, "{call}");
            assert!(entry.text.contains(&format!("action: {action}\n")), "{}", entry.text);
            text.push_str(&entry.text);
        }
        let several = ["GET /a/{x}".to_owned(), "GET /b/{x}".to_owned()];
        text.push_str(&entry(&vocabulary, Some("two words"), &several, None).unwrap().text);
        let source = |file: &str, text: &str| Source {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        let words = source("actions.yaml", crate::io::embedded::mapping("actions.yaml").unwrap());
        let loaded = Mappings::load(&words, &[source("x.yaml", &text)]);
        assert_eq!(loaded.err().unwrap_or_default(), [], "{text}");
    }

    #[test]
    fn a_drafted_change_is_no_read() {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for path in ["/v1/items/search", "/v1/items/{item}", "/list", "/get"] {
                assert_ne!(judged(method, path), Access::Read, "{method} {path}");
            }
        }
        assert_eq!(judged("GET", "/v1/items"), Access::Read);
        assert_eq!(judged("GET", "/v1/items/{item}/delete"), Access::Delete);
        assert_eq!(judged("GET", "/v1/items/{item}/send"), Access::Write);
    }
}
