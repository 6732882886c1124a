//! Which versions take a request that no rule sends somewhere (`routes`): canary and arms by a keyed
//! hash, and shadows beside. Pure: the same traffic and key give the same plan, so an assignment can
//! be computed again from a record.
//!
//! The hash is HMAC-SHA-256 over what a request is assigned by (the subject, or the decision if
//! there is none), under the salt of the rollout or experiment. Its first three words of eight
//! bytes decide about canary, arm and shadow, each as a number in 0 to 1: who is in a canary of
//! 1 % is in one of 5 %.

use aws_lc_rs::hmac;

/// Arms of an experiment.
pub const ARMS_MAX: usize = 16;
/// What all is in, in the unit of shares: hundredths of a percent.
pub const WHOLE: u16 = 10_000;

/// A version that a request may go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The version that answers everybody else.
    Primary,
    /// The version of a rollout.
    Canary,
    /// An arm of an experiment, from 0.
    Arm(u8),
}

/// How traffic is split.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Split {
    /// What the canary answers, in hundredths of a percent.
    pub canary: u16,
    /// What each arm answers of the rest.
    pub arms: Vec<u16>,
    /// Of how much of what the primary answers the candidate is asked, too.
    pub shadow: u16,
}

/// Why traffic cannot be split so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SplitError {
    /// A share is above 100 %, or the arms together are.
    Share,
    /// Too many arms.
    Count,
}

impl std::fmt::Display for SplitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Share => f.write_str("a share, or the arms together, are above 100 %"),
            Self::Count => write!(f, "there are more than {ARMS_MAX} arms"),
        }
    }
}

impl std::error::Error for SplitError {}

/// A split, compiled.
pub struct Traffic {
    key: hmac::Key,
    canary: u128,
    /// Where each arm ends.
    arms: Vec<u128>,
    shadow: u128,
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traffic").field("arms", &self.arms.len()).finish_non_exhaustive()
    }
}

/// Which versions take a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// Who answers.
    pub target: Target,
    /// Whether the candidate is asked, too.
    pub is_shadowed: bool,
}

impl Traffic {
    /// Compiles a split under the salt of its rollout or experiment.
    ///
    /// # Errors
    /// If a share is more than everything, or there are too many arms.
    pub fn new(split: Split, salt: &[u8; 32]) -> Result<Self, SplitError> {
        let Split { canary, arms, shadow } = split;
        if arms.len() > ARMS_MAX {
            return Err(SplitError::Count);
        }
        let ends: Vec<u32> = arms
            .iter()
            .scan(0, |end, share| {
                *end += u32::from(*share);
                Some(*end)
            })
            .collect();
        let whole = u32::from(WHOLE);
        if canary > WHOLE || shadow > WHOLE || ends.last().is_some_and(|end| *end > whole) {
            return Err(SplitError::Share);
        }
        // A share as the end of the words that are in it; all words are below 2^64.
        let end = |share: u32| (u128::from(share) << 64) / u128::from(whole);
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, salt),
            canary: end(canary.into()),
            arms: ends.into_iter().map(end).collect(),
            shadow: end(shadow.into()),
        })
    }

    /// Plans a request that is assigned by `key`.
    pub fn plan(&self, key: &[u8]) -> Assignment {
        let words = self.words(key);
        let target = self.hashed(words);
        let is_shadowed = target == Target::Primary && words[2] < self.shadow;
        Assignment { target, is_shadowed }
    }

    fn hashed(&self, [canary, arm, _]: [u128; 3]) -> Target {
        if canary < self.canary {
            return Target::Canary;
        }
        let place = self.arms.iter().zip(0_u8..).find(|(end, _)| arm < **end);
        place.map_or(Target::Primary, |(_, number)| Target::Arm(number))
    }

    fn words(&self, key: &[u8]) -> [u128; 3] {
        let tag = hmac::sign(&self.key, key);
        let (words, _) = tag.as_ref().as_chunks::<8>();
        let mut of = words.iter().map(|word| u128::from(u64::from_be_bytes(*word)));
        std::array::from_fn(|_| of.next().unwrap_or(u128::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(canary: u16, arms: &[u16], shadow: u16) -> Traffic {
        let split = Split { canary, arms: arms.to_vec(), shadow };
        Traffic::new(split, &[7; 32]).unwrap()
    }

    /// Made with Python's `hmac` module, which is all that a replay needs.
    #[test]
    fn the_words_are_those_of_an_hmac() {
        let words = traffic(0, &[], 0).words(b"subject-42");
        let said = [0x54d2_8188_358e_2999, 0x81b9_d2d6_3ff2_9931, 0xdf09_3baa_6a2a_9156];
        assert_eq!(words, said);
    }

    #[test]
    fn shares_are_kept_and_sticky_and_grow() {
        let counts = |traffic: &Traffic| {
            let mut counts = [0_u32; 5];
            for number in 0..40_000_u32 {
                let key = number.to_be_bytes();
                let plan = traffic.plan(&key);
                assert_eq!(plan, traffic.plan(&key));
                let place = match plan.target {
                    Target::Primary => 0,
                    Target::Canary => 1,
                    Target::Arm(arm) => 2 + usize::from(arm),
                };
                counts[place] += 1;
            }
            counts
        };
        let [primary, canary, first, second, _] = counts(&traffic(500, &[3000, 2000], 0));
        // 5 % of 40,000; then 30 %, 20 % and 50 % of 38,000. Five standard deviations each.
        let near = |count: u32, wanted: f64, sd: f64| (f64::from(count) - wanted).abs() < 5.0 * sd;
        assert!(near(canary, 2000.0, 44.0), "{canary}");
        assert!(near(first, 11_400.0, 92.0) && near(second, 7600.0, 79.0), "{first} {second}");
        assert!(near(primary, 19_000.0, 100.0), "{primary}");
        // Who was in the canary of 1 % stays in it at 5 %.
        let (one, five) = (traffic(100, &[], 0), traffic(500, &[], 0));
        for number in 0..20_000_u32 {
            let key = number.to_be_bytes();
            if one.plan(&key).target == Target::Canary {
                assert_eq!(five.plan(&key).target, Target::Canary);
            }
        }
    }

    #[test]
    fn all_and_nothing() {
        for number in 0..2000_u32 {
            let key = number.to_be_bytes();
            assert_eq!(traffic(WHOLE, &[], 0).plan(&key).target, Target::Canary);
            assert_eq!(traffic(0, &[], 0).plan(&key).target, Target::Primary);
            let all = traffic(0, &[WHOLE], WHOLE).plan(&key);
            assert_eq!((all.target, all.is_shadowed), (Target::Arm(0), false));
            assert!(traffic(0, &[], WHOLE).plan(&key).is_shadowed);
        }
    }

    #[test]
    fn what_is_more_than_everything_is_refused() {
        let new = |split| Traffic::new(split, &[0; 32]).err();
        let split = Split::default;
        assert_eq!(new(Split { canary: WHOLE + 1, ..split() }), Some(SplitError::Share));
        assert_eq!(new(Split { arms: vec![6000, 5000], ..split() }), Some(SplitError::Share));
        assert_eq!(new(Split { arms: vec![1; 17], ..split() }), Some(SplitError::Count));
    }
}
