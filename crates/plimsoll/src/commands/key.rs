//! `plimsoll key`. A secret is printed once, to stdout, and nowhere else.

use super::{Context, when};
use crate::cli::Key;
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_api::{ApiKey, CreateKey, KeySecret, RotateKey};
use plimsoll_types::{Clock, Name};

const PATH: &str = "/api/v1/keys";

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Key) -> Result<(), Failure> {
    match verb {
        Key::Create { name, principal, environment, scopes, expires } => {
            let now = context.clock.now();
            let expires_at = expires.map(|text| when::future(&text, now)).transpose()?;
            let scopes = Some(scopes).filter(|scopes| !scopes.is_empty());
            let body = CreateKey { name, principal, environment, scopes, expires_at };
            secret(context, &context.client()?.post(PATH, &body)?)
        }
        Key::List(paged) => list(context, paged.limit),
        Key::Rotate { id, overlap } => {
            let seconds = when::duration(&overlap)?.as_secs();
            let overlap_seconds =
                u32::try_from(seconds).map_err(|_| Failure::user("`--overlap` is at most 30d"))?;
            let body = RotateKey { overlap_seconds };
            secret(context, &context.client()?.post(&format!("{PATH}/{id}/rotate"), &body)?)
        }
        Key::Revoke { id } => {
            context.client()?.delete(&format!("{PATH}/{id}"))?;
            context.printer.note(&format!("revoked key {id}"));
            Ok(())
        }
    }
}

/// The secret alone is data, so that `> key.txt` makes a key file; the rest is words.
fn secret(context: &Context, made: &KeySecret) -> Result<(), Failure> {
    context.printer.show(made, |made| format!("{}\n", made.secret))?;
    context.printer.note(facts(context, &made.key).to_string().trim_end());
    context
        .printer
        .hint("keep the key now: it is not shown again, and only its keyed hash is stored");
    Ok(())
}

fn facts(context: &Context, key: &ApiKey) -> Facts {
    Facts::default()
        .add("key", &key.name)
        .add("id", key.id)
        .add("principal", &key.principal_name)
        .maybe("environment", key.environment)
        .maybe("scopes", key.scopes.as_deref().map(names))
        .maybe("expires", key.expires_at.map(|time| context.time(time)))
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<ApiKey>(PATH, &(), limit)?;
    let heads = ["id", "name", "prefix", "principal", "environment", "scopes", "expires", "state"];
    context.show_page(&page, &heads, |table, key| {
        let any = || "any".to_owned();
        table.row([
            key.id.to_string(),
            key.name.to_string(),
            key.prefix.clone(),
            key.principal_name.to_string(),
            key.environment.map_or_else(any, |environment| environment.to_string()),
            key.scopes.as_deref().map_or_else(any, names),
            key.expires_at.map_or_else(|| "never".to_owned(), |time| context.time(time)),
            state(key).to_owned(),
        ]);
    })
}

fn state(key: &ApiKey) -> &'static str {
    match (key.revoked_at, key.replaced_by) {
        (Some(_), _) => "revoked",
        (None, Some(_)) => "replaced",
        (None, None) => "live",
    }
}

fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
