"""Makes the ONNX models and outputs that tests/formats/onnx.rs compares.

Run with Python 3.11 and no arguments, after make_goldens.py, whose rows it uses: it makes a virtual
environment (onnx/requirements.txt) in a temporary folder, trains small models, converts them, builds
a few graphs by hand, and writes them to onnx/. What ONNX Runtime puts out is the golden; nothing here
computes a prediction.

Rows are those of rows.f32.gz. `rows`: one input [N, 25]. `full`: missing values are 0.5. `columns`: an
input [N, 1] per column, the five category columns as texts `c<column>-<code>`, missing ones as `none`.

  onnx/<name>.onnx.gz     the model
  onnx/<name>.output.gz   the chosen output of all rows, little-endian f32
  onnx/<name>.label.gz    the index of the label among the classes, one byte per row
  onnx/goldens.txt        one line per model: name, rows, outputs, whether it has labels
"""

import gzip
import pathlib
import subprocess
import sys
import tempfile

from make_goldens import CATEGORIES, NUMERIC, ROWS, TRAINED, labels, save

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "onnx"


def tables():
    """The three forms of the rows, as ONNX Runtime takes them, and the score for labels."""
    import numpy as np
    import pandas as pd

    rows = np.frombuffer(gzip.open(HERE / "rows.f32.gz").read(), "<f4").reshape(ROWS, -1)
    full = np.nan_to_num(rows, nan=np.float32(0.5))
    table = pd.DataFrame(full, columns=[f"f{i}" for i in range(rows.shape[1])])
    for c in range(len(CATEGORIES)):
        codes = rows[:, NUMERIC + c]
        table[f"f{NUMERIC + c}"] = pd.Series(["none" if x != x else f"c{c}-{int(x)}" for x in codes], dtype=object)
    return rows, full, table, labels(rows)


def learned(score):
    """(name, rows, model, label) of scikit-learn models, converted by skl2onnx"""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    binary, classes = (score > 0).astype(int), np.digitize(score, [-0.5, 0.8])
    few = {"max_depth": 6, "random_state": 5, "n_estimators": 20}
    yield "logistic", "rows", make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=300)), binary
    yield "logistic_multiclass", "full", make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)), classes
    yield "linear", "full", make_pipeline(StandardScaler(), LinearRegression()), score
    yield "normalized_ridge", "full", make_pipeline(Normalizer(), Ridge()), score
    yield "tree", "full", DecisionTreeClassifier(max_depth=6, random_state=5), binary
    yield "forest", "full", RandomForestClassifier(**few), binary
    yield "forest_multiclass", "full", RandomForestClassifier(**few), classes
    yield "forest_regressor", "full", RandomForestRegressor(**few), score
    yield "extra_trees", "full", make_pipeline(StandardScaler(), ExtraTreesRegressor(**few)), score
    yield "boosting", "full", GradientBoostingClassifier(n_estimators=20, random_state=5), binary
    yield "boosting_multiclass", "full", GradientBoostingClassifier(n_estimators=8, random_state=5), classes
    yield "boosting_regressor", "full", GradientBoostingRegressor(n_estimators=20, random_state=5), score
    layers = {"hidden_layer_sizes": (16, 8), "max_iter": 15, "random_state": 5}
    yield "mlp", "full", make_pipeline(StandardScaler(), MLPClassifier(**layers)), binary
    yield "mlp_multiclass", "full", make_pipeline(StandardScaler(), MLPClassifier(**layers | {"activation": "tanh"})), classes
    yield "mlp_regressor", "full", make_pipeline(StandardScaler(), MLPRegressor(**layers | {"activation": "logistic"})), score
    numbers, texts = [f"f{i}" for i in range(NUMERIC)], [f"f{NUMERIC + c}" for c in range(len(CATEGORIES))]
    hot = ColumnTransformer([
        ("numbers", StandardScaler(), numbers),
        ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    ])
    yield "logistic_columns", "columns", make_pipeline(hot, LogisticRegression(max_iter=300)), binary
    ordinal = ColumnTransformer([
        ("texts", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), texts),
        ("numbers", "passthrough", numbers),
    ])
    yield "forest_columns", "columns", make_pipeline(ordinal, RandomForestClassifier(**few)), binary


def boosted(rows, score):
    """(name, rows, ONNX model) of XGBoost and LightGBM, converted by onnxmltools"""
    import lightgbm
    import numpy as np
    import xgboost
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, rows.shape[1]]))]
    labels_of = {"binary": (score > 0).astype(int), "multiclass": np.digitize(score, [-0.5, 0.8]), "regression": score}
    x = rows[:TRAINED]
    for kind, objective in [("binary", "binary:logistic"), ("multiclass", "multi:softprob"), ("regression", "reg:squarederror")]:
        extra = {"num_class": 3} if kind == "multiclass" else {}
        trained = xgboost.train({"objective": objective, "max_depth": 4, "nthread": 1, "seed": 5, "base_score": 0.3} | extra,
                                xgboost.DMatrix(x, labels_of[kind][:TRAINED]), 20)
        yield f"xgboost_{kind}", "rows", convert_xgboost(trained, initial_types=types)
        trained = lightgbm.train({"objective": kind, "num_leaves": 15, "num_threads": 1, "verbosity": -1, "seed": 5} | extra,
                                 lightgbm.Dataset(x, labels_of[kind][:TRAINED]), 20)
        yield f"lightgbm_{kind}", "rows", convert_lightgbm(trained, initial_types=types)


def built():
    """(name, rows, ONNX model) of graphs made by hand, for what converters rarely emit"""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 25])

    def model(nodes, outputs, initializers=(), ml=3, opset=17):
        graph = helper.make_graph(nodes, "built", [x], outputs, [numpy_helper.from_array(v, k) for k, v in initializers])
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def out(width, name="y"):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])

    rng = np.random.default_rng(9)

    def trees(count, targets, weights):
        """Attributes of random trees of depth 2 with every mode."""
        modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
        nodes = {k: [] for k in ["treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
                                 "missing_value_tracks_true"]}
        leaves = {k: [] for k in ["treeids", "nodeids", "ids", "weights"]}
        for tree in range(count):
            for node in range(7):
                leaf = node > 2
                row = [tree, node, int(rng.integers(0, 25)), "LEAF" if leaf else modes[(tree + node) % 6],
                       float(np.float32(round(rng.normal(), 1))), 0 if leaf else 2 * node + 1, 0 if leaf else 2 * node + 2,
                       int(rng.integers(0, 2)) if not leaf else 0]
                for key, value in zip(nodes, row):
                    nodes[key].append(value)
                if leaf:
                    for target in ([tree % targets] if tree % 3 else range(targets)):
                        for key, value in zip(leaves, [tree, node, target, float(np.float32(weights()))]):
                            leaves[key].append(value)
        return {f"nodes_{k}": v for k, v in nodes.items()}, leaves

    for aggregate, transform, targets in [("SUM", "NONE", 1), ("AVERAGE", "NONE", 2), ("MIN", "NONE", 1), ("MAX", "NONE", 2),
                                          ("SUM", "SOFTMAX", 3), ("SUM", "SOFTMAX_ZERO", 3), ("SUM", "LOGISTIC", 2)]:
        nodes, leaves = trees(12, targets, rng.normal)
        node = helper.make_node(
            "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", aggregate_function=aggregate, post_transform=transform,
            n_targets=targets, base_values=[0.25] * targets, **nodes, **{f"target_{k}": v for k, v in leaves.items()})
        yield f"regressor_{aggregate}_{transform}_{targets}".lower(), "rows", model([node], [out(targets)])

    for name, classes, transform, base, weights in [
        ("classifier_positive", 2, "NONE", [], lambda: rng.random() / 12),
        ("classifier_positive_logistic", 2, "LOGISTIC", [], lambda: rng.random() / 12),
        ("classifier_mixed", 2, "NONE", [], rng.normal), ("classifier_logistic", 2, "LOGISTIC", [0.5], rng.normal),
        ("classifier_two_bases", 2, "LOGISTIC", [0.5, 0.75], rng.normal), ("classifier_probit", 2, "PROBIT", [], lambda: rng.random() / 12),
        ("classifier_softmax", 3, "SOFTMAX", [0.1, 0.2, 0.3], rng.normal), ("classifier_pair", 2, "SOFTMAX", [], None),
    ]:
        nodes, leaves = trees(12, classes if weights is None or classes > 2 else 1, weights or rng.normal)
        node = helper.make_node(
            "TreeEnsembleClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", post_transform=transform,
            classlabels_int64s=list(range(classes)), **({"base_values": base} if base else {}), **nodes,
            **{f"class_{k}": v for k, v in leaves.items()})
        label = helper.make_tensor_value_info("label", TensorProto.INT64, [None])
        yield name, "rows", model([node], [label, out(classes)])

    for transform in ["NONE", "LOGISTIC"]:
        one = helper.make_node(
            "LinearClassifier", ["i"], ["label", "y"], domain="ai.onnx.ml", post_transform=transform, classlabels_ints=[0, 1],
            coefficients=[float(np.float32(w)) for w in rng.normal(size=25) / 100], intercepts=[0.25])
        fill = helper.make_node("Imputer", ["x"], ["i"], domain="ai.onnx.ml", imputed_value_floats=[0.5], replaced_value_float=float("nan"))
        label = helper.make_tensor_value_info("label", TensorProto.INT64, [None])
        yield f"classifier_linear_{transform.lower()}", "rows", model([fill, one], [label, out(2)])

    # TreeEnsemble of version 5, with a set test whose members are NaN-delimited.
    five = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=2, aggregate_function=1, post_transform=0,
        tree_roots=[0, 2], nodes_featureids=[20, 0, 3, 24],
        nodes_modes=helper.make_tensor("modes", TensorProto.UINT8, [4], [6, 0, 4, 6]),
        nodes_splits=helper.make_tensor("splits", TensorProto.FLOAT, [4], [0.0, 0.5, 1.0, 0.0]),
        nodes_truenodeids=[0, 1, 3, 5], nodes_trueleafs=[1, 1, 0, 1], nodes_falsenodeids=[1, 2, 3, 4], nodes_falseleafs=[0, 1, 1, 1],
        nodes_missing_value_tracks_true=[1, 0, 0, 0],
        membership_values=helper.make_tensor("members", TensorProto.FLOAT, [6], [1.0, 2.0, np.nan, 0.0, 7.0, np.nan]),
        leaf_targetids=[0, 1, 0, 1, 0, 1],
        leaf_weights=helper.make_tensor("weights", TensorProto.FLOAT, [6], [0.5, -1.5, 2.5, 3.5, -4.5, 5.5]))
    yield "ensemble_five", "rows", model([five], [out(2)], ml=5)

    nodes, leaves = trees(12, 1, rng.normal)
    values, weights = nodes.pop("nodes_values"), leaves.pop("weights")
    double = helper.make_node(
        "TreeEnsembleRegressor", ["d"], ["e"], domain="ai.onnx.ml", n_targets=1, **nodes,
        nodes_values_as_tensor=helper.make_tensor("values", TensorProto.DOUBLE, [len(values)], values),
        target_weights_as_tensor=helper.make_tensor("weights", TensorProto.DOUBLE, [len(weights)], weights),
        **{f"target_{k}": v for k, v in leaves.items()})
    cast = [helper.make_node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE), double, helper.make_node("Cast", ["e"], ["y"], to=TensorProto.FLOAT)]
    yield "double_trees", "rows", model(cast, [out(1)])

    w = rng.normal(size=(25, 6)).astype("f4")
    glue = [
        helper.make_node("Imputer", ["x"], ["i"], domain="ai.onnx.ml", imputed_value_floats=[0.25], replaced_value_float=float("nan")),
        helper.make_node("Scaler", ["i"], ["s"], domain="ai.onnx.ml", offset=[0.5] * 25, scale=[0.125] * 25),
        helper.make_node("ArrayFeatureExtractor", ["s", "picked"], ["a"], domain="ai.onnx.ml"),
        helper.make_node("Clip", ["s", "low", "high"], ["c"]),
        helper.make_node("MatMul", ["c", "w"], ["m"]),
        helper.make_node("Split", ["m"], ["m1", "m2"], axis=1),
        helper.make_node("Concat", ["m1", "a", "m2"], ["k"], axis=-1),
        helper.make_node("Reshape", ["k", "shape"], ["r"]),
        helper.make_node("ReduceMean", ["r"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Relu", ["mean"], ["relu"]), helper.make_node("Neg", ["mean"], ["neg"]),
        helper.make_node("Where", ["cond", "relu", "neg"], ["where"]),
        helper.make_node("Exp", ["where"], ["exp"]), helper.make_node("Log", ["exp"], ["log"]),
        helper.make_node("Sqrt", ["exp"], ["sqrt"]), helper.make_node("Pow", ["sqrt", "three"], ["pow"]),
        helper.make_node("Div", ["pow", "exp"], ["div"]), helper.make_node("Min", ["div", "log"], ["min"]),
        helper.make_node("Slice", ["min", "starts", "ends", "axes"], ["slice"]),
        helper.make_node("Transpose", ["slice"], ["t"], perm=[1, 0]), helper.make_node("Transpose", ["t"], ["y"], perm=[1, 0]),
    ]
    constants = [("picked", np.array([3, 7, 0], "i8")), ("low", np.float32(-1)), ("high", np.float32(1)), ("w", w),
                 ("shape", np.array([-1, 3, 3], "i8")), ("cond", np.array([[True, False, True]])), ("three", np.float32(3)),
                 ("starts", np.array([0], "i8")), ("ends", np.array([2], "i8")), ("axes", np.array([1], "i8"))]
    yield "glue", "rows", model(glue, [out(2)], constants)


def run(name, kind, model, forms, lines):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options)
    rows, full, table, _ = forms
    if kind == "columns":
        feed = {i.name: table[i.name].to_numpy().reshape(-1, 1) for i in session.get_inputs()}
        feed = {k: v.astype("f4") if v.dtype != object else v for k, v in feed.items()}
    else:
        feed = {session.get_inputs()[0].name: rows if kind == "rows" else full}
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, feed)))
    label = next((v for v in found.values() if not isinstance(v, list) and v.dtype == np.int64), None)
    numbers = next(v for v in found.values() if isinstance(v, list) or v.dtype == np.float32)
    if isinstance(numbers, list):  # ZipMap
        numbers = np.array([list(one.values()) for one in numbers], "f4")
    save(FOLDER / f"{name}.onnx.gz", data)
    save(FOLDER / f"{name}.output.gz", np.ascontiguousarray(numbers, "<f4").tobytes())
    if label is not None:
        save(FOLDER / f"{name}.label.gz", label.astype("u1").tobytes())
    lines.append(f"{name} {kind} {numbers.size // ROWS} {'labels' if label is not None else 'values'}\n")
    ops = sorted({node.op_type for node in model.graph.node})
    print(lines[-1].strip(), len(data), *ops, flush=True)


def make_models():
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    forms = rows, full, table, score = tables()
    lines = []
    for name, kind, model, label in learned(score):
        data = {"rows": rows, "full": full, "columns": table}[kind]
        model.fit(data[:TRAINED], label[:TRAINED])
        if kind == "columns":
            types = [(c, StringTensorType([None, 1]) if data[c].dtype == object else FloatTensorType([None, 1])) for c in data.columns]
            converted = to_onnx(model, initial_types=types)
        else:
            converted = to_onnx(model, data[:1], options={"zipmap": False} if name == "mlp" else None)
        run(name, kind, converted, forms, lines)
    for name, kind, model in [*boosted(rows, score), *built()]:
        run(name, kind, model, forms, lines)
    (FOLDER / "goldens.txt").write_text("".join(lines))


def main():
    with tempfile.TemporaryDirectory() as folder:
        python = pathlib.Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "-q", "install", "-r", FOLDER / "requirements.txt"], check=True)
        subprocess.run([python, __file__, "make"], check=True)


if __name__ == "__main__":
    make_models() if sys.argv[1:] else main()
