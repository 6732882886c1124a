"""A fresh server for each test: Plimsoll's, or with REFERENCE=1 MLflow's own, so that what is
expected here is known to be what MLflow does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
import requests

BINARY = os.environ.get("PLIMSOLL", "target/release/plimsoll")
REFERENCE = os.environ.get("REFERENCE") == "1"


def pytest_configure(config):
    config.addinivalue_line("markers", "plimsoll: what MLflow's own server does not do")


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="MLflow's own server does not do this")
    for item in items:
        if REFERENCE and item.get_closest_marker("plimsoll"):
            item.add_marker(skip)


def free_port(count=1):
    """A port that is free, and those after it."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for more in range(1, count):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", port + more))
                return port
            except OSError:
                continue


def command(port, folder):
    if REFERENCE:
        return [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                "--artifacts-destination", f"{folder}/artifacts"]
    return [BINARY, "serve", "--dev", "--port", str(port), "--data", f"{folder}/data",
            "--keys", f"{folder}/keys"]


def wait(url, process, folder, path="/health"):
    for _ in range(6000):
        try:
            if requests.get(url + path, timeout=60).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
        assert process.poll() is None, open(f"{folder}/log").read()
    raise TimeoutError("the server did not come up")


@pytest.fixture
def server():
    """The address of a fresh server."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="plimsoll-mlflow-")
    env = {**os.environ, "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
           "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "MLFLOW_WEBHOOK_CACHE_TTL": "0"}
    if REFERENCE:
        from cryptography.fernet import Fernet
        env["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] = Fernet.generate_key().decode()
    log = open(f"{folder}/log", "wb")
    process = subprocess.Popen(command(port, folder), stdout=log, stderr=log, env=env,
                               cwd=folder if REFERENCE else None, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        wait(url, process, folder)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


class Production:
    """A server that asks for keys, and how to make principals on it."""

    def __init__(self, url, admin):
        self.url, self.admin = url, admin

    def cli(self, *words):
        done = subprocess.run([BINARY, *words, "--url", self.url], capture_output=True, text=True,
                              env={**os.environ, "PLIMSOLL_KEY": self.admin})
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def key(self, name, role):
        """The key of a new principal with a role."""
        self.cli("principal", "create", name, "--kind", "service", "--role", role)
        return json.loads(self.cli("key", "create", name, "--principal", name, "--json"))["secret"]

    def events(self, action, stage):
        headers = {"authorization": f"Bearer {self.admin}"}
        items = requests.get(f"{self.url}/api/v1/events?limit=200", headers=headers).json()["items"]
        return [e for e in items if e["action"] == action and e["stage"] == stage]


@pytest.fixture
def production(monkeypatch):
    """A fresh server that is not for development: its control listener asks for a key."""
    if REFERENCE:
        pytest.skip("MLflow's own server knows no roles here")
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    port, folder = free_port(3), tempfile.mkdtemp(prefix="plimsoll-mlflow-")
    log = open(f"{folder}/log", "wb")
    words = [BINARY, "serve", "--port", str(port), "--data", f"{folder}/data", "--keys", f"{folder}/keys",
             "--set", "ledger.reserve=0"]
    process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port + 1}"
    try:
        wait(f"http://127.0.0.1:{port + 2}", process, folder, "/readyz")
        for _ in range(200):
            if admin := re.search(r"plim_\S+", open(f"{folder}/log").read()):
                break
            time.sleep(0.05)
        yield Production(url, admin[0])
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(server):
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(server)
    return MlflowClient(server, server)
