"""The client against a running server, whose addresses and keys are in the environment.

`make test` starts the server; by hand, after `make demo`:

    PLIMSOLL_DATA_URL=… PLIMSOLL_URL=… PLIMSOLL_KEY=… python -m unittest discover clients/python/plimsoll/tests
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import unittest
import uuid
from pathlib import Path

import pandas

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from plimsoll import AsyncClient, Client, Refused, Unreachable  # noqa: E402
from plimsoll.tensors import to_tensors  # noqa: E402

ROOT = HERE.parents[3]
CREDIT = ROOT / "demo" / "credit"
DEPLOYMENT = os.environ.get("PLIMSOLL_DEPLOYMENT", "credit-default")
REQUESTS = [json.loads(line)["inputs"] for line in open(CREDIT / "requests.jsonl")][:8]
ROWS = [{tensor["name"]: tensor["data"][0] for tensor in request} for request in REQUESTS]
WANTED = json.loads((CREDIT / "expected.json").read_text())["probabilities"][:8]


class Test(unittest.TestCase):
    def setUp(self):
        self.client = Client()
        self.addCleanup(self.client.close)

    def close_to(self, values, wanted):
        self.assertEqual(len(values), len(wanted))
        for value, want in zip(values, wanted):
            self.assertAlmostEqual(value, want, places=6)

    def test_a_row_rows_and_a_frame_get_the_same_answers(self):
        self.close_to(self.client.infer(DEPLOYMENT, ROWS[0]).values, WANTED[:1])
        self.close_to(self.client.infer(DEPLOYMENT, ROWS).values, WANTED)
        frame = pandas.DataFrame(ROWS, index=list("abcdefgh"))
        # Integers with gaps are floats there, and missing values NaN.
        self.assertIn("float64", {str(kind) for kind in frame.dtypes})
        answered = self.client.predict_frame(DEPLOYMENT, frame)
        self.assertEqual(list(answered.index), list("abcdefgh"))
        self.close_to(list(answered.iloc[:, 0]), WANTED)

    def test_a_refusal_names_the_field_and_the_row_and_is_recorded(self):
        rows = [ROWS[0], {**ROWS[1], "age": 7}]
        with self.assertRaises(Refused) as caught:
            self.client.infer(DEPLOYMENT, rows)
        error = caught.exception
        self.assertEqual((error.phase, error.field, error.row), ("validate", "age", 1))
        self.assertNotIn("7 ", str(error))
        self.assertEqual(self.client.get_decision(error.decision_id)["summary"]["result"], "refused")
        with self.assertRaises(Refused) as caught:
            self.client.infer("nobody-knows/it", ROWS[0])
        self.assertEqual(caught.exception.status, 404)
        with Client(key="plim_nobody") as stranger, self.assertRaises(Refused) as caught:
            stranger.infer(DEPLOYMENT, ROWS[0])
        self.assertEqual(caught.exception.status, 401)

    def test_an_idempotency_key_decides_once(self):
        key = str(uuid.uuid4())
        first, second = (self.client.infer(DEPLOYMENT, ROWS[0], idempotency_key=key) for _ in "ab")
        self.assertEqual(first.id, second.id)
        self.assertEqual((first.replayed, second.replayed), (False, True))

    def test_a_decision_is_explained_listed_and_has_a_receipt(self):
        answer = self.client.infer(DEPLOYMENT, ROWS[0], explain=True, request_id="mine")
        self.assertEqual(answer.body["id"], "mine")
        self.assertEqual([len(row) for row in answer.explanation["contributions"]], [25])
        told = self.client.explain_decision(answer.id, language="de")
        self.assertEqual((told["decision"], told["source"]), (answer.id, "inline"))
        pages = self.client.pages(self.client.list_decisions, deployment=DEPLOYMENT, limit=3)
        newest = [decision["id"] for decision in itertools.islice(pages, 50)]
        self.assertIn(answer.id, newest)
        self.assertEqual(len(newest), len(set(newest)))
        self.assertEqual(self.client.get_receipt(answer.id)["format"], "plimsoll-receipt 1")

    def test_outcomes_of_a_frame_are_told_once(self):
        # All rows of one request, so that each outcome names its row.
        decision = self.client.infer(DEPLOYMENT, ROWS).id
        frame = pandas.DataFrame({"which": range(len(ROWS)), "paid": [True, False] * (len(ROWS) // 2)})
        frame.loc[2, "which"] = None  # pandas makes floats of the others
        frame = frame.dropna()
        columns = {"row": "which", "value": "paid"}
        tell = lambda: self.client.outcomes.record(frame, columns=columns, decision=decision, source="bank")  # noqa: E731
        self.assertEqual((tell().recorded, tell().known), (7, 7))
        listed = self.client.list_outcomes(decision)["outcomes"]
        self.assertEqual({one["row"]: one["value"] for one in listed}[1], "false")
        wrong = self.client.outcomes.record({"decision": decision, "row": 99, "value": 1})
        self.assertEqual((wrong.refused, wrong.items[0]["code"]), (1, "invalid"))

    def test_coroutines_answer_the_same(self):
        async def ask():
            async with AsyncClient() as client:
                asked = [client.infer(DEPLOYMENT, row) for row in ROWS]
                answers = await asyncio.gather(*asked)
                names = [one["name"] async for one in client.pages(client.list_deployments, limit=1)]
                return [answer.values[0] for answer in answers], names

        values, names = asyncio.run(ask())
        self.close_to(values, WANTED)
        self.assertIn(DEPLOYMENT, names)

    def test_a_model_is_uploaded_and_made_a_version(self):
        artifact = self.client.upload(CREDIT / "model.json")
        name = f"from-python-{uuid.uuid4().hex[:8]}"
        self.client.create_model({"name": name, "description": "", "owner": "risk"})
        version = self.client.create_version(name, {"files": [
            {"path": "model.json", "role": "model", "digest": artifact["digest"],
             "size": artifact["size"]}]})
        self.assertEqual(version["number"], 1)
        again = self.client.get_version(name, 1)
        self.assertEqual(again["digest"], version["digest"])

    def test_nobody_there_is_said(self):
        with Client("http://127.0.0.1:9", attempts=2) as client, self.assertRaises(Unreachable):
            client.infer(DEPLOYMENT, ROWS[0])

    def test_mlflow_deploys_asks_and_explains(self):
        from mlflow.exceptions import MlflowException

        from plimsoll.mlflow_plugin import PlimsollDeploymentClient

        client = PlimsollDeploymentClient("plimsoll:" + os.environ["PLIMSOLL_URL"])
        contract = self.client.get_deployment(DEPLOYMENT)["contract"]
        name = f"from-mlflow-{uuid.uuid4().hex[:8]}"
        client.create_deployment(name, "models:/credit/1",
                                 config={"contract": contract, "environment": "development"})
        self.assertEqual(client.get_deployment(name)["name"], name)
        self.assertIn(name, [one["name"] for one in client.list_deployments()])
        frame = pandas.DataFrame(ROWS)
        self.close_to(list(client.predict(name, frame).iloc[:, 0]), WANTED)
        self.assertEqual(client.explain(DEPLOYMENT, frame).shape, (8, 25))
        client.update_deployment(name, "models:/credit/1", config={"owner": "risk"})
        with self.assertRaises(MlflowException) as caught:
            client.predict(name, {**ROWS[0], "age": 7})
        self.assertEqual(caught.exception.error_code, "INVALID_PARAMETER_VALUE")
        for wrong in ("runs:/1/model", "models:/credit/champion"):
            with self.assertRaises(MlflowException):
                client.create_deployment("x", wrong, config={"contract": contract})
        client.delete_deployment(name)
        with self.assertRaises(MlflowException) as caught:
            client.predict(name, frame)
        self.assertEqual(caught.exception.error_code, "RESOURCE_DOES_NOT_EXIST")


class Offline(unittest.TestCase):
    def test_what_is_generated_is_up_to_date(self):
        subprocess.run([sys.executable, HERE.parent / "generate.py", "--check"], check=True)

    def test_values_of_pandas_and_numpy_become_json(self):
        fields = [{"name": "n", "datatype": "INT64", "shape": [-1]},
                  {"name": "t", "datatype": "BYTES", "shape": [-1]},
                  {"name": "b", "datatype": "BOOL", "shape": [-1]}]
        frame = pandas.DataFrame({
            "n": [1, None], "t": pandas.to_datetime(["2026-01-02T03:04:05Z", None]),
            "b": pandas.array([True, None], dtype="boolean")})
        tensors = to_tensors(frame.to_dict(orient="records"), fields)
        self.assertEqual([tensor["data"] for tensor in tensors],
                         [[1, None], ["2026-01-02T03:04:05+00:00", None], [True, None]])
        json.dumps(tensors, allow_nan=False)

    def test_rows_that_are_none_are_refused(self):
        self.assertRaises(ValueError, to_tensors, [], [])
        with Client() as client:
            self.assertRaises(TypeError, client.infer, DEPLOYMENT, [1, 2])


if __name__ == "__main__":
    unittest.main()
