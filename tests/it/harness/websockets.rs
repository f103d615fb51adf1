//! A real WebSocket server: the library `websockets` over TLS.

use std::process::{Child, Command, Stdio};

use super::output::Output;
use super::{PATIENCE, certificates, ports, python, root};

/// A running server with a certificate for one name. Ended when dropped.
pub struct WebSockets {
    child: Child,
    output: Output,
    port: u16,
    _files: tempfile::TempDir,
}

impl WebSockets {
    pub fn start(name: &str) -> Self {
        let (files, port) = (tempfile::tempdir().unwrap(), ports::free());
        let (certificate, key) = (files.path().join("leaf.pem"), files.path().join("key.pem"));
        let (leaf_pem, key_pem) = certificates::pem_for(name);
        std::fs::write(&certificate, leaf_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
        let mut command = Command::new(python());
        command
            .arg(root().join("tests/clients/websockets_server.py"))
            .args([&certificate, &key])
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Output::default();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        let server = Self {
            child,
            output,
            port,
            _files: files,
        };
        server.says("ready");
        server
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits for a line that begins so.
    #[track_caller]
    pub fn says(&self, beginning: &str) -> String {
        let found = self.output.wait(0, PATIENCE, |line| line.starts_with(beginning));
        found
            .unwrap_or_else(|| panic!("not said: {beginning}\n{}", self.output.text()))
            .0
    }

    pub fn printed(&self) -> String {
        self.output.text()
    }
}

impl Drop for WebSockets {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
