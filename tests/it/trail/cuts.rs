//! Trails whose end was cut off, and which entry is told first.

use std::collections::BTreeSet;
use std::fs;

use runplane::audit::Against;
use runplane::model::note::VerifierKey;
use rusqlite::Connection;

use super::mutations::{change, put_behind, unnoticed};
use super::{ANCHORED, Recorded, changed, database, second, stop, verified};
use crate::harness::{Origin, PATIENCE, Session, Sidecar};

#[test]
fn every_cut_of_the_tail_is_noticed() {
    let recorded = Recorded::with_calls(5);
    let connection = Connection::open(recorded.database()).unwrap();
    let last: i64 = connection
        .query_row("SELECT max(seq) FROM entries", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    let changes: Vec<_> = (0..last)
        .map(|kept| {
            change(format!("cut behind entry {kept}"), move |connection: &Connection| {
                connection
                    .execute("DELETE FROM entries WHERE seq > ?1", [kept])
                    .unwrap();
                connection
                    .execute("DELETE FROM entry_values WHERE seq > ?1", [kept])
                    .unwrap();
            })
        })
        .collect();
    let unnoticed_ones = unnoticed(&recorded, &changes);
    assert!(unnoticed_ones.is_empty(), "{}", unnoticed_ones.join("\n"));
}

/// A trail as it was at some time is whole in itself: only what was published later tells.
#[test]
fn whatever_the_trail_was_before_is_told_by_a_checkpoint_that_came_later() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section(ANCHORED)
        .start();
    let directory = tempfile::tempdir().unwrap();
    let mut client = Session::stripe(&sidecar);
    let (mut copies, mut ends) = (Vec::new(), BTreeSet::new());
    let began = std::time::Instant::now();
    while ends.iter().filter(|(_, sealed)| *sealed).count() < 2 {
        assert!(began.elapsed() < PATIENCE, "{ends:?}");
        let path = directory.path().join(format!("{}.db", copies.len()));
        let live = Connection::open(database(&sidecar)).unwrap();
        live.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
        let [size, sealed] = ["(SELECT max(seq) FROM entries)", "(SELECT max(size) FROM checkpoints)"].map(|sql| {
            live.query_row(&format!("SELECT {sql}"), [], |row| row.get::<_, i64>(0))
                .unwrap()
        });
        // Whatever there was written meanwhile, this copy is of one moment.
        if ends.insert((size, size == sealed)) {
            copies.push(path);
        } else {
            fs::remove_file(path).unwrap();
        }
        if size == sealed || ends.len() < 40 {
            client.call("balance").assert_ok();
        }
        std::thread::sleep(std::time::Duration::from_millis(400));
    }
    stop(&sidecar);
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let published = sidecar.home().join("published.checkpoint");
    let keys = vec![VerifierKey::parse(&key).unwrap()];
    let alone = Against::new(keys.clone(), None).unwrap();
    let held = Against::new(keys, Some(&fs::read_to_string(&published).unwrap())).unwrap();
    assert!(copies.len() > 5, "{ends:?}");
    for path in &copies {
        assert_eq!(verified(path, &alone).findings.told, [], "{}", path.display());
        let findings = verified(path, &held).findings.told;
        let cut = findings.iter().all(|finding| finding.wrong.contains("cut off"));
        assert!(cut && !findings.is_empty(), "{findings:?}");
    }
    assert_eq!(second(&key, &[], &copies), vec![true; copies.len()]);
    let more = ["--checkpoint", published.to_str().unwrap()];
    assert_eq!(second(&key, &more, &copies), vec![false; copies.len()]);
}

/// The first entry that is not as it was written, whatever else is wrong with the trail then.
#[test]
fn the_first_bad_entry_is_named() {
    let recorded = Recorded::with_calls(5);
    let directory = tempfile::tempdir().unwrap();
    // What follows from one that is wrong is told, too, and of an approval that may be further up: so a call without one.
    let calm = Connection::open(recorded.database())
        .unwrap()
        .query_row(
            "SELECT min(seq) FROM entries WHERE kind = 'decided' AND CAST(bytes AS TEXT) LIKE '%\"action\":\"read_balance\"%'",
            [],
            |row| row.get::<_, i64>(0),
        )
        .unwrap();
    let calm = u64::try_from(calm).unwrap();
    let next = calm + 1;
    for (number, (wrong, entry)) in [
        ("DELETE FROM entries WHERE seq = 1".to_owned(), 1),
        (format!("DELETE FROM entries WHERE seq = {calm}"), calm),
        (
            format!("DELETE FROM entries WHERE seq BETWEEN {calm} AND {calm} + 3"),
            calm,
        ),
        (format!("UPDATE entries SET time = time + 1 WHERE seq = {calm}"), calm),
        (
            format!(
                "UPDATE entries SET seq = -1 WHERE seq = {calm}; UPDATE entries SET seq = {calm} WHERE seq = {next};
                UPDATE entries SET seq = {next} WHERE seq = -1"
            ),
            calm,
        ),
        (put_behind(calm), next),
    ]
    .into_iter()
    .enumerate()
    {
        let path = changed(
            &directory,
            &format!("{number}.db"),
            &recorded.database(),
            |connection| {
                connection.execute_batch(&wrong).unwrap();
            },
        );
        let findings = verified(&path, &recorded.against(None)).findings;
        assert_eq!(findings.first_entry, Some((entry, entry)), "{wrong}: {findings:?}");
        assert_eq!(second(&recorded.key, &[], &[path]), [false], "{wrong}");
    }
}
