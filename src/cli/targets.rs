//! `runplane targets`: what agents acted on, and what the operator says of it. Reads the database itself, whether the sidecar
//! runs or not.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::check;
use super::client::table;
use crate::config::home::Home;
use crate::config::shipped;
use crate::labels::{Labelling, Sought};
use crate::mapping::Mappings;
use crate::model::inert::{inert, inert_json};
use crate::model::{Diagnostic, Labels};
use crate::store::{Reader, TargetSeen};

/// The targets on record, those without a label first, each with its labels and the lines of policies/targets.yaml that give
/// them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// At most this many, of those alike the last seen
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// One JSON object per line and target
    #[arg(long)]
    json: bool,
}

/// Widest id in a column, in characters; `--json` has all of it.
const MAX_ID: usize = 72;

type Row = (TargetSeen, Option<Arc<Labels>>);

pub(super) fn run(home: &Home, args: &Args) -> anyhow::Result<ExitCode> {
    let labels = match load(home) {
        Ok(labels) => labels,
        Err(wrong) => return check::print(&wrong),
    };
    let reader = Reader::open(&home.database())?;
    super::gone::tell(&reader, None)?;
    let mut seen = Seen::new(args.limit);
    reader.targets(|target| seen.add(target, &labels))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match args.json {
        true => seen.lines(&labels, &mut out),
        false => seen.table(&labels, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        // A reader that closes early (`| head`) is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

fn load(home: &Home) -> Result<Labelling, Vec<Diagnostic>> {
    let (vocabulary, files) = shipped::mappings(&home.mappings())?;
    let mappings = Mappings::load(&vocabulary, &files)?;
    let source = shipped::policy_data(&home.policies())?.targets;
    Labelling::load(&source, Some(&mappings.kinds()))
}

/// As many targets as are shown, however many there are.
struct Seen {
    limit: usize,
    unlabelled: Vec<Row>,
    labelled: Vec<Row>,
    /// All there are of each.
    count: [usize; 2],
}

impl Seen {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            unlabelled: Vec::new(),
            labelled: Vec::new(),
            count: [0; 2],
        }
    }

    fn add(&mut self, target: TargetSeen, labels: &Labelling) {
        let found = labels.of(Sought {
            provider: &target.provider,
            kind: &target.kind,
            id: target.id.as_deref(),
            host: host(&target.request_line),
            environment: &target.environment,
        });
        let [unlabelled, labelled] = &mut self.count;
        let (kept, count) = match found {
            None => (&mut self.unlabelled, unlabelled),
            Some(_) => (&mut self.labelled, labelled),
        };
        *count += 1;
        if kept.len() < self.limit {
            kept.push((target, found));
        }
    }

    fn shown(&self) -> impl Iterator<Item = &Row> {
        self.unlabelled.iter().chain(&self.labelled).take(self.limit)
    }

    fn table(&self, labels: &Labelling, out: &mut dyn Write) -> io::Result<()> {
        let [unlabelled, labelled] = self.count;
        let all = unlabelled + labelled;
        if all == 0 {
            return writeln!(out, "No targets on record.");
        }
        let rows: Vec<Vec<String>> = self.shown().map(|row| columns(row, labels)).collect();
        let headings = ["PROVIDER", "KIND", "ID", "ENVIRONMENT", "CALLS", "LAST SEEN", "LABELS"];
        table(out, &headings, &rows)?;
        writeln!(out, "\n{unlabelled} of {all} without a label")?;
        if all > rows.len() {
            writeln!(out, "{} more are not shown: --limit {all}", all - rows.len())?;
        }
        Ok(())
    }

    fn lines(&self, labels: &Labelling, out: &mut dyn Write) -> io::Result<()> {
        for (target, found) in self.shown() {
            let found = found.as_deref();
            let line = Line {
                provider: &target.provider,
                kind: &target.kind,
                id: target.id.as_deref(),
                environment: &target.environment,
                calls: target.calls,
                last_seen: target.last_seen.0,
                labels: found.map(|found| {
                    let told = found.told();
                    told.map(|(label, value, place)| {
                        (
                            label.as_str(),
                            Told {
                                value,
                                place: labels.shown(place),
                            },
                        )
                    })
                    .collect()
                }),
                doubtful: found.is_some_and(|found| found.doubtful),
            };
            writeln!(out, "{}", inert_json(&serde_json::to_string(&line)?))?;
        }
        Ok(())
    }
}

/// A target for machines.
#[derive(Serialize)]
struct Line<'a> {
    provider: &'a str,
    kind: &'a str,
    id: Option<&'a str>,
    environment: &'a str,
    calls: i64,
    /// Milliseconds since 1970.
    last_seen: i64,
    labels: Option<BTreeMap<&'static str, Told>>,
    /// They are those of more than one target it may be.
    doubtful: bool,
}

#[derive(Serialize)]
struct Told {
    value: String,
    place: String,
}

fn columns((target, found): &Row, labels: &Labelling) -> Vec<String> {
    let id = target.id.as_deref().map_or(std::borrow::Cow::Borrowed("-"), inert);
    let id = match id.char_indices().nth(MAX_ID) {
        None => id.into_owned(),
        Some((end, _)) => format!("{}…", id.get(..end).unwrap_or_default()),
    };
    vec![
        inert(&target.provider).into_owned(),
        inert(&target.kind).into_owned(),
        id,
        inert(&target.environment).into_owned(),
        target.calls.to_string(),
        target.last_seen.to_string(),
        found
            .as_deref()
            .map_or_else(|| "-".to_owned(), |found| in_words(found, labels)),
    ]
}

/// `sensitivity restricted (policies/targets.yaml:3:5), owner finance (…)`
fn in_words(found: &Labels, labels: &Labelling) -> String {
    let told = found.told();
    let told: Vec<String> = told
        .map(|(label, value, place)| format!("{} {value} ({})", label.as_str(), labels.shown(place)))
        .collect();
    let doubt = if found.doubtful { "may be: " } else { "" };
    inert(&format!("{doubt}{}", told.join(", "))).into_owned()
}

/// The host of a request line that we wrote: `GET https://host:8443/path`, `CONNECT host:443`.
fn host(request_line: &str) -> Option<&str> {
    let url = request_line.split(' ').nth(1)?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next()?;
    let port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    Some(
        authority
            .rsplit_once(':')
            .filter(port)
            .map_or(authority, |(host, _)| host),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Source, Timestamp};

    fn target(id: &str, time: i64) -> TargetSeen {
        TargetSeen {
            provider: "stripe".into(),
            kind: "charge".into(),
            id: Some(id.to_owned()),
            environment: "test".into(),
            calls: 2,
            last_seen: Timestamp(time),
            request_line: "GET https://api.stripe.com/v1/charges/x".to_owned(),
        }
    }

    fn labels() -> Labelling {
        let text =
            "targets:\n  - match: { id: \"live*\", host: api.stripe.com }\n    label: { sensitivity: restricted }\n";
        let source = Source {
            file: "policies/targets.yaml".to_owned(),
            text: text.to_owned(),
        };
        Labelling::load(&source, None).unwrap()
    }

    fn shown(limit: usize, targets: &[TargetSeen]) -> [String; 2] {
        let mut seen = Seen::new(limit);
        for one in targets {
            seen.add(one.clone(), &labels());
        }
        let (mut table, mut lines) = (Vec::new(), Vec::new());
        seen.table(&labels(), &mut table).unwrap();
        seen.lines(&labels(), &mut lines).unwrap();
        [table, lines].map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn what_has_no_label_comes_first_and_no_more_than_asked_for_is_kept() {
        let targets: Vec<TargetSeen> = (0..50)
            .flat_map(|at| {
                [
                    target(&format!("live{at}"), 100 - at),
                    target(&format!("x{at}"), 100 - at),
                ]
            })
            .collect();
        let [table, lines] = shown(51, &targets);
        let ids: Vec<&str> = table
            .lines()
            .skip(1)
            .map_while(|line| line.split_whitespace().nth(2))
            .collect();
        assert_eq!((ids[0], ids[49], ids[50]), ("x0", "x49", "live0"), "{table}");
        assert!(
            table.contains("sensitivity restricted (policies/targets.yaml:3:"),
            "{table}"
        );
        assert!(
            table.ends_with("50 of 100 without a label\n49 more are not shown: --limit 100\n"),
            "{table}"
        );
        assert_eq!(lines.lines().count(), 51);
        let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!(last["labels"]["sensitivity"]["value"], "restricted");
        let mut seen = Seen::new(3);
        targets.into_iter().for_each(|one| seen.add(one, &labels()));
        assert_eq!(
            (seen.unlabelled.len(), seen.labelled.len(), seen.count),
            (3, 3, [50, 50])
        );
    }

    #[test]
    fn nothing_that_an_agent_calls_a_target_moves_the_terminal() {
        let evil = target("a\u{1b}[2J\u{202e}b\nROW", 1);
        for text in shown(10, &[evil]) {
            assert!(
                !text.contains(['\u{1b}', '\u{202e}']) && !text.contains("\nROW"),
                "{text:?}"
            );
        }
        let [table, lines] = shown(10, &[target(&"x".repeat(500), 1)]);
        assert!(table.contains(&format!("{}…", "x".repeat(72))) && lines.contains(&"x".repeat(500)));
    }

    #[test]
    fn the_host_is_read_off_the_line_that_was_recorded() {
        for (line, expected) in [
            ("GET https://api.example.com/v1?x=1", "api.example.com"),
            ("GET https://api.example.com:8443/v1", "api.example.com"),
            ("GET http://[::1]:8080/", "[::1]"),
            ("GET https://[::1]", "[::1]"),
            ("CONNECT db.example.com:5432", "db.example.com"),
        ] {
            assert_eq!(host(line), Some(expected), "{line}");
        }
    }
}
