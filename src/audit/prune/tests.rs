//! What is pruned of a trail, as it is told by what was signed.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::audit::Sealer;
use crate::io::keys::{LastNote, LogKey};
use crate::model::{CallId, Secret};
use crate::store::Store;

/// Of the trail's entries: long before, and a moment before the present.
const OLD: i64 = 1_700_000_000_000;
const NEW: i64 = 1_790_000_000_000;

/// A database whose entries are written by hand, each with its time.
struct Trail {
    _directory: TempDir,
    path: PathBuf,
}

impl Trail {
    fn new(entries: &[(i64, Entry)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state").join("runplane.db");
        drop(Store::open(&path).unwrap());
        let trail = Self {
            _directory: directory,
            path,
        };
        trail.write(entries);
        trail
    }

    fn write(&self, entries: &[(i64, Entry)]) {
        let connection = Connection::open(&self.path).unwrap();
        for (time, entry) in entries {
            let next = "SELECT coalesce(max(seq), 0) + 1 FROM entries";
            let seq: i64 = connection.query_row(next, [], |row| row.get(0)).unwrap();
            let (kind, call) = (entry.kind.as_str(), entry.call.as_ref().map(CallId::as_str));
            let bytes = entry.bytes(seq, Timestamp(*time));
            let insert = "INSERT INTO entries (seq, time, kind, call, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
            let row = rusqlite::params![seq, time, kind, call, bytes];
            connection.execute(insert, row).unwrap();
        }
    }

    async fn signed(&self) -> (u64, Hash) {
        let store = Store::open(&self.path).unwrap();
        let key = LogKey::new("runplane/test", &Secret::new([3; 32])).unwrap();
        let mut sealer = Sealer::open(&store, key, LastNote::of(self.path.parent().unwrap()), false).unwrap();
        sealer.seal(&store).await.unwrap();
        store.signed()
    }

    /// Changed past its triggers.
    fn change(&self, sql: &str) {
        let connection = Connection::open(&self.path).unwrap();
        let made = |name: &str| -> String {
            let made = "SELECT sql FROM sqlite_schema WHERE name = ?1";
            connection.query_row(made, [name], |row| row.get(0)).unwrap()
        };
        let triggers = ["entries_stay", "tiles_grow"].map(|name| (name, made(name)));
        for (name, _) in &triggers {
            connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        connection.execute_batch(sql).unwrap();
        for (_, made) in &triggers {
            connection.execute_batch(made).unwrap();
        }
    }

    fn plan(&self, signed: (u64, Hash)) -> Result<Prune, PruneError> {
        plan(&self.path, signed)
    }
}

fn plan(path: &Path, signed: (u64, Hash)) -> Result<Prune, PruneError> {
    let before = Month::of(Timestamp(NEW)).begins();
    Prune::plan(&Reader::open(path).unwrap(), signed, before, i64::MAX)
}

fn ends(times: &[i64]) -> Vec<(i64, Entry)> {
    times.iter().map(|time| (*time, Entry::new(Kind::Shutdown))).collect()
}

/// Two entries that are old, and three that are not.
fn two_are_old() -> Vec<(i64, Entry)> {
    ends(&[OLD, OLD + 1, NEW, NEW + 1, NEW + 2])
}

#[tokio::test]
async fn what_is_old_is_told_by_what_was_signed() {
    let trail = Trail::new(&two_are_old());
    let signed = trail.signed().await;
    assert_eq!(trail.plan(signed).unwrap().range(), Some((1, 2)));
    let bytes = "bytes = CAST(replace(CAST(bytes AS TEXT), '\"time\":179', '\"time\":17') AS BLOB)";
    for (name, change) in [
        ("time", "UPDATE entries SET time = 1 WHERE seq <= 4".to_owned()),
        ("kind", "UPDATE entries SET kind = 'gap' WHERE seq = 2".to_owned()),
        ("call", "UPDATE entries SET call = 'call_1' WHERE seq = 5".to_owned()),
        (
            "time and bytes",
            format!("UPDATE entries SET time = time - 1773000000000, {bytes} WHERE seq BETWEEN 3 AND 4"),
        ),
    ] {
        let trail = Trail::new(&two_are_old());
        let signed = trail.signed().await;
        trail.change(&change);
        let plan = trail.plan(signed);
        assert!(matches!(plan, Err(PruneError::Changed(_))), "{name}: {plan:?}");
    }
}

/// A tile lies where the entries do.
#[tokio::test]
async fn a_tile_that_was_changed_with_its_entry_does_not_bear_it_out() {
    let trail = Trail::new(&two_are_old());
    let signed = trail.signed().await;
    let forged = Entry::new(Kind::Shutdown).bytes(3, Timestamp(OLD + 2));
    trail.change(&format!(
        "UPDATE entries SET time = {}, bytes = CAST('{}' AS BLOB) WHERE seq = 3",
        OLD + 2,
        String::from_utf8(forged.clone()).unwrap()
    ));
    assert!(matches!(trail.plan(signed), Err(PruneError::Changed(3))));
    let hash = hex::encode(crate::model::merkle::leaf(&forged));
    trail.change(&format!(
        "UPDATE tiles SET hashes = CAST(substr(hashes, 1, 64) || x'{hash}' || substr(hashes, 97) AS BLOB) WHERE level = 0"
    ));
    let plan = trail.plan(signed);
    assert!(matches!(plan, Err(PruneError::Another(5))), "{plan:?}");
}

/// Once entries are gone, their times are told by what was signed over them.
#[tokio::test]
async fn what_was_signed_late_is_not_old() {
    let trail = Trail::new(&ends(&[OLD, OLD + 1]));
    trail.signed().await;
    trail.write(&ends(&[NEW, NEW + 1]));
    let signed = trail.signed().await;
    assert_eq!(trail.plan(signed).unwrap().range(), Some((1, 1)));
}

/// Cuts after every so many of the first entries: what each keeps, and which calls, approvals and grants.
fn cuts(trail: &Trail, piece: i64, most: i64) -> Vec<Cut> {
    let reader = Reader::open(&trail.path).unwrap();
    let mut cuts = Cuts::new((0, most), piece, [0; 3]);
    for entry in &reader.bare(1, 99).unwrap() {
        cuts.entry(entry, &Members::read(&entry.bytes).unwrap());
    }
    cuts.keep_what_goes_on(&reader).unwrap();
    cuts.all
}

/// Else the order is gone by which the entry counts that says what went.
#[tokio::test]
async fn an_order_stays_for_as_long_as_what_was_done_by_it() {
    let pruned = |event: &str| Entry::new(Kind::Pruned).with("event", event);
    let mut entries = ends(&[OLD, OLD + 1]);
    entries.push((OLD + 2, pruned("ordered")));
    entries.push((OLD + 3, pruned("done").with("order", 3_i64)));
    entries.push((OLD + 4, Entry::new(Kind::Shutdown)));
    entries.push((OLD + 5, pruned("done").with("order", 3_i64)));
    let behind = ends(&[OLD + 6, NEW]);
    let trail = Trail::new(&[&entries[..], &behind].concat());
    let kept: Vec<Vec<i64>> = cuts(&trail, 1, 7).into_iter().map(|cut| cut.kept).collect();
    let order = || vec![3];
    assert_eq!(kept, [vec![], vec![], order(), order(), order(), vec![], vec![]]);
    let last = cuts(&trail, 9, 5);
    assert_eq!(
        (last.len(), &last[0].kept),
        (1, &order()),
        "one was done behind all cuts"
    );
    let signed = trail.signed().await;
    assert_eq!(trail.plan(signed).unwrap().range(), Some((1, 7)));
}

/// At no moment is nothing open, and all of it is pruned but for that.
#[test]
fn what_goes_on_behind_a_cut_stays() {
    let calls = [CallId::random(), CallId::random()];
    let decided = |call: &CallId| Entry::new(Kind::Decided).call(call).with("decision", "ALLOW");
    let outcome = |call: &CallId| Entry::new(Kind::Outcome).call(call);
    let of = |kind: Kind, approval: &str| Entry::new(kind).with("approval", approval);
    let entries = [
        decided(&calls[0]),
        decided(&calls[1]),
        outcome(&calls[0]),
        of(Kind::Held, "asked"),
        Entry::new(Kind::Grant).with("event", "given").with("grant", "given"),
        of(Kind::Approved, "used").with("grant", "given"),
        of(Kind::Consumed, "used"),
        of(Kind::Denied, "asked"),
        outcome(&calls[1]),
        of(Kind::Approved, "again").with("grant", "given"),
        Entry::new(Kind::Shutdown),
    ];
    let entries: Vec<_> = (OLD..).zip(entries).collect();
    let trail = Trail::new(&entries);
    let cuts = cuts(&trail, 2, 10);
    let kept: Vec<&[i64]> = cuts.iter().map(|cut| &*cut.kept).collect();
    // The last uses of a grant tell of all that came by it.
    assert_eq!(kept, [&[1, 2][..], &[2, 4], &[2, 4, 5, 6], &[2, 5, 6, 7], &[]]);
    let second = [vec![calls[1].to_string()], vec!["asked".to_owned()], vec![]];
    assert_eq!((&cuts[1].open, cuts[1].rows), (&second, [2, 1, 0]));
    assert_eq!(cuts[3].open[1..], [vec!["used".to_owned()], vec!["given".to_owned()]]);
    assert_eq!((cuts[4].goes_on(), cuts[4].rows), (None, [2, 3, 1]));
}

/// It may be given back with the call's end; and what let it go is told by both.
#[test]
fn what_an_open_call_goes_by_stays_with_it() {
    let call = CallId::random();
    let of = |kind: Kind| Entry::new(kind).with("approval", "asked");
    let mut entries = vec![
        of(Kind::Held),
        of(Kind::Approved),
        of(Kind::Decided).call(&call).with("decision", "ALLOW"),
        of(Kind::Consumed).call(&call),
        Entry::new(Kind::Shutdown),
    ];
    let kept = |entries: &[Entry]| -> Vec<Vec<i64>> {
        let entries: Vec<_> = (OLD..).zip(entries.iter().cloned()).collect();
        let cuts = cuts(&Trail::new(&entries), 1, 6);
        cuts.into_iter().map(|cut| cut.kept).collect()
    };
    let all = vec![1, 2, 3, 4];
    let begins = [vec![1], vec![1, 2], vec![1, 2, 3], all.clone(), all];
    assert_eq!(kept(&entries), begins, "it has not ended");
    entries.push(Entry::new(Kind::Outcome).call(&call));
    assert_eq!(kept(&entries), [&begins[..], &[vec![]]].concat());
    entries.insert(5, Entry::new(Kind::Shutdown));
    assert_eq!(kept(&entries)[5], [1, 2, 3, 4], "it ends behind the last cut");
}

/// A restart goes on from it: that a witness spoke against this trail is not forgotten for its age.
#[test]
fn that_publishing_fails_stays_until_it_goes_on() {
    let (failed, published) = (
        crate::audit::sidecar::anchor_failed,
        crate::audit::sidecar::anchor_published,
    );
    let (one, file) = (Some("witness:w1"), None);
    let told = [
        failed(one, "unreachable", 0),
        failed(one, "ahead", 0),
        failed(one, "denied", 0),
        failed(file, "unwritable", 0),
        published(file, 0),
        published(one, 0),
    ];
    let entries = told.into_iter().flatten().filter_map(|change| {
        if let Change::Append(entry) = change {
            return Some(entry);
        }
        None
    });
    let entries: Vec<_> = (OLD..).zip(entries).collect();
    let kept = |most: i64| cuts(&Trail::new(&entries), 9, most).pop().unwrap().kept;
    let kept: Vec<_> = (1..=6).map(kept).collect();
    assert_eq!(kept, [vec![1], vec![2], vec![2, 3], vec![2, 3, 4], vec![2, 3], vec![]]);
}

/// Between what names it and what gives it there may be a cut.
#[test]
fn a_grant_by_a_correction_is_counted_where_it_is_given() {
    let entries = [
        Entry::new(Kind::Held).with("approval", "asked"),
        Entry::new(Kind::Denied)
            .with("approval", "asked")
            .with("grant", "given"),
        Entry::new(Kind::Grant).with("event", "given").with("grant", "given"),
        Entry::new(Kind::Shutdown),
    ];
    let trail = Trail::new(&(OLD..).zip(entries).collect::<Vec<_>>());
    let cuts = cuts(&trail, 1, 4);
    let rows: Vec<_> = cuts.iter().map(|cut| (cut.rows[2], cut.open[2].len())).collect();
    assert_eq!(rows, [(0, 0), (0, 0), (1, 0), (1, 0)]);
}

/// Else the grant's row would be gone while an approval by it tells of a use.
#[test]
fn a_grant_stays_for_as_long_as_the_approvals_by_it() {
    let of = |kind: Kind, approval: &str| Entry::new(kind).with("approval", approval);
    let given = |grant: &str| Entry::new(Kind::Grant).with("event", "given").with("grant", grant);
    let entries = [
        given("one"),
        given("two"),
        of(Kind::Held, "first"),
        of(Kind::Approved, "first").with("grant", "one"),
        of(Kind::Held, "both"),
        of(Kind::Approved, "both").with("grant", "one"),
        of(Kind::Approved, "both").with("grant", "two"),
        of(Kind::Held, "last"),
        of(Kind::Approved, "last").with("grant", "two"),
        Entry::new(Kind::Shutdown),
        of(Kind::Consumed, "last"),
    ];
    let trail = Trail::new(&(OLD..).zip(entries).collect::<Vec<_>>());
    let last = cuts(&trail, 10, 10).pop().unwrap();
    assert_eq!(last.kept, (1..=9).collect::<Vec<_>>());
    let mut open = last.open;
    for ids in &mut open {
        ids.sort();
    }
    assert_eq!(open, [&[][..], &["both", "first", "last"], &["one", "two"]]);
}

/// The next one holds the clock against it, and what is kept is of its rules.
#[test]
fn the_last_start_stays_and_how_the_clock_was_set_since() {
    let gap = || Entry::new(Kind::Gap).with("set_forward_ms", 9_i64);
    let start = || Entry::new(Kind::Boot);
    let entries = [gap(), start(), gap(), start(), gap(), Entry::new(Kind::Shutdown)];
    let trail = Trail::new(&(OLD..).zip(entries).collect::<Vec<_>>());
    let kept = |most: i64| cuts(&trail, 9, most).pop().unwrap().kept;
    assert_eq!([1, 3, 6].map(kept), [vec![1], vec![2, 3], vec![4, 5]]);
}

/// What it went on with may be gone, and nothing else tells of that.
#[test]
fn what_a_start_accepted_stays() {
    let start = |name: &'static str, told: &str| Entry::new(Kind::Boot).with(name, told);
    let entries = [
        start("changed_accepted", "1 findings"),
        start("anchor", "of 9 entries, held"),
        start("changed_found", "at noon"),
        start("anchor", "rollback accepted: from 9 entries to 7"),
        start("log_last", "rollback accepted: other entries"),
        start("unsealed_held", "to nothing").with("unsealed", "3"),
        start("unsealed_held", "to nothing").with("unsealed", "0"),
        start("unsealed", "0"),
    ];
    let trail = Trail::new(&(OLD..).zip(entries).collect::<Vec<_>>());
    assert_eq!(cuts(&trail, 9, 8).pop().unwrap().kept, [1, 3, 4, 5, 6, 8]);
}
