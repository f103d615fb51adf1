//! What the tests are written in. A test reads as sentences:
//!
//! ```ignore
//! let origin = Origin::stripe();
//! let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
//! let mut stripe = Session::stripe(&sidecar);
//! stripe.send("refund ch_1 amount=90000");
//! sidecar.approve(&sidecar.next_held());
//! assert!(stripe.receive().ok);
//! ```

mod answers;
pub mod api;
pub mod broken;
mod certificates;
mod configuration;
mod corporate;
mod curl;
pub mod frames;
mod grpc;
mod matrix;
mod moto;
mod origin;
mod output;
pub mod pages;
mod points;
mod ports;
mod raw;
mod receiver;
mod record;
mod session;
mod shared;
mod sidecar;
mod slack;
mod tls;
mod websockets;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use answers::{HttpAnswer, read_answer};
pub use api::list as items;
pub use certificates::{Flaw, trusted_pem};
pub use configuration::Configuration;
pub use corporate::Corporate;
pub use curl::Curl;
pub use frames::{Frame, Http2};
pub use grpc::GrpcServer;
pub use matrix::{CLIENTS, Matrix, cells, libraries, raised, rows, shown, table};
pub use moto::Moto;
pub use origin::things::noise;
pub use origin::{Gate, Origin, Reply, Seen};
pub use output::Output;
pub use points::{died_at, found_at};
pub use ports::{Canary, free as free_port};
pub use raw::{Tunnel, Wire};
pub use receiver::Receiver;
pub use record::{Trail, contains, files};
pub use session::{Answer, Session};
pub use shared::Shared;
pub use sidecar::{Sidecar, bounded, runplane, said};
pub use slack::{Signed, Workspace, button_of, buttons};
pub use websockets::WebSockets;

/// Longer than anything here takes on a slow machine; what takes longer has hung.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The runtime that origins live on; tests themselves are plain threads.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    })
}

/// Asks again until it is so.
///
/// # Panics
/// If it is not so within [`PATIENCE`].
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Python with the official clients.
pub fn python() -> PathBuf {
    made("RUNPLANE_TEST_PYTHON")
}

/// The directory whose `node_modules` has the official clients of Node.
pub fn node_packages() -> PathBuf {
    made("RUNPLANE_TEST_NODE")
}

/// `tests/clients/go_client.go`, compiled.
fn go_client() -> PathBuf {
    made("RUNPLANE_TEST_GO")
}

/// What `tests/run` made, and names by this variable.
fn made(variable: &str) -> PathBuf {
    let made = std::env::var_os(variable);
    PathBuf::from(made.unwrap_or_else(|| {
        panic!("{variable} is not set: run the tests with tests/run, which installs what they need")
    }))
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// The key of an agent or a person, in the form that keys have; the same for the same name.
pub fn key(name: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    let bytes = sha2::Sha256::digest(name);
    format!("rp_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

/// The `apr_…` in a text for people or models.
pub fn approval_id(text: &str) -> Option<String> {
    let rest = &text[text.find("apr_")?..];
    let end = rest[4..]
        .find(|c: char| !c.is_ascii_alphanumeric())
        .map_or(rest.len(), |end| end + 4);
    Some(rest[..end].to_owned())
}
