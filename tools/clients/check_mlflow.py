#!/usr/bin/env python3
"""Asks a running server through MLflow's scoring client, and checks what comes back.

As check_triton.py: `/invocations` of the default deployment, and of a named one by its base URL;
pandas frames, records, tensors; and MLflow's own reading of the answers and errors.
"""

import json

import numpy as np
import pandas as pd
from common import MODEL, Asked, close, fails
from mlflow.deployments import PredictionsResponse
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


def check(asked):
    host, port = asked.http.split(":")
    every = ScoringServerClient(host, int(port))
    named = ScoringServerClient(host, int(port))
    named.url_prefix += f"/deployments/{MODEL}"
    frame = pd.DataFrame(asked.rows)
    frame = frame.astype({name: object for name in frame if frame[name].isna().any()})
    frame = frame.where(frame.notna(), None)
    for name, client in [("mlflow", every), ("mlflow, named deployment", named)]:
        client.wait_server_ready(timeout=30)
        version = client.get_version()
        assert version and version[0].isdigit(), version
        answer = client.invoke(frame)
        assert isinstance(answer, PredictionsResponse)
        close(f"{name}, frame", np.float32(answer.get_predictions("ndarray")), asked.right)
        shown = answer.get_predictions()
        assert len(shown) == len(asked.rows), shown
        close(f"{name}, frame as read", np.float32(shown.iloc[:, 0]), asked.right)
        again = PredictionsResponse.from_json(answer.to_json())
        assert again == answer
        records = {"dataframe_records": asked.rows}
        for label, body in [
            ("records", records),
            ("split", {"dataframe_split": {"columns": list(asked.rows[0]),
                                           "data": [list(row.values()) for row in asked.rows]}}),
            ("instances", {"instances": asked.rows}),
            ("inputs", {"inputs": {key: [row[key] for row in asked.rows] for key in asked.rows[0]}}),
        ]:
            answer = client.invoke(json.dumps(body))
            close(f"{name}, {label}", np.float32(answer.get_predictions("ndarray")), asked.right)
        # MLflow has a word for parameters; only ours is known, and the others are not passed over.
        fails(f"{name}, unknown parameter", lambda: client.invoke(frame, {"temperature": 1}), "400")
        explained = lambda: client.invoke(frame, {"explain": True})
        fails(f"{name}, no explanations", explained, "400", "explanations")
        young = [{**asked.rows[0], "age": 7}]
        fails(f"{name}, broken rule", lambda: client.invoke(pd.DataFrame(young)), "400", "BAD_REQUEST", "age")
        extra = frame.assign(shoe_size=42)
        fails(f"{name}, unknown column", lambda: client.invoke(extra), "400", "unknown_field")
        fails(f"{name}, missing column", lambda: client.invoke(frame.drop(columns="age")), "400", "age")
        both = json.dumps({**records, "instances": []})
        fails(f"{name}, two forms", lambda: client.invoke(both), "400", "exactly one")
    nobody = ScoringServerClient(host, int(port))
    nobody.url_prefix += "/deployments/nobody"
    fails("mlflow, unknown deployment", lambda: nobody.invoke(frame), "404")
    fails("mlflow, unknown deployment's ping", nobody.ping, "ping failed")


if __name__ == "__main__":
    check(Asked(__doc__))
    print("all checks passed")
