"""Makes the scikit-learn models and margins that tests/formats/sklearn.rs compares.

Run with Python 3.11 and no arguments, after make_goldens.py, whose rows it uses: it makes a virtual
environment (sklearn/requirements.txt, and plimsoll_export from clients/python) in a temporary
folder, trains small models and pipelines, exports them, and writes them to sklearn/. What
scikit-learn itself predicts is the golden; nothing here computes a prediction.

Numbers are those of rows.f32.gz times SCALE in f64. In tables the five category columns are texts
`c<column>-<code>`, and missing ones are NaN (in `table_with_none` None).

  sklearn/<name>.json.gz         what plimsoll_export wrote
  sklearn/<name>.margin.gz       margins of all rows, little-endian f64
  sklearn/<name>.prediction.gz   predict_proba (of two classes the second) or predict, first 1,000 rows
  sklearn/goldens.txt            one line per model: name, rows or table, margins, exact or close
"""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

from make_goldens import CATEGORIES, NUMERIC, PREDICTED, ROWS, TRAINED, labels, save

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "sklearn"
EXPORTER = HERE.parents[3] / "clients/python/plimsoll_export"
SCALE = 1.000000001


def recipes():
    """(name, rows or table, model, label)"""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingClassifier,
        GradientBoostingRegressor,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    small = {"max_depth": 6, "random_state": 5}
    few = small | {"n_estimators": 20}
    median = SimpleImputer(strategy="median")
    numbers, texts = [f"f{i}" for i in range(NUMERIC)], [f"f{NUMERIC + c}" for c in range(len(CATEGORIES))]

    yield "tree", "rows", DecisionTreeClassifier(**small), "binary"
    yield "tree_regressor", "rows", DecisionTreeRegressor(max_leaf_nodes=60, random_state=5), "value"
    yield "forest", "rows", RandomForestClassifier(**few), "binary"
    yield "forest_multiclass", "rows", RandomForestClassifier(**few), "classes"
    yield "forest_regressor", "rows", RandomForestRegressor(**few), "value"
    yield "extra_trees", "rows", make_pipeline(median, ExtraTreesRegressor(**few)), "value"
    yield "boosting", "rows", make_pipeline(median, GradientBoostingClassifier(n_estimators=30, random_state=5)), "binary"
    yield "boosting_multiclass", "rows", make_pipeline(median, GradientBoostingClassifier(n_estimators=10, random_state=5)), "classes"
    yield "boosting_regressor", "rows", make_pipeline(median, GradientBoostingRegressor(n_estimators=20, loss="huber", random_state=5)), "value"
    hist = {"max_iter": 30, "max_leaf_nodes": 15, "random_state": 5, "early_stopping": False}
    coded = hist | {"categorical_features": list(range(NUMERIC, NUMERIC + len(CATEGORIES)))}
    yield "hist", "rows", HistGradientBoostingClassifier(**coded), "binary"
    yield "hist_multiclass", "rows", HistGradientBoostingClassifier(**hist | {"max_iter": 8}), "classes"
    yield "hist_poisson", "rows", HistGradientBoostingRegressor(**coded | {"max_iter": 10, "loss": "poisson"}), "count"
    yield "hist_table", "table", HistGradientBoostingClassifier(**hist | {"categorical_features": texts}), "binary"
    yield "hist_none", "table_with_none", HistGradientBoostingClassifier(**hist | {"categorical_features": texts}), "binary"

    scaled = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    yield "ridge", "rows", make_pipeline(scaled, Ridge()), "value"
    yield "lasso", "rows", make_pipeline(median, MinMaxScaler(clip=True), Lasso(0.001)), "value"
    yield "linear", "rows", make_pipeline(median, RobustScaler(), LinearRegression()), "value"
    yield "logistic_multiclass", "rows", make_pipeline(median, StandardScaler(), LogisticRegression(max_iter=500)), "classes"
    logistic = ColumnTransformer([
        ("numbers", scaled, numbers),
        ("texts", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), texts[:3]),
        ("first", OneHotEncoder(handle_unknown="ignore", drop="first", sparse_output=False), texts[3:4]),
        ("again", OneHotEncoder(handle_unknown="ignore"), texts[:1]),
    ])
    yield "logistic_pipeline", "table", make_pipeline(logistic, LogisticRegression(max_iter=500)), "binary"
    ordinal = ColumnTransformer([
        ("texts", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), texts),
        ("numbers", "passthrough", numbers[::-1]),
    ])
    yield "forest_pipeline", "table", make_pipeline(ordinal, RandomForestClassifier(**few)), "binary"
    scaled_hot = make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False), StandardScaler())
    narrow = ColumnTransformer([("texts", scaled_hot, texts[:2])], remainder=SimpleImputer(strategy="constant", fill_value=-9.5))
    yield "scaled_one_hot", "numbers_and_two_texts", make_pipeline(narrow, Ridge()), "value"


def frame(rows, missing=float("nan")):
    import pandas as pd

    table = pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])
    for c in range(len(CATEGORIES)):
        codes = rows[:, NUMERIC + c]
        texts = [missing if x != x else f"c{c}-{int(x)}" for x in codes]
        table[f"f{NUMERIC + c}"] = pd.Series(texts, dtype=object)
    return table


def make_models():
    import numpy as np

    from plimsoll_export import document
    from plimsoll_export.check import compare

    rows = np.frombuffer(gzip.open(HERE / "rows.f32.gz").read(), "<f4").reshape(ROWS, -1).astype("f8")
    score = labels(rows)
    target = {"binary": np.where(score > 0, "yes", "no"), "classes": np.digitize(score, [-0.5, 0.8]),
              "value": score, "count": np.floor(np.abs(score))}
    rows[:, :NUMERIC] *= SCALE
    table = frame(rows)
    lines = []
    for name, kind, model, label in recipes():
        data = {"rows": rows, "table": table, "table_with_none": frame(rows, None)}.get(kind)
        data = table[table.columns[: NUMERIC + 2]] if data is None else data
        model.fit(data[:TRAINED], target[label][:TRAINED])
        made = document(model)
        compare(made, model, data[-300:])
        text = json.dumps(made, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        save(FOLDER / f"{name}.json.gz", text.encode())
        second = lambda p: p[:, 1] if p.ndim == 2 and p.shape[1] == 2 else p
        if hasattr(model, "decision_function"):
            margin = model.decision_function(data)
        elif hasattr(model, "predict_proba"):
            margin = second(model.predict_proba(data))
        elif label == "count":
            margin = model._raw_predict(data.copy())
        else:
            margin = model.predict(data)
        output = second(model.predict_proba(data)) if hasattr(model, "predict_proba") else model.predict(data)
        save(FOLDER / f"{name}.margin.gz", np.ascontiguousarray(margin, "<f8").tobytes())
        save(FOLDER / f"{name}.prediction.gz", np.ascontiguousarray(output[:PREDICTED], "<f8").tobytes())
        lines.append(f"{name} {kind} {margin.size // ROWS} {'exact' if 'trees' in made else 'close'}\n")
        print(lines[-1], end="", flush=True)
    (FOLDER / "goldens.txt").write_text("".join(lines))


def main():
    with tempfile.TemporaryDirectory() as folder:
        python = pathlib.Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        needs = [python, "-m", "pip", "-q", "install", "-r", FOLDER / "requirements.txt", EXPORTER]
        subprocess.run(needs, check=True)
        subprocess.run([python, __file__, "make"], check=True)


if __name__ == "__main__":
    make_models() if sys.argv[1:] else main()
