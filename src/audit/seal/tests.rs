mod anchors;
mod rewritten;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::audit::{Against, Anchor, Place, verify};
use crate::io::keys::LogKey;
use crate::model::Secret;
use crate::model::entry::{Entry, Kind};
use crate::model::merkle::Tiles as _;
use crate::store::Evidence;

const NAME: &str = "runplane/test";

fn key() -> LogKey {
    LogKey::new(NAME, &Secret::new([3; 32])).unwrap()
}

/// A trail in a directory of its own.
struct Home {
    directory: TempDir,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state").join("runplane.db");
        Self { directory, path }
    }

    fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }

    fn state(&self) -> &Path {
        self.path.parent().unwrap()
    }

    fn last(&self) -> LastNote {
        LastNote::of(self.state())
    }

    fn anchor(&self) -> Anchor {
        Anchor::new(self.directory.path().join("checkpoint"), self.state()).unwrap()
    }

    fn sealer(&self, store: &Store) -> Result<Sealer, SealError> {
        Sealer::open(store, key(), self.last(), false)
    }

    async fn sealed(&self, store: &Store) -> Signed {
        self.sealer(store).unwrap().seal(store).await.unwrap()
    }
}

async fn append(store: &Store, entries: u32) {
    for _ in 0..entries {
        store.later(vec![Change::Append(Entry::new(Kind::Boot))]);
    }
    store.flush().await.unwrap();
}

fn root_of(note: &str) -> merkle::Hash {
    let signed = Note::parse(note).unwrap().verify(&[key().public().clone()]).unwrap();
    signed.checkpoint.root
}

/// The root by its definition, over the entries as another program reads them.
fn root_by_hand(path: &Path, size: usize) -> merkle::Hash {
    fn over(leaves: &[merkle::Hash]) -> merkle::Hash {
        use sha2::{Digest, Sha256};
        let split = |count: usize| (0..).map(|power| 1 << power).take_while(|half| *half < count).last();
        match (leaves, split(leaves.len())) {
            ([one], _) => *one,
            (more, Some(half)) => {
                let both = [&[1][..], &over(&more[..half]), &over(&more[half..])].concat();
                Sha256::digest(both).into()
            }
            ([], _) | (_, None) => unreachable!("a tree of no entries"),
        }
    }
    let reader = Reader::open(path).unwrap();
    let mut leaves = Vec::new();
    reader
        .behind(0, u32::MAX, |bytes| leaves.push(merkle::leaf(bytes)))
        .unwrap();
    over(&leaves[..size])
}

#[tokio::test]
async fn the_tree_grows_with_the_trail_and_after_a_restart() {
    let home = Home::new();
    let mut size = 0;
    for more in [1, 2, 252, 1, 1, 300, 0, 2_000] {
        let store = home.store();
        append(&store, more).await;
        size += u64::from(more);
        let signed = home.sealed(&store).await;
        assert_eq!(signed.size, size);
        assert_eq!(
            root_of(&signed.note),
            root_by_hand(&home.path, usize::try_from(size).unwrap())
        );
    }
    let reader = Reader::open(&home.path).unwrap();
    let tile = reader.tile(1, 0, 9).unwrap();
    assert_eq!(tile.len(), 9);
    assert_eq!(tile[8], merkle::root(&reader.tile(0, 8, 256).unwrap()));
    let checkpoint = reader.checkpoint().unwrap().unwrap();
    assert_eq!((checkpoint.ordinal, checkpoint.size), (8, size));
}

#[tokio::test]
async fn a_long_tail_is_sealed_in_pieces() {
    let home = Home::new();
    let store = home.store();
    append(&store, AT_MOST + 10).await;
    let mut sealer = home.sealer(&store).unwrap();
    assert_eq!(sealer.seal(&store).await.unwrap().size, u64::from(AT_MOST));
    assert_eq!(sealer.seal(&store).await.unwrap().size, u64::from(AT_MOST) + 10);
}

/// Else what is behind the first piece would look as if the clock had been set back.
#[tokio::test]
async fn no_entry_of_a_long_tail_is_before_the_checkpoint_before_it() {
    let home = Home::new();
    let store = home.store();
    append(&store, AT_MOST + 10).await;
    let written = u64::try_from(store.last_time().unwrap().0 / 1_000).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let mut sealer = home.sealer(&store).unwrap();
    let seconds = |signed: Signed| Note::parse(&signed.note).unwrap().claimed_seconds();
    assert!(seconds(sealer.seal(&store).await.unwrap()) <= written);
    assert!(
        seconds(sealer.seal(&store).await.unwrap()) > written,
        "the last one is of now"
    );
}

#[tokio::test]
async fn no_checkpoint_is_before_an_entry_or_another_checkpoint() {
    let home = Home::new();
    let store = home.store();
    append(&store, 1).await;
    let now = u64::try_from(Timestamp::now().0 / 1_000).unwrap();
    let mut sealer = home.sealer(&store).unwrap();
    sealer.sealed.as_mut().unwrap().seconds = now + 5_000;
    let seconds = |note: &str| Note::parse(note).unwrap().claimed_seconds();
    assert_eq!(
        seconds(&sealer.seal(&store).await.unwrap().note),
        now + 5_000,
        "the clock was set back"
    );
    assert_eq!(
        seconds(&home.sealed(&store).await.note),
        now + 5_000,
        "and after a restart"
    );
}

/// The seal that nobody heard of may be on disk: what comes next is read, not remembered.
#[tokio::test]
async fn after_a_failure_the_tree_is_read_again() {
    let home = Home::new();
    let store = home.store();
    append(&store, 10).await;
    let (mut one, mut other) = (home.sealer(&store).unwrap(), home.sealer(&store).unwrap());
    one.seal(&store).await.unwrap();
    append(&store, 10).await;
    let lost = other.seal(&store).await.unwrap_err();
    assert!(matches!(lost, SealError::Commit(CommitError::Lost)), "{lost}");
    let signed = other.seal(&store).await.unwrap();
    assert_eq!(root_of(&signed.note), root_by_hand(&home.path, 20));
    assert_eq!(
        Reader::open(&home.path).unwrap().checkpoint().unwrap().unwrap().ordinal,
        2
    );
}

fn change(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (trigger, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    connection.execute_batch(sql).unwrap();
    for (_, made) in triggers {
        connection.execute_batch(&made).unwrap();
    }
}

#[tokio::test]
async fn a_tree_that_was_changed_is_not_signed_again() {
    for (sql, cut) in [
        (
            "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = 1",
            false,
        ),
        (
            "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 1",
            false,
        ),
        ("UPDATE tiles SET hashes = substr(hashes, 33) WHERE n = 1", false),
        ("DELETE FROM tiles", false),
        ("DELETE FROM entries WHERE seq > 290", true),
    ] {
        let home = Home::new();
        let store = home.store();
        append(&store, 300).await;
        home.sealed(&store).await;
        drop(store);
        change(&home.path, sql);
        let error = home.sealer(&home.store()).unwrap_err();
        assert_eq!(matches!(error, SealError::Cut { .. }), cut, "{sql}: {error}");
        assert_eq!(matches!(error, SealError::Broken), !cut, "{sql}: {error}");
    }
}

/// Who can write the database rewrites an entry and makes a tree of it that is whole in itself, while the sidecar runs and while
/// it does not.
#[tokio::test]
async fn a_history_that_was_rewritten_is_not_signed() {
    let rewrite = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'boot', 'toob') AS BLOB) WHERE seq = 3;
        DELETE FROM checkpoints; DELETE FROM tiles";
    let home = Home::new();
    let store = home.store();
    append(&store, 10).await;
    let mut sealer = home.sealer(&store).unwrap();
    sealer.seal(&store).await.unwrap();
    change(&home.path, rewrite);
    append(&store, 1).await;
    for _ in 0..3 {
        let error = sealer.seal(&store).await.unwrap_err();
        let known = matches!(
            error,
            SealError::SetBack { signed: 10, found: 0 } | SealError::Commit(_)
        );
        assert!(known, "{error}");
    }
    let set_back = |error: &SealError| matches!(error, SealError::SetBack { signed: 10, found: 0 });
    let error = home.sealer(&store).unwrap_err();
    assert!(set_back(&error), "{error}");
    // An earlier tree that the key has truly signed, grown again as far.
    let mut other = Sealer::open(&store, key(), LastNote::of(home.directory.path()), false).unwrap();
    other.seal(&store).await.unwrap();
    let error = home.sealer(&store).unwrap_err();
    assert!(matches!(error, SealError::Another { signed: 10 }), "{error}");
    let error = sealer.seal(&store).await.unwrap_err();
    assert!(matches!(error, SealError::Another { signed: 10 }), "{error}");
    // The operator goes on from there.
    let accepted = Sealer::open(&store, key(), home.last(), true).unwrap();
    assert!(
        matches!(accepted.held, Last::Accepted { signed: 10, found: 11 }),
        "{accepted:?}"
    );
    let mut accepted = accepted;
    accepted.seal(&store).await.unwrap();
    assert!(matches!(home.sealer(&store).unwrap().held, Last::From(11)));
}

/// Killed between the commit and the file.
#[tokio::test]
async fn a_file_that_is_behind_is_gone_on_from() {
    let home = Home::new();
    let store = home.store();
    append(&store, 300).await;
    let behind = home.sealed(&store).await;
    append(&store, 300).await;
    home.sealed(&store).await;
    home.last().keep(&behind.note).unwrap();
    let sealer = home.sealer(&store).unwrap();
    assert_eq!(sealer.size(), 600);
    assert!(matches!(sealer.held, Last::From(300)));
}

#[tokio::test]
async fn no_time_is_taken_from_a_note_that_the_key_did_not_sign() {
    let home = Home::new();
    let store = home.store();
    append(&store, 3).await;
    let signed = home.sealed(&store).await;
    let claims = Note::parse(&signed.note).unwrap().claims().clone();
    let far = key().sign(&claims, 253_402_300_799);
    let (text, _) = signed.note.trim_end().rsplit_once('\n').unwrap();
    let other = LogKey::new(NAME, &Secret::new([4; 32]))
        .unwrap()
        .sign(&claims, 253_402_300_799);
    let late = format!("{text}\n{}\n", other.trim_end().rsplit_once('\n').unwrap().1);
    assert_eq!(Note::parse(&late).unwrap().claimed_seconds(), 253_402_300_799);
    let put = |note: &str| {
        change(&home.path, &format!("UPDATE checkpoints SET note = '{note}'"));
    };
    put(&late);
    let sealer = home.sealer(&store).unwrap();
    assert!(sealer.known.unwrap().seconds < 253_402_300_799);
    // Nor without the file that tells.
    let unknown = LastNote::of(home.directory.path());
    let error = Sealer::open(&store, key(), unknown.clone(), false).unwrap_err();
    assert!(matches!(error, SealError::Broken), "{error}");
    put(&far);
    let sealer = Sealer::open(&store, key(), unknown, false).unwrap();
    assert_eq!(sealer.known.unwrap().seconds, 253_402_300_799, "it is signed");
}

#[tokio::test]
async fn nobody_changes_tiles_or_checkpoints() {
    let home = Home::new();
    let store = home.store();
    append(&store, 300).await;
    home.sealed(&store).await;
    drop(store);
    let connection = rusqlite::Connection::open(&home.path).unwrap();
    for mutation in [
        "UPDATE tiles SET hashes = zeroblob(32)",
        "UPDATE tiles SET hashes = substr(hashes, 1, 32) WHERE n = 1",
        "UPDATE tiles SET n = 7 WHERE n = 1",
        "DELETE FROM tiles",
        "UPDATE checkpoints SET note = 'x'",
        "UPDATE checkpoints SET size = 1",
        "DELETE FROM checkpoints",
        "INSERT INTO checkpoints VALUES (3, 300, 'x')",
        "INSERT INTO checkpoints VALUES (2, 299, 'x')",
        "INSERT OR REPLACE INTO checkpoints VALUES (1, 300, 'x')",
    ] {
        assert!(connection.execute(mutation, []).is_err(), "{mutation}");
    }
}

/// Whatever was cut off at the end; its calls have no outcome then, as after a kill.
#[tokio::test]
async fn behind_the_end_of_a_run_nothing_is_written_but_checkpoints() {
    let home = Home::new();
    let store = home.store();
    append(&store, 3).await;
    let mut sealer = home.sealer(&store).unwrap();
    let entry = |kind| vec![Change::Append(Entry::new(kind))];
    // What was there before goes before.
    store.later(entry(Kind::Outcome));
    store.end(entry(Kind::Shutdown)).await.unwrap();
    store.later(entry(Kind::Outcome));
    let refused = store.write(entry(Kind::Anchor)).await;
    assert_eq!(
        refused,
        Err(CommitError::Unavailable("the sidecar has ended".to_owned()))
    );
    store.flush().await.unwrap();
    assert_eq!(sealer.seal(&store).await.unwrap().size, 5);
    drop(store);
    let last = Reader::open(&home.path).unwrap().bare(1, 9).unwrap().pop().unwrap();
    assert_eq!((last.seq, &*last.kind), (5, "shutdown"));
}

#[tokio::test]
async fn progress_is_told_and_values_without_an_entry_are_found() {
    for loose in [-3, 0, 11, 99] {
        let home = Home::new();
        let store = home.store();
        append(&store, 10).await;
        home.sealed(&store).await;
        drop(store);
        let values = format!("DROP TRIGGER entry_values_follow; INSERT INTO entry_values VALUES ({loose}, '{{}} ')");
        let written = rusqlite::Connection::open(&home.path).unwrap();
        written.execute_batch(&values).unwrap();
        drop(written);
        let against = Against::new(vec![key().public().clone()], None).unwrap();
        let (evidence, mut told) = (Evidence::open(&home.path).unwrap(), Vec::new());
        let report = verify(&evidence, &against, |done, all| told.push((done, all))).unwrap();
        assert_eq!(told, [(0, 10), (10, 10)]);
        let places: Vec<_> = report.findings.told.into_iter().map(|found| found.place).collect();
        let trigger = Place::File("entry_values_follow".to_owned());
        assert_eq!(places, [trigger, Place::Values(loose)]);
    }
}
