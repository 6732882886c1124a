"""Trains the demo's second model, on data nobody here made, and writes demo/cancer/.

The Wisconsin diagnostic breast cancer data set (Wolberg, Street and Mangasarian 1995; UCI Machine
Learning Repository, CC BY 4.0) as scikit-learn ships it: 569 samples, 30 numbers about the cell
nuclei in each. The model gives the probability that a sample is malignant. It is an example of a
model file, not a medical device.

The data has no ids; sample and patient numbers are added here, so that the contract can say whom
a decision is about.

    .venv/demo/bin/python demo/train_cancer.py
"""

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer

import artifacts

OUT = artifacts.HERE / "cancer"
SEED = 11
TREES = 60
REQUESTS = 64
PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.15,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "seed": 7,
    "nthread": 1,
}
SENSITIVE = "sensitive"

CONTEXT = [
    {"name": "sample_id", "kind": "string", "description": "the sample", "pattern": r"S\d{4}",
     "max_length": 5, "cls": "personal"},
    {"name": "patient_id", "kind": "string", "description": "the patient", "pattern": r"P\d{4}",
     "max_length": 5, "cls": "personal"},
    {"name": "taken_at", "kind": "timestamp", "description": "when the sample was taken",
     "cls": "personal"},
    {"name": "laboratory", "kind": "category", "description": "who measured it", "values": ["a", "b"]},
]
MAP = {"subjects": ["patient_id"], "interaction": "sample_id", "event_time": "taken_at",
       "slices": ["laboratory"]}


def upper_bound(column):
    """Twice the largest value seen, rounded up to one digit: loose, but not endless."""
    double = 2 * float(column.max())
    digit = 10 ** np.floor(np.log10(double))
    bound = float(np.ceil(double / digit) * digit)
    return int(bound) if bound.is_integer() else round(bound, 6)


def features(bunch):
    return [
        {"name": name.replace(" ", "_"), "kind": "number", "min": 0, "max": upper_bound(column),
         "description": f"{name} of the nuclei in the sample", "cls": SENSITIVE}
        for name, column in zip(bunch.feature_names, bunch.data.T)
    ]


def context_values(index):
    stamp = f"2026-01-{1 + index % 28:02d}T09:{index % 60:02d}:00Z"
    return [f"S{index:04d}", f"P{index // 2:04d}", stamp, "ab"[index % 2]]


def main():
    OUT.mkdir(exist_ok=True)
    bunch = load_breast_cancer()
    rules = features(bunch)
    malignant = bunch.target == 0
    order = np.random.default_rng(SEED).permutation(len(malignant))
    test, train = order[:171], order[171:]

    def frame(rows, label=None):
        return xgb.DMatrix(bunch.data[rows].astype(np.float32), label=label, nthread=1,
                           feature_names=[rule["name"] for rule in rules])

    booster = xgb.train(PARAMETERS, frame(train, malignant[train]), num_boost_round=TREES)
    booster.save_model(OUT / "model.json")

    asked = test[:REQUESTS]
    bodies = []
    for index in asked:
        context = list(zip(CONTEXT, context_values(int(index))))
        values = [(rule, float(v)) for rule, v in zip(rules, bunch.data[index])]
        bodies.append(artifacts.request_body(context + values))
    artifacts.write_lines(OUT / "requests.jsonl", bodies)
    artifacts.write_expected(OUT / "expected.json", booster.predict(frame(asked), output_margin=True),
                             booster.predict(frame(asked)))
    heading = ["What the demo's breast cancer model may be asked. Written by demo/train_cancer.py;",
               "ranges are 0 to twice the largest value of the data set, rounded up."]
    artifacts.write_contract(OUT / "contract.yaml", heading, rules, CONTEXT, MAP)
    artifacts.write_json(OUT / "provenance.json", artifacts.provenance(
        ["train_cancer.py", "artifacts.py"], ["numpy", "scikit-learn", "xgboost-cpu"],
        seed=SEED, parameters=PARAMETERS | {"trees": TREES},
        data={
            "source": "breast cancer Wisconsin (diagnostic), as shipped by scikit-learn; CC BY 4.0",
            "rows": len(train),
            "malignant": int(malignant[train].sum()),
            "sha256": artifacts.digest(bunch.data[train].tobytes() + malignant[train].tobytes()),
        },
        metrics={"held_out": artifacts.metrics(malignant[test], booster.predict(frame(test)))},
        files={name: artifacts.digest(OUT / name)
               for name in ("model.json", "contract.yaml", "requests.jsonl", "expected.json")},
    ))


if __name__ == "__main__":
    main()
