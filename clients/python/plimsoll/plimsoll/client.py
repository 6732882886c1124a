"""The client: decisions from the data listener, everything else from the control listener."""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Mapping, Optional
from urllib.parse import quote

import httpx

from . import types
from .errors import Problem, Unavailable, Unreachable, problem
from .operations import AsyncOperations, Operations
from .outcomes import Outcomes
from .tensors import Row, Rows, columns, to_rows, to_tensors

DATA_URL = "http://127.0.0.1:8080"
CONTROL_URL = "http://127.0.0.1:8081"
#: Seconds that a request may take, from connecting to the last byte.
TIMEOUT = 30.0
#: Times that a request which may be repeated is sent in all.
ATTEMPTS = 3
#: The longest pause between two of them, in seconds.
PAUSE_MAX = 5.0
#: Bytes of an artifact that are sent at once.
CHUNK = 1 << 20


class Answer:
    """An answered request: its record's id, and outputs by name with a value per row."""

    def __init__(self, body: types.InferResponse, headers: Mapping[str, str]):
        #: The record in the ledger. `client.explain_decision(answer.id)` says why.
        self.id: str = headers.get("plimsoll-decision-id", "")
        self.deployment: str = body["model_name"]
        self.version: Optional[str] = body.get("model_version")
        #: Whether this is the recorded answer of an earlier request with the same idempotency key.
        self.replayed: bool = headers.get("idempotency-replayed") == "true"
        self.body = body
        every = columns(body["outputs"])
        self.outputs: Dict[str, List[Any]] = {
            name: values for name, values in every.items() if not name.startswith("explanation.")}
        #: Contributions, base values and reasons, if they were asked for.
        self.explanation: Dict[str, List[Any]] = {
            name.partition(".")[2]: values for name, values in every.items()
            if name.startswith("explanation.")}

    @property
    def values(self) -> List[Any]:
        """The first output: a value per row."""
        return next(iter(self.outputs.values()))

    def frame(self, index: Any = None) -> Any:
        """The outputs as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.outputs, index=index)

    def __repr__(self) -> str:
        return f"Answer(id={self.id!r}, deployment={self.deployment!r}, version={self.version!r})"


class _Settings:
    """What the plain and the asynchronous client share: addresses, the key, how requests look."""

    def __init__(self, url: Optional[str], control_url: Optional[str], key: Optional[str]):
        given = url or os.environ.get("PLIMSOLL_DATA_URL")
        self.url = (given or DATA_URL).rstrip("/")
        # What the command line calls PLIMSOLL_URL is the control listener.
        self.control_url = (control_url or os.environ.get("PLIMSOLL_URL") or CONTROL_URL).rstrip("/")
        key = key or os.environ.get("PLIMSOLL_KEY")
        self._headers = {"user-agent": "plimsoll-python/0.1"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._fields: Dict[str, List[types.TensorMetadata]] = {}

    def _request(self, verb: str, path: str, query: Mapping[str, Any], body: Any) -> Dict[str, Any]:
        kept = {name: value for name, value in query.items() if value is not None}
        request: Dict[str, Any] = {"method": verb, "url": self.control_url + path, "params": kept}
        if body is not None:
            request["json"] = body
        return request

    def _model(self, deployment: str, version: Optional[Any]) -> str:
        path = f"{self.url}/v2/models/{quote(deployment, safe='')}"
        return path if version is None else f"{path}/versions/{quote(str(version), safe='')}"

    @staticmethod
    def _infer(rows: List[Row], fields: Any, explain: bool, request_id: Optional[str]) -> Dict[str, Any]:
        body: Dict[str, Any] = {"inputs": to_tensors(rows, fields)}
        if explain:
            body["parameters"] = {"explain": True}
        if request_id is not None:
            body["id"] = request_id
        return body

    @staticmethod
    def _pause(attempt: int, error: Exception) -> float:
        """Seconds before the next attempt: what the server asks for, else longer each time."""
        asked = error.retry_after if isinstance(error, Problem) else None
        backoff = 0.1 * 2 ** attempt * (0.5 + random.random())
        return min(asked if asked is not None else backoff, PAUSE_MAX)


def _read(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        body = answer.json()
    except ValueError:
        body = None
    raise problem(answer.status_code, body, answer.headers.get("retry-after"))


def _repeatable(verb: str, idempotency_key: Optional[str]) -> bool:
    return verb == "GET" or idempotency_key is not None


class Client(_Settings, Operations):
    """Asks Plimsoll. Threads may share one.

    `url` is the data listener, `control_url` the control listener, `key` an API key; unless given,
    they are `$PLIMSOLL_DATA_URL`, `$PLIMSOLL_URL` and `$PLIMSOLL_KEY`. `verify` is a path to the
    certificates to trust, or what `httpx` takes.

        with Client(key=key) as client:
            answer = client.infer("credit", {"age": 41, "income": 3200.0, …})
            print(answer.values, client.explain_decision(answer.id)["account"])
    """

    def __init__(self, url: Optional[str] = None, *, control_url: Optional[str] = None,
                 key: Optional[str] = None, timeout: float = TIMEOUT, verify: Any = True,
                 attempts: int = ATTEMPTS):
        super().__init__(url, control_url, key)
        self._attempts = max(1, attempts)
        #: What turned out to be true: `client.outcomes.record(frame)`.
        self.outcomes = Outcomes(self)
        self._http = httpx.Client(headers=self._headers, timeout=timeout, verify=verify)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def infer(self, deployment: str, rows: Rows, *, version: Optional[Any] = None,
              explain: bool = False, request_id: Optional[str] = None,
              idempotency_key: Optional[str] = None) -> Answer:
        """Asks for a decision on `rows`: a mapping, several, or a DataFrame.

        With an `idempotency_key` the request is repeated when the server cannot be reached or is
        busy, and decided once. Raises `Refused` with the field and the row at fault when the
        contract is broken; the refusal is recorded, too.
        """
        rows = to_rows(rows)
        url = self._model(deployment, version)
        if url not in self._fields:
            self._fields[url] = _read(self._send({"method": "GET", "url": url}, True))["inputs"]
        request = {"method": "POST", "url": url + "/infer",
                   "json": self._infer(rows, self._fields[url], explain, request_id)}
        if idempotency_key is not None:
            request["headers"] = {"idempotency-key": idempotency_key}
        try:
            answer = self._send(request, _repeatable("POST", idempotency_key))
            return Answer(_read(answer), answer.headers)
        except Problem as error:
            # The deployment may have another contract than when it was asked for it.
            if error.phase == "validate":
                self._fields.pop(url, None)
            raise

    def predict_frame(self, deployment: str, frame: Any, **options: Any) -> Any:
        """The outputs for a pandas DataFrame, with its index. Options as for `infer`."""
        return self.infer(deployment, frame, **options).frame(frame.index)

    def upload(self, path: Any) -> types.Artifact:
        """Uploads a file of a model version, a MiB at a time."""
        def chunks(file: Any) -> Iterator[bytes]:
            while True:
                chunk = file.read(CHUNK)
                if not chunk:
                    return
                yield chunk

        with open(path, "rb") as file:
            request = self._request("POST", "/api/v1/artifacts", {}, None)
            request["content"] = chunks(file)
            request["headers"] = {"content-type": "application/octet-stream"}
            return _read(self._send(request, False))

    def pages(self, operation: Callable[..., Any], *args: Any, **query: Any) -> Iterator[Any]:
        """Every item of a list, page by page: `client.pages(client.list_decisions, limit=1000)`."""
        cursor = None
        while True:
            page = operation(*args, **{**query, "cursor": cursor})
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _call(self, verb: str, path: str, query: Mapping[str, Any], body: Any) -> Any:
        return _read(self._send(self._request(verb, path, query, body), verb == "GET"))

    def _send(self, request: Dict[str, Any], repeatable: bool) -> httpx.Response:
        for attempt in range(self._attempts):
            last = not repeatable or attempt + 1 == self._attempts
            try:
                answer = self._http.request(**request)
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"{request['url']} cannot be asked: {error}") from error
                pause = self._pause(attempt, error)
            else:
                if last or answer.status_code not in (429, 502, 503, 504):
                    return answer
                pause = self._pause(attempt, _problem_of(answer))
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


class AsyncClient(_Settings, AsyncOperations):
    """As `Client`, with coroutines."""

    def __init__(self, url: Optional[str] = None, *, control_url: Optional[str] = None,
                 key: Optional[str] = None, timeout: float = TIMEOUT, verify: Any = True,
                 attempts: int = ATTEMPTS):
        super().__init__(url, control_url, key)
        self._attempts = max(1, attempts)
        self._http = httpx.AsyncClient(headers=self._headers, timeout=timeout, verify=verify)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def infer(self, deployment: str, rows: Rows, *, version: Optional[Any] = None,
                    explain: bool = False, request_id: Optional[str] = None,
                    idempotency_key: Optional[str] = None) -> Answer:
        """As `Client.infer`."""
        rows = to_rows(rows)
        url = self._model(deployment, version)
        if url not in self._fields:
            self._fields[url] = _read(await self._send({"method": "GET", "url": url}, True))["inputs"]
        request = {"method": "POST", "url": url + "/infer",
                   "json": self._infer(rows, self._fields[url], explain, request_id)}
        if idempotency_key is not None:
            request["headers"] = {"idempotency-key": idempotency_key}
        try:
            answer = await self._send(request, _repeatable("POST", idempotency_key))
            return Answer(_read(answer), answer.headers)
        except Problem as error:
            if error.phase == "validate":
                self._fields.pop(url, None)
            raise

    async def predict_frame(self, deployment: str, frame: Any, **options: Any) -> Any:
        """As `Client.predict_frame`."""
        return (await self.infer(deployment, frame, **options)).frame(frame.index)

    async def pages(self, operation: Callable[..., Any], *args: Any, **query: Any) -> AsyncIterator[Any]:
        """As `Client.pages`."""
        cursor = None
        while True:
            page = await operation(*args, **{**query, "cursor": cursor})
            for item in page["items"]:
                yield item
            cursor = page.get("next_cursor")
            if not cursor:
                return

    async def _call(self, verb: str, path: str, query: Mapping[str, Any], body: Any) -> Any:
        return _read(await self._send(self._request(verb, path, query, body), verb == "GET"))

    async def _send(self, request: Dict[str, Any], repeatable: bool) -> httpx.Response:
        for attempt in range(self._attempts):
            last = not repeatable or attempt + 1 == self._attempts
            try:
                answer = await self._http.request(**request)
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"{request['url']} cannot be asked: {error}") from error
                pause = self._pause(attempt, error)
            else:
                if last or answer.status_code not in (429, 502, 503, 504):
                    return answer
                pause = self._pause(attempt, _problem_of(answer))
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _problem_of(answer: httpx.Response) -> Unavailable:
    return Unavailable(answer.status_code, {}, _seconds(answer.headers.get("retry-after")))


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return float(text) if text else None
    except ValueError:
        return None
