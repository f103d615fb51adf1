//! The libraries of OpenAI and Anthropic.

use super::*;

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

const NO_BATCHES: &str = "Batches are started by people only";

#[test]
fn openai() {
    let rule = no("modify_record", "openai", NO_BATCHES);
    shows(
        "openai",
        &OPENAI,
        &Origin::openai(),
        (&["api.openai.com"], &rule),
        Session::openai,
    );
}

#[test]
fn openai_for_node() {
    let start = |sidecar: &Sidecar| Session::open("node/openai_client.js", sidecar, None, &[]);
    let rule = no("modify_record", "openai", NO_BATCHES);
    shows(
        "openai for Node",
        &OPENAI,
        &Origin::openai(),
        (&["api.openai.com"], &rule),
        start,
    );
}

#[test]
fn anthropic() {
    let rule = no("call_api", "anthropic", NO_BATCHES);
    shows(
        "anthropic",
        &ANTHROPIC,
        &Origin::anthropic(),
        (&["api.anthropic.com"], &rule),
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
