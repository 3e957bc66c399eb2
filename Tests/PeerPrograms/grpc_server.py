"""gRPC's own server for the tests of our client. Messages are plain bytes, metadata says what to do.

usage: grpc_server.py     prints "port N", then serves until it is ended
"""
import threading
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2_grpc

seen = {"cancelled": 0, "flaky": 0}


def prepare(context):
    metadata = context.invocation_metadata()
    values = dict(metadata)
    if "x-compress" in values:
        context.set_compression(grpc.Compression.Gzip)
    echo = [(k, v) for k, v in metadata if k.startswith("x-echo")]
    if echo:
        context.send_initial_metadata(echo)
        context.set_trailing_metadata([("x-trailing-bin", b"\x00\xff")])
    if "x-fail" in values:
        for code in grpc.StatusCode:
            if code.value[0] == int(values["x-fail"]):
                context.abort(code, "asked to fail: 100 % — ü")
    return values


def unary(request, context):
    prepare(context)
    if request == b"what timeout":
        return b"%d" % round(context.time_remaining() or -1)
    if request == b"who":
        return dict(context.invocation_metadata())["user-agent"].encode()
    return request


def flaky(request, context):
    seen["flaky"] += 1
    if seen["flaky"] % 3 != 0:
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
    return b"%d" % seen["flaky"]


def sleep(request, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(20)
    seen["cancelled"] += 1
    return b""


def collect(requests, context):
    prepare(context)
    return b"".join(requests)


def expand(request, context):
    prepare(context)
    count, size = request.split()
    for i in range(int(count)):
        yield bytes([i % 256]) * int(size)


def forever(request, context):
    context.add_callback(lambda: seen.update(cancelled=seen["cancelled"] + 1))
    while context.is_active():
        yield request


def chat(requests, context):
    prepare(context)
    for request in requests:
        yield request


def cancelled(request, context):
    return b"%d" % seen["cancelled"]


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Flaky": grpc.unary_unary_rpc_method_handler(flaky),
    "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
    "Cancelled": grpc.unary_unary_rpc_method_handler(cancelled),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Expand": grpc.unary_stream_rpc_method_handler(expand),
    "Forever": grpc.unary_stream_rpc_method_handler(forever),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}
options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("apus.test.Echo", handlers),))
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
while True:
    time.sleep(3600)
