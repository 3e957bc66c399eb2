"""A client that does nothing wrong: one call after the other, with gRPC's own library, and how long each took.

usage: patient_client.py HOST:PORT SECONDS     prints "CALLS FAILED P50-MS P99-MS MAX-MS", then a line an error
"""
import sys
import time

import grpc

target, seconds = sys.argv[1], float(sys.argv[2])
channel = grpc.insecure_channel(target)
# A Series call that finds nothing, and one for the names of labels: both wait for what all calls wait for.
nothing = b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x1a\x10\x12\x08__name__\x1a\x04none"
series = channel.unary_stream("/thanos.Store/Series")
info = channel.unary_unary("/thanos.info.Info/Info")

info(b"", timeout=30)
times, errors = [], []
end = time.monotonic() + seconds
while time.monotonic() < end:
    begin = time.monotonic()
    try:
        if len(times) % 2:
            list(series(nothing, timeout=30))
        else:
            info(b"", timeout=30)
    except grpc.RpcError as error:
        errors.append(f"{error.code()}: {error.details()}")
    times.append((time.monotonic() - begin) * 1000)
    time.sleep(0.005)
times.sort()
at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
print(f"{len(times)} {len(errors)} {at(0.5):.2f} {at(0.99):.2f} {times[-1]:.2f}")
for error in errors[:5]:
    print(error)
