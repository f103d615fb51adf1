//! Real receivers of notifications: `standardwebhooks` behind an HTTPS server, and `aiosmtpd`. And a witness of checkpoints.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::output::Output;
use super::{PATIENCE, certificates, eventually, ports, python, root};

/// A running receiver with a certificate for one name. Ended when dropped.
pub struct Receiver {
    child: Child,
    output: Output,
    pub port: u16,
    _files: tempfile::TempDir,
}

impl Receiver {
    /// Of webhooks to `hooks.test` that are signed with `secret`.
    pub fn of_webhooks(secret: &str) -> Self {
        Self::of_webhooks_at(ports::free(), secret)
    }

    pub fn of_webhooks_at(port: u16, secret: &str) -> Self {
        Self::start("webhook_receiver.py", "hooks.test", port, secret)
    }

    /// Of mail to a server called `mail.test` that speaks `starttls`, `implicit` or `clear`.
    pub fn of_mail(speaks: &str) -> Self {
        Self::of_mail_at(ports::free(), speaks)
    }

    pub fn of_mail_at(port: u16, speaks: &str) -> Self {
        Self::start("mail_receiver.py", "mail.test", port, speaks)
    }

    /// A witness called `witness.test`: of the log whose key is in this file, and as it is told to be.
    pub fn of_checkpoints_at(port: u16, log_key: &std::path::Path, how: &str) -> Self {
        Self::start(
            "witness.py",
            "witness.test",
            port,
            &format!("{} {how}", log_key.display()),
        )
    }

    fn start(script: &str, name: &str, port: u16, last: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (certificate, key) = (files.path().join("leaf.pem"), files.path().join("key.pem"));
        let (leaf_pem, key_pem) = certificates::pem_for(name);
        std::fs::write(&certificate, leaf_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
        let mut command = Command::new(python());
        command
            .arg(root().join("tests/clients").join(script))
            .args([&certificate, &key])
            .arg(port.to_string())
            .arg(last)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Output::default();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        let receiver = Self {
            child,
            output,
            port,
            _files: files,
        };
        let ready = receiver.output.wait(0, PATIENCE, |line| line == "ready");
        assert!(ready.is_some(), "{}", receiver.output.text());
        receiver
    }

    /// What it got so far.
    pub fn got(&self) -> Vec<Value> {
        let text = self.output.text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("got "));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The same once there is so much of it.
    pub fn gets(&self, number: usize) -> Vec<Value> {
        eventually(&format!("the receiver got {number}: {}", self.printed()), || {
            self.got().len() >= number
        });
        let got = self.got();
        assert_eq!(got.len(), number, "{got:#?}");
        got
    }

    pub fn printed(&self) -> String {
        self.output.text()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
