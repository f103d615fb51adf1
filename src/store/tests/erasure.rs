//! What the tables let go, and what they keep.

use rusqlite::Connection;

use super::{fresh, sample};
use crate::model::change::{ApprovalRow, CallErased};
use crate::model::entry::Kind;
use crate::model::{CallId, Change, State};
use crate::store::{CommitError, Store};

async fn refused(store: &Store, change: Change) {
    let before = store.entries();
    let erased = store.write(vec![sample::entry(Kind::Erased), change]).await;
    assert_eq!(erased, Err(CommitError::Lost));
    assert_eq!(store.entries(), before, "nothing of it is written");
}

#[tokio::test]
async fn a_value_goes_with_an_entry_that_says_so_and_once() {
    let (_directory, path, store) = fresh();
    store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let committed = || -> String {
        let sql = "SELECT committed FROM entry_values WHERE seq = 1";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let name = committed().split('"').nth(1).unwrap().to_owned();
    let change = || Change::ValuesErased(vec![(1, vec![name.clone()])]);
    let silent = store.write(vec![sample::entry(Kind::Boot), change()]).await;
    assert!(matches!(silent, Err(CommitError::Unavailable(_))), "{silent:?}");
    let changes = vec![sample::entry(Kind::Erased), change()];
    assert_eq!(store.erase(changes).await, Ok(None), "no traces are left");
    assert!(
        committed().contains(&format!("\"{name}\":{{\"erased\":2}}")),
        "{}",
        committed()
    );
    refused(&store, change()).await;
    refused(&store, Change::ValuesErased(vec![(9, vec![name.clone()])])).await;
    for other in ["{\"erased\":2}", "{}", "{\"other\":{\"erased\":2}}"] {
        let sql = "UPDATE entry_values SET committed = ?1 WHERE seq = 1";
        assert!(connection.execute(sql, [other]).is_err(), "{other}");
    }
}

/// Another program reads the database when the values go.
#[tokio::test]
async fn traces_that_were_left_are_cleaned_by_an_erasure_of_nothing() {
    let (_directory, path, store) = fresh();
    store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let committed: String = connection
        .query_row("SELECT committed FROM entry_values WHERE seq = 1", [], |row| row.get(0))
        .unwrap();
    let name = committed.split('"').nth(1).unwrap().to_owned();
    connection
        .execute_batch("BEGIN; SELECT count(*) FROM entries;")
        .unwrap();
    let changes = vec![sample::entry(Kind::Erased), Change::ValuesErased(vec![(1, vec![name])])];
    let traces = store.erase(changes).await.unwrap();
    assert!(traces.is_some_and(|why| why.contains("another program reads")));
    connection.execute_batch("COMMIT").unwrap();
    let before = store.entries();
    assert_eq!(store.erase(vec![Change::ValuesErased(Vec::new())]).await, Ok(None));
    assert_eq!(store.entries(), before, "nothing is written");
}

#[tokio::test]
async fn what_is_open_keeps_its_values() {
    let (_directory, _path, store) = fresh();
    let call = CallId::random();
    store.write(sample::decided(&call, "ALLOW")).await.unwrap();
    let erased = || {
        Change::CallErased(CallErased {
            call: call.clone(),
            unmapped: false,
        })
    };
    refused(&store, erased()).await;
    store.write(sample::closed(&call)).await.unwrap();
    store.write(vec![sample::entry(Kind::Erased), erased()]).await.unwrap();
    assert_eq!(
        store.reader().unwrap().call(&call).unwrap().unwrap().row.summary,
        "erased"
    );

    let pending = sample::approval();
    store
        .write(vec![Change::ApprovalHeld(Box::new(pending.clone()))])
        .await
        .unwrap();
    for state in [State::Pending, State::Denied] {
        let next = ApprovalRow {
            revision: pending.revision + 1,
            state,
            ..pending.clone()
        };
        refused(&store, Change::ApprovalErased(Box::new(next))).await;
    }
    let grant = sample::grant(1);
    store
        .write(vec![Change::GrantGiven(Box::new(grant.clone()))])
        .await
        .unwrap();
    refused(&store, Change::GrantErased(Box::new(grant.clone()))).await;
    store.write(vec![Change::GrantUsed(grant.id.clone())]).await.unwrap();
    let changes = vec![sample::entry(Kind::Erased), Change::GrantErased(Box::new(grant))];
    store.write(changes).await.unwrap();
}
