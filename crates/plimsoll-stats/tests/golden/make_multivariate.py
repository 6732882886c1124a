#!/usr/bin/env python3
"""Makes multivariate.json.gz: small tables, and what NannyML and numpy say of them as wholes.

    python3 make_multivariate.py     (nannyml==0.13.1 statsmodels)

The data sets ship with scikit-learn (breast cancer, wine, diabetes) and NannyML (titanic, car
loan); the rest is generated with the seed below. Of each table:

- the errors of NannyML's DataReconstructionDriftCalculator by chunk, and its thresholds;
- the area of its DomainClassifierCalculator, reference against the whole current table;
- the maximum mean discrepancy without bias, by its formula (Gretton et al. 2012, equation 4), with
  alibi-detect's median heuristic, and its p-value by 1,000 permutations.
"""

import gzip
import json
import os
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd
from sklearn import datasets

warnings.filterwarnings("ignore")


def tables():
    cancer = datasets.load_breast_cancer(as_frame=True).frame.drop(columns="target")
    by = cancer.sort_values("mean texture", kind="stable")
    # What was sorted by would tell the tables apart by itself. Rows come in no order.
    mixed = lambda frame: frame.sample(frac=1.0, random_state=3)
    by = by.drop(columns=["mean texture", "worst texture"])
    yield "breast_cancer", mixed(by.iloc[:300]), mixed(by.iloc[300:])
    rng = np.random.default_rng(21)
    diabetes = datasets.load_diabetes(as_frame=True, scaled=False).frame
    by = diabetes.sort_values("bp", kind="stable").drop(columns="bp")
    yield "diabetes", mixed(by.iloc[:230]), mixed(by.iloc[230:])
    diabetes = mixed(diabetes)
    yield "diabetes_same", diabetes.iloc[:230], diabetes.iloc[230:]
    wine = datasets.load_wine(as_frame=True).frame
    wine = mixed(wine.drop(columns="target"))
    wine = pd.concat([wine, wine + rng.normal(0.0, 0.01, wine.shape) * wine.std().to_numpy()])
    by = wine.sort_values("hue", kind="stable").drop(columns="hue")
    yield "wine", mixed(by.iloc[:180]), mixed(by.iloc[180:])
    reference, current, _ = nannyml.load_titanic_dataset()
    names = ["Age", "Fare", "Pclass", "SibSp", "Sex", "Embarked"]
    yield "titanic", reference[names], current[names]
    reference, current, _ = nannyml.load_synthetic_car_loan_dataset()
    names = ["car_value", "salary_range", "debt_to_income_ratio", "loan_length", "repaid_loan_on_prev_car",
             "size_of_downpayment", "driver_tenure"]
    # What is past its change in the middle of the analysis period.
    yield "car_loan", reference[names][:1000], current[names][-1000:]
    yield "car_loan_same", reference[names][:1000], reference[names][20_000:21_000]
    x = rng.normal(size=(1000, 3))
    whole = pd.DataFrame({"a": x[:, 0], "b": x[:, 0] + 0.3 * x[:, 1], "c": x[:, 2]})
    broken = pd.DataFrame({"a": x[:, 0], "b": rng.permutation(whole["b"]), "c": x[:, 2]})
    yield "correlation", whole[:500], broken[500:]
    holes = whole.copy()
    holes.loc[rng.random(1000) < 0.2, "b"] = np.nan
    holes["d"] = pd.Series(rng.choice(["x", "y", "z"], 1000)).where(rng.random(1000) > 0.1)
    yield "holes", holes[:600], holes[600:]


def chunks(reference, current):
    names = list(reference.columns)
    calculator = nannyml.DataReconstructionDriftCalculator(column_names=names)
    calculator.fit(reference)
    frame = calculator.calculate(current).to_df()
    errors = frame[("reconstruction_error", "value")]
    is_reference = frame[("chunk", "period")] == "reference"
    found = {"reference": errors[is_reference].tolist(), "current": errors[~is_reference].tolist(),
             "lower": float(frame[("reconstruction_error", "lower_threshold")].iloc[0]),
             "upper": float(frame[("reconstruction_error", "upper_threshold")].iloc[0]),
             "alerts": int(frame[("reconstruction_error", "alert")][~is_reference].sum())}
    return found


def area(reference, current):
    calculator = nannyml.DomainClassifierCalculator(feature_column_names=list(reference.columns), chunk_number=1)
    calculator.fit(reference)
    frame = calculator.calculate(current).to_df()
    values = frame[("domain_classifier_auroc", "value")][frame[("chunk", "period")] != "reference"]
    return float(values.iloc[0])


def discrepancy(reference, current):
    parts = []
    for name in reference.columns:
        before, now = reference[name], current[name]
        if pd.api.types.is_numeric_dtype(before) and before.dtype != bool:
            scaled = (pd.concat([before, now]) - before.mean()) / (before.std(ddof=0) or 1.0)
            parts.append(scaled.fillna(0.0).to_numpy()[:, None])
        else:
            both = pd.concat([before, now]).astype(object).where(lambda s: s.notna(), "(missing)")
            parts.append(pd.get_dummies(both).to_numpy(dtype=float))
    rows = np.hstack(parts)
    n, m = len(reference), len(current)
    squares = ((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2)
    N = n + m
    width2 = 0.5 * np.sort(squares.ravel())[N + (N * N - N) // 2 - 1]
    kernel = np.exp(-squares / (2 * width2))
    np.fill_diagonal(kernel, 0.0)

    def squared(order):
        k = kernel[np.ix_(order, order)]
        return k[:n, :n].sum() / (n * (n - 1)) + k[n:, n:].sum() / (m * (m - 1)) - 2 * k[:n, n:].mean()

    found = squared(np.arange(N))
    rng = np.random.default_rng(4)
    as_much = sum(squared(rng.permutation(N)) >= found for _ in range(1000))
    return {"squared": float(found), "width": float(np.sqrt(width2)), "p_value": (1 + int(as_much)) / 1001}


def column(name, before, now):
    plain = lambda s: [None if pd.isna(v) else (float(v) if pd.api.types.is_number(v) and not isinstance(v, (bool, np.bool_)) else str(v)) for v in s]
    return {"name": name, "reference": plain(before), "current": plain(now)}


def main():
    cases = []
    for name, reference, current in tables():
        reference, current = reference.reset_index(drop=True), current.reset_index(drop=True)
        print(name, len(reference), len(current), flush=True)
        cases.append({"name": name, "columns": [column(c, reference[c], current[c]) for c in reference.columns],
                      "nannyml": chunks(reference, current), "area": area(reference, current),
                      "discrepancy": discrepancy(reference, current)})
    path = Path(__file__).with_name("multivariate.json.gz")
    path.write_bytes(gzip.compress(json.dumps(cases).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
