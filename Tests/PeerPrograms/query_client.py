"""Asks thanos.Query over gRPC as another querier would, and prints what came as the HTTP API would have said it.

usage: query_client.py TARGET    reads a JSON object a line from its input, and prints one a line

  {"method": "Query" | "QueryRange", "fields": [[number, value], ...]}    a value is a whole number, a text or a list of texts
  {"series": [[labels, [[time_ms, value], ...], histogram_count], ...], "warnings": [...], "batches": n, "stats": [total, peak]}
  {"code": 3, "error": "..."}
"""
import json
import struct
import sys

import grpc


def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encoded(fields):
    out = b""
    for number, value in fields:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                out += varint(number << 3 | 2) + varint(len(one.encode())) + one.encode()
            else:
                out += varint(number << 3) + varint(one)
    return out


def decoded(message):
    """The fields of a message: number and value, bytes where they have a length."""
    at = 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = take()
        if tag & 7 == 0:
            yield tag >> 3, take()
        elif tag & 7 == 1:
            yield tag >> 3, struct.unpack("<d", message[at:at + 8])[0]
            at += 8
        else:
            size = take()
            yield tag >> 3, message[at:at + size]
            at += size


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def series(message):
    labels, samples, histograms = {}, [], 0
    for number, value in decoded(message):
        if number == 1:
            pair = dict(decoded(value))
            labels[pair[1].decode()] = pair[2].decode()
        elif number == 2:
            sample = dict(decoded(value))
            samples.append([signed(sample.get(2, 0)), repr(sample.get(1, 0.0))])
        elif number == 4:
            histograms += 1
    return [labels, samples, histograms]


channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.max_receive_message_length", -1)])
for line in sys.stdin:
    call = json.loads(line)
    answer = {"series": [], "warnings": [], "batches": 0, "stats": None}
    try:
        for message in channel.unary_stream("/thanos.Query/" + call["method"])(encoded(call["fields"])):
            for number, value in decoded(message):
                if number == 1:
                    answer["warnings"].append(value.decode())
                elif number == 2:
                    answer["series"].append(series(value))
                elif number == 3:
                    stats = dict(decoded(value))
                    answer["stats"] = [stats.get(1, 0), stats.get(2, 0)]
                elif number == 4:
                    answer["batches"] += 1
                    answer["series"] += [series(one) for _, one in decoded(value)]
    except grpc.RpcError as error:
        answer = {"code": error.code().value[0], "error": error.details()}
    print(json.dumps(answer), flush=True)
