//! What a route plan costs, with 5 arms, a canary, a shadow and a rule: nanoseconds each, the
//! median of nine rounds. `cargo run --release -p plimsoll-serving --example plan`

use plimsoll_serving::traffic::{RouteRule, Split, Target, Traffic};
use std::hint::black_box;
use std::time::Instant;

const PLANS: u32 = 200_000;

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement for a terminal")]
fn main() {
    let split = Split {
        canary: 500,
        arms: vec![1000; 5],
        shadow: 2000,
        rules: vec![RouteRule {
            attribute: "x-tester".into(),
            value: "yes".into(),
            target: Target::Canary,
        }],
    };
    let Ok(traffic) = Traffic::new(split, &[7; 32]) else { return };
    let mut rounds: Vec<u128> = (0..9)
        .map(|_| {
            let start = Instant::now();
            for number in 0..PLANS {
                let mut subject = *b"customer-0000000000000000";
                subject[21..].copy_from_slice(&number.to_be_bytes());
                black_box(traffic.plan(black_box(&subject), |_| Some("no")));
            }
            start.elapsed().as_nanos() / u128::from(PLANS)
        })
        .collect();
    rounds.sort_unstable();
    let (median, least, most) = (rounds[4], rounds[0], rounds[8]);
    println!("{median} ns per plan ({least} to {most} in nine rounds)");
}
