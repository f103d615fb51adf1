//! curl through a sidecar.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use super::session::ClientError;
use super::{Answer, Sidecar, read_answer, sha256};

/// No ~/.curlrc, the head before the content, and errors in words; -q must be the first.
const SHOWN: [&str; 7] = ["-q", "-s", "-S", "-i", "--suppress-connect-headers", "--max-time", "60"];

/// A curl that was started; `finish` waits for it.
pub struct Curl(Child);

impl Curl {
    /// `arguments` as one types them after `curl`.
    pub fn start(sidecar: &Sidecar, arguments: &[&str]) -> Self {
        Self::start_as(sidecar, None, arguments)
    }

    /// The same by an agent with a key, `name:key`.
    pub fn start_as(sidecar: &Sidecar, key: Option<&str>, arguments: &[&str]) -> Self {
        let credentials = key.map(|key| format!("{key}@")).unwrap_or_default();
        let proxy = format!("http://{credentials}127.0.0.1:{}", sidecar.proxy_port());
        let mut command = Command::new("curl");
        command
            .args(SHOWN)
            .args(["--noproxy", "", "--proxy", &proxy, "--cacert"]);
        command.arg(sidecar.ca_file()).args(arguments);
        Self::run(command)
    }

    /// The same, told of proxy and CA by what `runplane env` prints alone.
    pub fn wired(sidecar: &Sidecar, arguments: &[&str]) -> Self {
        let mut command = Command::new("curl");
        command.envs(sidecar.wiring(None)).args(SHOWN).args(arguments);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command.spawn().expect("curl is there: tests/run sees to it"))
    }

    /// What it told: an HTTP error counts as one, as with `--fail-with-body`.
    pub fn finish(self) -> Answer {
        let output = self.0.wait_with_output().unwrap();
        let answer = read_answer(&mut output.stdout.as_slice(), false).unwrap();
        let exit = output.status.code();
        let status = answer.as_ref().map(|answer| answer.status);
        let ok = exit == Some(0) && status.is_some_and(|status| status < 400);
        let body = answer.as_ref().map(|answer| answer.body.clone()).unwrap_or_default();
        let text = String::from_utf8_lossy(&body).into_owned();
        let headers = answer.into_iter().flat_map(|answer| answer.headers);
        let version = output.stdout.split(|byte| *byte == b' ').next().unwrap_or_default();
        let mut headers: BTreeMap<_, _> = headers.map(|(name, value)| (name.to_lowercase(), value)).collect();
        headers.insert(":version".to_owned(), String::from_utf8_lossy(version).into_owned());
        let error = (!ok).then(|| ClientError {
            class: format!("exit {}", exit.unwrap_or(-1)),
            code: headers.get("runplane-decision").cloned(),
            http_status: status,
            message: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
            said: None,
        });
        Answer {
            ok,
            status,
            sha256: Some(sha256(&body)),
            value: text.into(),
            error,
            headers,
        }
    }

    pub fn call(sidecar: &Sidecar, arguments: &[&str]) -> Answer {
        Self::start(sidecar, arguments).finish()
    }
}
