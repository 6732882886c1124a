//! What people may ask for: everything held about them, its erasure, and the legal hold that
//! keeps it. A subject's name comes in with a request and goes nowhere: state and events know
//! it by the keyed digest of the key journal, or by the digest of its key's id.

use crate::act::{Turn, Who};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::Known;
use crate::erasure::commitment;
use crate::error::ControlError;
use crate::page::{cursor, limit, page};
use plimsoll_api as api;
use plimsoll_ledger::holders;
use plimsoll_policy::Action;
use plimsoll_store::{ErasureRow, HoldRow, MAX_OF_SUBJECT};
use plimsoll_types::digest::hex;
use plimsoll_types::record::{Kind, Stage};
use plimsoll_types::{DeploymentId, EventId, KeyId};
use serde_json::{Value, json};

/// The longest subject, in bytes: contracts bound theirs at less.
const MAX_SUBJECT: usize = 4096;
/// The longest reason, in bytes.
const MAX_REASON: usize = 500;
/// A subject shorter than this may be a part of any word.
const TELLING: usize = 4;
/// Records looked at for one part of an export.
const MAX_SCAN: usize = 100_000;
/// Records of one part of an export.
const MAX_PART: usize = 200;

/// A subject as state and ledger know it.
struct Subject {
    digest: [u8; 32],
    key: Option<KeyId>,
}

impl Control {
    /// Erases a subject: destroys its key. When this returns, nothing that was recorded about
    /// the subject opens any more; the answer says when it is final.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn erase_subject(
        &self,
        ctx: &RequestContext,
        wanted: &api::EraseSubject,
    ) -> Result<api::Erasure, ControlError> {
        let permit = self.permit(ctx, Action::EraseSubject, &self.server())?;
        let reason = reason(&wanted.reason, &wanted.subject)?;
        let subject = self.known_subject(&wanted.subject)?;
        let Some(key) = subject.key else {
            let before = self.store.read(|r| r.erasures_of(&subject.digest, MAX_OF_SUBJECT))?;
            let before = before.last().ok_or(ControlError::NothingHeld)?;
            return Ok(self.shown_erasure(before));
        };
        let commitment = commitment(key);
        let permit = permit.for_named(format!("subject-key/{commitment}"));
        let facts = json!({"key": commitment, "reason": reason, "rotate_now": wanted.rotate_now});
        let mut turn = self.begin_turn()?;
        let row = self.act(
            &mut turn,
            permit.who(),
            permit.payload(facts),
            |tx, now, id| {
                if tx.hold_on_subject(&subject.digest)?.is_some() {
                    return Err(held());
                }
                let row = ErasureRow {
                    id,
                    subject: Some(subject.digest),
                    key,
                    reason: reason.to_owned(),
                    principal: ctx.id,
                    asked_at: now,
                    erased_at: None,
                    epoch: None,
                    rotated_at: None,
                    final_at: None,
                };
                tx.insert_erasure(&row)?;
                Ok(row)
            },
            |row| self.destroy(row),
        )?;
        if wanted.rotate_now {
            self.rotate(&mut turn, ctx.id, json!({"request": ctx.request_id}))?;
        }
        let row = self.store.read(|r| r.erasure(row.id))?;
        let row = row.ok_or(ControlError::Internal("an erasure is lost"))?;
        Ok(self.shown_erasure(&row))
    }

    /// What there is about a subject, without its data.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn subject_status(
        &self,
        ctx: &RequestContext,
        wanted: &api::SubjectQuestion,
    ) -> Result<api::SubjectStatus, ControlError> {
        self.may_read(ctx, Action::ReadSubject, &self.server())?;
        let subject = self.known_subject(&wanted.subject)?;
        let (hold, erasures) = self.store.read(|r| {
            let hold = r.hold_on_subject(&subject.digest)?;
            Ok::<_, ControlError>((hold, r.erasures_of(&subject.digest, MAX_OF_SUBJECT)?))
        })?;
        Ok(api::SubjectStatus {
            is_known: subject.key.is_some(),
            hold: hold.map(shown_hold),
            erasures: erasures.iter().map(|row| self.shown_erasure(row)).collect(),
        })
    }

    /// Erasures in the order they were asked for, without whom they were about.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_erasures(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Erasure>, ControlError> {
        self.may_read(ctx, Action::ReadSubject, &self.server())?;
        let after: Option<EventId> = cursor(query.cursor.as_deref())?;
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.erasures(after, limit))?;
        page(query, rows, |row| row.id.to_string(), |row| Ok(Some(self.shown_erasure(&row))))
    }

    /// Places a legal hold on a subject: it is not erased before the hold is released.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn hold_subject(
        &self,
        ctx: &RequestContext,
        wanted: &api::HoldSubject,
    ) -> Result<api::Hold, ControlError> {
        let permit = self.permit(ctx, Action::HoldSubject, &self.server())?;
        let reason = reason(&wanted.reason, &wanted.subject)?;
        let subject = self.known_subject(&wanted.subject)?;
        let facts = json!({"key": subject.key.map(commitment), "reason": reason});
        let permit = permit.for_named("subject-hold");
        self.place(ctx, permit.who(), permit.payload(facts), reason, (Some(subject.digest), None))
    }

    /// Releases the hold on a subject.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn release_subject(
        &self,
        ctx: &RequestContext,
        wanted: &api::SubjectQuestion,
    ) -> Result<api::Hold, ControlError> {
        let permit = self.permit(ctx, Action::HoldSubject, &self.server())?;
        let subject = self.known_subject(&wanted.subject)?;
        let hold = self.store.read(|r| r.hold_on_subject(&subject.digest))?;
        let hold = hold.ok_or_else(|| ControlError::conflict("no hold is on this subject"))?;
        let permit = permit.for_named("subject-hold");
        self.release(permit.who(), permit.payload(json!({"hold": hold.id, "released": true})), hold)
    }

    /// Places a legal hold on a deployment: its records stay beyond the end of their retention.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn hold_deployment(
        &self,
        ctx: &RequestContext,
        wanted: &api::HoldDeployment,
    ) -> Result<api::Hold, ControlError> {
        let permit = self.permit(ctx, Action::HoldSubject, &self.server())?;
        let reason = reason(&wanted.reason, "")?;
        let row = self.store.read(|r| r.deployment_named(wanted.deployment.as_str()))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", &wanted.deployment))?;
        let permit = permit.for_named(format!("deployment/{}", row.name));
        let payload = permit.payload(json!({"deployment": row.id, "reason": reason}));
        self.place(ctx, permit.who(), payload, reason, (None, Some(row.id)))
    }

    /// Releases the hold on a deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn release_deployment(
        &self,
        ctx: &RequestContext,
        wanted: &api::DeploymentQuestion,
    ) -> Result<api::Hold, ControlError> {
        let permit = self.permit(ctx, Action::HoldSubject, &self.server())?;
        let row = self.store.read(|r| r.deployment_named(wanted.deployment.as_str()))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", &wanted.deployment))?;
        let hold = self.store.read(|r| r.hold_on_deployment(row.id))?;
        let hold = hold.ok_or_else(|| ControlError::conflict("no hold is on this deployment"))?;
        let permit = permit.for_named(format!("deployment/{}", row.name));
        self.release(permit.who(), permit.payload(json!({"hold": hold.id, "released": true})), hold)
    }

    fn place(
        &self,
        ctx: &RequestContext,
        who: Who<'_>,
        payload: Value,
        reason: &str,
        (subject, deployment): (Option<[u8; 32]>, Option<DeploymentId>),
    ) -> Result<api::Hold, ControlError> {
        let mut turn = self.begin_turn()?;
        let change = |tx: &plimsoll_store::Write<'_>, now, id| {
            let before = match (&subject, deployment) {
                (Some(subject), _) => tx.hold_on_subject(subject)?,
                (None, Some(deployment)) => tx.hold_on_deployment(deployment)?,
                (None, None) => None,
            };
            if before.is_some() {
                return Err(held());
            }
            let (reason, principal, placed_at) = (reason.to_owned(), ctx.id, now);
            let row = HoldRow { id, subject, deployment, reason, principal, placed_at };
            tx.insert_hold(&row)?;
            Ok(row)
        };
        self.act(&mut turn, who, payload, change, |_| Ok(Value::Null)).map(shown_hold)
    }

    fn release(
        &self,
        who: Who<'_>,
        payload: Value,
        hold: HoldRow,
    ) -> Result<api::Hold, ControlError> {
        let mut turn: Turn<'_> = self.begin_turn()?;
        let change = |tx: &plimsoll_store::Write<'_>, now, _| Ok(tx.release_hold(hold.id, now)?);
        self.act(&mut turn, who, payload, change, |()| Ok(Value::Null))?;
        Ok(shown_hold(hold))
    }

    /// A part of everything held about a subject, opened, oldest first. The first part leaves
    /// a control event: data of a person was taken out.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn export_subject(
        &self,
        ctx: &RequestContext,
        wanted: &api::ExportSubject,
    ) -> Result<api::SubjectExport, ControlError> {
        let permit = self.permit(ctx, Action::ExportSubject, &self.server())?;
        let key = self.known_subject(&wanted.subject)?.key.ok_or(ControlError::NothingHeld)?;
        if wanted.from.is_none() {
            let permit = permit.for_named(format!("subject-key/{}", commitment(key)));
            self.note(permit.who(), Stage::Completed, permit.payload(json!({})))?;
        }
        let mut export = api::SubjectExport {
            decisions: Vec::new(),
            others: Vec::new(),
            next: Some(wanted.from.unwrap_or(0)),
        };
        let (end, mut known) = (self.ledger.durable(), Known::default());
        let from = wanted.from.unwrap_or(0);
        for entry in self.ledger.entries(from).take(MAX_SCAN) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            export.next = Some(entry.index.saturating_add(1));
            if holders(&entry.sealed).any(|holder| holder == key) {
                self.export(&mut known, &entry, &mut export)?;
                if export.decisions.len() + export.others.len() >= MAX_PART {
                    break;
                }
            }
        }
        export.next = export.next.filter(|&next| next < end);
        Ok(export)
    }

    fn export(
        &self,
        known: &mut Known,
        entry: &plimsoll_ledger::Entry,
        export: &mut api::SubjectExport,
    ) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        if draft.kind == Kind::Decision
            && let Some(decision) = self.opened(known, entry)?
        {
            export.decisions.push(decision);
            return Ok(());
        }
        let body = self.ledger.open_body(entry).map_err(ControlError::Unreadable)?;
        export.others.push(api::SubjectRecord {
            kind: draft.kind,
            index: entry.index,
            time: draft.time.into(),
            body: hex(&body),
        });
        Ok(())
    }

    fn known_subject(&self, subject: &str) -> Result<Subject, ControlError> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT {
            return Err(ControlError::invalid("subject", "must be 1 to 4096 bytes"));
        }
        let keys = self.ledger.keys();
        let key = keys.find_subject(self.tenant, subject).map_err(ControlError::Unreadable)?;
        Ok(Subject { digest: keys.subject_digest(self.tenant, subject), key })
    }

    fn shown_erasure(&self, row: &ErasureRow) -> api::Erasure {
        let windows = self.config.erasure;
        let rotates_by = row.rotated_at.is_none().then(|| row.asked_at.plus(windows.rotate_within));
        let rotation = row.rotated_at.or(rotates_by).unwrap_or(row.asked_at);
        let final_by = row.final_at.is_none().then(|| rotation.plus(windows.key_backups));
        api::Erasure {
            id: row.id,
            state: match row.final_at {
                Some(_) => api::ErasureState::Final,
                None => api::ErasureState::Pending,
            },
            key: commitment(row.key),
            reason: row.reason.clone(),
            principal: row.principal,
            asked_at: row.asked_at.into(),
            erased_at: row.erased_at.map(Into::into),
            rotated_at: row.rotated_at.map(Into::into),
            rotates_by: rotates_by.map(Into::into),
            final_at: row.final_at.map(Into::into),
            final_by: final_by.map(Into::into),
        }
    }
}

fn held() -> ControlError {
    ControlError::conflict("a legal hold is in force; release it first")
}

fn shown_hold(row: HoldRow) -> api::Hold {
    let HoldRow { id, reason, principal, placed_at, .. } = row;
    api::Hold { id, reason, principal, placed_at: placed_at.into() }
}

/// The reason as it is recorded for good: so it does not name the subject.
fn reason<'a>(reason: &'a str, subject: &str) -> Result<&'a str, ControlError> {
    let trimmed = reason.trim();
    if trimmed.is_empty() || trimmed.len() > MAX_REASON {
        return Err(ControlError::invalid("reason", "must be 1 to 500 bytes"));
    }
    let (text, name) = (trimmed.to_lowercase(), subject.to_lowercase());
    let is_word = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
    if !name.is_empty() && (is_word || (name.len() >= TELLING && text.contains(&name))) {
        let detail = "must not name the subject: it stays in the ledger when the subject is gone";
        return Err(ControlError::invalid("reason", detail));
    }
    Ok(trimmed)
}
