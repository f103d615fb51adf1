"""Checks deploy/kubernetes: by the API's own schemas, and for what no schema says. Argument: where to write the base."""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from render import load, render

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
HOME = "/var/lib/runplane"


def validate(resources, file):
    file.write_text(yaml.safe_dump_all(resources))
    command = [Path(sys.executable).parent / "kubernetes-validate", "--strict", "-k", "1.37", file]
    ran = subprocess.run(command, capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert said.count("passed for resource") == len(resources), said


def one(resources, kind):
    (found,) = (resource for resource in resources if resource["kind"] == kind)
    return found


def mounts(container):
    return {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}


def check_pod(pod, configuration):
    assert pod["automountServiceAccountToken"] is False, "a token would open the API server"
    assert not pod.get("shareProcessNamespace") and not pod.get("hostNetwork") and not pod.get("hostPID")
    home, sidecar = pod["initContainers"]
    (agent,) = pod["containers"]
    assert (home["name"], sidecar["name"], agent["name"]) == ("home", "runplane", "agent"), "in this order"
    assert sidecar["restartPolicy"] == "Always" and "restartPolicy" not in home, "a native sidecar, after its home is made"
    assert home["image"] == sidecar["image"] != agent["image"]

    for container in (home, sidecar, agent):
        name, secured = container["name"], container["securityContext"]
        assert secured["runAsNonRoot"] is True and secured["runAsUser"] > 0 and secured["runAsGroup"] > 0, name
        assert secured["allowPrivilegeEscalation"] is False and secured["readOnlyRootFilesystem"] is True, name
        assert secured["capabilities"] == {"drop": ["ALL"]}, name
        assert secured["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert "memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"], name
        assert not container["image"].endswith(":latest") and ":" in container["image"], name
    assert home["securityContext"] == sidecar["securityContext"]
    assert agent["securityContext"]["runAsUser"] != sidecar["securityContext"]["runAsUser"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}

    # What the agent sees of the sidecar: the bundle, to read.
    seen = mounts(agent)
    volumes = {mount["name"] for mount in seen.values()}
    assert volumes == {"trust", "tmp"}, volumes
    assert seen[f"{HOME}/certs/public"]["readOnly"] is True
    own = mounts(sidecar)
    assert own[f"{HOME}/certs/public"]["name"] == "trust" and own[HOME]["name"] == "home"
    assert own[f"{HOME}/runplane.yaml"]["subPath"] == "runplane.yaml"
    for directory in ("mappings", "policies"):
        mount = own[f"{HOME}/{directory}"]
        assert "subPath" not in mount and mount["readOnly"], "what is mounted by subPath never changes"
    known = {volume["name"] for volume in pod["volumes"]}
    used = {mount["name"] for container in (home, sidecar, agent) for mount in mounts(container).values()}
    assert used == known, used ^ known

    # Probes ask where the configuration listens, and only there.
    address, port = configuration["health"]["listen"].rsplit(":", 1)
    assert address == "0.0.0.0", "kubelet asks at the pod's address"
    assert sidecar["ports"] == [{"name": "health", "containerPort": int(port)}]
    for probe, path in (("readinessProbe", "/ready"), ("livenessProbe", "/live")):
        assert sidecar[probe]["httpGet"] == {"path": path, "port": "health"}, probe
    assert sidecar["startupProbe"]["exec"] == {"command": ["/usr/local/bin/ready"]}, "/ready would have it killed for its CA"
    assert configuration["control"]["listen"].endswith(":8081"), "where that asks"
    for listener in ("proxy", "control"):
        assert configuration[listener]["listen"].startswith("127.0.0.1:"), listener
    within = configuration["shutdown"]["within"]
    assert within.endswith("s") and int(within[:-1]) + 15 <= pod["terminationGracePeriodSeconds"]
    environment = {item["name"]: item["value"] for item in agent["env"]}
    assert environment["HTTPS_PROXY"] == "http://" + configuration["proxy"]["listen"]
    return agent["env"]


def check_network(policy, labels, health):
    spec = policy["spec"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items(), "it selects this pod"
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"] for rule in spec["ingress"]] == [[{"protocol": "TCP", "port": health}]]
    _, world = spec["egress"]
    blocks = [to["ipBlock"] for to in world["to"]]
    assert "169.254.0.0/16" in blocks[0]["except"], "the cloud's metadata service"
    assert world["ports"] == [{"protocol": "TCP", "port": 443}]


def check(directory, file):
    resources = render(KUBERNETES / directory)
    validate(resources, file)
    deployment, policy = one(resources, "Deployment"), one(resources, "NetworkPolicy")
    configuration = load(KUBERNETES / "base/runplane.yaml")
    template = deployment["spec"]["template"]
    environment = check_pod(template["spec"], configuration)
    assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    check_network(policy, template["metadata"]["labels"], int(configuration["health"]["listen"].rsplit(":", 1)[1]))
    maps = {resource["metadata"]["name"] for resource in resources if resource["kind"] == "ConfigMap"}
    named = {volume["configMap"]["name"] for volume in template["spec"]["volumes"] if "configMap" in volume}
    assert maps == named, maps ^ named
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}, "two pods would not share a record"
    return template["spec"], environment


written = Path(sys.argv[1])
base, environment = check("base", written / "base.yaml")
(home,) = (volume for volume in base["volumes"] if volume["name"] == "home")
assert "emptyDir" in home
assert "fsGroup" not in base["securityContext"], "keys would be opened to a group"
kept, _ = check("overlays/persistent", written / "persistent.yaml")
(home,) = (volume for volume in kept["volumes"] if volume["name"] == "home")
assert home == {"name": "home", "persistentVolumeClaim": {"claimName": "runplane-home"}}
assert kept["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch", "keys would be opened to a group"
assert kept["securityContext"]["fsGroup"] == kept["initContainers"][1]["securityContext"]["runAsGroup"]
(written / "environment.json").write_text(json.dumps([[item["name"], item["value"]] for item in environment]))
