#!/usr/bin/env python3
"""Real model servers as upstreams: MLServer over REST and gRPC, and `mlflow models serve`.

Each serves model.py and is wrapped as a deployment of Plimsoll. 300 generated requests of one to
five rows go to each; every answer must be the model's. Then the servers are stopped, and every
request must get the declared fallback. `make soak` runs it, for the servers take a gigabyte to
install.

    python3 -m venv .venv/upstreams && .venv/upstreams/bin/pip install -r tools/upstreams/requirements.txt
    .venv/upstreams/bin/python tools/upstreams/run.py target/release/plimsoll
"""

import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CONTRACT = HERE.parent.parent / "demo" / "legacy" / "contract.yaml"
BIN = pathlib.Path(sys.executable).parent
COUNT, FALLBACK = 300, 0.125


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(port, deployment, rows):
    kinds = {"age": "INT64", "income": "FP64", "employed": "BOOL", "region": "BYTES", "customer_id": "BYTES"}
    inputs = [{"name": name, "datatype": kind, "shape": [len(rows)], "data": [row[name] for row in rows]}
              for name, kind in kinds.items()]
    call = urllib.request.Request(f"http://127.0.0.1:{port}/v2/models/{deployment}/infer",
                                  json.dumps({"inputs": inputs}).encode(), {"content-type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(call, timeout=30))
    except urllib.error.HTTPError as error:
        return json.load(error)


def made(rng):
    return {"age": rng.randrange(18, 100), "income": round(rng.uniform(0, 9000), 2), "employed": rng.random() < 0.5,
            "region": rng.choice(["north", "south", "east", "west"]), "customer_id": f"C{rng.randrange(10**6)}"}


def right(row):
    letters = len(row["region"]) + len(row["customer_id"])
    return (row["age"] + row["income"] / 1000 + row["employed"] + letters) / 100


def declarations(http, grpc, mlflow):
    inputs = ["age", "income", "employed", "region", {"field": "customer_id", "name": "ID"}]
    oip = {"model": {"name": "credit", "version": "1"}, "answer": {"output": "value", "name": "p"}}
    plain = {"answer": {"output": "value"}}
    for name, kind, port, more in [("mlserver-rest", "oip-v2", http, oip), ("mlserver-grpc", "oip-v2-grpc", grpc, oip),
                                   ("mlflow", "mlflow", mlflow, plain)]:
        yield name, {"upstream": 1, "kind": kind, "endpoints": [f"http://127.0.0.1:{port}"], "inputs": inputs,
                     "deadline_ms": 5000, "fallback": [FALLBACK]} | more


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    rng = random.Random(3)
    with tempfile.TemporaryDirectory(prefix="plimsoll-upstreams-") as name:
        folder = pathlib.Path(name)
        http, grpc, other, ours = free_port(), free_port(), free_port(), free_port()
        (folder / "mlserver" / "credit").mkdir(parents=True)
        (folder / "mlserver" / "settings.json").write_text(json.dumps(
            {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": free_port()}))
        (folder / "mlserver" / "credit" / "model-settings.json").write_text(json.dumps(
            {"name": "credit", "implementation": "model.Served", "parameters": {"version": "1"}}))
        environment = os.environ | {"PYTHONPATH": str(HERE), "PATH": f"{BIN}:{os.environ['PATH']}",
                                    "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        saved = "import mlflow, model, sys; mlflow.pyfunc.save_model(sys.argv[1], python_model=model.Saved())"
        subprocess.run([sys.executable, "-c", saved, folder / "saved"], env=environment, check=True,
                       capture_output=True)
        log = open(folder / "log", "wb")
        def start(*command):
            return subprocess.Popen([str(part) for part in command], env=environment, stdout=log, stderr=log,
                                    start_new_session=True)
        servers = [
            start(BIN / "mlserver", "start", folder / "mlserver"),
            start(BIN / "mlflow", "models", "serve", "-m", folder / "saved", "-p", other, "--env-manager", "local"),
        ]
        plimsoll = start(binary, "serve", "--dev", "--port", ours, "--data", folder / "data", "--keys", folder / "keys",
                         "--set", "ledger.reserve=0")
        try:
            play(binary, folder, rng, ours, servers, dict(declarations(http, grpc, other)))
        except BaseException:
            sys.stderr.write((folder / "log").read_text()[-4000:])
            raise
        finally:
            for server in [*servers, plimsoll]:
                stop(server)


def stop(server):
    """It and the processes that it started, which are a session of their own."""
    if server.poll() is None:
        os.killpg(server.pid, 9)
        server.wait()


def play(binary, folder, rng, port, servers, declared):
    def call(*command):
        subprocess.run([str(part) for part in (binary, *command, "--url", f"http://127.0.0.1:{port}")], check=True,
                       capture_output=True)
    wait(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
    for name, one in declared.items():
        (folder / f"{name}.json").write_text(json.dumps(one))
        call("model", "add", name, folder / f"{name}.json")
        call("deployment", "create", name, "--model", name, "--version", "1", "--contract", CONTRACT,
             "--environment", "development", "--deadline", "10s")
    def answers(name, rows):
        answer = request(port, name, rows)
        fallen = (answer.get("parameters") or {}).get("fallback", False)
        return answer["outputs"][0]["data"], fallen
    for name in declared:
        def is_up():
            assert not answers(name, [made(rng)])[1]
        wait(is_up)
        for _ in range(COUNT):
            rows = [made(rng) for _ in range(rng.randrange(1, 6))]
            got, fallen = answers(name, rows)
            want = [right(row) for row in rows]
            assert not fallen and all(abs(a - b) < 1e-9 for a, b in zip(got, want, strict=True)), (name, got, want)
        print(f"ok  {name}: {COUNT} requests, each answered by the model", flush=True)
    for server in servers:
        stop(server)
    for name in declared:
        for _ in range(30):
            assert answers(name, [made(rng)]) == ([FALLBACK], True), name
        print(f"ok  {name}: stopped, 30 requests, each answered by the fallback", flush=True)


def wait(what):
    """Model servers take their time to start."""
    for tries in range(240):
        try:
            return what()
        except (OSError, AssertionError, KeyError):
            if tries == 239:
                raise
            time.sleep(0.5)


if __name__ == "__main__":
    main()
