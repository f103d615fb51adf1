//! The way from observing to enforcing, walked as `docs/observe-to-enforce.md` says it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::pages::{blocks, typed};
use crate::harness::{Origin, Session, Sidecar, eventually, root};

/// The line at the end of a rule, before its `;`.
fn narrow(rules: &str, id: &str, line: &str) -> String {
    let start = rules.find(&format!("@id(\"{id}\")")).unwrap();
    let end = start + rules[start..].find(";\n").unwrap();
    format!("{}\n{}{}", &rules[..end], line.trim_end(), &rules[end..])
}

#[test]
fn the_page_that_leads_to_enforcing_does_what_it_says() {
    let mut blocks = blocks("docs/observe-to-enforce.md").into_iter();
    let mut next = |expected: &str| {
        let (kind, _, text) = blocks.next().unwrap();
        assert_eq!(kind, expected, "{text}");
        text
    };
    let (stripe, mails) = (Origin::stripe(), Origin::sendgrid());
    let observed = next("yaml");
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &stripe)
        .resolve("api.sendgrid.com", &mails)
        .section(&observed)
        .policy(&next("cedar"))
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    client.call("charge 100").assert_ok();
    client.call("refund ch_1 amount=90000").assert_ok();
    let mut mail = Session::sendgrid(&sidecar);
    mail.call("send 60").assert_ok();
    let tried = typed(&sidecar, sidecar.home(), &next("sh"));
    assert!(tried.contains("no-bulk-mail") && tried.lines().count() == 1, "{tried}");

    typed(&sidecar, sidecar.home(), &next("sh"));
    let draft = fs::read_to_string(sidecar.home().join("policies.new/support-bot.cedar")).unwrap();
    assert!(
        draft.contains("Action::\"read_balance\"") && draft.contains("Action::\"send_email\""),
        "{draft}"
    );
    for money in ["process_refund", "create_charge"] {
        assert!(!draft.contains(&format!("Action::\"{money}\"")), "{draft}");
    }
    let unless = next("cedar");
    let baseline = sidecar.home().join("policies.new/baseline.cedar");
    let rules = fs::read_to_string(&baseline).unwrap();
    let rules = ["changes", "reads", "reads-without-mapping"]
        .iter()
        .fold(rules, |rules, id| narrow(&rules, id, &unless));
    fs::write(&baseline, rules).unwrap();

    let replayed = typed(&sidecar, sidecar.home(), &next("sh"));
    // What is in the draft stays as it was; money is never in it.
    for told in [
        "2 as recorded, 2 otherwise",
        "newly blocked  2",
        "$901.00",
        "default  2 calls",
    ] {
        assert!(replayed.contains(told), "{told}: {replayed}");
    }
    assert_eq!(
        sidecar.printed().matches("RELOADED").count(),
        0,
        "nothing is in force yet"
    );

    typed(&sidecar, sidecar.home(), &next("sh"));
    eventually("it is in force", || sidecar.printed().contains("RELOADED"));
    client.call("charge 100").assert_ok();
    let others = next("yaml");
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let file = sidecar.home().join("runplane.yaml");
    let yaml = fs::read_to_string(&file).unwrap();
    assert!(yaml.contains(&observed), "{yaml}");
    fs::write(&file, yaml.replace(&observed, &others)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    sidecar.restart();
    let sent = stripe.seen().len();
    client.call("balance").assert_ok();
    client.call("charge 100").assert_refused("policy_blocked");
    client.call("refund ch_1 amount=100").assert_refused("policy_blocked");
    assert_eq!(stripe.seen().len(), sent + 1);
    let decided = sidecar.trail().of_kind("decided");
    assert_eq!(decided.last().unwrap()["rules"], "default");
    mail.call("send 60").assert_ok();
    assert!(blocks.next().is_none(), "a block that nobody walked");
    assert!(root().join("docs/pause.md").exists());
}

/// What the page says of packs: their permits count beside the baseline's.
#[test]
fn a_packs_permit_is_narrowed_like_those_of_the_baseline() {
    let unless = blocks("docs/observe-to-enforce.md").remove(4).2;
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin);
    let shipped = |file: &str| fs::read_to_string(root().join("policies").join(file)).unwrap();
    let baseline = ["changes", "reads"]
        .iter()
        .fold(shipped("baseline.cedar"), |rules, id| narrow(&rules, id, &unless));
    configuration
        .home
        .write("policies/payments.cedar", shipped("packs/payments.cedar"));
    let sidecar = configuration.only_policy(&baseline).start();
    let mut client = Session::stripe(&sidecar);
    client.call("charge 100").assert_ok();
    let narrowed = narrow(&shipped("packs/payments.cedar"), "payments-recorded", &unless);
    sidecar.puts("policies/payments.cedar", narrowed);
    client.call("charge 100").assert_refused("policy_blocked");
    assert_eq!(origin.calls("POST", "/v1/charges").len(), 1);
}
