//! Reverse: ports and prefixes of ours that stand for providers, for clients that take a base URL but no proxy and no CA.

mod refused;
mod streams;

use std::io::Read;

use serde_json::json;

use crate::clients::messages::{NO_INVITATIONS, SENDGRID, SLACK};
use crate::clients::{STRIPE, refused_once, repeats, row};
use crate::harness::{
    Configuration, Curl, Gate, HttpAnswer, Matrix, Origin, Reply, Session, Sidecar, Tunnel, Wire, free_port, key, said,
};
use crate::reject::NO_PAYOUTS;

/// In place of the shipped rules.
const EVERYTHING: &str = r#"
@id("everything")
permit (principal, action, resource);
"#;

/// For a provider that the shipped rules may know or not.
const BY_METHOD: &str = r#"
@id("everything")
permit (principal, action, resource);

@id("no-deletions")
@reason("Models are deleted by people only")
forbid (principal, action, resource) when { context.method == "DELETE" };

@id("posts-are-asked-for")
@decision("REQUIRE_APPROVAL")
forbid (principal, action, resource) when { context.method == "POST" };
"#;

/// A sidecar with a port of its own for a host at an origin.
struct House {
    sidecar: Sidecar,
    port: u16,
}

fn house(host: &str, origin: &Origin, more: &str, also: impl FnOnce(Configuration) -> Configuration) -> House {
    let port = free_port();
    let section = format!("reverse:\n  - {{ listen: \"127.0.0.1:{port}\", to: \"https://{host}\"{more} }}\n");
    let sidecar = also(Sidecar::new().resolve(host, origin).section(&section)).start();
    House { sidecar, port }
}

fn things(origin: &Origin) -> House {
    house("things.example", origin, "", |sidecar| sidecar.only_policy(EVERYTHING))
}

impl House {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn ask(&self, method: &str, target: &str, fields: &str, content: &str) -> HttpAnswer {
        Wire::at(self.port).ask(format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\n{fields}\r\n{content}",
            self.port,
            content.len()
        ))
    }
}

#[track_caller]
fn assert_refused(answer: &HttpAnswer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text().contains(reason), "{answer:?}");
}

#[test]
fn stripe() {
    let (matrix, origin) = (Matrix::of("stripe (base URL)"), Origin::stripe());
    let before = |hold: &str| {
        house("api.stripe.com", &origin, "", |sidecar| {
            sidecar.policy(NO_PAYOUTS).hold(hold)
        })
    };
    let client = |house: &House| Session::at("stripe_client.py", "STRIPE_API_BASE", &house.url());
    let house = before("30s");
    row(&matrix, &STRIPE, &origin, &house.sidecar, &mut client(&house));
    let house = before("1s");
    repeats(&matrix, &STRIPE, &origin, &house.sidecar, &mut client(&house));
}

#[test]
fn stripe_for_node() {
    let (matrix, origin) = (Matrix::of("stripe for Node (base URL)"), Origin::stripe());
    let before = |hold: &str| {
        house("api.stripe.com", &origin, "", |sidecar| {
            sidecar.policy(NO_PAYOUTS).hold(hold)
        })
    };
    let client = |house: &House| Session::at("node/stripe_client.js", "STRIPE_API_BASE", &house.url());
    let house = before("30s");
    row(&matrix, &STRIPE, &origin, &house.sidecar, &mut client(&house));
    let house = before("1s");
    repeats(&matrix, &STRIPE, &origin, &house.sidecar, &mut client(&house));
}

/// On the proxy's own port, behind a prefix.
#[test]
fn slack_sdk_behind_a_prefix() {
    let (matrix, origin) = (Matrix::of("slack_sdk (base URL)"), Origin::slack());
    let before = |hold: &str| {
        Sidecar::new()
            .resolve("slack.com", &origin)
            .policy(NO_INVITATIONS)
            .section("reverse:\n  - { prefix: /slack, to: \"https://slack.com\" }\n  - { prefix: /else, to: \"https://else.test\" }")
            .hold(hold)
            .start()
    };
    let client = |sidecar: &Sidecar| {
        let url = format!("http://localhost:{}/slack/api/", sidecar.proxy_port());
        Session::at("slack_client.py", "SLACK_BASE_URL", &url)
    };
    let sidecar = before("30s");
    row(&matrix, &SLACK, &origin, &sidecar, &mut client(&sidecar));
    let sidecar = before("1s");
    repeats(&matrix, &SLACK, &origin, &sidecar, &mut client(&sidecar));
}

#[test]
fn sendgrid() {
    let (matrix, origin) = (Matrix::of("sendgrid (base URL)"), Origin::sendgrid());
    let before = |hold: &str| {
        house("api.sendgrid.com", &origin, ", prefix: /mail", |sidecar| {
            sidecar.hold(hold)
        })
    };
    let client = |house: &House| Session::at("sendgrid_client.py", "SENDGRID_HOST", &format!("{}/mail", house.url()));
    let house = before("30s");
    row(&matrix, &SENDGRID, &origin, &house.sidecar, &mut client(&house));
    let house = before("1s");
    repeats(&matrix, &SENDGRID, &origin, &house.sidecar, &mut client(&house));
}

#[test]
fn openai() {
    let (matrix, origin) = (Matrix::of("openai (base URL)"), Origin::of_things());
    let before = |hold: &str| {
        house("api.openai.com", &origin, "", |sidecar| {
            sidecar.only_policy(BY_METHOD).hold(hold)
        })
    };
    let client = |house: &House| Session::at("openai_client.py", "OPENAI_BASE_URL", &format!("{}/v1", house.url()));
    let sent = || origin.calls("POST", "/v1/chat/completions").len();
    let said = json!({ "id": "c1", "object": "chat.completion", "choices": [] });

    let house = before("30s");
    let mut openai = client(&house);
    origin.answer_next_with(Reply::json(200, &json!({ "object": "list", "data": [] })));
    openai.call("models").assert_ok();
    assert_eq!(origin.calls("GET", "/v1/models").len(), 1);
    matrix.calls_itself(origin.seen()[0].header("user-agent"));
    matrix.found("allow", "the answer");
    let delete = "delete_model ft:x";
    let (blocked, _) = refused_once(&matrix, &house.sidecar, "BLOCK", || openai.call(delete));
    blocked
        .assert_refused("policy_blocked")
        .assert_refused("by people only");
    assert_eq!(origin.seen().len(), 1);
    matrix.found("block", "PermissionDeniedError 403");
    openai.send("ask hello");
    let id = house.sidecar.next_held();
    origin.answer_next_with(Reply::json(200, &said));
    assert_eq!(sent(), 0);
    house.sidecar.approve(&id);
    openai.receive().assert_ok();
    assert_eq!(sent(), 1);
    matrix.found("hold", "the answer");

    let house = before("1s");
    let mut openai = client(&house);
    let (pending, _) = refused_once(&matrix, &house.sidecar, "REQUIRE_APPROVAL", || openai.call("ask hello"));
    pending.assert_refused("approval_pending");
    house.sidecar.approve(&pending.approval());
    origin.answer_next_with(Reply::json(200, &said));
    openai.call("ask hello").assert_ok();
    assert_eq!(sent(), 2);
    matrix.found("re-attach", "PermissionDeniedError 403, then the answer");
    let (third, _) = refused_once(&matrix, &house.sidecar, "REQUIRE_APPROVAL", || openai.call("ask hello"));
    third.assert_refused("already_executed");
    assert_eq!(sent(), 2);
    matrix.found("repeat", "PermissionDeniedError 403");
}

#[test]
fn openai_streams() {
    let origin = Origin::of_things();
    let house = house("api.openai.com", &origin, "", |sidecar| sidecar.only_policy(EVERYTHING));
    let piece = |text: &str| {
        let delta = json!({ "id": "c1", "choices": [{ "index": 0, "delta": { "content": text } }] });
        format!("data: {delta}\n\n")
    };
    let reply = Reply::new(200).header("content-type", "text/event-stream");
    origin.answer_next_with(reply.bytes(piece("Hel")).bytes(piece("lo")).bytes("data: [DONE]\n\n"));
    let mut openai = Session::at("openai_client.py", "OPENAI_BASE_URL", &format!("{}/v1", house.url()));
    assert_eq!(openai.call("stream hello").assert_ok().value, json!(["Hel", "lo"]));
}

#[test]
fn the_provider_sees_its_own_name_and_nothing_else_changed() {
    let origin = Origin::of_things();
    let house = house("things.example", &origin, ", prefix: /eu/things", |sidecar| {
        sidecar.only_policy(EVERYTHING)
    });
    let fields = "X-Odd: a , \"b\"\r\nProxy-Authorization: Basic YTpi\r\nAccept-Encoding: gzip\r\n";
    let answer = house.ask("POST", "/eu/things/echo?b=2&a=%20x&a=", fields, "h\0!");
    // The key of an agent that nobody knows: refused, though no agent would have needed one.
    assert_refused(&answer, 401, "agent_unknown");
    let answer = house.ask(
        "POST",
        "/eu/things/echo?b=2&a=%20x&a=",
        "X-Odd: a , \"b\"\r\nAccept-Encoding: gzip\r\n",
        "h\0!",
    );
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"h\0!"[..]),
        "{answer:?}"
    );
    let seen = &origin.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/echo?b=2&a=%20x&a=")
    );
    let mut found: Vec<_> = seen
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    found.sort_unstable();
    let sent = [
        ("accept-encoding", "gzip"),
        ("content-length", "3"),
        ("host", "things.example"),
        ("x-odd", "a , \"b\""),
    ];
    assert_eq!(found, sent, "nothing added, nothing taken away");
}

#[test]
fn the_answer_arrives_as_it_was_given() {
    let origin = Origin::of_things();
    let house = things(&origin);
    let answer = house.ask("GET", "/marked", "", "");
    assert_eq!((answer.status, answer.text().as_str()), (200, "marked\n"));
    let cookies: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .collect();
    assert_eq!(cookies.len(), 2);
    origin.answer_next_with(Reply::new(302).header("location", "https://things.example/next"));
    let moved = house.ask("GET", "/hello", "", "");
    assert_eq!(
        (moved.status, moved.header("location")),
        (302, Some("https://things.example/next"))
    );
}

#[test]
fn events_are_not_kept_until_the_answer_is_whole() {
    let origin = Origin::of_things();
    let house = things(&origin);
    let gate = Gate::shut();
    let reply = Reply::new(200).header("content-type", "text/event-stream");
    origin.answer_next_with(reply.bytes("data: 1\n\n").gate(&gate).bytes("data: 2\n\n"));
    let mut wire = Wire::at(house.port);
    wire.send(format!(
        "GET /events HTTP/1.1\r\nHost: localhost:{}\r\n\r\n",
        house.port
    ));
    let mut read = Vec::new();
    for expected in ["data: 1\n\n", "data: 2\n\n"] {
        while !String::from_utf8_lossy(&read).contains(expected) {
            let mut piece = [0; 1024];
            let length = wire.read(&mut piece).expect("an event");
            assert_ne!(length, 0);
            read.extend_from_slice(&piece[..length]);
        }
        gate.open();
    }
}

/// It is the same call, so it is the same approval.
#[test]
fn what_was_approved_for_a_call_by_proxy_is_spent_by_the_same_call_in_reverse() {
    let origin = Origin::stripe();
    let house = house("api.stripe.com", &origin, "", |sidecar| sidecar.hold("1s"));
    let call = "refund ch_1 amount=90000";
    let pending = Session::stripe(&house.sidecar).call(call);
    house.sidecar.approve(&pending.approval());
    Session::at("stripe_client.py", "STRIPE_API_BASE", &house.url())
        .call(call)
        .assert_ok();
    Session::stripe(&house.sidecar)
        .call(call)
        .assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn who_calls_is_asked_as_by_proxy() {
    let origin = Origin::of_things();
    let house = house("things.example", &origin, "", |sidecar| {
        sidecar.only_policy(EVERYTHING).agent("support-bot", "support")
    });
    let unknown = house.ask("GET", "/hello", "", "");
    assert_refused(&unknown, 401, "agent_unknown");
    assert!(unknown.text().contains("Proxy-Authorization"), "{unknown:?}");
    assert!(unknown.header("proxy-authenticate").is_none() && unknown.header("www-authenticate").is_some());
    let wrong = house.ask("GET", "/hello", &authorization("support-bot", "rp_wrong"), "");
    assert_refused(&wrong, 401, "agent_unknown");
    origin.assert_untouched();
    let known = house.ask("GET", "/hello", &authorization("support-bot", &key("support-bot")), "");
    assert_eq!(known.status, 200, "{known:?}");
    assert_eq!(origin.seen()[0].header("proxy-authorization"), None);
    assert_eq!(house.sidecar.trail().of_kind("refused").len(), 2);
    assert_eq!(house.sidecar.trail().of_kind("decided")[0]["agent"], "support-bot");
}

fn authorization(name: &str, key: &str) -> String {
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{key}"));
    format!("Proxy-Authorization: Basic {basic}\r\n")
}

#[test]
fn an_entry_may_name_its_agent_as_long_as_there_is_one() {
    let origin = Origin::of_things();
    let with_agent = |sidecar: Configuration| sidecar.only_policy(EVERYTHING).agent("ops-bot", "sre");
    let named = house("things.example", &origin, ", agent: ops-bot", with_agent);
    assert_eq!(named.ask("GET", "/hello", "", "").status, 200);
    assert_eq!(named.sidecar.trail().of_kind("decided")[0]["agent"], "ops-bot");
    let gone = house("things.example", &origin, ", agent: gone-bot", with_agent);
    assert_refused(&gone.ask("GET", "/hello", "", ""), 401, "gone-bot");
    assert_eq!(origin.seen().len(), 1);
}
