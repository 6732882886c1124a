"""The types of the API, from docs/openapi.json. Written by generate.py."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired



class AccessCell(TypedDict):
    """Who may do one action to one resource."""

    # The action.
    action: str

    # The resource: `deployment/credit-default`.
    resource: str

    # `permit`, `forbid`, `default` (nothing permits) or `error`, in the principals' order.
    marks: List[str]


class AccessMatrix(TypedDict):
    """`GET /api/v1/access/matrix`: every action of every live principal on every resource."""

    # The names of the principals.
    principals: List[str]

    # One per action and resource.
    rows: List["AccessCell"]

    # Whether resources were left out because there are too many.
    is_truncated: bool


class AccessVerdict(TypedDict):
    """The answer to an [`AccessQuestion`]."""

    # Whether the principal may.
    is_allowed: bool

    # The policies that decided. Empty: nothing permits.
    policies: List["DecidingPolicy"]

    # When nothing permits: policies that would permit another principal.
    could: List["DecidingPolicy"]

    # What went wrong while evaluating; any error is a denial.
    errors: List[str]

    # The answer in words.
    text: str


class Account(TypedDict):
    """An explanation in words."""

    # Who reads it.
    audience: Audience

    # Its language, a tag of BCP 47.
    language: str

    # Whether the answer is adverse to the person; absent when the profile has no rule.
    is_adverse: NotRequired[Optional[bool]]

    # The result in a sentence.
    outcome: NotRequired[Optional[str]]

    # How such decisions are made.
    principles: str

    # The reasons, weightiest first.
    reasons: List["Reason"]

    # The information used.
    inputs: List["Input"]

    # How other data would have changed the result.
    change: NotRequired[Optional[str]]

    # What the person can do.
    rights: NotRequired[Optional[str]]

    # The numbers behind it; not for subjects.
    figures: NotRequired[Optional["Figures"]]


class ApiKey(TypedDict):
    """An API key, without its secret."""

    # Its id.
    id: ApiKeyId

    # What it is for.
    name: Name

    # The beginning of the key's text, by which people tell keys apart.
    prefix: str

    # The id of the principal it speaks for.
    principal: PrincipalId

    # That principal's name.
    principal_name: Name

    # The only environment it works in.
    environment: NotRequired[Optional["Environment"]]

    # The only deployments it reaches.
    scopes: NotRequired[Optional[List["Name"]]]

    # When it was made.
    created_at: str

    # When it ends.
    expires_at: NotRequired[Optional[str]]

    # When it was revoked.
    revoked_at: NotRequired[Optional[str]]

    # The key that took its place.
    replaced_by: NotRequired[Optional["ApiKeyId"]]


class ApiKeyPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["ApiKey"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class Artifact(TypedDict):
    """A stored artifact."""

    # SHA-256 of its bytes.
    digest: Digest

    # Its length in bytes.
    size: int


class Batch(TypedDict):
    """A batch job and how far it is."""

    # Its id.
    id: BatchId

    # The deployment that is asked.
    deployment: Name

    # Who asks: the principal of every row's decision.
    principal: PrincipalId

    # Where it stands.
    state: BatchState

    # Why it failed, or waits.
    why: NotRequired[Optional[str]]

    # The format of its rows.
    format: BatchFormat

    # The format of its result.
    output: BatchFormat

    # Columns copied to the result.
    keep: List[str]

    # What it reads.
    input: BatchFile

    # Rows it reads, if the file says so before it is read.
    row_count: NotRequired[Optional[int]]

    # Rows decided, each durable in the ledger.
    rows: int

    # Of the rows in finished parts, those that were refused.
    refused: int

    # Of the rows in finished parts, those that got no answer for another reason.
    failed: int

    # Rows a second of this run, while it runs.
    rows_per_second: NotRequired[Optional[float]]

    # Seconds that it may take still, while it runs and the number of rows is known.
    seconds_left: NotRequired[Optional[int]]

    # What it made.
    result: NotRequired[Optional["BatchFile"]]

    # When it was begun.
    created_at: str

    # When it ended.
    ended_at: NotRequired[Optional[str]]

    # Until when its result is kept.
    kept_until: NotRequired[Optional[str]]


class BatchFile(TypedDict):
    """A file with its digest."""

    # SHA-256 of its bytes.
    digest: Digest

    # Its length.
    bytes: int


class BatchPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Batch"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class ContestDecision(TypedDict):
    """Contests a decision, so that a person looks at it."""

    # What the subject says.
    reason: str


class Contract(TypedDict):
    """An input contract: every field a request may have, and what each must be."""

    # Version of this document's format; 1.
    version: int

    # The fields the model gets, in the order in which it gets them.
    features: List["Field"]

    # The fields that come with a request but are not given to the model.
    context: NotRequired[List["Field"]]

    # Name of one input tensor that carries all features as a matrix `[rows, features]`. Only for
    # contracts whose features are all numeric. Without it such a tensor is refused, because a
    # matrix names no column and cannot show that its columns are in order.
    matrix: NotRequired[Optional[str]]

    # Where to find subjects, interaction id, event time and slice keys.
    map: NotRequired[Mapping]

    # Sizes, and how much a caller is told.
    limits: NotRequired[Limits]


class ContractSummary(TypedDict):
    """A contract without its document."""

    # SHA-256 of its canonical JSON.
    digest: Digest

    # Features it names.
    features: int

    # Whether the same contract was stored before.
    existed: bool


class ControlEvent(TypedDict):
    """A change of control state, or the refusal of one."""

    # Its id.
    id: EventId

    # Its index in the ledger.
    index: int

    # When.
    time: str

    # Where it stands.
    stage: Stage

    # The action.
    action: str

    # Who acted.
    principal: PrincipalId

    # The name of who acted, if there still is one.
    principal_name: NotRequired[Optional[str]]

    # On what.
    resource: str

    # The intent that this ends.
    intent: NotRequired[Optional["EventId"]]

    # The facts.
    payload: Any


class ControlEventPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["ControlEvent"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class CreateDataset(TypedDict):
    """Registers a dataset, or another version of it."""

    # Who answers for it, if it is new; the caller unless told.
    owner: NotRequired[Optional[str]]

    # What it is.
    manifest: DatasetManifest


class CreateDeployment(TypedDict):
    """Makes a deployment. It answers once a version is released into it."""

    # Its name, unique among those not archived.
    name: Name

    # The registered model.
    model: Name

    # The digest of a stored contract. No contract, no serving.
    contract: Digest

    # Where it stands.
    environment: Environment

    # Who answers for it; the caller unless told.
    owner: NotRequired[Optional[str]]

    # Its risk tier; `unassessed` unless told.
    tier: NotRequired[Optional["Tier"]]

    # When an answer may leave; `durable` unless told.
    mode: NotRequired[Optional["Mode"]]

    # When explanations are made; `off` unless told.
    explain: NotRequired[Optional["Explain"]]

    # The digest of a stored explain profile; reasons are told under the contract's names unless
    # told.
    explain_profile: NotRequired[Optional["Digest"]]

    # The answer when the model cannot give one; none unless told.
    fallback: NotRequired[Optional["Fallback"]]

    # How much of a refusal callers are told; what the contract says unless told.
    error_detail: NotRequired[Optional["ErrorDetail"]]

    # The longest time from accepting a request to its reply, in milliseconds; 1 to 60,000, 1,000
    # unless told.
    deadline_ms: NotRequired[Optional[int]]

    # Requests in flight at once; 1 to 65,536, 1,024 unless told.
    max_in_flight: NotRequired[Optional[int]]

    # Days after which records are no longer kept, 183 or more; for good unless told.
    retention_days: NotRequired[Optional[int]]

    # Which answers a person looks at; `off` unless told.
    review: NotRequired[Optional["Review"]]

    # Whether it only records decisions that are made elsewhere, marked as unverified. No version is
    # released into it, and it answers nobody.
    observe: NotRequired[bool]

    # Who may have signed what is released; anybody or nobody unless told.
    signers: NotRequired[Optional[List["Signer"]]]


class CreateKey(TypedDict):
    """Makes an API key."""

    # What it is for.
    name: Name

    # The name of the principal it speaks for; the caller unless told.
    principal: NotRequired[Optional["Name"]]

    # The only environment it works in; any unless told.
    environment: NotRequired[Optional["Environment"]]

    # The only deployments it reaches; all unless told.
    scopes: NotRequired[Optional[List["Name"]]]

    # When it ends; never unless told.
    expires_at: NotRequired[Optional[str]]


class CreateModel(TypedDict):
    """Registers a model."""

    # Its name, unique.
    name: Name

    # Who answers for it; the caller unless told.
    owner: NotRequired[Optional[str]]

    # What it is for.
    description: NotRequired[Optional[str]]


class CreatePrincipal(TypedDict):
    """Makes a principal."""

    # Its name, unique.
    name: Name

    # A person or a program.
    kind: PrincipalKind

    # What it is trusted with.
    roles: List["Role"]


CreateSink = TypedDict("CreateSink", {"name": "Name", "url": "str", "format": "NotRequired[Optional['SinkFormat']]", "profile": "NotRequired[Optional['SinkProfile']]", "include_body": "NotRequired[bool]", "kinds": "NotRequired[Optional[List['Kind2']]]", "deployments": "NotRequired[Optional[List['Name']]]", "from": "NotRequired[Optional[int]]"})


class CreateUpload(TypedDict):
    """Begins an upload."""

    # Bytes that will come, if that is known; then neither more nor fewer are taken.
    size: NotRequired[Optional[int]]


class CreateVersion(TypedDict):
    """Adds a version to a registered model."""

    # Its files, all uploaded before.
    files: List["ManifestFile"]


class Dataset(TypedDict):
    """A dataset."""

    # Its name.
    name: Name

    # Who answers for it.
    owner: str

    # The number of its newest version.
    latest_version: int

    # When it was registered.
    created_at: str

    # Who may use it for what. Left out of lists.
    grants: NotRequired[List["DatasetGrant"]]


class DatasetColumn(TypedDict):
    """A column, and what is in it."""

    # Its name.
    name: str

    # `boolean`, `integer`, `number`, `text` or `timestamp`.
    kind: str

    # Rows without a value.
    missing: int

    # Different values, up to a bound.
    distinct: NotRequired[Optional[int]]

    # The smallest number.
    min: NotRequired[Optional[float]]

    # The largest number.
    max: NotRequired[Optional[float]]


class DatasetFile(TypedDict):
    """A file of a dataset."""

    # Its path in the dataset.
    path: str

    # SHA-256 of its bytes.
    digest: Digest

    # Its length in bytes.
    size: int

    # What DVC names it by: a claim, checked when the file was registered.
    md5: NotRequired[Optional[str]]


class DatasetGrant(TypedDict):
    """One cell of the access matrix."""

    # Who may use the dataset.
    principal: Name

    # How.
    use: DatasetUse

    # For which purpose.
    purpose: str

    # Who said so.
    granted_by: str

    # When.
    created_at: str

    # Until when.
    expires_at: NotRequired[Optional[str]]


class DatasetManifest(TypedDict):
    """What a dataset is: its version is named by the digest of this document."""

    # Its files.
    files: List["DatasetFile"]

    # Its columns, if it is a table.
    columns: NotRequired[List["DatasetColumn"]]

    # Its rows, if it is a table.
    rows: NotRequired[Optional[int]]

    # Where it comes from.
    source: DatasetSource

    # Its licence, as an SPDX expression where there is one.
    licence: NotRequired[Optional[str]]

    # Classes of personal data in it, as `contact`, `income`, `health`; none means none.
    personal: NotRequired[List[str]]

    # The purposes that it was gathered for; grants are for one of them.
    purposes: NotRequired[List[str]]

    # Days after which it must go.
    retention_days: NotRequired[Optional[int]]

    # What it is.
    description: NotRequired[Optional[str]]


class DatasetPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Dataset"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class DatasetSource(TypedDict):
    """Where a dataset comes from."""

    # `files` or `dvc`.
    kind: str

    # An address, for people.
    address: NotRequired[Optional[str]]

    # The commit of the repository that tracks it.
    commit: NotRequired[Optional[str]]

    # What DVC has to say against it: `legacy`, `not_pushed`, `stale`.
    warnings: NotRequired[List[str]]


class DatasetVersion(TypedDict):
    """A version of a dataset."""

    # The dataset.
    dataset: Name

    # Its number, from 1.
    number: int

    # The digest of its manifest.
    digest: Digest

    # What it is.
    manifest: DatasetManifest

    # Whether its files are kept here, sealed, and not only known by their digests.
    is_kept: bool

    # Who registered it.
    author: PrincipalId

    # When.
    created_at: str


class DecidingPolicy(TypedDict):
    """A policy that took part in a verdict."""

    # Its id.
    id: str

    # `permit` or `forbid`.
    effect: str

    # Its reason, in words.
    why: str


class Decision(TypedDict):
    """A decision: its leaf always, its body if the caller may read it."""

    # What a list shows of it.
    summary: DecisionSummary

    # The commitment record in the ledger.
    leaf: DecisionLeaf

    # What was asked and answered.
    body: NotRequired[Optional["DecisionBody"]]

    # Why there is no body here.
    body_withheld: NotRequired[Optional[str]]


class DecisionBody(TypedDict):
    """What was asked, by whom, and what was answered."""

    # Who asked.
    principal: PrincipalId

    # The name of who asked, if there still is one.
    principal_name: NotRequired[Optional[str]]

    # With which key.
    key: NotRequired[Optional["ApiKeyId"]]

    # The deployment's name when it was asked.
    deployment: str

    # The number of the model version; 0 when none was planned.
    version: int

    # The caller's own id of the request.
    caller_id: NotRequired[Optional[str]]

    # Length of the request body as received, in bytes.
    request_len: int

    # The rows, each from field name to value.
    rows: List[Dict[str, Any]]

    # Texts that the contract maps from headers.
    mapped: List["MappedText"]

    # Rules that were broken and let pass, or mended.
    flags: List["DecisionFlag"]

    # What the model answered.
    outputs: List["DecisionOutput"]

    # Why it was refused or failed.
    refusal: NotRequired[Optional["DecisionRefusal"]]

    # Nanoseconds by phase.
    phases: List["PhaseTime"]

    # By what the request came, if the record says so.
    protocol: NotRequired[Optional["Protocol"]]


class DecisionExplanation(TypedDict):
    """Why a decision came out as it did, in words for one reader."""

    # The decision.
    decision: DecisionId

    # When it was accepted.
    time: str

    # The deployment's name.
    deployment: str

    # The number of the version that answered.
    version: int

    # Which row of the request, from 0.
    row: int

    # Where the explanation comes from.
    source: ExplanationSource

    # It, in words.
    account: Account


class DecisionFlag(TypedDict):
    """A rule that was broken and let pass, or mended."""

    # The field.
    field: str

    # The row, from 0.
    row: int

    # The rule.
    code: RefusalCode

    # Whether the value was clamped to the allowed range.
    is_clamped: bool


class DecisionLeaf(TypedDict):
    """The commitment record, as in the ledger."""

    # What the record is about.
    kind: Kind2

    # The organisation.
    tenant: TenantId

    # The gateway that wrote it.
    gateway: GatewayId

    # The gateway's own sequence number.
    seq: int

    # Hash of the gateway's previous record.
    previous: Digest

    # Hash of this record (RFC 6962 leaf hash), if it was computed.
    leaf_hash: NotRequired[Optional["Digest"]]

    # The deployment.
    deployment: NotRequired[Optional["DeploymentId"]]

    # Digest of the model version's manifest.
    model: NotRequired[Optional["Digest"]]

    # Digest of the input contract.
    contract: NotRequired[Optional["Digest"]]

    # Digest of the policy set.
    policy: NotRequired[Optional["Digest"]]

    # Digest of the serving snapshot.
    snapshot: NotRequired[Optional["Digest"]]

    # SHA-256 of the sealed body.
    ciphertext: NotRequired[Optional["Digest"]]

    # Commitment to the key that opens it, in hexadecimal.
    key_commitment: NotRequired[Optional[str]]

    # The decision whose recorded answer was given again.
    replay_of: NotRequired[Optional["DecisionId"]]


class DecisionOutput(TypedDict):
    """One named output: row-major."""

    # Its name.
    name: str

    # Numbers per row.
    width: int

    # The numbers.
    values: List[float]


class DecisionRefusal(TypedDict):
    """Why a decision was refused or failed."""

    # The phase that refused.
    phase: Phase

    # Why.
    code: RefusalCode

    # The field at fault.
    field: NotRequired[Optional[str]]

    # The row at fault.
    row: NotRequired[Optional[int]]

    # The rule that was broken.
    rule: NotRequired[Optional[str]]


class DecisionRule(TypedDict):
    """Which answers are adverse."""

    # Which number of the answer decides, from 0.
    output: NotRequired[int]

    # The limit, in the answer's units.
    threshold: float

    # The side of the limit on which an answer is adverse. An answer at the limit is above.
    adverse: Side


class DecisionSummary(TypedDict):
    """What a list shows of a decision."""

    # The decision id.
    id: DecisionId

    # Its index in the ledger.
    index: int

    # When it was accepted.
    time: str

    # The deployment's name.
    deployment: str

    # The number of the version that answered.
    version: NotRequired[Optional[int]]

    # In which part the version took the request.
    route: NotRequired[Optional["Route"]]

    # How it ended.
    result: ResultClass

    # The phase that refused it.
    refused_in: NotRequired[Optional["Phase"]]

    # Where it was made, if not here: `unverified`, as somebody reported it.
    origin: NotRequired[Optional["Origin"]]


class DecisionSummaryPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["DecisionSummary"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class DecisionTail(TypedDict):
    """New decisions, oldest first."""

    # The decisions; empty if none came in time.
    items: List["DecisionSummary"]

    # Pass it back as `from`.
    next: int


class Deployment(TypedDict):
    """A served use of a registered model."""

    # Its id.
    id: DeploymentId

    # Its name.
    name: Name

    # The registered model.
    model: Name

    # The digest of its contract.
    contract: Digest

    # Where it stands.
    environment: Environment

    # Who answers for it.
    owner: str

    # Its risk tier.
    tier: Tier

    # When an answer may leave.
    mode: Mode

    # When explanations are made.
    explain: Explain

    # The digest of its explain profile.
    explain_profile: NotRequired[Optional["Digest"]]

    # The answer when the model cannot give one.
    fallback: NotRequired[Optional["Fallback"]]

    # How much of a refusal callers are told, if that is not left to the contract.
    error_detail: NotRequired[Optional["ErrorDetail"]]

    # The longest time from accepting a request to its reply, in milliseconds.
    deadline_ms: int

    # Requests in flight at once.
    max_in_flight: int

    # Days after which records are no longer kept, if they are not kept for good.
    retention_days: NotRequired[Optional[int]]

    # Which answers a person looks at.
    review: Review

    # Whether it only records decisions that are made elsewhere.
    observe: NotRequired[bool]

    # Who may have signed what is released, if a signature is asked for.
    signers: NotRequired[List["Signer"]]

    # The version that answers.
    released: NotRequired[Optional["ReleasedVersion"]]

    # Whether it answers now.
    is_ready: bool

    # Why it does not.
    not_ready_reason: NotRequired[Optional[str]]

    # When it was made.
    created_at: str

    # When it was last changed.
    updated_at: str

    # When it was archived.
    archived_at: NotRequired[Optional[str]]


class DeploymentPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Deployment"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class DeploymentQuestion(TypedDict):
    """Names a deployment."""

    # The deployment.
    deployment: Name


class DeploymentReviews(TypedDict):
    """The reviews of one deployment's decisions in a window."""

    # The deployment's name.
    deployment: str

    # Answered decisions in the hours of the window, counted while any deployment asks for reviews;
    # absent if none were counted.
    decisions: NotRequired[Optional[int]]

    # Decisions that a person was asked to look at, or looked at unasked.
    asked: int

    # Of these, reviewed.
    reviewed: int

    # Of these, waiting.
    waiting: int

    # Reviewed, and the outcome stood.
    accepted: int

    # Reviewed, and another outcome took its place.
    overridden: int

    # Contested.
    contested: int

    # Reviewed among all decisions, if those were counted.
    reviewed_share: NotRequired[Optional[float]]

    # Overridden among the reviewed.
    override_rate: NotRequired[Optional[float]]

    # Median time from decision (or contest) to review, in seconds.
    median_seconds: NotRequired[Optional[float]]

    # The longest such time, in seconds.
    max_seconds: NotRequired[Optional[float]]

    # Age of the oldest decision that waits, in seconds.
    oldest_waiting_seconds: NotRequired[Optional[float]]


class DeploymentStatus(TypedDict):
    """Whether a deployment answers."""

    # Its name.
    name: str

    # Whether it answers.
    is_ready: bool

    # Why not.
    reason: NotRequired[Optional[str]]

    # The number of the version that answers.
    version: NotRequired[Optional[int]]


class EraseSubject(TypedDict):
    """Asks to erase a subject."""

    # The subject, as requests name it.
    subject: str

    # Why, in words that do not name the subject: it stays in the ledger.
    reason: str

    # Begin a new epoch of keys at once, instead of within the published window.
    rotate_now: NotRequired[bool]


class Erasure(TypedDict):
    """The destruction of a subject's key."""

    # Its id: the control event that it began with.
    id: EventId

    # How far it is.
    state: ErasureState

    # SHA-256 of the id of the key.
    key: Digest

    # Why.
    reason: str

    # Who asked for it.
    principal: PrincipalId

    # When it was asked for.
    asked_at: str

    # Since when nothing opens; absent while a restart or the ledger is waited for.
    erased_at: NotRequired[Optional[str]]

    # When the epoch of keys that it belonged to was destroyed.
    rotated_at: NotRequired[Optional[str]]

    # When that will be at the latest.
    rotates_by: NotRequired[Optional[str]]

    # When it became final.
    final_at: NotRequired[Optional[str]]

    # When it will be final: backups of the keys folder are kept until then.
    final_by: NotRequired[Optional[str]]


class ErasurePage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Erasure"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class ExplainProfile(TypedDict):
    """What is said about a deployment's decisions, and to whom."""

    # Version of this document's format; 1.
    version: int

    # Which answers are adverse to the person concerned. Without it reasons are given by weight
    # alone, and there are no counterfactuals.
    decision: NotRequired[Optional["DecisionRule"]]

    # The most reasons that are given for one row, 1 to 16. Four unless told: more are "not likely
    # to be helpful" (official interpretation of Regulation B, 12 CFR 1002.9(b)(2)).
    most_reasons: NotRequired[int]

    # The languages in which persons are told; `en` and `de` have words of their own, others need
    # `adverse`, `favourable` and `principles` here.
    languages: NotRequired[List[str]]

    # How decisions of this kind are made, in plain words, by language.
    principles: NotRequired[Dict[str, str]]

    # The sentence for a feature that weighed against the person, unless the feature has its own.
    # May name `{label}`, `{value}` and `{unit}`.
    adverse: NotRequired[Dict[str, str]]

    # The sentence for a feature that weighed in the person's favour.
    favourable: NotRequired[Dict[str, str]]

    # What is said of each feature, by its name in the contract. A feature that is not here is told
    # under its own name.
    features: NotRequired[Dict[str, "FeatureProfile"]]


ExportSubject = TypedDict("ExportSubject", {"subject": "str", "from": "NotRequired[Optional[int]]"})


class ExternalIdentity(TypedDict):
    """Who a principal is elsewhere."""

    # What its issuer is called here; `certificate` for a client certificate.
    issuer: str

    # The issuer's address as in `iss`; `x509` for a client certificate.
    issuer_url: str

    # Its name there.
    subject: str


class Fallback(TypedDict):
    """The declared answer when the model cannot give one."""

    # One number per output value of a row, the same for every row.
    outputs: List[float]


class FeatureProfile(TypedDict):
    """What is said of a feature, and what a person can do about it."""

    # The reason code; the feature's name unless told. Features with the same code are one reason:
    # their contributions are added up.
    code: NotRequired[Optional[str]]

    # What it is called to a person, by language.
    label: NotRequired[Dict[str, str]]

    # The sentence when it weighed against the person.
    adverse: NotRequired[Dict[str, str]]

    # The sentence when it weighed in the person's favour.
    favourable: NotRequired[Dict[str, str]]

    # Whether it is kept from the person (a fraud signal, say). Officers see it.
    hidden: NotRequired[bool]

    # How the person can change it; `fixed` unless told.
    change: NotRequired[Change]

    # What is proposed is a multiple of it (kinds number and integer).
    step: NotRequired[Optional[float]]

    # The values it can be changed to (kind category); all of the contract's unless told.
    values: NotRequired[List[str]]


Field = TypedDict("Field", {"name": "str", "kind": "Kind", "unit": "NotRequired[Optional[str]]", "description": "NotRequired[Optional[str]]", "min": "NotRequired[Optional[float]]", "max": "NotRequired[Optional[float]]", "exclusive_min": "NotRequired[Optional[float]]", "exclusive_max": "NotRequired[Optional[float]]", "values": "NotRequired[List[str]]", "nullable": "NotRequired[bool]", "max_length": "NotRequired[Optional[int]]", "pattern": "NotRequired[Optional[str]]", "shape": "NotRequired[List[int]]", "class": "NotRequired[Class]", "on_violation": "NotRequired[OnViolation]"})


class Figures(TypedDict):
    """The numbers behind an explanation."""

    # How the contributions were computed.
    method: ExplainMethod

    # Which margin is explained.
    output: int

    # The expected margin.
    base: float

    # The margin of this row.
    margin: float

    # Margin minus base minus contributions: what rounding left.
    residual: float

    # The explainer pack.
    pack: NotRequired[Optional["Digest"]]

    # The explain profile.
    profile: NotRequired[Optional["Digest"]]


class FinishUpload(TypedDict):
    """Ends an upload."""

    # The digest that all bytes must have.
    digest: NotRequired[Optional["Digest"]]


class GrantDataset(TypedDict):
    """Grants a use of a dataset, or takes the grant back."""

    # Who may use it.
    principal: Name

    # How.
    use: DatasetUse

    # For which purpose, one of the newest version's.
    purpose: str

    # Until when; without end unless told.
    expires_at: NotRequired[Optional[str]]


class Hold(TypedDict):
    """A legal hold."""

    # Its id: the control event that it began with.
    id: EventId

    # Why.
    reason: str

    # Who placed it.
    principal: PrincipalId

    # When.
    placed_at: str


class HoldDeployment(TypedDict):
    """Asks to hold what there is of a deployment against the end of its retention."""

    # The deployment.
    deployment: Name

    # Why.
    reason: str


class HoldSubject(TypedDict):
    """Asks to hold what there is about a subject."""

    # The subject, as requests name it.
    subject: str

    # Why, in words that do not name the subject.
    reason: str


class Importance(TypedDict):
    """How much a feature matters."""

    # The feature.
    name: str

    # Mean size of its contributions over all rows.
    mean_abs: float


class InferRequest(TypedDict):
    """`POST /v2/models/{model}/infer`."""

    # The caller's own id of the request; comes back in the answer.
    id: NotRequired[Optional[str]]

    # Parameters of the request.
    parameters: NotRequired[Optional[Dict[str, Any]]]

    # One tensor per field of the contract.
    inputs: List["RequestInput"]

    # The outputs wanted; all unless told.
    outputs: NotRequired[Optional[List["RequestOutput"]]]


class InferResponse(TypedDict):
    """The answer of `POST /v2/models/{model}/infer`. Its header `plimsoll-decision-id` names the
    record in the ledger.
    """

    # The deployment's name.
    model_name: str

    # The version that answered.
    model_version: NotRequired[Optional[str]]

    # The caller's own id of the request, else the decision id.
    id: NotRequired[Optional[str]]

    # Parameters of the answer.
    parameters: NotRequired[Optional[Dict[str, Any]]]

    # The outputs.
    outputs: List["ResponseOutput"]


class Input(TypedDict):
    """A piece of information that was used."""

    # The feature.
    feature: str

    # What it is called to this reader.
    label: str

    # Its value, as a person writes it.
    value: str

    # Its contribution in margin units; not for subjects.
    contribution: NotRequired[Optional[float]]

    # Whether it is kept from subjects.
    is_hidden: NotRequired[bool]


class KeyRotation(TypedDict):
    """What a rotation did."""

    # The epoch of keys in force now.
    epoch: int

    # Keys that survived.
    keys: int

    # Erasures whose keys went with the epoch before.
    erasures: int


class KeySecret(TypedDict):
    """A new API key with its secret, which is shown this once."""

    # The key's text. Send it as `authorization: Bearer …`.
    secret: str

    # Everything else about it.
    key: ApiKey


class LedgerStatus(TypedDict):
    """How the ledger stands."""

    # Records in the ledger.
    records: int

    # Whether it accepts records.
    is_healthy: bool

    # Why not.
    reason: NotRequired[Optional[str]]

    # Records waiting for the next sync.
    queued: int

    # The ledger as a published log.
    log: LogStatus


class Limit(TypedDict):
    """What may be used. What is left out is without limit."""

    # Requests per second in the long run, 0.001 to 1000000.
    requests_per_second: NotRequired[Optional[float]]

    # Requests at once, before the rate counts; as many as one second's unless told.
    burst: NotRequired[Optional[int]]

    # Requests in flight at once.
    in_flight: NotRequired[Optional[int]]

    # Requests in a day of UTC.
    requests_per_day: NotRequired[Optional[int]]

    # Rows in a day of UTC; the request that passes it is still answered.
    rows_per_day: NotRequired[Optional[int]]


class LimitSet(TypedDict):
    """A limit that is set."""

    # Whose it is: `everyone`, `principal:NAME` or `deployment:NAME`.
    of: str

    # What may be used.
    limit: Limit

    # Who set it.
    changed_by: PrincipalId

    # That principal's name, if there still is one.
    changed_by_name: NotRequired[Optional[str]]

    # When.
    changed_at: str


class LimitSetPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["LimitSet"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class Limits(TypedDict):
    """Sizes, and how much a caller is told."""

    # The most rows in one request. 256 unless told: one decision is about few rows, and large
    # batches belong to offline scoring. Fewer when rows × fields would pass 2^20.
    max_rows: NotRequired[int]

    # The largest body, in bytes after decompression; 1 MiB unless told.
    max_body_bytes: NotRequired[int]

    # How much of a refusal a caller is told. The record always has all of it.
    error_detail: NotRequired[ErrorDetail]


class LogStatus(TypedDict):
    """How the published log stands."""

    # The log's verifier key: name, key id, public key.
    key: str

    # Entries in the tree.
    integrated: int

    # Entries that the latest checkpoint covers.
    published: int

    # When it was published.
    published_at: NotRequired[Optional[str]]

    # Entries that the latest checkpoint with a witness's signature covers.
    witnessed: int

    # When a witness last signed.
    witnessed_at: NotRequired[Optional[str]]

    # The places outside of the data folder that get checkpoints, witnesses included.
    sinks: List["SinkStatus"]

    # Whether checkpoints are signed.
    is_signing: bool

    # Why not, or why the last attempt failed.
    reason: NotRequired[Optional[str]]


class ManifestFile(TypedDict):
    """One file of a model version."""

    # Its path within the version: `/` between parts, no `.` or `..`.
    path: str

    # SHA-256 of its bytes, as the upload of the artifact answered.
    digest: Digest

    # Its length in bytes.
    size: int

    # What it is.
    role: FileRole


class MapSource(TypedDict):
    """One source of a mapped key: exactly one of `field` and `header`."""

    # A feature or context field of this contract.
    field: NotRequired[Optional[str]]

    # A header of the request.
    header: NotRequired[Optional[str]]

    # Whether a request without it is refused.
    required: NotRequired[bool]


class MappedText(TypedDict):
    """A text that the contract maps from a header."""

    # `subject`, `interaction`, `event_time`, or a slice key's name.
    role: str

    # The text.
    value: str


class Mapping(TypedDict):
    """Where to find the keys that decisions are looked up, joined and grouped by."""

    # The persons a decision is about. Each one's data is sealed under a key of their own.
    subjects: NotRequired[List["MapSource"]]

    # The id of the contact with a customer that the request belongs to.
    interaction: NotRequired[Optional["MapSource"]]

    # When what the request is about happened.
    event_time: NotRequired[Optional["MapSource"]]

    # The keys that monitoring groups by.
    slices: NotRequired[List["MapSource"]]


class ModelMetadata(TypedDict):
    """`GET /v2/models/{model}`: a deployment seen as the protocol's model."""

    # The deployment's name.
    name: str

    # The version that answers.
    versions: List[str]

    # The format of the model.
    platform: str

    # What it asks for.
    inputs: List["TensorMetadata"]

    # What it answers.
    outputs: List["TensorMetadata"]


class ModelReady(TypedDict):
    """`GET /v2/models/{model}/ready`."""

    # The deployment's name.
    name: str

    # Whether it answers.
    ready: bool


class ModelReport(TypedDict):
    """A global explanation of one output of a model. Contributions and margins are in units of
    the margin.
    """

    # The model, for people.
    title: str

    # How contributions were found.
    method: str

    # The explainer pack.
    explainer_pack: str

    # Which output is explained, from 0.
    output: int

    # How many outputs the model has.
    outputs: int

    # Rows that were explained.
    rows: int

    # Rows of the sample that single contributions and dependence are of.
    sampled: int

    # The expected margin.
    base_value: float

    # Every feature, the most important first.
    importance: List["Importance"]

    # The most important features in detail.
    features: List["ReportedFeature"]


class ModelVersion(TypedDict):
    """A numbered, immutable version of a registered model."""

    # The registered model.
    model: Name

    # Its number, from 1.
    number: int

    # SHA-256 of its manifest.
    digest: Digest

    # Its files, by path.
    files: List["ManifestFile"]

    # The id of the principal that made it.
    author: PrincipalId

    # The author's name.
    author_name: str

    # When it was made.
    created_at: str

    # What loading the model file told.
    facts: VersionFacts


class ModelVersionPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["ModelVersion"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class MovedRow(TypedDict):
    """A row that another version decides or scores otherwise."""

    # The decision.
    decision: DecisionId

    # Its row, from 0.
    row: int

    # The largest distance of an output.
    distance: float

    # Whether the decision changes.
    is_changed: bool


class Observation(TypedDict):
    """A decision that was made elsewhere, in one line of JSON."""

    # What it is called where it was made. With `source`, it is recorded once.
    id: str

    # Where it was made; the deployment's own name unless told.
    source: NotRequired[Optional[str]]

    # When it was made (RFC 3339).
    time: NotRequired[Optional[str]]

    # What was asked: the fields of the contract.
    inputs: Dict[str, Any]

    # What was answered: a number or a list of numbers by name. Left out: there was no answer.
    outputs: NotRequired[Optional[Dict[str, Any]]]


class Observed(TypedDict):
    """What became of reported decisions."""

    # Recorded and durable, broken ones included.
    recorded: int

    # Of these, those that broke the contract or could not be read whole.
    broken: int

    # Recorded before.
    known: int

    # Waiting for the other half of their pair.
    waiting: int

    # No observations.
    malformed: int

    # Each of them, in order.
    items: List["ObservedItem"]


class ObservedItem(TypedDict):
    """What became of one reported decision."""

    # The place in the request, from 0.
    place: int

    # What became of it.
    state: ObservedState

    # The decision that stands for it in the ledger.
    decision: NotRequired[Optional["DecisionId"]]

    # What is wrong with it. Never a value.
    why: NotRequired[Optional[str]]


class PartialDependence(TypedDict):
    """Partial dependence (Friedman 2001), and the single rows that it is the mean of (Goldstein
    and others 2015).
    """

    # Values of the feature.
    values: List[float]

    # The mean margin of the sample at each.
    margins: List[float]

    # The margins of some rows at each.
    single_rows: List[List[float]]


class PhaseTime(TypedDict):
    """How long a phase took."""

    # The phase.
    phase: Phase

    # Nanoseconds.
    nanos: int


class Policies(TypedDict):
    """`GET /api/v1/policies`: the policies in force."""

    # SHA-256 of schema and policies.
    digest: Digest

    # The files.
    files: List["PolicyFile"]


class PolicyFile(TypedDict):
    """A policy file."""

    # Its name.
    name: str

    # Its text, in Cedar.
    text: str


class Principal(TypedDict):
    """A person or program that acts."""

    # Its id.
    id: PrincipalId

    # Its name.
    name: Name

    # A person or a program.
    kind: PrincipalKind

    # What it is trusted with.
    roles: List["Role"]

    # The organisation it belongs to.
    tenant: TenantId

    # When it was made.
    created_at: str

    # Who it is elsewhere, if others vouch for it. Its roles then come with each token.
    identity: NotRequired[Optional["ExternalIdentity"]]


class PrincipalPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Principal"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class Problem(TypedDict):
    """What went wrong (RFC 9457). Program against `code`; `detail` is for people."""

    # Always `about:blank`: the status and `code` say what kind of problem it is.
    type: str

    # The status in words.
    title: str

    # The HTTP status.
    status: int

    # What went wrong, for people. Never holds a caller's values.
    detail: str

    # The stable word for it.
    code: str

    # The phase that refused an inference request.
    phase: NotRequired[Optional["Phase"]]

    # The field at fault.
    field: NotRequired[Optional[str]]

    # The row at fault, from 0.
    row: NotRequired[Optional[int]]

    # The rule that was broken.
    rule: NotRequired[Optional[str]]

    # The decision's id, when the request reached the gateway.
    decision_id: NotRequired[Optional["DecisionId"]]

    # The id of this HTTP request, for the logs.
    request_id: NotRequired[Optional[str]]

    # What to do about it.
    hint: NotRequired[Optional[str]]


class ProfileSummary(TypedDict):
    """An explain profile without its document."""

    # SHA-256 of its canonical JSON.
    digest: Digest

    # Features it says something of.
    features: int

    # Whether the same profile was stored before.
    existed: bool


class Query(TypedDict):
    """A question in SQL. Its text is in the body and not in the URL, because URLs are logged."""

    # One `SELECT`. `subject('…')` gives the pseudonym that the column `subject` holds.
    sql: str

    # Only the table of this deployment.
    deployment: NotRequired[Optional[str]]

    # The form of the answer; JSON lines unless told.
    format: NotRequired[QueryFormat]

    # At most this many rows, 1 to 10,000,000; 10,000 unless told.
    limit: NotRequired[Optional[int]]

    # At most this long, 1 to 600 seconds; 30 unless told.
    timeout_seconds: NotRequired[Optional[int]]


class QueryColumn(TypedDict):
    """A column of a decision table."""

    # Its name.
    name: str

    # Its type, in the words of Arrow.
    kind: str

    # Where it comes from: `decision`, `feature`, `context`, `slice`, `output` or `subject`.
    role: str

    # Whether its cells are sealed under the subjects' keys.
    is_sealed: bool


class QueryTable(TypedDict):
    """A decision table."""

    # Its name: the deployment's.
    name: str

    # The deployment.
    deployment: DeploymentId

    # Whether the caller may read values; without, they are null.
    is_open: bool

    # Its columns.
    columns: List["QueryColumn"]


class QueryTables(TypedDict):
    """The tables that the caller may ask."""

    # One per deployment; beside them there is `decisions` with the decisions of all, in the columns
    # that all have.
    tables: List["QueryTable"]


class Reason(TypedDict):
    """A reason."""

    # Its code.
    code: str

    # It in a sentence.
    sentence: str

    # Its contribution in margin units; not for subjects.
    contribution: NotRequired[Optional[float]]


class Receipt(TypedDict):
    """A proof that a decision is in the ledger, for whoever holds the log's public key. Binary
    parts are in base64 (RFC 4648 §4).
    """

    # `plimsoll-receipt 1`.
    format: str

    # The entry's index, the inclusion proof and the signed checkpoint, as a C2SP tlog-proof.
    proof: str

    # The entry: the canonical CBOR of the leaf.
    leaf: str

    # The sealed body that the leaf commits to, for those who may read it.
    sealed: NotRequired[Optional[str]]

    # The key that opens this body and no other; none if it was erased.
    record_key: NotRequired[Optional[str]]


class RegisteredModel(TypedDict):
    """A registered model: a named family of versions."""

    # Its id.
    id: ModelId

    # Its name.
    name: Name

    # Who answers for it.
    owner: str

    # What it is for.
    description: NotRequired[Optional[str]]

    # The number of its newest version; 0 if it has none.
    latest_version: int

    # When it was registered.
    created_at: str


class RegisteredModelPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["RegisteredModel"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class ReleaseVersion(TypedDict):
    """Lets a version answer."""

    # The number of the version.
    version: int


class ReleasedVersion(TypedDict):
    """The version that answers."""

    # Its number.
    number: int

    # The digest of its manifest.
    digest: Digest

    # Who released it.
    released_by: PrincipalId

    # When.
    released_at: str


class Replay(TypedDict):
    """A decision computed again from its record, on the version that answered it."""

    # The decision.
    decision: DecisionId

    # What came of it.
    result: ReplayResult

    # The digest of the version's manifest.
    model: NotRequired[Optional["Digest"]]

    # The digest of the model file that was loaded and checked.
    artifact: NotRequired[Optional["Digest"]]

    # Numbers compared.
    values: int

    # Numbers that differ.
    differing: int

    # The first rows that differ, at most 100.
    differences: List["ReplayDifference"]


class ReplayDifference(TypedDict):
    """A row that came out otherwise."""

    # The row, from 0.
    row: int

    # What is on record.
    recorded: List[float]

    # What came out; null where it is no number.
    computed: List[float]


class ReplayWindow(TypedDict):
    """Computes a window of a deployment's decisions again, on another version. One request looks
    at a part of the window; `next_cursor` leads to the next.
    """

    # The registered model of the candidate; the deployment's unless told.
    model: NotRequired[Optional["Name"]]

    # The number of the candidate version.
    version: int

    # Only decisions accepted at or after this time.
    since: NotRequired[Optional[str]]

    # Only decisions accepted before this time; now unless told.
    until: NotRequired[Optional[str]]

    # How one output becomes a decision: at or above this number is yes. Several outputs decide by
    # the largest; one output without a threshold changes with any bit.
    threshold: NotRequired[Optional[float]]

    # The `next_cursor` of the answer before.
    cursor: NotRequired[Optional[int]]


class ReplayedWindow(TypedDict):
    """A part of a window, computed again. Counts and sums add up over the parts."""

    # Decisions computed again.
    decisions: int

    # Their rows.
    rows: int

    # Rows whose numbers came out to the bit.
    equal_rows: int

    # Rows that would have been decided otherwise.
    changed_rows: int

    # Decisions with such a row.
    changed_decisions: int

    # Decisions of the window that no model answered.
    not_answered: int

    # Decisions whose keys were erased.
    erased: int

    # Decisions whose contract the candidate does not fit.
    misfits: int

    # Sum of the first output of every row, as recorded.
    sum_before: float

    # Sum of the first output of every row, as it came out.
    sum_after: float

    # Sum over rows of the largest distance of an output.
    sum_distance: float

    # The largest distance of an output.
    max_distance: float

    # Rows whose outputs cannot be compared: another number of them, or not finite.
    incomparable_rows: int

    # The rows that moved most, at most 20.
    most_changed: List["MovedRow"]

    # Records of the ledger looked at.
    scanned: int

    # Records of the ledger in the window that are still to be looked at, about.
    left: int

    # Where the window goes on; absent at its end.
    next_cursor: NotRequired[Optional[int]]


class ReportedFeature(TypedDict):
    """A feature in detail. `values` and `contributions` go together and stand in the order of
    the values, so that they do not tell which values one row has.
    """

    # The feature.
    name: str

    # Mean size of its contributions over all rows.
    mean_abs: float

    # Mean change of the margin when its values are dealt out to the rows anew.
    permutation: float

    # Its value in each row of the sample; null where it is missing.
    values: List[Optional[float]]

    # Its contribution there.
    contributions: List[float]

    # The margin, if every row had the same value.
    partial_dependence: PartialDependence


class RequestInput(TypedDict):
    """An input tensor."""

    # The field's name.
    name: str

    # Its shape: `[rows]`, `[rows, 1]`.
    shape: List[int]

    # Its datatype: `FP64`, `INT64`, `BOOL`, `BYTES`.
    datatype: str

    # Parameters of the tensor.
    parameters: NotRequired[Optional[Dict[str, Any]]]

    # The values, row-major, flat or nested; null where the contract allows it.
    data: List[Any]


class RequestOutput(TypedDict):
    """An output that is wanted."""

    # Its name.
    name: str

    # Parameters of the output.
    parameters: NotRequired[Optional[Dict[str, Any]]]


class ResponseOutput(TypedDict):
    """An output tensor."""

    # Its name.
    name: str

    # Its shape.
    shape: List[int]

    # Its datatype.
    datatype: str

    # Parameters of the output.
    parameters: NotRequired[Optional[Dict[str, Any]]]

    # The values, row-major, flat.
    data: List[Any]


ResumeSink = TypedDict("ResumeSink", {"from": "NotRequired[Optional[int]]"})


class Review(TypedDict):
    """Which of a deployment's answers a person looks at."""

    # Which of them.
    mode: ReviewMode

    # For `sampled`: the share, above 0 and at most 1.
    share: NotRequired[Optional[float]]


class ReviewCase(TypedDict):
    """A decision that a person looks at, or has looked at."""

    # The decision.
    decision: DecisionSummary

    # Why a person looks at it.
    why: ReviewWhy

    # Where it stands.
    state: ReviewState

    # When it was last contested.
    contested_at: NotRequired[Optional[str]]

    # When it was last reviewed.
    reviewed_at: NotRequired[Optional[str]]

    # Who reviewed it last, if there still is a name.
    reviewer_name: NotRequired[Optional[str]]


class ReviewCasePage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["ReviewCase"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class ReviewDecision(TypedDict):
    """Accepts or overrides a decision."""

    # `accepted` or `overridden`.
    verdict: Verdict

    # Why; needed to override.
    reason: NotRequired[Optional[str]]

    # The outcome that takes the place of the model's: as many numbers, in the same order.
    outputs: NotRequired[Optional[List[float]]]


class ReviewHistory(TypedDict):
    """A case with what was said, oldest first, for those who may read the decision's body."""

    # The case.
    case: ReviewCase

    # What was said; absent for who may not read the decision's body.
    said: NotRequired[Optional[List["ReviewRecord"]]]


class ReviewRecord(TypedDict):
    """What one person said about a decision."""

    # The id of the record.
    id: EventId

    # Its index in the ledger.
    index: int

    # When.
    time: str

    # What they said.
    verdict: Verdict

    # Who said it, or passed it on.
    principal: PrincipalId

    # That principal's name, if there still is one.
    principal_name: NotRequired[Optional[str]]

    # Why.
    reason: str

    # The outcome before.
    before: List[float]

    # The outcome after, if it is another.
    after: NotRequired[Optional[List[float]]]


class ReviewSummary(TypedDict):
    """How much people looked at, and what it changed."""

    # One per deployment that the caller may see decisions of.
    deployments: List["DeploymentReviews"]


class RotateKey(TypedDict):
    """Replaces an API key by a new one."""

    # How long the old key keeps working, in seconds; at most 30 days. 0 unless told.
    overlap_seconds: NotRequired[int]


class ScanFacts(TypedDict):
    """What a scan that found nothing looked at."""

    # Files, and members of archives among them.
    looked_at: int

    # Bytes of them, unpacked.
    bytes: int

    # The scanner's version.
    scanner: str


class ServerLive(TypedDict):
    """`GET /v2/health/live`."""

    # Whether the server is alive.
    live: bool


class ServerMetadata(TypedDict):
    """`GET /v2`."""

    # `plimsoll`.
    name: str

    # The version of the binary.
    version: str

    # Extensions of the protocol; none.
    extensions: List[str]


class ServerReady(TypedDict):
    """`GET /v2/health/ready`."""

    # Whether the server can answer.
    ready: bool


class Session(TypedDict):
    """Who is signed in, and what they may do."""

    # The name of the principal.
    name: str

    # What it is trusted with.
    roles: List["Role"]

    # The actions that policy may permit it on something; what is not here, it may do nowhere.
    actions: List[str]

    # Whether this is a server for trying things, where nobody signs in.
    dev: bool

    # Must be sent as `plimsoll-csrf` with everything that changes something. None where no session
    # is needed.
    csrf: NotRequired[Optional[str]]

    # When the session ends at the latest.
    ends_at: NotRequired[Optional[str]]


class SetLimit(TypedDict):
    """Sets a limit, in place of the one before."""

    # `everyone` (each principal that has none of its own), `principal:NAME` or `deployment:NAME`.
    of: str

    # What may be used.
    limit: Limit


class SignIn(TypedDict):
    """Signs a browser in."""

    # An API key. It is kept in memory for as long as the session lasts, and nowhere else.
    key: str


class Signer(TypedDict):
    """Someone whose signature a version may carry."""

    # What the signer is called here.
    name: Name

    # The public key in PEM, of ECDSA over P-256 (also P-384, P-521).
    public_key: str


class Sink(TypedDict):
    """A sink, without its secret and without the path of its address, which may hold one."""

    # Its id.
    id: SinkId

    # Its name.
    name: Name

    # Scheme, host and port of its address.
    origin: str

    # How an event travels.
    format: SinkFormat

    # Which types of events.
    profile: SinkProfile

    # Whether decisions come with what was asked and answered.
    includes_body: bool

    # Only records of these kinds.
    kinds: NotRequired[Optional[List["Kind2"]]]

    # Only records of these deployments.
    deployments: NotRequired[Optional[List["Name"]]]

    # Whose rights decide what is sent.
    owner: PrincipalId

    # That principal's name, if there still is one.
    owner_name: NotRequired[Optional[str]]

    # Whether events are sent.
    state: SinkState

    # When it was added.
    created_at: str

    # How far it is.
    progress: SinkProgress


class SinkPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Sink"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class SinkProgress(TypedDict):
    """How far a sink is."""

    # The ledger index that comes next: every event before it was acknowledged or is none of this
    # sink's.
    next: int

    # Ledger entries from there to the end.
    lag_entries: int

    # Age of the record that comes next, in seconds; 0 if there is none.
    lag_seconds: int

    # Events that were acknowledged, ever.
    delivered: int

    # Attempts that failed since the server began.
    failures: int

    # Since when every attempt has failed.
    failing_since: NotRequired[Optional[str]]

    # Why the last attempt failed.
    reason: NotRequired[Optional[str]]

    # When it is tried again.
    retry_at: NotRequired[Optional[str]]


class SinkSecret(TypedDict):
    """A new sink with its secret, which is shown this once."""

    # What signatures are made with: `whsec_…`, as in Standard Webhooks.
    secret: str

    # Everything else about it.
    sink: Sink


class SinkStatus(TypedDict):
    """How a place that gets checkpoints stands."""

    # What it is.
    name: str

    # Entries that the latest checkpoint it took covers.
    size: int

    # When it took it.
    taken_at: NotRequired[Optional[str]]

    # Why its last attempt failed.
    failing: NotRequired[Optional[str]]


class SinkTest(TypedDict):
    """What came of a test event."""

    # Whether the receiver acknowledged it.
    delivered: bool

    # The HTTP status it answered with.
    status: NotRequired[Optional[int]]

    # Why it was not delivered.
    reason: NotRequired[Optional[str]]


class Status(TypedDict):
    """`GET /api/v1/status`."""

    # The version of the binary.
    version: str

    # Whether it runs with `--dev`.
    dev: bool

    # When this process started.
    started_at: str

    # The generation of the control state.
    state_generation: int

    # The generation of the serving snapshot in use.
    snapshot_generation: int

    # Its digest.
    snapshot: Digest

    # The digest of the policy set in force.
    policy: Digest

    # The ledger.
    ledger: LedgerStatus

    # Every live deployment.
    deployments: List["DeploymentStatus"]


class StoredContract(TypedDict):
    """A stored contract. Contracts are posted as their own document, in JSON or YAML."""

    # SHA-256 of its canonical JSON.
    digest: Digest

    # The id of the principal that stored it.
    author: PrincipalId

    # When it was stored.
    created_at: str

    # The document.
    contract: Contract


class StoredProfile(TypedDict):
    """A stored explain profile. Profiles are posted as their own document, in JSON or YAML."""

    # SHA-256 of its canonical JSON.
    digest: Digest

    # The id of the principal that stored it.
    author: PrincipalId

    # When it was stored.
    created_at: str

    # The document.
    profile: ExplainProfile


class SubjectExport(TypedDict):
    """A part of everything held about a subject."""

    # Decisions, opened, oldest first. Each one's receipt is at `/api/v1/decisions/{id}/receipt`.
    decisions: List["Decision"]

    # Other records.
    others: List["SubjectRecord"]

    # Where to go on; absent at the end of the ledger.
    next: NotRequired[Optional[int]]


class SubjectQuestion(TypedDict):
    """Asks about a subject."""

    # The subject, as requests name it.
    subject: str


class SubjectRecord(TypedDict):
    """A record about a subject that is no decision."""

    # What it is.
    kind: Kind2

    # Its index in the ledger.
    index: int

    # When it was recorded.
    time: str

    # Its body as recorded (CBOR, see docs/format/record.cddl), in hexadecimal.
    body: str


class SubjectSearch(TypedDict):
    """Asks for the decisions about a person."""

    # The person, as requests name them.
    subject: str

    # Only those of this deployment.
    deployment: NotRequired[Optional[str]]

    # Only those accepted at or after this time.
    since: NotRequired[Optional[str]]

    # Only those accepted before this time.
    until: NotRequired[Optional[str]]

    # At most this many, 1 to 1000; 100 unless told.
    limit: NotRequired[Optional[int]]


class SubjectStatus(TypedDict):
    """What is known about a subject, without its data."""

    # Whether it has a key, so that something may be held about it.
    is_known: bool

    # The hold that keeps it from being erased.
    hold: NotRequired[Optional["Hold"]]

    # Its erasures that are not final. Which one a final erasure was about is forgotten.
    erasures: List["Erasure"]


class TensorMetadata(TypedDict):
    """One input or output of a model."""

    # Its name.
    name: str

    # Its datatype: `FP64`, `BYTES`.
    datatype: str

    # Its shape; -1 where any size goes.
    shape: List[int]


class Trace(TypedDict):
    """Everything on record about how a decision came to be."""

    # The decision, with its body for those who may read it.
    decision: Decision

    # Which version answered in which part, and why that one.
    route: TracedRoute

    # The version and its files.
    model: NotRequired[Optional["TracedModel"]]

    # The input contract.
    contract: NotRequired[Optional["TracedContract"]]

    # The policy set that let the caller ask.
    policy: NotRequired[Optional["TracedPolicy"]]

    # The control events that put version, deployment, contract and policy in force, the release
    # that approved the version among them.
    changes: List["ControlEvent"]

    # Why it came out so, as it is on record, for those who may read the body.
    explanation: NotRequired[Optional["TracedExplanation"]]

    # Other records about the decision: its intent, an explanation, reviews.
    records: List["TracedRecord"]

    # Where the proof is.
    receipt: TracedReceipt


class TracedContract(TypedDict):
    """The input contract of a decision."""

    # Its digest.
    digest: Digest

    # Who stored it.
    author_name: NotRequired[Optional[str]]

    # When.
    created_at: NotRequired[Optional[str]]

    # Whether the deployment still has it.
    is_in_force: bool


class TracedExplanation(TypedDict):
    """Why a decision came out as it did: its first row, in the words for an engineer. For other
    readers, rows and languages there is `GET /api/v1/decisions/{id}/explanation`.
    """

    # Which record it is in.
    source: ExplanationSource

    # It, in words and figures.
    account: Account


class TracedModel(TypedDict):
    """A model version and where it comes from, as far as that is known."""

    # The registered model.
    name: Name

    # Who answers for it.
    owner: str

    # The number of the version.
    version: int

    # The digest of its manifest.
    manifest: Digest

    # Who made it.
    author: PrincipalId

    # That principal's name, if there still is one.
    author_name: NotRequired[Optional[str]]

    # When.
    created_at: str

    # Its files: the model, and what was exported with it.
    files: List["ManifestFile"]

    # What loading the model file told.
    facts: VersionFacts


class TracedPolicy(TypedDict):
    """The policy set of a decision."""

    # Its digest.
    digest: Digest

    # Whether it is still in force.
    is_in_force: bool


class TracedReceipt(TypedDict):
    """Where the proof of a decision is."""

    # The decision's index in the ledger.
    index: int

    # The hash of its leaf (RFC 6962).
    leaf_hash: Digest

    # Where the receipt is fetched.
    href: str


class TracedRecord(TypedDict):
    """Another record about the decision."""

    # Its index in the ledger.
    index: int

    # What it is.
    kind: Kind2

    # When it was made.
    time: str

    # What it says, in words.
    says: NotRequired[Optional[str]]


class TracedRoute(TypedDict):
    """Which version answered in which part, and why."""

    # The part.
    route: NotRequired[Optional["Route"]]

    # Why, in words.
    why: str


class UpdateDeployment(TypedDict):
    """Changes a deployment. Absent members stay as they are."""

    # The digest of a stored contract that the released version fits.
    contract: NotRequired[Optional["Digest"]]

    # Who answers for it.
    owner: NotRequired[Optional[str]]

    # When an answer may leave.
    mode: NotRequired[Optional["Mode"]]

    # When explanations are made.
    explain: NotRequired[Optional["Explain"]]

    # The digest of a stored explain profile; null takes it away.
    explain_profile: NotRequired[Optional["Digest"]]

    # The answer when the model cannot give one; null takes it away.
    fallback: NotRequired[Optional["Fallback"]]

    # How much of a refusal callers are told; null leaves it to the contract.
    error_detail: NotRequired[Optional["ErrorDetail"]]

    # The longest time from accepting a request to its reply, in milliseconds.
    deadline_ms: NotRequired[Optional[int]]

    # Requests in flight at once.
    max_in_flight: NotRequired[Optional[int]]

    # Days after which records are no longer kept, 183 or more; null keeps them for good.
    retention_days: NotRequired[Optional[int]]

    # Which answers a person looks at.
    review: NotRequired[Optional["Review"]]

    # Who may have signed what is released; none asks for no signature.
    signers: NotRequired[Optional[List["Signer"]]]


class UploadSession(TypedDict):
    """An upload under way."""

    # Its id.
    id: str

    # Bytes taken: where it goes on.
    offset: int

    # Bytes that will come.
    size: NotRequired[Optional[int]]

    # When it is removed if it has not ended.
    expires_at: str


class VersionFacts(TypedDict):
    """What loading a model file told."""

    # The format: `XGBoost JSON`, `XGBoost UBJSON`, `LightGBM text`, `scikit-learn JSON`, `ONNX`.
    format: str

    # The objective it was trained for.
    objective: str

    # Trees.
    trees: int

    # Features.
    features: int

    # Numbers per row in an answer.
    outputs: int

    # What the scan of its files looked at; it found nothing, or there would be no version. Absent
    # for versions from before scans.
    scan: NotRequired[Optional["ScanFacts"]]


# An API key (the id, never the secret).
ApiKeyId = str

# Who reads it.
Audience = Literal["subject", "officer", "engineer"]

# The format of a batch job's rows or result.
BatchFormat = Literal["csv", "parquet", "jsonl"]

# A batch job: a file of rows that a deployment scores.
BatchId = str

# Where a batch job stands.
BatchState = Literal["queued", "running", "done", "failed", "cancelled"]

# How a person can change a feature.
Change = Literal["fixed", "any", "up", "down"]

# How personal a field is.
Class = Literal["none", "personal", "sensitive"]

# A use of a dataset.
DatasetUse = Literal["read", "train", "export"]

# Joins a decision record with its outcome, explanation, review and receipt.
DecisionId = str

# A served use of a registered model.
DeploymentId = str

# A SHA-256 digest, shown as 64 lower-case hexadecimal digits.
Digest = str

# Where a deployment stands, and what a key may be limited to.
Environment = Literal["development", "staging", "production"]

# How far an erasure is.
ErasureState = Literal["pending", "final"]

# How much of a refusal a caller is told.
ErrorDetail = Literal["full", "field", "code"]

# A control event in the ledger.
EventId = str

# When explanations of a deployment's answers are made.
Explain = Literal["off", "deferred", "inline"]

# How the contributions of an explanation were computed.
ExplainMethod = Literal["tree_path", "tree_interventional", "linear", "kernel", "permutation", "lime"]

# Where an explanation comes from.
ExplanationSource = Literal["inline", "deferred", "computed"]

# What a file of a model version is.
FileRole = Literal["model", "background", "contract", "metadata", "other"]

# One gateway process over its lifetime in one data folder.
GatewayId = str

# What the values of a field are.
Kind = Literal["number", "integer", "boolean", "category", "string", "timestamp", "tensor"]

# What a record is about. The numbers of kinds that have no code yet are reserved.
Kind2 = Literal["intent", "decision", "control_event", "refusal_tally", "gap", "heartbeat", "outcome", "review", "explanation", "finding"]

# When a deployment's answer may leave.
Mode = Literal["strict", "durable", "bounded"]

# A registered model: a named family of versions.
ModelId = str

# A name: 1 to 63 of `a-z 0-9 - _ .`, beginning and ending with a letter or digit. The small
# alphabet keeps names safe in paths, URLs, metrics labels and logs.
Name = str

# What became of a decision that was reported.
ObservedState = Literal["recorded", "broken", "known", "waiting", "malformed"]

# What happens to a request whose value breaks a rule on range, values, length, pattern or null.
# Values of another kind, and missing fields, are refused whatever this says.
OnViolation = Literal["refuse", "flag", "clamp"]

# Where a decision was made, if not here. Absent from decisions that were made here.
Origin = Literal["unverified"]

# The phases of an inference request, in order. The same words name functions, spans, metrics and
# the sections of `docs/life-of-a-request.md`.
Phase = Literal["accept", "authenticate", "resolve", "admit", "authorize", "validate", "plan", "predict", "guard", "explain", "record", "respond"]

# A person or service that acts.
PrincipalId = str

# A person or a program.
PrincipalKind = Literal["user", "service"]

# The protocol that a request for a decision came by, whose shapes its answer has.
Protocol = Literal["oip", "grpc", "predict", "explain", "invocations"]

# The form of an answer.
QueryFormat = Literal["json", "csv", "parquet"]

# Why a request was refused or failed. A closed set: it labels metrics and records, and callers may
# program against it.
RefusalCode = Literal["body_too_large", "unsupported_media_type", "unsupported_encoding", "decompression_limit", "malformed_request", "deadline_exceeded", "draining", "not_found", "method_not_allowed", "ungoverned_change", "body_timeout", "unauthenticated", "key_expired", "key_revoked", "unknown_deployment", "version_not_served", "not_ready", "forbidden", "wrong_environment", "observe_only", "rate_limited", "overloaded", "ledger_unavailable", "idempotency_in_flight", "idempotency_mismatch", "idempotency_invalid", "malformed_json", "nesting_too_deep", "duplicate_key", "invalid_utf8", "bare_nan", "integer_unsafe", "malformed_envelope", "shape_mismatch", "datatype_mismatch", "too_many_rows", "unknown_field", "missing_field", "duplicate_field", "null_not_allowed", "wrong_kind", "out_of_range", "not_allowed_value", "too_long", "pattern_mismatch", "invalid_timestamp", "missing_mapping", "model_failed", "output_rejected", "internal", "explanation_failed", "upstream_unavailable", "upstream_failed"]

# What came of computing a decision again.
ReplayResult = Literal["bit_equal", "different", "not_answered"]

# How an inference request ended.
ResultClass = Literal["answered", "refused", "failed", "timed_out", "abandoned", "replayed", "held"]

# Which of a deployment's answers a person looks at.
ReviewMode = Literal["off", "sampled", "held"]

# Where a review stands.
ReviewState = Literal["waiting", "accepted", "overridden"]

# Why a person looks at a decision.
ReviewWhy = Literal["held", "sampled", "contested", "chosen"]

# What a principal may be trusted with.
Role = Literal["caller", "data-scientist", "ml-engineer", "approver", "reviewer", "auditor", "dpo", "admin"]

# In which part a model version took the request.
Route = Literal["primary", "canary", "shadow", "fallback", "arm"]

# A side of a limit.
Side = Literal["above", "below"]

# How an event travels to a sink (CloudEvents HTTP binding).
SinkFormat = Literal["structured", "binary", "batch"]

# A receiver of events that follow the ledger.
SinkId = str

# Which types of events a sink is sent.
SinkProfile = Literal["plimsoll", "kserve"]

# Whether a sink is sent events.
SinkState = Literal["active", "paused"]

# Where a control event stands.
Stage = Literal["intent", "completed", "failed", "denied"]

# An organisation whose data is kept apart from the others'.
TenantId = str

# The risk tier of a deployment.
Tier = Literal["unassessed"]

# What a person says about a decision.
Verdict = Literal["accepted", "overridden", "contested"]
