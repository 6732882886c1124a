//! A page of a search: how many, from where.

use crate::args::Args;
use crate::error::Error;
use crate::token;

/// A page, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many results at most.
    pub limit: u32,
    /// How many come before.
    pub offset: u32,
}

impl Page {
    /// The page that a request asks for: `max_results` (else `default`, at most `max`) from
    /// `page_token`.
    ///
    /// # Errors
    /// [`Error`] if either does not fit.
    pub fn of(args: &Args, default: u32, max: u32) -> Result<Self, Error> {
        let limit = match args.maybe_int("max_results")? {
            None => default,
            Some(wanted) => u32::try_from(wanted)
                .ok()
                .filter(|wanted| (1..=max).contains(wanted))
                .ok_or_else(|| {
                    Error::invalid(format!(
                        "Invalid value {wanted} for parameter 'max_results' supplied: It must be \
                         at least 1 and at most {max}."
                    ))
                })?,
        };
        let offset = match args.maybe_text("page_token")? {
            None | Some("") => 0,
            Some(token) => token::parse(token)?,
        };
        Ok(Self { limit, offset })
    }
    /// How many rows to look for: one more than the page has, to know whether there are more.
    #[must_use]
    pub const fn look(self) -> u32 {
        self.limit.saturating_add(1)
    }
    /// Cuts `found` to the page; the token of the next one if there is more.
    #[must_use]
    pub fn cut<T>(self, mut found: Vec<T>) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if found.len() <= limit {
            return (found, None);
        }
        found.truncate(limit);
        (found, Some(token::write(self.offset.saturating_add(self.limit))))
    }
}
