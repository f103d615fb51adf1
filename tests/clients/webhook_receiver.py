"""Receives webhooks over TLS, checked by the `standardwebhooks` library: certificate, key, port and secret are its arguments.

Each request is a line of JSON on standard output. The path says what it is answered: `/410` that status, `/to/PORT` a redirect
there, `/first/500` that status for the first one, `/twice/500` for two; anything else 204.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

certificate, key, port, secret = sys.argv[1:]
seen = 0


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global seen
        seen += 1
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            Webhook(secret).verify(body, headers)
            verified = True
        except WebhookVerificationError as error:
            verified = str(error)
        told = {"path": self.path, "verified": verified, "headers": headers, "length": len(body), "body": json.loads(body)}
        words = self.path.strip("/").split("/")
        status = 204
        if words[0].isdigit():
            status = int(words[0])
        elif words[0] == "first" and seen == 1 or words[0] == "twice" and seen <= 2:
            status = int(words[1])
        elif words[0] == "to":
            status = 307
        self.send_response(status)
        if words[0] == "to":
            self.send_header("location", f"https://hooks.test:{words[1]}/")
        self.send_header("content-length", "0")
        self.end_headers()
        print("got " + json.dumps(told), flush=True)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server = ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
