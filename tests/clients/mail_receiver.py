"""Receives mail by `aiosmtpd`: certificate, key, port and what it speaks (`starttls`, `implicit`, `clear`) are its arguments.

Each mail is a line of JSON on standard output. It wants the user `runplane` with the password `pa ss` where it speaks TLS, and
does not know anybody called `nobody`.
"""

import email
import email.policy
import json
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

certificate, key, port, speaks = sys.argv[1:]


class Receiver:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        print(f"hello {hostname} tls {session.ssl is not None or speaks == 'implicit'}", flush=True)
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 nobody of that name\r\n"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "authenticated": session.authenticated,
            "tls": session.ssl is not None or speaks == "implicit",
            "headers": [[name, str(value)] for name, value in message.items()],
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
            "subject": message["subject"],
            "plain": message.get_body(("plain",)).get_content(),
            "html": message.get_body(("html",)).get_content(),
        }
        print("got " + json.dumps(told), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"runplane", b"pa ss")
    return AuthResult(success=known)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
how = {
    "starttls": {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True},
    "implicit": {
        "ssl_context": context,
        "authenticator": authenticate,
        "auth_required": True,
        "auth_require_tls": False,
    },
    "clear": {},
}[speaks]
Controller(Receiver(), hostname="127.0.0.1", port=int(port), **how).start()
print("ready", flush=True)
threading.Event().wait()
