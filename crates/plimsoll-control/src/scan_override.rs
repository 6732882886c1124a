//! Files that a scan found something in, and leave for them to pass: by a second person, for a
//! reason, for the rules that were found, until a day.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{BlockRow, OverrideRow, Read, StoreError};
use plimsoll_types::{Digest, PrincipalId, Time};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

type Result<T> = std::result::Result<T, ControlError>;

/// How long a file may be let pass: by then somebody makes one without findings, or asks again.
const LONGEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The longest reason, in bytes.
const MAX_REASON: usize = 2_000;
/// Blocked files of one list.
const MAX_LISTED: u32 = 1_000;

impl Control {
    /// Files that scans blocked, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_blocks(&self, ctx: &RequestContext) -> Result<api::ScanBlocks> {
        self.may_read(ctx, Action::ReadScans, &self.server())?;
        let rows = self.store.read(|r| {
            let rows = r.all_blocks(MAX_LISTED)?.into_iter();
            rows.map(|row| Ok((r.overrides(row.digest)?, row))).collect::<Result<Vec<_>>>()
        })?;
        let items = rows.into_iter().map(|(overrides, row)| {
            Ok(api::ScanBlock {
                digest: row.digest,
                path: row.path,
                about: row.about,
                rules: words(&row.rules)?.into_iter().collect(),
                author: self.display_name(row.author)?.unwrap_or_default(),
                created_at: row.created_at.into(),
                overrides: overrides
                    .into_iter()
                    .map(|row| self.shown_override(row))
                    .collect::<Result<_>>()?,
            })
        });
        Ok(api::ScanBlocks { items: items.collect::<Result<_>>()? })
    }

    /// Lets a file pass that a scan blocked.
    ///
    /// # Errors
    /// [`ControlError::Denied`] for whoever wanted it to be part of a version.
    pub fn create_override(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateOverride,
    ) -> Result<api::ScanOverride> {
        let blocks = self.store.read(|r| r.blocks(wanted.digest))?;
        let is_own = blocks.iter().any(|block| block.author == ctx.id);
        let author = if is_own { Some(ctx.id) } else { blocks.first().map(|block| block.author) };
        let what = Resource::Catalogued {
            name: blocks.first().map_or("", |block| block.about.as_str()).into(),
            owner: "".into(),
            author: author.map(|id| id.to_string()).unwrap_or_default().into(),
            tenant: ctx.tenant(),
        };
        let permit = self.permit(ctx, Action::OverrideScan, &what)?;
        if blocks.is_empty() {
            return Err(ControlError::not_found("blocked file", wanted.digest));
        }
        let (now, end) = (self.clock.now(), wanted.expires_at.0);
        if end <= now || end.since(now) > LONGEST {
            return Err(ControlError::invalid("expires_at", "must be within 90 days from now"));
        }
        if wanted.reason.trim().is_empty() || wanted.reason.len() > MAX_REASON {
            return Err(ControlError::invalid("reason", "must be 1 to 2000 bytes"));
        }
        let mut rules = BTreeSet::new();
        for block in &blocks {
            rules.extend(words(&block.rules)?);
        }
        let facts = json!({
            "digest": wanted.digest, "rules": rules, "reason": wanted.reason,
            "expires_at": wanted.expires_at,
            "about": blocks.iter().map(|block| &block.about).collect::<BTreeSet<_>>(),
        });
        let row = self.carry_out(permit, facts, |tx, now| {
            let row = OverrideRow {
                digest: wanted.digest,
                rules: json!(rules).to_string(),
                reason: wanted.reason.clone(),
                author: ctx.id,
                created_at: now,
                expires_at: end,
            };
            tx.insert_override(&row)?;
            for block in &blocks {
                self.unblock_catalogued(tx, &block.about, now)?;
            }
            Ok::<_, ControlError>(row)
        })?;
        self.shown_override(row)
    }

    /// A version of the catalogue is ready when everything that blocked it is let pass.
    fn unblock_catalogued(
        &self,
        tx: &plimsoll_store::Write<'_>,
        about: &str,
        now: Time,
    ) -> Result<()> {
        let Some((name, number)) = about.rsplit_once('/') else { return Ok(()) };
        let Ok(number) = number.parse() else { return Ok(()) };
        let Some(mut version) = tx.catalogued_version(name, number)? else { return Ok(()) };
        if version.status == "READY" || still_blocked(tx, &tx.blocks_about(about)?, now)?.is_some()
        {
            return Ok(());
        }
        version.status = "READY".into();
        version.status_text = "a scan found something, and an approver let it pass".into();
        let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        Ok(tx.update_catalogued_version(&version, millis)?)
    }

    /// Whether every file of a version that a scan blocked is let pass now. Asked at each release,
    /// so that leave which ended ends something.
    pub(crate) fn check_blocks(&self, model: plimsoll_types::ModelId, number: u32) -> Result<()> {
        let now = self.clock.now();
        let blocked = self.store.read(|r| {
            for file in r.files(model, number)? {
                if let Some(path) = still_blocked(r, &r.blocks(file.digest)?, now)? {
                    return Ok::<_, ControlError>(Some(path));
                }
            }
            Ok(None)
        })?;
        match blocked {
            None => Ok(()),
            Some(path) => {
                let detail = format!(
                    "version {number} may not be released: a scan blocked its file `{path}`, and \
                     nobody lets that pass now"
                );
                Err(ControlError::invalid("version", detail))
            }
        }
    }

    fn shown_override(&self, row: OverrideRow) -> Result<api::ScanOverride> {
        Ok(api::ScanOverride {
            rules: words(&row.rules)?.into_iter().collect(),
            reason: row.reason,
            author: self.display_name(row.author)?.unwrap_or_default(),
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
        })
    }
}

/// The path of the first of these that nobody lets pass.
fn still_blocked(read: &Read<'_>, blocks: &[BlockRow], now: Time) -> Result<Option<String>> {
    for block in blocks {
        let passed = let_pass(read, block.digest, block.author, now)?;
        if !words(&block.rules)?.is_subset(&passed) {
            return Ok(Some(block.path.clone()));
        }
    }
    Ok(None)
}

/// The rules that somebody other than `author` lets a file break now.
pub(crate) fn let_pass(
    read: &Read<'_>,
    file: Digest,
    author: PrincipalId,
    now: Time,
) -> Result<BTreeSet<String>> {
    let mut rules = BTreeSet::new();
    for row in read.overrides(file)? {
        if row.author != author && now < row.expires_at {
            rules.extend(words(&row.rules)?);
        }
    }
    Ok(rules)
}

fn words(list: &str) -> Result<BTreeSet<String>> {
    let damaged = |_| StoreError::Damaged("a list of rules is unreadable".into());
    Ok(serde_json::from_str(list).map_err(damaged)?)
}
