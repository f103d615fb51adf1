//! AWS, played by moto, behind TLS of ours that records what reaches it.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::output::Output;
use super::{Origin, eventually, ports, python};

/// A running moto server and the TLS origin before it. Ended when dropped.
pub struct Moto {
    child: Child,
    pub origin: Origin,
}

impl Moto {
    pub fn start() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let mut command = Command::new(python());
        command.args([
            "-m",
            "moto.server",
            "-H",
            "127.0.0.1",
            "-p",
            &address.port().to_string(),
        ]);
        command
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .expect("moto starts from the environment that tests/run made");
        let output = Output::default();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        eventually("moto answers", || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("moto ended with {status}:\n{}", output.text());
            }
            TcpStream::connect(address).is_ok()
        });
        Self {
            child,
            origin: Origin::before(address),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
