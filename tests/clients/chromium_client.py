"""Chromium, as an agent drives it: HTTPS_PROXY from the environment, by --proxy-server; the CA in the store of its user.

Spoken to by its DevTools protocol. A command opens a page, or has the page that is open fetch from its own site.
"""

import fcntl
import json
import os
import subprocess
import tempfile
from urllib.parse import urlsplit

from session import answer, failure, serve

home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
surroundings = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"HOME": home.name}


def trust():
    """Chromium reads no variable for this, but the store of its user."""
    store = os.path.join(home.name, ".pki/nssdb")
    os.makedirs(store)
    certutil = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, env=surroundings)
    ca = os.environ["NODE_EXTRA_CA_CERTS"]
    subprocess.run([*certutil, "-A", "-n", "runplane", "-t", "C,,", "-i", ca], check=True, env=surroundings)


# What Chromium itself calls, at Google, would be held or refused as any other call.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-features=OptimizationHints",
    "--disable-sync",
    "--gaia-url=https://127.0.0.1:1/",
    "--no-first-run",
]


class Page:
    """One tab of a browser, which ends with us: it is spoken to by pipes."""

    def __init__(self):
        # It reads from 3 and writes to 4.
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *QUIET]
        options += [f"--user-data-dir={home.name}/profile", f"--proxy-server={os.environ['HTTPS_PROXY']}"]
        self.browser = subprocess.Popen(
            ["chromium", *options, "--remote-debugging-pipe", "about:blank"],
            pass_fds=(3, 4),
            preexec_fn=lambda: [os.dup2(end, place) for end, place in zip(high, (3, 4))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=surroundings,
        )
        for end in (theirs_in, theirs_out, *high):
            os.close(end)
        self.told, self.out = open(ours_in, "rb"), open(ours_out, "wb", buffering=0)
        self.count, self.session = 0, {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": attached["sessionId"]}

    def ask(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters} | self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            told = json.loads(self.message())
            if told.get("id") == self.count:
                return told["result"]

    def message(self):
        message = bytearray()
        while (byte := self.told.read(1)) != b"\0":
            if not byte:
                raise EOFError("Chromium has ended")
            message += byte
        return message

    def run(self, script):
        told = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return told["result"]["value"]


FETCH = """
(async () => {
  const response = await fetch(%s, %s);
  const content = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return {
    status: response.status,
    sha256: [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    text: new TextDecoder().decode(content),
    headers: Object.fromEntries(response.headers),
  };
})()
"""


def show(url):
    """The page that is open, as a person reads it."""
    failed = page.ask("Page.navigate", url=url).get("errorText")
    if failed:
        return failure(Exception(failed))
    text = page.run("new Promise((done) => (document.readyState === 'complete' ? done() : addEventListener('load', done)))"
                    ".then(() => document.body.innerText)")
    return answer(True, value=text)


def fetch(method, url, *pairs):
    """By the page of that site."""
    here = page.run("location.origin")
    site = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    if here != site and not (shown := show(site))["ok"]:
        return shown
    options = {"method": method} | ({"body": "&".join(pairs)} if pairs else {})
    options["headers"] = {"authorization": "Bearer sk_test_not-a-secret"}
    if pairs:
        options["headers"]["content-type"] = "application/x-www-form-urlencoded"
    told = page.run(FETCH % (json.dumps(url), json.dumps(options)))
    if told["status"] < 400:
        return answer(True, status=told["status"], value=told["text"], headers=told["headers"]) | {"sha256": told["sha256"]}
    error = type("Response", (Exception,), {})()
    return failure(error, http_status=told["status"], message=told["text"], headers=told["headers"])


trust()
page = Page()
serve({"show": show, "get": lambda *words: fetch("GET", *words), "post": lambda *words: fetch("POST", *words)})
