"""The registry over REST, case by case as MLflow's own tests of its server ask
(`tests/tracking/test_model_registry.py`): the same calls, filters, pages and words, written anew."""

import time

import pytest
from mlflow.exceptions import MlflowException

# A run of another server: clients before 3.17 name such.
SOURCE = "runs:/run_id/model"
NAMES = [f"Loans{i:03}" for i in range(29)]


def now():
    return int(time.time() * 1000)


def pages(search, **kw):
    found, token = [], None
    while True:
        page = search(page_token=token, **kw)
        found += page
        token = page.token
        if not token:
            return found


def test_a_registered_model(client):
    begin = now()
    tags = {"key": "value", "another key": "some other value", "a number": 12345}
    made = client.create_registered_model("one", tags)
    got = client.get_registered_model("one")
    for model in (made, got):
        assert model.name == "one" and model.tags == {**tags, "a number": "12345"}
    assert str(got.description) == "" and got.latest_versions == []
    assert begin <= got.creation_timestamp <= now() and begin <= got.last_updated_timestamp <= now()
    for search in (None, "", "name = 'one'"):
        assert [m.name for m in client.search_registered_models(search)] == ["one"]


FILTERS = [
    (None, lambda name: True),
    ("", lambda name: True),
    ("name LIKE '%7'", lambda name: name.endswith("7")),
    ("name ILIKE '%ANS%00%'", lambda name: "00" in name),
    ("name LIKE '%ANS%00%'", lambda name: False),
    ("name = 'none'", lambda name: False),
    ("name = 'Loans023'", lambda name: name == "Loans023"),
]


@pytest.mark.parametrize("most", [1, 8, 100])
@pytest.mark.parametrize("text,fits", FILTERS, ids=[str(f[0]) for f in FILTERS])
def test_models_are_found_page_by_page(client, most, text, fits):
    for name in NAMES:
        client.create_registered_model(name)
    found = pages(client.search_registered_models, filter_string=text, max_results=most)
    assert [m.name for m in found] == [name for name in NAMES if fits(name)]


def test_names_and_descriptions(client):
    client.create_registered_model("first")
    begin = now()
    client.rename_registered_model("first", "second")
    with pytest.raises(MlflowException, match="Registered Model with name=first not found"):
        client.get_registered_model("first")
    got = client.get_registered_model("second")
    assert got.creation_timestamp <= begin + 1 <= got.last_updated_timestamp + 1
    client.update_registered_model("second", "This is a test")
    assert client.get_registered_model("second").description == "This is a test"
    client.rename_registered_model("second", "third")
    got = client.get_registered_model("third")
    assert (got.name, got.description) == ("third", "This is a test")
    for gone in ("first", "second"):
        with pytest.raises(MlflowException, match="not found"):
            client.get_registered_model(gone)


def test_a_model_that_is_deleted(client):
    client.create_registered_model("one")
    with pytest.raises(MlflowException, match=r"Registered Model .+ already exists"):
        client.create_registered_model("one")
    client.delete_registered_model("one")
    for use in (lambda: client.get_registered_model("one"),
                lambda: client.rename_registered_model("one", "other")):
        with pytest.raises(MlflowException, match=r"Registered Model .+ not found"):
            use()
    assert client.search_registered_models() == []
    client.create_registered_model("one")
    assert client.get_registered_model("one").name == "one"


def test_tags_of_a_model(client):
    client.create_registered_model("one")
    assert client.get_registered_model("one").tags == {}
    client.set_registered_model_tag("one", "key", "value")
    client.set_registered_model_tag("one", "a number", 12345)
    client.set_registered_model_tag("one", "empty", "")
    assert client.get_registered_model("one").tags == {"key": "value", "a number": "12345", "empty": ""}
    client.delete_registered_model_tag("one", "key")
    assert client.get_registered_model("one").tags == {"a number": "12345", "empty": ""}


def versions(client):
    """A version of each model, and a second one of the first ten; the newest first."""
    for name in NAMES:
        client.create_registered_model(name)
    made = []
    for name in NAMES + NAMES[:10]:
        time.sleep(0.002)
        made.append(client.create_model_version(name, SOURCE, "run_id"))
    return made[::-1]


def shown(found):
    return [(v.name, v.version) for v in found]


@pytest.mark.parametrize("text,fits", FILTERS, ids=[str(f[0]) for f in FILTERS])
def test_versions_are_found_by_name(client, text, fits):
    made = versions(client)
    found = pages(client.search_model_versions, filter_string=text)
    assert shown(found) == shown(v for v in made if fits(v.name))


@pytest.mark.parametrize("most", [1, 8, 100])
def test_versions_are_found_page_by_page(client, most):
    made = versions(client)
    assert shown(pages(client.search_model_versions, max_results=most)) == shown(made)


@pytest.mark.parametrize("order,key,backwards", [
    (None, None, False),
    (["name DESC"], lambda v: (v.name, v.version), True),
    (["version_number DESC"], lambda v: (-int(v.version), v.name), False),
], ids=str)
def test_versions_in_order(client, order, key, backwards):
    made = versions(client)
    key = key or (lambda v: (-v.last_updated_timestamp, v.name, -int(v.version)))
    found = pages(client.search_model_versions, order_by=order)
    assert shown(found) == shown(sorted(made, key=key, reverse=backwards))


def test_versions_of_a_model(client):
    tags = {"key": "value", "another key": "some other value", "a number": 12345}
    client.create_registered_model("m")
    one = client.create_model_version("m", SOURCE, "run_1", tags)
    got = client.get_model_version("m", "1")
    for version in (one, got):
        assert (version.name, version.version) == ("m", "1")
        assert version.tags == {**tags, "a number": "12345"}
    latest = lambda: [m.latest_versions for m in client.search_registered_models()]
    assert latest() == [[got]]
    client.create_model_version("m", "runs:/run_id/another", "run_1")
    two = client.get_model_version("m", "2")
    assert latest() == [[two]]
    assert {v.version for v in client.search_model_versions("name = 'm'")} == {"1", "2"}
    assert client.create_model_version("m", "runs:/run_id/another", "run_2").version == "3"
    assert client.search_model_versions(f"source_path = '{SOURCE}'") == [got]
    assert client.search_model_versions("run_id = 'run_1'") == [two, got]
    assert client.get_model_version_download_uri("m", "1") == SOURCE


def test_a_version_that_is_no_number(client):
    client.create_registered_model("m")
    client.create_model_version("m", SOURCE, "run_1")
    with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE: Parameter 'version' must be an integer, got 'wrong'"):
        client.get_model_version("m", "wrong")


def test_times_of_versions(client):
    client.create_registered_model("m")
    client.create_model_version("m", SOURCE, "run_1")
    made = client.get_model_version("m", "1")
    assert made.description == ""
    assert client.get_registered_model("m").last_updated_timestamp >= made.creation_timestamp - 1
    client.create_model_version("m", SOURCE, "run_1")
    time.sleep(0.01)
    begin = now()
    client.transition_model_version_stage("m", 1, "Staging")
    staged = client.get_model_version("m", 1)
    assert staged.creation_timestamp == made.creation_timestamp <= begin <= staged.last_updated_timestamp
    of_model = client.get_registered_model("m").last_updated_timestamp
    assert of_model >= begin
    (latest,) = [m.latest_versions for m in client.search_registered_models()]
    assert {v.version for v in latest} == {"1", "2"}
    time.sleep(0.01)
    begin = now()
    client.update_model_version("m", 1, "This is a test model")
    got = client.get_model_version("m", "1")
    assert got.description == "This is a test model" and got.last_updated_timestamp >= begin
    # A description is the version's own.
    assert client.get_registered_model("m").last_updated_timestamp == of_model


def test_the_latest_of_each_stage(client):
    client.create_registered_model("m")
    stages = ["Archived", "Production", "Archived", "Production", "Staging", "Staging", "None"]
    for number, stage in enumerate(stages, 1):
        time.sleep(0.002)
        assert client.create_model_version("m", SOURCE, "run_id").version == str(number)
        if stage != "None":
            client.transition_model_version_stage("m", str(number), stage)
        assert client.get_model_version("m", str(number)).current_stage == stage
    latest = lambda stages: {v.current_stage: v.version for v in client.get_latest_versions("m", stages)}
    assert latest(["None"]) == {"None": "7"} and latest(["Staging"]) == {"Staging": "6"}
    assert latest(["None", "Staging"]) == {"None": "7", "Staging": "6"}
    everything = {"Production": "4", "Staging": "6", "Archived": "3", "None": "7"}
    assert latest(None) == everything == latest([])


def test_versions_that_are_deleted(client):
    client.create_registered_model("m")
    for path in ("model", "model", "a/b/c"):
        client.create_model_version("m", f"runs:/run_id/{path}", "run_id")
    found = lambda: {v.version for v in client.search_model_versions("name = 'm'")}
    assert client.search_registered_models()[0].latest_versions[0].version == "3"
    begin = now()
    client.delete_model_version("m", "1")
    assert found() == {"2", "3"}
    assert client.get_registered_model("m").last_updated_timestamp >= begin
    for use in (lambda: client.delete_model_version("m", "1"),
                lambda: client.update_model_version("m", 1, "Test model"),
                lambda: client.transition_model_version_stage("m", 1, "Staging")):
        with pytest.raises(MlflowException, match=r"Model Version .+ not found"):
            use()
    client.delete_model_version("m", 3)
    assert found() == {"2"}
    assert client.create_model_version("m", "runs:/run_2/a/b/c", "run_2").version == "4"
    assert found() == {"2", "4"}


def test_tags_of_a_version(client):
    client.create_registered_model("m")
    client.create_model_version("m", SOURCE, "run_1")
    assert client.get_model_version("m", "1").tags == {}
    client.set_model_version_tag("m", "1", "key", "value")
    client.set_model_version_tag("m", "1", "a number", 12345)
    client.set_model_version_tag("m", "1", "empty", "")
    assert client.get_model_version("m", "1").tags == {"key": "value", "a number": "12345", "empty": ""}
    client.delete_model_version_tag("m", "1", "key")
    assert client.get_model_version("m", "1").tags == {"a number": "12345", "empty": ""}


def test_an_alias_comes_and_goes(client):
    client.create_registered_model("m")
    client.create_model_version("m", SOURCE, "run_1")
    assert client.get_registered_model("m").aliases == {} and client.get_model_version("m", "1").aliases == []
    client.set_registered_model_alias("m", "blue", "1")
    assert client.get_registered_model("m").aliases == {"blue": "1"}
    version = client.get_model_version("m", "1")
    assert version.aliases == ["blue"] and client.get_model_version_by_alias("m", "blue") == version
    client.delete_registered_model_alias("m", "blue")
    assert client.get_registered_model("m").aliases == {} and client.get_model_version("m", "1").aliases == []


def test_a_copy_by_alias(client):
    client.create_registered_model("m")
    first = client.create_model_version("m", SOURCE, "run_1", description="dummy", tags={"hello": "world"})
    client.set_registered_model_alias("m", "blue", "1")
    assert client.copy_model_version("models:/m@blue", "m").version == "2"
    got = client.get_model_version("m", 2)
    assert (got.source, got.description, got.run_id, got.tags) == ("models:/m/1", "dummy", "run_1", {"hello": "world"})
    assert client.get_model_version_download_uri("m", 2) == first.source
