"""A relay between a client and a server that cuts connections at random, in the middle of whatever goes over them.

usage: cutting_proxy.py PORT MEAN-SECONDS CUTTING-SECONDS     prints "port N"; relays to 127.0.0.1:PORT until it is ended
"""
import random
import select
import socket
import struct
import sys
import threading
import time

target, mean, cutting = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + cutting
random.seed(5)


def relay(client):
    life = random.expovariate(1 / mean)
    begin = time.monotonic()
    try:
        server = socket.create_connection(("127.0.0.1", target))
    except OSError:
        client.close()
        return
    ends = {client: server, server: client}
    try:
        while True:
            for one in select.select(list(ends), [], [], 0.05)[0]:
                data = one.recv(65536)
                if not data:
                    return
                now = time.monotonic()
                if now < end and now - begin > life:
                    # A part of it arrives.
                    ends[one].sendall(data[:random.randrange(len(data))])
                    if random.random() < 0.5:
                        for other in ends:
                            other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                ends[one].sendall(data)
    except OSError:
        pass
    finally:
        client.close()
        server.close()


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(f"port {listener.getsockname()[1]}", flush=True)
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=relay, args=(accepted,), daemon=True).start()
