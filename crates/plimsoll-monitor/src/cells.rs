//! What is shown of a column's distribution: its counts in the cells of the reference, so few that
//! they can be drawn and kept with every window.

use crate::reference::{Column, Source};
use crate::tally::Values;
use plimsoll_api::ReferenceCells;
use std::cmp::Reverse;

/// Categories that have a cell of their own: the reference's most frequent ones. As many as a
/// numeric column has cells.
const CATEGORIES: usize = 60;

/// What categories are called, for a column's field: nothing if that may not be told.
pub type Names<'a> = &'a dyn Fn(usize) -> Option<Vec<String>>;

/// Counts in the cells of the reference's column: of numbers between its edges, of categories the
/// most frequent ones and then all others.
#[must_use]
pub fn counts(values: &Values, reference: &Values) -> Vec<u64> {
    if let Values::Numbers(numbers) = values {
        return numbers.counts().to_vec();
    }
    let all = by_category(values);
    let own = frequent(reference);
    let shown: Vec<u64> =
        own.into_iter().map(|place| all.get(place).copied().unwrap_or(0)).collect();
    let rest = values.count().saturating_sub(shown.iter().sum());
    shown.into_iter().chain([rest]).collect()
}

/// What a reference holds of a column.
#[must_use]
pub fn shown(column: &Column, names: Names<'_>) -> ReferenceCells {
    let place = match column.source {
        Source::Field(place) => Some(place),
        Source::Output(_) | Source::Joint => None,
    };
    let edges = match &column.values {
        Values::Numbers(numbers) => numbers.edges().as_slice().to_vec(),
        _ => Vec::new(),
    };
    let words = match &column.values {
        Values::Numbers(_) => Vec::new(),
        Values::Codes(_) => place.and_then(names).unwrap_or_default(),
        // Texts that callers sent: told where the contract says that they are of no person.
        Values::Texts(texts) => match place.and_then(names) {
            Some(_) => texts.counts().map(|(name, _)| name.to_owned()).collect(),
            None => Vec::new(),
        },
    };
    let own = match &column.values {
        Values::Numbers(_) => Vec::new(),
        values => frequent(values),
    };
    let categories =
        own.into_iter().map(|place| words.get(place).cloned().unwrap_or(format!("#{}", place + 1)));
    ReferenceCells {
        name: column.name.clone(),
        slice: column.slice.as_ref().map(|slice| slice.text.clone()),
        edges,
        categories: categories.collect(),
        cells: counts(&column.values, &column.values),
        missing: column.values.missing(),
    }
}

/// Counts of every known category, in the reference's order.
fn by_category(values: &Values) -> Vec<u64> {
    match values {
        Values::Numbers(_) => Vec::new(),
        Values::Codes(codes) => codes.counts().to_vec(),
        Values::Texts(texts) => texts.counts().map(|(_, count)| count).collect(),
    }
}

/// The places of a reference's most frequent categories; of few, all in their order.
fn frequent(reference: &Values) -> Vec<usize> {
    let counts = by_category(reference);
    let mut places: Vec<usize> = (0..counts.len()).collect();
    if places.len() > CATEGORIES {
        places.sort_by_key(|place| Reverse(counts.get(*place).copied().unwrap_or(0)));
        places.truncate(CATEGORIES);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::summary::{CategorySummary, CodeSummary};

    fn codes(counts: &[u64], unseen: u64) -> Values {
        let mut summary = CodeSummary::new(counts.len());
        for (place, count) in counts.iter().enumerate() {
            (0..*count).for_each(|_| summary.see(place));
        }
        (0..unseen).for_each(|_| summary.see(usize::MAX));
        Values::Codes(summary)
    }

    fn column(values: Values) -> Column {
        Column {
            name: "home".to_owned(),
            source: Source::Field(0),
            slice: None,
            values,
            deviation: None,
            strays: 0.0,
        }
    }

    #[test]
    fn few_categories_keep_their_order_and_the_rest_is_last() {
        let (reference, now) = (codes(&[5, 1, 3], 0), codes(&[0, 2, 7], 4));
        assert_eq!(counts(&now, &reference), [0, 2, 7, 4]);
    }

    #[test]
    fn of_many_the_most_frequent_have_a_cell_and_all_others_one() {
        let many: Vec<u64> = (0..100).collect();
        let told = counts(&codes(&many, 3), &codes(&many, 0));
        assert_eq!(told.len(), CATEGORIES + 1);
        assert_eq!(told.first(), Some(&99));
        assert_eq!(told.iter().sum::<u64>(), many.iter().sum::<u64>() + 3);
    }

    #[test]
    fn names_are_told_only_where_they_may_be() {
        let mut texts = CategorySummary::new(["ann@example.org", "bob@example.org"]);
        texts.see(Some("ann@example.org"));
        let hidden = shown(&column(Values::Texts(texts.clone())), &|_| None);
        assert_eq!(hidden.categories, ["#1", "#2"]);
        let open = shown(&column(Values::Texts(texts)), &|_| Some(Vec::new()));
        assert_eq!(open.categories, ["ann@example.org", "bob@example.org"]);
        let listed = |_| Some(vec!["own".to_owned(), "rent".to_owned()]);
        assert_eq!(shown(&column(codes(&[2, 1], 0)), &listed).categories, ["own", "rent"]);
    }
}
