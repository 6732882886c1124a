#!/usr/bin/env python3
"""`make bench-console`: how long lists of decisions take over a million of them, and what a browser takes.

A server of its own scores a million rows of the demo's applications, of which one in a thousand breaks
the contract, and a second deployment has a handful of decisions in between. Then the API is asked as
the console asks it. Reported: median and 95th percentile of the time to the last byte, over the
given number of requests. Last, while the server has all of them, `console/bench/charts.mjs` is run against
it: the size of the first load, the first paint on a slow CPU, script time per frame of charts, clicks and keys. Environment:
CONSOLE_DECISIONS (1000000), CONSOLE_REQUESTS (40), PLIMSOLL (binary), CARGO_TARGET_DIR.
"""

import csv
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from batch import CREDIT, PLIMSOLL, applications, run

DECISIONS = int(os.environ.get("CONSOLE_DECISIONS", "1000000"))
REQUESTS = int(os.environ.get("CONSOLE_REQUESTS", "40"))
# What is asked for is there within this time, or the bench says so.
BOUND = 0.300


def score(url, deployment, names, rows, folder):
    source = folder / f"{deployment}.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    batch = json.loads(run(url, "batch", "score", "-d", deployment, str(source), "--no-wait"))
    while batch["state"] not in ("done", "failed"):
        time.sleep(0.2)
        batch = json.loads(run(url, "batch", "show", batch["id"]))
    if batch["state"] != "done":
        sys.exit(f"the job is not what it should be: {batch}")


def ask(url, path, **query):
    started = time.perf_counter()
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(query)}") as answer:
        body = answer.read()
    return time.perf_counter() - started, json.loads(body)


def told(url, what, path="/api/v1/decisions", rows="items", **query):
    if path == "/api/v1/decisions":
        query.setdefault("limit", 100)
    times, found = [], None
    for _ in range(REQUESTS):
        seconds, found = ask(url, path, **query)
        times.append(seconds)
    times.sort()
    p95 = times[int(len(times) * 0.95)]
    mark = "" if p95 < BOUND else f"   beyond {BOUND * 1000:.0f} ms"
    print(f"{what:<52} {len(found[rows]):>5} rows  p50 {times[len(times) // 2] * 1000:>8.1f} ms  p95 {p95 * 1000:>8.1f} ms{mark}", flush=True)
    return found


def main():
    names, rows = applications()
    age = names.index("age")
    broken = lambda row: [17 if place == age else value for place, value in enumerate(row)]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        server = subprocess.Popen(
            [PLIMSOLL, "serve", "--dev", "--port", str(port), "--data", folder / "data", "--keys", folder / "keys"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"{url}/readyz").read()
                    break
                except OSError:
                    time.sleep(0.05)
            run(url, "model", "add", "credit", str(CREDIT / "model.json"))
            for deployment in ("credit", "rare"):
                run(url, "deployment", "create", deployment, "--model", "credit", "--version", "1",
                    "--contract", str(CREDIT / "contract.yaml"), "--environment", "development")
            half = DECISIONS // 2
            row = lambda n: broken(rows[n % len(rows)]) if n % 1000 == 500 else rows[n % len(rows)]
            score(url, "credit", names, (row(n) for n in range(half)), folder)
            score(url, "rare", names, rows[:5], folder)
            middle = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
            score(url, "credit", names, (row(n) for n in range(half)), folder)
            print(f"{2 * half + 5:,} decisions; the first list after them, while parts of the ledger are not noted yet:")
            told(url, "the newest hundred")
            # Noted beside requests, some tenths of a second at a time.
            time.sleep(max(5, DECISIONS / 40_000))
            print("when they are:")
            page = told(url, "the newest hundred")
            told(url, "the page after", cursor=page["next_cursor"])
            told(url, "a deployment's", deployment="credit")
            told(url, "refused (one in a thousand)", result="refused")
            told(url, "failed (none)", result="failed")
            told(url, "a deployment with five, behind half a million", deployment="rare")
            told(url, "refused of that deployment (none)", deployment="rare", result="refused")
            told(url, "before the middle", until=middle)
            told(url, "refused before the middle", until=middle, result="refused")
            told(url, "of a time before any", until="2020-01-01T00:00:00Z")
            # Fewer than a page of them have no page after.
            if cursor := told(url, "refused again", result="refused").get("next_cursor"):
                told(url, "the page of refused after", result="refused", cursor=cursor)
            told(url, "the ledger in 48 parts of its time", "/api/v1/ledger/timeline", "parts")
            sys.stdout.flush()
            subprocess.run(["node", "bench/charts.mjs"], cwd=Path(__file__).parent.parent / "console", env={**os.environ, "PLIMSOLL_CONSOLE": url}, check=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
