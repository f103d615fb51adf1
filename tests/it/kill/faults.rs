//! A disk that is full, read-only, or does not sync, under mixed load, and that is well again: the same invariants, by the origin's log
//! joined with the trail. The disk is `faults.c`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::asks::{self, Ask, STRIPE, tunnel};
use super::load::{self, Dice, fresh};
use super::{books, settled};
use crate::harness::{Configuration, Origin, Sidecar, bounded, found_at, root, said};
use crate::trail::second;

/// As `faults.c` has them.
const FAULTS: [(i32, &str); 4] = [
    (1, "full (ENOSPC)"),
    (2, "read-only (EROFS)"),
    (3, "not syncing (EIO, the bytes written)"),
    (4, "full in the middle of a page"),
];
const ROUNDS: usize = 2;

/// A sidecar on such a disk, which is well until a fault is [`put`].
pub fn on(configured: Configuration) -> Sidecar {
    let (library, faults) = (configured.home.join("faults.so"), configured.home.join("faults"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    compiler.arg(root().join("tests/it/kill/faults.c"));
    let output = bounded(compiler);
    assert!(output.status.success(), "{}", said(&output));
    fs::write(&faults, [0; 8]).unwrap();
    configured
        .environment("LD_PRELOAD", library.to_str().unwrap())
        .environment("FAULTS", faults.to_str().unwrap())
        .start()
}

/// From here on; how often the one before it struck.
pub fn put(home: &Path, fault: i32) -> i32 {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(home.join("faults"))
        .unwrap();
    let mut struck = [0; 4];
    file.read_exact_at(&mut struck, 4).unwrap();
    file.write_all_at(&[fault.to_ne_bytes(), [0; 4]].concat(), 0).unwrap();
    i32::from_ne_bytes(struck)
}

/// I7: an allowed call goes through again, and nobody repaired anything.
fn works_again(sidecar: &Sidecar, fault: &str) {
    let began = Instant::now();
    loop {
        let answer = tunnel(sidecar, STRIPE).ask(Ask::Read.bytes(&fresh()));
        if answer.status == 200 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "I7, {fault}: {answer:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_disk_that_fails_under_mixed_load_breaks_no_invariant() {
    let origin = Origin::of_things();
    let sidecar = on(asks::configured(&origin).resolve(STRIPE, &origin).hold("1s"));
    let early = asks::unannounced(&origin, sidecar.home());
    let mut dice = Dice::new(u64::from(std::process::id()));
    let mut answered = Vec::new();
    for round in 0..ROUNDS {
        for (fault, name) in FAULTS {
            let mut struck = 0;
            let got = load::under(&sidecar, dice.below(1 << 20), || {
                thread::sleep(Duration::from_millis(100 + dice.below(300)));
                put(sidecar.home(), fault);
                thread::sleep(Duration::from_millis(800 + dice.below(400)));
                struck = put(sidecar.home(), 0);
                thread::sleep(Duration::from_millis(300));
            });
            let refused = got.iter().filter(|answer| answer.status == 503).count();
            assert!(
                struck > 0 && refused > 0,
                "{name}: struck {struck} times, {refused} refused"
            );
            works_again(&sidecar, name);
            answered.extend(got);
            found_at(
                7,
                &format!("none; for a second the disk is {name}, round {}", round + 1),
                &format!("{refused} calls refused with 503 and nothing sent, then it goes on; I1 to I7 at the end"),
            );
        }
    }
    let seen = settled(&origin);
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let last = books::last(sidecar.home());
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let database = sidecar.home().join("state/runplane.db");
    let told = sidecar.told(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "I3: {told}");
    assert_eq!(second(&key, &[], &[database]), [true], "I3");
    sidecar.restart();
    books::check(sidecar.home(), last, &seen, &answered);
    let early = early.lock().unwrap();
    assert!(early.is_empty(), "I1: at the origin before it was on disk: {early:?}");
    let reached: BTreeSet<&str> = seen.iter().filter_map(|seen| seen.header("x-marker")).collect();
    for answer in answered.iter().filter(|answer| answer.status == 503) {
        assert!(
            !reached.contains(&*answer.marker),
            "I1: {} was refused and sent",
            answer.marker
        );
    }
    assert_eq!(origin.seen().len(), seen.len(), "I2: the restart sends nothing");
}
