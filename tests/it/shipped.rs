//! What ships, loads.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::harness::{Sidecar, bounded, root, runplane, said};

fn check(home: &std::path::Path) -> std::process::Output {
    let mut command = runplane();
    command.arg("check").env("RUNPLANE_HOME", home);
    bounded(command)
}

#[test]
fn the_shipped_files_load() {
    let home = tempfile::tempdir().unwrap();
    let output = check(home.path());
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn they_load_as_files_of_a_home_as_well() {
    let home = tempfile::tempdir().unwrap();
    for directory in ["mappings", "policies"] {
        let (from, to) = (root().join(directory), home.path().join(directory));
        copy(&from, &to);
        assert!(
            fs::read_dir(&to).unwrap().next().is_some(),
            "nothing ships in {directory}"
        );
    }
    let output = check(home.path());
    assert!(output.status.success(), "{}", said(&output));
}

fn copy(from: &PathBuf, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// The fenced blocks of a kind in the README, in order.
fn blocks(kind: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let fenced = readme.split("\n```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.strip_prefix(&format!("{kind}\n")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_readmes_policies_and_configuration_load() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("policies")).unwrap();
    for (number, policy) in blocks("cedar").into_iter().enumerate() {
        fs::write(home.path().join(format!("policies/readme-{number}.cedar")), policy).unwrap();
        let output = check(home.path());
        assert!(output.status.success(), "cedar block {number}: {}", said(&output));
        fs::remove_file(home.path().join(format!("policies/readme-{number}.cedar"))).unwrap();
    }
    for (number, yaml) in blocks("yaml").into_iter().enumerate() {
        let file = home.path().join("runplane.yaml");
        fs::write(&file, yaml).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let output = check(home.path());
        assert!(output.status.success(), "yaml block {number}: {}", said(&output));
    }
}

#[test]
fn what_runs_says_what_to_export() {
    let sidecar = Sidecar::new().start();
    let proxy = format!("http://127.0.0.1:{}", sidecar.proxy_port());
    let ca = sidecar.ca_file().display().to_string();
    assert!(sidecar.prints(&["HTTPS_PROXY", &proxy]), "{}", sidecar.printed());
    assert!(sidecar.prints(&[&ca]), "{}", sidecar.printed());
}
