//! What a call leaves out is never zero: it is held, the person who approves it says the value, and it is sent once, as it was.
//! (Refunds without an amount: `hold.rs`.)

use crate::harness::{Answer, Origin, Reply, Session, Sidecar, approval_id};

/// Sends what cannot be read whole, and completes it with what is `stated`, which is then `kept`; gives what the client was told.
fn completed(
    host: &str,
    command: &str,
    wrong: &[&str],
    (stated, kept): (&[&str], &str),
    reply: Reply,
) -> (Origin, Sidecar, Answer) {
    let origin = Origin::aws();
    let sidecar = Sidecar::new().resolve(host, &origin).start();
    let mut client = Session::boto3(&sidecar);
    client.send(command);
    let line = sidecar.next_held_line();
    assert!(line.contains("incomplete_action"), "{line}");
    let id = approval_id(&line).unwrap();
    let approve = |set: &[&str]| {
        sidecar
            .cli(&[&["approvals", "approve", &id], set].concat())
            .status
            .success()
    };
    assert!(!approve(&[]), "nobody has said how many");
    for wrong in wrong {
        assert!(!approve(&["--set", wrong]), "{wrong}");
    }
    origin.assert_untouched();
    origin.answer_next_with(reply);
    let set: Vec<&str> = stated.iter().flat_map(|value| ["--set", value]).collect();
    assert!(approve(&set));
    let answer = client.receive();
    answer.assert_ok();
    assert_eq!(origin.seen().len(), 1);
    let trail = sidecar.trail();
    assert_eq!(trail.of_kind("decided").last().unwrap()["decision"], "ALLOW");
    let approved = &trail.of_kind("approved")[0];
    assert!(approved["commit_stated"].is_string(), "{approved}");
    assert!(trail.holds(kept.as_bytes()), "what was stated is on record");
    (origin, sidecar, answer)
}

#[test]
fn instances_without_a_count_are_held_completed_and_started_once() {
    let started = "<RunInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationId>r-1</reservationId>\
                   <instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></RunInstancesResponse>";
    let (origin, _sidecar, answer) = completed(
        "ec2.us-east-1.amazonaws.com",
        "run_instances_uncounted",
        &["instance_count=some", "instance_count=-1", "amount=3"],
        (&["instance_count=3"], "{\"instance_count\":3}"),
        Reply::new(200).bytes(started),
    );
    assert_eq!(answer.value["Instances"][0]["InstanceId"], "i-1");
    let sent = origin.seen()[0].text();
    assert!(
        sent.contains("Action=RunInstances") && !sent.contains("Count"),
        "sent as it was: {sent}"
    );
}

#[test]
fn mail_without_destinations_is_held_completed_and_sent_once() {
    let (origin, _sidecar, answer) = completed(
        "email.us-east-1.amazonaws.com",
        "send_raw_email",
        &["recipient_count=all", "recipient_count=-1", "recipient_count=2"],
        (
            &["recipient_count=2", "recipient_domains=example.com"],
            "{\"recipient_count\":2,\"recipient_domains\":[\"example.com\"]}",
        ),
        Reply::new(200).bytes("{\"MessageId\":\"m-1\"}"),
    );
    assert_eq!(answer.value["MessageId"], "m-1");
    let sent = origin.seen()[0].text();
    assert!(
        sent.contains("Raw") && !sent.contains("Destination"),
        "sent as it was: {sent}"
    );
}

/// The value that was stated is judged like one that was read.
#[test]
fn a_stated_count_above_a_threshold_is_held_by_the_threshold_too() {
    let origin = Origin::aws();
    let rule = "@id(\"no-fleets\") @reason(\"Never more than 50\")
forbid (principal, action == Action::\"provision_instance\", resource) when { context.instance_count > 50 };";
    let sidecar = Sidecar::new()
        .resolve("ec2.us-east-1.amazonaws.com", &origin)
        .policy(rule)
        .start();
    let mut client = Session::boto3(&sidecar);
    client.send("run_instances_uncounted");
    let id = sidecar.next_held();
    let refused = sidecar.cli(&["approvals", "approve", &id, "--set", "instance_count=51"]);
    assert!(!refused.status.success() || !client.receive().ok);
    origin.assert_untouched();
}
