//! gRPC: grpcio through the sidecar to a grpcio server, both over TLS. Messages are never read.

use serde_json::json;

use crate::clients::raised::{nobody, raises};
use crate::clients::{Calls, refused_once};
use crate::harness::{Configuration, GrpcServer, Http2, Matrix, Origin, Session, Sidecar, Tunnel, eventually};

const MAPPING: &str = "
provider: books
title: Books
hosts: [books.example]
dispatch: path
grpc: true
operations:
  get: { call: POST /test.Books/Get, action: read_record, target: { kind: book } }
  fail: { call: POST /test.Books/Fail, action: read_record, target: { kind: book } }
  list: { call: POST /test.Books/List, action: read_record, target: { kind: book } }
  put: { call: POST /test.Books/Put, action: modify_record, target: { kind: book } }
  chat: { call: POST /test.Books/Chat, action: modify_record, target: { kind: book } }
  remove: { call: POST /test.Books/Remove, action: delete_record, target: { kind: book } }
  negotiate: { call: POST /test.Books/Negotiate, action: delete_record, target: { kind: book } }
  purge: { call: POST /test.Books/Purge, action: delete_records, target: { kind: book } }
  refund:
    call: POST /test.Books/Refund
    action: process_refund
    target: { kind: order }
    # The message tells it, which is not read.
    fields: { amount: { not_told: true } }
";

fn before(server: &GrpcServer) -> Configuration {
    at(&server.address().to_string())
}

fn at(address: &str) -> Configuration {
    let sidecar = Sidecar::new()
        .resolve_to("books.example", address)
        .resolve_to("strange.example", address);
    let sidecar = sidecar.destination(address);
    sidecar.home.write("mappings/books.yaml", MAPPING);
    sidecar
}

fn outcomes(sidecar: &Sidecar) -> Vec<String> {
    let outcomes = sidecar.trail().of_kind("outcome");
    let outcome = |entry: &serde_json::Value| entry["outcome"].as_str().unwrap().to_owned();
    outcomes.iter().map(outcome).collect()
}

#[test]
fn each_kind_of_call_goes_through() {
    let server = GrpcServer::start("books.example");
    let sidecar = before(&server).start();
    let mut client = Session::grpcio(&sidecar, "books.example");
    let got = client.call("unary /test.Books/Get one");
    assert_eq!(
        (&got.assert_ok().value, got.headers["x-shelf"].as_str()),
        (&json!("got one"), "7")
    );
    let listed = client.call("server_stream /test.Books/List 3");
    assert_eq!(listed.assert_ok().value, json!(["item 0", "item 1", "item 2"]));
    let put = client.call("client_stream /test.Books/Put a b c");
    assert_eq!(put.assert_ok().value, json!("a+b+c"));
    // Each message waits for the answer to the one before: nothing may be kept back on the way.
    let chat = client.call("both /test.Books/Chat a b c d e f");
    assert_eq!(
        chat.assert_ok().value,
        json!(["re: a", "re: b", "re: c", "re: d", "re: e", "re: f"])
    );
    eventually("each has its outcome", || outcomes(&sidecar).len() == 4);
    assert_eq!(outcomes(&sidecar), ["success"; 4]);
    let metadata = &server.seen()[0]["metadata"];
    assert_eq!(metadata["x-odd"], "one,  two");
    assert!(metadata["user-agent"].as_str().unwrap().starts_with("grpc-python"));
}

#[test]
fn the_outcome_is_what_the_trailers_say() {
    let server = GrpcServer::start("books.example");
    let sidecar = before(&server).start();
    let failed = Session::grpcio(&sidecar, "books.example").call("unary /test.Books/Fail one");
    assert_eq!(failed.error().code.as_deref(), Some("NOT_FOUND"));
    assert_eq!(failed.error().message, "no such book", "the provider's own words");
    eventually("it is in the trail", || outcomes(&sidecar) == ["failure"]);
}

#[test]
fn grpcio() {
    let (matrix, server) = (Matrix::of("grpcio"), GrpcServer::start("books.example"));
    let sidecar = before(&server).start();
    let mut client = Session::grpcio(&sidecar, "books.example");
    client.call("unary /test.Books/Get one").assert_ok();
    let seen = server.seen();
    matrix.calls_itself(seen[0]["metadata"]["user-agent"].as_str());
    matrix.found("allow", "message for message");

    let (blocked, _) = refused_once(&matrix, &sidecar, "BLOCK", || {
        client.call("unary /test.Books/Purge all")
    });
    blocked
        .assert_refused("policy_blocked")
        .assert_refused("PERMISSION_DENIED");
    assert_eq!(blocked.headers["runplane-decision"], "BLOCK");
    matrix.found("block", "_InactiveRpcError PERMISSION_DENIED");

    client.send("unary /test.Books/Remove one");
    let id = sidecar.next_held();
    assert_eq!(server.calls("/test.Books/Remove"), 0);
    sidecar.approve(&id);
    assert_eq!(client.receive().assert_ok().value, json!("got one"));
    assert_eq!(server.calls("/test.Books/Remove"), 1);
    matrix.found("hold", "the answer");

    let sidecar = before(&server).hold("1s").start();
    let mut client = Session::grpcio(&sidecar, "books.example");
    let remove = "unary /test.Books/Remove two";
    let (pending, _) = refused_once(&matrix, &sidecar, "REQUIRE_APPROVAL", || client.call(remove));
    pending
        .assert_refused("approval_pending")
        .assert_refused("PERMISSION_DENIED");
    assert_eq!(pending.headers["runplane-approval-id"], pending.approval());
    let other = client.call("unary /test.Books/Remove three");
    assert_ne!(other.approval(), pending.approval(), "another message is another call");
    sidecar.approve(&pending.approval());
    assert_eq!(
        client.call("unary /test.Books/Remove two").assert_ok().value,
        json!("got two")
    );
    // The server prints what it saw beside its answer.
    eventually("it came twice in all", || server.calls("/test.Books/Remove") == 2);
    matrix.found("re-attach", "_InactiveRpcError PERMISSION_DENIED, then the answer");
    let (third, _) = refused_once(&matrix, &sidecar, "REQUIRE_APPROVAL", || client.call(remove));
    third.assert_refused("already_executed");
    assert_eq!(server.calls("/test.Books/Remove"), 2);
    matrix.found("repeat", "_InactiveRpcError PERMISSION_DENIED");
    eventually("the approved call has its outcome", || {
        outcomes(&sidecar).contains(&"success".to_owned())
    });
    raises("grpcio", &CALLS, &|_| at(&nobody()).policy(""), |sidecar| {
        Session::grpcio(sidecar, "books.example")
    });
}

const CALLS: Calls = Calls {
    allow: "unary /test.Books/Get one",
    block: ("unary /test.Books/Purge all", "policy_blocked"),
    hold: "unary /test.Books/Remove one",
    executed: |_| 0,
};

#[test]
fn what_a_message_would_tell_is_missing_and_never_zero() {
    let server = GrpcServer::start("books.example");
    let sidecar = before(&server).hold("1s").start();
    let mut client = Session::grpcio(&sidecar, "books.example");
    let held = client.call("unary /test.Books/Refund 1");
    held.assert_refused("approval_pending");
    assert!(sidecar.prints(&["HELD", "the whole"]), "{}", sidecar.printed());
    assert_eq!(server.calls("/test.Books/Refund"), 0);
}

#[test]
fn what_no_mapping_names_is_a_change() {
    let server = GrpcServer::start("strange.example");
    let sidecar = before(&server).hold("1s").start();
    // A stream that has no end is refused at once, not read to its end first.
    let mut client = Session::grpcio(&sidecar, "strange.example");
    for call in ["unary /test.Books/Get one", "both /test.Books/Chat a b"] {
        client
            .call(call)
            .assert_refused("policy_blocked")
            .assert_refused("PERMISSION_DENIED");
    }
    let mut client = Session::grpcio(&sidecar, "books.example");
    client
        .call("unary /test.Books/Shred one")
        .assert_refused("approval_pending");
    assert_eq!(server.seen(), Vec::<serde_json::Value>::new());
}

/// What people approve is exactly what is sent: a stream that goes on when it is answered has no such thing.
#[test]
fn a_stream_that_would_have_to_wait_for_people_is_refused() {
    let server = GrpcServer::start("books.example");
    let sidecar = before(&server).start();
    let mut client = Session::grpcio(&sidecar, "books.example");
    let refused = client.call("both /test.Books/Negotiate a b");
    refused
        .assert_refused("not_inspectable")
        .assert_refused("PERMISSION_DENIED");
    assert!(server.seen().is_empty());
}

#[test]
fn a_provider_that_is_not_there_is_unavailable() {
    let server = GrpcServer::start("books.example");
    let sidecar = before(&server).start();
    drop(server);
    let refused = Session::grpcio(&sidecar, "books.example").call("unary /test.Books/Get one");
    refused
        .assert_refused("upstream_unreachable")
        .assert_refused("UNAVAILABLE")
        .assert_refused("NOT executed");
}

/// A provider that speaks HTTP/1.1 alone is not sent what only HTTP/2 can carry.
#[test]
fn a_provider_of_http_1_1_gets_no_grpc() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("books.example", &origin);
    sidecar.home.write("mappings/books.yaml", MAPPING);
    let sidecar = sidecar.start();
    let refused = Session::grpcio(&sidecar, "books.example").call("unary /test.Books/Get one");
    refused
        .assert_refused("UNAVAILABLE")
        .assert_refused("does not speak HTTP/2")
        .assert_refused("NOT executed");
    assert!(origin.seen().is_empty());
    eventually("it is in the trail", || outcomes(&sidecar) == ["not_sent"]);
}

#[test]
fn what_calls_itself_grpc_and_is_not_is_refused() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .resolve("books.example", &origin);
    sidecar.home.write("mappings/books.yaml", MAPPING);
    let sidecar = sidecar.start();
    let mut wire = Tunnel::to("books.example:443").open(&sidecar);
    for (kind, status) in [("application/grpc", 400), ("application/grpc-web+proto", 415)] {
        let request = format!(
            "POST /test.Books/Get HTTP/1.1\r\nHost: books.example\r\nContent-Type: {kind}\r\nContent-Length: 1\r\n\r\na"
        );
        assert_eq!(wire.ask(request).status, status, "{kind}");
    }
    let head = |host, method, path, kind| {
        [
            (":method", method),
            (":scheme", "https"),
            (":authority", host),
            (":path", path),
            ("content-type", kind),
        ]
    };
    let ask = |fields: &[(&str, &str)], content| {
        let host = fields[2].1;
        Http2::to(&sidecar, host).post(1, fields, content).answer(1)
    };
    let books = |method, kind| head("books.example", method, "/test.Books/Get", kind);
    assert_eq!(ask(&books("POST", "application/grpc-web"), "a"), Some(415));
    // JSON to an operation of gRPC is none that anybody knows: a change, which is held or refused.
    assert_ne!(ask(&books("POST", "application/json"), "{}"), Some(200));
    assert_eq!(
        ask(&books("GET", "application/grpc"), "a"),
        Some(200),
        "told by gRPC's own status"
    );
    // A form under gRPC's name: its content would not be read, and is needed.
    let refund = head("api.stripe.com", "POST", "/v1/refunds", "application/grpc");
    assert_eq!(
        ask(&refund, "charge=ch_1&amount=1"),
        Some(200),
        "told by gRPC's own status"
    );
    let two = [&refund[..], &[("content-type", "application/x-www-form-urlencoded")]].concat();
    ask(&two, "charge=ch_1&amount=1");
    origin.assert_untouched();
}
