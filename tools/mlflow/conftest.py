"""A fresh server for each test: Plimsoll's, or with REFERENCE=1 MLflow's own, so that what is
expected here is known to be what MLflow does."""

import os
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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def command(port, folder):
    if REFERENCE:
        return [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                "--artifacts-destination", f"{folder}/artifacts"]
    return [BINARY, "serve", "--dev", "--port", str(port), "--data", f"{folder}/data",
            "--keys", f"{folder}/keys"]


def wait(url, process, folder):
    for _ in range(6000):
        try:
            if requests.get(f"{url}/health", timeout=60).ok:
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


@pytest.fixture
def client(server):
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(server)
    return MlflowClient(server, server)
