"""websockets as an agent would use it: proxy and SSL_CERT_FILE from the environment, connections by name."""

import hashlib

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from session import answer, failure, serve

open_now = {}


def open_one(name, url, *words):
    """`Name=value` are further fields; what the server chose of `subprotocol=a,b` is the value."""
    fields = dict(word.split("=", 1) for word in words)
    subprotocols = fields.pop("subprotocol", None)
    try:
        connection = connect(
            url,
            additional_headers=fields,
            subprotocols=subprotocols.split(",") if subprotocols else None,
            open_timeout=60,
            ping_interval=None,
            compression=None,
            max_size=None,
        )
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
        open_now[name].send(message)
        return answer(True, value=open_now[name].recv(timeout=60))
    except ConnectionClosed as problem:
        return gone(problem)


def big(name, megabytes):
    """One binary message there and back."""
    message = b"runplane" * (int(megabytes) << 17)
    open_now[name].send(message)
    back = open_now[name].recv(timeout=60)
    return answer(back == message, value=hashlib.sha256(back).hexdigest())


def hear(name):
    """What comes next, or how the connection ended."""
    try:
        return answer(True, value=open_now[name].recv(timeout=60))
    except ConnectionClosed as problem:
        return gone(problem)


def close(name, code="1000"):
    connection = open_now.pop(name)
    connection.close(int(code))
    return answer(True, value=connection.close_code)


serve({"open": open_one, "say": say, "big": big, "hear": hear, "close": close})
