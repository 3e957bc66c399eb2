"""A component of Thanos that answers as it was recorded.

usage: recorded_endpoint.py CAPTURE...   prints "port N" for each capture, then serves until it is ended

A capture has one call a line, as ../shared/fixtures/thanos/captures/README.md describes them. A request that was recorded gets the answer
that was recorded; any other of a method the first good answer of it.
"""
import base64
import gzip
import json
import sys
from concurrent import futures

import grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}


def message(frame):
    return base64.b64decode(frame)[5:]


class Method:
    def __init__(self):
        self.answers = {}
        self.usual = None

    def add(self, call):
        frames = [message(frame) for frame in call.get("response_frames_b64") or []]
        answer = (frames, call["grpc_status"], call["grpc_message"])
        self.answers.setdefault(message(call["request_frame_b64"]), answer)
        if self.usual is None or (self.usual[1] and not answer[1]):
            self.usual = answer

    def stream(self, request, context):
        frames, status, text = self.answers.get(request, self.usual)
        yield from frames
        if status:
            context.abort(CODES[status], text)

    def unary(self, request, context):
        for frame in self.stream(request, context):
            return frame


UNARY = ("Info", "LabelNames", "LabelValues")


def serve(path):
    services = {}
    with gzip.open(path, "rt") as lines:
        for call in map(json.loads, lines):
            _, service, method = call["method"].split("/")
            if service.startswith("thanos."):
                services.setdefault(service, {}).setdefault(method, Method()).add(call)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(tuple(
        grpc.method_handlers_generic_handler(service, {
            name: grpc.unary_unary_rpc_method_handler(method.unary) if name in UNARY
            else grpc.unary_stream_rpc_method_handler(method.stream)
            for name, method in methods.items()
        }) for service, methods in services.items()))
    print("port", server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    return server


servers = [serve(path) for path in sys.argv[1:]]
for server in servers:
    server.wait_for_termination()
