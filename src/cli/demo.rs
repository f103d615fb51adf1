//! `runplane demo`: the sidecar as `run` starts it, before fakes of four providers, with two agents that act.
//!
//! Nothing is staged but the agents and the providers: the agents go through the proxy with keys of their own and trust its
//! CA only, and whoever decides does it by the command line of another process.

mod agent;
mod home;
mod person;
mod record;
mod script;
mod story;
mod summary;
mod world;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::agent::Wire;
use self::home::DemoHome;
use self::person::Person;
use self::story::{Event, Story};
use self::world::World;
use super::run::Prepared;
use crate::app::{Enforcement, Sidecar};
use crate::approval::Notices;

/// See in a minute what Runplane does. Offline: Stripe, AWS, SendGrid and Slack are bundled fakes.
///
/// Two agents make six calls through a sidecar of their own: a charge, 120 machines, a mail to 50,000, a bulk deletion, a
/// refund, a message. What is held waits for you, in a second terminal. Ends with 0 if all went as told, with 130 if you
/// end it by Ctrl-C, else with 1.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Decide everything that is held like this instead of waiting for you
    #[arg(long, value_enum)]
    answer: Option<AnswerAll>,
    /// How long a held call keeps its connection before the agent is told to come again
    #[arg(long, value_name = "SPAN", default_value = "2m")]
    hold: String,
}

/// What is said to everything that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AnswerAll {
    /// Yes
    Approve,
    /// No
    Deny,
    /// Nothing: the agents are told that nobody has decided, and give up
    None,
}

/// How long the agents are held where nobody is going to decide.
const NOBODY_COMES: &str = "1s";

/// `given`: the directory to live in; a new one by default.
pub(super) fn run(given: Option<PathBuf>, args: &Args) -> anyhow::Result<ExitCode> {
    super::run::log(super::run::LogFormat::Text, "error");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let demo = DemoHome::make(given)?;
    runtime.block_on(play(demo, args))
}

async fn play(demo: DemoHome, args: &Args) -> anyhow::Result<ExitCode> {
    let hold = match args.answer {
        Some(AnswerAll::None) => NOBODY_COMES,
        Some(AnswerAll::Approve | AnswerAll::Deny) | None => &args.hold,
    };
    let DemoHome { home, authority, keys } = demo;
    let world = World::start(authority).await?;
    // Free ports are chosen by listening; then they are written down for whoever decides.
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    home::configure(&home, &keys, [free, free], world.address(), hold)?;
    let Prepared { config, rules, store } = match super::run::prepare(home.clone())? {
        Ok(prepared) => prepared,
        Err(wrong) => return super::check::print(&wrong),
    };
    let (sender, events) = mpsc::unbounded_channel();
    let sidecar = Sidecar::start(
        config,
        rules,
        store,
        Arc::new(Lines(sender.clone())),
        &Enforcement::Advisory,
    )
    .await?;
    let listening = sidecar.listening();
    home::configure(&home, &keys, listening, world.address(), hold)?;
    let [proxy, _] = listening;
    let wire = Arc::new(Wire::new(proxy, &keys, &home.certs().join("ca.pem"))?);
    let interrupt = super::run::stop_signal()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(sidecar.serve(
        async {
            // Dropped or sent, it means the same.
            let _ = stopped.await;
        },
        std::future::pending(),
    ));

    let mut out = std::io::stdout();
    let mut story = Story {
        home: &home,
        proxy,
        person: Person::new(&home, args.answer),
        world: &world,
        wire,
        events: (sender, events),
        out: &mut out,
        scenes: story::scenes(),
        agents: JoinSet::new(),
        told: BTreeSet::new(),
    };
    let told = story.tell(interrupt).await;
    let Story { scenes, person, .. } = story;
    drop(stop);
    let served = serving.await.context("the sidecar died")?;
    let interrupted = told?;
    served?;
    let as_told = summary::write(&home, &person, &scenes, &world.received(), &mut out)?;
    if !(interrupted || as_told) {
        writeln!(
            out,
            "\nThis did not go as told: please report it, with the output of the command above."
        )?;
    }
    out.flush().context("cannot write to standard output")?;
    Ok(match (interrupted, as_told) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

/// The sidecar's lines, told in their place in the story.
struct Lines(mpsc::UnboundedSender<Event>);

impl Notices for Lines {
    fn line(&self, line: String) {
        // The story is over: nobody reads any more.
        let _ = self.0.send(Event::Notice(line));
    }
}
