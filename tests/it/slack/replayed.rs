//! A click that comes twice.

use serde_json::Value;

use super::{APPROVE, DENY, asked};
use crate::harness::Signed;

/// While it could still change something.
#[test]
fn a_replayed_click_changes_nothing_of_what_waits_and_is_on_record() {
    let (workspace, origin, sidecar, _client) = asked(|it| it);
    let of = |reason: &str| {
        let mut refused = sidecar.trail().of_kind("refused");
        refused.retain(|entry| entry["reason"] == reason);
        refused.len()
    };
    let before = sidecar.approvals("pending");
    // Bob may not, and alice is asked for a reason: neither has decided anything.
    let [bobs, hers] = [("U0BOB", APPROVE), ("U0ALICE", DENY)].map(|(who, button)| {
        let click = Signed::now(&workspace.pressed(who, button));
        assert_eq!(click.send(&sidecar).status, 200);
        click
    });
    workspace.whispers(1);
    workspace.form();
    assert_eq!((of("not_decided"), of("agent_unknown")), (1, 0));
    for (replays, click) in (1..).zip([&bobs, &hers, &hers]) {
        let answer = click.send(&sidecar);
        assert!(
            answer.status == 401 && answer.text().contains("was here before"),
            "{answer:?}"
        );
        assert_eq!((of("not_decided"), of("agent_unknown")), (1, replays), "an entry each");
    }
    assert_eq!(workspace.forms(), 1);
    assert_eq!(sidecar.approvals("pending").len(), 1);
    let still = |approvals: &[Value]| {
        let approval = &approvals[0];
        ["id", "state", "revision", "votes", "expires"].map(|member| approval[member].clone())
    };
    assert_eq!(still(&sidecar.approvals("pending")), still(&before));
    origin.assert_untouched();
}
