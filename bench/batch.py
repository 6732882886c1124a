#!/usr/bin/env python3
"""`make bench-batch`: what a recorded row of a batch job costs.

A server of its own scores a CSV file of the demo's credit applications with the demo's model, every
row a durable decision in the ledger. Reported: rows per second of the job as the server counts them,
and CPU per row of the whole server (decoding, contract, model, sealing, ledger, tree, parts); beside
it, of the same rows: `plimsoll model predict`, which records nothing, and a writer that keeps input
and score as a row of SQLite, 256 rows per transaction (WAL, synchronous=FULL). Environment:
BATCH_ROWS (1000000), PLIMSOLL (binary), CARGO_TARGET_DIR.
"""

import csv
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
PLIMSOLL = str(os.environ.get("PLIMSOLL", TARGET / "plimsoll"))
ROWS = int(os.environ.get("BATCH_ROWS", "1000000"))
CREDIT = ROOT / "demo" / "credit"
TICKS = os.sysconf("SC_CLK_TCK")


def applications():
    """Names and rows of the demo's requests."""
    names, rows = None, []
    for line in (CREDIT / "requests.jsonl").read_text().splitlines():
        inputs = json.loads(line)["inputs"]
        names = [one["name"] for one in inputs]
        rows += zip(*(one["data"] for one in inputs))
    text = lambda value: "" if value is None else str(value).lower() if isinstance(value, bool) else value
    return names, [[text(value) for value in row] for row in rows]


def cpu(pid):
    """Seconds of CPU that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(what, rows, seconds, cpu_seconds):
    print(f"{what:<44} {rows / seconds:>12,.0f} rows/s {cpu_seconds / rows * 1e6:>8.2f} µs CPU/row")


def run(url, *args):
    return subprocess.run([PLIMSOLL, *args, "--url", url, "--json"], check=True, capture_output=True, text=True).stdout


def main():
    names, rows = applications()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = folder / "rows.csv"
        with source.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows(rows[n % len(rows)] for n in range(ROWS))
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
            batch = json.loads(run(url, "batch", "score", "-d", "credit", str(source), "--no-wait"))
            before, rate = cpu(server.pid), 0.0
            started = time.monotonic()
            while batch["state"] not in ("done", "failed"):
                time.sleep(0.1)
                batch = json.loads(run(url, "batch", "show", batch["id"]))
                rate = batch.get("rows_per_second") or rate
            seconds, used = time.monotonic() - started, cpu(server.pid) - before
            if batch["state"] != "done" or batch["rows"] != ROWS or batch["refused"]:
                sys.exit(f"the job is not what it should be: {batch}")
            say("batch job, every row sealed and durable", ROWS, seconds, used)
            ledger = sum(path.stat().st_size for path in (folder / "data" / "ledger").rglob("*") if path.is_file())
            print(f"{'':<44} {rate:>12,.0f} rows/s while it ran; {ledger / ROWS:,.0f} bytes of ledger per row")
        finally:
            server.terminate()
            server.wait()

        # The model file knows no categories: codes stand for them, as in training.
        features = contract_features()
        code = lambda name, value: value if features[name] is None or value == "" else features[name].index(value)
        coded = [[code(name, row[names.index(name)]) for name in features] for row in rows]
        narrow = folder / "features.csv"
        with narrow.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(features)
            writer.writerows(coded[n % len(coded)] for n in range(ROWS))
        before, started = children(), time.monotonic()
        subprocess.run([PLIMSOLL, "model", "predict", str(CREDIT / "model.json"), str(narrow), "--output", str(folder / "out.csv")], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        say("plimsoll model predict, nothing recorded", ROWS, time.monotonic() - started, children() - before)

        database = sqlite3.connect(folder / "rows.db", isolation_level=None)
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE d (id INTEGER PRIMARY KEY, body TEXT, score REAL)")
        some = min(ROWS, 200_000)
        bodies = [json.dumps(dict(zip(names, row))) for row in rows]
        started, before = time.monotonic(), time.process_time()
        for first in range(0, some, 256):
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO d (body, score) VALUES (?, ?)",
                                 ((bodies[n % len(bodies)], 0.5) for n in range(first, min(first + 256, some))))
            database.execute("COMMIT")
        say("SQLite, a row each, 256 per transaction", some, time.monotonic() - started, time.process_time() - before)


def contract_features():
    """The features in the demo's contract, whose order is the model's, with the values of categories."""
    features, within = {}, False
    for line in (CREDIT / "contract.yaml").read_text().splitlines():
        if line and not line[0].isspace():
            within = line.startswith("features:")
        elif within and line.startswith("  - name: "):
            name = line.removeprefix("  - name: ").strip()
            features[name] = None
        elif within and line.startswith("    values: ["):
            features[name] = line.strip().removeprefix("values: [").removesuffix("]").split(", ")
    return features


if __name__ == "__main__":
    main()
