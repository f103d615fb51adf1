//! Calls of the corpus and of the samples with one thing in them changed: each is another call, but for what the mapping says that
//! a library makes up anew each time, and for what `reasons` has.

use std::collections::BTreeMap;

use crate::mapping::tests::samples::sample_call;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::mapping::Place;
use crate::mapping::service::Service;

mod reasons;

const CORPUS: &str = include_str!("../../../../tests/corpus/requests.jsonl");

/// How many samples of each file, those with content first.
const SAMPLES: usize = 20;

/// Calls with content or without, and where they stand.
fn calls(samples: usize) -> Vec<(String, Call)> {
    let corpus = CORPUS.lines().enumerate().map(|(at, line)| {
        let mut request: Json = serde_json::from_str(line).unwrap();
        let coded = request["body_b64"].take();
        let mut call = sample_call(&request);
        if let Some(coded) = coded.as_str() {
            call.body = Body::Captured(STANDARD.decode(coded).unwrap().into());
        }
        (format!("corpus:{}", at + 1), call)
    });
    let of_files = FILES.iter().flat_map(|(file, _, lines)| {
        let mut lines: Vec<_> = lines.lines().enumerate().collect();
        let bare = |line: &str| !line.contains("\"body\":");
        lines.sort_by_key(|(_, line)| bare(line));
        let lines = lines.into_iter().take(samples);
        lines.map(move |(at, line)| {
            (
                format!("{file}:{}", at + 1),
                sample_call(&serde_json::from_str(line).unwrap()),
            )
        })
    });
    corpus.chain(of_files).collect()
}

/// Who makes the call, and what it is; `None` where it is refused, and so is none that anybody approved.
fn told(call: &Call) -> Option<(Vec<u8>, Vec<u8>)> {
    let action = resolve(shipped(), call).ok()?;
    let identity = shipped().identify(call, &action).ok()?;
    Some((identity.credential, identity.content))
}

fn service(call: &Call) -> Option<&'static Service> {
    match shipped().route(call).unwrap().place {
        Place::Known { service, .. } => Some(service),
        Place::Unknown => None,
    }
}

/// The text with one character changed: of each word the first, and the last.
fn flips(text: &[u8]) -> Vec<Vec<u8>> {
    let is = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let ends = |at: &usize| is(Some(*at)) && (!is(at.checked_sub(1)) || !is(Some(at + 1)));
    let flipped = |at: usize| {
        let mut other = text.to_vec();
        other[at] = match text[at] {
            b'z' => b'a',
            b'Z' => b'A',
            b'9' => b'0',
            byte => byte + 1,
        };
        other
    };
    (0..text.len()).filter(ends).map(flipped).collect()
}

#[test]
fn a_word_that_is_changed_is_changed_in_one_character() {
    let flipped: Vec<_> = flips(b"a: 19,zz")
        .iter()
        .map(|text| String::from_utf8(text.clone()).unwrap())
        .collect();
    assert_eq!(flipped, ["b: 19,zz", "a: 29,zz", "a: 10,zz", "a: 19,az", "a: 19,za"]);
}

/// What a call says, without what is made up anew: read here in another way than by the code under test.
#[derive(PartialEq)]
enum Reading {
    Json(Json),
    Pairs(Vec<(String, String)>),
    Bytes(Vec<u8>),
}

fn pairs(text: &[u8], volatile: impl Fn(&str) -> bool) -> Reading {
    let pairs = form_urlencoded::parse(text).into_owned();
    Reading::Pairs(pairs.filter(|(name, _)| !volatile(name)).collect())
}

fn reading(call: &Call, body: &[u8], volatile: impl Fn(&str) -> bool, messages: bool) -> Reading {
    let kind = call.header("content-type").unwrap_or_default();
    let bytes = || Reading::Bytes(body.to_vec());
    if kind.contains("urlencoded") {
        return pairs(body, volatile);
    }
    let Some(mut json) = serde_json::from_slice::<Json>(body)
        .ok()
        .filter(|_| kind.contains("json"))
    else {
        return bytes();
    };
    if let Some(members) = json.as_object_mut() {
        members.retain(|name, _| !volatile(name));
    }
    let batch = match json.is_array() {
        true => json.as_array_mut().unwrap().as_mut_slice(),
        false => std::slice::from_mut(&mut json),
    };
    // A message's id, where it stands beside a method.
    for members in batch.iter_mut().filter_map(Json::as_object_mut).filter(|_| messages) {
        if members.contains_key("method") && members.contains_key("id") {
            members.insert("id".to_owned(), json!("any"));
        }
    }
    Reading::Json(json)
}

/// What the mapping says that libraries make up in this operation's content.
fn made_up(call: &Call, service: Option<&Service>) -> BTreeSet<String> {
    let Some(service) = service else {
        return BTreeSet::new();
    };
    let operation = resolve(shipped(), call).unwrap().operation;
    let of_file = service.volatile_content.iter().map(ToString::to_string);
    let mut operations = service.dispatch.operations();
    let own = operations.find(|(named, _)| *named.name == *operation);
    let of_operation = own
        .iter()
        .flat_map(|(named, _)| &named.volatile)
        .map(ToString::to_string);
    of_file.chain(of_operation).collect()
}

#[test]
fn each_word_of_the_content_counts_but_for_what_is_made_up() {
    let (mut apart, mut alike) = (0, 0);
    for (place, call) in calls(SAMPLES) {
        let Some(body) = call.body.captured().filter(|body| !body.is_empty()) else {
            continue;
        };
        let (first, action) = (told(&call).unwrap(), resolve(shipped(), &call).unwrap());
        let service = service(&call);
        let made_up = made_up(&call, service);
        let messages = service.is_some_and(|service| service.mcp.is_some());
        let read = |body: &[u8]| reading(&call, body, |name| made_up.contains(name), messages);
        for other in flips(body) {
            let same = read(&other) == read(body);
            let mut flipped = call.clone();
            flipped.body = Body::Captured(other.clone().into());
            let Some(found) = told(&flipped) else { continue };
            match same {
                true if action.unmapped => {}
                true => {
                    assert!(found == first, "{place}: {}", String::from_utf8_lossy(&other));
                    alike += 1;
                }
                false => {
                    assert!(found != first, "{place}: {}", String::from_utf8_lossy(&other));
                    apart += 1;
                }
            }
        }
    }
    assert!(apart > 3_000 && alike > 10, "{apart} {alike}");
}

#[test]
fn each_word_of_the_query_counts_but_for_what_is_made_up() {
    let mut apart = 0;
    for (place, call) in calls(SAMPLES) {
        let Some(query) = call.query.clone() else { continue };
        let (first, service) = (told(&call).unwrap(), service(&call));
        let made_up = |name: &str| service.is_some_and(|service| service.volatile.contains(name));
        for other in flips(query.as_bytes()) {
            let mut flipped = call.clone();
            flipped.query = Some(String::from_utf8(other.clone()).unwrap());
            let Some(found) = told(&flipped) else { continue };
            if pairs(&other, made_up) != pairs(query.as_bytes(), made_up) {
                assert!(found != first, "{place}: {:?}", flipped.query);
                apart += 1;
            }
        }
    }
    assert!(apart > 100, "{apart}");
}

/// The text of a form, or of an object in JSON, with one field less or one more.
fn refilled(call: &Call, body: &[u8]) -> Vec<Vec<u8>> {
    let kind = call.header("content-type").unwrap_or_default();
    if kind.contains("urlencoded") {
        return repaired(body);
    }
    let json = serde_json::from_slice::<Json>(body).ok();
    let Some(Json::Object(members)) = json.filter(|_| kind.contains("json")) else {
        return Vec::new();
    };
    let less = members.keys().map(|name| {
        let mut members = members.clone();
        members.remove(name);
        members
    });
    let mut more = members.clone();
    more.insert("flippedMember".to_owned(), json!("one"));
    let texts = less.chain([more]).map(|members| Json::Object(members).to_string());
    texts.map(String::into_bytes).collect()
}

fn repaired(text: &[u8]) -> Vec<Vec<u8>> {
    let pairs: Vec<&[u8]> = text.split(|byte| *byte == b'&').collect();
    let less = (0..pairs.len()).map(|at| {
        let mut pairs = pairs.clone();
        pairs.remove(at);
        pairs.join(&b'&')
    });
    less.chain([[text, b"&flipped_member=one"].concat()]).collect()
}

#[test]
fn a_field_more_or_less_is_another_call_but_for_what_is_made_up() {
    let mut files: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (place, call) in calls(SAMPLES) {
        let (first, action) = (told(&call).unwrap(), resolve(shipped(), &call).unwrap());
        let (service, made_up) = (service(&call), made_up(&call, service(&call)));
        let messages = service.is_some_and(|service| service.mcp.is_some());
        let volatile = |name: &str| service.is_some_and(|service| service.volatile.contains(name));
        let body = call.body.captured().map(<[u8]>::to_vec).unwrap_or_default();
        let query = call.query.clone().unwrap_or_default();
        let read = |body: &[u8]| reading(&call, body, |name| made_up.contains(name), messages);
        let of_body = refilled(&call, &body).into_iter().map(|other| {
            let same = action.unmapped || read(&other) == read(&body);
            let mut changed = call.clone();
            changed.body = Body::Captured(other.into());
            (changed, same)
        });
        let queries = if query.is_empty() {
            Vec::new()
        } else {
            repaired(query.as_bytes())
        };
        let of_query = queries.into_iter().map(|other| {
            let same = pairs(&other, volatile) == pairs(query.as_bytes(), volatile);
            let mut changed = call.clone();
            changed.query = Some(String::from_utf8(other).unwrap());
            (changed, same)
        });
        let (apart, refused) = files.entry(place.split(':').next().unwrap().to_owned()).or_default();
        for (changed, _) in of_body.chain(of_query).filter(|(_, same)| !same) {
            match told(&changed) {
                Some(found) => {
                    assert!(
                        found != first,
                        "{place}: {:?} {:?}",
                        changed.query,
                        changed.body.captured()
                    );
                    *apart += 1;
                }
                None => *refused += 1,
            }
        }
    }
    // Where each is refused, nothing was shown.
    let nothing: Vec<_> = files
        .iter()
        .filter(|(_, (apart, refused))| *apart == 0 && *refused > 0)
        .collect();
    assert!(nothing.is_empty(), "{nothing:?}");
    let apart: usize = files.values().map(|(apart, _)| apart).sum();
    assert!(files.len() > 30 && apart > 1_000, "{} {apart}", files.len());
}
