//! What is wrong in a home is said before anything listens: where, what, and what to do.

use std::fs;

use crate::harness::{Configuration, Sidecar, bounded, runplane, said};

/// What it said when it refused this `runplane.yaml`.
fn refused(yaml: &str) -> String {
    let configuration = Sidecar::new();
    configuration.home.write("runplane.yaml", yaml);
    said(&configuration.refuses_as_is())
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn an_unknown_key_is_refused_at_its_place() {
    let text = refused("money:\n  account_currency: usd\n  acount: eur\n");
    assert_says(&text, &["runplane.yaml:3:3", "acount"]);
}

/// SECURITY: an agent writes `./mappings` and `./policies/all.cedar` where it works, and waits for the next command there.
#[test]
fn what_an_agent_wrote_where_it_works_is_not_taken_for_the_house() {
    let directory = tempfile::tempdir().unwrap();
    let (work, data) = (directory.path().join("work"), directory.path().join("data"));
    fs::create_dir_all(work.join("mappings")).unwrap();
    fs::create_dir_all(work.join("policies")).unwrap();
    let all = "@id(\"all\") permit (principal, action, resource);";
    fs::write(work.join("policies/all.cedar"), all).unwrap();
    let check = |more: &[&str]| {
        let mut command = runplane();
        command
            .args(["check"])
            .args(more)
            .current_dir(&work)
            .env("XDG_DATA_HOME", &data);
        bounded(command)
    };
    let output = check(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_says(&said(&output), &["the home is the working directory", "/work"]);
    fs::create_dir_all(data.join("runplane")).unwrap();
    let output = check(&[]);
    assert!(!output.status.success(), "{}", said(&output));
    assert_says(&said(&output), &["--home . or --home", "data/runplane"]);
    for home in [".", "../data/runplane"] {
        let output = check(&["--home", home]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn a_wrong_value_is_refused_at_its_place() {
    assert_says(
        &refused("proxy:\n  listen: everywhere\n"),
        &["runplane.yaml:2:", "everywhere"],
    );
    assert_says(&refused("approvals:\n  pending: 15\n"), &["runplane.yaml:2:"]);
    assert_says(
        &refused("people:\n  - name: alice\n    groups: [finance]\n    key_sha256: abc\n"),
        &["runplane.yaml:4:"],
    );
}

#[test]
fn broken_yaml_is_refused_at_its_place() {
    assert_says(
        &refused("proxy: { listen: \"127.0.0.1:1\"\nmoney: {}\n"),
        &["runplane.yaml:"],
    );
    assert_says(&refused("proxy: {}\nproxy: {}\n"), &["runplane.yaml:2"]);
}

#[test]
fn listening_beyond_loopback_is_refused() {
    for address in ["0.0.0.0:18080", "[::]:18080", "192.0.2.1:18080"] {
        let text = refused(&format!("proxy: {{ listen: \"{address}\" }}\n"));
        assert_says(&text, &["runplane.yaml:1:", "loopback"]);
    }
}

#[test]
fn a_wrong_policy_is_refused_at_its_place() {
    let misspelt = "@id(\"mine\")\nforbid (principal, action == Action::\"process_refund\", resource)\nwhen { context.amuont > 5 };\n";
    let text = said(&Sidecar::new().policy(misspelt).refuses());
    assert_says(&text, &["policies/house.cedar:3:", "amuont"]);
    let broken = "@id(\"mine\")\nforbid (principal, action,\n";
    assert_says(
        &said(&Sidecar::new().policy(broken).refuses()),
        &["policies/house.cedar:"],
    );
    let nobody = "@id(\"mine\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"finanse-typo\")\nforbid (principal, action, resource);\n";
    assert_says(
        &said(&Sidecar::new().policy(nobody).refuses()),
        &["policies/house.cedar:1:", "finanse-typo"],
    );
}

#[test]
fn a_wrong_mapping_is_refused_at_its_place() {
    let configuration = Sidecar::new();
    configuration.home.write(
        "mappings/mine.yaml",
        "provider: mine\nhosts: [api.mine.example]\nunknown_key: 1\n",
    );
    assert_says(
        &said(&configuration.refuses()),
        &["mappings/mine.yaml:3:1", "unknown_key"],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let configuration = Sidecar::new();
    configuration.home.write(
        "policies/one.cedar",
        "@id(\"one\") forbid (principal, action, resource) when { context.nonsense };\n",
    );
    configuration
        .home
        .write("policies/two.cedar", "@id(\"two\") forbid (\n");
    configuration.home.write(
        "mappings/mine.yaml",
        "provider: mine\ntitle: Mine\nhosts: [api.stripe.com]\ndispatch: path\n",
    );
    configuration.home.write("runplane.yaml", "proxies: {}\n");
    let mut command = runplane();
    command.arg("check").env("RUNPLANE_HOME", configuration.home.path());
    let output = bounded(command);
    assert!(!output.status.success());
    let places = ["runplane.yaml:1:", "mine.yaml:3:", "one.cedar:1:", "two.cedar:"];
    assert_says(&said(&output), &places);
}

/// A home that has run once.
fn used() -> Sidecar {
    let sidecar = Sidecar::new().start();
    sidecar.terminate();
    sidecar.ended();
    sidecar
}

fn refuses(sidecar: &Sidecar) -> String {
    let mut command = runplane();
    command.arg("run").arg("--home").arg(sidecar.home());
    let output = bounded(command);
    assert!(!output.status.success(), "it started: {}", said(&output));
    said(&output)
}

fn set_mode(sidecar: &Sidecar, file: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(sidecar.home().join(file), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keys_that_others_can_read_are_refused() {
    for file in ["certs/ca.key", "state/secrets", "state/owner.key"] {
        let sidecar = used();
        set_mode(&sidecar, file, 0o644);
        assert_says(&refuses(&sidecar), &[file, "chmod 600"]);
    }
}

#[test]
fn a_certificate_without_its_key_is_not_replaced_in_silence() {
    let sidecar = used();
    fs::remove_file(sidecar.home().join("certs/ca.key")).unwrap();
    assert_says(&refuses(&sidecar), &["ca.key", "ca.pem"]);
    assert!(!sidecar.home().join("certs/ca.key").exists());
}

#[test]
fn a_key_without_its_certificate_is_not_replaced_in_silence() {
    let sidecar = used();
    fs::remove_file(sidecar.home().join("certs/ca.pem")).unwrap();
    assert_says(&refuses(&sidecar), &["ca.key", "ca.pem"]);
    assert!(!sidecar.home().join("certs/ca.pem").exists());
}

#[test]
fn a_certificate_with_another_ones_key_is_refused() {
    let (one, two) = (used(), used());
    fs::copy(two.home().join("certs/ca.key"), one.home().join("certs/ca.key")).unwrap();
    assert_says(&refuses(&one), &["ca.key"]);
}

#[test]
fn two_sidecars_cannot_share_a_home() {
    let sidecar = Sidecar::new().start();
    let yaml = fs::read_to_string(sidecar.home().join("runplane.yaml")).unwrap();
    let other = Sidecar::new();
    let yaml = yaml
        .replace(&sidecar.proxy_port().to_string(), &other.proxy_port.to_string())
        .replace(&sidecar.control_port().to_string(), &other.control_port.to_string());
    fs::write(sidecar.home().join("runplane.yaml"), yaml).unwrap();
    assert_says(&refuses(&sidecar), &["state"]);
    assert_eq!(
        sidecar.api("GET", "/live", "", None).status,
        200,
        "the first one goes on"
    );
}

#[test]
fn a_database_that_is_not_ours_is_left_alone() {
    let sidecar = used();
    let database = sidecar.home().join("state/runplane.db");
    for leftover in ["-wal", "-shm"] {
        let _ = fs::remove_file(sidecar.home().join(format!("state/runplane.db{leftover}")));
    }
    fs::remove_file(&database).unwrap();
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection
        .execute_batch("CREATE TABLE somebodys (id INTEGER); INSERT INTO somebodys VALUES (1)")
        .unwrap();
    drop(connection);
    set_mode(&sidecar, "state/runplane.db", 0o600);
    let before = fs::read(&database).unwrap();
    assert_says(&refuses(&sidecar), &["runplane.db"]);
    assert_eq!(fs::read(&database).unwrap(), before);
}

#[test]
fn a_corrupt_database_is_refused_and_left_alone() {
    let ruins: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes[..100].fill(0x41),
        |bytes| {
            let half = bytes.len() / 2;
            bytes.truncate(half);
        },
        |bytes| bytes[4096..].iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55),
    ];
    for ruin in ruins {
        let sidecar = used();
        let database = sidecar.home().join("state/runplane.db");
        let mut bytes = fs::read(&database).unwrap();
        ruin(&mut bytes);
        fs::write(&database, &bytes).unwrap();
        assert_says(&refuses(&sidecar), &["runplane.db"]);
        assert_eq!(fs::read(&database).unwrap(), bytes);
    }
}

#[test]
fn a_database_of_a_later_version_is_refused() {
    let sidecar = used();
    let connection = rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    connection.pragma_update(None, "user_version", 10_000).unwrap();
    drop(connection);
    assert_says(&refuses(&sidecar), &["runplane.db"]);
}

#[test]
fn a_taken_port_is_said() {
    let sidecar = Sidecar::new().start();
    let other: Configuration = Sidecar::new();
    let taken = sidecar.proxy_port();
    other.home.write(
        "runplane.yaml",
        format!(
            "proxy: {{ listen: \"127.0.0.1:{taken}\" }}\ncontrol: {{ listen: \"127.0.0.1:{}\" }}\n",
            other.control_port
        ),
    );
    assert_says(&said(&other.refuses_as_is()), &[&taken.to_string()]);
}

#[test]
fn an_action_of_ones_own_is_in_schema_and_list_without_any_code() {
    let configuration = Sidecar::new();
    let home = configuration.home.path().to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let mut command = runplane();
        command.args(arguments).args(["--home", &home]);
        said(&bounded(command))
    };
    run(&["init"]);
    let file = configuration.home.path().join("mappings/actions.yaml");
    let own = "  sign_lease:\n    description: Sign a \"lease\".\n    groups: [workflow]\n    access: write\n    reversible: no\n    class: create\n    required: [amount]\n    summary: \"Sign {target.id}\"\n";
    fs::write(&file, fs::read_to_string(&file).unwrap() + own).unwrap();
    assert_says(
        &run(&["policy", "schema"]),
        &["action \"sign_lease\" in [", "@doc(\"Sign a \\\"lease\\\".\")"],
    );
    assert_says(&run(&["actions"]), &["sign_lease", "process_refund"]);
    assert_says(
        &run(&["actions", "sign_lease"]),
        &[
            "Sign a \"lease\".",
            "context.amount",
            "No mapping has an operation",
            "@id(\"sign-lease-needs-a-person\")",
        ],
    );
    assert_says(&run(&["actions", "sign"]), &["near it: sign_lease"]);
}
