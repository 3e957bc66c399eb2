"""One querier over many stores: the querier's CPU for each series that it merges, and how long an answer takes beside the slowest store.

usage: fanout_bench.py --apus PROGRAM [--rounds 7] [--folder FOLDER] [--json FILE] [ROW …]

  100x1k   100 stores of 1,000 series each     each store is a process of its own over one block of `apus tools bench generate`
  4x100k   4 stores of 100,000 series each     (set M1), with an external label by which its series differ from those of the others

In each round an instant query that reads every series (count) is asked of the querier, and the same of each store through it alone
(`storeMatch[]`). Printed are the smallest CPU of the rounds (the system counts it in hundredths of a second: a round asks several times)
and the median times. `--json` takes one line a row and metric, as Benchmarks/README.md says.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

from query_bench import Server, free_port

ROWS = [("100x1k", 100, 0.001), ("4x100k", 4, 0.1)]
QUERY = 'count({__name__=~".+"})'


def generate(options, scale):
    """The block of a store, made once."""
    folder = os.path.join(options.folder, f"M1-{scale}")
    if not os.path.exists(folder + "/complete"):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(
            [options.apus, "tools", "bench", "generate", "--set=M1", f"--scale={scale}", f"--output-dir={folder}/blocks"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        open(folder + "/complete", "w").close()
    return folder + "/blocks"


def bucket(options, blocks, row, number):
    """A folder with that block, its files linked, and an external label of its own."""
    folder = os.path.join(options.folder, f"{row}-{number}")
    shutil.rmtree(folder, ignore_errors=True)
    for block in os.listdir(blocks):
        if len(block) != 26:
            continue
        shutil.copytree(os.path.join(blocks, block), os.path.join(folder, block), copy_function=os.link)
        path = os.path.join(folder, block, "meta.json")
        meta = json.load(open(path))
        os.unlink(path)
        meta["thanos"] = {"labels": {"part": f"{number:03}"}, "downsample": {"resolution": 0}, "source": "bucket.upload"}
        json.dump(meta, open(path, "w"))
        end = meta["maxTime"] // 1000
    return folder, end


class Querier(Server):
    def ask_stores(self, end, address=None):
        path = f"/api/v1/query?query=count(%7B__name__%3D~%22.%2B%22%7D)&time={end - 1}&lookback_delta=2h"
        if address:
            path += f"&storeMatch[]=%7B__address__%3D%22{address}%22%7D"
        begin = time.perf_counter()
        status, body = self.get(path)
        elapsed = time.perf_counter() - begin
        answer = json.loads(body)
        if status != 200 or answer.get("warnings"):
            sys.exit(f"{status} {body[:500]}")
        return elapsed, int(answer["data"]["result"][0]["value"][1])


def measure(options, name, count, scale):
    blocks = generate(options, scale)
    stores, addresses = [], []
    try:
        for number in range(count):
            folder, end = bucket(options, blocks, name, number)
            grpc = free_port()
            stores.append(Server(
                "apus store",
                [options.apus, "store", f"--objstore.config={{type: FILESYSTEM, config: {{directory: {os.path.abspath(folder)}}}}}",
                 f"--data-dir={folder}.data", f"--http-address=127.0.0.1:{(port := free_port())}",
                 f"--grpc-address=127.0.0.1:{grpc}"], port, "/-/ready", f"{folder}.log"))
            addresses.append(f"127.0.0.1:{grpc}")
        port = free_port()
        querier = Querier(
            "apus query",
            [options.apus, "query"] + [f"--endpoint-strict={address}" for address in addresses]
            + [f"--http-address=127.0.0.1:{port}", f"--grpc-address=127.0.0.1:{free_port()}"],
            port, "/-/ready", os.path.join(options.folder, f"{name}.query.log"))
        stores.append(querier)
        _, series = querier.ask_stores(end)
        cpu, delays, slowest = [], [], []
        for _ in range(options.rounds):
            before, asked, began = querier.cpu(), 0, time.perf_counter()
            while asked < 3 or time.perf_counter() - began < 2:
                delays.append(querier.ask_stores(end)[0])
                asked += 1
            cpu.append((querier.cpu() - before) / asked / series)
            slowest.append(max(querier.ask_stores(end, address)[0] for address in addresses[:10]))
            querier.note_memory()
        return {
            "series": series, "cpu_ns_per_series": round(min(cpu) * 1e9, 1),
            "p50_ms": round(statistics.median(delays) * 1e3, 1),
            "slowest_store_ms": round(statistics.median(slowest) * 1e3, 1), "querier_mb": round(querier.peak / 1024, 1),
        }
    finally:
        for server in reversed(stores):
            server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--apus", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", default="/tmp/apus-bench-fanout")
    parser.add_argument("--json")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    for name, count, scale in ROWS:
        if options.rows and not any(part in name for part in options.rows):
            continue
        result = measure(options, name, count, scale)
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in result.items()), flush=True)
        if options.json:
            with open(options.json, "a") as file:
                for metric, value in result.items():
                    file.write(json.dumps({"query": f"fanout_{name}", "metric": metric, "apus": value}) + "\n")


main()
