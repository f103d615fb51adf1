//! Requests with a marker, as bytes, and origins that watch for it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::books;
use crate::harness::{Configuration, Origin, Sidecar, Tunnel, Wire};

pub const STRIPE: &str = "api.stripe.com";
pub const THINGS: &str = "things.example";
pub const FILES: &str = "files.example";

/// A provider whose uploads are allowed by their head, so that they stream.
const FILES_MAPPING: &str = "\
provider: files
title: Files
hosts: [files.example]
dispatch: path
operations:
  files.put:
    call: PUT /{file}
    action: sync_data
    target: { kind: file, id: $.path.file }
    content_ignored: true
";

/// What a request is, by what the shipped policy says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Allowed: a charge is read.
    Read,
    /// Allowed: a small refund; its content is judged.
    Refund,
    /// Allowed: an upload, whose content streams.
    Upload,
    /// Allowed: a host without a mapping, a large answer.
    Download,
    /// Blocked: a change at a host without a mapping.
    Block,
    /// Held: a large refund.
    Hold,
}

impl Ask {
    pub fn host(self) -> &'static str {
        match self {
            Ask::Read | Ask::Refund | Ask::Hold => STRIPE,
            Ask::Upload => FILES,
            Ask::Download | Ask::Block => THINGS,
        }
    }

    /// The whole request.
    pub fn bytes(self, marker: &str) -> Vec<u8> {
        let (line, content) = match self {
            Ask::Read => (format!("GET /v1/charges/{marker}"), Vec::new()),
            Ask::Refund => (
                "POST /v1/refunds".to_owned(),
                format!("charge={marker}&amount=100").into(),
            ),
            Ask::Hold => (
                "POST /v1/refunds".to_owned(),
                format!("charge={marker}&amount=90000").into(),
            ),
            Ask::Upload => (format!("PUT /{marker}"), vec![b'a'; 300_000]),
            Ask::Download => (format!("GET /bytes/300000/{marker}"), Vec::new()),
            Ask::Block => (format!("POST /{marker}"), b"a=b".to_vec()),
        };
        let typed = match content.is_empty() {
            true => String::new(),
            false => format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                content.len()
            ),
        };
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nX-Marker: {marker}\r\n{typed}\r\n",
            self.host()
        );
        [head.into_bytes(), content].concat()
    }
}

pub fn tunnel(sidecar: &Sidecar, host: &str) -> Wire {
    Tunnel::to(&format!("{host}:443")).open(sidecar)
}

/// An origin for all hosts, and a sidecar before it.
pub fn house() -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = configured(&origin).resolve(STRIPE, &origin).start();
    (origin, sidecar)
}

/// The sidecar of [`house`], but for where Stripe is.
pub fn configured(origin: &Origin) -> Configuration {
    let configuration = Sidecar::new();
    configuration.home.write("mappings/files.yaml", FILES_MAPPING);
    configuration
        .approvals("max_pending_per_agent: 1000")
        .resolve(THINGS, origin)
        .resolve(FILES, origin)
}

/// Markers of requests that reached the origin before their decision was to be seen on disk (I1). Watched at the moment
/// the head arrives.
pub fn unannounced(origin: &Origin, home: &Path) -> Arc<Mutex<Vec<String>>> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let (list, home) = (found.clone(), home.to_owned());
    origin.on_arrival(move |seen| {
        let marker = seen.header("x-marker").unwrap_or("none");
        if !books::intends(&home, marker) {
            list.lock().unwrap().push(marker.to_owned());
        }
    });
    found
}
