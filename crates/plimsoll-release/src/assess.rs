//! From facts to a tier and its duties: the decision table, a pure function. Fetches no fact.
//!
//! Every rule is looked at; the tier is the highest that one gives, the duties are all that any
//! adds, and each rule that fired is named with its source. What is not known never counts as
//! "no": it blocks, and until it is known what runs is treated as high.

use crate::Day;
use crate::catalog::{CHECKS, CheckId, DutyId};
use crate::facts::{Annex3, Buyer, Criticality, Facts, Role, Setting, Share};
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Above this many percent of customer interactions, monitoring and rollback are owed.
const INTERACTIONS_PERCENT: u8 = 10;
/// From this many percent of outputs reviewed before effect, people oversee a model.
const REVIEWED_PERCENT: u8 = 99;

/// High-risk systems of Annex III: article 113(c)(i) as amended by Regulation (EU) 2026/1744.
const ANNEX_3_FROM: Day = Day::new(2027, 12, 2);
/// High-risk systems of Annex I: article 113(c)(ii) as amended.
const ANNEX_1_FROM: Day = Day::new(2028, 8, 2);

words! {
    /// How much harm a use can do, and so how much is asked of it: sandbox, light, full, high,
    /// prohibited.
    Tier { T0 = "T0", T1 = "T1", T2 = "T2", T3 = "T3", T4 = "T4" }
}

impl Tier {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::T0 => "sandbox",
            Self::T1 => "light",
            Self::T2 => "full",
            Self::T3 => "high",
            Self::T4 => "prohibited",
        }
    }
}

words! {
    /// A rule of the decision table.
    RuleId {
        D01 = "D01", D02 = "D02", D03 = "D03", D04 = "D04", D05 = "D05", D06 = "D06",
        D07 = "D07", D08 = "D08", D09 = "D09", D10 = "D10", D11 = "D11", D12 = "D12",
        D13 = "D13", D14 = "D14", D15 = "D15", D16 = "D16", D17 = "D17", D18 = "D18",
        D19 = "D19", D20 = "D20", D21 = "D21", D22 = "D22",
    }
}

impl RuleId {
    /// Where the rule comes from.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::D01 => "EU AI Act 5",
            Self::D02 => "liability guide, exception 1",
            Self::D03 => "liability guide, exception 1 (clear boundaries)",
            Self::D04 => "liability guide, FAQ 4",
            Self::D05 => "liability guide, exception 2",
            Self::D06 => "liability guide, default condition, FAQ 1",
            Self::D07 => "liability guide, threshold 1",
            Self::D08 => "liability guide, threshold 2, misconception 2, FAQ 3",
            Self::D09 => "liability guide, threshold 3",
            Self::D10 => "EU AI Act 6(1)-(1c), 113(c)(ii)",
            Self::D11 => "EU AI Act 6(2)-(3), 113(c)(i)",
            Self::D12 => "EU AI Act 6(4), 49(2)",
            Self::D13 => "GDPR 22",
            Self::D14 => "GDPR 35(3)",
            Self::D15 => "DORA 2",
            Self::D16 => "DORA 30",
            Self::D17 => "EU AI Act 50",
            Self::D18 => "EU AI Act 53",
            Self::D19 => "EU AI Act 4",
            Self::D20 => "fail-safe default",
            Self::D21 => "deployment checklist, question 3",
            Self::D22 => "EU AI Act 27, 49(3)",
        }
    }
}

words! {
    /// Whether enough is known.
    Status { Complete = "complete", FactsIncomplete = "facts_incomplete" }
}

words! {
    /// The answer in one word. `governed`: no pillar is missing, and something for `mature` is.
    Word {
        Sandbox = "sandbox",
        Light = "light",
        Liability = "liability",
        Governed = "governed",
        Mature = "mature",
        Prohibited = "prohibited",
    }
}

words! {
    /// Whether a duty binds yet: `prepare` warns, `enforce` blocks.
    Stage { Prepare = "prepare", Enforce = "enforce" }
}

words! {
    /// Something that is wrong now, whatever the tier.
    Finding { SandboxLeak = "SANDBOX_LEAK" }
}

words! {
    /// A document that has to exist before first use.
    Document { Fria = "FRIA" }
}

/// A rule that fired, and on what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fired {
    /// The rule.
    pub rule: RuleId,
    /// What it says here.
    pub says: String,
    /// Where it comes from.
    pub source: String,
}

/// A duty that applies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Owed {
    /// The duty.
    pub duty: DutyId,
    /// Whether it binds yet.
    pub stage: Stage,
    /// The day it binds from, where a law names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
}

/// A check that some duty demands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Demand {
    /// The check.
    pub check: CheckId,
    /// Who demands it.
    pub duties: Vec<DutyId>,
    /// Whether a promotion waits for it.
    pub blocks: bool,
}

/// What is known to be in place.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Controls {
    /// Checks that pass.
    pub passing: BTreeSet<CheckId>,
    /// Whether retraining starts by itself.
    pub automatic_retraining: bool,
}

/// What the facts lead to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assessment {
    /// How much harm it can do.
    pub tier: Tier,
    /// Whether enough is known. If not, nothing is promoted.
    pub status: Status,
    /// The answer in one word.
    pub word: Word,
    /// How many of the three pillars (monitoring, governance, audit) are missing.
    pub level: u8,
    /// What is missing for a better word.
    pub missing: Vec<String>,
    /// What is not known.
    pub unknown: Vec<String>,
    /// The duties that apply.
    pub duties: Vec<Owed>,
    /// The checks that they demand.
    pub checks: Vec<Demand>,
    /// Documents due before first use.
    pub documents: Vec<Document>,
    /// What is wrong now.
    pub findings: Vec<Finding>,
    /// Whether the gateway alone enforces, as the model cannot be changed.
    pub is_wrapped: bool,
    /// The rules that fired, in order.
    pub rules: Vec<Fired>,
}

/// Assesses a use of a model as of a day. Pure: the same facts give the same answer.
#[must_use]
pub fn assess(facts: &Facts, controls: &Controls, as_of: Day) -> Assessment {
    let mut table = Table::new(facts, as_of);
    if !table.prohibited() {
        table.settings();
        table.thresholds();
        table.european_law();
        table.other_law();
        table.unknown();
    }
    table.finish(controls)
}

/// The table while its rules are looked at.
struct Table<'a> {
    facts: &'a Facts,
    as_of: Day,
    is_production: bool,
    tier: Tier,
    status: Status,
    duties: Vec<Owed>,
    documents: Vec<Document>,
    findings: Vec<Finding>,
    rules: Vec<Fired>,
}

/// Whether a set is there and has something in it.
fn some<T>(set: Option<&BTreeSet<T>>) -> bool {
    set.is_some_and(|set| !set.is_empty())
}

/// Whether a set is there and has nothing in it.
fn none<T>(set: Option<&BTreeSet<T>>) -> bool {
    set.is_some_and(BTreeSet::is_empty)
}

/// A set in words.
fn list<T: ToString>(set: Option<&BTreeSet<T>>) -> String {
    set.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl<'a> Table<'a> {
    fn new(facts: &'a Facts, as_of: Day) -> Self {
        Self {
            facts,
            as_of,
            is_production: facts.setting != Some(Setting::Sandbox),
            tier: Tier::T0,
            status: Status::Complete,
            duties: Vec::new(),
            documents: Vec::new(),
            findings: Vec::new(),
            rules: Vec::new(),
        }
    }

    fn fire(&mut self, rule: RuleId, says: impl Into<String>) {
        self.rules.push(Fired { rule, says: says.into(), source: rule.source().to_owned() });
    }

    fn at_least(&mut self, tier: Tier) {
        self.tier = self.tier.max(tier);
    }

    fn owe(&mut self, duty: DutyId) {
        self.owe_from(duty, None);
    }

    /// Adds a duty. If two rules give it, the earlier day counts.
    fn owe_from(&mut self, duty: DutyId, from: Option<Day>) {
        let is_before = from.is_some_and(|from| self.as_of < from || self.is_grandfathered(from));
        let stage = if is_before { Stage::Prepare } else { Stage::Enforce };
        match self.duties.iter_mut().find(|owed| owed.duty == duty) {
            Some(owed) if (stage, owed.from) > (owed.stage, from) => {
                (owed.stage, owed.from) = (stage, from);
            }
            Some(_) => {}
            None => self.duties.push(Owed { duty, stage, from }),
        }
    }

    /// On the market before the day, and not changed significantly since (EU AI Act 111(2)).
    fn is_grandfathered(&self, from: Day) -> bool {
        self.facts.placed_on_market.is_some_and(|placed| placed < from)
            && self.facts.significant_change == Some(false)
    }

    /// D01. What is prohibited has no duties by which it could be made right.
    fn prohibited(&mut self) -> bool {
        let is_prohibited = some(self.facts.prohibited.as_ref());
        if is_prohibited {
            self.tier = Tier::T4;
            let points = list(self.facts.prohibited.as_ref());
            self.fire(RuleId::D01, format!("a prohibited practice: {points}"));
        }
        is_prohibited
    }

    /// D02 to D06: where it runs, and whether little is at stake.
    fn settings(&mut self) {
        let facts = self.facts;
        if !self.is_production {
            let is_sealed =
                facts.customer_traffic_seen == Some(false) && facts.live_outcome == Some(false);
            if is_sealed {
                self.fire(RuleId::D02, "a sandbox without customers or live outcomes");
            } else {
                self.is_production = true;
                self.findings.push(Finding::SandboxLeak);
                self.fire(RuleId::D03, "a sandbox that customers or live outcomes reach");
            }
        }
        if !self.is_production {
            return;
        }
        self.at_least(Tier::T1);
        self.fire(RuleId::D04, "in production");
        if self.is_light() {
            self.fire(RuleId::D05, "not critical, overseen by people, little at stake");
        } else {
            self.at_least(Tier::T2);
            self.fire(RuleId::D06, "in production and not light");
        }
    }

    fn is_light(&self) -> bool {
        let facts = self.facts;
        facts.criticality == Some(Criticality::NonCritical)
            && facts.reviewed.is_some_and(|share| share.is_at_least(REVIEWED_PERCENT))
            && none(facts.harms.as_ref())
            && !self.is_widespread()
            && facts.buyers.as_ref().is_some_and(|buyers| buyers.iter().all(|b| !asks(*b)))
            && facts.vendor_review == Some(false)
            && none(facts.annex3.as_ref())
            && facts.annex1 == Some(false)
    }

    /// Above 10 % of customer interactions; what was not measured is all of them.
    fn is_widespread(&self) -> bool {
        self.facts.interactions.is_none_or(|share| share.is_above(INTERACTIONS_PERCENT))
    }

    /// D07 to D09.
    fn thresholds(&mut self) {
        let facts = self.facts;
        if !self.is_production {
            return;
        }
        if self.is_widespread() {
            self.at_least(Tier::T2);
            self.owe(DutyId::Monroll);
            let share = match facts.interactions {
                Some(Share { part, whole }) if whole > 0 => format!("{part} of {whole}"),
                _ => "not measured, so all".to_owned(),
            };
            self.fire(RuleId::D07, format!("above 10 % of customer interactions: {share}"));
        }
        let asking: BTreeSet<Buyer> =
            facts.buyers.iter().flatten().copied().filter(|buyer| asks(*buyer)).collect();
        if !asking.is_empty() || facts.vendor_review == Some(true) {
            self.at_least(Tier::T2);
            self.owe(DutyId::Explaud);
            let who =
                if asking.is_empty() { "vendor review".to_owned() } else { list(Some(&asking)) };
            self.fire(RuleId::D08, format!("buyers that ask for evidence: {who}"));
        }
        if some(facts.harms.as_ref()) {
            self.at_least(Tier::T3);
            self.owe(DutyId::Govtest);
            self.fire(RuleId::D09, format!("can harm customers: {}", list(facts.harms.as_ref())));
        }
    }

    /// D10 to D12, D17 to D19 and D22: the EU AI Act.
    fn european_law(&mut self) {
        if !self.is_production {
            return;
        }
        let facts = self.facts;
        if facts.annex1 == Some(true) {
            self.at_least(Tier::T3);
            self.high_risk(ANNEX_1_FROM);
            self.fire(RuleId::D10, "a safety component or product of Annex I");
        }
        if some(facts.annex3.as_ref()) {
            let points = list(facts.annex3.as_ref());
            if facts.derogation.is_some()
                && facts.material_influence == Some(false)
                && facts.profiling == Some(false)
            {
                self.at_least(Tier::T2);
                self.owe(DutyId::AiaDerog);
                self.fire(RuleId::D12, format!("in Annex III ({points}), exempt by 6(3)"));
            } else {
                self.at_least(Tier::T3);
                self.high_risk(ANNEX_3_FROM);
                self.fire(RuleId::D11, format!("high-risk by Annex III: {points}"));
            }
        }
        if some(facts.transparency.as_ref()) {
            self.owe(DutyId::Aia50);
            let cases = list(facts.transparency.as_ref());
            self.fire(RuleId::D17, format!("people have to be told: {cases}"));
        }
        if facts.general_purpose_provider == Some(true) {
            self.owe(DutyId::AiaGpai);
            self.fire(RuleId::D18, "provider of a general-purpose model");
        }
        if self.is(Role::Provider) || self.is(Role::Deployer) {
            self.owe(DutyId::Aia4);
            self.fire(RuleId::D19, format!("operator is {}", list(facts.roles.as_ref())));
        }
        self.impact_assessment();
    }

    fn is(&self, role: Role) -> bool {
        self.facts.roles.as_ref().is_some_and(|roles| roles.contains(&role))
    }

    fn high_risk(&mut self, from: Day) {
        if self.is(Role::Provider) {
            self.owe_from(DutyId::AiaHrProvider, Some(from));
        }
        if self.is(Role::Deployer) {
            self.owe_from(DutyId::AiaHrDeployer, Some(from));
        }
    }

    /// D22: the fundamental-rights impact assessment, of high-risk systems of Annex III only.
    fn impact_assessment(&mut self) {
        let points = self.facts.annex3.as_ref();
        let is_asked = self.facts.public_body == Some(true)
            || points.is_some_and(|points| {
                points.contains(&Annex3::P5b) || points.contains(&Annex3::P5c)
            });
        let is_covered =
            points.is_some_and(|points| points.iter().any(|point| *point != Annex3::P2));
        let is_high_risk = self.rules.iter().any(|fired| fired.rule == RuleId::D11);
        if self.is(Role::Deployer) && is_asked && is_covered && is_high_risk {
            self.documents.push(Document::Fria);
            self.fire(RuleId::D22, "a fundamental-rights impact assessment before first use");
        }
    }

    /// D13 to D16 and D21: data protection, finance, and models that cannot be changed.
    fn other_law(&mut self) {
        let facts = self.facts;
        if self.is_production && facts.solely_automated == Some(true) {
            self.at_least(Tier::T3);
            self.owe(DutyId::Gdpr22);
            self.fire(RuleId::D13, "decides alone what significantly affects persons");
        }
        if facts.personal_data == Some(true) {
            self.owe(DutyId::Gdpr);
            let mut says = "personal data".to_owned();
            if facts.dpia_trigger == Some(true) {
                self.owe(DutyId::GdprDpia);
                says.push_str(", and an impact assessment is due");
            }
            self.fire(RuleId::D14, says);
        }
        if !self.is_production {
            return;
        }
        let is_critical = facts.critical_function == Some(true);
        if facts.operator_financial == Some(true) {
            self.at_least(if is_critical { Tier::T3 } else { Tier::T0 });
            self.owe(DutyId::DoraFe);
            self.fire(RuleId::D15, "operator is a financial entity");
        }
        if facts.customer_financial == Some(true) {
            self.at_least(if is_critical { Tier::T3 } else { Tier::T2 });
            self.owe(DutyId::DoraIct);
            self.fire(RuleId::D16, "a customer is a financial entity");
        }
        if facts.legacy == Some(true) {
            self.fire(RuleId::D21, "the model cannot be changed: the gateway enforces");
        }
    }

    /// D20: what is not known blocks, and what runs is high until it is known.
    fn unknown(&mut self) {
        let unknown = self.facts.unknown();
        if unknown.is_empty() {
            return;
        }
        self.status = Status::FactsIncomplete;
        if self.is_production {
            self.at_least(Tier::T3);
        }
        self.fire(RuleId::D20, format!("not known: {}", unknown.join(", ")));
    }

    fn finish(mut self, controls: &Controls) -> Assessment {
        let tiers = [
            (Tier::T0, DutyId::GovT0),
            (Tier::T1, DutyId::GovT1),
            (Tier::T2, DutyId::GovT2),
            (Tier::T3, DutyId::GovT3),
        ];
        for (tier, duty) in tiers {
            if self.tier >= tier && self.tier != Tier::T4 {
                self.owe(duty);
            }
        }
        self.duties.sort_by_key(|owed| owed.duty);
        self.rules.sort_by_key(|fired| fired.rule);
        let (word, level, missing) = self.word(controls);
        Assessment {
            tier: self.tier,
            status: self.status,
            word,
            level,
            missing,
            unknown: self.facts.unknown().into_iter().map(str::to_owned).collect(),
            checks: demands(&self.duties),
            documents: self.documents,
            findings: self.findings,
            is_wrapped: self.facts.legacy == Some(true),
            duties: self.duties,
            rules: self.rules,
        }
    }

    /// The answer in one word, the missing pillars, and the missing controls.
    fn word(&self, controls: &Controls) -> (Word, u8, Vec<String>) {
        use CheckId as C;
        match self.tier {
            Tier::T0 => return (Word::Sandbox, 0, Vec::new()),
            Tier::T1 => return (Word::Light, 0, Vec::new()),
            Tier::T4 => return (Word::Prohibited, 0, Vec::new()),
            Tier::T2 | Tier::T3 => {}
        }
        let lacking = |checks: &[CheckId]| -> Vec<String> {
            let lacking = checks.iter().filter(|check| !controls.passing.contains(check));
            lacking.map(ToString::to_string).collect()
        };
        let pillars: [&[CheckId]; 3] =
            [&[C::Mon01], &[C::Rbk01, C::Dep02, C::Art01], &[C::Led01, C::Exp01]];
        let pillars = pillars.map(lacking);
        let level = pillars.iter().fold(0, |level, pillar| level + u8::from(!pillar.is_empty()));
        if level > 0 {
            return (Word::Liability, level, pillars.concat());
        }
        let mut missing = lacking(&[C::Mon01, C::Mon02, C::Mon03, C::Rbk02]);
        if !controls.automatic_retraining {
            missing.push("automatic retraining".to_owned());
        }
        (if missing.is_empty() { Word::Mature } else { Word::Governed }, 0, missing)
    }
}

/// Whether such a buyer asks for evidence.
fn asks(buyer: Buyer) -> bool {
    matches!(buyer, Buyer::Enterprise | Buyer::Regulated | Buyer::Government)
}

/// The checks that duties demand, and whether a promotion waits for each.
#[must_use]
pub fn demands(duties: &[Owed]) -> Vec<Demand> {
    let demand = |check: &crate::catalog::Check| {
        let by: Vec<&Owed> =
            duties.iter().filter(|owed| owed.duty.duty().checks.contains(&check.id)).collect();
        (!by.is_empty()).then(|| Demand {
            check: check.id,
            duties: by.iter().map(|owed| owed.duty).collect(),
            blocks: by.iter().any(|owed| blocks(owed, check.blocks)),
        })
    };
    CHECKS.iter().filter_map(demand).collect()
}

/// Whether a duty makes a promotion wait for a check. Monitoring and rollback above 10 % of
/// interactions, and testing where customers can be harmed, do for all of theirs; evidence for
/// buyers holds up a sale and no promotion; a law that does not bind yet warns.
fn blocks(owed: &Owed, check_blocks: bool) -> bool {
    match owed.duty {
        DutyId::Monroll | DutyId::Govtest => true,
        DutyId::Explaud => false,
        _ => check_blocks && owed.stage == Stage::Enforce,
    }
}
