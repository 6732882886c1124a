"""A trainer of the demo's credit model, as `plimsoll retrain` runs one.

It learns from the twelve months before the month it is told, as outcomes of the demo's applications
are known to its generator. Where it runs, PLIMSOLL_RETRAIN_MANIFEST says which decisions it was
given, and PLIMSOLL_RETRAIN_OUT where the model goes.

    PLIMSOLL_RETRAIN_OUT=/tmp/out python demo/retrain.py --month 6
"""

import argparse
import json
import os
import pathlib

import numpy as np
import xgboost as xgb

import artifacts
from generate import SEED, generate
from train import PARAMETERS, frame, matrix

ROWS_PER_MONTH = 2_000
TREES = 60


def rows(months, seed):
    parts = [generate(month, ROWS_PER_MONTH, seed) for month in months]
    return np.vstack([matrix(columns) for columns, _, _ in parts]), np.concatenate([y for _, _, y in parts])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--month", type=int, default=6, help="the month it is trained in")
    month = parser.parse_args().month
    given = os.environ.get("PLIMSOLL_RETRAIN_MANIFEST")
    if given:
        manifest = json.loads(pathlib.Path(given).read_text())
        print(f"given {manifest['rows']} decisions of {manifest['deployment']}", flush=True)
    data, outcome = rows(range(month - 12, month), SEED + 4)
    booster = xgb.train(PARAMETERS, frame(data, outcome), num_boost_round=TREES)
    held, truth = rows([month], SEED + 5)
    metrics = artifacts.metrics(truth, booster.predict(frame(held)))
    print(f"AUC and others on month {month}: {json.dumps(metrics)}", flush=True)
    out = pathlib.Path(os.environ["PLIMSOLL_RETRAIN_OUT"])
    booster.save_model(out / "model.json")
    (out / "metrics.json").write_text(json.dumps(metrics))


if __name__ == "__main__":
    main()
