//! One group at a time: what a lost race, a failed COMMIT and a COMMIT in doubt do to it.

use super::*;
use crate::model::CallId;
use crate::model::entry::Kind;
use crate::store::CommitError;
use crate::store::checkpoint::Checkpointer;
use crate::store::connect;
use crate::store::tests::sample;

fn writer(path: &Path) -> Writer {
    drop(open::claim(path).unwrap());
    let of_writer = path.to_owned();
    let connection = connect::writer(path).unwrap();
    Writer {
        queue: Arc::new(Queue::new()),
        connect: Box::new(move || connect::writer(&of_writer)),
        place: entries::last_place(&connection).unwrap(),
        file: file_id(path).unwrap(),
        others: others(&connection).unwrap(),
        connection: Some(connection),
        progress: Checkpointer::start(path.to_owned()).unwrap().progress(),
        path: path.to_owned(),
    }
}

fn shutdowns(writer: &Writer) -> i64 {
    let connection = writer.connection.as_ref().unwrap();
    connection
        .query_row("SELECT count(*) FROM entries WHERE kind = 'shutdown'", [], |row| {
            row.get(0)
        })
        .unwrap()
}

/// A group of one outcome and one commit is refused as in doubt, after it did (or did not) reach the disk.
fn recovered(reached_the_disk: bool) -> i64 {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("state").join("runplane.db"));
    let acknowledged = writer.place;
    writer.queue.later(vec![sample::entry(Kind::Shutdown)]);
    let verdict = writer.queue.submit(vec![sample::entry(Kind::Boot)]).unwrap();
    let group = writer.queue.take().unwrap();
    if reached_the_disk {
        transact(writer.connection.as_ref().unwrap(), &mut Tail::at(acknowledged), &group).unwrap();
    }
    writer.queue.fail("fsync", group);
    let last = Place {
        seq: 2,
        time: acknowledged.time,
    };
    let doubt = Some(Doubt {
        last,
        leaves: vec![[1; 32], [2; 32]],
        put_back: 1,
        erases: true,
    });
    writer.queue.cleaned(Some("left before".to_owned()));
    assert!(writer.recover(doubt));
    assert_eq!(
        writer.queue.traces().is_none(),
        reached_the_disk,
        "cleaned of what went"
    );
    assert!(verdict.blocking_recv().unwrap().is_err(), "who waited was refused");
    assert_eq!(writer.place.seq, if reached_the_disk { 2 } else { 1 });
    let wrote = writer.queue.written.behind(0, 9);
    assert_eq!(
        (wrote.entries, wrote.leaf(0) == Some(&[1; 32])),
        (u64::try_from(writer.place.seq).unwrap(), reached_the_disk)
    );
    shutdowns(&writer)
}

#[test]
fn what_reached_the_disk_after_all_is_not_written_twice() {
    assert_eq!(recovered(true), 1);
}

#[test]
fn what_did_not_reach_the_disk_is_written_after_all() {
    assert_eq!(recovered(false), 1);
}

#[test]
fn a_failed_commit_fails_all_of_its_group_and_nothing_of_it_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("state").join("runplane.db"));
    sample::fail_at_commit(writer.connection.as_ref().unwrap());
    let call = CallId::random();
    let first = writer.queue.submit(sample::decided(&call, "ALLOW")).unwrap();
    let second = writer.queue.submit(vec![sample::entry(Kind::Shutdown)]).unwrap();
    writer.queue.later(vec![sample::entry(Kind::Outcome)]);
    let third = writer
        .queue
        .submit(sample::decided(&CallId::random(), "ALLOW"))
        .unwrap();
    let group = writer.queue.take().unwrap();
    assert_eq!(group.len(), 4);
    assert!(writer.serve(group), "the next connection is sound");
    for verdict in [first, second, third] {
        let refused = verdict.blocking_recv().unwrap();
        assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(writer.place.seq, 1, "only what nobody waited for was written");
    assert_eq!(shutdowns(&writer), 0);
    let again = writer.queue.submit(sample::decided(&call, "ALLOW")).unwrap();
    let group = writer.queue.take().unwrap();
    assert!(writer.serve(group));
    assert_eq!(again.blocking_recv().unwrap(), Ok(()));
}

#[test]
fn a_lost_race_leaves_the_rest_of_its_group_and_its_places_in_the_trail() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("state").join("runplane.db"));
    let (first, second) = (CallId::random(), CallId::random());
    let changes = [
        sample::decided(&first, "ALLOW"),
        sample::closed(&second),
        sample::decided(&second, "ALLOW"),
        sample::closed(&second),
    ];
    let verdicts = changes.map(|changes| writer.queue.submit(changes).unwrap());
    let group = writer.queue.take().unwrap();
    assert!(writer.serve(group));
    let results = verdicts.map(|verdict| verdict.blocking_recv().unwrap());
    assert_eq!(results, [Ok(()), Err(CommitError::Lost), Ok(()), Ok(())]);
    assert_eq!(writer.place.seq, 3);
}

#[test]
fn an_entry_that_somebody_else_put_there_is_not_gone_on_from() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("state").join("runplane.db"));
    let put = "INSERT INTO entries (seq, time, kind, bytes) VALUES (1, 1, 'boot', x'7b7d20')";
    let other = Connection::open(&writer.path).unwrap();
    other.execute_batch(put).unwrap();
    writer.queue.later(vec![sample::entry(Kind::Outcome)]);
    let group = writer.queue.take().unwrap();
    let Unwritten {
        group,
        error,
        mut doubt,
    } = *writer.write(group).unwrap_err();
    writer.queue.fail(&error.to_string(), group);
    let error = writer.reopen(&mut doubt).unwrap_err();
    assert!(matches!(error, RecoverError::Longer { found: 1, known: 0 }), "{error}");
    // It goes on where it was once that is away.
    let made = "SELECT sql FROM sqlite_schema WHERE name = 'entries_remain'";
    let made: String = other.query_row(made, [], |row| row.get(0)).unwrap();
    let away = format!("DROP TRIGGER entries_remain; DELETE FROM entries; {made}");
    other.execute_batch(&away).unwrap();
    writer.reopen(&mut doubt).unwrap();
    assert_eq!(writer.place.seq, 1);
}

/// A row's time that somebody changed while we could not write is not the time of what comes next.
#[test]
fn the_time_goes_on_from_what_was_written_not_from_what_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("state").join("runplane.db"));
    writer.queue.later(vec![sample::entry(Kind::Boot)]);
    let group = writer.queue.take().unwrap();
    assert!(writer.serve(group));
    let before = writer.place;
    let other = Connection::open(&writer.path).unwrap();
    let guard = "SELECT sql FROM sqlite_schema WHERE name = 'entries_stay'";
    let guard: String = other.query_row(guard, [], |row| row.get(0)).unwrap();
    let far = i64::MAX / 2;
    let change = format!("DROP TRIGGER entries_stay; UPDATE entries SET time = {far}; {guard}");
    other.execute_batch(&change).unwrap();
    writer.reopen(&mut None).unwrap();
    assert_eq!(writer.place, before);
}
