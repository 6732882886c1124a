"""Trains the demo's credit model and writes everything under demo/credit/.

The rows come from generate.py: the twelve months before go-live. The model is 100 boosted trees
of depth 6. Categories are integer codes in the order of the contract's `values`; the names of the
features are stored in the model. One thread and fixed seeds: a second run on the same kind of
machine writes the same bytes, except where a processor's own exponential function differs.

    .venv/demo/bin/python demo/train.py
"""

import io
import json

import numpy as np
import xgboost as xgb

import artifacts
import refused
from generate import CONTEXT, FEATURES, MAP, SEED, generate, row_values, write_csv

OUT = artifacts.HERE / "credit"
HISTORY = range(-12, 0)
ROWS_PER_MONTH = 5_000
LIVE_MONTHS = range(12)
REQUESTS = 512
SAMPLE_ROWS = 1_000
TREES = 100
PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.08,
    "min_child_weight": 2,
    "subsample": 0.8,
    "colsample_bytree": 0.7,
    "reg_lambda": 2.0,
    "max_cat_to_onehot": 4,
    "seed": 7,
    "nthread": 1,
}


def matrix(columns):
    """The rows as the model sees them: 32-bit floats, categories as codes, NaN when missing."""
    parts = []
    for rule in FEATURES:
        column = columns[rule["name"]]
        if rule["kind"] == "category":
            codes = {name: code for code, name in enumerate(rule["values"])}
            column = [codes.get(name, np.nan) for name in column]
        parts.append(np.asarray(column, dtype=np.float32))
    return np.column_stack(parts)


def frame(data, label=None):
    types = {"category": "c", "boolean": "i", "integer": "int", "number": "float"}
    return xgb.DMatrix(data, label=label, feature_names=[rule["name"] for rule in FEATURES],
                       feature_types=[types[rule["kind"]] for rule in FEATURES],
                       enable_categorical=True, nthread=1)


def history(seed):
    months = [generate(month, ROWS_PER_MONTH, seed) for month in HISTORY]
    data = np.vstack([matrix(columns) for columns, _, _ in months])
    return data, np.concatenate([p for _, p, _ in months]), np.concatenate([y for _, _, y in months])


def live_requests():
    """Rows of months 0 to 11 in order, as bodies, as the model's matrix, and by month."""
    bodies, rows, counts = [], [], []
    for month in LIVE_MONTHS:
        count = REQUESTS // len(LIVE_MONTHS) + (month < REQUESTS % len(LIVE_MONTHS))
        columns, _, _ = generate(month, count, SEED + 2)
        bodies += [artifacts.request_body(row_values(columns, i)) for i in range(count)]
        rows.append(matrix(columns))
        counts.append(count)
    return bodies, np.vstack(rows), counts


def main():
    OUT.mkdir(exist_ok=True)
    train, _, outcome = history(SEED)
    booster = xgb.train(PARAMETERS, frame(train, outcome), num_boost_round=TREES)
    model = OUT / "model.json"
    booster.save_model(model)

    test, truth, test_outcome = history(SEED + 1)
    late, _, late_outcome = generate(11, 12_000, SEED + 1)
    bodies, rows, counts = live_requests()
    artifacts.write_lines(OUT / "requests.jsonl", bodies)
    artifacts.write_lines(OUT / "refused.jsonl", refused.lines(bodies[0]))
    margins = booster.predict(frame(rows), output_margin=True)
    artifacts.write_expected(OUT / "expected.json", margins, booster.predict(frame(rows)))

    sample, _, _ = generate(0, SAMPLE_ROWS, SEED + 3)
    text = io.StringIO()
    write_csv(text, sample, SAMPLE_ROWS)
    (OUT / "applications.csv").write_text(text.getvalue())

    heading = ["What the demo's credit model may be asked. Written by demo/train.py from the ranges",
               "that demo/generate.py documents; the order of `features` is the model's order."]
    artifacts.write_contract(OUT / "contract.yaml", heading, FEATURES, CONTEXT, MAP)
    artifacts.write_json(OUT / "provenance.json", artifacts.provenance(
        ["train.py", "generate.py", "refused.py", "artifacts.py"], ["numpy", "xgboost-cpu"],
        seed=SEED, parameters=PARAMETERS | {"trees": TREES},
        data={
            "source": "demo/generate.py; invented people",
            "months": [HISTORY.start, HISTORY.stop - 1],
            "rows": len(train),
            "defaults": int(outcome.sum()),
            "sha256": artifacts.digest(train.tobytes() + outcome.tobytes()),
        },
        metrics={
            "held_out": artifacts.metrics(test_outcome, booster.predict(frame(test))),
            "held_out_truth": artifacts.metrics(test_outcome, truth),
            "month_11": artifacts.metrics(late_outcome, booster.predict(frame(matrix(late)))),
        },
        requests={"months": counts},
        files={name: artifacts.digest(OUT / name) for name in
               ("model.json", "contract.yaml", "requests.jsonl", "refused.jsonl", "expected.json",
                "applications.csv")},
    ))
    sizes = sorted(len(body) for body in bodies)
    print(json.dumps({"model_bytes": model.stat().st_size,
                      "body_bytes": [sizes[0], sizes[len(sizes) // 2], sizes[-1]]}))


if __name__ == "__main__":
    main()
