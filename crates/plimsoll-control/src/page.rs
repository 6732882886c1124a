//! Pages of lists that policy filters item by item.

use crate::error::ControlError;
use plimsoll_api::{Page, PageQuery};

/// Items of a page unless told.
const DEFAULT_LIMIT: u32 = 100;
/// The most items of a page.
const MAX_LIMIT: u32 = plimsoll_store::MAX_PAGE;

/// How many items are wanted.
pub(crate) fn limit(wanted: Option<u32>) -> Result<u32, ControlError> {
    match wanted.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(ControlError::invalid("limit", "must be 1 to 1000")),
    }
}

/// The cursor as the key it stands for.
pub(crate) fn cursor<T: std::str::FromStr>(query: Option<&str>) -> Result<Option<T>, ControlError> {
    let refuse = |_| ControlError::invalid("cursor", "must be the `next_cursor` of a page before");
    query.map(|text| text.parse().map_err(refuse)).transpose()
}

/// Makes a page of `rows`: those that `show` shows, and a cursor if there may be more.
pub(crate) fn page<R, T>(
    query: &PageQuery,
    rows: Vec<R>,
    key: impl Fn(&R) -> String,
    show: impl Fn(R) -> Result<Option<T>, ControlError>,
) -> Result<Page<T>, ControlError> {
    let is_full = rows.len() >= limit(query.limit)? as usize;
    let next_cursor = rows.last().filter(|_| is_full).map(key);
    let items = rows.into_iter().filter_map(|row| show(row).transpose());
    Ok(Page { items: items.collect::<Result<_, _>>()?, next_cursor })
}
