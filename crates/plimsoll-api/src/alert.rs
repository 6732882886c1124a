//! Alerts: who is told of findings, in which shape, and what became of it.

use crate::time::Timestamp;
use crate::words::{AlertShape, AlertState, AlertWhat, FindingKind, FindingSeverity, FindingState};
use plimsoll_types::{AlertId, AlertRouteId, FindingId, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Adds somebody who is told of findings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAlertRoute {
    /// Its name, unique.
    pub name: Name,
    /// In which shape it is told.
    pub shape: AlertShape,
    /// Where to: an address of https, or mailboxes with commas between (`mail`). `pagerduty`
    /// goes to PagerDuty's own unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The integration's routing key (`pagerduty`). It is sealed, and never shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only of these deployments; of every one unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<Name>>,
    /// Only of these kinds; of every kind unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<FindingKind>>,
    /// The mildest that is told; `warning` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<FindingSeverity>,
}

impl std::fmt::Debug for CreateAlertRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateAlertRoute").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Somebody who is told of findings, without key and without the path of the address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AlertRoute {
    /// Its id.
    pub id: AlertRouteId,
    /// Its name.
    pub name: Name,
    /// In which shape it is told.
    pub shape: AlertShape,
    /// Scheme, host and port of its address; or its mailboxes.
    pub origin: String,
    /// Only of these deployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<Name>>,
    /// Only of these kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<FindingKind>>,
    /// The mildest that is told.
    pub severity: FindingSeverity,
    /// Who added it.
    pub created_by: PrincipalId,
    /// When.
    pub created_at: Timestamp,
}

/// A new route, with the secret of its signatures if it has one; that is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRouteSecret {
    /// What signatures are made with: `whsec_…`, as in Standard Webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Everything else about it.
    pub route: AlertRoute,
}

impl std::fmt::Debug for AlertRouteSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertRouteSecret").field("route", &self.route).finish_non_exhaustive()
    }
}

/// What came of a test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AlertTest {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is told: the data of the CloudEvent, and what every other shape is made of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Its id, the same however often it is sent.
    pub id: AlertId,
    /// What happened.
    pub what: AlertWhat,
    /// When.
    pub time: Timestamp,
    /// Who tells: the installation.
    pub source: String,
    /// The finding.
    pub finding: AlertFinding,
    /// Others of the deployment that waited to be told, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlertFinding>,
    /// How many more waited than are told here.
    #[serde(default)]
    pub more: u64,
}

/// A finding, as an alert tells it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AlertFinding {
    /// Its id.
    pub id: FindingId,
    /// Of which deployment.
    pub deployment: Name,
    /// What kind of thing is wrong.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: FindingSeverity,
    /// Where it stands.
    pub state: FindingState,
    /// What it is about.
    pub about: String,
    /// The part of the population; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// What was seen, in one sentence.
    pub text: String,
    /// The numbers that decided.
    pub numbers: BTreeMap<String, f64>,
    /// The version it was seen with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Who answers for the deployment.
    pub owner: String,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// How often it was seen.
    pub occurrences: u64,
    /// When it opened, this time.
    pub opened_at: Timestamp,
    /// When it is to be seen to.
    pub due_at: Timestamp,
    /// What to do about it.
    pub runbook: String,
    /// Why it was acknowledged or resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its page in the console, if `server.public_url` says where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Which deliveries are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertFilter {
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AlertState>,
    /// About this finding first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingId>,
    /// At most this many items, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A delivery of an alert to a route.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SentAlert {
    /// The alert.
    pub id: AlertId,
    /// The route.
    pub route: Name,
    /// The finding it is about first.
    pub finding: FindingId,
    /// Of which deployment.
    pub deployment: Name,
    /// What happened.
    pub what: AlertWhat,
    /// How far the delivery is.
    pub state: AlertState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the delivery ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// An alert that is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AlertAgain {
    /// The alert.
    pub id: AlertId,
}
