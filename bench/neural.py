#!/usr/bin/env python3
"""Which runtime for neural ONNX: `rten`, `tract` and `ort`, by compile time, coverage, speed.

Each is a program of a few lines in bench/neural, built alone and from nothing; `ort` loads
onnxruntime's library, which the Python package brings. The models are made here: small networks of
the kinds that stand behind decisions, one operator family each, all [rows, 24] floats in and one
matrix of floats out. A runtime covers a model if it loads it and agrees with onnxruntime within
1e-5 on every row. One thread each, CPU time. Writes bench/results/neural.md; see docs/adr/0018-neural-onnx.md.

    .venv/bench/bin/python bench/neural.py        # needs what `make bench-gateway` installs

Environment: NEURAL_ROWS (10000), NEURAL_BUILD (1: build anew and time it), CARGO_TARGET_DIR.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OUT = HERE / "results"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "neural"
ROWS = int(os.environ.get("NEURAL_ROWS", "10000"))
RUNTIMES = ("rten", "tract", "ort")
WIDTH = 24
rng = np.random.default_rng(18)


class Net:
    """A graph that grows node by node; `at` is its last value."""

    def __init__(self):
        self.nodes, self.weights, self.at = [], [], "x"

    def weight(self, *shape, scale=None, data=None, dtype=np.float32):
        data = rng.normal(0, scale or shape[0] ** -0.5, shape) if data is None else np.array(data)
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(data.astype(dtype), name))
        return name

    def ints(self, *values):
        return self.weight(data=values, dtype=np.int64)

    def add(self, op, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs) or [self.at], names, **attributes))
        self.at = names[0]
        return names if outputs > 1 else names[0]

    def dense(self, width, then, activation=None):
        self.add("Gemm", self.at, self.weight(width, then), self.weight(then, scale=0.1))
        if activation:
            self.add(activation)
        return self.at

    def model(self):
        self.nodes[-1].output[0] = "y"
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", None])
        graph = helper.make_graph(self.nodes, "net", [x], [y], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def mlp(activation):
    net = Net()
    net.dense(WIDTH, 64, activation)
    net.dense(64, 32, activation)
    net.dense(32, 1, "Sigmoid")
    return net


def softmax():
    net = Net()
    net.dense(WIDTH, 64, "Relu")
    net.dense(64, 5)
    net.add("Softmax", axis=1)
    return net


def batch_norm():
    net = Net()
    net.dense(WIDTH, 64)
    scale, bias = net.weight(64, scale=1), net.weight(64, scale=1)
    mean, var = net.weight(64, scale=1), net.weight(data=rng.uniform(0.5, 2, 64))
    net.add("BatchNormalization", net.at, scale, bias, mean, var)
    net.add("Relu")
    net.dense(64, 1, "Sigmoid")
    return net


def gelu():
    net = Net()
    hidden = net.dense(WIDTH, 64)
    net.add("Erf", net.add("Div", hidden, net.weight(data=2 ** 0.5)))
    net.add("Mul", net.add("Mul", hidden, net.add("Add", net.at, net.weight(data=1.0))), net.weight(data=0.5))
    net.dense(64, 1, "Sigmoid")
    return net


def layer_norm():
    net = Net()
    hidden = net.dense(WIDTH, 64, "Relu")
    net.dense(64, 64, "Relu")
    net.add("LayerNormalization", net.add("Add", net.at, hidden), net.weight(64, scale=1), net.weight(64), axis=-1)
    net.dense(64, 1, "Sigmoid")
    return net


def embedding():
    net = Net()
    codes, rest = net.add("Split", "x", net.ints(4, WIDTH - 4), axis=1, outputs=2)
    codes = net.add("Cast", net.add("Clip", net.add("Abs", codes), net.weight(data=0), net.weight(data=9)), to=TensorProto.INT64)
    net.add("Reshape", net.add("Gather", net.weight(10, 8), codes), net.ints(-1, 32))
    net.add("Concat", net.at, rest, axis=1)
    net.dense(32 + WIDTH - 4, 32, "Relu")
    net.dense(32, 1, "Sigmoid")
    return net


def conv():
    net = Net()
    net.add("Reshape", "x", net.ints(-1, 1, WIDTH))
    net.add("Conv", net.at, net.weight(8, 1, 3), net.weight(8), pads=[1, 1], strides=[1], dilations=[1])
    net.add("MaxPool", net.add("Relu"), kernel_shape=[2], strides=[2])
    net.add("Conv", net.at, net.weight(16, 8, 3), net.weight(16), pads=[0, 0], strides=[1], dilations=[1])
    net.add("Flatten", net.add("GlobalAveragePool", net.add("Relu")))
    net.dense(16, 1, "Sigmoid")
    return net


def recurrent(kind):
    net = Net()
    net.add("Transpose", net.add("Reshape", "x", net.ints(-1, 6, 4)), perm=[1, 0, 2])
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind] * 16
    weights = net.weight(1, gates, 4, scale=0.3), net.weight(1, gates, 16, scale=0.3), net.weight(1, 2 * gates, scale=0.1)
    more = {"linear_before_reset": 1} if kind == "GRU" else {}
    states = net.add(kind, net.at, *weights, outputs=2, hidden_size=16, **more)
    net.add("Squeeze", states[1], net.ints(0))
    net.dense(16, 1, "Sigmoid")
    return net


def attention():
    net = Net()
    tokens = net.add("Reshape", "x", net.ints(-1, 6, 4))
    q, k, v = (net.add("MatMul", tokens, net.weight(4, 8)) for _ in range(3))
    scores = net.add("MatMul", q, net.add("Transpose", k, perm=[0, 2, 1]))
    net.add("MatMul", net.add("Softmax", net.add("Div", scores, net.weight(data=8 ** 0.5)), axis=-1), v)
    net.add("ReduceMean", axes=[1], keepdims=0)
    net.dense(8, 1, "Sigmoid")
    return net


MODELS = {
    "MLP, ReLU": lambda: mlp("Relu"), "MLP, tanh": lambda: mlp("Tanh"), "MLP, ELU": lambda: mlp("Elu"),
    "MLP, hard swish": lambda: mlp("HardSwish"), "MLP, softmax": softmax, "batch norm": batch_norm,
    "GELU": gelu, "layer norm": layer_norm, "embedding": embedding, "convolution": conv,
    "LSTM": lambda: recurrent("LSTM"), "GRU": lambda: recurrent("GRU"), "RNN": lambda: recurrent("RNN"),
    "attention": attention,
}


def build(name):
    """Builds a program anew; seconds, crates, bytes."""
    crate, target = HERE / "neural" / name, TARGET / name
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": "0"}
    subprocess.run(["cargo", "fetch", "-q"], cwd=crate, env=environment, check=True)
    if os.environ.get("NEURAL_BUILD", "1") == "1":
        shutil.rmtree(target, ignore_errors=True)
    began = os.times()
    subprocess.run(["cargo", "build", "-q", "--release"], cwd=crate, env=environment, check=True)
    ended = os.times()
    cpu = ended.children_user + ended.children_system - began.children_user - began.children_system
    crates = (crate / "Cargo.lock").read_text().count("[[package]]") - 1
    program = target / "release" / f"neural-{name}"
    return {"seconds": ended.elapsed - began.elapsed, "cpu": cpu, "crates": crates, "bytes": program.stat().st_size}


def ask(name, model, rows, folder):
    """What a program answers to the rows, or why it does not."""
    library = glob.glob(str(Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime.so.*"))[0]
    answers = folder / "answers.f32"
    done = subprocess.run(
        [TARGET / name / "release" / f"neural-{name}", model, str(WIDTH), rows, answers],
        capture_output=True, text=True, env=os.environ | {"ONNXRUNTIME": library, "RTEN_NUM_THREADS": "1"})
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["died"])[0][:100]
    return np.fromfile(answers, np.float32), json.loads(done.stdout)


def main():
    OUT.mkdir(exist_ok=True)
    folder = TARGET / "models"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["| | crates | build, s | build, CPU s | program, MB |", "|---|---|---|---|---|"]
    for name in RUNTIMES:
        made = build(name)
        lines.append(f"| `{name}` | {made['crates']} | {made['seconds']:.0f} | {made['cpu']:.0f} | {made['bytes'] / 1e6:.1f} |")
        print(lines[-1], flush=True)
    rows = rng.normal(0, 1, (ROWS, WIDTH)).astype(np.float32)
    rows.tofile(folder / "rows.f32")
    lines += ["", "| model | " + " | ".join(f"`{name}`: differs by; CPU µs a row, of 1,000 and of one" for name in RUNTIMES) + " |",
              "|---|" + "---|" * len(RUNTIMES)]
    for label, make in MODELS.items():
        path = folder / "model.onnx"
        onnx.save(make().model(), path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        want = onnxruntime.InferenceSession(str(path), options).run(None, {"x": rows})[0].reshape(-1)
        cells = []
        for name in RUNTIMES:
            got, said = ask(name, path, folder / "rows.f32", folder)
            if got is None:
                cells.append(f"no: {said}")
                continue
            differs = float(np.abs(got - want).max()) if got.shape == want.shape else float("inf")
            good = "" if differs <= 1e-5 else "**wrong**, "
            cells.append(f"{good}{differs:.1e}, {said['batch_us']:.2f}, {said['one_us']:.1f}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    (OUT / "neural.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
