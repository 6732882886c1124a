"""Converts the demo's credit model to ONNX and checks it against the golden answers.

    .venv/bench/bin/python bench/onnx_model.py OUT.onnx
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

CREDIT = Path(__file__).parent.parent / "demo" / "credit"
sys.path.insert(0, str(CREDIT.parent))

from generate import FEATURES  # noqa: E402

# onnxruntime adds the trees in another order than XGBoost, so the last bits differ.
TOLERANCE = 1e-5


def main():
    booster = xgboost.Booster(model_file=CREDIT / "model.json")
    # The converter wants its own names, and does not know the type of booleans.
    types = booster.feature_types
    booster.feature_names = [f"f{index}" for index in range(len(types))]
    booster.feature_types = ["c" if name == "c" else "float" for name in types]
    model = convert_xgboost(booster, initial_types=[("x", FloatTensorType([None, len(types)]))])
    Path(sys.argv[1]).write_bytes(model.SerializeToString())

    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    got = np.asarray(session.run(["probabilities"], {"x": matrix()})[0])[:, 1]
    want = np.array(json.loads((CREDIT / "expected.json").read_text())["probabilities"], np.float32)
    worst = float(np.abs(got - want).max())
    print(f"onnx differs from xgboost by at most {worst:.1e}", file=sys.stderr)
    return 0 if worst < TOLERANCE else 1


def matrix():
    """The golden requests as the model sees them."""
    codes = {rule["name"]: rule.get("values") for rule in FEATURES}
    rows = []
    for line in (CREDIT / "requests.jsonl").read_text().splitlines():
        values = {tensor["name"]: tensor["data"][0] for tensor in json.loads(line)["inputs"]}
        rows.append([np.nan if values[name] is None
                     else names.index(values[name]) if names else float(values[name])
                     for name, names in codes.items()])
    return np.array(rows, dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
