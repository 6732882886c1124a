"""Makes the golden models, rows and margins that tests/formats/xgboost.rs compares to the bit.

Run with Python 3.11 and no arguments: it makes one virtual environment per XGBoost
release (requirements-*.txt) in a temporary folder, trains small models in each, and
writes them beside this file. What XGBoost itself predicts is the golden; nothing here
computes a prediction. Training is seeded and single threaded.

  rows.f32.gz                10,000 x 25 little-endian f32, row-major, NaN = missing
  <release>/<name>.json.gz   the model as JSON, and .ubj.gz as UBJSON
  <release>/<name>.margin.gz       margins of all rows, little-endian f32
  <release>/<name>.prediction.gz   outputs of the first 1,000 rows
  goldens.txt                one line per model: release, name, trees used, margins and outputs per row
"""

import gzip
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RELEASES = ["1.7", "2.1", "3.2"]
ROWS, NUMERIC, CATEGORIES = 10_000, 20, [3, 6, 12, 40, 70]
TRAINED, PREDICTED = 4_000, 1_000


def save(path, data):
    """Writes gzip without a time stamp, so that equal content is an equal file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(data)


def make_rows():
    """Numeric columns on coarse grids (ties with thresholds), skewed, tiny and huge; 8 % missing."""
    import numpy as np

    rng = np.random.default_rng(20)
    columns = []
    for i in range(NUMERIC):
        x = rng.normal(size=ROWS)
        if i % 5 == 1:
            x = np.floor(np.exp(1.5 * x) * 4)
        elif i % 5 == 2:
            x = np.round(x * 50) * 10.0 ** (i - 10)
        else:
            x = np.round(x, 2)
        columns.append(x)
    for count in CATEGORIES:
        # Codes past the trained ones appear in the rows that are only predicted.
        seen = np.minimum(rng.geometric(min(0.5, 3.0 / count), ROWS) - 1, count - 1)
        unseen = rng.integers(0, 2 * count, ROWS)
        late = (np.arange(ROWS) >= TRAINED) & (rng.random(ROWS) < 0.1)
        columns.append(np.where(late, unseen, seen))
    rows = np.stack(columns, axis=1).astype("<f4")
    rows[rng.random(rows.shape) < 0.08] = np.nan
    return rows


def labels(rows):
    """A noisy score of a few columns, which every label below is cut from."""
    import numpy as np

    rng = np.random.default_rng(21)
    x = np.nan_to_num(rows.astype("f8"), nan=0.4)
    odd = np.isin(x[:, 22], [1, 4, 5, 9]) * 1.1 + (x[:, 24] % 3 == 1) * 0.8 - (x[:, 20] == 1) * 0.7
    score = x[:, 0] - 0.8 * x[:, 3] * x[:, 5] + np.log1p(x[:, 1]) * 0.5 + odd - np.abs(x[:, 8]) * 0.6
    return score + rng.normal(size=len(x)) * 0.5


def recipes(release):
    """(name, rounds, parameters) of every model of a release."""
    logistic = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2}
    value = {"objective": "reg:squarederror", "max_depth": 4, "eta": 0.2}
    yield "logistic", 30, logistic | {"base_score": 0.3}
    yield "squared_error", 30, value
    yield "softprob", 12, {"objective": "multi:softprob", "num_class": 3, "max_depth": 3}
    yield "dart", 25, logistic | {"booster": "dart", "rate_drop": 0.3, "skip_drop": 0.3}
    yield "poisson", 20, {"objective": "count:poisson", "max_depth": 4}
    yield "rank", 20, {"objective": "rank:pairwise" if release == "1.7" else "rank:ndcg", "max_depth": 4}
    yield "categorical", 25, logistic | {"max_cat_to_onehot": 7}
    yield "base_score_small", 10, logistic | {"base_score": 0.0037, "max_depth": 3, "min_child_weight": 0.01}
    yield "base_score_negative", 10, value | {"base_score": -7.25, "max_depth": 3}
    yield "stopped", 12, {"objective": "multi:softmax", "num_class": 3, "max_depth": 3, "num_parallel_tree": 2}
    yield "lossguide", 8, value | {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 50}
    if release != "1.7":
        yield "vector_leaf", 12, value | {"multi_strategy": "multi_output_tree"}
        yield "two_targets", 8, value | {"max_depth": 3}
    if release == "3.2":
        small = {"max_depth": 3}
        for name in ["reg:logistic", "binary:logitraw", "binary:hinge", "reg:squaredlogerror", "reg:gamma",
                     "reg:pseudohubererror", "reg:absoluteerror", "reg:tweedie", "survival:cox"]:
            yield name.replace(":", "_"), 5, small | {"objective": name}
        yield "base_score_clamped", 5, logistic | {"base_score": 1e-8, "max_depth": 3, "min_child_weight": 0}
        yield "named_categories", 10, logistic | {"max_cat_to_onehot": 7, "max_depth": 3}
        yield "bench", 100, {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1}


def target(name, objective, score):
    import numpy as np

    if name in ("vector_leaf", "two_targets"):
        return np.stack([score, np.abs(score)], axis=1)
    if objective.startswith("multi:"):
        return np.digitize(score, [-0.5, 0.8])
    if objective in ("binary:logistic", "reg:logistic", "binary:logitraw", "binary:hinge"):
        return (score > 0).astype("f4")
    if objective.startswith("rank:"):
        return np.clip(np.round(score + 2), 0, 4)
    if objective in ("reg:gamma", "reg:squaredlogerror", "survival:cox"):
        return np.abs(score) + 0.1
    if objective in ("count:poisson", "reg:tweedie"):
        return np.floor(np.abs(score))
    return score


def matrix(name, rows, label):
    """The DMatrix of a recipe: plain, coded categories, or a data frame with named ones."""
    import pandas as pd
    import xgboost as xgb

    if name == "named_categories":
        words = [["blue", "green", "röd"], None, None, None, list(range(100, 1_800, 20))]
        frame = pd.DataFrame(rows, columns=[f"f {i}" for i in range(rows.shape[1])])
        for c, count in enumerate(CATEGORIES):
            names = (words[c] or [f"c{c}-{k}" for k in range(2 * count)])
            codes = rows[:, NUMERIC + c]
            codes = [-1 if (x != x or x >= len(names)) else int(x) for x in codes]
            frame[frame.columns[NUMERIC + c]] = pd.Categorical.from_codes(codes, names)
        return xgb.DMatrix(frame, label, enable_categorical=True)
    if name == "categorical":
        types = ["q"] * NUMERIC + ["c"] * len(CATEGORIES)
        return xgb.DMatrix(rows, label, feature_types=types, enable_categorical=True)
    return xgb.DMatrix(rows, label)


def make_models(release):
    import numpy as np
    import xgboost as xgb

    rows = np.frombuffer(gzip.open(HERE / "rows.f32.gz").read(), "<f4").reshape(ROWS, -1)
    score = labels(rows)
    for name, rounds, params in recipes(release):
        label = target(name, params["objective"], score)
        train, test = matrix(name, rows[:TRAINED], label[:TRAINED]), matrix(name, rows, None)
        params = {"tree_method": "hist", "seed": 5, "nthread": 1, "verbosity": 0} | params
        options = {}
        if params["objective"].startswith("rank:"):
            train.set_group([40] * (TRAINED // 40))
        if name == "stopped":
            held = matrix(name, rows[TRAINED:], label[TRAINED:])
            params["eta"] = 2.0
            options = {"evals": [(held, "held")], "early_stopping_rounds": 6, "verbose_eval": False}
        model = xgb.train(params, train, rounds, **options)
        folder = HERE / release
        save(folder / f"{name}.json.gz", bytes(model.save_raw("json")))
        save(folder / f"{name}.ubj.gz", bytes(model.save_raw("ubj")))
        span = {"iteration_range": (0, model.best_iteration + 1)} if options else {}
        margin = model.predict(test, output_margin=True, **span)
        output = model.predict(test, **span)[:PREDICTED]
        save(folder / f"{name}.margin.gz", np.ascontiguousarray(margin, "<f4").tobytes())
        save(folder / f"{name}.prediction.gz", np.ascontiguousarray(output, "<f4").tobytes())
        print(release, name, "best" if options else "all", margin.size // ROWS, output.size // PREDICTED)


def main():
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for release in RELEASES:
            python = pathlib.Path(folder) / release / "bin" / "python"
            subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
            needs = HERE / f"requirements-{release}.txt"
            subprocess.run([python, "-m", "pip", "-q", "install", "-r", needs], check=True)
            if release == RELEASES[0]:
                subprocess.run([python, __file__, "rows"], check=True)
            made = subprocess.run([python, __file__, release], check=True, stdout=subprocess.PIPE, text=True)
            lines.append(made.stdout)
    (HERE / "goldens.txt").write_text("".join(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["rows"]:
        save(HERE / "rows.f32.gz", make_rows().tobytes())
    elif sys.argv[1:]:
        make_models(sys.argv[1])
    else:
        main()
