//! `runplane actions`: the canonical actions that rules speak of.

mod skeleton;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;

use super::check;
use super::client::table;
use crate::config::home::Home;
use crate::config::shipped;
use crate::mapping::{Mappings, Meant};
use crate::model::Vocabulary;
use crate::model::vocabulary::{ActionDefinition, Incomplete, Reversible};
use crate::policy::Policies;

/// The canonical actions, or all about one of them: fields, operations that map to it, and the beginning of a rule
///
/// Actions of your own need no code: they are entries of mappings/actions.yaml (`runplane init` writes it out).
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An action's name, such as process_refund
    name: Option<String>,
}

pub(super) fn run(home: &Home, args: &Args) -> anyhow::Result<ExitCode> {
    let mappings =
        shipped::mappings(&home.mappings()).and_then(|(vocabulary, files)| Mappings::load(&vocabulary, &files));
    let mappings = match mappings {
        Ok(mappings) => mappings,
        Err(wrong) => return check::print(&wrong),
    };
    let out = &mut io::stdout().lock();
    let Some(name) = &args.name else {
        list(&mappings, out)?;
        return Ok(ExitCode::SUCCESS);
    };
    // With what budgets add to what rules see of it.
    let covered = match super::policy::covered(home) {
        Ok(covered) => covered,
        Err(wrong) => return check::print(&wrong),
    };
    match covered.actions.get(name.as_str()) {
        Some(definition) => {
            show(name, definition, &mappings, out)?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            writeln!(io::stderr().lock(), "{}", unknown(name, mappings.vocabulary()))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn unknown(name: &str, vocabulary: &Vocabulary) -> String {
    let near = vocabulary.actions.keys().filter(|known| {
        let shares = |part: &str| part.len() > 3 && known.split('_').any(|word| word == part);
        name.split(['_', '-', ' ']).any(shares)
    });
    let near: Vec<&str> = near.map(|name| &**name).collect();
    match near.is_empty() {
        true => format!("error: no action `{name}`: `runplane actions` lists all"),
        false => format!("error: no action `{name}`; near it: {}", near.join(", ")),
    }
}

fn list(mappings: &Mappings, out: &mut dyn Write) -> io::Result<()> {
    let mut operations: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for meant in mappings.meanings() {
        operations
            .entry(meant.action)
            .or_default()
            .insert((meant.title, meant.operation));
    }
    let mut generated: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, action, count) in mappings.generated_actions() {
        *generated.entry(action).or_default() += count;
    }
    let rows: Vec<Vec<String>> = mappings
        .vocabulary()
        .actions
        .iter()
        .map(|(name, definition)| {
            vec![
                name.to_string(),
                definition.access.as_str().to_owned(),
                (operations.get(&**name).map_or(0, BTreeSet::len) + generated.get(&**name).unwrap_or(&0)).to_string(),
                names(&definition.required),
                definition.description.clone(),
            ]
        })
        .collect();
    table(out, &["ACTION", "ACCESS", "OPERATIONS", "MUST TELL", "WHAT"], &rows)
}

fn names(list: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    names.join(" ")
}

fn show(name: &str, definition: &ActionDefinition, mappings: &Mappings, out: &mut dyn Write) -> io::Result<()> {
    let reversible = match definition.reversible {
        Reversible::Yes => "reversible",
        Reversible::Partly => "partly reversible",
        Reversible::No => "not reversible",
    };
    let incomplete = match definition.incomplete {
        Incomplete::Hold => "held",
        Incomplete::Block => "blocked",
    };
    let groups: Vec<&str> = definition.parents().collect();
    writeln!(out, "{name}: {}", definition.description)?;
    writeln!(out, "  access   {}, {reversible}", definition.access.as_str())?;
    writeln!(out, "  groups   {}", groups.join(" "))?;
    writeln!(out, "  a call that does not tell what it must is {incomplete}\n")?;
    fields(definition, mappings.vocabulary(), out)?;
    operations(name, mappings, out)?;
    writeln!(
        out,
        "\nA rule to begin with, as policies/{name}.cedar (`runplane check` reads it):\n"
    )?;
    write!(out, "{}", skeleton::of(name, definition, mappings.vocabulary()))
}

fn fields(definition: &ActionDefinition, vocabulary: &Vocabulary, out: &mut dyn Write) -> io::Result<()> {
    let of = |name: &str, told: &str| {
        let field = vocabulary.fields.get(name);
        vec![
            format!("context.{name}"),
            field.map_or_else(String::new, |field| field.kind.cedar().to_owned()),
            told.to_owned(),
            field.map_or_else(String::new, |field| field.description.clone()),
        ]
    };
    let common = Policies::common_context().map(|(name, kind, says)| {
        let says = if says.is_empty() { "Of every call" } else { says };
        vec![
            format!("context.{name}"),
            kind.to_owned(),
            "always".to_owned(),
            says.to_owned(),
        ]
    });
    let required = definition.required.iter().map(|name| of(name, "must be told"));
    let optional = definition
        .optional
        .iter()
        .filter(|name| !definition.required.contains(name));
    let optional = optional.map(|name| of(name, "may be told"));
    let budgets = definition.budgets.iter().map(|(name, says)| {
        vec![
            format!("context.budgets.{name}"),
            "Long".to_owned(),
            "always".to_owned(),
            says.to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = required.chain(optional).chain(budgets).chain(common).collect();
    table(out, &["FIELD", "TYPE", "TOLD", "WHAT"], &rows)
}

fn operations(action: &str, mappings: &Mappings, out: &mut dyn Write) -> io::Result<()> {
    let meant: BTreeSet<Meant<'_>> = mappings.meanings().filter(|meant| meant.action == action).collect();
    let mut generated: BTreeMap<&str, usize> = BTreeMap::new();
    for (title, _, count) in mappings.generated_actions().filter(|(_, of, _)| *of == action) {
        *generated.entry(title).or_default() += count;
    }
    if meant.is_empty() && generated.is_empty() {
        return writeln!(out, "\nNo mapping has an operation that is this action.");
    }
    writeln!(out, "\nOperations:")?;
    for one in meant {
        let rest = if one.in_bulk { "…" } else { "" };
        let conditional = if one.conditional {
            " (where its content says so)"
        } else {
            ""
        };
        writeln!(out, "  {}: {}{rest}{conditional}", one.title, one.operation)?;
    }
    let all: usize = generated.values().sum();
    if all > 0 {
        writeln!(out, "\nOf generated mappings {all} more (mappings/generated/):")?;
        let listed = generated.iter().map(|(title, count)| format!("{title} {count}"));
        writeln!(out, "  {}", listed.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}
