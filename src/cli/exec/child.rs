//! The command as a child of ours: signals on to it, its exit code back.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::terminal;

/// What is passed on, as `kill` names it.
fn passed_on() -> [(SignalKind, &'static str); 6] {
    [
        (SignalKind::interrupt(), "INT"),
        (SignalKind::terminate(), "TERM"),
        (SignalKind::hangup(), "HUP"),
        (SignalKind::quit(), "QUIT"),
        (SignalKind::user_defined1(), "USR1"),
        (SignalKind::user_defined2(), "USR2"),
    ]
}

/// Signals that came for the command; collected from before it starts, so that none ends us.
pub(super) struct Signals(Vec<(Signal, &'static str)>);

impl Signals {
    /// # Errors
    /// If the system gives no way to wait for them.
    pub(super) fn new() -> anyhow::Result<Signals> {
        let signals = passed_on()
            .into_iter()
            .map(|(kind, name)| Ok((signal(kind)?, name)))
            .collect::<std::io::Result<_>>();
        Ok(Signals(signals.context("cannot wait for signals")?))
    }

    async fn next(&mut self) -> &'static str {
        std::future::poll_fn(|context| {
            for (signal, name) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*name);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// The command, running.
pub(super) struct Running {
    id: u32,
    ended: oneshot::Receiver<std::io::Result<ExitStatus>>,
}

impl Running {
    /// # Errors
    /// If no process can be had.
    pub(super) fn start(mut command: Command) -> anyhow::Result<Running> {
        let child = command.spawn().context("cannot start a process")?;
        let id = child.id();
        let (sender, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || wait(child, sender))
            .context("cannot start a thread")?;
        Ok(Running { id, ended })
    }

    /// Passes signals on until it ends, and gives how.
    ///
    /// # Errors
    /// If that cannot be told.
    pub(super) async fn ended(&mut self, mut signals: Signals) -> anyhow::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = &mut self.ended => {
                    return status.context("nobody waited for the command")?.context("cannot wait for the command");
                }
                name = signals.next() => self.pass_on(name),
            }
        }
    }

    /// By the shell's `kill`: this crate has no unsafe code, and the standard library no other signal than SIGKILL.
    fn pass_on(&self, name: &str) {
        // A terminal sends these to all in the foreground: the command has it already.
        if matches!(name, "INT" | "QUIT") && terminal::ours().is_some_and(|terminal| terminal.foreground) {
            return;
        }
        let sent = Command::new("/bin/sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, &self.id.to_string()])
            .status();
        if !sent.is_ok_and(|status| status.success()) {
            super::say(format!("SIG{name} could not be passed on"));
        }
    }
}

fn wait(mut child: Child, ended: oneshot::Sender<std::io::Result<ExitStatus>>) {
    // Nobody waits any more: then nobody asks how it ended.
    let _ = ended.send(child.wait());
}

/// The command's own; 128 and the signal's number where one ended it, as shells have it.
pub(super) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}
