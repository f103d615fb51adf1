//! What is refused because the command would not be confined, and what is said of it.

use super::{exec, home, ran};
use crate::harness::{Trail, bounded, root, runplane, said};

/// Whether the tests run as root: then the command is another user, since root is not held.
pub(super) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// What makes `exec` enforce here.
pub(super) fn enforcing() -> &'static [&'static str] {
    match is_root() {
        true => &["--confine", "required", "--user", "nobody"],
        false => &["--confine", "required"],
    }
}

#[test]
fn what_is_enforced_is_said_and_recorded() {
    let configuration = home();
    let output = ran(&configuration, enforcing(), &["true"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("enforced: Landlock holds files, TCP"),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("UDP"),
        "what is open is said too: {}",
        said(&output)
    );
    let output = ran(&configuration, &["--confine", "off"], &["true"]);
    assert!(said(&output).contains("advisory: the command can go round the proxy (--confine=off)"));
    let trail = Trail::read(configuration.home.path());
    let recorded: Vec<_> = trail
        .of_kind("boot")
        .iter()
        .map(|boot| boot["enforcement"].to_string())
        .collect();
    assert!(
        recorded[0].starts_with("\"enforced (exec): Landlock holds files"),
        "{recorded:?}"
    );
    assert_eq!(recorded[1], "\"advisory\"");
}

#[test]
fn root_is_never_called_confined() {
    let configuration = home();
    let output = ran(&configuration, &["--confine", "required"], &["true"]);
    // Elsewhere it is enforced, and `--user` refused.
    match is_root() {
        true => assert!(!output.status.success() && said(&output).contains("name a user with --user")),
        false => {
            assert!(output.status.success(), "{}", said(&output));
            let output = ran(&configuration, &["--user", "nobody"], &["true"]);
            assert!(
                !output.status.success() && said(&output).contains("only root"),
                "{}",
                said(&output)
            );
        }
    }
}

#[test]
fn a_way_to_the_control_port_is_refused() {
    let configuration = home();
    let control = configuration.control_port.to_string();
    let output = ran(&configuration, &["--connect", &control], &["true"]);
    assert!(
        !output.status.success() && said(&output).contains("is where people decide"),
        "{}",
        said(&output)
    );

    // The same port at another address of ours.
    configuration.write();
    let port = configuration.proxy_port;
    let yaml = format!("proxy: {{ listen: \"127.0.0.1:{port}\" }}\ncontrol: {{ listen: \"127.0.0.2:{port}\" }}\n");
    let mut command = exec(&configuration, &[], &["true"]);
    std::fs::write(configuration.home.join("runplane.yaml"), yaml).unwrap();
    command.current_dir(configuration.work());
    let output = bounded(command);
    assert!(
        !output.status.success() && said(&output).contains("another port"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_port_that_is_opened_is_open() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let url = format!("telnet://127.0.0.1:{port}");
    let connect = ["curl", "-q", "-s", "--noproxy", "*", "--max-time", "1", &url];
    let configuration = home();
    // 7: could not connect; 28: connected, and nobody spoke.
    assert_eq!(ran(&configuration, &[], &connect).status.code(), Some(7));
    assert_eq!(
        ran(&configuration, &["--connect", &port], &connect).status.code(),
        Some(28)
    );
}

#[test]
fn what_people_decide_is_refused_inside_and_recorded() {
    let binary = runplane().get_program().to_owned();
    let decisions: [&[&str]; 4] = [
        &["page"],
        &["approvals", "approve", "apr_7k2m9x4q"],
        &["pause", "--all"],
        &["resume", "--all"],
    ];
    for decision in decisions {
        let configuration = home();
        let command = [&[binary.to_str().unwrap()], decision].concat();
        let output = ran(&configuration, &[], &command);
        assert!(!output.status.success());
        assert!(said(&output).contains("only people decide"), "{}", said(&output));
        assert!(
            said(&output).contains("The attempt is on record (call_"),
            "{}",
            said(&output)
        );
        let trail = Trail::read(configuration.home.path());
        let decided = &trail.of_kind("decided")[0];
        assert_eq!(
            (decided["agent"].as_str(), decided["decision"].as_str()),
            (Some("support-bot"), Some("BLOCK"))
        );
        assert!(trail.of_kind("pause").is_empty());
    }
}

#[test]
fn a_link_out_of_the_policies_is_closed_at_its_other_end() {
    let configuration = home();
    let real = configuration.work().join("real.cedar");
    std::fs::write(&real, "@id(\"mine\") forbid (principal, action, resource);\n").unwrap();
    std::fs::create_dir_all(configuration.home.join("policies")).unwrap();
    std::os::unix::fs::symlink(&real, configuration.home.join("policies/mine.cedar")).unwrap();
    let script = "echo >> real.cedar || exit 5";
    let output = ran(&configuration, &[], &["sh", "-c", script]);
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    assert!(std::fs::read_to_string(&real).unwrap().lines().count() == 1);
}

/// The home is where the agent works. How long calls are held is decided by no agent, nor can it keep people from deciding.
#[test]
fn what_says_how_long_clients_wait_is_closed_whether_it_is_there_or_not() {
    for there in [true, false] {
        let configuration = home();
        configuration.write();
        let clients = configuration.home.join("clients.yaml");
        let shipped = std::fs::read_to_string(root().join("clients.yaml")).unwrap();
        if there {
            std::fs::write(&clients, &shipped).unwrap();
        }
        let mut exec = runplane();
        exec.arg("--home").arg(configuration.home.path());
        exec.args(["exec", "--", "sh", "-c", "echo 'unknown: 1s' > clients.yaml || exit 5"]);
        exec.current_dir(configuration.home.path());
        let output = bounded(exec);
        assert!(!output.status.success(), "{}", said(&output));
        let left = std::fs::read_to_string(&clients).ok();
        assert_eq!(left, there.then_some(shipped), "{}", said(&output));
    }
}

#[test]
fn a_link_to_the_home_stays_in_its_place() {
    let configuration = home();
    configuration.write();
    let link = configuration.work().join("link");
    std::os::unix::fs::symlink(configuration.home.path(), &link).unwrap();
    let mut exec = runplane();
    exec.arg("--home")
        .arg(&link)
        .args(["exec", "--", "sh", "-c", "mv link aside && mkdir -p link/policies"])
        .current_dir(configuration.work());
    let output = bounded(exec);
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(link.read_link().unwrap(), configuration.home.path());
}

#[test]
fn the_agents_own_user_reaches_what_it_needs_of_us_and_leaves_nothing_behind() {
    let configuration = home();
    let script =
        "id -u; test -r \"$SSL_CERT_FILE\" && test -r \"${NODE_EXTRA_CA_CERTS}\" && dirname \"$SSL_CERT_FILE\"";
    let output = ran(&configuration, enforcing(), &["sh", "-c", script]);
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    let (user, directory) = told.trim().split_once('\n').unwrap();
    assert_ne!(user, "0");
    let in_home = directory.starts_with(configuration.home.path().to_str().unwrap());
    assert_eq!(std::path::Path::new(directory).exists(), in_home, "{directory}");
    assert_eq!(in_home, !is_root());
}
