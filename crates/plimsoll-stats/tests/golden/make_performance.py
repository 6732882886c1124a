#!/usr/bin/env python3
"""Makes performance.json.gz: what NannyML's CBPE and fairlearn say (nannyml==0.13.1,
fairlearn==0.15.0, statsmodels, scikit-learn; one environment).

The tables ship with NannyML (car loans, multiclass card offers) and scikit-learn (breast cancer).
"""

import gzip
import json
import os
import warnings
from pathlib import Path

# NannyML would tell its makers of every call.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import fairlearn.metrics as fair  # noqa: E402
import nannyml as nml  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn import datasets  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

GOLDEN = Path(__file__).with_name("performance.json.gz")
METRICS = ["roc_auc", "accuracy", "precision", "recall", "specificity", "f1"]
warnings.simplefilter("ignore")


def binary_tables():
    reference, current, _ = nml.load_synthetic_car_loan_dataset()
    pick = lambda frame, rows: frame.iloc[rows].reset_index(drop=True)
    yield "car_loan", pick(reference, slice(0, 4000)), pick(current, slice(-2500, None)), "repaid"
    cancer = datasets.load_breast_cancer(as_frame=True).frame
    columns = ["mean radius", "mean texture", "mean smoothness"]
    fitted = RandomForestClassifier(25, random_state=1, min_samples_leaf=6).fit(cancer[columns][::2], cancer["target"][::2])
    cancer["y_pred_proba"] = fitted.predict_proba(cancer[columns])[:, 1]
    cancer["y_pred"] = (cancer["y_pred_proba"] > 0.5).astype(int)
    yield "breast_cancer", pick(cancer, slice(0, 380)), pick(cancer, slice(380, None)), "target"
    rng = np.random.default_rng(4)
    for name, sharpness in [("generated_calibrated", 1.0), ("generated_overconfident", 3.0)]:
        z = rng.normal(-0.8, 1.3, 3000)
        frame = pd.DataFrame({"target": (rng.random(3000) < 1 / (1 + np.exp(-z))).astype(int),
                              "y_pred_proba": 1 / (1 + np.exp(-sharpness * z))})
        frame["y_pred"] = (frame["y_pred_proba"] > 0.4).astype(int)
        yield name, pick(frame, slice(0, 2000)), pick(frame, slice(2000, None)), "target"


def binary(name, reference, current, target):
    cbpe = nml.CBPE(problem_type="classification_binary", y_pred_proba="y_pred_proba", y_pred="y_pred", y_true=target, metrics=METRICS)
    cbpe.fit(reference.copy())
    # One estimate over the whole current table: thresholds are of the reference's ten chunks.
    cbpe.chunker = nml.chunk.CountBasedChunker(chunk_number=1)
    found = cbpe.estimate(current.copy()).to_df()
    found = found[found["chunk"]["period"] == "analysis"]
    said = {metric: {key: float(found[metric][key].iloc[0]) for key in ["value", "sampling_error", "lower_threshold", "upper_threshold"]}
            for metric in METRICS}
    table = lambda frame: {"scores": frame["y_pred_proba"].tolist(), "answers": [int(v) for v in frame["y_pred"]]}
    return {"name": name, "reference": table(reference) | {"outcomes": [int(v) for v in reference[target]]},
            "current": table(current), "needs_calibration": bool(cbpe.needs_calibration), "said": said}


def multiclass():
    reference, current, _ = nml.load_synthetic_multiclass_classification_dataset()
    # In the first 3,000 rows the decision to calibrate one class hangs on the order in which numpy's unstable sort
    # leaves equal scores: with a stable sort NannyML itself decides otherwise.
    reference, current = reference.iloc[3000:6000].reset_index(drop=True), current.iloc[:2000].reset_index(drop=True)
    classes = ["highstreet_card", "prepaid_card", "upmarket_card"]
    # These scores have two decimals. Calibrated and made to add up to 1 again, equal scores differ, so that
    # NannyML's AUROC depends on the order of its unstable sort: a tenth of a unit of the last decimal tells them apart.
    rng = np.random.default_rng(6)
    for frame in (reference, current):
        for name in classes:
            frame[f"y_pred_proba_{name}"] += rng.uniform(0, 1e-3, len(frame))
        columns = [f"y_pred_proba_{name}" for name in classes]
        frame[columns] = frame[columns].div(frame[columns].sum(axis=1), axis=0)
    cbpe = nml.CBPE(problem_type="classification_multiclass", y_pred="y_pred", y_true="y_true", metrics=METRICS,
                    y_pred_proba={name: f"y_pred_proba_{name}" for name in classes})
    cbpe.fit(reference.copy())
    cbpe.chunker = nml.chunk.CountBasedChunker(chunk_number=1)
    found = cbpe.estimate(current.copy()).to_df()
    found = found[found["chunk"]["period"] == "analysis"]
    said = {metric: {key: float(found[metric][key].iloc[0]) for key in ["value", "lower_threshold", "upper_threshold"]} for metric in METRICS}
    table = lambda frame: {"scores": [frame[f"y_pred_proba_{name}"].tolist() for name in classes],
                           "answers": [classes.index(v) for v in frame["y_pred"]]}
    return {"reference": table(reference) | {"outcomes": [classes.index(v) for v in reference["y_true"]]},
            "current": table(current), "said": said}


def fairness(seed, groups):
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, 600)
    outcome = rng.random(600) < 0.4
    answer = rng.random(600) < 0.2 + 0.3 * outcome + 0.1 * (group == groups[0])
    names = [f"{word}_{kind}" for word in ["demographic_parity", "equalized_odds", "equal_opportunity"] for kind in ["difference", "ratio"]]
    said = {name: float(getattr(fair, name)(outcome, answer, sensitive_features=group)) for name in names}
    return {"groups": list(group), "answers": [int(v) for v in answer], "outcomes": [int(v) for v in outcome], "said": said}


golden = {"binary": [binary(*table) for table in binary_tables()], "multiclass": multiclass(),
          "fairness": [fairness(1, ["a", "b"]), fairness(2, ["a", "b", "c", "d"])]}
with gzip.GzipFile(GOLDEN, "wb", mtime=0) as file:
    file.write(json.dumps(golden, separators=(",", ":")).encode())
