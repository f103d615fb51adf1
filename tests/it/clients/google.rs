//! Google's libraries for Cloud Storage.

use super::*;

const GOOGLE: Calls = Calls {
    allow: "download acme-data reports/2026/a.csv",
    block: ("open_to_all acme-data", "Buckets are opened by people only"),
    hold: "delete acme-data reports/2026/a.csv",
    executed: |origin| deletions(origin, "/storage/v1/b/acme-data/o/reports%2F2026%2Fa.csv"),
};

const HOSTS: [&str; 2] = ["storage.googleapis.com", "oauth2.googleapis.com"];

fn shows_google(client: &str, script: &'static str) {
    let rule = no("modify_security", "google", "Buckets are opened by people only");
    let start = |sidecar: &Sidecar| Session::open(script, sidecar, None, &[]);
    shows(client, &GOOGLE, &Origin::google(), (&HOSTS, &rule), start);
}

#[test]
fn google_cloud_storage() {
    shows_google("google-cloud-storage", "google_client.py");
}

#[test]
fn google_api_python_client() {
    shows_google("google-api-python-client", "google_api_client.py");
}

#[test]
fn google_renews_its_token_unasked_and_a_code_is_exchanged_by_people() {
    let origin = Origin::google();
    let sidecar = HOSTS
        .iter()
        .fold(Sidecar::new(), |sidecar, host| sidecar.resolve(host, &origin));
    let sidecar = sidecar.hold("1s").start();
    let mut google = Session::google(&sidecar);
    google.call("download acme-data a.csv").assert_ok();
    let renewed = origin.calls("POST", "/token").len();
    assert_ne!(renewed, 0);
    let held = google.call("exchange 4/code");
    held.assert_refused("approval_pending").assert_refused("NOT executed");
    assert_eq!(held.error().code.as_deref(), Some("approval_pending"));
    assert_eq!(origin.calls("POST", "/token").len(), renewed);
    for secret in ["not-a-secret", "4/code", "ya29"] {
        assert!(!sidecar.trail().holds(secret.as_bytes()), "{secret}");
    }
}
