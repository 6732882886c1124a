"""Run with `python -m unittest discover clients/python/plimsoll_export/tests`.

What the written numbers give is compared with scikit-learn on 10,000 rows by the tests of
plimsoll-model; here is what is refused, and what a document leaves out.
"""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from plimsoll_export import NotExportable, document, export
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, PowerTransformer, StandardScaler

RNG = np.random.default_rng(4)
NUMBERS = RNG.normal(size=(200, 3))
LABEL = (NUMBERS[:, 0] > 0).astype(int)
TABLE = pd.DataFrame(NUMBERS, columns=["a", "b", "c"]).assign(
    kind=RNG.choice(["x", "y", "z"], 200), unused=RNG.choice(["p", "q"], 200))


class Export(unittest.TestCase):
    def refuses(self, model, data=NUMBERS, label=LABEL, says=""):
        with self.assertRaisesRegex(NotExportable, says):
            document(model.fit(data, label))

    def test_what_cannot_be_held_exactly_is_refused(self):
        self.refuses(AdaBoostClassifier(), says="AdaBoost")
        self.refuses(make_pipeline(PowerTransformer(), Ridge()), says="PowerTransformer")
        self.refuses(make_pipeline(FunctionTransformer(np.log1p), Ridge()), np.abs(NUMBERS), says="FunctionTransformer")
        self.refuses(GradientBoostingClassifier(loss="exponential"), says="loss")
        self.refuses(RandomForestClassifier(), label=np.stack([LABEL, LABEL], axis=1), says="several outputs")
        hot = ColumnTransformer([("k", OneHotEncoder(min_frequency=0.3), ["kind"])])
        rare = TABLE.assign(kind=["w"] + ["x"] * 100 + ["y"] * 99)
        self.refuses(make_pipeline(hot, Ridge()), rare, says="infrequent")
        strict = ColumnTransformer([("k", make_pipeline(OneHotEncoder(sparse_output=False), StandardScaler()), ["kind"])])
        self.refuses(make_pipeline(strict, Ridge()), TABLE, says="handle_unknown")

    def test_texts_are_categories_and_what_is_not_used_is_not_asked_for(self):
        hot = ColumnTransformer([("k", OneHotEncoder(), ["kind"]), ("n", "passthrough", ["c", "a"])])
        made = document(make_pipeline(hot, LogisticRegression()).fit(TABLE, LABEL))
        self.assertEqual([one["name"] for one in made["inputs"]], ["a", "c", "kind"])
        self.assertEqual(made["inputs"][2], {"name": "kind", "values": ["x", "y", "z"], "takes_unknown": False})
        self.assertEqual(made["pipeline"][0], {"input": 2, "one_hot": [0, 1, 2], "refuses_unknown": True})
        self.assertEqual(made["classes"], ["0", "1"])

    def test_columns_are_followed_through_unions_and_selections(self):
        both = FeatureUnion([("scaled", StandardScaler()), ("filled", SimpleImputer())])
        model = make_pipeline(both, SelectKBest(k=2), Ridge()).fit(NUMBERS, LABEL)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.json"
            export(model, path, check=NUMBERS)
            made = json.loads(path.read_text())
        self.assertEqual({block["input"] for block in made["pipeline"]}, {0})

    def test_encoders_agree_on_one_list_of_texts(self):
        two = ColumnTransformer([
            ("hot", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
            ("place", OrdinalEncoder(categories=[["z", "y", "x"]], handle_unknown="use_encoded_value", unknown_value=-1), ["kind"]),
        ])
        model = make_pipeline(two, Ridge()).fit(TABLE, LABEL)
        made = document(model)
        self.assertEqual(made["pipeline"][1]["steps"], [{"do": "find", "with": [2, 1, 0], "unknown": -1, "missing": -1}])
        with tempfile.TemporaryDirectory() as folder:
            export(model, pathlib.Path(folder) / "m.json", check=TABLE.assign(kind=["w"] * 100 + ["y"] * 100))

    def test_a_wrong_document_is_noticed(self):
        from plimsoll_export.check import compare

        model = Ridge().fit(NUMBERS, LABEL)
        made = document(model)
        made["linear"]["intercepts"][0] += 1e-6
        with self.assertRaisesRegex(ValueError, "row 0"):
            compare(made, model, NUMBERS)


if __name__ == "__main__":
    unittest.main()
