//! Each answer that a person may give, and each page that is not there every day.

use serde_json::{Value, json};

use super::{Browser, SCHEMES, WIDTHS, stripe, text};
use crate::harness::{Session, Sidecar};

/// As a phone shows it to somebody who lets no script run.
const PHONE: (bool, u16, &str) = (false, 390, "dark");

fn whole(sidecar: &Sidecar, id: &str) -> String {
    let waiting = sidecar.approvals("pending");
    let mut ids = waiting.iter().map(|approval| approval["id"].as_str().unwrap());
    ids.find(|whole| whole.starts_with(id)).unwrap().to_owned()
}

#[test]
fn no_a_better_value_and_what_is_missing_are_said_on_a_phone_without_javascript() {
    let (origin, configuration) = stripe();
    let sidecar = configuration.start();
    let refunds = || origin.calls("POST", "/v1/refunds").len();
    let mut client = Session::stripe(&sidecar);
    let mut browser = Browser::new();

    client.send("refund ch_1 amount=90000");
    browser.enter(&sidecar, PHONE, Some(&sidecar.next_held()));
    browser.does("fill Deny > Reason=the parcel was found");
    browser.does("press Deny");
    client
        .receive()
        .assert_refused("approval_denied")
        .assert_refused("the parcel was found");
    browser.does("sees the parcel was found");

    client.send("refund ch_2 amount=90000");
    browser.enter(&sidecar, PHONE, Some(&sidecar.next_held()));
    browser.does("press Deny, and say what would be right");
    browser.does("fill Deny with correction > amount=600.00");
    browser.does("fill Deny with correction > Reason=the shipping was not ours");
    browser.does("press Deny with correction");
    client
        .receive()
        .assert_refused("approval_denied")
        .assert_refused("amount = 60000");
    assert_eq!(refunds(), 0);
    client.call("refund ch_2 amount=60000").assert_ok();
    assert_eq!(refunds(), 1);

    client.send("refund ch_3");
    let id = sidecar.next_held();
    browser.enter(&sidecar, PHONE, Some(&id));
    browser.does("fill Approve > amount, which the call does not say=a few");
    let wrong = browser.does("press Approve");
    assert!(text(&wrong).contains("a few"), "{wrong}");
    assert_eq!((refunds(), sidecar.approvals("pending").len()), (1, 1));
    browser.does("fill Approve > amount, which the call does not say=40.00");
    browser.does("press Approve");
    client.receive().assert_ok();
    assert_eq!(refunds(), 2);
    let approved = sidecar.trail().of_kind("approved").last().unwrap().to_string();
    assert!(approved.contains("stated"), "{approved}");
}

#[test]
fn such_calls_are_granted_on_a_phone_without_javascript_and_the_one_shown_still_waits() {
    let (origin, configuration) = stripe();
    let sidecar = configuration.start();
    let (mut one, mut other) = (Session::stripe(&sidecar), Session::stripe(&sidecar));
    one.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    let mut browser = Browser::new();
    browser.enter(&sidecar, PHONE, Some(&id));
    browser.does("press Say yes to such calls for a while");
    browser.does("fill Grant > amount: at most=800.00");
    browser.does("fill Grant > Minutes=10");
    browser.does("fill Grant > Calls=1");
    browser.does("fill Grant > Reason=returns of the broken batch");
    let shown = browser.does("press Grant");
    assert!(text(&shown).contains("amount up to $800.00, 1 of 1 times"), "{shown}");
    other.call("refund ch_1 amount=80000").assert_ok();
    assert_eq!(sidecar.approvals("pending").len(), 1);
    // The use of it is gone.
    other.send("refund ch_1 amount=70000");
    sidecar.deny(&sidecar.next_held(), "no");
    other.receive().assert_refused("approval_denied");
    sidecar.deny(&id, "no");
    one.receive().assert_refused("approval_denied");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn what_is_folded_decided_missing_wrong_or_nowhere_is_sound_too() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let mut clients: Vec<Session> = (0..3).map(|_| Session::stripe(&sidecar)).collect();
    clients[0].send("refund ch_1 amount=90000");
    let folded = whole(&sidecar, &sidecar.next_held());
    clients[1].send("refund ch_2");
    let missing = whole(&sidecar, &sidecar.next_held());
    clients[2].send("refund ch_3 amount=95000");
    let decided = whole(&sidecar, &sidecar.next_held());
    sidecar.told(&[
        "approvals",
        "deny",
        &decided,
        "--reason",
        "half of it",
        "--correct",
        "amount=47500",
    ]);
    clients[2].receive().assert_refused("approval_denied");
    let base = format!("http://127.0.0.1:{}", sidecar.control_port());
    let mut browser = Browser::new();
    for (width, scheme) in WIDTHS.iter().flat_map(|width| SCHEMES.map(|scheme| (*width, scheme))) {
        let is_sound = |browser: &mut Browser, what: &str| browser.is_sound(&format!("{what}-{width}-{scheme}"));
        browser.open(true, width, scheme, &super::link(&sidecar, None));
        is_sound(&mut browser, "sign in by link");
        browser.does("press Sign in as owner");
        browser.does("sees Sign out");

        browser.does(&format!("go {base}/approvals/{folded}"));
        browser.does("press Deny, and say what would be right");
        browser.does("press Say yes to such calls for a while");
        browser.does("sees Deny with correction");
        browser.does("sees Minutes");
        is_sound(&mut browser, "folded forms");

        browser.does(&format!("go {base}/approvals/{missing}"));
        browser.does("sees which the call does not say");
        is_sound(&mut browser, "a missing value");
        browser.does("fill Approve > amount, which the call does not say=a few");
        browser.does("press Approve");
        browser.does("sees a few");
        complains_once(&mut browser, "a form shown again", "422");

        browser.does(&format!("go {base}/approvals/{decided}"));
        browser.does("sees half of it");
        is_sound(&mut browser, "decided");

        browser.0.call(&format!("go {base}/approvals/apr_00000000")).assert_ok();
        complains_once(&mut browser, "nowhere", "404");

        browser.does(&format!("follow {base}/approvals/{folded}?go"));
        browser.does("sees You followed a link");
        is_sound(&mut browser, "landing");
    }
}

/// Sound but for what the browser says of every answer that is an error.
#[track_caller]
fn complains_once(browser: &mut Browser, what: &str, status: &str) {
    let judged = browser.does("judge");
    let complaints: Vec<&Value> = judged["complaints"].as_array().unwrap().iter().collect();
    assert!(
        matches!(complaints[..], [one] if one.as_str().unwrap().contains(status)),
        "{what}: {complaints:?}"
    );
    for nothing in ["violations", "small"] {
        assert_eq!(judged[nothing], json!([]), "{what}: {judged:#}");
    }
    assert_eq!(judged["wider"], json!(0), "{what}: wider than the screen");
    browser.does("forget");
}
