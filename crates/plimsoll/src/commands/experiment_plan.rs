//! `plimsoll experiment plan`: how many units and days an experiment needs. Offline.

use super::Context;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{ArgGroup, Args};
use plimsoll_stats::power::Design;
use serde::Serialize;

/// Options of `experiment plan`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("metric").required(true))]
pub(crate) struct Plan {
    /// The share of units that do it in the control, such as 0.12
    #[arg(long, value_name = "SHARE", group = "metric")]
    rate: Option<f64>,
    /// Of a metric that is a mean: its standard deviation
    #[arg(long, value_name = "NUMBER", group = "metric")]
    deviation: Option<f64>,
    /// The least difference that matters, in the metric's own unit
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    effect: f64,
    /// Arms, the control included; all get equal shares
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=16))]
    arms: u8,
    /// Units that come in a day, of all arms
    #[arg(long, value_name = "UNITS")]
    per_day: Option<f64>,
    /// The chance that any arm is said to differ that does not
    #[arg(long, value_name = "CHANCE", default_value_t = 0.05)]
    alpha: f64,
    /// The chance of seeing the difference where it is
    #[arg(long, value_name = "CHANCE", default_value_t = 0.8)]
    power: f64,
    /// The share of the variance that a covariate explains, such as 0.3
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    explained: f64,
}

/// What is needed.
#[derive(Serialize, Debug)]
struct Planned {
    arms: u8,
    effect: f64,
    /// The chance of error of one comparison.
    alpha: f64,
    power: f64,
    /// One look, at the end.
    fixed: Needed,
    /// Looked at all the time; `units` of an experiment is where its intervals are narrowest.
    sequential: Needed,
    /// What to declare as `units`.
    units: u64,
}

#[derive(Serialize, Debug)]
struct Needed {
    /// Of each arm.
    per_arm: u64,
    /// Of all arms.
    units: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
}

/// Plans an experiment.
pub(super) fn run(context: &Context, args: &Plan) -> Result<(), Failure> {
    let planned = plan(args).ok_or_else(|| {
        Failure::user(
            "no such experiment: chances and shares are between 0 and 1 (the rate with the effect, \
             too), the deviation is above 0, the effect is not 0, and the power is above alpha",
        )
    })?;
    context.printer.show(&planned, |planned| {
        let mut table = Table::new(&["looked at", ">units per arm", ">units", ">days"]);
        for (name, needed) in
            [("once, at the end", &planned.fixed), ("all the time", &planned.sequential)]
        {
            table.row([
                name.to_owned(),
                needed.per_arm.to_string(),
                needed.units.to_string(),
                needed.days.map(|days| days.to_string()).unwrap_or_default(),
            ]);
        }
        let facts = Facts::default()
            .add("arms", planned.arms)
            .add("effect", planned.effect)
            .add("alpha of a comparison", planned.alpha)
            .add("power", planned.power)
            .add("declare `units`", planned.units);
        format!("{facts}\n{table}")
    })
}

fn plan(args: &Plan) -> Option<Planned> {
    let is_share = |share: f64| (0.0..1.0).contains(&share);
    let per_day = args.per_day.filter(|units| *units > 0.0);
    if !is_share(args.explained) || args.per_day != per_day {
        return None;
    }
    // Each arm is compared with the control, and all comparisons hold together (Bonferroni).
    let alpha = args.alpha / f64::from(args.arms - 1);
    let chances = (alpha, args.power);
    let design = match (args.rate, args.deviation) {
        (Some(rate), _) => {
            let is_right = rate > 0.0 && is_share(rate) && is_share(rate + args.effect);
            is_right.then(|| Design::of_rates(rate, args.effect, 1.0, chances))?
        }
        (None, deviation) => {
            let variance = deviation.filter(|deviation| *deviation > 0.0)?.powi(2);
            let (effect, power) = (args.effect, args.power);
            Design { effect, control: variance, treated: variance, ratio: 1.0, alpha, power }
        }
    };
    let left = 1.0 - args.explained;
    let design =
        Design { control: design.control * left, treated: design.treated * left, ..design };
    let fixed = design.fixed()?;
    let sequential = design.sequential(2.0 * fixed)?;
    let needed = |per_arm: f64| {
        let per_arm = up(per_arm);
        let units = per_arm.saturating_mul(args.arms.into());
        #[expect(clippy::cast_precision_loss, reason = "days, for people")]
        let days = per_day.map(|per_day| up(units as f64 / per_day));
        Needed { per_arm, units, days }
    };
    Some(Planned {
        arms: args.arms,
        effect: args.effect,
        alpha,
        power: args.power,
        fixed: needed(fixed),
        sequential: needed(sequential),
        units: up(2.0 * fixed),
    })
}

/// The next whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates; what comes here is not negative"
)]
fn up(number: f64) -> u64 {
    number.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> Plan {
        Plan {
            rate: Some(0.12),
            deviation: None,
            effect: 0.01,
            arms: 2,
            per_day: Some(2_000.0),
            alpha: 0.05,
            power: 0.8,
            explained: 0.0,
        }
    }

    /// The numbers are statsmodels': `normal_sample_size_one_tail` and `NormalIndPower`.
    #[test]
    fn units_and_days_are_those_of_the_textbook() {
        let planned = plan(&args()).expect("planned");
        assert_eq!(
            (planned.fixed.per_arm, planned.fixed.days),
            (RATES, Some(RATES.div_ceil(1_000)))
        );
        assert!(planned.sequential.units > planned.fixed.units);
        let means =
            Plan { rate: None, deviation: Some(40.0), effect: 2.0, arms: 3, power: 0.9, ..args() };
        let planned = plan(&means).expect("planned");
        assert_eq!((planned.fixed.per_arm, planned.alpha), (MEANS, 0.025));
        let explained = plan(&Plan { explained: 0.5, ..means }).expect("planned");
        assert_eq!(explained.fixed.per_arm, MEANS.div_ceil(2));
    }

    const RATES: u64 = 17_166;
    const MEANS: u64 = 9_929;

    #[test]
    fn what_cannot_be_planned_is_refused() {
        for wrong in [
            Plan { effect: 0.0, ..args() },
            Plan { effect: 0.9, ..args() },
            Plan { effect: f64::NAN, ..args() },
            Plan { per_day: Some(0.0), ..args() },
            Plan { power: 0.01, ..args() },
            Plan { rate: None, deviation: Some(0.0), ..args() },
        ] {
            assert!(plan(&wrong).is_none(), "{wrong:?}");
        }
    }
}
