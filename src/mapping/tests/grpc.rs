//! gRPC: operations by path, messages unread.

use super::*;

/// The sample of the documentation.
fn books() -> &'static str {
    let text = include_str!("../../../docs/grpc.md");
    text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap()
}

fn ask(path: &str, kind: &str, body: Body) -> Call {
    let mut call = call(
        "POST",
        &format!("https://books.example{path}"),
        &[("content-type", kind)],
        None,
    );
    call.body = body;
    call
}

const STREAM: Body = Body::Streaming { length: None };

fn read(call: &Call) -> Action {
    let mappings = load(&[("books.yaml", books())]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let route = mappings.route(call).unwrap();
    assert!(!route.needs_body(), "a stream may have no end");
    mappings.resolve(call, route).unwrap()
}

#[test]
fn operations_are_told_by_service_and_method() {
    for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC;x=y"] {
        let action = read(&ask("/library.v1.Books/GetBook", kind, STREAM));
        assert_eq!((&*action.operation, &*action.name), ("books.get", "read_record"));
        assert_eq!(
            (action.missing.len(), action.inspected, action.answer.error),
            (0, false, ErrorShape::Grpc)
        );
    }
}

#[test]
fn what_the_message_tells_is_missing() {
    for body in [STREAM, Body::Captured(b"\0\0\0\0\x02\x08\0".as_slice().into())] {
        let action = read(&ask("/library.v1.Fines/Refund", "application/grpc", body));
        assert_eq!(&*action.name, "process_refund");
        assert!(action.is_missing("amount") && action.int("amount").is_none());
    }
}

#[test]
fn a_method_that_is_not_named_is_a_change() {
    let action = read(&ask("/library.v1.Books/BurnBook", "application/grpc", STREAM));
    assert_eq!((&*action.name, action.unmapped), ("call_api", true));
    let stranger = call(
        "POST",
        "https://strange.example/a.B/C",
        &[("content-type", "application/grpc")],
        None,
    );
    let action = read(&stranger);
    assert_eq!((action.unmapped, action.answer.error), (true, ErrorShape::Grpc));
}

#[test]
fn what_is_not_grpc_is_no_operation_of_grpc() {
    let mappings = load(&[("books.yaml", books())]).unwrap_or_else(|problems| panic!("{problems:?}"));
    for kind in ["application/json", "application/grpcx", "application/x-protobuf"] {
        let json = ask(
            "/library.v1.Books/GetBook",
            kind,
            Body::Captured(b"{}".as_slice().into()),
        );
        let route = mappings.route(&json).unwrap();
        let action = mappings.resolve(&json, route).unwrap();
        assert_eq!((&*action.name, action.unmapped), ("call_api", true), "{kind}");
    }
}

/// The messages of one provider are not a way to have the form of another pass unread.
#[test]
fn a_form_under_grpcs_name_is_refused() {
    let mut refund = call(
        "POST",
        "https://api.stripe.com/v1/refunds",
        &[("content-type", "application/grpc")],
        None,
    );
    for body in [STREAM, Body::Captured(b"charge=ch_1&amount=1".as_slice().into())] {
        refund.body = body;
        let refusal = shipped().route(&refund).err().expect("the content is needed");
        assert_eq!(refusal.reason, Reason::NotInspectable);
    }
}

#[test]
fn a_mapping_of_grpc_reads_no_content() {
    for (from, to, says) in [
        (
            "{ not_told: true }",
            "{ from: $.body.amount }",
            "the content is not read",
        ),
        (
            "target: { kind: fine }",
            "target: { kind: fine, id: $.body.id }",
            "the content is not read",
        ),
        ("grpc: true", "grpc: true\nanswer: { error: grpc }", "is not said"),
    ] {
        let text = books().replace(from, to);
        assert_ne!(text, books(), "{from}");
        let problems = load(&[("books.yaml", &text)]).err().expect(to);
        assert!(
            problems.iter().any(|problem| problem.to_string().contains(says)),
            "{problems:?}"
        );
    }
}

#[test]
fn each_byte_of_the_messages_counts_and_a_deadline_does_not() {
    let mappings = load(&[("books.yaml", books())]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let identity = |path: &str, body: &'static [u8], lines: &[(&'static str, &str)]| {
        let mut call = ask(path, "application/grpc", Body::Captured(body.into()));
        for (name, value) in lines {
            call.headers.insert(*name, value.parse().unwrap());
        }
        let route = mappings.route(&call).unwrap();
        let action = mappings.resolve(&call, route).unwrap();
        mappings.identify(&call, &action).unwrap().content
    };
    for path in ["/library.v1.Books/DeleteBook", "/library.v1.Books/BurnBook"] {
        let one = identity(path, b"\0\0\0\0\x01a", &[("grpc-timeout", "59S")]);
        assert_eq!(
            identity(
                path,
                b"\0\0\0\0\x01a",
                &[("grpc-timeout", "10S"), ("grpc-accept-encoding", "gzip")]
            ),
            one
        );
        assert_ne!(identity(path, b"\0\0\0\0\x01b", &[]), one);
        assert_ne!(identity(path, b"\0\0\0\0\x01a", &[("grpc-encoding", "gzip")]), one);
    }
}
