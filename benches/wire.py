"""Clients of the benchmarks, as small as they can be: of the control port, and of the proxy by HTTP/1.1 and by HTTP/2."""

import asyncio
import json
import struct

PROVIDER = "api.stripe.com"
FORM = "application/x-www-form-urlencoded"


class Client:
    """HTTP/1.1 to the control port; a connection is used again if it is left open."""

    def __init__(self, port, key=None):
        self.port, self.key, self.kept = port, key, None

    async def ask(self, method, path, value=None):
        reader, writer = self.kept or await asyncio.open_connection("127.0.0.1", self.port)
        self.kept = None
        content = b"" if value is None else json.dumps(value).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {len(content)}\r\n"
        if self.key:
            head += f"Authorization: Bearer {self.key}\r\n"
        try:
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + content)
            head = await told_head(reader)
            if "connection: close" not in head:
                self.kept = reader, writer
            return await answer(reader, head)
        finally:
            if not self.kept:
                writer.close()


async def told_head(reader):
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()


async def answer(reader, head=None):
    head = head or await told_head(reader)
    status, length = int(head.split(" ", 2)[1]), 0
    for line in head.split("\r\n"):
        if line.startswith("content-length:"):
            length = int(line.split(":", 1)[1])
    return status, await reader.readexactly(length)


class Agent:
    """A client of the proxy: one connection, TLS inside."""

    speaks = "http/1.1"

    def __init__(self, sidecar):
        self.sidecar = sidecar

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.sidecar.proxy)
        self.writer.write(f"CONNECT {PROVIDER}:443 HTTP/1.1\r\nHost: {PROVIDER}:443\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise SystemExit(f"no way to {PROVIDER}: {head!r}")
        await self.writer.start_tls(self.sidecar.trust[self.speaks], server_hostname=PROVIDER)

    def send(self, method, path, content=""):
        kind = f"Content-Type: {FORM}\r\n" if content else ""
        self.writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {PROVIDER}\r\nAuthorization: Bearer sk_test_1\r\n{kind}"
            f"Content-Length: {len(content)}\r\n\r\n{content}".encode()
        )

    def leave(self):
        self.writer.transport.abort()

    def refund(self, number):
        content = f"charge=ch_{number}&amount=60000"
        self.send("POST", "/v1/refunds", content)
        return len(content)


class Streams(Agent):
    """The same by HTTP/2 (RFC 9113): many calls on one connection, whose answers nobody looks at."""

    speaks = "h2"
    SETTINGS, PING, HEADERS, DATA = 4, 6, 1, 0
    ACK, END_STREAM, END_HEADERS = 1, 1, 4

    async def connect(self):
        await super().connect()
        self.number = -1
        self.writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b""))
        self.reading = asyncio.create_task(self.read())

    @staticmethod
    def frame(kind, flags, stream, content):
        return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content

    @staticmethod
    def field(name, value):
        """A literal that enters no table (RFC 7541, 6.2.2)."""
        return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()

    async def read(self):
        try:
            while True:
                head = await self.reader.readexactly(9)
                content = await self.reader.readexactly(int.from_bytes(head[:3], "big"))
                if head[3] in (self.SETTINGS, self.PING) and not head[4] & self.ACK:
                    self.writer.write(self.frame(head[3], self.ACK, 0, content if head[3] == self.PING else b""))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def send(self, method, path, content=""):
        self.number += 2
        fields = {":method": method, ":scheme": "https", ":authority": PROVIDER, ":path": path}
        fields |= {"authorization": "Bearer sk_test_1", "content-type": FORM, "content-length": str(len(content))}
        block = b"".join(self.field(name, value) for name, value in fields.items())
        self.writer.write(
            self.frame(self.HEADERS, self.END_HEADERS, self.number, block)
            + self.frame(self.DATA, self.END_STREAM, self.number, content.encode())
        )

    def leave(self):
        self.reading.cancel()
        super().leave()
