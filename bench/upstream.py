#!/usr/bin/env python3
"""`make bench-upstream`: a wrapped service that is slow, dead, lying or flapping, under load.

The service is demo/legacy/service.py, wrapped by demo/legacy/upstream.yaml; beside it stands an
in-process deployment. plimsoll-bench asks the wrapped one 1,000 times a second and the other 200
times, open loop. In every act the service behaves in another way. Checked in every act:

  - every request is answered: 200 (the model's answer or the declared fallback), or a clear error
  - within the deployment's deadline
  - and recorded: completions = requests, by the server's own counters
  - the circuit opens while the service fails, and closes afterwards

Reported: answers, fallbacks, latency of the wrapped deployment, and p50 and p99 of the other one,
which must not mind: every act of trouble stands between two quiet ones at the same rates, and the
second table holds the other deployment's latency in trouble against its latency in those two,
medians of the rounds. Every request of the other one must be answered.

Environment: UPSTREAM_SECONDS (5, per act), UPSTREAM_ROUNDS (1), UPSTREAM_RATE (1000),
UPSTREAM_OTHER_RATE (200), PLIMSOLL, PLIMSOLL_BENCH (binaries), CARGO_TARGET_DIR.
"""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
PLIMSOLL = os.environ.get("PLIMSOLL", TARGET / "plimsoll")
BENCH = os.environ.get("PLIMSOLL_BENCH", TARGET / "plimsoll-bench")
SECONDS = int(os.environ.get("UPSTREAM_SECONDS", "5"))
ROUNDS = int(os.environ.get("UPSTREAM_ROUNDS", "1"))
RATE = int(os.environ.get("UPSTREAM_RATE", "1000"))
OTHER_RATE = int(os.environ.get("UPSTREAM_OTHER_RATE", "200"))
DEADLINE_MS = 500
TROUBLES = ("slow", "lying", "flapping", "huge", "killed")
ACTS = ("ok", *(mode for trouble in TROUBLES for mode in (trouble, "ok")))
# Deadlines are the server's; its clock and the load generator's share two cores with both.
SLACK_MS = 150


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-2000:]}")
    return done.stdout


def bodies(path):
    """Applications for the wrapped service."""
    with open(path, "w") as file:
        for n in range(1000):
            row = {"age": ("INT64", 18 + n % 80), "income": ("FP64", 900.5 + 7 * n), "employed": ("BOOL", n % 3 > 0),
                   "region": ("BYTES", ("north", "south", "east", "west")[n % 4]), "customer_id": ("BYTES", f"C{n}")}
            tensors = [{"name": name, "shape": [1], "datatype": kind, "data": [value]}
                       for name, (kind, value) in row.items()]
            file.write(json.dumps({"inputs": tensors}, separators=(",", ":")) + "\n")


class Legacy:
    """The service, started, killed and told how to behave."""

    def __init__(self, port):
        self.port, self.process = port, None

    def act(self, mode):
        if mode == "killed":
            self.process.kill()
            self.process.wait()
            self.process = None
            return
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, ROOT / "demo/legacy/service.py", str(self.port)])
            wait_for(self.port)
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/mode/{mode}", b"", timeout=5).read()


def load(port, deployment, file, rate):
    return subprocess.Popen(
        [str(BENCH), "load", "--url", f"http://127.0.0.1:{port}/v2/models/{deployment}/infer", "--bodies", str(file),
         "--connections", "512" if deployment == "legacy" else "16", "--rate", str(rate), "--seconds", str(SECONDS),
         "--warmup", "0"], stdout=subprocess.PIPE, text=True)


def metrics(port):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    def total(name, label=""):
        rows = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? ([0-9.e+]+)", text, re.M)
        return sum(int(float(count)) for labels, count in rows if label in labels)
    ended = {how: total("plimsoll_upstream_requests_total", f'ended="{how}"')
             for how in ("answered", "busy", "open", "deadline", "unreachable", "failed", "lied")}
    return ended | {"completions": total("plimsoll_gateway_completions_total"),
                    "opened": total("plimsoll_upstream_breaker_opened_total"),
                    "closed": total("plimsoll_upstream_breaker_state", 'state="closed"')}


def settle(port, before, sent):
    """Completions must account for every request."""
    for _ in range(100):
        now = metrics(port)
        if now["completions"] - before["completions"] == sent:
            return now
        time.sleep(0.05)
    raise SystemExit(f"{now['completions'] - before['completions']} completions for {sent} requests")


def main():
    with tempfile.TemporaryDirectory(prefix="plimsoll-upstream-") as name:
        folder, port = Path(name), free_port()
        legacy = Legacy(free_port())
        legacy.act("ok")
        server = subprocess.Popen(
            [str(PLIMSOLL), "serve", "--dev", "--port", str(port), "--data", str(folder / "data"),
             "--keys", str(folder / "keys"), "--set", "limits.max_in_flight=4096"],
            stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w"))
        try:
            wait_for(port)
            play(folder, port, legacy)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
            if legacy.process:
                legacy.process.kill()


def play(folder, port, legacy):
    def call(*command):
        return run([PLIMSOLL, *command, "--url", f"http://127.0.0.1:{port}"])
    declared = (ROOT / "demo/legacy/upstream.yaml").read_text()
    (folder / "upstream.yaml").write_text(declared.replace("127.0.0.1:9500", f"127.0.0.1:{legacy.port}"))
    call("model", "add", "legacy", folder / "upstream.yaml")
    call("deployment", "create", "legacy", "--model", "legacy", "--version", "1", "--contract",
         ROOT / "demo/legacy/contract.yaml", "--environment", "development", "--deadline", f"{DEADLINE_MS}ms")
    call("model", "add", "credit", ROOT / "demo/credit/model.json")
    call("deployment", "create", "credit", "--model", "credit", "--version", "1", "--contract",
         ROOT / "demo/credit/contract.yaml", "--environment", "development")
    bodies(folder / "bodies.jsonl")
    print("| the service is | requests | answered | fallback: late / down / lying / open / busy | p50 ms | p99 ms | "
          "max ms | circuit opened | other deployment: requests | p50 ms | p99 ms |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    wrong, others = [], []
    acts = ACTS + ACTS[1:] * (ROUNDS - 1)
    for act, mode in enumerate(acts):
        if mode == "killed":
            # Within the load, so that requests are under way when it dies.
            before = metrics(port)
            loads = start(port, folder)
            time.sleep(1)
            legacy.act(mode)
        else:
            legacy.act(mode)
            if mode == "ok" and act:
                time.sleep(2)
            before = metrics(port)
            loads = start(port, folder)
        wrapped, other = (json.loads(each.communicate()[0]) for each in loads)
        now = settle(port, before, wrapped["requests_with_warmup"] + other["requests_with_warmup"])
        ended = {how: now[how] - before[how] for how in now}
        latency = wrapped["latency"]
        print(f"| {mode} | {wrapped['requests']:,} | {ended['answered']:,} | "
              f"{ended['deadline']:,} / {ended['unreachable'] + ended['failed']:,} / {ended['lied']:,} / {ended['open']:,} / "
              f"{ended['busy']:,} | {latency['p50_us'] / 1e3:.1f} | {latency['p99_us'] / 1e3:.1f} | "
              f"{latency['max_us'] / 1e3:.1f} | {ended['opened']} | {other['requests']:,} | "
              f"{other['latency']['p50_us'] / 1e3:.2f} | {other['latency']['p99_us'] / 1e3:.2f} |", flush=True)
        others.append(other["latency"])
        if other["requests"] < OTHER_RATE * SECONDS * 0.99:
            wrong.append(f"{mode}: the other deployment answered {other['requests']} requests only")
        if wrapped["errors"] or other["errors"] or set(wrapped["statuses"]) != {"200"} or set(other["statuses"]) != {"200"}:
            wrong.append(f"{mode}: {wrapped['statuses']} {wrapped['errors']} {other['statuses']} {other['errors']}")
        if latency["max_us"] / 1e3 > DEADLINE_MS + SLACK_MS:
            wrong.append(f"{mode}: an answer took {latency['max_us'] / 1e3:.0f} ms")
        if mode in ("slow", "lying", "huge", "killed") and not ended["opened"]:
            wrong.append(f"{mode}: the circuit did not open")
        if mode == "ok" and (not now["closed"] or ended["answered"] < wrapped["requests"] * 0.95):
            wrong.append(f"{mode}: the circuit did not close")
    beside(acts, others)
    if wrong:
        raise SystemExit("\n".join(wrong))


def beside(acts, others):
    """The other deployment in each trouble, and in the quiet acts before and after it."""
    print("\n| other deployment while the service is | p50 ms, quiet | p50 ms, in trouble | p99 ms, quiet | "
          "p99 ms, in trouble | p99, in trouble / quiet |\n|---|---|---|---|---|---|")
    for trouble in TROUBLES:
        at = [act for act, mode in enumerate(acts) if mode == trouble]
        def millis(which, acts):
            return statistics.median(others[act][which] for act in acts) / 1e3
        quiet = [act + side for act in at for side in (-1, 1)]
        p50, p99 = ((millis(which, quiet), millis(which, at)) for which in ("p50_us", "p99_us"))
        print(f"| {trouble} | {p50[0]:.2f} | {p50[1]:.2f} | {p99[0]:.2f} | {p99[1]:.2f} | {p99[1] / p99[0]:.2f} |")


def start(port, folder):
    return [load(port, "legacy", folder / "bodies.jsonl", RATE),
            load(port, "credit", ROOT / "demo/credit/requests.jsonl", OTHER_RATE)]


if __name__ == "__main__":
    main()
