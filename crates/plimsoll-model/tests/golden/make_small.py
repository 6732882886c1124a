"""Makes the smallest models of each format, which tests/formats/hostile_formats.rs breaks.

Run with the packages of onnx/requirements.txt.
"""

import json
import pathlib

import lightgbm as lgb
import numpy as np
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

out = pathlib.Path(__file__).resolve().parent
rng = np.random.default_rng(3)
df = pd.DataFrame({"age": np.round(rng.normal(50, 10, 400)), "kind": pd.Categorical(rng.choice(["a", "b", "c"], 400)), "sum": np.round(rng.normal(30, 5, 400), 1)})
df.loc[::7, "age"] = np.nan
y = (df.kind == "b") + df["sum"] / 30 + (df.age > 50)
m = lgb.train({"objective": "regression", "num_leaves": 4, "verbosity": -1, "min_data_per_group": 5, "seed": 1, "num_threads": 1}, lgb.Dataset(df, y), 2)
text = m.model_to_string()
head, rest = text.split("parameters:\n")
keep = [l for l in rest.split("\n") if l.startswith("[categorical_feature") or l.startswith("end of") or l.startswith("pandas_")]
(out / "small.txt").write_text(head + "parameters:\n" + "\n".join(keep) + "\n")
sk = {"format": "plimsoll-sklearn 1", "estimator": "Hand", "inputs": [{"name": "age"}, {"name": "kind", "values": ["a", "b", "c"], "takes_unknown": True}],
      "pipeline": [{"input": 0, "steps": [{"do": "fill", "with": [40]}, {"do": "subtract", "with": [50]}, {"do": "divide", "with": [10]}, {"do": "clip", "with": [-3, 3]}]},
                   {"input": 1, "one_hot": [0, 2], "without_column": [1]},
                   {"input": 1, "steps": [{"do": "find", "with": [2, 0, 1], "unknown": -1, "missing": None}]}],
      "trees": {"single": False, "mean": False, "base": [0.5],
                "trees": [{"group": 0, "left": [1, -1, 3, -1, -1], "right": [2, -1, 4, -1, -1], "feature": [0, 0, 3, 0, 0],
                           "threshold": [0.25, 0, 0, 0, 0], "missing_left": [1, 0, 0, 0, 0], "value": [0, -0.5, 0, 0.75, 0.25], "cover": [10, 4, 6, 5, 1],
                           "sets": [{"node": 2, "members_left": True, "codes": [0, 2]}]},
                          {"group": 0, "left": [1, -1, -1], "right": [2, -1, -1], "feature": [1, 0, 0], "threshold": [0.5, 0, 0], "missing_left": [0, 0, 0],
                           "value": [0, 0.125, -0.125], "cover": [10, 6, 4]}]},
      "transform": "expit", "output": "probability", "classes": ["no", "yes"]}
(out / "small.sklearn.json").write_text(json.dumps(sk) + "\n")
x = helper.make_tensor_value_info("age", TensorProto.FLOAT, [None, 1])
k = helper.make_tensor_value_info("kind", TensorProto.STRING, [None, 1])
nodes = [
 helper.make_node("Imputer", ["age"], ["i"], domain="ai.onnx.ml", imputed_value_floats=[0.5], replaced_value_float=float("nan")),
 helper.make_node("OneHotEncoder", ["kind"], ["h"], domain="ai.onnx.ml", cats_strings=["a", "b", "c"], zeros=1),
 helper.make_node("Reshape", ["h", "shape"], ["r"]),
 helper.make_node("Concat", ["i", "r"], ["c"], axis=1),
 helper.make_node("TreeEnsembleClassifier", ["c"], ["label", "scores"], domain="ai.onnx.ml", classlabels_int64s=[0, 1], post_transform="LOGISTIC", base_values=[0.25],
   nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2], nodes_featureids=[0, 0, 0, 2, 0, 0], nodes_modes=["BRANCH_LT", "LEAF", "LEAF", "BRANCH_EQ", "LEAF", "LEAF"],
   nodes_values=[50.0, 0, 0, 1.0, 0, 0], nodes_truenodeids=[1, 0, 0, 1, 0, 0], nodes_falsenodeids=[2, 0, 0, 2, 0, 0], nodes_missing_value_tracks_true=[1, 0, 0, 0, 0, 0],
   class_treeids=[0, 0, 1, 1], class_nodeids=[1, 2, 1, 2], class_ids=[0, 0, 0, 0], class_weights=[-0.5, 0.75, 0.25, -0.25]),
 helper.make_node("MatMul", ["scores", "w"], ["m"]),
 helper.make_node("Softmax", ["m"], ["y"], axis=1)]
g = helper.make_graph(nodes, "small", [x, k], [helper.make_tensor_value_info("label", TensorProto.INT64, [None]), helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
 [numpy_helper.from_array(np.array([-1, 3], "i8"), "shape"), numpy_helper.from_array(np.array([[2, 0], [0, 3]], "f4"), "w")])
model = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9)
(out / "small.onnx").write_bytes(model.SerializeToString())
