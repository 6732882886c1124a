"""The registry with MLflow's own client."""

import time

import pytest
import requests
from mlflow.exceptions import MlflowException

SOURCE = "s3://bucket/models/m-1"


def test_registered_models(client):
    made = client.create_registered_model("Credit 你好", tags={"a": "b"}, description="what for")
    got = client.get_registered_model("Credit 你好")
    assert (got.name, got.description, got.tags) == (made.name, "what for", {"a": "b"})
    with pytest.raises(MlflowException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model("Credit 你好")
    for bad in ["", "a/b", "a:b"]:
        with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"):
            client.create_registered_model(bad)
    time.sleep(0.01)
    changed = client.update_registered_model("Credit 你好", "else")
    assert changed.description == "else"
    assert changed.last_updated_timestamp > made.last_updated_timestamp
    client.set_registered_model_tag("Credit 你好", "c", "d")
    client.delete_registered_model_tag("Credit 你好", "a")
    assert client.get_registered_model("Credit 你好").tags == {"c": "d"}
    client.rename_registered_model("Credit 你好", "credit")
    with pytest.raises(MlflowException, match="Registered Model with name=Credit 你好 not found"):
        client.get_registered_model("Credit 你好")
    client.delete_registered_model("credit")
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model("credit")
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.delete_registered_model("credit")


def test_rename_keeps_versions(client):
    client.create_registered_model("old")
    client.create_registered_model("taken")
    client.create_model_version("old", SOURCE)
    with pytest.raises(MlflowException, match="RESOURCE_ALREADY_EXISTS"):
        client.rename_registered_model("old", "taken")
    client.rename_registered_model("old", "new")
    assert client.get_model_version("new", "1").name == "new"
    assert client.get_registered_model("new").latest_versions[0].name == "new"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_search_models_by_page(client, size):
    names = [f"model {i:02}" for i in range(7)]
    for name in names:
        client.create_registered_model(name)
    found, token = [], None
    while True:
        page = client.search_registered_models(max_results=size, page_token=token)
        assert len(page) <= size
        found += [m.name for m in page]
        if not (token := page.token):
            break
    assert found == names


def test_search_models(client):
    for name, tag in [("Abc", "1"), ("abd", "2"), ("xyz", None)]:
        client.create_registered_model(name, tags={"k": tag} if tag else None)
        time.sleep(0.005)
    names = lambda f=None, **kw: [m.name for m in client.search_registered_models(f, **kw)]
    assert names() == ["Abc", "abd", "xyz"]
    assert names("name = 'xyz'") == ["xyz"]
    assert names("name LIKE 'a%'") == ["abd"]
    assert names("name ILIKE 'a%'") == ["Abc", "abd"]
    assert names("tags.k = '1'") == ["Abc"]
    assert names("tags.k != '1'") == ["abd"]
    assert names("name ILIKE 'a%' AND tags.k = '2'") == ["abd"]
    assert names(order_by=["name DESC"]) == ["xyz", "abd", "Abc"]
    assert names(order_by=["last_updated_timestamp DESC"]) == ["xyz", "abd", "Abc"]
    for bad in ["name != 'a'", "size > 3", "name = a", "name = 'a' OR name = 'b'"]:
        with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"):
            names(bad)
    with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"):
        client.search_registered_models(max_results=100000)
    with pytest.raises(MlflowException, match="Invalid page token"):
        client.search_registered_models(page_token="§")


def test_versions(client):
    rid = client.create_run("0").info.run_id
    client.create_registered_model("m")
    one = client.create_model_version("m", f"mlflow-artifacts:/0/{rid}/artifacts/model", rid, tags={"a": "b"},
                                      description="first", run_link="http://example.com/r")
    assert (one.version, one.status, one.current_stage) in [("1", "READY", "None"), (1, "READY", "None")]
    assert (one.run_id, one.tags, one.description, one.run_link) == (rid, {"a": "b"}, "first", "http://example.com/r")
    two = client.create_model_version("m", SOURCE)
    assert str(two.version) == "2"
    assert client.get_model_version_download_uri("m", "1").endswith("/model")
    assert client.update_model_version("m", "1", "changed").description == "changed"
    client.set_model_version_tag("m", "1", "c", "d")
    client.delete_model_version_tag("m", "1", "a")
    assert client.get_model_version("m", "1").tags == {"c": "d"}
    client.delete_model_version("m", "2")
    with pytest.raises(MlflowException, match=r"Model Version \(name=m, version=2\) not found"):
        client.get_model_version("m", "2")
    # A number is never used twice.
    assert str(client.create_model_version("m", SOURCE).version) in ("2", "3")
    with pytest.raises(MlflowException, match="Registered Model with name=none not found"):
        client.create_model_version("none", SOURCE)


@pytest.mark.plimsoll
def test_a_number_is_never_used_twice(client):
    client.create_registered_model("m")
    client.create_model_version("m", SOURCE)
    client.delete_model_version("m", "1")
    assert str(client.create_model_version("m", SOURCE).version) == "2"


def test_stages(client):
    client.create_registered_model("m")
    for _ in range(4):
        client.create_model_version("m", SOURCE)
    stage = lambda v, s, a=False: client.transition_model_version_stage("m", v, s, a)
    assert stage("1", "staging").current_stage == "Staging"
    stage("2", "Production")
    stage("3", "Production", True)
    assert client.get_model_version("m", "2").current_stage == "Archived"
    latest = {v.current_stage: str(v.version) for v in client.get_latest_versions("m")}
    assert latest == {"Staging": "1", "Archived": "2", "Production": "3", "None": "4"}
    assert [str(v.version) for v in client.get_latest_versions("m", ["Production"])] == ["3"]
    with pytest.raises(MlflowException, match="Invalid Model Version stage"):
        stage("1", "nowhere")
    with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"):
        stage("1", "Archived", True)


def test_aliases(client):
    client.create_registered_model("m")
    for _ in range(2):
        client.create_model_version("m", SOURCE)
    client.set_registered_model_alias("m", "champion", "1")
    client.set_registered_model_alias("m", "other", "1")
    assert sorted(client.get_model_version("m", "1").aliases) == ["champion", "other"]
    client.set_registered_model_alias("m", "champion", "2")
    assert str(client.get_model_version_by_alias("m", "champion").version) == "2"
    assert {a: str(v) for a, v in client.get_registered_model("m").aliases.items()} == {"champion": "2", "other": "1"}
    client.delete_registered_model_alias("m", "other")
    with pytest.raises(MlflowException, match="alias other not found"):
        client.get_model_version_by_alias("m", "other")
    with pytest.raises(MlflowException, match="not found"):
        client.set_registered_model_alias("m", "x", "99")
    for bad in ["v1", "V12", "latest"]:
        with pytest.raises(MlflowException, match="reserved"):
            client.set_registered_model_alias("m", bad, "1")
    client.set_registered_model_alias("m", "side", "1")
    client.delete_model_version("m", "1")
    assert "side" not in client.get_registered_model("m").aliases


def test_search_versions(client):
    runs = [client.create_run("0").info.run_id for _ in range(2)]
    for name in ["a", "b"]:
        client.create_registered_model(name)
        for rid in runs:
            client.create_model_version(name, f"mlflow-artifacts:/0/{rid}/artifacts/model", rid, tags={"k": rid})
            time.sleep(0.005)
    found = lambda f=None, **kw: [(v.name, int(v.version)) for v in client.search_model_versions(f, **kw)]
    assert sorted(found()) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert sorted(found("name = 'a'")) == [("a", 1), ("a", 2)]
    assert sorted(found(f"run_id = '{runs[0]}'")) == [("a", 1), ("b", 1)]
    assert sorted(found(f"run_id IN ('{runs[0]}', '{runs[1]}')")) == sorted(found())
    assert found(f"tags.k = '{runs[1]}' AND name = 'b'") == [("b", 2)]
    assert found("version_number > 1", order_by=["name ASC"]) == [("a", 2), ("b", 2)]
    assert found("name = 'a'", order_by=["version_number DESC"]) == [("a", 2), ("a", 1)]
    assert found(f"source_path = 'mlflow-artifacts:/0/{runs[0]}/artifacts/model' AND name = 'a'") == [("a", 1)]
    page = client.search_model_versions(max_results=3)
    assert len(page) == 3 and len(client.search_model_versions(max_results=3, page_token=page.token)) == 1


def test_copy(client):
    client.create_registered_model("from")
    client.create_model_version("from", SOURCE, tags={"a": "b"})
    copied = client.copy_model_version("models:/from/1", "to")
    assert copied.name == "to" and copied.source == "models:/from/1"
    assert client.get_model_version_download_uri("to", "1") == SOURCE


def test_prompts(client):
    if not hasattr(client, "register_prompt"):
        pytest.skip("this line of mlflow has no prompts")
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.genai", exc_type=ImportError)

    mlflow.genai.register_prompt("greeting", "Hello {{name}}", tags={"team": "x"})
    mlflow.genai.register_prompt("greeting", "Hi {{name}}")
    assert mlflow.genai.load_prompt("prompts:/greeting/2").template == "Hi {{name}}"
    client.create_registered_model("plain")
    assert [m.name for m in client.search_registered_models()] == ["plain"]
    assert [p.name for p in client.search_prompts()] == ["greeting"]
    mlflow.genai.set_prompt_alias("greeting", "live", 1)
    assert mlflow.genai.load_prompt("prompts:/greeting@live").template == "Hello {{name}}"


@pytest.mark.parametrize("source", [
    "/etc/passwd", "file:///etc/passwd", "//proc/self/root", "../x", "mlflow-artifacts:/../../etc/passwd",
    "mlflow-artifacts:/%2e%2e/%2e%2e/etc", "mlflow-artifacts:/a#/../../etc", "mlflow-artifacts:/a?/../../etc",
    "runs:/abc/../../x", "models:/m-1/../../x", "http:///#/../../../etc",
])
def test_sources_that_hide_a_path(client, server, source):
    """CVE-2023-1177, -6909, -6977, CVE-2024-1483, -1558, -1560, -1594, -3848, -4263."""
    client.create_registered_model("m")
    reply = requests.post(f"{server}/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": source})
    assert reply.status_code in (400, 404), reply.text
    assert not client.search_model_versions("name = 'm'")


@pytest.mark.plimsoll
def test_locations_that_hide_a_path(server):
    for location in ["file:///etc", "/etc", "mlflow-artifacts:/../x", "http://h/#/../x", "s3://b/?/../x"]:
        reply = requests.post(f"{server}/api/2.0/mlflow/experiments/create",
                              json={"name": location, "artifact_location": location})
        assert reply.status_code == 400, (location, reply.text)


@pytest.mark.plimsoll
def test_nothing_in_use_is_deleted(client, server):
    client.create_registered_model("m")
    for _ in range(3):
        client.create_model_version("m", SOURCE)
    client.set_registered_model_alias("m", "champion", "1")
    client.transition_model_version_stage("m", "2", "Production")
    hold = f"{server}/api/v1/catalogue/m/versions/3/hold"
    assert requests.post(hold, json={"reason": "a dispute"}).status_code == 204
    for version in "123":
        with pytest.raises(MlflowException, match="RESOURCE_CONFLICT"):
            client.delete_model_version("m", version)
    with pytest.raises(MlflowException, match="RESOURCE_CONFLICT"):
        client.delete_registered_model("m")
    assert requests.delete(hold).status_code == 204
    client.delete_model_version("m", "3")
    client.delete_registered_model_alias("m", "champion")
    client.delete_model_version("m", "1")


@pytest.mark.plimsoll
def test_one_registry(client, server):
    made = requests.post(f"{server}/api/v1/models", json={"name": "shared", "description": "of the API"})
    assert made.status_code == 201, made.text
    assert client.get_registered_model("shared").description == "of the API"
    with pytest.raises(MlflowException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model("shared")


@pytest.mark.plimsoll
def test_changes_are_control_events(client, server):
    client.create_registered_model("m")
    client.create_model_version("m", SOURCE)
    client.set_registered_model_alias("m", "champion", "1")
    events = requests.get(f"{server}/api/v1/events").json()["items"]
    done = [e["action"] for e in events if e["resource"] == "catalogue/m" and e["stage"] == "completed"]
    assert done == ["PromoteCatalogued", "AddCataloguedVersion", "AddCatalogued"]
