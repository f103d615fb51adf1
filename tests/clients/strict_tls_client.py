"""Python's own TLS with the strict check that is the default from 3.13 on: words are HOST PORT PROXY_PORT CA_FILE.

Prints what the certificate says of itself, or the error.
"""

import json
import socket
import ssl
import sys

host, port, proxy_port, ca_file = sys.argv[1:5]
context = ssl.create_default_context(cafile=ca_file)
context.verify_flags |= ssl.VERIFY_X509_STRICT
try:
    with socket.create_connection(("127.0.0.1", int(proxy_port)), timeout=20) as plain:
        plain.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            got = plain.recv(1)
            if not got:
                raise ConnectionError(f"closed after {head!r}")
            head += got
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        with context.wrap_socket(plain, server_hostname=host) as secure:
            names = [list(name) for name in secure.getpeercert()["subjectAltName"]]
            print(json.dumps({"ok": True, "names": names, "version": secure.version(), "python": sys.version}))
except (OSError, ssl.SSLError) as problem:
    print(json.dumps({"ok": False, "error": str(problem), "python": sys.version}))
