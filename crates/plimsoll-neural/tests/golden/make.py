#!/usr/bin/env python3
"""Writes the golden networks of this folder and what onnxruntime answers to 10,000 rows.

The networks are those of bench/neural.py. Rows are computed, here and in the test: the value at
place i is (i * 2654435761 + 12345 mod 2^32) / 2^32 * 6 - 3, in 32 bits.

    .venv/bench/bin/python crates/plimsoll-neural/tests/golden/make.py
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "bench"))
import neural  # noqa: E402

ROWS = 10_000
NETS = {"mlp": "MLP, ReLU", "softmax": "MLP, softmax", "batch-norm": "batch norm", "gelu": "GELU",
        "layer-norm": "layer norm", "embedding": "embedding", "convolution": "convolution", "lstm": "LSTM",
        "gru": "GRU", "attention": "attention"}


def main():
    places = np.arange(ROWS * neural.WIDTH, dtype=np.uint64)
    whole = (places * np.uint64(2654435761) + np.uint64(12345)) % np.uint64(2**32)
    rows = (whole.astype(np.float64) / 2**32 * 6 - 3).astype(np.float32).reshape(ROWS, neural.WIDTH)
    for name, label in NETS.items():
        onnx.save(neural.MODELS[label]().model(), HERE / f"{name}.onnx")
        session = onnxruntime.InferenceSession(str(HERE / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        answers = session.run(None, {"x": rows})[0].astype("<f4").reshape(ROWS, -1)
        answers.tofile(HERE / f"{name}.f32")
        print(f"{name}: {answers.shape}, {answers.min():.4f} to {answers.max():.4f}")


if __name__ == "__main__":
    main()
