//! A question that comes to a second group, by the clock that everybody has.

use crate::harness::{Origin, Receiver, Session, Sidecar, eventually, key, said};
use crate::notify::mailed;

/// Whoever is asked second is told where they read it, and may answer; so may those asked first, and nobody else. What
/// neither answers is denied.
#[test]
fn the_second_group_gets_mail_the_first_still_may_and_time_denies() {
    let receiver = Receiver::of_mail("starttls");
    let origin = Origin::stripe();
    let configuration = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("70s")
        .person("fred", "finance")
        .person("mona", "managers")
        .person("zoe", "legal")
        .only_policy(
            r#"
@id("money-out") permit (principal, action, resource);
@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("finance") @timeout("20s") @escalate("managers at 20%")
forbid (principal, action == Action::"process_refund", resource);
"#,
        );
    let groups = "      finance: [ fred@example.com ]\n      managers: [ mona@example.com ]";
    let sidecar = mailed(configuration, receiver.port, "starttls", groups).start();
    let approve = |person: &str, id: &str| {
        let words = ["approvals", "approve", id, "--revision", "1"];
        sidecar.cli_as(Some(&key(person)), &words)
    };
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    assert_eq!(receiver.gets(1)[0]["to"][0], "fred@example.com");
    assert!(sidecar.next_held_line().contains("finance or managers"));
    let told = &receiver.gets(2)[1];
    assert_eq!(told["to"][0], "mona@example.com");
    let plain = told["plain"].as_str().unwrap();
    assert!(
        plain.contains("Refund $900.00 of ch_1") && plain.contains("--revision 1"),
        "{plain}"
    );
    let stranger = approve("zoe", &id);
    assert!(said(&stranger).contains("may not decide this"), "{}", said(&stranger));
    origin.assert_untouched();
    let first = approve("fred", &id);
    assert!(first.status.success(), "{}", said(&first));
    client.receive().assert_ok();

    client.send("refund ch_2 amount=90000");
    let id = sidecar.next_held();
    client.receive().assert_refused("approval_expired");
    let late = approve("mona", &id);
    assert!(
        !late.status.success() && said(&late).contains("expired"),
        "{}",
        said(&late)
    );
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let entries = |kind: &str| sidecar.trail().of_kind(kind).len();
    eventually("its end is on record", || entries("expired") == 1);
    assert_eq!(entries("escalated"), 2);
    let to: Vec<String> = receiver.gets(4).iter().map(|mail| mail["to"][0].to_string()).collect();
    assert_eq!(to.iter().filter(|to| to.contains("mona")).count(), 2, "{to:?}");
}
