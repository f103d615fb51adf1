//! The steps of approvals and grants, as the tables hold them.

use proptest::prelude::*;
use rusqlite::Connection;

use super::{count, fresh, sample};
use crate::model::change::ApprovalRow;
use crate::model::grant::GrantEnd;
use crate::model::{CallId, Change, State, Timestamp, Vote};
use crate::store::CommitError;

/// The row in another state, with what goes with that.
fn in_state(row: &ApprovalRow, state: State) -> ApprovalRow {
    let given = state.is_given() || state == State::Consumed;
    let spent = state == State::Consumed;
    ApprovalRow {
        revision: row.revision + 1,
        state,
        decided: (state != State::Pending).then_some(Timestamp(2_000)),
        grant_expires: given.then_some(Timestamp(602_000)),
        consumed_by: spent.then(CallId::random),
        consumed: spent.then_some(Timestamp(3_000)),
        ..row.clone()
    }
}

fn state() -> impl Strategy<Value = State> {
    (0..State::ALL.len()).prop_map(|at| State::ALL[at])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_tables_take_the_steps_there_are_and_no_other(steps in proptest::collection::vec(state(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (_directory, _path, store) = fresh();
        let mut row = sample::approval();
        runtime.block_on(async {
            store.write(vec![Change::ApprovalHeld(Box::new(row.clone()))]).await.unwrap();
            for step in steps {
                let next = in_state(&row, step);
                let written = store.write(vec![Change::ApprovalMoved(Box::new(next.clone()))]).await;
                assert_eq!(written.is_ok(), row.state.may_become(step), "{:?} → {step:?}: {written:?}", row.state);
                if written.is_ok() {
                    row = next;
                }
                assert_eq!(store.approval(&row.id).unwrap().as_ref(), Some(&row));
            }
        });
    }
}

#[tokio::test]
async fn nobody_moves_an_approval_back_or_to_another_call() {
    let (_directory, path, store) = fresh();
    let row = sample::approval();
    store
        .write(vec![Change::ApprovalHeld(Box::new(row.clone()))])
        .await
        .unwrap();
    let granted = sample::granted(&row);
    store
        .write(vec![Change::ApprovalMoved(Box::new(granted.clone()))])
        .await
        .unwrap();
    let spent = sample::spent(&granted, &CallId::random());
    store.write(vec![Change::ApprovalMoved(Box::new(spent))]).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    for mutation in [
        "UPDATE approvals SET revision = 3, state = 'approved', consumed = NULL, consumed_by = NULL",
        "UPDATE approvals SET revision = 2, state = 'returned', consumed = NULL, consumed_by = NULL",
        "UPDATE approvals SET revision = 4, state = 'returned', consumed = NULL, consumed_by = NULL",
        "UPDATE approvals SET revision = 3, state = 'returned', consumed = NULL, consumed_by = NULL, id = 'apr_other'",
        "UPDATE approvals SET revision = 3, state = 'returned', consumed = NULL, consumed_by = NULL, fingerprint = zeroblob(32)",
    ] {
        assert!(connection.execute(mutation, []).is_err(), "{mutation}");
    }
}

/// Many at once, and one after its end: the database counts, whatever whoever asks believes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_is_used_as_often_as_it_says_whatever_memory_thinks() {
    let (_directory, path, store) = fresh();
    let [grant, other] = [sample::grant(5), sample::grant(2)];
    for grant in [&grant, &other] {
        let given = vec![Change::GrantGiven(Box::new(grant.clone()))];
        store.write(given).await.unwrap();
    }
    let uses: Vec<_> = (0..50)
        .map(|_| {
            let (store, id) = (store.clone(), grant.id.clone());
            tokio::spawn(async move {
                let mut changes = sample::decided(&CallId::random(), "ALLOW");
                changes.push(Change::GrantUsed(id));
                store.write(changes).await
            })
        })
        .collect();
    let mut won = 0;
    for used in uses {
        won += usize::from(used.await.unwrap().is_ok());
    }
    assert_eq!((won, count(&path, "SELECT count(*) FROM calls")), (5, 5));
    let end = GrantEnd {
        time: Timestamp(5),
        by: Some("alice".into()),
    };
    let ended = || vec![Change::GrantEnded(other.id.clone(), end.clone())];
    store.write(ended()).await.unwrap();
    assert_eq!(store.write(ended()).await, Err(CommitError::Lost));
    let late = store.write(vec![Change::GrantUsed(other.id.clone())]).await;
    assert_eq!(late, Err(CommitError::Lost));
    assert!(store.grants().unwrap().is_empty());
    // Whoever goes by what one of them said has to know what became of it, for as long as that may count.
    let row = sample::approval();
    let mut granted = sample::granted(&row);
    for grant in [&grant, &other] {
        granted.votes.push(Vote {
            proof: grant.id.as_str().into(),
            ..grant.vote.clone()
        });
    }
    let held = vec![Change::ApprovalHeld(Box::new(row))];
    store.write(held).await.unwrap();
    store
        .write(vec![Change::ApprovalMoved(Box::new(granted.clone()))])
        .await
        .unwrap();
    let found = store.grants().unwrap();
    let told: Vec<_> = found.iter().map(|row| (row.used, row.ended.as_ref())).collect();
    assert_eq!(told, [(5, None), (0, Some(&end))]);
    let spent = sample::spent(&granted, &CallId::random());
    store.write(vec![Change::ApprovalMoved(Box::new(spent))]).await.unwrap();
    assert!(store.grants().unwrap().is_empty());
    let connection = Connection::open(&path).unwrap();
    for mutation in [
        "UPDATE grants SET used = 0",
        "UPDATE grants SET uses = 100",
        "UPDATE grants SET expires = expires + 1",
        "UPDATE grants SET ended = NULL, ended_by = NULL WHERE ended IS NOT NULL",
        "UPDATE grants SET row = '{}'",
        "DELETE FROM grants",
        "INSERT OR REPLACE INTO grants (id, agent, person, uses, used, created, expires, row)
            SELECT id, agent, person, uses, 0, created, expires, row FROM grants",
    ] {
        assert!(connection.execute(mutation, []).is_err(), "{mutation}");
    }
}
