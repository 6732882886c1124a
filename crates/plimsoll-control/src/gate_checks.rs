//! The checks that this build runs, each with the demand that it proves and how long a result
//! counts. A check looks and says what it found; it does not decide whether a gate passes.

use crate::bootstrap::Control;
use crate::compile::{Files, fit, settings_of};
use crate::deployment::{Settings, resource_of};
use crate::error::ControlError;
use crate::gate_model::Sheet;
use crate::governance::Assessed;
use plimsoll_api as api;
use plimsoll_model::Model;
use plimsoll_policy::{Action, Environment, Principal, Resource, Role, RoleSet};
use plimsoll_release::Tier;
use plimsoll_release::assess::Status;
use plimsoll_release::catalog::CheckId;
use plimsoll_release::gate::{Declared, Verdict};
use plimsoll_store::{DeploymentRow, FileRow, VersionRow};
use plimsoll_types::record::Mode;
use std::sync::Arc;

/// How long what depends on the artifact and the contract alone counts: a month.
const MONTH: u64 = 30 * 24 * 3600;
/// How long what depends on the deployment's surroundings counts: a day.
const DAY: u64 = 24 * 3600;
/// How long a scan counts: a week.
const WEEK: u64 = 7 * DAY;

/// What a check found: its verdict, and what was measured against what.
pub(crate) type Found = Result<(Verdict, String), ControlError>;

/// A check of this build.
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    proves: CheckId,
    max_age_s: u64,
    from_tier: Option<Tier>,
    /// Whether it asks the model, which has to be here for that.
    pub(crate) needs_model: bool,
    run: fn(&Look<'_>) -> Found,
}

impl Builtin {
    const fn new(
        name: &'static str,
        proves: CheckId,
        max_age_s: u64,
        run: fn(&Look<'_>) -> Found,
    ) -> Self {
        Self { name, version: 1, proves, max_age_s, from_tier: None, needs_model: false, run }
    }
    const fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }
    const fn of_model(self) -> Self {
        Self { needs_model: true, ..self }
    }
    const fn from(self, tier: Tier) -> Self {
        Self { from_tier: Some(tier), ..self }
    }
    pub(crate) fn declared(&self) -> Declared {
        Declared {
            name: self.name.to_owned(),
            version: self.version,
            proves: self.proves,
            max_age_s: self.max_age_s,
            from_tier: self.from_tier,
        }
    }
}

/// Every check of this build.
pub(crate) const BUILTIN: &[Builtin] = &[
    Builtin::new("assessment.current", CheckId::Tier01, DAY, |look| look.assessment_current()),
    Builtin::new("sandbox.sealed", CheckId::Dep02, DAY, |look| look.sandbox_sealed()),
    Builtin::new("version.registered", CheckId::Inv01, MONTH, |look| look.version_registered()),
    Builtin::new("owner.set", CheckId::Inv02, DAY, |look| look.owner_set()),
    Builtin::new("interactions.measured", CheckId::Tier02, DAY, |look| {
        look.interactions_measured()
    }),
    Builtin::new("exceptions.live", CheckId::Tier03, DAY, |look| look.exceptions_live()),
    Builtin::new("contract.fits", CheckId::Sch01, MONTH, |look| look.contract_fits()).version(2),
    Builtin::new("access.least", CheckId::Acc01, DAY, |look| look.access_least()),
    Builtin::new("release.four-eyes", CheckId::Acc03, DAY, |look| look.four_eyes()),
    Builtin::new("artifact.whole", CheckId::Art01, DAY, |look| look.artifact_whole()),
    Builtin::new("artifact.scanned", CheckId::Art01, MONTH, |look| look.artifact_scanned()),
    Builtin::new("artifact.signed", CheckId::Art01, MONTH, |look| look.artifact_signed()),
    Builtin::new("lineage.complete", CheckId::Lin01, MONTH, |look| look.lineage_complete())
        .version(2),
    Builtin::new("glass.reviewed", CheckId::Dep01, DAY, |look| look.glass_reviewed()),
    Builtin::new("fallback.declared", CheckId::Rbk01, DAY, |look| look.fallback_declared()),
    Builtin::new("rollback.target", CheckId::Rbk01, DAY, |look| look.rollback_target()),
    Builtin::new("ledger.recorded", CheckId::Led01, DAY, |look| look.ledger_recorded()),
    Builtin::new("explanation.available", CheckId::Exp01, MONTH, |look| {
        look.explanation_available()
    }),
    Builtin::new("memory.within", CheckId::Tst01, MONTH, |look| look.memory_within()),
    Builtin::new("latency.within", CheckId::Tst01, MONTH, |look| look.latency_within()).of_model(),
    Builtin::new("answers.repeat", CheckId::Tst01, MONTH, |look| look.answers_repeat()).of_model(),
    Builtin::new("golden.reproduced", CheckId::Tst01, MONTH, |look| look.golden_reproduced())
        .of_model()
        .from(Tier::T2),
    Builtin::new("performance.held", CheckId::Tst01, MONTH, |look| look.performance_held())
        .of_model(),
    Builtin::new("performance.bootstrap", CheckId::Tst01, MONTH, |look| {
        look.performance_bootstrap()
    })
    .of_model(),
    Builtin::new("robustness.noise", CheckId::Tst02, MONTH, |look| look.robustness_noise())
        .of_model(),
    Builtin::new("robustness.single", CheckId::Tst02, MONTH, |look| look.robustness_single())
        .of_model(),
    Builtin::new("contract.fuzzed", CheckId::Tst02, MONTH, |look| look.contract_fuzzed())
        .of_model(),
    Builtin::new("fairness.groups", CheckId::Tst03, MONTH, |look| look.fairness_groups())
        .of_model(),
    // What the system sees of itself; see `gate_live.rs`.
    Builtin::new("monitor.reference", CheckId::Mon01, DAY, |look| look.monitor_reference()),
    Builtin::new("alerts.routed", CheckId::Mon01, DAY, |look| look.alerts_routed()),
    Builtin::new("outcomes.declared", CheckId::Mon01, DAY, |look| look.outcomes_declared()),
    Builtin::new("components.scanned", CheckId::Vul01, WEEK, |look| look.components_scanned()),
    Builtin::new("contract.enforced", CheckId::Sch02, DAY, |look| look.contract_enforced()),
    Builtin::new("data.described", CheckId::Dat01, MONTH, |look| look.data_described()),
    Builtin::new("rollback.drilled", CheckId::Rbk02, DAY, |look| look.rollback_drilled()),
    Builtin::new("findings.triaged", CheckId::Mon02, DAY, |look| look.findings_triaged()),
    Builtin::new("breach.corrected", CheckId::Mon03, DAY, |look| look.breach_corrected()),
    Builtin::new("log.proven", CheckId::Led02, DAY, |look| look.log_proven()),
    Builtin::new("records.kept", CheckId::Ret01, DAY, |look| look.records_kept()),
    Builtin::new("keys.fresh", CheckId::Acc02, DAY, |look| look.keys_fresh()),
    Builtin::new("incidents.seen", CheckId::Inc01, DAY, |look| look.incidents_seen()),
    Builtin::new("decisions.overseen", CheckId::Hum01, DAY, |look| look.decisions_overseen()),
];

/// Whether a check compares with the version that answers now, so that its result counts only as
/// long as that one does.
pub(crate) fn is_compared(name: &str) -> bool {
    matches!(
        name,
        "performance.held" | "performance.bootstrap" | "rollback.target" | "rollback.drilled"
    )
}

/// What checks look at: one version in one deployment.
pub(crate) struct Look<'a> {
    pub(crate) control: &'a Control,
    pub(crate) row: &'a DeploymentRow,
    pub(crate) version: &'a VersionRow,
    pub(crate) plan: &'a api::GatePlan,
    pub(crate) settings: Settings,
    pub(crate) sheet: Result<Sheet, String>,
    pub(crate) assessed: &'a Assessed,
    pub(crate) files: Vec<FileRow>,
    model: Result<Arc<Model>, Box<str>>,
}

pub(crate) fn pass(says: impl Into<String>) -> Found {
    Ok((Verdict::Pass, says.into()))
}
pub(crate) fn fail(says: impl Into<String>) -> Found {
    Ok((Verdict::Fail, says.into()))
}
pub(crate) fn not_evaluable(says: impl Into<String>) -> Found {
    Ok((Verdict::NotEvaluable, says.into()))
}

impl<'a> Look<'a> {
    pub(crate) fn new(
        control: &'a Control,
        row: &'a DeploymentRow,
        version: &'a VersionRow,
        assessed: &'a Assessed,
        plan: &'a api::GatePlan,
    ) -> Result<Self, ControlError> {
        let files = control.store.read(|r| r.files(version.model, version.number))?;
        let model = control.compiler.model(&control.artifacts, version, &files);
        let sheet = match &model {
            Ok(model) if !model.is_elsewhere() => Sheet::read(control, row, model)?,
            _ => Err("the version's model is not here".to_owned()),
        };
        let settings = settings_of(row)?;
        Ok(Self { control, row, version, plan, settings, sheet, assessed, files, model })
    }

    pub(crate) fn is_elsewhere(&self) -> bool {
        self.model.as_ref().is_ok_and(|model| model.is_elsewhere())
    }

    pub(crate) fn run(&self, check: &Builtin) -> Found {
        (check.run)(self)
    }

    pub(crate) fn threshold(&self) -> f64 {
        self.plan.threshold.unwrap_or(0.5)
    }

    fn assessment_current(&self) -> Found {
        let assessment = &self.assessed.assessment;
        let by = self.control.name_or_id(self.assessed.row.made_by)?;
        let who = self.control.store.read(|r| r.principal(self.assessed.row.made_by))?;
        if assessment.status != Status::Complete {
            fail(format!("facts are not known: {}", assessment.unknown.join(", ")))
        } else if assessment.tier.to_string() != self.row.tier {
            fail(format!(
                "the facts lead to {} today, and to {} when they were stated: state them again",
                assessment.tier, self.row.tier
            ))
        } else if who.is_none_or(|who| who.kind != api::PrincipalKind::User.as_str()) {
            fail(format!("the facts were stated by {by}, who is no person"))
        } else {
            pass(format!("tier {}, facts stated by {by}", assessment.tier))
        }
    }

    /// Policy in force is asked whether a key for production reaches what is no production.
    fn sandbox_sealed(&self) -> Found {
        let probe = Principal {
            environment: Some(Environment::Production),
            roles: RoleSet::all(),
            dev: false,
            ..self.nobody()
        };
        for environment in [Environment::Development, Environment::Staging] {
            let sandbox = plimsoll_policy::Deployment { environment, ..resource_of(self.row)? };
            let what = Resource::Deployment(sandbox);
            if self.control.policies.authorize(&probe, Action::Infer, &what).allowed {
                return fail(format!("policy lets a key for production reach {environment}"));
            }
        }
        pass("policy lets no key for production reach development or staging")
    }

    fn nobody(&self) -> Principal {
        Principal {
            kind: plimsoll_policy::PrincipalKind::Service,
            id: "nobody".into(),
            roles: RoleSet::NONE,
            environment: None,
            scopes: None,
            tenant: self.row.tenant,
            dev: false,
        }
    }

    fn version_registered(&self) -> Found {
        pass(format!("version {} is registered, {}", self.version.number, self.version.digest))
    }

    fn owner_set(&self) -> Found {
        let named = [("purpose", &self.plan.purpose), ("on_call", &self.plan.on_call)];
        let missing: Vec<&str> = named
            .into_iter()
            .filter(|(_, text)| text.trim().is_empty())
            .map(|(name, _)| name)
            .collect();
        if self.row.owner.trim().is_empty() {
            fail("the deployment has no owner")
        } else if missing.is_empty() {
            pass(format!("owner {}, on call {}", self.row.owner, self.plan.on_call))
        } else {
            fail(format!("the gate's plan lacks: {}", missing.join(", ")))
        }
    }

    fn interactions_measured(&self) -> Found {
        match self.assessed.interactions {
            None => not_evaluable(format!(
                "no total of interactions was posted: `plimsoll assess --deployment {} --interactions N`",
                self.row.name
            )),
            Some(api::MeasuredShare { part: None, .. }) => {
                fail("the posted total is older than 30 days, or there is too much to count")
            }
            Some(api::MeasuredShare { part: Some(part), whole }) => {
                // Counts change with every request, and would void every approval with it.
                let is_above = plimsoll_release::facts::Share { part, whole }.is_above(10);
                let share = if is_above { "above" } else { "not above" };
                pass(format!("measured over 30 days, {share} 10 % of {whole}"))
            }
        }
    }

    fn exceptions_live(&self) -> Found {
        let now = self.control.clock.now();
        let exceptions = self.control.exceptions_of(self.row)?;
        let dead = exceptions
            .iter()
            .find_map(|one| one.objection(now).map(|why| format!("{}: {why}", one.id)));
        match dead {
            Some(dead) => fail(format!("the exception {dead}; end it, or ask for another")),
            None => pass(format!("{} exceptions, all live", exceptions.len())),
        }
    }

    fn contract_fits(&self) -> Found {
        match self.control.check_fit(self.row, self.version.number) {
            // The whole digest: approvals are bound to these words.
            Ok(()) => pass(format!(
                "the version binds to the contract {}, which refuses what it does not name{}",
                self.row.contract,
                self.control.breaking_words(self.row)?
            )),
            Err(error) => fail(error.to_string()),
        }
    }

    /// Policy in force is asked about who shows no key, and who holds no role.
    fn access_least(&self) -> Found {
        let what = Resource::Deployment(resource_of(self.row)?);
        for (who, name) in [(Principal::anonymous(), "nobody"), (self.nobody(), "no role")] {
            if self.control.policies.authorize(&who, Action::Infer, &what).allowed {
                return fail(format!("policy lets {name} ask the deployment"));
            }
        }
        pass("policy lets neither who shows no key nor who holds no role ask")
    }

    /// Policy in force is asked whether the author releases with every role and every approval.
    fn four_eyes(&self) -> Found {
        let author = self.version.author.to_string();
        let who = Principal { id: author.as_str().into(), roles: RoleSet::all(), ..self.nobody() };
        let standing = plimsoll_policy::Standing {
            gate_asked: true,
            gate_passed: true,
            approvals: 9,
            approved: true,
            emergency: false,
        };
        let release = |standing| {
            Ok::<_, ControlError>(Resource::Release {
                model: self.row.name.clone(),
                number: self.version.number,
                author: author.as_str().into(),
                into: resource_of(self.row)?,
                standing,
            })
        };
        let policies = &self.control.policies;
        if policies.authorize(&who, Action::Release, &release(standing)?).allowed {
            return fail("policy lets the author release");
        }
        let other = Principal {
            id: "another".into(),
            roles: RoleSet::NONE.with(Role::Approver),
            ..self.nobody()
        };
        let unapproved = plimsoll_policy::Standing { approved: false, ..standing };
        if policies.authorize(&other, Action::Release, &release(unapproved)?).allowed {
            return fail("policy lets a version be released that nobody approved");
        }
        pass("policy lets neither the author release nor anyone what is not approved")
    }

    /// Every file is there, and its bytes are what its digest says.
    fn artifact_whole(&self) -> Found {
        let control = self.control;
        if crate::artifact::sha256(self.version.manifest.as_bytes()) != self.version.digest {
            return fail("the manifest is not what its digest says");
        }
        for file in &self.files {
            let limit = usize::try_from(file.size).unwrap_or(usize::MAX);
            let whole = control
                .artifacts
                .read(file.digest, limit)
                .is_ok_and(|bytes| crate::artifact::sha256(&bytes) == file.digest);
            if !whole {
                return fail(format!("the file `{}` is gone or damaged", file.path));
            }
        }
        match &self.model {
            Ok(_) => pass(format!("{} files are what their digests say", self.files.len())),
            Err(why) => fail(why.to_string()),
        }
    }

    fn artifact_scanned(&self) -> Found {
        let facts: api::VersionFacts =
            serde_json::from_str(&self.version.facts).unwrap_or_default();
        match facts.scan {
            Some(scan) => pass(format!(
                "scanner {} looked at {} and found nothing",
                scan.scanner, scan.looked_at
            )),
            None => not_evaluable("the version is from before scans; add it again"),
        }
    }

    fn artifact_signed(&self) -> Found {
        if self.settings.signers.is_empty() {
            return not_evaluable("the deployment names nobody whose signature counts");
        }
        match self.control.signer(&self.settings.signers, &self.files)? {
            Ok(signer) => pass(format!("signed by {signer}")),
            Err(why) => fail(why),
        }
    }

    fn glass_reviewed(&self) -> Found {
        match self.control.unreviewed_glass(self.row)? {
            Some(id) => fail(format!("the glass was broken ({id}), and nobody reviewed it")),
            None => pass("nothing was released past a gate without a review"),
        }
    }

    fn fallback_declared(&self) -> Found {
        let settings = &self.settings;
        if settings.fallback.is_some() {
            return pass("the deployment declares an answer for when the model gives none");
        }
        if settings.answers_by_rule() {
            let rules = settings.fallback_rules.len();
            return pass(format!(
                "{rules} rules answer when the model does not, or callers are refused"
            ));
        }
        if settings.fallback_previous
            && let Some(before) = self.control.stands_in(self.row, self.version.number)?
        {
            return pass(format!("version {before} stands in when this one gives no answer"));
        }
        if self.plan.fail_closed {
            return pass("the plan declares that callers are refused");
        }
        match settings.fallback_previous {
            true => fail(
                "there is no version before this one to stand in: declare rules, an answer, or `fail_closed` in the plan",
            ),
            false => fail("declare a fallback, or `fail_closed` in the plan"),
        }
    }

    fn rollback_target(&self) -> Found {
        let number = self.version.number;
        let incumbent = self.row.released.map(|release| release.number);
        match incumbent.filter(|incumbent| *incumbent != number) {
            Some(incumbent) => match self.control.check_fit(self.row, incumbent) {
                Ok(()) => pass(format!("version {incumbent} can answer again")),
                Err(error) => fail(error.to_string()),
            },
            None => Ok((
                Verdict::NotApplicable,
                "a first version has none: the fallback stands in (fallback.declared)".to_owned(),
            )),
        }
    }

    fn ledger_recorded(&self) -> Found {
        match self.row.mode {
            Mode::Strict | Mode::Durable => {
                pass(format!("mode {}: no answer leaves that is not on disk", self.row.mode))
            }
            mode @ Mode::Bounded => {
                fail(format!("mode {mode} may lose decisions; use `durable` or `strict`"))
            }
        }
    }

    fn explanation_available(&self) -> Found {
        let Ok(model) = &self.model else { return not_evaluable("the model does not load") };
        let control = self.control;
        let explained = || -> Result<(), String> {
            let contract =
                control.compiled(self.row.contract).map_err(|error| error.to_string())?;
            let binding = fit(&contract, model, &self.settings)?;
            let files =
                Files { artifacts: &control.artifacts, version: self.version, files: &self.files };
            control.compiler.explainer(&files, model, &contract, &binding)?;
            Ok(())
        };
        if self.row.explain == api::Explain::Off.as_str() {
            return fail("the deployment's `explain` is off");
        }
        match explained() {
            Ok(()) => pass(format!("decisions are explained, {}", self.row.explain)),
            Err(why) => fail(why),
        }
    }

    /// The size of the model's file: what it takes in memory is of its order.
    fn memory_within(&self) -> Found {
        /// The budget unless the plan has another.
        const BUDGET: u64 = 1 << 30;
        let budget = self.plan.model_bytes.unwrap_or(BUDGET);
        let size = self.files.iter().filter(|file| file.role == "model").map(|file| file.size);
        let size: u64 = size.sum();
        let says = format!("the model has {size} bytes, the budget is {budget}");
        if size <= budget { pass(says) } else { fail(says) }
    }
}
