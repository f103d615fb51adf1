//! A real gRPC server over TLS (`tests/clients/grpc_server.py`).

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::output::Output;
use super::{PATIENCE, certificates, python, root};

/// Running; ended when dropped.
pub struct GrpcServer {
    child: Child,
    output: Output,
    address: SocketAddr,
    _files: TempDir,
}

impl GrpcServer {
    /// Known by this name.
    pub fn start(name: &str) -> Self {
        let files = TempDir::new().unwrap();
        let (certificate, key) = certificates::pem_for(name);
        let paths = [("certificate", certificate), ("key", key)].map(|(file, text)| {
            let path = files.path().join(file);
            std::fs::write(&path, text).unwrap();
            path
        });
        let mut command = Command::new(python());
        command.arg(root().join("tests/clients/grpc_server.py")).args(paths);
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (output, errors) = (Output::default(), Output::default());
        output.follow(child.stdout.take().unwrap());
        errors.follow(child.stderr.take().unwrap());
        let line = output.wait(0, PATIENCE, |line| line.contains("port"));
        let (line, _) = line.unwrap_or_else(|| panic!("the server did not start: {}", errors.text()));
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
        Self {
            child,
            output,
            address: SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap())),
            _files: files,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The calls that reached it, each `{call, metadata}`, and messages of streams, each `{message}`.
    pub fn seen(&self) -> Vec<Value> {
        let text = self.output.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| line.get("port").is_none()).collect()
    }

    /// How often a method was called.
    pub fn calls(&self, method: &str) -> usize {
        self.seen().iter().filter(|line| line["call"] == method).count()
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
