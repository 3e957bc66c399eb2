"""gRPC's own client against the server of a test: every function here is one check.

usage: grpc_client.py TARGET     prints a line "ok NAME" or "FAIL NAME: why" a check
"""
import os
import sys
import threading
import time
import traceback

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
target = sys.argv[1]
channel = grpc.insecure_channel(target, options=NO_LIMIT)
ECHO = "/apus.test.Echo/"
unary = channel.unary_unary(ECHO + "Unary")
sleep = channel.unary_unary(ECHO + "Sleep")
collect = channel.stream_unary(ECHO + "Collect")
expand = channel.unary_stream(ECHO + "Expand")
framed = channel.unary_stream(ECHO + "Framed")
forever = channel.unary_stream(ECHO + "Forever")
chat = channel.stream_stream(ECHO + "Chat")


def fails(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def equal(got, wanted):
    assert got == wanted, f"{got!r} is not {wanted!r}"


def unary_call():
    equal(unary(b"hello"), b"hello")
    equal(unary(b""), b"")


def many_unary_calls():
    futures = [unary.future(b"%d" % i * 50) for i in range(500)]
    equal([f.result() for f in futures], [b"%d" % i * 50 for i in range(500)])


def client_stream():
    equal(collect(iter([b"a", b"", b"bc" * 40000])), b"a" + b"bc" * 40000)
    equal(collect(iter([])), b"")


def server_stream():
    for method in (expand, framed):
        equal([len(m) for m in method(b"1000 300")], [300] * 1000)
        equal(list(method(b"0 0")), [])
        equal([m[0] for m in method(b"5 1000000")], [0, 1, 2, 3, 4])


def bidi_stream():
    seen = []
    gate = threading.Semaphore(1)

    def questions():
        for i in range(50):
            gate.acquire()
            yield b"%d" % i

    # Each question waits for the answer to the one before it.
    for answer in chat(questions()):
        seen.append(answer)
        gate.release()
    equal(seen, [b"%d" % i for i in range(50)])


def large_messages():
    size = 100_000_000 if "APUS_LONG" in os.environ else 20_000_000
    big = bytes(range(250)) * (size // 250)
    equal(unary(big) == big, True)
    equal([len(m) for m in expand(b"1 %d" % size)], [size])


def compression():
    for algorithm in (grpc.Compression.Gzip,):
        data = b"compress me " * 100_000
        equal(unary(data, compression=algorithm), data)
        equal(collect(iter([data, data]), compression=algorithm), data + data)
    # The server compresses on its own account, for who accepts gzip.
    equal([len(m) for m in framed(b"20 10000", metadata=[("x-compress", "gzip")])], [10000] * 20)


def metadata():
    sent = [("x-echo", "one"), ("x-echo", "two"), ("x-echo-bin", bytes(range(256))), ("x-echo-bin", b"")]
    _, call = unary.with_call(b"x", metadata=sent)
    initial, trailing = call.initial_metadata(), call.trailing_metadata()
    equal([v for k, v in initial if k == "x-echo"], ["one", "two"])
    equal([v for k, v in initial if k == "x-echo-bin"], [bytes(range(256)), b""])
    equal([v for k, v in trailing if k == "x-echo-trailing"], ["one", "two"])


def statuses():
    for code in grpc.StatusCode:
        number = code.value[0]
        if number == 0:
            continue
        error = fails(lambda: unary(b"x", metadata=[("x-fail", str(number))]))
        equal(error.code(), code)
        equal(error.details(), "asked to fail: 100 % — ü")
        equal([v for k, v in error.trailing_metadata() if k == "grpc-status-details-bin"], [b"\x08\x05"])
    error = fails(lambda: unary(b"x", metadata=[("x-throw", "1")]))
    equal((error.code(), error.details()), (grpc.StatusCode.UNKNOWN, "something odd"))
    error = fails(lambda: list(expand(b"1 1", metadata=[("x-fail", "5")])))
    equal(error.code(), grpc.StatusCode.NOT_FOUND)


def unimplemented():
    error = fails(lambda: channel.unary_unary("/thanos.X/Y")(b""))
    equal((error.code(), error.details()), (grpc.StatusCode.UNIMPLEMENTED, "unknown service thanos.X"))
    error = fails(lambda: channel.unary_stream(ECHO + "M")(b"").next())
    equal(error.details(), "unknown method M for service apus.test.Echo")


def deadline():
    error = fails(lambda: sleep(b"x", timeout=0.2))
    equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    error = fails(lambda: list(forever(b"x" * 1000, timeout=0.3)))
    equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)


def cancellation():
    call = forever(b"x" * 100)
    for _ in range(100):
        next(call)
    call.cancel()
    equal(call.code(), grpc.StatusCode.CANCELLED)
    future = sleep.future(b"x")
    time.sleep(0.05)
    future.cancel()
    # The connection goes on.
    equal(unary(b"after"), b"after")


def slow_reader():
    # Nobody reads: the server must wait, and other calls go on.
    call = forever(b"x" * 100_000)
    next(call)
    time.sleep(0.3)
    equal(unary(b"meanwhile"), b"meanwhile")
    for _ in range(50):
        next(call)
    call.cancel()


def health():
    stub = health_pb2_grpc.HealthStub(channel)
    equal(stub.Check(health_pb2.HealthCheckRequest()).status, health_pb2.HealthCheckResponse.SERVING)
    error = fails(lambda: stub.Check(health_pb2.HealthCheckRequest(service="nobody")))
    equal(error.code(), grpc.StatusCode.NOT_FOUND)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="nobody"))
    equal(next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
    watch.cancel()
    equal(dict(stub.List(health_pb2.HealthListRequest()).statuses)[""].status, health_pb2.HealthCheckResponse.SERVING)


def reflection():
    database = ProtoReflectionDescriptorDatabase(channel)
    services = list(database.get_services())
    for name in ("apus.test.Echo", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"):
        assert name in services, services
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName("grpc.health.v1.Health")
    equal([m.name for m in service.methods], ["Check", "List", "Watch"])
    equal(pool.FindMessageTypeByName("grpc.reflection.v1.ExtensionRequest").fields[1].name, "extension_number")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Symbol"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.health.v1.Health.Check"),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="grpc.health.v1.HealthCheckRequest"),
    ]
    answers = list(stub.ServerReflectionInfo(iter(requests)))
    equal(answers[0].error_response.error_code, 5)
    equal(len(answers[1].file_descriptor_response.file_descriptor_proto), 1)
    equal(list(answers[2].all_extension_numbers_response.extension_number), [])


checks = [
    unary_call, many_unary_calls, client_stream, server_stream, bidi_stream, large_messages, compression, metadata,
    statuses, unimplemented, deadline, cancellation, slow_reader, health, reflection,
]
for check in checks:
    try:
        check()
        print(f"ok {check.__name__}", flush=True)
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1].lineno
        print(f"FAIL {check.__name__}: {type(error).__name__} {error} (line {where})".replace("\n", " "), flush=True)
