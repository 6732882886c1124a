//! What is said about a model version beside its files, and the end of its life. Whatever is said
//! is a revision that stays; some of it, once said, is not said otherwise.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::lineage_steps::{told_id, tracked_id};
use plimsoll_api as api;
use plimsoll_api::VersionCard;
use plimsoll_policy::Action;
use plimsoll_sign::BUNDLE_NAME;
use plimsoll_store::{ArchivedRow, CardRow, ModelRow, Read, StoreError, VersionRow};
use plimsoll_types::{ModelId, Name};
use serde_json::json;

type Result<T> = std::result::Result<T, ControlError>;

/// The longest name or licence, in bytes.
const MAX_NAME: usize = 200;
/// The longest text, in bytes: a page.
const MAX_TEXT: usize = 8_000;
/// Datasets of one version.
const MAX_DATASETS: usize = 100;
/// Revisions of one card: more is a script that went wrong.
const MAX_REVISIONS: u32 = 10_000;

impl Control {
    /// A version's card, and its place in life.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_card(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
    ) -> Result<api::CardOfVersion> {
        let (found, resource) = self.version_resource(ctx, model, number)?;
        self.may_read(ctx, Action::ReadVersion, &resource)?;
        self.shown_card(found.ok_or_else(|| missing(model, number))?)
    }

    /// Says more about a version, or something else where that may change.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] where what is set stays; [`ControlError::Invalid`] for a run,
    /// dataset or version that is not there.
    pub fn set_card(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
        wanted: &VersionCard,
    ) -> Result<api::CardOfVersion> {
        let (found, resource) = self.version_resource(ctx, model, number)?;
        let permit = self.permit(ctx, Action::DescribeVersion, &resource)?;
        let found = found.ok_or_else(|| missing(model, number))?;
        check(wanted)?;
        let wanted = self.store.read(|r| checked(r, found.0.id, number, wanted))?;
        let (id, facts) = (found.0.id, json!({"card": wanted}));
        self.carry_out(permit, facts, |tx, now| {
            let before = tx.card(id, number)?;
            let revision = before.as_ref().map_or(1, |row| row.revision.saturating_add(1));
            if revision > MAX_REVISIONS {
                return Err(ControlError::conflict("the card has too many revisions"));
            }
            let card = before.as_ref().map(document).transpose()?.unwrap_or_default();
            let card = merged(card, wanted)?;
            tx.insert_card(&CardRow {
                model: id,
                number,
                revision,
                document: json!(card).to_string(),
                training_run: card.training_run,
                parent: card.parent,
                author: ctx.id,
                created_at: now,
            })?;
            Ok(())
        })?;
        self.shown_card(found)
    }

    /// Archives a version: no deployment gets it any more. It stays, with everything that names
    /// it; what answers in a deployment is not archived.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] while it answers somewhere, or if it is archived.
    pub fn archive_version(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
        wanted: &api::ArchiveVersion,
    ) -> Result<api::CardOfVersion> {
        let (found, resource) = self.version_resource(ctx, model, number)?;
        let permit = self.permit(ctx, Action::ArchiveVersion, &resource)?;
        let found = found.ok_or_else(|| missing(model, number))?;
        let reason = wanted.reason.trim();
        if reason.is_empty() || reason.len() > MAX_TEXT {
            return Err(ControlError::invalid("reason", "must be 1 to 8000 bytes"));
        }
        let id = found.0.id;
        self.carry_out(permit, json!({"reason": reason}), |tx, now| {
            if let Some(deployment) = tx.deployment_of(model.as_str(), Some(number))? {
                let detail = format!("it answers in the deployment `{deployment}`");
                return Err(ControlError::conflict(detail));
            }
            let row = ArchivedRow { author: ctx.id, reason: reason.into(), created_at: now };
            Ok(tx.archive_version(id, number, &row)?)
        })?;
        self.shown_card(found)
    }

    /// Whether a version may be let answer: archived ones may not.
    pub(crate) fn check_life(&self, model: ModelId, number: u32) -> Result<()> {
        if self.store.read(|r| r.archived_version(model, number))?.is_some() {
            return Err(ControlError::conflict(format!("version {number} is archived")));
        }
        Ok(())
    }

    fn shown_card(&self, (model, version): (ModelRow, VersionRow)) -> Result<api::CardOfVersion> {
        let number = version.number;
        let (row, archived, catalogued, deployments, files) = self.store.read(|r| {
            Ok::<_, ControlError>((
                r.card(model.id, number)?,
                r.archived_version(model.id, number)?,
                r.catalogued_version(model.name.as_str(), number)?,
                r.deployments_of_version(model.id, number)?,
                r.files(model.id, number)?,
            ))
        })?;
        let changed_by = match &row {
            Some(row) => self.display_name(row.author)?,
            None => None,
        };
        Ok(api::CardOfVersion {
            number,
            card: row.as_ref().map(document).transpose()?.unwrap_or_default(),
            revision: row.as_ref().map_or(0, |row| row.revision),
            changed_by,
            changed_at: row.map(|row| row.created_at.into()),
            archived: archived.map(|row| row.reason),
            hold: catalogued.and_then(|version| version.hold),
            deployments,
            is_signed: files.iter().any(|file| file.path == BUNDLE_NAME),
            model: model.name,
        })
    }
}

fn missing(model: &Name, number: u32) -> ControlError {
    ControlError::not_found("model version", format!("{model}/{number}"))
}

/// The card that a row holds.
pub(crate) fn document(row: &CardRow) -> Result<VersionCard> {
    let damaged = |_| StoreError::Damaged("a card is unreadable".into());
    Ok(serde_json::from_str(&row.document).map_err(damaged)?)
}

fn check(card: &VersionCard) -> Result<()> {
    let names = [
        ("owner", &card.owner),
        ("developer", &card.developer),
        ("validator", &card.validator),
        ("licence", &card.licence),
        ("training_run", &card.training_run),
    ];
    let texts = [("intended_use", &card.intended_use), ("limits", &card.limits)];
    let all = names.map(|(field, text)| (field, text, MAX_NAME)).into_iter();
    for (field, text, most) in all.chain(texts.map(|(field, text)| (field, text, MAX_TEXT))) {
        if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.len() > most) {
            return Err(ControlError::invalid(field, format!("must be 1 to {most} bytes")));
        }
    }
    if card.datasets.len() > MAX_DATASETS {
        return Err(ControlError::invalid("datasets", "must be at most 100"));
    }
    if card.placed_on_market.as_deref().is_some_and(|day| !is_day(day)) {
        return Err(ControlError::invalid("placed_on_market", "must be a day as 2026-07-01"));
    }
    if *card == VersionCard::default() {
        return Err(ControlError::invalid("card", "says nothing"));
    }
    Ok(())
}

/// A day of the Gregorian calendar, as ISO 8601 writes it.
fn is_day(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| (part.len(), part.parse::<u32>()));
    let (Some((4, Ok(year))), Some((2, Ok(month))), Some((2, Ok(day))), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day) && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// What is named is there; runs under their one name.
fn checked(
    read: &Read<'_>,
    model: ModelId,
    number: u32,
    wanted: &VersionCard,
) -> Result<VersionCard> {
    let mut card = wanted.clone();
    if let Some(run) = &wanted.training_run {
        let (tracked, told) = (read.run(&tracked_id(run))?, read.lineage_run(&told_id(run))?);
        card.training_run = tracked.map(|row| row.id).or(told.map(|row| row.id));
        if card.training_run.is_none() {
            return Err(ControlError::invalid("training_run", "there is no such run"));
        }
    }
    for dataset in &wanted.datasets {
        let found = match dataset.rsplit_once('/').map(|(name, n)| (name, n.parse::<u32>())) {
            Some((name, Ok(n))) => match read.dataset_named(name)? {
                Some(row) => read.dataset_version(&row.id, n)?.is_some(),
                None => false,
            },
            _ => false,
        };
        if !found {
            let detail = "there is no such version of a dataset; write `name/number`";
            return Err(ControlError::invalid("datasets", detail));
        }
    }
    if let Some(parent) = wanted.parent
        && (parent >= number || read.version(model, parent)?.is_none())
    {
        return Err(ControlError::invalid("parent", "there is no such earlier version"));
    }
    Ok(card)
}

/// What was said, and what is said now. What stays once it is set may be repeated.
fn merged(mut card: VersionCard, wanted: VersionCard) -> Result<VersionCard> {
    fn once<T: PartialEq>(was: &mut Option<T>, new: Option<T>, what: &'static str) -> Result<()> {
        match (&*was, new) {
            (_, None) => {}
            (None, new) => *was = new,
            (Some(was), Some(new)) if *was == new => {}
            (Some(_), Some(_)) => {
                return Err(ControlError::conflict(format!("`{what}` is set, and stays")));
            }
        }
        Ok(())
    }
    let change = |was: &mut Option<String>, new: Option<String>| {
        if new.is_some() {
            *was = new;
        }
    };
    change(&mut card.owner, wanted.owner);
    change(&mut card.validator, wanted.validator);
    change(&mut card.intended_use, wanted.intended_use);
    change(&mut card.limits, wanted.limits);
    once(&mut card.developer, wanted.developer, "developer")?;
    once(&mut card.training_run, wanted.training_run, "training_run")?;
    once(&mut card.parent, wanted.parent, "parent")?;
    once(&mut card.licence, wanted.licence, "licence")?;
    once(&mut card.placed_on_market, wanted.placed_on_market, "placed_on_market")?;
    let list = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    let mut datasets = list(card.datasets);
    once(&mut datasets, list(wanted.datasets), "datasets")?;
    card.datasets = datasets.unwrap_or_default();
    Ok(card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_of_the_calendar() {
        for day in ["2026-07-01", "2024-02-29", "2000-02-29", "0001-12-31"] {
            assert!(is_day(day), "{day}");
        }
        for day in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-04-31",
            "2026-7-1",
            "+026-07-01",
            "2026-07-01-",
            "2026-07-00",
            "",
        ] {
            assert!(!is_day(day), "{day}");
        }
    }

    #[test]
    fn some_things_are_said_once() {
        let said = |text: &str| Some(text.to_owned());
        let card = VersionCard { developer: said("ann"), owner: said("x"), ..Default::default() };
        let again = VersionCard { developer: said("ann"), owner: said("y"), ..Default::default() };
        let card = merged(card, again).expect("the same again");
        assert_eq!(card.owner.as_deref(), Some("y"));
        let other = VersionCard { developer: said("ben"), ..Default::default() };
        assert_eq!(merged(card, other).expect_err("stays").code().0, 409);
    }
}
