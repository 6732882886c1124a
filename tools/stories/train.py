"""The trainer of the two stories that `crates/plimsoll/tests/e2e/stories.rs` tells.

It learns from the last days of a warehouse: a CSV file with the columns `day`, the features, and
the outcome `y`. `plimsoll retrain` runs it as any trainer; by hand, it makes the first model.

    PLIMSOLL_RETRAIN_OUT=/tmp/out python tools/stories/train.py warehouse.csv reg:squarederror --days 7
"""

import argparse
import os
import pathlib

import numpy as np
import xgboost as xgb

TREES = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("warehouse", type=pathlib.Path)
    parser.add_argument("objective")
    parser.add_argument("--days", type=float, default=30, help="days before the last row")
    args = parser.parse_args()
    names = args.warehouse.read_text().split("\n", 1)[0].split(",")
    rows = np.loadtxt(args.warehouse, delimiter=",", skiprows=1)
    day, features, outcome = rows[:, 0], rows[:, 1:-1], rows[:, -1]
    is_recent = day > day.max() - args.days
    data = xgb.DMatrix(features[is_recent], outcome[is_recent], feature_names=names[1:-1])
    parameters = {"objective": args.objective, "max_depth": 4, "eta": 0.15, "nthread": 1, "seed": 1}
    booster = xgb.train(parameters, data, num_boost_round=TREES)
    print(f"learned from {int(is_recent.sum())} rows up to day {day.max():g}", flush=True)
    booster.save_model(pathlib.Path(os.environ["PLIMSOLL_RETRAIN_OUT"]) / "model.json")


if __name__ == "__main__":
    main()
