#!/usr/bin/env python3
"""The same thousand requests to Plimsoll and to MLServer, and where their answers differ.

Both serve one small tree under the name `tree`, version 1. The requests are made with a fixed
seed: valid ones in every form of the Open Inference Protocol's JSON, and broken ones. Status
classes are compared, and where both answer, the parsed outputs. Differences are counted by the
kind of request; those that are meant are listed in docs/protocols.md, any other ends the run
with 1.

    python3 -m venv .venv/mlserver && .venv/mlserver/bin/pip install -r tools/differential/requirements.txt
    .venv/mlserver/bin/python tools/differential/run.py target/release/plimsoll
"""

import collections
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
COUNT = 1000
OURS, THEIRS = 9480, 9490
# What is refused here and answered there, or the other way round, on purpose.
MEANT = {
    "unknown output": "a wish for an output that does not exist is refused; MLServer ignores it",
    "unknown tensor": "a tensor that the contract does not name is refused; MLServer passes it on",
    "duplicate tensor": "refused; MLServer passes both on",
    "duplicate key": "refused; MLServer takes the last",
    "unknown member": "refused; MLServer ignores it",
    "boolean as number": "the contract's kinds are strict; MLServer converts",
    "text as number": "the contract's kinds are strict; MLServer converts",
    "number as text": "the contract's kinds are strict; MLServer converts",
    "integer beyond 2^53": "refused, since not every reader keeps it; MLServer rounds",
    "missing tensor": "the caller's error; MLServer leaves it to the model (500)",
    "null": "refused where the contract does not allow it; MLServer reads it as NaN",
    "uneven rows": "refused; MLServer leaves it to the model",
    "huge shape": "the caller's error; MLServer says its own (500)",
    "no inputs": "the caller's error; MLServer says its own (500)",
    "count beyond shape": "refused; MLServer answers as if nothing were wrong",
    "count below shape": "refused; MLServer answers as if nothing were wrong",
    "negative shape": "refused; MLServer answers as if nothing were wrong",
    "wrong datatype": "refused; MLServer answers as if nothing were wrong",
    "no rows": "refused; MLServer answers with nothing",
    "fraction as integer": "refused; MLServer cuts it",
}


def tensor(name, datatype, shape, data, **more):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def numbers(rng, datatype, count):
    if datatype.startswith("FP"):
        return [round(rng.uniform(0, 120), 3) for _ in range(count)]
    return [rng.randrange(0, 100) for _ in range(count)]


def valid(rng):
    rows = rng.choice([1, 1, 1, 2, 3, 10, 100])
    inputs = []
    for name in ["age", "income"]:
        datatype = rng.choice(["FP64", "FP32", "INT64", "INT32", "UINT8", "INT16"])
        data = numbers(rng, datatype, rows)
        shape = rng.choice([[rows], [rows, 1]])
        if len(shape) == 2 and rng.random() < 0.5:
            data = [[value] for value in data]
        one = tensor(name, datatype, shape, data)
        if rng.random() < 0.2:
            one["parameters"] = {"content_type": "np"}
        inputs.append(one)
    rng.shuffle(inputs)
    request = {"inputs": inputs}
    if rng.random() < 0.4:
        request["id"] = f"r{rng.randrange(10**6)}"
    if rng.random() < 0.2:
        request["parameters"] = {"a": 1, "b": "text", "c": True}
    if rng.random() < 0.2:
        request["outputs"] = [{"name": OUTPUT}]
    members = list(request.items())
    rng.shuffle(members)
    return dict(members)


def broken(rng):
    """Kind, path and body of a request that breaks one rule."""
    request = valid(rng)
    first = request["inputs"][0]
    path = "/v2/models/tree/infer"
    text = None
    kind = rng.choice(sorted(BROKEN))
    change = BROKEN[kind]
    result = change(request, first)
    if isinstance(result, str):
        if result.startswith("/"):
            path = result
        else:
            text = result
    return kind, path, text if text is not None else json.dumps(request)


def _set(one, **members):
    one.update(members)


BROKEN = {
    "not JSON": lambda r, t: json.dumps(r)[:-1],
    "a list": lambda r, t: "[1]",
    "nothing": lambda r, t: " ",
    "no inputs": lambda r, t: _set(r, inputs=[]),
    "inputs is an object": lambda r, t: _set(r, inputs={}),
    "no inputs member": lambda r, t: r.pop("inputs") and None,
    "no name": lambda r, t: t.pop("name") and None,
    "no datatype": lambda r, t: t.pop("datatype") and None,
    "no shape": lambda r, t: t.pop("shape") and None,
    "no data": lambda r, t: t.pop("data") and None,
    "unknown datatype": lambda r, t: _set(t, datatype="FP7"),
    "wrong datatype": lambda r, t: _set(t, datatype="BYTES"),
    "shape is a text": lambda r, t: _set(t, shape="x"),
    "negative shape": lambda r, t: _set(t, shape=[-1]),
    "huge shape": lambda r, t: _set(t, shape=[2**40, 2**30]),
    "count beyond shape": lambda r, t: _set(t, data=list(t["data"]) + [t["data"][0]]),
    "count below shape": lambda r, t: _set(t, shape=[t["shape"][0] + 1]),
    "uneven rows": lambda r, t: _set(t, shape=[101], data=[1] * 101, datatype="FP64"),
    "no rows": lambda r, t: _set(t, shape=[0], data=[]),
    "unknown tensor": lambda r, t: r["inputs"].append(tensor("other", "FP64", [1], [1])),
    "duplicate tensor": lambda r, t: r["inputs"].append(dict(t)),
    "missing tensor": lambda r, t: _set(r, inputs=[i for i in r["inputs"] if i["name"] != "age"]),
    "duplicate key": lambda r, t: json.dumps(r)[:-1] + ', "inputs": ' + json.dumps(r["inputs"]) + "}",
    "unknown member": lambda r, t: _set(r, surplus=1),
    "unknown output": lambda r, t: _set(r, outputs=[{"name": "nothing"}]),
    "boolean as number": lambda r, t: _set(t, shape=[1], data=[True], datatype="FP64"),
    "text as number": lambda r, t: _set(t, shape=[1], data=["7"], datatype="FP64"),
    "number as text": lambda r, t: _set(t, shape=[1], data=[7], datatype="BYTES"),
    "fraction as integer": lambda r, t: _set(t, shape=[1], data=[7.5], datatype="INT64"),
    "integer beyond 2^53": lambda r, t: _set(t, shape=[1], data=[2**60], datatype="INT64"),
    "null": lambda r, t: [_set(i, shape=[1], data=[None], datatype="FP64") for i in r["inputs"]] and None,
    "unknown model": lambda r, t: "/v2/models/nobody/infer",
    "unknown version": lambda r, t: "/v2/models/tree/versions/9/infer",
    "the version that answers": lambda r, t: "/v2/models/tree/versions/1/infer",
}


def send(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body.encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def parsed(answer):
    def flat(data):
        return [x for item in data for x in (flat(item) if isinstance(item, list) else [item])]

    outputs = answer["outputs"]
    names = [(o["name"], o["datatype"], o["shape"][0], flat(o["data"])) for o in outputs]
    return answer["model_name"], str(answer.get("model_version")), names


def start(binary, folder):
    url = f"http://127.0.0.1:{OURS}"
    log = open(folder / "log", "w", encoding="utf-8")
    quiet = {"stdout": log, "stderr": log}
    arguments = ["--data", folder / "data", "--keys", folder / "keys", "--set", "ledger.reserve=0"]
    ours = subprocess.Popen([binary, "serve", "--dev", "--port", str(OURS), *arguments], **quiet)
    wait(OURS)
    subprocess.run([binary, "model", "add", "tree", HERE / "model.json", "--url", url], check=True, **quiet)
    make = ["--model", "tree", "--version", "1", "--environment", "development", "--url", url]
    make += ["--contract", HERE / "contract.yaml"]
    subprocess.run([binary, "deployment", "create", "tree", *make], check=True, **quiet)
    return ours, quiet


def start_mlserver(folder, quiet):
    (folder / "tree.py").write_text((HERE / "tree.py").read_text())
    settings = {"http_port": THEIRS, "grpc_port": THEIRS + 1, "metrics_port": THEIRS + 2, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps(settings))
    parameters = {"version": "1", "extra": {"output": OUTPUT}}
    model = {"name": "tree", "implementation": "tree.Tree", "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps(model))
    mlserver = pathlib.Path(sys.executable).with_name("mlserver")
    theirs = subprocess.Popen([mlserver, "start", "."], cwd=folder, **quiet)
    wait(THEIRS)
    return theirs


def wait(port):
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"nothing answers on port {port}")


def kind_of(status):
    return f"{status // 100}xx"


def compare(rng):
    """Requests by kind: how many, how many agree, an example of how they do not."""
    seen = collections.defaultdict(lambda: [0, 0, ""])
    for index in range(COUNT):
        if index % 2:
            kind, path, body = broken(rng)
        else:
            kind, path, body = "valid", "/v2/models/tree/infer", json.dumps(valid(rng))
        ours, theirs = send(OURS, path, body), send(THEIRS, path, body)
        same = kind_of(ours[0]) == kind_of(theirs[0])
        if same and ours[0] == 200:
            same = parsed(ours[1]) == parsed(theirs[1])
        seen[kind][0] += 1
        seen[kind][1] += same
        if not same:
            seen[kind][2] = f"{ours[0]} here, {theirs[0]} there"
            if ours[0] == theirs[0] == 200:
                seen[kind][2] = f"{parsed(ours[1])} here, {parsed(theirs[1])} there"
    return seen


def main():
    global OUTPUT
    binary = pathlib.Path(sys.argv[1]).resolve()
    running = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            ours, quiet = start(binary, folder)
            running.append(ours)
            url = f"http://127.0.0.1:{OURS}/v2/models/tree"
            OUTPUT = json.loads(urllib.request.urlopen(url).read())["outputs"][0]["name"]
            running.append(start_mlserver(folder, quiet))
            seen = compare(random.Random(1))
        finally:
            for process in running:
                process.terminate()
                process.wait()
    surprises = 0
    for kind, (count, same, example) in sorted(seen.items()):
        meant = MEANT.get(kind) if same < count else ""
        surprises += same < count and not meant
        print(f"{kind:26} {count:4} {same:4} same  {example}  {meant if meant else ''}")
    total = sum(count for count, _, _ in seen.values())
    print(f"{total} requests, {sum(same for _, same, _ in seen.values())} alike, {surprises} surprises")
    sys.exit(1 if surprises else 0)


OUTPUT = ""

if __name__ == "__main__":
    main()
