"""Tracking with MLflow's own client."""

import math
import time

import mlflow
import pytest
import requests
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def post(server, path, body, prefix="/api/2.0/mlflow/"):
    return requests.post(server + prefix + path, json=body)


def test_experiments(client):
    one = client.create_experiment("one", tags={"a": "b"})
    got = client.get_experiment(one)
    assert (got.name, got.lifecycle_stage, got.tags["a"]) == ("one", "active", "b")
    assert client.get_experiment_by_name("one").experiment_id == one
    assert client.get_experiment_by_name("none") is None
    assert client.get_experiment("0").name == "Default"
    with pytest.raises(MlflowException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_experiment("one")
    client.rename_experiment(one, "uno")
    client.set_experiment_tag(one, "c", "d")
    assert client.get_experiment(one).tags["c"] == "d"
    client.delete_experiment(one)
    assert client.get_experiment(one).lifecycle_stage == "deleted"
    assert [e.name for e in client.search_experiments()] == ["Default"]
    assert [e.name for e in client.search_experiments(ViewType.DELETED_ONLY)] == ["uno"]
    client.restore_experiment(one)
    assert client.get_experiment(one).lifecycle_stage == "active"
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_experiment("12345")


def test_search_experiments(client):
    for name in ["a", "b", "Abc"]:
        client.create_experiment(name, tags={"k": name})
        time.sleep(0.002)
    names = lambda **kw: [e.name for e in client.search_experiments(**kw)]
    assert names() == ["Abc", "b", "a", "Default"]
    assert names(filter_string="name = 'a'") == ["a"]
    assert names(filter_string="name LIKE 'A%'") == ["Abc"]
    assert names(filter_string="name ILIKE 'a%'", order_by=["name ASC"]) == ["Abc", "a"]
    assert names(filter_string="name != 'a' AND tags.k = 'b'") == ["b"]
    page = client.search_experiments(max_results=3)
    assert len(page) == 3 and page.token
    assert [e.name for e in client.search_experiments(max_results=3, page_token=page.token)] == ["Default"]


def test_run_lifecycle(client):
    run = client.create_run("0", run_name="first", tags={"t": "u"}, start_time=123)
    assert run.info.status == "RUNNING" and run.info.run_name == "first" and run.info.start_time == 123
    assert run.data.tags["mlflow.runName"] == "first" and run.data.tags["t"] == "u"
    assert run.info.artifact_uri.endswith(f"/0/{run.info.run_id}/artifacts")
    rid = run.info.run_id
    client.update_run(rid, name="second")
    assert client.get_run(rid).data.tags["mlflow.runName"] == "second"
    client.set_tag(rid, "mlflow.runName", "third")
    assert client.get_run(rid).info.run_name == "third"
    client.set_terminated(rid, "FINISHED", end_time=456)
    got = client.get_run(rid)
    assert (got.info.status, got.info.end_time) == ("FINISHED", 456)
    client.delete_run(rid)
    assert client.get_run(rid).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.log_metric(rid, "m", 1)
    client.restore_run(rid)
    client.log_metric(rid, "m", 1)
    assert client.create_run("0").info.run_name
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_run("no-such-run")


def test_metrics(client):
    rid = client.create_run("0").info.run_id
    for step, value in enumerate([3.0, 1.0, 2.0]):
        client.log_metric(rid, "loss", value, timestamp=1000 + step, step=step)
    client.log_metric(rid, "loss", 9.0, timestamp=999, step=1)
    assert client.get_run(rid).data.metrics["loss"] == 2.0
    history = client.get_metric_history(rid, "loss")
    assert sorted((m.step, m.value) for m in history) == [(0, 3.0), (1, 1.0), (1, 9.0), (2, 2.0)]
    client.log_metric(rid, "nan", math.nan)
    client.log_metric(rid, "inf", math.inf)
    client.log_metric(rid, "ninf", -math.inf)
    data = client.get_run(rid).data.metrics
    assert math.isnan(data["nan"]) and data["inf"] == 1.7976931348623157e308 == -data["ninf"]
    client.log_metric(rid, "a/b c.d-e", 1)
    assert client.get_run(rid).data.metrics["a/b c.d-e"] == 1


def test_params_and_tags(client):
    rid = client.create_run("0").info.run_id
    client.log_param(rid, "p", 1)
    client.log_param(rid, "p", 1)
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(rid, "p", 2)
    client.log_param(rid, "empty", "")
    assert client.get_run(rid).data.params == {"p": "1", "empty": ""}
    client.set_tag(rid, "k", "v" * 5000)
    client.delete_tag(rid, "k")
    assert "k" not in client.get_run(rid).data.tags
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.delete_tag(rid, "k")
    for bad in ["../x", "a//b", "/a"]:
        with pytest.raises(MlflowException):
            client.log_param(rid, bad, 1)


def test_batch(client, server):
    rid = client.create_run("0").info.run_id
    client.log_batch(rid, [Metric("m", i, 1000 + i, i) for i in range(1000)])
    client.log_batch(rid, [], [Param(f"p{i}", str(i)) for i in range(100)], [RunTag("t", "1")])
    got = client.get_run(rid).data
    assert got.metrics["m"] == 999 and len(got.params) == 100 and got.tags["t"] == "1"
    assert len(client.get_metric_history(rid, "m")) == 1000
    too_many = [{"key": f"q{i}", "value": "1"} for i in range(101)]
    reply = post(server, "runs/log-batch", {"run_id": rid, "params": too_many})
    assert reply.status_code == 400 and reply.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    # All or nothing.
    reply = post(server, "runs/log-batch", {"run_id": rid, "tags": [{"key": "new", "value": "1"}],
                                            "params": [{"key": "p1", "value": "other"}]})
    assert reply.status_code == 400
    assert "new" not in client.get_run(rid).data.tags


def test_validation_in_mlflows_words(client, server):
    rid = client.create_run("0").info.run_id
    cases = [
        ("experiments/create", {"name": 123}, "Invalid value 123 for parameter 'name' supplied"),
        ("experiments/create", {}, "Missing value for required parameter 'name'"),
        ("experiments/create", {"name": "x", "tags": 5}, "Invalid value 5 for parameter 'tags' supplied"),
        ("runs/create", {"experiment_id": 5}, "Invalid value 5 for parameter 'experiment_id' supplied"),
        ("runs/create", {"experiment_id": "0", "start_time": "a"}, "Invalid value \"a\" for parameter 'start_time' supplied"),
        ("runs/update", {"status": "FINISHED"}, "Missing value for required parameter 'run_id'"),
        ("runs/log-metric", {"run_id": rid, "key": "m", "value": 1}, "Missing value for required parameter 'timestamp'"),
        ("runs/log-metric", {"run_id": rid, "key": "m", "value": "x", "timestamp": 5}, "for parameter 'value' supplied"),
        ("runs/log-metric", {"run_id": rid, "key": 5, "value": 1, "timestamp": 5}, "Invalid value 5 for parameter 'key' supplied"),
        ("runs/log-parameter", {"run_id": rid, "value": "x"}, "Missing value for required parameter 'key'"),
        ("runs/set-tag", {"run_id": rid, "value": "x"}, "Missing value for required parameter 'key'"),
        ("runs/log-batch", {"run_id": rid, "metrics": [{"key": "m"}]}, "Missing value for required parameter 'metrics[0].value'"),
        ("runs/search", {"experiment_ids": ["0"], "max_results": "x"}, "for parameter 'max_results' supplied"),
        ("runs/search", {"experiment_ids": ["0"], "filter": "a = b = c"}, ""),
        ("registered-models/create", {"name": 5}, "Invalid value 5 for parameter 'name' supplied"),
        ("model-versions/create", {"name": "x"}, "Missing value for required parameter 'source'"),
    ]
    for path, body, message in cases:
        reply = post(server, path, body)
        assert reply.status_code == 400, (path, body, reply.text)
        assert reply.json()["error_code"] == "INVALID_PARAMETER_VALUE", (path, body, reply.text)
        assert message in reply.json()["message"], (path, body, reply.text)


def test_search_runs(client):
    experiment = client.create_experiment("search")
    ids = []
    for i in range(5):
        run = client.create_run(experiment, run_name=f"run {i}", start_time=1000 + i, tags={"n": str(i)})
        client.log_metric(run.info.run_id, "acc", i / 10)
        client.log_metric(run.info.run_id, "odd metric", -i)
        client.log_param(run.info.run_id, "p", "abc" if i % 2 else "ABD")
        ids.append(run.info.run_id)
    client.set_terminated(ids[0])
    client.log_metric(ids[4], "nan", math.nan)

    def found(filter_string="", **kw):
        runs = client.search_runs([experiment], filter_string, **kw)
        return [ids.index(run.info.run_id) for run in runs]

    assert found() == [4, 3, 2, 1, 0]
    assert found("metrics.acc >= 0.2") == [4, 3, 2]
    assert found("metrics.`odd metric` < -2 AND params.p = 'abc'") == [3]
    assert found("params.p LIKE 'A%'") == [4, 2, 0]
    assert found("params.p ILIKE 'a%'") == [4, 3, 2, 1, 0]
    assert found("tags.n != '3'") == [4, 2, 1, 0]
    assert found("attributes.status = 'FINISHED'") == [0]
    assert found(f"attributes.run_id IN ('{ids[1]}', '{ids[2]}')") == [2, 1]
    assert found("run_name = 'run 2'") == [2]
    assert found("start_time > 1002") == [4, 3]
    assert found(order_by=["metrics.acc ASC"]) == [0, 1, 2, 3, 4]
    assert found(order_by=["params.p DESC", "metrics.acc DESC"]) == [3, 1, 4, 2, 0]
    assert found(order_by=["attribute.start_time ASC"], max_results=2) == [0, 1]
    assert found(order_by=["metrics.nan ASC"])[0] == 4
    page = client.search_runs([experiment], max_results=3)
    rest = client.search_runs([experiment], max_results=3, page_token=page.token)
    assert len(page) == 3 and len(rest) == 2 and not rest.token
    client.delete_run(ids[2])
    assert found() == [4, 3, 1, 0]
    assert found(run_view_type=ViewType.DELETED_ONLY) == [2]
    assert found(run_view_type=ViewType.ALL) == [4, 3, 2, 1, 0]
    with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment], "metrics.acc > 0 OR metrics.acc < 0")
    # Not "§", which MLflow's own server answers with 500: it decodes no text but ASCII.
    for wrong in ("wrong", "bm8gSlNPTg==", "e30="):
        with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE: Invalid page token"):
            client.search_runs([experiment], page_token=wrong)


def test_inputs(client):
    from mlflow.entities import Dataset, DatasetInput, InputTag

    rid = client.create_run("0").info.run_id
    data = Dataset("loans", "abc123", "local", '{"uri": "loans.csv"}', schema="s", profile="p")
    client.log_inputs(rid, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    got = client.get_run(rid).inputs.dataset_inputs
    assert len(got) == 1 and got[0].dataset.name == "loans" and got[0].tags[0].value == "training"
    search = lambda f: len(client.search_runs(["0"], f))
    assert search("dataset.name = 'loans'") == 1
    assert search("dataset.digest = 'abc123' AND dataset.context = 'training'") == 1
    assert search("dataset.name = 'other'") == 0


def test_fluent(client, server):
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="r") as run:
        mlflow.log_params({"a": 1, "b": "x"})
        mlflow.log_metrics({"m": 1.0, "n": 2.0}, step=3)
        mlflow.set_tags({"k": "v"})
        with mlflow.start_run(nested=True):
            mlflow.log_metric("inner", 1)
    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"
    frame = mlflow.search_runs(experiment_names=["fluent"], filter_string="metrics.m = 1")
    assert len(frame) == 1 and frame.iloc[0]["params.a"] == "1"
    children = mlflow.search_runs(
        experiment_names=["fluent"], filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert len(children) == 1


def test_logged_models(client):
    if not hasattr(client, "create_logged_model"):
        pytest.skip("this line of mlflow has no logged models")
    rid = client.create_run("0").info.run_id
    model = client.create_logged_model("0", name="m", source_run_id=rid, tags={"a": "b"}, params={"p": "q"},
                                       model_type="t")
    assert model.model_id.startswith("m-") and str(model.status).endswith("PENDING")
    assert model.artifact_location.endswith(f"/0/models/{model.model_id}/artifacts")
    got = client.finalize_logged_model(model.model_id, "READY")
    assert str(got.status).endswith("READY")
    client.set_logged_model_tags(model.model_id, {"c": "d"})
    client.delete_logged_model_tag(model.model_id, "a")
    got = client.get_logged_model(model.model_id)
    assert got.tags == {"c": "d"} and got.params == {"p": "q"} and got.source_run_id == rid
    client.log_metric(rid, "acc", 0.5, model_id=model.model_id)
    assert client.get_logged_model(model.model_id).metrics[0].value == 0.5
    other = client.create_logged_model("0", name="other")
    names = lambda **kw: [m.name for m in client.search_logged_models(["0"], **kw)]
    assert names() == ["other", "m"]
    assert names(filter_string="name = 'm'") == ["m"]
    assert names(filter_string="metrics.acc > 0.4 AND params.p = 'q'") == ["m"]
    assert names(order_by=[{"field_name": "creation_timestamp", "ascending": True}]) == ["m", "other"]
    client.delete_logged_model(other.model_id)
    assert names() == ["m"]
    with pytest.raises(MlflowException, match="not found"):
        client.get_logged_model(other.model_id)


@pytest.mark.plimsoll
def test_a_runs_end_is_in_the_ledger(client, server):
    rid = client.create_run("0").info.run_id
    client.log_metric(rid, "m", 1)
    client.set_terminated(rid)
    events = requests.get(f"{server}/api/v1/events").json()["items"]
    ends = [e for e in events if e["action"] == "EndRun"]
    assert len(ends) == 1 and ends[0]["resource"] == f"run/{rid}"
    assert "digest" in str(ends[0])


@pytest.mark.plimsoll
def test_what_is_not_done_is_said(server):
    reply = requests.post(f"{server}/api/3.0/mlflow/traces/search", json={})
    assert reply.status_code == 501 and reply.json()["error_code"] == "NOT_IMPLEMENTED"
    reply = requests.post(f"{server}/api/2.0/mlflow/scorers/register", json={})
    assert reply.status_code == 404 and reply.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_every_prefix(client, server):
    for prefix in ["/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"]:
        assert requests.get(server + prefix + "experiments/get?experiment_id=0").json()["experiment"]["name"] == "Default"
