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


class AcknowledgeFinding(TypedDict):
    """Says that somebody sees to a finding."""

    # What was seen so far.
    note: NotRequired[Optional[str]]


class AdoptVersion(TypedDict):
    """Makes a version of the catalogue one that deployments may use."""

    # Which of its files is the model; found out unless told.
    file: NotRequired[Optional[str]]


class Age(TypedDict):
    """The age of something that is not to grow too old."""

    # Of what.
    of: str

    # Days.
    days: float

    # How old it may be.
    limit_days: NotRequired[Optional[float]]

    # Whether it is older.
    is_stale: bool


class AlertAgain(TypedDict):
    """An alert that is tried again."""

    # The alert.
    id: AlertId


class AlertRoute(TypedDict):
    """Somebody who is told of findings, without key and without the path of the address."""

    # Its id.
    id: AlertRouteId

    # Its name.
    name: Name

    # In which shape it is told.
    shape: AlertShape

    # Scheme, host and port of its address; or its mailboxes.
    origin: str

    # Only of these deployments.
    deployments: NotRequired[Optional[List["Name"]]]

    # Only of these kinds.
    kinds: NotRequired[Optional[List["FindingKind"]]]

    # The mildest that is told.
    severity: FindingSeverity

    # Who added it.
    created_by: PrincipalId

    # When.
    created_at: str


class AlertRoutePage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["AlertRoute"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class AlertRouteSecret(TypedDict):
    """A new route, with the secret of its signatures if it has one; that is shown this once."""

    # What signatures are made with: `whsec_…`, as in Standard Webhooks.
    secret: NotRequired[Optional[str]]

    # Everything else about it.
    route: AlertRoute


class AlertTest(TypedDict):
    """What came of a test."""

    # Whether the receiver took it.
    delivered: bool

    # Why it did not.
    reason: NotRequired[Optional[str]]


class Alerting(TypedDict):
    """How a deployment's findings are told of. What is left out is as it is unless told."""

    # Alerts below `critical` in 30 days, 0 to 1000; 1 unless told. What is over it waits, and is
    # told together with the next.
    budget: NotRequired[Optional[int]]

    # Days until a finding of this severity is due, 1 to 365; 1, 14 and 30 from `critical` down
    # unless told.
    due_days: NotRequired[Dict[str, int]]

    # What to do about findings of this kind: a link.
    runbooks: NotRequired[Dict[str, str]]


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


class ApprovalChallenge(TypedDict):
    """What an approver signs to prove, now, who they are."""

    # Its record.
    id: GovernanceId

    # The text to sign.
    text: str

    # Until when it can be used, once.
    expires_at: str


class ApprovalKey(TypedDict):
    """A key that approvals are signed with."""

    # Its record.
    id: GovernanceId

    # The principal whose key it is.
    principal: PrincipalId

    # The public key, 64 hexadecimal digits.
    public_key: str

    # When it was registered.
    at: str


class ApprovalKeyPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["ApprovalKey"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class ApproveRelease(TypedDict):
    """An approval: signed by the approver's own key, over what `plimsoll gate approve` shows."""

    # The number of the version.
    version: int

    # Under this contract in place of the deployment's own: consent to a change of it.
    contract: NotRequired[Optional["Digest"]]

    # The digest of its artifact.
    artifact: Digest

    # The digest of the gate result that is consented to.
    gate: Digest

    # When, in microseconds since 1970: after the challenge, and not in the future.
    at_us: int

    # The signature over the approval's text, 128 hexadecimal digits.
    signature: str

    # The challenge.
    challenge: GovernanceId

    # The signature over the challenge's text, 128 hexadecimal digits.
    challenge_signature: str


class ArchiveVersion(TypedDict):
    """Archives a model version."""

    # Why.
    reason: str


class Artifact(TypedDict):
    """A stored artifact."""

    # SHA-256 of its bytes.
    digest: Digest

    # Its length in bytes.
    size: int


class AssessmentPreview(TypedDict):
    """What facts would lead to today; nothing of it is kept."""

    # As `plimsoll assess --json` prints it.
    assessment: Any


class AssignFinding(TypedDict):
    """Gives a finding to somebody."""

    # To whom: a principal's name, a team, a mailbox.
    to: str


class Attest(TypedDict):
    """States what only a person can know, signed by a key of their own."""

    # The demand that it answers, such as `RSK-01`.
    demand: str

    # The number of the version, of a demand that is about one.
    version: NotRequired[Optional[int]]

    # What is stated.
    says: str

    # The SHA-256 of the document that it rests on.
    evidence: NotRequired[Optional["Digest"]]

    # Of a change (`CHG-01`): whether it is significant.
    significant: NotRequired[Optional[bool]]

    # Until when it counts.
    until: str

    # When, in microseconds since 1970: after the challenge, and not in the future.
    at_us: int

    # The signature over the attestation's text, 128 hexadecimal digits.
    signature: str

    # The challenge.
    challenge: GovernanceId

    # The signature over the challenge's text, 128 hexadecimal digits.
    challenge_signature: str


class AttestableDemand(TypedDict):
    """A demand that people may answer, and how."""

    # The demand.
    demand: str

    # What is stated.
    states: str

    # Who may: anybody with one of these roles.
    roles: List[str]

    # For how many days at most, at the tier of the use.
    days: int

    # Whether it is about one version.
    of_version: bool

    # Whether a document has to be named.
    needs_evidence: bool


class Attestation(TypedDict):
    """What a person stated."""

    # Its record.
    id: GovernanceId

    # The demand that it answers.
    demand: str

    # The artifact that it is about, if it is about one.
    artifact: NotRequired[Optional["Digest"]]

    # What is stated.
    says: str

    # The SHA-256 of the document that it rests on.
    evidence: NotRequired[Optional["Digest"]]

    # Of a change: whether it is significant.
    significant: NotRequired[Optional[bool]]

    # Who states it.
    by: str

    # When.
    at: str

    # Until when it counts.
    until: str

    # Who took it back, if somebody did.
    ended_by: NotRequired[Optional[str]]


class Attestations(TypedDict):
    """What people stated of a deployment, newest first, and what they may state."""

    # What they stated.
    items: List["Attestation"]

    # What they may.
    may: List["AttestableDemand"]


class Backfill(TypedDict):
    """How far a recount is."""

    # Ledger entries that were looked at.
    done: int

    # Ledger entries to look at.
    all: int

    # Whether it is over.
    is_over: bool

    # Why it failed, if it did.
    error: NotRequired[Optional[str]]


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


class Because(TypedDict):
    """Why something is done, for those who read the event."""

    # The reason; at most 2,000 characters.
    reason: NotRequired[Optional[str]]


class BreakGlass(TypedDict):
    """Breaks the glass: a version may be released past its gate for a while."""

    # Why.
    reason: str

    # Until when, at most 72 hours.
    until: str


BrokenGlass = TypedDict("BrokenGlass", {"id": "GovernanceId", "by": "str", "reason": "str", "from": "str", "until": "str", "reviewed_by": "NotRequired[Optional[str]]"})


class BrokenGlassPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["BrokenGlass"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class CancelRetrain(TypedDict):
    """Ends a retraining."""

    # Why.
    reason: str


class CardOfVersion(TypedDict):
    """A model version's card, and its place in life."""

    # The registered model.
    model: Name

    # The version's number.
    number: int

    # What is said.
    card: VersionCard

    # How often something was said; 0 if nothing was.
    revision: int

    # Who said the last of it.
    changed_by: NotRequired[Optional[str]]

    # When.
    changed_at: NotRequired[Optional[str]]

    # Why it is archived, if it is: no deployment gets it any more.
    archived: NotRequired[Optional[str]]

    # Why it must be kept, if it is under a legal hold.
    hold: NotRequired[Optional[str]]

    # Deployments that it was ever released into.
    deployments: NotRequired[List[str]]

    # Whether it has a signature, `model.sig`. A deployment that names signers verifies it.
    is_signed: bool


class ChangeWindow(TypedDict):
    """When versions may be released, in UTC."""

    # On these days …
    days: List["Weekday"]

    # … from this minute of the day …
    from_minute: int

    # … to before this one, at most 1440.
    until_minute: int


class ColumnTest(TypedDict):
    """A test of a column: the one that was chosen for it, else what Evidently takes by default
    for a column of this type and size.
    """

    # Its name and unit.
    name: str

    # What came out.
    value: float

    # Its limit: a p-value is beyond it below, a distance at it or above.
    limit: float

    # Whether it is beyond.
    is_beyond: bool


class ConcludeExperiment(TypedDict):
    """The end of an experiment."""

    # The arm whose version answers everybody from now on; without it, the control goes on.
    ship: NotRequired[Optional[str]]

    # Why.
    reason: str


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


class ContractDraft(TypedDict):
    """A first contract of a model version, made of the signature that MLflow stored with it."""

    # The registered model.
    model: str

    # The version's number.
    version: int

    # The contract, as far as the signature says it.
    contract: Contract

    # What a person must decide before the contract can be used.
    questions: List["DraftQuestion"]

    # The contract as YAML, with each question as a comment before the field it is about.
    yaml: str


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


class CreateAlertRoute(TypedDict):
    """Adds somebody who is told of findings."""

    # Its name, unique.
    name: Name

    # In which shape it is told.
    shape: AlertShape

    # Where to: an address of https, or mailboxes with commas between (`mail`). `pagerduty` goes to
    # PagerDuty's own unless told.
    to: NotRequired[Optional[str]]

    # The integration's routing key (`pagerduty`). It is sealed, and never shown again.
    key: NotRequired[Optional[str]]

    # Only of these deployments; of every one unless told.
    deployments: NotRequired[Optional[List["Name"]]]

    # Only of these kinds; of every kind unless told.
    kinds: NotRequired[Optional[List["FindingKind"]]]

    # The mildest that is told; `warning` unless told.
    severity: NotRequired[Optional["FindingSeverity"]]


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


class CreateOverride(TypedDict):
    """Lets a file pass that a scan blocked."""

    # The file.
    digest: Digest

    # Why.
    reason: str

    # Until when: at most 90 days from now.
    expires_at: str


class CreatePrincipal(TypedDict):
    """Makes a principal."""

    # Its name, unique.
    name: Name

    # A person or a program.
    kind: PrincipalKind

    # What it is trusted with.
    roles: List["Role"]


class CreateSilence(TypedDict):
    """Makes a time in which nobody is told of some findings. They are recorded all the same, and
    told together when it ends.
    """

    # Of this deployment; every one unless told, which takes leave to change the server's.
    deployment: NotRequired[Optional["Name"]]

    # Of this kind; every kind unless told. `security` is silenced by its name only.
    kind: NotRequired[Optional["FindingKind"]]

    # The worst that is silenced; `warning` unless told.
    severity: NotRequired[Optional["FindingSeverity"]]

    # When it begins; now unless told.
    starts_at: NotRequired[Optional[str]]

    # When it ends; at most 30 days after its begin.
    ends_at: str

    # After how many hours it comes again: 24 for each day, 168 for each week.
    every_hours: NotRequired[Optional[int]]

    # After when it begins no more.
    last_at: NotRequired[Optional[str]]

    # Why.
    reason: str


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


class DecisionOutcomes(TypedDict):
    """The outcomes of a decision."""

    # How many are on record, readable or not.
    count: int

    # Those that can be read, oldest first.
    outcomes: List["Outcome"]

    # Why others cannot be read.
    withheld: NotRequired[Optional[str]]


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


class DeclaredOutcomes(TypedDict):
    """Where the truth about decisions comes from."""

    # What tells how a decision turned out.
    source: NotRequired[str]

    # Days until it is known.
    delay_days: NotRequired[int]

    # What stands in its place, where the truth never comes.
    proxy: NotRequired[str]


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

    # Rules that send requests to a version by a header or a context attribute.
    routes: NotRequired[List[str]]

    # The version that answers.
    released: NotRequired[Optional["ReleasedVersion"]]

    # Whether it answers now.
    is_ready: bool

    # Why it does not.
    not_ready_reason: NotRequired[Optional[str]]

    # Whether a person switched its models off, so that the fallback alone answers.
    killed: NotRequired[bool]

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


class DraftQuestion(TypedDict):
    """What a signature does not know of a feature."""

    # Where in the contract, such as `features[0]`.
    path: str

    # What to decide.
    question: str


DriftExplained = TypedDict("DriftExplained", {"version": "int", "from": "str", "until": "str", "by": "DriftBy", "score": "NotRequired[Optional['ScoreChange']]", "columns": "List['DriftPart']", "slices": "List['DriftSlice']", "text": "str"})


class DriftPart(TypedDict):
    """A field's part in a change of the score."""

    # The field.
    column: str

    # How far it is from the reference, 0 to 1.
    distance: float

    # How much of it is put up with.
    tolerance: float

    # Whether it was told that it has moved.
    is_told: bool

    # The change of its mean contribution, in units of the margin.
    contribution: NotRequired[Optional[float]]

    # Its share of all parts' sizes, 0 to 1.
    share: float


class DriftSlice(TypedDict):
    """A slice's part in a change of the score."""

    # The part of the population.
    slice: str

    # Its share of the rows, 0 to 1.
    rows: float

    # How far the score has moved in it, 0 to 1.
    distance: float

    # How far the score has moved overall.
    overall: float


class DrillRollback(TypedDict):
    """How long a drill tries."""

    # The requests that go the way that is then closed, at least; 1 unless told.
    requests: NotRequired[Optional[int]]


Edge = TypedDict("Edge", {"from": "NodeId", "to": "NodeId", "kind": "EdgeKind"})


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


class EstimatedMetric(TypedDict):
    """A measure as it is estimated before outcomes."""

    # Its name.
    name: str

    # Its estimate.
    value: float

    # The standard error from so many rows being few.
    sampling_error: float

    # Below this it is lower than it ever was by chance.
    lower_threshold: float

    # Above this it is higher.
    upper_threshold: float


class Experiment(TypedDict):
    """An experiment and where it stands."""

    # Its id, which records of its requests name as the key of their assignment.
    id: ExperimentId

    # The deployment.
    deployment: Name

    # Where it stands.
    phase: ExperimentPhase

    # What was declared.
    definition: StartExperiment

    # The arms that were stopped.
    stopped: List["StoppedArm"]

    # Who started it.
    started_by: PrincipalId

    # When.
    started_at: str

    # When it ended.
    ended_at: NotRequired[Optional[str]]

    # What happened to it, oldest first; not in lists.
    history: NotRequired[List["RolloutChange"]]


class ExperimentArm(TypedDict):
    """A version that answers a share of the traffic."""

    # What it is called.
    name: str

    # The number of the version.
    version: int

    # The percentage of units that get it, to a hundredth. What no arm gets takes no part.
    percent: float


class ExperimentMetric(TypedDict):
    """What arms are compared by."""

    # What it is called; the name of the values that are posted for it.
    name: str

    # Where its number comes from.
    kind: MetricKind

    # What it is for; `secondary` unless told.
    role: NotRequired[Optional["MetricRole"]]

    # Which way it is better; `increase` unless told.
    goal: NotRequired[Optional["MetricGoal"]]

    # Of an outcome: which one; `outcome` unless told.
    outcome: NotRequired[Optional[str]]

    # Of an outcome: the class that counts as 1, all others as 0. Without it, numbers count as they
    # are, and `1`, `true` and `yes` as 1.
    positive: NotRequired[Optional[str]]

    # A number of the request that was so before the unit was assigned; what it explains is taken
    # out (CUPED).
    covariate: NotRequired[Optional[str]]

    # The least that it can be, with `most`: then intervals hold for any number of units, and are
    # wider.
    least: NotRequired[Optional[float]]

    # The greatest that it can be.
    most: NotRequired[Optional[float]]

    # Seconds from an answer until its number is known for good; younger answers do not count yet. 0
    # unless told.
    settles_after_seconds: NotRequired[Optional[int]]

    # Of a guardrail: how much worse is put up with. An arm whose whole interval is worse than that
    # is stopped. 0 unless told.
    margin: NotRequired[Optional[float]]


class ExperimentPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Experiment"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class ExperimentReport(TypedDict):
    """What may be said of an experiment now. It may be looked at always."""

    # The experiment.
    experiment: ExperimentId

    # As of when.
    at: str

    # The place in the ledger up to which records were read.
    read_to: int

    # Whether all were read; else ask again, and reading goes on.
    is_complete: bool

    # The arms, the control first.
    arms: List["ReportedArm"]

    # How units are split among the arms.
    splits: List["ReportedSplit"]

    # What each metric says.
    metrics: List["ReportedMetric"]

    # What the numbers suggest; a person decides.
    advice: ExperimentAdvice

    # Of which arm.
    leader: NotRequired[Optional[str]]

    # Records whose arm is not the one that their unit is assigned by the key: 0, or something is
    # wrong.
    misassigned: int

    # Units beyond the first million, which count in splits alone.
    left_out: int

    # How the primary metric's intervals went while records came in, oldest first: what a report at
    # that place of the ledger would have said. The last is what this one says.
    trail: NotRequired[List["ReportedPoint"]]


class ExperimentValue(TypedDict):
    """What a decision of an experiment was worth."""

    # The decision.
    decision: DecisionId

    # The metric.
    metric: str

    # The number.
    value: float

    # The system it comes from; the caller's id as a principal unless told.
    source: NotRequired[Optional[str]]

    # The source's own id of it: the same one is recorded once.
    id: NotRequired[Optional[str]]


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


class FactQuestion(TypedDict):
    """A question that states one fact."""

    # The fact's name.
    fact: str

    # The question.
    asks: str

    # What the answer may be: `yes_no`, `one`, `any`, `share` (two counts) or `day`.
    answer: str

    # Of `one` and `any`: the words.
    words: NotRequired[List[str]]


class FairnessComparison(TypedDict):
    """How groups by one attribute, or by several together, compare."""

    # The attributes.
    by: List[str]

    # The groups.
    groups: List["FairnessGroup"]

    # How far those that are not small are apart; an interval is of the two that are furthest.
    metrics: List["PerformanceMetric"]


class FairnessGroup(TypedDict):
    """A group of people."""

    # The values of its attributes, with ` & ` between.
    name: str

    # Answers to it; of a small group not said.
    answers: NotRequired[Optional[int]]

    # Answers whose outcome is known.
    known: NotRequired[Optional[int]]

    # The share that was answered with yes.
    selection_rate: NotRequired[Optional["Rate"]]

    # Of those to be said yes to, the share that was.
    true_positive_rate: NotRequired[Optional["Rate"]]

    # Of those to be said no to, the share said yes to.
    false_positive_rate: NotRequired[Optional["Rate"]]

    # How far probabilities are from what happens to this group.
    calibration_error: NotRequired[Optional[float]]

    # Whether it is too small to be looked at: its rates would be luck, and point to persons.
    is_small: bool


FairnessReport = TypedDict("FairnessReport", {"deployment": "str", "from": "str", "to": "str", "least": "int", "is_cut": "bool", "comparisons": "List['FairnessComparison']"})


class Fallback(TypedDict):
    """What is answered when the model cannot give an answer: the version before if that is
    declared and can, then the first rule that holds for a row, then the answer for the rest.
    Where none of them is declared, the request is refused.
    """

    # One number per output value of a row, the same for every row.
    outputs: NotRequired[List[float]]

    # Rules over features and context attributes, at most 32, the first that holds: `amount > 5000
    # -> 1`, `country = AT -> 0.2`, with = != < <= > >=. A field without a value holds for none.
    rules: NotRequired[List[str]]

    # Whether the version before is asked first: of one that is tried, the one that answers
    # everybody else; of that, the one that was released before it. It is kept loaded.
    previous: NotRequired[bool]


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


class Finding(TypedDict):
    """Something that is wrong with a deployment, however often it is seen."""

    # Its id.
    id: FindingId

    # Of which deployment.
    deployment: Name

    # That deployment's id.
    deployment_id: DeploymentId

    # What kind of thing is wrong.
    kind: FindingKind

    # How bad it is.
    severity: FindingSeverity

    # Where it stands.
    state: FindingState

    # What it is about: a feature, a metric, a guardrail.
    about: str

    # The part of the population; all of it if absent.
    slice: NotRequired[Optional[str]]

    # What was seen last, in one sentence.
    text: str

    # The numbers that decided; units are in the names.
    numbers: Dict[str, float]

    # The version it was last seen with.
    version: NotRequired[Optional[int]]

    # Who answers for the deployment.
    owner: str

    # Who sees to it.
    assignee: NotRequired[Optional[str]]

    # How often it was seen, ever.
    occurrences: int

    # How often it opened: once, and with each return.
    openings: int

    # When what it was seen in last began.
    since: str

    # And ended.
    until: str

    # When it opened, this time.
    opened_at: str

    # When it was last seen.
    seen_at: str

    # When it is to be seen to.
    due_at: str

    # Whether it is past that, and not resolved.
    is_overdue: bool

    # What to do about it.
    runbook: str

    # Nobody is told before.
    snoozed_until: NotRequired[Optional[str]]

    # Who acknowledged, snoozed or resolved it last.
    changed_by: NotRequired[Optional["PrincipalId"]]

    # That principal's name, if there still is one.
    changed_by_name: NotRequired[Optional[str]]

    # When.
    changed_at: NotRequired[Optional[str]]

    # Why.
    reason: NotRequired[Optional[str]]

    # Whether telling of it waits: for the budget, or for the end of a silence.
    is_held: bool


class FindingPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Finding"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class FinishUpload(TypedDict):
    """Ends an upload."""

    # The digest that all bytes must have.
    digest: NotRequired[Optional["Digest"]]


class GateCatalogue(TypedDict):
    """What may be asked of a release, and of whoever assesses one: the same on every server of a
    version.
    """

    # The demands.
    demands: List["GateDemand"]

    # The duties that demand them.
    duties: List["GateDuty"]

    # The facts, as questions.
    questions: List["FactQuestion"]


class GateDemand(TypedDict):
    """A demand of the catalogue."""

    # Which, such as `DOC-01`.
    id: str

    # What it asks.
    question: str

    # The lowest tier that demands it; absent if only a duty of its own does.
    tier: NotRequired[Optional[str]]

    # Whether a release waits for it.
    blocks: bool

    # Whether an exception may put it off.
    deferrable: bool


class GateDuty(TypedDict):
    """A duty of the catalogue."""

    # Which, such as `MONROLL`.
    id: str

    # When it applies.
    applies: str

    # Where it comes from.
    source: str

    # The demands that it makes.
    demands: List[str]


GateException = TypedDict("GateException", {"id": "GovernanceId", "check": "str", "owner": "str", "reason": "str", "compensating": "str", "requested_by": "str", "approved_by": "NotRequired[Optional[str]]", "from": "str", "until": "str", "objection": "NotRequired[Optional[str]]"})


class GateExceptionPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["GateException"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class GatePlan(TypedDict):
    """What a gate of a deployment looks at, and the thresholds, fixed before a run."""

    # What the deployment is for.
    purpose: NotRequired[str]

    # Who is called at night.
    on_call: NotRequired[str]

    # Whether it is declared that callers are refused when there is nothing to fall back to.
    fail_closed: NotRequired[bool]

    # When versions may be released; at any time unless told.
    window: NotRequired[Optional["ChangeWindow"]]

    # A decision is a yes from this value of the first output on; 0.5 unless told.
    threshold: NotRequired[Optional[float]]

    # By how much accuracy may be worse than the incumbent's; 0.01 unless told.
    margin: NotRequired[Optional[float]]

    # The area under the ROC curve that a first version has at least, with its interval.
    auroc_floor: NotRequired[Optional[float]]

    # The smallest ratio of the shares said yes to between groups; 0.8 unless told.
    parity_ratio: NotRequired[Optional[float]]

    # The largest difference of error rates between groups; 0.1 unless told.
    odds_difference: NotRequired[Optional[float]]

    # The time of a prediction at the 99th percentile, in microseconds; the deadline unless told.
    latency_us: NotRequired[Optional[int]]

    # The size of the model file, in bytes; 1 GiB unless told.
    model_bytes: NotRequired[Optional[int]]

    # Features that whoever is decided about can change; all unless told.
    mutable: NotRequired[List[str]]

    # Where the truth about decisions comes from.
    outcomes: NotRequired[Optional["DeclaredOutcomes"]]

    # What people do when the model gets worse, where no retraining is asked for by itself.
    on_breach: NotRequired[str]

    # The age that no version outlives, in days.
    max_age_days: NotRequired[Optional[int]]

    # Checks of the team's own.
    plugins: NotRequired[List["PluginCheck"]]


class GateRun(TypedDict):
    """A run of a gate."""

    # Its record.
    id: GovernanceId

    # The deployment.
    deployment: Name

    # The number of the version.
    version: int

    # What approvals are bound to: the digest of the gate result.
    digest: Digest

    # Whether it passed.
    is_passed: bool

    # The gate result, as `plimsoll gate judge --json` prints it.
    result: Any

    # Who ran it.
    by: PrincipalId

    # Their name.
    by_name: str

    # When.
    at: str


class GateRunPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["GateRun"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


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


class Graph(TypedDict):
    """A part of the graph around one thing."""

    # What was asked about.
    root: NodeId

    # The things, the root among them.
    nodes: List["Node"]

    # The steps between them.
    edges: List["Edge"]

    # Whether a bound left something out: depth, number of things, or decisions.
    is_cut: bool

    # Things that the asker may not see. They and what lies behind them are left out.
    withheld: int

    # Pass it back as `cursor` for earlier decisions.
    next_cursor: NotRequired[Optional[str]]


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


class LedgerTimeline(TypedDict):
    """What the ledger holds over time."""

    # The parts, oldest first.
    parts: List["TimelinePart"]

    # Records of all times.
    records: int

    # How many of them, from the first on, the latest checkpoint covers.
    published: int

    # How many of them the latest checkpoint that a witness signed covers.
    witnessed: int

    # Whether everything of that time was looked at. If not, the oldest is left out: its blocks are
    # not noted yet.
    is_whole: bool


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


class LivePhase(TypedDict):
    """What a phase took."""

    # The phase.
    phase: Phase

    # How many durations.
    count: int

    # Half took at most so long.
    p50: int

    # Of twenty, nineteen took at most so long.
    p95: int

    # Of a hundred, all but one.
    p99: int


class LiveRefusal(TypedDict):
    """Refusals of one kind."""

    # The phase that refused.
    phase: Phase

    # Why.
    code: RefusalCode

    # The field of the contract at fault, if one is.
    field: NotRequired[Optional[str]]

    # How many.
    count: int


class LiveScores(TypedDict):
    """A distribution in cells of equal width. Widths are powers of two, so that the
    distributions of two seconds can be added.
    """

    # Two to this power is the width of a cell.
    exponent: int

    # The first cell begins at this many widths.
    first: int

    # Numbers by cell.
    counts: List[int]


class LiveSecond(TypedDict):
    """What passed a deployment within a second. Sent as server-sent events (`data:` holds one)."""

    # The end of the second.
    time: str

    # Completions by version, route and result.
    traffic: List["LiveTraffic"]

    # Refusals by phase, reason and field.
    refusals: List["LiveRefusal"]

    # Time by phase, for the phases that took any.
    phases: List["LivePhase"]

    # From accept to the answer.
    total: NotRequired[Optional["LiveTimes"]]

    # What the model answered: of each row the only number, or the second of two. None if there were
    # none, or for those who may not read decisions.
    scores: NotRequired[Optional["LiveScores"]]


class LiveTimes(TypedDict):
    """Percentiles of durations in nanoseconds, each to within an eighth."""

    # How many durations.
    count: int

    # Half took at most so long.
    p50: int

    # Of twenty, nineteen took at most so long.
    p95: int

    # Of a hundred, all but one.
    p99: int


class LiveTraffic(TypedDict):
    """Completions of one kind."""

    # The number of the version; none where none was planned.
    version: NotRequired[Optional[int]]

    # In which part it took them.
    route: NotRequired[Optional["Route"]]

    # How they ended.
    result: ResultClass

    # How many.
    count: int


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


class MeasureLimit(TypedDict):
    """Limits of one measure."""

    # The measure, such as `accuracy`, `mae` or `disparate_impact`.
    metric: str

    # Its value must not be below this.
    least: NotRequired[Optional[float]]

    # Nor above this.
    most: NotRequired[Optional[float]]


class MeasuredShare(TypedDict):
    """A measured part of a posted whole."""

    # Interactions of the last 30 days that the deployment had part in: distinct ids of the
    # contract's `map.interaction`, and requests without one. Absent: too many to count, which is
    # all.
    part: NotRequired[Optional[int]]

    # All interactions with customers in the last 30 days, as posted.
    whole: int


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


class MonitoredColumn(TypedDict):
    """One column in one window."""

    # The field or output.
    name: str

    # The part of the population; all of it without.
    slice: NotRequired[Optional[str]]

    # What it is of.
    kind: MonitoredKind

    # Whether it holds categories.
    is_category: bool

    # Whether there were values enough; without, distances are 0 and say nothing.
    is_enough: bool

    # Values in each of the reference's cells, in its order; told where one column is asked for.
    cells: NotRequired[List[int]]

    # Values that were there.
    values: int

    # Share of values that were missing.
    missing: float

    # The reference's share.
    missing_reference: float

    # Share of values beyond the reference's range, or of no category that it knows.
    outside: float

    # The reference's share.
    outside_reference: float

    # The distance that decides: of numbers the largest difference of the distribution functions
    # (Kolmogorov–Smirnov), of categories the largest difference of a share. 0 to 1.
    distance: float

    # How much of it is put up with.
    tolerance: float

    # The population stability index over tenths of the reference, in nats.
    psi: float

    # The Jensen–Shannon distance, base 2, 0 to 1.
    jensen_shannon: float

    # The Hellinger distance, 0 to 1.
    hellinger: float

    # The Wasserstein distance in standard deviations of the reference.
    wasserstein_normed: NotRequired[Optional[float]]

    # The median, as near as the reference's cells tell it.
    median: NotRequired[Optional[float]]

    # The reference's.
    median_reference: NotRequired[Optional[float]]

    # About how many different values there were.
    distinct: NotRequired[Optional[float]]

    # The column's test, for people; what is told does not hang on it.
    test: NotRequired[Optional["ColumnTest"]]

    # How many to one the evidence is, over all windows, that it is further than is put up with.
    evidence: float

    # Windows in a row in which it was.
    drift_run: int

    # The same evidence of missing values and values outside.
    quality_evidence: float

    # Windows in a row in which there were more of them than is put up with.
    quality_run: int

    # What the evidence of one column alone has to reach within the budget of false alerts.
    evidence_needed: float

    # Whether there is evidence enough that it has moved, and has for as many windows as asked.
    is_drift_told: bool

    # The same of missing values and values outside.
    is_quality_told: bool


MonitoredWindow = TypedDict("MonitoredWindow", {"version": "int", "from": "str", "until": "str", "state": "WatchState", "requests": "int", "rows": "int", "flags": "int", "reasons": "Dict[str, int]", "latency_p50_us": "NotRequired[Optional[int]]", "latency_p99_us": "NotRequired[Optional[int]]", "outside": "float", "columns": "List['MonitoredColumn']"})


class MonitoredWindows(TypedDict):
    """Windows, the oldest first."""

    # The windows.
    items: List["MonitoredWindow"]

    # What the reference holds of the column that was asked for, of all and of each slice.
    reference: NotRequired[List["ReferenceCells"]]


class Monitoring(TypedDict):
    """How a deployment is watched, and how it stands."""

    # The deployment.
    deployment: str

    # The version that answers; none if none does.
    version: NotRequired[Optional[int]]

    # How it stands, by its last window that ended.
    state: WatchState

    # What its traffic is compared with.
    reference: NotRequired[Optional["MonitoringReference"]]

    # The window that is open, as far as it is known.
    open: NotRequired[Optional["MonitoredWindow"]]

    # The last window that ended.
    last: NotRequired[Optional["MonitoredWindow"]]

    # Decisions for which no version was planned (refused), by reason, in their open window.
    unplanned: Dict[str, int]

    # How old things are.
    ages: List["Age"]

    # What was said, the newest first.
    signals: List["MonitoringSignal"]

    # A recount that runs or ran.
    backfill: NotRequired[Optional["Backfill"]]


MonitoringReference = TypedDict("MonitoringReference", {"version": "int", "origin": "str", "digest": "Digest", "rows": "int", "refused": "int", "columns": "int", "made_at": "str", "from": "str", "window_seconds": "NotRequired[Optional[int]]", "window_rows": "NotRequired[Optional[int]]", "min_rows": "int", "tolerance": "float", "alerts_per_month": "float", "persistence": "int"})


class MonitoringSignal(TypedDict):
    """Something that a watch said."""

    # What kind of thing is wrong.
    kind: str

    # How bad it is.
    severity: str

    # What it is about.
    about: str

    # The part of the population; all of it without.
    slice: NotRequired[Optional[str]]

    # The version, where it is about one.
    version: NotRequired[Optional[int]]

    # When what it was seen in began.
    since: str

    # When what it was seen in ended.
    until: str

    # One sentence.
    text: str

    # The numbers that decided, by name.
    numbers: Dict[str, float]


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


class Node(TypedDict):
    """A thing."""

    # Which one.
    id: NodeId

    # What people call it.
    label: str

    # What is known of it: of a run the commit, environment, parameters, seed, machine.
    facts: NotRequired[Dict[str, Any]]


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


class Outcome(TypedDict):
    """An outcome as it is on record."""

    # Its id.
    id: OutcomeId

    # Its entry in the ledger.
    index: int

    # When it was recorded.
    recorded_at: str

    # Whether no later one corrects it.
    is_current: bool

    # The row of the decision's request.
    row: int

    # Which outcome of several.
    name: str

    # What it was.
    value: NotRequired[Optional["OutcomeValue"]]

    # How relevant a ranked item was.
    relevance: NotRequired[Optional[float]]

    # When it was so.
    observed_at: NotRequired[Optional[str]]

    # The system it comes from.
    source: str

    # The person or program that judged.
    annotator: NotRequired[Optional[str]]

    # Who told it.
    principal: PrincipalId

    # Their name, if there still is one.
    principal_name: NotRequired[Optional[str]]

    # The key they came with.
    key: NotRequired[Optional["ApiKeyId"]]

    # The source's own id of it.
    source_id: NotRequired[Optional[str]]

    # The outcome that it takes the place of.
    corrects: NotRequired[Optional["OutcomeId"]]

    # Why it was corrected.
    reason: NotRequired[Optional[str]]


class OutcomeItem(TypedDict):
    """What became of one of them."""

    # Its place in the request, from 0.
    place: int

    # What became of it.
    state: OutcomeState

    # The decision, where it is known.
    decision: NotRequired[Optional["DecisionId"]]

    # The outcome's id, by which it can be corrected.
    outcome: NotRequired[Optional["OutcomeId"]]

    # The word for why it was refused.
    code: NotRequired[Optional[str]]

    # Why it was refused.
    why: NotRequired[Optional[str]]


class OutcomesRecorded(TypedDict):
    """What became of them. What is recorded is durable."""

    # Recorded now.
    recorded: int

    # Recorded before.
    known: int

    # Refused, each with its reason.
    refused: int

    # Each, in the order of the request.
    items: List["OutcomeItem"]


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


class Performance(TypedDict):
    """How good a deployment's answers were."""

    # The deployment.
    deployment: str

    # What its answers are.
    task: Task

    # The output that was judged.
    output: str

    # Which outcome.
    outcome: str

    # Outcomes below which nothing is said.
    least: int

    # Whether there are more answers than are looked at: the oldest are left out.
    is_cut: bool

    # Windows, oldest first, each for all and then for its slices.
    windows: List["PerformanceWindow"]

    # How scores and outcomes go together, over all windows; of yes-or-no answers.
    reliability: NotRequired[List["ReliabilityBin"]]

    # Why nothing is estimated, if something could be.
    not_estimated: NotRequired[Optional[str]]


class PerformanceMetric(TypedDict):
    """One measure."""

    # Its name.
    name: str

    # Its value.
    value: float

    # The lower end of its interval, where there is one.
    lower: NotRequired[Optional[float]]

    # The upper end.
    upper: NotRequired[Optional[float]]


PerformanceWindow = TypedDict("PerformanceWindow", {"from": "str", "to": "str", "slice": "NotRequired[Optional[str]]", "answers": "int", "known": "int", "last_outcome": "NotRequired[Optional[str]]", "is_enough": "bool", "metrics": "List['PerformanceMetric']", "estimated": "NotRequired[List['EstimatedMetric']]"})


class PhaseTime(TypedDict):
    """How long a phase took."""

    # The phase.
    phase: Phase

    # Nanoseconds.
    nanos: int


class PluginCheck(TypedDict):
    """A check of a team's own, whose results are posted."""

    # Its name, not one of the build's checks.
    name: str

    # Counts up when what it does changes; results of an older one do not count.
    version: int

    # The demand that it proves, such as `VUL-01`.
    proves: str

    # How long a result counts, in seconds.
    max_age_s: int

    # The command that `plimsoll gate run` runs for it; none if results only come by the API.
    command: NotRequired[List[str]]

    # The address that `plimsoll gate run` asks in place of a command.
    url: NotRequired[Optional[str]]

    # How long it may take, in seconds, 1 to 3600; 60 unless told.
    timeout_s: NotRequired[Optional[int]]


class Policies(TypedDict):
    """`GET /api/v1/policies`: the policies in force."""

    # SHA-256 of schema and policies.
    digest: Digest

    # The files.
    files: List["PolicyFile"]


class PolicyChange(TypedDict):
    """A verdict that would be another."""

    # The name of the principal.
    principal: str

    # The action.
    action: str

    # The resource: `deployment/credit-default`.
    resource: str

    # `permit`, `forbid`, `default` (nothing permits) or `error`, as it is.
    before: str

    # The same, as it would be.
    after: str


class PolicyFile(TypedDict):
    """A policy file."""

    # Its name.
    name: str

    # Its text, in Cedar.
    text: str


class PolicyPreview(TypedDict):
    """What would be allowed and denied. Nothing was changed."""

    # Why these cannot be the policies, if they cannot.
    fault: NotRequired[Optional[str]]

    # Verdicts that would be others.
    changes: List["PolicyChange"]

    # How many questions were asked: principals × actions × resources.
    asked: int

    # Whether there are more principals, resources or changes than are shown.
    is_truncated: bool


class PostCheckResult(TypedDict):
    """What a check of a team's own found of a version."""

    # The number of the model version.
    version: int

    # Under this contract in place of the deployment's own.
    contract: NotRequired[Optional["Digest"]]

    # The check's name, as the plan declares it.
    check: str

    # The check's version.
    check_version: int

    # `pass`, `fail`, `not_applicable` or `not_evaluable`.
    verdict: str

    # In words: what was measured against what; if it does not apply, by which rule.
    says: str

    # The digest of the evidence.
    evidence: NotRequired[Optional["Digest"]]


class PostExperimentValues(TypedDict):
    """Values to be posted for metrics of kind `value`."""

    # The values, 1 to 65,536.
    values: List["ExperimentValue"]


class PostInteractions(TypedDict):
    """Says how many interactions with customers there were in the last 30 days, in all."""

    # How many.
    whole: int


class PreviewPolicies(TypedDict):
    """Asks what would be allowed and denied if these were the policies."""

    # All the files, those that stay as they are too.
    files: List["PolicyFile"]


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


class PutAssessment(TypedDict):
    """States the facts of a deployment's use."""

    # The facts, by their names; one that is absent is unknown, which never counts as no.
    facts: Any

    # What is known to be in place, as `plimsoll assess` reads it; nothing unless told.
    controls: NotRequired[Any]


class PutEvaluation(TypedDict):
    """Rows with what is known of them, which checks run versions on. Kept sealed."""

    # The rows: values by the contract's names.
    rows: List[Dict[str, Any]]

    # What turned out for each row.
    outcomes: NotRequired[List[bool]]

    # The group of each row that fairness is looked at by.
    groups: NotRequired[List[str]]

    # The first output for each row as whoever trained the version has it, by version number.
    golden: NotRequired[Dict[str, Any]]


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


class Rate(TypedDict):
    """A rate with its interval."""

    # The rate.
    value: float

    # The lower end.
    lower: float

    # The upper end.
    upper: float


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


class RecordOutcome(TypedDict):
    """An outcome of one row of a decision; or, where attributes are told, an attribute of the
    person that the row is about.
    """

    # The decision; or `correlation`.
    decision: NotRequired[Optional["DecisionId"]]

    # The caller's own id of the request, with `deployment`; the latest decision that has it.
    correlation: NotRequired[Optional[str]]

    # The deployment that `correlation` was sent to.
    deployment: NotRequired[Optional[str]]

    # The row of the decision's request, from 0; 0 unless told.
    row: NotRequired[Optional[int]]

    # Which outcome of several, or which attribute; `outcome` unless told.
    name: NotRequired[Optional[str]]

    # What it was; or `relevance`.
    value: NotRequired[Optional["OutcomeValue"]]

    # How relevant a ranked item was; 0 is not at all.
    relevance: NotRequired[Optional[float]]

    # When it was so.
    observed_at: NotRequired[Optional[str]]

    # The system it comes from; the caller's id as a principal unless told.
    source: NotRequired[Optional[str]]

    # The person or program that judged, as the source names it.
    annotator: NotRequired[Optional[str]]

    # The source's own id of it: the same one is recorded once.
    id: NotRequired[Optional[str]]

    # The outcome that this one takes the place of.
    corrects: NotRequired[Optional["OutcomeId"]]

    # Why it is corrected; needed with `corrects`.
    reason: NotRequired[Optional[str]]


class RecordOutcomes(TypedDict):
    """Several outcomes."""

    # The outcomes.
    outcomes: List["RecordOutcome"]


class ReferenceCells(TypedDict):
    """What a reference holds of a column."""

    # The field or output.
    name: str

    # The part of the population; all of it without.
    slice: NotRequired[Optional[str]]

    # Of numbers: the edges between cells, rising. The first cell is below the first, the last above
    # the last.
    edges: NotRequired[List[float]]

    # Of categories: the most frequent ones. The last cell is every other.
    categories: NotRequired[List[str]]

    # Values in each cell.
    cells: List[int]

    # Missing values.
    missing: int


class RegisterApprovalKey(TypedDict):
    """Registers the public key that one's approvals are signed with."""

    # An Ed25519 public key, 64 hexadecimal digits.
    public_key: str


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


class ReleaseStanding(TypedDict):
    """Whether a version may answer in a deployment now, and why not."""

    # The deployment.
    deployment: Name

    # The number of the version.
    version: int

    # Its artifact.
    artifact: Digest

    # The tier of the use as of now; absent if nobody assessed it.
    tier: NotRequired[Optional[str]]

    # Whether a gate and approvals are asked for.
    gate_asked: bool

    # Whether it may be released.
    is_allowed: bool

    # Whether only by breaking the glass.
    is_emergency: bool

    # Why not, or what an emergency passes over.
    reasons: List[str]

    # The digest of the gate result as judged now, which approvals are bound to.
    gate: NotRequired[Optional["Digest"]]

    # The gate result as judged now.
    result: NotRequired[Any]

    # People whose approval counts.
    approved_by: List[str]

    # Approvals that do not count, and why.
    void: List[str]

    # How many people the tier asks for.
    people: int

    # Roles of which one of them each has to have.
    roles: List[str]


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


ReliabilityBin = TypedDict("ReliabilityBin", {"from": "float", "to": "float", "rows": "int", "score": "float", "outcome": "float", "lower": "float", "upper": "float"})


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


class ReportFinding(TypedDict):
    """Reports what a person or another tool saw. What is seen again is the same finding."""

    # Of which deployment.
    deployment: Name

    # What kind of thing is wrong.
    kind: FindingKind

    # How bad it is.
    severity: FindingSeverity

    # What it is about: a feature, a metric. Never a value of a caller.
    about: str

    # The part of the population; all of it unless told.
    slice: NotRequired[Optional[str]]

    # What was seen, in one sentence.
    text: str

    # The numbers that decided; units are in the names.
    numbers: NotRequired[Dict[str, float]]

    # The version that answered.
    version: NotRequired[Optional[int]]

    # Since when; now unless told.
    since: NotRequired[Optional[str]]


class ReportedArm(TypedDict):
    """An arm in a report."""

    # The arm.
    arm: str

    # The version.
    version: int

    # The percentage that it gets.
    percent: float

    # Requests that were assigned to it.
    requests: int

    # Why it was stopped, if it was.
    stopped: NotRequired[Optional[str]]


class ReportedContrast(TypedDict):
    """An arm beside the control."""

    # The arm.
    arm: str

    # How far it is above the control.
    difference: NotRequired[Optional[float]]

    # Where the difference is at least, at any time that one looks.
    lower: NotRequired[Optional[float]]

    # Where it is at most.
    upper: NotRequired[Optional[float]]

    # The confidence of that.
    confidence: float

    # The p-value, which holds at any time.
    p_value: NotRequired[Optional[float]]

    # The share of the variance that the covariate leaves.
    variance_left: NotRequired[Optional[float]]

    # What the interval says.
    says: MetricSays

    # Of a guardrail: whether the arm is worse by more than is put up with.
    is_harm: bool


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


class ReportedInterval(TypedDict):
    """How far an arm was above the control."""

    # The arm.
    arm: str

    # How far it was above the control.
    difference: float

    # Where the difference was at least.
    lower: float

    # Where it was at most.
    upper: float


class ReportedMean(TypedDict):
    """A metric in one arm."""

    # The arm.
    arm: str

    # Units of which it is known.
    units: int

    # Their mean; absent of fewer than a hundred.
    mean: NotRequired[Optional[float]]

    # Their standard deviation.
    deviation: NotRequired[Optional[float]]


class ReportedMetric(TypedDict):
    """What a metric says."""

    # The metric.
    name: str

    # What it is for.
    role: MetricRole

    # Of each arm.
    arms: List["ReportedMean"]

    # Each arm beside the control.
    contrasts: List["ReportedContrast"]

    # The same by slices, of the primary metric.
    slices: NotRequired[List["ReportedSlice"]]


class ReportedPoint(TypedDict):
    """What the primary metric said at one place of the ledger."""

    # When.
    at: str

    # Units of all arms of which it was known.
    units: int

    # The intervals of the arms that had units enough.
    intervals: List["ReportedInterval"]


class ReportedSlice(TypedDict):
    """An arm beside the control in one slice."""

    # The slice key.
    key: str

    # Its value.
    value: str

    # Units of the arm in it.
    units: int

    # The comparison; its interval holds together with those of all other slices.
    contrast: ReportedContrast

    # Its p-value, corrected for how many slices are looked at.
    p_adjusted: float

    # Whether the arm differs in it.
    is_different: bool


class ReportedSplit(TypedDict):
    """How units are split, against the declared shares."""

    # Which units: `assigned`, `answered`, or the metric that is known of them.
    what: str

    # Units of each arm.
    units: List[int]

    # How many to 1 the evidence is that the split is wrong.
    evidence: float

    # From how many on it is.
    goal: float

    # Whether it is wrong: then a comparison of the arms may be, too.
    is_wrong: bool


class RequestException(TypedDict):
    """Asks for an exception: a demand is put off for a time."""

    # The demand, such as `DOC-01`.
    check: str

    # Who answers for it.
    owner: str

    # Why.
    reason: str

    # The demand that makes up for it meanwhile, and has to pass itself.
    compensating: str

    # Until when, at most 180 days.
    until: str


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


class RequestRetrain(TypedDict):
    """Asks that a deployment's model is trained again."""

    # Of which deployment.
    deployment: Name

    # Why.
    reason: str


class ResolveFinding(TypedDict):
    """Says that a finding is over."""

    # What was done, or why nothing had to be.
    reason: str


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


class Retrain(TypedDict):
    """One retraining."""

    # Its id.
    id: RetrainId

    # Of which deployment.
    deployment: Name

    # Where it stands.
    state: RetrainState

    # What asked for it.
    trigger: RetrainTrigger

    # The finding that did.
    finding: NotRequired[Optional["FindingId"]]

    # Why.
    reason: str

    # The policy as it was then.
    policy: RetrainPolicy

    # Who asked for it.
    requested_by: PrincipalId

    # Who let it go on.
    approved_by: NotRequired[Optional["PrincipalId"]]

    # What it is trained on.
    manifest: NotRequired[Optional["TrainingManifest"]]

    # The registered model.
    model: Name

    # The candidate.
    version: NotRequired[Optional[int]]

    # What becomes of the candidate.
    trial: NotRequired[Optional["Trial"]]

    # Every state so far, oldest first; not in lists.
    story: NotRequired[List["RetrainStep"]]

    # How often training was begun.
    attempts: int

    # Why it failed, or was ended.
    why: NotRequired[Optional[str]]

    # When it was asked for.
    created_at: str

    # When its last attempt was begun.
    started_at: NotRequired[Optional[str]]

    # When it ended.
    ended_at: NotRequired[Optional[str]]


class RetrainLog(TypedDict):
    """A part of what a trainer says."""

    # The text.
    text: str

    # The byte to go on at.
    next: int

    # Whether nothing more will come.
    is_over: bool


class RetrainPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Retrain"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class RetrainPolicy(TypedDict):
    """When a deployment's model is trained again, and how."""

    # The trainer, as the settings of the server declare it.
    trainer: Name

    # Findings of these kinds ask for it; none unless told.
    kinds: NotRequired[List["FindingKind"]]

    # The mildest of them that does; `warning` unless told.
    severity: NotRequired[Optional["FindingSeverity"]]

    # Every so many days, 1 to 365.
    every_days: NotRequired[Optional[int]]

    # When the version that answers has done so for so many days, 1 to 3650.
    max_age_days: NotRequired[Optional[int]]

    # Decisions of so many days are given to the trainer, 1 to 3650; 90 unless told.
    window_days: NotRequired[Optional[int]]

    # Rows for which this SQL condition holds are left out.
    exclude: NotRequired[Optional[str]]

    # Retrainings in 30 days, 1 to 100; 4 unless told.
    budget: NotRequired[Optional[int]]

    # Hours from one retraining to the next, 0 to 8760; 24 unless told.
    cooldown_hours: NotRequired[Optional[int]]

    # Whether somebody else has to let each go on, whatever the tier.
    needs_approval: NotRequired[bool]

    # Whether it ends with a registered candidate, which nothing goes on with.
    candidate_only: NotRequired[bool]

    # How a candidate is tried under traffic; as any version, with the guardrails on errors,
    # refusals and latency, unless told.
    rollout: NotRequired[Optional["RetrainRollout"]]


class RetrainPolicyShown(TypedDict):
    """A deployment's policy, and who set it."""

    # The deployment.
    deployment: Name

    # The policy.
    policy: RetrainPolicy

    # Who set it, and with whose rights versions are registered.
    set_by: PrincipalId

    # When.
    set_at: str

    # Who lets its candidates answer at tier T1 without being asked each time.
    trusted_by: NotRequired[Optional["PrincipalId"]]

    # Until when that counts.
    trusted_until: NotRequired[Optional[str]]

    # Why nothing is trained now, if something would be: budget, cooldown, a finding of security.
    held: NotRequired[Optional[str]]


class RetrainResult(TypedDict):
    """What a trainer elsewhere made of what it was asked."""

    # The token of the request, which binds the answer to it.
    token: str

    # The files of the version, whose artifacts were uploaded before; one is the model.
    files: NotRequired[List["ManifestFile"]]

    # Or why there are none.
    failed: NotRequired[Optional[str]]


class RetrainRollout(TypedDict):
    """How candidates are tried under traffic."""

    # How much of the traffic a candidate gets, in steps; shadow, 1 %, 5 %, 25 % unless told.
    steps: NotRequired[Optional[List["RolloutStep"]]]

    # What must not get worse; errors, refusals and latency unless told: what is trained for another
    # population scores it otherwise.
    guardrails: NotRequired[Optional[List["RolloutGuardrail"]]]

    # The chance that a version that is no worse is rolled back; 0.01 unless told.
    false_rollback: NotRequired[Optional[float]]

    # Which of a row's outputs is the score, from 0; the last unless told.
    score_output: NotRequired[Optional[int]]

    # From which score on an answer is positive; 0.5 unless told.
    positive_from: NotRequired[Optional[float]]


class RetrainStep(TypedDict):
    """A state that a retraining, or its candidate, came to."""

    # When.
    at: str

    # The state: a word of retrainings, or of candidates.
    state: str

    # Why.
    why: NotRequired[Optional[str]]

    # Who; absent for the server itself.
    by: NotRequired[Optional["PrincipalId"]]


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


class RollBack(TypedDict):
    """Lets the version before answer again."""

    # Why, for those who read the event; at most 2,000 characters.
    reason: NotRequired[Optional[str]]


class RollbackDrill(TypedDict):
    """What a drill showed."""

    # The rollout of the drill.
    rollout: RolloutId

    # The version that answered all the time.
    version: int

    # Requests that went the way that was then closed; 0 without traffic.
    requests: int

    # From the decision until no request was on that way any more, in microseconds.
    took_us: int


class Rollout(TypedDict):
    """A rollout and where it stands."""

    # Its id, which records of its requests name.
    id: RolloutId

    # The deployment.
    deployment: Name

    # The version that answers.
    incumbent: int

    # The version that is tried.
    candidate: int

    # Where it stands.
    phase: RolloutPhase

    # The step it is in, from 1.
    step: int

    # Its steps.
    steps: List["RolloutStep"]

    # The percentage of requests that the candidate answers now.
    percent: float

    # The candidate's answers to callers so far.
    candidates: int

    # Pairs of answers to the same inputs so far.
    pairs: int

    # The candidate's answers, or pairs, in this step.
    in_step: int

    # The candidate's answers whose outcome is known, so far.
    outcomes: NotRequired[int]

    # The incumbent's, meanwhile.
    incumbent_outcomes: NotRequired[int]

    # Pairs that were not compared since the process began, as too many waited.
    dropped: int

    # The share of pairs that agree.
    agreement: NotRequired[Optional[float]]

    # How much higher the candidate scores on the same inputs, on average.
    score_shift: NotRequired[Optional[float]]

    # The share of pairs with the same heaviest reason, where answers are explained inline.
    reason_agreement: NotRequired[Optional[float]]

    # How far apart the two mixes of heaviest reasons are, from 0 to 1 (total variation).
    reason_shift: NotRequired[Optional[float]]

    # How often each code was the heaviest reason of a pair.
    reasons: NotRequired[List["RolloutReason"]]

    # What each guardrail says.
    evidence: List["RolloutEvidence"]

    # Why it ended, or does not go on.
    reason: NotRequired[Optional[str]]

    # Whether it only shows that going back works.
    is_drill: bool

    # Who started it.
    started_by: PrincipalId

    # When.
    started_at: str

    # When it ended.
    ended_at: NotRequired[Optional[str]]

    # How the evidence came to be, thinned evenly; not in lists.
    trail: NotRequired[List["RolloutPoint"]]

    # What happened to it, oldest first; not in lists.
    history: NotRequired[List["RolloutChange"]]


class RolloutChange(TypedDict):
    """What happened to a rollout."""

    # When.
    at: str

    # What.
    what: str

    # Who; absent for the server itself.
    by: NotRequired[Optional["PrincipalId"]]

    # The numbers that decided.
    facts: Any


class RolloutEvidence(TypedDict):
    """What a guardrail says."""

    # The guardrail.
    guardrail: str

    # How many to 1 the evidence against the candidate is, now.
    wealth: float

    # The most that it was.
    most: float

    # From how many on it is rolled back.
    goal: float

    # Why it can say nothing yet.
    note: NotRequired[Optional[str]]


class RolloutGuardrail(TypedDict):
    """What must not get worse."""

    # What is compared.
    kind: GuardrailKind

    # Its part of the chance of a false rollback, relative to the others; 1 unless told.
    weight: NotRequired[float]

    # Of latency: where; 0.95 unless told.
    quantile: NotRequired[Optional[float]]

    # Of latency: how many times as long is put up with; 1.25 unless told.
    tolerance: NotRequired[Optional[float]]

    # Of score (in the incumbent's spreads; 0.1 unless told) and mix (a share; 0.05 unless told):
    # what is put up with, either way.
    margin: NotRequired[Optional[float]]

    # Of mix: a slice key of the contract, so that only one group of persons is looked at.
    by: NotRequired[Optional[str]]

    # The group: the value of that key. It comes with `by`.
    group: NotRequired[Optional[str]]

    # Of outcomes: the name of the outcome; `outcome` unless told.
    outcome: NotRequired[Optional[str]]

    # Of outcomes: which value is positive; 1, true and yes unless told.
    positive: NotRequired[Optional[str]]


class RolloutPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Rollout"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


class RolloutPoint(TypedDict):
    """What guardrails said after so many answers of the candidate."""

    # The candidate's answers and pairs until then.
    seen: int

    # The step it was in, from 1.
    step: int

    # Of each guardrail, in the order of `evidence`: the decimal logarithm of how many to 1 the
    # evidence against the candidate was; it is rolled back from that of `goal` on.
    log10: List[float]


class RolloutReason(TypedDict):
    """How often a reason was the heaviest of an answer, in pairs of answers to the same inputs."""

    # Its code in the explain profile; `no reason` counts answers without one.
    code: str

    # Of the incumbent.
    incumbent: int

    # Of the candidate.
    candidate: int


class RolloutStep(TypedDict):
    """A step of a rollout."""

    # The percentage of requests that the candidate answers; 0 is shadow: it is asked beside the
    # incumbent and answers nobody.
    percent: float

    # Its answers, or pairs, that the step needs at least.
    requests_min: int

    # The seconds that it needs at least.
    seconds_min: int

    # The seconds after which it is inconclusive; a week unless told.
    seconds_max: NotRequired[int]

    # The candidate's answers whose outcome is known that it needs at least, since the rollout
    # began; none unless told.
    outcomes_min: NotRequired[int]


class RotateKey(TypedDict):
    """Replaces an API key by a new one."""

    # How long the old key keeps working, in seconds; at most 30 days. 0 unless told.
    overlap_seconds: NotRequired[int]


class RunGate(TypedDict):
    """Runs a gate's checks on a version."""

    # The number of the version.
    version: int

    # Under this contract in place of the deployment's own: before it is changed to it.
    contract: NotRequired[Optional["Digest"]]


class ScanBlock(TypedDict):
    """A file that a scan found something in."""

    # The file.
    digest: Digest

    # Its path in the version it was to be part of.
    path: str

    # That version's model, with its number if it has one.
    about: str

    # The rules that it breaks.
    rules: List[str]

    # Who wanted it to be part of a version.
    author: str

    # When it was last looked at.
    created_at: str

    # Leave that was given for it to pass.
    overrides: NotRequired[List["ScanOverride"]]


class ScanBlocks(TypedDict):
    """Files that scans blocked, newest first."""

    # The files.
    items: List["ScanBlock"]


class ScanFacts(TypedDict):
    """What a scan that found nothing looked at."""

    # Files, and members of archives among them.
    looked_at: int

    # Bytes of them, unpacked.
    bytes: int

    # The scanner's version.
    scanner: str

    # What it found and an approver let pass: rule and file.
    let_pass: NotRequired[List[str]]


class ScanOverride(TypedDict):
    """Leave for a file to pass, though a scan found something in it."""

    # The rules that are let pass.
    rules: List[str]

    # Why.
    reason: str

    # Who gave it.
    author: str

    # When.
    created_at: str

    # Until when.
    expires_at: str


class ScoreChange(TypedDict):
    """The mean margin of the score, before and now."""

    # Of the reference.
    before: float

    # Of a sample of the window.
    now: float

    # Rows of that sample.
    rows: int


class SentAlert(TypedDict):
    """A delivery of an alert to a route."""

    # The alert.
    id: AlertId

    # The route.
    route: Name

    # The finding it is about first.
    finding: FindingId

    # Of which deployment.
    deployment: Name

    # What happened.
    what: AlertWhat

    # How far the delivery is.
    state: AlertState

    # How often it was tried.
    attempts: int

    # When it is tried next, if it is.
    due_at: NotRequired[Optional[str]]

    # Why the last attempt failed.
    reason: NotRequired[Optional[str]]

    # When it was made.
    created_at: str

    # When the delivery ended.
    ended_at: NotRequired[Optional[str]]


class SentAlertPage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["SentAlert"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


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


class Silence(TypedDict):
    """A time in which nobody is told of some findings."""

    # Its id.
    id: SilenceId

    # Of this deployment; every one if absent.
    deployment: NotRequired[Optional["Name"]]

    # Of this kind; every kind but `security` if absent.
    kind: NotRequired[Optional["FindingKind"]]

    # The worst that is silenced.
    severity: FindingSeverity

    # When it begins for the first time.
    starts_at: str

    # When it ends for the first time.
    ends_at: str

    # After how many hours it comes again.
    every_hours: NotRequired[Optional[int]]

    # After when it begins no more.
    last_at: NotRequired[Optional[str]]

    # Whether it holds now.
    is_active: bool

    # Why.
    reason: str

    # Who made it.
    created_by: PrincipalId

    # When.
    created_at: str


class SilencePage(TypedDict):
    """One page of a list."""

    # The items.
    items: List["Silence"]

    # Pass it back as `cursor` to read on. Absent on the last page.
    next_cursor: NotRequired[Optional[str]]


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


class SnoozeFinding(TypedDict):
    """Lets nobody be told of a finding for some time."""

    # Until when; at most 90 days from now.
    until: str

    # Why.
    reason: str


class StartExperiment(TypedDict):
    """An experiment to be started."""

    # The arms, 2 to 16. The first is the control: the version that answers now.
    arms: List["ExperimentArm"]

    # What is assigned to an arm and counts once; `subject` unless told.
    unit: NotRequired[Optional["ExperimentUnit"]]

    # What arms are compared by, 1 to 8; exactly one is primary.
    metrics: List["ExperimentMetric"]

    # Slice keys of the contract by whose values the primary metric is looked at, at most 4.
    slices: NotRequired[List[str]]

    # The chance that any arm is said to differ in a metric that does not; 0.05 unless told.
    alpha: NotRequired[Optional[float]]

    # The least difference in the primary metric that matters: arms whose interval lies within it
    # are the same.
    minimum_effect: NotRequired[Optional[float]]

    # Units about which intervals are narrowest, such as `plimsoll experiment plan` says; 10,000
    # unless told. Intervals hold at every number of them.
    units: NotRequired[Optional[int]]

    # What stops an arm at once, judged per answer; errors, refusals and latency unless told.
    guardrails: NotRequired[Optional[List["RolloutGuardrail"]]]

    # The chance that any arm is stopped that does no harm; 0.01 unless told.
    false_stop: NotRequired[Optional[float]]

    # Which of a row's outputs is the score, from 0; the last unless told.
    score_output: NotRequired[Optional[int]]

    # From which score on an answer is positive (an approval, an alarm); 0.5 unless told.
    positive_from: NotRequired[Optional[float]]


class StartRollout(TypedDict):
    """A version to be tried."""

    # The number of the version.
    version: int

    # How much of the traffic it gets, in steps; shadow, 1 %, 5 %, 25 % unless told.
    steps: NotRequired[Optional[List["RolloutStep"]]]

    # What must not get worse; errors, refusals, latency, score and mix unless told.
    guardrails: NotRequired[Optional[List["RolloutGuardrail"]]]

    # What must not get worse either, beside those.
    also: NotRequired[List["RolloutGuardrail"]]

    # The chance that a version that is no worse is rolled back; 0.01 unless told.
    false_rollback: NotRequired[Optional[float]]

    # Which of a row's outputs is the score, from 0; the last unless told.
    score_output: NotRequired[Optional[int]]

    # From which score on an answer is positive (an approval, an alarm); 0.5 unless told.
    positive_from: NotRequired[Optional[float]]


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


class StopArm(TypedDict):
    """An arm to be stopped."""

    # The arm; not the control.
    arm: str

    # Why.
    reason: str


class StoppedArm(TypedDict):
    """An arm that was stopped: its units get the control."""

    # The arm.
    arm: str

    # When.
    at: str

    # A guardrail, a metric, or `person`.
    why: str


class StoredAssessment(TypedDict):
    """What is owed for a deployment's use, as of now."""

    # Its record.
    id: GovernanceId

    # The deployment.
    deployment: Name

    # The facts as stated.
    facts: Any

    # What the facts lead to now, with measured interactions in the place of stated ones.
    assessment: Any

    # Interactions of the last 30 days over the total that was posted, if one was.
    interactions: NotRequired[Optional["MeasuredShare"]]

    # Who stated the facts.
    by: PrincipalId

    # Their name.
    by_name: str

    # When.
    at: str


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


class StoredEvaluation(TypedDict):
    """An evaluation set that is kept."""

    # SHA-256 of its bytes.
    digest: Digest

    # Its rows.
    rows: int


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


TimelinePart = TypedDict("TimelinePart", {"from": "str", "until": "str", "records": "int", "results": "Dict[str, int]", "published": "int", "witnessed": "int"})


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


TrainingManifest = TypedDict("TrainingManifest", {"deployment": "Name", "from": "str", "until": "str", "sql": "str", "exclude": "NotRequired[Optional[str]]", "left_out": "List[str]", "rows": "int", "digest": "Digest", "bytes": "int"})


class Trial(TypedDict):
    """What becomes of a candidate."""

    # Where it stands.
    state: TrialState

    # Why it does not go on, or ended.
    why: NotRequired[Optional[str]]

    # The digest of the gate result that it was last judged by.
    gate: NotRequired[Optional["Digest"]]

    # The rollout that tries it.
    rollout: NotRequired[Optional["RolloutId"]]

    # Since when it stands there.
    since: str

    # When it ended.
    ended_at: NotRequired[Optional[str]]


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

    # Rules that send requests to a version by a header or a context attribute, the first that fits:
    # `header:x-cohort=beta,staff -> canary`, `context:channel=branch -> 3`. A version that one
    # names needs what its release needs.
    routes: NotRequired[Optional[List[str]]]


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


class VersionCard(TypedDict):
    """What is said about a model version beside its files. What is absent in a change stays."""

    # Who answers for it.
    owner: NotRequired[Optional[str]]

    # Who made it. Once set it stays.
    developer: NotRequired[Optional[str]]

    # Who validated it.
    validator: NotRequired[Optional[str]]

    # What it is for.
    intended_use: NotRequired[Optional[str]]

    # What it is not for, and where it fails.
    limits: NotRequired[Optional[str]]

    # The run that made it: an id of MLflow's or OpenLineage's. Once set it stays.
    training_run: NotRequired[Optional[str]]

    # Versions of datasets that it was made from, as `name/number`. Once set they stay.
    datasets: NotRequired[List[str]]

    # The number of the version of the same model that it came from. Once set it stays.
    parent: NotRequired[Optional[int]]

    # Its licence, as an SPDX expression where there is one. Once set it stays.
    licence: NotRequired[Optional[str]]

    # The day it was placed on the market, as `2026-07-01`. Once set it stays.
    placed_on_market: NotRequired[Optional[str]]


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


class WatchLimits(TypedDict):
    """What is put up with, and how it is measured."""

    # Of performance, realized and estimated.
    performance: NotRequired[List["MeasureLimit"]]

    # Of fairness. A candidate whose answers are beyond one is held, too.
    fairness: NotRequired[List["MeasureLimit"]]

    # The share of outcomes of thirty days that answers are to be right in, between 0 and 1: what
    # burn rates are of. Of yes and no, and of classes.
    objective: NotRequired[Optional[float]]

    # The length of a window: a time such as `1d`, or a number of answers; `1d` unless told.
    window: NotRequired[Optional[str]]

    # Windows in a row that are beyond a limit before it is told, 1 to 30; 2 unless told.
    persistence: NotRequired[Optional[int]]

    # A slice key, or `version`: its values are held to the limits of performance too.
    slice: NotRequired[Optional[str]]

    # Attributes or slice keys whose groups are compared, with commas between.
    by: NotRequired[Optional[str]]

    # What answers are; told by answers and outcomes unless given.
    task: NotRequired[Optional["Task"]]

    # The output that is judged; needed where there are several.
    output: NotRequired[Optional[str]]

    # Which outcome of several; `outcome` unless told.
    outcome: NotRequired[Optional[str]]

    # The label that is yes; `1`, `true` and `yes` unless told.
    positive: NotRequired[Optional[str]]

    # Scores from here on are answered with yes; 0.5 unless told.
    threshold: NotRequired[Optional[float]]

    # The labels of the classes, in the order of the output, with commas between.
    classes: NotRequired[Optional[str]]

    # Items of a ranking that count; 10 unless told.
    at: NotRequired[Optional[int]]

    # Of intervals, all of which has to lie beyond a limit; 0.95 unless told.
    confidence: NotRequired[Optional[float]]


class WatchLimitsShown(TypedDict):
    """A deployment's limits, and who set them."""

    # The deployment.
    deployment: Name

    # The limits.
    limits: WatchLimits

    # Who set them.
    changed_by: PrincipalId

    # When.
    changed_at: str


# A message about findings: the id of its CloudEvent, kept by every attempt.
AlertId = str

# Who is told of findings, and how.
AlertRouteId = str

# In which shape somebody is told.
AlertShape = Literal["webhook", "mail", "slack", "teams", "pagerduty"]

# How far the delivery of an alert is.
AlertState = Literal["waiting", "delivered", "dead"]

# What is told of a finding.
AlertWhat = Literal["opened", "worsened", "returned", "acknowledged", "resolved", "test"]

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

# Where to look.
Direction = Literal["up", "down", "both"]

# What parts of a change of the score are measured by.
DriftBy = Literal["contributions", "weighted_distances", "distances"]

# How one thing came from another.
EdgeKind = Literal["read", "made", "derived", "part", "released", "decided"]

# Where a deployment stands, and what a key may be limited to.
Environment = Literal["development", "staging", "production"]

# How far an erasure is.
ErasureState = Literal["pending", "final"]

# How much of a refusal a caller is told.
ErrorDetail = Literal["full", "field", "code"]

# A control event in the ledger.
EventId = str

# What the numbers of an experiment suggest.
ExperimentAdvice = Literal["ship", "keep", "go_on", "look"]

# An experiment: versions that answer shares of the same traffic.
ExperimentId = str

# Where an experiment stands.
ExperimentPhase = Literal["running", "stopped", "shipped"]

# What is assigned to an arm of an experiment, and counts once.
ExperimentUnit = Literal["subject", "interaction", "decision"]

# When explanations of a deployment's answers are made.
Explain = Literal["off", "deferred", "inline"]

# How the contributions of an explanation were computed.
ExplainMethod = Literal["tree_path", "tree_interventional", "linear", "kernel", "permutation", "lime"]

# Where an explanation comes from.
ExplanationSource = Literal["inline", "deferred", "computed"]

# What a file of a model version is.
FileRole = Literal["model", "background", "contract", "metadata", "other"]

# Something that is wrong with a deployment, however often it is seen.
FindingId = str

# What kind of thing is wrong.
FindingKind = Literal["quality", "input_drift", "output_drift", "performance", "estimated_performance", "calibration", "fairness", "staleness", "unwatched", "release", "security"]

# How bad it is.
FindingSeverity = Literal["info", "warning", "critical"]

# Where a finding stands.
FindingState = Literal["open", "acknowledged", "snoozed", "resolved"]

# One gateway process over its lifetime in one data folder.
GatewayId = str

# A governance record: an assessment, a check's result, a gate result, an approval.
GovernanceId = str

# What must not get worse in a rollout.
GuardrailKind = Literal["errors", "refusals", "latency", "score", "mix", "outcomes"]

# What the values of a field are.
Kind = Literal["number", "integer", "boolean", "category", "string", "timestamp", "tensor"]

# What a record is about. The numbers of kinds that have no code yet are reserved.
Kind2 = Literal["intent", "decision", "control_event", "refusal_tally", "gap", "heartbeat", "outcome", "review", "explanation", "finding", "attribute"]

# Which way a metric is better.
MetricGoal = Literal["increase", "decrease"]

# Where the number of a metric comes from.
MetricKind = Literal["outcome", "value", "score", "positive"]

# What a metric is for.
MetricRole = Literal["primary", "secondary", "guardrail"]

# What an interval says of an arm beside the control.
MetricSays = Literal["better", "worse", "same", "unclear"]

# When a deployment's answer may leave.
Mode = Literal["strict", "durable", "bounded"]

# A registered model: a named family of versions.
ModelId = str

# What a column is of.
MonitoredKind = Literal["input", "output", "together"]

# A name: 1 to 63 of `a-z 0-9 - _ .`, beginning and ending with a letter or digit. The small
# alphabet keeps names safe in paths, URLs, metrics labels and logs.
Name = str

# Names a thing: `kind:id`.
NodeId = str

# What became of a decision that was reported.
ObservedState = Literal["recorded", "broken", "known", "waiting", "malformed"]

# What happens to a request whose value breaks a rule on range, values, length, pattern or null.
# Values of another kind, and missing fields, are refused whatever this says.
OnViolation = Literal["refuse", "flag", "clamp"]

# Where a decision was made, if not here. Absent from decisions that were made here.
Origin = Literal["unverified"]

# What turned out to be true about a row of a decision, as one source told it.
OutcomeId = str

# What became of an outcome that was told.
OutcomeState = Literal["recorded", "known", "refused"]

# What it was: a class as text or boolean, or a quantity.
OutcomeValue = Union[bool, float, str]

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
RefusalCode = Literal["body_too_large", "unsupported_media_type", "unsupported_encoding", "decompression_limit", "malformed_request", "deadline_exceeded", "draining", "not_found", "method_not_allowed", "ungoverned_change", "body_timeout", "unauthenticated", "key_expired", "key_revoked", "unknown_deployment", "version_not_served", "not_ready", "forbidden", "wrong_environment", "observe_only", "switched_off", "rate_limited", "overloaded", "ledger_unavailable", "idempotency_in_flight", "idempotency_mismatch", "idempotency_invalid", "malformed_json", "nesting_too_deep", "duplicate_key", "invalid_utf8", "bare_nan", "integer_unsafe", "malformed_envelope", "shape_mismatch", "datatype_mismatch", "too_many_rows", "unknown_field", "missing_field", "duplicate_field", "null_not_allowed", "wrong_kind", "out_of_range", "not_allowed_value", "too_long", "pattern_mismatch", "invalid_timestamp", "missing_mapping", "model_failed", "output_rejected", "internal", "explanation_failed", "upstream_unavailable", "upstream_failed"]

# What came of computing a decision again.
ReplayResult = Literal["bit_equal", "different", "not_answered"]

# How an inference request ended.
ResultClass = Literal["answered", "refused", "failed", "timed_out", "abandoned", "replayed", "held"]

# One carrying out of a retraining, from what asked for it to the candidate.
RetrainId = str

# Where a retraining stands.
RetrainState = Literal["waiting", "queued", "training", "registering", "candidate", "failed", "cancelled"]

# What asked for a retraining.
RetrainTrigger = Literal["finding", "schedule", "age", "hand"]

# Which of a deployment's answers a person looks at.
ReviewMode = Literal["off", "sampled", "held"]

# Where a review stands.
ReviewState = Literal["waiting", "accepted", "overridden"]

# Why a person looks at a decision.
ReviewWhy = Literal["held", "sampled", "contested", "chosen"]

# What a principal may be trusted with.
Role = Literal["caller", "data-scientist", "ml-engineer", "approver", "reviewer", "auditor", "dpo", "admin", "labeler", "risk"]

# A rollout: a version tried under traffic.
RolloutId = str

# Where a rollout stands.
RolloutPhase = Literal["running", "held", "inconclusive", "rolled_back", "promoted"]

# In which part a model version took the request.
Route = Literal["primary", "canary", "shadow", "fallback", "arm"]

# A side of a limit.
Side = Literal["above", "below"]

# A time in which nobody is told of some findings.
SilenceId = str

# How an event travels to a sink (CloudEvents HTTP binding).
SinkFormat = Literal["structured", "binary", "batch"]

# A receiver of events that follow the ledger.
SinkId = str

# Which types of events a sink is sent.
SinkProfile = Literal["plimsoll", "kserve", "openlineage"]

# Whether a sink is sent events.
SinkState = Literal["active", "paused"]

# Where a control event stands.
Stage = Literal["intent", "completed", "failed", "denied"]

# What a model's answers are.
Task = Literal["binary", "multiclass", "regression", "ranking"]

# An organisation whose data is kept apart from the others'.
TenantId = str

# The risk tier of a deployment.
Tier = Literal["unassessed", "T0", "T1", "T2", "T3", "T4"]

# Where the candidate of a retraining stands.
TrialState = Literal["gate", "held", "rollout", "promoted", "gate_failed", "rolled_back", "refused", "cancelled"]

# What a person says about a decision.
Verdict = Literal["accepted", "overridden", "contested"]

# How a deployment stands with whoever watches it.
WatchState = Literal["no_reference", "not_enough_data", "steady", "moved"]

# A day of the week.
Weekday = Literal["thu", "fri", "sat", "sun", "mon", "tue", "wed"]
