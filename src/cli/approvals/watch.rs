//! The queue, live: redrawn each second at a terminal, a line for each change where the output is read by a program.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::list::write_list;
use super::queue::{self, News};
use super::show::differences;
use crate::approval::shortened;
use crate::cli::client::{Client, ClientError};
use crate::control::view::Approval;
use crate::model::inert::inert;
use crate::model::{ApprovalId, State};

const EVERY: Duration = Duration::from_secs(1);
/// Calls on the page of a terminal.
const SHOWN: usize = 100;

/// A page of its own, without a cursor; leaving it brings back what was there.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the beginning of an empty page.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Until it is interrupted; then the terminal is as it was before.
pub(super) async fn watch(client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let screen = std::io::stdout().is_terminal();
    if screen {
        write!(out, "{ENTER}")?;
    }
    let followed = tokio::select! {
        followed = follow(client, out, screen) => followed,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if screen {
        write!(out, "{LEAVE}")?;
        out.flush()?;
    }
    followed
}

// What changed, not the queue: nothing is asked of it each second but that.
async fn follow(client: &Client, out: &mut (dyn Write + Send), screen: bool) -> Result<(), ClientError> {
    if screen {
        page(client, out).await
    } else {
        lines(client, out).await
    }
}

/// The oldest calls that wait, as many as are shown.
async fn page(client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let (mut news, mut waiting) = (News::from_now(), None);
    loop {
        let (changed, mut more) = news.next(client).await?;
        while more {
            (_, more) = news.next(client).await?;
        }
        waiting = match waiting.filter(|_| changed.is_empty()) {
            Some(waiting) => Some(waiting),
            None => Some(Waiting::of(queue::first(client, SHOWN + 1).await?)),
        };
        if let Some(waiting) = &waiting {
            draw(out, &waiting.now())?;
        }
        out.flush()?;
        sleep(EVERY).await;
    }
}

/// A line for each that waits, and for each change.
async fn lines(client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let (mut news, mut known) = (News::with_all(), BTreeMap::new());
    loop {
        let (changed, more) = news.next(client).await?;
        changes(out, &mut known, &changed)?;
        out.flush()?;
        if !more {
            sleep(EVERY).await;
        }
    }
}

/// What waited when it was asked for.
struct Waiting {
    approvals: Vec<Approval>,
    asked: Instant,
}

impl Waiting {
    fn of(approvals: Vec<Approval>) -> Self {
        let asked = Instant::now();
        Self { approvals, asked }
    }

    /// With the time that is left by now.
    fn now(&self) -> Vec<Approval> {
        let passed = self.asked.elapsed().as_secs();
        let mut approvals = self.approvals.clone();
        for approval in &mut approvals {
            approval.seconds_left = approval.seconds_left.map(|left| left.saturating_sub(passed));
        }
        approvals
    }
}

fn draw(out: &mut dyn Write, pending: &[Approval]) -> std::io::Result<()> {
    write!(out, "{CLEAR}")?;
    write_list(out, pending.get(..SHOWN).unwrap_or(pending))?;
    if pending.len() > SHOWN {
        writeln!(out, "More wait: runplane approvals list tells all")?;
    }
    writeln!(out, "\nrunplane approvals show ID tells all of one; ctrl-C ends this")
}

/// A line for each that is new or another by now.
fn changes(
    out: &mut dyn Write,
    known: &mut BTreeMap<ApprovalId, (State, u32)>,
    approvals: &[Approval],
) -> std::io::Result<()> {
    for approval in approvals {
        let now = (approval.state, approval.revision);
        if known.insert(approval.id.clone(), now) == Some(now) {
            continue;
        }
        if !approval.state.is_open() {
            known.remove(&approval.id);
        }
        let rules: Vec<&str> = approval.rules.iter().map(|rule| &*rule.id).collect();
        writeln!(
            out,
            "{} {} {}: {} ({}){}",
            approval.id.short(),
            approval.state.as_str(),
            inert(&approval.agent),
            inert(&shortened(&approval.summary, 200)),
            inert(&rules.join(", ")),
            alike(approval),
        )?;
    }
    Ok(())
}

/// `; 2nd of 2 similar, like apr_7k2m9x4q: amount = …; a similar call was denied …`
fn alike(approval: &Approval) -> String {
    let mut told = String::new();
    if let Some(similar) = approval.similar.as_ref().filter(|similar| similar.place > 1) {
        let differs = differences(similar, approval);
        let differs = if differs.is_empty() {
            similar.in_short()
        } else {
            differs.join(", ")
        };
        told = format!(
            "; {}, like {}: {}",
            similar.rank(),
            similar.first.short(),
            shortened(&differs, 300)
        );
    }
    for lately in approval.lately.iter().flatten() {
        told.push_str(&format!("; {}", shortened(&inert(&lately.text), 300)));
    }
    told
}
