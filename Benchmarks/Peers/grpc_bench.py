"""gRPC's own library at the works of the network rows, server and client; messages are plain bytes.

usage: grpc_bench.py serve [CERT KEY]                          prints its port, then serves until it is killed
       grpc_bench.py load PORT (U|S) COUNT SIZE IN-FLIGHT [CERT]   prints CPU time in µs a message, as bench-net does
"""
import resource
import struct
import sys
import threading
import time
from concurrent import futures

import grpc

PAYLOAD = bytes((i * 131 + 7) & 255 for i in range(1 << 20))
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def time_us():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def stream(request, context):
    size, count = struct.unpack(">II", request)
    message = PAYLOAD[:size]
    for _ in range(count):
        yield message


def serve(cert=None, key=None):
    server = grpc.server(futures.ThreadPoolExecutor(64), options=UNLIMITED)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("b", {
        "U": grpc.unary_unary_rpc_method_handler(lambda request, context: PAYLOAD[:200]),
        "R": grpc.unary_unary_rpc_method_handler(lambda request, context: b"%d " % time_us()),
        "S": grpc.unary_stream_rpc_method_handler(stream),
    }),))
    if cert:
        credentials = grpc.ssl_server_credentials([(open(key, "rb").read(), open(cert, "rb").read())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Event().wait()


def unary(call, count, in_flight):
    """Keeps `in_flight` calls going until `count` are done."""
    room, bad = threading.Semaphore(in_flight), []

    def done(future):
        if future.result() != PAYLOAD[:200]:
            bad.append(1)
        room.release()

    for _ in range(count):
        room.acquire()
        call.future(PAYLOAD[:200]).add_done_callback(done)
    for _ in range(in_flight):
        room.acquire()
    return len(bad)


def read(method, size, count):
    good = sum(1 for message in method(struct.pack(">II", size, count)) if len(message) == size)
    return count - good


def load(port, kind, count, size, in_flight, cert=None):
    count, size, in_flight = int(count), int(size), int(in_flight)
    target = "localhost:" + port
    if cert:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(open(cert, "rb").read()), options=UNLIMITED)
    else:
        channel = grpc.insecure_channel(target, options=UNLIMITED)
    call, report = channel.unary_unary("/b/U"), channel.unary_unary("/b/R")
    unary(call, min(count, 200), 1)
    server_before = float(report(b""))
    client_before, begin = time_us(), time.monotonic()
    if kind == "U":
        bad = unary(call, count, in_flight)
    else:
        with futures.ThreadPoolExecutor(in_flight) as pool:
            method = channel.unary_stream("/b/S")
            bad = sum(pool.map(lambda _: read(method, size, count // in_flight), range(in_flight)))
    wall = time.monotonic() - begin
    client = (time_us() - client_before) / count
    server = (float(report(b"")) - server_before) / count
    print(f"n={count} bad={bad} wall={wall:.3f} rate={count / wall:.0f} cli={client} srv={server} tot={client + server}")


{"serve": serve, "load": load}[sys.argv[1]](*sys.argv[2:])
