"""The registry and tracking against `mlflow server` with SQLite, in the same run.

One and eight clients ask for a model version and log metrics over connections that stay open.
Told: requests a second, CPU time of the server per request, memory, and the time from the
start of an empty server to its first answer. Memory and CPU are those of the whole process
tree. `MLFLOW_PYTHON` names a Python with mlflow; `SECONDS` the length of each measurement.
"""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

SECONDS = float(os.environ.get("SECONDS", "8"))
PYTHON = os.environ.get("MLFLOW_PYTHON", ".venv/registry/bin/python")
TARGET = os.environ.get("CARGO_TARGET_DIR", "target")
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """A process and its descendants."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    found += tree(int(child))
        except OSError:
            pass
    return found


def usage(pid):
    """CPU seconds and resident bytes of a process tree."""
    cpu = rss = 0
    for one in set(tree(pid)):
        try:
            with open(f"/proc/{one}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            cpu += (int(fields[11]) + int(fields[12])) / TICK
            rss += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            pass
    return cpu, rss


class Server:
    def __init__(self, name, command):
        self.name, self.port = name, free_port()
        folder = tempfile.mkdtemp(prefix=f"bench-{name}-")
        args = [part.format(port=self.port, folder=folder) for part in command]
        begin = time.monotonic()
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=60):
                    break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"{name} did not start")
                time.sleep(0.005)
        self.started = time.monotonic() - begin

    def call(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/2.0/mlflow/{path}",
                                         json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(60)


def reply_of(connection, rest):
    """Reads one reply whose length is told. Gives what came after it."""
    while b"\r\n\r\n" not in rest:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server hung up")
        rest += more
    head, rest = rest.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head[:200] + rest[:500])
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length:"))
    while len(rest) < length:
        rest += connection.recv(65536)
    return rest[length:]


def worker(port, kind, run, number, until, out):
    count, rest = 0, b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.time() < until:
            if kind == "get-version":
                request = b"GET /api/2.0/mlflow/model-versions/get?name=credit&version=1 HTTP/1.1\r\nhost: localhost\r\n\r\n"
            else:
                body = json.dumps({"run_id": run, "key": f"loss{number}", "value": 0.5, "step": count,
                                   "timestamp": 1_700_000_000_000 + count}).encode()
                request = (b"POST /api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nhost: localhost\r\n"
                           b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)) + body
            connection.sendall(request)
            rest = reply_of(connection, rest)
            count += 1
    out.put(count)


def measure(server, kind, clients, run):
    out, before, begin = multiprocessing.Queue(), usage(server.process.pid)[0], time.time()
    ask = [multiprocessing.Process(target=worker, args=(server.port, kind, run, n, begin + SECONDS, out))
           for n in range(clients)]
    [process.start() for process in ask]
    total = sum(out.get() for _ in ask)
    [process.join() for process in ask]
    cpu, rss = usage(server.process.pid)
    return total / (time.time() - begin), (cpu - before) / max(total, 1) * 1000, rss


def main():
    servers = {
        "mlflow": [PYTHON, "-m", "mlflow", "server", "--port", "{port}",
                   "--backend-store-uri", "sqlite:///{folder}/mlflow.db",
                   "--artifacts-destination", "{folder}/artifacts"],
        "plimsoll": [f"{TARGET}/release/plimsoll", "serve", "--dev", "--port", "{port}",
                     "--data", "{folder}/data", "--keys", "{folder}/keys"],
    }
    found = {}
    for name, command in servers.items():
        server = Server(name, command)
        try:
            run = server.call("runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"]
            server.call("registered-models/create", {"name": "credit"})
            server.call("model-versions/create", {"name": "credit", "source": "s3://bucket/m"})
            rows = {}
            for kind in ("get-version", "log-metric"):
                for clients in (1, 8):
                    rows[f"{kind} {clients}"] = measure(server, kind, clients, run)
            found[name] = (server.started, rows)
        finally:
            server.stop()
    print(f"{'':16} {'mlflow':>24} {'plimsoll':>24} {'times':>8}")
    (old_start, old), (new_start, new) = found["mlflow"], found["plimsoll"]
    print(f"{'start, s':16} {old_start:24.2f} {new_start:24.3f} {old_start / new_start:8.0f}")
    memory = [max(rss for _, _, rss in rows.values()) / 1e6 for rows in (old, new)]
    print(f"{'memory, MB':16} {memory[0]:24.0f} {memory[1]:24.0f} {memory[0] / memory[1]:8.1f}")
    for kind in old:
        (a, cpu_a, _), (b, cpu_b, _) = old[kind], new[kind]
        cells = [f"{rate:.0f}/s {cpu:.2f} ms CPU" for rate, cpu in ((a, cpu_a), (b, cpu_b))]
        print(f"{kind:16} {cells[0]:>24} {cells[1]:>24} {b / a:8.1f}")


if __name__ == "__main__":
    main()
