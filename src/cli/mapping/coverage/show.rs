//! What was not understood, for people; every line but those of drafted entries is a comment of YAML.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Deserialize;

use super::gaps::{Gap, Gaps, Kind};
use crate::cli::explain::show::shown_place;
use crate::import::entry;
use crate::io::{embedded, yaml};
use crate::mapping::Said;
use crate::model::diagnostic::{EMBEDDED, Lines};
use crate::model::{Source, Vocabulary, inert};

pub(super) fn coverage(
    gaps: &Gaps<'_>,
    ranked: &[Gap],
    vocabulary: &Vocabulary,
    top: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "# {} calls, {} things in them that are not understood",
        gaps.calls,
        ranked.len()
    )?;
    if gaps.lost > 0 {
        writeln!(out, "# {} more calls on record cannot be read any more", gaps.lost)?;
    }
    if gaps.beyond > 0 {
        writeln!(
            out,
            "# {} calls of still other things are not listed: there are too many",
            gaps.beyond
        )?;
    }
    for ((reason, host), count) in &gaps.refused {
        writeln!(
            out,
            "# {count} calls at {} would be refused unread: {reason}",
            inert(host)
        )?;
    }
    let listed: Vec<&Gap> = ranked.iter().take(top).collect();
    if !listed.is_empty() {
        writeln!(out, "#\n#   calls  access  what")?;
    }
    for gap in &listed {
        writeln!(
            out,
            "# {:>7}  {:<6}  {} at {}: {}",
            gap.calls,
            gap.access.as_str(),
            inert(&gap.operation),
            inert(&gap.host),
            inert(&why(gap))
        )?;
    }
    if let Some(more) = ranked.len().checked_sub(listed.len()).filter(|more| *more > 0) {
        writeln!(out, "# and {more} more: --top {}", ranked.len())?;
    }
    entries(&listed, vocabulary, out)
}

fn why(gap: &Gap) -> String {
    let place = gap.said.as_ref().map(place).unwrap_or_default();
    match gap.kind {
        Kind::Host => "no mapping is for this host".to_owned(),
        Kind::Operation => "the mapping of this host does not name it".to_owned(),
        Kind::Generated => format!("only the provider's description names it, and not what it does ({place})"),
        Kind::Lacks => {
            let lacks: Vec<&str> = gap.lacks.iter().map(AsRef::as_ref).collect();
            format!("lacks {} ({place})", lacks.join(", "))
        }
    }
}

fn place(said: &Said) -> String {
    shown_place(&format!("{}:{}", said.file, said.line))
}

/// Drafted entries, by host, those of one host in the order of the list.
fn entries(listed: &[&Gap], vocabulary: &Vocabulary, out: &mut impl Write) -> io::Result<()> {
    let mut hosts: Vec<&str> = Vec::new();
    for gap in listed {
        if !hosts.contains(&gap.host.as_str()) {
            hosts.push(&gap.host);
        }
    }
    for host in hosts {
        let of_host: Vec<&&Gap> = listed.iter().filter(|gap| gap.host == host).collect();
        let known = of_host.iter().any(|gap| gap.kind != Kind::Host);
        writeln!(out, "\n# {}", inert(host))?;
        match known {
            true => writeln!(
                out,
                "# Below `operations:` of your mapping of this host; say what each does before it is in force."
            )?,
            false => writeln!(
                out,
                "# `runplane mapping new NAME --host {}` makes the file; below its `operations:`, say what each does before it is in force.",
                inert(host)
            )?,
        }
        let mut names = BTreeSet::new();
        for gap in of_host {
            one(gap, vocabulary, &mut names, out)?;
        }
    }
    Ok(())
}

fn one(gap: &Gap, vocabulary: &Vocabulary, names: &mut BTreeSet<String>, out: &mut impl Write) -> io::Result<()> {
    let (name, calls) = match (gap.kind, &gap.call, &gap.said) {
        (Kind::Generated, _, Some(said)) => (Some(gap.operation.as_str()), described(said, &gap.operation)),
        (_, Some(call), _) => (None, vec![call.clone()]),
        (_, None, _) => (None, Vec::new()),
    };
    let of_access = Some(gap.access).filter(|_| gap.kind == Kind::Generated);
    let Some(mut drafted) = entry(vocabulary, name, &calls, of_access) else {
        return advice(gap, out);
    };
    if !names.insert(drafted.name.clone()) {
        let number = names.len();
        let name = format!("{}.{number}", drafted.name);
        if let Some(numbered) = entry(vocabulary, Some(&name), &calls, of_access) {
            drafted = numbered;
        }
        names.insert(name);
    }
    out.write_all(drafted.text.as_bytes())
}

/// What is to be done where no entry can be drafted.
fn advice(gap: &Gap, out: &mut impl Write) -> io::Result<()> {
    let operation = inert(&gap.operation);
    let lacks: Vec<&str> = gap.lacks.iter().map(AsRef::as_ref).collect();
    match gap.kind {
        Kind::Lacks => writeln!(
            out,
            "# {operation}: say where {} stands, with `also:` for a further place, or what holds where it is not there (docs/mappings.md).",
            lacks.join(", ")
        ),
        Kind::Generated => writeln!(
            out,
            "# {operation}: an entry of that name in your mapping goes before the description's."
        ),
        Kind::Host | Kind::Operation if gap.operation.contains(" /") => writeln!(
            out,
            "# {operation}: a part of the path may be a word or a value; `--word WORD` says that it is a word."
        ),
        Kind::Host | Kind::Operation => writeln!(
            out,
            "# {operation}: named by the content; an entry of that name below `operations:`, `graphql:` or `tools:` (docs/readers.md)."
        ),
    }
}

/// The calls of a generated operation, which stands in a line of its own.
fn described(said: &Said, operation: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    struct Line {
        #[serde(default)]
        call: Option<String>,
        #[serde(default)]
        calls: Vec<String>,
    }
    let shipped = said
        .file
        .strip_prefix(EMBEDDED)
        .and_then(|name| name.strip_prefix("mappings/"));
    let text = match shipped {
        Some(name) => embedded::mapping(name).map(str::to_owned),
        None => std::fs::read_to_string(&said.file).ok(), // an entry is drafted without it
    };
    let line = text.and_then(|text| Lines::of(&text).get(said.line).map(str::to_owned));
    let source = Source {
        file: said.file.clone(),
        text: line.unwrap_or_default(),
    };
    let read: BTreeMap<String, Line> = yaml::load(&source).unwrap_or_default();
    let line = read.into_iter().find(|(name, _)| operation.ends_with(name.as_str()));
    let line = line.map(|(_, line)| line).unwrap_or_default();
    line.call.into_iter().chain(line.calls).collect()
}
