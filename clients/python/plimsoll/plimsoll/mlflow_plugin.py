"""MLflow's deployments interface over Plimsoll: `mlflow.deployments.get_deploy_client("plimsoll")`.

The target may name the control listener, `plimsoll:http://models.example:8081`; the data listener,
the key and what the target leaves out are `$PLIMSOLL_DATA_URL`, `$PLIMSOLL_KEY` and `$PLIMSOLL_URL`.

A version reaches callers by a release, which needs the right to; this client asks for one and does
not go round it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from mlflow.deployments import BaseDeploymentClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE, PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE,
)

from .client import Client
from .errors import PlimsollError, Problem, Unavailable, Unreachable

#: What of `config` a deployment is made or changed with, as the API names it.
SETTINGS = ("environment", "owner", "tier", "mode", "explain", "explain_profile")


class PlimsollDeploymentClient(BaseDeploymentClient):
    """Deployments of Plimsoll as MLflow sees them."""

    def __init__(self, target_uri: str):
        super().__init__(target_uri)
        self.client = Client(control_url=target_uri.partition(":")[2] or None)

    def create_deployment(self, name: str, model_uri: str, flavor: Optional[str] = None,
                          config: Optional[Dict[str, Any]] = None,
                          endpoint: Optional[str] = None) -> Dict[str, Any]:
        """Makes a deployment and releases a version in it.

        `model_uri` is `models:/<name>/<version>` of Plimsoll's registry. `config` has `contract`,
        the digest of a stored contract or the path of a contract in JSON, and `environment`; it may
        have the other settings of a deployment.
        """
        with _mlflows_errors():
            _no_endpoint(endpoint)
            model, version = _model(model_uri)
            settings = dict(config or {})
            contract = settings.pop("contract", None)
            if not contract:
                raise _invalid("`config` needs `contract`: a digest, or the path of a contract in JSON")
            if not _is_digest(contract):
                contract = self.client.create_contract(json.loads(Path(contract).read_text()))["digest"]
            self.client.create_deployment({"name": name, "model": model, "contract": contract,
                                           **_settings(settings)})
            self.client.release_version(name, {"version": version})
            return {"name": name, "flavor": flavor}

    def update_deployment(self, name: str, model_uri: Optional[str] = None, flavor: Optional[str] = None,
                          config: Optional[Dict[str, Any]] = None,
                          endpoint: Optional[str] = None) -> Dict[str, Any]:
        """Changes settings, and releases another version if `model_uri` names one."""
        with _mlflows_errors():
            _no_endpoint(endpoint)
            if config:
                self.client.update_deployment(name, _settings(dict(config)))
            if model_uri:
                self.client.release_version(name, {"version": _model(model_uri)[1]})
            return {"name": name, "flavor": flavor}

    def delete_deployment(self, name: str, config: Optional[Dict[str, Any]] = None,
                          endpoint: Optional[str] = None) -> None:
        """Takes a deployment out of service for good. One that is not there is no error."""
        with _mlflows_errors():
            _no_endpoint(endpoint)
            try:
                self.client.archive_deployment(name)
            except Problem as error:
                if error.status != 404:
                    raise

    def list_deployments(self, endpoint: Optional[str] = None) -> List[Dict[str, Any]]:
        """Every deployment."""
        with _mlflows_errors():
            _no_endpoint(endpoint)
            return [dict(one) for one in self.client.pages(self.client.list_deployments)]

    def get_deployment(self, name: str, endpoint: Optional[str] = None) -> Dict[str, Any]:
        """A deployment."""
        with _mlflows_errors():
            _no_endpoint(endpoint)
            return dict(self.client.get_deployment(name))

    def predict(self, deployment_name: Optional[str] = None, inputs: Any = None,
                endpoint: Optional[str] = None) -> Any:
        """The answer for rows or a DataFrame; a DataFrame comes back for a DataFrame."""
        with _mlflows_errors():
            _no_endpoint(endpoint)
            answer = self.client.infer(_named(deployment_name), inputs)
            return answer.frame(inputs.index) if hasattr(inputs, "columns") else answer.outputs

    def explain(self, deployment_name: Optional[str] = None, df: Any = None,
                endpoint: Optional[str] = None) -> Any:
        """The contributions of every feature to each row's answer, as a DataFrame."""
        import pandas

        with _mlflows_errors():
            _no_endpoint(endpoint)
            answer = self.client.infer(_named(deployment_name), df, explain=True)
            if "contributions" not in answer.explanation:
                raise _invalid("the deployment does not explain inline; set its `explain` to `inline`")
            return pandas.DataFrame(
                answer.explanation["contributions"], columns=answer.explanation["features"],
                index=getattr(df, "index", None))


def run_local(target: str, name: str, model_uri: str, flavor: Optional[str] = None,
              config: Optional[Dict[str, Any]] = None) -> None:
    """Plimsoll itself runs anywhere."""
    raise MlflowException("run `plimsoll demo` or `plimsoll serve --dev`, then use the target as usual")


def target_help() -> str:
    """What MLflow's command line says of the target."""
    return __doc__ or ""


class _mlflows_errors:
    """Turns our exceptions into MLflow's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: Any, error: Any, __: Any) -> None:
        if not isinstance(error, PlimsollError):
            return
        code = INVALID_PARAMETER_VALUE
        if isinstance(error, (Unavailable, Unreachable)):
            code = TEMPORARILY_UNAVAILABLE
        elif isinstance(error, Problem) and error.status in (401, 403):
            code = PERMISSION_DENIED
        elif isinstance(error, Problem) and error.status == 404:
            code = RESOURCE_DOES_NOT_EXIST
        raise MlflowException(str(error), error_code=code) from error


def _invalid(text: str) -> MlflowException:
    return MlflowException(text, error_code=INVALID_PARAMETER_VALUE)


def _named(deployment: Optional[str]) -> str:
    if not deployment:
        raise _invalid("`deployment_name` is needed")
    return deployment


def _no_endpoint(endpoint: Optional[str]) -> None:
    if endpoint is not None:
        raise _invalid("Plimsoll has deployments and no endpoints; leave `endpoint` out")


def _model(uri: str):
    scheme, _, rest = uri.partition(":/")
    model, _, version = rest.strip("/").partition("/")
    if scheme != "models" or not model or not version.isdigit():
        raise _invalid("`model_uri` must be `models:/<name>/<version>` of Plimsoll's registry")
    return model, int(version)


def _settings(config: Dict[str, Any]) -> Dict[str, Any]:
    unknown = sorted(set(config) - set(SETTINGS))
    if unknown:
        raise _invalid(f"`config` has {', '.join(unknown)}; known are contract, {', '.join(SETTINGS)}")
    return config


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
