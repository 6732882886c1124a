"""The operations of the control listener, from docs/openapi.json. Written by generate.py."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, Union
from urllib.parse import quote

from . import types

__all__ = ["AsyncOperations", "Operations"]


def _part(value: Any) -> str:
    return quote(str(value), safe="")


class Operations:
    """One method per operation."""

    def _call(self, verb: str, path: str, query: Dict[str, Any], body: Any) -> Any:
        raise NotImplementedError

    def list_models(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RegisteredModelPage:
        """Registered models."""
        return self._call("GET", "/api/v1/models", {"limit": limit, "cursor": cursor}, None)

    def create_model(self, body: types.CreateModel) -> types.RegisteredModel:
        """Register a model."""
        return self._call("POST", "/api/v1/models", {}, body)

    def get_model(self, model: Union[str, int]) -> types.RegisteredModel:
        """A registered model."""
        return self._call("GET", f"/api/v1/models/{_part(model)}", {}, None)

    def list_versions(
        self,
        model: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ModelVersionPage:
        """Versions of a model."""
        return self._call("GET", f"/api/v1/models/{_part(model)}/versions", {"limit": limit, "cursor": cursor}, None)

    def create_version(
        self,
        model: Union[str, int],
        body: types.CreateVersion,
    ) -> types.ModelVersion:
        """Make a version of uploaded files."""
        return self._call("POST", f"/api/v1/models/{_part(model)}/versions", {}, body)

    def get_version(self, model: Union[str, int], number: Union[str, int]) -> types.ModelVersion:
        """A model version with its manifest."""
        return self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}", {}, None)

    def create_contract(self, body: types.Contract) -> types.ContractSummary:
        """Check and keep an input contract (JSON or YAML)."""
        return self._call("POST", "/api/v1/contracts", {}, body)

    def get_contract(self, digest: Union[str, int]) -> types.StoredContract:
        """An input contract."""
        return self._call("GET", f"/api/v1/contracts/{_part(digest)}", {}, None)

    def list_deployments(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.DeploymentPage:
        """Deployments."""
        return self._call("GET", "/api/v1/deployments", {"limit": limit, "cursor": cursor}, None)

    def create_deployment(self, body: types.CreateDeployment) -> types.Deployment:
        """Make a deployment; with a version it needs `Release` as well."""
        return self._call("POST", "/api/v1/deployments", {}, body)

    def get_deployment(self, name: Union[str, int]) -> types.Deployment:
        """A deployment."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}", {}, None)

    def update_deployment(
        self,
        name: Union[str, int],
        body: types.UpdateDeployment,
    ) -> types.Deployment:
        """Change a deployment's settings."""
        return self._call("PATCH", f"/api/v1/deployments/{_part(name)}", {}, body)

    def archive_deployment(self, name: Union[str, int]) -> None:
        """Take a deployment out of service for good."""
        self._call("DELETE", f"/api/v1/deployments/{_part(name)}", {}, None)

    def release_version(
        self,
        name: Union[str, int],
        body: types.ReleaseVersion,
    ) -> types.Deployment:
        """Let a version answer; its author may not."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/release", {}, body)

    def list_principals(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.PrincipalPage:
        """Users and services."""
        return self._call("GET", "/api/v1/principals", {"limit": limit, "cursor": cursor}, None)

    def create_principal(self, body: types.CreatePrincipal) -> types.Principal:
        """Make a user or service."""
        return self._call("POST", "/api/v1/principals", {}, body)

    def list_keys(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ApiKeyPage:
        """API keys, without their secrets."""
        return self._call("GET", "/api/v1/keys", {"limit": limit, "cursor": cursor}, None)

    def create_key(self, body: types.CreateKey) -> types.KeySecret:
        """Make an API key; the secret is in this answer only."""
        return self._call("POST", "/api/v1/keys", {}, body)

    def rotate_key(self, id: Union[str, int], body: types.RotateKey) -> types.KeySecret:
        """Replace a key; the old one works on for the overlap."""
        return self._call("POST", f"/api/v1/keys/{_part(id)}/rotate", {}, body)

    def revoke_key(self, id: Union[str, int]) -> None:
        """Revoke a key; it stops working with the next request."""
        self._call("DELETE", f"/api/v1/keys/{_part(id)}", {}, None)

    def access_matrix(self) -> types.AccessMatrix:
        """Principal × action × resource."""
        return self._call("GET", "/api/v1/access/matrix", {}, None)

    def access_why(
        self,
        *,
        principal: Optional[str] = None,
        action: Optional[str] = None,
        resource: Optional[str] = None,
    ) -> types.AccessVerdict:
        """Which policies decide a question."""
        return self._call("GET", "/api/v1/access/why", {"principal": principal, "action": action, "resource": resource}, None)

    def list_policies(self) -> types.Policies:
        """The policies in force, with their digest."""
        return self._call("GET", "/api/v1/policies", {}, None)

    def status(self) -> types.Status:
        """Generations, queues, deployments."""
        return self._call("GET", "/api/v1/status", {}, None)

    def list_decisions(
        self,
        *,
        deployment: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        result: Optional[types.ResultClass] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.DecisionSummaryPage:
        """Decisions, newest first."""
        return self._call("GET", "/api/v1/decisions", {"deployment": deployment, "since": since, "until": until, "result": result, "limit": limit, "cursor": cursor}, None)

    def get_decision(self, id: Union[str, int]) -> types.Decision:
        """A decision; its body for those who may read it."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}", {}, None)

    def list_events(
        self,
        *,
        stage: Optional[types.Stage] = None,
        action: Optional[str] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ControlEventPage:
        """Control events, newest first."""
        return self._call("GET", "/api/v1/events", {"stage": stage, "action": action, "limit": limit, "cursor": cursor}, None)

    def get_receipt(self, id: Union[str, int]) -> types.Receipt:
        """What proves a decision offline; waits for the next checkpoint."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}/receipt", {}, None)

    def create_explain_profile(self, body: types.ExplainProfile) -> types.ProfileSummary:
        """Keep an explain profile (JSON or YAML)."""
        return self._call("POST", "/api/v1/explain-profiles", {}, body)

    def get_explain_profile(self, digest: Union[str, int]) -> types.StoredProfile:
        """An explain profile."""
        return self._call("GET", f"/api/v1/explain-profiles/{_part(digest)}", {}, None)

    def explain_decision(
        self,
        id: Union[str, int],
        *,
        for_: Optional[types.Audience] = None,
        language: Optional[str] = None,
        row: Optional[int] = None,
    ) -> types.DecisionExplanation:
        """Why a decision came out as it did, for one reader."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}/explanation", {"for": for_, "language": language, "row": row}, None)

    def report_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
        *,
        output: Optional[int] = None,
    ) -> types.ModelReport:
        """What a model version goes by over its background rows."""
        return self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/report", {"output": output}, None)

    def subject_status(self, body: types.SubjectQuestion) -> types.SubjectStatus:
        """Whether anything is held about a subject, its hold, its erasures."""
        return self._call("POST", "/api/v1/subjects/status", {}, body)

    def export_subject(self, body: types.ExportSubject) -> types.SubjectExport:
        """Everything held about a subject, in parts."""
        return self._call("POST", "/api/v1/subjects/export", {}, body)

    def erase_subject(self, body: types.EraseSubject) -> types.Erasure:
        """Destroy a subject's key; what was recorded stays provable and opens no more."""
        return self._call("POST", "/api/v1/subjects/erase", {}, body)

    def hold_subject(self, body: types.HoldSubject) -> types.Hold:
        """Place a legal hold on a subject: it is not erased."""
        return self._call("POST", "/api/v1/subjects/hold", {}, body)

    def release_subject(self, body: types.SubjectQuestion) -> types.Hold:
        """Release the hold on a subject."""
        return self._call("POST", "/api/v1/subjects/release", {}, body)

    def hold_deployment(self, body: types.HoldDeployment) -> types.Hold:
        """Place a legal hold on a deployment: its records outlive their retention."""
        return self._call("POST", "/api/v1/holds/deployment", {}, body)

    def release_deployment(self, body: types.DeploymentQuestion) -> types.Hold:
        """Release the hold on a deployment."""
        return self._call("POST", "/api/v1/holds/deployment/release", {}, body)

    def list_erasures(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ErasurePage:
        """Erasures, oldest first, without whom they were about."""
        return self._call("GET", "/api/v1/erasures", {"limit": limit, "cursor": cursor}, None)

    def rotate_keys(self) -> types.KeyRotation:
        """Begin a new epoch of keys and destroy the one before."""
        return self._call("POST", "/api/v1/ledger/rotate-keys", {}, None)

    def list_sinks(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.SinkPage:
        """Receivers of events, and how far each is."""
        return self._call("GET", "/api/v1/sinks", {"limit": limit, "cursor": cursor}, None)

    def create_sink(self, body: types.CreateSink) -> types.SinkSecret:
        """Add a receiver of events; the secret is in this answer only."""
        return self._call("POST", "/api/v1/sinks", {}, body)

    def get_sink(self, name: Union[str, int]) -> types.Sink:
        """A receiver of events, and how far it is."""
        return self._call("GET", f"/api/v1/sinks/{_part(name)}", {}, None)

    def remove_sink(self, name: Union[str, int]) -> None:
        """Take a receiver away, and its secret with it."""
        self._call("DELETE", f"/api/v1/sinks/{_part(name)}", {}, None)

    def pause_sink(self, name: Union[str, int]) -> types.Sink:
        """Send nothing; the place in the ledger is kept."""
        return self._call("POST", f"/api/v1/sinks/{_part(name)}/pause", {}, None)

    def resume_sink(self, name: Union[str, int], body: types.ResumeSink) -> types.Sink:
        """Send on, from where it stood or from another index."""
        return self._call("POST", f"/api/v1/sinks/{_part(name)}/resume", {}, body)

    def test_sink(self, name: Union[str, int]) -> types.SinkTest:
        """Send a test event now, once."""
        return self._call("POST", f"/api/v1/sinks/{_part(name)}/test", {}, None)

    def trace_decision(self, id: Union[str, int]) -> types.Trace:
        """How a decision came to be: everything on record about it."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}/trace", {}, None)

    def replay_decision(self, id: Union[str, int]) -> types.Replay:
        """Compute a decision again from its record."""
        return self._call("POST", f"/api/v1/decisions/{_part(id)}/replay", {}, None)

    def replay_window(
        self,
        name: Union[str, int],
        body: types.ReplayWindow,
    ) -> types.ReplayedWindow:
        """Compute a part of a window again on another version."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/replay", {}, body)

    def list_reviews(
        self,
        *,
        state: Optional[types.ReviewState] = None,
        limit: Optional[int] = None,
        cursor: Optional[types.DecisionId] = None,
    ) -> types.ReviewCasePage:
        """Decisions that wait for a person, or were reviewed."""
        return self._call("GET", "/api/v1/reviews", {"state": state, "limit": limit, "cursor": cursor}, None)

    def summarize_reviews(
        self,
        *,
        deployment: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
    ) -> types.ReviewSummary:
        """How much people looked at, and what it changed."""
        return self._call("GET", "/api/v1/reviews/summary", {"deployment": deployment, "since": since, "until": until}, None)

    def get_review(self, id: Union[str, int]) -> types.ReviewHistory:
        """What was said about a decision."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}/review", {}, None)

    def review_decision(
        self,
        id: Union[str, int],
        body: types.ReviewDecision,
    ) -> types.ReviewHistory:
        """Accept or override a decision; who asked for it may not."""
        return self._call("POST", f"/api/v1/decisions/{_part(id)}/review", {}, body)

    def contest_decision(
        self,
        id: Union[str, int],
        body: types.ContestDecision,
    ) -> types.ReviewCase:
        """Contest a decision, so that a person looks at it."""
        return self._call("POST", f"/api/v1/decisions/{_part(id)}/contest", {}, body)

    def get_answer(self, id: Union[str, int]) -> types.InferResponse:
        """The answer of a decision that was held for review; 202 while it waits."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}/answer", {}, None)


class AsyncOperations:
    """One coroutine per operation."""

    async def _call(self, verb: str, path: str, query: Dict[str, Any], body: Any) -> Any:
        raise NotImplementedError

    async def list_models(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RegisteredModelPage:
        """Registered models."""
        return await self._call("GET", "/api/v1/models", {"limit": limit, "cursor": cursor}, None)

    async def create_model(self, body: types.CreateModel) -> types.RegisteredModel:
        """Register a model."""
        return await self._call("POST", "/api/v1/models", {}, body)

    async def get_model(self, model: Union[str, int]) -> types.RegisteredModel:
        """A registered model."""
        return await self._call("GET", f"/api/v1/models/{_part(model)}", {}, None)

    async def list_versions(
        self,
        model: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ModelVersionPage:
        """Versions of a model."""
        return await self._call("GET", f"/api/v1/models/{_part(model)}/versions", {"limit": limit, "cursor": cursor}, None)

    async def create_version(
        self,
        model: Union[str, int],
        body: types.CreateVersion,
    ) -> types.ModelVersion:
        """Make a version of uploaded files."""
        return await self._call("POST", f"/api/v1/models/{_part(model)}/versions", {}, body)

    async def get_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
    ) -> types.ModelVersion:
        """A model version with its manifest."""
        return await self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}", {}, None)

    async def create_contract(self, body: types.Contract) -> types.ContractSummary:
        """Check and keep an input contract (JSON or YAML)."""
        return await self._call("POST", "/api/v1/contracts", {}, body)

    async def get_contract(self, digest: Union[str, int]) -> types.StoredContract:
        """An input contract."""
        return await self._call("GET", f"/api/v1/contracts/{_part(digest)}", {}, None)

    async def list_deployments(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.DeploymentPage:
        """Deployments."""
        return await self._call("GET", "/api/v1/deployments", {"limit": limit, "cursor": cursor}, None)

    async def create_deployment(self, body: types.CreateDeployment) -> types.Deployment:
        """Make a deployment; with a version it needs `Release` as well."""
        return await self._call("POST", "/api/v1/deployments", {}, body)

    async def get_deployment(self, name: Union[str, int]) -> types.Deployment:
        """A deployment."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}", {}, None)

    async def update_deployment(
        self,
        name: Union[str, int],
        body: types.UpdateDeployment,
    ) -> types.Deployment:
        """Change a deployment's settings."""
        return await self._call("PATCH", f"/api/v1/deployments/{_part(name)}", {}, body)

    async def archive_deployment(self, name: Union[str, int]) -> None:
        """Take a deployment out of service for good."""
        await self._call("DELETE", f"/api/v1/deployments/{_part(name)}", {}, None)

    async def release_version(
        self,
        name: Union[str, int],
        body: types.ReleaseVersion,
    ) -> types.Deployment:
        """Let a version answer; its author may not."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/release", {}, body)

    async def list_principals(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.PrincipalPage:
        """Users and services."""
        return await self._call("GET", "/api/v1/principals", {"limit": limit, "cursor": cursor}, None)

    async def create_principal(self, body: types.CreatePrincipal) -> types.Principal:
        """Make a user or service."""
        return await self._call("POST", "/api/v1/principals", {}, body)

    async def list_keys(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ApiKeyPage:
        """API keys, without their secrets."""
        return await self._call("GET", "/api/v1/keys", {"limit": limit, "cursor": cursor}, None)

    async def create_key(self, body: types.CreateKey) -> types.KeySecret:
        """Make an API key; the secret is in this answer only."""
        return await self._call("POST", "/api/v1/keys", {}, body)

    async def rotate_key(self, id: Union[str, int], body: types.RotateKey) -> types.KeySecret:
        """Replace a key; the old one works on for the overlap."""
        return await self._call("POST", f"/api/v1/keys/{_part(id)}/rotate", {}, body)

    async def revoke_key(self, id: Union[str, int]) -> None:
        """Revoke a key; it stops working with the next request."""
        await self._call("DELETE", f"/api/v1/keys/{_part(id)}", {}, None)

    async def access_matrix(self) -> types.AccessMatrix:
        """Principal × action × resource."""
        return await self._call("GET", "/api/v1/access/matrix", {}, None)

    async def access_why(
        self,
        *,
        principal: Optional[str] = None,
        action: Optional[str] = None,
        resource: Optional[str] = None,
    ) -> types.AccessVerdict:
        """Which policies decide a question."""
        return await self._call("GET", "/api/v1/access/why", {"principal": principal, "action": action, "resource": resource}, None)

    async def list_policies(self) -> types.Policies:
        """The policies in force, with their digest."""
        return await self._call("GET", "/api/v1/policies", {}, None)

    async def status(self) -> types.Status:
        """Generations, queues, deployments."""
        return await self._call("GET", "/api/v1/status", {}, None)

    async def list_decisions(
        self,
        *,
        deployment: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        result: Optional[types.ResultClass] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.DecisionSummaryPage:
        """Decisions, newest first."""
        return await self._call("GET", "/api/v1/decisions", {"deployment": deployment, "since": since, "until": until, "result": result, "limit": limit, "cursor": cursor}, None)

    async def get_decision(self, id: Union[str, int]) -> types.Decision:
        """A decision; its body for those who may read it."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}", {}, None)

    async def list_events(
        self,
        *,
        stage: Optional[types.Stage] = None,
        action: Optional[str] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ControlEventPage:
        """Control events, newest first."""
        return await self._call("GET", "/api/v1/events", {"stage": stage, "action": action, "limit": limit, "cursor": cursor}, None)

    async def get_receipt(self, id: Union[str, int]) -> types.Receipt:
        """What proves a decision offline; waits for the next checkpoint."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}/receipt", {}, None)

    async def create_explain_profile(self, body: types.ExplainProfile) -> types.ProfileSummary:
        """Keep an explain profile (JSON or YAML)."""
        return await self._call("POST", "/api/v1/explain-profiles", {}, body)

    async def get_explain_profile(self, digest: Union[str, int]) -> types.StoredProfile:
        """An explain profile."""
        return await self._call("GET", f"/api/v1/explain-profiles/{_part(digest)}", {}, None)

    async def explain_decision(
        self,
        id: Union[str, int],
        *,
        for_: Optional[types.Audience] = None,
        language: Optional[str] = None,
        row: Optional[int] = None,
    ) -> types.DecisionExplanation:
        """Why a decision came out as it did, for one reader."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}/explanation", {"for": for_, "language": language, "row": row}, None)

    async def report_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
        *,
        output: Optional[int] = None,
    ) -> types.ModelReport:
        """What a model version goes by over its background rows."""
        return await self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/report", {"output": output}, None)

    async def subject_status(self, body: types.SubjectQuestion) -> types.SubjectStatus:
        """Whether anything is held about a subject, its hold, its erasures."""
        return await self._call("POST", "/api/v1/subjects/status", {}, body)

    async def export_subject(self, body: types.ExportSubject) -> types.SubjectExport:
        """Everything held about a subject, in parts."""
        return await self._call("POST", "/api/v1/subjects/export", {}, body)

    async def erase_subject(self, body: types.EraseSubject) -> types.Erasure:
        """Destroy a subject's key; what was recorded stays provable and opens no more."""
        return await self._call("POST", "/api/v1/subjects/erase", {}, body)

    async def hold_subject(self, body: types.HoldSubject) -> types.Hold:
        """Place a legal hold on a subject: it is not erased."""
        return await self._call("POST", "/api/v1/subjects/hold", {}, body)

    async def release_subject(self, body: types.SubjectQuestion) -> types.Hold:
        """Release the hold on a subject."""
        return await self._call("POST", "/api/v1/subjects/release", {}, body)

    async def hold_deployment(self, body: types.HoldDeployment) -> types.Hold:
        """Place a legal hold on a deployment: its records outlive their retention."""
        return await self._call("POST", "/api/v1/holds/deployment", {}, body)

    async def release_deployment(self, body: types.DeploymentQuestion) -> types.Hold:
        """Release the hold on a deployment."""
        return await self._call("POST", "/api/v1/holds/deployment/release", {}, body)

    async def list_erasures(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ErasurePage:
        """Erasures, oldest first, without whom they were about."""
        return await self._call("GET", "/api/v1/erasures", {"limit": limit, "cursor": cursor}, None)

    async def rotate_keys(self) -> types.KeyRotation:
        """Begin a new epoch of keys and destroy the one before."""
        return await self._call("POST", "/api/v1/ledger/rotate-keys", {}, None)

    async def list_sinks(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.SinkPage:
        """Receivers of events, and how far each is."""
        return await self._call("GET", "/api/v1/sinks", {"limit": limit, "cursor": cursor}, None)

    async def create_sink(self, body: types.CreateSink) -> types.SinkSecret:
        """Add a receiver of events; the secret is in this answer only."""
        return await self._call("POST", "/api/v1/sinks", {}, body)

    async def get_sink(self, name: Union[str, int]) -> types.Sink:
        """A receiver of events, and how far it is."""
        return await self._call("GET", f"/api/v1/sinks/{_part(name)}", {}, None)

    async def remove_sink(self, name: Union[str, int]) -> None:
        """Take a receiver away, and its secret with it."""
        await self._call("DELETE", f"/api/v1/sinks/{_part(name)}", {}, None)

    async def pause_sink(self, name: Union[str, int]) -> types.Sink:
        """Send nothing; the place in the ledger is kept."""
        return await self._call("POST", f"/api/v1/sinks/{_part(name)}/pause", {}, None)

    async def resume_sink(self, name: Union[str, int], body: types.ResumeSink) -> types.Sink:
        """Send on, from where it stood or from another index."""
        return await self._call("POST", f"/api/v1/sinks/{_part(name)}/resume", {}, body)

    async def test_sink(self, name: Union[str, int]) -> types.SinkTest:
        """Send a test event now, once."""
        return await self._call("POST", f"/api/v1/sinks/{_part(name)}/test", {}, None)

    async def trace_decision(self, id: Union[str, int]) -> types.Trace:
        """How a decision came to be: everything on record about it."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}/trace", {}, None)

    async def replay_decision(self, id: Union[str, int]) -> types.Replay:
        """Compute a decision again from its record."""
        return await self._call("POST", f"/api/v1/decisions/{_part(id)}/replay", {}, None)

    async def replay_window(
        self,
        name: Union[str, int],
        body: types.ReplayWindow,
    ) -> types.ReplayedWindow:
        """Compute a part of a window again on another version."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/replay", {}, body)

    async def list_reviews(
        self,
        *,
        state: Optional[types.ReviewState] = None,
        limit: Optional[int] = None,
        cursor: Optional[types.DecisionId] = None,
    ) -> types.ReviewCasePage:
        """Decisions that wait for a person, or were reviewed."""
        return await self._call("GET", "/api/v1/reviews", {"state": state, "limit": limit, "cursor": cursor}, None)

    async def summarize_reviews(
        self,
        *,
        deployment: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
    ) -> types.ReviewSummary:
        """How much people looked at, and what it changed."""
        return await self._call("GET", "/api/v1/reviews/summary", {"deployment": deployment, "since": since, "until": until}, None)

    async def get_review(self, id: Union[str, int]) -> types.ReviewHistory:
        """What was said about a decision."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}/review", {}, None)

    async def review_decision(
        self,
        id: Union[str, int],
        body: types.ReviewDecision,
    ) -> types.ReviewHistory:
        """Accept or override a decision; who asked for it may not."""
        return await self._call("POST", f"/api/v1/decisions/{_part(id)}/review", {}, body)

    async def contest_decision(
        self,
        id: Union[str, int],
        body: types.ContestDecision,
    ) -> types.ReviewCase:
        """Contest a decision, so that a person looks at it."""
        return await self._call("POST", f"/api/v1/decisions/{_part(id)}/contest", {}, body)

    async def get_answer(self, id: Union[str, int]) -> types.InferResponse:
        """The answer of a decision that was held for review; 202 while it waits."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}/answer", {}, None)
