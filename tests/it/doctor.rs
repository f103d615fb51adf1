//! `runplane doctor`: what it says of set-ups that are well and of broken ones, and that what it says mends them.

mod shell;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use shell::{Shell, Told, script};

use crate::harness::{Sidecar, bounded, free_port, key, runplane, said};

const QUICK: [&str; 3] = ["curl", "git", "python3"];

#[test]
fn an_agent_that_exec_starts_is_well_by_every_client() {
    let sidecar = Sidecar::new().in_target().start();
    let shell = Shell::with(&["curl", "git", "python3", "node", "java"]);
    let mut exec = shell.command();
    exec.arg("--home").arg(sidecar.home()).args(["exec", "--"]);
    exec.arg(runplane().get_program()).args(["doctor", "--json"]);
    let output = bounded(exec);
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    let told = Told {
        code: output.status.code(),
        value,
    };
    assert_eq!(told.code, Some(0), "{:#}", told.value);
    for client in [
        "curl",
        "git",
        "Python: urllib",
        "Python: requests",
        "Python: httpx",
        "Node: https",
        "Node: fetch",
        "Java: HttpClient",
        "Java: URLConnection",
    ] {
        told.assert_well(client);
        told.assert_client(client, Some(true), Some(true));
    }
    assert_eq!(told.of("Go")[0]["verdict"], "absent");
    assert_eq!(told.of("place")[0]["verdict"], "note");
    // Nobody's action, and nothing that went wrong.
    let trail = sidecar.trail();
    assert!(trail.of_kind("decided").is_empty() && trail.of_kind("refused").is_empty());
}

#[test]
fn a_shell_after_env_is_well() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&QUICK).wired(&sidecar);
    let output = shell.doctor(sidecar.home(), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let told = said(&output);
    for line in [
        "ok     sidecar",
        "ok     bundle",
        "ok     curl ",
        "all is well",
        "-      Node",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn without_variables_clients_go_past_and_it_says_what_to_type() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]);
    let told = shell.told(sidecar.home());
    told.assert_wrong("HTTPS_PROXY", "is not set", "eval \"$(runplane env --home ");
    told.assert_wrong("curl", "HTTPS_PROXY is not set", "runplane exec");
    told.assert_client("curl", Some(false), None);
    told.assert_well("sidecar");
}

#[test]
fn a_ca_that_is_not_trusted_is_told_by_client_and_its_exports_mend_it() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&QUICK).wired(&sidecar);
    let wanted = [
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let shell = wanted.iter().fold(shell, |shell, name| shell.unset(name));
    // One that is there, and another's.
    let shell = shell.set(
        "CURL_CA_BUNDLE",
        sidecar.home().join("certs/upstream/test.pem").to_str().unwrap(),
    );
    let told = shell.told(sidecar.home());
    told.assert_wrong("curl", "CA NOT trusted: curl: (60)", "export CURL_CA_BUNDLE='");
    told.assert_wrong("git", "CA NOT trusted", "export GIT_SSL_CAINFO='");
    told.assert_wrong("Python: urllib", "CA NOT trusted", "export SSL_CERT_FILE='");
    told.assert_wrong("Python: requests", "CA NOT trusted", "export REQUESTS_CA_BUNDLE='");
    told.assert_wrong("CA files", "does not hold the CA", "certs/public/bundle.pem'");
    told.assert_client("curl", Some(true), Some(false));
    // Connections that never became a call, and no calls.
    assert!(sidecar.trail().of_kind("decided").is_empty());
    let exports = told.exports();
    let mended = shell.eval(&exports).told(sidecar.home());
    assert_eq!(mended.code, Some(0), "{:#}", mended.value);
}

#[test]
fn a_provider_that_no_proxy_hides_is_wrong_although_every_client_is_well() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let told = shell.set("NO_PROXY", "localhost,api.stripe.com").told(sidecar.home());
    told.assert_wrong(
        "NO_PROXY",
        "api.stripe.com (Stripe)",
        "export NO_PROXY=localhost,127.0.0.1,::1",
    );
    told.assert_well("curl");
}

#[test]
fn a_proxy_variable_that_leads_elsewhere_is_told_with_both_places() {
    let sidecar = Sidecar::new().start();
    let other = format!("http://127.0.0.1:{}", free_port());
    let own = format!("127.0.0.1:{}", sidecar.proxy_port());
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let shell = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]
        .iter()
        .fold(shell, |shell, name| shell.set(name, &other));
    let told = shell.told(sidecar.home());
    told.assert_wrong(
        "HTTPS_PROXY",
        &format!("leads to {other}, and the sidecar of this home listens on {own}"),
        "runplane env",
    );
    told.assert_wrong("proxy", "nothing answers there", "runplane run");
    assert!(told.of("curl").is_empty(), "{:#}", told.value);
    // One of two spellings only.
    let shell = shell.wired(&sidecar).set("HTTPS_PROXY", &other);
    shell
        .told(sidecar.home())
        .assert_wrong("HTTPS_PROXY", &other, "runplane env");
}

#[test]
fn a_sidecar_that_does_not_run_is_told_first() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let told = shell.told(sidecar.home());
    told.assert_wrong("sidecar", "none runs", "runplane run --home ");
    assert_eq!(told.of("clients")[0]["verdict"], "note");
    // And where none ever ran.
    let nowhere = shell.directory.path().join("home");
    let told = Shell::with(&["curl"]).told(&nowhere);
    assert_eq!(told.code, Some(1));
    assert!(
        told.of("home")[0]["fix"].as_str().unwrap().contains("runplane run"),
        "{:#}",
        told.value
    );
}

#[test]
fn an_agent_without_its_key_is_told_so_and_its_key_is_not_shown() {
    let sidecar = Sidecar::new().agent("ops-bot", "sre").start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let told = shell.told(sidecar.home());
    told.assert_wrong("agent", "knows no agent", "runplane env --agent NAME");
    told.assert_wrong("curl", "refuses the agent's key", "RUNPLANE_AGENT_KEY");
    let mut env = shell.command();
    env.arg("--home")
        .arg(sidecar.home())
        .args(["env", "--agent", "ops-bot"])
        .env("RUNPLANE_AGENT_KEY", key("ops-bot"));
    let wired = shell.eval(&said(&bounded(env)));
    let output = wired.doctor(sidecar.home(), &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("as ops-bot") && !said(&output).contains(&key("ops-bot")));
}

#[test]
fn where_no_home_is_the_environment_alone_counts() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let nowhere = shell.directory.path().join("home");
    let told = shell.told(&nowhere);
    assert_eq!(told.code, Some(0), "{:#}", told.value);
    assert_eq!(told.of("home")[0]["verdict"], "note");
    told.assert_well("curl");
    told.assert_well("CA files");
    let told = shell
        .unset("CURL_CA_BUNDLE")
        .unset("SSL_CERT_FILE")
        .unset("SSL_CERT_DIR")
        .told(&nowhere);
    told.assert_wrong(
        "curl",
        "CA NOT trusted",
        "have CURL_CA_BUNDLE name a file that holds the CA",
    );
}

#[test]
fn settings_of_a_client_that_go_before_variables_are_pointed_at() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl", "git"]).wired(&sidecar);
    fs::write(shell.directory.path().join("home/.curlrc"), "noproxy = \"*\"\n").unwrap();
    let told = shell.told(sidecar.home());
    told.assert_wrong("curl", "proxy NOT used", "~/.curlrc");
    told.assert_well("git");
}

#[test]
fn a_client_that_cannot_run_is_told_and_is_no_fault_of_the_wiring() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    script(
        &shell.directory.path().join("bin/python3"),
        "echo 'pyenv: no such version' >&2; exit 127",
    );
    let told = shell.told(sidecar.home());
    assert_eq!(told.code, Some(0), "{:#}", told.value);
    assert!(
        told.of("Python")[0]["detail"]
            .as_str()
            .unwrap()
            .contains("pyenv: no such version")
    );
}

#[test]
fn nothing_that_lies_in_the_working_directory_is_run_or_read() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&QUICK).wired(&sidecar);
    let around = shell.directory.path().to_owned();
    let here = around.join("work");
    let ran = here.join("ran");
    let touch = format!("echo \"$0\" >> '{}'", ran.display());
    for module in ["json", "ssl", "requests", "httpx", "urllib"] {
        let planted = format!(
            "open({:?}, 'a').write(__name__)\nraise ImportError\n",
            ran.display().to_string()
        );
        fs::write(here.join(module).with_extension("py"), planted).unwrap();
    }
    // A repository around the working directory and around what is made for temporary files, too.
    for part in [".git/objects", ".git/refs"] {
        fs::create_dir_all(around.join(part)).unwrap();
    }
    fs::write(around.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    script(&here.join("ssh"), &touch);
    let config = format!(
        "[core]\n\tsshCommand = {}\n[url \"ssh://planted/\"]\n\tinsteadOf = https://runplane.internal/\n",
        here.join("ssh").display()
    );
    fs::write(around.join(".git/config"), config).unwrap();
    // Found first by whoever takes relative entries of the path.
    script(&here.join("curl"), &touch);
    // A project's own programs, by the whole path and by a link from elsewhere, and what everybody may put there.
    let (own, linked, open) = (
        here.join("node_modules/.bin"),
        around.join("linked"),
        around.join("open"),
    );
    for directory in [&own, &linked, &open] {
        fs::create_dir_all(directory).unwrap();
    }
    for program in ["curl", "git", "sh", "env"] {
        script(&own.join(program), &touch);
        script(&open.join(program), &touch);
    }
    std::os::unix::fs::symlink(own.join("curl"), linked.join("curl")).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    // A client that looks for another program.
    script(&around.join("bin/node"), "exec env true");
    let entries = [&own, &linked, &open, &around.join("bin")].map(|entry| entry.display().to_string());
    let path = format!(".::{}:/usr/bin:/bin", entries.join(":"));
    let shell = shell.set("PATH", &path);
    let told = shell.told(sidecar.home());
    assert!(!ran.exists(), "{}: {:#}", fs::read_to_string(&ran).unwrap(), told.value);
    for client in ["curl", "git", "Python: urllib", "Python: requests"] {
        told.assert_well(client);
    }
    let told = |directory: &std::path::Path| {
        let path = directory.join("curl").display().to_string();
        let says = |finding: &&serde_json::Value| finding["detail"].as_str().unwrap().starts_with(&path);
        told.of("PATH").into_iter().any(|finding| says(&finding))
    };
    assert!(told(&own) && told(&linked) && told(&open));
}

/// The clients run elsewhere.
#[test]
fn a_relative_path_of_cas_is_tried_as_the_agent_would_have_it() {
    let sidecar = Sidecar::new().start();
    let shell = Shell::with(&["curl"]).wired(&sidecar);
    let bundle = sidecar.home().join("certs/public/bundle.pem");
    fs::copy(bundle, shell.directory.path().join("work/bundle.pem")).unwrap();
    let shell = shell
        .set("CURL_CA_BUNDLE", "bundle.pem")
        .set("SSL_CERT_FILE", "./bundle.pem");
    shell.told(sidecar.home()).assert_well("curl");
}

#[test]
fn a_key_that_a_client_repeats_in_its_complaint_is_not_shown() {
    let sidecar = Sidecar::new().agent("ops-bot", "sre").start();
    let shell = Shell::with(&[]).wired(&sidecar);
    let key = key("ops-bot");
    // As curl does of a proxy that it cannot read, and as others do in their own ways.
    for complaint in [
        "curl: (5) Unsupported proxy syntax in '$HTTPS_PROXY'",
        "proxyconnect tcp: dial $HTTPS_PROXY: refused",
        "http: ops-bot:hunter2@127.0.0.1 is no proxy; neither is $RUNPLANE_AGENT_KEY",
    ] {
        script(
            &shell.directory.path().join("bin/curl"),
            &format!("echo \"{complaint}\" >&2; exit 5"),
        );
        let proxy = format!("http://ops-bot:{key}@127.0.0.1:{}", sidecar.proxy_port());
        let mut command = shell.command();
        command
            .env("HTTPS_PROXY", &proxy)
            .env("https_proxy", &proxy)
            .env("ALL_PROXY", "http://ops-bot:hunter2@127.0.0.1:808O")
            .env("RUNPLANE_AGENT_KEY", &key);
        command.arg("--home").arg(sidecar.home()).args(["doctor", "--json"]);
        let told = said(&bounded(command));
        assert!(told.contains("127.0.0.1"), "{told}");
        assert!(!told.contains(&key) && !told.contains("hunter2"), "{told}");
    }
}
