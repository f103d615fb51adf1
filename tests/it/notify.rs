//! People are told of approvals: by webhooks and by mail, from what is on disk.

mod mail;

use std::net::TcpListener;

use serde_json::Value;

use crate::harness::{Configuration, Flaw, Origin, Receiver, Session, Sidecar, eventually, free_port, key, said};

const REFUND: &str = "refund ch_1 amount=90000";
const SECRET: &str = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
const NEXT_SECRET: &str = "whsec_ZmVkY2JhWllYV1ZVVFNSUVBPTk1MS0pJSEdGRURDQkE=";

/// A sidecar to be, in front of Stripe.
fn stripe() -> (Origin, Configuration) {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s");
    (origin, configuration)
}

/// With one webhook, at this port and path of a receiver, which may have the address it has.
fn hooked(configuration: Configuration, port: u16, path: &str) -> Configuration {
    configuration.home.write("hook.secret", format!("{SECRET}\n"));
    configuration
        .resolve_to("hooks.test", &format!("127.0.0.1:{port}"))
        .section(&format!(
            "notifications:\n  webhooks:\n    - {{ name: ops, url: \"https://hooks.test:{port}{path}\", secret_file: \
             hook.secret }}\n  destinations: [ hooks.test ]"
        ))
}

/// With mail by this server for the group that refunds ask, and one for nobody's group.
pub fn mailed(configuration: Configuration, port: u16, tls: &str, more: &str) -> Configuration {
    configuration.home.write("mail.password", "pa ss\n");
    configuration
        .resolve_to("mail.test", &format!("127.0.0.1:{port}"))
        .section(&format!(
            "notifications:\n  email:\n    server: \"mail.test:{port}\"\n    tls: {tls}\n    user: runplane\n    \
             password_file: mail.password\n    from: Runplane <runplane@example.com>\n    groups:\n      \
             approver: [ alice@example.com ]\n      legal: [ carol@example.com ]\n{more}"
        ))
}

fn notifications(sidecar: &Sidecar) -> Value {
    let path = "/api/v1/notifications?all=true";
    let answer = sidecar.api("GET", path, &sidecar.owner_key(), None);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// What went wrong last, once something has.
fn error(sidecar: &Sidecar) -> String {
    let last = || {
        notifications(sidecar)["receivers"][0]["last_error"]
            .as_str()
            .map(str::to_owned)
    };
    eventually("an attempt failed", || last().is_some());
    last().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn each_step_reaches_a_webhook_whose_library_verifies_it() {
    let receiver = Receiver::of_webhooks(SECRET);
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration.hold("30s"), receiver.port, "/runplane").start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let asked = receiver.gets(1).remove(0);
    assert_eq!(asked["verified"], true, "{asked:#}");
    assert!(asked["length"].as_u64().unwrap() < 20_000, "{asked:#}");
    let body = &asked["body"];
    assert_eq!(body["type"], "approval.requested");
    let data = &body["data"];
    assert!(
        text(&data["summary"]).starts_with("Refund $900.00 of ch_1 in Stripe"),
        "{data:#}"
    );
    assert_eq!(
        (&data["agent"], &data["state"]),
        (&"support-bot".into(), &"pending".into())
    );
    assert_eq!(
        (&data["action"], &data["fields"]["amount"]),
        (&"process_refund".into(), &90_000.into())
    );
    assert_eq!(data["rules"][0]["id"], "refund-over-500");
    assert!(data["risk"]["score"].is_i64() && data["risk"]["factors"].as_array().is_some_and(|all| !all.is_empty()));
    let id = sidecar.next_held();
    assert!(
        text(&data["approve"]).starts_with(&format!("runplane approvals approve {id}")),
        "{data:#}"
    );
    assert!(
        !asked.to_string().contains("sk_test"),
        "no credential of the agent's: {asked:#}"
    );

    sidecar.approve(&id);
    client.receive().assert_ok();
    let got = receiver.gets(3);
    let kinds: Vec<&str> = got.iter().map(|one| text(&one["body"]["type"])).collect();
    assert_eq!(kinds, ["approval.requested", "approval.approved", "approval.consumed"]);
    assert!(got.iter().all(|one| one["verified"] == true), "{got:#?}");
    let ids: std::collections::BTreeSet<&str> = got.iter().map(|one| text(&one["headers"]["webhook-id"])).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(got[2]["body"]["data"]["votes"][0]["person"], "owner");
    eventually("all is written down as delivered", || {
        notifications(&sidecar)["receivers"][0]["delivered"] == 3
    });
    let metrics = sidecar.api("GET", "/metrics", &sidecar.owner_key(), None);
    let metrics = metrics.text();
    assert!(
        metrics.contains("runplane_notifications_total{result=\"delivered\"} 3"),
        "{metrics}"
    );
    assert!(!sidecar.printed().contains(&SECRET[6..]) && !notifications(&sidecar).to_string().contains(&SECRET[6..]));
}

#[test]
fn while_secrets_change_who_has_either_verifies() {
    let (before, after) = (Receiver::of_webhooks(SECRET), Receiver::of_webhooks(NEXT_SECRET));
    let (_origin, configuration) = stripe();
    configuration.home.write("both", format!("{NEXT_SECRET}\n{SECRET}\n"));
    let hook = |name: &str, port: u16| {
        format!(
            "    - {{ name: {name}, url: \"https://hooks.test:{port}/\", secret_file: both, events: [ requested ] }}\n"
        )
    };
    let sidecar = configuration
        .resolve_to(
            &format!("hooks.test:{}", before.port),
            &format!("127.0.0.1:{}", before.port),
        )
        .resolve_to(
            &format!("hooks.test:{}", after.port),
            &format!("127.0.0.1:{}", after.port),
        )
        .section(&format!(
            "notifications:\n  webhooks:\n{}{}  destinations: [ 127.0.0.0/8 ]",
            hook("a", before.port),
            hook("b", after.port)
        ))
        .start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    for receiver in [before, after] {
        assert_eq!(receiver.gets(1)[0]["verified"], true, "{}", receiver.printed());
    }
}

/// The attempt is under way when the plug is pulled: the approval is on disk, its delivery is not known.
#[test]
fn what_was_not_told_when_the_plug_was_pulled_is_told_after_the_next_start() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, port, "/").start();
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    let (under_way, _) = silent.accept().unwrap();
    sidecar.kill9();
    drop((under_way, silent));
    let receiver = Receiver::of_webhooks_at(port, SECRET);
    sidecar.restart();
    let got = receiver.gets(1);
    assert_eq!(got[0]["verified"], true);
    assert!(text(&got[0]["body"]["data"]["approval"]).starts_with(&id), "{got:#?}");
    // What is known to be told is not told again.
    eventually("it is written down as delivered", || {
        notifications(&sidecar)["receivers"][0]["delivered"] == 1
    });
    sidecar.restart_hard();
    sidecar.deny(&id, "no");
    let got = receiver.gets(2);
    assert_eq!(got[1]["body"]["type"], "approval.denied");
    assert_eq!(got[1]["body"]["data"]["denial"]["reason"], "no");
}

#[test]
fn a_receiver_that_was_down_hears_of_it_when_it_is_up() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, port, "/").start();
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    assert!(
        error(&sidecar).contains("did not accept a connection"),
        "{}",
        error(&sidecar)
    );
    let receiver = Receiver::of_webhooks_at(port, SECRET);
    let got = receiver.gets(1);
    assert!(text(&got[0]["body"]["data"]["approval"]).starts_with(&id));
    eventually("it is written down as delivered", || {
        notifications(&sidecar)["items"][0]["state"] == "delivered"
    });
    assert!(notifications(&sidecar)["items"][0]["attempts"].as_u64().unwrap() >= 2);
}

#[test]
fn an_error_of_the_receivers_is_tried_again_by_the_same_id() {
    let receiver = Receiver::of_webhooks(SECRET);
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, receiver.port, "/first/500").start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let got = receiver.gets(2);
    assert_eq!(got[0]["headers"]["webhook-id"], got[1]["headers"]["webhook-id"]);
    assert!(got.iter().all(|one| one["verified"] == true), "{got:#?}");
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_more_until_an_owner_says_so() {
    let receiver = Receiver::of_webhooks(SECRET);
    let (_origin, configuration) = stripe();
    let configuration = configuration.person("alice", "approver");
    let sidecar = hooked(configuration, receiver.port, "/410").start();
    let mut client = Session::stripe(&sidecar);
    client.call(REFUND).assert_refused("approval_pending");
    receiver.gets(1);
    eventually("it is disabled", || {
        notifications(&sidecar)["receivers"][0]["disabled"].is_string()
    });
    sidecar.restart_hard();
    let list = sidecar.told(&["notifications", "list"]);
    assert!(list.contains("disabled") && list.contains("410 Gone"), "{list}");
    let mut client = Session::stripe(&sidecar);
    client
        .call("refund ch_2 amount=90000")
        .assert_refused("approval_pending");
    assert_eq!(notifications(&sidecar)["receivers"][0]["pending"], 0);
    let entries = sidecar.trail().of_kind("notification");
    assert_eq!((entries.len(), &entries[0]["result"]), (1, &"disabled".into()));

    let enable = ["notifications", "enable", "webhook:ops"];
    let refused = sidecar.cli_as(Some(&key("alice")), &enable);
    assert!(
        !refused.status.success() && said(&refused).contains("`owner`"),
        "{}",
        said(&refused)
    );
    let unknown = sidecar.cli(&["notifications", "enable", "webhook:other"]);
    assert!(
        said(&unknown).contains("no receiver is called `webhook:other`"),
        "{}",
        said(&unknown)
    );
    receiver.gets(1);
    sidecar.told(&enable);
    assert!(!sidecar.cli(&enable).status.success(), "it is enabled already");
    client
        .call("refund ch_3 amount=90000")
        .assert_refused("approval_pending");
    receiver.gets(2);
}

#[test]
fn a_redirect_is_not_followed() {
    let (receiver, elsewhere) = (Receiver::of_webhooks(SECRET), Receiver::of_webhooks(SECRET));
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, receiver.port, &format!("/to/{}", elsewhere.port))
        .resolve_to(
            &format!("hooks.test:{}", elsewhere.port),
            &format!("127.0.0.1:{}", elsewhere.port),
        )
        .start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    assert!(error(&sidecar).contains("307 Temporary Redirect, which is not followed"));
    assert!(elsewhere.got().is_empty());
}

/// What agents may reach is not what messages may reach, and the other way round.
#[test]
fn addresses_of_this_machine_and_of_networks_are_refused_unless_they_are_named_for_it() {
    let receiver = Receiver::of_webhooks(SECRET);
    let urls = [
        format!("https://hooks.test:{}/", receiver.port),
        format!("https://127.0.0.1:{}/", receiver.port),
        format!("https://[::1]:{}/", receiver.port),
        "https://10.1.2.3/".to_owned(),
        "https://169.254.169.254/latest".to_owned(),
        "https://[fe80::1]/".to_owned(),
    ];
    let (_origin, configuration) = stripe();
    configuration.home.write("hook.secret", SECRET);
    let hooks = urls.iter().enumerate();
    let hooks = hooks.map(|(at, url)| format!("    - {{ name: h{at}, url: \"{url}\", secret_file: hook.secret }}\n"));
    let sidecar = configuration
        .resolve_to("hooks.test", &format!("127.0.0.1:{}", receiver.port))
        .destination("hooks.test")
        .destination("127.0.0.0/8")
        .section(&format!("notifications:\n  webhooks:\n{}", hooks.collect::<String>()))
        .start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let errors = || -> Vec<String> {
        let found = notifications(&sidecar);
        let receivers = found["receivers"].as_array().unwrap();
        let errors = receivers.iter().filter_map(|receiver| receiver["last_error"].as_str());
        errors.map(str::to_owned).collect()
    };
    eventually("each was tried", || errors().len() == urls.len());
    for error in errors() {
        assert!(
            error.contains("does not name it under `notifications.destinations`"),
            "{error}"
        );
    }
    assert!(receiver.printed().trim() == "ready", "{}", receiver.printed());
}

#[test]
fn our_own_listeners_are_told_nothing_whatever_is_named() {
    let (_origin, configuration) = stripe();
    configuration.home.write("hook.secret", SECRET);
    let url = format!("http://127.0.0.1:{}/api/v1/pause", configuration.control_port);
    let sidecar = configuration
        .section(&format!(
            "notifications:\n  webhooks: [ {{ name: me, url: \"{url}\", secret_file: hook.secret }} ]\n  destinations: [ 127.0.0.0/8 ]"
        ))
        .start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    assert!(error(&sidecar).contains("Runplane itself"), "{}", error(&sidecar));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told_nothing() {
    let stranger = Origin::with_flaw(Flaw::UnknownIssuer);
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, stranger.address().port(), "/").start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    assert!(error(&sidecar).contains("TLS certificate"), "{}", error(&sidecar));
    assert!(stranger.seen().is_empty());
}

#[test]
fn a_receiver_that_stands_still_delays_no_call() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let (origin, configuration) = stripe();
    let sidecar = hooked(configuration.hold("30s"), port, "/").start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let (_under_way, _) = silent.accept().unwrap();
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let found = notifications(&sidecar);
    assert_eq!(found["items"].as_array().unwrap().len(), 3, "{found:#}");
    let untold = |item: &Value| item["state"] == "pending";
    assert!(found["items"].as_array().unwrap().iter().all(untold), "{found:#}");
}

#[test]
fn what_is_wrong_in_the_configuration_is_said_with_its_place() {
    let (_origin, configuration) = stripe();
    let configuration = configuration.section("notifications:\n  webhook: []");
    let text = said(&configuration.refuses());
    assert!(
        text.contains("unknown field `webhook`") && text.contains("runplane.yaml:"),
        "{text}"
    );
    let (_origin, configuration) = stripe();
    let configuration = hooked(configuration, 1, "/");
    let secret = configuration.home.join("hook.secret");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&secret, mode).unwrap();
    let text = said(&configuration.refuses());
    assert!(text.contains("chmod 600") && text.contains("runplane.yaml:"), "{text}");
    assert!(!text.contains(&SECRET[6..]), "{text}");
}
