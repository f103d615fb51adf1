//! The kill switch: from the moment it is answered nothing of the agent is sent, whatever happens to us, until a person says so.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::harness::{Configuration, Curl, Gate, Origin, Reply, Session, Sidecar, Tunnel, Wire, eventually, key, said};
use crate::streams::{FEED, feed, opened, outcome};

const GET: &str = "GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n";
const REFUND: &str = "refund ch_1 amount=90000";

fn two_agents(origin: &Origin) -> Configuration {
    Sidecar::new()
        .resolve("things.example", origin)
        .agent("support-bot", "support")
        .agent("ops-bot", "sre")
}

fn tunnel(sidecar: &Sidecar, agent: &str) -> Wire {
    let field = format!("Proxy-Authorization: Bearer {}", key(agent));
    Tunnel::to("things.example:443").field(&field).open(sidecar)
}

#[test]
fn a_paused_agent_gets_nothing_out_and_others_do() {
    let origin = Origin::of_things();
    let sidecar = two_agents(&origin).start();
    let (mut paused, mut other) = (tunnel(&sidecar, "support-bot"), tunnel(&sidecar, "ops-bot"));
    assert_eq!(paused.ask(GET).status, 200);
    let told = sidecar.told(&[
        "pause",
        "--agent",
        "support-bot",
        "--reason",
        "sends what nobody asked for",
    ]);
    assert!(
        told.contains("runplane resume") && told.contains("--agent support-bot"),
        "{told}"
    );
    let before = origin.seen().len();
    // Reads too, on the connection that is open and on a new one, whose CONNECT is answered as ever.
    for wire in [&mut paused, &mut tunnel(&sidecar, "support-bot")] {
        let refused = wire.ask(GET);
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (403, &json!("paused")),
            "{refused:?}"
        );
        assert_eq!(refused.json()["executed"], "no");
        assert_eq!(refused.header("retry-after"), None);
        assert!(
            !refused.text().contains("nobody asked"),
            "why is for people: {refused:?}"
        );
    }
    assert_eq!(origin.seen().len(), before);
    assert_eq!(other.ask(GET).status, 200);

    let list = sidecar.told(&["pause", "--list"]);
    assert!(
        list.contains("support-bot") && list.contains("sends what nobody asked for"),
        "{list}"
    );
    sidecar.told(&["resume", "--agent", "support-bot"]);
    assert_eq!(paused.ask(GET).status, 200);
    assert!(sidecar.prints(&["PAUSED support-bot by owner"]) && sidecar.prints(&["RESUMED support-bot by owner"]));
    let trail = sidecar.trail();
    let switched = trail.of_kind("pause");
    let said: Vec<_> = switched
        .iter()
        .map(|entry| (&entry["agent"], &entry["event"], &entry["by"]))
        .collect();
    let by = |event| (json!("support-bot"), json!(event), json!("owner"));
    let (paused, resumed) = (by("paused"), by("resumed"));
    assert_eq!(
        said,
        [(&paused.0, &paused.1, &paused.2), (&resumed.0, &resumed.1, &resumed.2)]
    );
    let refused = trail.of_kind("refused");
    assert_eq!(refused.len(), 2);
    assert!(
        refused
            .iter()
            .all(|entry| entry["reason"] == "paused" && entry["agent"] == "support-bot")
    );
}

#[test]
fn a_pause_outlives_kill_9_and_says_so_at_start() {
    let origin = Origin::of_things();
    let sidecar = two_agents(&origin).start();
    sidecar.told(&["pause", "--agent", "support-bot"]);
    sidecar.kill9();
    sidecar.restart();
    assert!(
        sidecar.printed().contains("PAUSED    support-bot by owner"),
        "{}",
        sidecar.printed()
    );
    assert_eq!(tunnel(&sidecar, "support-bot").ask(GET).status, 403);
    assert_eq!(tunnel(&sidecar, "ops-bot").ask(GET).status, 200);
    sidecar.told(&["pause", "--all"]);
    sidecar.restart_hard();
    assert_eq!(tunnel(&sidecar, "ops-bot").ask(GET).status, 403);
    let left = sidecar.told(&["resume", "--all"]);
    assert!(left.contains("Still paused") && left.contains("support-bot"), "{left}");
    sidecar.restart_hard();
    assert_eq!(tunnel(&sidecar, "ops-bot").ask(GET).status, 200);
    assert_eq!(tunnel(&sidecar, "support-bot").ask(GET).status, 403);
}

/// What was decided after the pause stood on record was sent by nobody, and whatever was asked after it was answered is refused.
#[test]
fn while_calls_run_none_is_sent_once_the_pause_is_answered() {
    let origin = Origin::of_things();
    let sidecar = two_agents(&origin).start();
    let answered = AtomicBool::new(false);
    let wires: Vec<Wire> = (0..6).map(|_| tunnel(&sidecar, "support-bot")).collect();
    std::thread::scope(|scope| {
        let (answered, sidecar) = (&answered, &sidecar);
        let clients: Vec<_> = wires
            .into_iter()
            .map(|mut wire| {
                scope.spawn(move || {
                    let mut after = 0;
                    while after < 20 {
                        let late = answered.load(Ordering::SeqCst);
                        let status = wire.ask(GET).status;
                        assert!(!late || status == 403, "{status} after the pause was answered");
                        after += i32::from(late);
                    }
                })
            })
            .collect();
        eventually("calls run", || origin.seen().len() > 100);
        let body = json!({"agent": "support-bot"});
        let paused = sidecar.api("POST", "/api/v1/pause", &sidecar.owner_key(), Some(&body));
        answered.store(true, Ordering::SeqCst);
        assert_eq!(paused.status, 200, "{paused:?}");
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    let ended = || {
        let trail = sidecar.trail();
        let allowed = trail.of_kind("decided").len();
        (allowed == trail.of_kind("outcome").len()).then_some(trail)
    };
    eventually("every call has its end on disk", || ended().is_some());
    let trail = ended().unwrap();
    let paused = trail.of_kind("pause")[0]["seq"].as_i64().unwrap();
    let sent = trail.of_kind("outcome");
    let sent = sent.iter().filter(|outcome| outcome["outcome"] == "success");
    for outcome in sent.clone() {
        let decided = trail.of_kind("decided");
        let decided = decided
            .iter()
            .find(|decided| decided["call"] == outcome["call"])
            .unwrap();
        assert!(decided["seq"].as_i64().unwrap() < paused, "{decided}");
    }
    assert_eq!(sent.count(), origin.seen().len());
}

#[test]
fn a_request_that_is_under_way_comes_to_its_end() {
    let origin = Origin::of_things();
    let sidecar = two_agents(&origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("late\n").after(&gate));
    let mut wire = tunnel(&sidecar, "support-bot");
    wire.send(GET);
    eventually("the call is at the origin", || origin.seen().len() == 1);
    sidecar.told(&["pause", "--all"]);
    gate.open();
    assert_eq!(wire.answer().unwrap().text(), "late\n");
    assert_eq!(wire.ask(GET).status, 403);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn a_pause_closes_streams_and_tunnels_at_once() {
    let (origin, sidecar) = feed(Sidecar::new());
    let mut wire = opened(&origin, &sidecar, Tunnel::to("feed.example:443"));
    sidecar.told(&["pause", "--agent", "another"]);
    let mut still = [0; 6];
    wire.send("second");
    std::io::Read::read_exact(&mut wire, &mut still).unwrap();
    assert_eq!(&still, b"second", "the pause of others closes nothing");
    sidecar.told(&["pause", "--agent", "support-bot"]);
    assert!(wire.is_closed());
    eventually("the provider's side is closed too", || origin.sockets() == 0);
    let ended = outcome(&sidecar);
    assert_eq!(
        (&ended["outcome"], &ended["reason"]),
        (&json!("abandoned"), &json!("paused"))
    );
    assert!(sidecar.prints(&["CLOSED support-bot", "feed.example:443", "paused"]));

    // A tunnel that nobody reads; and while paused none is opened.
    let origin = Origin::of_things_in_clear();
    let rule = FEED.replace("open_stream", "open_tunnel");
    let sidecar = Sidecar::new().resolve("feed.example:80", &origin).policy(&rule).start();
    let get = "GET /hello HTTP/1.1\r\nHost: feed.example\r\n\r\n";
    let (mut wire, _) = Tunnel::to("feed.example:80").connect(&sidecar);
    assert_eq!(wire.ask(get).status, 200);
    sidecar.told(&["pause", "--all"]);
    assert!(wire.is_closed());
    let (mut wire, answer) = Tunnel::to("feed.example:80").connect(&sidecar);
    assert_eq!(
        answer.map(|answer| answer.status),
        Some(200),
        "no decision is told at CONNECT"
    );
    wire.send(get);
    assert!(wire.is_closed());
    assert_eq!(origin.seen().len(), 1);
    let refused = sidecar.trail().of_kind("refused");
    assert_eq!((refused.len(), &refused[0]["reason"]), (1, &json!("paused")));
}

#[test]
fn what_is_approved_while_its_agent_is_paused_waits_for_the_resume() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    client.send(REFUND);
    let id = sidecar.next_held();
    sidecar.told(&["pause", "--all"]);
    let refused = client.receive();
    refused.assert_refused("paused");
    sidecar.approve(&id);
    client.call(REFUND).assert_refused("paused");
    sidecar.restart_hard();
    client.call(REFUND).assert_refused("paused");
    origin.assert_untouched();
    sidecar.told(&["resume", "--all"]);
    client.call(REFUND).assert_ok();
    client.call(REFUND).assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn a_paused_agent_is_told_so_by_the_proxy_itself_and_probes_still_find_it_ready() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let guide = || Curl::call(&sidecar, &["http://runplane.internal/"]).value.to_string();
    assert!(!guide().contains("You are paused"));
    let ready = || sidecar.api("GET", "/ready", "", None);
    assert_eq!(ready().json(), json!({"status": "ready"}));
    sidecar.told(&["pause", "--agent", "support-bot", "--reason", "planted"]);
    assert!(guide().contains("You are paused"), "{}", guide());
    assert_eq!(
        (ready().status, &ready().json()["notes"][0]["code"]),
        (200, &json!("paused"))
    );
    sidecar.told(&["pause", "--all"]);
    let told = ready();
    assert_eq!(told.status, 200);
    assert!(told.text().contains("every agent is paused"), "{told:?}");
    assert!(
        !told.text().contains("planted") && !told.text().contains("support-bot"),
        "{told:?}"
    );
    let doctor = said(&sidecar.cli(&["doctor"]));
    assert!(doctor.contains("every agent is paused"), "{doctor}");
}

#[test]
fn an_agent_nobody_knows_yet_is_paused_from_its_first_call() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .without_fixed_agent()
        .resolve("things.example", &origin)
        .start();
    let told = sidecar.told(&["pause", "--agent", "later-bot"]);
    assert!(told.contains("No agent of this name"), "{told}");
    let added = sidecar.told(&["agents", "add", "later-bot"]);
    let key = added.split_whitespace().find(|word| word.starts_with("rp_")).unwrap();
    let field = format!("Proxy-Authorization: Bearer {key}");
    let refused = Tunnel::to("things.example:443").field(&field).open(&sidecar).ask(GET);
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("paused")));
    assert!(
        !sidecar
            .told(&["pause", "--agent", "later-bot"])
            .contains("No agent of this name")
    );
}

/// How long clients are held is no affair of who pauses an agent, or looks what waits.
#[test]
fn a_mistake_in_the_file_of_clients_keeps_nobody_from_pausing() {
    let sidecar = Sidecar::new().start();
    std::fs::write(sidecar.home().join("clients.yaml"), "unknown: 1s\n").unwrap();
    sidecar.told(&["approvals", "list"]);
    assert!(sidecar.told(&["pause", "--all"]).contains("runplane resume"));
    sidecar.told(&["resume", "--all"]);
}
