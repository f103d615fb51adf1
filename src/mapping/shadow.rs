//! A file of people's own that goes before a shipped one: what it says more mildly, or takes along.
//!
//! SECURITY: a change taken for a read is the worst mistake a mapping can make, and a file of one's own makes it silently where
//! the shipped one had it right (test `a_file_that_calls_a_shipped_change_a_read_is_told`).

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::compile::Compiled;
use super::file::{self, File};
use super::hosts::Hosts;
use super::service::{Operation, Service};
use super::{Rule, generated, lead};
use crate::io::yaml;
use crate::model::diagnostic::Lines;
use crate::model::{
    Access, Authority, Body, Call, CallId, Caller, Diagnostic, Origin, Scheme, Source, Timestamp, Vocabulary,
};

/// What stands for whatever a capture or a parameter may be.
const ANYTHING: &str = "anything";

/// What is to be told of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// It calls a change a read.
    pub wrong: bool,
    pub told: Diagnostic,
}

/// What a file says of the operations of shipped ones whose hosts it has, line by line. Nothing of a file that is no mapping.
pub fn shadows(own: &Source, shipped: &[Source], vocabulary: &Vocabulary) -> Vec<Shadow> {
    let Some(ours) = Side::read(own, vocabulary).filter(|ours| !ours.compiled.service.generated) else {
        return Vec::new();
    };
    let sides = shipped.iter().filter_map(|source| Side::read(source, vocabulary));
    let mut found: Vec<Shadow> = sides
        .filter(|theirs| ours.has_a_host_of(theirs))
        .flat_map(|theirs| ours.beside(&theirs))
        .collect();
    found.sort_by_key(|shadow| (!shadow.wrong, shadow.told.line));
    found.dedup();
    found
}

/// One of the two files.
struct Side<'a> {
    source: &'a Source,
    file: File,
    compiled: Compiled,
}

impl<'a> Side<'a> {
    fn read(source: &'a Source, vocabulary: &Vocabulary) -> Option<Self> {
        Some(Self {
            source,
            file: yaml::load(source).ok()?, // what is wrong with it is told where it is loaded
            compiled: generated::read(source, vocabulary).ok()?, // the same
        })
    }

    fn service(&self) -> &Service {
        &self.compiled.service
    }

    fn has_a_host_of(&self, theirs: &Self) -> bool {
        let mut hosts = Hosts::default();
        for (_, pattern) in &theirs.compiled.hosts {
            // Two patterns of one file that are alike are one: that is no mistake here.
            let _ = hosts.insert(pattern.clone(), 0);
        }
        self.hosts().any(|host| hosts.find(&host, Scheme::Https).is_some())
    }

    /// A host for each pattern.
    fn hosts(&self) -> impl Iterator<Item = Authority> {
        let hosts = self.compiled.hosts.iter();
        hosts.filter_map(|(place, _)| {
            let host = place.value.replace("{aws}", "amazonaws.com");
            Authority::parse(&filled(&host), Some(Scheme::Https.default_port())).ok()
        })
    }

    fn beside(&self, theirs: &Self) -> Vec<Shadow> {
        let mut found = Vec::new();
        for (name, at) in &theirs.file.operations {
            for call in at.value.call.iter().chain(&at.value.calls) {
                let (Some(made), Some(host)) = (call_of(call, &at.value), self.hosts().next()) else {
                    continue;
                };
                let made = Call {
                    authority: host,
                    ..made
                };
                if let (Some(ours), Some(meant)) = (self.operation(&made), theirs.operation(&made)) {
                    found.extend(self.compare(ours, meant, &format!("`{call}` ({name})"), theirs));
                    found.extend(self.wider(ours, meant, call, theirs));
                }
            }
        }
        // What has no call of its own is told by its name.
        for (meant, bulk) in theirs
            .service()
            .operations()
            .filter(|(meant, _)| !meant.name.ends_with('*'))
        {
            let mut all = self.service().operations();
            let same = all.find(|(ours, in_bulk)| ours.name == meant.name && *in_bulk == bulk);
            if let Some((ours, _)) = same {
                found.extend(self.compare(ours, meant, &format!("`{}`", meant.name), theirs));
            }
        }
        found
    }

    /// Which operation a call is.
    fn operation(&self, call: &Call) -> Option<&Operation> {
        match lead::rule(call, self.service(), &call.path) {
            Ok(Rule::Path(operation, _) | Rule::Name(operation, _)) => Some(operation),
            Ok(Rule::None | Rule::OtherPort | Rule::Parameter(_)) | Err(_) => None,
        }
    }

    fn compare(&self, ours: &Operation, meant: &Operation, what: &str, theirs: &Self) -> Option<Shadow> {
        let (own, shipped) = (ours.meaning.access, meant.meaning.access);
        (own < shipped).then(|| Shadow {
            wrong: own == Access::Read,
            told: self.at(
                ours,
                format!(
                    "{what} is `{}` here, which is {}: by {} it is `{}`, which is {}",
                    ours.meaning.action,
                    own.as_str(),
                    theirs.source.file,
                    meant.meaning.action,
                    shipped.as_str()
                ),
            ),
        })
    }

    /// Where a parameter takes what the shipped file has a word for.
    fn wider(&self, ours: &Operation, meant: &Operation, call: &str, theirs: &Self) -> Option<Shadow> {
        let prefix = &*self.service().name_prefix;
        let own = self
            .file
            .operations
            .iter()
            .find(|(name, _)| format!("{prefix}{name}") == *ours.name);
        let (_, own) = own?;
        let mut calls = own.value.call.iter().chain(&own.value.calls);
        let alike = calls.any(|own| shape(own) == shape(call));
        (!alike && ours.meaning.action != meant.meaning.action).then(|| Shadow {
            wrong: false,
            told: self.at(
                ours,
                format!(
                    "this takes `{call}` along, which {} knows as `{}`",
                    theirs.source.file, meant.meaning.action
                ),
            ),
        })
    }

    fn at(&self, ours: &Operation, message: String) -> Diagnostic {
        let key = Lines::of(&self.source.text).get(ours.line).unwrap_or_default();
        let column = key.chars().take_while(|character| character.is_whitespace()).count() + 1;
        Diagnostic::at(&self.source.file, &self.source.text, ours.line, column, message)
    }
}

/// A call of an operation, at no host.
fn call_of(call: &str, operation: &file::Operation) -> Option<Call> {
    let (method, template) = call.split_once(' ')?;
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let segments = path
        .split('/')
        .map(|segment| filled(segment.split('|').next().unwrap_or(segment)));
    let mut query: Vec<String> = Some(query)
        .filter(|query| !query.is_empty())
        .map(str::to_owned)
        .into_iter()
        .collect();
    query.extend(operation.with.query.iter().map(|name| format!("{name}=1")));
    let mut headers = HeaderMap::new();
    for name in &operation.with.headers {
        headers.insert(HeaderName::try_from(&name.value).ok()?, HeaderValue::from_static("1"));
    }
    Some(Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "default".into(),
            roles: Arc::from([]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority: Authority::parse("localhost", Some(443)).ok()?,
        method: Method::from_bytes(method.as_bytes()).ok()?,
        path: segments.collect::<Vec<_>>().join("/"),
        query: (!query.is_empty()).then(|| query.join("&")),
        headers,
        body: Body::Absent,
    })
}

/// A text with something in the place of each capture.
fn filled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str(ANYTHING);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// A call without its parameters' names.
fn shape(call: &str) -> String {
    filled(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::embedded;

    fn source(file: &str, text: &str) -> Source {
        Source {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    fn told(own: &str) -> Vec<Shadow> {
        let stripe = source("embedded:stripe.yaml", embedded::mapping("stripe.yaml").unwrap());
        let shopify = source("embedded:shopify.yaml", embedded::mapping("shopify.yaml").unwrap());
        let words = source("actions.yaml", embedded::mapping("actions.yaml").unwrap());
        let vocabulary = crate::mapping::Mappings::read_vocabulary(&words).unwrap();
        shadows(&source("mappings/stripe.yaml", own), &[stripe, shopify], &vocabulary)
    }

    const HEAD: &str =
        "provider: own\nhosts: [api.stripe.com]\ndispatch: path\ncontent: { application/json: json }\noperations:\n";

    #[test]
    fn a_file_that_calls_a_shipped_change_a_read_is_told() {
        let read = "{ call: POST /v1/refunds, action: read_record, target: { kind: x } }";
        let found = told(&format!("{HEAD}  mine: {read}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].wrong);
        let text = found[0].told.to_string();
        assert!(
            text.starts_with("mappings/stripe.yaml:6:3: `POST /v1/refunds`"),
            "{text}"
        );
        assert!(
            text.contains(
                "is `read_record` here, which is read: by embedded:stripe.yaml it is `process_refund`, which is write"
            ),
            "{text}"
        );
        // A host of a pattern, and a word that a parameter takes.
        let shop = HEAD.replace("api.stripe.com", "mine.myshopify.com");
        let found = told(&format!(
            "{shop}  any: {{ call: \"DELETE /admin/api/{{v}}/{{what}}/{{id}}\", action: read_record, target: {{ kind: x }} }}\n"
        ));
        assert!(
            found
                .iter()
                .any(|shadow| shadow.wrong && shadow.told.message.contains("customers")),
            "{found:?}"
        );
        assert!(
            found
                .iter()
                .any(|shadow| !shadow.wrong && shadow.told.message.contains("takes `DELETE")),
            "{found:?}"
        );
    }

    #[test]
    fn a_file_that_says_the_same_or_more_is_not_told() {
        let stripe = embedded::mapping("stripe.yaml").unwrap();
        assert_eq!(told(stripe), []);
        let strict = "{ call: GET /v1/charges, action: call_api, target: { kind: x } }";
        assert_eq!(told(&format!("{HEAD}  mine: {strict}\n")), []);
        let elsewhere = HEAD.replace("api.stripe.com", "api.else.example");
        let read = "{ call: POST /v1/refunds, action: read_record, target: { kind: x } }";
        assert_eq!(told(&format!("{elsewhere}  mine: {read}\n")), []);
    }
}
