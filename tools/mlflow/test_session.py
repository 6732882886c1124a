"""A data scientist's session with the real client, from the first run to the model in production:
every call that people type, of the 2.x and of the 3.x line, and who may do what."""

import base64
import inspect
import json
import os
import subprocess
import sys

import mlflow
import numpy as np
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

THREE = int(mlflow.__version__.split(".")[0]) >= 3
X = np.random.default_rng(7).random((60, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 1).astype(int)
# What is needed to load the models again is not what is tested here.
WITHOUT = {"pip_requirements": []}


def sklearn():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(X, Y)
    return mlflow.sklearn, model, model.predict(X)


def xgboost():
    xgb = pytest.importorskip("xgboost")
    model = xgb.XGBClassifier(n_estimators=5, max_depth=3).fit(X, Y)
    return mlflow.xgboost, model, model.predict(X)


def lightgbm():
    lgb = pytest.importorskip("lightgbm")
    model = lgb.train({"objective": "binary", "verbose": -1, "min_data": 1}, lgb.Dataset(X, Y), 5)
    return mlflow.lightgbm, model, model.predict(X)


def onnx():
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.arange(4, dtype=np.float32).reshape(4, 1), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return mlflow.onnx, model, X @ np.arange(4, dtype=np.float32).reshape(4, 1)


def predicted(loaded):
    found = loaded.predict(X)
    if isinstance(found, dict):
        (found,) = found.values()
    return np.asarray(found)


def log(flavor, model, **more):
    """`log_model` calls its first argument `name` since 3, `artifact_path` before."""
    at = "name" if "name" in inspect.signature(flavor.log_model).parameters else "artifact_path"
    return flavor.log_model(model, **{at: "model"}, **WITHOUT, **more)


@pytest.mark.parametrize("make", [sklearn, xgboost, lightgbm, onnx])
def test_a_model_is_logged_registered_and_loaded(client, make, tmp_path):
    flavor, model, expected = make()
    mlflow.set_experiment("credit")
    with mlflow.start_run() as run:
        info = log(flavor, model)
        mlflow.log_metric("auc", 0.9)
    first = predicted(mlflow.pyfunc.load_model(info.model_uri))
    assert np.allclose(first, expected, rtol=0, atol=1e-6)
    version = mlflow.register_model(info.model_uri, "credit")
    assert str(version.version) == "1" and version.run_id == run.info.run_id
    client.set_registered_model_alias("credit", "champion", version.version)
    for uri in ("models:/credit@champion", "models:/credit/1", f"runs:/{run.info.run_id}/model"):
        # Bit by bit what it was before it went through the store.
        assert np.array_equal(predicted(mlflow.pyfunc.load_model(uri)), first), uri
    with mlflow.start_run():
        log(flavor, model, registered_model_name="credit")
    assert len(client.search_model_versions("name = 'credit'")) == 2
    assert client.get_model_version_by_alias("credit", "champion").version in ("1", 1)
    folder = mlflow.artifacts.download_artifacts(artifact_uri="models:/credit/2", dst_path=str(tmp_path))
    assert os.path.exists(os.path.join(folder, "MLmodel"))


def test_what_a_run_knows(client, tmp_path):
    import pandas as pd

    mlflow.set_experiment("loans")
    table = tmp_path / "loans.csv"
    pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}).to_csv(table, index=False)
    with mlflow.start_run(run_name="first", tags={"team": "risk"}) as run:
        mlflow.log_params({"depth": 3, "rate": 0.1})
        mlflow.log_metrics({"auc": 0.8, "ks": 0.4})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_input(mlflow.data.from_pandas(pd.read_csv(table), source=str(table), name="loans"), context="training")
        mlflow.log_text("notes", "notes/one.txt")
        mlflow.log_dict({"a": 1}, "config.json")
        mlflow.set_tag("checked", "no")
    rid = run.info.run_id
    frame = mlflow.search_runs(experiment_names=["loans"], filter_string="metrics.auc > 0.7 and tags.team = 'risk'",
                               order_by=["metrics.ks DESC"])
    assert list(frame["run_id"]) == [rid] and frame.loc[0, "params.depth"] == "3"
    assert [m.step for m in client.get_metric_history(rid, "loss")] == [0, 1, 2, 3, 4]
    got = client.get_run(rid)
    assert got.info.status == "FINISHED" and got.inputs.dataset_inputs[0].dataset.name == "loans"
    assert {f.path for f in client.list_artifacts(rid)} == {"notes", "config.json"}
    assert mlflow.artifacts.load_text(f"runs:/{rid}/notes/one.txt") == "notes"
    assert mlflow.artifacts.load_dict(f"runs:/{rid}/config.json") == {"a": 1}
    with mlflow.start_run(run_id=rid):
        with mlflow.start_run(nested=True):
            mlflow.log_metric("auc", 0.1)
    children = mlflow.search_runs(experiment_names=["loans"], filter_string=f"tags.mlflow.parentRunId = '{rid}'")
    assert len(children) == 1
    assert client.search_runs([got.info.experiment_id], "datasets.name = 'loans' and datasets.context = 'training'")[0].info.run_id == rid


def test_a_large_file_comes_back(client, monkeypatch, tmp_path):
    """In parts where the client wants so."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(5 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))
    data = np.random.default_rng(1).bytes(12 << 20)
    (tmp_path / "weights.bin").write_bytes(data)
    rid = client.create_run("0").info.run_id
    client.log_artifact(rid, str(tmp_path / "weights.bin"), "model")
    (tmp_path / "to").mkdir()
    path = client.download_artifacts(rid, "model/weights.bin", str(tmp_path / "to"))
    assert open(path, "rb").read() == data


@pytest.mark.plimsoll
def test_a_large_file_goes_in_parts_and_one_that_fails_leaves_nothing(production, monkeypatch, tmp_path):
    """Parts go to addresses of the server's without the key; the end asks for it."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", production.key("maker", "data-scientist"))
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(5 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    sent, put = [], requests.put
    monkeypatch.setattr(requests, "put", lambda url, **more: (sent.append(url), put(url, **more))[1])
    mlflow.set_tracking_uri(production.url)
    client = MlflowClient(production.url, production.url)
    data = np.random.default_rng(2).bytes((12 << 20) + 7)
    (tmp_path / "weights.bin").write_bytes(data)
    rid = client.create_run("0").info.run_id
    client.log_artifact(rid, str(tmp_path / "weights.bin"), "model")
    assert len(sent) == 3 and all(url.startswith(production.url) and "/mpu/part/" in url for url in sent)
    (tmp_path / "to").mkdir()
    path = client.download_artifacts(rid, "model/weights.bin", str(tmp_path / "to"))
    assert open(path, "rb").read() == data
    # A part that does not arrive: the client gives the upload up, and what stood there stays.
    monkeypatch.setattr(requests, "put", lambda url, **more: put(url + "0000", **more))
    (tmp_path / "weights.bin").write_bytes(data[::-1])
    with pytest.raises(Exception):
        client.log_artifact(rid, str(tmp_path / "weights.bin"), "model")
    path = client.download_artifacts(rid, "model/weights.bin", str(tmp_path / "to"))
    assert open(path, "rb").read() == data


@pytest.mark.plimsoll
def test_a_contract_is_drafted_from_a_signature(server, client):
    import pandas as pd

    model = sklearn()[1]
    frame = pd.DataFrame(X, columns=["income", "age", "debt", "years"])
    frame["years"] = frame["years"].astype("int64")
    at_home = [str(n % 3) for n in range(len(frame))]
    for number, (inputs, expected) in enumerate([
        (frame, ["name: income", "kind: number", "name: years", "kind: integer", "# decide: whether it is personal"]),
        (frame.assign(home=at_home), ["name: home", "kind: category", "# decide: the allowed texts"]),
        (X, ["is a tensor: it names no columns"]),
    ], start=1):
        mlflow.set_experiment("drafts")
        with mlflow.start_run():
            log(mlflow.sklearn, model, signature=mlflow.models.infer_signature(inputs, Y), registered_model_name="drafted")
        drafted = subprocess.run(
            [os.environ["PLIMSOLL"], "contract", "draft", "--model", "drafted", "--version", str(number), "--url", server],
            capture_output=True, text=True)
        assert drafted.returncode == (1 if number == 3 else 0), drafted.stderr
        for words in expected:
            assert words in drafted.stdout + drafted.stderr, (number, words, drafted.stdout)
    draft = requests.get(f"{server}/api/v1/models/drafted/versions/2/contract-draft").json()
    assert [f["name"] for f in draft["contract"]["features"]] == ["income", "age", "debt", "years", "home"]
    assert draft["questions"][-1] == {"path": "features[4]", "question": "decide: whether it is personal data (class)"}
    assert requests.get(f"{server}/api/v1/models/drafted/versions/3/contract-draft").status_code == 422
    assert requests.get(f"{server}/api/v1/models/drafted/versions/9/contract-draft").status_code == 404


@pytest.mark.plimsoll
def test_traces_are_said_not_to_be_kept(server):
    for verb, path in (("POST", "api/3.0/mlflow/traces"), ("POST", "api/3.0/mlflow/traces/search"), ("GET", "api/2.0/mlflow/traces/tr-1/info"),
                       ("POST", "api/2.0/mlflow/traces"), ("PATCH", "ajax-api/2.0/mlflow/traces/tr-1/tags"),
                       ("GET", "api/3.0/mlflow/traces/tr-1")):
        reply = requests.request(verb, f"{server}/{path}", json={} if verb != "GET" else None)
        assert reply.status_code == 501 and reply.json()["error_code"] == "NOT_IMPLEMENTED", (verb, path, reply.text)


def train(monkeypatch, key, url):
    """Logs and registers a model with a key; the source's folder in the store."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", key)
    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("credit")
    flavor, model, expected = sklearn()
    with mlflow.start_run():
        info = log(flavor, model)
    version = mlflow.register_model(info.model_uri, "credit")
    client = MlflowClient(url, url)
    uri = client.get_model_version_download_uri("credit", version.version)
    assert uri.startswith("mlflow-artifacts:/")
    return client, uri.removeprefix("mlflow-artifacts:/"), expected


def test_production_moves_through_an_approver_alone(production, monkeypatch):
    maker, approver = production.key("maker", "data-scientist"), production.key("judge", "approver")
    reader = production.key("reader", "auditor")
    client, _, expected = train(monkeypatch, maker, production.url)
    client.set_registered_model_alias("credit", "challenger", "1")
    for alias in ("champion", "Champion", "production", "PROD", "live"):
        with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
            client.set_registered_model_alias("credit", alias, "1")
    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        client.transition_model_version_stage("credit", "1", "Production")
    # Through the other prefixes neither.
    for prefix in ("api/2.0", "api/2.1", "api/3.0", "ajax-api/2.0", "ajax-api/3.0"):
        reply = requests.post(f"{production.url}/{prefix}/mlflow/registered-models/alias", headers={"authorization": f"Bearer {maker}"},
                              json={"name": "credit", "alias": "champion", "version": "1"})
        assert reply.status_code == 403 and reply.json()["error_code"] == "PERMISSION_DENIED", (prefix, reply.text)
    assert client.get_registered_model("credit").aliases.keys() == {"challenger"}
    denied = production.events("PromoteCatalogued", "denied")
    assert len(denied) == 11 and {e["resource"] for e in denied} == {"catalogue/credit"}
    # Another person does it: with the key as a token, and the next time as a password.
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", approver)
    MlflowClient(production.url, production.url).set_registered_model_alias("credit", "champion", "1")
    assert len(production.events("PromoteCatalogued", "completed")) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anybody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", maker)
    assert np.array_equal(predicted(mlflow.pyfunc.load_model("models:/credit@champion")), expected)
    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        MlflowClient(production.url, production.url).delete_registered_model_alias("credit", "champion")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", reader)
    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        MlflowClient(production.url, production.url).create_registered_model("other")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(MlflowException, match="401|UNAUTHENTICATED"):
        MlflowClient(production.url, production.url).get_registered_model("credit")


def test_the_champions_files_do_not_change(production, monkeypatch):
    """What MLflow's own server lets anyone do who reaches it (mlflow/mlflow#3175)."""
    maker, approver = production.key("maker", "data-scientist"), production.key("judge", "approver")
    client, folder, expected = train(monkeypatch, maker, production.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", approver)
    client.set_registered_model_alias("credit", "champion", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", maker)
    for key in (maker, production.admin):
        headers = {"authorization": f"Bearer {key}"}
        for prefix in ("/api/2.0", "/ajax-api/2.0", "/api/3.0"):
            root = f"{production.url}{prefix}/mlflow-artifacts/artifacts/{folder}"
            for verb, path in (("PUT", "model.pkl"), ("PUT", "MLmodel"), ("PUT", "added.py"), ("DELETE", "MLmodel"), ("DELETE", "")):
                reply = requests.request(verb, f"{root}/{path}".rstrip("/"), headers=headers, data=b"else" if verb == "PUT" else None)
                expected_status = (409,) if key == maker else (403, 409)
                assert reply.status_code in expected_status, (verb, path, reply.status_code, reply.text)
    refused = production.events("ChangeFile", "denied")
    assert len(refused) >= 15, "every attempt is in the ledger"
    assert any("credit/1" in json.dumps(e) for e in refused)
    assert np.array_equal(predicted(mlflow.pyfunc.load_model("models:/credit@champion")), expected)
    # A file beside the model's folder is another matter.
    beside = f"{production.url}/api/2.0/mlflow-artifacts/artifacts/9/run/artifacts/note.txt"
    assert requests.put(beside, headers={"authorization": f"Bearer {maker}"}, data=b"x").status_code == 200


def test_no_sibling_of_a_path_is_open(production):
    """The gaps of authorization that MLflow and its plugins had: /ajax-api, mpu, presigned, /get-artifact."""
    paths = ["mlflow/experiments/search", "mlflow/registered-models/search", "mlflow-artifacts/artifacts", "mlflow-artifacts/artifacts/0/r/x",
             "mlflow-artifacts/mpu/create/0/r/x", "mlflow-artifacts/presigned/0/r/x", "mlflow/metrics/get-history-bulk", "mlflow/artifacts/list",
             "mlflow/logged-models/m-1/artifacts/directories", "mlflow/logged-models/m-1/artifacts/files", "mlflow/upload-artifact", "mlflow/traces/search", "mlflow/graphql", "mlflow/users/create", "mlflow/nothing"]
    tried = [f"/{prefix}/{path}" for prefix in ("api/2.0", "api/2.1", "api/3.0", "ajax-api/2.0", "ajax-api/3.0") for path in paths]
    tried += ["//api/2.0/mlflow/experiments/search", "//get-artifact?run_id=a&path=x", "/get-artifact?run_id=a&path=x", "/model-versions/get-artifact?name=a&version=1&path=x", "/graphql", "/v1/traces"]
    wrong = base64.b64encode(b"admin:password1234").decode()
    for path in tried:
        for headers in ({}, {"authorization": f"Basic {wrong}"}, {"authorization": "Bearer plim_no_such_key"}):
            for verb in ("GET", "POST", "PUT", "DELETE"):
                reply = requests.request(verb, production.url + path, headers=headers, json={} if verb == "POST" else None)
                assert reply.status_code in (401, 404, 405, 501), (verb, path, headers, reply.status_code)
                assert "default" not in reply.text.lower()


def test_the_command_line_with_a_key(production):
    key = production.key("maker", "data-scientist")
    def cli(*words, key=key):
        env = {"MLFLOW_TRACKING_URI": production.url, "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/tmp"), "LC_ALL": "C.UTF-8"}
        env |= {"MLFLOW_TRACKING_TOKEN": key} if key else {}
        return subprocess.run([sys.executable, "-m", "mlflow", *words], capture_output=True, text=True, env=env)
    done = cli("experiments", "create", "-n", "by hand")
    assert done.returncode == 0, done.stderr
    assert "by hand" in cli("experiments", "search").stdout
    assert cli("experiments", "search", key=None).returncode != 0
    listed = cli("artifacts", "list", "--run-id", "0" * 32)
    assert listed.returncode != 0 and "not found" in listed.stderr
