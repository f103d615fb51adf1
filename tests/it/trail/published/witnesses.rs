//! Checkpoints before witnesses (`tests/clients/witness.py`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{WITNESS, entries, get, size, stripe, told, verify};
use crate::harness::{Configuration, Receiver, Session, Sidecar, eventually, files, free_port};
use crate::trail::anchors::start;
use crate::trail::{database, second, stop};

/// A witness at this port signs each, too.
fn witnessed(configuration: Configuration, port: u16) -> Configuration {
    configuration
        .resolve_to("witness.test", &format!("127.0.0.1:{port}"))
        .section(&format!(
            "audit:\n  publish:\n    witnesses: [ {{ url: \"https://witness.test:{port}/w1/\", key: \"{WITNESS}\" }} ]\n    \
             destinations: [ witness.test ]"
        ))
}

/// Where a witness of this sidecar's log looks for its key.
fn log_key(sidecar: &Sidecar) -> PathBuf {
    sidecar.home().join("of.witness")
}

fn make_known(sidecar: &Sidecar) -> String {
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    fs::write(log_key(sidecar), &key).unwrap();
    key
}

/// What that witness signed last, as the sidecar keeps it.
fn kept(sidecar: &Sidecar) -> PathBuf {
    sidecar.home().join("state/log.witness.849f66ac")
}

/// What it signed, and says that it did not.
fn denied(sidecar: &Sidecar) -> Vec<PathBuf> {
    let mut found = files(&sidecar.home().join("state"));
    found.retain(|file| file.to_str().unwrap().contains(".denied"));
    found
}

fn kept_size(sidecar: &Sidecar) -> u64 {
    fs::read_to_string(kept(sidecar)).map_or(0, |note| size(&note))
}

#[test]
fn a_place_that_is_not_there_delays_no_call_and_is_a_note_until_it_is() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = witnessed(configuration, port).start();
    make_known(&sidecar);
    Session::stripe(&sidecar).call("balance").assert_ok();
    let name = "witness:witness.test/w1";
    eventually("it is on record", || told(&sidecar, name) == ["unreachable"]);
    let ready = get(&sidecar, "/ready");
    assert!(
        ready.contains("anchor_failing") && ready.contains("(witness)"),
        "{ready}"
    );
    let _witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    eventually("it goes on", || told(&sidecar, name) == ["unreachable", "published"]);
    assert!(!get(&sidecar, "/ready").contains("anchor_failing"));
    assert!(kept_size(&sidecar) > 0);
}

#[test]
fn what_a_witness_signed_is_kept_shown_and_gone_on_from() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = witnessed(configuration, port).start();
    let key = make_known(&sidecar);
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    eventually("it signed", || kept_size(&sidecar) > 0);
    let before = kept_size(&sidecar);
    Session::stripe(&sidecar).call("balance").assert_ok();
    eventually("it signed what came since", || kept_size(&sidecar) > before);
    let got = witness.got();
    assert!(got.iter().all(|one| one["status"] == 200), "{got:#?}");
    assert_eq!(got[1]["old"], format!("old {before}"), "from what it signed: {got:#?}");
    stop(&sidecar);
    assert_eq!(kept_size(&sidecar), entries(&sidecar), "its end, too");

    let (code, told) = verify(&sidecar, &key, &["--witness", WITNESS]);
    let point = format!("  witnessed    entries 1 to {}, signed ", kept_size(&sidecar));
    assert!(code == Some(0) && told.contains(&point), "{told}");
    assert!(told.contains(" s ago) by witness.test/w1"), "{told}");
    let unproven = "no entries were cut from the end since the witness signed";
    assert!(told.contains(unproven), "it lies beside the database: {told}");
    let kept = kept(&sidecar);
    let copy = ["--witness", WITNESS, "--checkpoint", kept.to_str().unwrap()];
    let (code, told) = verify(&sidecar, &key, &copy);
    assert!(code == Some(0) && !told.contains(unproven), "{told}");
    let (code, told) = verify(&sidecar, &key, &["--witness", &key]);
    assert!(code == Some(2) && told.contains("the key of the log itself"), "{told}");
    assert_eq!(second(&key, &copy[2..], &[database(&sidecar)]), [true]);
    // What was signed by others than the witness is not witnessed.
    let log_last = sidecar.home().join("state/log.last");
    let (code, told) = verify(
        &sidecar,
        &key,
        &["--witness", WITNESS, "--checkpoint", log_last.to_str().unwrap()],
    );
    assert!(
        code == Some(2) && told.contains("witness.test/w1 has not signed it"),
        "{told}"
    );
}

#[test]
fn a_witness_that_is_elsewhere_is_asked_again_from_where_it_is() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = witnessed(configuration, port).start();
    make_known(&sidecar);
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    eventually("it signed", || kept_size(&sidecar) > 0);
    stop(&sidecar);
    let end = kept_size(&sidecar);
    // We forgot.
    fs::remove_file(kept(&sidecar)).unwrap();
    sidecar.restart();
    eventually("it signed again", || kept_size(&sidecar) > end);
    let got = witness.got();
    let asked = got.iter().position(|one| one["old"] == "old 0" && one["status"] == 409);
    let again = &got[asked.unwrap() + 1];
    assert_eq!(
        (&again["old"], &again["status"]),
        (&format!("old {end}").into(), &200.into())
    );
    // It forgot.
    drop(witness);
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    let (before, signed) = (kept_size(&sidecar), fs::read_to_string(kept(&sidecar)).unwrap());
    Session::stripe(&sidecar).call("balance").assert_ok();
    eventually("it signed once more", || kept_size(&sidecar) > before);
    let got = witness.got();
    let statuses: Vec<&Value> = got.iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses[..2], [409, 200], "{got:#?}");
    assert_eq!(got[1]["old"], "old 0");
    // Its word stays, against its own.
    let [kept] = &denied(&sidecar)[..] else {
        panic!("{:?}", denied(&sidecar))
    };
    assert_eq!(&fs::read_to_string(kept).unwrap(), &signed);
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with(&format!("log.witness.849f66ac.denied-{before}-")),
        "{name}"
    );
    let name = "witness:witness.test/w1";
    eventually("it is on record", || {
        told(&sidecar, name).ends_with(&["denied".to_owned(), "published".to_owned()])
    });
}

/// All that lies on this machine is that of yesterday, and whole in itself.
#[test]
fn a_trail_that_was_set_back_with_all_beside_it_is_told_by_a_witness() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = witnessed(configuration, port).start();
    let key = make_known(&sidecar);
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    eventually("it signed", || kept_size(&sidecar) > 0);
    stop(&sidecar);
    let name = "witness:witness.test/w1";
    let before = told(&sidecar, name).len();
    let since = || told(&sidecar, name).split_off(before);
    let (mut end, cosigned) = (0, sidecar.home().join("cosigned"));
    set_back(&sidecar, || {
        sidecar.restart();
        let mut client = Session::stripe(&sidecar);
        for _ in 0..10 {
            client.call("balance").assert_ok();
        }
        stop(&sidecar);
        end = entries(&sidecar);
        assert_eq!(kept_size(&sidecar), end);
        fs::copy(kept(&sidecar), &cosigned).unwrap();
    });
    let forked_from = kept_size(&sidecar);

    sidecar.restart();
    eventually("it is shorter than what was signed", || since() == ["ahead"]);
    assert!(sidecar.prints(&["this trail is not the one that a witness signed"]));
    let ready = get(&sidecar, "/ready");
    assert!(
        ready.contains("witness_contradicts") && !ready.contains("anchor_failing"),
        "not as an outage: {ready}"
    );
    let mut client = Session::stripe(&sidecar);
    for _ in 0..15 {
        client.call("balance").assert_ok();
    }
    eventually("it is another one", || since() == ["ahead", "forked"]);
    assert_eq!(witness.got().last().unwrap()["size"], end);
    assert_eq!(kept_size(&sidecar), forked_from, "nothing was signed of it");
    stop(&sidecar);
    let (code, told) = verify(
        &sidecar,
        &key,
        &["--witness", WITNESS, "--checkpoint", cosigned.to_str().unwrap()],
    );
    assert!(code == Some(1) && told.starts_with("CHANGED: "), "{told}");
}

/// With what the witness signed since beside it, the witness having nothing of that any more.
#[test]
fn a_trail_that_was_set_back_is_told_by_what_is_kept_of_a_witness_that_forgot() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = witnessed(configuration, port).start();
    make_known(&sidecar);
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    eventually("it signed", || kept_size(&sidecar) > 0);
    stop(&sidecar);
    let name = "witness:witness.test/w1";
    let before = told(&sidecar, name).len();
    let since = || told(&sidecar, name).split_off(before);
    set_back(&sidecar, || {
        sidecar.restart();
        let mut client = Session::stripe(&sidecar);
        for _ in 0..10 {
            client.call("balance").assert_ok();
        }
        stop(&sidecar);
        let signed = fs::read_to_string(kept(&sidecar)).unwrap();
        fs::write(
            sidecar
                .home()
                .join("yesterday")
                .join(kept(&sidecar).file_name().unwrap()),
            signed,
        )
        .unwrap();
    });
    drop(witness);
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    let signed = kept_size(&sidecar);
    sidecar.restart();
    eventually("it is shorter than what was signed", || since() == ["ahead"]);
    let mut client = Session::stripe(&sidecar);
    for _ in 0..15 {
        client.call("balance").assert_ok();
    }
    eventually("it is another one", || since() == ["ahead", "forked"]);
    assert_eq!(kept_size(&sidecar), signed, "nothing was signed of it");
    assert!(
        witness.got().is_empty() && denied(&sidecar).is_empty(),
        "it is not the witness's fault"
    );
}

/// Has `run` done, and puts all that the sidecar has back to where it was before.
fn set_back(sidecar: &Sidecar, run: impl FnOnce()) {
    let (state, yesterday) = (sidecar.home().join("state"), sidecar.home().join("yesterday"));
    copy(&state, &yesterday);
    run();
    files(&state).iter().for_each(|file| fs::remove_file(file).unwrap());
    copy(&yesterday, &state);
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let to = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // With its mode.
        fs::copy(file, to).unwrap();
    }
}

#[test]
fn what_a_witness_did_not_sign_is_not_kept() {
    for how in ["forged", "deaf"] {
        let port = free_port();
        let (_origin, configuration) = stripe();
        let sidecar = witnessed(configuration, port).start();
        make_known(&sidecar);
        let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), how);
        let name = "witness:witness.test/w1";
        eventually("it answered", || !witness.got().is_empty());
        eventually("it is told", || {
            sidecar
                .printed()
                .contains("it answered without a signature of witness.test/w1+849f66ac+")
        });
        assert!(!kept(&sidecar).exists(), "{how}");
        eventually("it is on record", || {
            told(&sidecar, name).contains(&"invalid".to_owned())
        });
        assert!(!told(&sidecar, name).contains(&"published".to_owned()), "{how}");
    }
}

#[test]
fn the_key_of_the_log_is_no_witness() {
    let sidecar = Sidecar::new().start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    stop(&sidecar);
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = fs::read_to_string(&configuration).unwrap();
    let witness =
        format!("audit: {{ publish: {{ witnesses: [ {{ url: \"https://witness.test/w1\", key: \"{key}\" }} ] }} }}\n");
    fs::write(&configuration, yaml + &witness).unwrap();
    let refused = start(&sidecar);
    assert!(refused.contains("is the key of this log itself"), "{refused}");
}

/// What an outage left on record is taken up by the next run, which says that it is over.
#[test]
fn a_restart_knows_which_places_failed() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = witnessed(configuration, port).start();
    make_known(&sidecar);
    let name = "witness:witness.test/w1";
    eventually("it is on record", || told(&sidecar, name) == ["unreachable"]);
    sidecar.restart();
    eventually("it was tried again", || {
        get(&sidecar, "/ready").contains("anchor_failing")
    });
    assert_eq!(told(&sidecar, name), ["unreachable"], "once");
    let witness = Receiver::of_checkpoints_at(port, &log_key(&sidecar), "honest");
    eventually("it goes on", || told(&sidecar, name) == ["unreachable", "published"]);
    // What a witness says of the trail stays, too, when it is away.
    stop(&sidecar);
    set_back(&sidecar, || {
        sidecar.restart();
        let mut client = Session::stripe(&sidecar);
        for _ in 0..10 {
            client.call("balance").assert_ok();
        }
        stop(&sidecar);
    });
    sidecar.restart();
    eventually("it is on record, too", || {
        told(&sidecar, name).last().unwrap() == "ahead"
    });
    drop(witness);
    sidecar.restart();
    let ready = get(&sidecar, "/ready");
    assert!(ready.contains("witness_contradicts"), "{ready}");
}

#[test]
fn a_witness_that_does_not_know_the_log_or_its_key_says_so() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let file = configuration.home.join("of.witness");
    let _witness = Receiver::of_checkpoints_at(port, &file, "honest");
    let sidecar = witnessed(configuration, port).start();
    let name = "witness:witness.test/w1";
    eventually("it is on record", || told(&sidecar, name) == ["refused"]);
    assert!(sidecar.prints(&["404", "it does not know this log"]));
    // Another key under the name of this log.
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let mut parts: Vec<&str> = key.splitn(3, '+').collect();
    let other = WITNESS.splitn(3, '+').last().unwrap();
    *parts.last_mut().unwrap() = other;
    fs::write(&file, parts.join("+")).unwrap();
    assert!(sidecar.prints(&["403", "it does not trust the key that signed"]));
    fs::write(&file, &key).unwrap();
    eventually("it goes on", || told(&sidecar, name) == ["refused", "published"]);
}
