//! The loop: take an input, change it, run it, keep it if it behaved in a new way.

use crate::memory;
use crate::mutate::{Random, mutate};
use crate::signature::Signature;
use crate::state::{State, corpus};
use crate::targets::Target;
use plimsoll_types::{Clock, SystemClock};
use std::collections::HashSet;
use std::fmt;
use std::io::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Inputs that are mutated; later finds take the place of earlier ones.
const MAX_POOL: usize = 4_096;
/// Different crashes after which a run stops: there is enough to mend.
const MAX_CRASHES: usize = 16;
/// How often the peak of memory is read: it costs as much as a few runs of a small parser.
const MEMORY_EVERY: usize = 64;

/// How long to fuzz, and with which sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Time for one target.
    pub(crate) time: Duration,
    /// Seed of the mutations.
    pub(crate) seed: u64,
}

/// What came of a target.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Inputs run.
    pub(crate) runs: u64,
    /// Kinds of behaviour seen.
    pub(crate) kinds: usize,
    /// Crashes: what was said, and where the input is kept.
    pub(crate) crashes: Vec<String>,
    slowest: Duration,
    peak_kib: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, kinds, crashes, slowest, peak_kib } = self;
        let crashed = crashes.len();
        write!(
            f,
            "{runs} runs, {kinds} kinds, {crashed} crashes, slowest {slowest:.1?}, peak {} MiB",
            peak_kib >> 10
        )?;
        crashes.iter().try_for_each(|crash| write!(f, "\n  {crash}"))
    }
}

/// How one input ended.
enum Ended {
    As(Signature),
    Panicked(String),
}

/// Runs every committed input, and the target's own seeds, once.
///
/// # Errors
/// If the inputs cannot be read.
pub(crate) fn replay(target: &Target) -> Result<Outcome> {
    let mut fuzzer = Fuzzer::new(target, None);
    for input in seeds(target)? {
        fuzzer.step(&input)?;
    }
    fuzzer.finish()
}

/// Fuzzes a target until its time is over.
///
/// # Errors
/// If inputs cannot be read, or finds cannot be written.
pub(crate) fn run(target: &Target, budget: Budget, state: &State) -> Result<Outcome> {
    let mut fuzzer = Fuzzer::new(target, Some(state));
    for input in seeds(target)?.iter().chain(&state.earlier()?) {
        fuzzer.step(input)?;
    }
    let mut random = Random::new(budget.seed);
    let end = fuzzer
        .clock
        .monotonic()
        .saturating_add(u64::try_from(budget.time.as_nanos()).unwrap_or(u64::MAX));
    while fuzzer.clock.monotonic() < end && fuzzer.outcome.crashes.len() < MAX_CRASHES {
        let input = fuzzer.next(&mut random);
        fuzzer.step(&input)?;
    }
    state.end()?;
    fuzzer.finish()
}

fn seeds(target: &Target) -> Result<Vec<Vec<u8>>> {
    let mut seeds = corpus(target)?;
    seeds.extend((target.seeds)());
    if seeds.is_empty() {
        return Err(std::io::Error::other(format!("the target {} has no inputs", target.name)));
    }
    Ok(seeds)
}

struct Fuzzer<'a> {
    target: &'a Target,
    state: Option<&'a State>,
    clock: SystemClock,
    pool: Vec<Vec<u8>>,
    seen: HashSet<Signature>,
    /// Crashes by what was said, without digits, so that one fault is told once.
    told: HashSet<String>,
    /// Inputs since the peak of memory was last read.
    recent: Vec<Vec<u8>>,
    outcome: Outcome,
}

impl<'a> Fuzzer<'a> {
    fn new(target: &'a Target, state: Option<&'a State>) -> Self {
        memory::reset_peak();
        Self {
            target,
            state,
            clock: SystemClock::new(),
            pool: Vec::new(),
            seen: HashSet::new(),
            told: HashSet::new(),
            recent: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// A mutation of an input of the pool; every other one of a recent find.
    fn next(&self, random: &mut Random) -> Vec<u8> {
        let young = self.pool.len().saturating_sub(32);
        let from = if random.below(2) == 0 { young } else { 0 };
        let pool = self.pool.get(from..).unwrap_or_default();
        let input = random.pick(pool).map(Vec::as_slice).unwrap_or_default();
        let other = random.pick(&self.pool).map(Vec::as_slice).unwrap_or_default();
        mutate(random, input, other, self.target.words)
    }

    fn step(&mut self, input: &[u8]) -> Result<()> {
        if let Some(state) = self.state {
            state.begin(input)?;
        }
        let start = self.clock.monotonic();
        let ended = self.attempt(input);
        let took = Duration::from_nanos(self.clock.monotonic().saturating_sub(start));
        self.outcome.runs += 1;
        self.outcome.slowest = self.outcome.slowest.max(took);
        match ended {
            Ended::As(signature) if self.seen.insert(signature) => self.keep(input)?,
            Ended::As(_) => {}
            Ended::Panicked(said) => self.crash(input, &said)?,
        }
        self.recent.push(input.to_vec());
        if self.recent.len() >= MEMORY_EVERY { self.weigh() } else { Ok(()) }
    }

    fn attempt(&self, input: &[u8]) -> Ended {
        match catch_unwind(AssertUnwindSafe(|| (self.target.run)(input))) {
            Ok(signature) => Ended::As(signature),
            Err(payload) => {
                let said = payload.downcast_ref::<String>().map(String::as_str);
                let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
                Ended::Panicked(said.unwrap_or("a panic without words").to_owned())
            }
        }
    }

    fn keep(&mut self, input: &[u8]) -> Result<()> {
        if self.pool.len() >= MAX_POOL {
            self.pool.swap_remove(0);
        }
        self.pool.push(input.to_vec());
        self.state.map_or(Ok(()), |state| state.keep(input))
    }

    fn crash(&mut self, input: &[u8], said: &str) -> Result<()> {
        let kind: String = said.chars().filter(|c| !c.is_ascii_digit()).collect();
        if !self.told.insert(kind) {
            return Ok(());
        }
        let place = match self.state {
            Some(state) => format!("see {}", state.crash(input)?.display()),
            None => "in the committed corpus".to_owned(),
        };
        self.outcome.crashes.push(format!("{said}: {place}"));
        Ok(())
    }

    /// Looks at the peak of memory; if it is too high, runs the recent inputs again to find the
    /// one that did it.
    fn weigh(&mut self) -> Result<()> {
        let recent = std::mem::take(&mut self.recent);
        let peak = memory::peak_kib();
        self.outcome.peak_kib = self.outcome.peak_kib.max(peak);
        if peak <= memory::CEILING_KIB {
            return Ok(());
        }
        for input in recent {
            memory::reset_peak();
            drop(self.attempt(&input));
            let peak = memory::peak_kib();
            if peak > memory::CEILING_KIB {
                self.crash(&input, &format!("memory rose to {} MiB", peak >> 10))?;
            }
        }
        memory::reset_peak();
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome> {
        self.weigh()?;
        self.outcome.kinds = self.seen.len();
        Ok(self.outcome)
    }
}
