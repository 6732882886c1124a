"""Prints what a prediction costs in other runtimes: the figures beside examples/bench_predict.rs.

Run with the packages of requirements-peers.txt. Same golden rows, 100 trees of depth 6, one
thread, CPU time of the process. A single row is what a Python caller pays, with the smallest
overhead each library offers; rows are passed as one-row float32 arrays made beforehand.

XGBoost and ONNX Runtime evaluate the golden model; LightGBM one of equal size, trained here.
"""

import gzip
import json
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

    label = booster.predict(xgboost.DMatrix(rows)) > 0.5
    params = {"objective": "binary", "num_leaves": 64, "max_depth": 6, "num_threads": 1, "verbosity": -1,
              "min_data_in_leaf": 5}
    peer = lightgbm.train(params, lightgbm.Dataset(rows, label), 100)
    predict = lambda x: peer.predict(x, num_threads=1)
    report(f"lightgbm {lightgbm.__version__} predict", predict, predict, rows)

    # The converter reads base_score as XGBoost wrote it before 3.1, without brackets.
    document = json.loads(text)
    parameters = document["learner"]["learner_model_param"]
    parameters["base_score"] = parameters["base_score"].strip("[]")
    old = xgboost.Booster()
    old.load_model(bytearray(json.dumps(document).encode()))
    old.save_config_ = old.save_config
    old.save_config = lambda: old.save_config_().replace('"[', '"').replace(']"', '"')
    save_raw = old.save_raw
    old.save_raw = lambda *a, **k: bytearray(save_raw(*a, **k).replace(b'"[', b'"').replace(b']"', b'"'))
    try:
        onnx = convert_xgboost(old, initial_types=[("x", FloatTensorType([None, rows.shape[1]]))])
    except Exception as error:
        print(f"onnxruntime: the converter failed ({error}); a LightGBM model instead")
        from onnxmltools import convert_lightgbm

        onnx = convert_lightgbm(peer, initial_types=[("x", FloatTensorType([None, rows.shape[1]]))], zipmap=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx.SerializeToString(), options)
    outputs = [session.get_outputs()[-1].name]
    run = lambda x: session.run(outputs, {"x": x})
    report(f"onnxruntime {onnxruntime.__version__}", run, run, rows)


if __name__ == "__main__":
    main()
