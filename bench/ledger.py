#!/usr/bin/env python3
"""`make bench-ledger`: what a durable record costs, next to what people use for that.

In turn on one disk, per number of waiting callers:

  ledger    the real one: a body of 600 bytes sealed under its subject's key, a leaf, its place in
            the chain, one write and one sync per batch
  bare      write and fdatasync in a loop, with the bytes of the ledger's mean batch: over zeros
            that are there already, as the ledger prepares them, and to a file that grows
  SQLite    WAL, synchronous = FULL, a transaction of one row with the bytes of one record
  Postgres  single-row commits of the same bytes, prepared, over a Unix socket, with the defaults
            of durability (fsync, synchronous_commit, full_page_writes), a cluster of its own

and alone the disk's fdatasync rate with blocks of 4 KiB, and verification.

Aims are held against the loop that appends; the one over zeros is told because it is the harder one.
On a machine that has other work, a sync that wakes up late is all one sees: `chrt -r 1` (root) in
front of the command keeps that out of all of them alike.

Environment: BENCH_ROUNDS (5), BENCH_SECONDS (3), BENCH_CALLERS (1,16,256), VERIFY_ENTRIES
(300000), BENCH_FOLDER (where the disk is to be measured), PLIMSOLL_BENCH (binary), PG_BIN.
"""

import json
import os
import platform
import pwd
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from gateway import HERE, TARGET, cpu_name

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
CALLERS = [int(n) for n in os.environ.get("BENCH_CALLERS", "1,16,256").split(",")]
ENTRIES = int(os.environ.get("VERIFY_ENTRIES", "300000"))
BINARY = Path(os.environ.get("PLIMSOLL_BENCH", TARGET / "release" / "plimsoll-bench"))
BLOCK = 4096
# What is aimed at.
POSTGRES_TIMES, BARE_SHARE, BARE_LATENCY = 2.0, 0.6, 1.5
TREE_RATE, BODIES_RATE = 400_000, 200_000


def run(command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def measure(folder, what, *options):
    """One run of the measuring program, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        return json.loads(run([BINARY, "ledger", "--folder", own, what, *options]))


def sqlite(folder, callers, record_bytes):
    """SQLite has one writer, so callers take turns on one connection: with connections of their own
    they would sleep between tries to get the lock."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        connection = sqlite3.connect(Path(own) / "db", isolation_level=None, check_same_thread=False)
        assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        body, turn, latencies = random.Random(1).randbytes(record_bytes), threading.Lock(), []
        started = time.perf_counter()

        def caller():
            begun = time.perf_counter()
            while begun < started + SECONDS:
                with turn:
                    connection.execute("INSERT INTO record (body) VALUES (?)", (body,))
                end = time.perf_counter()
                latencies.append(end - begun)
                begun = end

        threads = [threading.Thread(target=caller) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(latencies) / (time.perf_counter() - started)
        connection.close()
    latencies.sort()
    at = lambda share: latencies[int(share * (len(latencies) - 1))] * 1e6
    return {"records_per_second": rate, "bytes_per_second": rate * record_bytes,
            "latency": {"p50_us": at(0.5), "p99_us": at(0.99)}}


class Postgres:
    """A cluster in a folder of its own, by a user of its own: the server does not run as root."""

    def __init__(self, folder):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self.bin = Path(os.environ.get("PG_BIN", found[-1] if found else "/nowhere"))
        self.folder = folder / "postgres"
        self.folder.mkdir()
        self.as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self.data = self.folder / "data"

    def __enter__(self):
        self.tool("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c max_connections=300"
        self.tool("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")
        self.sql("CREATE TABLE record (number bigserial PRIMARY KEY, body bytea NOT NULL)")
        return self

    def __exit__(self, *_):
        self.tool("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def tool(self, name, *arguments):
        # pg_ctl's server keeps what it inherits open: no pipes.
        command = self.as_user + [self.bin / name, *arguments]
        done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        if done.returncode:
            sys.exit(f"{name} failed: see {self.folder}")

    def sql(self, text):
        return run([self.bin / "psql", "-h", self.folder, "-U", "bench", "-d", "postgres", "-Atc", text])

    def version(self):
        return self.sql("SHOW server_version").split()[0]

    def settings(self):
        names = ["fsync", "synchronous_commit", "full_page_writes", "wal_sync_method"]
        return ", ".join(f"{name} = {self.sql(f'SHOW {name}').strip()}" for name in names)

    def commits(self, callers, record_bytes):
        script = self.folder / "insert.sql"
        body = random.Random(1).randbytes(record_bytes).hex()
        script.write_text(f"INSERT INTO record (body) VALUES ('\\x{body}');\n")
        self.sql("TRUNCATE record")
        self.sql("CHECKPOINT")
        said = run([self.bin / "pgbench", "-h", self.folder, "-U", "bench", "-n", "-M", "prepared",
                    "-f", script, "-c", callers, "-j", min(callers, 2), "-T", SECONDS, "postgres"])
        rate = float(re.search(r"tps = ([\d.]+)", said)[1])
        latency = float(re.search(r"latency average = ([\d.]+) ms", said)[1])
        return {"records_per_second": rate, "bytes_per_second": rate * record_bytes,
                "mean_ms": latency}


def one_round(folder, postgres, callers):
    ledger = measure(folder, "append", "--callers", callers, "--seconds", SECONDS)
    batch, record = round(ledger["batch_bytes"]), round(ledger["record_bytes"])
    return {
        "ledger": ledger,
        "bare": measure(folder, "bare", "--bytes", batch, "--seconds", SECONDS),
        "grow": measure(folder, "bare", "--bytes", batch, "--seconds", SECONDS, "--grow"),
        "sqlite": sqlite(folder, callers, record),
        "postgres": postgres.commits(callers, record),
    }


def value(runs, who, *path):
    """The median over the rounds, and the least and greatest."""
    found = []
    for one in runs:
        figure = one[who]
        for name in path:
            figure = figure[name]
        found.append(figure)
    return statistics.median(found), min(found), max(found)


def spread(figures, digits=0):
    middle, least, most = (f"{figure:,.{digits}f}" for figure in figures)
    return f"{middle} [{least}..{most}]"


def ratio(runs, of, to, *path):
    """Of each round by itself: rounds that others disturbed disturb both."""
    found = [value([one], of, *path)[0] / value([one], to, *path)[0] for one in runs]
    return statistics.median(found), min(found), max(found)


def verdict(figures, holds, aim):
    return f"{spread(figures, 2)}, aim {aim}: {'held' if holds else 'missed'}"


def report(disk, runs, verified, postgres_words):
    names = {"ledger": "ledger", "bare": "bare, over zeros", "grow": "bare, growing file",
             "sqlite": "SQLite", "postgres": "PostgreSQL"}
    lines = [
        f"{ROUNDS} rounds of {SECONDS} s; median [least..greatest]. {os.cpu_count()} cores, "
        f"{cpu_name()}, Linux {platform.release()}, {postgres_words}.", "",
        f"The disk's own fdatasync, after a write of 4 KiB: "
        f"{spread(value(disk, 'disk', 'records_per_second'))} per second.", "",
        "| | callers | durable records/s | MB/s | records at once | p50 µs | p99 µs |",
        "|---|---|---|---|---|---|---|",
    ]
    for callers, rounds in runs.items():
        for who, name in names.items():
            rate = spread(value(rounds, who, "records_per_second"))
            size = f"{value(rounds, who, 'bytes_per_second')[0] / 1e6:.1f}"
            batch = middle = slow = ""
            if who != "postgres":
                middle = spread(value(rounds, who, "latency", "p50_us"))
                slow = f"{value(rounds, who, 'latency', 'p99_us')[0]:,.0f}"
            else:
                middle = f"mean {value(rounds, who, 'mean_ms')[0] * 1000:,.0f}"
            if who == "ledger":
                batch = f"{value(rounds, who, 'batch_records')[0]:.1f}"
            if who in ("bare", "grow"):
                rate = f"{rate} writes"
                batch = f"{value(rounds, who, 'batch_bytes')[0]:,.0f} bytes"
            lines.append(f"| {name} | {callers} | {rate} | {size} | {batch} | {middle} | {slow} |")
    lines.append("")
    for callers, rounds in runs.items():
        times = ratio(rounds, "ledger", "postgres", "records_per_second")
        lite = ratio(rounds, "ledger", "sqlite", "records_per_second")
        bare = ratio(rounds, "ledger", "bare", "bytes_per_second")
        grow = ratio(rounds, "ledger", "grow", "bytes_per_second")
        lines += [
            f"- {callers} callers, records/s over PostgreSQL's: "
            f"{verdict(times, times[0] >= POSTGRES_TIMES, f'≥ {POSTGRES_TIMES:g}')}; over SQLite's: "
            f"{spread(lite, 2)}",
            f"- {callers} callers, bytes/s over those of bare append and fdatasync: "
            f"{verdict(grow, grow[0] >= BARE_SHARE, f'≥ {BARE_SHARE:g}')}; over zeros: "
            f"{spread(bare, 2)}",
        ]
    if 1 in runs:
        slower = ratio(runs[1], "ledger", "bare", "latency", "p50_us")
        grow = ratio(runs[1], "ledger", "grow", "latency", "p50_us")
        lines.append(f"- one caller, median latency over that of bare append and fdatasync: "
                     f"{verdict(grow, grow[0] <= BARE_LATENCY, f'≤ {BARE_LATENCY:g}')}; over zeros: "
                     f"{spread(slower, 2)}")
    tree, everything = verified["tree_per_cpu_second"], verified["all_per_cpu_second"]
    lines += [
        f"- verification of {verified['entries']:,} entries, per CPU-second: leaves and tree "
        f"{tree:,.0f}, aim ≥ {TREE_RATE:,}: {'held' if tree >= TREE_RATE else 'missed'}; with the digests of "
        f"bodies {everything:,.0f}, aim ≥ {BODIES_RATE:,}: "
        f"{'held' if everything >= BODIES_RATE else 'missed'}", "",
    ]
    return "\n".join(lines)


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        folder = Path(folder)
        # The server's user must be able to pass through.
        folder.chmod(0o755)
        disk, runs = [], {callers: [] for callers in CALLERS}
        with Postgres(folder) as postgres:
            words = (f"PostgreSQL {postgres.version()} ({postgres.settings()}), "
                     f"SQLite {sqlite3.sqlite_version}")
            for _ in range(ROUNDS):
                disk.append({"disk": measure(folder, "bare", "--bytes", BLOCK, "--seconds", SECONDS)})
                for callers in CALLERS:
                    runs[callers].append(one_round(folder, postgres, callers))
        verified = measure(folder, "verify", "--entries", ENTRIES)
        text = report(disk, runs, verified, words)
        results = HERE / "results"
        results.mkdir(exist_ok=True)
        (results / "ledger.md").write_text(text)
        everything = {"disk": disk, "runs": runs, "verified": verified}
        (results / "ledger.json").write_text(json.dumps(everything, indent=1))
        print(text)


if __name__ == "__main__":
    if not shutil.which("setpriv") and os.geteuid() == 0:
        sys.exit("setpriv (util-linux) is needed to start PostgreSQL as its own user")
    main()
