//! Traffic as it is: skewed, heavy-tailed, in categories, seasonal, autocorrelated, and features that
//! hang together.

pub(crate) const FEATURES: usize = 25;
/// Rows of a day.
pub(crate) const ROWS: usize = 500;
/// How much one row's wandering features keep of the row before.
const KEPT: f64 = 0.7;
/// How much of every second feature is what all of them share.
const SHARED: f64 = 0.5;

/// xorshift64*, and normal variables of it by the sum of twelve.
pub(crate) struct Draws {
    state: u64,
    /// Where the features that wander are.
    wandering: [f64; FEATURES],
}

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draws = Self { state, wandering: [0.0; FEATURES] };
        for _ in 0..8 {
            draws.uniform();
        }
        draws
    }
    pub(crate) fn uniform(&mut self) -> f64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// A row of healthy traffic on this day.
    pub(crate) fn mixed(&mut self, day: usize) -> [f64; FEATURES] {
        let shared = self.normal();
        let mut row = [0.0; FEATURES];
        for (feature, value) in row.iter_mut().enumerate() {
            let own = self.normal();
            let z = match feature % 2 {
                0 => SHARED.sqrt() * shared + (1.0 - SHARED).sqrt() * own,
                _ => own,
            };
            *value = match feature % 6 {
                // Skewed, as amounts are.
                1 => (0.8 * z).exp(),
                // Heavy tails: Student's t of three degrees.
                2 => {
                    let squares: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
                    z / (squares / 3.0).sqrt().max(1e-3)
                }
                3 => category(z),
                // Weekends differ.
                4 if day % 7 >= 5 => z + 0.33,
                5 => {
                    let before = self.wandering.get(feature).copied().unwrap_or_default();
                    let now = KEPT * before + (1.0 - KEPT * KEPT).sqrt() * z;
                    if let Some(slot) = self.wandering.get_mut(feature) {
                        *slot = now;
                    }
                    now
                }
                _ => z,
            };
        }
        row
    }
}

/// One of five categories, the outer ones seldom.
fn category(z: f64) -> f64 {
    [-1.2, -0.3, 0.6, 1.5].iter().filter(|edge| z > **edge).count() as f64
}

/// Whether a feature of mixed traffic is of categories.
pub(crate) fn is_category(feature: usize) -> bool {
    feature % 6 == 3
}
