//! The step between `exec` and its command: gives up what the command must not have, and becomes the command. A program of its
//! own, since only what a process gives up before it becomes another is gone for good, and threads of ours go on.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, PathFdError,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{grants, say, terminal};

/// As the command line knows it.
pub(super) const NAME: &str = "confined";
/// What shells answer where a command is not there, or cannot be started.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;
/// The oldest that knows TCP; it knows every right to files that matters here.
const OLDEST: ABI = ABI::V4;

/// Part of `exec`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[arg(long, value_name = "PATH")]
    hide: Vec<PathBuf>,
    #[arg(long, value_name = "PATH")]
    show: Vec<PathBuf>,
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
    #[arg(long)]
    uid: Option<u32>,
    #[arg(long)]
    gid: Option<u32>,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the command; returns only if it cannot.
pub(in crate::cli) fn run(args: &Args) -> ExitCode {
    let Some((program, arguments)) = args.command.split_first() else {
        return ExitCode::from(NOT_FOUND);
    };
    if !args.hide.is_empty()
        && let Err(error) = restrict(args)
    {
        say(format!(
            "nothing was started: the command could not be confined: {error:#}"
        ));
        return ExitCode::from(NOT_STARTED);
    }
    let mut command = Command::new(program);
    command.args(arguments);
    if let (Some(uid), Some(gid)) = (args.uid, args.gid) {
        // With the user go the groups that root was in.
        command.uid(uid).gid(gid);
    }
    let error = command.exec();
    say(format!("cannot start {}: {error}", program.display()));
    ExitCode::from(if error.kind() == ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_STARTED
    })
}

/// Whether the kernel can hold TCP connections.
pub(super) fn has_tcp() -> bool {
    handled().and_then(Ruleset::create).is_ok()
}

/// Whether it can keep signals inside.
pub(super) fn has_scopes() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let scoped = ruleset
        .scope(Scope::Signal)
        .and_then(|ruleset| ruleset.scope(Scope::AbstractUnixSocket));
    scoped.and_then(Ruleset::create).is_ok()
}

/// The ways out that Landlock does not know, as far as this system has them.
pub(super) fn open_ways() -> Vec<&'static str> {
    let set = |path: &str| {
        let value = std::fs::read_to_string(path).unwrap_or_default();
        value.trim().parse::<u32>().unwrap_or_default()
    };
    let mut open = vec!["UDP"];
    // Another protocol to Landlock, though any TCP server answers it.
    if set("/proc/sys/net/mptcp/enabled") != 0 {
        open.push("MPTCP");
    }
    // Connects by sending; the lowest bit is the client's side.
    if set("/proc/sys/net/ipv4/tcp_fastopen") & 1 != 0 {
        open.push("TCP Fast Open");
    }
    open.push("other families of sockets (VSOCK, SCTP, SMC)");
    if terminal::takes_typing() {
        open.push("typing into your shell (TIOCSTI)");
    }
    open
}

/// What is given up where no rule gives it back: an error where the kernel cannot.
fn handled() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(OLDEST))?
        .handle_access(AccessNet::ConnectTcp)
}

/// SECURITY: an agent that reads `state/` has the key that approves, one that writes `policies/` makes its own rules, one
/// that connects elsewhere is not seen. Tests: `tests/it/exec/escape.rs`.
fn restrict(args: &Args) -> anyhow::Result<()> {
    let mut ruleset = handled()?
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .set_compatibility(CompatLevel::HardRequirement);
    // Names may be listed anywhere: too much looks into its own directory and those above.
    ruleset = allow(ruleset, Path::new("/"), AccessFs::ReadDir.into())?;
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    let here = here.filter(|here| {
        let near = |hidden: &PathBuf| hidden.starts_with(here) || here.starts_with(hidden);
        !args.hide.iter().any(near)
    });
    for path in grants::beside(&args.hide)?.into_iter().chain(here) {
        ruleset = allow(ruleset, &path, AccessFs::from_all(OLDEST))?;
    }
    for path in &args.show {
        ruleset = allow(ruleset, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    for port in &args.port {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = ruleset.restrict_self()?;
    match status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
        true => bail!("the kernel took the rules and does not apply them"),
        false => Ok(()),
    }
}

/// Allows `rights` to a file, or to a directory and all in it.
fn allow(ruleset: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> anyhow::Result<RulesetCreated> {
    let Some(file) = open(path)? else {
        return Ok(ruleset);
    };
    let rights = match path.is_dir() {
        true => rights,
        false => rights & AccessFs::from_file(OLDEST),
    };
    ruleset
        .add_rule(PathBeneath::new(file, rights))
        .with_context(|| format!("cannot allow {}", path.display()))
}

/// What the real path `path` names; `None` if it is gone, or closed to us anyway, or a link.
fn open(path: &Path) -> anyhow::Result<Option<PathFd>> {
    let file = match PathFd::new(path) {
        Ok(file) => file,
        Err(PathFdError::OpenCall { source, .. }) if is_unreachable(&source) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    // SECURITY: a name can become a link to what is hidden between listing and opening. What was opened is what counts.
    // Test: `a_name_that_is_a_link_by_now_is_not_opened`.
    let opened = std::fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()));
    let opened = opened.context("cannot tell what was opened: /proc is needed")?;
    Ok((opened == path).then_some(file))
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_a_link_by_now_is_not_opened() {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("state")).unwrap();
        std::os::unix::fs::symlink(root.join("state"), root.join("link")).unwrap();
        assert!(open(&root.join("state")).unwrap().is_some());
        assert!(open(&root.join("link")).unwrap().is_none());
        assert!(open(&root.join("gone")).unwrap().is_none());
    }
}
