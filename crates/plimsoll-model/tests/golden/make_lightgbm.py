"""Makes the LightGBM models and margins that tests/formats/lightgbm.rs compares to the bit.

Run with Python 3.11 and no arguments, after make_goldens.py, whose rows it uses: it makes one
virtual environment per LightGBM release (lightgbm/requirements-*.txt) in a temporary folder,
trains small models in each, and writes them to lightgbm/. What LightGBM itself predicts is the
golden; nothing here computes a prediction. Training is seeded and single threaded.

The rows are those of rows.f32.gz, with the numbers (not the category codes) times SCALE in f64, so
that they need all 53 bits.

  lightgbm/<release>/<name>.txt.gz    the model
  lightgbm/<release>/<name>.raw.gz    predict(raw_score=True) of all rows, little-endian f64
  lightgbm/<release>/<name>.prediction.gz   predict of the first 1,000 rows
  lightgbm/goldens.txt                one line per model: release, name, margins, divisor of raw scores
"""

import gzip
import pathlib
import subprocess
import sys
import tempfile

from make_goldens import CATEGORIES, NUMERIC, PREDICTED, ROWS, TRAINED, labels, save

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "lightgbm"
RELEASES = ["3.3", "4.7"]
SCALE = 1.000000001


def recipes(release):
    """(name, rounds, parameters)"""
    binary = {"objective": "binary", "num_leaves": 15}
    value = {"objective": "regression", "num_leaves": 15}
    yield "plain", 30, binary | {"use_missing": False}
    yield "nan", 30, binary | {"sigmoid": 0.7}
    yield "zero_as_missing", 30, value | {"zero_as_missing": True}
    yield "categorical", 30, binary | {"max_cat_to_onehot": 7, "min_data_per_group": 10, "cat_smooth": 1}
    yield "multiclass", 12, {"objective": "multiclass", "num_class": 3, "num_leaves": 7}
    yield "rf", 20, binary | {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    yield "dart", 20, value | {"boosting": "dart"}
    if release == "4.7":
        yield "goss", 20, value | {"data_sample_strategy": "goss"}
        yield "named_categories", 15, binary | {"min_data_per_group": 10, "cat_smooth": 1}
        yield "deep", 8, value | {"num_leaves": 200, "min_data_in_leaf": 3}
        small = {"num_leaves": 5}
        yield "multiclassova", 5, small | {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.3}
        yield "regression_sqrt", 5, small | {"objective": "regression", "reg_sqrt": True}
        for name in ["regression_l1", "huber", "fair", "quantile", "mape", "poisson", "tweedie", "gamma",
                     "cross_entropy", "cross_entropy_lambda", "lambdarank", "rank_xendcg"]:
            yield name, 5, small | {"objective": name}
        yield "custom", 5, small | {"objective": "custom"}
        yield "bench", 100, {"objective": "binary", "num_leaves": 64, "max_depth": 6, "min_data_in_leaf": 5}


def target(objective, score):
    import numpy as np

    if objective.startswith("multiclass"):
        return np.digitize(score, [-0.5, 0.8])
    if objective in ("binary", "cross_entropy", "cross_entropy_lambda"):
        return (score > 0).astype("f8")
    if objective in ("lambdarank", "rank_xendcg"):
        return np.clip(np.round(score + 2), 0, 4)
    if objective in ("gamma", "mape"):
        return np.abs(score) + 0.1
    if objective in ("poisson", "tweedie"):
        return np.floor(np.abs(score))
    return score


def frame(rows):
    """Named categories: texts, texts, codes that are no categories, and integers."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])
    for c, count in enumerate(CATEGORIES):
        names = list(range(100, 100 + 40 * count, 20)) if c == 4 else [f"c{c}-{k}" for k in range(2 * count)]
        names = ["blue", "green", "röd"] if c == 0 else names
        codes = [-1 if (x != x or x >= len(names)) else int(x) for x in rows[:, NUMERIC + c]]
        table[table.columns[NUMERIC + c]] = pd.Categorical.from_codes(codes, names)
    return table


def make_models(release):
    import lightgbm as lgb
    import numpy as np

    rows = np.frombuffer(gzip.open(HERE / "rows.f32.gz").read(), "<f4").reshape(ROWS, -1).astype("f8")
    score = labels(rows)
    rows[:, :NUMERIC] *= SCALE
    for name, rounds, params in recipes(release):
        objective = params["objective"]
        params = {"seed": 5, "num_threads": 1, "verbosity": -1, "deterministic": True, "force_col_wise": True} | params
        label = target(objective, score)[:TRAINED]
        table = frame(rows) if name == "named_categories" else rows
        options = {}
        if name == "categorical":
            options["categorical_feature"] = list(range(NUMERIC, NUMERIC + len(CATEGORIES)))
        train = lgb.Dataset(table[:TRAINED], label, **options)
        if objective in ("lambdarank", "rank_xendcg"):
            train.set_group([40] * (TRAINED // 40))
        if objective == "custom":
            params["objective"] = lambda predicted, data: (predicted - data.get_label(), np.ones(TRAINED))
        model = lgb.train(params, train, rounds)
        folder = FOLDER / release
        raw = model.predict(table, raw_score=True, num_threads=1)
        save(folder / f"{name}.txt.gz", model.model_to_string().encode())
        save(folder / f"{name}.raw.gz", np.ascontiguousarray(raw, "<f8").tobytes())
        output = model.predict(table[:PREDICTED], num_threads=1)
        save(folder / f"{name}.prediction.gz", np.ascontiguousarray(output, "<f8").tobytes())
        divisor = model.current_iteration() if params.get("boosting") == "rf" else 1
        print(release, name, raw.size // ROWS, divisor)


def main():
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for release in RELEASES:
            python = pathlib.Path(folder) / release / "bin" / "python"
            subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
            needs = FOLDER / f"requirements-{release}.txt"
            subprocess.run([python, "-m", "pip", "-q", "install", "-r", needs], check=True)
            made = subprocess.run([python, __file__, release], check=True, stdout=subprocess.PIPE, text=True)
            lines.append(made.stdout)
    (FOLDER / "goldens.txt").write_text("".join(lines))


if __name__ == "__main__":
    make_models(sys.argv[1]) if sys.argv[1:] else main()
