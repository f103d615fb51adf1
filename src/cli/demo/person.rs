//! Whoever decides: someone at a second terminal, or the demo itself by the same commands.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::AnswerAll;
use crate::cli::client::KEY_VARIABLE;
use crate::config::home::{Home, quoted};
use crate::model::ApprovalId;

/// Who is asked, and the commands they decide by.
pub(super) struct Person {
    /// This program, as a shell finds it.
    program: String,
    home: Home,
    answer: Option<AnswerAll>,
}

impl Person {
    pub(super) fn new(home: &Home, answer: Option<AnswerAll>) -> Self {
        Self {
            program: program(),
            home: home.clone(),
            answer,
        }
    }

    /// Somebody at a second terminal is waited for.
    pub(super) fn is_you(&self) -> bool {
        self.answer.is_none()
    }

    /// Somebody decides sooner or later, so that asking again makes sense.
    pub(super) fn comes(&self) -> bool {
        self.answer != Some(AnswerAll::None)
    }

    /// A command line to be typed in any shell.
    pub(super) fn command(&self, arguments: &str) -> String {
        format!("{} {arguments} --home {}", self.program, quoted(self.home.path()))
    }

    pub(super) fn approve(&self, approval: &ApprovalId) -> String {
        self.command(&format!("approvals approve {}", approval.short()))
    }

    pub(super) fn deny(&self, approval: &ApprovalId) -> String {
        self.command(&format!("approvals deny {} --reason 'not today'", approval.short()))
    }

    /// Types the command, if the demo was told what to answer. Gives what was typed, and what came of it.
    ///
    /// # Errors
    /// If there is no shell to type it in.
    pub(super) async fn decide(&self, approval: &ApprovalId) -> anyhow::Result<Option<(String, String)>> {
        let command = match self.answer {
            Some(AnswerAll::Approve) => self.approve(approval),
            Some(AnswerAll::Deny) => self.deny(approval),
            Some(AnswerAll::None) | None => return Ok(None),
        };
        let typed = command.clone();
        let output = tokio::task::spawn_blocking(move || shell(&typed)).await??;
        Ok(Some((command, output)))
    }
}

fn shell(command: &str) -> anyhow::Result<String> {
    let output = Command::new("sh")
        .args(["-c", command])
        // Another key of somebody's must not decide here.
        .env_remove(KEY_VARIABLE)
        .stdin(Stdio::null())
        .output()
        .context("cannot run sh")?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).trim_end().to_owned())
}

/// The name it was called by, if a shell finds it under that name; else where it lies.
fn program() -> String {
    let called = std::env::args_os().next().map(std::path::PathBuf::from);
    match called {
        Some(name) if name.components().count() == 1 && !name.as_os_str().is_empty() => quoted(&name),
        Some(_) | None => {
            std::env::current_exe().map_or_else(|_| "runplane".to_owned(), |path| quoted(Path::new(&path)))
        }
    }
}
