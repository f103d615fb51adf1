"""Checks deploy/compose and deploy/docker. What compose.yaml may say is written out here: any other field is an error."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

from render import load, only

ROOT = Path(__file__).parents[2]


def check_compose():
    told = load(ROOT / "deploy/compose/compose.yaml")
    only(told, "name", "services", "networks", "volumes")
    services = told["services"]
    assert list(services) == ["certificates", "runplane", "agent"]
    fields = "image build pull_policy entrypoint command network_mode networks healthcheck volumes read_only cap_drop security_opt"
    fields += " depends_on env_file user pids_limit mem_limit stop_grace_period restart"
    for name, service in services.items():
        only(service, *fields.split())
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[a-z/.-]+:[0-9][0-9a-z.-]+", service["image"]), "a version, and no `latest`"
        assert "ports" not in service, "nothing of ours is published"
    certificates, sidecar, agent = services.values()

    # No way round: the agent's networks are internal, and in none of them is anything but it and the sidecar.
    assert agent["networks"] == ["agents"] and "network_mode" not in agent
    agents = told["networks"]["agents"]
    assert agents["internal"] is True
    modes = {name.rsplit(".", 1)[1]: mode for name, mode in agents["driver_opts"].items()}
    assert modes == {"gateway_mode_ipv4": "isolated", "gateway_mode_ipv6": "isolated"}, "nor the host"
    inside = [name for name, service in services.items() if "agents" in service.get("networks", [])]
    assert inside == ["runplane", "agent"]
    assert sidecar["networks"] == ["agents", "outside"] and certificates["network_mode"] == "none"

    assert agent["volumes"] == ["trust:/var/lib/runplane/certs/public:ro"], "no key, no record, no socket of an engine"
    assert "trust:/var/lib/runplane/certs/public" in sidecar["volumes"] and sidecar["read_only"] is True
    assert all(volume.endswith(":ro") for volume in sidecar["volumes"] if volume.startswith("."))
    assert agent["user"].split(":")[0] not in ("0", "65532")
    assert agent["depends_on"] == {"runplane": {"condition": "service_healthy"}}
    assert sidecar["depends_on"] == {"certificates": {"condition": "service_completed_successfully"}}
    configuration = load(ROOT / "deploy/compose/runplane.yaml")
    assert configuration["control"]["listen"].startswith("127.0.0.1:"), "agents must not reach approvals"
    assert configuration["proxy"]["listen"].startswith("0.0.0.0:") and "tls" in configuration["proxy"]
    assert "health" not in configuration
    assert int(sidecar["stop_grace_period"].rstrip("s")) >= 25 + 10
    assert certificates["entrypoint"] == ["/usr/local/bin/certificates", "runplane"]
    for volume in certificates["volumes"] + sidecar["volumes"]:
        source = volume.split(":")[0]
        exists = (ROOT / "deploy/compose" / source).exists() if source.startswith(".") else source in told["volumes"]
        assert exists, volume
    (build,) = (service["build"] for service in services.values() if "build" in service)
    assert "build" in certificates, "it runs first, and two builds of one tag at a time fail"
    assert sidecar["image"] == certificates["image"] and sidecar["pull_policy"] == "never"
    assert (ROOT / "deploy/compose" / build["context"] / build["dockerfile"]).exists()


def instructions():
    text = (ROOT / "deploy/docker/Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]


def check_docker():
    hadolint = Path(sys.executable).parent / "hadolint"
    ran = subprocess.run([hadolint, "--failure-threshold", "info", ROOT / "deploy/docker/Dockerfile"], capture_output=True)
    assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()
    told = instructions()
    bases = [what for word, what in told if word == "FROM"]
    for base in bases:
        assert re.fullmatch(r"[a-z]+:[0-9]+\.[0-9][0-9a-z.-]*( AS build)?", base), base
    cargo = (ROOT / "Cargo.toml").read_text()
    (needed,) = re.findall(r'^rust-version = "([0-9.]+)"', cargo, re.M)
    assert bases[0].startswith(f"rust:{needed}."), "the compiler that the manifest asks for"
    made, run = (what for word, what in told if word == "RUN")
    (binary,) = re.findall(r'\[\[bin\]\]\nname = "([a-z]+)"', cargo)
    assert f"cargo build --release --locked --bin {binary} " in made
    assert f"target/release/{binary} /image/usr/local/bin/{binary}" in made
    for script in re.findall(r"(deploy/[a-z/]+) /image", made):
        file = ROOT / script
        assert file.stat().st_mode & 0o111 and subprocess.run(["sh", "-n", file]).returncode == 0, script
    last = dict(told)
    assert last["USER"] == "65532:65532" and "--uid 65532" in run
    assert last["ENTRYPOINT"] == f'["/usr/local/bin/{binary}"]' and last["CMD"] == '["run"]'
    assert last["ENV"] == "RUNPLANE_HOME=/var/lib/runplane" and last["VOLUME"] == '["/var/lib/runplane"]'
    assert last["STOPSIGNAL"] == "SIGTERM" and "/usr/local/bin/ready" in last["HEALTHCHECK"]
    assert "-m 0700 /var/lib/runplane/state" in run
    check_context(cargo)


def check_context(cargo):
    """All that the build needs is let into its context, and nothing that is secret or large."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "nothing else is let in"
    for name in let_in:
        assert (ROOT / name).exists(), name
    assert not {"target", "certs", "state", ".git", "deploy"} & set(let_in)
    for path in re.findall(r'^path = "([^"/]+)/', cargo, re.M):
        assert path in let_in, path
    embedded = set()
    for source in (ROOT / "src").rglob("*.rs"):
        embedded |= set(re.findall(r'include_dir!\("\$CARGO_MANIFEST_DIR/([a-z]+)', source.read_text()))
    assert embedded and embedded <= set(let_in), embedded
    assert ".cargo/config.toml" in let_in, "how SQLite is built"


def unit(name):
    parser = configparser.RawConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(ROOT / "deploy/systemd" / name)
    return parser


def check_systemd():
    agent_unit = unit("agent.service")["Unit"]
    sidecar, agent = (unit(name)["Service"] for name in ("runplane.service", "agent.service"))
    assert agent_unit["After"] == agent_unit["Requires"] == "runplane.service"
    assert "ExecStartPost" in sidecar and int(sidecar["TimeoutStartSec"]) <= 90, "the agent comes once calls are taken"
    configured = int(sidecar["TimeoutStopSec"])
    assert configured >= 25 + 10 and sidecar["StateDirectory"] == "runplane"
    assert sidecar["Environment"] == "RUNPLANE_HOME=/var/lib/runplane"
    assert sidecar["User"] != agent["User"] and "root" not in (sidecar["User"], agent["User"])
    for service in (sidecar, agent):
        assert service["NoNewPrivileges"] == "yes" and service["CapabilityBoundingSet"] == ""
        assert service["ProtectSystem"] == "strict" and service["ProtectHome"] == "yes"
    assert "ProcSubset" not in sidecar, "/proc/sys/kernel/hostname and random/boot_id are read"
    # The wall: the kernel lets the agent reach two addresses of the loopback only, and no file of the home but the bundle.
    allowed = "127.0.0.1 ::1"
    assert (agent["IPAddressDeny"], agent["IPAddressAllow"]) == ("any", allowed), "not systemd-resolved on 127.0.0.53"
    assert agent["RestrictAddressFamilies"] == "AF_INET AF_INET6"
    assert agent["TemporaryFileSystem"] == "/var/lib/runplane:ro"
    assert agent["BindReadOnlyPaths"] == "/var/lib/runplane/certs/public"


check_compose()
check_docker()
check_systemd()
