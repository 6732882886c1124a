//! Webhooks of the registry: who is told what happens in it. What is to be told is written
//! with the change itself; sending it is the server's.

use super::{Result, listed, millis, new_id, nothing};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::sink::Secret;
use plimsoll_api as api;
use plimsoll_mlflow::{Args, Error, Page, Webhook, WebhookEvent, value_fits};
use plimsoll_policy::Action;
use plimsoll_store::{WebhookRow, Write};
use serde_json::{Value, json};

/// The most webhooks. Each change looks through them.
const MAX_WEBHOOKS: usize = 256;
/// The most deliveries that wait. Beyond, the newest are not noted: a receiver that is away for
/// long must not fill the control state.
const MAX_WAITING: u32 = 10_000;
/// Deliveries handed out at a time.
const MAX_DUE: u32 = 32;
/// The longest name of a webhook and its description, in characters.
const MAX_NAME: usize = 63;
const MAX_TEXT: usize = 2_000;
/// The longest address, in bytes.
const MAX_URL: usize = 2_000;
/// The longest secret, in bytes. The ledger's keys seal 4 KiB at most.
const MAX_SECRET: usize = 1_000;
/// The most events of a webhook: more than there are.
const MAX_EVENTS: usize = 64;

/// Something that happened in the registry.
pub(super) struct Happening {
    entity: &'static str,
    action: &'static str,
    data: Value,
    before: Option<String>,
}

impl Happening {
    pub(super) const fn new(entity: &'static str, action: &'static str, data: Value) -> Self {
        Self { entity, action, data, before: None }
    }
    /// With what was there before.
    pub(super) fn before(self, before: Option<String>) -> Self {
        Self { before, ..self }
    }
}

/// Where a delivery goes.
#[derive(Debug, Clone)]
pub struct WebhookTarget {
    /// Its address.
    pub url: Secret,
    /// What signatures are made with.
    pub secret: Option<Secret>,
}

/// Something to be sent.
#[derive(Debug, Clone)]
pub struct WebhookDelivery {
    /// Its number.
    pub row: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What.
    pub body: String,
    /// Where to.
    pub target: WebhookTarget,
}

impl Control {
    /// `webhooks` (POST). The address was checked before.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_create_webhook(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let permit = self.permit(ctx, Action::ChangeWebhooks, &self.server())?;
        let now = self.clock.now();
        let id = new_id(now);
        let mut row = WebhookRow {
            id: id.clone(),
            name: args.text("name")?.to_owned(),
            description: None,
            url: Vec::new(),
            secret: None,
            events: Vec::new(),
            status: "ACTIVE".into(),
            created_at: millis(now),
            updated_at: millis(now),
        };
        args.text("url")?;
        self.take(&mut row, args)?;
        if row.events.is_empty() {
            return Err(no_events().into());
        }
        let facts = json!({"webhook": id, "events": row.events, "status": row.status});
        self.carry_out(permit.for_named(format!("webhook/{id}")), facts, |tx, _| {
            if tx.webhooks()?.len() >= MAX_WEBHOOKS {
                return Err(
                    Error::invalid(format!("there are {MAX_WEBHOOKS} webhooks already")).into()
                );
            }
            Ok(tx.insert_webhook(&row)?)
        })?;
        Ok(json!({"webhook": self.shown_webhook(&row)?}))
    }

    /// `webhooks` (GET).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_list_webhooks(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read(ctx, Action::ReadWebhooks, &self.server())?;
        let page = match args.maybe_int("max_results")? {
            Some(0) => Page::of(&args.without("max_results"), 100, 1_000)?,
            _ => Page::of(args, 100, 1_000)?,
        };
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let rows = self.store.read(|r| r.webhooks())?.into_iter().skip(offset);
        let (rows, token) = page.cut(rows.collect());
        let items = rows.iter().map(|row| Ok(json!(self.shown_webhook(row)?)));
        Ok(listed("webhooks", items.collect::<Result<_>>()?, token))
    }

    /// `webhooks/{webhook_id}` (GET).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_get_webhook(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        self.may_read(ctx, Action::ReadWebhooks, &self.server())?;
        let row = self.webhook(args.text("webhook_id")?)?;
        Ok(json!({"webhook": self.shown_webhook(&row)?}))
    }

    /// `webhooks/{webhook_id}` (PATCH).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_update_webhook(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let permit = self.permit(ctx, Action::ChangeWebhooks, &self.server())?;
        let mut row = self.webhook(args.text("webhook_id")?)?;
        if let Some(name) = args.maybe_text("name")?.filter(|name| !name.is_empty()) {
            name.clone_into(&mut row.name);
        }
        self.take(&mut row, args)?;
        row.updated_at = millis(self.clock.now());
        let facts = json!({"webhook": row.id, "events": row.events, "status": row.status,
                           "address": args.has("url"), "secret": args.has("secret")});
        let permit = permit.for_named(format!("webhook/{}", row.id));
        self.carry_out(permit, facts, |tx, _| Ok(tx.update_webhook(&row)?))?;
        Ok(json!({"webhook": self.shown_webhook(&row)?}))
    }

    /// `webhooks/{webhook_id}` (DELETE).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_delete_webhook(&self, ctx: &RequestContext, args: &Args) -> Result<Value> {
        let permit = self.permit(ctx, Action::ChangeWebhooks, &self.server())?;
        let row = self.webhook(args.text("webhook_id")?)?;
        let permit = permit.for_named(format!("webhook/{}", row.id));
        let facts = json!({"webhook": row.id, "deleted": true});
        self.carry_out(permit, facts, |tx, _| Ok(tx.delete_webhook(&row.id)?))?;
        Ok(nothing())
    }

    /// `webhooks/{webhook_id}/test`: where to send the test, and what.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn ml_test_webhook(
        &self,
        ctx: &RequestContext,
        args: &Args,
    ) -> Result<(WebhookTarget, String)> {
        let permit = self.permit(ctx, Action::TestWebhook, &self.server())?;
        let row = self.webhook(args.text("webhook_id")?)?;
        let event = if args.has("event") {
            event_of(&args.object("event")?)?
        } else {
            row.events.first().cloned().ok_or_else(no_events)?
        };
        let permit = permit.for_named(format!("webhook/{}", row.id));
        self.note(
            permit.who(),
            plimsoll_types::record::Stage::Completed,
            permit.payload(json!({"event": event})),
        )?;
        let body = self.webhook_body(ctx, &event.entity, &event.action, &example(&event), None);
        Ok((self.webhook_target(&row)?, body))
    }

    /// Deliveries that are due.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn due_webhooks(&self) -> Result<Vec<WebhookDelivery>> {
        let now = millis(self.clock.now());
        let rows = self.store.read(|r| r.due_deliveries(now, MAX_DUE))?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let webhook = self.webhook(&row.webhook)?;
            let target = self.webhook_target(&webhook)?;
            due.push(WebhookDelivery {
                row: row.row,
                attempts: row.attempts,
                body: row.body,
                target,
            });
        }
        Ok(due)
    }

    /// Notes what became of a delivery: it ended, or is to be tried again after some
    /// milliseconds.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn webhook_tried(&self, row: i64, again: Option<u32>) -> Result<()> {
        let now = millis(self.clock.now());
        self.store.together::<_, ControlError>(move |tx| {
            match again {
                None => tx.end_delivery(row)?,
                Some(wait) => tx.delay_delivery(row, now.saturating_add(wait.into()))?,
            }
            Ok(())
        })
    }

    /// Notes what is to be told to whom, in the transaction of what happened.
    pub(super) fn tell(
        &self,
        tx: &Write<'_>,
        ctx: &RequestContext,
        happening: Happening,
    ) -> Result<()> {
        let Happening { entity, action, data, before } = happening;
        let wants = |row: &WebhookRow| {
            row.status == "ACTIVE"
                && row.events.iter().any(|event| event.entity == entity && event.action == action)
        };
        let told: Vec<WebhookRow> = tx.webhooks()?.into_iter().filter(wants).collect();
        if told.is_empty() {
            return Ok(());
        }
        if tx.delivery_count()? >= MAX_WAITING {
            tracing::warn!("too many deliveries to webhooks wait; one more is not noted");
            return Ok(());
        }
        let body = self.webhook_body(ctx, entity, action, &data, before);
        let now = millis(self.clock.now());
        told.iter().try_for_each(|row| Ok(tx.insert_delivery(&row.id, &body, now)?))
    }

    /// MLflow's payload, with who did it and what was there before beside its members.
    fn webhook_body(
        &self,
        ctx: &RequestContext,
        entity: &str,
        action: &str,
        data: &Value,
        before: Option<String>,
    ) -> String {
        let time: api::Timestamp = self.clock.now().into();
        let mut body = json!({
            "entity": entity.to_ascii_lowercase(),
            "action": action.to_ascii_lowercase(),
            "timestamp": time,
            "data": data,
            "actor": ctx.id,
        });
        if let Some(before) = before {
            body["before"] = before.into();
        }
        body.to_string()
    }

    fn webhook(&self, id: &str) -> Result<WebhookRow> {
        let row = self.store.read(|r| r.webhook(id))?;
        Ok(row.ok_or_else(|| Error::missing(format!("Webhook with ID {id} not found.")))?)
    }

    /// Takes what `args` say over into a webhook.
    fn take(&self, row: &mut WebhookRow, args: &Args) -> Result<()> {
        webhook_name_fits(&row.name)?;
        if let Some(text) = args.maybe_text("description")? {
            value_fits("description", text, MAX_TEXT)?;
            row.description = Some(text.to_owned()).filter(|text| !text.is_empty());
        }
        if let Some(url) = args.maybe_text("url")?.filter(|url| !url.is_empty()) {
            value_fits("url", url, MAX_URL)?;
            row.url = self.sealed(&row.id, "url", url)?;
        }
        match args.maybe_text("secret")? {
            Some("") => row.secret = None,
            Some(secret) => {
                value_fits("secret", secret, MAX_SECRET)?;
                row.secret = Some(self.sealed(&row.id, "secret", secret)?);
            }
            None => {}
        }
        if args.has("events") {
            let events = args.objects("events")?;
            if events.len() > MAX_EVENTS {
                return Err(Error::invalid("there are too many events").into());
            }
            row.events = events.iter().map(event_of).collect::<Result<_>>()?;
            if row.events.is_empty() {
                return Err(no_events().into());
            }
        }
        match args.maybe_text("status")? {
            None => {}
            Some(status @ ("ACTIVE" | "DISABLED")) => status.clone_into(&mut row.status),
            Some(_) => {
                return Err(Error::invalid(
                    "Invalid value for parameter 'status' supplied: it is ACTIVE or DISABLED",
                )
                .into());
            }
        }
        Ok(())
    }

    fn sealed(&self, id: &str, what: &str, text: &str) -> Result<Vec<u8>> {
        let keys = self.ledger.keys();
        keys.seal_secret(&context(id, what), text.as_bytes()).map_err(ControlError::Ledger)
    }
    fn opened_of_webhook(&self, id: &str, what: &str, sealed: &[u8]) -> Result<Secret> {
        let opened = self.ledger.keys().open_secret(&context(id, what), sealed);
        opened.map(Secret).map_err(ControlError::Unreadable)
    }
    fn webhook_target(&self, row: &WebhookRow) -> Result<WebhookTarget> {
        let secret = row.secret.as_ref();
        Ok(WebhookTarget {
            url: self.opened_of_webhook(&row.id, "url", &row.url)?,
            secret: secret
                .map(|sealed| self.opened_of_webhook(&row.id, "secret", sealed))
                .transpose()?,
        })
    }
    fn shown_webhook(&self, row: &WebhookRow) -> Result<Webhook> {
        let url = self.opened_of_webhook(&row.id, "url", &row.url)?;
        Ok(Webhook {
            webhook_id: row.id.clone(),
            name: row.name.clone(),
            description: row.description.clone(),
            url: String::from_utf8_lossy(&url.0).into_owned(),
            events: row.events.clone(),
            status: row.status.clone(),
            creation_timestamp: row.created_at,
            last_updated_timestamp: row.updated_at,
        })
    }
}

fn context(id: &str, what: &str) -> Vec<u8> {
    format!("plimsoll registry webhook {what} {id}").into_bytes()
}

/// MLflow's rule for names of webhooks.
fn webhook_name_fits(name: &str) -> Result<()> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inside = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = name.len() <= MAX_NAME && edge(name.chars().next()) && edge(name.chars().last());
    if fits && name.chars().all(inside) {
        return Ok(());
    }
    Err(Error::invalid(
        "Webhook name is invalid. It must start and end with a letter or digit, be at most 63 \
         characters long, and contain only letters, digits, dots (.), underscores (_), and \
         hyphens (-).",
    )
    .into())
}

fn no_events() -> Error {
    Error::invalid("Webhook events must be a non-empty list of WebhookEvent objects: [].")
}

fn event_of(args: &Args) -> Result<WebhookEvent> {
    let event = WebhookEvent {
        entity: args.text("entity")?.to_ascii_uppercase(),
        action: args.text("action")?.to_ascii_uppercase(),
    };
    if event.is_known() {
        return Ok(event);
    }
    Err(Error::invalid("Invalid value for parameter 'events' supplied: there is no such entity with such an action").into())
}

/// What a test sends: `mlflow/webhooks/types.py` has the same examples.
fn example(event: &WebhookEvent) -> Value {
    let is_prompt = event.entity.starts_with("PROMPT");
    let name = if is_prompt { "example_prompt" } else { "example_model" };
    let mut data = json!({"name": name});
    let mut put = |key: &str, value: Value| data[key] = value;
    let tags = json!({"example_key": "example_value"});
    match event.entity.as_str() {
        "REGISTERED_MODEL" | "PROMPT" => {
            put("tags", tags);
            put(
                "description",
                if is_prompt { "An example prompt" } else { "An example registered model" }.into(),
            );
        }
        "MODEL_VERSION" => {
            put("version", "1".into());
            put("source", "models:/123".into());
            put("run_id", "abcd1234abcd5678".into());
            put("tags", tags);
            put("description", "An example model version".into());
        }
        "PROMPT_VERSION" => {
            put("version", "1".into());
            put("template", "Hello {{name}}!".into());
            put("tags", tags);
            put("description", "An example prompt version".into());
        }
        "MODEL_VERSION_ALIAS" | "PROMPT_ALIAS" => {
            put("alias", "example_alias".into());
            if event.action == "CREATED" {
                put("version", "1".into());
            }
        }
        _ => {
            if event.entity != "PROMPT_TAG" {
                put("version", "1".into());
            }
            put("key", "example_key".into());
            if event.action == "SET" {
                put("value", "example_value".into());
            }
        }
    }
    data
}
