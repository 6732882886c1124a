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

    def preview_policies(self, body: types.PreviewPolicies) -> types.PolicyPreview:
        """What other policies would allow and deny; nothing is changed."""
        return self._call("POST", "/api/v1/policies/preview", {}, body)

    def get_ledger_timeline(
        self,
        *,
        since: Optional[str] = None,
        until: Optional[str] = None,
        parts: Optional[int] = None,
    ) -> types.LedgerTimeline:
        """What the ledger holds over time, and who vouches for it."""
        return self._call("GET", "/api/v1/ledger/timeline", {"since": since, "until": until, "parts": parts}, None)

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

    def create_upload(self, body: types.CreateUpload) -> types.UploadSession:
        """Begin an upload that can be gone on with."""
        return self._call("POST", "/api/v1/uploads", {}, body)

    def get_upload(self, upload: Union[str, int]) -> types.UploadSession:
        """Where an upload goes on."""
        return self._call("GET", f"/api/v1/uploads/{_part(upload)}", {}, None)

    def head_upload(self, upload: Union[str, int]) -> None:
        """Where an upload goes on, in the header `upload-offset`."""
        self._call("HEAD", f"/api/v1/uploads/{_part(upload)}", {}, None)

    def append_upload(self, upload: Union[str, int]) -> None:
        """Go on with an upload at the offset in the header `upload-offset`."""
        self._call("PATCH", f"/api/v1/uploads/{_part(upload)}", {}, None)

    def abort_upload(self, upload: Union[str, int]) -> None:
        """Give an upload up."""
        self._call("DELETE", f"/api/v1/uploads/{_part(upload)}", {}, None)

    def finish_upload(self, upload: Union[str, int], body: types.FinishUpload) -> types.Artifact:
        """End an upload; the artifact is named by its digest."""
        return self._call("POST", f"/api/v1/uploads/{_part(upload)}/finish", {}, body)

    def mlflow_list_files(self) -> None:
        """What is in a folder of artifacts (MLflow)."""
        self._call("GET", "/api/2.0/mlflow-artifacts/artifacts", {}, None)

    def mlflow_get_file(self, path: Union[str, int]) -> None:
        """A file (MLflow); ranges are honoured."""
        self._call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{_part(path)}", {}, None)

    def mlflow_put_file(self, path: Union[str, int]) -> None:
        """Put a file (MLflow); those of registered versions do not change."""
        self._call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{_part(path)}", {}, None)

    def mlflow_delete_file(self, path: Union[str, int]) -> None:
        """Remove a file or folder (MLflow), unless a version has it."""
        self._call("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{_part(path)}", {}, None)

    def mlflow_get_logged_model_artifact(self, model_id: Union[str, int]) -> None:
        """A file of a logged model (MLflow)."""
        self._call("GET", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/artifacts/files", {}, None)

    def mlflow_upload_artifact(self) -> None:
        """Put a small file among those of a run (MLflow)."""
        self._call("POST", "/api/2.0/mlflow/upload-artifact", {}, None)

    def mlflow_begin_parts(self, path: Union[str, int]) -> None:
        """Begin a file that comes in parts (MLflow)."""
        self._call("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{_part(path)}", {}, None)

    def mlflow_end_parts(self, path: Union[str, int]) -> None:
        """End a file that came in parts (MLflow)."""
        self._call("POST", f"/api/2.0/mlflow-artifacts/mpu/complete/{_part(path)}", {}, None)

    def mlflow_abort_parts(self, path: Union[str, int]) -> None:
        """Give a file in parts up (MLflow)."""
        self._call("POST", f"/api/2.0/mlflow-artifacts/mpu/abort/{_part(path)}", {}, None)

    def mlflow_put_part(self, number: Union[str, int]) -> None:
        """Put a part of a file (MLflow); who knows the upload's name in the header `plimsoll-
        upload` needs no key.
        """
        self._call("PUT", f"/api/2.0/mlflow-artifacts/mpu/part/{_part(number)}", {}, None)

    def get_version_bom(self, model: Union[str, int], number: Union[str, int]) -> None:
        """What a model version is made of (CycloneDX 1.7)."""
        self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/bom", {}, None)

    def list_datasets(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.DatasetPage:
        """Datasets."""
        return self._call("GET", "/api/v1/datasets", {"limit": limit, "cursor": cursor}, None)

    def get_dataset(self, name: Union[str, int]) -> types.Dataset:
        """A dataset, and who may use it for what."""
        return self._call("GET", f"/api/v1/datasets/{_part(name)}", {}, None)

    def create_dataset(
        self,
        name: Union[str, int],
        body: types.CreateDataset,
    ) -> types.DatasetVersion:
        """Register a dataset, or another version of it."""
        return self._call("POST", f"/api/v1/datasets/{_part(name)}/versions", {}, body)

    def get_dataset_version(
        self,
        name: Union[str, int],
        number: Union[str, int],
    ) -> types.DatasetVersion:
        """A version of a dataset: its manifest."""
        return self._call("GET", f"/api/v1/datasets/{_part(name)}/versions/{_part(number)}", {}, None)

    def grant_dataset(self, name: Union[str, int], body: types.GrantDataset) -> types.Dataset:
        """Let somebody use a dataset for a purpose."""
        return self._call("POST", f"/api/v1/datasets/{_part(name)}/grants", {}, body)

    def revoke_dataset(self, name: Union[str, int], body: types.GrantDataset) -> types.Dataset:
        """Take such leave back."""
        return self._call("POST", f"/api/v1/datasets/{_part(name)}/revocations", {}, body)

    def fetch_dataset(
        self,
        name: Union[str, int],
        number: Union[str, int],
        path: Union[str, int],
        *,
        use: Optional[types.DatasetUse] = None,
        purpose: Optional[str] = None,
    ) -> None:
        """A file of a dataset, for a stated use and purpose; recorded."""
        self._call("GET", f"/api/v1/datasets/{_part(name)}/versions/{_part(number)}/files/{_part(path)}", {"use": use, "purpose": purpose}, None)

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

    def get_gate_catalogue(self) -> types.GateCatalogue:
        """What may be asked of a release, and of who assesses one."""
        return self._call("GET", "/api/v1/gate-catalogue", {}, None)

    def preview_assessment(self, body: types.PutAssessment) -> types.AssessmentPreview:
        """What facts would lead to today; nothing is kept."""
        return self._call("POST", "/api/v1/assessment-previews", {}, body)

    def put_assessment(
        self,
        name: Union[str, int],
        body: types.PutAssessment,
    ) -> types.StoredAssessment:
        """State the facts of a deployment's use, which give its tier."""
        return self._call("PUT", f"/api/v1/deployments/{_part(name)}/assessment", {}, body)

    def get_assessment(self, name: Union[str, int]) -> types.StoredAssessment:
        """What is owed for a deployment's use, as of now."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/assessment", {}, None)

    def post_interactions(
        self,
        name: Union[str, int],
        body: types.PostInteractions,
    ) -> types.MeasuredShare:
        """Say how many interactions with customers there were in all."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/interactions", {}, body)

    def put_gate_plan(self, name: Union[str, int], body: types.GatePlan) -> types.GatePlan:
        """Declare what a deployment's gate looks at, and its thresholds."""
        return self._call("PUT", f"/api/v1/deployments/{_part(name)}/gate-plan", {}, body)

    def get_gate_plan(self, name: Union[str, int]) -> types.GatePlan:
        """What a deployment's gate looks at."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/gate-plan", {}, None)

    def put_evaluation(
        self,
        name: Union[str, int],
        body: types.PutEvaluation,
    ) -> types.StoredEvaluation:
        """Keep rows with their outcomes, sealed, for checks to run on."""
        return self._call("PUT", f"/api/v1/deployments/{_part(name)}/evaluation", {}, body)

    def list_gates(
        self,
        name: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.GateRunPage:
        """Gate results of a deployment, newest first."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/gates", {"limit": limit, "cursor": cursor}, None)

    def run_gate(self, name: Union[str, int], body: types.RunGate) -> types.GateRun:
        """Run every check of the build on a version, and judge its gate."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/gates", {}, body)

    def get_release_standing(
        self,
        name: Union[str, int],
        version: Union[str, int],
        *,
        contract: Optional[types.Digest] = None,
    ) -> types.ReleaseStanding:
        """Whether a version may be released now, and why not."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/standing/{_part(version)}", {"contract": contract}, None)

    def post_check_result(self, name: Union[str, int], body: types.PostCheckResult) -> None:
        """Say what a check of the team's own found of a version."""
        self._call("POST", f"/api/v1/deployments/{_part(name)}/check-results", {}, body)

    def list_approval_keys(self) -> types.ApprovalKeyPage:
        """The caller's own keys that approvals are signed with."""
        return self._call("GET", "/api/v1/approval-keys", {}, None)

    def register_approval_key(self, body: types.RegisterApprovalKey) -> types.ApprovalKey:
        """Register the caller's own public key."""
        return self._call("POST", "/api/v1/approval-keys", {}, body)

    def end_approval_key(self, id: Union[str, int]) -> None:
        """End one of the caller's own keys."""
        self._call("DELETE", f"/api/v1/approval-keys/{_part(id)}", {}, None)

    def make_approval_challenge(self) -> types.ApprovalChallenge:
        """Something new to sign, to prove who one is now."""
        return self._call("POST", "/api/v1/approval-challenges", {}, None)

    def approve_release(
        self,
        name: Union[str, int],
        body: types.ApproveRelease,
    ) -> types.ReleaseStanding:
        """Consent to a version with its gate result, signed."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/approvals", {}, body)

    def list_broken_glasses(self, name: Union[str, int]) -> types.BrokenGlassPage:
        """When the glass was broken, by whom and why."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/break-glass", {}, None)

    def break_glass(self, name: Union[str, int], body: types.BreakGlass) -> types.BrokenGlass:
        """Let a version be released past its gate for a while, in an emergency."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/break-glass", {}, body)

    def review_broken_glass(self, name: Union[str, int], id: Union[str, int]) -> None:
        """Say that what was done behind a broken glass was looked at."""
        self._call("POST", f"/api/v1/deployments/{_part(name)}/break-glass/{_part(id)}/review", {}, None)

    def list_exceptions(self, name: Union[str, int]) -> types.GateExceptionPage:
        """Demands that are put off for a time."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/exceptions", {}, None)

    def request_exception(
        self,
        name: Union[str, int],
        body: types.RequestException,
    ) -> types.GateException:
        """Ask that a demand is put off for a time."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/exceptions", {}, body)

    def allow_exception(self, name: Union[str, int], id: Union[str, int]) -> types.GateException:
        """Allow an exception that somebody else asked for."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/exceptions/{_part(id)}/allow", {}, None)

    def end_exception(self, name: Union[str, int], id: Union[str, int]) -> None:
        """End an exception before its time."""
        self._call("DELETE", f"/api/v1/deployments/{_part(name)}/exceptions/{_part(id)}", {}, None)

    def list_attestations(self, name: Union[str, int]) -> types.Attestations:
        """What people stated of a deployment, and what they may state."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/attestations", {}, None)

    def attest(self, name: Union[str, int], body: types.Attest) -> types.Attestation:
        """State what only a person can know, signed."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/attestations", {}, body)

    def end_attestation(self, name: Union[str, int], id: Union[str, int]) -> None:
        """Take back what was stated."""
        self._call("DELETE", f"/api/v1/deployments/{_part(name)}/attestations/{_part(id)}", {}, None)

    def list_limits(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.LimitSetPage:
        """How much may be asked, and by whom."""
        return self._call("GET", "/api/v1/limits", {"limit": limit, "cursor": cursor}, None)

    def set_limit(self, body: types.SetLimit) -> types.LimitSet:
        """Set a limit, in place of the one before."""
        return self._call("POST", "/api/v1/limits", {}, body)

    def get_limit(self, of: Union[str, int]) -> types.LimitSet:
        """A limit."""
        return self._call("GET", f"/api/v1/limits/{_part(of)}", {}, None)

    def remove_limit(self, of: Union[str, int]) -> None:
        """Take a limit away."""
        self._call("DELETE", f"/api/v1/limits/{_part(of)}", {}, None)

    def get_card(self, model: Union[str, int], number: Union[str, int]) -> types.CardOfVersion:
        """What is said about a model version."""
        return self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/card", {}, None)

    def set_card(
        self,
        model: Union[str, int],
        number: Union[str, int],
        body: types.VersionCard,
    ) -> types.CardOfVersion:
        """Say something about a model version."""
        return self._call("PATCH", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/card", {}, body)

    def archive_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
        body: types.ArchiveVersion,
    ) -> types.CardOfVersion:
        """Archive a model version: no deployment gets it any more."""
        return self._call("POST", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/archive", {}, body)

    def adopt_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
        body: types.AdoptVersion,
    ) -> types.ModelVersion:
        """Make a version of the catalogue one that deployments may use."""
        return self._call("POST", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/adopt", {}, body)

    def get_contract_draft(
        self,
        model: Union[str, int],
        number: Union[str, int],
    ) -> types.ContractDraft:
        """A first contract of the signature that MLflow stored with a model version."""
        return self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/contract-draft", {}, None)

    def get_provenance(self, model: Union[str, int], number: Union[str, int]) -> None:
        """How a model version was made: SLSA's provenance, not signed."""
        self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/provenance", {}, None)

    def get_lineage(
        self,
        kind: Union[str, int],
        id: Union[str, int],
        *,
        direction: Optional[types.Direction] = None,
        depth: Optional[int] = None,
        decisions: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.Graph:
        """What a thing came from, and what came of it."""
        return self._call("GET", f"/api/v1/lineage/{_part(kind)}/{_part(id)}", {"direction": direction, "depth": depth, "decisions": decisions, "cursor": cursor}, None)

    def tell_lineage(self) -> None:
        """Take in an event of OpenLineage's: a RunEvent of spec 2-0-2."""
        self._call("POST", "/api/v1/lineage", {}, None)

    def list_scan_blocks(self) -> types.ScanBlocks:
        """Files that scans blocked, and what was let pass."""
        return self._call("GET", "/api/v1/scans/blocks", {}, None)

    def override_scan(self, body: types.CreateOverride) -> types.ScanOverride:
        """Let a file pass that a scan blocked, for a time."""
        return self._call("POST", "/api/v1/scans/overrides", {}, body)

    def get_monitoring(self, name: Union[str, int]) -> types.Monitoring:
        """How a deployment is watched, and how it stands."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring", {}, None)

    def list_monitoring_windows(
        self,
        name: Union[str, int],
        *,
        version: Optional[int] = None,
        limit: Optional[int] = None,
        column: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
    ) -> types.MonitoredWindows:
        """Windows of a deployment's traffic, column by column."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring/windows", {"version": version, "limit": limit, "column": column, "since": since, "until": until}, None)

    def explain_drift(
        self,
        name: Union[str, int],
        *,
        open: Optional[bool] = None,
    ) -> types.DriftExplained:
        """Which fields and which slice a change of the score comes from."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring/explanation", {"open": open}, None)

    def backfill_monitoring(self, name: Union[str, int]) -> types.Backfill:
        """Count a deployment's decisions again from the ledger."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/monitoring/backfill", {}, None)

    def set_reference(
        self,
        name: Union[str, int],
        *,
        version: Optional[int] = None,
        format: Optional[str] = None,
        origin: Optional[str] = None,
        from_: Optional[str] = None,
        until: Optional[str] = None,
        window_seconds: Optional[int] = None,
        window_rows: Optional[int] = None,
        min_rows: Optional[int] = None,
        tolerance: Optional[float] = None,
        alerts_per_month: Optional[float] = None,
        persistence: Optional[int] = None,
        tests: Optional[str] = None,
        max_age_days: Optional[int] = None,
        review_by: Optional[str] = None,
        max_model_days: Optional[int] = None,
        max_data_days: Optional[int] = None,
        max_evaluation_days: Optional[int] = None,
        max_outcome_days: Optional[int] = None,
        max_outside: Optional[float] = None,
    ) -> types.MonitoringReference:
        """Say what traffic is compared with: a CSV or Parquet file, or decisions of a time."""
        return self._call("PUT", f"/api/v1/deployments/{_part(name)}/reference", {"version": version, "format": format, "origin": origin, "from": from_, "until": until, "window_seconds": window_seconds, "window_rows": window_rows, "min_rows": min_rows, "tolerance": tolerance, "alerts_per_month": alerts_per_month, "persistence": persistence, "tests": tests, "max_age_days": max_age_days, "review_by": review_by, "max_model_days": max_model_days, "max_data_days": max_data_days, "max_evaluation_days": max_evaluation_days, "max_outcome_days": max_outcome_days, "max_outside": max_outside}, None)

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

    def roll_back(self, name: Union[str, int], body: types.RollBack) -> types.Deployment:
        """Let the version answer again that was released before."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/rollback", {}, body)

    def list_all_rollouts(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RolloutPage:
        """Rollouts of all deployments, latest first."""
        return self._call("GET", "/api/v1/rollouts", {"limit": limit, "cursor": cursor}, None)

    def start_rollout(self, name: Union[str, int], body: types.StartRollout) -> types.Rollout:
        """Try a version under traffic, step by step."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts", {}, body)

    def list_rollouts(
        self,
        name: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RolloutPage:
        """Rollouts of a deployment, latest first."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/rollouts", {"limit": limit, "cursor": cursor}, None)

    def get_rollout(self, name: Union[str, int], id: Union[str, int]) -> types.Rollout:
        """A rollout with its history; `current` is the one under way, or the last."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/rollouts/{_part(id)}", {}, None)

    def hold_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let a rollout stay at its step; guardrails still watch."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/hold", {}, body)

    def resume_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let a rollout go on that is held or inconclusive."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/resume", {}, body)

    def advance_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let a rollout go to its next step now; past the last, release."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/advance", {}, body)

    def roll_back_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let everybody get the version that answered before."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/rollback", {}, body)

    def kill_deployment(self, name: Union[str, int], body: types.Because) -> types.Deployment:
        """Switch a deployment's models off; its fallback answers, or nothing."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/kill", {}, body)

    def revive_deployment(self, name: Union[str, int], body: types.Because) -> types.Deployment:
        """Switch a deployment's models on again."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/revive", {}, body)

    def drill_rollback(
        self,
        name: Union[str, int],
        body: types.DrillRollback,
    ) -> types.RollbackDrill:
        """Prove on live traffic, without harm, that going back works."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/drill", {}, body)

    def start_experiment(
        self,
        name: Union[str, int],
        body: types.StartExperiment,
    ) -> types.Experiment:
        """Let versions answer shares of the same traffic."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/experiments", {}, body)

    def list_experiments(
        self,
        name: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ExperimentPage:
        """Experiments of a deployment, latest first."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/experiments", {"limit": limit, "cursor": cursor}, None)

    def read_experiment(self, name: Union[str, int], id: Union[str, int]) -> types.Experiment:
        """An experiment with its history; `current` is the one under way, or the last."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/experiments/{_part(id)}", {}, None)

    def read_experiment_report(
        self,
        name: Union[str, int],
        id: Union[str, int],
    ) -> types.ExperimentReport:
        """What an experiment says so far; it may be looked at always."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/experiments/{_part(id)}/report", {}, None)

    def stop_experiment_arm(self, name: Union[str, int], body: types.StopArm) -> types.Experiment:
        """Stop an arm; its units get the control."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/experiments/current/stop", {}, body)

    def conclude_experiment(
        self,
        name: Union[str, int],
        body: types.ConcludeExperiment,
    ) -> types.Experiment:
        """End an experiment: ship an arm, which needs what a release needs, or go on with the
        control.
        """
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/experiments/current/conclude", {}, body)

    def post_experiment_values(
        self,
        id: Union[str, int],
        body: types.PostExperimentValues,
    ) -> types.OutcomesRecorded:
        """Tell what decisions of an experiment were worth."""
        return self._call("POST", f"/api/v1/experiments/{_part(id)}/values", {}, body)

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

    def list_batches(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.BatchPage:
        """Batch jobs, latest first."""
        return self._call("GET", "/api/v1/batches", {"limit": limit, "cursor": cursor}, None)

    def begin_batch(
        self,
        *,
        deployment: Optional[types.Name] = None,
        format: Optional[types.BatchFormat] = None,
        output: Optional[types.BatchFormat] = None,
        keep: Optional[str] = None,
    ) -> types.Batch:
        """Begin a batch job; the body is its file of rows."""
        return self._call("POST", "/api/v1/batches", {"deployment": deployment, "format": format, "output": output, "keep": keep}, None)

    def get_batch(self, id: Union[str, int]) -> types.Batch:
        """A batch job and how far it is."""
        return self._call("GET", f"/api/v1/batches/{_part(id)}", {}, None)

    def cancel_batch(self, id: Union[str, int]) -> types.Batch:
        """End a batch job; what is decided stays decided."""
        return self._call("POST", f"/api/v1/batches/{_part(id)}/cancel", {}, None)

    def resume_batch(self, id: Union[str, int]) -> types.Batch:
        """Let a batch job that failed go on from where it stopped."""
        return self._call("POST", f"/api/v1/batches/{_part(id)}/resume", {}, None)

    def get_batch_result(self, id: Union[str, int]) -> None:
        """What the rows of a batch job came to, for who began it."""
        self._call("GET", f"/api/v1/batches/{_part(id)}/result", {}, None)

    def list_findings(
        self,
        *,
        deployment: Optional[types.Name] = None,
        state: Optional[types.FindingState] = None,
        kind: Optional[types.FindingKind] = None,
        severity: Optional[types.FindingSeverity] = None,
        owner: Optional[str] = None,
        opened_before: Optional[str] = None,
        is_overdue: Optional[bool] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.FindingPage:
        """What is wrong with deployments, first seen last first."""
        return self._call("GET", "/api/v1/findings", {"deployment": deployment, "state": state, "kind": kind, "severity": severity, "owner": owner, "opened_before": opened_before, "is_overdue": is_overdue, "limit": limit, "cursor": cursor}, None)

    def report_finding(self, body: types.ReportFinding) -> types.Finding:
        """Report what a person or another tool saw."""
        return self._call("POST", "/api/v1/findings", {}, body)

    def get_finding(self, id: Union[str, int]) -> types.Finding:
        """A finding."""
        return self._call("GET", f"/api/v1/findings/{_part(id)}", {}, None)

    def acknowledge_finding(
        self,
        id: Union[str, int],
        body: types.AcknowledgeFinding,
    ) -> types.Finding:
        """Say that you see to a finding."""
        return self._call("POST", f"/api/v1/findings/{_part(id)}/acknowledge", {}, body)

    def assign_finding(self, id: Union[str, int], body: types.AssignFinding) -> types.Finding:
        """Give a finding to somebody."""
        return self._call("POST", f"/api/v1/findings/{_part(id)}/assign", {}, body)

    def snooze_finding(self, id: Union[str, int], body: types.SnoozeFinding) -> types.Finding:
        """Let nobody be told of a finding for some time."""
        return self._call("POST", f"/api/v1/findings/{_part(id)}/snooze", {}, body)

    def resolve_finding(self, id: Union[str, int], body: types.ResolveFinding) -> types.Finding:
        """Say that a finding is over; it opens again when it is seen."""
        return self._call("POST", f"/api/v1/findings/{_part(id)}/resolve", {}, body)

    def get_alerting(self, name: Union[str, int]) -> types.Alerting:
        """How a deployment's findings are told of."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/alerting", {}, None)

    def set_alerting(self, name: Union[str, int], body: types.Alerting) -> types.Alerting:
        """Say how a deployment's findings are told of."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/alerting", {}, body)

    def list_silences(self) -> types.SilencePage:
        """Times in which nobody is told of some findings."""
        return self._call("GET", "/api/v1/silences", {}, None)

    def create_silence(self, body: types.CreateSilence) -> types.Silence:
        """Let nobody be told of some findings for a time, or each week."""
        return self._call("POST", "/api/v1/silences", {}, body)

    def remove_silence(self, id: Union[str, int]) -> None:
        """End a silence."""
        self._call("DELETE", f"/api/v1/silences/{_part(id)}", {}, None)

    def list_alerts(
        self,
        *,
        state: Optional[types.AlertState] = None,
        finding: Optional[types.FindingId] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.SentAlertPage:
        """What was told of findings and is to be, latest first."""
        return self._call("GET", "/api/v1/alerts", {"state": state, "finding": finding, "limit": limit, "cursor": cursor}, None)

    def redeliver_alert(self, id: Union[str, int]) -> types.AlertAgain:
        """Try an alert again that was given up."""
        return self._call("POST", f"/api/v1/alerts/{_part(id)}/redeliver", {}, None)

    def list_alert_routes(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.AlertRoutePage:
        """Who is told of findings, and how."""
        return self._call("GET", "/api/v1/alerts/routes", {"limit": limit, "cursor": cursor}, None)

    def create_alert_route(self, body: types.CreateAlertRoute) -> types.AlertRouteSecret:
        """Add who is told of findings; a secret is shown once."""
        return self._call("POST", "/api/v1/alerts/routes", {}, body)

    def test_alert_route(self, name: Union[str, int]) -> types.AlertTest:
        """Send a test now, once."""
        return self._call("POST", f"/api/v1/alerts/routes/{_part(name)}/test", {}, None)

    def remove_alert_route(self, name: Union[str, int]) -> None:
        """Tell somebody no more."""
        self._call("DELETE", f"/api/v1/alerts/routes/{_part(name)}", {}, None)

    def prometheus_rules(self) -> None:
        """Alerting rules for Prometheus over the metrics of findings."""
        self._call("GET", "/api/v1/alerts/prometheus-rules", {}, None)

    def get_retrain_policy(self, name: Union[str, int]) -> types.RetrainPolicyShown:
        """When a deployment's model is trained again, and how."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/retrain", {}, None)

    def set_retrain_policy(
        self,
        name: Union[str, int],
        body: types.RetrainPolicy,
    ) -> types.RetrainPolicyShown:
        """Say when a deployment's model is trained again."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/retrain", {}, body)

    def remove_retrain_policy(self, name: Union[str, int]) -> None:
        """Train a deployment's model no more by itself."""
        self._call("DELETE", f"/api/v1/deployments/{_part(name)}/retrain", {}, None)

    def list_retrains(
        self,
        *,
        deployment: Optional[types.Name] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RetrainPage:
        """Retrainings, latest first."""
        return self._call("GET", "/api/v1/retrains", {"deployment": deployment, "limit": limit, "cursor": cursor}, None)

    def request_retrain(self, body: types.RequestRetrain) -> types.Retrain:
        """Ask that a deployment's model is trained again."""
        return self._call("POST", "/api/v1/retrains", {}, body)

    def get_retrain(self, id: Union[str, int]) -> types.Retrain:
        """A retraining and how far it is."""
        return self._call("GET", f"/api/v1/retrains/{_part(id)}", {}, None)

    def approve_retrain(self, id: Union[str, int]) -> types.Retrain:
        """Let a retraining go on that somebody else asked for."""
        return self._call("POST", f"/api/v1/retrains/{_part(id)}/approve", {}, None)

    def cancel_retrain(self, id: Union[str, int], body: types.CancelRetrain) -> types.Retrain:
        """End a retraining."""
        return self._call("POST", f"/api/v1/retrains/{_part(id)}/cancel", {}, body)

    def get_retrain_log(
        self,
        id: Union[str, int],
        *,
        from_: Optional[int] = None,
    ) -> types.RetrainLog:
        """What a trainer says, from a byte on."""
        return self._call("GET", f"/api/v1/retrains/{_part(id)}/log", {"from": from_}, None)

    def get_watch_limits(self, name: Union[str, int]) -> types.WatchLimitsShown:
        """What a deployment's owner puts up with."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring/limits", {}, None)

    def set_watch_limits(
        self,
        name: Union[str, int],
        body: types.WatchLimits,
    ) -> types.WatchLimitsShown:
        """Say which performance and fairness are put up with."""
        return self._call("PUT", f"/api/v1/deployments/{_part(name)}/monitoring/limits", {}, body)

    def trust_retrain_policy(self, name: Union[str, int]) -> types.RetrainPolicyShown:
        """Let a policy's candidates answer at T1 without asking."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/retrain/trust", {}, None)

    def distrust_retrain_policy(self, name: Union[str, int]) -> types.RetrainPolicyShown:
        """Ask for approval of a policy's candidates again."""
        return self._call("DELETE", f"/api/v1/deployments/{_part(name)}/retrain/trust", {}, None)

    def answer_retrain(self, id: Union[str, int], body: types.RetrainResult) -> types.Retrain:
        """Say what a trainer elsewhere made of a retraining, once."""
        return self._call("POST", f"/api/v1/retrains/{_part(id)}/result", {}, body)

    def observe(self, name: Union[str, int], body: types.Observation) -> types.Observed:
        """Report decisions made elsewhere: JSON lines, or CloudEvents 1.0."""
        return self._call("POST", f"/api/v1/deployments/{_part(name)}/observations", {}, body)

    def mlflow_create_experiment(self) -> None:
        """Make an experiment."""
        self._call("POST", "/api/2.0/mlflow/experiments/create", {}, None)

    def mlflow_get_experiment(self) -> None:
        """An experiment."""
        self._call("GET", "/api/2.0/mlflow/experiments/get", {}, None)

    def mlflow_get_experiment_by_name(self) -> None:
        """An experiment, by its name."""
        self._call("GET", "/api/2.0/mlflow/experiments/get-by-name", {}, None)

    def mlflow_search_experiments(self) -> None:
        """Experiments that a filter finds."""
        self._call("POST", "/api/2.0/mlflow/experiments/search", {}, None)

    def mlflow_search_experiments_get(self) -> None:
        """Experiments that a filter finds."""
        self._call("GET", "/api/2.0/mlflow/experiments/search", {}, None)

    def mlflow_update_experiment(self) -> None:
        """Give an experiment another name."""
        self._call("POST", "/api/2.0/mlflow/experiments/update", {}, None)

    def mlflow_delete_experiment(self) -> None:
        """Hide an experiment and its runs."""
        self._call("POST", "/api/2.0/mlflow/experiments/delete", {}, None)

    def mlflow_restore_experiment(self) -> None:
        """Show an experiment and its runs again."""
        self._call("POST", "/api/2.0/mlflow/experiments/restore", {}, None)

    def mlflow_set_experiment_tag(self) -> None:
        """Tag an experiment."""
        self._call("POST", "/api/2.0/mlflow/experiments/set-experiment-tag", {}, None)

    def mlflow_delete_experiment_tag(self) -> None:
        """Take a tag off an experiment."""
        self._call("POST", "/api/2.0/mlflow/experiments/delete-experiment-tag", {}, None)

    def mlflow_search_datasets(self) -> None:
        """The datasets that runs of experiments read."""
        self._call("POST", "/api/2.0/mlflow/experiments/search-datasets", {}, None)

    def mlflow_create_run(self) -> None:
        """Begin a run."""
        self._call("POST", "/api/2.0/mlflow/runs/create", {}, None)

    def mlflow_update_run(self) -> None:
        """Change a run's status or name; its end leaves its digest in the ledger."""
        self._call("POST", "/api/2.0/mlflow/runs/update", {}, None)

    def mlflow_get_run(self) -> None:
        """A run with what it logged."""
        self._call("GET", "/api/2.0/mlflow/runs/get", {}, None)

    def mlflow_delete_run(self) -> None:
        """Hide a run."""
        self._call("POST", "/api/2.0/mlflow/runs/delete", {}, None)

    def mlflow_restore_run(self) -> None:
        """Show a run again."""
        self._call("POST", "/api/2.0/mlflow/runs/restore", {}, None)

    def mlflow_search_runs(self) -> None:
        """Runs that a filter finds."""
        self._call("POST", "/api/2.0/mlflow/runs/search", {}, None)

    def mlflow_log_metric(self) -> None:
        """Log a value of a metric; durable when it is answered."""
        self._call("POST", "/api/2.0/mlflow/runs/log-metric", {}, None)

    def mlflow_log_param(self) -> None:
        """Log a parameter."""
        self._call("POST", "/api/2.0/mlflow/runs/log-parameter", {}, None)

    def mlflow_log_batch(self) -> None:
        """Log metrics, parameters and tags; all or nothing."""
        self._call("POST", "/api/2.0/mlflow/runs/log-batch", {}, None)

    def mlflow_set_tag(self) -> None:
        """Tag a run."""
        self._call("POST", "/api/2.0/mlflow/runs/set-tag", {}, None)

    def mlflow_delete_tag(self) -> None:
        """Take a tag off a run."""
        self._call("POST", "/api/2.0/mlflow/runs/delete-tag", {}, None)

    def mlflow_log_inputs(self) -> None:
        """Tell which datasets and models a run read."""
        self._call("POST", "/api/2.0/mlflow/runs/log-inputs", {}, None)

    def mlflow_log_outputs(self) -> None:
        """Tell which models a run made."""
        self._call("POST", "/api/2.0/mlflow/runs/outputs", {}, None)

    def mlflow_log_model(self) -> None:
        """Tell of a model, as clients before 3 do."""
        self._call("POST", "/api/2.0/mlflow/runs/log-model", {}, None)

    def mlflow_metric_history(self) -> None:
        """Every value of a metric."""
        self._call("GET", "/api/2.0/mlflow/metrics/get-history", {}, None)

    def mlflow_metric_history_bulk(self) -> None:
        """Every value of a metric of several runs."""
        self._call("GET", "/api/2.0/mlflow/metrics/get-history-bulk", {}, None)

    def mlflow_metric_history_sampled(self) -> None:
        """A metric of several runs at evenly chosen steps."""
        self._call("GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval", {}, None)

    def mlflow_list_run_files(self) -> None:
        """The files of a run; needs `ReadFile`, too."""
        self._call("GET", "/api/2.0/mlflow/artifacts/list", {}, None)

    def mlflow_create_logged_model(self) -> None:
        """Make a logged model."""
        self._call("POST", "/api/2.0/mlflow/logged-models", {}, None)

    def mlflow_search_logged_models(self) -> None:
        """Logged models that a filter finds."""
        self._call("POST", "/api/2.0/mlflow/logged-models/search", {}, None)

    def mlflow_get_logged_model(self, model_id: Union[str, int]) -> None:
        """A logged model."""
        self._call("GET", f"/api/2.0/mlflow/logged-models/{_part(model_id)}", {}, None)

    def mlflow_finalize_logged_model(self, model_id: Union[str, int]) -> None:
        """Say that a logged model's files are there, or never came."""
        self._call("PATCH", f"/api/2.0/mlflow/logged-models/{_part(model_id)}", {}, None)

    def mlflow_delete_logged_model(self, model_id: Union[str, int]) -> None:
        """Hide a logged model that is no registered version."""
        self._call("DELETE", f"/api/2.0/mlflow/logged-models/{_part(model_id)}", {}, None)

    def mlflow_set_logged_model_tags(self, model_id: Union[str, int]) -> None:
        """Tag a logged model."""
        self._call("PATCH", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/tags", {}, None)

    def mlflow_delete_logged_model_tag(
        self,
        model_id: Union[str, int],
        tag_key: Union[str, int],
    ) -> None:
        """Take a tag off a logged model."""
        self._call("DELETE", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/tags/{_part(tag_key)}", {}, None)

    def mlflow_list_logged_model_files(self, model_id: Union[str, int]) -> None:
        """The files of a logged model; needs `ReadFile`, too."""
        self._call("GET", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/artifacts/directories", {}, None)

    def mlflow_log_logged_model_params(self, model_id: Union[str, int]) -> None:
        """Log parameters of a logged model."""
        self._call("POST", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/params", {}, None)

    def mlflow_create_registered_model(self) -> None:
        """Register a model in the catalogue."""
        self._call("POST", "/api/2.0/mlflow/registered-models/create", {}, None)

    def mlflow_get_registered_model(self) -> None:
        """A registered model of the catalogue."""
        self._call("GET", "/api/2.0/mlflow/registered-models/get", {}, None)

    def mlflow_search_registered_models(self) -> None:
        """Registered models that a filter finds."""
        self._call("GET", "/api/2.0/mlflow/registered-models/search", {}, None)

    def mlflow_update_registered_model(self) -> None:
        """Describe a registered model."""
        self._call("PATCH", "/api/2.0/mlflow/registered-models/update", {}, None)

    def mlflow_rename_registered_model(self) -> None:
        """Give a registered model another name."""
        self._call("POST", "/api/2.0/mlflow/registered-models/rename", {}, None)

    def mlflow_delete_registered_model(self) -> None:
        """Take a model that nobody needs out of the catalogue."""
        self._call("DELETE", "/api/2.0/mlflow/registered-models/delete", {}, None)

    def mlflow_get_latest_versions(self) -> None:
        """The newest version of each stage."""
        self._call("POST", "/api/2.0/mlflow/registered-models/get-latest-versions", {}, None)

    def mlflow_get_latest_versions_get(self) -> None:
        """The newest version of each stage."""
        self._call("GET", "/api/2.0/mlflow/registered-models/get-latest-versions", {}, None)

    def mlflow_set_registered_model_tag(self) -> None:
        """Tag a registered model."""
        self._call("POST", "/api/2.0/mlflow/registered-models/set-tag", {}, None)

    def mlflow_delete_registered_model_tag(self) -> None:
        """Take a tag off a registered model."""
        self._call("DELETE", "/api/2.0/mlflow/registered-models/delete-tag", {}, None)

    def mlflow_set_alias(self) -> None:
        """Point an alias to a version; one of production needs `PromoteCatalogued`."""
        self._call("POST", "/api/2.0/mlflow/registered-models/alias", {}, None)

    def mlflow_delete_alias(self) -> None:
        """Take an alias away; one of production needs `PromoteCatalogued`."""
        self._call("DELETE", "/api/2.0/mlflow/registered-models/alias", {}, None)

    def mlflow_get_alias(self) -> None:
        """The version that an alias points to."""
        self._call("GET", "/api/2.0/mlflow/registered-models/alias", {}, None)

    def mlflow_create_model_version(self) -> None:
        """Add a version to a registered model."""
        self._call("POST", "/api/2.0/mlflow/model-versions/create", {}, None)

    def mlflow_get_model_version(self) -> None:
        """A version of a registered model."""
        self._call("GET", "/api/2.0/mlflow/model-versions/get", {}, None)

    def mlflow_search_model_versions(self) -> None:
        """Versions that a filter finds."""
        self._call("GET", "/api/2.0/mlflow/model-versions/search", {}, None)

    def mlflow_get_download_uri(self) -> None:
        """Where a version's files are."""
        self._call("GET", "/api/2.0/mlflow/model-versions/get-download-uri", {}, None)

    def mlflow_update_model_version(self) -> None:
        """Describe a version."""
        self._call("PATCH", "/api/2.0/mlflow/model-versions/update", {}, None)

    def mlflow_transition_stage(self) -> None:
        """Move a version to a stage; to and from production needs `PromoteCatalogued`."""
        self._call("POST", "/api/2.0/mlflow/model-versions/transition-stage", {}, None)

    def mlflow_delete_model_version(self) -> None:
        """Take a version that nobody needs out of the catalogue."""
        self._call("DELETE", "/api/2.0/mlflow/model-versions/delete", {}, None)

    def mlflow_set_model_version_tag(self) -> None:
        """Tag a version."""
        self._call("POST", "/api/2.0/mlflow/model-versions/set-tag", {}, None)

    def mlflow_delete_model_version_tag(self) -> None:
        """Take a tag off a version."""
        self._call("DELETE", "/api/2.0/mlflow/model-versions/delete-tag", {}, None)

    def hold_catalogued_version(self, name: Union[str, int], version: Union[str, int]) -> None:
        """Place a legal hold on a version: nobody can delete it."""
        self._call("POST", f"/api/v1/catalogue/{_part(name)}/versions/{_part(version)}/hold", {}, None)

    def release_catalogued_version(self, name: Union[str, int], version: Union[str, int]) -> None:
        """Release a version's legal hold."""
        self._call("DELETE", f"/api/v1/catalogue/{_part(name)}/versions/{_part(version)}/hold", {}, None)

    def mlflow_create_webhook(self) -> None:
        """Tell an address what happens in the registry."""
        self._call("POST", "/api/2.0/mlflow/webhooks", {}, None)

    def mlflow_list_webhooks(self) -> None:
        """Who is told what happens in the registry."""
        self._call("GET", "/api/2.0/mlflow/webhooks", {}, None)

    def mlflow_get_webhook(self, webhook_id: Union[str, int]) -> None:
        """A webhook, without its secret."""
        self._call("GET", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}", {}, None)

    def mlflow_update_webhook(self, webhook_id: Union[str, int]) -> None:
        """Change a webhook."""
        self._call("PATCH", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}", {}, None)

    def mlflow_delete_webhook(self, webhook_id: Union[str, int]) -> None:
        """Take a webhook away."""
        self._call("DELETE", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}", {}, None)

    def mlflow_test_webhook(self, webhook_id: Union[str, int]) -> None:
        """Send a test event to a webhook now, once."""
        self._call("POST", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}/test", {}, None)

    def mlflow_server_info(self) -> None:
        """What this server does of MLflow."""
        self._call("GET", "/api/2.0/mlflow/server-info", {}, None)

    def query_decisions(self, body: types.Query) -> None:
        """One `SELECT` over decision tables; rows as they come."""
        self._call("POST", "/api/v1/query", {}, body)

    def list_query_tables(self) -> types.QueryTables:
        """The decision tables and their columns."""
        return self._call("GET", "/api/v1/query/tables", {}, None)

    def search_decisions(self, body: types.SubjectSearch) -> types.DecisionSummaryPage:
        """The decisions about a person, newest first."""
        return self._call("POST", "/api/v1/decisions/search", {}, body)

    def record_outcomes(self, body: types.RecordOutcomes) -> types.OutcomesRecorded:
        """Tell what turned out to be true of decisions: one, many, JSON lines, CSV or Parquet."""
        return self._call("POST", "/api/v1/outcomes", {}, body)

    def list_outcomes(self, id: Union[str, int]) -> types.DecisionOutcomes:
        """What was told of a decision, corrections and what they correct."""
        return self._call("GET", f"/api/v1/decisions/{_part(id)}/outcomes", {}, None)

    def get_performance(
        self,
        name: Union[str, int],
        *,
        task: Optional[types.Task] = None,
        output: Optional[str] = None,
        outcome: Optional[str] = None,
        positive: Optional[str] = None,
        threshold: Optional[float] = None,
        at: Optional[int] = None,
        classes: Optional[str] = None,
        worth: Optional[str] = None,
        window: Optional[str] = None,
        slice: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        confidence: Optional[float] = None,
    ) -> types.Performance:
        """How good a deployment's answers were, by window and slice."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/performance", {"task": task, "output": output, "outcome": outcome, "positive": positive, "threshold": threshold, "at": at, "classes": classes, "worth": worth, "window": window, "slice": slice, "since": since, "until": until, "confidence": confidence}, None)

    def record_attributes(self, body: types.RecordOutcomes) -> types.OutcomesRecorded:
        """Tell attributes of people that fairness is measured by and no model is given."""
        return self._call("POST", "/api/v1/attributes", {}, body)

    def get_fairness(
        self,
        name: Union[str, int],
        *,
        by: Optional[str] = None,
        output: Optional[str] = None,
        outcome: Optional[str] = None,
        positive: Optional[str] = None,
        threshold: Optional[float] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        confidence: Optional[float] = None,
    ) -> types.FairnessReport:
        """Whether groups of people were treated alike."""
        return self._call("GET", f"/api/v1/deployments/{_part(name)}/fairness", {"by": by, "output": output, "outcome": outcome, "positive": positive, "threshold": threshold, "since": since, "until": until, "confidence": confidence}, None)

    def sign_in(self, body: types.SignIn) -> types.Session:
        """Begin a browser's session with a key."""
        return self._call("POST", "/api/v1/session", {}, body)

    def get_session(self) -> types.Session:
        """Who is signed in, and what they may do."""
        return self._call("GET", "/api/v1/session", {}, None)

    def sign_out(self) -> None:
        """End the browser's session."""
        self._call("DELETE", "/api/v1/session", {}, None)

    def watch_deployment(self, name: Union[str, int]) -> None:
        """What passes a deployment, each second as an event."""
        self._call("GET", f"/api/v1/deployments/{_part(name)}/live", {}, None)


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

    async def preview_policies(self, body: types.PreviewPolicies) -> types.PolicyPreview:
        """What other policies would allow and deny; nothing is changed."""
        return await self._call("POST", "/api/v1/policies/preview", {}, body)

    async def get_ledger_timeline(
        self,
        *,
        since: Optional[str] = None,
        until: Optional[str] = None,
        parts: Optional[int] = None,
    ) -> types.LedgerTimeline:
        """What the ledger holds over time, and who vouches for it."""
        return await self._call("GET", "/api/v1/ledger/timeline", {"since": since, "until": until, "parts": parts}, None)

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

    async def create_upload(self, body: types.CreateUpload) -> types.UploadSession:
        """Begin an upload that can be gone on with."""
        return await self._call("POST", "/api/v1/uploads", {}, body)

    async def get_upload(self, upload: Union[str, int]) -> types.UploadSession:
        """Where an upload goes on."""
        return await self._call("GET", f"/api/v1/uploads/{_part(upload)}", {}, None)

    async def head_upload(self, upload: Union[str, int]) -> None:
        """Where an upload goes on, in the header `upload-offset`."""
        await self._call("HEAD", f"/api/v1/uploads/{_part(upload)}", {}, None)

    async def append_upload(self, upload: Union[str, int]) -> None:
        """Go on with an upload at the offset in the header `upload-offset`."""
        await self._call("PATCH", f"/api/v1/uploads/{_part(upload)}", {}, None)

    async def abort_upload(self, upload: Union[str, int]) -> None:
        """Give an upload up."""
        await self._call("DELETE", f"/api/v1/uploads/{_part(upload)}", {}, None)

    async def finish_upload(
        self,
        upload: Union[str, int],
        body: types.FinishUpload,
    ) -> types.Artifact:
        """End an upload; the artifact is named by its digest."""
        return await self._call("POST", f"/api/v1/uploads/{_part(upload)}/finish", {}, body)

    async def mlflow_list_files(self) -> None:
        """What is in a folder of artifacts (MLflow)."""
        await self._call("GET", "/api/2.0/mlflow-artifacts/artifacts", {}, None)

    async def mlflow_get_file(self, path: Union[str, int]) -> None:
        """A file (MLflow); ranges are honoured."""
        await self._call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{_part(path)}", {}, None)

    async def mlflow_put_file(self, path: Union[str, int]) -> None:
        """Put a file (MLflow); those of registered versions do not change."""
        await self._call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{_part(path)}", {}, None)

    async def mlflow_delete_file(self, path: Union[str, int]) -> None:
        """Remove a file or folder (MLflow), unless a version has it."""
        await self._call("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{_part(path)}", {}, None)

    async def mlflow_get_logged_model_artifact(self, model_id: Union[str, int]) -> None:
        """A file of a logged model (MLflow)."""
        await self._call("GET", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/artifacts/files", {}, None)

    async def mlflow_upload_artifact(self) -> None:
        """Put a small file among those of a run (MLflow)."""
        await self._call("POST", "/api/2.0/mlflow/upload-artifact", {}, None)

    async def mlflow_begin_parts(self, path: Union[str, int]) -> None:
        """Begin a file that comes in parts (MLflow)."""
        await self._call("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{_part(path)}", {}, None)

    async def mlflow_end_parts(self, path: Union[str, int]) -> None:
        """End a file that came in parts (MLflow)."""
        await self._call("POST", f"/api/2.0/mlflow-artifacts/mpu/complete/{_part(path)}", {}, None)

    async def mlflow_abort_parts(self, path: Union[str, int]) -> None:
        """Give a file in parts up (MLflow)."""
        await self._call("POST", f"/api/2.0/mlflow-artifacts/mpu/abort/{_part(path)}", {}, None)

    async def mlflow_put_part(self, number: Union[str, int]) -> None:
        """Put a part of a file (MLflow); who knows the upload's name in the header `plimsoll-
        upload` needs no key.
        """
        await self._call("PUT", f"/api/2.0/mlflow-artifacts/mpu/part/{_part(number)}", {}, None)

    async def get_version_bom(self, model: Union[str, int], number: Union[str, int]) -> None:
        """What a model version is made of (CycloneDX 1.7)."""
        await self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/bom", {}, None)

    async def list_datasets(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.DatasetPage:
        """Datasets."""
        return await self._call("GET", "/api/v1/datasets", {"limit": limit, "cursor": cursor}, None)

    async def get_dataset(self, name: Union[str, int]) -> types.Dataset:
        """A dataset, and who may use it for what."""
        return await self._call("GET", f"/api/v1/datasets/{_part(name)}", {}, None)

    async def create_dataset(
        self,
        name: Union[str, int],
        body: types.CreateDataset,
    ) -> types.DatasetVersion:
        """Register a dataset, or another version of it."""
        return await self._call("POST", f"/api/v1/datasets/{_part(name)}/versions", {}, body)

    async def get_dataset_version(
        self,
        name: Union[str, int],
        number: Union[str, int],
    ) -> types.DatasetVersion:
        """A version of a dataset: its manifest."""
        return await self._call("GET", f"/api/v1/datasets/{_part(name)}/versions/{_part(number)}", {}, None)

    async def grant_dataset(self, name: Union[str, int], body: types.GrantDataset) -> types.Dataset:
        """Let somebody use a dataset for a purpose."""
        return await self._call("POST", f"/api/v1/datasets/{_part(name)}/grants", {}, body)

    async def revoke_dataset(
        self,
        name: Union[str, int],
        body: types.GrantDataset,
    ) -> types.Dataset:
        """Take such leave back."""
        return await self._call("POST", f"/api/v1/datasets/{_part(name)}/revocations", {}, body)

    async def fetch_dataset(
        self,
        name: Union[str, int],
        number: Union[str, int],
        path: Union[str, int],
        *,
        use: Optional[types.DatasetUse] = None,
        purpose: Optional[str] = None,
    ) -> None:
        """A file of a dataset, for a stated use and purpose; recorded."""
        await self._call("GET", f"/api/v1/datasets/{_part(name)}/versions/{_part(number)}/files/{_part(path)}", {"use": use, "purpose": purpose}, None)

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

    async def get_gate_catalogue(self) -> types.GateCatalogue:
        """What may be asked of a release, and of who assesses one."""
        return await self._call("GET", "/api/v1/gate-catalogue", {}, None)

    async def preview_assessment(self, body: types.PutAssessment) -> types.AssessmentPreview:
        """What facts would lead to today; nothing is kept."""
        return await self._call("POST", "/api/v1/assessment-previews", {}, body)

    async def put_assessment(
        self,
        name: Union[str, int],
        body: types.PutAssessment,
    ) -> types.StoredAssessment:
        """State the facts of a deployment's use, which give its tier."""
        return await self._call("PUT", f"/api/v1/deployments/{_part(name)}/assessment", {}, body)

    async def get_assessment(self, name: Union[str, int]) -> types.StoredAssessment:
        """What is owed for a deployment's use, as of now."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/assessment", {}, None)

    async def post_interactions(
        self,
        name: Union[str, int],
        body: types.PostInteractions,
    ) -> types.MeasuredShare:
        """Say how many interactions with customers there were in all."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/interactions", {}, body)

    async def put_gate_plan(self, name: Union[str, int], body: types.GatePlan) -> types.GatePlan:
        """Declare what a deployment's gate looks at, and its thresholds."""
        return await self._call("PUT", f"/api/v1/deployments/{_part(name)}/gate-plan", {}, body)

    async def get_gate_plan(self, name: Union[str, int]) -> types.GatePlan:
        """What a deployment's gate looks at."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/gate-plan", {}, None)

    async def put_evaluation(
        self,
        name: Union[str, int],
        body: types.PutEvaluation,
    ) -> types.StoredEvaluation:
        """Keep rows with their outcomes, sealed, for checks to run on."""
        return await self._call("PUT", f"/api/v1/deployments/{_part(name)}/evaluation", {}, body)

    async def list_gates(
        self,
        name: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.GateRunPage:
        """Gate results of a deployment, newest first."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/gates", {"limit": limit, "cursor": cursor}, None)

    async def run_gate(self, name: Union[str, int], body: types.RunGate) -> types.GateRun:
        """Run every check of the build on a version, and judge its gate."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/gates", {}, body)

    async def get_release_standing(
        self,
        name: Union[str, int],
        version: Union[str, int],
        *,
        contract: Optional[types.Digest] = None,
    ) -> types.ReleaseStanding:
        """Whether a version may be released now, and why not."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/standing/{_part(version)}", {"contract": contract}, None)

    async def post_check_result(self, name: Union[str, int], body: types.PostCheckResult) -> None:
        """Say what a check of the team's own found of a version."""
        await self._call("POST", f"/api/v1/deployments/{_part(name)}/check-results", {}, body)

    async def list_approval_keys(self) -> types.ApprovalKeyPage:
        """The caller's own keys that approvals are signed with."""
        return await self._call("GET", "/api/v1/approval-keys", {}, None)

    async def register_approval_key(self, body: types.RegisterApprovalKey) -> types.ApprovalKey:
        """Register the caller's own public key."""
        return await self._call("POST", "/api/v1/approval-keys", {}, body)

    async def end_approval_key(self, id: Union[str, int]) -> None:
        """End one of the caller's own keys."""
        await self._call("DELETE", f"/api/v1/approval-keys/{_part(id)}", {}, None)

    async def make_approval_challenge(self) -> types.ApprovalChallenge:
        """Something new to sign, to prove who one is now."""
        return await self._call("POST", "/api/v1/approval-challenges", {}, None)

    async def approve_release(
        self,
        name: Union[str, int],
        body: types.ApproveRelease,
    ) -> types.ReleaseStanding:
        """Consent to a version with its gate result, signed."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/approvals", {}, body)

    async def list_broken_glasses(self, name: Union[str, int]) -> types.BrokenGlassPage:
        """When the glass was broken, by whom and why."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/break-glass", {}, None)

    async def break_glass(self, name: Union[str, int], body: types.BreakGlass) -> types.BrokenGlass:
        """Let a version be released past its gate for a while, in an emergency."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/break-glass", {}, body)

    async def review_broken_glass(self, name: Union[str, int], id: Union[str, int]) -> None:
        """Say that what was done behind a broken glass was looked at."""
        await self._call("POST", f"/api/v1/deployments/{_part(name)}/break-glass/{_part(id)}/review", {}, None)

    async def list_exceptions(self, name: Union[str, int]) -> types.GateExceptionPage:
        """Demands that are put off for a time."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/exceptions", {}, None)

    async def request_exception(
        self,
        name: Union[str, int],
        body: types.RequestException,
    ) -> types.GateException:
        """Ask that a demand is put off for a time."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/exceptions", {}, body)

    async def allow_exception(
        self,
        name: Union[str, int],
        id: Union[str, int],
    ) -> types.GateException:
        """Allow an exception that somebody else asked for."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/exceptions/{_part(id)}/allow", {}, None)

    async def end_exception(self, name: Union[str, int], id: Union[str, int]) -> None:
        """End an exception before its time."""
        await self._call("DELETE", f"/api/v1/deployments/{_part(name)}/exceptions/{_part(id)}", {}, None)

    async def list_attestations(self, name: Union[str, int]) -> types.Attestations:
        """What people stated of a deployment, and what they may state."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/attestations", {}, None)

    async def attest(self, name: Union[str, int], body: types.Attest) -> types.Attestation:
        """State what only a person can know, signed."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/attestations", {}, body)

    async def end_attestation(self, name: Union[str, int], id: Union[str, int]) -> None:
        """Take back what was stated."""
        await self._call("DELETE", f"/api/v1/deployments/{_part(name)}/attestations/{_part(id)}", {}, None)

    async def list_limits(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.LimitSetPage:
        """How much may be asked, and by whom."""
        return await self._call("GET", "/api/v1/limits", {"limit": limit, "cursor": cursor}, None)

    async def set_limit(self, body: types.SetLimit) -> types.LimitSet:
        """Set a limit, in place of the one before."""
        return await self._call("POST", "/api/v1/limits", {}, body)

    async def get_limit(self, of: Union[str, int]) -> types.LimitSet:
        """A limit."""
        return await self._call("GET", f"/api/v1/limits/{_part(of)}", {}, None)

    async def remove_limit(self, of: Union[str, int]) -> None:
        """Take a limit away."""
        await self._call("DELETE", f"/api/v1/limits/{_part(of)}", {}, None)

    async def get_card(
        self,
        model: Union[str, int],
        number: Union[str, int],
    ) -> types.CardOfVersion:
        """What is said about a model version."""
        return await self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/card", {}, None)

    async def set_card(
        self,
        model: Union[str, int],
        number: Union[str, int],
        body: types.VersionCard,
    ) -> types.CardOfVersion:
        """Say something about a model version."""
        return await self._call("PATCH", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/card", {}, body)

    async def archive_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
        body: types.ArchiveVersion,
    ) -> types.CardOfVersion:
        """Archive a model version: no deployment gets it any more."""
        return await self._call("POST", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/archive", {}, body)

    async def adopt_version(
        self,
        model: Union[str, int],
        number: Union[str, int],
        body: types.AdoptVersion,
    ) -> types.ModelVersion:
        """Make a version of the catalogue one that deployments may use."""
        return await self._call("POST", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/adopt", {}, body)

    async def get_contract_draft(
        self,
        model: Union[str, int],
        number: Union[str, int],
    ) -> types.ContractDraft:
        """A first contract of the signature that MLflow stored with a model version."""
        return await self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/contract-draft", {}, None)

    async def get_provenance(self, model: Union[str, int], number: Union[str, int]) -> None:
        """How a model version was made: SLSA's provenance, not signed."""
        await self._call("GET", f"/api/v1/models/{_part(model)}/versions/{_part(number)}/provenance", {}, None)

    async def get_lineage(
        self,
        kind: Union[str, int],
        id: Union[str, int],
        *,
        direction: Optional[types.Direction] = None,
        depth: Optional[int] = None,
        decisions: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.Graph:
        """What a thing came from, and what came of it."""
        return await self._call("GET", f"/api/v1/lineage/{_part(kind)}/{_part(id)}", {"direction": direction, "depth": depth, "decisions": decisions, "cursor": cursor}, None)

    async def tell_lineage(self) -> None:
        """Take in an event of OpenLineage's: a RunEvent of spec 2-0-2."""
        await self._call("POST", "/api/v1/lineage", {}, None)

    async def list_scan_blocks(self) -> types.ScanBlocks:
        """Files that scans blocked, and what was let pass."""
        return await self._call("GET", "/api/v1/scans/blocks", {}, None)

    async def override_scan(self, body: types.CreateOverride) -> types.ScanOverride:
        """Let a file pass that a scan blocked, for a time."""
        return await self._call("POST", "/api/v1/scans/overrides", {}, body)

    async def get_monitoring(self, name: Union[str, int]) -> types.Monitoring:
        """How a deployment is watched, and how it stands."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring", {}, None)

    async def list_monitoring_windows(
        self,
        name: Union[str, int],
        *,
        version: Optional[int] = None,
        limit: Optional[int] = None,
        column: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
    ) -> types.MonitoredWindows:
        """Windows of a deployment's traffic, column by column."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring/windows", {"version": version, "limit": limit, "column": column, "since": since, "until": until}, None)

    async def explain_drift(
        self,
        name: Union[str, int],
        *,
        open: Optional[bool] = None,
    ) -> types.DriftExplained:
        """Which fields and which slice a change of the score comes from."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring/explanation", {"open": open}, None)

    async def backfill_monitoring(self, name: Union[str, int]) -> types.Backfill:
        """Count a deployment's decisions again from the ledger."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/monitoring/backfill", {}, None)

    async def set_reference(
        self,
        name: Union[str, int],
        *,
        version: Optional[int] = None,
        format: Optional[str] = None,
        origin: Optional[str] = None,
        from_: Optional[str] = None,
        until: Optional[str] = None,
        window_seconds: Optional[int] = None,
        window_rows: Optional[int] = None,
        min_rows: Optional[int] = None,
        tolerance: Optional[float] = None,
        alerts_per_month: Optional[float] = None,
        persistence: Optional[int] = None,
        tests: Optional[str] = None,
        max_age_days: Optional[int] = None,
        review_by: Optional[str] = None,
        max_model_days: Optional[int] = None,
        max_data_days: Optional[int] = None,
        max_evaluation_days: Optional[int] = None,
        max_outcome_days: Optional[int] = None,
        max_outside: Optional[float] = None,
    ) -> types.MonitoringReference:
        """Say what traffic is compared with: a CSV or Parquet file, or decisions of a time."""
        return await self._call("PUT", f"/api/v1/deployments/{_part(name)}/reference", {"version": version, "format": format, "origin": origin, "from": from_, "until": until, "window_seconds": window_seconds, "window_rows": window_rows, "min_rows": min_rows, "tolerance": tolerance, "alerts_per_month": alerts_per_month, "persistence": persistence, "tests": tests, "max_age_days": max_age_days, "review_by": review_by, "max_model_days": max_model_days, "max_data_days": max_data_days, "max_evaluation_days": max_evaluation_days, "max_outcome_days": max_outcome_days, "max_outside": max_outside}, None)

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

    async def roll_back(self, name: Union[str, int], body: types.RollBack) -> types.Deployment:
        """Let the version answer again that was released before."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/rollback", {}, body)

    async def list_all_rollouts(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RolloutPage:
        """Rollouts of all deployments, latest first."""
        return await self._call("GET", "/api/v1/rollouts", {"limit": limit, "cursor": cursor}, None)

    async def start_rollout(self, name: Union[str, int], body: types.StartRollout) -> types.Rollout:
        """Try a version under traffic, step by step."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts", {}, body)

    async def list_rollouts(
        self,
        name: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RolloutPage:
        """Rollouts of a deployment, latest first."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/rollouts", {"limit": limit, "cursor": cursor}, None)

    async def get_rollout(self, name: Union[str, int], id: Union[str, int]) -> types.Rollout:
        """A rollout with its history; `current` is the one under way, or the last."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/rollouts/{_part(id)}", {}, None)

    async def hold_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let a rollout stay at its step; guardrails still watch."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/hold", {}, body)

    async def resume_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let a rollout go on that is held or inconclusive."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/resume", {}, body)

    async def advance_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let a rollout go to its next step now; past the last, release."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/advance", {}, body)

    async def roll_back_rollout(self, name: Union[str, int], body: types.Because) -> types.Rollout:
        """Let everybody get the version that answered before."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/rollouts/current/rollback", {}, body)

    async def kill_deployment(self, name: Union[str, int], body: types.Because) -> types.Deployment:
        """Switch a deployment's models off; its fallback answers, or nothing."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/kill", {}, body)

    async def revive_deployment(
        self,
        name: Union[str, int],
        body: types.Because,
    ) -> types.Deployment:
        """Switch a deployment's models on again."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/revive", {}, body)

    async def drill_rollback(
        self,
        name: Union[str, int],
        body: types.DrillRollback,
    ) -> types.RollbackDrill:
        """Prove on live traffic, without harm, that going back works."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/drill", {}, body)

    async def start_experiment(
        self,
        name: Union[str, int],
        body: types.StartExperiment,
    ) -> types.Experiment:
        """Let versions answer shares of the same traffic."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/experiments", {}, body)

    async def list_experiments(
        self,
        name: Union[str, int],
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.ExperimentPage:
        """Experiments of a deployment, latest first."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/experiments", {"limit": limit, "cursor": cursor}, None)

    async def read_experiment(self, name: Union[str, int], id: Union[str, int]) -> types.Experiment:
        """An experiment with its history; `current` is the one under way, or the last."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/experiments/{_part(id)}", {}, None)

    async def read_experiment_report(
        self,
        name: Union[str, int],
        id: Union[str, int],
    ) -> types.ExperimentReport:
        """What an experiment says so far; it may be looked at always."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/experiments/{_part(id)}/report", {}, None)

    async def stop_experiment_arm(
        self,
        name: Union[str, int],
        body: types.StopArm,
    ) -> types.Experiment:
        """Stop an arm; its units get the control."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/experiments/current/stop", {}, body)

    async def conclude_experiment(
        self,
        name: Union[str, int],
        body: types.ConcludeExperiment,
    ) -> types.Experiment:
        """End an experiment: ship an arm, which needs what a release needs, or go on with the
        control.
        """
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/experiments/current/conclude", {}, body)

    async def post_experiment_values(
        self,
        id: Union[str, int],
        body: types.PostExperimentValues,
    ) -> types.OutcomesRecorded:
        """Tell what decisions of an experiment were worth."""
        return await self._call("POST", f"/api/v1/experiments/{_part(id)}/values", {}, body)

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

    async def list_batches(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.BatchPage:
        """Batch jobs, latest first."""
        return await self._call("GET", "/api/v1/batches", {"limit": limit, "cursor": cursor}, None)

    async def begin_batch(
        self,
        *,
        deployment: Optional[types.Name] = None,
        format: Optional[types.BatchFormat] = None,
        output: Optional[types.BatchFormat] = None,
        keep: Optional[str] = None,
    ) -> types.Batch:
        """Begin a batch job; the body is its file of rows."""
        return await self._call("POST", "/api/v1/batches", {"deployment": deployment, "format": format, "output": output, "keep": keep}, None)

    async def get_batch(self, id: Union[str, int]) -> types.Batch:
        """A batch job and how far it is."""
        return await self._call("GET", f"/api/v1/batches/{_part(id)}", {}, None)

    async def cancel_batch(self, id: Union[str, int]) -> types.Batch:
        """End a batch job; what is decided stays decided."""
        return await self._call("POST", f"/api/v1/batches/{_part(id)}/cancel", {}, None)

    async def resume_batch(self, id: Union[str, int]) -> types.Batch:
        """Let a batch job that failed go on from where it stopped."""
        return await self._call("POST", f"/api/v1/batches/{_part(id)}/resume", {}, None)

    async def get_batch_result(self, id: Union[str, int]) -> None:
        """What the rows of a batch job came to, for who began it."""
        await self._call("GET", f"/api/v1/batches/{_part(id)}/result", {}, None)

    async def list_findings(
        self,
        *,
        deployment: Optional[types.Name] = None,
        state: Optional[types.FindingState] = None,
        kind: Optional[types.FindingKind] = None,
        severity: Optional[types.FindingSeverity] = None,
        owner: Optional[str] = None,
        opened_before: Optional[str] = None,
        is_overdue: Optional[bool] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.FindingPage:
        """What is wrong with deployments, first seen last first."""
        return await self._call("GET", "/api/v1/findings", {"deployment": deployment, "state": state, "kind": kind, "severity": severity, "owner": owner, "opened_before": opened_before, "is_overdue": is_overdue, "limit": limit, "cursor": cursor}, None)

    async def report_finding(self, body: types.ReportFinding) -> types.Finding:
        """Report what a person or another tool saw."""
        return await self._call("POST", "/api/v1/findings", {}, body)

    async def get_finding(self, id: Union[str, int]) -> types.Finding:
        """A finding."""
        return await self._call("GET", f"/api/v1/findings/{_part(id)}", {}, None)

    async def acknowledge_finding(
        self,
        id: Union[str, int],
        body: types.AcknowledgeFinding,
    ) -> types.Finding:
        """Say that you see to a finding."""
        return await self._call("POST", f"/api/v1/findings/{_part(id)}/acknowledge", {}, body)

    async def assign_finding(self, id: Union[str, int], body: types.AssignFinding) -> types.Finding:
        """Give a finding to somebody."""
        return await self._call("POST", f"/api/v1/findings/{_part(id)}/assign", {}, body)

    async def snooze_finding(self, id: Union[str, int], body: types.SnoozeFinding) -> types.Finding:
        """Let nobody be told of a finding for some time."""
        return await self._call("POST", f"/api/v1/findings/{_part(id)}/snooze", {}, body)

    async def resolve_finding(
        self,
        id: Union[str, int],
        body: types.ResolveFinding,
    ) -> types.Finding:
        """Say that a finding is over; it opens again when it is seen."""
        return await self._call("POST", f"/api/v1/findings/{_part(id)}/resolve", {}, body)

    async def get_alerting(self, name: Union[str, int]) -> types.Alerting:
        """How a deployment's findings are told of."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/alerting", {}, None)

    async def set_alerting(self, name: Union[str, int], body: types.Alerting) -> types.Alerting:
        """Say how a deployment's findings are told of."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/alerting", {}, body)

    async def list_silences(self) -> types.SilencePage:
        """Times in which nobody is told of some findings."""
        return await self._call("GET", "/api/v1/silences", {}, None)

    async def create_silence(self, body: types.CreateSilence) -> types.Silence:
        """Let nobody be told of some findings for a time, or each week."""
        return await self._call("POST", "/api/v1/silences", {}, body)

    async def remove_silence(self, id: Union[str, int]) -> None:
        """End a silence."""
        await self._call("DELETE", f"/api/v1/silences/{_part(id)}", {}, None)

    async def list_alerts(
        self,
        *,
        state: Optional[types.AlertState] = None,
        finding: Optional[types.FindingId] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.SentAlertPage:
        """What was told of findings and is to be, latest first."""
        return await self._call("GET", "/api/v1/alerts", {"state": state, "finding": finding, "limit": limit, "cursor": cursor}, None)

    async def redeliver_alert(self, id: Union[str, int]) -> types.AlertAgain:
        """Try an alert again that was given up."""
        return await self._call("POST", f"/api/v1/alerts/{_part(id)}/redeliver", {}, None)

    async def list_alert_routes(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.AlertRoutePage:
        """Who is told of findings, and how."""
        return await self._call("GET", "/api/v1/alerts/routes", {"limit": limit, "cursor": cursor}, None)

    async def create_alert_route(self, body: types.CreateAlertRoute) -> types.AlertRouteSecret:
        """Add who is told of findings; a secret is shown once."""
        return await self._call("POST", "/api/v1/alerts/routes", {}, body)

    async def test_alert_route(self, name: Union[str, int]) -> types.AlertTest:
        """Send a test now, once."""
        return await self._call("POST", f"/api/v1/alerts/routes/{_part(name)}/test", {}, None)

    async def remove_alert_route(self, name: Union[str, int]) -> None:
        """Tell somebody no more."""
        await self._call("DELETE", f"/api/v1/alerts/routes/{_part(name)}", {}, None)

    async def prometheus_rules(self) -> None:
        """Alerting rules for Prometheus over the metrics of findings."""
        await self._call("GET", "/api/v1/alerts/prometheus-rules", {}, None)

    async def get_retrain_policy(self, name: Union[str, int]) -> types.RetrainPolicyShown:
        """When a deployment's model is trained again, and how."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/retrain", {}, None)

    async def set_retrain_policy(
        self,
        name: Union[str, int],
        body: types.RetrainPolicy,
    ) -> types.RetrainPolicyShown:
        """Say when a deployment's model is trained again."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/retrain", {}, body)

    async def remove_retrain_policy(self, name: Union[str, int]) -> None:
        """Train a deployment's model no more by itself."""
        await self._call("DELETE", f"/api/v1/deployments/{_part(name)}/retrain", {}, None)

    async def list_retrains(
        self,
        *,
        deployment: Optional[types.Name] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> types.RetrainPage:
        """Retrainings, latest first."""
        return await self._call("GET", "/api/v1/retrains", {"deployment": deployment, "limit": limit, "cursor": cursor}, None)

    async def request_retrain(self, body: types.RequestRetrain) -> types.Retrain:
        """Ask that a deployment's model is trained again."""
        return await self._call("POST", "/api/v1/retrains", {}, body)

    async def get_retrain(self, id: Union[str, int]) -> types.Retrain:
        """A retraining and how far it is."""
        return await self._call("GET", f"/api/v1/retrains/{_part(id)}", {}, None)

    async def approve_retrain(self, id: Union[str, int]) -> types.Retrain:
        """Let a retraining go on that somebody else asked for."""
        return await self._call("POST", f"/api/v1/retrains/{_part(id)}/approve", {}, None)

    async def cancel_retrain(self, id: Union[str, int], body: types.CancelRetrain) -> types.Retrain:
        """End a retraining."""
        return await self._call("POST", f"/api/v1/retrains/{_part(id)}/cancel", {}, body)

    async def get_retrain_log(
        self,
        id: Union[str, int],
        *,
        from_: Optional[int] = None,
    ) -> types.RetrainLog:
        """What a trainer says, from a byte on."""
        return await self._call("GET", f"/api/v1/retrains/{_part(id)}/log", {"from": from_}, None)

    async def get_watch_limits(self, name: Union[str, int]) -> types.WatchLimitsShown:
        """What a deployment's owner puts up with."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/monitoring/limits", {}, None)

    async def set_watch_limits(
        self,
        name: Union[str, int],
        body: types.WatchLimits,
    ) -> types.WatchLimitsShown:
        """Say which performance and fairness are put up with."""
        return await self._call("PUT", f"/api/v1/deployments/{_part(name)}/monitoring/limits", {}, body)

    async def trust_retrain_policy(self, name: Union[str, int]) -> types.RetrainPolicyShown:
        """Let a policy's candidates answer at T1 without asking."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/retrain/trust", {}, None)

    async def distrust_retrain_policy(self, name: Union[str, int]) -> types.RetrainPolicyShown:
        """Ask for approval of a policy's candidates again."""
        return await self._call("DELETE", f"/api/v1/deployments/{_part(name)}/retrain/trust", {}, None)

    async def answer_retrain(self, id: Union[str, int], body: types.RetrainResult) -> types.Retrain:
        """Say what a trainer elsewhere made of a retraining, once."""
        return await self._call("POST", f"/api/v1/retrains/{_part(id)}/result", {}, body)

    async def observe(self, name: Union[str, int], body: types.Observation) -> types.Observed:
        """Report decisions made elsewhere: JSON lines, or CloudEvents 1.0."""
        return await self._call("POST", f"/api/v1/deployments/{_part(name)}/observations", {}, body)

    async def mlflow_create_experiment(self) -> None:
        """Make an experiment."""
        await self._call("POST", "/api/2.0/mlflow/experiments/create", {}, None)

    async def mlflow_get_experiment(self) -> None:
        """An experiment."""
        await self._call("GET", "/api/2.0/mlflow/experiments/get", {}, None)

    async def mlflow_get_experiment_by_name(self) -> None:
        """An experiment, by its name."""
        await self._call("GET", "/api/2.0/mlflow/experiments/get-by-name", {}, None)

    async def mlflow_search_experiments(self) -> None:
        """Experiments that a filter finds."""
        await self._call("POST", "/api/2.0/mlflow/experiments/search", {}, None)

    async def mlflow_search_experiments_get(self) -> None:
        """Experiments that a filter finds."""
        await self._call("GET", "/api/2.0/mlflow/experiments/search", {}, None)

    async def mlflow_update_experiment(self) -> None:
        """Give an experiment another name."""
        await self._call("POST", "/api/2.0/mlflow/experiments/update", {}, None)

    async def mlflow_delete_experiment(self) -> None:
        """Hide an experiment and its runs."""
        await self._call("POST", "/api/2.0/mlflow/experiments/delete", {}, None)

    async def mlflow_restore_experiment(self) -> None:
        """Show an experiment and its runs again."""
        await self._call("POST", "/api/2.0/mlflow/experiments/restore", {}, None)

    async def mlflow_set_experiment_tag(self) -> None:
        """Tag an experiment."""
        await self._call("POST", "/api/2.0/mlflow/experiments/set-experiment-tag", {}, None)

    async def mlflow_delete_experiment_tag(self) -> None:
        """Take a tag off an experiment."""
        await self._call("POST", "/api/2.0/mlflow/experiments/delete-experiment-tag", {}, None)

    async def mlflow_search_datasets(self) -> None:
        """The datasets that runs of experiments read."""
        await self._call("POST", "/api/2.0/mlflow/experiments/search-datasets", {}, None)

    async def mlflow_create_run(self) -> None:
        """Begin a run."""
        await self._call("POST", "/api/2.0/mlflow/runs/create", {}, None)

    async def mlflow_update_run(self) -> None:
        """Change a run's status or name; its end leaves its digest in the ledger."""
        await self._call("POST", "/api/2.0/mlflow/runs/update", {}, None)

    async def mlflow_get_run(self) -> None:
        """A run with what it logged."""
        await self._call("GET", "/api/2.0/mlflow/runs/get", {}, None)

    async def mlflow_delete_run(self) -> None:
        """Hide a run."""
        await self._call("POST", "/api/2.0/mlflow/runs/delete", {}, None)

    async def mlflow_restore_run(self) -> None:
        """Show a run again."""
        await self._call("POST", "/api/2.0/mlflow/runs/restore", {}, None)

    async def mlflow_search_runs(self) -> None:
        """Runs that a filter finds."""
        await self._call("POST", "/api/2.0/mlflow/runs/search", {}, None)

    async def mlflow_log_metric(self) -> None:
        """Log a value of a metric; durable when it is answered."""
        await self._call("POST", "/api/2.0/mlflow/runs/log-metric", {}, None)

    async def mlflow_log_param(self) -> None:
        """Log a parameter."""
        await self._call("POST", "/api/2.0/mlflow/runs/log-parameter", {}, None)

    async def mlflow_log_batch(self) -> None:
        """Log metrics, parameters and tags; all or nothing."""
        await self._call("POST", "/api/2.0/mlflow/runs/log-batch", {}, None)

    async def mlflow_set_tag(self) -> None:
        """Tag a run."""
        await self._call("POST", "/api/2.0/mlflow/runs/set-tag", {}, None)

    async def mlflow_delete_tag(self) -> None:
        """Take a tag off a run."""
        await self._call("POST", "/api/2.0/mlflow/runs/delete-tag", {}, None)

    async def mlflow_log_inputs(self) -> None:
        """Tell which datasets and models a run read."""
        await self._call("POST", "/api/2.0/mlflow/runs/log-inputs", {}, None)

    async def mlflow_log_outputs(self) -> None:
        """Tell which models a run made."""
        await self._call("POST", "/api/2.0/mlflow/runs/outputs", {}, None)

    async def mlflow_log_model(self) -> None:
        """Tell of a model, as clients before 3 do."""
        await self._call("POST", "/api/2.0/mlflow/runs/log-model", {}, None)

    async def mlflow_metric_history(self) -> None:
        """Every value of a metric."""
        await self._call("GET", "/api/2.0/mlflow/metrics/get-history", {}, None)

    async def mlflow_metric_history_bulk(self) -> None:
        """Every value of a metric of several runs."""
        await self._call("GET", "/api/2.0/mlflow/metrics/get-history-bulk", {}, None)

    async def mlflow_metric_history_sampled(self) -> None:
        """A metric of several runs at evenly chosen steps."""
        await self._call("GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval", {}, None)

    async def mlflow_list_run_files(self) -> None:
        """The files of a run; needs `ReadFile`, too."""
        await self._call("GET", "/api/2.0/mlflow/artifacts/list", {}, None)

    async def mlflow_create_logged_model(self) -> None:
        """Make a logged model."""
        await self._call("POST", "/api/2.0/mlflow/logged-models", {}, None)

    async def mlflow_search_logged_models(self) -> None:
        """Logged models that a filter finds."""
        await self._call("POST", "/api/2.0/mlflow/logged-models/search", {}, None)

    async def mlflow_get_logged_model(self, model_id: Union[str, int]) -> None:
        """A logged model."""
        await self._call("GET", f"/api/2.0/mlflow/logged-models/{_part(model_id)}", {}, None)

    async def mlflow_finalize_logged_model(self, model_id: Union[str, int]) -> None:
        """Say that a logged model's files are there, or never came."""
        await self._call("PATCH", f"/api/2.0/mlflow/logged-models/{_part(model_id)}", {}, None)

    async def mlflow_delete_logged_model(self, model_id: Union[str, int]) -> None:
        """Hide a logged model that is no registered version."""
        await self._call("DELETE", f"/api/2.0/mlflow/logged-models/{_part(model_id)}", {}, None)

    async def mlflow_set_logged_model_tags(self, model_id: Union[str, int]) -> None:
        """Tag a logged model."""
        await self._call("PATCH", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/tags", {}, None)

    async def mlflow_delete_logged_model_tag(
        self,
        model_id: Union[str, int],
        tag_key: Union[str, int],
    ) -> None:
        """Take a tag off a logged model."""
        await self._call("DELETE", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/tags/{_part(tag_key)}", {}, None)

    async def mlflow_list_logged_model_files(self, model_id: Union[str, int]) -> None:
        """The files of a logged model; needs `ReadFile`, too."""
        await self._call("GET", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/artifacts/directories", {}, None)

    async def mlflow_log_logged_model_params(self, model_id: Union[str, int]) -> None:
        """Log parameters of a logged model."""
        await self._call("POST", f"/api/2.0/mlflow/logged-models/{_part(model_id)}/params", {}, None)

    async def mlflow_create_registered_model(self) -> None:
        """Register a model in the catalogue."""
        await self._call("POST", "/api/2.0/mlflow/registered-models/create", {}, None)

    async def mlflow_get_registered_model(self) -> None:
        """A registered model of the catalogue."""
        await self._call("GET", "/api/2.0/mlflow/registered-models/get", {}, None)

    async def mlflow_search_registered_models(self) -> None:
        """Registered models that a filter finds."""
        await self._call("GET", "/api/2.0/mlflow/registered-models/search", {}, None)

    async def mlflow_update_registered_model(self) -> None:
        """Describe a registered model."""
        await self._call("PATCH", "/api/2.0/mlflow/registered-models/update", {}, None)

    async def mlflow_rename_registered_model(self) -> None:
        """Give a registered model another name."""
        await self._call("POST", "/api/2.0/mlflow/registered-models/rename", {}, None)

    async def mlflow_delete_registered_model(self) -> None:
        """Take a model that nobody needs out of the catalogue."""
        await self._call("DELETE", "/api/2.0/mlflow/registered-models/delete", {}, None)

    async def mlflow_get_latest_versions(self) -> None:
        """The newest version of each stage."""
        await self._call("POST", "/api/2.0/mlflow/registered-models/get-latest-versions", {}, None)

    async def mlflow_get_latest_versions_get(self) -> None:
        """The newest version of each stage."""
        await self._call("GET", "/api/2.0/mlflow/registered-models/get-latest-versions", {}, None)

    async def mlflow_set_registered_model_tag(self) -> None:
        """Tag a registered model."""
        await self._call("POST", "/api/2.0/mlflow/registered-models/set-tag", {}, None)

    async def mlflow_delete_registered_model_tag(self) -> None:
        """Take a tag off a registered model."""
        await self._call("DELETE", "/api/2.0/mlflow/registered-models/delete-tag", {}, None)

    async def mlflow_set_alias(self) -> None:
        """Point an alias to a version; one of production needs `PromoteCatalogued`."""
        await self._call("POST", "/api/2.0/mlflow/registered-models/alias", {}, None)

    async def mlflow_delete_alias(self) -> None:
        """Take an alias away; one of production needs `PromoteCatalogued`."""
        await self._call("DELETE", "/api/2.0/mlflow/registered-models/alias", {}, None)

    async def mlflow_get_alias(self) -> None:
        """The version that an alias points to."""
        await self._call("GET", "/api/2.0/mlflow/registered-models/alias", {}, None)

    async def mlflow_create_model_version(self) -> None:
        """Add a version to a registered model."""
        await self._call("POST", "/api/2.0/mlflow/model-versions/create", {}, None)

    async def mlflow_get_model_version(self) -> None:
        """A version of a registered model."""
        await self._call("GET", "/api/2.0/mlflow/model-versions/get", {}, None)

    async def mlflow_search_model_versions(self) -> None:
        """Versions that a filter finds."""
        await self._call("GET", "/api/2.0/mlflow/model-versions/search", {}, None)

    async def mlflow_get_download_uri(self) -> None:
        """Where a version's files are."""
        await self._call("GET", "/api/2.0/mlflow/model-versions/get-download-uri", {}, None)

    async def mlflow_update_model_version(self) -> None:
        """Describe a version."""
        await self._call("PATCH", "/api/2.0/mlflow/model-versions/update", {}, None)

    async def mlflow_transition_stage(self) -> None:
        """Move a version to a stage; to and from production needs `PromoteCatalogued`."""
        await self._call("POST", "/api/2.0/mlflow/model-versions/transition-stage", {}, None)

    async def mlflow_delete_model_version(self) -> None:
        """Take a version that nobody needs out of the catalogue."""
        await self._call("DELETE", "/api/2.0/mlflow/model-versions/delete", {}, None)

    async def mlflow_set_model_version_tag(self) -> None:
        """Tag a version."""
        await self._call("POST", "/api/2.0/mlflow/model-versions/set-tag", {}, None)

    async def mlflow_delete_model_version_tag(self) -> None:
        """Take a tag off a version."""
        await self._call("DELETE", "/api/2.0/mlflow/model-versions/delete-tag", {}, None)

    async def hold_catalogued_version(
        self,
        name: Union[str, int],
        version: Union[str, int],
    ) -> None:
        """Place a legal hold on a version: nobody can delete it."""
        await self._call("POST", f"/api/v1/catalogue/{_part(name)}/versions/{_part(version)}/hold", {}, None)

    async def release_catalogued_version(
        self,
        name: Union[str, int],
        version: Union[str, int],
    ) -> None:
        """Release a version's legal hold."""
        await self._call("DELETE", f"/api/v1/catalogue/{_part(name)}/versions/{_part(version)}/hold", {}, None)

    async def mlflow_create_webhook(self) -> None:
        """Tell an address what happens in the registry."""
        await self._call("POST", "/api/2.0/mlflow/webhooks", {}, None)

    async def mlflow_list_webhooks(self) -> None:
        """Who is told what happens in the registry."""
        await self._call("GET", "/api/2.0/mlflow/webhooks", {}, None)

    async def mlflow_get_webhook(self, webhook_id: Union[str, int]) -> None:
        """A webhook, without its secret."""
        await self._call("GET", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}", {}, None)

    async def mlflow_update_webhook(self, webhook_id: Union[str, int]) -> None:
        """Change a webhook."""
        await self._call("PATCH", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}", {}, None)

    async def mlflow_delete_webhook(self, webhook_id: Union[str, int]) -> None:
        """Take a webhook away."""
        await self._call("DELETE", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}", {}, None)

    async def mlflow_test_webhook(self, webhook_id: Union[str, int]) -> None:
        """Send a test event to a webhook now, once."""
        await self._call("POST", f"/api/2.0/mlflow/webhooks/{_part(webhook_id)}/test", {}, None)

    async def mlflow_server_info(self) -> None:
        """What this server does of MLflow."""
        await self._call("GET", "/api/2.0/mlflow/server-info", {}, None)

    async def query_decisions(self, body: types.Query) -> None:
        """One `SELECT` over decision tables; rows as they come."""
        await self._call("POST", "/api/v1/query", {}, body)

    async def list_query_tables(self) -> types.QueryTables:
        """The decision tables and their columns."""
        return await self._call("GET", "/api/v1/query/tables", {}, None)

    async def search_decisions(self, body: types.SubjectSearch) -> types.DecisionSummaryPage:
        """The decisions about a person, newest first."""
        return await self._call("POST", "/api/v1/decisions/search", {}, body)

    async def record_outcomes(self, body: types.RecordOutcomes) -> types.OutcomesRecorded:
        """Tell what turned out to be true of decisions: one, many, JSON lines, CSV or Parquet."""
        return await self._call("POST", "/api/v1/outcomes", {}, body)

    async def list_outcomes(self, id: Union[str, int]) -> types.DecisionOutcomes:
        """What was told of a decision, corrections and what they correct."""
        return await self._call("GET", f"/api/v1/decisions/{_part(id)}/outcomes", {}, None)

    async def get_performance(
        self,
        name: Union[str, int],
        *,
        task: Optional[types.Task] = None,
        output: Optional[str] = None,
        outcome: Optional[str] = None,
        positive: Optional[str] = None,
        threshold: Optional[float] = None,
        at: Optional[int] = None,
        classes: Optional[str] = None,
        worth: Optional[str] = None,
        window: Optional[str] = None,
        slice: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        confidence: Optional[float] = None,
    ) -> types.Performance:
        """How good a deployment's answers were, by window and slice."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/performance", {"task": task, "output": output, "outcome": outcome, "positive": positive, "threshold": threshold, "at": at, "classes": classes, "worth": worth, "window": window, "slice": slice, "since": since, "until": until, "confidence": confidence}, None)

    async def record_attributes(self, body: types.RecordOutcomes) -> types.OutcomesRecorded:
        """Tell attributes of people that fairness is measured by and no model is given."""
        return await self._call("POST", "/api/v1/attributes", {}, body)

    async def get_fairness(
        self,
        name: Union[str, int],
        *,
        by: Optional[str] = None,
        output: Optional[str] = None,
        outcome: Optional[str] = None,
        positive: Optional[str] = None,
        threshold: Optional[float] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        confidence: Optional[float] = None,
    ) -> types.FairnessReport:
        """Whether groups of people were treated alike."""
        return await self._call("GET", f"/api/v1/deployments/{_part(name)}/fairness", {"by": by, "output": output, "outcome": outcome, "positive": positive, "threshold": threshold, "since": since, "until": until, "confidence": confidence}, None)

    async def sign_in(self, body: types.SignIn) -> types.Session:
        """Begin a browser's session with a key."""
        return await self._call("POST", "/api/v1/session", {}, body)

    async def get_session(self) -> types.Session:
        """Who is signed in, and what they may do."""
        return await self._call("GET", "/api/v1/session", {}, None)

    async def sign_out(self) -> None:
        """End the browser's session."""
        await self._call("DELETE", "/api/v1/session", {}, None)

    async def watch_deployment(self, name: Union[str, int]) -> None:
        """What passes a deployment, each second as an event."""
        await self._call("GET", f"/api/v1/deployments/{_part(name)}/live", {}, None)
