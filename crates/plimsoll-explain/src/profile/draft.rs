//! A first profile, from a contract: everything named, nothing changeable.

use super::document::{
    Change, DecisionRule, ExplainProfile, FeatureProfile, PROFILE_VERSION, Side,
};
use plimsoll_contract::{Contract, Field};
use std::collections::BTreeMap;

/// A profile that a person can go on from: the contract's descriptions as English labels,
/// a code for each feature, and nothing that a person could change, because only people know
/// what persons can change.
#[must_use]
pub fn draft(contract: &Contract) -> ExplainProfile {
    let features = contract.features.iter().enumerate();
    ExplainProfile {
        version: PROFILE_VERSION,
        decision: Some(DecisionRule { output: 0, threshold: 0.5, adverse: Side::Above }),
        most_reasons: 4,
        languages: vec!["en".to_owned()],
        principles: BTreeMap::new(),
        adverse: BTreeMap::new(),
        favourable: BTreeMap::new(),
        features: features
            .map(|(place, field)| (field.name.clone(), feature(place, field)))
            .collect(),
    }
}

fn feature(place: usize, field: &Field) -> FeatureProfile {
    let label = field.description.as_deref().unwrap_or(&field.name);
    FeatureProfile {
        code: Some(format!("R{:02}", place + 1)),
        label: BTreeMap::from([("en".to_owned(), label.replace('_', " "))]),
        change: Change::Fixed,
        ..FeatureProfile::default()
    }
}
