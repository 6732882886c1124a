//! What is known of a use of a model: the facts that decide its tier. Knows no rule.
//!
//! A fact that is absent is unknown. A set that is there and empty says "none", which is known.

use crate::Day;
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

words! {
    /// Where it runs.
    Setting { Sandbox = "sandbox", Production = "production" }
}
words! {
    /// What its output decides, or helps to decide.
    Area {
        Pricing = "pricing",
        Credit = "credit",
        Recommendation = "recommendation",
        AutomatedDecision = "automated_decision",
        Workflow = "workflow",
    }
}
words! {
    /// What a wrong output can do to a customer.
    Harm {
        IncorrectPricing = "incorrect_pricing",
        DeniedService = "denied_service",
        BiasedDecision = "biased_decision",
        HealthSafety = "health_safety",
        Other = "other",
    }
}
words! {
    /// Who buys what it is part of. `regulated` is finance, health and insurance.
    Buyer {
        Consumer = "consumer",
        Smb = "smb",
        Enterprise = "enterprise",
        Regulated = "regulated",
        Government = "government",
    }
}
words! {
    /// Whether the business can do without it for a while.
    Criticality { Critical = "critical", NonCritical = "non_critical" }
}
words! {
    /// A practice that article 5(1) of the EU AI Act prohibits, by its point.
    Prohibited {
        A = "5(1)(a)", B = "5(1)(b)", Ba = "5(1)(ba)", Bb = "5(1)(bb)", C = "5(1)(c)",
        D = "5(1)(d)", E = "5(1)(e)", F = "5(1)(f)", G = "5(1)(g)", H = "5(1)(h)",
    }
}
words! {
    /// A point of Annex III of the EU AI Act, after its carve-outs.
    Annex3 {
        P1a = "1a", P1b = "1b", P1c = "1c", P2 = "2", P3a = "3a", P3b = "3b", P3c = "3c",
        P3d = "3d", P4a = "4a", P4b = "4b", P5a = "5a", P5b = "5b", P5c = "5c", P5d = "5d",
        P6a = "6a", P6b = "6b", P6c = "6c", P6d = "6d", P6e = "6e", P7a = "7a", P7b = "7b",
        P7c = "7c", P7d = "7d", P8a = "8a", P8b = "8b",
    }
}
words! {
    /// The point of article 6(3) by which a system of Annex III is said not to be high-risk.
    Derogation { A = "a", B = "b", C = "c", D = "d" }
}
words! {
    /// A case of article 50, where people have to be told.
    Transparency { P1 = "50(1)", P2 = "50(2)", P3 = "50(3)", P4 = "50(4)" }
}
words! {
    /// What the operator is under the EU AI Act.
    Role {
        Provider = "provider",
        Deployer = "deployer",
        Importer = "importer",
        Distributor = "distributor",
    }
}

/// A part of a whole, as two counts. So 10 % is exactly 10 %.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Of these …
    pub part: u64,
    /// … out of these.
    pub whole: u64,
}

impl Share {
    /// Whether it is above `percent`, strictly. A share of nothing is not known, and counts as
    /// all.
    #[must_use]
    pub fn is_above(self, percent: u8) -> bool {
        self.whole == 0
            || u128::from(self.part) * 100 > u128::from(self.whole) * u128::from(percent)
    }

    /// Whether it is `percent` or more; a share of nothing is not.
    #[must_use]
    pub fn is_at_least(self, percent: u8) -> bool {
        self.whole > 0
            && u128::from(self.part) * 100 >= u128::from(self.whole) * u128::from(percent)
    }
}

/// What is known of a use of a model.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// Where it runs.
    pub setting: Option<Setting>,
    /// Whether a request of a customer was seen.
    pub customer_traffic_seen: Option<bool>,
    /// Whether something that really happens uses the output.
    pub live_outcome: Option<bool>,
    /// What its output decides, or helps to decide.
    pub areas: Option<BTreeSet<Area>>,
    /// Customer interactions of the last 30 days that it influenced, of all. Unknown is all.
    pub interactions: Option<Share>,
    /// What a wrong output can do to a customer.
    pub harms: Option<BTreeSet<Harm>>,
    /// Who buys it.
    pub buyers: Option<BTreeSet<Buyer>>,
    /// Whether a buyer reviews its vendors.
    pub vendor_review: Option<bool>,
    /// Whether the business can do without it.
    pub criticality: Option<Criticality>,
    /// Outputs of the last 7 days that a person accepted or overrode before they took effect, of
    /// all. Unknown is none.
    pub reviewed: Option<Share>,
    /// Whether it sees personal data.
    pub personal_data: Option<bool>,
    /// Whether it profiles persons (GDPR 4(4)).
    pub profiling: Option<bool>,
    /// Whether it decides alone what significantly affects a person (GDPR 22).
    pub solely_automated: Option<bool>,
    /// Whether a data protection impact assessment is due (GDPR 35(3)).
    pub dpia_trigger: Option<bool>,
    /// Prohibited practices.
    pub prohibited: Option<BTreeSet<Prohibited>>,
    /// Whether it is a safety component or product of Annex I that a third party assesses, and
    /// not for convenience only.
    pub annex1: Option<bool>,
    /// The points of Annex III that it falls under.
    pub annex3: Option<BTreeSet<Annex3>>,
    /// The exemption of article 6(3) that is claimed; absent is none.
    pub derogation: Option<Derogation>,
    /// Whether it materially influences the outcome of a decision; absent is that it does.
    pub material_influence: Option<bool>,
    /// Cases of article 50.
    pub transparency: Option<BTreeSet<Transparency>>,
    /// Whether the operator provides a general-purpose model.
    pub general_purpose_provider: Option<bool>,
    /// The operator's roles under the EU AI Act.
    pub roles: Option<BTreeSet<Role>>,
    /// Whether the operator is a financial entity (DORA 2).
    pub operator_financial: Option<bool>,
    /// Whether a customer is a financial entity.
    pub customer_financial: Option<bool>,
    /// Whether it supports a critical or important function of a financial entity.
    pub critical_function: Option<bool>,
    /// Whether the operator is a public body or provides a public service.
    pub public_body: Option<bool>,
    /// Whether the model cannot be changed.
    pub legacy: Option<bool>,
    /// When it was placed on the market or put into service; absent is not yet.
    pub placed_on_market: Option<Day>,
    /// Whether its design changed significantly since a duty's start; absent is that it did.
    pub significant_change: Option<bool>,
}

impl Facts {
    /// The names of facts that a rule needs and nobody has stated.
    #[must_use]
    pub fn unknown(&self) -> Vec<&'static str> {
        let is_financial =
            self.operator_financial != Some(false) || self.customer_financial != Some(false);
        let asked = [
            ("setting", self.setting.is_none()),
            ("areas", self.areas.is_none()),
            ("harms", self.harms.is_none()),
            ("buyers", self.buyers.is_none()),
            ("vendor_review", self.vendor_review.is_none()),
            ("criticality", self.criticality.is_none()),
            ("personal_data", self.personal_data.is_none()),
            ("profiling", self.profiling.is_none()),
            ("solely_automated", self.solely_automated.is_none()),
            ("dpia_trigger", self.personal_data != Some(false) && self.dpia_trigger.is_none()),
            ("prohibited", self.prohibited.is_none()),
            ("annex1", self.annex1.is_none()),
            ("annex3", self.annex3.is_none()),
            ("transparency", self.transparency.is_none()),
            ("general_purpose_provider", self.general_purpose_provider.is_none()),
            ("roles", self.roles.is_none()),
            ("operator_financial", self.operator_financial.is_none()),
            ("customer_financial", self.customer_financial.is_none()),
            ("critical_function", is_financial && self.critical_function.is_none()),
            ("public_body", self.public_body.is_none()),
        ];
        asked.into_iter().filter(|(_, is_unknown)| *is_unknown).map(|(name, _)| name).collect()
    }
}
