#!/usr/bin/env python3
"""`make bench-gateway`: what a governed decision costs next to what people know, in one run.

Under test, one after the other in every round, so that the machine's moods hit all alike:

  a  nginx answering by itself            b  nginx as a reverse proxy in front of it
  c  Plimsoll, mode durable               d  Plimsoll, mode bounded
  e  Plimsoll, mode durable, with exact SHAP values and reason codes in every record
  u  Plimsoll, mode durable, before a: the model is an upstream (what b does, and governed)
  g  c, asked by the Open Inference Protocol over gRPC, raw tensors
  t  c, asked with Triton's binary tensors
  f  FastAPI + onnxruntime, hand-written
  m  MLServer, with the model in a runtime of its own, set up as it comes (one worker process)
  n  the same at its cheapest: no worker process, no debugging

a to e get the same requests of demo/credit/requests.jsonl, one tensor per field, 2 KB; f gets the
same values as a flat JSON object; g and t the same tensors in their own forms, and m and n just what c gets.
g is asked by h2load, the first request again and again. a to c, m and n are asked a second time with the 25 features as one matrix
tensor, categories as codes, half a KB. Closed loop: wrk, one thread, 16, 64 and 256 connections. Open
loop: plimsoll-bench at constant rates of arrival, latency counted from when a request was due. In
every round the disk is timed alone, too: what a batch of records costs to overwrite and sync. CPU is the user and system
time of all threads of the process under test only: of b without its upstream, and of nobody with
the load generator, which shares the cores. Every figure is the median of the rounds.

After every run against Plimsoll its own counters must account for every request sent.

Environment: BENCH_ROUNDS (5), BENCH_SECONDS (5, per run), BENCH_ONLY (letters, as `abf`; g and t need c's server and start it),
BENCH_RATES (5000,10000,20000), BENCH_CONNECTIONS (16,64,256), PLIMSOLL, PLIMSOLL_BENCH (binaries).
"""

import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CREDIT = ROOT / "demo" / "credit"
VENV = ROOT / ".venv" / "bench"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
ONLY = os.environ.get("BENCH_ONLY", "abcdeugtfmn")
CONNECTIONS = [int(n) for n in os.environ.get("BENCH_CONNECTIONS", "16,64,256").split(",")]
RATES = [int(n) for n in os.environ.get("BENCH_RATES", "5000,10000,20000").split(",")]
OPEN_CONNECTIONS = 64
WARMUP_SECONDS = 1
# What a rate is lowered to for a server that cannot keep up with it: an overloaded open loop
# measures the length of the run.
FASTAPI_RATE = 2_000
# The servers that are asked with a matrix as well, and the tensor that holds it.
MATRIX_LETTERS, MATRIX = "abcmn", "application"
# The disk alone: records of this many bytes, as many of them per sync.
RECORD_BYTES, BATCHES = 800, (8, 64)
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30


class Server:
    """One server under test, or in its service."""

    letter, label = "", ""
    rates = RATES

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.token = None
        self.bodies = CREDIT / "requests.jsonl"

    def asked_with(self, shape):
        """Where such requests go, and the file of their bodies."""
        if shape == "closed":
            return self.url, self.bodies
        return self.url.replace("/credit/", "/credit-matrix/"), matrix_bodies(self.folder)

    def launch(self, command, **options):
        self.log = open(self.folder / f"{self.letter or 'x'}-{self.port}.log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, **options)
        wait_for(self.port, self)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(START_SECONDS)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v2/models/credit/infer"

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def counted(self):
        """What the server itself says it has handled; None if it does not say."""
        return None

    def drive(self, connections, seconds, shape):
        """A closed loop of wrk, one thread."""
        url, bodies = self.asked_with(shape)
        environment = os.environ | {"BODIES": str(bodies)}
        if self.token:
            environment["TOKEN"] = self.token
        text = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s",
                    HERE / "bodies.lua", url], env=environment)
        return json.loads(re.search(r"^RESULT (.*)$", text, re.M).group(1))


class NginxAnswer(Server):
    letter, label = "a", "nginx, answering"

    def start(self):
        # A body the size of a real answer. The request's body is read and dropped.
        answer = json.dumps({"model_name": "credit", "model_version": "1", "id": "0" * 36, "outputs": [
            {"name": "probability", "shape": [1], "datatype": "FP64", "data": [0.0378]}]})
        nginx(self, f"""
        location / {{ default_type application/json; return 200 '{answer}'; }}""")


class NginxProxy(Server):
    letter, label = "b", "nginx, reverse proxy to a"

    def __init__(self, folder, upstream):
        super().__init__(folder)
        self.upstream = upstream

    def start(self):
        nginx(self, """
        location / {
            proxy_pass http://upstream;
            proxy_http_version 1.1;
            proxy_set_header connection "";
            proxy_set_header host $host;
        }""", f"""
    upstream upstream {{
        server 127.0.0.1:{self.upstream.port};
        keepalive 512;
        keepalive_requests 1000000000;
    }}""")


class FastApi(Server):
    letter, label = "f", "FastAPI + onnxruntime, hand-written"
    rates = [FASTAPI_RATE]

    def start(self):
        python = VENV / "bin" / "python"
        if not python.exists():
            run([sys.executable, "-m", "venv", VENV])
            run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"])
        model = self.folder / "model.onnx"
        run([python, HERE / "onnx_model.py", model])
        self.bodies = self.folder / "flat.jsonl"
        self.bodies.write_text("".join(flat(line) for line in open(CREDIT / "requests.jsonl")))
        self.launch([python, "-m", "uvicorn", "fastapi_app:app", "--port", str(self.port),
                     "--no-access-log", "--loop", "uvloop", "--http", "httptools"],
                    cwd=HERE, env=os.environ | {"MODEL": str(model)})

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/predict"


class Plimsoll(Server):
    """Everything on: an API key, policy, contract, model, and a sealed record per decision."""

    def __init__(self, folder, letter, mode, explained=False):
        super().__init__(folder)
        self.letter, self.mode = letter, mode
        self.label = f"Plimsoll, mode {mode}" + (", explained" if explained else "")
        self.explain = ["--explain", "inline", "--explain-profile",
                        CREDIT / "explain-profile.yaml"] if explained else []
        self.port = free_port(3)

    def start(self):
        data, keys = self.folder / f"data-{self.letter}", self.folder / f"keys-{self.letter}"
        self.launch([binary("plimsoll"), "serve", "--port", str(self.port), "--data", data, "--keys", keys])
        self.admin = admin_key(self.log.name)
        author, approver = self.key("author", "ml-engineer"), self.key("approver", "approver")
        self.call(author, "model", "add", "credit", CREDIT / "model.json")
        self.call(author, "deployment", "create", "credit", "--model", "credit",
                  "--contract", CREDIT / "contract.yaml", "--environment", "production",
                  "--mode", self.mode, *self.explain)
        contract = matrix_contract(self.folder)
        self.call(author, "deployment", "create", "credit-matrix", "--model", "credit",
                  "--contract", contract, "--environment", "production", "--mode", self.mode)
        for name in ("credit", "credit-matrix"):
            self.call(approver, "deployment", "release", name, "--version", "1")
        self.token = self.key("bench", "caller")
        self.monitor = self.key("monitor", "auditor")
        self.ready()

    def key(self, name, role):
        self.call(self.admin, "principal", "create", name, "--kind", "service", "--role", role)
        return json.loads(self.call(self.admin, "key", "create", name, "--principal", name))["secret"]

    def call(self, key, *command):
        control = f"http://127.0.0.1:{self.port + 1}"
        return run([binary("plimsoll"), "--json", "--url", control, *command],
                   env=os.environ | {"PLIMSOLL_KEY": key})

    def ready(self):
        """Waits until the deployments answer the first request, and checks the answers."""
        for shape in ("closed", "matrix"):
            self.check(*self.asked_with(shape))

    def check(self, url, bodies, want=None):
        body = open(bodies).readline().strip().encode()
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, body, headers)
        for _ in range(START_SECONDS * 10):
            try:
                answer = json.load(urllib.request.urlopen(request, timeout=5))
                want = want or json.loads((CREDIT / "expected.json").read_text())["probabilities"][0]
                got = answer["outputs"][0]["data"][0]
                assert abs(got - want) < 1e-6, f"answered {got}, not {want}"
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the deployment does not answer")

    def counted(self):
        """Completions of inference requests and requests refused before a deployment was known."""
        page = urllib.request.Request(f"http://127.0.0.1:{self.port + 2}/metrics",
                                      headers={"authorization": f"Bearer {self.monitor}"})
        text = urllib.request.urlopen(page, timeout=5).read().decode()
        return (metric(text, "plimsoll_gateway_completions_total"),
                metric(text, "plimsoll_refusals_total", 'listener="data"'))


class PlimsollBefore(Plimsoll):
    """The same, but the model answers elsewhere: every request is written anew for nginx, and its
    answer is read and checked."""

    def __init__(self, folder, upstream):
        super().__init__(folder, "u", "durable")
        self.label, self.upstream = "Plimsoll, mode durable, before a", upstream

    def start(self):
        data, keys = self.folder / "data-u", self.folder / "keys-u"
        self.launch([binary("plimsoll"), "serve", "--port", str(self.port), "--data", data, "--keys", keys,
                     "--set", "outbound.allow=127.0.0.0/8", "--set", "outbound.plain_http=true"])
        self.admin = admin_key(self.log.name)
        author, approver = self.key("author", "ml-engineer"), self.key("approver", "approver")
        declared = self.folder / "upstream.json"
        declared.write_text(json.dumps({
            "upstream": 1, "kind": "oip-v2", "endpoints": [f"http://127.0.0.1:{self.upstream.port}"],
            "model": {"name": "credit"}, "inputs": list(codes()), "answer": {"output": "probability"},
            "in_flight": 1024}))
        self.call(author, "model", "add", "credit", declared)
        self.call(author, "deployment", "create", "credit", "--model", "credit",
                  "--contract", CREDIT / "contract.yaml", "--environment", "production",
                  "--mode", self.mode)
        self.call(approver, "deployment", "release", "credit", "--version", "1")
        self.token = self.key("bench", "caller")
        self.monitor = self.key("monitor", "auditor")
        self.check(self.url, self.bodies, 0.0378)


class Through(Server):
    """A Plimsoll that runs already, asked in another protocol."""

    rates = []

    def __init__(self, folder, of):
        self.folder, self.of = folder, of

    port = property(lambda self: self.of.port)
    process = property(lambda self: self.of.process)
    token = property(lambda self: self.of.token)

    def stop(self):
        pass

    def counted(self):
        return self.of.counted()


class Grpc(Through):
    letter, label = "g", "Plimsoll, mode durable, gRPC"

    def start(self):
        self.bodies = self.folder / "grpc.bin"
        message = grpc_message("credit", open(CREDIT / "requests.jsonl").readline())
        self.bodies.write_bytes(struct.pack(">BI", 0, len(message)) + message)
        before = answered(self.of)
        self.drive(1, 1, "closed")
        # A gRPC error is a 200, too: what counts is that the server answered.
        if answered(self.of) == before:
            raise SystemExit(f"{self.label}: no request was answered")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/inference.GRPCInferenceService/ModelInfer"

    def drive(self, connections, seconds, shape):
        """A closed loop of h2load: one stream at a time on each connection."""
        log = self.folder / "h2load.log"
        log.unlink(missing_ok=True)
        before = answered(self.of)
        text = run(["h2load", "-t1", f"-c{connections}", "-m1", f"-D{seconds}", "-d", self.bodies,
                    "-H", "content-type: application/grpc", "-H", "te: trailers",
                    "-H", f"authorization: Bearer {self.token}", f"--log-file={log}", self.url])
        done = [line.split("\t") for line in log.read_text().splitlines()]
        micros = sorted(int(took) for _, status, took in done if status == "200")
        good = answered(self.of) - before
        bad = len(done) - len(micros) + max(0, len(micros) - good)
        failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
        return {"requests": len(micros), "micros": seconds * 10**6, "p50_us": micros[len(micros) // 2],
                "p99_us": micros[len(micros) * 99 // 100], "bad_status": bad,
                "socket_errors": sum(int(count) for count in failed.groups())}


class Binary(Through):
    letter, label = "t", "Plimsoll, mode durable, binary tensors"

    def start(self):
        self.bodies = self.folder / "binary.hex"
        with open(self.bodies, "w") as file:
            for line in open(CREDIT / "requests.jsonl"):
                head, raw = binary_tensors(line)
                file.write(f"{len(head)} {(head + raw).hex()}\n")


class MLServer(Server):
    rates = []

    def __init__(self, folder, letter, label, settings):
        super().__init__(folder)
        self.letter, self.label, self.settings = letter, label, settings

    def start(self):
        venv = ROOT / ".venv" / "bench-mlserver"
        if not (venv / "bin" / "mlserver").exists():
            run([sys.executable, "-m", "venv", venv])
            run([venv / "bin" / "python", "-m", "pip", "install", "-q", "-r", HERE / "requirements-mlserver.txt"])
        home = self.folder / f"mlserver-{self.letter}"
        for name in ("credit", "credit-matrix"):
            (home / name).mkdir(parents=True)
            (home / name / "model-settings.json").write_text(json.dumps(
                {"name": name, "implementation": "mlserver_model.Credit", "parameters": {"version": "1"}}))
        (home / "settings.json").write_text(json.dumps(self.settings | {
            "host": "127.0.0.1", "http_port": self.port, "grpc_port": free_port(), "metrics_port": free_port()}))
        path = f"{venv / 'bin'}:{os.environ['PATH']}"
        self.launch([venv / "bin" / "mlserver", "start", home], env=os.environ | {
            "PATH": path, "PYTHONPATH": str(HERE), "MODEL": str(CREDIT / "model.json"), "MATRIX": MATRIX,
            "CODES": json.dumps(codes())})
        for shape in ("closed", "matrix"):
            Plimsoll.check(self, *self.asked_with(shape))


def answered(server):
    """Decisions that a Plimsoll has answered."""
    page = urllib.request.Request(f"http://127.0.0.1:{server.port + 2}/metrics",
                                  headers={"authorization": f"Bearer {server.monitor}"})
    text = urllib.request.urlopen(page, timeout=5).read().decode()
    return metric(text, "plimsoll_gateway_completions_total", 'result="answered"')


def raw_tensor(tensor):
    """A tensor's values as bytes, or None for a null, which only floats (as NaN) can be."""
    value, kind = tensor["data"][0], tensor["datatype"]
    if kind == "FP64":
        return struct.pack("<d", float("nan") if value is None else value)
    if value is None:
        return None
    if kind == "BYTES":
        return struct.pack("<I", len(value.encode())) + value.encode()
    return struct.pack({"INT64": "<q", "BOOL": "<?"}[kind], value)


def raw_tensors(line):
    """The tensors of a request with their bytes; nulls of other kinds are left out."""
    found = [(tensor, raw_tensor(tensor)) for tensor in json.loads(line)["inputs"]]
    return [(tensor, raw) for tensor, raw in found if raw is not None]


def binary_tensors(line):
    """A request in Triton's binary form: its JSON and its bytes."""
    tensors = raw_tensors(line)
    inputs = [{"name": tensor["name"], "shape": [1], "datatype": tensor["datatype"],
               "parameters": {"binary_data_size": len(raw)}} for tensor, raw in tensors]
    head = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    return json.dumps(head, separators=(",", ":")).encode(), b"".join(raw for _, raw in tensors)


def grpc_message(model, line):
    """A request as a ModelInferRequest with raw contents, in Protocol Buffers' wire format."""
    def field(number, value):
        assert number < 16
        size, length = b"", len(value)
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + value
    tensors = raw_tensors(line)
    inputs = (field(1, tensor["name"].encode()) + field(2, tensor["datatype"].encode()) + field(3, b"\x01")
              for tensor, _ in tensors)
    return (field(1, model.encode()) + b"".join(field(5, one) for one in inputs)
            + b"".join(field(7, raw) for _, raw in tensors))


def nginx(server, locations, http=""):
    """Starts an nginx of one worker with keep-alive without end and no logs."""
    folder = server.folder / f"nginx-{server.letter}"
    folder.mkdir()
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {http}
    server {{ listen 127.0.0.1:{server.port} backlog=4096; {locations}
    }}
}}
""")
    server.launch(["nginx", "-p", folder, "-c", folder / "nginx.conf"])


def closed_loop(server, connections, shape):
    """One thread of load. Its warm-up run is not counted."""
    server.drive(connections, WARMUP_SECONDS, shape)
    counted, before = settled(server), server.cpu()
    result = server.drive(connections, SECONDS, shape)
    cpu = server.cpu() - before
    if result["bad_status"] or result["socket_errors"]:
        raise SystemExit(f"{server.label}: {result}")
    # The load generator hangs up on what is under way when its time is over.
    check_parity(server, counted, result["requests"], result["requests"] + connections)
    return {"rps": result["requests"] / result["micros"] * 1e6, "cpu_us": cpu / result["requests"] * 1e6,
            "p50_ms": result["p50_us"] / 1e3, "p99_ms": result["p99_us"] / 1e3}


def open_loop(server, rate):
    """plimsoll-bench at a constant rate of arrival."""
    command = [binary("plimsoll-bench"), "load", "--url", server.url, "--bodies", server.bodies,
               "--connections", str(OPEN_CONNECTIONS), "--rate", str(rate), "--seconds", str(SECONDS),
               "--warmup", str(WARMUP_SECONDS), "--pid", str(server.process.pid)]
    if server.token:
        command += ["--header", f"authorization: Bearer {server.token}"]
    counted = settled(server)
    report = json.loads(run(command))
    if report["errors"] or set(report["statuses"]) - {"200"}:
        raise SystemExit(f"{server.label}: {report}")
    sent = report["requests_with_warmup"]
    check_parity(server, counted, sent, sent)
    latency = report["latency"]
    return {"rps": report["per_second"], "cpu_us": report["cpu_us_per_request"],
            "p50_ms": latency["p50_us"] / 1e3, "p99_ms": latency["p99_us"] / 1e3}


def settled(server):
    """What the server has handled, once nothing is under way any more: requests that the run before
    left behind, when its time was up, are not this run's."""
    before, now = None, server.counted()
    while now != before:
        time.sleep(0.1)
        before, now = now, server.counted()
    return now


def check_parity(server, before, least, most):
    """Requests = completions + refusals counted in aggregate, by the server's own counters."""
    if before is None:
        return
    deadline = time.time() + 5
    while True:
        completed, refused = (now - then for now, then in zip(server.counted(), before))
        if least <= completed + refused <= most:
            return
        if time.time() > deadline:
            raise SystemExit(f"{server.label}: {completed} completions and {refused} refusals for "
                             f"{least} to {most} requests")
        time.sleep(0.1)


def cpu_seconds(root):
    """User and system time of a process and its descendants, all threads."""
    parents, ticks = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
            ticks[int(entry)] = sum(int(field) for field in fields[11:15])
    def below(pid):
        while pid in parents and pid != root:
            pid = parents[pid]
        return pid == root
    return sum(ticks[pid] for pid in ticks if below(pid)) / TICKS


def metric(text, name, label=""):
    """The sum of a counter over its labels, or those with `label`; 0 if nothing was counted yet."""
    rows = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? ([0-9.e+]+)", text, re.M)
    return sum(int(float(count)) for labels, count in rows if label in labels)


def admin_key(log):
    """The key that a first start prints, a moment after it answers."""
    for _ in range(START_SECONDS * 10):
        text = Path(log).read_text()
        found = re.search(r"\bplim_[A-Za-z0-9_\-]{20,}", text)
        if found:
            return found.group(0)
        time.sleep(0.1)
    raise SystemExit("no admin key in the output of the first start:\n" + text)


def flat(line):
    """A request of tensors as a flat object."""
    tensors = json.loads(line)["inputs"]
    return json.dumps({t["name"]: t["data"][0] for t in tensors}, separators=(",", ":")) + "\n"


def features():
    """The part of the demo's contract with the features, a text for each, and what follows."""
    text, rest = (CREDIT / "contract.yaml").read_text().split("\ncontext:\n")
    return re.split(r"^(?=  - name: )", text + "\n", flags=re.M), rest


def codes():
    """The code of every category, by feature: its place in the contract's list. None without."""
    found = {}
    for field in features()[0][1:]:
        values = re.search(r"values: \[(.*)\]", field)
        found[re.match(r"  - name: (\w+)", field).group(1)] = values and {
            value: code for code, value in enumerate(values.group(1).split(", "))}
    return found


def matrix_contract(folder):
    """The demo's contract for a caller that sends the features as one matrix of numbers."""
    fields, rest = features()
    def coded(match):
        return f"min: 0\n    max: {match.group(1).count(',')}"
    for place, field in enumerate(fields):
        if "kind: category" in field:
            field = re.sub(r"values: \[(.*)\]", coded, field)
            fields[place] = field.replace("kind: category", "kind: integer")
    path = folder / "matrix.yaml"
    path.write_text(f"{''.join(fields)}context:\n{rest}matrix: {MATRIX}\n")
    return path


def matrix_bodies(folder):
    """The demo's requests with the features as one matrix; context fields stay as they are."""
    path = folder / "matrix.jsonl"
    if not path.exists():
        known = codes()
        def number(name, cell):
            if known[name]:
                return known[name].get(cell)
            return int(cell) if isinstance(cell, bool) else cell
        with path.open("w") as file:
            for line in open(CREDIT / "requests.jsonl"):
                tensors = json.loads(line)["inputs"]
                cells = {tensor["name"]: tensor["data"][0] for tensor in tensors}
                inputs = [tensor for tensor in tensors if tensor["name"] not in known]
                inputs.append({"name": MATRIX, "shape": [1, len(known)], "datatype": "FP64",
                               "data": [number(name, cells[name]) for name in known]})
                file.write(json.dumps({"inputs": inputs}, separators=(",", ":")) + "\n")
    return path


def disk_alone(folder, batch):
    """Overwrites a zero-filled file by batches of records and syncs each: no queue, no CPU."""
    path, size = folder / "disk-alone", 32 << 20
    with open(path, "wb", buffering=0) as file:
        file.write(bytes(size))
        os.fsync(file.fileno())
        records, offset, times = os.urandom(RECORD_BYTES * batch), 0, []
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and offset + len(records) < size:
            begun = time.perf_counter()
            os.pwrite(file.fileno(), records, offset)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e3)
            offset += len(records)
    path.unlink()
    times.sort()
    return {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]}


def free_port(count=1):
    """A port that is free, and so are the next ones."""
    while True:
        sockets = [socket.socket() for _ in range(count)]
        try:
            sockets[0].bind(("127.0.0.1", 0))
            port = sockets[0].getsockname()[1]
            for offset, other in enumerate(sockets[1:], 1):
                other.bind(("127.0.0.1", port + offset))
            return port
        except (OSError, OverflowError):
            continue
        finally:
            for each in sockets:
                each.close()


def wait_for(port, server):
    for _ in range(START_SECONDS * 20):
        if server.process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{server.label} did not start:\n{Path(server.log.name).read_text()}")


def binary(name):
    given = os.environ.get(name.upper().replace("-", "_"))
    path = Path(given) if given else TARGET / "release" / name
    if not path.exists():
        raise SystemExit(f"{name} is not built; run `make bench-gateway`")
    return path


def run(command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed ({done.returncode}): {done.stderr[-2000:]}")
    return done.stdout


def measure(servers):
    """Every round runs every cell once; figures by (letter, loop, load)."""
    figures = {}
    for turn in range(ROUNDS):
        for shape in ("closed", "matrix"):
            for connections in CONNECTIONS:
                for server in asked(servers, shape):
                    figures.setdefault((server.letter, shape, connections), []).append(
                        closed_loop(server, connections, shape))
        for batch in BATCHES:
            figures.setdefault(("disk", "alone", batch), []).append(disk_alone(HERE, batch))
        for index in range(len(RATES)):
            for server in servers:
                for rate in server.rates[index:index + 1]:
                    figures.setdefault((server.letter, "open", rate), []).append(open_loop(server, rate))
        print(f"round {turn + 1} of {ROUNDS} done", file=sys.stderr)
    return figures


def asked(servers, shape):
    return [s for s in servers if shape == "closed" or s.letter in MATRIX_LETTERS]


def median(figures, key, name):
    values = [figure[name] for figure in figures[key]]
    return statistics.median(values), min(values), max(values)


def report(servers, figures):
    """The tables, as Markdown."""
    lines = [f"{ROUNDS} rounds of {SECONDS} s per run; median [least..greatest]. "
             f"{os.cpu_count()} cores, {cpu_name()}, Linux {platform.release()}, "
             f"{nginx_version()}. The load generator shares the cores.", "",
             ]
    for shape, title in (("closed", "one tensor per field"), ("matrix", "features as one matrix")):
        rows = asked(servers, shape)
        if not rows:
            continue
        # Of those that are asked with other bytes it would say something else.
        plain = [server for server in rows if server.letter not in "fgt"]
        size = body_bytes(plain[0].asked_with(shape)[1]) if plain else 0
        lines += [f"Closed loop (wrk, one thread; g: h2load), bodies of {size:,} bytes, {title}:", "",
                  "| | connections | requests/s | CPU µs/request | p50 ms | p99 ms |",
                  "|---|---|---|---|---|---|"]
        for connections in CONNECTIONS:
            lines += [row(server, figures, (server.letter, shape, connections)) for server in rows]
        lines += [""] + ratios(figures, shape) + [""]
    lines += ["The disk alone, overwriting a zero-filled file and syncing, in the same rounds:", "",
              "| records per sync | p50 ms | p99 ms |", "|---|---|---|"]
    for batch in BATCHES:
        cells = [median(figures, ("disk", "alone", batch), name) for name in ("p50_ms", "p99_ms")]
        lines.append(f"| {batch} | " + " | ".join(f"{m:.2f} [{a:.2f}..{z:.2f}]" for m, a, z in cells) + " |")
    lines += ["", f"Open loop (constant rate of arrival, {OPEN_CONNECTIONS} connections, latency from "
              "when a request was due):", "",
              "| | requests/s due | requests/s | CPU µs/request | p50 ms | p99 ms |",
              "|---|---|---|---|---|---|"]
    for rate in sorted({rate for _, loop, rate in figures if loop == "open"}):
        lines += [row(server, figures, (server.letter, "open", rate)) for server in servers
                  if (server.letter, "open", rate) in figures]
    return "\n".join(lines) + "\n"


def body_bytes(path):
    sizes = [len(line) - 1 for line in open(path, "rb")]
    return round(sum(sizes) / len(sizes))


def row(server, figures, key):
    cells = []
    for name, digits in (("rps", 0), ("cpu_us", 1), ("p50_ms", 2), ("p99_ms", 2)):
        middle, least, most = median(figures, key, name)
        cells.append(f"{middle:,.{digits}f} [{least:,.{digits}f}..{most:,.{digits}f}]")
    return f"| **{server.letter}** {server.label} | {key[2]:,} | " + " | ".join(cells) + " |"


def ratios(figures, shape):
    """CPU against the reverse proxy, which is what the budgets are about."""
    lines = []
    for connections in CONNECTIONS:
        cpu = {letter: median(figures, (letter, shape, connections), "cpu_us")[0]
               for letter in "bcdeugtfmn" if (letter, shape, connections) in figures}
        parts = [f"{above}/{below} = {cpu[above] / cpu[below]:.2f}"
                 for above, below in ("cb", "db", "ub", "gb", "tb", "fb", "fc", "mc", "nc") if above in cpu and below in cpu]
        if "e" in cpu and "c" in cpu:
            parts.append(f"e - c = {cpu['e'] - cpu['c']:.1f} µs")
        if parts:
            lines.append(f"CPU at {connections} connections: " + ", ".join(parts) + "  ")
    return lines


def cpu_name():
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found.group(1) if found else platform.machine()


def nginx_version():
    done = subprocess.run(["nginx", "-v"], stderr=subprocess.PIPE, text=True)
    return done.stderr.strip().removeprefix("nginx version: ")


def main():
    for tool in ("nginx", "wrk", "h2load"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is not installed")
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        folder = Path(name)
        answer = NginxAnswer(folder)
        durable = Plimsoll(folder, "c", "durable")
        every = [answer, NginxProxy(folder, answer), durable,
                 Plimsoll(folder, "d", "bounded"), Plimsoll(folder, "e", "durable", explained=True),
                 PlimsollBefore(folder, answer), Grpc(folder, durable), Binary(folder, durable),
                 FastApi(folder), MLServer(folder, "m", "MLServer, as it comes", {}),
                 MLServer(folder, "n", "MLServer, in one process", {"parallel_workers": 0, "debug": False})]
        servers = [server for server in every if server.letter in ONLY]
        started = []
        try:
            for server in every:
                is_needed = (server is answer and set("bu") & set(ONLY)
                             or server is durable and set("gt") & set(ONLY))
                if server in servers or is_needed:
                    started.append(server)
                    server.start()
            figures = measure(servers)
            # The bodies that it measures are in the folder.
            text = report(servers, figures)
        finally:
            for server in reversed(started):
                server.stop()
    print(text)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "gateway.md").write_text(text)
    raw = [{"server": letter, "loop": loop, "load": load, "runs": runs}
           for (letter, loop, load), runs in figures.items()]
    (results / "gateway.json").write_text(json.dumps(raw, indent=1) + "\n")


if __name__ == "__main__":
    main()
