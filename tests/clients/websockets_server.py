"""A WebSocket server over TLS: certificate, key and port are its arguments; what happens is a line on standard output.

It echoes; the path says what else: `/close/4001` ends the connection with that code at the first message.
"""

import asyncio
import ssl
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

certificate, key, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.set_alpn_protocols(["http/1.1"])


async def echo(connection):
    words = connection.request.path.strip("/").split("/")
    chosen = connection.transport.get_extra_info("ssl_object").selected_alpn_protocol()
    print(f"opened {connection.request.path} alpn {chosen}", flush=True)
    try:
        async for message in connection:
            if words[0] == "close":
                await connection.close(int(words[1]), "as the test wants it")
                break
            await connection.send(message)
    except ConnectionClosed:
        pass
    print(f"closed {connection.request.path} code {connection.close_code}", flush=True)


def choose(connection, offered):
    return "chat" if "chat" in offered else None


async def main():
    async with serve(
        echo, "127.0.0.1", int(port), ssl=context, select_subprotocol=choose, max_size=None, ping_interval=None
    ):
        print("ready", flush=True)
        await asyncio.Future()


asyncio.run(main())
