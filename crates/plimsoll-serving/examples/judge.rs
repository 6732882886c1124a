//! What it costs a request that a rollout is under way: an answer shown to five guardrails behind
//! their mutex, nanoseconds each, the median of nine rounds, by route. A twentieth of the traffic
//! goes to the candidate. `cargo run --release -p plimsoll-serving --example judge`

use plimsoll_release::rollout::{Event, Exposure, Plan, Rollout, Step};
use plimsoll_release::watched::Watched;
use plimsoll_serving::{LiveRollout, Scoring};
use plimsoll_types::{RolloutId, Time};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 20_000;

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement for a terminal")]
fn main() {
    let step = Step {
        exposure: Exposure::Share(500),
        requests_min: u64::MAX,
        seconds_min: 1,
        seconds_max: 2,
        outcomes_min: 0,
    };
    let plan = Plan { steps: vec![step], ..Plan::default() };
    let Ok(rollout) = Rollout::begin(plan, Time::EPOCH) else { return };
    let scoring = Scoring { output: 0, positive_from: 0.5 };
    let live = LiveRollout::new(RolloutId::from_bytes([1; 16]), scoring, Watched::new(rollout));
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..9 {
        let mut spent = [0_u128; 2];
        for number in 0..ROUNDS {
            for place in 0..20 {
                let score = f64::from((number * 20 + place) % 97) / 97.0;
                let seen = live.scoring.seen(&[score], 5_000);
                let is_candidate = place == 0;
                let event =
                    if is_candidate { Event::Candidate(seen) } else { Event::Incumbent(seen) };
                let start = Instant::now();
                black_box(live.see(black_box(&event), 1));
                spent[usize::from(is_candidate)] += start.elapsed().as_nanos();
            }
        }
        took[0].push(spent[0] / u128::from(ROUNDS * 19));
        took[1].push(spent[1] / u128::from(ROUNDS));
    }
    for (route, mut rounds) in ["incumbent", "candidate"].into_iter().zip(took) {
        rounds.sort_unstable();
        println!("{route}: {} ns ({} to {}), with the clock", rounds[4], rounds[0], rounds[8]);
    }
}
