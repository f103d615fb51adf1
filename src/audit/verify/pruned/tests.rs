//! Which orders count, and what may be done by them.

use tempfile::TempDir;

use super::*;
use crate::io::keys::LogKey;
use crate::model::Secret;
use crate::model::entry::{Entry, Kind};
use crate::model::note::Checkpoint;
use crate::store::Store;

/// A moment of November 2026.
const NOW: i64 = 1_795_183_500_000;
const OF_OCTOBER: i64 = 1_793_000_000_000;

/// Of no entries: they are given by hand.
fn database() -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state").join("runplane.db");
    drop(Store::open(&path).unwrap());
    (directory, path)
}

fn ordered(before: &str, to: i64, kept: Option<&str>) -> Entry {
    Entry::new(Kind::Pruned)
        .with("before", before)
        .with("event", "ordered")
        .with("from", 1_i64)
        .with("months", "2026-09")
        .with("to", to)
        .with_some("kept", kept)
}

fn done(order: i64, (from, to): (i64, i64), kept: Option<&str>) -> Entry {
    let rows = ["approvals", "calls", "grants"];
    let entry = Entry::new(Kind::Pruned)
        .with("event", "done")
        .with("from", from)
        .with("order", order)
        .with("to", to)
        .with_some("kept", kept);
    rows.into_iter().fold(entry, |entry, row| entry.with(row, 0_i64))
}

fn gap(forward: i64) -> Entry {
    Entry::new(Kind::Gap).with("set_forward_ms", forward)
}

/// What is wrong with entries that stand behind the ninth; the last checkpoint is over `sealed` of all.
fn told(path: &std::path::Path, sealed: u64, entries: &[Entry]) -> Vec<String> {
    let evidence = Evidence::open(path).unwrap();
    let mut findings = Findings::default();
    let mut pruned = Pruned::read(&evidence, &mut findings).unwrap();
    for (seq, entry) in (10..).zip(entries) {
        let bytes = entry.bytes(seq, Timestamp(NOW));
        let members = Members::read(&bytes).unwrap();
        let place = (u64::try_from(seq).unwrap(), sealed);
        pruned
            .entry(&evidence, place, (entry.kind.as_str(), &members), &mut findings)
            .unwrap();
    }
    findings.told.into_iter().map(|finding| finding.wrong).collect()
}

#[test]
fn an_order_that_no_run_gave_takes_nothing_away() {
    let (_directory, path) = database();
    let order = || ordered("2026-10", 9, None);
    let (boot, other) = (Entry::new(Kind::Boot), Entry::new(Kind::Shutdown));
    let whole = [
        order(),
        other.clone(),
        done(10, (1, 4), None),
        other.clone(),
        done(10, (5, 9), None),
    ];
    assert_eq!(told(&path, 11, &whole), [""; 0]);
    let nobody = "nobody ordered that so much is pruned, or a start or another order came since";
    for entries in [
        vec![other.clone(), done(10, (1, 4), None)],
        // What stood behind the last checkpoint after a crash was signed by the next start, which says so behind it.
        vec![order(), boot, done(10, (1, 4), None)],
        vec![order(), order(), done(10, (1, 4), None)],
        vec![ordered("2026-10", 3, None), done(10, (1, 4), None)],
    ] {
        assert_eq!(told(&path, 12, &entries), [nobody]);
    }
    let unsigned = told(&path, 9, &[order(), done(10, (1, 4), None)]);
    assert_eq!(unsigned, ["what was ordered to be pruned was not signed before it was"]);
}

/// Who is disabled, and who is paused.
#[test]
fn what_was_ordered_to_be_kept_is_kept() {
    let (_directory, path) = database();
    let order = || ordered("2026-10", 9, Some("2-3,7"));
    let whole = [
        order(),
        done(10, (1, 2), Some("2")),
        done(10, (3, 5), Some("2-5")),
        done(10, (6, 9), Some("2-3,7")),
    ];
    assert_eq!(told(&path, 10, &whole), [""; 0]);
    let more = [order(), done(10, (1, 9), Some("2-4,7"))];
    let wrong = "it does not keep what was ordered to be kept";
    assert_eq!(
        told(&path, 10, &more),
        [wrong],
        "nothing goes on behind the last piece but that"
    );
    for kept in [None, Some("2"), Some("3-4"), Some("2-3,7")] {
        let entries = [order(), done(10, (1, 6), kept)];
        assert_eq!(
            told(&path, 10, &entries),
            [match kept {
                Some("2-3,7") => "it does not say what was pruned",
                _ => wrong,
            }]
        );
    }
    // Nothing goes, and what was kept is not named.
    for range in [(5, 4), (0, 4), (10, 9)] {
        let entries = [order(), done(10, range, None)];
        assert_eq!(told(&path, 10, &entries), ["it does not say what was pruned"]);
    }
}

#[test]
fn what_was_young_is_not_taken_for_pruned() {
    let (_directory, path) = database();
    let kept = "what it goes by orders months to be pruned that are always kept";
    // Once, at the first of what was done by it, and nothing where nothing was.
    let by = |order: Entry| told(&path, 12, &[order, done(10, (1, 3), None), done(10, (4, 5), None)]);
    assert_eq!(by(ordered("2026-11", 9, None)), [kept]);
    assert_eq!(by(ordered("2026-10", 9, None)), [""; 0]);
    assert_eq!(told(&path, 0, &[ordered("2026-11", 9, None)]), [""; 0]);
    let wrong = "it does not say what is to be pruned";
    assert_eq!(told(&path, 0, &[ordered("2026-13", 9, None)]), [wrong]);
    let key = LogKey::new("runplane/test", &Secret::new([3; 32])).unwrap();
    let keys = crate::io::keys::LogKeys::from(key);
    for (ordinal, size, time) in [(1_i64, 4_u64, OF_OCTOBER - 40 * 86_400_000), (2, 8, OF_OCTOBER)] {
        let checkpoint = Checkpoint {
            origin: keys.public().name.clone(),
            size,
            root: [0; 32],
        };
        let note = keys.sign(&checkpoint, u64::try_from(time / 1_000).unwrap());
        let connection = rusqlite::Connection::open(&path).unwrap();
        let insert = "INSERT INTO checkpoints (ordinal, size, note) VALUES (?1, ?2, ?3)";
        let row = rusqlite::params![ordinal, i64::try_from(size).unwrap(), note];
        connection.execute(insert, row).unwrap();
    }
    let young = "what it goes by orders to be pruned what was not signed before those months were over";
    assert_eq!(by(ordered("2026-10", 9, None)), [young]);
    assert_eq!(by(ordered("2026-10", 8, None)), [young]);
    assert_eq!(by(ordered("2026-10", 7, None)), [""; 0]);
    // The clock was set forward since by more than what is left of the month.
    let set = [
        gap(40 * 86_400_000),
        ordered("2026-10", 7, None),
        done(11, (1, 7), None),
    ];
    assert_eq!(told(&path, 12, &set), [young]);
    assert_eq!(told(&path, 12, &set[..2]), [""; 0], "nothing was done by it");
}

/// Of what goes on, the rows stay between those that are gone.
#[test]
fn rows_that_stayed_are_those_that_were_told() {
    let counted = |open: &str| {
        let entry = Entry::new(Kind::Pruned)
            .with("approvals", 0_i64)
            .with("calls", 5_i64)
            .with("event", "done")
            .with("from", 1_i64)
            .with("grants", 0_i64)
            .with("open_calls", open)
            .with("order", 10_i64)
            .with("to", 9_i64);
        let bytes = entry.bytes(11, Timestamp(NOW));
        let said = Said::read(11, &Members::read(&bytes).unwrap())?;
        let pruned = Pruned {
            gone: Some((11, said)),
            ..Pruned::default()
        };
        let [calls, ..] = pruned.ordinals();
        Some(calls)
    };
    let mut calls = counted("2,4-5").unwrap();
    let told = [3, 4, 8, 9, 12, 13].map(|seq| calls.next(seq));
    assert_eq!(told, [Some(2), Some(4), Some(5), None, Some(6), Some(7)]);
    assert!(counted("6").is_none() && counted("a").is_none());
}
