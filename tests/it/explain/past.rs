//! What happened to a call on record.

use super::*;

#[track_caller]
pub(super) fn steps_are_timed(text: &str, steps: &[&str]) {
    let told = line(text, "time  ");
    for step in steps {
        assert!(told.contains(step) && told.contains(" µs"), "{step}: {told}");
    }
}

#[test]
fn a_refused_call_is_told_with_the_rules_of_today_their_places_and_the_smallest_change() {
    let origin = Origin::stripe();
    let rule = "@id(\"no-charges\") @reason(\"Not from here\")\nforbid (principal, action == Action::\"create_charge\", resource);\n";
    let sidecar = Sidecar::new()
        .policy(rule)
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .start();
    let post = |path: &str, form: &str| {
        let url = format!("https://api.stripe.com/v1/{path}");
        let answer = Curl::call(&sidecar, &[&url, "-d", form]);
        answer.headers["runplane-request-id"].clone()
    };
    let blocked = post("charges", "amount=700&currency=usd");
    let told = sidecar.told(&["explain", &blocked]);
    let (then, now) = told.split_once("If it came again now:").unwrap();
    assert!(line(then, "  rule").contains("policies/house.cedar:1:"), "{told}");
    assert!(line(now, "mapping").starts_with("mappings/stripe.yaml:"), "{told}");
    assert!(line(now, "decision").starts_with("BLOCK (policy_blocked)"), "{told}");
    for said in [
        "forbid  no-charges",
        "permit  changes",
        "except it from the rule `no-charges`",
        "unless { principal == Agent::\"support-bot\" }",
        "Then it would be allowed.",
    ] {
        assert!(now.contains(said), "{said}: {told}");
    }
    let held = post("refunds", "charge=ch_1&amount=90000");
    let told = sidecar.told(&["explain", &held]);
    let (_, now) = told.split_once("If it came again now:").unwrap();
    assert!(line(now, "  held by").contains("baseline.cedar:"), "{told}");
    assert!(
        now.contains("(decided)") && now.contains("runplane approvals approve"),
        "{told}"
    );
    steps_are_timed(now, &["weigh ", "budgets ", "decide "]);
    // By other rules of today, those of then have no place any more.
    sidecar.put("policies/house.cedar", "");
    let told = sidecar.told(&["explain", &blocked]);
    let (then, now) = told.split_once("If it came again now:").unwrap();
    assert_eq!(line(then, "  rule"), "no-charges", "{told}");
    assert_eq!(line(now, "decision"), "ALLOW", "{told}");
}

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

#[test]
fn what_cannot_be_told_of_today_takes_nothing_from_the_record() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let call = Curl::call(
        &sidecar,
        &["https://api.stripe.com/v1/refunds", "-d", "charge=ch_1&amount=700"],
    );
    let unmapped = Curl::call(&sidecar, &["https://api.stripe.com/v1/nothing_of_stripes"]);
    let unmapped = unmapped.headers["runplane-request-id"].clone();
    let told = sidecar.told(&["explain", &unmapped]);
    let (_, now) = told.split_once("If it came again now:").unwrap();
    let maps = |line: &str| line.starts_with("mapping ");
    assert!(!now.lines().any(maps), "no mapping has it: {told}");
    assert!(!now.contains("understood"), "{told}");
    let id = call.headers["runplane-request-id"].clone();
    sidecar.terminate();
    sidecar.ended();
    // Whether another mapping names it nobody can tell: its content is not kept.
    let mapping = fs::read_to_string(crate::harness::root().join("mappings/stripe.yaml")).unwrap();
    sidecar.put("mappings/stripe.yaml", mapping + "# more\n");
    let told = sidecar.told(&["explain", &unmapped]);
    let (_, now) = told.split_once("If it came again now:").unwrap();
    assert!(
        line(now, "understood").starts_with("as the mappings of then read it"),
        "{told}"
    );
    let database = rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    database.execute("DROP TABLE habits", []).unwrap();
    let told = sidecar.told(&["explain", &id]);
    let (then, now) = told.split_once("If it came again now:").unwrap();
    assert_eq!(line(then, "decision"), "ALLOW", "{told}");
    assert!(
        line(now, "decision").starts_with("cannot be told: what is usual of agents cannot be read"),
        "{told}"
    );
}
