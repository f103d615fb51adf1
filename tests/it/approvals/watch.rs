//! `runplane approvals watch`: the queue, live, over a pipe and at a terminal.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::stripe;
use crate::harness::{Origin, Session, Sidecar, key, runplane};

/// Over a pipe: a line for each change, and an end by ctrl-C that is no failure.
#[test]
fn the_queue_is_watched_line_by_line_over_a_pipe() {
    let (origin, sidecar) = stripe("30s");
    let mut command = runplane();
    command
        .args(["approvals", "watch"])
        .env("RUNPLANE_HOME", sidecar.home());
    let mut watch = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_\u{1b}[2J amount=90000");
    let id = sidecar.next_held();
    let first = lines.next().unwrap().unwrap();
    assert!(
        first.starts_with(&format!("{id} pending support-bot: Refund $900.00")),
        "{first}"
    );
    assert!(!first.contains('\u{1b}'), "{first:?}");
    sidecar.deny(&id, "no");
    assert!(lines.next().unwrap().unwrap().starts_with(&format!("{id} denied ")));
    let interrupted = Command::new("kill").args(["-INT", &watch.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    assert!(watch.wait().unwrap().success());
    client.receive().assert_refused("approval_denied");
    origin.assert_untouched();
}

/// More than fit into one answer: they come in pages, and each once.
#[test]
fn a_long_queue_is_listed_and_watched_whole() {
    const MANY: usize = 520;
    let sidecar = Sidecar::new()
        .approvals("max_pending_per_agent: 1000")
        .agent("support-bot", "support")
        .start();
    let asked = &|at: usize| {
        let statement = serde_json::json!({ "action": "transfer_funds", "target": format!("till-{at}"), "amount": 12000,
            "environment": "production" });
        let answer = sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&statement));
        answer.json()["approval_id"].as_str().unwrap().to_owned()
    };
    let ids: BTreeSet<String> = thread::scope(|scope| {
        let askers: Vec<_> = (0..8)
            .map(|asker| scope.spawn(move || (0..MANY).skip(asker).step_by(8).map(asked).collect::<Vec<_>>()))
            .collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect()
    });
    let short = |id: &str| id[..12].to_owned();
    let list = sidecar.told(&["approvals", "list"]);
    let found: BTreeSet<String> = list
        .lines()
        .filter(|line| line.starts_with("apr_"))
        .map(short)
        .collect();
    let expected: BTreeSet<String> = ids.iter().map(|id| short(id)).collect();
    assert_eq!(expected.len(), MANY);
    assert!(found == expected, "{} of {MANY}", found.len());

    let mut command = runplane();
    command
        .args(["approvals", "watch"])
        .env("RUNPLANE_HOME", sidecar.home());
    let mut watch = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let watched: Vec<String> = lines.take(MANY).map(|line| short(&line.unwrap())).collect();
    assert!(
        watched.iter().cloned().collect::<BTreeSet<_>>() == expected,
        "each once"
    );
    watch.kill().unwrap();
    watch.wait().unwrap();
}

/// What a terminal was told, as it comes.
struct Screen {
    pieces: mpsc::Receiver<Vec<u8>>,
    told: Vec<u8>,
}

impl Screen {
    fn of(mut terminal: impl Read + Send + 'static) -> Self {
        let (piece, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = terminal.read(&mut buffer) {
                if piece.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            pieces,
            told: Vec::new(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.told).into_owned()
    }

    /// The last page that is here whole: what comes behind it may be a part of what clears it.
    fn page(&self) -> String {
        let text = self.text();
        let whole = text
            .rsplit("\x1b[2J")
            .find_map(|page| page.split_once("ctrl-C ends this"));
        whole.map(|(page, _)| page.to_owned()).unwrap_or_default()
    }

    /// Reads on until the page is as `is` wants it.
    fn shows(&mut self, what: &str, is: impl Fn(&str) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !is(&self.page()) {
            let left = until.saturating_duration_since(Instant::now());
            let piece = self.pieces.recv_timeout(left);
            let piece = piece.unwrap_or_else(|_| panic!("{what} never came: {:?}", self.text()));
            self.told.extend(piece);
        }
    }

    /// All, once nobody writes any more.
    fn end(mut self) -> String {
        while let Ok(piece) = self.pieces.recv_timeout(Duration::from_secs(20)) {
            self.told.extend(piece);
        }
        self.text()
    }
}

/// A page of its own, on which a call appears and goes; what was there before comes back.
#[test]
fn the_queue_at_a_terminal_is_a_page_that_is_left_as_it_was_found() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("30s")
        .approvals("pending: 50s")
        .start();
    let plain = runplane();
    let program = plain.get_program().to_str().unwrap();
    let mut command = Command::new("script");
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["--quiet", "--return", "--command"])
        // In place of the shell: some shells would end by the signal themselves, and tell that instead.
        .arg(format!("exec '{program}' approvals watch"))
        .arg("/dev/null")
        .env("SHELL", "/bin/sh")
        .env("RUNPLANE_HOME", sidecar.home())
        .env("TERM", "xterm");
    let mut terminal = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut screen = Screen::of(terminal.stdout.take().unwrap());
    screen.shows("an empty page", |page| page.contains("Nothing waits for people."));
    assert!(screen.text().starts_with("\x1b[?1049h\x1b[?25l"), "{:?}", screen.text());

    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_\u{1b}[2J amount=90000");
    let id = sidecar.next_held();
    screen.shows("the call", |page| page.contains(&id) && page.contains("Refund $900.00"));
    assert!(!screen.page().contains('\u{1b}'), "{:?}", screen.page());
    let left = |page: &str| {
        page.split(" s)")
            .next()
            .and_then(|before| before.rsplit('(').next()?.parse::<u64>().ok())
    };
    let first = left(&screen.page()).unwrap_or_else(|| panic!("{:?}", screen.page()));
    screen.shows("the time that goes by", |page| {
        left(page).is_some_and(|left| left < first)
    });

    sidecar.deny(&id, "no");
    screen.shows("the empty page again", |page| {
        page.contains("Nothing waits for people.")
    });
    client.receive().assert_refused("approval_denied");
    origin.assert_untouched();

    // ctrl-C.
    terminal.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let told = screen.end();
    // The terminal shows the key itself, before or after: the signal goes out first.
    assert!(
        told.trim_end_matches("^C").ends_with("\x1b[?25h\x1b[?1049l"),
        "{:?}",
        &told[told.len().saturating_sub(200)..]
    );
    assert!(terminal.wait().unwrap().success());
}
