#!/usr/bin/env python3
"""`make bench-outcomes`: what telling outcomes costs, each sealed for whom it is about and durable.

A server of its own scores the demo's applications; then the outcome of every decision is told over HTTP,
in requests of one, a thousand and ten thousand lines. CPU is that of the whole server, per outcome.
Environment: OUTCOMES (20000), PLIMSOLL (binary), CARGO_TARGET_DIR.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from batch import CREDIT, PLIMSOLL, applications, cpu, run
from console import score

OUTCOMES = int(os.environ.get("OUTCOMES", "20000"))
# Lines of a request, and the share of all outcomes that are told so.
WAYS = [(1, 0.05), (1_000, 0.475), (10_000, 0.475)]


def post(url, lines):
    body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    request = urllib.request.Request(f"{url}/api/v1/outcomes", body, {"content-type": "application/x-ndjson"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def tell(url, pid, ids, lines):
    """Tells of these decisions, so many a request; outcomes per second and CPU µs of each."""
    told = [[{"decision": id, "value": place % 3 == 0, "source": "bench"} for place, id in enumerate(ids[at:at + lines])]
            for at in range(0, len(ids), lines)]
    begun, used = time.perf_counter(), cpu(pid)
    recorded = sum(post(url, some)["recorded"] for some in told)
    seconds, used = time.perf_counter() - begun, cpu(pid) - used
    if recorded != len(ids):
        sys.exit(f"{recorded} of {len(ids)} outcomes were recorded")
    return recorded / seconds, used / recorded * 1e6


def main():
    names, rows = applications()
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
            run(url, "deployment", "create", "credit", "--model", "credit", "--version", "1",
                "--contract", str(CREDIT / "contract.yaml"), "--environment", "development")
            score(url, "credit", names, (rows[n % len(rows)] for n in range(OUTCOMES)), folder)
            asked = run(url, "query", "select decision_id from credit", "--limit", str(OUTCOMES))
            ids = [json.loads(line)["decision_id"] for line in asked.splitlines()]
            if len(ids) != OUTCOMES:
                sys.exit(f"the tables have {len(ids)} of {OUTCOMES} decisions")
            print("| lines of a request | outcomes | outcomes/s | CPU µs each |\n|---|---|---|---|")
            for lines, share in WAYS:
                some, ids = ids[:int(OUTCOMES * share)], ids[int(OUTCOMES * share):]
                rate, each = tell(url, server.pid, some, lines)
                print(f"| {lines:,} | {len(some):,} | {rate:,.0f} | {each:.0f} |", flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
