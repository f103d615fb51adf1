//! The sidecar as in its image and its pod: a user without privileges, volumes as kubelet makes them, all else read-only.

use crate::harness::{bounded, eventually, root, said};

use super::stage::{Inside, Stage, is_root};

const SMS: &str = "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json";

/// The volumes of the pod at their paths, and nothing else that can be written.
fn stage() -> Stage {
    let binary = env!("CARGO_BIN_EXE_runplane");
    let base = root().join("deploy/kubernetes/base").display().to_string();
    let directory = "install -d -m 0755 /var/lib/runplane/certs";
    assert!(
        super::file("kubernetes/base/deployment.yaml")
            .contains(r#"["install", "-d", "-m", "0755", "/var/lib/runplane/certs"]"#),
        "the init container's command"
    );
    let script = format!(
        "ip link set lo up
        mount -t tmpfs -o mode=755 none /var/lib
        mkdir /var/lib/image && touch /var/lib/image/runplane && mount --bind {binary} /var/lib/image/runplane
        mkdir -m 0777 /var/lib/runplane
        chmod 0777 /var/lib/runplane
        setpriv --reuid 65532 --regid 65532 --clear-groups {directory}
        cd /var/lib/runplane
        mkdir certs/public mappings policies
        mount -t tmpfs -o mode=777 none certs/public
        mount -t tmpfs none mappings
        mount -t tmpfs none policies
        for name in mappings/billing.yaml policies/house.cedar; do
            (cd ${{name%/*}} && mkdir ..1 && cp {base}/$name ..1 && ln -s ..1 ..data && ln -s ..data/${{name#*/}} .)
        done
        cp {base}/runplane.yaml {base}/../../docker/ready /var/lib/image
        touch runplane.yaml
        mount --bind /var/lib/image/runplane.yaml runplane.yaml
        cd /
        mount -t tmpfs -o ro none /tmp
        mount -t tmpfs -o ro none /run
        mount -o remount,bind,ro /"
    );
    Stage::new(&["--mount", "--net"], &script)
}

/// Asks with the variables of the manifest's agent, as its user.
fn agent(stage: &Stage, arguments: &[&str]) -> (bool, String) {
    let mut command = stage.enter_as(10_001);
    let printed = super::variables("kubernetes/base/runplane.yaml", "docker");
    command.envs(printed.lines().filter_map(|line| line.split_once('=')));
    command.args(["curl", "-q", "-sS", "--max-time", "30"]).args(arguments);
    let output = bounded(command);
    (output.status.success(), said(&output))
}

#[test]
fn in_its_pod_it_serves_reloads_and_ends() {
    if !is_root() {
        return;
    }
    let stage = stage();
    let mut command = stage.enter_as(65_532);
    command.env("RUNPLANE_HOME", "/var/lib/runplane");
    command.args(["/var/lib/image/runplane", "run", "--log-format", "json"]);
    let mut sidecar = Inside::start(command);
    let health = |path: &str| {
        let mut command = stage.enter();
        command.args(["curl", "-q", "-s", "-o", "/dev/null", "-w", "%{http_code}"]);
        command.arg(format!("http://127.0.0.1:8082{path}"));
        said(&bounded(command))
    };
    eventually("the startup probe is content", || {
        let mut probe = stage.enter_as(65_532);
        probe.arg("/var/lib/image/ready");
        bounded(probe).status.success()
    });
    assert_eq!(health("/ready"), "200");
    assert_eq!((health("/live"), health("/metrics")), ("200".into(), "200".into()));
    stage.sh("! touch /probe /var/probe /tmp/probe /etc/probe 2>/dev/null");

    // The bundle is there for the agent to read, and is what the variables say.
    let text = ["-X", "POST", "-d", "To=%2B15550100&From=%2B15550101&Body=hi", SMS];
    let (_, refused) = agent(&stage, &text);
    assert!(refused.contains("no-text-messages"), "{refused}");
    // It reaches control, and nothing there without a key of a person's.
    let (_, control) = agent(&stage, &["--noproxy", "*", "http://127.0.0.1:8081/api/v1/approvals"]);
    assert!(control.contains("401"), "{control}");
    for secret in ["state/owner.key", "state/runplane.db", "certs/ca.key"] {
        let mut command = stage.enter_as(10_001);
        command.args(["cat", &format!("/var/lib/runplane/{secret}")]);
        assert!(!bounded(command).status.success(), "{secret}");
    }

    stage.sh("cd /var/lib/runplane/policies && mkdir ..2 && sed s/no-text-messages/not-one-text/ ..1/house.cedar >..2/house.cedar
        ln -s ..2 ..data_tmp && mv -T ..data_tmp ..data && rm -r ..1");
    eventually("the ConfigMap is read again", || {
        sidecar.output.text().contains("RELOADED")
    });
    let (_, refused) = agent(&stage, &text);
    assert!(refused.contains("not-one-text"), "{refused}");

    assert!(sidecar.terminate().success());
    assert_eq!(stage.trail().entries().last().unwrap()["kind"], "shutdown");
}
