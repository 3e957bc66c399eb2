"""Queries over generated blocks, asked of Apus (as one process, and as `store` and `query`), Prometheus and VictoriaMetrics in turn:
server CPU, median time, memory.

usage: query_bench.py --apus PROGRAM --prometheus PROGRAM [--victoria PROGRAM --vmctl PROGRAM]
                      [--scale 0.2] [--series-scale 0.1] [--rounds 5] [--folder FOLDER] [--json FILE] [ROW …]

The blocks are those of `apus tools bench generate` (docs/components/data-sets.md): D at --scale and M1 at --series-scale, kept in
--folder. Each server has a copy of its own; Prometheus does not compact, VictoriaMetrics is loaded by vmctl and answers without its
cache. In each round every query is asked of every server, one after another, as often as its CPU can be measured by (the system
counts it in hundredths of a second); what is printed is the smallest CPU of the rounds and the median time. `--json` takes one line
a query and metric: {"query","metric","apus","apus_two","prometheus","victoria_metrics","ratio_two_processes","ratio_prometheus","ratio_victoria"}, ratio = apus/peer.
"""
import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse

END = 1767312000 - 15  # The last scrape of D, which begins 2026-01-01T00:00:00Z.
TICKS = os.sysconf("SC_CLK_TCK")

RATE = "sum by (job) (rate(node_cpu_seconds_total[5m]))"
QUANTILE = "histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m])))"
# name, query, seconds of range (0: instant), step
ROWS_D = [
    ("i_sum_rate", RATE, 0, 0),
    ("r1h_sum_rate", RATE, 3600, 15),
    ("r6h_sum_rate", RATE, 6 * 3600, 60),
    ("r24h_sum_rate", RATE, 24 * 3600, 300),
    ("r1h_hist_q", QUANTILE, 3600, 15),
    ("r24h_hist_q", QUANTILE, 24 * 3600, 300),
    ("r6h_topk_rate", "topk(10, rate(node_network_receive_bytes_total[5m]))", 6 * 3600, 60),
    ("i_count_25k", 'count({env=~".+"})', 0, 0),
    ("r1h_sum_25k", 'sum by (env) ({env=~"prod|staging"})', 3600, 60),
    ("r24h_churn", "sum by (namespace) (rate(container_cpu_usage_seconds_total[5m]))", 24 * 3600, 300),
    ("r6h_max_ot", "max by (instance) (max_over_time(node_sensor_value[1h]))", 6 * 3600, 300),
    ("r6h_binop", "node_filesystem_free_bytes / node_filesystem_size_bytes", 6 * 3600, 60),
    ("r6h_raw_400", 'node_cpu_seconds_total{mode="idle"}', 6 * 3600, 60),
]
ROWS_M1 = [
    ("m1_count", 'count({__name__=~".+"})', 0, 0),
    ("m1_sum_by", 'sum by (namespace) ({__name__=~".+"})', 0, 0),
    ("m1_topk", 'topk(5, {__name__=~".+"})', 0, 0),
    ("m1_regex", 'count({pod=~".*7"})', 0, 0),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server; `behind` are others without which it has no answers: their CPU and memory count as its own."""

    def __init__(self, name, arguments, port, ready, log, behind=()):
        self.name, self.port, self.behind = name, port, list(behind)
        self.process = subprocess.Popen(arguments, stdout=open(log, "w"), stderr=subprocess.STDOUT)
        for _ in range(1200):
            if self.process.poll() is not None:
                sys.exit(f"{name} ended with {self.process.returncode}: {open(log).read()[-2000:]}")
            try:
                if self.get(ready)[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.05)
        else:
            sys.exit(f"{name} was not ready within a minute: {open(log).read()[-2000:]}")
        self.connection = None
        self.peak = 0

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def cpu(self):
        return self.own_cpu() + sum(server.own_cpu() for server in self.behind)

    def own_cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def note_memory(self):
        own = self.mapped = 0
        for process in [self.process] + [server.process for server in self.behind]:
            with open(f"/proc/{process.pid}/status") as file:
                sizes = {line.split(":")[0]: int(line.split()[1]) for line in file if line.startswith("Rss")}
            own += sizes["RssAnon"] + sizes["RssShmem"]
            self.mapped += sizes["RssFile"]
        self.peak = max(self.peak, own)

    def ask(self, row, start):
        _, query, span, step = row
        end = start
        form = {"query": query, "nocache": "1"}
        form.update({"start": end - span, "end": end, "step": step} if span else {"time": end})
        path = "/api/v1/query_range" if span else "/api/v1/query"
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        begin = time.perf_counter()
        self.connection.request(
            "POST", path, urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        answer = self.connection.getresponse()
        body = answer.read()
        elapsed = time.perf_counter() - begin
        self.note_memory()
        if answer.status != 200:
            sys.exit(f"{self.name}: {query}: {answer.status} {body[:300]}")
        return elapsed, body

    def stop(self):
        for server in self.behind:
            server.stop()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def generate(options, name, scale):
    folder = os.path.join(options.folder, f"{name}-{scale}")
    if not os.path.exists(folder + "/complete"):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(
            [options.apus, "tools", "bench", "generate", f"--set={name}", f"--scale={scale}", f"--output-dir={folder}/blocks"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        open(folder + "/complete", "w").close()
    return folder


def victoria(options, folder, name):
    storage, port = folder + "/victoria", free_port()
    server = Server(
        name,
        [options.victoria, f"-storageDataPath={storage}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
         "-search.latencyOffset=0s", "-search.disableCache", "-search.maxUniqueTimeseries=5000000", "-search.maxSeries=5000000"],
        port, "/health", folder + "/victoria.log")
    if not os.path.exists(folder + "/loaded"):
        subprocess.run(
            [options.vmctl, "prometheus", "-s", "--disable-progress-bar", f"--prom-snapshot={folder}/blocks",
             f"--vm-addr=http://127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.get("/internal/force_flush")
        server.get("/internal/force_merge")
        time.sleep(5)
        open(folder + "/loaded", "w").close()
    return server


def two_processes(options, folder):
    """`apus store` over the blocks, and `apus query` that asks it."""
    port, grpc = free_port(), free_port()
    store = Server(
        "apus store",
        [options.apus, "store", f"--objstore.config={{type: FILESYSTEM, config: {{directory: {os.path.abspath(folder)}/blocks}}}}",
         f"--data-dir={folder}/store", f"--http-address=127.0.0.1:{port}", f"--grpc-address=127.0.0.1:{grpc}",
         "--store.max-memory=8GiB"], port, "/-/ready", folder + "/store.log")
    port = free_port()
    return Server(
        "apus_two",
        [options.apus, "query", f"--endpoint-strict=127.0.0.1:{grpc}", f"--http-address=127.0.0.1:{port}",
         f"--grpc-address=127.0.0.1:{free_port()}", "--query.max-memory=8GiB"], port, "/-/ready", folder + "/query.log",
        behind=[store])


def standalone(options, folder):
    """`apus standalone` over the blocks."""
    port, grpc = free_port(), free_port()
    return Server(
        "apus",
        [options.apus, "standalone", f"--data-dir={folder}/none", f"--blocks={folder}/blocks", f"--http-address=127.0.0.1:{port}",
         f"--grpc-address=127.0.0.1:{grpc}", "--query.max-memory=8GiB"], port, "/-/ready", folder + "/apus.log")


def start(options, folder):
    servers = [standalone(options, folder)]
    servers.append(two_processes(options, folder))
    copy = folder + "/prometheus"
    if not os.path.exists(copy):
        shutil.copytree(folder + "/blocks", copy)
    with open(folder + "/prometheus.yml", "w") as file:
        file.write("scrape_configs: []\n")
    port = free_port()
    servers.append(Server(
        "prometheus",
        [options.prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={copy}",
         f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--storage.tsdb.min-block-duration=2h",
         "--storage.tsdb.max-block-duration=2h"], port, "/-/ready", folder + "/prometheus.log"))
    if options.victoria:
        servers.append(victoria(options, folder, "victoria_metrics"))
    return servers


def measure(server, row, end, target):
    """Smallest sensible number of asks: until a quarter of a second of CPU was used, at least 3, at most 200."""
    times, before, count = [], server.cpu(), 0
    while count < 3 or (server.cpu() - before < target and count < 200):
        times.append(server.ask(row, end)[0])
        count += 1
    return (server.cpu() - before) / count * 1000, statistics.median(times) * 1000


def size_of(body):
    data = json.loads(body)["data"]["result"]
    return len(data), sum(len(series.get("values", [0])) for series in data)


def bench(options, folder, rows, end, lines):
    servers = start(options, folder)
    try:
        print(f"\n{folder}: CPU ms a query (median ms); in brackets CPU of apus / that of the peer\n")
        print(f"{'query':16}" + "".join(f"{server.name:>30}" for server in servers))
        ratios = {server.name: [] for server in servers[1:]}
        for row in rows:
            sizes = [size_of(server.ask(row, end)[1]) for server in servers[:2]]
            if sizes[0] != sizes[1]:
                print(f"{row[0]}: {sizes[0]} series and points, Prometheus has {sizes[1]}")
            best = {server.name: (float("inf"), []) for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    cpu, median = measure(server, row, end, 0.25)
                    best[server.name] = (min(best[server.name][0], cpu), best[server.name][1] + [median])
            ours = best["apus"][0]
            cells = []
            facts = {"query": row[0], "metric": "cpu_ms"}
            delays = {"query": row[0], "metric": "p50_ms"}
            for server in servers:
                cpu, medians = best[server.name]
                p50 = statistics.median(medians)
                facts[server.name], delays[server.name] = round(cpu, 3), round(p50, 3)
                cell = f"{cpu:.2f} ({p50:.2f})"
                if server.name != "apus":
                    ratio = ours / cpu
                    ratios[server.name].append(ratio)
                    cell += f" [{ratio:.2f}]"
                cells.append(f"{cell:>30}")
            for entry in (facts, delays):
                for peer, short in (("apus_two", "two_processes"), ("prometheus", "prometheus"), ("victoria_metrics", "victoria")):
                    if peer in entry and entry[peer]:
                        entry[f"ratio_{short}"] = round(entry["apus"] / entry[peer], 4)
                lines.append(entry)
            print(f"{row[0]:16}" + "".join(cells), flush=True)
        for name, values in ratios.items():
            print(f"geometric mean of apus / {name}: {statistics.geometric_mean(values):.3f}")
        for server in servers:
            print(f"{server.name}: {server.peak / 1024:.0f} MB at the peak, {server.mapped / 1024:.0f} MB of files mapped beside")
            lines.append({"query": os.path.basename(folder), "metric": "peak_mb", server.name: round(server.peak / 1024, 1)})
    finally:
        for server in servers:
            server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--apus", required=True)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--victoria")
    parser.add_argument("--vmctl")
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--series-scale", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=".build/bench-queries")
    parser.add_argument("--json")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    lines = []

    def chosen(rows):
        return [row for row in rows if not options.rows or any(word in row[0] for word in options.rows)]

    if chosen(ROWS_D):
        bench(options, generate(options, "D", options.scale), chosen(ROWS_D), END, lines)
    if chosen(ROWS_M1):
        # Its block begins where D does and has four samples a series, 15 s apart at the most.
        bench(options, generate(options, "M1", options.series_scale), chosen(ROWS_M1), 1767225600 + 60, lines)
    if options.json:
        with open(options.json, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
