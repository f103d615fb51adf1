//! The libraries of Twilio, GitHub, OpenAI, Anthropic and Google, and aiohttp.

use super::*;

const TWILIO: Calls = Calls {
    allow: "messages",
    block: ("send +15005550006", "Nobody is written to by an agent"),
    hold: "delete SM0123456789abcdef0123456789abcdef",
    executed: |origin| deletions(origin, "/Messages/"),
};

const GITHUB: Calls = Calls {
    allow: "repository acme/app",
    block: ("invite acme/app bob", "People are let in by people only"),
    hold: "delete_branch acme/app feature/x",
    executed: |origin| deletions(origin, "/git/refs/heads/feature/x"),
};

const OPENAI: Calls = Calls {
    allow: "ask Hello",
    block: ("batch file-1", "Batches are started by people only"),
    hold: "delete_file file-1",
    executed: |origin| deletions(origin, "/v1/files/file-1"),
};

const ANTHROPIC: Calls = Calls {
    allow: "ask Hello",
    block: ("batch one", "Batches are started by people only"),
    hold: "delete_batch msgbatch_1",
    executed: |origin| deletions(origin, "/v1/messages/batches/msgbatch_1"),
};

const GOOGLE: Calls = Calls {
    allow: "download acme-data reports/2026/a.csv",
    block: ("open_to_all acme-data", "Buckets are opened by people only"),
    hold: "delete acme-data reports/2026/a.csv",
    executed: |origin| deletions(origin, "/storage/v1/b/acme-data/o/reports%2F2026%2Fa.csv"),
};

fn deletions(origin: &Origin, path: &str) -> usize {
    let seen = origin.seen();
    let deletes = seen.iter().filter(|seen| seen.method == "DELETE");
    deletes.filter(|seen| seen.path().contains(path)).count()
}

fn no(what: &str, provider: &str, reason: &str) -> String {
    format!(
        "@id(\"no-{what}\")\n@reason(\"{reason}\")\nforbid (principal, action == Action::\"{what}\", resource in \
         Provider::\"{provider}\");\n"
    )
}

/// Both rows of a client: held while it is connected, and coming again.
fn both(
    matrix: &Matrix,
    calls: &Calls,
    origin: &Origin,
    before: impl Fn(&str) -> Sidecar,
    client: impl Fn(&Sidecar) -> Session,
) {
    let sidecar = before("30s");
    row(matrix, calls, origin, &sidecar, &mut client(&sidecar));
    let sidecar = before("1s");
    repeats(matrix, calls, origin, &sidecar, &mut client(&sidecar));
}

#[test]
fn twilio() {
    let origin = Origin::twilio();
    let rule = no("send_sms", "twilio", "Nobody is written to by an agent");
    let before = |hold: &str| {
        let sidecar = Sidecar::new().resolve("api.twilio.com", &origin).policy(&rule);
        sidecar.hold(hold).start()
    };
    both(&Matrix::of("twilio"), &TWILIO, &origin, before, Session::twilio);
}

#[test]
fn twilios_library_sends_what_nothing_forbids_and_shows_its_own_error() {
    let origin = Origin::twilio();
    let sidecar = Sidecar::new().resolve("api.twilio.com", &origin).hold("1s").start();
    let mut twilio = Session::twilio(&sidecar);
    assert_eq!(twilio.call("send +15005550006").assert_ok().status, Some(201));
    let held = twilio.call("delete SM0123456789abcdef0123456789abcdef");
    held.assert_refused("approval_pending").assert_refused("NOT executed");
    let error = held.error();
    assert_eq!(
        (error.class.as_str(), error.http_status, error.code.as_deref()),
        ("TwilioRestException", Some(403), Some("20403"))
    );
    assert_eq!(sidecar.trail().of_kind("decided").len(), 2, "one attempt each");
}

#[test]
fn github() {
    let origin = Origin::github();
    let rule = no("modify_security", "github", "People are let in by people only");
    let before = |hold: &str| {
        let sidecar = Sidecar::new().resolve("api.github.com", &origin).policy(&rule);
        sidecar.hold(hold).start()
    };
    both(&Matrix::of("PyGithub"), &GITHUB, &origin, before, Session::github);
}

/// With a `Retry-After` it would try ten times, and wait for hours.
#[test]
fn pygithub_tries_once() {
    let origin = Origin::github();
    let sidecar = Sidecar::new().resolve("api.github.com", &origin).hold("1s").start();
    let held = Session::github(&sidecar).call("invite acme/app bob");
    held.assert_refused("approval_pending");
    let error = held.error();
    assert_eq!(
        (error.class.as_str(), error.http_status),
        ("GithubException", Some(403))
    );
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1);
    origin.assert_untouched();
}

#[test]
fn openai() {
    let origin = Origin::openai();
    let rule = no("modify_record", "openai", "Batches are started by people only");
    let before = |hold: &str| {
        let sidecar = Sidecar::new().resolve("api.openai.com", &origin).policy(&rule);
        sidecar.hold(hold).start()
    };
    both(&Matrix::of("openai"), &OPENAI, &origin, before, Session::openai);
}

#[test]
fn anthropic() {
    let origin = Origin::anthropic();
    let rule = no("call_api", "anthropic", "Batches are started by people only");
    let before = |hold: &str| {
        let sidecar = Sidecar::new().resolve("api.anthropic.com", &origin).policy(&rule);
        sidecar.hold(hold).start()
    };
    both(
        &Matrix::of("anthropic"),
        &ANTHROPIC,
        &origin,
        before,
        Session::anthropic,
    );
}

/// Both try again by themselves, but for what says that they should not.
#[test]
fn the_models_libraries_try_once_and_what_is_asked_of_a_model_is_on_no_disk() {
    let (openai, anthropic) = (Origin::openai(), Origin::anthropic());
    let sidecar = Sidecar::new()
        .resolve("api.openai.com", &openai)
        .resolve("api.anthropic.com", &anthropic)
        .hold("1s")
        .start();
    for (mut client, hold) in [
        (Session::openai(&sidecar), OPENAI.hold),
        (Session::anthropic(&sidecar), ANTHROPIC.hold),
    ] {
        let before = sidecar.trail().of_kind("decided").len();
        let held = client.call(hold);
        held.assert_refused("approval_pending").assert_refused("NOT executed");
        assert_eq!(held.error().class, "PermissionDeniedError");
        assert_eq!(held.headers["x-should-retry"], "false");
        client.call("ask 'a question that is nobodys business'").assert_ok();
        assert_eq!(sidecar.trail().of_kind("decided").len(), before + 2, "one attempt each");
    }
    assert!(!sidecar.trail().holds(b"nobodys business"));
    assert_eq!((openai.seen().len(), anthropic.seen().len()), (1, 1));
}

fn before_google(origin: &Origin, hold: &str, rule: &str) -> Sidecar {
    ["storage.googleapis.com", "oauth2.googleapis.com"]
        .iter()
        .fold(Sidecar::new(), |sidecar, name| sidecar.resolve(name, origin))
        .policy(rule)
        .hold(hold)
        .start()
}

#[test]
fn google_cloud_storage() {
    let origin = Origin::google();
    let rule = no("modify_security", "google", "Buckets are opened by people only");
    let before = |hold: &str| before_google(&origin, hold, &rule);
    both(
        &Matrix::of("google-cloud-storage"),
        &GOOGLE,
        &origin,
        before,
        Session::google,
    );
}

#[test]
fn google_renews_its_token_unasked_and_a_code_is_exchanged_by_people() {
    let origin = Origin::google();
    let sidecar = before_google(&origin, "1s", "");
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

#[test]
fn aiohttp() {
    let origin = Origin::stripe();
    let before = |hold: &str| before_stripe(&origin, hold);
    both(&Matrix::of("aiohttp"), &REQUESTS, &origin, before, Session::aiohttp);
}
