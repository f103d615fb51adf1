//! What lies in `deploy/`: valid by the schemas of its platforms, of one piece, and the real binary under its conditions.

mod configmaps;
mod pod;
mod stage;
mod wall;

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Sidecar, Wire, bounded, free_port, python, root, runplane, said};

fn ran(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = bounded(command);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    output
}

fn checked_by(script: &str, arguments: &[&str]) {
    let script = root().join("tests/deploy").join(script).display().to_string();
    ran(python(), &[&[script.as_str()], arguments].concat());
}

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join("deploy").join(path)).unwrap()
}

/// The CA of a home, and the certificate of its proxy's port.
fn certify(home: &Path) {
    std::fs::create_dir_all(home.join("certs")).unwrap();
    let mut command = Command::new(root().join("deploy/compose/certificates"));
    command.arg("runplane").env("RUNPLANE_HOME", home);
    let output = bounded(command);
    assert!(output.status.success(), "{}", said(&output));
}

/// What `runplane env` prints in a home with this configuration, with the path that deploy/ knows it by.
fn variables(configuration: &str, shell: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    certify(home.path());
    std::fs::write(home.path().join("runplane.yaml"), file(configuration)).unwrap();
    let mut command = runplane();
    command.args(["env", "--shell", shell, "--home"]).arg(home.path());
    let output = bounded(command);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.replace(home.path().to_str().unwrap(), "/var/lib/runplane")
}

#[test]
fn the_manifests_are_valid_and_of_one_piece_and_the_agents_variables_are_ours() {
    let written = tempfile::tempdir().unwrap();
    checked_by("kubernetes.py", &[written.path().to_str().unwrap()]);
    let pairs = std::fs::read(written.path().join("environment.json")).unwrap();
    let pairs: Vec<(String, String)> = serde_json::from_slice(&pairs).unwrap();
    let lines = pairs
        .iter()
        .map(|(name, value)| format!("- name: {name}\n  value: {}\n", serde_json::Value::from(value.as_str())));
    assert_eq!(
        lines.collect::<String>(),
        variables("kubernetes/base/runplane.yaml", "kubernetes")
    );
}

#[test]
fn compose_dockerfile_and_units_are_of_one_piece() {
    checked_by("containers.py", &[]);
    let printed = variables("compose/runplane.yaml", "docker").replace("0.0.0.0", "runplane");
    let written = file("compose/agent.env");
    let (_comment, lines) = written.split_once('\n').unwrap();
    assert_eq!(lines, printed);
}

#[test]
fn the_units_are_taken_by_systemd_and_leave_little_exposed() {
    // What they start is elsewhere on this machine.
    let directory = tempfile::tempdir().unwrap();
    for unit in ["runplane.service", "agent.service"] {
        let text = file(&format!("systemd/{unit}"));
        let text = text.replace("/usr/local/bin/runplane", "/bin/true");
        let text = text.replace("/usr/bin/python3 /opt/agent/agent.py", "/bin/true");
        std::fs::write(directory.path().join(unit), text).unwrap();
    }
    for unit in ["runplane.service", "agent.service"] {
        let path = directory.path().join(unit);
        let path = path.to_str().unwrap();
        let said = said(&ran("systemd-analyze", &["verify", path]));
        assert!(!said.contains(unit), "{said}");
        ran(
            "systemd-analyze",
            &["security", "--offline=true", "--threshold=20", path],
        );
    }
}

/// What the unit's `ExecStartPost=` runs, beside this main process and for a sidecar with this control port.
fn waits_for_start(main: u32, port: u16) -> Command {
    let unit = file("systemd/runplane.service");
    let mut lines = unit.lines();
    let script = lines.find_map(|line| line.strip_prefix("ExecStartPost=/bin/sh -c '")?.strip_suffix('\''));
    let ready = root().join("deploy/docker/ready").display().to_string();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &script.unwrap().replace("/usr/local/lib/runplane/ready", &ready)])
        .env("MAINPID", main.to_string())
        .env("RUNPLANE_CONTROL_PORT", port.to_string());
    command
}

#[test]
fn the_unit_is_started_once_calls_are_taken_and_fails_with_its_process() {
    let configuration = Sidecar::new();
    let mut waits = waits_for_start(std::process::id(), configuration.control_port);
    let mut waiting = waits.spawn().unwrap();
    assert!(waiting.try_wait().unwrap().is_none(), "there is no sidecar yet");
    let _sidecar = configuration.start();
    assert!(waiting.wait().unwrap().success());

    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let output = bounded(waits_for_start(gone.id(), free_port()));
    assert!(!output.status.success(), "{}", said(&output));
}

#[test]
fn what_is_deployed_passes_check_and_starts() {
    for (configuration, files) in [
        ("compose/runplane.yaml", &["compose/policies/house.cedar"][..]),
        (
            "kubernetes/base/runplane.yaml",
            &[
                "kubernetes/base/policies/house.cedar",
                "kubernetes/base/mappings/billing.yaml",
            ],
        ),
    ] {
        let sidecar = Sidecar::new();
        certify(sidecar.home.path());
        for path in files {
            let inside: Vec<&str> = path.rsplit('/').take(2).collect();
            sidecar.home.write(&format!("{}/{}", inside[1], inside[0]), file(path));
        }
        sidecar.home.write("runplane.yaml", file(configuration));
        let home = sidecar.home.path().to_str().unwrap();
        ran(env!("CARGO_BIN_EXE_runplane"), &["check", "--home", home]);

        let (proxy, control, health) = (sidecar.proxy_port, sidecar.control_port, free_port());
        let ours = file(configuration)
            .replace(":8080", &format!(":{proxy}"))
            .replace(":8081", &format!(":{control}"))
            .replace(":8082", &format!(":{health}"));
        let probed = ours.contains("health:");
        let sidecar = sidecar.start_as(&ours);
        let live = |port| {
            Wire::at(port)
                .ask("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .status
        };
        assert_eq!(live(control), 200);
        if probed {
            assert_eq!(live(health), 200);
        }
        let ready = |port: u16| {
            let mut ready = Command::new(root().join("deploy/docker/ready"));
            ready.env("RUNPLANE_CONTROL_PORT", port.to_string());
            bounded(ready).status.success()
        };
        assert!(ready(control), "the image's own check");
        assert!(!ready(free_port()));
        sidecar.terminate();
        assert!(sidecar.ended().success());
    }
}

#[test]
fn certificates_are_made_once_and_again_where_they_would_not_do() {
    let home = tempfile::tempdir().unwrap();
    certify(home.path());
    let read = |name: &str| std::fs::read(home.path().join("certs").join(name)).unwrap();
    let (authority, listener) = (read("ca.pem"), read("listener.pem"));
    certify(home.path());
    assert_eq!(
        (read("ca.pem"), read("listener.pem")),
        (authority.clone(), listener.clone())
    );
    for name in ["ca.key", "listener.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home.path().join("certs").join(name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let lasts = |days: u32| {
        let mut command = Command::new("openssl");
        let file = home.path().join("certs/ca.pem");
        command.args(["x509", "-noout", "-checkend", &(days * 86_400).to_string(), "-in"]);
        command.arg(file);
        bounded(command).status.success()
    };
    assert!(lasts(729) && !lasts(731), "as docs/ca.md has it");
    // Of another CA, as after a rotation.
    for name in ["ca.pem", "ca.key"] {
        std::fs::remove_file(home.path().join("certs").join(name)).unwrap();
    }
    certify(home.path());
    assert_ne!(read("ca.pem"), authority);
    assert_ne!(read("listener.pem"), listener);
    // Half an authority is left for people to look at, as the sidecar leaves it.
    std::fs::remove_file(home.path().join("certs/ca.key")).unwrap();
    std::fs::remove_file(home.path().join("certs/listener.pem")).unwrap();
    let mut command = Command::new(root().join("deploy/compose/certificates"));
    command.arg("runplane").env("RUNPLANE_HOME", home.path());
    assert!(!bounded(command).status.success());
}
