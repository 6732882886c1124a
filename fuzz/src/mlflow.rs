//! What MLflow's clients say: filters, orders, sources, arguments, page tokens.

use crate::signature::Signature;
use plimsoll_mlflow::{
    Args, Comparison, Field, Grammar, Literal, Page, Source, filter, order, source,
};

/// Words of all of these.
pub(crate) const WORDS: &[&str] = &[
    "metrics.",
    "params.`a b`",
    "tags.\"k\"",
    "attributes.run_id",
    "dataset.name",
    " AND ",
    " IN (",
    " NOT IN ('a',)",
    " LIKE '%_'",
    " ILIKE ",
    " IS NOT NULL",
    ">=",
    "!=",
    "''",
    "1e999",
    " DESC",
    "models:/m-1/",
    "models:/name/1",
    "runs:/",
    "mlflow-artifacts:/",
    "%2e%2e",
    "%252e",
    "/../",
    "#",
    "?",
    "{\"page_token\":\"",
    "eyJvZmZzZXQiOjF9",
    "{\"max_results\":",
    "\"Infinity\"",
];

const GRAMMARS: [Grammar; 5] =
    [Grammar::Runs, Grammar::Experiments, Grammar::Models, Grammar::Versions, Grammar::Logged];

pub(crate) fn said(input: &[u8]) -> Signature {
    if let Ok(args) = Args::of_body(input) {
        let page = Page::of(&args, 10, 100);
        assert!(page.is_err() || page.is_ok_and(|page| (1..=100).contains(&page.limit)));
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return Signature::of(&Err::<(), &str>("not a request"), |()| 0);
    };
    for grammar in GRAMMARS {
        for clause in filter(grammar, text).unwrap_or_default() {
            let is_number = matches!(clause.literal, Literal::Number(_));
            assert!(!is_number || !matches!(clause.field, Field::Tag(_) | Field::Param(_)));
            let nothing = matches!(clause.comparison, Comparison::IsNull | Comparison::IsNotNull);
            assert_eq!(nothing, clause.literal == Literal::None);
        }
        drop(order(grammar, &[text.to_owned()]));
    }
    let found = source(text);
    if let Ok(Source::Artifact(path) | Source::Run { path, .. }) = &found {
        assert!(!path.split('/').any(|part| part == ".."), "a source climbs");
        assert!(!path.contains(['#', '?', '\\', '\0']), "a source hides");
    }
    Signature::of(&filter(Grammar::Runs, text), Vec::len)
}
