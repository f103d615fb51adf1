//! Mappings and policies as kubelet mounts a ConfigMap, and changes it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::{Configuration, Origin, Session, Sidecar, eventually};

/// Files in a directory of their own, to which `..data` leads; each name leads through that.
fn mount(directory: &Path, version: &str, files: &[(&str, &str)]) {
    let hidden = format!("..2026_11_21_{version}");
    fs::create_dir_all(directory.join(&hidden)).unwrap();
    for (name, content) in files {
        fs::write(directory.join(&hidden).join(name), content).unwrap();
    }
    // Swapped as one: there is no moment without, and none between two versions.
    symlink(&hidden, directory.join("..data_tmp")).unwrap();
    let before = fs::read_link(directory.join("..data")).ok();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    for (name, _) in files {
        if !directory.join(name).is_symlink() {
            symlink(format!("..data/{name}"), directory.join(name)).unwrap();
        }
    }
    if let Some(before) = before {
        fs::remove_dir_all(directory.join(before)).unwrap();
    }
}

fn limit(cents: u32) -> String {
    format!(
        "@id(\"house-refund\") @decision(\"REQUIRE_APPROVAL\") @reason(\"Over {cents} cents\")\n\
         forbid (principal, action == Action::\"process_refund\", resource)\nwhen {{ context.amount_base > {cents} }};\n"
    )
}

fn configured(origin: &Origin) -> Configuration {
    let configuration = Sidecar::new().resolve("api.stripe.com", origin).hold("1s");
    for directory in ["mappings", "policies"] {
        fs::create_dir_all(configuration.home.join(directory)).unwrap();
    }
    configuration
}

#[test]
fn a_changed_configmap_comes_into_force_and_a_broken_one_does_not() {
    let origin = Origin::stripe();
    let configuration = configured(&origin);
    let policies = configuration.home.join("policies");
    mount(&policies, "1", &[("house.cedar", &limit(20_000))]);
    let billing = super::file("kubernetes/base/mappings/billing.yaml");
    mount(&configuration.home.join("mappings"), "1", &[("billing.yaml", &billing)]);
    let sidecar = configuration.start();
    let mut client = Session::stripe(&sidecar);
    client
        .call("refund ch_1 amount=30000")
        .assert_refused("approval_pending");

    let reloaded = || sidecar.trail().of_kind("reload");
    mount(&policies, "2", &[("house.cedar", &limit(40_000))]);
    eventually("it is reloaded", || {
        reloaded().iter().any(|entry| entry["result"] == "applied")
    });
    client.call("refund ch_2 amount=30000").assert_ok();

    mount(&policies, "3", &[("house.cedar", "forbid (principal, action,")]);
    eventually("it is refused", || sidecar.printed().contains("RELOAD REFUSED"));
    client.call("refund ch_3 amount=30000").assert_ok();
    mount(&policies, "4", &[("house.cedar", &limit(10_000))]);
    eventually("it is reloaded again", || {
        reloaded().iter().filter(|entry| entry["result"] == "applied").count() == 2
    });
    client
        .call("refund ch_4 amount=30000")
        .assert_refused("approval_pending");
}

#[test]
fn mappings_of_a_configmap_are_read_again_too() {
    let origin = Origin::stripe();
    let configuration = configured(&origin);
    let mappings = configuration.home.join("mappings");
    let billing = super::file("kubernetes/base/mappings/billing.yaml");
    mount(&mappings, "1", &[("billing.yaml", &billing)]);
    let sidecar = configuration.start();
    let explained = || {
        sidecar.told(&[
            "explain",
            "-X",
            "POST",
            "https://billing.example.internal/v1/invoices/i_1/refund",
            "-H",
            "Content-Type: application/json",
            "-d",
            r#"{"amount": 1000, "currency": "usd"}"#,
        ])
    };
    assert!(explained().contains("process_refund"), "{}", explained());
    let other = billing.replace("action: process_refund", "action: transfer_funds");
    mount(&mappings, "2", &[("billing.yaml", &other)]);
    eventually("it is reloaded", || !sidecar.trail().of_kind("reload").is_empty());
    assert!(explained().contains("transfer_funds"), "{}", explained());
}
