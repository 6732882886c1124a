//! API keys: made, rotated with overlap, revoked. The text is given back once; only its
//! keyed digest is kept.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{cursor, limit, page};
use crate::words::{environment, stored};
use aws_lc_rs::rand;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_serving::KeyHasher;
use plimsoll_store::ApiKeyRow;
use plimsoll_types::{ApiKeyId, Name, PrincipalId, Time};
use serde_json::json;
use std::time::Duration;

/// The longest time an old key goes on working beside the new one: 30 days.
const MAX_OVERLAP_SECONDS: u32 = 30 * 24 * 3_600;

/// What a key is made of, but for its text.
pub(crate) struct NewKey {
    pub(crate) name: Name,
    pub(crate) principal: PrincipalId,
    pub(crate) environment: Option<String>,
    pub(crate) scopes: Option<Vec<Name>>,
    pub(crate) expires_at: Option<Time>,
}

/// Makes a key: its text, `plim_<environment or any>_<prefix>_<secret>`, and its row. The
/// secret is 256 random bits, so a plain keyed digest is enough to store: there is nothing
/// to guess that slow hashing would have to protect.
pub(crate) fn make_key(
    hasher: &KeyHasher,
    new: NewKey,
    now: Time,
) -> Result<(String, ApiKeyRow), ControlError> {
    let (mut prefix, mut secret) = ([0; 6], [0; 32]);
    let filled = rand::fill(&mut prefix).and_then(|()| rand::fill(&mut secret));
    filled.map_err(|_| ControlError::Internal("the random number generator failed"))?;
    let environment = new.environment.as_deref().unwrap_or("any");
    let prefix = format!("plim_{environment}_{}", base64url(&prefix));
    let text = format!("{prefix}_{}", base64url(&secret));
    let row = ApiKeyRow {
        id: ApiKeyId::new(now),
        principal: new.principal,
        name: new.name,
        prefix,
        digest: hasher.digest(&text),
        environment: new.environment,
        scopes: new.scopes,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        replaced_by: None,
    };
    Ok((text, row))
}

impl Control {
    /// Makes a key. Its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_key(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateKey,
    ) -> Result<api::KeySecret, ControlError> {
        let holder = match &wanted.principal {
            Some(name) => self.store.read(|r| r.principal_named(name.as_str()))?,
            None => self.store.read(|r| r.principal(ctx.id))?,
        };
        let id = ApiKeyId::new(self.clock.now());
        let permit = self.permit(
            ctx,
            Action::CreateKey,
            &Resource::Key {
                id,
                holder: holder.as_ref().map(|h| h.id.to_string()).unwrap_or_default().into(),
                environment: wanted.environment.map(environment),
                tenant: ctx.tenant(),
            },
        )?;
        let name = wanted.principal.as_ref().map_or("anonymous", Name::as_str);
        let holder = holder.ok_or_else(|| ControlError::not_found("principal", name))?;
        if holder.is_dev {
            return Err(ControlError::invalid("principal", "the principal of --dev has no keys"));
        }
        self.check_key(wanted)?;
        let new = NewKey {
            name: wanted.name.clone(),
            principal: holder.id,
            environment: wanted.environment.map(|e| e.to_string()),
            scopes: wanted.scopes.clone(),
            expires_at: wanted.expires_at.map(|t| t.0),
        };
        let (secret, row) = make_key(&self.hasher, new, self.clock.now())?;
        let row = ApiKeyRow { id, ..row };
        let facts = json!({
            "principal": row.principal,
            "prefix": row.prefix,
            "environment": row.environment,
            "scopes": row.scopes,
            "expires_at": wanted.expires_at,
        });
        self.carry_out(permit, facts, |tx, _| Ok(tx.insert_key(&row)?))?;
        Ok(api::KeySecret { secret, key: shown(row, holder.name)? })
    }

    fn check_key(&self, wanted: &api::CreateKey) -> Result<(), ControlError> {
        if wanted.expires_at.is_some_and(|t| t.0 <= self.clock.now()) {
            return Err(ControlError::invalid("expires_at", "must be in the future"));
        }
        let max = plimsoll_policy::MAX_SCOPES;
        if wanted.scopes.as_ref().is_some_and(|scopes| scopes.len() > max) {
            return Err(ControlError::invalid("scopes", format!("must be at most {max}")));
        }
        Ok(())
    }

    /// Makes a new key in the place of one that works; the old one goes on for the overlap.
    /// A key with an end gets a successor with the same length of life.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn rotate_key(
        &self,
        ctx: &RequestContext,
        id: ApiKeyId,
        wanted: api::RotateKey,
    ) -> Result<api::KeySecret, ControlError> {
        let (old, resource) = self.key_resource(ctx, id)?;
        let permit = self.permit(ctx, Action::RotateKey, &resource)?;
        let (old, holder) = old.ok_or_else(|| ControlError::not_found("API key", id))?;
        if wanted.overlap_seconds > MAX_OVERLAP_SECONDS {
            return Err(ControlError::invalid("overlap_seconds", "must be at most 30 days"));
        }
        let now = self.clock.now();
        if old.revoked_at.is_some() || old.replaced_by.is_some() || has_ended(&old, now) {
            return Err(ControlError::conflict(
                "the API key was revoked or replaced, or has expired; make a new one",
            ));
        }
        let new = NewKey {
            name: old.name.clone(),
            principal: old.principal,
            environment: old.environment.clone(),
            scopes: old.scopes.clone(),
            expires_at: old.expires_at.map(|end| now.plus(end.since(old.created_at))),
        };
        let (secret, row) = make_key(&self.hasher, new, now)?;
        let end = now.plus(Duration::from_secs(wanted.overlap_seconds.into()));
        let facts =
            json!({"by": row.id, "prefix": row.prefix, "overlap_seconds": wanted.overlap_seconds});
        self.carry_out(permit, facts, |tx, _| {
            tx.insert_key(&row)?;
            Ok(tx.replace_key(id, row.id, end)?)
        })?;
        Ok(api::KeySecret { secret, key: shown(row, holder)? })
    }

    /// Ends a key now: when this returns, gateways of this process refuse it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn revoke_key(
        &self,
        ctx: &RequestContext,
        id: ApiKeyId,
    ) -> Result<api::ApiKey, ControlError> {
        let (old, resource) = self.key_resource(ctx, id)?;
        let permit = self.permit(ctx, Action::RevokeKey, &resource)?;
        let (mut row, holder) = old.ok_or_else(|| ControlError::not_found("API key", id))?;
        if row.revoked_at.is_some() {
            return Err(ControlError::conflict("the API key was revoked before"));
        }
        let facts = json!({"principal": row.principal, "prefix": row.prefix});
        row.revoked_at = self.carry_out(permit, facts, |tx, now| {
            tx.revoke_key(id, now)?;
            Ok(Some(now))
        })?;
        shown(row, holder)
    }

    /// Keys that the caller may see, in the order they were made.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_keys(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::ApiKey>, ControlError> {
        self.may_read(ctx, Action::ListKeys, &self.server())?;
        let after = cursor(query.cursor.as_deref())?;
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.keys(after, limit))?;
        page(
            query,
            rows,
            |row| row.id.to_string(),
            |row| {
                let resource = resource_of(&row, ctx)?;
                if !self.allows(ctx, Action::ReadKey, &resource) {
                    return Ok(None);
                }
                let holder = self.name_of(row.principal)?;
                shown(row, holder).map(Some)
            },
        )
    }

    /// A key with its holder's name, if it is there, and what policy is asked about.
    fn key_resource(
        &self,
        ctx: &RequestContext,
        id: ApiKeyId,
    ) -> Result<(Option<(ApiKeyRow, Name)>, Resource), ControlError> {
        let Some(row) = self.store.read(|r| r.key(id))? else {
            let environment = ctx.principal.environment;
            let missing =
                Resource::Key { id, holder: "".into(), environment, tenant: ctx.tenant() };
            return Ok((None, missing));
        };
        let resource = resource_of(&row, ctx)?;
        let holder = self.name_of(row.principal)?;
        Ok((Some((row, holder)), resource))
    }

    fn name_of(&self, id: PrincipalId) -> Result<Name, ControlError> {
        let row = self.store.read(|r| r.principal(id))?;
        row.map(|row| row.name).ok_or(ControlError::Internal("a key has no principal"))
    }
}

fn has_ended(row: &ApiKeyRow, now: Time) -> bool {
    row.expires_at.is_some_and(|end| end <= now)
}

pub(crate) fn resource_of(row: &ApiKeyRow, ctx: &RequestContext) -> Result<Resource, ControlError> {
    Ok(Resource::Key {
        id: row.id,
        holder: row.principal.to_string().into(),
        environment: row.environment.as_deref().map(|e| stored(e, "environment")).transpose()?,
        tenant: ctx.tenant(),
    })
}

fn shown(row: ApiKeyRow, principal_name: Name) -> Result<api::ApiKey, ControlError> {
    Ok(api::ApiKey {
        id: row.id,
        name: row.name,
        prefix: row.prefix,
        principal: row.principal,
        principal_name,
        environment: row.environment.as_deref().map(|e| stored(e, "environment")).transpose()?,
        scopes: row.scopes,
        created_at: row.created_at.into(),
        expires_at: row.expires_at.map(Into::into),
        revoked_at: row.revoked_at.map(Into::into),
        replaced_by: row.replaced_by,
    })
}

/// RFC 4648 §5 without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let index = usize::try_from((bits >> (18 - 6 * digit)) & 63).unwrap_or(0);
            text.push(char::from(DIGITS[index]));
        }
    }
    text
}
