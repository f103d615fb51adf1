//! `runplane mapping new`: a mapping to begin with, and what to do with it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::files::Files;
use super::schema;
use crate::cli::check::print;
use crate::config::home::{Home, quoted};
use crate::import::{quoted as in_quotes, scalar};
use crate::io::embedded;
use crate::model::{Diagnostic, Source};

/// Where samples are among the mappings.
pub(super) const SAMPLES: &str = "samples";

/// Write a mapping to begin with, and samples beside it; nothing that is there already is written over
///
/// The file is mappings/PROVIDER.yaml of the home, its samples are mappings/samples/PROVIDER.yaml.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the provider in records and rules: lower-case letters, digits and `-`
    provider: String,
    /// Host of its API; may be repeated. {name} is any one label
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// Name of the provider for people [default: PROVIDER with a capital]
    #[arg(long)]
    title: Option<String>,
}

pub(super) fn run(home: &Home, args: &Args) -> anyhow::Result<ExitCode> {
    let name = format!("{}.yaml", args.provider);
    let path = home.mappings().join(&name);
    if embedded::mapping(&name).is_some() {
        bail!("a mapping of that name ships: `runplane init` writes it into the home, to be edited");
    }
    if path.exists() {
        bail!("{} is there already; nothing was written", path.display());
    }
    let source = Source {
        file: path.display().to_string(),
        text: args.mapping(),
    };
    let wrong = match Files::of(home) {
        Ok(files) => wrong(files, &source),
        Err(wrong) => wrong,
    };
    if !wrong.is_empty() {
        return print(&wrong);
    }
    write_new(&path, &source.text)?;
    let samples = home.mappings().join(SAMPLES).join(&name);
    if !samples.exists() {
        write_new(&samples, &args.samples())?;
    }
    schema::write_beside(home)?;
    args.tell(&path, &samples, home)?;
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with the new file, and with it beside the others; what is wrong with those is not its matter.
fn wrong(mut files: Files, source: &Source) -> Vec<Diagnostic> {
    files.put(source.clone());
    let mut wrong = files.load().err().unwrap_or_default();
    wrong.retain(|wrong| wrong.file == source.file);
    wrong
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = || format!("cannot write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(path)).with_context(shown)?;
    let mut file = File::create_new(path).with_context(shown)?;
    file.write_all(text.as_bytes()).with_context(shown)
}

impl Args {
    fn title(&self) -> String {
        let mut letters = self.provider.chars();
        let capital = letters.next().map(|first| first.to_ascii_uppercase());
        let title = || capital.into_iter().chain(letters).collect();
        self.title.clone().unwrap_or_else(title)
    }

    fn mapping(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|host| scalar(host)).collect();
        format!(
            "# yaml-language-server: $schema={}\n{HEAD}\nprovider: {}\ntitle: {}\nhosts: [{}]\n{BODY}",
            schema::FILE,
            scalar(&self.provider),
            in_quotes(&self.title()),
            hosts.join(", ")
        )
    }

    fn samples(&self) -> String {
        // A capture of the host is any label.
        let host = self.hosts.first().map_or("", String::as_str).replace(['{', '}'], "");
        SAMPLE.replace("HOST", &host)
    }

    fn tell(&self, path: &Path, samples: &Path, home: &Home) -> io::Result<()> {
        let (name, option) = (&self.provider, home.option());
        writeln!(
            io::stdout().lock(),
            "wrote {} and {}
What it does not name is held from now on, GET too (`safe_methods: true` in it says that GET only reads).

Next:
  1. Say what the provider's operations are: docs/mappings.md shows how; `runplane actions{option}` lists the words for what
     they do, and `runplane mapping coverage{option}` what agents called that nothing names.
     A whole draft: `runplane import openapi FILE` from a description, `runplane import har FILE` from recorded traffic.
  2. runplane mapping check{option}        what is wrong, with line and column
  3. runplane mapping test{option} {name}  whether the samples mean what they should
A running sidecar takes the file within a second of each change, or says what is wrong and keeps what it had.",
            quoted(path),
            quoted(samples)
        )
    }
}

const HEAD: &str = "\
# What is not named here is a change that nobody knows (`call_api`, unmapped), which the baseline holds, GET too: whoever is sure
# that GET never changes anything there adds `safe_methods: true`.";

const BODY: &str = "\
dispatch: path
content:
  application/json: json

operations:
  # Named by the provider's own word. {item} is one segment of the path.
  items.retrieve:
    call: GET /v1/items/{item}
    action: read_record
    target: { kind: item, id: $.path.item }
    fields:
      resource_ids: { from: $.path.item }
  # A change, with where its fields stand: those that its action requires, and those that your rules name.
  # refunds.create:
  #   call: POST /v1/refunds
  #   action: process_refund
  #   target: { kind: charge, id: $.body.charge }
  #   fields:
  #     amount: { from: $.body.amount }
  #     currency: { from: $.body.currency, as: currency }
";

const SAMPLE: &str = "\
# Requests, and what they must mean: `runplane mapping test` runs them.
samples:
  - it: an item is read
    curl: https://HOST/v1/items/item_1
    expected:
      operation: items.retrieve
      action: read_record
      access: read
      fields: { resource_ids: [item_1] }
      target: [item, item_1]
  - it: what is not named is a change that nobody knows
    curl: >-
      https://HOST/v1/other --json '{\"a\": 1}'
    expected: { action: call_api, access: write, unmapped: true }
";

#[cfg(test)]
mod tests {
    use super::*;

    fn args(hosts: &[&str]) -> Args {
        Args {
            provider: "acme".to_owned(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            title: None,
        }
    }

    fn told(text: String) -> Vec<String> {
        let directory = tempfile::TempDir::new().unwrap();
        let home = Home::choose(Some(directory.path().to_owned())).unwrap();
        let source = Source {
            file: "acme.yaml".to_owned(),
            text,
        };
        let wrong = wrong(Files::of(&home).ok().unwrap(), &source);
        wrong.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_written_is_right_with_and_without_its_comments() {
        for hosts in [
            &["api.acme.example"][..],
            &["{region}.acme.example", "acme.example:8443"],
        ] {
            let text = args(hosts).mapping();
            assert_eq!(told(text.clone()), [""; 0]);
            let (head, operations) = text.split_once("operations:").unwrap();
            let all: Vec<&str> = operations.lines().filter(|line| !line.trim().ends_with('.')).collect();
            let all = all.join("\n").replace("  # ", "  ");
            assert!(all.contains("\n  refunds.create:"), "{all}");
            assert_eq!(told(format!("{head}operations:{all}")), [""; 0]);
        }
    }

    #[test]
    fn a_host_that_has_a_mapping_is_told() {
        let wrong = told(args(&["api.stripe.com"]).mapping());
        assert!(wrong[0].contains("stripe.yaml is for the same hosts"), "{wrong:?}");
        assert!(!told(args(&["https://api.acme.example/v1"]).mapping()).is_empty());
    }
}
