//! Why a call in which something was changed is still the same call. What changes nothing and has no reason here fails.

use super::*;
use crate::mapping::identity::headers::{IGNORED, IGNORED_PREFIXES};
use crate::mapping::service::IdempotencyKey;

/// How many samples of each file: each has some sixty fields to change.
const FEW: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    /// The mapping names the fields that count, and it is none of them.
    NotNamed,
    /// It is about the connection, not the call (RFC 9110, 7.6.1).
    HopByHop,
    /// What the library calls itself, or can read.
    Library,
    /// When it was sent, and what it was signed with then: who signs it stays.
    Signed,
    /// Who follows the call, and where.
    Traced,
    /// Which attempt it is, and how long that may take.
    Attempt,
    /// Which request it is: two of the same call are told apart by it, and people are asked of each (`idempotency`).
    Request,
    /// Another part of the call tells it: its authority, its content.
    Elsewhere,
    /// Members of JSON have no order.
    Order,
    /// Spaces and escapes of JSON say nothing.
    Spelling,
}

use Alike::{Attempt, Elsewhere, HopByHop, Library, NotNamed, Order, Request, Signed, Spelling, Traced};

/// Each field that counts nowhere but where a mapping names it. `content-type` and `content-encoding` count for themselves.
const FIELDS: [(&str, Alike); 48] = [
    ("accept", Library),
    ("accept-charset", Library),
    ("accept-encoding", Library),
    ("accept-language", Library),
    ("connection", HopByHop),
    ("keep-alive", HopByHop),
    ("proxy-connection", HopByHop),
    ("te", HopByHop),
    ("trailer", HopByHop),
    ("transfer-encoding", HopByHop),
    ("upgrade", HopByHop),
    ("host", Elsewhere),
    ("content-length", Elsewhere),
    ("content-type", Elsewhere),
    ("content-encoding", Elsewhere),
    ("expect", HopByHop),
    ("user-agent", Library),
    ("date", Signed),
    ("x-amz-date", Signed),
    ("authorization", Signed),
    ("proxy-authorization", HopByHop),
    ("signature", Signed),
    ("signature-input", Signed),
    ("x-amz-security-token", Signed),
    ("traceparent", Traced),
    ("tracestate", Traced),
    ("baggage", Traced),
    ("b3", Traced),
    ("x-request-id", Traced),
    ("x-correlation-id", Traced),
    ("x-client-request-id", Traced),
    ("x-amzn-trace-id", Traced),
    ("x-cloud-trace-context", Traced),
    ("sentry-trace", Traced),
    ("uber-trace-id", Traced),
    ("x-retry-count", Attempt),
    ("x-stainless-retry-count", Attempt),
    ("amz-sdk-request", Attempt),
    ("amz-sdk-invocation-id", Attempt),
    ("idempotency-key", Request),
    ("x-stripe-client-telemetry", Library),
    ("x-stripe-client-user-agent", Library),
    ("x-goog-api-client", Library),
    ("priority", Library),
    ("grpc-timeout", Attempt),
    ("grpc-previous-rpc-attempts", Attempt),
    ("grpc-trace-bin", Traced),
    ("grpc-tags-bin", Traced),
];
/// The same, by how names begin.
const BEGINNINGS: [(&str, Alike); 3] = [("grpc-accept-", Library), ("x-b3-", Traced), ("x-datadog-", Traced)];
/// Fields that some call may have, beside its own.
const STRANGERS: [&str; 4] = [
    "x-nobody-knows",
    "x-b3-traceid",
    "x-datadog-trace-id",
    "grpc-accept-encoding",
];

#[test]
fn each_field_that_never_counts_has_a_reason() {
    let with_reason: BTreeSet<_> = FIELDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(with_reason, BTreeSet::from(IGNORED));
    assert_eq!(BEGINNINGS.map(|(name, _)| name), IGNORED_PREFIXES);
}

/// A call, and how its header fields are looked at.
struct Flipped<'a> {
    call: &'a Call,
    service: Option<&'a Service>,
    /// The mapping, where it names what counts.
    named: Option<&'a Service>,
}

impl<'a> Flipped<'a> {
    fn new(call: &'a Call) -> Self {
        let (action, service) = (resolve(shipped(), call).unwrap(), service(call));
        // What a tool does its server alone knows; its header fields are those of all its messages.
        let of_tool = |meaning: &Action| meaning.operation.starts_with("tools/call:");
        let unmapped = action.meanings().any(|meaning| meaning.unmapped && !of_tool(meaning));
        let named = service.filter(|service| !service.every_header && !unmapped && !call.opens_stream());
        Self { call, service, named }
    }

    /// Why the call is the same with this in the field, or without it.
    fn why(&self, name: &HeaderName, other: Option<&str>) -> Option<Alike> {
        let significant = self.named.is_some_and(|service| service.significant.contains(name));
        let secret = self.service.is_some_and(|service| service.secret.contains(name));
        if significant || secret {
            return None;
        }
        let own = self.call.header(name.as_str());
        match name.as_str() {
            "content-type" | "content-encoding" => return None,
            "authorization" => return is_key_of(own, other).then_some(Signed),
            "x-amz-content-sha256" if own.is_some_and(is_digest) && other.is_none_or(is_digest) => {
                return Some(Elsewhere);
            }
            _ => {}
        }
        let of = |service: &Service| matches!(&service.idempotency, Some(IdempotencyKey::Header(key)) if key == name);
        if self.service.is_some_and(of) {
            return Some(Request);
        }
        let field = FIELDS.iter().find(|(field, _)| name == field);
        let field = field.or_else(|| BEGINNINGS.iter().find(|(begins, _)| name.as_str().starts_with(begins)));
        field.map(|(_, why)| *why).or_else(|| self.named.map(|_| NotNamed))
    }
}

/// Whether both are signed by one key of AWS.
fn is_key_of(own: Option<&str>, other: Option<&str>) -> bool {
    let key = |value: &str| {
        let (_, rest) = value.strip_prefix("AWS4-HMAC-SHA256 ")?.split_once("Credential=")?;
        Some(rest.split_once('/')?.0.to_owned())
    };
    let own = own.and_then(key);
    own.is_some() && other.and_then(key) == own
}

fn is_digest(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the field said then, and the call with one word of it changed, with something else, with one more, and without it.
fn reworded(call: &Call, name: &HeaderName) -> Vec<(Option<String>, Call)> {
    let with = |value: Option<&str>| {
        let mut changed = call.clone();
        match value.map(|value| HeaderValue::from_str(value).unwrap()) {
            Some(value) => drop(changed.headers.insert(name, value)),
            None => drop(changed.headers.remove(name)),
        }
        (value.map(str::to_owned), changed)
    };
    let own = call.header(name.as_str()).unwrap_or_default();
    let words = flips(own.as_bytes())
        .into_iter()
        .map(|text| String::from_utf8(text).unwrap());
    let mut all: Vec<_> = words
        .chain(["flipped".to_owned()])
        .map(|text| with(Some(text.as_str())))
        .collect();
    if call.headers.contains_key(name) {
        let mut twice = call.clone();
        twice.headers.append(name, HeaderValue::from_static("flipped"));
        all.extend([with(None), (Some("flipped".to_owned()), twice)]);
    }
    all
}

#[test]
fn a_field_that_is_changed_makes_another_call_or_there_is_a_reason() {
    let (mut apart, mut alike, mut wrong) = (0, BTreeMap::new(), BTreeSet::new());
    for (place, call) in calls(FEW) {
        let (first, flipped) = (told(&call).unwrap(), Flipped::new(&call));
        let named = flipped.named.iter().flat_map(|service| service.significant.clone());
        let fixed = FIELDS
            .iter()
            .map(|(name, _)| *name)
            .chain(STRANGERS)
            .map(HeaderName::from_static);
        let names: Vec<HeaderName> = call.headers.keys().cloned().chain(named).chain(fixed).collect();
        let names: BTreeMap<String, HeaderName> = names.into_iter().map(|name| (name.to_string(), name)).collect();
        for name in names.values() {
            for (other, changed) in reworded(&call, name) {
                let Some(found) = told(&changed) else { continue };
                match (found == first, flipped.why(name, other.as_deref())) {
                    (true, None) => drop(wrong.insert(format!("{place}: {name}: {other:?} changes nothing"))),
                    (true, Some(why)) => *alike.entry(why).or_insert(0) += 1,
                    (false, _) => apart += 1,
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for why in [NotNamed, HopByHop, Library, Signed, Traced, Attempt, Request, Elsewhere] {
        assert!(alike.contains_key(&why), "{why:?} was never the reason: {alike:?}");
    }
    assert!(apart > 1_000, "{apart} {alike:?}");
}

/// People would be asked anew of its repetition.
#[test]
fn a_field_with_a_reason_makes_no_other_call() {
    let mut alike = 0;
    for (place, call) in calls(FEW) {
        let (first, flipped) = (told(&call).unwrap(), Flipped::new(&call));
        let strangers = STRANGERS.into_iter().map(HeaderName::from_static);
        let names = FIELDS.iter().map(|(name, _)| HeaderName::from_static(name));
        let names: Vec<_> = names.chain(strangers).chain(call.headers.keys().cloned()).collect();
        // What makes a handshake of a call makes another call of it.
        for name in names.iter().filter(|name| **name != "upgrade") {
            let Some(why) = flipped.why(name, Some("flipped")) else {
                continue;
            };
            let mut changed = call.clone();
            changed.headers.insert(name, HeaderValue::from_static("flipped"));
            let Some(found) = told(&changed) else { continue };
            assert!(found == first, "{place}: {name}, {why:?}");
            alike += 1;
        }
    }
    assert!(alike > 5_000, "{alike}");
}

/// The call by another method, by another scheme, at another host, port and path.
fn elsewhere(call: &Call) -> Vec<Call> {
    let mut all: Vec<Call> = Vec::new();
    let mut put = |change: &dyn Fn(&mut Call)| {
        let mut changed = call.clone();
        change(&mut changed);
        all.push(changed);
    };
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        if method != call.method {
            put(&|call| call.method = method.clone());
        }
    }
    put(&|call| {
        call.scheme = match call.scheme {
            Scheme::Https => Scheme::Http,
            Scheme::Http => Scheme::Https,
        }
    });
    put(&|call| call.authority.port += 1);
    for host in flips(call.authority.host.to_string().as_bytes()) {
        let text = format!("{}:{}", String::from_utf8(host).unwrap(), call.authority.port);
        if let Ok(authority) = Authority::parse(&text, None) {
            put(&|call| call.authority = authority.clone());
        }
    }
    for path in flips(call.path.as_bytes()) {
        put(&|call| call.path = String::from_utf8(path.clone()).unwrap());
    }
    all
}

#[test]
fn another_method_scheme_host_port_or_path_has_no_reason() {
    let mut apart = 0;
    for (place, call) in calls(FEW) {
        let first = told(&call).unwrap();
        for changed in elsewhere(&call) {
            let Some(found) = told(&changed) else { continue };
            let Call {
                method,
                authority,
                path,
                ..
            } = &changed;
            assert!(found != first, "{place}: {method} {authority} {path}");
            apart += 1;
        }
    }
    assert!(apart > 2_000, "{apart}");
}

/// The content in another order, or spelt in another way, and why that may be the same.
fn rearranged(body: &[u8]) -> Vec<(Vec<u8>, Option<Alike>)> {
    let mut all = Vec::new();
    if let Ok(json) = serde_json::from_slice::<Json>(body) {
        all.push((serde_json::to_vec_pretty(&json).unwrap(), Some(Spelling)));
        if let Some(members) = json.as_object() {
            let one = |(name, value): (&String, &Json)| format!("{}:{value}", json!(name));
            let turned: Vec<String> = members.iter().rev().map(one).collect();
            all.push((format!("{{{}}}", turned.join(",")).into_bytes(), Some(Order)));
        }
    }
    let mut pairs: Vec<&[u8]> = body.split(|byte| *byte == b'&').collect();
    pairs.reverse();
    all.push((pairs.join(&b'&'), None));
    all.retain(|(other, _)| other != body);
    all
}

#[test]
fn content_in_another_order_is_another_call_but_for_members_of_json() {
    let (mut apart, mut alike) = (0, BTreeMap::new());
    for (place, call) in calls(SAMPLES) {
        let (Some(body), first) = (call.body.captured(), told(&call).unwrap()) else {
            continue;
        };
        let made_up = made_up(&call, service(&call));
        let read = |body: &[u8]| reading(&call, body, |name| made_up.contains(name), false);
        for (other, why) in rearranged(body) {
            // Of what was made up anew it does not count where it stands.
            if why.is_none() && read(&other) == read(body) {
                continue;
            }
            let mut changed = call.clone();
            changed.body = Body::Captured(other.clone().into());
            match (told(&changed), why) {
                (None, _) => {}
                (Some(found), None) => {
                    assert!(found != first, "{place}: {}", String::from_utf8_lossy(&other));
                    apart += 1;
                }
                // Of content that nobody reads each byte counts.
                (Some(found), Some(why)) => *alike.entry((why, found == first)).or_insert(0) += 1,
            }
        }
    }
    let times = |why| alike.get(&(why, true)).copied().unwrap_or(0);
    assert!(
        times(Order) > 50 && times(Spelling) > 50 && apart > 100,
        "{apart} {alike:?}"
    );
}
