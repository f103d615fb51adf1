//! What happened to a call on record.

use super::*;

#[test]
fn what_happened_is_told_from_the_record_with_the_sidecar_running_or_not() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_ok();
    let refused = Curl::call(&sidecar, &["https://api.stripe.com/v1//x"]);
    let id = sidecar.trail().of_kind("decided")[0]["call"]
        .as_str()
        .unwrap()
        .to_owned();
    let entries = |sidecar: &Sidecar| sidecar.trail().entries().len();
    let check = |text: &str| {
        assert_eq!(line(text, "agent"), "support-bot");
        assert_eq!(line(text, "action"), "process_refund");
        assert_eq!(line(text, "target"), "charge ch_1");
        assert_eq!(line(text, "decision"), "ALLOW");
        assert!(line(text, "outcome").starts_with("success, HTTP 200"), "{text}");
        assert!(text.contains("amount = 90000"), "{text}");
        for word in [
            "decided",
            "held",
            "approved",
            "person owner",
            "consumed",
            "outcome",
            "refund-over-500",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    let before = entries(&sidecar);
    check(&sidecar.told(&["explain", &id]));
    let other = refused.headers["runplane-request-id"].clone();
    let text = sidecar.told(&["explain", &other]);
    assert!(
        line(&text, "decision").starts_with("none") && text.contains("malformed"),
        "{text}"
    );
    assert_eq!(entries(&sidecar), before);
    sidecar.terminate();
    sidecar.ended();
    check(&sidecar.told(&["explain", &id]));
    let nobody = sidecar.cli(&["explain", &format!("call_{}", "0".repeat(26))]);
    assert!(
        !nobody.status.success() && said(&nobody).contains("on record"),
        "{}",
        said(&nobody)
    );
}
