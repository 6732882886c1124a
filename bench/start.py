#!/usr/bin/env python3
"""`make bench-start`: what a large ledger costs when a server starts, and when one looks into it.

Fills a data folder with decisions by real traffic (wrk, 64 connections, mode durable, everything
on), then measures on that folder:

  start      from the start of the process to the answer of the first governed request, after a
             stop by SIGTERM (several) and after SIGKILL under load (one, with recovery)
  memory     resident after a start, with ten deployments
  look-up    GET of one decision by its id, with its body opened: ids from all over the ledger
  disk       bytes per decision: segments, indexes, everything; the reserve not counted
  verify     the whole chain, offline

The files are in the page cache, as after a restart of the service and not of the machine.

Environment: START_DECISIONS (1000000), START_ROUNDS (5), PLIMSOLL (binary).
"""

import http.client
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import gateway
from gateway import CREDIT, HERE, START_SECONDS, binary, cpu_name, run

DECISIONS = int(os.environ.get("START_DECISIONS", "1000000"))
ROUNDS = int(os.environ.get("START_ROUNDS", "5"))
CONNECTIONS = 64
# Length of one run of wrk. Between two of them some requests are sent whose ids are kept.
FILL_SECONDS = 2
IDS_BETWEEN = 10
DEPLOYMENTS = 10
LOOKUPS = 500
SHOWS = 10
# How long the server is under load before it is killed.
LOAD_BEFORE_KILL = 2
SETTLE_SECONDS = 2


class Subject(gateway.Plimsoll):
    """The server under test, on one folder and one port through all its starts."""

    def __init__(self, folder):
        super().__init__(folder, "s", "durable")
        self.data, self.keys = folder / "data-s", folder / "keys-s"
        self.body = (CREDIT / "requests.jsonl").read_text().splitlines()[0]

    def start(self):
        super().start()
        author = self.key("author-2", "ml-engineer")
        for number in range(1, DEPLOYMENTS):
            self.call(author, "deployment", "create", f"other-{number}", "--model", "credit",
                      "--contract", CREDIT / "contract.yaml", "--environment", "development")

    def ask(self, connection):
        """One decision; its id."""
        connection.request("POST", "/v2/models/credit/infer", self.body, {
            "content-type": "application/json", "authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {text[:300]}")
        return answer.headers["plimsoll-decision-id"]

    def start_again(self):
        """Seconds from the start of the process to the first answer."""
        before = time.perf_counter()
        self.process = subprocess.Popen(
            [binary("plimsoll"), "serve", "--port", str(self.port), "--data", self.data,
             "--keys", self.keys], stdout=self.log, stderr=self.log)
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
                connection.connect()
                break
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.perf_counter() - before > START_SECONDS:
                    raise SystemExit(f"did not start again:\n{Path(self.log.name).read_text()[-2000:]}")
                time.sleep(0.0005)
        self.ask(connection)
        return time.perf_counter() - before

    def resident_mib(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise SystemExit("no VmRSS")

    def wrk(self, seconds):
        """Load for some seconds; what wrk says of it."""
        text = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", HERE / "bodies.lua", self.url],
            env=os.environ | {"BODIES": str(self.bodies), "TOKEN": self.token},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
        lines = [line for line in text.splitlines() if line.startswith("RESULT ")]
        return json.loads(lines[0].removeprefix("RESULT ")) if lines else None


def fill(server):
    """Traffic until there are enough decisions; ids from all over, and how long it took."""
    ids, before = [], time.perf_counter()
    while server.counted()[0] < DECISIONS:
        result = server.wrk(FILL_SECONDS)
        if not result or result["bad_status"] or result["socket_errors"]:
            raise SystemExit(f"while filling: {result}")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
        ids += [server.ask(connection) for _ in range(IDS_BETWEEN)]
    return ids, time.perf_counter() - before


def kill_under_load(server):
    load = threading.Thread(target=server.wrk, args=(LOAD_BEFORE_KILL + 2,))
    load.start()
    time.sleep(LOAD_BEFORE_KILL)
    server.process.kill()
    server.process.wait()
    load.join()


def look_up(server, ids):
    """Milliseconds of each look-up over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port + 1, timeout=START_SECONDS)
    times = []
    for one in random.Random(1).choices(ids, k=LOOKUPS):
        before = time.perf_counter()
        connection.request("GET", f"/api/v1/decisions/{one}",
                           headers={"authorization": f"Bearer {server.monitor}"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        times.append((time.perf_counter() - before) * 1e3)
        if answer.status != 200 or found["summary"]["id"] != one or not found["body"]["rows"]:
            raise SystemExit(f"{answer.status} for {one}")
    return times


def show(server, ids):
    """Milliseconds of `plimsoll decision show`, process and all."""
    times = []
    for one in random.Random(2).sample(ids, k=min(SHOWS, len(ids))):
        before = time.perf_counter()
        server.call(server.monitor, "decision", "show", one)
        times.append((time.perf_counter() - before) * 1e3)
    return times


def disk(data):
    """Bytes by kind. What is set aside, and not yet used, is counted apart."""
    kinds = {"segments": 0, "indexes": 0, "other": 0, "set aside": 0}
    for path in data.rglob("*"):
        if path.is_file():
            size = path.stat().st_blocks * 512
            if path.name.startswith(("reserve", "next")):
                kinds["set aside"] += size
            elif path.suffix == ".seg":
                kinds["segments"] += size
            elif path.suffix == ".idx":
                kinds["indexes"] += size
            else:
                kinds["other"] += size
    return kinds


def spread(values, unit, digits=0):
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} {unit} [{least:,.{digits}f}..{most:,.{digits}f}]"


def main():
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        server = Subject(Path(name))
        try:
            server.start()
            ids, seconds = fill(server)
            count, _ = server.counted()
            print(f"{count:,} decisions in {seconds:.0f} s", file=sys.stderr)
            busy = server.resident_mib()
            starts = []
            for _ in range(ROUNDS):
                server.stop()
                starts.append(server.start_again() * 1e3)
            time.sleep(SETTLE_SECONDS)
            idle = server.resident_mib()
            found, shown = look_up(server, ids), show(server, ids)
            server.stop()
            kinds = disk(server.data)
            before = time.perf_counter()
            entries = json.loads(run([binary("plimsoll"), "--json", "ledger", "verify",
                                      "--data", server.data]))["entries"]
            verified = time.perf_counter() - before
            if entries < count:
                raise SystemExit(f"{count} decisions were counted and {entries} entries are there")
            server.start_again()
            kill_under_load(server)
            killed = server.start_again() * 1e3
            found_after = look_up(server, ids[-IDS_BETWEEN:])
        finally:
            if server.process and server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(START_SECONDS)
    per = {kind: size / count for kind, size in kinds.items()}
    rows = [
        (f"start to first governed answer, after SIGTERM ({ROUNDS} starts)", spread(starts, "ms")),
        ("the same after SIGKILL under load (1 start)", f"{killed:,.0f} ms"),
        (f"resident memory, idle, {DEPLOYMENTS} deployments", f"{idle:,.0f} MiB"),
        ("resident memory after filling", f"{busy:,.0f} MiB"),
        (f"look-up of a decision by id ({LOOKUPS}), median and p99",
         f"{statistics.median(found):.2f} ms, {statistics.quantiles(found, n=100)[98]:.2f} ms"),
        ("the same after SIGKILL", f"{statistics.median(found_after):.2f} ms"),
        (f"`plimsoll decision show` ({len(shown)}), process included", spread(shown, "ms", 1)),
        ("disk per decision", f"{per['segments'] + per['indexes'] + per['other']:,.0f} bytes: segments "
         f"{per['segments']:,.0f}, indexes {per['indexes']:,.0f}, other {per['other']:,.0f}"),
        (f"`plimsoll ledger verify` of {entries:,} entries", f"{verified:,.1f} s"),
    ]
    text = "\n".join([
        f"{count:,} decisions, written in {seconds:,.0f} s ({count / seconds:,.0f}/s) over "
        f"{CONNECTIONS} connections, mode durable. Median [least..greatest]. {os.cpu_count()} cores, "
        f"{cpu_name()}, Linux {platform.release()}; files in the page cache.", "",
        "| what | figure |", "|---|---|"] + [f"| {what} | {figure} |" for what, figure in rows]) + "\n"
    print(text, flush=True)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "start.md").write_text(text)


if __name__ == "__main__":
    main()
