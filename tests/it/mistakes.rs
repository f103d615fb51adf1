//! Mistakes in the files of the house: all of them at once, each with its place, by the real binary.

use std::fs;

use serde_json::Value;

use crate::harness::{Origin, Session, Sidecar, bounded, eventually, runplane, said};

/// Everything that is wrong with these files, by `runplane check`: the first line of each, with the home cut off.
fn told(files: &[(&str, &str)]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut command = runplane();
    command.arg("check").env("RUNPLANE_HOME", home.path());
    let output = bounded(command);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output).replace(&format!("{}/", home.path().display()), "");
    let lines = text.lines().filter_map(|line| line.strip_prefix("error: "));
    let told: Vec<String> = lines.map(str::to_owned).collect();
    assert!(text.contains(&format!("{} error", told.len())), "{text}");
    told
}

/// Each of these, in any order, and nothing else: how the line begins, and what else it says.
#[track_caller]
fn assert_all(told: &[String], expected: &[(&str, &str)]) {
    for (begins, says) in expected {
        let found = told.iter().any(|line| line.starts_with(begins) && line.contains(says));
        assert!(found, "{begins}: {says} in {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

const BUDGETS: &str = "budgets:
  refunds:
    windw: 1d
    sum: amount_base
    actions: [process_refund]
    per: agentt
    limt: 5
  mails: { window: 99d, actions: [send_email], per: agent }
";
const RULE: &str = "@id(\"house\") forbid (principal, action == Action::\"process_refundd\", resource);
@id(\"spent\") forbid (principal, action == Action::\"process_refund\", resource) when { context.budgets.refunds > 5 };
@id(\"much\") forbid (principal, action == Action::\"process_refund\", resource) when { context.amuont > 5 };
";

#[test]
fn mistakes_of_every_file_are_told_at_once() {
    let told = told(&[
        ("policies/budgets.yaml", BUDGETS),
        ("policies/house.cedar", RULE),
        (
            "policies/targets.yaml",
            "targets:\n  - match: { provider: stripe }\n    lable: { sensitivity: secret }\n  - match: { provider: aws }\n    label: { owner: me, colour: red }\n",
        ),
        (
            "policies/prices.yaml",
            "currency: usd\nas_of: today\nproviders:\n  aws:\n    region: here\n    hourly: { t3.micro: cheap, t3.nano: [1] }\n",
        ),
        ("policies/budget.yaml", "budgets: {}\n"),
        (
            "mappings/mine.yaml",
            "provider: mine\ntitle: Mine\nhosts: [api.mine.example]\ndispatch: path\noperations:\n  things.make:\n    call: POST /v1/things\n    actoin: make_thing\n    target: { kind: thing }\n  things.drop:\n    call: DELETE v1/things\n    action: delete_record\n    target: { kind: thing }\n",
        ),
    ]);
    assert_all(
        &told,
        &[
            ("policies/budgets.yaml:3:5:", "did you mean `window`?"),
            ("policies/budgets.yaml:6:10:", "did you mean `agent`?"),
            ("policies/budgets.yaml:7:5:", "did you mean `limit`?"),
            ("policies/budgets.yaml:8:20:", "from 1s to 30d"),
            ("policies/house.cedar:1:", "process_refundd"),
            ("policies/house.cedar:3:", "amuont"),
            ("policies/targets.yaml:3:5:", "did you mean `label`?"),
            ("policies/targets.yaml:3:27:", "is no sensitivity"),
            ("policies/targets.yaml:5:25:", "unknown field `colour`"),
            ("policies/prices.yaml:6:25:", "expected a price"),
            ("policies/prices.yaml:6:41:", ""),
            ("policies/budget.yaml:", "did you mean `budgets.yaml`?"),
            ("mappings/mine.yaml:8:5:", "did you mean `action`?"),
            ("mappings/mine.yaml:8:13:", "make_thing"),
            ("mappings/mine.yaml:11:5:", "starts with `/`"),
        ],
    );
}

#[test]
fn what_is_wrong_without_the_vocabulary_is_told_beside_it() {
    let vocabulary = include_str!("../../mappings/actions.yaml")
        .replace("required: [recipient_count]", "requird: [recipient_count]");
    let told = told(&[
        ("mappings/actions.yaml", &vocabulary),
        (
            "mappings/mine.yaml",
            "provider: mine\ntitle: Mine\nhosts: [api.mine.example]\ndispatch: pth\n",
        ),
        ("policies/budgets.yaml", "budgets:\n  a: { window: 1d, per: agentt }\n"),
        ("policies/house.cedar", "hello world"),
        (
            "policies/targets.yaml",
            "targets: [{ match: {}, label: { sensitivity: secret } }]\n",
        ),
    ]);
    let of_vocabulary = told.iter().filter(|line| line.starts_with("mappings/actions.yaml:"));
    assert!(
        of_vocabulary
            .clone()
            .all(|line| line.contains("did you mean `required`?")),
        "{told:#?}"
    );
    let others: Vec<String> = told
        .iter()
        .filter(|line| !line.starts_with("mappings/actions.yaml:"))
        .cloned()
        .collect();
    assert!(of_vocabulary.count() > 0, "{told:#?}");
    assert_all(
        &others,
        &[
            ("mappings/mine.yaml:4:", "did you mean `path`?"),
            ("policies/budgets.yaml:2:", "did you mean `agent`?"),
            ("policies/house.cedar:1:", ""),
            ("policies/targets.yaml:1:", "is no sensitivity"),
        ],
    );
}

/// In the log, on the terminal and in the trail with what is wrong; where anybody may ask, with its place alone.
#[test]
fn a_refused_reload_is_told_where_people_look_and_its_contents_to_nobody_else() {
    let origin = Origin::stripe();
    let house = "@id(\"house\") forbid (principal, action == Action::\"create_charge\", resource);";
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).policy(house).start();
    let ready = || {
        let answer = sidecar.api("GET", "/ready", "", None);
        assert_eq!(answer.status, 200);
        answer.text()
    };
    assert!(!ready().contains("reload_refused"));
    let running = sidecar.trail().of_kind("boot")[0].clone();
    let secret = "forbid (principal in Role::\"top-secret-role\", action, resource)";
    sidecar.put("policies/prices.yaml", "currncy: usd\nas_of: today\nproviders: {}\n");
    sidecar.put(
        "policies/house.cedar",
        format!("{secret}\nwhen {{ context.amuont > 77777 }};"),
    );
    // The trail has it last of all.
    eventually("all of it is refused", || {
        let refused = sidecar.trail().of_kind("reload");
        refused.last().is_some_and(|last| last["errors"] == 4)
    });
    let told: Value = serde_json::from_str(&ready()).unwrap();
    let note = told["notes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|note| note["code"] == "reload_refused")
        .unwrap();
    let detail = note["detail"].as_str().unwrap();
    assert!(detail.contains("policies/house.cedar:1 (and "), "{detail}");
    let home = sidecar.home().display().to_string();
    for hidden in ["amuont", "77777", "top-secret", "currncy", "forbid", &home] {
        assert!(!ready().contains(hidden), "{hidden}: {}", ready());
    }

    assert!(
        sidecar.prints(&["ERROR", "reload refused", "house.cedar"]),
        "in the log"
    );
    assert!(
        sidecar.prints(&["RELOAD REFUSED: ", "prices.yaml:1:1", "did you mean `currency`?"]),
        "on the terminal"
    );
    let refused = sidecar.trail().of_kind("reload");
    let last = refused.last().unwrap();
    assert_eq!(
        (&last["result"], &last["errors"]),
        (&"refused".into(), &4.into()),
        "{last}"
    );
    let set = last["policies"].as_str().unwrap();
    assert!(running["policies"].as_str().unwrap().starts_with(set), "{last}");
    assert!(sidecar.trail().holds(b"prices.yaml:1:1: unknown field"));

    let mut client = Session::stripe(&sidecar);
    client.call("charge 100").assert_refused("policy_blocked");
    client.call("balance").assert_ok();
    assert_eq!(sidecar.trail().of_kind("decided")[0]["rules"], "house");
    fs::remove_file(sidecar.home().join("policies/prices.yaml")).unwrap();
    sidecar.puts("policies/house.cedar", "");
    assert!(!ready().contains("reload_refused"), "{}", ready());
    client.call("charge 100").assert_ok();
}
