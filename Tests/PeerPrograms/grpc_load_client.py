"""gRPC's own client under load: calls of every kind, whose answers are held against what they must be.

usage: grpc_load_client.py TARGET SECONDS CUTTING-SECONDS
Prints "WHOLE CUT WRONG": calls that ended well, calls that were cut (allowed up to a while after CUTTING-SECONDS), and calls whose
answers were not theirs; then a line each of the first wrong ones.
"""
import random
import sys
import threading
import time

import grpc

target, seconds, cutting = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
channel = grpc.insecure_channel(target, options=[
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)])
ECHO = "/apus.test.Echo/"
unary = channel.unary_unary(ECHO + "Unary")
collect = channel.stream_unary(ECHO + "Collect")
expand = channel.unary_stream(ECHO + "Expand")
forever = channel.unary_stream(ECHO + "Forever")
chat = channel.stream_stream(ECHO + "Chat")
begin = time.monotonic()
lock = threading.Lock()
whole, cut, wrong, number = 0, 0, [], 0


def message(call, index, size):
    """Nobody else's."""
    return b"%d/%d/" % (call, index) + bytes([(call * 7 + index) % 256]) * size


def must(condition, what):
    if not condition:
        raise AssertionError(what)


def one(call, rng):
    kind = call % 5
    if kind == 0:
        mine = message(call, 0, rng.choice([0, 10, 1000, 200_000]))
        must(unary(mine, wait_for_ready=True, timeout=60) == mine, "unary")
    elif kind == 1:
        parts = [message(call, i, rng.randrange(20_000)) for i in range(rng.randrange(20))]
        must(collect(iter(parts), wait_for_ready=True, timeout=60) == b"".join(parts), "collect")
    elif kind == 2:
        count, size = rng.randrange(100), rng.randrange(20_000)
        got = 0
        for answer in expand(b"%d %d" % (count, size), wait_for_ready=True, timeout=60):
            must(answer == bytes([got % 256]) * size, f"expand: message {got}")
            got += 1
        must(got == count, f"expand: {got} of {count}")
    elif kind == 3:
        mine = message(call, 0, rng.randrange(5000))
        stream = forever(mine, wait_for_ready=True, timeout=60)
        for _ in range(20):
            must(next(stream) == mine, "forever")
        stream.cancel()
    else:
        parts = [message(call, i, rng.randrange(20_000)) for i in range(20)]
        got = 0
        for answer in chat(iter(parts), wait_for_ready=True, timeout=60):
            must(answer == parts[got], f"chat: message {got}")
            got += 1
        must(got == len(parts), f"chat: {got} of {len(parts)}")


def work(seed):
    global whole, cut, number
    rng = random.Random(seed)
    while time.monotonic() - begin < seconds:
        with lock:
            number += 1
            call = number
        try:
            one(call, rng)
            with lock:
                whole += 1
        except grpc.RpcError as error:
            late = time.monotonic() - begin > cutting + 4
            with lock:
                if error.code() == grpc.StatusCode.UNAVAILABLE and not late:
                    cut += 1
                else:
                    wrong.append(f"call {call}: {error.code()} {error.details()}")
        except AssertionError as error:
            with lock:
                wrong.append(f"call {call}: {error}")


threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(whole, cut, len(wrong))
for text in wrong[:10]:
    print(text)
