"""A witness of one log (C2SP tlog-witness, `add-checkpoint`) over TLS: certificate, key, port and its words are its arguments.

Words: a file with the log's public key, which may come later, and how it is: `honest`; `forged`, one that signs with another key;
`deaf`, one that says 200 and nothing. Each request is a line of JSON on standard output. Proofs are checked by RFC 9162, 2.1.4.2.
"""

import base64
import hashlib
import json
import re
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

certificate, key, port, words = sys.argv[1:]
log_file, how = words.rsplit(" ", 1)
NAME = "witness.test/w1"
PRIVATE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a witness").digest())
OTHER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"another").digest())
EMPTY = hashlib.sha256().digest()
# What it signed last.
known = (0, EMPTY)


class Refused(Exception):
    """Status, content, type of the content."""


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def log_key():
    """Name and bytes of the one log that it knows."""
    try:
        with open(log_file, encoding="utf-8") as file:
            name, _, data = file.read().strip().split("+", 2)
    except FileNotFoundError as none:
        raise Refused(404, "no such log") from none
    return name, base64.b64decode(data)[1:]


def signed_by(public, id_, text, signatures):
    for data in (base64.b64decode(blob) for blob in signatures):
        if data[:4] == id_:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(data[4:], text.encode())
                return True
            except InvalidSignature:
                return False
    return False


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def continues(old, old_root, new, new_root, proof):
    """RFC 9162, 2.1.4.2, step by step."""
    if old == 0 or old == new:
        return not proof and (old == 0 or old_root == new_root)
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for hash_ in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(hash_, fr), node(hash_, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, hash_)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root


def add(body):
    global known
    head, blank, note = body.partition("\n\n")
    old, *proof = head.split("\n")
    text, blank2, signatures = note.rpartition("\n\n")
    text += "\n"
    size_of = re.fullmatch(r"old (0|[1-9][0-9]*)", old)
    lines = text.split("\n")
    if not blank or not blank2 or not size_of or len(lines) < 4 or not signatures.endswith("\n") or len(proof) > 63:
        raise Refused(400, "not a request")
    old, proof = int(size_of[1]), [base64.b64decode(line, validate=True) for line in proof]
    origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    name, public = log_key()
    if origin != name:
        raise Refused(404, "no such log")
    marks = [re.fullmatch(r"— (\S+) (\S+)", line) for line in signatures[:-1].split("\n")]
    if not all(marks):
        raise Refused(400, "a line that should be a signature is none")
    of_log = [mark[2] for mark in marks if mark[1] == name]
    if not signed_by(public, key_id(name, 1, public), text, of_log):
        raise Refused(403, "not signed by that log")
    if old > size:
        raise Refused(400, "backwards")
    if old != known[0] or (old == size and root != known[1]):
        raise Refused(409, f"{known[0]}\n", "text/x.tlog.size")
    if not continues(old, known[1], size, root, proof):
        raise Refused(422, "it does not continue what was signed")
    if how == "deaf":
        return ""
    known = (size, root)
    seconds, signer = int(time.time()), {"forged": OTHER}.get(how, PRIVATE)
    signature = signer.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    data = key_id(NAME, 4, PRIVATE.public_key().public_bytes_raw()) + seconds.to_bytes(8, "big") + signature
    return f"— {NAME} {base64.b64encode(data).decode()}\n"


class Witness(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        status, kind = 200, "text/plain; charset=utf-8"
        try:
            if self.path != "/w1/add-checkpoint":
                raise Refused(404, "nothing is here")
            said = add(body)
        except Refused as refused:
            status, said, *more = refused.args
            kind = more[0] if more else kind
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(said.encode())))
        self.end_headers()
        self.wfile.write(said.encode())
        print("got " + json.dumps({"old": body.split("\n")[0], "status": status, "size": known[0]}), flush=True)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server = ThreadingHTTPServer(("127.0.0.1", int(port)), Witness)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
