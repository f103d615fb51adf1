"""An agent that wants out: tries each way round the sidecar, and what every agent does all day. One line of JSON each:
{"attempt", "done", "how"}. Arguments: the sidecar's home, its process id, and the ports of the proxy, of control and of another
server on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile

HOME, PID, PROXY, CONTROL, OTHER = sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:6])


def inside(*names):
    return os.path.join(HOME, *names)


def read(path):
    with open(path, "rb") as file:
        return f"{len(file.read(64))} bytes"


def write(path, mode="ab"):
    with open(path, mode) as file:
        file.write(b"\n")
    return "written"


def connect(port, host="127.0.0.1", family=socket.AF_INET, protocol=0):
    with socket.socket(family, socket.SOCK_STREAM, protocol) as stream:
        stream.settimeout(5)
        stream.connect((host, port))
    return "connected"


def fast_open(port):
    with socket.socket() as stream:
        stream.sendto(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", socket.MSG_FASTOPEN, ("127.0.0.1", port))
        stream.settimeout(5)
        return stream.recv(12).decode()


def datagram(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.connect(("127.0.0.1", port))
        return f"{stream.send(b'x')} byte sent"


def raw():
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP):
        return "opened"


def move_the_home():
    os.rename(HOME, HOME + "-moved")
    os.rename(HOME + "-moved", HOME)
    return "there and back"


def put(verb, name):
    """A file of our own, in place of a policy."""
    with tempfile.TemporaryDirectory(dir=".") as directory:
        path = os.path.join(directory, "mine.cedar")
        write(path, "wb")
        verb(path, inside("policies", name))
    return "in place"


def through_a_link():
    with tempfile.TemporaryDirectory(dir=".") as directory:
        link = os.path.join(directory, "link")
        os.symlink(inside("state"), link)
        return read(os.path.join(link, "owner.key"))


def approve():
    environment = {name: value for name, value in os.environ.items() if name != "RUNPLANE_INSIDE_EXEC"}
    command = [os.environ["ESCAPE_BINARY"], "approvals", "list", "--home", HOME]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if ended.returncode:
        raise PermissionError(ended.stderr.strip().splitlines()[-1])
    return "answered"


def spawn():
    return subprocess.run(["sh", "-c", "echo spawned"], capture_output=True, text=True, check=True).stdout.strip()


def scratch():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    return "written"


def own_server():
    with socket.create_server(("127.0.0.1", 0)):
        return "listening"


ATTEMPTS = {
    "read the owner's key": lambda: read(inside("state", "owner.key")),
    "read the database": lambda: read(inside("state", "runplane.db")),
    "write the database": lambda: write(inside("state", "runplane.db")),
    "read the CA's key": lambda: read(inside("certs", "ca.key")),
    "read runplane.yaml": lambda: read(inside("runplane.yaml")),
    "write runplane.yaml": lambda: write(inside("runplane.yaml")),
    "write a policy": lambda: write(inside("policies", "house.cedar")),
    "make a policy": lambda: write(inside("policies", "new.cedar"), "xb"),
    "move a policy in": lambda: put(os.rename, "moved.cedar"),
    "link a policy in": lambda: put(os.link, "linked.cedar"),
    "remove the database": lambda: os.remove(inside("state", "runplane.db")) or "removed",
    "move the home": move_the_home,
    "write the CA bundle": lambda: write(inside("certs", "public", "bundle.pem")),
    "read the key through a link": through_a_link,
    "read the sidecar's environment": lambda: read(f"/proc/{PID}/environ"),
    "read the sidecar's memory": lambda: os.close(os.open(f"/proc/{PID}/mem", os.O_RDWR)) or "open",
    "read the key through /proc": lambda: read(f"/proc/{PID}/root{inside('state', 'owner.key')}"),
    "signal the sidecar": lambda: os.kill(PID, signal.SIGWINCH) or "signalled",
    "connect to control": lambda: connect(CONTROL),
    "connect to control by IPv6": lambda: connect(CONTROL, "::ffff:127.0.0.1", socket.AF_INET6),
    "connect to another port": lambda: connect(OTHER),
    "connect to the network": lambda: connect(443, "192.0.2.1"),
    "approve by the command line": approve,
    "open a raw socket": raw,
    "connect by MPTCP": lambda: connect(OTHER, protocol=262),
    "connect by Fast Open": lambda: fast_open(CONTROL),
    "send by UDP": lambda: datagram(OTHER),
}
EVERY_DAY = {
    "connect to the proxy": lambda: connect(PROXY),
    "read the working directory": lambda: f"{len(os.listdir('.'))} entries",
    "write in the working directory": lambda: write("written.txt", "wb"),
    "write a temporary file": scratch,
    "start a process": spawn,
    "read the CA bundle": lambda: read(os.environ["SSL_CERT_FILE"]),
    "list the home": lambda: f"{len(os.listdir(HOME))} names",
    "listen on a port": own_server,
    "wait for a child": lambda: str(subprocess.run(["true"]).returncode),
}

for kind, attempts in (("way out", ATTEMPTS), ("every day", EVERY_DAY)):
    for attempt, make in attempts.items():
        try:
            done, how = True, make()
        except Exception as problem:
            done, how = False, f"{type(problem).__name__}: {problem}".replace(HOME, "HOME")
        print(json.dumps({"kind": kind, "attempt": attempt, "done": done, "how": how}), flush=True)
