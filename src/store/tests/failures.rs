//! What happens when the disk does not take it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{count, gapless, place, sample};
use crate::model::CallId;
use crate::model::entry::Kind;
use crate::store::writer::Connect;
use crate::store::{CommitError, Store, connect};

/// The writer's connection, with something done to it each time it is opened.
fn prepared(path: &Path, prepare: impl Fn(&Connection) + Send + 'static) -> Connect {
    let path = path.to_owned();
    Box::new(move || {
        let connection = connect::writer(&path)?;
        prepare(&connection);
        Ok(connection)
    })
}

fn unavailable(result: &Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Unavailable(_)))
}

/// Tries until a commit goes through: after a fault ends, nobody has to repair anything.
async fn until_served(store: &Store) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.write(vec![sample::entry(Kind::Boot)]).await {
        assert!(Instant::now() < deadline, "still {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Takes an entry out, and leaves the tables as they were.
fn remove(connection: &Connection, seq: i64) {
    let made = "SELECT sql FROM sqlite_schema WHERE name = 'entries_remain'";
    let made: String = connection.query_row(made, [], |row| row.get(0)).unwrap();
    let remove = format!("BEGIN; DROP TRIGGER entries_remain; DELETE FROM entries WHERE seq = {seq}; {made}; COMMIT");
    connection.execute_batch(&remove).unwrap();
}

/// Why nothing is recorded any more.
async fn until_condemned(store: &Store) -> &str {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(why) = store.condemned() {
            return why;
        }
        assert!(Instant::now() < deadline, "it is not found");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_commits_keeps_outcomes_and_serves_again_when_there_is_room() {
    let (_directory, path) = place();
    let pages = Arc::new(AtomicU32::new(60));
    let bound = pages.clone();
    let limited = prepared(&path, move |connection| {
        let most = bound.load(Ordering::SeqCst);
        connection
            .execute_batch(&format!("PRAGMA max_page_count = {most}"))
            .unwrap();
    });
    let store = Store::start(&path, limited).unwrap();
    let mut sent = Vec::new();
    let refused = loop {
        let id = CallId::random();
        match store.write(sample::decided(&id, "ALLOW")).await {
            Ok(()) => sent.push(id),
            Err(error) => break error,
        }
        assert!(sent.len() < 10_000);
    };
    assert!(
        matches!(&refused, CommitError::Unavailable(why) if why.contains("full")),
        "{refused}"
    );
    for id in &sent {
        store.later(sample::closed(id));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let still = store.write(vec![sample::entry(Kind::Boot)]).await;
    assert!(unavailable(&still), "while outcomes are unwritten: {still:?}");
    assert!(unavailable(&store.flush().await));

    pages.store(100_000, Ordering::SeqCst);
    until_served(&store).await;
    store.flush().await.unwrap();
    let calls = i64::try_from(sent.len()).unwrap();
    assert_eq!(
        count(&path, "SELECT count(*) FROM calls WHERE outcome = 'success'"),
        calls
    );
    assert_eq!(
        count(&path, "SELECT count(*) FROM calls"),
        calls,
        "what was refused is not there"
    );
    assert_eq!(gapless(&path), calls * 2 + 1);
}

#[tokio::test]
async fn while_a_failed_outcome_is_unwritten_commits_are_refused() {
    let (_directory, path) = place();
    let broken = Arc::new(AtomicU32::new(1));
    let state = broken.clone();
    let failing = prepared(&path, move |connection| {
        if state.load(Ordering::SeqCst) == 1 {
            sample::fail_at_commit(connection);
        }
    });
    let store = Store::start(&path, failing).unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Shutdown)]).await));

    store.later(vec![sample::entry(Kind::Shutdown)]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let id = CallId::random();
    assert!(unavailable(&store.write(sample::decided(&id, "ALLOW")).await));
    broken.store(0, Ordering::SeqCst);
    until_served(&store).await;
    assert_eq!(count(&path, "SELECT count(*) FROM entries WHERE kind = 'shutdown'"), 1);
    store.write(sample::decided(&id, "ALLOW")).await.unwrap();
    gapless(&path);
}

#[tokio::test]
async fn a_lock_held_by_another_program_refuses_soon_and_heals() {
    let (_directory, path) = place();
    let store = Store::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let refused = store.write(vec![sample::entry(Kind::Boot)]).await;
    assert!(unavailable(&refused), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "a bounded wait");
    store.later(vec![sample::entry(Kind::Outcome)]);
    other.execute_batch("ROLLBACK").unwrap();
    until_served(&store).await;
    assert_eq!(count(&path, "SELECT count(*) FROM entries WHERE kind = 'outcome'"), 1);
    gapless(&path);
}

#[tokio::test]
async fn a_trail_that_was_cut_while_running_is_not_written_on() {
    let (_directory, path) = place();
    let store = Store::open(&path).unwrap();
    for _ in 0..3 {
        store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    }
    let other = Connection::open(&path).unwrap();
    remove(&other, 3);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(until_condemned(&store).await.contains("replaced or cut"));
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
}

#[tokio::test]
async fn an_entry_that_somebody_else_put_behind_ours_is_known_until_the_next_start() {
    let (_directory, path) = place();
    let store = Store::open(&path).unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let other = Connection::open(&path).unwrap();
    let put = "INSERT INTO entries (seq, time, kind, bytes) SELECT 2, time, kind, bytes FROM entries";
    other.execute_batch(put).unwrap();
    assert_eq!(store.condemned(), None, "nothing was written since");
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    assert!(
        until_condemned(&store)
            .await
            .contains("somebody else put entries there")
    );
    store.later(vec![sample::entry(Kind::Outcome)]);
    // That it goes away makes it no other trail.
    remove(&other, 2);
    let deadline = Instant::now() + Duration::from_secs(30);
    while count(&path, "SELECT count(*) FROM entries WHERE kind = 'outcome'") == 0 {
        assert!(Instant::now() < deadline, "the end of a call is kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    assert!(!store.is_writable());
}

/// For another reason, which the next start would go on from.
#[tokio::test]
async fn a_change_is_told_where_nothing_is_recorded_any_more_anyway() {
    let (_directory, path) = place();
    let store = Store::open(&path).unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    store.is_full();
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    assert_eq!(store.changed(), None);
    let other = Connection::open(&path).unwrap();
    let put = "INSERT INTO entries (seq, time, kind, bytes) SELECT 2, time, kind, bytes FROM entries";
    other.execute_batch(put).unwrap();
    store.later(vec![sample::entry(Kind::Outcome)]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while store.changed().is_none() {
        assert!(Instant::now() < deadline, "it is not found");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_database_that_was_removed_while_running_is_written_on_once_it_is_back() {
    let (directory, path) = place();
    let store = Store::open(&path).unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let kept = directory.path().join("kept.db");
    std::fs::rename(&path, &kept).unwrap();
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    std::fs::rename(&kept, &path).unwrap();
    until_served(&store).await;
    assert_eq!((gapless(&path), store.condemned()), (2, None));
}

#[tokio::test]
async fn a_database_that_was_replaced_while_running_is_not_written_on_even_if_it_is_put_back() {
    let (directory, path) = place();
    let store = Store::open(&path).unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let kept = directory.path().join("kept.db");
    std::fs::rename(&path, &kept).unwrap();
    std::fs::write(&path, "").unwrap();
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    assert!(until_condemned(&store).await.contains("another file stands"));
    assert_eq!(std::fs::read(&path).unwrap(), b"", "left as it is");
    std::fs::rename(&kept, &path).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(unavailable(&store.write(vec![sample::entry(Kind::Boot)]).await));
    assert_eq!(gapless(&path), 1);
}

#[tokio::test]
async fn closing_while_nothing_can_be_written_ends() {
    let (_directory, path) = place();
    let store = Store::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.later(vec![sample::entry(Kind::Outcome)]);
    assert!(unavailable(&store.flush().await));
    let began = Instant::now();
    drop(store);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_row_that_a_trigger_swallows_is_not_taken_for_written() {
    for table in ["entries", "entry_values"] {
        let (_directory, path) = place();
        let store = Store::open(&path).unwrap();
        store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
        let other = Connection::open(&path).unwrap();
        let swallow = format!("CREATE TRIGGER swallow BEFORE INSERT ON {table} BEGIN SELECT RAISE(IGNORE); END");
        other.execute_batch(&swallow).unwrap();
        let refused = store.write(sample::decided(&CallId::random(), "ALLOW")).await;
        assert!(unavailable(&refused), "{table}: {refused:?}");
        assert_eq!(count(&path, "SELECT count(*) FROM calls"), 0);
        other.execute_batch("DROP TRIGGER swallow").unwrap();
        until_served(&store).await;
    }
}

/// Before anybody looked again.
#[tokio::test]
async fn what_was_put_back_in_time_is_known_all_the_same() {
    let (directory, path) = place();
    let store = Store::open(&path).unwrap();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let (kept, another) = (directory.path().join("kept.db"), directory.path().join("another.db"));
    std::fs::copy(&path, &another).unwrap();
    std::fs::rename(&path, &kept).unwrap();
    std::fs::rename(&another, &path).unwrap();
    let refused = store.write(vec![sample::entry(Kind::Boot)]).await;
    std::fs::rename(&kept, &path).unwrap();
    assert!(unavailable(&refused), "{refused:?}");
    assert!(store.changed().is_some_and(|why| why.contains("was replaced")));
}
