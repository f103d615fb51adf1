//! The first entries go with an entry that says so, and with what they made; and nothing goes otherwise.

use rusqlite::Connection;

use super::{fresh, sample};
use crate::model::change::Pruning;
use crate::model::entry::Kind;
use crate::model::{CallId, Change};
use crate::store::{CommitError, Gone, Store};

fn pruned(upto: i64, entries: i64, rows: [i64; 3], follows: [i64; 3]) -> Vec<Change> {
    let pruning = Pruning {
        upto,
        kept: vec![1],
        entries,
        rows,
        open: [const { Vec::new() }; 3],
        follows,
    };
    vec![sample::entry(Kind::Pruned), Change::Pruned(Box::new(pruning))]
}

/// A first entry that stays, a call that has ended, and one that has not.
async fn calls(store: &Store) {
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let call = CallId::random();
    store.write(sample::decided(&call, "ALLOW")).await.unwrap();
    store.write(sample::closed(&call)).await.unwrap();
    store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
}

#[tokio::test]
async fn the_first_entries_go_with_their_rows_and_an_entry_that_says_so() {
    let (_directory, path, store) = fresh();
    calls(&store).await;
    for wrong in [
        // Another number of entries, a call that has not ended, and another row that is left.
        pruned(3, 3, [1, 0, 0], [1, 0, 0]),
        pruned(4, 3, [2, 0, 0], [0, 0, 0]),
        pruned(3, 2, [1, 0, 0], [0, 0, 0]),
    ] {
        assert_eq!(store.write(wrong).await, Err(CommitError::Lost));
    }
    assert_eq!((store.entries(), store.reader().unwrap().gone().unwrap()), (4, None));
    store.write(pruned(3, 2, [1, 0, 0], [1, 0, 0])).await.unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.gone().unwrap(), Some(Gone { upto: 3, by: 5 }));
    let left: Vec<i64> = reader.bare(1, 9).unwrap().iter().map(|entry| entry.seq).collect();
    assert_eq!(left, [1, 4, 5]);
    assert_eq!(store.open_calls().unwrap().len(), 1);
    // Back, and from the last entry on, nothing of what went is missed.
    let mut seen = 0;
    reader
        .backwards(|_| {
            seen += 1;
            true
        })
        .unwrap();
    assert_eq!(seen, 1);
    // Not a second time, and not another way.
    let again = store.write(pruned(3, 0, [1, 0, 0], [1, 0, 0])).await;
    assert!(matches!(again, Err(CommitError::Unavailable(_))), "{again:?}");
    let connection = Connection::open(&path).unwrap();
    for sql in [
        "DELETE FROM entries WHERE seq = 1 AND (SELECT count(*) FROM entries) > 9",
        "DELETE FROM entries WHERE seq = 4",
        "DELETE FROM pruned",
        "UPDATE pruned SET upto = 4",
        "UPDATE pruned SET upto = 2",
    ] {
        let done = connection.execute(sql, []);
        assert!(done.is_err() || done == Ok(0), "{sql}");
    }
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    assert!(connection.execute("DELETE FROM entries WHERE seq = 1", []).is_err());
}

/// A table of which all rows went begins anew, and a row that comes meanwhile stays.
#[tokio::test]
async fn a_row_that_comes_while_the_last_one_goes_is_not_lost() {
    let (_directory, _path, store) = fresh();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let call = CallId::random();
    store.write(sample::decided(&call, "ALLOW")).await.unwrap();
    store.write(sample::closed(&call)).await.unwrap();
    let planned = pruned(3, 2, [1, 0, 0], [0, 0, 0]);
    store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    assert_eq!(store.write(planned).await, Err(CommitError::Lost));
    store.write(pruned(3, 2, [1, 0, 0], [1, 0, 0])).await.unwrap();
    assert_eq!(store.open_calls().unwrap().len(), 1);
}

/// What is open stays with its row, which is then one of those before the others.
#[tokio::test]
async fn what_is_open_stays_where_all_around_it_goes() {
    let (_directory, path, store) = fresh();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    let (open, ended) = (CallId::random(), CallId::random());
    store.write(sample::decided(&open, "ALLOW")).await.unwrap();
    store.write(sample::decided(&ended, "ALLOW")).await.unwrap();
    store.write(sample::closed(&ended)).await.unwrap();
    let pruned = |open: Vec<String>, kept: Vec<i64>, entries, follows| {
        let pruning = Pruning {
            upto: 4,
            kept,
            entries,
            rows: [2, 0, 0],
            open: [open, Vec::new(), Vec::new()],
            follows: [follows, 0, 0],
        };
        vec![sample::entry(Kind::Pruned), Change::Pruned(Box::new(pruning))]
    };
    let without = store.write(pruned(Vec::new(), vec![1, 2], 2, 0)).await;
    assert_eq!(without, Err(CommitError::Lost), "it is open");
    let further = store.write(pruned(vec![open.to_string()], vec![1, 2], 2, 2)).await;
    assert_eq!(further, Err(CommitError::Lost), "the next row is the second one again");
    let reader = store.reader().unwrap();
    let ordinals = reader
        .ordinals(&[vec![open.to_string()], Vec::new(), Vec::new()])
        .unwrap();
    assert_eq!(ordinals, [vec![1], vec![], vec![]]);
    store
        .write(pruned(vec![open.to_string()], vec![1, 2], 2, 1))
        .await
        .unwrap();
    let left: Vec<i64> = reader.bare(1, 9).unwrap().iter().map(|entry| entry.seq).collect();
    assert_eq!(left, [1, 2, 5]);
    assert_eq!(store.open_calls().unwrap().len(), 1);
    store.write(sample::decided(&CallId::random(), "ALLOW")).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let ordinals = "SELECT group_concat(ordinal) FROM calls";
    let ordinals: String = connection.query_row(ordinals, [], |row| row.get(0)).unwrap();
    assert_eq!(ordinals, "1,2");
}
