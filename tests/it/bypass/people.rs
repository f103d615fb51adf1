//! O104–O108: what people see of a call, and what their consent is worth.

use std::thread;

use serde_json::json;

use crate::harness::{HttpAnswer, Origin, Sidecar, Tunnel, approval_id};

const HOST: &str = "api.stripe.com";

fn stripe(hold: &str) -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve(HOST, &origin).resolve("things.example", &origin);
    (origin, sidecar.hold(hold).start())
}

fn post(sidecar: &Sidecar, path: &str, content: &str) -> HttpAnswer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    );
    Tunnel::to("api.stripe.com:443").open(sidecar).ask(request)
}

/// Nothing that could move a cursor, turn a line round or begin one.
#[track_caller]
fn assert_inert(text: &str) {
    let odd = |c: char| {
        (c.is_control() && c != '\n')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!text.contains(odd), "{text:?}");
}

#[test]
fn o104_a_line_end_in_a_value_begins_no_line() {
    let (origin, sidecar) = stripe("1s");
    for content in [
        "charge=ch_1%0d%0aHELD+apr_forged+nobody:+all+is+well&amount=90000",
        "charge=ch_1%0aBLOCKED+nobody&amount=90000",
        "charge=ch_1%e2%80%a8HELD+apr_forged&amount=90000",
        "charge=ch_1&amount=5%0d%0aHELD+apr_forged",
    ] {
        let refused = post(&sidecar, "/v1/refunds", content);
        assert!(matches!(refused.status, 400 | 403), "{refused:?}");
        for (_, value) in &refused.headers {
            assert!(!value.contains("forged") && !value.contains("nobody"), "{refused:?}");
        }
    }
    let (printed, listed) = (sidecar.printed(), sidecar.told(&["approvals", "list"]));
    for line in printed.lines().chain(listed.lines()) {
        let line = line.trim_start();
        assert!(
            !line.starts_with("HELD apr_forged") && !line.starts_with("BLOCKED nobody"),
            "{line}"
        );
        assert_inert(line);
        assert!(!line.contains('\u{2028}'), "{line:?}");
    }
    origin.assert_untouched();
}

/// As it is handed to pages; the page itself comes later.
#[test]
fn o105_a_script_in_a_value_is_text() {
    let (origin, sidecar) = stripe("1s");
    let script = "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E";
    let content = format!("charge={script}&amount=90000&metadata[a]={script}");
    let held = post(&sidecar, "/v1/refunds", &content);
    assert!(held.text().contains("approval_pending"), "{held:?}");
    let id = sidecar.next_held();
    for path in [
        "/api/v1/approvals?state=pending".to_owned(),
        format!("/api/v1/approvals/{id}"),
    ] {
        let shown = sidecar.api("GET", &path, &sidecar.owner_key(), None);
        assert_eq!(
            (shown.status, shown.header("content-type")),
            (200, Some("application/json"))
        );
        assert_eq!(shown.header("x-content-type-options"), Some("nosniff"), "{path}");
        shown.json();
    }
    origin.assert_untouched();
}

#[test]
fn o106_what_would_move_a_cursor_is_refused_or_shown_as_text() {
    let (origin, sidecar) = stripe("1s");
    for path in ["/v1/%1b[2J", "/v1/charges/%e2%80%ae", "/v1/refunds%0d%0aX:y"] {
        let refused = post(&sidecar, path, "amount=1");
        assert_eq!(refused.status, 400, "{path}: {refused:?}");
    }
    for path in ["/v1/\u{1b}[2J", "/v1/\u{202e}"] {
        let answer = Tunnel::to("api.stripe.com:443")
            .open(&sidecar)
            .send(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
            .answer();
        assert!(answer.is_none_or(|answer| answer.status == 400), "{path:?}");
    }
    // Nobody knows this host's paths: blocked, and shown.
    for path in [
        "/%1b[2J%1b]0;x%07",
        "/%e2%80%aegpj.exe",
        "/a%0aHELD%20apr_forged",
        "/%9b2J",
        "/%c2%9b2J",
    ] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: things.example\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(Tunnel::to("things.example:443").open(&sidecar).ask(request).status, 403);
    }
    let held = post(&sidecar, "/v1/refunds", "charge=%1b[2J%e2%80%aehc&amount=90000");
    assert!(held.text().contains("approval_pending"), "{held:?}");
    assert!(sidecar.prints(&["BLOCKED", "things.example"]), "{}", sidecar.printed());
    sidecar.next_held();
    let (listed, shown) = (sidecar.told(&["approvals", "list"]), sidecar.told(&["audit", "show"]));
    for line in [sidecar.printed(), listed, shown]
        .iter()
        .flat_map(|text| text.lines().collect::<Vec<_>>())
    {
        assert_inert(line);
        assert!(!line.starts_with("HELD apr_forged"), "{line}");
    }
    origin.assert_untouched();
}

#[test]
fn o107_an_approval_is_used_once() {
    let (origin, sidecar) = stripe("1s");
    let content = "charge=ch_1&amount=90000";
    let pending = post(&sidecar, "/v1/refunds", content);
    let id = approval_id(&pending.text()).unwrap();
    let approve = || {
        let path = format!("/api/v1/approvals/{id}/approve");
        sidecar
            .api("POST", &path, &sidecar.owner_key(), Some(&json!({})))
            .status
    };
    assert_eq!(approve(), 200);
    // Twenty at once: one of them is the one that was approved.
    let answers: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| post(&sidecar, "/v1/refunds", content)))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let executed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(
        (executed, origin.calls("POST", "/v1/refunds").len()),
        (1, 1),
        "{answers:#?}"
    );
    assert_eq!(approve(), 409, "what is spent is not given again");
    assert!(
        post(&sidecar, "/v1/refunds", content)
            .text()
            .contains("already_executed")
    );
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

/// Each differs in one point from what was approved.
#[test]
fn o108_another_call_than_the_one_approved() {
    let (origin, sidecar) = stripe("1s");
    let pending = post(&sidecar, "/v1/refunds", "charge=ch_1&amount=90000");
    sidecar.approve(&approval_id(&pending.text()).unwrap());
    for (path, content) in [
        ("/v1/refunds", "charge=ch_1&amount=90001"),
        ("/v1/refunds", "charge=ch_2&amount=90000"),
        ("/v1/refunds", "charge=ch_1&amount=90000&metadata[a]=1"),
        ("/v1/refunds", "amount=90000&charge=ch_1"),
        ("/v1/refunds?expand[]=charge", "charge=ch_1&amount=90000"),
        ("/v1/charges", "customer=ch_1&amount=90000&currency=usd"),
    ] {
        let other = post(&sidecar, path, content);
        assert_eq!(other.status, 403, "{path} {content}: {other:?}");
    }
    origin.assert_untouched();
    // The content that is approved is all there when people are asked: what comes later belongs to no approval.
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n18\r\ncharge=ch_1&amount=90000\r\n"
    ));
    let answer = wire.ask("1\r\n0\r\n0\r\n\r\n");
    assert_eq!(answer.status, 403, "ten times as much: {answer:?}");
    origin.assert_untouched();
    assert_eq!(post(&sidecar, "/v1/refunds", "charge=ch_1&amount=90000").status, 200);
}
