//! What was said to be on disk is there, in order, without gaps.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{count, fresh, gapless, place, sample};
use crate::model::CallId;
use crate::model::entry::Kind;
use crate::store::{CallFilter, CommitError, Reader, Store};

#[tokio::test]
async fn a_committed_subject_comes_back_recorded_and_is_on_disk() {
    let (_directory, path, store) = fresh();
    let id = CallId::random();
    let recorded = store.commit("permit", sample::decided(&id, "ALLOW")).await.unwrap();
    assert_eq!(*recorded.get(), "permit");
    assert_eq!(recorded.into_inner(), "permit");
    assert_eq!(gapless(&path), 1);
    let members = |which: &str| {
        let sql =
            "SELECT count(*) FROM entry_values, json_each(committed) WHERE json_type(json_each.value, '$.value') IS";
        count(&path, &format!("{sql} {which}"))
    };
    assert_eq!((members("NULL"), members("NOT NULL")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_commits_at_once_are_all_there_without_a_gap() {
    let (_directory, path, store) = fresh();
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let id = CallId::random();
                store.write(sample::decided(&id, "ALLOW")).await?;
                store.later(sample::closed(&id));
                Ok::<_, CommitError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    store.flush().await.unwrap();
    assert_eq!(gapless(&path), 2_000);
    assert_eq!(
        count(&path, "SELECT count(*) FROM calls WHERE outcome = 'success'"),
        1_000
    );
}

#[tokio::test]
async fn a_lost_race_undoes_its_own_submission_only_and_leaves_no_gap() {
    let (_directory, path, store) = fresh();
    let (first, second) = (CallId::random(), CallId::random());
    let (won, lost, after) = tokio::join!(
        store.write(sample::decided(&first, "ALLOW")),
        store.write(sample::closed(&second)),
        store.write(sample::decided(&second, "ALLOW")),
    );
    assert_eq!((won, lost, after), (Ok(()), Err(CommitError::Lost), Ok(())));
    assert_eq!(gapless(&path), 2);
    assert_eq!(count(&path, "SELECT count(*) FROM entries WHERE kind = 'outcome'"), 0);
    let (error, subject) = store
        .commit("mine", sample::closed(&CallId::random()))
        .await
        .unwrap_err();
    assert_eq!((error, subject), (CommitError::Lost, "mine"));
}

#[tokio::test]
async fn a_dropped_commit_is_written_whole_or_not_at_all() {
    let (_directory, path, store) = fresh();
    // Never polled: nothing was submitted.
    drop(store.write(sample::decided(&CallId::random(), "ALLOW")));
    // Polled once, then dropped while it waits.
    let id = CallId::random();
    tokio::select! {
        biased;
        _ = store.write(sample::decided(&id, "ALLOW")) => panic!("answered before it could be written"),
        () = std::future::ready(()) => {}
    }
    store.later(sample::closed(&id));
    store.flush().await.unwrap();
    assert_eq!(gapless(&path), 2);
    assert_eq!(count(&path, "SELECT count(*) FROM calls WHERE outcome = 'success'"), 1);
}

#[tokio::test]
async fn what_was_given_to_later_is_written_before_the_store_closes() {
    let (_directory, path, store) = fresh();
    for _ in 0..600 {
        store.later(vec![sample::entry(Kind::Boot)]);
    }
    drop(store);
    assert_eq!(gapless(&path), 600);
    assert!(!path.with_extension("db-wal").exists(), "the log was folded back");
}

#[tokio::test]
async fn a_copy_of_the_files_at_any_moment_opens_and_has_all_that_was_committed() {
    let (_directory, path, store) = fresh();
    let (_other, copy) = place();
    for _ in 0..20 {
        store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    }
    // As kill -9 leaves them: the log not folded back, nothing closed.
    drop(Store::open(&copy).unwrap());
    for ending in ["db", "db-wal"] {
        std::fs::copy(path.with_extension(ending), copy.with_extension(ending)).unwrap();
    }
    let reader = Reader::open(&copy).unwrap();
    let filter = CallFilter {
        agent: None,
        limit: 100,
    };
    assert_eq!(reader.calls(&filter).unwrap().len(), 20, "read without a sidecar");
    drop(reader);
    let reopened = Store::open(&copy).unwrap();
    assert_eq!(reopened.open_calls().unwrap().len(), 20);
    reopened.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    assert_eq!(gapless(&copy), 21);
}

const DATABASE: &str = "RUNPLANE_TEST_DATABASE";

/// Not a test: the process that is killed below.
#[tokio::test]
#[ignore = "run by `every_commit_that_was_answered_survives_kill_9`"]
async fn writes_until_it_is_killed() {
    let store = Store::open(std::env::var(DATABASE).unwrap().as_ref()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let id = CallId::random();
        store.write(sample::decided(&id, "ALLOW")).await.unwrap();
        writeln!(std::io::stdout(), "committed {id}").unwrap();
    }
}

#[test]
fn every_commit_that_was_answered_survives_kill_9() {
    let (_directory, path) = place();
    let mut committed = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::durability::writes_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(DATABASE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some((_, id)) = line.split_once("committed ") {
                committed.push(id.to_owned());
                seen += 1;
            }
            if seen == 40 * round {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.filter_map(|line| line.split_once("committed ").map(|(_, id)| id.to_owned()));
        committed.extend(rest.filter(|id| id.parse::<CallId>().is_ok()));
    }
    let store = Store::open(&path).unwrap();
    let open: Vec<String> = store
        .open_calls()
        .unwrap()
        .iter()
        .map(|call| call.id.to_string())
        .collect();
    assert!(committed.len() >= 240);
    for id in &committed {
        assert!(open.contains(id), "{id} was answered and is gone");
    }
    assert!(usize::try_from(gapless(&path)).unwrap() >= committed.len());
}

#[tokio::test]
async fn the_log_is_folded_back_while_the_store_is_open() {
    let (_directory, path, store) = fresh();
    let size = || std::fs::metadata(&path).unwrap().len();
    let before = size();
    for _ in 0..600 {
        store.later(sample::decided(&CallId::random(), "ALLOW"));
    }
    store.flush().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while size() < before + 100_000 {
        assert!(Instant::now() < deadline, "nothing reached the database itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn reading_works_beside_the_writer() {
    let (_directory, _path, store) = fresh();
    let reader = store.reader().unwrap();
    let filter = CallFilter { agent: None, limit: 2 };
    assert!(reader.calls(&filter).unwrap().is_empty());
    let ids = [CallId::random(), CallId::random(), CallId::random()];
    for id in &ids {
        store.write(sample::decided(id, "ALLOW")).await.unwrap();
    }
    let shown: Vec<_> = reader
        .calls(&filter)
        .unwrap()
        .into_iter()
        .map(|call| call.row.id)
        .collect();
    assert_eq!(shown, ids[1..], "the latest, newest last");
    assert_eq!(reader.entries(&filter).unwrap().len(), 2);
    let nobody = CallFilter {
        agent: Some("nobody".to_owned()),
        limit: 2,
    };
    assert!(reader.calls(&nobody).unwrap().is_empty());
    assert!(reader.entries(&nobody).unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_without_an_entry_proves_nothing() {
    let (_directory, _path, store) = fresh();
    let (error, subject) = store.commit("permit", Vec::new()).await.unwrap_err();
    assert!(matches!(error, CommitError::Unavailable(_)), "{error}");
    assert_eq!(subject, "permit");
}

#[tokio::test]
async fn an_entry_whose_columns_were_changed_is_not_passed_over() {
    let (_directory, path, store) = fresh();
    for _ in 0..3 {
        store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    }
    let seen = || {
        let mut count = 0;
        let read = store.reader().unwrap().backwards(|_| {
            count += 1;
            true
        });
        read.map(|()| count).map_err(|error| error.to_string())
    };
    assert_eq!(seen(), Ok(3));
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("DROP TRIGGER entries_stay; DROP TRIGGER entries_remain")
        .unwrap();
    for (change, undo) in [
        (
            "UPDATE entries SET kind = 'boot' WHERE seq = 2",
            "UPDATE entries SET kind = 'decided' WHERE seq = 2",
        ),
        (
            "UPDATE entries SET time = time - 99 WHERE seq = 2",
            "UPDATE entries SET time = time + 99 WHERE seq = 2",
        ),
        ("DELETE FROM entries WHERE seq = 2", ""),
    ] {
        other.execute_batch(change).unwrap();
        assert!(seen().is_err(), "{change}");
        other.execute_batch(undo).unwrap();
    }
}
