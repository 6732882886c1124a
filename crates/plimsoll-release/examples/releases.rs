//! Writes the tables of docs/releases.md from simulations. From the root of the repository:
//! `cargo run --release -p plimsoll-release --example releases [null rollouts] [runs per case]`
//!
//! Everything follows from seeds, so two runs write the same.

use plimsoll_release::rollout::{Exposure, Phase, Plan, PlanError, Step};
use plimsoll_release::simulate::{
    Behaviour, Rule, Run, Traffic, quantile, run, run_rule, upper_bound,
};

const PAGE: &str = "docs/releases.md";
const BEGIN: &str = "<!-- simulation: written by the example `releases` -->\n";
const END: &str = "<!-- end of simulation -->";
const USUAL: Behaviour = Behaviour::USUAL;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |usual: u64| args.next().map_or(Ok(usual), |text| text.parse());
    let (nulls, cases) = (number(5000)?, number(301)?);
    let page = std::fs::read_to_string(PAGE)?;
    let (before, rest) = page.split_once(BEGIN).ok_or("the page has no place for tables")?;
    let (_, after) = rest.split_once(END).ok_or("the page has no end of tables")?;
    let text = format!("{}\n{}\n{}", null(nulls)?, own(cases)?, others(cases)?);
    std::fs::write(PAGE, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?;
    Ok(())
}

fn step(exposure: Exposure, requests_min: u64) -> Step {
    Step {
        exposure,
        requests_min,
        seconds_min: 0,
        seconds_max: u64::MAX / 2_000_000,
        outcomes_min: 0,
    }
}

fn plan(steps: &[Step]) -> Plan {
    Plan { steps: steps.to_vec(), ..Plan::default() }
}

/// Versions that are no worse.
fn null(rollouts: u64) -> Result<String, PlanError> {
    let plan = plan(&[
        step(Exposure::Shadow, 2000),
        step(Exposure::Share(100), 500),
        step(Exposure::Share(500), 1500),
        step(Exposure::Share(2500), 6000),
    ]);
    let traffic = Traffic {
        incumbent: USUAL,
        candidate: USUAL,
        per_second: 100.0,
        requests: 1_000_000,
        outages: None,
    };
    let (mut back, mut promoted) = (0, 0);
    for seed in 0..rollouts {
        match run(&plan, &traffic, seed)?.phase {
            Phase::RolledBack => back += 1,
            Phase::Promoted => promoted += 1,
            Phase::Running | Phase::Held | Phase::Inconclusive => {}
        }
    }
    let held = rollouts - back - promoted;
    let bound = 100.0 * upper_bound(back, rollouts, 0.95);
    Ok(format!(
        "**Versions that are no worse.** {rollouts} rollouts of 10,000 requests to the candidate \
         (2,000 pairs in shadow, then 500 at 1 %, 1,500 at 5 %, 6,000 at 25 %), all five guardrails \
         judged after every record: {promoted} promoted, {held} held for a person to look at, \
         {back} rolled back, which is at most \
         {bound:.2} % at 95 % confidence (Clopper and Pearson). Declared: 1 %.\n"
    ))
}

fn sorted(runs: &[Run], count: fn(&Run) -> u64) -> Vec<u64> {
    let mut counts: Vec<u64> = runs.iter().map(count).collect();
    counts.sort_unstable();
    counts
}

/// Versions that are worse.
fn own(runs: u64) -> Result<String, PlanError> {
    let canary = |share| plan(&[step(Exposure::Share(share), 1_000_000)]);
    let shadow = plan(&[step(Exposure::Shadow, 1_000_000)]);
    let cases = [
        ("every answer fails, at 1 %", canary(100), Behaviour { errors: 1.0, ..USUAL }, false),
        ("every answer fails, at 5 %", canary(500), Behaviour { errors: 1.0, ..USUAL }, false),
        ("every answer fails, at 10 %", canary(1000), Behaviour { errors: 1.0, ..USUAL }, false),
        ("every answer fails, at 25 %", canary(2500), Behaviour { errors: 1.0, ..USUAL }, false),
        ("every answer fails, at 50 %", canary(5000), Behaviour { errors: 1.0, ..USUAL }, false),
        ("errors 1 % → 10 %, at 1 %", canary(100), Behaviour { errors: 0.1, ..USUAL }, false),
        ("errors 1 % → 5 %, at 1 %", canary(100), Behaviour { errors: 0.05, ..USUAL }, false),
        ("errors 1 % → 2 %, at 5 %", canary(500), Behaviour { errors: 0.02, ..USUAL }, false),
        ("twice as slow, at 5 %", canary(500), Behaviour { latency_us: 4000.0, ..USUAL }, false),
        (
            "40 % of good payments flagged, at 1 %",
            canary(100),
            Behaviour { flags: 0.4, ..USUAL },
            false,
        ),
        (
            "40 % of good payments flagged, in shadow",
            shadow.clone(),
            Behaviour { flags: 0.4, ..USUAL },
            true,
        ),
        (
            "scores shifted by 0.5 sd, in shadow",
            shadow.clone(),
            Behaviour { shift: 0.5, ..USUAL },
            true,
        ),
        ("scores shifted by 1 sd, in shadow", shadow, Behaviour { shift: 1.0, ..USUAL }, true),
    ];
    let mut text = format!(
        "**Versions that are worse** ({runs} rollouts each, ten times as many where every answer \
         fails). Until rolled back:\n\n\
         | what is wrong | counted | median | p90 | p99 | most | by |\n|---|---|---|---|---|---|---|\n"
    );
    for (name, plan, candidate, is_shadow) in cases {
        let traffic = Traffic {
            incumbent: USUAL,
            candidate,
            per_second: 100.0,
            requests: 4_000_000,
            outages: None,
        };
        // Outages are short, and it is the longest that counts.
        let runs = if candidate.errors >= 1.0 { 10 * runs } else { runs };
        let runs: Vec<Run> =
            (0..runs).map(|seed| run(&plan, &traffic, seed)).collect::<Result<_, _>>()?;
        let back = runs.iter().filter(|run| run.phase == Phase::RolledBack).count();
        let counts = sorted(&runs, if is_shadow { |run| run.pairs } else { |run| run.candidates });
        let mut by: Vec<&str> = runs.iter().filter_map(|run| run.what.as_deref()).collect();
        by.sort_unstable();
        by.dedup();
        let what = if is_shadow { "pairs" } else { "canary answers" };
        let all = if back == runs.len() { "" } else { " (not all)" };
        text.push_str(&format!(
            "| {name} | {what} | {} | {} | {} | {} | {}{all} |\n",
            quantile(&counts, 50),
            quantile(&counts, 90),
            quantile(&counts, 99),
            quantile(&counts, 100),
            by.join(", ")
        ));
    }
    Ok(text)
}

/// One hour at 30 requests a second and a canary of 10 %, judged by errors.
fn others(runs: u64) -> Result<String, PlanError> {
    let incumbent = Behaviour { errors: 0.005, ..USUAL };
    let with = |errors| Traffic {
        incumbent,
        candidate: Behaviour { errors, ..USUAL },
        per_second: 30.0,
        requests: 108_000,
        outages: None,
    };
    let plan = plan(&[step(Exposure::Share(1000), 1_000_000)]);
    let mut text = format!(
        "**Next to the rules of others**, on the same traffic: one hour at 30 requests a second, 10 % to \
         the candidate, the incumbent failing 0.5 % ({runs} runs each). Canary requests until rolled \
         back (median; p90), and in how many runs:\n\n\
         | rule | no worse: rolled back | 0.5 % → 2 % | 0.5 % → 5 % | every answer fails |\n\
         |---|---|---|---|---|\n"
    );
    let mut row = |name: &str, one: &dyn Fn(&Traffic, u64) -> Result<Run, PlanError>| {
        let mut cells = Vec::new();
        for errors in [0.005, 0.02, 0.05, 1.0] {
            let traffic = with(errors);
            let all: Vec<Run> =
                (0..runs).map(|seed| one(&traffic, seed)).collect::<Result<_, _>>()?;
            let back: Vec<Run> =
                all.into_iter().filter(|run| run.phase == Phase::RolledBack).collect();
            let share = 100.0 * back.len() as f64 / runs as f64;
            let counts = sorted(&back, |run| run.candidates);
            cells.push(if errors <= 0.005 {
                format!("{share:.1} %")
            } else if back.is_empty() {
                "never".to_owned()
            } else {
                format!("{}; {} ({share:.0} %)", quantile(&counts, 50), quantile(&counts, 90))
            });
        }
        text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
        Ok::<(), PlanError>(())
    };
    row("Plimsoll, after every record", &|traffic, seed| run(&plan, traffic, seed))?;
    for rule in Rule::ALL {
        row(rule.name(), &|traffic, seed| Ok(run_rule(*rule, 1000, traffic, seed)))?;
    }
    Ok(text)
}
