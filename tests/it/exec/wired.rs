//! Clients that are wired by `exec` alone: no test tells them of proxy or CA.

use std::process::{Command, Output, Stdio};

use super::{exec, home, ran};
use crate::harness::{Configuration, Origin, bounded, key, node_packages, python, root, runplane, said};
use crate::secured::{TLS, certify_as};

const PYTHON: &str = r"
import os, sys
print('path', os.path.dirname(os.environ['SSL_CERT_FILE']) in ''.join(sys.path))
assert 'stripe' not in sys.modules and 'ssl' not in sys.modules, 'imported by the preload'
import stripe
stripe.api_key = 'sk_test_0000000000000000'
print('stripe', stripe.Balance.retrieve().object)
import requests
print('requests', requests.get('https://api.stripe.com/v1/balance').status_code)
import httpx
print('httpx', httpx.get('https://api.stripe.com/v1/balance').status_code)
import urllib.request
print('urllib', urllib.request.urlopen('https://api.stripe.com/v1/balance').status)
";

fn wired(origin: &Origin) -> Configuration {
    home()
        .resolve("api.stripe.com", origin)
        .resolve("things.example:80", origin)
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", said(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn pythons_clients_are_wired_and_nothing_is_imported_for_them() {
    let origin = Origin::stripe();
    let output = ran(&wired(&origin), &[], &[python().to_str().unwrap(), "-c", PYTHON]);
    assert_eq!(
        lines(&output),
        [
            "path False",
            "stripe balance",
            "requests 200",
            "httpx 200",
            "urllib 200"
        ]
    );
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 4);
}

#[test]
fn without_the_preload_a_client_with_a_bundle_of_its_own_fails_instead_of_passing_by() {
    let origin = Origin::stripe();
    let script = "import stripe\nstripe.api_key = 'x'\nstripe.max_network_retries = 0\nstripe.Balance.retrieve()";
    let output = ran(
        &wired(&origin),
        &["--no-preload"],
        &[python().to_str().unwrap(), "-c", script],
    );
    assert!(!output.status.success());
    assert!(said(&output).contains("APIConnectionError"), "{}", said(&output));
    assert!(origin.calls("GET", "/v1/balance").is_empty());
}

#[test]
fn a_client_that_asks_for_the_environment_only_if_told_to_is_told_to() {
    let configuration = home();
    // As aiohttp has it; the real one has many requirements of its own.
    let package = configuration.work().join("aiohttp");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("__init__.py"), "from .client import ClientSession\n").unwrap();
    let client =
        "class ClientSession:\n    def __init__(self, *, trust_env=False):\n        self.trust_env = trust_env\n";
    std::fs::write(package.join("client.py"), client).unwrap();
    let script =
        "import aiohttp\nprint(aiohttp.ClientSession().trust_env, aiohttp.ClientSession(trust_env=False).trust_env)";
    let output = ran(&configuration, &[], &[python().to_str().unwrap(), "-c", script]);
    assert_eq!(lines(&output), ["True False"]);
}

#[test]
fn a_sitecustomize_that_was_there_is_loaded_too() {
    let origin = Origin::stripe();
    let configuration = wired(&origin);
    let theirs = configuration.work().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("sitecustomize.py"), "print('theirs')\n").unwrap();
    let script = "import sitecustomize; print(sitecustomize.__file__)";
    let mut command = exec(&configuration, &[], &[python().to_str().unwrap(), "-c", script]);
    command.env("PYTHONPATH", &theirs);
    let file = theirs.join("sitecustomize.py").display().to_string();
    assert_eq!(lines(&bounded(command)), ["theirs", &file]);
}

#[test]
fn an_error_in_a_sitecustomize_that_was_there_is_told_as_ever() {
    let configuration = home();
    std::fs::write(configuration.work().join("sitecustomize.py"), "import no_such_module\n").unwrap();
    let mut command = exec(&configuration, &[], &[python().to_str().unwrap(), "-c", "print('on')"]);
    command.env("PYTHONPATH", configuration.work());
    let output = bounded(command);
    assert_eq!(lines(&output), ["on"]);
    assert!(said(&output).contains("no_such_module"), "{}", said(&output));
}

#[test]
fn nodes_own_clients_are_wired() {
    let origin = Origin::stripe();
    let things = Origin::of_things_in_clear();
    let configuration = home()
        .resolve("api.stripe.com", &origin)
        .resolve("things.example:80", &things);
    let script = root().join("tests/clients/node/builtin.mjs");
    let output = ran(&configuration, &[], &["node", script.to_str().unwrap()]);
    assert_eq!(
        lines(&output),
        [
            "https.get 200",
            "https.Agent 200",
            "https.Agent again 200",
            "fetch 200",
            "http.get 200",
            "http.request with headers 200",
            "http.Agent 200",
            "fetch of http 200",
            "fetch of loopback 200",
        ]
    );
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 4);
    assert_eq!(things.calls("GET", "/clear").len(), 4);
}

#[test]
fn nodes_libraries_are_wired() {
    let origin = Origin::stripe();
    let things = Origin::of_things_in_clear();
    let configuration = home()
        .resolve("api.stripe.com", &origin)
        .resolve("things.example:80", &things);
    let script = root().join("tests/clients/node/packages.mjs");
    let packages = node_packages();
    let command = ["node", script.to_str().unwrap(), packages.to_str().unwrap()];
    let output = ran(&configuration, &[], &command);
    let expected = [
        "stripe balance",
        "axios 200",
        "axios of http 200",
        "undici.fetch 200",
        "undici.request 200",
    ];
    assert_eq!(lines(&output), expected, "{}", said(&output));
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 4);
    assert_eq!(things.calls("GET", "/clear").len(), 1);
}

#[test]
fn an_agents_key_reaches_the_proxy_from_node() {
    let origin = Origin::stripe();
    let things = Origin::of_things_in_clear();
    let configuration = home().agent("ops-bot", "sre");
    let configuration = configuration
        .resolve("api.stripe.com", &origin)
        .resolve("things.example:80", &things);
    let script = root().join("tests/clients/node/builtin.mjs");
    let mut command = exec(
        &configuration,
        &["--agent", "ops-bot"],
        &["node", script.to_str().unwrap()],
    );
    command.env("RUNPLANE_AGENT_KEY", key("ops-bot"));
    assert_eq!(lines(&bounded(command)).len(), 9);
    assert_eq!((origin.seen().len(), things.seen().len()), (4, 4));
    for seen in things.seen().iter().chain(&origin.seen()) {
        assert_eq!(seen.header("proxy-authorization"), None, "the key stays here");
    }
}

/// What a command says whose proxy speaks TLS for these names, by a certificate that its system trusts or not.
fn ran_by_tls(names: &[&str], trusted: bool, configuration: Configuration, command: &[&str]) -> Output {
    let configuration = configuration.agent("ops-bot", "sre").proxy(TLS);
    certify_as(names, configuration.home.path());
    let mut exec = exec(&configuration, &["--agent", "ops-bot"], command);
    exec.env("RUNPLANE_AGENT_KEY", key("ops-bot"));
    if trusted {
        exec.env("SSL_CERT_FILE", configuration.home.path().join("own.pem"));
    }
    bounded(exec)
}

#[test]
fn pythons_clients_speak_tls_to_a_proxy_that_does() {
    let origin = Origin::stripe();
    // Python's own urllib cannot.
    let (script, _) = PYTHON.split_once("import urllib").unwrap();
    let python = python();
    let command = [python.to_str().unwrap(), "-c", script];
    let output = ran_by_tls(&["127.0.0.1"], true, wired(&origin), &command);
    let expected = ["path False", "stripe balance", "requests 200", "httpx 200"];
    assert_eq!(lines(&output), expected);
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 3);
}

#[test]
fn node_speaks_tls_to_a_proxy_that_does_and_gives_it_the_agents_key() {
    let origin = Origin::stripe();
    let things = Origin::of_things_in_clear();
    let packages = node_packages();
    for (script, asked, of) in [("builtin.mjs", 9, (4, 4)), ("packages.mjs", 5, (8, 5))] {
        let configuration = home()
            .resolve("api.stripe.com", &origin)
            .resolve("things.example:80", &things);
        let path = root().join("tests/clients/node").join(script);
        let command = ["node", path.to_str().unwrap(), packages.to_str().unwrap()];
        let output = ran_by_tls(&["127.0.0.1"], true, configuration, &command);
        assert_eq!(lines(&output).len(), asked, "{}", said(&output));
        assert_eq!((origin.seen().len(), things.seen().len()), of);
    }
    for seen in things.seen().iter().chain(&origin.seen()) {
        assert_eq!(seen.header("proxy-authorization"), None, "the key stays here");
    }
}

#[test]
fn node_tells_nothing_to_a_proxy_that_it_does_not_know() {
    let origin = Origin::stripe();
    let things = Origin::of_things_in_clear();
    let packages = node_packages();
    // It is not for the program to say whom the key may be told.
    let script = "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
        const undici = require('node:module').createRequire(process.argv[1] + '/here.cjs')('undici');
        const get = (module, url) => new Promise((done, fail) => require(module).get(url, done).on('error', fail));
        const [secure, clear] = ['https://api.stripe.com/v1/balance', 'http://things.example/clear'];
        const calls = {
          get: () => get('node:https', secure), 'get clear': () => get('node:http', clear),
          fetch: () => fetch(secure), 'fetch clear': () => fetch(clear),
          'undici.fetch': () => undici.fetch(secure), 'undici.fetch clear': () => undici.fetch(clear),
          'undici.request': () => undici.request(secure), 'undici.request clear': () => undici.request(clear),
        };
        (async () => {
          for (const [name, call] of Object.entries(calls)) {
            const said = await call().then(() => 'told', (e) => { while (e.cause) e = e.cause; return e.code; });
            console.log(`${name}: ${said}`);
          }
          process.exit();
        })();";
    for (name, trusted, expected) in [
        ("elsewhere.example", true, "ERR_TLS_CERT_ALTNAME_INVALID"),
        ("127.0.0.2", true, "ERR_TLS_CERT_ALTNAME_INVALID"),
        ("127.0.0.1", false, "DEPTH_ZERO_SELF_SIGNED_CERT"),
    ] {
        let configuration = home()
            .resolve("api.stripe.com", &origin)
            .resolve("things.example:80", &things);
        let command = ["node", "-e", script, packages.to_str().unwrap()];
        let output = ran_by_tls(&[name], trusted, configuration, &command);
        let told = lines(&output);
        assert_eq!(told.len(), 8, "{}", said(&output));
        let refused = |line: &String| line.ends_with(&format!(": {expected}"));
        assert!(told.iter().all(refused), "{name}: {told:?}");
    }
    assert!(origin.seen().is_empty() && things.seen().is_empty());
}

#[test]
fn java_finds_the_proxy_and_trusts_the_bundle() {
    let origin = Origin::stripe();
    let configuration = wired(&origin);
    let source = configuration.work().join("Balance.java");
    std::fs::copy(root().join("tests/clients/Balance.java"), &source).unwrap();
    let output = ran(&configuration, &[], &["java", source.to_str().unwrap()]);
    assert_eq!(
        lines(&output),
        ["URLConnection 200", "HttpClient 200"],
        "{}",
        said(&output)
    );
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 2);
}

#[test]
fn keytool_lists_the_trust_store() {
    let configuration = home();
    let script = "keytool -list -keystore \"$(dirname \"$SSL_CERT_FILE\")/bundle.p12\" -storepass changeit";
    let output = ran(&configuration, &[], &["sh", "-c", script]);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("runplane-1,") && text.contains("trustedCertEntry"),
        "{text}"
    );
    let bundle = std::fs::read_to_string(configuration.home.join("certs/public/bundle.pem")).unwrap();
    let entries = text.matches("trustedCertEntry").count();
    assert_eq!(entries, bundle.matches("BEGIN CERTIFICATE").count());
}

#[test]
fn git_goes_through_the_proxy() {
    let origin = Origin::of_things();
    let configuration = home().resolve("git.example", &origin);
    let output = ran(
        &configuration,
        &[],
        &["git", "ls-remote", "https://git.example/house.git"],
    );
    // It is no repository: what counts is that git asked, and trusted the answer.
    assert!(!output.status.success());
    assert!(!said(&output).contains("certificate"), "{}", said(&output));
    assert_eq!(origin.calls("GET", "/house.git/info/refs").len(), 1);
}

#[test]
fn env_prints_what_wires_a_client_in_a_shell() {
    let origin = Origin::stripe();
    let sidecar = wired(&origin).start();
    let exports = sidecar.told(&["env"]);
    let script = "eval \"$EXPORTS\" && curl -q -s --fail-with-body https://api.stripe.com/v1/balance";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).env("EXPORTS", exports).stdin(Stdio::null());
    let output = bounded(shell);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(origin.calls("GET", "/v1/balance").len(), 1);
}

#[test]
fn env_says_the_same_in_every_form() {
    let configuration = home();
    configuration.write();
    let env = |form: &str| {
        let mut command = runplane();
        command
            .arg("--home")
            .arg(configuration.home.path())
            .args(["env", "--shell", form]);
        bounded(command)
    };
    // Before the first start there is no CA to trust.
    assert!(said(&env("sh")).contains("first start"));
    assert!(ran(&configuration, &[], &["true"]).status.success());
    let names = |form: &str, prefix: &str, end: &str| -> Vec<String> {
        let told = lines(&env(form));
        let named = told.iter().filter_map(|line| line.strip_prefix(prefix));
        named.map(|rest| rest.split(end).next().unwrap().to_owned()).collect()
    };
    let sh = names("sh", "export ", "=");
    assert!(sh.len() > 20 && sh.contains(&"HTTPS_PROXY".to_owned()));
    assert_eq!(names("fish", "set -gx ", " "), sh);
    assert_eq!(names("powershell", "$env:", " "), sh);
    assert_eq!(names("docker", "", "="), sh);
    assert_eq!(names("kubernetes", "- name: ", "\n"), sh);
}
