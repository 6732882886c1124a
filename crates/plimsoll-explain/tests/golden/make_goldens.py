"""Makes the SHAP values that tests/shap/reference.rs compares with: those of XGBoost and of `shap`.

Run with Python 3.11 and no arguments: it makes a virtual environment from requirements.txt in a
temporary folder. Models and rows come from plimsoll-model's goldens and from the demo; one more
data set is made and trained here. Nothing here computes a SHAP value.

LightGBM's models are those of plimsoll-model's goldens, with its rows in f64.

  <set>.rows.gz     rows of a set that is not among plimsoll-model's goldens, as there
  <set>.ubj.gz      its model
  <set>.<reference>.gz   little-endian f32: the contributions of the first FULL rows, one per output
                    and feature, then for every row and output FOLDS sums of its contributions with
                    fixed signs. A wrong contribution shows in the sums; 10,000 rows stay small.
  goldens.txt       one line per comparison: set, model, rows, reference, outputs, features
"""

import gzip
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
MODELS = ROOT / "crates" / "plimsoll-model" / "tests" / "golden"
ROWS, FULL, FOLDS = 10_000, 50, 2
# The rows that interventional values are averaged over.
BACKGROUND = slice(5_000, 5_100)
MASK = (1 << 64) - 1
# SCALE of plimsoll-model's make_lightgbm.py.
LIGHTGBM_SCALE = 1.000000001


def save(path, data):
    """Writes gzip without a time stamp, so that equal content is an equal file."""
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(data)


def read(path):
    return gzip.open(path).read()


def mixed(number):
    """SplitMix64's last step, as in tests/shap/reference.rs."""
    number = (number + 0x9E3779B97F4A7C15) & MASK
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & MASK
    return number ^ number >> 31


def folded(values):
    """values: rows x outputs x features, f64."""
    import numpy as np

    features = values.shape[2]
    signs = np.array([[1.0 if mixed(fold * 65_536 + f) & 1 else -1.0 for f in range(features)]
                      for fold in range(FOLDS)])
    sums = np.einsum("rof,kf->rok", values, signs)
    return values[:FULL].astype("<f4").tobytes() + sums.astype("<f4").tobytes()


def credit():
    """10,000 applications: each column drawn from the demo's thousand on its own."""
    import numpy as np
    import pandas as pd

    sys.path.insert(0, str(ROOT / "demo"))
    from generate import FEATURES

    frame = pd.read_csv(ROOT / "demo" / "credit" / "applications.csv")
    rng = np.random.default_rng(31)
    columns = []
    for rule in FEATURES:
        column = frame[rule["name"]]
        if rule["kind"] == "category":
            column = column.map({name: code for code, name in enumerate(rule["values"])})
        elif column.dtype == object:
            column = column.map({True: 1.0, False: 0.0, "true": 1.0, "false": 0.0})
        columns.append(column.astype("f4").to_numpy()[rng.integers(0, len(frame), ROWS)])
    return np.column_stack(columns).astype("<f4")


def wide():
    """40 columns on coarse grids, a tenth missing, and a label with interactions."""
    import numpy as np

    rng = np.random.default_rng(32)
    rows = rng.integers(0, 7, (ROWS, 40)).astype("<f4")
    rows[rng.random(rows.shape) < 0.1] = np.nan
    x = np.nan_to_num(rows, nan=2.5)
    label = x[:, 0] * x[:, 1] - 2 * x[:, 2] + (x[:, 3] > 3) * x[:, 4] + x[:, 5:].sum(1) * 0.1
    return rows, label + rng.normal(size=ROWS)


def train_wide(rows, label):
    import xgboost as xgb

    params = {"objective": "reg:squarederror", "max_depth": 8, "eta": 0.2, "min_child_weight": 60,
              "tree_method": "hist", "seed": 5, "nthread": 1}
    return bytes(xgb.train(params, xgb.DMatrix(rows, label), 40).save_raw("ubj"))


def make():
    import numpy as np
    import shap
    import xgboost as xgb

    common = np.frombuffer(read(MODELS / "rows.f32.gz"), "<f4").reshape(ROWS, -1)
    rows, label = wide()
    save(HERE / "wide.rows.gz", rows.tobytes())
    save(HERE / "wide.ubj.gz", train_wide(rows, label))
    applications = credit()
    save(HERE / "credit.rows.gz", applications.tobytes())
    sets = [
        ("bench", "3.2/bench", common),
        ("categorical", "3.2/categorical", common),
        ("softprob", "3.2/softprob", common),
        ("dart", "3.2/dart", common),
        ("lossguide", "3.2/lossguide", common),
        ("poisson", "3.2/poisson", common),
        ("wide", None, rows),
        ("credit", None, applications),
    ]
    lines = []
    for name, golden, rows in sets:
        booster = xgb.Booster({"nthread": 1})
        if golden:
            model = read(MODELS / f"{golden}.ubj.gz")
        elif name == "credit":
            model = (ROOT / "demo" / "credit" / "model.json").read_bytes()
        else:
            model = read(HERE / f"{name}.ubj.gz")
        booster.load_model(bytearray(model))
        types = booster.feature_types
        matrix = xgb.DMatrix(rows, feature_types=types, feature_names=booster.feature_names,
                             enable_categorical=True)
        contribs = booster.predict(matrix, pred_contribs=True).astype("f8")
        contribs = contribs.reshape(ROWS, -1, rows.shape[1] + 1)[:, :, :-1]
        references = {"xgboost": contribs}
        if name in ["bench", "wide"]:
            # `shap` refuses categories, and its path-dependent values of XGBoost are XGBoost's.
            path = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
            own = path.shap_values(rows[:FULL].astype("f8"), approximate=False, check_additivity=False)
            print(name, "shap's path-dependent values differ from xgboost's by",
                  np.abs(own - contribs[:FULL, 0]).max(), file=sys.stderr)
        if name in ["bench", "wide", "softprob", "poisson"]:
            background = rows[BACKGROUND].astype("f8")
            explainer = shap.TreeExplainer(booster, background, feature_perturbation="interventional")
            values = explainer.shap_values(rows.astype("f8"), check_additivity=False)
            values = np.asarray(values).reshape(ROWS, rows.shape[1], -1)
            references["shap"] = np.moveaxis(values, 2, 1)
        for reference, values in references.items():
            save(HERE / f"{name}.{reference}.gz", folded(values))
            lines.append(f"{name} {golden or '-'} {reference} {values.shape[1]} {values.shape[2]}\n")
            print(lines[-1], end="", file=sys.stderr)
    lines += lightgbm(common)
    (HERE / "goldens.txt").write_text("".join(lines))


def lightgbm(common):
    """pred_contrib of every kind of test that LightGBM has."""
    import lightgbm

    rows = common.astype("f8")
    rows[:, :20] *= LIGHTGBM_SCALE
    lines = []
    for name in ["plain", "nan", "zero_as_missing", "categorical", "multiclass", "dart", "deep"]:
        model = read(MODELS / "lightgbm" / "4.7" / f"{name}.txt.gz").decode()
        booster = lightgbm.Booster(model_str=model)
        values = booster.predict(rows, pred_contrib=True, num_threads=1)
        values = values.reshape(ROWS, -1, rows.shape[1] + 1)[:, :, :-1]
        save(HERE / f"lightgbm_{name}.lightgbm.gz", folded(values))
        lines.append(f"lightgbm_{name} lightgbm/4.7/{name} lightgbm {values.shape[1]} {values.shape[2]}\n")
        print(lines[-1], end="", file=sys.stderr)
    return lines


def main():
    with tempfile.TemporaryDirectory() as folder:
        python = pathlib.Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "-q", "install", "-r", HERE / "requirements.txt"], check=True)
        subprocess.run([python, __file__, "make"], check=True)


if __name__ == "__main__":
    make() if sys.argv[1:] == ["make"] else main()
