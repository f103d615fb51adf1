//! `runplane policy suggest`: the least permits that cover what agents were seen to do.

mod changes;
mod draft;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;

use crate::app;
use crate::audit::{self, Event, history};
use crate::cli::{check, period};
use crate::config::Config;
use crate::config::home::Home;
use crate::gate::{Replayed, Rules, Sources};
use crate::model::{Diagnostic, Source, Timestamp};
use crate::policy::Verdict;
use crate::store::{ReadError, Reader};
use changes::Changes;
use draft::{Draft, Would, may_match};

/// Draft a policy file from the calls on record: the least permits that cover them, with what was seen as their bounds
///
/// Never permitted are deletions, money, security and calls that no mapping knows: those are listed in comments, to be decided
/// by people. The file is printed; nothing is changed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    period: period::Period,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return check::print(&wrong),
    };
    let sources = match app::sources(&config.home, &config.home.policies()) {
        Ok(sources) => sources,
        Err(wrong) => return check::print(&wrong),
    };
    let reader = Reader::open(&config.home.database())?;
    let period = args.period.at(Timestamp::now());
    let load = |policy: Source| {
        let sources = Sources {
            policies: vec![policy],
            ..sources.clone()
        };
        Rules::load(&sources, None, config.gate.clone(), &Arc::default())
    };
    // Budgets, which the draft's replay goes by, reach back further than the period. A draft is wanted where the rules in force do
    // not load, too: then it is told of the period alone.
    let in_force = Rules::load(&sources, None, config.gate.clone(), &Arc::default()).ok();
    let begins = in_force.map_or(Some(period.since), |rules| rules.replay_begins(period.since));
    crate::cli::gone::tell(&reader, begins)?;
    let text = match suggest(&reader, &period, config.gate.rates.account.clone(), load) {
        Ok(text) => text,
        Err(Failed::Read(error)) => return Err(error.into()),
        Err(Failed::Load(wrong)) => {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            bail!(
                "the draft does not load, which is a fault of this program:\n{}",
                wrong.join("\n")
            );
        }
        Err(Failed::Permits(wrong)) => {
            let wrong = Vec::from_iter(wrong).join(", ");
            bail!("the draft would permit what is for people to decide, which is a fault of this program: {wrong}");
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that closes early (`| head`) is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Why there is no draft.
#[derive(Debug)]
enum Failed {
    Read(ReadError),
    Load(Vec<Diagnostic>),
    /// Calls that no draft is to permit.
    Permits(BTreeSet<String>),
}

/// The file: what it would permit of the very calls, then its rules. `currency`: of sums of money.
fn suggest(
    reader: &Reader,
    period: &audit::Period,
    currency: Option<Arc<str>>,
    load: impl Fn(Source) -> Result<Rules, Vec<Diagnostic>>,
) -> Result<String, Failed> {
    let source = |text: String| Source {
        file: "suggested.cedar".to_owned(),
        text,
    };
    let words = load(source(String::new())).map_err(Failed::Load)?;
    let mut draft = Draft::new(words.vocabulary());
    history(reader, period, |event| match event {
        Event::Decided(recorded) => draft.see(&recorded, &words.completed_again(&recorded)),
        Event::Lost { .. } => draft.lost += 1,
        Event::Released { .. } | Event::Ended(_) => {}
    })
    .map_err(Failed::Read)?;
    let rules = draft.rules();
    let alone = load(source(rules.clone())).map_err(Failed::Load)?;
    let (mut would, mut wrong) = (Would::new(Changes::new(currency)), BTreeSet::new());
    alone
        .replay(reader, period, |replayed| {
            let Replayed::Decided { recorded, verdict } = replayed else {
                return;
            };
            would.calls += 1;
            would.changes.add(&recorded, &verdict);
            if !matches!(verdict, Verdict::Allow { .. }) {
                return;
            }
            would.permitted += 1;
            let action = words.completed_again(&recorded);
            match draft.left_out(&recorded, &action) {
                None => {}
                Some(why) if may_match(why) => would.beside += 1,
                Some(why) => drop(wrong.insert(format!("{} ({why})", action.name))),
            }
        })
        .map_err(Failed::Read)?;
    match wrong.is_empty() {
        true => Ok(draft.head(period, &would) + &rules),
        false => Err(Failed::Permits(wrong)),
    }
}
