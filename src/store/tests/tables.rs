//! What the tables themselves refuse, and what is read back from them.

use rusqlite::Connection;

use super::{count, fresh, gapless, sample};
use crate::model::change::{AgentRow, HabitsRow, PersonRow};
use crate::model::entry::Kind;
use crate::model::pause::{Pause, Whom};
use crate::model::{CallId, Change, Outcome, Reason, State, Timestamp, Vote};
use crate::store::{CallFilter, CommitError};

#[tokio::test]
async fn nobody_changes_removes_or_inserts_into_the_trail() {
    let (_directory, path, store) = fresh();
    store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    for mutation in [
        "UPDATE entries SET time = 0 WHERE seq = 1",
        "UPDATE entries SET bytes = x'7b7d20'",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries (seq, time, kind, bytes) VALUES (1, 0, 'boot', x'7b7d20')",
        "REPLACE INTO entries (seq, time, kind, bytes) VALUES (2, 0, 'boot', x'7b7d20')",
        "INSERT INTO entries (seq, time, kind, bytes) VALUES (4, 0, 'boot', x'7b7d20')",
        "INSERT INTO entries (seq, time, kind, bytes) VALUES (3, 0, 'boot', x'')",
        "INSERT INTO entries (time, kind, bytes) VALUES (0, 'boot', x'7b7d20')",
        "UPDATE entry_values SET committed = '{\"other\":1}'",
        "UPDATE entry_values SET committed = NULL",
        "INSERT OR REPLACE INTO entry_values SELECT seq, '{\"other\":1}' FROM entry_values",
        "INSERT INTO entry_values (seq, committed) VALUES (1, '{\"more\":1}')",
        "INSERT INTO entry_values (seq, committed) VALUES (2, '')",
        "INSERT INTO entry_values (seq, committed) VALUES (3, '{\"more\":1}')",
    ] {
        assert!(connection.execute(mutation, []).is_err(), "{mutation}");
    }
    assert_eq!(gapless(&path), 2);
    assert_eq!(
        connection
            .execute("DELETE FROM entry_values WHERE seq = 1", [])
            .unwrap(),
        1,
        "erasure works"
    );
}

#[tokio::test]
async fn the_projections_refuse_states_that_cannot_be() {
    let (_directory, path, store) = fresh();
    let (sent, held, blocked) = (CallId::random(), CallId::random(), CallId::random());
    store.write(sample::decided(&sent, "ALLOW")).await.unwrap();
    store.write(sample::decided(&held, "REQUIRE_APPROVAL")).await.unwrap();
    store.write(sample::decided(&blocked, "BLOCK")).await.unwrap();
    let approval = sample::approval();
    store
        .write(vec![Change::ApprovalHeld(Box::new(approval))])
        .await
        .unwrap();
    let connection = Connection::open(&path).unwrap();
    for mutation in [
        "UPDATE calls SET decision = 'MAYBE'",
        "UPDATE calls SET outcome = 'fine', closed = 1",
        "UPDATE calls SET outcome = 'success'",
        "UPDATE calls SET closed = 1 WHERE decision = 'ALLOW'",
        "UPDATE calls SET outcome = 'success', closed = 1 WHERE decision = 'REQUIRE_APPROVAL'",
        "UPDATE calls SET outcome = 'success' WHERE decision = 'BLOCK'",
        "UPDATE calls SET outcome = NULL, closed = NULL WHERE decision = 'BLOCK'",
        "UPDATE calls SET status = 99 WHERE decision = 'BLOCK'",
        "UPDATE calls SET status = 200 WHERE decision = 'ALLOW'",
        "UPDATE calls SET rules = 'a,b'",
        "UPDATE approvals SET state = 'granted'",
        "UPDATE approvals SET state = 'approved'",
        "UPDATE approvals SET state = 'approved', decided = 1",
        "UPDATE approvals SET decided = 1",
        "UPDATE approvals SET state = 'consumed', decided = 1, grant_expires = 1",
        "UPDATE approvals SET consumed_by = 'call_1', consumed = 1",
        "UPDATE approvals SET fingerprint = x'00'",
        "UPDATE approvals SET row = 'x'",
    ] {
        assert!(connection.execute(mutation, []).is_err(), "{mutation}");
    }
}

#[tokio::test]
async fn a_call_is_decided_again_only_while_it_is_held() {
    let (_directory, path, store) = fresh();
    let id = CallId::random();
    store.write(sample::decided(&id, "REQUIRE_APPROVAL")).await.unwrap();
    store.write(sample::decided(&id, "REQUIRE_APPROVAL")).await.unwrap();
    store.write(sample::decided(&id, "ALLOW")).await.unwrap();
    for decision in ["ALLOW", "REQUIRE_APPROVAL", "BLOCK"] {
        let lost = store.write(sample::decided(&id, decision)).await;
        assert_eq!(lost, Err(CommitError::Lost), "after ALLOW");
    }
    store.write(sample::closed(&id)).await.unwrap();
    assert_eq!(
        store.write(sample::closed(&id)).await,
        Err(CommitError::Lost),
        "closed twice"
    );
    assert_eq!(
        store.write(sample::decided(&id, "ALLOW")).await,
        Err(CommitError::Lost),
        "after its end"
    );

    let blocked = CallId::random();
    store.write(sample::decided(&blocked, "BLOCK")).await.unwrap();
    assert_eq!(store.write(sample::closed(&blocked)).await, Err(CommitError::Lost));
    assert_eq!(
        store.write(sample::decided(&blocked, "ALLOW")).await,
        Err(CommitError::Lost)
    );
    assert_eq!(gapless(&path), 5);
}

#[tokio::test]
async fn a_record_that_breaks_a_rule_fails_its_own_commit_only() {
    let (_directory, path, store) = fresh();
    let (held, other) = (CallId::random(), CallId::random());
    store.write(sample::decided(&held, "REQUIRE_APPROVAL")).await.unwrap();
    let (wrong, right) = tokio::join!(
        store.write(sample::closed(&held)), // success, though it never was allowed
        store.write(sample::decided(&other, "ALLOW")),
    );
    assert!(matches!(wrong, Err(CommitError::Unavailable(_))), "{wrong:?}");
    assert_eq!(right, Ok(()));
    assert_eq!(gapless(&path), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_moves_once_per_revision() {
    let (_directory, path, store) = fresh();
    let row = sample::approval();
    store
        .write(vec![Change::ApprovalHeld(Box::new(row.clone()))])
        .await
        .unwrap();
    let again = store.write(vec![Change::ApprovalHeld(Box::new(row.clone()))]).await;
    assert_eq!(again, Err(CommitError::Lost), "an id is held once");

    let granted = sample::granted(&row);
    store
        .write(vec![Change::ApprovalMoved(Box::new(granted.clone()))])
        .await
        .unwrap();
    let claims: Vec<_> = (0..100)
        .map(|_| {
            let (store, granted) = (store.clone(), granted.clone());
            tokio::spawn(async move {
                let call = CallId::random();
                let mut changes = sample::decided(&call, "ALLOW");
                changes.push(Change::ApprovalMoved(Box::new(sample::spent(&granted, &call))));
                store.write(changes).await
            })
        })
        .collect();
    let mut won = 0;
    for claim in claims {
        match claim.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error, CommitError::Lost),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(
        count(&path, "SELECT count(*) FROM calls"),
        1,
        "who lost left nothing behind"
    );
    assert_eq!(gapless(&path), 1);
}

#[tokio::test]
async fn what_was_denied_or_has_expired_moves_no_more() {
    let (_directory, _path, store) = fresh();
    for state in [State::Denied, State::Expired, State::Cancelled] {
        let row = sample::approval();
        store
            .write(vec![Change::ApprovalHeld(Box::new(row.clone()))])
            .await
            .unwrap();
        let mut over = row.clone();
        over.revision = 1;
        over.state = state;
        over.decided = Some(Timestamp(5));
        store
            .write(vec![Change::ApprovalMoved(Box::new(over.clone()))])
            .await
            .unwrap();
        let revived = sample::granted(&over);
        let moved = store.write(vec![Change::ApprovalMoved(Box::new(revived))]).await;
        assert_eq!(moved, Err(CommitError::Lost));
    }
}

#[tokio::test]
async fn approvals_are_read_back_as_written_if_unfinished_or_finished_lately() {
    let (_directory, _path, store) = fresh();
    let pending = sample::approval();
    let mut voted = sample::granted(&sample::approval());
    voted.revision = 0;
    voted.stated.insert("amount".into(), crate::model::Value::Int(51_200));
    voted.votes.push(Vote {
        reason: None,
        person: "alice".into(),
        time: Timestamp(7),
        proof: "key".into(),
        rules: vec![("refund-over-500".into(), "ab".into())],
    });
    let mut spent = sample::spent(&voted, &CallId::random());
    spent.id = crate::model::ApprovalId::random();
    let mut old = sample::approval();
    old.state = State::Expired;
    old.decided = Some(Timestamp(2_999));
    for row in [&pending, &voted, &spent, &old] {
        store
            .write(vec![Change::ApprovalHeld(Box::new(row.clone()))])
            .await
            .unwrap();
    }
    let read = store.approvals(Timestamp(3_000)).unwrap();
    assert_eq!(read, [pending, voted, spent]);
    assert_eq!(store.approvals(Timestamp(0)).unwrap().len(), 4);
}

#[tokio::test]
async fn agents_and_people_are_read_back_and_replaced_by_name() {
    let (_directory, _path, store) = fresh();
    let agent = AgentRow {
        name: "ops-bot".into(),
        roles: vec!["sre".into(), "a,b\"c".into()],
        owner: Some("alice".into()),
        key_sha256: "ab".repeat(32),
        created: Timestamp(5),
        disabled: None,
    };
    let person = PersonRow {
        name: "alice".into(),
        groups: vec!["finance".into()],
        key_sha256: "cd".repeat(32),
        created: Timestamp(6),
        disabled: Some(Timestamp(7)),
    };
    let changes = vec![Change::AgentPut(agent.clone()), Change::PersonPut(person.clone())];
    store.write(changes).await.unwrap();
    assert_eq!(store.agents().unwrap(), std::slice::from_ref(&agent));
    assert_eq!(store.people().unwrap(), [person]);
    let disabled = AgentRow {
        disabled: Some(Timestamp(9)),
        ..agent
    };
    store.write(vec![Change::AgentPut(disabled.clone())]).await.unwrap();
    assert_eq!(store.agents().unwrap(), [disabled]);
}

#[tokio::test]
async fn habits_are_read_back_as_they_were_written_last() {
    let (_directory, _path, store) = fresh();
    let row = |of_agent, name: &str, state: &str| HabitsRow {
        of_agent,
        name: name.into(),
        state: state.to_owned(),
    };
    // An agent and an action may have one name.
    let rows = [row(false, "a", "{\"n\":1}"), row(true, "a", "{\"n\":2}")];
    store
        .write(rows.iter().cloned().map(Change::HabitsPut).collect())
        .await
        .unwrap();
    assert_eq!(store.habits().unwrap(), rows);
    let later = row(true, "a", "{\"n\":3}");
    store.write(vec![Change::HabitsPut(later.clone())]).await.unwrap();
    assert_eq!(store.habits().unwrap(), [rows[0].clone(), later]);
    let broken = Change::HabitsPut(row(true, "b", "{"));
    assert!(store.write(vec![broken]).await.is_err(), "no JSON");
    assert_eq!(store.habits().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_changed_beside_the_trail_is_told() {
    let (_directory, path, store) = fresh();
    let call = CallId::random();
    store.write(sample::decided(&call, "ALLOW")).await.unwrap();
    let about = || store.reader().unwrap().entries_about(&call, None).unwrap().remove(0);
    assert_eq!(
        (about().values["summary"].as_str(), about().changed.len()),
        ("\"Refund\"", 0)
    );
    let other = rusqlite::Connection::open(&path).unwrap();
    let change =
        "DROP TRIGGER entry_values_stay; UPDATE entry_values SET committed = replace(committed, 'Refund', 'Charge')";
    other.execute_batch(change).unwrap();
    assert_eq!(
        (about().values["summary"].as_str(), about().changed),
        ("\"Charge\"", vec!["summary".to_owned()])
    );
}

#[tokio::test]
async fn calls_are_read_back_with_their_end() {
    let (_directory, _path, store) = fresh();
    let (sent, blocked, held) = (CallId::random(), CallId::random(), CallId::random());
    let mut row = sample::call_row(&blocked, "BLOCK");
    row.reason = Some(Reason::PolicyBlocked);
    store.write(sample::decided(&sent, "ALLOW")).await.unwrap();
    store
        .write(vec![Change::CallDecided(Box::new(row.clone()))])
        .await
        .unwrap();
    store.write(sample::decided(&held, "REQUIRE_APPROVAL")).await.unwrap();
    store.write(sample::closed(&sent)).await.unwrap();

    let open = store.open_calls().unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((&open[0].id, open[0].allowed), (&held, false));
    let filter = CallFilter {
        agent: Some("support-bot".to_owned()),
        limit: 10,
    };
    let calls = store.reader().unwrap().calls(&filter).unwrap();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0].row.outcome, Some(Outcome::Success));
    assert_eq!(
        (calls[0].status, calls[0].result_id.as_deref()),
        (Some(200), Some("re_1"))
    );
    assert_eq!(calls[1].row, row);
    assert_eq!(calls[1].closed, Some(row.time));
    assert_eq!(calls[2].closed, None);
}

#[tokio::test]
async fn a_pause_stands_once_until_it_is_lifted_once() {
    let (_directory, path, store) = fresh();
    let pause = |whom: &Whom, by: &str| Pause {
        whom: whom.clone(),
        by: by.into(),
        reason: Some("why".to_owned()),
        since: Timestamp(5),
    };
    for whom in [Whom::Everyone, Whom::Agent("bot".into())] {
        for by in ["olga", "alice"] {
            store.write(vec![Change::Paused(pause(&whom, by))]).await.unwrap();
            assert_eq!(store.pauses().unwrap(), [pause(&whom, by)]);
        }
        store.write(vec![Change::Resumed(whom.clone())]).await.unwrap();
        assert_eq!(store.pauses().unwrap(), []);
        assert_eq!(store.write(vec![Change::Resumed(whom)]).await, Err(CommitError::Lost));
    }
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("INSERT INTO pauses (by, since) VALUES ('a', 1)", [])
        .unwrap();
    for twice in [
        "INSERT INTO pauses (by, since) VALUES ('b', 2)",
        "INSERT INTO pauses (agent, by, since) VALUES ('', 'b', 2)",
    ] {
        assert!(connection.execute(twice, []).is_err(), "{twice}");
    }
}

/// Only what was sent can have been sent although something else was decided.
#[tokio::test]
async fn what_would_have_been_decided_is_kept_of_calls_that_were_sent() {
    let (_directory, path, store) = fresh();
    let id = CallId::random();
    let mut row = sample::call_row(&id, "ALLOW");
    row.would = Some("BLOCK");
    let changes = vec![sample::entry(Kind::Decided), Change::CallDecided(Box::new(row.clone()))];
    store.write(changes).await.unwrap();
    assert_eq!(store.reader().unwrap().call(&id).unwrap().unwrap().row, row);
    let connection = Connection::open(&path).unwrap();
    for wrong in ["would = 'ALLOW'", "decision = 'REQUIRE_APPROVAL'"] {
        let update = format!("UPDATE calls SET {wrong}");
        assert!(connection.execute(&update, []).is_err(), "{wrong}");
    }
}
