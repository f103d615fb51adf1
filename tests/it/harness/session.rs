//! An agent's own client: a Python script that makes one call per line.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::output::Output;
use super::{PATIENCE, Sidecar, go_client, node_packages, python, root};

/// What a client told its caller.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    pub ok: bool,
    pub status: Option<u16>,
    /// Of the content exactly as it came.
    pub sha256: Option<String>,
    pub value: serde_json::Value,
    pub error: Option<ClientError>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// The client's own error, as the agent's code sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct ClientError {
    pub class: String,
    pub code: Option<String>,
    pub http_status: Option<u16>,
    pub message: String,
    /// The error's own text, which is all that most programs show to a model; where the client has an error at all.
    #[serde(default)]
    pub said: Option<String>,
}

impl Answer {
    /// # Panics
    /// If the call went through.
    pub fn error(&self) -> &ClientError {
        self.error.as_ref().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    /// Everything that the client's error says, and the headers that came with it.
    pub fn told(&self) -> String {
        let error = self.error();
        format!(
            "{} {} {} {:?}",
            error.class,
            error.code.as_deref().unwrap_or_default(),
            error.message,
            self.headers
        )
    }

    /// # Panics
    /// If the call failed.
    #[track_caller]
    pub fn assert_ok(&self) -> &Self {
        assert!(self.ok, "{self:?}");
        self
    }

    /// The client's error carries this reason: in its message or code, not only in a header that nobody reads.
    #[track_caller]
    pub fn assert_refused(&self, reason: &str) -> &Self {
        assert!(!self.ok, "went through: {self:?}");
        let error = self.error();
        let said = format!("{} {}", error.code.as_deref().unwrap_or_default(), error.message);
        assert!(said.contains(reason), "expected {reason}: {self:?}");
        self
    }

    /// The approval that the error names.
    #[track_caller]
    pub fn approval(&self) -> String {
        super::approval_id(&self.error().message).unwrap_or_else(|| panic!("no approval's id: {self:?}"))
    }
}

/// A client that stays, as an agent's process does. Ended when dropped.
pub struct Session {
    child: Child,
    stdin: ChildStdin,
    output: Output,
    errors: Output,
    read: usize,
    /// Where it keeps what it needs for a while.
    _files: tempfile::TempDir,
}

impl Session {
    /// Stripe's library.
    pub fn stripe(sidecar: &Sidecar) -> Self {
        Self::open("stripe_client.py", sidecar, None, &[])
    }

    /// boto3 for us-east-1.
    pub fn boto3(sidecar: &Sidecar) -> Self {
        Self::open("boto3_client.py", sidecar, None, &[])
    }

    pub fn requests(sidecar: &Sidecar) -> Self {
        Self::open("requests_client.py", sidecar, None, &[])
    }

    /// SendGrid's library.
    pub fn sendgrid(sidecar: &Sidecar) -> Self {
        Self::open("sendgrid_client.py", sidecar, None, &[])
    }

    /// Slack's library.
    pub fn slack(sidecar: &Sidecar) -> Self {
        Self::open("slack_client.py", sidecar, None, &[])
    }

    /// The library `websockets`.
    pub fn websockets(sidecar: &Sidecar) -> Self {
        Self::open("websockets_client.py", sidecar, None, &[])
    }

    /// Twilio's library.
    pub fn twilio(sidecar: &Sidecar) -> Self {
        Self::open("twilio_client.py", sidecar, None, &[])
    }

    /// PyGithub.
    pub fn github(sidecar: &Sidecar) -> Self {
        Self::open("github_client.py", sidecar, None, &[])
    }

    /// OpenAI's library.
    pub fn openai(sidecar: &Sidecar) -> Self {
        Self::open("openai_client.py", sidecar, None, &[])
    }

    /// Anthropic's library.
    pub fn anthropic(sidecar: &Sidecar) -> Self {
        Self::open("anthropic_client.py", sidecar, None, &[])
    }

    /// google-cloud-storage.
    pub fn google(sidecar: &Sidecar) -> Self {
        Self::open("google_client.py", sidecar, None, &[])
    }

    /// httpx waits 5 s of its own accord: enough for a person at hand, not for a machine that runs every test at once.
    pub fn httpx(sidecar: &Sidecar) -> Self {
        Self::open("httpx_client.py", sidecar, None, &[("HTTPX_TIMEOUT", "60")])
    }

    /// httpx where it offers HTTP/2.
    pub fn httpx_http2(sidecar: &Sidecar, timeout: &str) -> Self {
        let environment = [("HTTPX_TIMEOUT", timeout), ("HTTPX_HTTP2", "1")];
        Self::open("httpx_client.py", sidecar, None, &environment)
    }

    /// grpcio with a channel to a host's port 443.
    pub fn grpcio(sidecar: &Sidecar, host: &str) -> Self {
        Self::open(
            "grpc_client.py",
            sidecar,
            None,
            &[("GRPC_TARGET", &format!("{host}:443"))],
        )
    }

    /// A script of `tests/clients`, wired by the variables that `runplane env` prints. `agent` shows `key(agent)`.
    pub fn open(script: &str, sidecar: &Sidecar, agent: Option<&str>, environment: &[(&str, &str)]) -> Self {
        let mut command = surrounded(started(script));
        command.envs(sidecar.wiring(agent));
        // Of the script's own making: the library knows no such variable.
        command.env("STRIPE_CA_BUNDLE", sidecar.ca_file());
        command.envs(environment.iter().copied());
        Self::run(command)
    }

    /// A script of `tests/clients`, wired by `runplane exec`: with what that loads into Python and Node.
    pub fn preloaded(script: &str, sidecar: &Sidecar, environment: &[(&str, &str)]) -> Self {
        let started = started(script);
        let mut command = Command::new(env!("CARGO_BIN_EXE_runplane"));
        command.args(["exec", "--confine", "off", "--"]);
        command.arg(started.get_program()).args(started.get_args());
        let mut command = surrounded(command);
        command.env("RUNPLANE_HOME", sidecar.home());
        command.envs(environment.iter().copied());
        Self::run(command)
    }

    /// A script of `tests/clients` that knows neither proxy nor CA: a variable of its environment names a base URL.
    pub fn at(script: &str, variable: &str, url: &str) -> Self {
        let mut command = surrounded(started(script));
        command.env(variable, url);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let files = tempfile::tempdir().unwrap();
        command
            .env("TMPDIR", files.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let (output, errors) = (Output::default(), Output::default());
        output.follow(child.stdout.take().unwrap());
        errors.follow(child.stderr.take().unwrap());
        let mut session = Self {
            child,
            stdin,
            output,
            errors,
            read: 0,
            _files: files,
        };
        session.line();
        session
    }

    fn line(&mut self) -> String {
        let found = self.output.wait(self.read, PATIENCE, |_| true);
        let (line, read) = found.unwrap_or_else(|| panic!("the client did not answer: {}", self.errors.text()));
        self.read = read;
        line
    }

    /// Has the client make a call; its answer is for `receive`.
    pub fn send(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").unwrap_or_else(|error| panic!("{error}: {}", self.errors.text()));
    }

    pub fn receive(&mut self) -> Answer {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The answer, if it comes within this time.
    pub fn receive_within(&mut self, limit: Duration) -> Option<Answer> {
        let (line, read) = self.output.wait(self.read, limit, |_| true)?;
        self.read = read;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    pub fn call(&mut self, command: &str) -> Answer {
        self.send(command);
        self.receive()
    }
}

/// A script in its language; without one it is the program in Go, which `tests/run` has compiled.
fn started(script: &str) -> Command {
    let mut command = match script.rsplit_once('.').map(|(_, language)| language) {
        Some("js") => Command::new("node"),
        Some("java") => Command::new("java"),
        Some(_) => Command::new(python()),
        None => return Command::new(go_client()),
    };
    command.arg(root().join("tests/clients").join(script));
    command
}

/// The command with little of our surroundings.
fn surrounded(mut command: Command) -> Command {
    command.env_clear();
    for kept in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret");
    command
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("NODE_PATH", node_packages().join("node_modules"));
    command
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
