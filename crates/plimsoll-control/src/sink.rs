//! Sinks: who is sent events, added, changed and taken away.

use crate::bootstrap::Control;
use crate::compile::principal;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{limit, page};
use crate::words::stored;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_api as api;
use plimsoll_policy::{Action, Environment, Resource};
use plimsoll_store::SinkRow;
use plimsoll_types::record::Kind;
use plimsoll_types::{DecisionId, Name, SinkId};
use serde_json::json;
use zeroize::Zeroizing;

/// The most sinks. Each is a task that reads the ledger for itself.
const MAX_SINKS: usize = 64;
/// The most deployments that a sink's filter names.
const MAX_DEPLOYMENTS: usize = 256;
/// Bytes of a secret: Standard Webhooks takes 24 to 64.
const SECRET_LEN: usize = 32;

/// What a sink's worker needs, opened.
#[derive(Debug, Clone)]
pub struct SinkTarget {
    /// The sink.
    pub id: SinkId,
    /// Its name, for logs and metrics.
    pub name: Name,
    /// Counts the changes of the sink: a worker of an older one must end.
    pub revision: u64,
    /// Where events are posted.
    pub address: Secret,
    /// What signatures are made with.
    pub secret: Secret,
    /// How an event travels.
    pub format: api::SinkFormat,
    /// The ledger index that comes next.
    pub next: u64,
    /// Events acknowledged so far.
    pub delivered: u64,
    /// How often somebody moved it.
    pub moves: u64,
    /// Whether events are sent.
    pub is_active: bool,
}

/// Bytes that no log shows.
#[derive(Clone)]
pub struct Secret(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Control {
    /// Adds a sink of the caller's. `origin` is what may be shown of its address. The secret
    /// is in the answer and nowhere else in clear.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_sink(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateSink,
        origin: &str,
    ) -> Result<api::SinkSecret, ControlError> {
        let permit = self.permit(ctx, Action::CreateSink, &self.server())?;
        let permit = permit.for_named(format!("sink/{}", wanted.name));
        let profile = wanted.profile.unwrap_or(api::SinkProfile::Plimsoll);
        let format = wanted.format.unwrap_or(match profile {
            api::SinkProfile::Plimsoll => api::SinkFormat::Structured,
            api::SinkProfile::Kserve | api::SinkProfile::Openlineage => api::SinkFormat::Binary,
        });
        self.check_sink(ctx, wanted, profile, format)?;
        let next = wanted.from.unwrap_or_else(|| self.ledger.durable());
        let id = SinkId::new(self.clock.now());
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        rand::fill(secret.as_mut_slice())
            .map_err(|_| ControlError::Internal("the random number generator failed"))?;
        let keys = self.ledger.keys();
        let seal = |what, bytes: &[u8]| {
            keys.seal_secret(&context(id, what), bytes).map_err(ControlError::Ledger)
        };
        let row = SinkRow {
            id,
            name: wanted.name.clone(),
            origin: origin.to_owned(),
            address: seal("address", wanted.url.as_bytes())?,
            secret: seal("secret", secret.as_slice())?,
            owner: ctx.id,
            format: format.to_string(),
            profile: profile.to_string(),
            include_body: wanted.include_body,
            kinds: wanted.kinds.as_ref().map(|k| k.iter().map(ToString::to_string).collect()),
            deployments: wanted.deployments.clone(),
            state: api::SinkState::Active.to_string(),
            revision: 1,
            tenant: ctx.tenant(),
            created_at: self.clock.now(),
        };
        let facts = json!({
            "id": id, "origin": origin, "format": format, "profile": profile,
            "include_body": wanted.include_body, "kinds": wanted.kinds,
            "deployments": wanted.deployments, "next": next,
        });
        self.carry_out(permit, facts, |tx, _| {
            if tx.sinks()?.len() >= MAX_SINKS {
                return Err(ControlError::conflict(format!("there are {MAX_SINKS} sinks already")));
            }
            Ok(tx.insert_sink(&row, next)?)
        })?;
        let text = format!("whsec_{}", STANDARD.encode(secret.as_slice()));
        Ok(api::SinkSecret { secret: text, sink: self.shown_sink(&row)? })
    }

    fn check_sink(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateSink,
        profile: api::SinkProfile,
        format: api::SinkFormat,
    ) -> Result<(), ControlError> {
        let empty = "must name at least one, or be left out";
        if wanted.kinds.as_ref().is_some_and(Vec::is_empty) {
            return Err(ControlError::invalid("kinds", empty));
        }
        if let Some(names) = &wanted.deployments
            && !(1..=MAX_DEPLOYMENTS).contains(&names.len())
        {
            return Err(ControlError::invalid("deployments", empty));
        }
        if wanted.from.is_some_and(|from| from > self.ledger.durable()) {
            return Err(ControlError::invalid("from", "is beyond the end of the ledger"));
        }
        if profile == api::SinkProfile::Kserve {
            if format != api::SinkFormat::Binary {
                return Err(ControlError::invalid("format", "KServe's events travel as `binary`"));
            }
            if !wanted.include_body {
                let detail = "KServe's events are the bodies: set `include_body`";
                return Err(ControlError::invalid("include_body", detail));
            }
            if wanted.kinds.is_some() {
                let detail = "KServe's events are made of answered decisions only; leave it out";
                return Err(ControlError::invalid("kinds", detail));
            }
        }
        if profile == api::SinkProfile::Openlineage {
            if format != api::SinkFormat::Binary {
                let detail = "OpenLineage's events are the body itself: they travel as `binary`";
                return Err(ControlError::invalid("format", detail));
            }
            if wanted.include_body || wanted.kinds.is_some() || wanted.deployments.is_some() {
                let detail = "OpenLineage's events are made of changes of the registry only; leave \
                              kinds, deployments and bodies out";
                return Err(ControlError::invalid("kinds", detail));
            }
        }
        // Asked again for every record; here so that nobody waits for bodies that never come.
        if wanted.include_body && !self.may_ever_read_bodies(ctx) {
            let detail = "its owner would have to be permitted `ReadDecisionBody`";
            return Err(ControlError::invalid("include_body", detail));
        }
        Ok(())
    }

    fn may_ever_read_bodies(&self, ctx: &RequestContext) -> bool {
        let Ok(deployment) = Name::new("any") else { return false };
        let environment = Environment::Development;
        let id = DecisionId::from_bytes([0; 16]);
        let what =
            Resource::Decision { id, deployment, environment, asker: None, tenant: ctx.tenant() };
        self.allows(ctx, Action::ReadDecisionBody, &what)
    }

    /// Stops sending; the sink keeps its place in the ledger.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn pause_sink(&self, ctx: &RequestContext, name: &Name) -> Result<api::Sink, ControlError> {
        self.change_sink(ctx, name, api::SinkState::Paused, None)
    }

    /// Goes on sending, from the sink's place in the ledger or from another.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn resume_sink(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: api::ResumeSink,
    ) -> Result<api::Sink, ControlError> {
        self.change_sink(ctx, name, api::SinkState::Active, wanted.from)
    }

    fn change_sink(
        &self,
        ctx: &RequestContext,
        name: &Name,
        state: api::SinkState,
        from: Option<u64>,
    ) -> Result<api::Sink, ControlError> {
        let permit = self.permit(ctx, Action::ChangeSink, &self.server())?;
        let permit = permit.for_named(format!("sink/{name}"));
        let row = self.sink_row(name)?;
        if from.is_some_and(|from| from > self.ledger.durable()) {
            return Err(ControlError::invalid("from", "is beyond the end of the ledger"));
        }
        let facts = json!({"state": state, "from": from});
        self.carry_out(permit, facts, |tx, _| {
            tx.update_sink(&row, state.as_str())?;
            if let Some(from) = from {
                tx.move_sink(row.id, from)?;
            }
            Ok::<_, ControlError>(())
        })?;
        self.shown_sink(&self.sink_row(name)?)
    }

    /// Takes a sink away, and its secret with it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn remove_sink(&self, ctx: &RequestContext, name: &Name) -> Result<(), ControlError> {
        let permit = self.permit(ctx, Action::RemoveSink, &self.server())?;
        let permit = permit.for_named(format!("sink/{name}"));
        let row = self.sink_row(name)?;
        let next = self.store.read(|r| r.sink_cursor(row.id))?.next;
        self.carry_out(permit, json!({"id": row.id, "next": next}), |tx, _| {
            Ok(tx.delete_sink(row.id)?)
        })
    }

    /// The sinks, by name.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_sinks(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Sink>, ControlError> {
        self.may_read(ctx, Action::ReadSinks, &self.server())?;
        let after = query.cursor.as_deref().unwrap_or_default();
        let mut rows = self.store.read(|r| r.sinks())?;
        rows.retain(|row| row.name.as_str() > after);
        rows.truncate(usize::try_from(limit(query.limit)?).unwrap_or(usize::MAX));
        page(query, rows, |row| row.name.to_string(), |row| self.shown_sink(&row).map(Some))
    }

    /// A sink.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_sink(&self, ctx: &RequestContext, name: &Name) -> Result<api::Sink, ControlError> {
        self.may_read(ctx, Action::ReadSinks, &self.server())?;
        self.shown_sink(&self.sink_row(name)?)
    }

    /// A sink to send a test event to, if the caller may. The attempt is recorded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn test_sink(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<(SinkTarget, api::CloudEvent), ControlError> {
        let permit = self.permit(ctx, Action::TestSink, &self.server())?;
        let permit = permit.for_named(format!("sink/{name}"));
        let row = self.sink_row(name)?;
        self.carry_out(permit, json!({"id": row.id}), |_, _| Ok::<_, ControlError>(()))?;
        let now = self.clock.now();
        let event = api::CloudEvent {
            id: format!("{}.test", plimsoll_types::EventId::new(now)),
            source: self.event_source(),
            kind: "io.plimsoll.test.v1".into(),
            subject: Some(format!("sink/{name}")),
            time: now.into(),
            extensions: [].into(),
            data: json!({"sink": name, "by": ctx.id}),
        };
        Ok((self.target(&row)?, event))
    }

    /// Every sink, opened for its worker. Not for callers: it holds secrets.
    ///
    /// # Errors
    /// [`ControlError`] if store or keys cannot be read.
    pub fn sink_targets(&self) -> Result<Vec<SinkTarget>, ControlError> {
        self.store.read(|r| r.sinks())?.iter().map(|row| self.target(row)).collect()
    }

    /// Notes how far a sink's worker is, unless somebody moved the sink since `moves`.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn advance_sink(
        &self,
        id: SinkId,
        moves: u64,
        next: u64,
        more: u64,
    ) -> Result<(), ControlError> {
        Ok(self.store.advance_sink(id, moves, next, more)?)
    }

    fn target(&self, row: &SinkRow) -> Result<SinkTarget, ControlError> {
        let keys = self.ledger.keys();
        let open = |what, sealed: &[u8]| {
            let opened = keys.open_secret(&context(row.id, what), sealed);
            opened.map(Secret).map_err(ControlError::Unreadable)
        };
        let cursor = self.store.read(|r| r.sink_cursor(row.id))?;
        Ok(SinkTarget {
            id: row.id,
            name: row.name.clone(),
            revision: row.revision,
            address: open("address", &row.address)?,
            secret: open("secret", &row.secret)?,
            format: stored(&row.format, "format of a sink")?,
            next: cursor.next,
            delivered: cursor.delivered,
            moves: cursor.moves,
            is_active: row.state == api::SinkState::Active.as_str(),
        })
    }

    fn sink_row(&self, name: &Name) -> Result<SinkRow, ControlError> {
        let row = self.store.read(|r| r.sink_named(name.as_str()))?;
        row.ok_or_else(|| ControlError::not_found("sink", name))
    }

    fn shown_sink(&self, row: &SinkRow) -> Result<api::Sink, ControlError> {
        let cursor = self.store.read(|r| r.sink_cursor(row.id))?;
        let durable = self.ledger.durable();
        let head = if cursor.next < durable {
            self.ledger.entry(cursor.next).map_err(ControlError::Unreadable)?
        } else {
            None
        };
        let age = head.map(|entry| self.clock.now().since(entry.leaf.draft.time).as_secs());
        Ok(api::Sink {
            id: row.id,
            name: row.name.clone(),
            origin: row.origin.clone(),
            format: stored(&row.format, "format of a sink")?,
            profile: stored(&row.profile, "profile of a sink")?,
            includes_body: row.include_body,
            kinds: row.kinds.as_deref().map(kinds),
            deployments: row.deployments.clone(),
            owner: row.owner,
            owner_name: self.display_name(row.owner)?,
            state: stored(&row.state, "state of a sink")?,
            created_at: row.created_at.into(),
            progress: api::SinkProgress {
                next: cursor.next,
                lag_entries: durable.saturating_sub(cursor.next),
                lag_seconds: age.unwrap_or(0),
                delivered: cursor.delivered,
                ..api::SinkProgress::default()
            },
        })
    }

    /// The owner of a sink, as policy sees it; `None` if it was disabled.
    pub(crate) fn sink_owner(&self, row: &SinkRow) -> Result<Option<RequestContext>, ControlError> {
        let owner = self.store.read(|r| r.principal(row.owner))?;
        let Some(owner) = owner.filter(|owner| owner.disabled_at.is_none()) else {
            return Ok(None);
        };
        let (id, principal) = (owner.id, principal(&owner)?);
        Ok(Some(RequestContext { principal, id, key: None, request_id: "sink".into() }))
    }

    /// Who observed what events tell: this installation.
    pub(crate) fn event_source(&self) -> String {
        format!("urn:plimsoll:gateway:{}", self.ledger.gateway())
    }
}

/// The kinds that words name.
pub(crate) fn kinds(words: &[String]) -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| words.iter().any(|w| w == kind.as_str())).collect()
}

/// Whose secret it is, and which of its two.
fn context(id: SinkId, what: &str) -> Vec<u8> {
    [b"plimsoll sink ", what.as_bytes(), b" ", id.as_bytes()].concat()
}
