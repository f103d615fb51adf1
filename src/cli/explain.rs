//! `runplane explain`: what would happen to a call, or what did. Nothing is sent and nothing is recorded.

pub(super) mod advice;
mod again;
mod caller;
mod decision;
mod jsonl;
mod past;
pub(super) mod request;
pub(super) mod show;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::app;
use crate::config::Config;
use crate::config::home::Home;
use crate::model::{CallId, Timestamp};
use crate::proxy::described;
use crate::store::Reader;

/// What would happen to a call, by the mappings and policies of this home, or what did happen to one
#[derive(Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Args {
    /// URL of the request, or the id of a call (`call_…`, the answer's `Runplane-Request-Id`)
    #[arg(value_name = "URL or CALL", required_unless_present = "jsonl")]
    what: Option<String>,
    #[command(flatten)]
    request: request::Args,
    /// The agent that would make the call [default: the one that calls without a key are made by]
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// A role of that agent; may be repeated [default: those it is registered with]
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Read requests from standard input, one JSON object per line, and write a result line for each
    #[arg(long, conflicts_with_all = ["what", "method", "headers", "data"])]
    jsonl: bool,
}

const HELP: &str = r#"Options are curl's: a curl command becomes `runplane explain …` by changing its first word.

  runplane explain -X POST https://api.stripe.com/v1/refunds -d charge=ch_1 -d amount=90000
  runplane explain call_0123456789abcdefghjkmnpqrs

With --jsonl a request line has `method`, `url` (absolute), `headers` (an object), and `body` (text) or `body_b64`;
`id`, which may be anything, comes back as it is:

  {"id":1,"method":"POST","url":"https://api.stripe.com/v1/refunds","headers":{"content-type":"application/x-www-form-urlencoded"},"body":"charge=ch_1&amount=90000"}

A result line, in the order of the requests, has `id`, `provider`, `operation`, `action`, `access`, `fields`, `missing`
(field to why), `also` (what else the call does: `action`, `access`, `fields` of each), `target`, `environment`, `labels` (if policies/targets.yaml says something of the target), `unmapped`, `decision` (ALLOW, BLOCK, REQUIRE_APPROVAL), `reason` (of a BLOCK) and
`rules`. Whether the agent is paused is not regarded. A line with any other member is refused. What would be refused before there is anything to decide has null in all of these, and `refusal` and `detail`."#;

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return super::check::print(&wrong),
    };
    let groups = app::known_groups(&config);
    let rules = app::load_rules(&config.home, groups.as_ref(), config.gate.clone());
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(what) = args.what.as_deref().filter(|what| what.starts_with(CallId::PREFIX)) {
        // What happened is told by the record, whatever state the files are in by now.
        past::tell(&what.parse()?, &config.home, rules.as_ref().ok(), &mut out).or_else(closed_early)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rules = match rules {
        Ok(rules) => rules,
        Err(wrong) => return super::check::print(&wrong),
    };
    // What a sidecar that runs has learnt is on disk within a minute, what was used of budgets at once.
    let database = config.home.database();
    let mut pauses = Vec::new();
    if database.exists() {
        let record = Reader::open(&database)?;
        rules.memory().history.recall(record.habits()?)?;
        rules.recall(&record, Timestamp::now())?;
        pauses = record.pauses()?;
    }
    let caller = caller::find(&config, args.agent.as_deref(), &args.roles)?;
    let limits = config.limits.of_one_body();
    if args.jsonl {
        let requests = io::BufReader::with_capacity(1 << 16, io::stdin().lock());
        jsonl::answer(&rules, &caller, &limits, requests, &mut out).or_else(closed_early)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(url) = &args.what else {
        bail!("expected a URL, or a call's id");
    };
    let described = args.request.describe(url).context("the request cannot be made")?;
    let judged = caller.and_then(|caller| described::judge(&rules, caller, described, &limits));
    let told = match judged {
        Ok(judged) => show::judged(&rules, &judged, &pauses, &mut out),
        Err(refusal) => show::refused(&refusal, &mut out),
    };
    told.and_then(|()| out.flush())
        .map_err(Into::into)
        .or_else(closed_early)?;
    Ok(ExitCode::SUCCESS)
}

/// A reader that closes early (`| head`) is no error.
fn closed_early(error: anyhow::Error) -> anyhow::Result<()> {
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Some(_) | None => Err(error),
    }
}
