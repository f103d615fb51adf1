"""grpcio as an agent would use it: proxy and roots from the environment, one channel kept open. Messages are bytes.

GRPC_TARGET is `host:port`.
"""

import os
import queue

import grpc

from session import answer, failure, serve

channel = grpc.secure_channel(os.environ["GRPC_TARGET"], grpc.ssl_channel_credentials())
TIMEOUT = 60


def calling(run):
    """What a call gave, or the error that the agent's code sees."""

    def told(method, *words):
        try:
            value, call = run(method, [word.encode() for word in words])
        except grpc.RpcError as problem:
            trailers = dict(problem.trailing_metadata() or ())
            return failure(problem, code=problem.code().name, message=problem.details(), headers=trailers)
        return answer(True, value=value, headers=dict(call.trailing_metadata() or ()))

    return told


def unary(method, messages):
    reply, call = channel.unary_unary(method).with_call(b" ".join(messages), timeout=TIMEOUT, metadata=(("x-odd", "one,  two"),))
    return reply.decode(), call


def server_stream(method, messages):
    call = channel.unary_stream(method)(messages[0], timeout=TIMEOUT)
    return [reply.decode() for reply in call], call


def client_stream(method, messages):
    reply, call = channel.stream_unary(method).with_call(iter(messages), timeout=TIMEOUT)
    return reply.decode(), call


def both(method, messages):
    """Each message but the first is sent when the one before is answered."""
    turns = queue.Queue()
    call = channel.stream_stream(method)(iter(turns.get, None), timeout=TIMEOUT)
    replies = []
    for message in messages:
        turns.put(message)
        replies.append(next(call).decode())
    turns.put(None)
    assert list(call) == []
    return replies, call


serve(
    {
        "unary": calling(unary),
        "server_stream": calling(server_stream),
        "client_stream": calling(client_stream),
        "both": calling(both),
    }
)
