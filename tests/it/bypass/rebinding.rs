//! O49, O50: names whose owner is the agent, and answers otherwise each time. The system's resolver is `lookup.c`.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Origin, Reply, Sidecar, Tunnel, bounded, root, said};

/// A sidecar that asks `lookup.c`, before an origin that it may dial at 127.0.0.1, and the file of the questions.
fn before(origin: &Origin) -> (Sidecar, PathBuf) {
    let sidecar = Sidecar::new().destination(&origin.address().to_string());
    let (library, questions) = (sidecar.home.join("lookup.so"), sidecar.home.join("questions"));
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(root().join("tests/it/bypass/lookup.c"));
    let output = bounded(compiler);
    assert!(output.status.success(), "{}", said(&output));
    let sidecar = sidecar
        .environment("LD_PRELOAD", library.to_str().unwrap())
        .environment("LOOKUPS", questions.to_str().unwrap());
    (sidecar.start(), questions)
}

fn get(host: &str) -> String {
    format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn o49_a_name_that_leads_elsewhere_the_next_time() {
    let origin = Origin::of_things();
    let (sidecar, questions) = before(&origin);
    let host = format!("rebind.example:{}", origin.address().port());
    // The connection is not kept: the next call makes one of its own.
    origin.answer_next_with(Reply::new(200).header("connection", "close").bytes("once\n"));
    let mut wire = Tunnel::to(&host).open(&sidecar);
    assert_eq!(wire.ask(get(&host)).text(), "once\n");
    let asked = std::fs::read_to_string(&questions).unwrap();
    assert_eq!(asked, "rebind.example\n", "what is checked is what is dialled");
    let refused = wire.ask(get(&host));
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.text().contains("destination_refused"), "{refused:?}");
    assert_eq!((origin.seen().len(), origin.connections()), (1, 1));
}

#[test]
fn o50_one_address_of_an_answer_is_private() {
    let origin = Origin::of_things();
    let (sidecar, questions) = before(&origin);
    let host = format!("mixed.example:{}", origin.address().port());
    let refused = Tunnel::to(&host).open(&sidecar).ask(get(&host));
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.text().contains("destination_refused"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&questions).unwrap(), "mixed.example\n");
    origin.assert_untouched();
}

/// Nothing is asked of the resolver for a call that does not leave.
#[test]
fn o49_a_blocked_call_is_no_question() {
    let origin = Origin::of_things();
    let (sidecar, questions) = before(&origin);
    let host = format!("rebind.example:{}", origin.address().port());
    let post = format!("POST /hello HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(Tunnel::to(&host).open(&sidecar).ask(post).status, 403);
    assert!(!questions.exists(), "the resolver was asked");
}
