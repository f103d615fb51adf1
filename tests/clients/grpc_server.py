"""A gRPC server over TLS for any service: `grpc_server.py CERTIFICATE KEY`. Messages are bytes that nobody describes.

Prints its port, then a line of JSON for each call as it comes, and one as each message of a stream comes.
"""

import json
import sys
from concurrent import futures

import grpc


def say(what):
    print(json.dumps(what), flush=True)


def get(request, context):
    context.set_trailing_metadata((("x-shelf", "7"),))
    return b"got " + request


def listing(request, context):
    for number in range(int(request)):
        yield b"item %d" % number


def put(requests, context):
    return b"+".join(requests)


def chat(requests, context):
    for request in requests:
        say({"message": request.decode()})
        yield b"re: " + request


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such book")


HANDLERS = {
    "List": grpc.unary_stream_rpc_method_handler(listing),
    "Put": grpc.stream_unary_rpc_method_handler(put),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Negotiate": grpc.stream_stream_rpc_method_handler(chat),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
}


class Anything(grpc.GenericRpcHandler):
    def service(self, details):
        metadata = {key: value for key, value in details.invocation_metadata if isinstance(value, str)}
        say({"call": details.method, "metadata": metadata})
        usual = grpc.unary_unary_rpc_method_handler(get)
        return HANDLERS.get(details.method.rsplit("/", 1)[1], usual)


certificate, key = (open(path, "rb").read() for path in sys.argv[1:3])
server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), handlers=(Anything(),))
port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
server.start()
say({"port": port})
server.wait_for_termination()
