//! The clients that are found here, and one real call by each.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::environment::Environment;
use super::finding::Finding;
use super::process::{self, Ended, Program, Scratch};
use super::reasons;

const PYTHON: &str = include_str!("probe/probe.py");
const NODE: &str = include_str!("probe/probe.cjs");
const JAVA: &str = include_str!("probe/Probe.java");
const GO: &str = include_str!("probe/probe.go");

/// For a program that only has to make its calls, and for one that has to be compiled first.
const LIMIT: Duration = Duration::from_secs(60);
const COMPILED: Duration = Duration::from_secs(180);
/// Seconds for a call of curl's or git's.
const CALL: &str = "10";

/// What a client made of its call.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) client: String,
    #[serde(default)]
    pub(super) version: String,
    /// It is not installed.
    #[serde(default)]
    absent: bool,
    /// `ok`, or what went wrong.
    #[serde(default)]
    pub(super) verified: String,
    /// The same without checking the certificate, where that went wrong.
    pub(super) unverified: Option<String>,
}

/// A call to be made, or two.
struct Call<'a> {
    url: String,
    nonce: &'a str,
}

type Probe = fn(&Program, &Call<'_>) -> io::Result<Vec<Told>>;

/// Name, programs of which the first found is taken, and how it is tried.
const CLIENTS: [(&str, &[&str], Probe); 6] = [
    ("curl", &["curl"], curl),
    ("Python", &["python3", "python"], python),
    ("Node", &["node"], node),
    ("git", &["git"], git),
    ("Java", &["java"], java),
    ("Go", &["go"], go),
];

/// Tries all of them at once.
pub(super) fn probe(environment: &Environment, nonce: &str) -> Vec<Finding> {
    let call = &Call {
        url: format!("https://runplane.internal/doctor/{nonce}"),
        nonce,
    };
    std::thread::scope(|scope| {
        let trying = CLIENTS.map(|(name, programs, probe)| {
            let run = move || tried(environment, name, programs, probe, call);
            (name, scope.spawn(run))
        });
        let findings = trying.into_iter().flat_map(|(name, trying)| {
            let died = |_| {
                vec![Finding::wrong(
                    name,
                    "could not be tried",
                    "say so to who maintains runplane",
                )]
            };
            trying.join().unwrap_or_else(died)
        });
        findings.collect()
    })
}

fn tried(environment: &Environment, name: &str, programs: &[&str], probe: Probe, call: &Call<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let program = programs.iter().find_map(|program| {
        let found = process::find(program);
        findings.extend(found.passed.iter().map(|(program, why)| passed(program, why)));
        found.program
    });
    let Some(program) = program else {
        findings.push(Finding::absent(name));
        return findings;
    };
    match probe(&program, call) {
        Ok(told) => findings.extend(told.into_iter().map(|told| match told.absent {
            true => Finding::absent(told.client),
            false => reasons::finding(environment, &told),
        })),
        Err(error) => findings.push(untried(name, &program, &error.to_string())),
    }
    findings
}

fn passed(program: &Path, why: &str) -> Finding {
    Finding::note("PATH", &format!("{} is not run: {why}", program.display()))
        .with_fix("call `runplane doctor` from another directory, or have the program where only you can write")
}

/// It is there, and does not run at all: whether its calls come is not known.
fn untried(name: &str, program: &Program, why: &str) -> Finding {
    Finding::note(name, &format!("{} could not be tried: {why}", program.named.display()))
}

/// Without what is printed by whoever it is from.
fn first_line(ended: &Ended) -> String {
    ended.out.lines().next().unwrap_or_default().to_owned()
}

fn version(program: &Program, argument: &str, prefix: &str) -> io::Result<String> {
    let mut command = program.command();
    command.arg(argument);
    let line = first_line(&process::run(command, LIMIT)?);
    let rest = line.strip_prefix(prefix).unwrap_or(&line).trim();
    Ok(rest.split(' ').next().unwrap_or_default().to_owned())
}

/// Makes a call, and again without checking the certificate if it goes wrong.
fn called(client: &str, version: String, nonce: &str, call: impl Fn(bool) -> Command) -> io::Result<Vec<Told>> {
    let attempt = |verify: bool| {
        let ended = process::run(call(verify), LIMIT)?;
        io::Result::Ok(match ended.is_success() {
            true if ended.out.contains(nonce) => "ok".to_owned(),
            true => format!("another answer: {}", first_line(&ended)),
            false => ended.complaint(),
        })
    };
    let verified = attempt(true)?;
    let unverified = (verified != "ok").then(|| attempt(false)).transpose()?;
    Ok(vec![Told {
        client: client.to_owned(),
        version,
        absent: false,
        verified,
        unverified,
    }])
}

fn curl(program: &Program, call: &Call<'_>) -> io::Result<Vec<Told>> {
    let version = version(program, "--version", "curl ")?;
    called("curl", version, call.nonce, |verify| {
        // With the agent's own ~/.curlrc.
        let mut command = program.command();
        command.args(["-sS", "--max-time", CALL]);
        if !verify {
            command.arg("--insecure");
        }
        command.arg(&call.url);
        command
    })
}

fn git(program: &Program, call: &Call<'_>) -> io::Result<Vec<Told>> {
    let version = version(program, "--version", "git version ")?;
    called("git", version, call.nonce, |verify| {
        let mut command = program.command();
        // Nobody is there to be asked for a password.
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
            .env("GIT_HTTP_LOW_SPEED_TIME", CALL);
        if !verify {
            command.args(["-c", "http.sslVerify=false"]);
        }
        command.args(["ls-remote", &call.url]);
        command
    })
}

fn python(program: &Program, call: &Call<'_>) -> io::Result<Vec<Told>> {
    let mut command = program.command();
    command.args(["-c", PYTHON, &call.url, call.nonce]);
    told(process::run(command, LIMIT)?)
}

fn node(program: &Program, call: &Call<'_>) -> io::Result<Vec<Told>> {
    let mut command = program.command();
    command.args(["-e", NODE, &call.url, call.nonce]);
    told(process::run(command, LIMIT)?)
}

/// Compiled by the source launcher, of a JDK 11 or later, which reads files only.
fn java(program: &Program, call: &Call<'_>) -> io::Result<Vec<Told>> {
    let scratch = Scratch::new()?;
    let file = scratch.write("Probe.java", JAVA)?;
    let mut command = program.command();
    command.args([file, PathBuf::from(&call.url), PathBuf::from(call.nonce)]);
    told(process::run(command, COMPILED)?)
}

fn go(program: &Program, call: &Call<'_>) -> io::Result<Vec<Told>> {
    let scratch = Scratch::new()?;
    let file = scratch.write("probe.go", GO)?;
    let mut command = program.command();
    // It needs its own library only, and must not fetch another compiler for that.
    command
        .env("GOTOOLCHAIN", "local")
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .arg("run")
        .args([file, PathBuf::from(&call.url), PathBuf::from(call.nonce)]);
    told(process::run(command, COMPILED)?)
}

/// The lines of a program that tells itself how it went.
fn told(ended: Ended) -> io::Result<Vec<Told>> {
    let lines = ended.out.lines().filter_map(|line| serde_json::from_str(line).ok());
    let told: Vec<Told> = lines.collect();
    match told.is_empty() {
        true => Err(io::Error::other(ended.complaint())),
        false => Ok(told),
    }
}
