//! The story as it happens: what an agent wants, what Runplane makes of it, what the provider saw of it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::agent::{Answer, Wire, insist};
use super::person::Person;
use super::record::Known;
use super::script::{self, Provider, Step};
use super::world::World;
use crate::config::home::Home;
use crate::model::inert::inert;
use crate::model::{ApprovalId, Reason};

/// What there is to tell.
pub(super) enum Event {
    /// A line of the sidecar's: of a hold, a block.
    Notice(String),
    Answer {
        step: usize,
        answer: Answer,
        /// The agent does not send the call again.
        last: bool,
    },
}

/// A step, and how far it came.
pub(super) struct Scene {
    pub(super) step: Arc<Step>,
    /// What it was held by.
    pub(super) approval: Option<ApprovalId>,
    /// How it ended for the agent.
    pub(super) answer: Option<Answer>,
}

/// The one who tells it.
pub(super) struct Story<'a> {
    pub(super) home: &'a Home,
    pub(super) proxy: SocketAddr,
    pub(super) person: Person,
    pub(super) world: &'a World,
    pub(super) wire: Arc<Wire>,
    pub(super) events: (UnboundedSender<Event>, UnboundedReceiver<Event>),
    pub(super) out: &'a mut (dyn Write + Send),
    pub(super) scenes: Vec<Scene>,
    pub(super) agents: JoinSet<()>,
    /// Which of what the fakes received was told, by its place.
    pub(super) told: BTreeSet<usize>,
}

/// The scenes before the first word.
pub(super) fn scenes() -> Vec<Scene> {
    let scene = |step| Scene {
        step: Arc::new(step),
        approval: None,
        answer: None,
    };
    script::steps().into_iter().map(scene).collect()
}

impl Story<'_> {
    /// Tells all of it, or up to the interruption. True: it was interrupted.
    ///
    /// # Errors
    /// If it cannot be written, or the record cannot be read.
    pub(super) async fn tell(&mut self, interrupt: impl Future<Output = ()>) -> anyhow::Result<bool> {
        tokio::select! {
            told = self.whole() => told.map(|()| false),
            () = interrupt => {
                // Their connections end with them, as those of agents that are ended.
                self.agents.shutdown().await;
                writeln!(self.out, "\nEnded by you: what is not decided stays undecided, and nothing of it was sent.")?;
                Ok(true)
            }
        }
    }

    async fn whole(&mut self) -> anyhow::Result<()> {
        self.introduce()?;
        let closing = self.scenes.len().saturating_sub(1);
        for place in 0..closing {
            self.act(place).await?;
        }
        let waiting = self.scenes.iter().take(closing).filter(|scene| scene.is_open()).count();
        if waiting > 0 && self.person.is_you() {
            writeln!(
                self.out,
                "\nNow it is your turn: {waiting} calls wait. Open a second terminal, and paste the `approve` or the `deny` line of each."
            )?;
        }
        for place in 0..closing {
            self.decide(place).await?;
        }
        while self.scenes.iter().take(closing).any(Scene::is_open) {
            self.next().await?;
        }
        self.act(closing).await
    }

    fn introduce(&mut self) -> io::Result<()> {
        let home = self.home.path().display();
        writeln!(
            self.out,
            "runplane {} demo: two agents at work, and you decide what goes too far\n\
             \x20 proxy     http://{}, the agents' only way out\n\
             \x20 home      {home}, which is kept\n\
             \x20 real      proxy, policy, approvals, record: all as `runplane run` starts them\n\
             \x20 fake      Stripe, AWS, SendGrid, Slack: nothing leaves this machine",
            env!("CARGO_PKG_VERSION"),
            self.proxy,
        )
    }

    /// Begins a step, and tells until it has ended or waits for people.
    async fn act(&mut self, place: usize) -> anyhow::Result<()> {
        let Some(scene) = self.scenes.get(place) else {
            return Ok(());
        };
        let step = scene.step.clone();
        writeln!(
            self.out,
            "\n{}. {} calls {}: {:?}",
            place + 1,
            step.who(),
            step.provider.name(),
            step.says
        )?;
        self.out.flush()?;
        let (wire, events) = (self.wire.clone(), self.events.0.clone());
        self.agents
            .spawn(insist(wire, step, place, events, self.person.comes()));
        while self
            .scenes
            .get(place)
            .is_some_and(|scene| scene.is_open() && scene.approval.is_none())
        {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> anyhow::Result<()> {
        // Never at its end: a sender is ours.
        match self.events.1.recv().await {
            Some(Event::Notice(line)) => {
                writeln!(self.out, "{line}")?;
                if line.starts_with("HELD ") {
                    self.held()?;
                }
            }
            Some(Event::Answer { step, answer, last }) => self.answered(step, answer, last)?,
            None => {}
        }
        Ok(self.out.flush()?)
    }

    /// Tells what is held since just now, and how to decide it.
    fn held(&mut self) -> anyhow::Result<()> {
        let record = Known::read(self.home)?;
        let new = self
            .scenes
            .iter_mut()
            .filter(|scene| scene.is_open() && scene.approval.is_none());
        let asked = new.filter_map(|scene| {
            let known = record.of(&scene.step)?;
            let approval = known.approval.as_ref()?.id.clone();
            Some((scene, known, approval))
        });
        for (scene, known, approval) in asked.collect::<Vec<_>>() {
            for reason in known.reasons() {
                row(self.out, "why", &reason)?;
            }
            seen(self.world, scene.step.provider, &mut self.told, self.out)?;
            row(self.out, "approve", &self.person.approve(&approval))?;
            row(self.out, "deny", &self.person.deny(&approval))?;
            scene.approval = Some(approval);
        }
        Ok(())
    }

    /// Has a held call decided, if the demo does that itself, and tells until it has ended.
    async fn decide(&mut self, place: usize) -> anyhow::Result<()> {
        let open = self.scenes.get(place).filter(|scene| scene.is_open());
        let Some(approval) = open.and_then(|scene| scene.approval.clone()) else {
            return Ok(());
        };
        let Some((command, said)) = self.person.decide(&approval).await? else {
            return Ok(());
        };
        writeln!(self.out, "\n$ {command}")?;
        for line in said.lines() {
            row(self.out, "", line.trim())?;
        }
        while self.scenes.get(place).is_some_and(Scene::is_open) {
            self.next().await?;
        }
        Ok(())
    }

    fn answered(&mut self, place: usize, answer: Answer, last: bool) -> anyhow::Result<()> {
        let Some(scene) = self.scenes.get_mut(place) else {
            return Ok(());
        };
        let step = scene.step.clone();
        if last {
            scene.answer = Some(answer.clone());
        }
        if let Some(known) = Known::read(self.home)?.of(&step)
            && let Some(verdict) = known.verdict(&answer)
        {
            writeln!(self.out, "{verdict}")?;
        }
        let name = step.provider.name();
        match &answer {
            Answer::Provider(status) => {
                seen(self.world, step.provider, &mut self.told, self.out)?;
                row(self.out, step.who(), &format!("has {name}'s answer (HTTP {status})"))?;
            }
            Answer::Refused(reason, words) => {
                seen(self.world, step.provider, &mut self.told, self.out)?;
                let code = reason.map_or("no code", Reason::as_str);
                row(self.out, step.who(), &format!("is told {code}: {:?}", inert(words)))?;
                row(
                    self.out,
                    "",
                    if last {
                        "and goes on without it"
                    } else {
                        "and sends the same call again"
                    },
                )?;
            }
            Answer::Failed(why) => row(self.out, step.who(), &format!("has no answer: {}", inert(why)))?,
        }
        Ok(())
    }
}

impl Scene {
    fn is_open(&self) -> bool {
        self.answer.is_none()
    }
}

/// Tells what reached a provider that was not told yet, by the fake's own list.
fn seen(world: &World, provider: Provider, told: &mut BTreeSet<usize>, out: &mut dyn Write) -> io::Result<()> {
    let received = world.received();
    let its = received
        .iter()
        .enumerate()
        .filter(|(_, receipt)| receipt.provider == provider);
    let mut nothing = true;
    for (_, receipt) in its.filter(|(place, _)| told.insert(*place)) {
        nothing = false;
        row(out, provider.name(), receipt.done.as_deref().unwrap_or("did nothing"))?;
    }
    match nothing {
        true => row(out, provider.name(), "has seen nothing of it"),
        false => Ok(()),
    }
}

fn row(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "   {name:<12} {text}")
}
