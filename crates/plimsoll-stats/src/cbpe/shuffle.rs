//! The stratified shuffle splits that scikit-learn draws from a fixed seed. NannyML decides with
//! them whether to calibrate, so to decide as it does the same must be drawn.

use crate::special::{float, whole};

/// The Mersenne Twister (Matsumoto and Nishimura 1998), seeded as numpy's `RandomState`.
struct Twister {
    state: Vec<u32>,
    next: usize,
}

const WORDS: usize = 624;

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = vec![seed];
        for place in 1..624_u32 {
            let last = state.last().copied().unwrap_or(seed);
            state.push((last ^ last >> 30).wrapping_mul(1_812_433_253).wrapping_add(place));
        }
        Self { state, next: WORDS }
    }

    fn draw(&mut self) -> u32 {
        if self.next >= WORDS {
            for i in 0..WORDS {
                let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % WORDS] & 0x7fff_ffff;
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % WORDS] ^ y >> 1 ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// A number from 0 to `most`, by rejection.
    fn up_to(&mut self, most: usize) -> usize {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        if most == 0 {
            return 0;
        }
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let drawn = self.draw() & mask;
            if drawn <= most {
                return usize::try_from(drawn).unwrap_or_default();
            }
        }
    }

    fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.up_to(i));
        }
    }

    fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        self.shuffle(&mut order);
        order
    }
}

/// Rows to train and rows to test on.
pub(super) struct Split {
    pub(super) train: Vec<usize>,
    pub(super) test: Vec<usize>,
}

/// Ten splits with a tenth of the rows to test on, the classes in proportion: scikit-learn's
/// `StratifiedShuffleSplit(n_splits=10, test_size=0.1, random_state=42)`.
pub(super) fn splits(outcomes: &[bool]) -> Vec<Split> {
    let mut random = Twister::new(42);
    let rows = outcomes.len();
    let tested = whole((float(rows) * 0.1).ceil());
    let classes = [false, true].map(|class| {
        let own = outcomes.iter().enumerate().filter(|(_, outcome)| **outcome == class);
        own.map(|(row, _)| row).collect::<Vec<usize>>()
    });
    let counts = [classes[0].len(), classes[1].len()];
    let split = |_| {
        let trains = in_proportion(counts, rows - tested, &mut random);
        let left = [counts[0] - trains[0], counts[1] - trains[1]];
        let tests = in_proportion(left, tested, &mut random);
        let mut split = Split { train: Vec::new(), test: Vec::new() };
        for (class, (train, test)) in classes.iter().zip(trains.into_iter().zip(tests)) {
            let order = random.permutation(class.len());
            let rows: Vec<usize> = order.iter().filter_map(|at| class.get(*at).copied()).collect();
            split.train.extend(rows.iter().take(train));
            split.test.extend(rows.iter().skip(train).take(test));
        }
        random.shuffle(&mut split.train);
        random.shuffle(&mut split.test);
        split
    };
    (0..10).map(split).collect()
}

/// So many draws in proportion to `counts`; what rounding leaves goes to the larger remainder,
/// or by lot.
fn in_proportion(counts: [usize; 2], draws: usize, random: &mut Twister) -> [usize; 2] {
    let all = float(counts[0] + counts[1]);
    let exact = counts.map(|count| float(count) / all * float(draws));
    let mut drawn = exact.map(|share| whole(share.floor()));
    if drawn[0] + drawn[1] < draws {
        let rest = [exact[0] - exact[0].floor(), exact[1] - exact[1].floor()];
        let lucky = match rest[0].total_cmp(&rest[1]) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => random.permutation(2).first().copied().unwrap_or(0),
        };
        drawn[lucky] += 1;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_of_numpy() {
        // numpy.random.RandomState(42): randint(0, 2**32) twice, permutation(10).
        let mut random = Twister::new(42);
        assert_eq!([random.draw(), random.draw()], [1_608_637_542, 3_421_126_067]);
        assert_eq!(Twister::new(42).permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    }
}
