//! Attestations: what only people can know, stated by one of them and kept. Whether one counts is
//! decided in `plimsoll-release`, each time a gate is judged.

use crate::approvals::{Proof, Signing, joined};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::governance::{bounded, check_id, document, kind};
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::Tier;
use plimsoll_release::approval::Approver;
use plimsoll_release::assess::Assessment;
use plimsoll_release::attestation::{
    self, ATTESTABLE, Asked, Attested, Statement, answered, attestable,
};
use plimsoll_release::gate::{CheckResult, Declared, Verdict};
use plimsoll_store::{DeploymentRow, GovernanceRow, VersionRow};
use plimsoll_types::{Digest, GovernanceId, Name, Time};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// Attestations of one deployment that are looked at, newest first: some twenty demands, each
/// stated anew a few times a year.
const MAX_ATTESTATIONS: u32 = 500;
/// How long a judged attestation counts before it is looked at again; it is judged with the gate.
const NOW_S: u64 = 60;
/// The version of the way in which they are judged.
const VERSION: u32 = 1;

/// What an attestation's record holds.
#[derive(Debug, Serialize, Deserialize)]
struct Stated {
    attested: Attested,
    signature: (Digest, Digest),
    key: Digest,
    authenticated_us: u64,
    /// As they were then; of a principal with roles of its own, those of now count.
    roles: BTreeSet<String>,
}

/// The name of the check that stands for what people state of a demand.
fn name_of(demand: plimsoll_release::catalog::CheckId) -> String {
    format!("attested.{demand}")
}

impl Control {
    /// Takes what a person states of a deployment. It is refused if they may not, if it says too
    /// little, or if a signature is not by a key of theirs.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn attest(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::Attest,
    ) -> Result<api::Attestation, ControlError> {
        // Whose word counts for what is the catalogue's; that it is their own word is policy's.
        let permit = self.permit(ctx, Action::KeepApprovalKey, &self.own(ctx))?;
        let row = self.readable_deployment(ctx, name)?;
        let demand = check_id("demand", &wanted.demand)?;
        let Some(of) = attestable(demand) else {
            let detail = "is not for people to state: a check or a plug-in proves it";
            return Err(ControlError::invalid("demand", detail));
        };
        let version = self.version_stated(&row, of, wanted.version)?;
        let attested = Attested {
            deployment: row.name.to_string(),
            demand,
            artifact: version.as_ref().map(|version| version.digest),
            says: bounded("says", &wanted.says)?,
            evidence: wanted.evidence,
            significant: wanted.significant,
            until_us: wanted.until.0.as_micros(),
            by: ctx.id.to_string(),
            at_us: wanted.at_us,
        };
        let proof = self.proof(
            ctx,
            &Signing {
                challenge: wanted.challenge,
                challenge_signature: &wanted.challenge_signature,
                message: &attested.message(),
                signature: &wanted.signature,
                at: Time::from_micros(wanted.at_us),
            },
        )?;
        let Proof { signature, key, authenticated } =
            proof.map_err(|why| ControlError::invalid("signature", why))?;
        let roles: BTreeSet<String> =
            ctx.principal.roles.iter().map(|role| role.to_string()).collect();
        let stated =
            Stated { attested, signature, key, authenticated_us: authenticated.as_micros(), roles };
        // Judged as a gate would, so that nobody believes to have stated what does not count.
        let statement = statement_of(&stated, Some(stated.roles.clone()), "you".to_owned());
        let tier = self.assessed(&row)?.map_or(Tier::T1, |found| found.assessment.tier);
        let author = version.as_ref().map(|version| version.author.to_string());
        let asked = Asked {
            deployment: row.name.as_str(),
            artifact: version.as_ref().map_or(Digest::from_bytes([0; 32]), |v| v.digest),
            author: author.as_deref().unwrap_or_default(),
            tier,
            now: self.clock.now(),
        };
        if let Some(objection) = attestation::objection(of, asked, &statement) {
            return Err(ControlError::invalid(
                "demand",
                format!("it would not count: {objection}"),
            ));
        }
        let mut record = self.governance_row(ctx, &row, kind::ATTESTATION, &stated);
        record.artifact = stated.attested.artifact;
        let told = json!({
            "id": record.id, "attested": stated.attested, "signature": wanted.signature,
            "key": stated.key, "roles": stated.roles,
        });
        let permit = permit.for_named(format!("deployment/{}", row.name));
        self.carry_out(permit, told, |tx, now| {
            // A challenge is used once.
            tx.end_governance(wanted.challenge, ctx.id, now)?;
            Ok(tx.insert_governance(&record)?)
        })?;
        self.shown_attestation(&record)
    }

    /// The version that a statement is about, where it is about one.
    fn version_stated(
        &self,
        row: &DeploymentRow,
        of: &attestation::Attestable,
        number: Option<u32>,
    ) -> Result<Option<VersionRow>, ControlError> {
        match (of.of_version, number) {
            (true, Some(number)) => {
                let version = self.store.read(|r| r.version(row.model, number))?;
                version.ok_or_else(|| ControlError::not_found("model version", number)).map(Some)
            }
            (true, None) => {
                Err(ControlError::invalid("version", "the demand is about one version"))
            }
            (false, Some(_)) => {
                Err(ControlError::invalid("version", "the demand is about the deployment"))
            }
            (false, None) => Ok(None),
        }
    }

    /// What people stated of a deployment, and what they may.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_attestations(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Attestations, ControlError> {
        let row = self.readable_deployment(ctx, name)?;
        let assessed = self.assessed(&row)?;
        let tier = assessed.as_ref().map_or(Tier::T1, |found| found.assessment.tier);
        let asked = |of: &&attestation::Attestable| {
            let demands = |found: &Assessment| found.checks.iter().any(|d| d.check == of.demand);
            assessed.as_ref().is_none_or(|found| demands(&found.assessment))
        };
        let may = ATTESTABLE.iter().filter(asked).map(|of| api::AttestableDemand {
            demand: of.demand.to_string(),
            states: of.states.to_owned(),
            roles: of.roles.iter().map(|role| (*role).to_owned()).collect(),
            days: u32::try_from(of.max(tier).as_secs() / 86_400).unwrap_or(u32::MAX),
            of_version: of.of_version,
            needs_evidence: of.needs_evidence,
        });
        let may = may.collect();
        let records = self.attestation_records(&row)?;
        let items = records.iter().map(|record| self.shown_attestation(record));
        Ok(api::Attestations { items: items.collect::<Result<_, _>>()?, may })
    }

    /// Takes back what oneself stated.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn end_attestation(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: GovernanceId,
    ) -> Result<(), ControlError> {
        let permit = self.permit(ctx, Action::KeepApprovalKey, &self.own(ctx))?;
        let row = self.readable_deployment(ctx, name)?;
        let record = self.store.read(|r| r.governance(id))?.filter(|record| {
            record.kind == kind::ATTESTATION
                && record.deployment == Some(row.id)
                && record.ended_at.is_none()
        });
        let record = record.ok_or_else(|| ControlError::not_found("attestation", id))?;
        if record.made_by != ctx.id {
            let what = Resource::Deployment(crate::deployment::resource_of(&row)?);
            drop(self.permit(ctx, Action::AllowException, &what)?);
        }
        let permit = permit.for_named(format!("deployment/{}", row.name));
        self.carry_out(permit, json!({"attestation": id, "ended": true}), |tx, now| {
            Ok(tx.end_governance(id, ctx.id, now)?)
        })
    }

    fn attestation_records(&self, row: &DeploymentRow) -> Result<Vec<GovernanceRow>, ControlError> {
        Ok(self.store.read(|r| r.governance_of(row.id, kind::ATTESTATION, MAX_ATTESTATIONS))?)
    }

    /// The checks that stand for what people state. Where the plan has a plug-in for a demand,
    /// that is asked in their place.
    pub(crate) fn declared_by_people(plan: &api::GatePlan) -> Vec<Declared> {
        let is_plugged = |demand: &str| plan.plugins.iter().any(|plugin| plugin.proves == demand);
        let declared = ATTESTABLE.iter().filter(|of| !is_plugged(of.demand.as_str()));
        let declared = declared.map(|of| Declared {
            name: name_of(of.demand),
            version: VERSION,
            proves: of.demand,
            max_age_s: NOW_S,
            from_tier: None,
        });
        declared.collect()
    }

    /// What people stated, judged now: one result for each demand that they may answer.
    pub(crate) fn stated_now(
        &self,
        row: &DeploymentRow,
        version: &VersionRow,
        assessment: &Assessment,
        is_elsewhere: bool,
    ) -> Result<Vec<CheckResult>, ControlError> {
        let mut statements = Vec::new();
        for record in self.attestation_records(row)? {
            if record.ended_at.is_some() {
                continue;
            }
            let stated: Stated = document(&record)?;
            let roles = self.roles_now(record.made_by, stated.key, &stated.roles)?;
            let name = self.name_or_id(record.made_by)?;
            statements.push(statement_of(&stated, roles, name));
        }
        let now = self.clock.now();
        let author = version.author.to_string();
        let asked = Asked {
            deployment: row.name.as_str(),
            artifact: version.digest,
            author: &author,
            tier: assessment.tier,
            now,
        };
        let results = ATTESTABLE.iter().map(|of| {
            let supplied = (of.demand == plimsoll_release::catalog::CheckId::Inv03)
                .then(|| plimsoll_release::evidence::supplied(is_elsewhere))
                .flatten();
            let (verdict, says) = match supplied {
                Some(not_applicable) => not_applicable,
                None => answered(of, asked, &statements),
            };
            result(of, version, verdict, says, now)
        });
        Ok(results.collect())
    }

    fn shown_attestation(&self, record: &GovernanceRow) -> Result<api::Attestation, ControlError> {
        let Stated { attested, .. } = document(record)?;
        Ok(api::Attestation {
            id: record.id,
            demand: attested.demand.to_string(),
            artifact: attested.artifact,
            says: attested.says,
            evidence: attested.evidence,
            significant: attested.significant,
            by: self.name_or_id(record.made_by)?,
            at: Time::from_micros(attested.at_us).into(),
            until: Time::from_micros(attested.until_us).into(),
            ended_by: record.ended_by.map(|by| self.name_or_id(by)).transpose()?,
        })
    }
}

fn result(
    of: &attestation::Attestable,
    version: &VersionRow,
    verdict: Verdict,
    says: String,
    now: Time,
) -> CheckResult {
    CheckResult {
        check: name_of(of.demand),
        version: VERSION,
        artifact: version.digest,
        verdict,
        says,
        at_us: now.as_micros(),
        evidence: None,
    }
}

fn statement_of(stated: &Stated, roles: Option<BTreeSet<String>>, name: String) -> Statement {
    let person = roles.map(|roles| Approver {
        id: stated.attested.by.clone(),
        roles,
        key: *stated.key.as_bytes(),
        authenticated: Time::from_micros(stated.authenticated_us),
    });
    Statement {
        attested: stated.attested.clone(),
        signature: joined(stated.signature),
        person,
        name,
    }
}
