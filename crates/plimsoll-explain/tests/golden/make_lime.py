"""Makes lime.json: coefficients of the package `lime` (0.2.0.1) for 100 rows of a function that the
test knows as well, with the package's own defaults (quartiles, kernel width, 5,000 neighbours).

    python make_lime.py
"""

import json
import pathlib

import numpy as np
from lime.lime_tabular import LimeTabularExplainer

FEATURES = 8


WEIGHTS = np.array([1.6, -1.3, 1.05, -0.8, 0.6, -0.4, 0.25, -0.1])


def model(x):
    score = x @ WEIGHTS + 0.5 * x[:, 2] * x[:, 3] + 0.5 * np.maximum(x[:, 4], 0)
    p = 1 / (1 + np.exp(-score))
    return np.column_stack([1 - p, p])


chance = np.random.default_rng(11)
data = np.round(chance.normal(size=(400, FEATURES)), 4)
rows = np.round(chance.normal(size=(100, FEATURES)), 4)
explainer = LimeTabularExplainer(data, mode="classification", random_state=5)
coefficients = []
for row in rows:
    found = explainer.explain_instance(row, model, num_features=FEATURES, num_samples=5000)
    by_feature = dict(found.as_map()[1])
    coefficients.append([round(by_feature.get(i, 0.0), 6) for i in range(FEATURES)])
golden = {"data": data.tolist(), "rows": rows.tolist(), "coefficients": coefficients}
path = pathlib.Path(__file__).with_name("lime.json")
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
