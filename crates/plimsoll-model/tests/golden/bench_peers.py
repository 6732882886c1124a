"""Prints what a prediction costs in other runtimes: the figures beside examples/bench_predict.rs.

Run with the packages of requirements-peers.txt. Same golden rows, 100 trees of depth 6, one
thread, CPU time of the process. A single row is what a Python caller pays, with the smallest
overhead each library offers; rows are passed as one-row float32 arrays made beforehand.

XGBoost, LightGBM and ONNX Runtime evaluate the golden models of their formats.
"""

import gzip
import os
import pathlib
import time

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm
import numpy as np
import onnxruntime
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 1.0


def cost(run, rows):
    """CPU microseconds per row: mean over at least SECONDS, after one pass to warm up."""
    run()
    passes, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        run()
        passes += 1
    return (time.process_time() - start) / passes / rows * 1e6


def report(name, single, batch, rows):
    singles = [rows[i : i + 1] for i in range(300)]

    def all_singles():
        for row in singles:
            single(row)

    one, many = cost(all_singles, len(singles)), cost(lambda: batch(rows), len(rows))
    print(f"{name}: single row {one:.2f} µs CPU, batch {many:.3f} µs CPU, {1e6 / many:,.0f} rows per CPU-second")


def main():
    rows = np.frombuffer(gzip.open(HERE / "rows.f32.gz").read(), "<f4").reshape(10_000, -1).copy()
    text = gzip.open(HERE / "3.2/bench.json.gz").read()

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(text))
    inplace = lambda x: booster.inplace_predict(x, validate_features=False)
    report(f"xgboost {xgboost.__version__} inplace_predict", inplace, inplace, rows)

    peer = lightgbm.Booster(model_str=gzip.open(HERE / "lightgbm/4.7/bench.txt.gz").read().decode())
    predict = lambda x: peer.predict(x, num_threads=1)
    report(f"lightgbm {lightgbm.__version__} predict", predict, predict, rows)

    def session(onnx):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(onnx, options)

    types = [("x", FloatTensorType([None, rows.shape[1]]))]
    graphs = {"the XGBoost model": convert_xgboost(booster, initial_types=types).SerializeToString()}
    for name in ["forest", "mlp"]:
        graphs[f"onnx/{name}"] = gzip.open(HERE / f"onnx/{name}.onnx.gz").read()
    full = np.nan_to_num(rows, nan=np.float32(0.5))
    for name, graph in graphs.items():
        made = session(graph)
        feed = made.get_inputs()[0].name
        outputs = [made.get_outputs()[-1].name]
        run = lambda x: made.run(outputs, {feed: x})
        report(f"onnxruntime {onnxruntime.__version__}, {name}", run, run, full)


if __name__ == "__main__":
    main()
