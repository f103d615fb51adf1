//! What deploy/compose claims: an agent whose one network is the sidecar's has no way round.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::stage::{Inside, Stage, is_root};
use crate::harness::{Origin, bounded, eventually, python, root, said, trusted_pem};

/// The world: the provider by an address that is no loopback's.
struct World {
    address: String,
}

/// Passes each connection on to the origin.
fn world(network: &str, origin: &Origin) -> World {
    let listener = TcpListener::bind(format!("{network}.1:0")).unwrap();
    let (address, origin) = (listener.local_addr().unwrap().to_string(), origin.address());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(provider) = TcpStream::connect(origin) else {
                continue;
            };
            let ways = [(&client, &provider), (&provider, &client)];
            for (from, to) in ways.map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap())) {
                std::thread::spawn(move || copy(from, to));
            }
        }
    });
    World { address }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// Files of both, with the volumes at the paths that compose gives them; `runplane` is the sidecar's name.
fn files(agents: &str) -> Stage {
    let binary = env!("CARGO_BIN_EXE_runplane");
    let compose = root().join("deploy/compose").display().to_string();
    let home = "setpriv --reuid 65532 --regid 65532 --clear-groups env RUNPLANE_HOME=/var/lib/runplane";
    let script = format!(
        "mount -t tmpfs -o mode=755 none /var/lib
        mkdir /var/lib/image && touch /var/lib/image/runplane && mount --bind {binary} /var/lib/image/runplane
        cp {compose}/certificates /var/lib/image
        install -d -o 65532 -g 65532 -m 0755 /var/lib/runplane /var/lib/runplane/certs /var/lib/runplane/certs/public
        install -d -o 65532 -g 65532 -m 0700 /var/lib/runplane/state
        cp -r {compose}/policies /var/lib/runplane
        {home} /var/lib/image/certificates runplane
        echo '127.0.0.1 localhost' >/var/lib/image/hosts
        echo '{agents}.2 runplane' >>/var/lib/image/hosts
        mount --bind /var/lib/image/hosts /etc/hosts"
    );
    Stage::new(&["--mount"], &script)
}

fn ip(arguments: &str) {
    let mut ip = Command::new("ip");
    ip.args(arguments.split(' '));
    let output = bounded(ip);
    assert!(output.status.success(), "ip {arguments}: {}", said(&output));
}

/// The agent's network with the two in it, and the sidecar's way out to `outside`.1, which is here.
fn connect(sidecar: &Stage, agent: &Stage, agents: &str, outside: &str) {
    let (inner, outer) = (sidecar.id(), agent.id());
    let link = format!("rp{}", std::process::id());
    ip(&format!(
        "link add dev {link} type veth peer name outside netns {inner}"
    ));
    ip(&format!("addr add {outside}.1/24 dev {link}"));
    ip(&format!("link set {link} up"));
    ip(&format!(
        "link add dev agents netns {inner} type veth peer name eth0 netns {outer}"
    ));
    sidecar.sh(&format!(
        "ip link set lo up; ip addr add {outside}.2/24 dev outside; ip link set outside up
        ip route add default via {outside}.1
        ip addr add {agents}.2/24 dev agents; ip link set agents up"
    ));
    agent.sh(&format!(
        "ip link set lo up; ip addr add {agents}.3/24 dev eth0; ip link set eth0 up"
    ));
}

#[test]
fn an_agent_in_the_sidecars_network_has_no_way_round() {
    if !is_root() {
        return;
    }
    // Of the networks that are for measurements (RFC 2544), so that no real one is met.
    let number = std::process::id() % 250 + 1;
    let (agents, outside) = (format!("198.18.{number}"), format!("198.19.{number}"));
    let origin = Origin::stripe();
    let files = files(&agents);
    let (inner, outer) = (files.beside(""), files.beside(""));
    connect(&inner, &outer, &agents, &outside);
    let World { address } = world(&outside, &origin);

    // compose's own configuration, and where the provider is here.
    let told = super::file("compose/runplane.yaml");
    let here = format!("resolve: {{ api.stripe.com: \"{address}\" }}\ndestinations: [\"{address}\"]\n");
    let home = files.path("/var/lib/runplane");
    std::fs::write(home.join("runplane.yaml"), format!("{told}{here}")).unwrap();
    std::fs::create_dir(home.join("certs/upstream")).unwrap();
    std::fs::write(home.join("certs/upstream/test.pem"), trusted_pem()).unwrap();
    let mut command = inner.enter_as(65_532);
    command
        .env("RUNPLANE_HOME", "/var/lib/runplane")
        .args(["/var/lib/image/runplane", "run"]);
    let mut sidecar = Inside::start(command);
    eventually("it listens", || sidecar.output.text().contains("point one at it"));

    let variables = super::file("compose/agent.env");
    let variables: Vec<_> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    let curl = |wired: bool, arguments: &[&str]| {
        let mut command = outer.enter();
        if wired {
            command.envs(variables.iter().copied());
        }
        command.args(["curl", "-q", "-sS", "--max-time", "20"]).args(arguments);
        let output = bounded(command);
        (output.status.success(), said(&output))
    };
    // Wired, it goes through; also what is refused is told inside.
    let bundle = "/var/lib/runplane/certs/public/bundle.pem";
    let balance = "https://api.stripe.com/v1/balance";
    let (through, answer) = curl(true, &["--proxy-cacert", bundle, balance]);
    assert!(through && answer.contains("balance"), "{answer}");
    // Told by nothing but the variables, as docs/deploy.md has it.
    for module in ["requests", "httpx", "pip._vendor.requests"] {
        let script = format!("import {module} as client, sys; print(client.get(sys.argv[1]).status_code)");
        let mut client = outer.enter();
        client
            .envs(variables.iter().copied())
            .arg(python())
            .args(["-c", &script, balance]);
        assert_eq!(said(&bounded(client)).trim(), "200", "{module}");
    }
    let mut git = outer.enter();
    git.envs(variables.iter().copied())
        .args(["git", "ls-remote", "https://runplane.internal/doctor/wall"]);
    let told = said(&bounded(git));
    assert!(told.contains("refs/heads/wall"), "{told}");
    let (_, refused) = curl(
        true,
        &["--proxy-cacert", bundle, "-d", "a=b", "https://unknown.example/"],
    );
    assert!(refused.contains("policy_blocked"), "{refused}");

    // Round it: by name, by address, by the host that both are on, by the sidecar as a router, by its other ports.
    let before = origin.connections();
    let direct = format!("https://{address}/");
    let other_side = format!("https://{outside}.2:8080/");
    let control = format!("http://{agents}.2:8081/ready");
    let control_outside = format!("http://{outside}.2:8081/ready");
    let health = format!("http://{agents}.2:8082/metrics");
    for url in [balance, &direct, &other_side, &control, &control_outside, &health] {
        let (reached, said) = curl(false, &["-k", "--noproxy", "*", url]);
        assert!(!reached, "{url}: {said}");
    }
    // Nor through the sidecar to the sidecar.
    for own in [&control, &control_outside] {
        let (_, refused) = curl(true, &["--proxy-cacert", bundle, "-i", own]);
        assert!(refused.contains("destination_refused"), "{refused}");
    }
    assert_eq!(origin.connections(), before, "only what went through");

    // People decide where the sidecar is.
    let mut decide = inner.enter_as(65_532);
    decide.env("RUNPLANE_HOME", "/var/lib/runplane");
    decide.args(["/var/lib/image/runplane", "approvals", "list"]);
    let decided = bounded(decide);
    assert!(decided.status.success(), "{}", said(&decided));
    assert!(sidecar.terminate().success());
    assert!(files.trail().of_kind("shutdown").len() == 1);
}
