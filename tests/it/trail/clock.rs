//! What the times of entries and checkpoints say to each other, and a machine that sleeps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use runplane::io::keys::LogKeys;
use runplane::model::Timestamp;
use runplane::model::entry::{Entry, Kind};
use runplane::model::merkle::{self, Edge};
use runplane::model::note::Checkpoint;
use runplane::store::Store;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{Against, changed, database, second, stop, verified};
use crate::harness::{Origin, Session, Sidecar, bounded, eventually, root, said};

/// What stands in a trail, in its order, each with the second in which it was written or signed.
enum Step {
    Entry(Entry, u64),
    /// Over all before it.
    Signed(u64),
}
use Step::Signed;

fn boot(second: u64) -> Step {
    Step::Entry(Entry::new(Kind::Boot), second)
}

fn entry(second: u64) -> Step {
    Step::Entry(Entry::new(Kind::Shutdown), second)
}

fn gap(name: &'static str, second: u64) -> Step {
    Step::Entry(Entry::new(Kind::Gap).with(name, 7_200_000_i64), second)
}

const BEGINS: u64 = 1_795_000_000;

/// A trail of these, rightly signed.
fn made(directory: &TempDir, name: &str, keys: &LogKeys, steps: &[Step]) -> PathBuf {
    let empty = directory.path().join("state/empty.db");
    drop(Store::open(&empty).unwrap());
    let (mut edge, mut size, mut ordinal) = (Edge::default(), 0_u64, 0_i64);
    changed(directory, name, &empty, |connection| {
        for step in steps {
            match step {
                Step::Entry(entry, second) => {
                    size += 1;
                    let time = i64::try_from((BEGINS + second) * 1_000).unwrap();
                    let bytes = entry.bytes(i64::try_from(size).unwrap(), Timestamp(time));
                    edge.push(merkle::leaf(&bytes), |_| panic!("a short trail"));
                    let kind = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["kind"].clone();
                    let put = "INSERT INTO entries (seq, time, kind, bytes) VALUES (?1, ?2, ?3, ?4)";
                    let row = params![i64::try_from(size).unwrap(), time, kind.as_str().unwrap(), bytes];
                    connection.execute(put, row).unwrap();
                }
                Signed(second) => {
                    ordinal += 1;
                    let origin = keys.public().name.clone();
                    let root = edge.root();
                    let note = keys.sign(&Checkpoint { origin, size, root }, BEGINS + second);
                    let put = "INSERT INTO checkpoints (ordinal, size, note) VALUES (?1, ?2, ?3)";
                    let row = params![ordinal, i64::try_from(size).unwrap(), note];
                    connection.execute(put, row).unwrap();
                    put_tiles(connection, &edge);
                }
            }
        }
    })
}

fn put_tiles(connection: &Connection, edge: &Edge) {
    connection.execute("DELETE FROM tiles", []).unwrap();
    for tile in edge.partial() {
        let put = "INSERT INTO tiles (level, n, hashes) VALUES (?1, ?2, ?3)";
        let index = i64::try_from(tile.index).unwrap();
        connection
            .execute(put, params![tile.level, index, tile.hashes.concat()])
            .unwrap();
    }
}

/// All are rightly signed: what is wrong with them is told by their times alone.
#[test]
fn times_that_cannot_be_are_found_by_both() {
    let directory = tempfile::tempdir().unwrap();
    let (keys, _) = LogKeys::load_or_create(directory.path()).unwrap();
    let against = Against::new(vec![keys.public().clone()], None).unwrap();
    const LONG: u64 = 65 * 60 + 1;
    let back = "it is earlier than the checkpoint before it, and no entry says that the clock was set back";
    let trails: Vec<(Vec<Step>, Option<&str>)> = vec![
        (vec![boot(0), Signed(1), entry(10), Signed(3_601), Signed(7_500)], None),
        (
            vec![boot(0), Signed(1), entry(2), Signed(LONG + 2)],
            Some("no entry says why"),
        ),
        (
            vec![boot(0), Signed(1), Signed(LONG + 1), entry(LONG + 2), Signed(LONG + 3)],
            Some("no entry says why"),
        ),
        (
            vec![
                boot(0),
                Signed(1),
                gap("silent_ms", LONG),
                entry(LONG),
                Signed(LONG + 2),
            ],
            None,
        ),
        (
            vec![
                boot(0),
                Signed(1),
                entry(2),
                Signed(LONG + 2),
                gap("set_forward_ms", LONG + 2),
                Signed(LONG + 3),
            ],
            None,
        ),
        (vec![boot(0), Signed(1), entry(2), boot(LONG), Signed(LONG + 2)], None),
        // One silence that is told of does not stand for the next.
        (
            vec![
                boot(0),
                Signed(1),
                gap("silent_ms", LONG),
                Signed(LONG + 2),
                entry(LONG + 3),
                Signed(2 * LONG + 4),
            ],
            Some("no entry says why"),
        ),
        (
            vec![boot(9), entry(8), Signed(10)],
            Some("it is earlier than the entry before"),
        ),
        (
            vec![boot(0), Signed(20), entry(14), Signed(21), Signed(22), Signed(23)],
            Some(back),
        ),
        (vec![boot(0), Signed(20), entry(14), Signed(21)], Some(back)),
        (vec![boot(0), Signed(20), entry(16), Signed(21)], None),
        (vec![boot(0), Signed(20), gap("set_back_ms", 14), Signed(21)], None),
        (
            vec![boot(0), Signed(20), Signed(19)],
            Some("it is earlier than the one before"),
        ),
        (
            vec![boot(0), entry(30), Signed(20)],
            Some("it is earlier than an entry that it is over"),
        ),
    ];
    let mut files = Vec::new();
    for (number, (steps, wrong)) in trails.iter().enumerate() {
        let path = made(&directory, &format!("{number}.db"), &keys, steps);
        let told = verified(&path, &against).findings.told;
        match wrong {
            None => assert_eq!(told, [], "trail {number}"),
            Some(wrong) => {
                assert!(!told.is_empty(), "trail {number}: {wrong}");
                assert!(
                    told.iter().all(|found| found.wrong.contains(wrong)),
                    "trail {number}: {told:?}"
                );
            }
        }
        files.push(path);
    }
    let expected: Vec<bool> = trails.iter().map(|(_, wrong)| wrong.is_none()).collect();
    assert_eq!(second(&keys.public().to_string(), &[], &files), expected);
}

/// A sidecar on a machine that can be put to sleep.
fn sleeper(origin: &Origin) -> (Sidecar, PathBuf) {
    let sidecar = Sidecar::new().resolve("api.stripe.com", origin);
    let (library, slept) = (sidecar.home.join("sleep.so"), sidecar.home.join("slept"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    let output = bounded({
        compiler.arg(root().join("tests/it/trail/sleep.c"));
        compiler
    });
    assert!(output.status.success(), "{}", said(&output));
    fs::write(&slept, 0_i64.to_ne_bytes()).unwrap();
    let sidecar = sidecar
        .environment("LD_PRELOAD", library.to_str().unwrap())
        .environment("SLEPT", slept.to_str().unwrap());
    (sidecar.start(), slept)
}

/// In place, for it is read by way of memory.
fn sleep(slept: &Path, seconds: i64) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().write(true).open(slept).unwrap();
    file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
}

const NIGHT: i64 = 8 * 60 * 60;

#[test]
fn a_machine_that_slept_leaves_an_honest_trail() {
    let origin = Origin::stripe();
    let (sidecar, slept) = sleeper(&origin);
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    Session::stripe(&sidecar).call("balance").assert_ok();
    let all_sealed = || {
        let trail = Connection::open(database(&sidecar)).unwrap();
        let all = "SELECT (SELECT max(size) FROM checkpoints) = (SELECT max(seq) FROM entries)";
        trail.query_row(all, [], |row| row.get::<_, bool>(0)).unwrap()
    };
    eventually("a checkpoint is over the call", all_sealed);
    sleep(&slept, NIGHT);
    let silences = || -> Vec<i64> {
        let gaps = sidecar.trail().of_kind("gap");
        assert!(
            gaps.iter().all(|gap| gap["silent_ms"].is_i64()),
            "nobody set the clock: {gaps:?}"
        );
        gaps.iter().filter_map(|gap| gap["silent_ms"].as_i64()).collect()
    };
    eventually("it is told that nothing was signed", || {
        silences().len() == 1 && all_sealed()
    });
    // And it is stopped as soon as it wakes: `shutdown` is the last word all the same.
    sleep(&slept, 2 * NIGHT);
    stop(&sidecar);
    let silences = silences();
    let a_night = |silence: &i64| (NIGHT * 1_000..(NIGHT + 60) * 1_000).contains(silence);
    assert!(silences.len() == 2 && silences.iter().all(a_night), "{silences:?}");
    assert_eq!(sidecar.trail().entries().last().unwrap()["kind"], "shutdown");
    let told = sidecar.told(&["audit", "verify", "--key", &key, database(&sidecar).to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    assert_eq!(second(&key, &[], &[database(&sidecar)]), [true]);
}
