//! `runplane mapping coverage`: what was seen but not understood, the worst first, with entries to begin with.

mod gaps;
mod show;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::anybody;
use super::files::Files;
use crate::audit::{Event, Period, history};
use crate::cli::check::print;
use crate::cli::period;
use crate::config::Config;
use crate::config::home::Home;
use crate::import::har;
use crate::import::paths::Words;
use crate::io::body::Limits;
use crate::mapping::Mappings;
use crate::model::Timestamp;
use crate::proxy::described::{Described, understand};
use crate::store::{ReadError, Reader};
use gaps::Gaps;

/// List what was called and not understood: calls that no mapping names, or only a generated one, and calls that lack what a
/// decision rests on
///
/// From the calls on record, or from a recording. Changes come before reads, then what is dangerous and frequent; for each an
/// entry of a mapping is drafted, for a person to say what it does. Nothing is changed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    period: period::Period,
    /// Recorded traffic (HAR 1.2) in the place of the record
    #[arg(long, value_name = "FILE", conflicts_with_all = ["since", "until", "agent"])]
    har: Option<PathBuf>,
    /// A part of paths that is a word of the API and no value; may be repeated
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
    /// How many to list
    #[arg(long, value_name = "NUMBER", default_value_t = 30)]
    top: usize,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return print(&wrong),
    };
    let mappings = match Files::of(&config.home).and_then(|files| files.load_with(&config.gate)) {
        Ok(mappings) => mappings,
        Err(wrong) => return print(&wrong),
    };
    let gaps = match &args.har {
        Some(file) => from_recording(&har::requests(file)?, &mappings, &config.limits.of_one_body()),
        None => {
            let reader = Reader::open(&config.home.database())?;
            from_record(&reader, &args.period.at(Timestamp::now()), &mappings)?
        }
    };
    let words = Words::known(&args.words);
    let mut out = io::stdout().lock();
    let shown = show::coverage(&gaps, &gaps.ranked(&words), mappings.vocabulary(), args.top, &mut out);
    match shown.and_then(|()| out.flush()) {
        // A reader that closes early (`| head`) is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// By the calls on record, as the mapping of their time understood them.
fn from_record<'a>(reader: &Reader, period: &Period, mappings: &'a Mappings) -> Result<Gaps<'a>, ReadError> {
    let mut gaps = Gaps::new(mappings);
    history(reader, period, |event| match event {
        Event::Decided(recorded) => gaps.see(&recorded.facts.host, &recorded.action),
        Event::Lost { .. } => gaps.lost += 1,
        Event::Released { .. } | Event::Ended(_) => {}
    })?;
    Ok(gaps)
}

/// By recorded requests, as the mappings in force understand them.
fn from_recording<'a>(requests: &[har::Request], mappings: &'a Mappings, limits: &Limits) -> Gaps<'a> {
    let mut gaps = Gaps::new(mappings);
    for request in requests {
        let described = Described {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            content: request.content.as_ref().map(|content| content.text.clone().into()),
            at: None,
        };
        match understand(mappings, anybody(), described, limits) {
            Ok(understood) => gaps.see(&understood.call.facts().host, &understood.action),
            Err(refusal) => gaps.refused(&request.url, refusal.reason),
        }
    }
    gaps
}
