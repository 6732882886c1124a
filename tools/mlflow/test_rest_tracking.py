"""Tracking over REST, case by case as MLflow's own tests of its server ask
(`tests/tracking/test_rest_tracking.py`): the same calls, words and numbers, written anew. Local
paths, GraphQL, prompts and traces are not what this server does."""

import json
import math
import subprocess
import sys
import time

import mlflow
import pytest
import requests
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

CONTEXT = "mlflow.data.context"


def now():
    return int(time.time() * 1000)


@pytest.fixture
def experiment(client):
    return client.create_experiment("one")


@pytest.fixture
def rid(client, experiment):
    return client.create_run(experiment).info.run_id


@pytest.fixture
def refuses(server):
    def refuses(path, body, words):
        reply = requests.post(f"{server}/api/2.0/mlflow/{path}", json=body)
        assert reply.status_code == 400 and words in reply.text, (path, body, reply.text)
    return refuses


@pytest.fixture
def ask(server):
    def ask(path, **params):
        return requests.get(f"{server}/ajax-api/2.0/mlflow/{path}", params=params)
    return ask


def cli(server, *words):
    done = subprocess.run([sys.executable, "-m", "mlflow", *words], capture_output=True, text=True,
                          env={"MLFLOW_TRACKING_URI": server, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_experiments_by_view(client):
    made = client.create_experiment("one", tags={"a": "1", "b": "2"})
    tags = client.get_experiment(made).tags
    assert {k: v for k, v in tags.items() if not k.startswith("mlflow.")} == {"a": "1", "b": "2"}
    names = lambda **kw: {e.name for e in client.search_experiments(**kw)}
    assert names() == {"one", "Default"}
    client.delete_experiment(made)
    assert names() == names(view_type=ViewType.ACTIVE_ONLY) == {"Default"}
    assert names(view_type=ViewType.DELETED_ONLY) == {"one"}
    assert names(view_type=ViewType.ALL) == {"one", "Default"}
    assert client.search_experiments(max_results=1).token is None
    first = client.search_experiments(max_results=1, view_type=ViewType.ALL)
    second = client.search_experiments(max_results=1, view_type=ViewType.ALL, page_token=first.token)
    assert {first[0].name, second[0].name} == {"one", "Default"}


def test_what_an_experiment_must_be(refuses):
    refuses("experiments/create", {"name": 123}, "Invalid value 123 for parameter 'name'")
    refuses("experiments/create", {}, "Missing value for required parameter 'name'.")
    refuses("experiments/create", {"name": "x", "artifact_location": 9.0}, "Invalid value 9.0 for parameter 'artifact_location'")
    refuses("experiments/create", {"name": "x", "tags": "5"}, 'Invalid value \\"5\\" for parameter \'tags\'')


def test_experiments_from_the_command_line(client, server):
    cli(server, "experiments", "create", "--experiment-name", "by hand")
    made = client.get_experiment_by_name("by hand").experiment_id
    for verb, stage in (("delete", "deleted"), ("restore", "active")):
        cli(server, "experiments", verb, "-x", made)
        assert client.get_experiment(made).lifecycle_stage == stage
    cli(server, "experiments", "rename", "--experiment-id", made, "--new-name", "better")
    assert client.get_experiment(made).name == "better"
    assert "better" in cli(server, "experiments", "search")
    rid = client.create_run(made).info.run_id
    assert rid in cli(server, "runs", "list", "--experiment-id", made)
    assert rid in cli(server, "runs", "describe", "--run-id", rid)
    cli(server, "runs", "delete", "--run-id", rid)
    assert client.get_run(rid).info.lifecycle_stage == "deleted"
    cli(server, "runs", "restore", "--run-id", rid)
    assert client.get_run(rid).info.lifecycle_stage == "active"


@pytest.mark.parametrize("parent", [None, "my-parent-id"])
def test_a_run_with_everything(client, experiment, parent):
    tags = {"mlflow.user": "someone", "mlflow.source.type": "LOCAL", "mlflow.source.name": "Hello",
            "mlflow.project.entryPoint": "entry", "mlflow.source.git.commit": "abc",
            "mlflow.parentRunId": parent or "7", "my": "tag"}
    made = client.create_run(experiment, start_time=456, run_name="my name", tags=tags)
    for run in (made, client.get_run(made.info.run_id)):
        assert (run.info.user_id, run.info.start_time, run.info.run_name) == ("someone", 456, "my name")
        assert tags.items() <= run.data.tags.items()
    assert [run.info for run in client.search_runs([experiment])] == [made.info]


def test_a_run_with_nothing(client, experiment, rid):
    run = client.get_run(rid)
    assert (run.info.run_id, run.info.experiment_id) == (rid, experiment)
    assert run.info.status == "RUNNING" and run.info.end_time is None


def test_what_a_run_logs(client, rid):
    client.log_metric(rid, "metric", 123.456, timestamp=789, step=2)
    client.log_metric(rid, "stepless", 987.654, timestamp=321)
    for key, value in (("nan", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
        client.log_metric(rid, key, value)
    client.log_param(rid, "param", "value")
    client.set_tag(rid, "taggity", "do-dah")
    data = client.get_run(rid).data
    assert data.metrics["metric"] == 123.456 and data.metrics["stepless"] == 987.654
    assert math.isnan(data.metrics["nan"]) and data.metrics["inf"] >= 1.7976931348623157e308 and data.metrics["-inf"] <= -1.7976931348623157e308
    assert data.params == {"param": "value"} and data.tags["taggity"] == "do-dah"
    (one,) = client.get_metric_history(rid, "metric")
    assert (one.key, one.value, one.timestamp, one.step) == ("metric", 123.456, 789, 2)
    (one,) = client.get_metric_history(rid, "stepless")
    assert (one.value, one.timestamp, one.step) == (987.654, 321, 0)
    assert client.get_metric_history(rid, "none") == []


def test_what_a_metric_must_be(refuses, rid):
    whole = {"run_id": rid, "key": "m", "value": 31, "timestamp": 59, "step": 41}
    for name, wrong, said in (("run_id", 31, "31"), ("key", 31, "31"), ("step", "foo", '\\"foo\\"'), ("timestamp", "foo", '\\"foo\\"')):
        refuses("runs/log-metric", {**whole, name: wrong}, f"Invalid value {said} for parameter '{name}' supplied")
    for name in ("run_id", "key"):
        refuses("runs/log-metric", {**whole, name: None}, f"Missing value for required parameter '{name}'")
    del whole["key"]
    refuses("runs/log-metric", whole, "Missing value for required parameter 'key'")


def test_what_a_parameter_and_a_tag_must_be(client, server, refuses, rid):
    for path, at in (("runs/log-parameter", "param"), ("runs/set-tag", "tag")):
        refuses(path, {"run_id": 31, "key": at, "value": 41}, "Invalid value 31 for parameter 'run_id' supplied")
        refuses(path, {"run_id": rid, "key": 31, "value": "x"}, "Invalid value 31 for parameter 'key' supplied")
        refuses(path, {"run_id": rid, "value": "x"}, "Missing value for required parameter 'key'")
    refuses("runs/set-tag", {"run_id": rid, "key": "k", "value": 41}, "Invalid value 41 for parameter 'value' supplied")
    old = requests.post(f"{server}/api/2.0/mlflow/runs/set-tag", json={"run_uuid": rid, "key": "k", "value": "v"})
    assert old.status_code == 200 and client.get_run(rid).data.tags["k"] == "v"


def test_what_is_empty_is_kept(client, experiment, rid):
    client.log_param(rid, "p", "")
    client.set_tag(rid, "t", "")
    client.log_batch(rid, params=[Param("q", "")], tags=[RunTag("u", "")])
    client.set_experiment_tag(experiment, "e", "")
    data = client.get_run(rid).data
    assert data.params == {"p": "", "q": ""} and {"t": "", "u": ""}.items() <= data.tags.items()
    assert client.get_experiment(experiment).tags["e"] == ""


@pytest.mark.parametrize("path,params", [
    ("/api/2.0/mlflow/artifacts/list", {}), ("/get-artifact", {}),
    ("/model-versions/get-artifact", {"name": "model", "version": 1}),
], ids=["list", "run", "version"])
def test_paths_that_lead_elsewhere(server, rid, path, params):
    for wrong in ("../path", "a/../../b", "/etc/passwd", "..%2fx"):
        asked = {"run_id": rid, "path": wrong, **params}
        reply = requests.get(server + path, params=asked)
        assert reply.status_code == 400, (wrong, reply.text)
        assert reply.json() == {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}


def test_tags_of_experiments(client, experiment):
    other = client.create_experiment("other")
    own = lambda one: {k: v for k, v in client.get_experiment(one).tags.items() if not k.startswith("mlflow.")}
    for value in ("imagenet1K", "birdbike"):
        client.set_experiment_tag(experiment, "dataset", value)
        assert own(experiment) == {"dataset": value} and own(other) == {}
    client.set_experiment_tag(other, "dataset", "birds200")
    client.set_experiment_tag(experiment, "lines", "one\ntwo\nthree")
    assert own(experiment) == {"dataset": "birdbike", "lines": "one\ntwo\nthree"} and own(other) == {"dataset": "birds200"}


def test_a_tag_is_deleted(client, rid):
    client.set_tag(rid, "taggity", "do-dah")
    client.delete_tag(rid, "taggity")
    assert "taggity" not in client.get_run(rid).data.tags
    with pytest.raises(MlflowException, match=r"Run .+ not found"):
        client.delete_tag("fake_run_id", "taggity")
    with pytest.raises(MlflowException, match="No tag with name: fakeTag"):
        client.delete_tag(rid, "fakeTag")
    client.delete_run(rid)
    with pytest.raises(MlflowException, match=f"The run {rid} must be in"):
        client.delete_tag(rid, "taggity")


def test_a_tag_of_an_experiment_is_deleted(client, experiment):
    if not hasattr(client, "delete_experiment_tag"):
        pytest.skip("this line of mlflow takes no tags off experiments")
    client.set_experiment_tag(experiment, "a", "b")
    client.delete_experiment_tag(experiment, "a")
    assert "a" not in client.get_experiment(experiment).tags


def test_a_batch(client, server, refuses, rid):
    client.log_batch(rid, [Metric("metric", 123.456, 789, 3)], [Param("param", "value")], [RunTag("taggity", "do-dah")])
    data = client.get_run(rid).data
    assert (data.metrics["metric"], data.params["param"], data.tags["taggity"]) == (123.456, "value", "do-dah")
    (one,) = client.get_metric_history(rid, "metric")
    assert (one.key, one.value, one.timestamp, one.step) == ("metric", 123.456, 789, 3)
    for name in ("metrics", "params", "tags"):
        refuses("runs/log-batch", {"run_id": rid, name: "foo"}, f"Invalid value \\\"foo\\\" for parameter '{name}' supplied")
    refuses("runs/log-batch", {"run_id": rid, "metrics": [{"key": "mae", "value": 2.5}]},
            "Missing value for required parameter 'metrics[0].timestamp'")
    stepless = {"run_id": rid, "metrics": [{"key": "mae", "value": 2.5, "timestamp": 123456789}]}
    assert requests.post(f"{server}/api/2.0/mlflow/runs/log-batch", json=stepless).status_code == 200


@pytest.mark.parametrize("status", [None, "FAILED"])
def test_a_run_ends(client, rid, status):
    client.set_terminated(rid, *[status] if status else [])
    info = client.get_run(rid).info
    assert info.status == (status or "FINISHED") and info.end_time <= now()
    client.update_run(rid, name="named later")
    info = client.get_run(rid).info
    assert (info.run_name, info.status) == ("named later", status or "FINISHED")


def test_files_of_a_run(client, server, experiment, rid, tmp_path):
    source = tmp_path / "from"
    source.mkdir()
    (source / "my.file").write_text("Hello, World!")
    client.log_artifact(rid, str(source / "my.file"))
    client.log_artifacts(rid, str(source), "dir")
    assert {f.path for f in client.list_artifacts(rid)} == {"my.file", "dir"}
    assert {f.path for f in client.list_artifacts(rid, "dir")} == {"dir/my.file"}
    everything = mlflow.artifacts.download_artifacts(run_id=rid, artifact_path=".", tracking_uri=server)
    for path in ("my.file", "dir/my.file"):
        assert open(f"{everything}/{path}").read() == "Hello, World!"
    folder = mlflow.artifacts.download_artifacts(run_id=rid, artifact_path="dir", tracking_uri=server)
    assert open(f"{folder}/my.file").read() == "Hello, World!"
    # As web pages and clients of other languages list them.
    listed = lambda **kw: requests.get(f"{server}/api/2.0/mlflow/artifacts/list", params={"run_id": rid, **kw}).json()
    root = f"mlflow-artifacts:/{experiment}/{rid}/artifacts"
    assert listed() == {"root_uri": root, "files": [{"path": "dir", "is_dir": True}, {"path": "my.file", "is_dir": False, "file_size": 13}]}
    assert listed(path="dir") == {"root_uri": root, "files": [{"path": "dir/my.file", "is_dir": False, "file_size": 13}]}
    assert listed(path="none") == {"root_uri": root}


def test_runs_page_by_page(client, experiment, refuses):
    runs = sorted(client.create_run(experiment, start_time=1).info.run_id for _ in range(10))
    page = client.search_runs([experiment], max_results=4)
    found = [run.info.run_id for run in page]
    while page.token:
        page = client.search_runs([experiment], max_results=4, page_token=page.token)
        found += [run.info.run_id for run in page]
    assert found == runs
    refuses("runs/search", {"experiment_ids": [experiment], "max_results": 123456789},
            "Invalid value 123456789 for parameter 'max_results' supplied")


def test_experiments_are_found(client):
    assert client.search_experiments()[0].name == "Default"
    made = []
    for name, tags in (("a", {"key": "value"}), ("ab", {"key": "vaLue"}), ("Abc", None)):
        time.sleep(0.002)
        made.append(client.create_experiment(name, tags=tags))
    names = lambda **kw: [e.name for e in client.search_experiments(**kw)]
    for text, expected in (
        ("attribute.name = 'a'", ["a"]), ("attribute.name != 'a'", ["Abc", "ab", "Default"]),
        ("name LIKE 'a%'", ["ab", "a"]), ("tag.key = 'value'", ["a"]), ("tag.key != 'value'", ["ab"]),
        ("tag.key ILIKE '%alu%'", ["ab", "a"]),
    ):
        assert names(filter_string=text) == expected, text
    assert names(order_by=["name DESC"]) == ["ab", "a", "Default", "Abc"]
    page = client.search_experiments(max_results=2)
    assert [e.name for e in page] == ["Abc", "ab"] and names(page_token=page.token) == ["a", "Default"]
    time.sleep(0.002)
    client.delete_experiment(made[1])
    assert names(view_type=ViewType.ACTIVE_ONLY) == ["Abc", "a", "Default"]
    assert names(view_type=ViewType.DELETED_ONLY) == ["ab"]
    assert names(view_type=ViewType.ALL) == ["Abc", "ab", "a", "Default"]


def test_what_a_history_of_several_runs_must_be(ask):
    def refused(words, **params):
        reply = ask("metrics/get-history-bulk", **params)
        assert reply.status_code == 400 and reply.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        assert words in reply.json()["message"]
    refused("GetMetricHistoryBulk request must specify at least one run_id", metric_key="key")
    refused("GetMetricHistoryBulk request must specify at least one run_id", metric_key="key", run_id=[])
    refused("GetMetricHistoryBulk request cannot specify more than", metric_key="key", run_id=[f"id_{i}" for i in range(1000)])
    refused("GetMetricHistoryBulk request must specify a metric_key", run_id=["123"])


HISTORIES = {
    "a": [(1, 2, 10.0), (1, 3, 11.0), (1, 3, 12.0), (2, 3, 12.0)],
    "b": [(7, -2, -100.0), (8, 0, 0.0), (8, 0, 1.0), (9, 1, 12.0)],
}


def test_a_history_of_several_runs(client, experiment, ask):
    one, two, three = (client.create_run(experiment).info.run_id for _ in range(3))
    for key, history in HISTORIES.items():
        for at, step, value in history:
            client.log_metric(one, key, value, at, step)
            client.log_metric(two, key, value + 1, at, step)
    told = lambda key, run, more: [
        {"key": key, "timestamp": at, "step": step, "value": value + more, "run_id": run} for at, step, value in HISTORIES[key]]
    got = lambda **params: ask("metrics/get-history-bulk", **params).json()["metrics"]
    assert got(run_id=[one], metric_key="a") == told("a", one, 0)
    assert got(run_id=[two], metric_key="b") == told("b", two, 1)
    for runs, key in (([one, two], "a"), ([one, two, three], "b")):
        expected = sorted(told(key, one, 0) + told(key, two, 1), key=lambda m: m["run_id"])
        assert got(run_id=runs, metric_key=key) == expected
    assert got(run_id=[one], metric_key="a", max_results=2) == told("a", one, 0)[:2]


def test_a_history_page_by_page(client, rid, ask):
    for i in range(10):
        client.log_metric(rid, "m", float(i), 1000 + i, i)
    assert len(client.get_metric_history(rid, "m")) == 10
    found, token = [], None
    for expected in (4, 4, 2):
        params = {"page_token": token} if token else {}
        page = ask("metrics/get-history", run_id=rid, metric_key="m", max_results=4, **params).json()
        assert len(page["metrics"]) == expected
        found, token = found + page["metrics"], page.get("next_page_token")
    assert token is None
    assert [(m["key"], m["value"], m["step"], m["timestamp"]) for m in found] == [("m", float(i), i, 1000 + i) for i in range(10)]
    assert len(ask("metrics/get-history", run_id=rid, metric_key="m", max_results=3).json()["metrics"]) == 3
    wrong = ask("metrics/get-history", run_id=rid, metric_key="m", page_token="invalid_token")
    assert wrong.status_code == 400 and wrong.json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_what_a_sampled_history_must_be(ask):
    def refused(words, **params):
        reply = ask("metrics/get-history-bulk-interval", **params)
        assert reply.status_code == 400 and reply.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        assert words in reply.json()["message"], reply.text
    whole = {"run_ids": ["123"], "metric_key": "key", "max_results": 5}
    for params, words in (
        ({"metric_key": "key"}, "Missing value for required parameter 'run_ids'."),
        ({"metric_key": "key", "run_ids": []}, "Missing value for required parameter 'run_ids'."),
        ({**whole, "run_ids": [f"id_{i}" for i in range(1000)]}, "GetMetricHistoryBulkInterval request must specify at most 100 run_ids."),
        ({**whole, "max_results": 0}, "max_results must be between 1 and 2500"),
        ({**whole, "metric_key": ""}, "Missing value for required parameter 'metric_key'"),
        ({"run_ids": ["123"], "max_results": 5}, "Missing value for required parameter 'metric_key'"),
        ({**whole, "start_step": 1, "end_step": 0}, "end_step must be greater than start_step. "),
        ({**whole, "start_step": 1}, "If either start step or end step are specified, both must be specified."),
    ):
        refused(words, **params)


def test_a_sampled_history(client, experiment, ask):
    one, two = (client.create_run(experiment).info.run_id for _ in range(2))
    for rid, count in ((one, 10), (two, 20)):
        client.log_batch(rid, [Metric("m", 10.0, 1, i) for i in range(count)])
    def got(**params):
        found = ask("metrics/get-history-bulk-interval", metric_key="m", max_results=5, **params).json()["metrics"]
        return [(m["run_id"], m["step"], m["timestamp"]) for m in found]
    steps = [0, 2, 4, 6, 8, 9]
    assert got(run_ids=[one]) == [(one, step, 1) for step in steps]
    assert got(run_ids=[one], start_step=0, end_step=4) == [(one, step, 1) for step in range(5)]
    both = [0, 4, 8, 9, 12, 16, 19]
    assert got(run_ids=[one, two]) == [(one, s, 1) for s in both if s < 10] + [(two, s, 1) for s in both]
    client.log_batch(one, [Metric("m", 10.0, 2, i) for i in range(10)])
    assert sorted(got(run_ids=[one])) == sorted((one, step, at) for step in steps for at in (1, 2))


def dataset(context):
    data = Dataset(name="name1", digest="digest1", source_type="source_type1", source="source1")
    return [DatasetInput(dataset=data, tags=[InputTag(key=CONTEXT, value=context)])]


def test_datasets_of_experiments(client, server, experiment, rid):
    url = f"{server}/ajax-api/2.0/mlflow/experiments/search-datasets"
    for body, words in (({}, "must specify at least one experiment_id."), ({"experiment_ids": []}, "must specify at least one experiment_id."),
                        ({"experiment_ids": [f"id_{i}" for i in range(1000)]}, "SearchDatasets request cannot specify more than")):
        reply = requests.post(url, json=body)
        assert reply.status_code == 400 and reply.json()["error_code"] == "INVALID_PARAMETER_VALUE" and words in reply.json()["message"]
    client.log_inputs(rid, dataset("training"))
    reply = requests.post(url, json={"experiment_ids": [experiment]})
    assert reply.json()["dataset_summaries"] == [{"experiment_id": experiment, "name": "name1", "digest": "digest1", "context": "training"}]


GOOD = ["mlflow-artifacts:/models", "mlflow-artifacts:/models/", "mlflow-artifacts:/models///", "mlflow-artifacts:/models/foo///bar",
        "mlflow-artifacts://host:9000/models", "mlflow-artifacts://host:9000/models/artifact/..../"]
BAD = ["mlflow-artifacts://host:9000/models/../../../", "http://host:9000/models/../../../",
       "https://host/api/2.0/mlflow-artifacts/artifacts/../../../", "s3a://my_bucket/api/2.0/mlflow-artifacts/artifacts/../../../",
       "ftp://host:8888/api/2.0/mlflow-artifacts/artifacts/../../../", "mlflow-artifacts://host:9000/models/..%2f..%2fartifacts",
       "mlflow-artifacts://host:9000/models/artifact%00"]


@pytest.mark.plimsoll
def test_where_versions_may_come_from(client, server, rid):
    """As MLflow's server of 3.6 has it; 3.17's asks for more of a run."""
    client.create_registered_model("model")
    def create(source, **more):
        return requests.post(f"{server}/api/2.0/mlflow/model-versions/create", json={"name": "model", "source": source, **more})
    for source in GOOD:
        assert create(source, run_id=rid).status_code == 200, source
    for source in BAD:
        reply = create(source, run_id=rid)
        assert reply.status_code == 400 and "If supplying a source as an http, https," in reply.json()["message"], (source, reply.text)
    reply = create(f"dbfs:/{rid}/artifacts/a%3f/../../../../../../../../../../", run_id=rid)
    assert reply.status_code == 400 and "Invalid model version source" in reply.json()["message"]
    for source in ("/tmp", "file:///tmp"):
        reply = create(source)
        assert reply.status_code == 400 and "To use a local path as a model version" in reply.json()["message"]


def test_versions_of_a_logged_model(client):
    if not hasattr(client, "create_logged_model"):
        pytest.skip("this line of mlflow has no logged models")
    client.create_registered_model("model")
    made = client.create_logged_model(client.create_experiment("test"))
    for number in (1, 2):
        client.create_model_version("model", made.artifact_location if number == 1 else made.model_uri, model_id=made.model_id)
        told = json.loads(client.get_logged_model(made.model_id).tags["mlflow.modelVersions"])
        assert told == [{"name": "model", "version": n} for n in range(1, number + 1)]


def test_inputs_of_a_run(client, refuses, experiment, rid):
    client.log_inputs(rid, dataset("training"))
    (got,) = client.get_run(rid).inputs.dataset_inputs
    assert (got.dataset.name, got.dataset.digest, got.dataset.source_type, got.dataset.source) == ("name1", "digest1", "source_type1", "source1")
    assert [(tag.key, tag.value) for tag in got.tags] == [(CONTEXT, "training")]
    refuses("runs/log-inputs", {"datasets": []}, "Missing value for required parameter 'run_id'")
    if hasattr(client, "create_logged_model"):
        from mlflow.entities.logged_model_input import LoggedModelInput

        model = client.create_logged_model(experiment)
        client.log_inputs(rid, models=[LoggedModelInput(model_id=model.model_id)], datasets=dataset("training"))
        assert [one.model_id for one in client.get_run(rid).inputs.model_inputs] == [model.model_id]


def test_a_metric_of_a_logged_model(client, experiment, rid):
    if not hasattr(client, "create_logged_model"):
        pytest.skip("this line of mlflow has no logged models")
    model = client.create_logged_model(experiment)
    client.log_metric(rid, "metric", 0.5, timestamp=123456789, step=1, dataset_name="name", dataset_digest="digest", model_id=model.model_id)
    assert client.get_logged_model(model.model_id).metrics == [
        Metric("metric", 0.5, 123456789, 1, model_id=model.model_id, dataset_name="name", dataset_digest="digest", run_id=rid)]


def test_files_of_a_logged_model(client, server, tmp_path):
    if not hasattr(client, "create_logged_model"):
        pytest.skip("this line of mlflow has no logged models")
    model = client.create_logged_model("0")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights").write_text("abc")
    client.log_model_artifacts(model.model_id, str(tmp_path))
    url = f"{server}/api/2.0/mlflow/logged-models/{model.model_id}/artifacts/directories"
    assert requests.get(url).json() == {"root_uri": model.artifact_location, "files": [{"path": "a", "is_dir": True}]}
    listed = requests.get(url, params={"artifact_directory_path": "a"}).json()
    assert listed["files"] == [{"path": "a/weights", "is_dir": False, "file_size": 3}]
    assert requests.get(url, params={"artifact_directory_path": "../x"}).status_code == 400
    url = url.replace("directories", "files")
    read = requests.get(url, params={"artifact_file_path": "a/weights"})
    assert (read.status_code, read.text) == (200, "abc")
    assert requests.get(url, params={"artifact_file_path": "a/none"}).status_code == 404
    for path in ("../x", ""):
        assert requests.get(url, params={"artifact_file_path": path}).status_code == 400


def test_logged_models_by_the_datasets_of_their_metrics(client, experiment, rid):
    if not hasattr(client, "create_logged_model"):
        pytest.skip("this line of mlflow has no logged models")
    models = [client.create_logged_model(experiment) for _ in range(3)]
    for model, name, digest, value in [(0, "loans", "1", 0.9), (1, "loans", "2", 0.5), (0, "cards", "1", 0.1)]:
        client.log_metric(rid, "auc", value, step=model, dataset_name=name, dataset_digest=digest, model_id=models[model].model_id)
    def found(*datasets, filter_string=None):
        asked = [dict(zip(("dataset_name", "dataset_digest"), dataset)) for dataset in datasets]
        got = client.search_logged_models([experiment], datasets=asked, filter_string=filter_string)
        return sorted(next(n for n, m in enumerate(models) if m.model_id == one.model_id) for one in got)
    assert found(("loans",)) == [0, 1]
    assert found(("loans", "2")) == [1]
    assert found(("loans", "2"), ("cards",)) == [0, 1]
    assert found(("nothing",)) == []
    # A condition on a metric is one on the metrics of these datasets.
    assert found(("loans",), filter_string="metrics.auc > 0.6") == [0]
    assert found(("cards",), filter_string="metrics.auc > 0.6") == []


def test_a_small_file_is_uploaded_in_a_request(server, rid):
    url = f"{server}/ajax-api/2.0/mlflow/upload-artifact"
    for asked, words in [({}, "run_uuid"), ({"run_uuid": rid}, "path"), ({"run_uuid": rid, "path": ""}, "path"),
                         ({"run_uuid": rid, "path": "../a"}, "Invalid path"), ({"run_uuid": rid, "path": "a"}, "data")]:
        reply = requests.post(url, params=asked, data="" if words == "data" else "x")
        assert reply.status_code == 400 and words in reply.json()["message"], (asked, reply.text)
    assert requests.post(url, params={"run_uuid": rid, "path": "a/note.txt"}, data="hello").status_code == 200
    read = requests.get(f"{server}/get-artifact", params={"run_uuid": rid, "path": "a/note.txt"})
    assert (read.status_code, read.text) == (200, "hello")


def test_sampled_values_come_by_step(client, server, rid):
    for time, steps in ((1, range(10)), (2, range(10))):
        for step in steps:
            client.log_metric(rid, "m", step, timestamp=time, step=step)
    reply = requests.get(f"{server}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval",
                         params={"run_ids": [rid], "metric_key": "m", "max_results": 5}).json()
    assert [(m["step"], m["timestamp"]) for m in reply["metrics"]] == [(s, t) for s in (0, 2, 4, 6, 8, 9) for t in (1, 2)]


def test_types_are_looked_at_before_values(server):
    body = {"name": "n", "artifact_location": "my_location", "tags": "5"}
    reply = requests.post(f"{server}/api/2.0/mlflow/experiments/create", json=body)
    assert reply.status_code == 400 and "for parameter 'tags'" in reply.json()["message"]


def test_several_slashes_at_the_beginning_are_one(server, rid):
    reply = requests.get(f"{server}//get-artifact", params={"run_id": rid, "path": "../path"})
    assert (reply.status_code, reply.json()) == (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"})
