//! O68–O83, O86–O88: content that two readers would read in two ways. A shop takes charges as JSON and as a form: up to
//! $10 they pass, above they are blocked.

use crate::harness::{HttpAnswer, Origin, Shared, Sidecar, Tunnel};

const MAPPING: &str = r#"
provider: shop
title: Shop
hosts: [api.shop.example]
dispatch: path
content:
  application/json: json
  application/x-www-form-urlencoded: form
operations:
  charges.create:
    call: POST /v1/charges
    action: create_charge
    target: { kind: customer }
    fields:
      amount: { from: $.params.amount }
      currency: { from: $.params.currency, as: currency }
  charges.list:
    call: GET /v1/charges
    action: read_record
    target: { kind: charge, id: $.query.limit }
"#;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

struct World {
    origin: Origin,
    sidecar: Sidecar,
}

static WORLD: Shared<World> = Shared::new();

/// The answer to a request, and whether it reached the origin.
fn asked(line: &str, fields: &[&str], content: &[u8]) -> (HttpAnswer, bool) {
    let world = WORLD.get(|| {
        let origin = Origin::of_things();
        let sidecar = Sidecar::new()
            .resolve("api.shop.example", &origin)
            .policy(super::RULES)
            .section("limits: { body: 64KiB }")
            .approvals("max_pending_per_agent: 1000")
            .hold("1s");
        sidecar.home.write("mappings/shop.yaml", MAPPING);
        World {
            origin,
            sidecar: sidecar.start(),
        }
    });
    // Told apart by its digest.
    let case = crate::harness::sha256([line.as_bytes(), fields.concat().as_bytes(), content].concat());
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let length = match content {
        b"" => String::new(),
        _ => format!("Content-Length: {}\r\n", content.len()),
    };
    let head = format!("{line} HTTP/1.1\r\nHost: api.shop.example\r\nX-Case: {case}\r\n{fields}{length}\r\n");
    let answer = Tunnel::to("api.shop.example:443")
        .open(&world.sidecar)
        .ask([head.as_bytes(), content].concat());
    let reached = world
        .origin
        .seen()
        .iter()
        .any(|seen| seen.header("x-case") == Some(&*case));
    (answer, reached)
}

fn charge(kind: &str, content: impl AsRef<[u8]>) -> (HttpAnswer, bool) {
    asked(
        "POST /v1/charges",
        &[&format!("Content-Type: {kind}")],
        content.as_ref(),
    )
}

#[track_caller]
fn passes(kind: &str, content: &str) {
    let (answer, reached) = charge(kind, content);
    assert_eq!((answer.status, reached), (200, true), "{content}: {answer:?}");
}

/// Answered with this status and code, and never sent.
#[track_caller]
fn refuses(asked: (HttpAnswer, bool), status: u16, code: &str) {
    let (answer, reached) = asked;
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text().contains(code), "{code}: {answer:?}");
    assert!(!reached, "{answer:?}");
}

/// What is not said in one way is nobody's to guess: people are asked, or it is refused.
#[track_caller]
fn is_not_told(kind: &str, content: &str) {
    let (answer, reached) = charge(kind, content);
    let held = answer.status == 403 && answer.text().contains("approval_pending");
    assert!(held || answer.status == 400, "{content}: {answer:?}");
    assert!(!reached, "{content}");
}

/// The cases would prove nothing if these did not pass, or were not judged.
#[test]
fn small_charges_pass_and_large_ones_do_not_in_either_type() {
    passes(JSON, r#"{"amount":1000,"currency":"usd","source":"x"}"#);
    passes(FORM, "amount=1000&currency=usd&source=x");
    refuses(
        charge(JSON, r#"{"amount":1001,"currency":"usd"}"#),
        403,
        "policy_blocked",
    );
    refuses(charge(FORM, "amount=1001&currency=usd"), 403, "policy_blocked");
}

#[test]
fn o68_a_member_twice() {
    for content in [
        r#"{"amount":5,"amount":9999,"currency":"usd"}"#,
        r#"{"amount":9999,"amount":5,"currency":"usd"}"#,
        r#"{"amount":5,"\u0061mount":9999,"currency":"usd"}"#,
        r#"{"amount":5,"currency":"usd","x":{"a":1,"a":2}}"#,
    ] {
        refuses(charge(JSON, content), 400, "malformed");
    }
}

#[test]
fn o69_a_member_in_upper_case() {
    for content in [
        r#"{"Amount":9999,"currency":"usd"}"#,
        r#"{"amount":5,"AMOUNT":9999,"currency":"usd"}"#,
    ] {
        refuses(charge(JSON, content), 400, "malformed");
    }
}

#[test]
fn o70_o71_o72_numbers_that_are_no_plain_numbers() {
    for amount in [
        "\"9999\"",
        "1e6",
        "1E3",
        "1000.5",
        "5.0",
        "18446744073709551617",
        "9223372036854775808",
        "-0",
        "true",
        "[5]",
        "{\"value\":5}",
        "\"5\"",
    ] {
        is_not_told(JSON, &format!(r#"{{"amount":{amount},"currency":"usd"}}"#));
    }
    // Numbers that are none at all, for readers that take them all the same.
    for amount in ["0x5", "+5", "05", "NaN", "5,", "'5'", ".5"] {
        refuses(
            charge(JSON, format!(r#"{{"amount":{amount},"currency":"usd"}}"#)),
            400,
            "malformed",
        );
    }
    for amount in ["1e6", "1000.5", "0x5", "+5", "%205", "5%20", "18446744073709551617", ""] {
        is_not_told(FORM, &format!("amount={amount}&currency=usd"));
    }
}

#[test]
fn o73_an_amount_that_is_missing_is_not_zero() {
    for content in [
        "{}",
        r#"{"amount":null,"currency":"usd"}"#,
        r#"{"currency":"usd"}"#,
        r#"{"x":{"amount":5}}"#,
    ] {
        let (answer, reached) = charge(JSON, content);
        assert!(answer.text().contains("approval_pending"), "{content}: {answer:?}");
        assert!(!reached);
    }
}

#[test]
fn o74_a_decoy_inside() {
    for content in [
        r#"{"x":{"amount":5},"amount":9999,"currency":"usd"}"#,
        r#"{"x":"\"amount\":5,","amount":9999,"currency":"usd"}"#,
        r#"{"charge":{"amount":5},"currency":"usd","amount":9999}"#,
    ] {
        refuses(charge(JSON, content), 403, "policy_blocked");
    }
}

#[test]
fn o75_a_list_instead_of_an_object() {
    for content in [
        r#"[{"amount":5,"currency":"usd"}]"#,
        r#"[{"amount":5},{"amount":9999}]"#,
        "[]",
        "5",
        "\"amount=5\"",
        "null",
    ] {
        is_not_told(JSON, content);
    }
}

#[test]
fn o76_something_after_the_end() {
    for content in [
        r#"{"amount":5,"currency":"usd"}{"amount":9999,"currency":"usd"}"#,
        "{\"amount\":5,\"currency\":\"usd\"}\n{\"amount\":9999,\"currency\":\"usd\"}\n",
        r#"{"amount":5,"currency":"usd"}]"#,
        "{\"amount\":5,\"currency\":\"usd\"}\0",
        r#"{"amount":5,"currency":"usd"}//"#,
        r#"{"amount":5,/*"currency":"eur",*/"currency":"usd"}"#,
        "\u{feff}{\"amount\":5,\"currency\":\"usd\"}",
    ] {
        refuses(charge(JSON, content), 400, "malformed");
    }
}

#[test]
fn o77_o78_o79_a_parameter_in_several_spellings() {
    for content in [
        "amount=5&amount=9999&currency=usd",
        "amount=5&amount[]=9999&currency=usd",
        "amount=5&amount%5B%5D=9999&currency=usd",
        "amount=5;amount=9999&currency=usd",
        "amount=5&%61mount=9999&currency=usd",
    ] {
        refuses(charge(FORM, content), 400, "malformed");
    }
    for content in [
        "amount[]=9999&currency=usd",
        "amount[0]=5&currency=usd",
        "amount[value]=5&currency=usd",
        "charge[amount]=5&currency=usd",
    ] {
        is_not_told(FORM, content);
    }
    refuses(
        charge(FORM, "charge[amount]=5&amount=9999&currency=usd"),
        403,
        "policy_blocked",
    );
}

#[test]
fn o80_o81_another_type_than_declared_or_none() {
    refuses(charge(JSON, "amount=5&currency=usd"), 400, "malformed");
    is_not_told(FORM, r#"{"amount":5,"currency":"usd"}"#);
    for kind in [
        "text/plain",
        "application/xml",
        "text/json",
        "application/json-seq",
        "*/*",
        "json",
    ] {
        refuses(charge(kind, r#"{"amount":5,"currency":"usd"}"#), 415, "not_inspectable");
    }
    refuses(
        asked("POST /v1/charges", &[], b"amount=5&currency=usd"),
        415,
        "not_inspectable",
    );
    let two = [
        "Content-Type: application/json",
        "Content-Type: application/x-www-form-urlencoded",
    ];
    let (answer, reached) = asked("POST /v1/charges", &two, br#"{"amount":5,"currency":"usd"}"#);
    assert!(matches!(answer.status, 400 | 415) && !reached, "{answer:?}");
}

#[test]
fn o82_a_type_in_upper_case_with_parameters() {
    for kind in ["Application/JSON; charset=UTF-8", "APPLICATION/JSON;charset=\"utf-8\""] {
        passes(kind, r#"{"amount":7,"currency":"usd"}"#);
        refuses(
            charge(kind, r#"{"amount":9999,"currency":"usd"}"#),
            403,
            "policy_blocked",
        );
    }
    refuses(
        charge(
            "Application/X-WWW-Form-Urlencoded; charset=utf-8",
            "amount=9999&currency=usd",
        ),
        403,
        "policy_blocked",
    );
}

#[test]
fn o83_another_charset() {
    let utf16: Vec<u8> = "\u{feff}{\"amount\":5,\"currency\":\"usd\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for kind in [
        "application/json",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
    ] {
        let (answer, reached) = charge(kind, &utf16);
        assert!(matches!(answer.status, 400 | 415) && !reached, "{kind}: {answer:?}");
    }
    refuses(
        charge("application/json; charset=utf-16", r#"{"amount":5,"currency":"usd"}"#),
        415,
        "not_inspectable",
    );
    refuses(
        charge(JSON, b"{\"amount\":5,\"currency\":\"usd\",\"x\":\"\xff\"}"),
        400,
        "malformed",
    );
}

#[test]
fn o86_what_is_beyond_the_limit_is_not_read_in_part() {
    let padding = "x".repeat(128 << 10);
    for (kind, content) in [
        (
            JSON,
            format!(r#"{{"amount":5,"currency":"usd","x":"{padding}","y":{{"amount":9999}}}}"#),
        ),
        (FORM, format!("amount=5&currency=usd&x={padding}&amount=9999")),
        (FORM, format!("x={padding}&amount=5&currency=usd")),
    ] {
        refuses(charge(kind, content), 413, "too_large");
    }
}

#[test]
fn o87_o88_a_parameter_in_query_and_content_or_twice_in_the_query() {
    for line in ["POST /v1/charges?amount=9999", "POST /v1/charges?amount=5"] {
        for (kind, content) in [
            (FORM, "amount=5&currency=usd"),
            (JSON, r#"{"amount":5,"currency":"usd"}"#),
        ] {
            refuses(
                asked(line, &[&format!("Content-Type: {kind}")], content.as_bytes()),
                400,
                "malformed",
            );
        }
    }
    refuses(
        asked(
            "POST /v1/charges?amount=5&amount=9999&currency=usd",
            &["Content-Type: application/x-www-form-urlencoded"],
            b"",
        ),
        400,
        "malformed",
    );
    for query in ["limit=1&limit=9", "limit=1;limit=9", "limit=1&%6cimit=9"] {
        refuses(asked(&format!("GET /v1/charges?{query}"), &[], b""), 400, "malformed");
    }
    let (answer, reached) = asked("GET /v1/charges?limit=1", &[], b"");
    assert_eq!((answer.status, reached), (200, true), "{answer:?}");
}
