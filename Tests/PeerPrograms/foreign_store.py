"""A store over gRPC's own server whose answers a querier must survive.

usage: foreign_store.py MODE     prints "port N", then serves until it is ended

It has the series foreign{n="1"} up to foreign{n="5"}, each with one sample of value n at 1748743100 s. MODE says what is wrong:
  good       nothing
  hang       Series never answers
  silent     Series sends two series, then nothing
  aborts     Series sends two series, then fails with UNAVAILABLE
  exits      Series sends two series, then the process is gone
  disorder   the third series comes before the second
  endless    Series never ends: ever new series
  garbage    the second message is no message
  badchunk   the second series' chunk cannot be decoded
  huge       one series has 100 MB of labels and chunks
  names      a million label names
  loose      fields in other orders, unknown fields, labels out of order: right all the same
  replicas   it does not know without_replica_labels: each series comes twice, with replica="a" and "b"
"""
import os
import struct
import sys
import time
from concurrent import futures

import grpc

TIME_MS = 1748743100000


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def integer(number, value):
    return varint(number << 3) + varint(value & (1 << 64) - 1)


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def chunk(value, time_ms=TIME_MS):
    """A chunk of one float: its count, the time as a signed varint, the value."""
    data = b"\x00\x01" + varint(time_ms << 1) + struct.pack(">d", value)
    return field(2, integer(1, time_ms) + integer(2, time_ms) + field(3, field(2, data)))


def series(number, extra=()):
    labels = [("__name__", "foreign"), ("n", str(number))] + list(extra)
    return field(1, b"".join(label(*pair) for pair in labels) + chunk(number))


def info(request, context):
    store = integer(1, 0) + integer(2, (1 << 63) - 1) + integer(5, 0 if MODE == "replicas" else 1)
    return field(2, b"store") + field(3, store)


def answers(request, context):
    if MODE == "hang":
        time.sleep(600)
    if MODE == "loose":
        for number in range(1, 6):
            yield field(1, integer(15, 7) + chunk(number) + label("n", str(number)) + field(14, b"x") + label("__name__", "foreign"))
        return
    if MODE == "replicas":
        for replica in "ab":
            for number in range(1, 6):
                yield series(number, [("replica", replica)])
        return
    if MODE == "disorder":
        for number in (1, 3, 2, 4, 5):
            yield series(number)
        return
    if MODE == "endless":
        number = 0
        while context.is_active():
            yield field(1, label("__name__", "foreign") + label("n", "%09d" % number) + chunk(number))
            number += 1
        return
    if MODE == "huge":
        yield field(1, label("__name__", "foreign") + label("n", "x" * (50 << 20)) + chunk(1) * 1_000_000)
        return
    yield series(1)
    if MODE == "garbage":
        yield b"\x0a\xff\xff\xff\xff\x0fnothing"
    if MODE == "badchunk":
        yield field(1, label("__name__", "foreign") + label("n", "2") +
                    field(2, integer(1, TIME_MS) + integer(2, TIME_MS) + field(3, field(2, b"\x00\x09\x01"))))
    else:
        yield series(2)
    if MODE == "silent":
        time.sleep(600)
    if MODE == "aborts":
        context.abort(grpc.StatusCode.UNAVAILABLE, "asked to fail")
    if MODE == "exits":
        time.sleep(0.2)
        os._exit(1)
    for number in (3, 4, 5):
        yield series(number)


def label_names(request, context):
    names = ("n%07d" % number for number in range(1_000_000)) if MODE == "names" else ("__name__", "n")
    return b"".join(field(1, name.encode()) for name in names)


def label_values(request, context):
    return field(1, b"foreign")


MODE = sys.argv[1]
server = grpc.server(
    futures.ThreadPoolExecutor(8),
    options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
server.add_generic_rpc_handlers((
    grpc.method_handlers_generic_handler("thanos.info.Info", {"Info": grpc.unary_unary_rpc_method_handler(info)}),
    grpc.method_handlers_generic_handler("thanos.Store", {
        "Series": grpc.unary_stream_rpc_method_handler(answers),
        "LabelNames": grpc.unary_unary_rpc_method_handler(label_names),
        "LabelValues": grpc.unary_unary_rpc_method_handler(label_values),
    }),
))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print("port", port, flush=True)
server.wait_for_termination()
