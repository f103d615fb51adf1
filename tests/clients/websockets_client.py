"""websockets as an agent would use it: proxy and SSL_CERT_FILE from the environment, connections by name.

Its asyncio client: the threaded one reads and writes one TLS connection from two threads, and waits for ever when a session
ticket comes between (3 of 2,000 connections).
"""

import asyncio
import hashlib

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from session import answer, failure, serve

open_now = {}
loop = asyncio.new_event_loop()


def receive(name):
    return loop.run_until_complete(asyncio.wait_for(open_now[name].recv(), timeout=60))


def send(name, message):
    loop.run_until_complete(open_now[name].send(message))


def open_one(name, url, *words):
    """`Name=value` are further fields; what the server chose of `subprotocol=a,b` is the value."""
    fields = dict(word.split("=", 1) for word in words)
    subprotocols = fields.pop("subprotocol", None)

    async def connected():
        return await connect(
            url,
            additional_headers=fields,
            subprotocols=subprotocols.split(",") if subprotocols else None,
            open_timeout=60,
            ping_interval=None,
            compression=None,
            max_size=None,
        )

    try:
        connection = loop.run_until_complete(connected())
    except InvalidStatus as problem:
        response = problem.response
        headers = dict(response.headers.raw_items())
        body = (response.body or b"").decode()
        return failure(problem, http_status=response.status_code, message=f"{problem} {body}", headers=headers)
    open_now[name] = connection
    return answer(True, status=101, value=connection.subprotocol)


def gone(problem):
    closed = problem.rcvd
    return failure(problem, code=str(closed.code) if closed else "no close frame")


def say(name, message):
    try:
        send(name, message)
        return answer(True, value=receive(name))
    except ConnectionClosed as problem:
        return gone(problem)


def big(name, megabytes):
    """One binary message there and back."""
    message = b"runplane" * (int(megabytes) << 17)
    send(name, message)
    back = receive(name)
    return answer(back == message, value=hashlib.sha256(back).hexdigest())


def hear(name):
    """What comes next, or how the connection ended."""
    try:
        return answer(True, value=receive(name))
    except ConnectionClosed as problem:
        return gone(problem)


def close(name, code="1000"):
    connection = open_now.pop(name)
    loop.run_until_complete(connection.close(int(code)))
    return answer(True, value=connection.close_code)


serve({"open": open_one, "say": say, "big": big, "hear": hear, "close": close})
