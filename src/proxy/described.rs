//! A request that is told instead of sent: read and judged as it would be if it came. Nothing is sent or recorded.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Request, Uri, Version, request};

use super::parse;
use crate::gate::{self, Rules};
use crate::io::body::{CaptureError, Limits};
use crate::io::coding;
use crate::mapping::Mappings;
use crate::model::{Action, Authority, Body, Call, CallId, Caller, Reason, Refusal, Scheme, Timestamp, is_grpc};
use crate::policy::{RuleReason, Verdict};

/// A request in words.
#[derive(Clone, Debug, Default)]
pub struct Described {
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names and values in order. Without Host, the URL's is taken.
    pub headers: Vec<(String, String)>,
    pub content: Option<Bytes>,
    /// When it would come; `None`: now.
    pub at: Option<Timestamp>,
}

/// What would be decided of a request.
#[derive(Debug)]
pub struct Judged {
    pub call: Call,
    /// With all that follows from its fields, and its risk.
    pub action: Action,
    pub verdict: Verdict,
    pub took: Took,
}

/// How long each step took, the first call of a process being the slowest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// The request read.
    pub parse: Duration,
    /// Its action found.
    pub map: Duration,
    pub gate: gate::Took,
}

/// Reads and judges a request as the data path does (`handle`): the same checks in the same order. What of the
/// content is read before a decision is within `limits`.
///
/// # Errors
/// What would be refused before there is anything to decide.
pub fn judge(rules: &Rules, caller: Caller, described: Described, limits: &Limits) -> Result<Judged, Refusal> {
    let start = Instant::now();
    let understood = understand(rules.mappings(), caller, described, limits)?;
    let Understood {
        call,
        action,
        leaves_http,
        parsed_at,
    } = understood;
    let map = parsed_at.elapsed();
    let (action, verdict, gate) = rules.review_timed(&call.facts(), action, call.received);
    let took = Took {
        parse: parsed_at - start,
        map,
        gate,
    };
    let is_unread = matches!(call.body, Body::Streaming { .. });
    if is_unread && !leaves_http && matches!(verdict, Verdict::RequireApproval { .. }) {
        return Err(too_large(limits));
    }
    let verdict = match leaves_http && !call.opens_stream() {
        true => uncarried(verdict),
        false => verdict,
    };
    Ok(Judged {
        call,
        action,
        verdict,
        took,
    })
}

/// What a request means, without what rules make of it.
#[derive(Debug)]
pub struct Understood {
    pub call: Call,
    /// As the mapping has it.
    pub action: Action,
    leaves_http: bool,
    parsed_at: Instant,
}

fn too_large(limits: &Limits) -> Refusal {
    CaptureError::TooLarge(limits.body).into()
}

/// Reads a request as the data path does, up to its action.
///
/// # Errors
/// What would be refused before there is anything to decide.
pub fn understand(
    mappings: &Mappings,
    caller: Caller,
    described: Described,
    limits: &Limits,
) -> Result<Understood, Refusal> {
    let at = described.at;
    let (authority, head, body) = request_of(described)?;
    let body = match body {
        // Not read before it has to be, and never then.
        Body::Captured(content) if content.len() > limits.body => Body::Streaming {
            length: u64::try_from(content.len()).ok(),
        },
        read @ (Body::Captured(_) | Body::Coded(_) | Body::Absent | Body::Streaming { .. }) => read,
    };
    let parsed = parse::call(
        authority.as_ref().map(|authority| (Scheme::Https, authority)),
        CallId::random(),
        caller,
        head,
        body,
    )?;
    let mut call = parsed.call;
    call.received = at.unwrap_or(call.received);
    let parsed_at = Instant::now();
    let is_unread = matches!(call.body, Body::Streaming { .. });
    let action = match parsed.leaves_http {
        true => mappings.stream(&call)?,
        false => {
            let route = mappings.route(&call)?;
            if route.needs_body() && is_unread {
                return Err(too_large(limits));
            }
            if route.needs_body()
                && let Body::Captured(content) = &call.body
            {
                call.body = coding::open(&call.headers, content.clone(), &limits.codings, |_| true);
            }
            mappings.resolve(&call, route)?
        }
    };
    Ok(Understood {
        call,
        action,
        leaves_http: parsed.leaves_http,
        parsed_at,
    })
}

/// The request as it would stand on the wire: inside a tunnel to the authority for https, in absolute form for http.
fn request_of(described: Described) -> Result<(Option<Authority>, request::Parts, Body), Refusal> {
    let uri: Uri = described
        .url
        .parse()
        .map_err(|error| malformed(format!("not a URL that begins with https:// or http://: {error}")))?;
    let scheme = match uri.scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        Some(_) | None => return Err(malformed("expected a URL that begins with https:// or http://")),
    };
    let named = uri.authority().map_or("", |authority| authority.as_str());
    let authority = Authority::parse(named, Some(scheme.default_port()))
        .map_err(|error| malformed(format!("the URL's host: {error}")))?;
    let target = match (scheme, uri.path_and_query()) {
        (Scheme::Https, Some(path)) => Uri::from(path.clone()),
        (Scheme::Https, None) => Uri::from_static("/"),
        (Scheme::Http, _) => uri.clone(),
    };
    let mut request = Request::builder()
        .method(described.method.as_str())
        .uri(target)
        .body(())
        .map_err(|error| malformed(format!("method or URL: {error}")))?;
    for (name, value) in &described.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return Err(malformed(format!("`{name}` is no header field that can be sent")));
        };
        request.headers_mut().append(name, value);
    }
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::try_from(named).map_err(|_| malformed("the URL's host is not ASCII"))?;
        request.headers_mut().insert(HOST, host);
    }
    if is_grpc(request.headers()) {
        *request.version_mut() = Version::HTTP_2;
    }
    let body = match described.content {
        Some(content) if !content.is_empty() => Body::Captured(content),
        Some(_) | None => Body::Absent,
    };
    Ok((
        (scheme == Scheme::Https).then_some(authority),
        request.into_parts().0,
        body,
    ))
}

/// As `say::stays_http`: what leaves HTTP is judged, but not carried.
fn uncarried(verdict: Verdict) -> Verdict {
    let reason = Reason::NotInspectable;
    let rules = match verdict {
        blocked @ Verdict::Block { .. } => return blocked,
        Verdict::Allow { rules } => rules.into_iter().map(|id| RuleReason { id, reason: None }).collect(),
        Verdict::RequireApproval { rules } => rules
            .into_iter()
            .map(|rule| RuleReason {
                id: rule.id,
                reason: rule.reason,
            })
            .collect(),
    };
    Verdict::Block { reason, rules }
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

#[cfg(test)]
mod tests;
