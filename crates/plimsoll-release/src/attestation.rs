//! What only people can know, stated by one of them: which demands may be answered so, by whom,
//! for how long, and whether a statement counts now. Knows no storage and no policy.
//!
//! An attestation is signed by a key of the person's own and ends by itself. It is evidence that
//! somebody in that role answers for it, and no more: a check of its own looks at everything that
//! the system can see for itself.

use crate::approval::{AUTHENTICATED_MAX, Approver, is_signed};
use crate::catalog::CheckId;
use crate::gate::Verdict;
use crate::{Day, Tier};
use plimsoll_types::{Digest, Time};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::time::Duration;

/// Attestations of one demand that are looked at, newest first. Each costs a verification of some
/// 50 µs.
pub const ATTESTATIONS_MAX: usize = 16;
/// The longest statement, in bytes: a page.
pub const SAYS_MAX: usize = 4_096;

/// A demand that a person may answer.
#[derive(Clone, Copy, Debug)]
pub struct Attestable {
    /// Which.
    pub demand: CheckId,
    /// Who may: anybody with one of these roles.
    pub roles: &'static [&'static str],
    /// For how many days at most.
    pub days: u16,
    /// The same at tier T3.
    pub days_high: u16,
    /// Whether it is about one version, and ends with it.
    pub of_version: bool,
    /// Whether a document has to be named by its digest.
    pub needs_evidence: bool,
    /// Whether whoever made the version is not heard.
    pub independent: bool,
    /// What is stated.
    pub states: &'static str,
}

const fn row(
    demand: CheckId,
    roles: &'static [&'static str],
    (days, days_high): (u16, u16),
    states: &'static str,
) -> Attestable {
    Attestable {
        demand,
        roles,
        days,
        days_high,
        of_version: false,
        needs_evidence: false,
        independent: false,
        states,
    }
}

impl Attestable {
    const fn of_version(self) -> Self {
        Self { of_version: true, ..self }
    }
    const fn with_evidence(self) -> Self {
        Self { needs_evidence: true, ..self }
    }
    const fn independent(self) -> Self {
        Self { independent: true, ..self }
    }
    /// The longest time that a statement counts.
    #[must_use]
    pub fn max(&self, tier: Tier) -> Duration {
        let days = if tier >= Tier::T3 { self.days_high } else { self.days };
        Duration::from_secs(u64::from(days) * 24 * 3600)
    }
}

/// The demands that people may answer. Times are those of the control catalogue.
pub const ATTESTABLE: &[Attestable] = &[
    row(
        CheckId::Inv03,
        &["risk", "approver"],
        (365, 365),
        "each provider of a model has a contract, a region, terms of data, documentation and a fallback on record",
    )
    .with_evidence(),
    row(
        CheckId::Acc02,
        &["admin", "risk"],
        (90, 90),
        "grants were reviewed, administrators sign in strongly, and who left has no access",
    ),
    row(
        CheckId::Enc01,
        &["admin"],
        (365, 365),
        "transport is encrypted, disks and key folders are protected, and no secret lies about in clear",
    ),
    row(
        CheckId::Dat01,
        &["data-scientist", "ml-engineer", "approver", "dpo"],
        (365, 365),
        "the data are described, tested for quality and bias, licensed or lawfully based, and test data are apart",
    )
    .of_version()
    .with_evidence(),
    row(
        CheckId::Exp02,
        &["risk", "approver"],
        (365, 180),
        "people are told in time, and what is generated is marked",
    ),
    row(
        CheckId::Hum01,
        &["risk"],
        (90, 90),
        "oversight is staffed at all hours by trained people who can override, and do",
    ),
    row(
        CheckId::Led03,
        &["admin"],
        (30, 30),
        "clocks are synchronised within a second, and the alarm for a failing log was tested",
    ),
    row(
        CheckId::Prv01,
        &["dpo", "risk"],
        (365, 180),
        "the processing is on record, justified, minimised and kept in its region; an assessment exists where one is due",
    )
    .with_evidence(),
    row(
        CheckId::Prv02,
        &["dpo", "risk"],
        (90, 90),
        "requests of persons are carried out within thirty days",
    ),
    row(
        CheckId::Inc01,
        &["risk"],
        (365, 180),
        "incidents are opened, classified against the law and reported on the clock",
    ),
    row(
        CheckId::Inc02,
        &["risk"],
        (365, 365),
        "incidents end in a root cause and actions, and the reaction was rehearsed",
    ),
    row(
        CheckId::Res01,
        &["admin"],
        (365, 180),
        "backup, restore and failover were drilled within their targets",
    )
    .with_evidence(),
    row(
        CheckId::Sup01,
        &["risk"],
        (365, 365),
        "supplier contracts, register rows, exit plans and concentration are under control",
    ),
    row(
        CheckId::Doc01,
        &["approver", "risk"],
        (365, 180),
        "the documents describe this version and what it is used for",
    )
    .of_version()
    .with_evidence(),
    row(
        CheckId::Rsk01,
        &["risk"],
        (365, 90),
        "the risk register covers this use, and a named person accepted what is left",
    )
    .with_evidence(),
    row(
        CheckId::Rev01,
        &["risk", "auditor"],
        (365, 365),
        "somebody independent validated this version, and management reviewed the programme",
    )
    .of_version()
    .with_evidence()
    .independent(),
    row(
        CheckId::Trn01,
        &["risk", "approver"],
        (365, 365),
        "who operates, oversees and uses it is trained and knows the policy",
    ),
    row(
        CheckId::Chg01,
        &["approver", "risk"],
        (180, 180),
        "this change was judged: significant, or not",
    )
    .of_version()
    .independent(),
];

/// What may be said of a demand by a person, if that may be.
#[must_use]
pub fn attestable(demand: CheckId) -> Option<&'static Attestable> {
    ATTESTABLE.iter().find(|one| one.demand == demand)
}

/// What is signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The deployment's name.
    pub deployment: String,
    /// The demand.
    pub demand: CheckId,
    /// The artifact, of a demand about one version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// What is stated, in the person's words.
    pub says: String,
    /// The digest of the document that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// Of a change: whether it is significant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub significant: Option<bool>,
    /// Until when it counts, in microseconds since 1970.
    pub until_us: u64,
    /// Who states it: the id of a principal.
    pub by: String,
    /// When.
    pub at_us: u64,
}

impl Attested {
    /// The bytes that are signed: a line each, under a title that no other signature has. What is
    /// said stands by its digest, so that it can have lines of its own.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let Self { deployment, demand, until_us, by, at_us, .. } = self;
        let digest = |digest: Option<Digest>| digest.map_or("-".to_owned(), |d| d.to_string());
        let (artifact, evidence) = (digest(self.artifact), digest(self.evidence));
        let says = Digest::from_bytes(sha2::Sha256::digest(self.says.as_bytes()).into());
        let significant = match self.significant {
            None => "-",
            Some(true) => "significant",
            Some(false) => "not significant",
        };
        format!(
            "plimsoll attestation v1\n{deployment}\n{demand}\n{artifact}\n{says}\n{evidence}\n{significant}\n{until_us}\n{by}\n{at_us}\n"
        )
        .into_bytes()
    }
}

/// An attestation with what is known of who signed it.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What is stated.
    pub attested: Attested,
    /// The Ed25519 signature of the person's own key.
    pub signature: [u8; 64],
    /// The person, from the registry of principals; none if they or their key are gone.
    pub person: Option<Approver>,
    /// Their name.
    pub name: String,
}

/// What an attestation is judged under.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// The version's artifact.
    pub artifact: Digest,
    /// Who made the version.
    pub author: &'a str,
    /// The tier of the use.
    pub tier: Tier,
    /// Now.
    pub now: Time,
}

/// Whether a demand is answered by what people stated, newest first.
#[must_use]
pub fn answered(of: &Attestable, asked: Asked<'_>, statements: &[Statement]) -> (Verdict, String) {
    let mut why = None;
    let mine = statements.iter().filter(|one| one.attested.demand == of.demand);
    for statement in mine.take(ATTESTATIONS_MAX) {
        match objection(of, asked, statement) {
            None => return (Verdict::Pass, told(of, asked.tier, statement)),
            Some(objection) => {
                why.get_or_insert_with(|| format!("stated by {}, and {objection}", statement.name));
            }
        }
    }
    let missing = || format!("nobody stated that {}", of.states);
    let version = if of.of_version { " --version N" } else { "" };
    let fix = format!(
        "who has the role {} does: `plimsoll gate attest {} {}{version}`, or a plug-in of the plan proves it",
        of.roles.join(" or "),
        asked.deployment,
        of.demand
    );
    (Verdict::NotEvaluable, format!("{}; {fix}", why.unwrap_or_else(missing)))
}

fn told(of: &Attestable, tier: Tier, statement: &Statement) -> String {
    let attested = &statement.attested;
    let says: String =
        attested.says.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let judged = match attested.significant {
        None => "",
        Some(true) => "significant: ",
        Some(false) => "not significant: ",
    };
    format!("{} until {}: {judged}{says}", statement.name, Day::of(ends(of, tier, attested)))
}

/// When it ends: as stated, and no later than the catalogue lets it count.
fn ends(of: &Attestable, tier: Tier, attested: &Attested) -> Time {
    let longest = Time::from_micros(attested.at_us).plus(of.max(tier));
    longest.min(Time::from_micros(attested.until_us))
}

/// Why a statement does not count; `None` if it does.
#[must_use]
pub fn objection(of: &Attestable, asked: Asked<'_>, statement: &Statement) -> Option<String> {
    let Statement { attested, signature, person, .. } = statement;
    let Some(person) = person else {
        return Some("the person or the key is not there any more".to_owned());
    };
    let at = Time::from_micros(attested.at_us);
    let has_role = of.roles.iter().any(|role| person.roles.contains(*role));
    if attested.demand != of.demand || attested.deployment != asked.deployment {
        Some("it is about something else".to_owned())
    } else if attested.by != person.id {
        Some("it is by somebody else".to_owned())
    } else if !has_role {
        Some(format!("who has none of the roles {}", of.roles.join(", ")))
    } else if of.of_version && attested.artifact != Some(asked.artifact) {
        Some("it is about another version".to_owned())
    } else if of.independent && attested.by == asked.author {
        Some("who made the version".to_owned())
    } else if of.needs_evidence && attested.evidence.is_none() {
        Some("it names no document".to_owned())
    } else if (of.demand == CheckId::Chg01) != attested.significant.is_some() {
        Some("it has to say whether the change is significant".to_owned())
    } else if attested.says.trim().is_empty() || attested.says.len() > SAYS_MAX {
        Some("it says nothing, or too much".to_owned())
    } else if at > asked.now {
        Some("it is from the future".to_owned())
    } else if asked.now >= ends(of, asked.tier, attested) {
        Some(format!("it ended on {}", Day::of(ends(of, asked.tier, attested))))
    } else if person.authenticated > at || at.since(person.authenticated) > AUTHENTICATED_MAX {
        Some("the person had not just proven who they are".to_owned())
    } else if !is_signed(&person.key, &attested.message(), signature) {
        Some("the signature is not by their key".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{public_of, sign};

    const SECRET: [u8; 32] = [7; 32];
    const DAY: u64 = 24 * 3600 * 1_000_000;
    const NOW: Time = Time::from_micros(100 * DAY);

    fn artifact() -> Digest {
        Digest::from_bytes([1; 32])
    }

    fn statement(demand: CheckId) -> Statement {
        let of = attestable(demand).unwrap();
        let attested = Attested {
            deployment: "credit".to_owned(),
            demand,
            artifact: of.of_version.then(artifact),
            says: "seen to".to_owned(),
            evidence: Some(Digest::from_bytes([2; 32])),
            significant: (demand == CheckId::Chg01).then_some(false),
            until_us: 130 * DAY,
            by: "rita".to_owned(),
            at_us: 99 * DAY,
        };
        let person = Approver {
            id: "rita".to_owned(),
            roles: of.roles.iter().map(|role| (*role).to_owned()).collect(),
            key: public_of(&SECRET),
            authenticated: Time::from_micros(99 * DAY - 1_000_000),
        };
        signed(Statement {
            signature: [0; 64],
            attested,
            person: Some(person),
            name: "Rita".into(),
        })
    }

    fn signed(statement: Statement) -> Statement {
        Statement { signature: sign(&SECRET, &statement.attested.message()), ..statement }
    }

    fn asked() -> Asked<'static> {
        let artifact = artifact();
        Asked { deployment: "credit", artifact, author: "ada", tier: Tier::T2, now: NOW }
    }

    #[test]
    fn every_demand_that_people_may_answer_is_answered_by_who_may() {
        for of in ATTESTABLE {
            let (verdict, says) = answered(of, asked(), &[statement(of.demand)]);
            assert_eq!(verdict, Verdict::Pass, "{}: {says}", of.demand);
            assert!(says.starts_with("Rita until 1970-0"), "{says}");
            let (verdict, says) = answered(of, asked(), &[]);
            assert_eq!(verdict, Verdict::NotEvaluable);
            assert!(says.contains("plimsoll gate attest credit"), "{says}");
            assert!(of.days_high <= of.days, "{}", of.demand);
        }
    }

    #[test]
    fn what_is_wrong_with_a_statement_is_told_and_it_does_not_count() {
        type Change = fn(&mut Statement);
        let rev = CheckId::Rev01;
        let cases: [(&str, CheckId, Change); 12] = [
            ("another version", rev, |s| s.attested.artifact = None),
            ("names no document", rev, |s| s.attested.evidence = None),
            ("who made the version", rev, |s| {
                s.attested.by = "ada".into();
                s.person.as_mut().unwrap().id = "ada".into();
            }),
            ("none of the roles", rev, |s| s.person.as_mut().unwrap().roles.clear()),
            ("not there any more", rev, |s| s.person = None),
            ("somebody else", rev, |s| s.attested.by = "bob".into()),
            ("something else", rev, |s| s.attested.deployment = "fraud".into()),
            ("says nothing", rev, |s| s.attested.says = " ".into()),
            ("the future", rev, |s| s.attested.at_us = 101 * DAY),
            ("it ended on 1970-04-11", rev, |s| s.attested.until_us = 100 * DAY),
            ("just proven", rev, |s| s.person.as_mut().unwrap().authenticated = Time::EPOCH),
            ("whether the change", CheckId::Chg01, |s| s.attested.significant = None),
        ];
        for (why, demand, change) in cases {
            let mut one = statement(demand);
            change(&mut one);
            let of = attestable(demand).unwrap();
            let (verdict, says) = answered(of, asked(), &[signed(one)]);
            assert_eq!(verdict, Verdict::NotEvaluable, "{why}");
            assert!(says.contains(why), "`{why}` is not in {says}");
        }
        let mut one = statement(rev);
        one.signature[0] ^= 1;
        let (_, says) = answered(attestable(rev).unwrap(), asked(), &[one]);
        assert!(says.contains("not by their key"), "{says}");
        let mut one = statement(rev);
        one.attested.says = "changed afterwards".into();
        let (_, says) = answered(attestable(rev).unwrap(), asked(), &[one]);
        assert!(says.contains("not by their key"), "{says}");
    }

    #[test]
    fn a_higher_tier_shortens_what_was_stated_before() {
        let mut one = statement(CheckId::Rsk01);
        one.attested.until_us = 99 * DAY + 365 * DAY;
        let one = signed(one);
        let of = attestable(CheckId::Rsk01).unwrap();
        let after = Asked { now: Time::from_micros(99 * DAY + 91 * DAY), ..asked() };
        assert_eq!(answered(of, after, std::slice::from_ref(&one)).0, Verdict::Pass);
        let high = Asked { tier: Tier::T3, ..after };
        assert_eq!(answered(of, high, std::slice::from_ref(&one)).0, Verdict::NotEvaluable);
    }

    #[test]
    fn the_newest_that_counts_counts() {
        let of = attestable(CheckId::Rsk01).unwrap();
        let mut bad = statement(CheckId::Rsk01);
        bad.attested.evidence = None;
        let (verdict, says) = answered(of, asked(), &[signed(bad), statement(CheckId::Rsk01)]);
        assert_eq!((verdict, says.starts_with("Rita until")), (Verdict::Pass, true));
    }
}
