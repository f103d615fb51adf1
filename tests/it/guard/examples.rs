//! What docs/guard.md shows is run as it stands there.

use std::process::{Command, Stdio};

use super::house;
use crate::harness::{Sidecar, bounded, key, node_packages, python, root, said};

/// The fenced blocks of a kind, for this sidecar.
fn blocks(kind: &str, sidecar: &Sidecar) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/guard.md")).unwrap();
    let fenced = page.split("\n```").skip(1).step_by(2);
    let blocks = fenced.filter_map(|block| block.strip_prefix(&format!("{kind}\n")));
    blocks
        .map(|block| block.replace("127.0.0.1:8081", &format!("127.0.0.1:{}", sidecar.control_port())))
        .collect()
}

fn run(mut command: Command) -> String {
    let output = bounded({
        command
            .stdin(Stdio::null())
            .env("RUNPLANE_AGENT_KEY", key("support-bot"));
        command
            .env_remove("HTTPS_PROXY")
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy")
            .env_remove("https_proxy");
        command
    });
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

/// Approves what comes, as a person does, while the example runs.
fn with_a_person(sidecar: &Sidecar, example: impl FnOnce() -> String + Send) -> String {
    std::thread::scope(|scope| {
        let running = scope.spawn(example);
        sidecar.approve(&sidecar.next_held());
        running.join().unwrap()
    })
}

#[test]
fn the_examples_of_curl_run() {
    let sidecar = house().start();
    let shown = blocks("sh", &sidecar);
    let ask = shown
        .iter()
        .find(|block| block.contains("/api/v1/guard -"))
        .expect("an example of curl");
    let mut shell = Command::new("sh");
    shell.args(["-c", ask]);
    let told = run(shell);
    assert!(
        told.contains("REQUIRE_APPROVAL") && told.contains("High-risk financial action"),
        "{told}"
    );
}

#[test]
fn the_example_in_python_runs() {
    let sidecar = house().start();
    let [script] = blocks("python", &sidecar).try_into().expect("one example");
    let told = with_a_person(&sidecar, || {
        let mut interpreter = Command::new(python());
        interpreter.args(["-c", &script]);
        run(interpreter)
    });
    assert!(told.contains("paid"), "{told}");
    assert_eq!(sidecar.trail().of_kind("outcome").last().unwrap()["outcome"], "success");
}

#[test]
fn the_example_in_node_runs() {
    let sidecar = house().start();
    let [script] = blocks("js", &sidecar).try_into().expect("one example");
    let told = with_a_person(&sidecar, || {
        let mut node = Command::new(node_packages().join("node_modules/.bin/node"));
        node.args(["--input-type=module", "-e", &script]);
        run(node)
    });
    assert!(told.contains("paid"), "{told}");
    assert_eq!(sidecar.trail().of_kind("outcome").last().unwrap()["outcome"], "success");
}
