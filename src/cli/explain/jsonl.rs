//! Requests by the line, results by the line.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read as _, Write};
use std::sync::Arc;

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use crate::gate::Rules;
use crate::io::body::Limits;
use crate::model::inert::inert_json;
use crate::model::{Caller, Reason, Refusal, Target, Value, Why};
use crate::policy::Verdict;
use crate::proxy::described::{Described, Judged, judge};

/// The longest line that is read: the largest content that could be judged, in base64, with room for a head.
const MAX_LINE: u64 = 256 << 20;

/// What is not understood is not passed over: it might be the content, under another name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    id: Option<Json>,
    method: String,
    url: String,
    #[serde(default)]
    headers: Fields,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_b64: Option<String>,
}

/// Header fields in order, each as often as it is there: an object that says one twice says it twice on the wire.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of header fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = members.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Every member of every line, so that a reader finds each where it looks.
#[derive(Serialize)]
struct Outcome<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Json>,
    provider: Option<&'a str>,
    operation: Option<&'a str>,
    action: Option<&'a str>,
    access: Option<&'a str>,
    fields: Option<&'a BTreeMap<Arc<str>, Value>>,
    missing: Option<BTreeMap<&'a str, Why>>,
    also: Option<Vec<Also<'a>>>,
    target: Option<&'a Target>,
    environment: Option<&'a str>,
    /// As the operator labelled the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<&'static str, String>>,
    unmapped: Option<bool>,
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    rules: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// What a call does besides its action.
#[derive(Serialize)]
struct Also<'a> {
    action: &'a str,
    access: &'a str,
    fields: &'a BTreeMap<Arc<str>, Value>,
    target: &'a Target,
}

/// One result for each request, in their order. Empty lines are passed over.
pub(super) fn answer(
    rules: &Rules,
    caller: &Result<Caller, Refusal>,
    limits: &Limits,
    mut requests: impl BufRead,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    while requests.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? > 0 {
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            bail!("a request line is longer than {MAX_LINE} bytes: the lines after it were not read");
        }
        if !line.trim_ascii().is_empty() {
            let (id, judged) = one(rules, caller, limits, &line);
            let text = match &judged {
                Ok(judged) => serde_json::to_string(&told(id, judged))?,
                Err(refusal) => serde_json::to_string(&refused(id, refusal))?,
            };
            writeln!(out, "{}", inert_json(&text))?;
            // Whoever asks line by line waits for the answer.
            out.flush()?;
        }
        line.clear();
    }
    Ok(())
}

fn one(
    rules: &Rules,
    caller: &Result<Caller, Refusal>,
    limits: &Limits,
    line: &[u8],
) -> (Option<Json>, Result<Judged, Refusal>) {
    let malformed = |detail: String| Refusal::new(Reason::Malformed, detail);
    let line: Line = match serde_json::from_slice(line) {
        Ok(line) => line,
        Err(error) => {
            // Whose line it is may be told all the same.
            let id = serde_json::from_slice::<Json>(line).ok();
            let id = id.and_then(|line| line.get("id").cloned());
            return (id, Err(malformed(format!("this is no request line: {error}"))));
        }
    };
    let content = match (line.body, line.body_b64) {
        (Some(_), Some(_)) => Err("`body` and `body_b64` are both there".to_owned()),
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, Some(coded)) => STANDARD
            .decode(coded)
            .map(Some)
            .map_err(|error| format!("`body_b64` is no base64: {error}")),
        (None, None) => Ok(None),
    };
    let judged = content.map_err(malformed).and_then(|content| {
        let described = Described {
            method: line.method,
            url: line.url,
            headers: line.headers.0,
            content: content.map(Into::into),
            at: None,
        };
        judge(rules, caller.clone()?, described, limits)
    });
    (line.id, judged)
}

fn told(id: Option<Json>, judged: &Judged) -> Outcome<'_> {
    let action = &judged.action;
    let reason = match &judged.verdict {
        Verdict::Block { reason, .. } => Some(*reason),
        Verdict::Allow { .. } | Verdict::RequireApproval { .. } => None,
    };
    let missing = action.all_missing().into_iter();
    let missing = missing.map(|missing| (&*missing.field, missing.why));
    let also = action.also.iter().map(|also| Also {
        action: &also.name,
        access: also.access.as_str(),
        fields: &also.fields,
        target: &also.target,
    });
    Outcome {
        id,
        provider: Some(&action.provider),
        operation: Some(&action.operation),
        action: Some(&action.name),
        access: Some(action.access.as_str()),
        fields: Some(&action.fields),
        missing: Some(missing.collect()),
        also: Some(also.collect()),
        target: Some(&action.target),
        environment: Some(action.environment()),
        labels: action.labels.as_deref().map(|labels| {
            let told = labels.told();
            told.map(|(label, value, _)| (label.as_str(), value)).collect()
        }),
        unmapped: Some(action.unmapped),
        decision: Some(judged.verdict.as_str()),
        reason,
        rules: Some(judged.verdict.rules()),
        refusal: None,
        detail: None,
    }
}

fn refused(id: Option<Json>, refusal: &Refusal) -> Outcome<'_> {
    Outcome {
        id,
        provider: None,
        operation: None,
        action: None,
        access: None,
        fields: None,
        missing: None,
        also: None,
        target: None,
        environment: None,
        labels: None,
        unmapped: None,
        decision: None,
        reason: None,
        rules: None,
        refusal: Some(refusal.reason),
        detail: Some(&refusal.detail),
    }
}
