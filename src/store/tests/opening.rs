//! What is refused at start, and what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::{Connection, ffi};

use super::{count, fresh, gapless, place, sample};
use crate::model::entry::Kind;
use crate::store::open::explain;
use crate::store::{Evidence, OpenError, Reader, Store, Table, schema};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn state_is_made_for_its_owner_only() {
    let (_directory, path, store) = fresh();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for name in ["runplane.db", "runplane.db-wal", "runplane.db-shm", "lock"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[test]
fn a_state_that_others_can_read_is_refused() {
    let (_directory, path, store) = fresh();
    drop(store);
    let state = path.parent().unwrap();
    for (which, lax, chmod) in [
        (&*path, 0o640, "chmod 600"),
        (&*path, 0o604, "chmod 600"),
        (state, 0o750, "chmod 700"),
    ] {
        let before = mode(which);
        fs::set_permissions(which, fs::Permissions::from_mode(lax)).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::LaxMode { .. }), "{error}");
        assert!(error.to_string().contains(chmod), "{error}");
        fs::set_permissions(which, fs::Permissions::from_mode(before)).unwrap();
    }
    Store::open(&path).unwrap();
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    let (_directory, path, store) = fresh();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("another runplane is running"), "{error}");
    let clone = store.clone();
    drop(store);
    assert!(Store::open(&path).is_err(), "a clone still writes");
    drop(clone);
    Store::open(&path).unwrap();
}

#[test]
fn a_database_that_is_not_ours_is_refused_and_left_as_it_is() {
    let (_directory, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    let foreign = |prepare: &dyn Fn()| {
        prepare();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let before = fs::read(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Foreign(_)), "{error}");
        assert!(matches!(Reader::open(&path), Err(OpenError::Foreign(_))));
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_file(&path).unwrap();
    };
    foreign(&|| {
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    });
    foreign(&|| {
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch("PRAGMA application_id = 7; PRAGMA user_version = 1")
            .unwrap();
    });
    foreign(&|| fs::write(&path, "Dear diary, today an agent asked me for money. ".repeat(40)).unwrap());
}

#[test]
fn a_newer_schema_is_refused() {
    let (_directory, path, store) = fresh();
    drop(store);
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_says_what_to_do() {
    let (_directory, path, store) = fresh();
    for _ in 0..300 {
        store.later(sample::decided(&crate::model::CallId::random(), "ALLOW"));
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 20);
    // Somewhere in the middle, and cut short.
    let mut overwritten = whole.clone();
    overwritten[4096 * (pages / 2)..4096 * (pages / 2 + 3)].fill(0xa5);
    for damaged in [&overwritten[..], &whole[..4096 * (pages / 2)], &whole[..100]] {
        fs::write(&path, damaged).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged { .. } | OpenError::Foreign(_)),
            "{error}"
        );
        assert!(error.to_string().contains("backup"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "left as it is");
    }
    fs::write(&path, whole).unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn a_database_locked_by_another_program_is_refused() {
    let (_directory, path, store) = fresh();
    drop(store);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")
        .unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    drop(other);
    Store::open(&path).unwrap();
}

#[test]
fn every_failure_of_the_system_has_its_own_sentence() {
    let of = |code| {
        explain(
            "runplane.db".as_ref(),
            rusqlite::Error::SqliteFailure(ffi::Error::new(code), None),
        )
    };
    assert!(matches!(of(ffi::SQLITE_READONLY), OpenError::ReadOnly(_)));
    assert!(matches!(of(ffi::SQLITE_CANTOPEN), OpenError::ReadOnly(_)));
    assert!(matches!(of(ffi::SQLITE_PERM), OpenError::ReadOnly(_)));
    assert!(matches!(of(ffi::SQLITE_CORRUPT), OpenError::Damaged { .. }));
    assert!(matches!(of(ffi::SQLITE_NOTADB), OpenError::Foreign(_)));
    assert!(matches!(of(ffi::SQLITE_BUSY), OpenError::Locked(_)));
    assert!(matches!(of(ffi::SQLITE_FULL), OpenError::Full(_)));
    assert!(matches!(of(ffi::SQLITE_IOERR), OpenError::Database { .. }));
}

#[test]
fn a_database_that_is_a_directory_or_lies_under_a_file_is_refused() {
    let (directory, path) = place();
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Store::open(&path).is_err());
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        Store::open(&file.join("runplane.db")),
        Err(OpenError::Unusable { .. })
    ));
}

#[test]
fn reading_what_is_not_there_makes_nothing() {
    let (_directory, path) = place();
    assert!(matches!(Reader::open(&path), Err(OpenError::Missing(_))));
    assert!(!path.parent().unwrap().exists());
}

#[tokio::test]
async fn the_trail_goes_on_after_a_restart_and_never_back_in_time() {
    let (_directory, path, store) = fresh();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    drop(store);
    // The clock ran ahead once.
    let future = 33_000_000_000_000_i64;
    Connection::open(&path)
        .unwrap()
        .execute(
            "INSERT INTO entries (seq, time, kind, bytes) VALUES (2, ?1, 'boot', x'7b7d20')",
            [future],
        )
        .unwrap();
    let store = Store::open(&path).unwrap();
    store.write(vec![sample::entry(Kind::Shutdown)]).await.unwrap();
    assert_eq!(gapless(&path), 3);
    assert_eq!(count(&path, "SELECT time FROM entries WHERE seq = 3"), future);
}

const SWALLOWS_BY_STATISTICS: &str =
    "CREATE TRIGGER sqlite1stat_x BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END";
/// As only who writes the schema itself can name one.
const SWALLOWS_AS_SQLITE: &str = "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_stat5', \
    'entries', 0, 'CREATE TRIGGER sqlite_stat5 BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END')";

/// It is not written to either, by a start or after a failure.
#[tokio::test]
async fn a_database_whose_schema_was_changed_is_not_opened() {
    let (_directory, path, store) = fresh();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    drop(store);
    Connection::open(&path)
        .unwrap()
        .execute_batch(SWALLOWS_BY_STATISTICS)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains("`sqlite1stat_x`"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before, "left as it is");
    let undo = "DROP TRIGGER sqlite1stat_x";
    Connection::open(&path).unwrap().execute_batch(undo).unwrap();
    Store::open(&path).unwrap();
}

/// The other one has a digest of each, for it shares nothing with this program.
#[test]
fn the_second_verifier_knows_every_schema() {
    use sha2::Digest as _;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify.py");
    let script = fs::read_to_string(script).unwrap();
    for version in schema::SEALED..=schema::VERSION {
        let made = serde_json::to_string(&schema::made(version).unwrap()).unwrap();
        let line = format!("    {version}: \"{}\",", hex::encode(sha2::Sha256::digest(made)));
        assert!(script.contains(&line), "in `SCHEMAS` it needs\n{line}");
    }
}

#[test]
fn a_schema_that_was_changed_is_told() {
    let (_directory, path) = place();
    drop(Store::open(&path).unwrap());
    let told = || {
        let evidence = Evidence::open(&path).unwrap();
        assert_eq!(evidence.damage().unwrap(), None);
        let strange = evidence.strange().unwrap();
        strange.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(told(), Vec::<String>::new());
    for (change, name) in [
        (
            "CREATE TRIGGER planted BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END",
            "planted",
        ),
        ("CREATE VIEW planted AS SELECT * FROM calls", "planted"),
        ("CREATE TABLE planted (a)", "planted"),
        ("ALTER TABLE calls ADD COLUMN planted INTEGER", "calls"),
        // By a name as SQLite's own, as a trigger by that of a table, and one for the other.
        (SWALLOWS_BY_STATISTICS, "sqlite1stat_x"),
        (SWALLOWS_AS_SQLITE, "sqlite_stat5"),
        (
            "CREATE TRIGGER entries BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END",
            "entries",
        ),
        (
            "CREATE TRIGGER sqlite0stat1 BEFORE INSERT ON entry_values BEGIN SELECT RAISE(IGNORE); END",
            "sqlite0stat1",
        ),
        ("DROP TRIGGER entries_stay", "entries_stay"),
        ("DROP INDEX calls_open", "calls_open"),
        (
            "DROP INDEX calls_open; CREATE INDEX calls_open ON calls (ordinal) WHERE 0",
            "calls_open",
        ),
    ] {
        let before = std::fs::read(&path).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
        connection.execute_batch(change).unwrap();
        drop(connection);
        assert_eq!(told(), [name], "{change}");
        let error = Store::open(&path).unwrap_err();
        assert!(
            matches!(&error, OpenError::Altered { name: found, .. } if found == name),
            "{change}: {error}"
        );
        std::fs::write(&path, before).unwrap();
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = DELETE; ANALYZE")
        .unwrap();
    drop(connection);
    assert_eq!(told(), Vec::<String>::new());
}

/// What an earlier build left is evidence as it lies there: to bring it up to date would be to change it.
#[test]
fn evidence_of_an_earlier_version_is_read_as_it_is() {
    for version in [4, 5, 6] {
        let (_directory, path) = place();
        fs::create_dir(path.parent().unwrap()).unwrap();
        let connection = Connection::open(&path).unwrap();
        schema::migrate_to(&connection, version).unwrap();
        drop(connection);
        let before = fs::read(&path).unwrap();
        if version < schema::SEALED {
            assert!(matches!(Evidence::open(&path), Err(OpenError::Older { found: 4, .. })));
        } else {
            let evidence = Evidence::open(&path).unwrap();
            assert_eq!(evidence.strange().unwrap(), [], "{version}");
            for table in [Table::Grants, Table::Approvals, Table::Calls, Table::Checkpoints] {
                let mut query = evidence.query(table).unwrap();
                assert!(query.lines().unwrap().line().unwrap().is_none(), "{version} {table:?}");
            }
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn evidence_that_is_written_to_while_it_is_read_is_told() {
    let (_directory, path, store) = fresh();
    drop(store);
    let evidence = Evidence::open(&path).unwrap();
    assert!(evidence.is_still());
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA user_version = 7; CREATE TABLE more (a)")
        .unwrap();
    assert!(!evidence.is_still());
}

#[tokio::test]
async fn that_somebody_else_wrote_since_it_was_opened_is_known_with_the_next_commit() {
    let (_directory, path, store) = fresh();
    let boot = || vec![sample::entry(Kind::Boot)];
    for _ in 0..300 {
        store.write(boot()).await.unwrap();
    }
    assert_eq!(count(&path, "SELECT count(*) FROM entries"), 300);
    store.write(boot()).await.unwrap();
    assert!(store.is_undisturbed(), "by what it writes itself, and by readers");
    let other = Connection::open(&path).unwrap();
    let unseen = "BEGIN IMMEDIATE; INSERT INTO pauses VALUES ('x', 'x', NULL, 1); DELETE FROM pauses; COMMIT";
    other.execute_batch(unseen).unwrap();
    store.write(boot()).await.unwrap();
    assert!(!store.is_undisturbed());
}
