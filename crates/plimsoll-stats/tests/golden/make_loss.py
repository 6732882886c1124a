#!/usr/bin/env python3
"""Makes loss.json.gz: what NannyML's DLE says (nannyml==0.13.1, statsmodels; one environment).

The table of car prices ships with NannyML. Its booster is LightGBM, ours is our own, so that
estimates are near each other and not equal: the test says how near.
"""

import gzip
import json
import os
import warnings
from pathlib import Path

# NannyML would tell its makers of every call.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import pandas as pd  # noqa: E402

# NannyML cannot read pandas' newer texts.
pd.set_option("future.infer_string", False)
import nannyml as nml  # noqa: E402

GOLDEN = Path(__file__).with_name("loss.json.gz")
METRICS = ["mae", "rmse", "mape"]
NUMBERS = ["car_age", "km_driven", "price_new", "accident_count", "door_count"]
WORDS = ["fuel", "transmission"]
CHUNK = 1000
warnings.simplefilter("ignore")


def pick(frame, rows):
    return frame.iloc[rows].reset_index(drop=True)


def main():
    reference, current, truth = nml.load_synthetic_car_price_dataset()
    reference, current = pick(reference, slice(0, 6000)), current.merge(truth, on="id")
    # The last of them drift: newer cars, that are used more.
    current = pick(current, list(range(0, 2 * CHUNK)) + list(range(len(current) - 2 * CHUNK, len(current))))
    columns = NUMBERS + WORDS
    dle = nml.DLE(feature_column_names=columns, y_pred="y_pred", y_true="y_true", metrics=METRICS, chunk_size=CHUNK)
    said = dle.fit(reference).estimate(current.drop(columns=["y_true"])).filter(period="analysis").to_df()
    codes = {word: {text: n for n, text in enumerate(sorted(reference[word].unique()))} for word in WORDS}

    def table(frame):
        shown = {name: frame[name].astype(float).tolist() for name in NUMBERS}
        shown |= {word: frame[word].map(codes[word]).astype(float).tolist() for word in WORDS}
        return {
            "columns": [shown[name] for name in columns],
            "answers": frame["y_pred"].astype(float).tolist(),
            "outcomes": frame["y_true"].astype(float).tolist(),
        }

    golden = {
        "chunk": CHUNK,
        "reference": table(reference),
        "current": table(current),
        "said": {metric: said[(metric, "value")].astype(float).tolist() for metric in METRICS},
    }
    GOLDEN.write_bytes(gzip.compress(json.dumps(golden).encode(), mtime=0))
    print(golden["said"])


if __name__ == "__main__":
    main()
