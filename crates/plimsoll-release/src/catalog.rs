//! What may be asked of a release, as data: the checks, the duties that demand them, and where each
//! duty comes from. Knows no deployment and no result.

use crate::Tier;
use crate::words::words;

words! {
    /// One question whose answer is evidence, by its identifier in the control catalogue.
    CheckId {
        Inv01 = "INV-01",
        Inv02 = "INV-02",
        Inv03 = "INV-03",
        Tier01 = "TIER-01",
        Tier02 = "TIER-02",
        Tier03 = "TIER-03",
        Sch01 = "SCH-01",
        Sch02 = "SCH-02",
        Acc01 = "ACC-01",
        Acc02 = "ACC-02",
        Acc03 = "ACC-03",
        Enc01 = "ENC-01",
        Art01 = "ART-01",
        Lin01 = "LIN-01",
        Dat01 = "DAT-01",
        Tst01 = "TST-01",
        Tst02 = "TST-02",
        Tst03 = "TST-03",
        Dep01 = "DEP-01",
        Dep02 = "DEP-02",
        Rbk01 = "RBK-01",
        Rbk02 = "RBK-02",
        Mon01 = "MON-01",
        Mon02 = "MON-02",
        Mon03 = "MON-03",
        Exp01 = "EXP-01",
        Exp02 = "EXP-02",
        Hum01 = "HUM-01",
        Led01 = "LED-01",
        Led02 = "LED-02",
        Led03 = "LED-03",
        Ret01 = "RET-01",
        Prv01 = "PRV-01",
        Prv02 = "PRV-02",
        Inc01 = "INC-01",
        Inc02 = "INC-02",
        Res01 = "RES-01",
        Vul01 = "VUL-01",
        Sup01 = "SUP-01",
        Doc01 = "DOC-01",
        Rsk01 = "RSK-01",
        Rev01 = "REV-01",
        Trn01 = "TRN-01",
        Chg01 = "CHG-01",
    }
}

/// A check of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Which.
    pub id: CheckId,
    /// The lowest tier that demands it; `None` if only a duty of its own does.
    pub tier: Option<Tier>,
    /// Whether a promotion waits for it.
    pub blocks: bool,
    /// Whether an exception may put it off.
    pub deferrable: bool,
    /// What it asks.
    pub question: &'static str,
}

impl CheckId {
    /// What the catalogue says of it.
    #[must_use]
    pub fn check(self) -> &'static Check {
        // The table has a row for each, in the same order; a test says so.
        CHECKS.get(self as usize).unwrap_or(&CHECKS[0])
    }
}

const fn row(
    id: CheckId,
    tier: Option<Tier>,
    blocks: bool,
    deferrable: bool,
    question: &'static str,
) -> Check {
    Check { id, tier, blocks, deferrable, question }
}

/// Every check, in the order of [`CheckId`].
pub const CHECKS: &[Check] = &[
    row(
        CheckId::Inv01,
        Some(Tier::T1),
        true,
        false,
        "Is everything that answers production traffic a registered, active model version?",
    ),
    row(
        CheckId::Inv02,
        Some(Tier::T1),
        true,
        false,
        "Does each system have a live owner, deputy, stated purpose, users, affected groups, operator roles, output-use countries and market date?",
    ),
    row(
        CheckId::Inv03,
        Some(Tier::T2),
        true,
        false,
        "Is every third-party model or provider on record with contract, region, data terms, provider documentation and a fallback?",
    ),
    row(
        CheckId::Tier01,
        Some(Tier::T0),
        true,
        false,
        "Is the risk tier still the one today's facts produce, screened for prohibited practices and signed by a human?",
    ),
    row(
        CheckId::Tier02,
        Some(Tier::T1),
        false,
        false,
        "What share of customer interactions does each system influence, and are the >10 % duties met?",
    ),
    row(
        CheckId::Tier03,
        Some(Tier::T1),
        true,
        false,
        "Is every unmet duty covered by a documented, approved, unexpired exemption that is allowed at all?",
    ),
    row(
        CheckId::Sch01,
        Some(Tier::T1),
        true,
        false,
        "Is each active deployment's input contract closed and bounded?",
    ),
    row(
        CheckId::Sch02,
        Some(Tier::T2),
        true,
        false,
        "Is the contract really enforced on the live route?",
    ),
    row(
        CheckId::Acc01,
        Some(Tier::T1),
        true,
        false,
        "Is access denied by default and limited to what each caller needs?",
    ),
    row(
        CheckId::Acc02,
        Some(Tier::T2),
        false,
        false,
        "Are grants reviewed, credentials fresh, administrators strongly authenticated, leavers removed?",
    ),
    row(
        CheckId::Acc03,
        Some(Tier::T2),
        true,
        false,
        "Did a second authorised person approve every promotion, exemption, policy and tier change before it took effect?",
    ),
    row(
        CheckId::Enc01,
        Some(Tier::T2),
        false,
        false,
        "Are data, artifacts and keys protected in transit and at rest?",
    ),
    row(
        CheckId::Art01,
        Some(Tier::T1),
        true,
        false,
        "Is the artifact that answers exactly the one that was approved, signed and scanned?",
    ),
    row(
        CheckId::Lin01,
        Some(Tier::T2),
        true,
        false,
        "Can each active version be traced to code, data, parameters, environment, base model and evaluations, and rebuilt?",
    ),
    row(
        CheckId::Dat01,
        Some(Tier::T2),
        true,
        false,
        "Are the data sets described, quality-tested, bias-examined, licensed or lawfully based, and separated?",
    ),
    row(
        CheckId::Tst01,
        Some(Tier::T1),
        true,
        false,
        "Did the exact artifact pass every mandatory gate against thresholds fixed before the run?",
    ),
    row(
        CheckId::Tst02,
        Some(Tier::T1),
        true,
        false,
        "Has the active version survived adversarial testing recently?",
    ),
    row(
        CheckId::Tst03,
        Some(Tier::T3),
        true,
        true,
        "Is performance acceptable for each relevant group, in test and in production?",
    ),
    row(CheckId::Dep01, Some(Tier::T1), true, false, "Is anything running that nobody approved?"),
    row(
        CheckId::Dep02,
        Some(Tier::T0),
        true,
        false,
        "Was each release staged (shadow, canary, A/B) and is the sandbox sealed off from production?",
    ),
    row(
        CheckId::Rbk01,
        Some(Tier::T1),
        true,
        false,
        "Is there always something safe to fall back to?",
    ),
    row(
        CheckId::Rbk02,
        Some(Tier::T2),
        false,
        false,
        "Do rollback and the stop switch work, and how fast?",
    ),
    row(
        CheckId::Mon01,
        Some(Tier::T1),
        true,
        false,
        "Are accuracy, input distribution and staleness watched on every production deployment?",
    ),
    row(
        CheckId::Mon02,
        Some(Tier::T2),
        false,
        false,
        "Are drift alerts looked at in time and given a cause?",
    ),
    row(
        CheckId::Mon03,
        Some(Tier::T2),
        true,
        false,
        "Does a breach lead to retraining or another corrective action, and can no model outlive its maximum age?",
    ),
    row(
        CheckId::Exp01,
        Some(Tier::T3),
        true,
        false,
        "Can each in-scope decision be explained later with what was really used?",
    ),
    row(
        CheckId::Exp02,
        None,
        false,
        false,
        "Were people told, in time, and is generated content marked?",
    ),
    row(
        CheckId::Hum01,
        Some(Tier::T3),
        true,
        false,
        "Is oversight staffed by trained people who can and do override?",
    ),
    row(CheckId::Led01, Some(Tier::T1), true, false, "Is every request in the ledger?"),
    row(CheckId::Led02, Some(Tier::T2), true, false, "Is the ledger provably unaltered?"),
    row(
        CheckId::Led03,
        Some(Tier::T2),
        false,
        false,
        "Is every administrative and configuration change recorded, with trustworthy time?",
    ),
    row(
        CheckId::Ret01,
        Some(Tier::T2),
        false,
        false,
        "Are records kept long enough and no longer?",
    ),
    row(
        CheckId::Prv01,
        None,
        true,
        false,
        "Is each processing of personal data recorded, justified, minimised and kept in region?",
    ),
    row(
        CheckId::Prv02,
        None,
        false,
        false,
        "Are access, erasure, objection and human-review requests carried out without breaking the ledger?",
    ),
    row(
        CheckId::Inc01,
        Some(Tier::T2),
        false,
        false,
        "Are incidents opened, classified against law and reported on the clock?",
    ),
    row(
        CheckId::Inc02,
        Some(Tier::T3),
        false,
        false,
        "Do incidents end in root cause, actions and rehearsal?",
    ),
    row(
        CheckId::Res01,
        Some(Tier::T2),
        false,
        false,
        "Do backup, restore and upstream failover work within targets?",
    ),
    row(
        CheckId::Vul01,
        Some(Tier::T1),
        true,
        false,
        "Are components known, scanned, patched and security-tested in each release?",
    ),
    row(
        CheckId::Sup01,
        Some(Tier::T2),
        false,
        true,
        "Are supplier contracts, register rows, exit plans and concentration under control?",
    ),
    row(
        CheckId::Doc01,
        Some(Tier::T2),
        true,
        true,
        "Do the generated documents still describe the running system, and did the responsible person sign them?",
    ),
    row(
        CheckId::Rsk01,
        Some(Tier::T2),
        true,
        false,
        "Is there a living risk register with accepted residual risk?",
    ),
    row(
        CheckId::Rev01,
        Some(Tier::T3),
        true,
        true,
        "Has someone independent validated the model and has management reviewed the programme?",
    ),
    row(
        CheckId::Trn01,
        Some(Tier::T2),
        false,
        false,
        "Are the people who operate, oversee and use the system trained and informed of policy?",
    ),
    row(
        CheckId::Chg01,
        Some(Tier::T1),
        true,
        false,
        "Was each change judged for significance before release?",
    ),
];

words! {
    /// A named set of checks that a tier, a law or a buyer asks for.
    DutyId {
        GovT0 = "GOV-T0",
        GovT1 = "GOV-T1",
        GovT2 = "GOV-T2",
        GovT3 = "GOV-T3",
        Monroll = "MONROLL",
        Explaud = "EXPLAUD",
        Govtest = "GOVTEST",
        Aia4 = "AIA-4",
        AiaHrProvider = "AIA-HR-PROVIDER",
        AiaHrDeployer = "AIA-HR-DEPLOYER",
        AiaDerog = "AIA-DEROG",
        Aia50 = "AIA-50",
        AiaGpai = "AIA-GPAI",
        Gdpr = "GDPR",
        GdprDpia = "GDPR-DPIA",
        Gdpr22 = "GDPR-22",
        DoraFe = "DORA-FE",
        DoraIct = "DORA-ICT",
    }
}

/// A duty of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Duty {
    /// Which.
    pub id: DutyId,
    /// When it applies.
    pub applies: &'static str,
    /// The checks that it demands.
    pub checks: &'static [CheckId],
    /// Where it comes from.
    pub source: &'static str,
}

impl DutyId {
    /// What the catalogue says of it.
    #[must_use]
    pub fn duty(self) -> &'static Duty {
        DUTIES.get(self as usize).unwrap_or(&DUTIES[0])
    }
}

/// Every duty, in the order of [`DutyId`].
pub const DUTIES: &[Duty] = {
    use CheckId as C;
    &[
        Duty {
            id: DutyId::GovT0,
            applies: "tier T0",
            checks: &[C::Tier01, C::Dep02],
            source: "liability guide, exception 1",
        },
        Duty {
            id: DutyId::GovT1,
            applies: "tier T1 and above",
            checks: &[
                C::Inv01,
                C::Inv02,
                C::Tier02,
                C::Tier03,
                C::Sch01,
                C::Acc01,
                C::Art01,
                C::Tst01,
                C::Tst02,
                C::Dep01,
                C::Rbk01,
                C::Mon01,
                C::Led01,
                C::Vul01,
                C::Chg01,
            ],
            source: "liability guide, exception 2; deployment checklist practices",
        },
        Duty {
            id: DutyId::GovT2,
            applies: "tier T2 and above",
            checks: &[
                C::Inv03,
                C::Sch02,
                C::Acc02,
                C::Acc03,
                C::Enc01,
                C::Lin01,
                C::Dat01,
                C::Rbk02,
                C::Mon02,
                C::Mon03,
                C::Led02,
                C::Led03,
                C::Ret01,
                C::Inc01,
                C::Res01,
                C::Sup01,
                C::Doc01,
                C::Rsk01,
                C::Trn01,
            ],
            source: "liability guide default condition, FAQ 1",
        },
        Duty {
            id: DutyId::GovT3,
            applies: "tier T3",
            checks: &[C::Tst03, C::Exp01, C::Hum01, C::Inc02, C::Rev01],
            source: "harm or high-risk",
        },
        Duty {
            id: DutyId::Monroll,
            applies: "share_30d > 0.10",
            checks: &[C::Tier02, C::Mon01, C::Mon02, C::Mon03, C::Rbk01, C::Rbk02, C::Dep02],
            source: "liability guide threshold 1",
        },
        Duty {
            id: DutyId::Explaud,
            applies: "enterprise, regulated or government buyer, or vendor review",
            checks: &[
                C::Exp01,
                C::Led01,
                C::Led02,
                C::Led03,
                C::Lin01,
                C::Acc02,
                C::Ret01,
                C::Prv01,
                C::Doc01,
            ],
            source: "liability guide threshold 2, triggers 1 and 5 (waivable only for non-regulated buyers without a review)",
        },
        Duty {
            id: DutyId::Govtest,
            applies: "customer harm possible",
            checks: &[
                C::Tst01,
                C::Tst02,
                C::Tst03,
                C::Hum01,
                C::Rev01,
                C::Rsk01,
                C::Inc01,
                C::Chg01,
                C::Exp01,
                C::Doc01,
            ],
            source: "liability guide threshold 3",
        },
        Duty {
            id: DutyId::Aia4,
            applies: "AI system provider or deployer",
            checks: &[C::Trn01],
            source: "EU AI Act art. 4",
        },
        Duty {
            id: DutyId::AiaHrProvider,
            applies: "high-risk and role provider",
            checks: &[
                C::Rsk01,
                C::Dat01,
                C::Lin01,
                C::Doc01,
                C::Led01,
                C::Led02,
                C::Ret01,
                C::Exp01,
                C::Hum01,
                C::Tst01,
                C::Tst02,
                C::Tst03,
                C::Art01,
                C::Mon01,
                C::Mon02,
                C::Chg01,
                C::Rev01,
                C::Inc01,
                C::Inc02,
                C::Sup01,
                C::Inv03,
                C::Rbk02,
            ],
            source: "EU AI Act arts 8-21, 43-49, 72, 73",
        },
        Duty {
            id: DutyId::AiaHrDeployer,
            applies: "high-risk and role deployer",
            checks: &[
                C::Hum01,
                C::Trn01,
                C::Sch01,
                C::Mon01,
                C::Inc01,
                C::Rbk02,
                C::Ret01,
                C::Led01,
                C::Exp01,
                C::Exp02,
                C::Prv01,
            ],
            source: "EU AI Act arts 26, 27, 86",
        },
        Duty {
            id: DutyId::AiaDerog,
            applies: "Annex III but art. 6(3) applies",
            checks: &[C::Tier01, C::Doc01],
            source: "EU AI Act arts 6(4), 49(2)",
        },
        Duty {
            id: DutyId::Aia50,
            applies: "transparency case",
            checks: &[C::Exp02],
            source: "EU AI Act art. 50",
        },
        Duty {
            id: DutyId::AiaGpai,
            applies: "general-purpose model provider",
            checks: &[C::Inv03, C::Doc01, C::Tst02],
            source: "EU AI Act arts 53, 55",
        },
        Duty {
            id: DutyId::Gdpr,
            applies: "personal data",
            checks: &[C::Prv01, C::Prv02, C::Ret01, C::Enc01, C::Acc01, C::Inc01],
            source: "GDPR 5, 15, 17, 25, 30, 32, 33",
        },
        Duty {
            id: DutyId::GdprDpia,
            applies: "art. 35 trigger",
            checks: &[C::Doc01, C::Rsk01, C::Prv01],
            source: "GDPR 35",
        },
        Duty {
            id: DutyId::Gdpr22,
            applies: "solely automated significant decision",
            checks: &[C::Hum01, C::Exp01, C::Exp02, C::Prv02],
            source: "GDPR 22, 13-15",
        },
        Duty {
            id: DutyId::DoraFe,
            applies: "operator is a financial entity",
            checks: &[
                C::Inv01,
                C::Inv03,
                C::Rsk01,
                C::Chg01,
                C::Dep01,
                C::Acc03,
                C::Led02,
                C::Mon01,
                C::Inc01,
                C::Inc02,
                C::Rbk02,
                C::Res01,
                C::Tst02,
                C::Vul01,
                C::Sup01,
                C::Rev01,
            ],
            source: "DORA 5-15, 17-19, 24-25, 28-30",
        },
        Duty {
            id: DutyId::DoraIct,
            applies: "customer is a financial entity",
            checks: &[
                C::Sup01,
                C::Doc01,
                C::Inc01,
                C::Res01,
                C::Rbk02,
                C::Tst02,
                C::Vul01,
                C::Mon01,
                C::Led02,
                C::Ret01,
            ],
            source: "DORA 30(2), 30(3) by contract",
        },
    ]
};
