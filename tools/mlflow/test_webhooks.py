"""Webhooks of the registry, delivered to a receiver of this machine."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

pytest.importorskip("mlflow.entities.webhook")
from mlflow.entities.webhook import WebhookStatus  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

SOURCE = "s3://bucket/models/m-1"


class Receiver:
    def __init__(self):
        self.got, self.status = [], [200]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((dict(self.headers.items()), body))
                self.send_response(outer.status.pop(0) if len(outer.status) > 1 else outer.status[0])
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count, seconds=15):
        for _ in range(seconds * 50):
            if len(self.got) >= count:
                break
            time.sleep(0.02)
        assert len(self.got) == count, self.got
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


def test_crud(client, receiver):
    hook = client.create_webhook("one", receiver.url, ["registered_model.created"], description="d", secret="s")
    assert (hook.name, hook.url, hook.description, hook.status) == ("one", receiver.url, "d", WebhookStatus.ACTIVE)
    assert getattr(client.get_webhook(hook.webhook_id), "secret", None) is None
    client.create_webhook("two", receiver.url, ["model_version.created"])
    assert sorted(w.name for w in client.list_webhooks()) == ["one", "two"]
    page = client.list_webhooks(max_results=1)
    assert len(page) == 1 and len(client.list_webhooks(max_results=1, page_token=page.token)) == 1
    changed = client.update_webhook(hook.webhook_id, name="uno", events=["model_version.created"], status="DISABLED")
    assert (changed.name, changed.status, changed.description) == ("uno", WebhookStatus.DISABLED, "d")
    client.delete_webhook(hook.webhook_id)
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_webhook(hook.webhook_id)


def test_what_is_refused(client, server, receiver):
    create = lambda **kw: requests.post(f"{server}/api/2.0/mlflow/webhooks", json={
        "name": "n", "url": receiver.url, "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}], **kw})
    assert create().status_code == 200
    for bad in [{"name": ""}, {"name": "a b"}, {"url": ""}, {"url": "ftp://h/"}, {"url": "not a url"},
                {"events": []}]:
        assert create(**bad).status_code == 400, bad
    hook = create(name="two").json()["webhook"]["webhook_id"]
    for url, words in [("   ", "Webhook URL cannot be empty or just whitespace"), ("ftp://h/", "Invalid webhook URL scheme"),
                       ("http://[h", "Invalid webhook URL")]:
        answer = requests.patch(f"{server}/api/2.0/mlflow/webhooks/{hook}", json={"url": url})
        assert answer.status_code == 400 and words in answer.json()["message"], answer.text


EVENTS = [
    ("registered_model.created", lambda c: c.create_registered_model("m", tags={"a": "b"}, description="d"),
     {"name": "m", "tags": {"a": "b"}, "description": "d"}),
    ("model_version.created", lambda c: c.create_model_version("pre", SOURCE, tags={"a": "b"}, description="d"),
     {"name": "pre", "version": "2", "source": SOURCE, "run_id": None, "tags": {"a": "b"}, "description": "d"}),
    ("model_version_tag.set", lambda c: c.set_model_version_tag("pre", "1", "k", "v"),
     {"name": "pre", "version": "1", "key": "k", "value": "v"}),
    ("model_version_tag.deleted", lambda c: c.delete_model_version_tag("pre", "1", "x"),
     {"name": "pre", "version": "1", "key": "x"}),
    ("model_version_alias.created", lambda c: c.set_registered_model_alias("pre", "blue", "1"),
     {"name": "pre", "alias": "blue", "version": "1"}),
    ("model_version_alias.deleted", lambda c: c.delete_registered_model_alias("pre", "green"),
     {"name": "pre", "alias": "green"}),
]


@pytest.mark.parametrize("event,act,data", EVENTS, ids=[e[0] for e in EVENTS])
def test_events(client, receiver, event, act, data):
    client.create_registered_model("pre")
    client.create_model_version("pre", SOURCE, tags={"x": "y"})
    client.set_registered_model_alias("pre", "green", "1")
    client.create_webhook("hook", receiver.url, [event], secret="shared")
    act(client)
    (payload,) = receiver.wait(1)
    entity, action = event.split(".")
    assert (payload["entity"], payload["action"], payload["data"]) == (entity, action, data)
    headers, body = receiver.got[0]
    headers = {k.lower(): v for k, v in headers.items()}
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + body
    want = base64.b64encode(hmac.new(b"shared", signed, hashlib.sha256).digest()).decode()
    assert headers["x-mlflow-signature"] == f"v1,{want}"


PROMPT = {"mlflow.prompt.is_prompt": "true"}
PROMPT_EVENTS = [
    ("prompt.created", lambda c: c.create_registered_model("p", tags={**PROMPT, "a": "b"}),
     {"name": "p", "tags": {"a": "b"}}),
    ("prompt_version.created", lambda c: c.create_model_version(
        "pre", "dummy-source", tags={**PROMPT, "mlflow.prompt.text": "Hi", "a": "b"}),
     {"name": "pre", "version": "2", "template": "Hi", "tags": {"a": "b"}}),
    ("prompt_tag.set", lambda c: c.set_registered_model_tag("pre", "k", "v"), {"name": "pre", "key": "k", "value": "v"}),
    ("prompt_tag.deleted", lambda c: c.delete_registered_model_tag("pre", "x"), {"name": "pre", "key": "x"}),
    ("prompt_version_tag.set", lambda c: c.set_model_version_tag("pre", "1", "k", "v"),
     {"name": "pre", "version": "1", "key": "k", "value": "v"}),
    ("prompt_version_tag.deleted", lambda c: c.delete_model_version_tag("pre", "1", "x"),
     {"name": "pre", "version": "1", "key": "x"}),
    ("prompt_alias.created", lambda c: c.set_registered_model_alias("pre", "blue", "1"),
     {"name": "pre", "alias": "blue", "version": "1"}),
    ("prompt_alias.deleted", lambda c: c.delete_registered_model_alias("pre", "green"), {"name": "pre", "alias": "green"}),
]


class Raw:
    """MLflow's client refuses prompts in the calls for models, so these go by REST."""

    def __init__(self, server):
        self.url = server + "/api/2.0/mlflow/"

    def call(self, verb, path, body):
        reply = requests.request(verb, self.url + path, json=body)
        assert reply.status_code == 200, reply.text

    def create_registered_model(self, name, tags):
        self.call("POST", "registered-models/create", {"name": name, "tags": [{"key": k, "value": v} for k, v in tags.items()]})

    def create_model_version(self, name, source, tags):
        self.call("POST", "model-versions/create", {"name": name, "source": source, "tags": [{"key": k, "value": v} for k, v in tags.items()]})

    def set_registered_model_tag(self, name, key, value):
        self.call("POST", "registered-models/set-tag", {"name": name, "key": key, "value": value})

    def delete_registered_model_tag(self, name, key):
        self.call("DELETE", "registered-models/delete-tag", {"name": name, "key": key})

    def set_model_version_tag(self, name, version, key, value):
        self.call("POST", "model-versions/set-tag", {"name": name, "version": version, "key": key, "value": value})

    def delete_model_version_tag(self, name, version, key):
        self.call("DELETE", "model-versions/delete-tag", {"name": name, "version": version, "key": key})

    def set_registered_model_alias(self, name, alias, version):
        self.call("POST", "registered-models/alias", {"name": name, "alias": alias, "version": version})

    def delete_registered_model_alias(self, name, alias):
        self.call("DELETE", "registered-models/alias", {"name": name, "alias": alias})


@pytest.mark.parametrize("event,act,data", PROMPT_EVENTS, ids=[e[0] for e in PROMPT_EVENTS])
def test_prompt_events(client, server, receiver, event, act, data):
    raw = Raw(server)
    raw.create_registered_model("pre", {**PROMPT, "x": "y"})
    raw.create_model_version("pre", "dummy-source", {**PROMPT, "mlflow.prompt.text": "Hello", "x": "y"})
    raw.set_registered_model_alias("pre", "green", "1")
    client.create_webhook("hook", receiver.url, [event])
    act(raw)
    (payload,) = receiver.wait(1)
    told = {k: v for k, v in payload["data"].items() if k != "description"}
    assert told == data


def test_only_who_asked_is_told(client, receiver):
    client.create_webhook("other", receiver.url, ["model_version.created"])
    client.create_webhook("off", receiver.url, ["registered_model.created"], status="DISABLED")
    client.create_webhook("on", receiver.url, ["registered_model.created"])
    client.create_registered_model("m")
    receiver.wait(1)
    time.sleep(0.5)
    receiver.wait(1)


def test_a_failure_is_tried_again(client, receiver):
    receiver.status = [503, 200]
    client.create_webhook("hook", receiver.url, ["registered_model.created"])
    client.create_registered_model("m")
    receiver.wait(2)


def test_a_refusal_is_not(client, receiver):
    receiver.status = [400]
    client.create_webhook("hook", receiver.url, ["registered_model.created"])
    client.create_registered_model("m")
    receiver.wait(1)
    time.sleep(1.5)
    receiver.wait(1)


def test_test(client, receiver):
    hook = client.create_webhook("hook", receiver.url, ["model_version_alias.created"], secret="s")
    result = client.test_webhook(hook.webhook_id)
    assert result.success and result.response_status == 200
    assert receiver.wait(1)[0]["data"]["alias"] == "example_alias"
    receiver.status = [500]
    assert not client.test_webhook(hook.webhook_id).success
    client.update_webhook(hook.webhook_id, url="http://127.0.0.1:9/none")
    result = client.test_webhook(hook.webhook_id)
    assert not result.success and result.error_message


@pytest.mark.plimsoll
def test_addresses_within_are_refused(server):
    """Loopback is allowed under --dev only; nothing else that is private is, ever."""
    for url in ["http://169.254.169.254/latest", "https://10.0.0.1/", "http://[fd00::1]/", "https://192.168.1.1/"]:
        reply = requests.post(f"{server}/api/2.0/mlflow/webhooks", json={
            "name": "n", "url": url, "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}]})
        assert reply.status_code == 400, (url, reply.text)
