//! The life of the CA: shown, followed by another one while agents go on, and never lost.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use crate::harness::{Configuration, Curl, Sidecar, bounded, eventually, root, runplane, said};

fn rotates(home: &Path, options: &[&str]) -> String {
    let mut command = runplane();
    command.arg("--home").arg(home).args(["ca", "rotate"]).args(options);
    let output = bounded(command);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn hang_up(sidecar: &Sidecar) {
    let kill = format!("kill -HUP {}", sidecar.pid());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

fn certificates(path: impl AsRef<Path>) -> usize {
    let text = fs::read_to_string(path).unwrap();
    text.matches("BEGIN CERTIFICATE").count()
}

/// Whether a client that trusts this file alone is answered.
fn is_trusted_by(sidecar: &Sidecar, file: &Path) -> bool {
    let file = file.to_str().unwrap();
    let answer = Curl::call(sidecar, &["--cacert", file, "https://runplane.internal/"]);
    answer.status == Some(200)
}

#[test]
fn agents_trust_both_until_the_new_one_signs_and_nothing_is_restarted() {
    let sidecar = Sidecar::new().start();
    let public = sidecar.home().join("certs/public");
    let kept = sidecar.home().join("kept.pem");
    fs::copy(sidecar.ca_file(), &kept).unwrap();
    let roots = certificates(public.join("bundle.pem")) - 1;

    let told = rotates(sidecar.home(), &["--overlap", "3d"]);
    assert!(told.contains("until then agents trust both"), "{told}");
    hang_up(&sidecar);
    assert!(sidecar.prints(&["CA: another one signs from"]));
    assert_eq!(certificates(public.join("ca.pem")), 2);
    assert_eq!(certificates(public.join("bundle.pem")), roots + 2);
    assert_eq!(fs::read(sidecar.ca_file()).unwrap(), fs::read(&kept).unwrap());
    let next = sidecar.home().join("next.pem");
    fs::copy(sidecar.home().join("certs/next/ca.pem"), &next).unwrap();
    assert!(is_trusted_by(&sidecar, &kept) && !is_trusted_by(&sidecar, &next));
    assert!(is_trusted_by(&sidecar, &public.join("ca.pem")));
    let shown = sidecar.told(&["ca", "show"]);
    assert_eq!(shown.matches("SHA-256").count(), 2, "{shown}");
    assert!(
        shown.contains("agents trust both until then") && shown.contains("days left"),
        "{shown}"
    );
    let again = said(&sidecar.cli(&["ca", "rotate"]));
    assert!(again.contains("made already") && again.contains("--now"), "{again}");

    rotates(sidecar.home(), &["--now"]);
    hang_up(&sidecar);
    assert!(sidecar.prints(&["CA: another one signs from now on"]));
    eventually("the new one alone is trusted", || {
        certificates(public.join("ca.pem")) == 1
    });
    assert_eq!(certificates(public.join("bundle.pem")), roots + 1);
    assert!(is_trusted_by(&sidecar, &next) && !is_trusted_by(&sidecar, &kept));
    assert!(!sidecar.home().join("certs/next").exists());

    let events: Vec<_> = sidecar
        .trail()
        .of_kind("authority")
        .iter()
        .map(|entry| {
            (
                entry["event"].as_str().unwrap().to_owned(),
                entry["fingerprint"].clone(),
            )
        })
        .collect();
    // Its own time was one, that it is to sign at once another.
    let first = (events[0].0.as_str(), events.last().unwrap().0.as_str());
    assert_eq!(first, ("next", "in_force"));
    assert_eq!(events[0].1, events.last().unwrap().1);
    sidecar.restart_hard();
    assert!(is_trusted_by(&sidecar, &next));
    assert_eq!(sidecar.trail().of_kind("boot")[1]["authority"], events[0].1);
}

#[test]
fn one_that_is_made_while_no_sidecar_runs_is_in_force_at_its_next_start() {
    let sidecar = Sidecar::new().start();
    sidecar.terminate();
    assert!(sidecar.ended().success());
    rotates(sidecar.home(), &[]);
    sidecar.restart();
    let boot = sidecar.trail().of_kind("boot").pop().unwrap();
    assert_ne!(boot["authority"], boot["authority_next"]);
    assert_eq!(certificates(sidecar.home().join("certs/public/ca.pem")), 2);
    sidecar.terminate();
    assert!(sidecar.ended().success());
    rotates(sidecar.home(), &["--now"]);
    sidecar.restart();
    let last = sidecar.trail().of_kind("boot").pop().unwrap();
    assert_eq!(last["authority"], boot["authority_next"]);
    assert!(last.get("authority_next").is_none());
    assert!(is_trusted_by(&sidecar, &sidecar.ca_file()));
}

#[test]
fn nobody_rotates_from_inside_exec() {
    let configuration = Sidecar::new().in_target();
    configuration.write();
    let mut exec = runplane();
    exec.arg("--home").arg(configuration.home.path()).args(["exec", "--"]);
    exec.arg(runplane().get_program()).args(["ca", "rotate", "--now"]);
    exec.current_dir(configuration.work());
    let output = bounded(exec);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("The attempt is on record (call_"),
        "{}",
        said(&output)
    );
    assert!(!configuration.home.join("certs/next").exists());
    // The marker gone, its files are out of reach.
    let mut exec = runplane();
    exec.arg("--home")
        .arg(configuration.home.path())
        .args(["exec", "--", "sh", "-c"]);
    exec.arg("unset RUNPLANE_INSIDE_EXEC; exec \"$0\" --home \"$1\" ca rotate --now");
    exec.arg(runplane().get_program()).arg(configuration.home.path());
    exec.current_dir(configuration.work());
    let output = bounded(exec);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(!configuration.home.join("certs/next").exists());
}

/// A rotation ended anywhere, and the sidecar anywhere while it takes over.
#[test]
fn killed_anywhere_a_ca_is_left_that_works() {
    let sidecar = Sidecar::new().start();
    let mut made = 0;
    for round in 0..12 {
        let mut rotate = runplane();
        rotate.arg("--home").arg(sidecar.home()).args(["ca", "rotate", "--now"]);
        let mut rotate = rotate.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(3 * round));
        rotate.kill().unwrap();
        rotate.wait().unwrap();
        let shown = sidecar.told(&["ca", "show"]);
        assert!(shown.contains("days left") && !shown.contains("NOT VALID"), "{shown}");
        if sidecar.home().join("certs/next").exists() {
            made += 1;
            hang_up(&sidecar);
            std::thread::sleep(Duration::from_millis(4 * round));
            sidecar.restart_hard();
        }
        let trusted = sidecar.home().join("certs/public/ca.pem");
        assert!(is_trusted_by(&sidecar, &trusted), "round {round}");
    }
    // If none was, nothing was shown: then the last one is whole.
    if made == 0 {
        rotates(sidecar.home(), &["--now"]);
        sidecar.restart_hard();
    }
    assert!(is_trusted_by(&sidecar, &sidecar.ca_file()));
}

/// A home whose CA ends in some days.
fn ending_in(days: u64) -> Configuration {
    let configuration = Sidecar::new();
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    parameters.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * 24 * 3600 + 600);
    configuration
        .home
        .write("certs/ca.pem", parameters.self_signed(&key).unwrap().pem());
    configuration.home.write("certs/ca.key", key.serialize_pem());
    configuration.write();
    configuration
}

fn ready(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn not_ready_before_the_ca_ends_and_ready_again_once_another_one_follows() {
    let configuration = ending_in(9);
    let mut run = runplane();
    run.arg("--home").arg(configuration.home.path()).arg("run");
    let mut running = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let port = configuration.control_port;
    let answers = |what: &str| ready(port).is_ok_and(|answer| answer.contains(what));
    eventually("it says why it is not ready", || answers("\"code\":\"ca_ends\""));
    let answer = ready(port).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("application/problem+json"),
        "{answer}"
    );
    assert!(
        answer.contains("in 9 days") && answer.contains("runplane ca rotate"),
        "{answer}"
    );

    let mut doctor = runplane();
    doctor
        .env("PATH", "/nonexistent")
        .arg("--home")
        .arg(configuration.home.path())
        .arg("doctor");
    let told = said(&bounded(doctor));
    assert!(
        told.contains("WRONG  not ready") && told.contains("runplane ca rotate"),
        "{told}"
    );
    // It is not ended for that, and agents are started all the same: what waits for its start asks whether it takes calls.
    let mut started = Command::new(root().join("deploy/docker/ready"));
    started.env("RUNPLANE_CONTROL_PORT", port.to_string());
    assert!(bounded(started).status.success());
    let mut exec = runplane();
    exec.arg("--home")
        .arg(configuration.home.path())
        .args(["exec", "--confine", "off", "--", "true"]);
    let output = bounded(exec);
    assert!(output.status.success(), "{}", said(&output));

    // No longer than the present one lasts.
    let told = rotates(configuration.home.path(), &["--overlap", "30d"]);
    let kill = format!("kill -HUP {}", running.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    eventually("it is ready", || answers("\"status\":\"ready\""));
    let shown = said(&bounded({
        let mut show = runplane();
        show.arg("--home").arg(configuration.home.path()).args(["ca", "show"]);
        show
    }));
    let ends = shown.split(" to ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(told.contains(ends), "{told}\n{shown}");
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn how_systems_are_told_is_printed_and_nothing_is_done() {
    let sidecar = Sidecar::new().start();
    let before = crate::harness::files(&sidecar.home().join("certs"));
    let told = sidecar.told(&["ca", "trust"]);
    for command in [
        "sudo update-ca-certificates",
        "sudo update-ca-trust",
        "sudo trust anchor --store",
        "sudo security add-trusted-cert -d -r trustRoot",
        "certutil -addstore -f ROOT",
        "certutil -d sql:$HOME/.pki/nssdb -A -t C,,",
        "sudo keytool -importcert -noprompt -cacerts",
        sidecar.ca_file().to_str().unwrap(),
    ] {
        assert!(told.contains(command), "{command}: {told}");
    }
    assert_eq!(crate::harness::files(&sidecar.home().join("certs")).len(), before.len());
    // While another one follows, both are named, each alone in its file.
    rotates(sidecar.home(), &[]);
    let told = sidecar.told(&["ca", "trust"]);
    assert!(told.contains("certs/next/ca.pem"), "{told}");
    assert_eq!(certificates(sidecar.home().join("certs/next/ca.pem")), 1);
}

#[test]
fn without_a_ca_there_is_nothing_to_show_or_to_follow() {
    let home = tempfile::tempdir().unwrap();
    for command in ["show", "rotate", "trust"] {
        let mut ca = runplane();
        ca.arg("--home").arg(home.path()).args(["ca", command]);
        let output = bounded(ca);
        assert!(!output.status.success());
        assert!(said(&output).contains("first start"), "{command}: {}", said(&output));
    }
    let mut wrong = runplane();
    wrong
        .arg("--home")
        .arg(home.path())
        .args(["ca", "rotate", "--overlap", "soon"]);
    assert!(said(&bounded(wrong)).contains("as 7d, 12h or 30m"));
}
