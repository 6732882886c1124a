"""Makes the models of the other formats that e2e/formats.rs serves, and what they must answer.

Run with Python 3.11 and the packages of requirements.txt, and plimsoll_export from clients/python on
the path. For each of lightgbm.txt, sklearn.json, model.onnx: contract.yaml beside it, and
expected.json with requests and the framework's own answers.
"""

import json
import pathlib

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
from plimsoll_export import export
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
REGIONS = ["north", "east", "south", "west"]


def rows(count, seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({
        "income": np.round(rng.lognormal(8, 0.6, count), 2),
        "age": rng.integers(18, 90, count).astype(float),
        "region": rng.choice(REGIONS, count),
    })
    table.loc[rng.random(count) < 0.15, "age"] = np.nan
    risk = 4 - table.income / 1_500 + (table.region == "south") * 1.2 - table.age.fillna(50) / 60
    return table, (risk + rng.normal(size=count) > 0).astype(int)


def main():
    table, label = rows(2_000, 1)
    asked, _ = rows(12, 2)
    expected = {}
    contract = """version: 1
features:
- {name: income, kind: number, min: 0}
- {name: age, kind: number, nullable: true}
- {name: region, kind: REGION}
limits: {max_rows: 64}
"""
    category = "category, values: [west, south, east, north]"

    # LightGBM: a data frame's category column, its categories in the file; the contract lists them in another order.
    def typed(frame):
        return frame.assign(region=pd.Categorical(frame.region, REGIONS))

    params = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "seed": 1, "min_data_per_group": 10}
    trees = lightgbm.train(params, lightgbm.Dataset(typed(table), label), 12)
    (HERE / "lightgbm.txt").write_text(trees.model_to_string())
    (HERE / "lightgbm.yaml").write_text(contract.replace("REGION", category))
    expected["lightgbm.txt"] = trees.predict(typed(asked)).tolist()

    # scikit-learn: a pipeline; a region that was never seen is no region, as the encoder says.
    columns = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["income", "age"]),
        ("texts", OneHotEncoder(handle_unknown="ignore"), ["region"]),
    ])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(table, label)
    strange = asked.copy()
    strange.loc[0, "region"] = "elsewhere"
    export(pipeline, HERE / "sklearn.json", check=strange)
    (HERE / "sklearn.yaml").write_text(contract.replace("REGION", "string, max_length: 40"))
    expected["sklearn.json"] = pipeline.predict_proba(strange)[:, 1].tolist()

    # ONNX: an input per column, one of texts.
    columns = ColumnTransformer([("texts", OneHotEncoder(handle_unknown="ignore"), ["region"]), ("numbers", "passthrough", ["income", "age"])])
    full = table.fillna({"age": 50.0})
    forest = make_pipeline(columns, RandomForestClassifier(8, max_depth=4, random_state=1)).fit(full, label)
    types = [(c, StringTensorType([None, 1]) if c == "region" else FloatTensorType([None, 1])) for c in full.columns]
    graph = to_onnx(forest, initial_types=types).SerializeToString()
    (HERE / "model.onnx").write_bytes(graph)
    (HERE / "model.yaml").write_text(contract.replace("REGION", category).replace(", nullable: true", ""))
    session = onnxruntime.InferenceSession(graph)
    feed = asked.fillna({"age": 50.0})
    feed = {c: feed[[c]].to_numpy(object if c == "region" else "f4") for c in feed.columns}
    expected["model.onnx"] = [list(one.values()) for one in session.run(None, feed)[1]]

    requests = {
        "lightgbm.txt": asked, "sklearn.json": strange, "model.onnx": asked.fillna({"age": 50.0}),
    }
    as_rows = lambda frame: [{k: None if v != v else v for k, v in row.items()} for row in frame.to_dict("records")]
    made = {name: {"rows": as_rows(frame), "answers": expected[name]} for name, frame in requests.items()}
    (HERE / "expected.json").write_text(json.dumps(made, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
