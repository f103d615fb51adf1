//! What the trail costs, each figure beside its goal: `cargo bench --bench trail -- [ENTRIES]`, 1,000,000 by default; the goals speak of
//! 10,000,000. `TMPDIR` names the disk: a file system in memory tells nothing.
//!
//! - commits a second with 64 in flight, beside a table of SQLite's that takes one row per transaction, each with its fsync
//! - latency of a commit with 16 in flight, beside one bare fsync; these four by turns, so that they share the disk's moods
//! - bytes on disk of a call, its values, tree and checkpoints included
//! - the same commits among 10,000 entries and among ENTRIES
//! - entries that `audit verify` gets through in a second, in one thread
//!
//! Ends with 1 where a goal is missed; a debug build judges nothing. Without `--bench` (as `cargo test` runs it) it is done with little.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may panic and print: that is how it says what it found"
)]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use runplane::audit::{self, Against, Digests, Ruling, Sealer};
use runplane::gate::{Config, Memory, Rules, Sources};
use runplane::io::keys::{LastNote, LogKeys};
use runplane::model::change::CallClosed;
use runplane::model::money::Rates;
use runplane::model::{
    Action, Authority, Body, Call, CallId, Caller, Change, Host, Origin, Outcome, Scheme, Source, Timestamp,
};
use runplane::policy::Decision;
use runplane::store::{self, Store};
use tokio::runtime::Runtime;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Entries of the small trail, and of the large one unless said otherwise.
const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
/// Entries behind the last checkpoint at which the sidecar signs the next one.
const SEALED: u64 = 256;
/// Calls of one submission while the large trail is made.
const AT_ONCE: u64 = 4_096;

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    entries: u64,
    rounds: usize,
}

/// A call that was decided, with what differs from the next one still to be set.
struct Sample {
    call: Call,
    action: Action,
    rules: Vec<Arc<str>>,
    digests: Digests,
}

impl Sample {
    /// A refund as the shipped rules let it go.
    fn new() -> Self {
        let source = |file: &str, text: &str| Source {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        let sources = Sources {
            vocabulary: source("actions.yaml", include_str!("../mappings/actions.yaml")),
            mappings: vec![source("stripe.yaml", include_str!("../mappings/stripe.yaml"))],
            policies: vec![source("baseline.cedar", include_str!("../policies/baseline.cedar"))],
            budgets: Vec::new(),
            prices: None,
            targets: source("targets.yaml", include_str!("../policies/targets.yaml")),
        };
        let config = Config {
            rates: Rates::new(Some("usd")),
            ..Config::default()
        };
        let rules = Rules::load(&sources, None, config, &Arc::<Memory>::default());
        let rules = rules.unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let route = rules.mappings().route(&refund()).unwrap();
        let action = rules.mappings().resolve(&refund(), route).unwrap();
        let Decision::Allow(permit) = rules.decide(refund(), action, None, Timestamp::now()) else {
            panic!("the shipped rules hold a small refund");
        };
        Self {
            call: refund(),
            action: permit.action().clone(),
            rules: permit.rules().to_vec(),
            digests: rules.digests(),
        }
    }

    fn decided(&self) -> (CallId, Vec<Change>) {
        let ruling = Ruling {
            decision: "ALLOW",
            reason: None,
            rules: &self.rules,
            approval: None,
            spending: None,
            would: None,
            trial: None,
        };
        let call = Call {
            id: CallId::random(),
            received: Timestamp::now(),
            ..self.call.clone()
        };
        (
            call.id.clone(),
            audit::decided(&call, &self.action, &ruling, &self.digests),
        )
    }

    /// Calls that came to their end, two entries each.
    fn ended(&self, calls: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..calls {
            let (call, decided) = self.decided();
            let end = CallClosed {
                call,
                time: Timestamp::now(),
                outcome: Outcome::Success,
                reason: None,
                status: Some(200),
                result_id: Some("re_3OaBcDeFgHiJkLmN0oPqRsTu".to_owned()),
                carried: None,
            };
            changes.extend(decided);
            changes.extend(audit::closed(&self.call.caller.agent, end));
        }
        changes
    }
}

/// As the proxy makes it.
fn refund() -> Call {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("api.stripe.com"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert("authorization", HeaderValue::from_static("Bearer sk_test_bench"));
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "support-bot".into(),
            roles: Arc::from([Arc::from("support")]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name("api.stripe.com".into()),
            port: 443,
        },
        method: Method::POST,
        path: "/v1/refunds".to_owned(),
        query: None,
        headers,
        body: Body::Captured(Bytes::from_static(
            b"charge=ch_3OaBcDeFgHiJkLmN0oPqRsTu&amount=2000&reason=duplicate",
        )),
    }
}

/// The trail that is measured.
struct Trail {
    path: PathBuf,
    store: Store,
    sealer: Sealer,
    sample: Arc<Sample>,
    runtime: Runtime,
}

impl Trail {
    fn open(home: &Path, sample: Arc<Sample>) -> Self {
        let path = home.join(store::FILE);
        let state = path.parent().unwrap();
        let store = Store::open(&path).unwrap();
        let (keys, _) = LogKeys::load_or_create(state).unwrap();
        let sealer = Sealer::open(&store, keys, LastNote::of(state), false).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        Self {
            path,
            store,
            sealer,
            sample,
            runtime,
        }
    }

    fn seal(&mut self) {
        while self.sealer.size() < self.store.entries() {
            self.runtime.block_on(self.sealer.seal(&self.store)).unwrap();
        }
    }

    /// Grows it to so many entries, by as many calls at once, with a checkpoint behind each; another thread makes what is written.
    fn grow(&mut self, entries: u64, at_once: u64) {
        let missing = entries.saturating_sub(self.store.entries()).div_ceil(2);
        let (sample, began) = (self.sample.clone(), Instant::now());
        let (sender, made) = sync_channel(2);
        let maker = std::thread::spawn(move || {
            let mut left = missing;
            while left > 0 {
                let calls = left.min(at_once);
                left -= calls;
                if sender.send(sample.ended(calls)).is_err() {
                    return;
                }
            }
        });
        let mut told = Instant::now();
        for changes in made {
            self.runtime.block_on(self.store.write(changes)).unwrap();
            self.seal();
            if told.elapsed() > Duration::from_secs(30) {
                println!("  {} entries after {:.0?}", self.store.entries(), began.elapsed());
                told = Instant::now();
            }
        }
        maker.join().unwrap();
    }

    /// Commits, each when the one before it is on disk, by so many at once: how many a second, and the latency of each.
    fn commits(&self, in_flight: usize, each: usize) -> (f64, Vec<Duration>) {
        let made: Vec<Vec<Vec<Change>>> = (0..in_flight)
            .map(|_| (0..each).map(|_| self.sample.decided().1).collect())
            .collect();
        let began = Instant::now();
        let tasks: Vec<_> = made
            .into_iter()
            .map(|changes| {
                let store = self.store.clone();
                self.runtime.spawn(async move {
                    let mut spans = Vec::with_capacity(changes.len());
                    for one in changes {
                        let began = Instant::now();
                        store.commit((), one).await.unwrap();
                        spans.push(began.elapsed());
                    }
                    spans
                })
            })
            .collect();
        let spans: Vec<Duration> = tasks
            .into_iter()
            .flat_map(|task| self.runtime.block_on(task).unwrap())
            .collect();
        (spans.len() as f64 / began.elapsed().as_secs_f64(), spans)
    }

    /// Until what was written so far lies still, so that it is not measured with what comes.
    fn rests(&self) {
        std::thread::sleep(Duration::from_secs(3));
        File::open(&self.path).unwrap().sync_all().unwrap();
    }
}

/// What anybody would write: a table, and a transaction for each row.
struct Plain(rusqlite::Connection);

impl Plain {
    fn new(home: &Path) -> Self {
        let table = rusqlite::Connection::open(home.join("plain.db")).unwrap();
        table
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE entries (seq INTEGER PRIMARY KEY, entry TEXT);",
            )
            .unwrap();
        Self(table)
    }

    /// Rows a second.
    fn rows(&self, count: usize) -> f64 {
        let (entry, began) = ("x".repeat(1024), Instant::now());
        for _ in 0..count {
            self.0
                .execute("INSERT INTO entries (entry) VALUES (?1)", [&entry])
                .unwrap();
        }
        count as f64 / began.elapsed().as_secs_f64()
    }
}

/// A page written over and synced, as SQLite does in a log that has grown: how long each takes.
fn bare(home: &Path, count: usize) -> Vec<Duration> {
    const PAGE: [u8; 4096] = [7; 4096];
    let mut file = File::create(home.join("bare")).unwrap();
    file.write_all(&vec![0; PAGE.len() * count]).unwrap();
    file.sync_all().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let write = |_| {
        let began = Instant::now();
        file.write_all(&PAGE).unwrap();
        file.sync_all().unwrap();
        began.elapsed()
    };
    (0..count).map(write).collect()
}

fn share(mut spans: Vec<Duration>, share: f64) -> Duration {
    spans.sort();
    spans[((spans.len() as f64 * share) as usize).min(spans.len() - 1)]
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The rows of the table that is printed.
#[derive(Default)]
struct Told {
    missed: bool,
}

impl Told {
    fn figure(&self, what: &str, figure: &str) {
        println!("{what:<58} {figure:>16}");
    }

    fn goal(&mut self, what: &str, figure: &str, goal: &str, is_met: bool) {
        let verdict = if is_met { "" } else { "  MISSED" };
        println!("{what:<58} {figure:>16}   goal {goal}{verdict}");
        self.missed |= !is_met;
    }
}

fn milliseconds(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}

/// Group commit beside what it is to beat.
fn of_commits(trail: &Trail, home: &Path, rounds: usize, told: &mut Told) {
    let plain = Plain::new(home);
    let (mut bares, mut rows, mut rates, mut ratios, mut slow) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let fsync = share(bare(home, 200), 0.5);
        rows.push(plain.rows(200));
        rates.push(trail.commits(64, 100).0);
        let (_, spans) = trail.commits(16, 100);
        ratios.push(share(spans.clone(), 0.5).as_secs_f64() / fsync.as_secs_f64());
        slow.extend(spans);
        bares.push(fsync);
    }
    let (row, rate, ratio) = (middle(rows), middle(rates), middle(ratios));
    told.figure("one bare fsync", &milliseconds(share(bares, 0.5)));
    told.figure("one row per fsync, in a plain table", &format!("{row:.0}/s"));
    told.figure("commits with 64 in flight", &format!("{rate:.0}/s"));
    told.goal(
        "  beside one row per fsync",
        &format!("{:.1} times", rate / row),
        "10 times or more",
        rate >= row * 10.0,
    );
    let (median, p99) = (share(slow.clone(), 0.5), share(slow, 0.99));
    told.figure("a commit with 16 in flight, median", &milliseconds(median));
    told.figure("a commit with 16 in flight, p99", &milliseconds(p99));
    told.goal(
        "  median beside one bare fsync",
        &format!("{ratio:.2} times"),
        "1.5 times or less",
        ratio <= 1.5,
    );
}

/// Medians of a commit alone, and of how many there are a second with 64 in flight.
fn of_writes(trail: &Trail, home: &Path, rounds: usize, told: &Told) -> (Duration, f64) {
    trail.rests();
    let entries = trail.store.entries();
    let (mut alone, mut rates) = (vec![], vec![]);
    for _ in 0..rounds {
        alone.push(share(trail.commits(1, 100).1, 0.5));
        rates.push(trail.commits(64, 50).0);
    }
    let (alone, rate) = (share(alone, 0.5), middle(rates));
    told.figure(
        &format!("among {entries} entries: a commit alone"),
        &milliseconds(alone),
    );
    told.figure("  with 64 in flight", &format!("{rate:.0}/s"));
    told.figure("  one bare fsync then", &milliseconds(share(bare(home, 200), 0.5)));
    (alone, rate)
}

/// The processor time of this thread so far (none where the system does not tell): what others take of a busy machine is not in it.
fn processor() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = told.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(first.unwrap_or_default())
}

fn of_verify(trail: &Trail, told: &mut Told) {
    let against = Against::new(trail.sealer.keys().all(), None).unwrap();
    let (began, worked, mut looked) = (Instant::now(), processor(), None);
    let report = audit::verify(&trail.store.evidence().unwrap(), &against, |done, _| {
        if done > 0 {
            looked.get_or_insert_with(|| (began.elapsed(), processor().saturating_sub(worked)));
        }
    });
    let (report, took, worked) = (report.unwrap(), began.elapsed(), processor().saturating_sub(worked));
    for found in &report.findings.told {
        println!("{}: {}", found.place, found.wrong);
    }
    assert_eq!(report.entries, trail.store.entries());
    told.missed |= report.findings.count > 0;
    told.figure(
        "pages and indexes looked at, before the first entries",
        &format!("{:.1?}", looked.map_or(took, |(looked, _)| looked)),
    );
    told.figure(
        &format!("all of {} entries verified", report.entries),
        &format!("{took:.1?}"),
    );
    let rate = report.entries as f64 / took.as_secs_f64();
    told.goal(
        "  entries verified",
        &format!("{rate:.0}/s"),
        "200000/s or more",
        rate >= 200_000.0,
    );
    let pages = looked.map_or(worked, |(_, pages)| pages);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / report.entries as f64;
    told.figure("  processor time of an entry", &format!("{:.2} us", each(worked)));
    told.figure(
        "  of it SQLite's look at pages and indexes",
        &format!("{:.2} us", each(pages)),
    );
}

fn measure(Size { entries, rounds }: Size) -> Told {
    let (home, mut told, sample) = (tempfile::tempdir().unwrap(), Told::default(), Arc::new(Sample::new()));
    let home = home.path();
    let mut trail = Trail::open(home, sample.clone());
    trail.grow(FEW, SEALED / 2);
    let (path, calls) = (trail.path.clone(), trail.store.entries() / 2);
    // Whoever closes it last folds the log back.
    drop(trail);
    let each = fs::metadata(&path).unwrap().len() / calls;
    told.figure(
        "bytes on disk of a call, a checkpoint per 256 entries",
        &each.to_string(),
    );
    println!(
        "  {entries} entries will take {:.1} GB in {}",
        (each * entries / 2) as f64 / 1e9,
        home.display()
    );
    let mut trail = Trail::open(home, sample);
    let (before, rate_before) = of_writes(&trail, home, rounds, &told);
    of_commits(&trail, home, rounds, &mut told);
    let began = Instant::now();
    trail.grow(entries, AT_ONCE);
    told.figure("time to make the rest", &format!("{:.0?}", began.elapsed()));
    let (after, rate_after) = of_writes(&trail, home, rounds, &told);
    let (slower, share) = (after.as_secs_f64() / before.as_secs_f64(), rate_after / rate_before);
    told.goal(
        "  a commit alone, beside that among few",
        &format!("{slower:.2} times"),
        "1.25 times or less",
        slower <= 1.25,
    );
    told.goal(
        "  with 64 in flight, beside that among few",
        &format!("{share:.2} times"),
        "0.8 times or more",
        share >= 0.8,
    );
    trail.seal();
    of_verify(&trail, &mut told);
    told
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let is_bench = std::env::args().any(|word| word == "--bench");
    let entries = match words.next().map(|word| word.parse()) {
        // The name of another benchmark.
        Some(Err(_)) => return ExitCode::SUCCESS,
        Some(Ok(entries)) => entries,
        None => MANY,
    };
    let size = match is_bench {
        true => Size { entries, rounds: 5 },
        false => Size {
            entries: 3 * FEW,
            rounds: 1,
        },
    };
    let told = measure(size);
    ExitCode::from(u8::from(told.missed && !cfg!(debug_assertions)))
}
