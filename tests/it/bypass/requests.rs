//! O1–O18: other spellings of a blocked call.

use super::{CHARGE, Case};

const REFUND: &str = "charge=ch_1&amount=1";

/// Cases that are refused whatever else: name, request line, further fields, content.
macro_rules! refused {
    ($($test:ident: $name:literal, $line:literal, $fields:expr, $content:expr;)*) => {$(
        #[test]
        fn $test() {
            let case = Case::new($name);
            case.refuses(case.request($line, &$fields, $content));
        }
    )*};
}

refused! {
    o1_dot_segments: "O1", "POST /v1/charges/../refunds", [], REFUND;
    o1_single_dot: "O1b", "POST /v1/./refunds", [], REFUND;
    o2_encoded_dots: "O2", "POST /v1/charges/%2e%2e/refunds", [], REFUND;
    o3_encoded_slash: "O3", "POST /v1%2frefunds", [], REFUND;
    o4_double_slash: "O4", "POST /v1//refunds", [], REFUND;
    o5_trailing_slash: "O5", "POST /v1/refunds/", [], REFUND;
    o6_encoded_letter: "O6", "POST /v1/re%66unds", [], REFUND;
    o7_upper_case_path: "O7", "POST /V1/refunds", [], REFUND;
    o7_upper_case_word: "O7b", "POST /v1/Refunds", [], REFUND;
    o8_path_parameter: "O8", "POST /v1/refunds;a=b", [], REFUND;
    o9_backslash: "O9", "POST /v1/charges\\..\\refunds", [], REFUND;
    o10_nul: "O10", "POST /v1/refunds%00.json", [], REFUND;
    o11_suffix: "O11", "POST /v1/refunds.json", [], REFUND;
    o13_other_version: "O13", "POST /v2/refunds", [], REFUND;
    o13_no_version: "O13b", "POST /refunds", [], REFUND;
    o15_method_in_form: "O15", "POST /v1/charges", [], "_method=DELETE&amount=1&currency=usd";
    o17_trace: "O17", "TRACE /v1/balance", [], "";
    o17_unknown_method: "O17b", "FOO /v1/refunds", [], REFUND;
    o17_lower_case_method: "O17c", "post /v1/refunds", [], REFUND;
}

/// Either the fragment is gone and what is left is judged, or the request is refused.
#[test]
fn o12_fragment_in_the_target() {
    let case = Case::new("O12");
    let answer = case
        .tunnel()
        .send(case.request("POST /v1/charges#/../refunds", &[], CHARGE))
        .answer();
    match answer.filter(|answer| answer.status == 200) {
        Some(_) => assert_eq!(case.seen()[0].target, "/v1/charges"),
        None => case.assert_nothing_seen(),
    }
    let case = Case::new("O12b");
    case.refuses(case.request("POST /v1/refunds#/../charges", &[], CHARGE));
}

/// A field that makes another request of this one: gone, or the request refused.
#[track_caller]
fn does_not_carry(name: &'static str, fields: &[&str]) {
    let case = Case::new(name);
    let answer = case.tunnel().send(case.request("GET /v1/balance", fields, "")).answer();
    if answer.is_none_or(|answer| answer.status != 200) {
        return case.assert_nothing_seen();
    }
    let seen = &case.seen()[0];
    for field in fields {
        let field = field.split(':').next().unwrap().to_lowercase();
        assert_eq!(seen.header(&field), None, "{name}: {field}");
    }
}

#[test]
fn o14_method_override() {
    does_not_carry("O14", &["X-HTTP-Method-Override: POST"]);
    does_not_carry("O14b", &["X-HTTP-Method: DELETE"]);
    does_not_carry("O14c", &["X-Method-Override: POST"]);
}

#[test]
fn o18_rewrite_fields() {
    does_not_carry("O18", &["X-Original-URL: /v1/refunds"]);
    does_not_carry("O18b", &["X-Rewrite-URL: /v1/refunds"]);
}

/// Stripe's mapping says that GET and HEAD are safe: a HEAD is judged as the read it is, and stays a HEAD.
#[test]
fn o16_head() {
    let case = Case::new("O16");
    let answer = case
        .tunnel()
        .send(case.request("HEAD /v1/balance", &[], ""))
        .answer_to_head();
    assert!(answer.is_some());
    let seen: Vec<_> = case.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(seen, ["HEAD"]);
    let case = Case::new("O16b");
    let head = case.request("HEAD /v1/refunds?amount=1", &["X-HTTP-Method-Override: POST"], "");
    let refused = case.tunnel().send(head).answer_to_head();
    assert_eq!(refused.map(|answer| answer.status), Some(400));
    case.assert_nothing_seen();
}

#[test]
fn o29_get_with_content() {
    let case = Case::new("O29");
    let hidden = "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Length: 0\r\n\r\n";
    let answer = case
        .tunnel()
        .send(case.request("GET /v1/balance", &[], hidden))
        .answer();
    match answer.filter(|answer| answer.status == 200) {
        Some(_) => assert_eq!(case.seen()[0].text(), hidden, "content stays content"),
        None => case.assert_nothing_seen(),
    }
    case.assert_no_refund();
}
