//! Fuzzing of what reads bytes of others, as ordinary tests: each target tries the inputs of its saved corpus (`tests/fuzz/NAME/`), and
//! then what these become when bytes of them are changed: as many each time, so that no machine finds what others cannot.
//!
//! An input that leads where none led before is kept for the rest of the run, and changed further. `RUNPLANE_TEST_SEED` makes other
//! inputs of them, `RUNPLANE_FUZZ_SECONDS` as many as that time allows. What fails is made as small as it gets in a moment and written to
//! `target/fuzz/NAME/`: once mended, it belongs in the corpus. `RUNPLANE_WRITE_OUTCOMES=1` writes down what becomes of saved inputs.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

mod mutate;

use mutate::Dice;

/// The same each time, so that what fails in a change fails by that change.
const SEED: u64 = 1;
/// With how many inputs a target is fuzzed. Not for how long: a machine that is faster would fail where others pass.
const INPUTS: usize = 1_000;
/// What no input takes of a processor, in a build for tests.
const SLOW: Duration = Duration::from_secs(2);
/// What is not waited for.
const HANG: Duration = Duration::from_secs(60);
/// How long a failing input is made smaller.
const SHRINK: Duration = Duration::from_secs(5);
/// Inputs kept beside the corpus.
const MAX_KEPT: usize = 2_000;

/// One thing that reads what others write.
pub(crate) struct Target {
    /// Its folder below `tests/fuzz/`.
    pub name: &'static str,
    /// Words that its inputs are made of, beside what the corpus has.
    pub words: &'static [&'static str],
    /// Bytes of an input at most.
    pub longest: usize,
    /// Tries one input: panics where a claim does not hold, and tells what became of it.
    pub check: fn(&[u8]) -> Outcome,
}

/// What became of an input.
pub(crate) struct Outcome {
    /// `accepted`, `error`; of a language `read`, `change`. For a saved input it stands in `tests/fuzz/NAME.outcomes`.
    kind: &'static str,
    /// In a few words: inputs of which the same is told lead to the same place.
    told: String,
}

impl Outcome {
    pub(crate) fn new(kind: &'static str, told: impl Into<String>) -> Self {
        let told = told.into();
        Self { kind, told }
    }

    pub(crate) fn accepted(told: impl Into<String>) -> Self {
        Self::new("accepted", told)
    }

    pub(crate) fn error(told: impl Into<String>) -> Self {
        Self::new("error", told)
    }

    /// The same, told apart by this as well.
    pub(crate) fn with(self, more: &str) -> Self {
        Self::new(self.kind, format!("{more} {}", self.told))
    }

    /// Of what reads or changes; a change where nobody can tell.
    pub(crate) fn reads(reads: bool, told: impl Into<String>) -> Self {
        Self::new(if reads { "read" } else { "change" }, told)
    }
}

/// What is being tried, so that a hang can be told.
type Trying = Arc<Mutex<(Instant, Vec<u8>)>>;

impl Target {
    /// Fuzzes it with as many inputs as a test may take.
    pub(crate) fn fuzz(self) {
        // Not set, or no number: as in every run; what is taken is printed.
        let seed = std::env::var("RUNPLANE_TEST_SEED").ok();
        let seed = seed.and_then(|text| text.parse().ok()).unwrap_or(SEED);
        let seconds = std::env::var("RUNPLANE_FUZZ_SECONDS").ok();
        let seconds: Option<f64> = seconds.and_then(|text| text.parse().ok());
        let most = seconds.map_or(INPUTS, |_| usize::MAX);
        let span = seconds.map_or(Duration::MAX, Duration::from_secs_f64);
        let (name, longest) = (self.name, self.longest);
        println!("{name}: RUNPLANE_TEST_SEED={seed}");
        let trying: Trying = Arc::new(Mutex::new((Instant::now(), Vec::new())));
        let (done, ended) = channel();
        let told = trying.clone();
        // An overflow of the stack ends the process: all that it tells is the thread's name.
        let thread = std::thread::Builder::new().name(format!("{name} RUNPLANE_TEST_SEED={seed}"));
        let work = move || {
            let result = catch_unwind(AssertUnwindSafe(|| self.run(seed, (span, most), &told)));
            done.send(result).expect("the test waits for it");
        };
        let worker = thread.spawn(work).unwrap();
        let result = loop {
            match ended.recv_timeout(Duration::from_secs(1)) {
                Ok(result) => break result,
                Err(RecvTimeoutError::Disconnected) => panic!("{name}: its thread is gone"),
                Err(RecvTimeoutError::Timeout) => {
                    let (since, input) = &*trying.lock().unwrap_or_else(PoisonError::into_inner);
                    if since.elapsed() > HANG {
                        panic!("{name}: no end of {}", saved(name, input).display());
                    }
                }
            }
        };
        worker.join().expect("it caught what failed");
        match result {
            Ok(Ok((tried, slowest, kinds))) => {
                println!("{name}: {tried} inputs of up to {longest} bytes, the slowest in {slowest:?}");
                expected(name, &kinds);
            }
            Ok(Err((input, failure))) => panic!("{name}: {failure}\nRUNPLANE_TEST_SEED={seed}, {}", input.display()),
            Err(_) => panic!("{name}: fuzzing failed itself"),
        }
    }

    /// How many inputs were tried, how long the slowest took, and what became of those that are saved; or the one that failed.
    fn run(
        &self,
        seed: u64,
        (span, most): (Duration, usize),
        trying: &Trying,
    ) -> Result<(usize, Duration, String), (PathBuf, String)> {
        let corpus = corpus(self.name);
        let mut pool: Vec<Vec<u8>> = Vec::new();
        let mut seen = HashSet::new();
        let mut kinds = String::new();
        let (mut tried, mut slowest) = (0, Duration::ZERO);
        for (file, input) in corpus {
            let (Outcome { kind, told }, took) = self.tried(&input, trying)?;
            slowest = slowest.max(took);
            // A string cannot fail to be written to.
            let _ = writeln!(kinds, "{file} {kind}");
            seen.insert(told);
            pool.push(input);
            tried += 1;
        }
        let (start, saved) = (Instant::now(), pool.len());
        while start.elapsed() < span && tried < most {
            let mut dice = Dice::new(seed.wrapping_add(tried as u64));
            let input = mutate::changed(&pool, self.words, self.longest, &mut dice);
            let (outcome, took) = self.tried(&input, trying)?;
            slowest = slowest.max(took);
            tried += 1;
            if seen.insert(outcome.told) && pool.len() < saved + MAX_KEPT {
                pool.push(input);
            }
        }
        Ok((tried, slowest, kinds))
    }

    fn tried(&self, input: &[u8], trying: &Trying) -> Result<(Outcome, Duration), (PathBuf, String)> {
        let note = |input: &[u8]| {
            let mut now = trying.lock().unwrap_or_else(PoisonError::into_inner);
            now.0 = Instant::now();
            now.1.clear();
            now.1.extend_from_slice(input);
        };
        note(input);
        self.outcome(input).map_err(|failure| {
            let start = Instant::now();
            let small = mutate::smallest(input, |smaller| {
                note(smaller);
                start.elapsed() < SHRINK && self.outcome(smaller).is_err()
            });
            (saved(self.name, &small), failure)
        })
    }

    /// What became of an input, and how long it took; why it failed.
    fn outcome(&self, input: &[u8]) -> Result<(Outcome, Duration), String> {
        let mut fastest = Duration::MAX;
        // Once more: the first time may have been that of something else, too.
        for _ in 0..2 {
            let start = worked();
            let first = catch_unwind(|| (self.check)(input)).map_err(|panic| {
                let text = panic.downcast_ref::<String>().cloned();
                text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_else(|| "it panicked".to_owned())
            })?;
            fastest = fastest.min(worked().saturating_sub(start));
            if fastest < SLOW {
                return Ok((first, fastest));
            }
        }
        Err(format!("{} bytes take {fastest:?}", input.len()))
    }
}

/// For how long this thread has had a processor; where the system does not tell, the time that went by.
pub(crate) fn worked() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = told.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    spent.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Saved inputs become what they became when they were saved.
fn expected(name: &str, kinds: &str) {
    let file = saved_in().join(format!("{name}.outcomes"));
    if std::env::var_os("RUNPLANE_WRITE_OUTCOMES").is_some() {
        std::fs::write(&file, kinds).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<HashSet<_>>();
    let (expected, found) = (lines(&expected), lines(kinds));
    let differ: Vec<&String> = found.symmetric_difference(&expected).collect();
    assert!(differ.is_empty(), "{}: {differ:?}", file.display());
}

fn saved_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// Saved inputs, by the names of their files.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = saved_in().join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
    files
        .iter()
        .map(|file| (name(file), std::fs::read(file).unwrap()))
        .collect()
}

/// Writes an input beside the build, where it can be taken from into the corpus.
fn saved(name: &str, input: &[u8]) -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    let folder = binary.ancestors().nth(3).unwrap().join("fuzz").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let mut file = String::new();
    for byte in Sha256::digest(input).iter().take(6) {
        write!(file, "{byte:02x}").unwrap();
    }
    let path = folder.join(file);
    std::fs::write(&path, input).unwrap();
    path
}

/// What a JSON document looks like, in a few words: inputs that look alike are worth keeping once.
pub(crate) fn shape(value: &serde_json::Value) -> String {
    fn look(value: &serde_json::Value, depth: usize, out: &mut String) {
        use serde_json::Value;
        match value {
            Value::Null => out.push('n'),
            Value::Bool(_) => out.push('b'),
            Value::Number(_) => out.push('0'),
            Value::String(text) => out.push(if text.is_empty() { 'e' } else { 's' }),
            Value::Array(items) => {
                out.push('[');
                items
                    .iter()
                    .take(3)
                    .filter(|_| depth < 4)
                    .for_each(|item| look(item, depth + 1, out));
            }
            Value::Object(members) => {
                out.push('{');
                members
                    .values()
                    .take(3)
                    .filter(|_| depth < 4)
                    .for_each(|item| look(item, depth + 1, out));
            }
        }
    }
    let mut out = String::new();
    look(value, 0, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(check: fn(&[u8]) -> Outcome) -> Target {
        Target {
            name: "json",
            words: &[],
            longest: 4096,
            check,
        }
    }

    fn failure(check: fn(&[u8]) -> Outcome) -> (Vec<u8>, String) {
        let trying = Arc::new(Mutex::new((Instant::now(), Vec::new())));
        let (file, failure) = target(check)
            .run(7, (Duration::from_secs(20), usize::MAX), &trying)
            .unwrap_err();
        let input = std::fs::read(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        (input, failure)
    }

    #[test]
    fn what_fails_is_found_made_small_and_kept() {
        let (input, failure) = failure(|input| {
            let braces = input.iter().filter(|byte| **byte == b'{').count();
            assert!(braces < 20, "twenty braces");
            Outcome::accepted(braces.to_string())
        });
        assert_eq!((input, failure.as_str()), (b"{".repeat(20), "twenty braces"));
    }

    #[test]
    fn what_takes_too_long_fails() {
        let (_, failure) = failure(|input| {
            let start = worked();
            while input.len() > 3_000 && worked() < start + SLOW {}
            Outcome::accepted((input.len() / 100).to_string())
        });
        assert!(failure.contains("bytes take"), "{failure}");
    }

    #[test]
    #[should_panic(expected = "shape-too-deep error")]
    fn a_saved_input_that_becomes_something_else_fails() {
        let kinds = std::fs::read_to_string(saved_in().join("json.outcomes")).unwrap();
        expected("json", &kinds);
        expected(
            "json",
            &kinds.replace("shape-too-deep error", "shape-too-deep accepted"),
        );
    }

    #[test]
    fn a_seed_draws_the_same_inputs_again() {
        let pool: Vec<Vec<u8>> = corpus("json").into_iter().map(|(_, input)| input).collect();
        let draw = |seed| mutate::changed(&pool, &["word"], 4096, &mut Dice::new(seed));
        assert!((0..50).all(|seed| draw(seed) == draw(seed) && draw(seed).len() <= 4096));
        let all: HashSet<Vec<u8>> = (0..50).map(draw).collect();
        assert!(all.len() > 40, "{}", all.len());
    }
}
