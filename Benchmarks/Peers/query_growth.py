"""What queries cost by the sample as the data grows: the rows of query_bench.py over the data set D at a quarter of --scale, at --scale and at
four times that, asked of one Apus each, in turns.

usage: query_growth.py --apus PROGRAM [--scale 0.2] [--rounds 5] [--folder FOLDER] [--picture FILE.svg] [ROW …]

Printed are the CPU time a query (the smallest of the rounds), and the nanoseconds for each sample that the query looks at (as `stats=all` counts
them), beside those at --scale: what grows faster than the data is above 1. The picture shows the latter.
"""
import argparse
import json
import os
import sys
import urllib.parse

from query_bench import END, ROWS_D, generate, measure, standalone

FACTORS = (0.25, 1, 4)


def samples(server, row):
    _, query, span, step = row
    form = {"query": query, "stats": "all"}
    form.update({"start": END - span, "end": END, "step": step} if span else {"time": END})
    status, body = server.get("/api/v1/query" + ("_range?" if span else "?") + urllib.parse.urlencode(form))
    if status != 200:
        sys.exit(f"{query}: {status} {body[:300]}")
    return json.loads(body)["data"]["stats"]["samples"]["totalQueryableSamples"]


def picture(path, costs, scale):
    """Lines from a quarter to four times the data, cost a sample beside that in the middle."""
    width, height, left, right, top, bottom = 760, 420, 60, 190, 24, 40
    low, high = 0.5, 2.0
    x = lambda index: left + index * (width - left - right) / (len(FACTORS) - 1)
    y = lambda value: top + (high - min(max(value, low), high)) / (high - low) * (height - top - bottom)
    colors = ["#2a78b8", "#d9662b", "#3a9a4b", "#c23b4a", "#8a63c2", "#8c6239", "#d36bb0", "#6f7780", "#a8a12a", "#27a5a8"]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for tick in (0.5, 0.75, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0):
        dash = ' stroke-dasharray="4 3"' if tick == 1.1 else ""
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ccc"{dash}/>')
        parts.append(f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for index, factor in enumerate(FACTORS):
        parts.append(f'<text x="{x(index):.1f}" y="{height - 18}" text-anchor="middle">D × {factor * scale:g}</text>')
    ends = []
    for index, (name, values) in enumerate(costs.items()):
        points = " ".join(f"{x(place):.1f},{y(value / values[1]):.1f}" for place, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colors[index % 10]}" stroke-width="1.8"/>')
        ends.append([y(values[-1] / values[1]), name, colors[index % 10]])
    ends.sort()
    for index, end in enumerate(ends):
        # Names side by side do not cover each other.
        place = max(end[0], ends[index - 1][0] + 14 if index else 0)
        end[0] = place
        parts.append(f'<text x="{width - right + 8}" y="{place + 4:.1f}" fill="{end[2]}">{end[1]}</text>')
    parts.append(f'<text x="{left}" y="14">CPU time a sample, beside that over D × {scale:g}</text></svg>')
    with open(path, "w") as file:
        file.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--apus", required=True)
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default=".build/bench-queries")
    parser.add_argument("--picture")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    rows = [row for row in ROWS_D if not options.rows or any(word in row[0] for word in options.rows)]
    servers = [standalone(options, generate(options, "D", round(factor * options.scale, 6))) for factor in FACTORS]
    costs = {}
    try:
        print("CPU ms a query; in brackets ns a sample, and that beside the middle column\n")
        print(f"{'query':16}" + "".join(f"{f'D x {factor * options.scale:g}':>30}" for factor in FACTORS))
        for row in rows:
            counts = [samples(server, row) for server in servers]
            best = [float("inf")] * len(servers)
            for _ in range(options.rounds):
                for index, server in enumerate(servers):
                    best[index] = min(best[index], measure(server, row, END, 0.25)[0])
            each = [cpu * 1e6 / max(1, count) for cpu, count in zip(best, counts)]
            costs[row[0]] = each
            cells = [f"{f'{cpu:.2f} [{cost:.1f}, {cost / each[1]:.2f}]':>30}" for cpu, cost in zip(best, each)]
            print(f"{row[0]:16}" + "".join(cells), flush=True)
    finally:
        for server in servers:
            server.stop()
    if options.picture:
        picture(options.picture, costs, options.scale)


if __name__ == "__main__":
    main()
