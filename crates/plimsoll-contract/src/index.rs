//! A small immutable index of names: open addressing, at most half full.
//!
//! Names come from the contract, which its author controls; callers only look up, so they
//! cannot fill it with collisions.

/// Names in their order, and where each is.
#[derive(Clone, Debug)]
pub(crate) struct NameIndex {
    names: Box<[Box<str>]>,
    /// Position + 1 of a name, 0 for none.
    slots: Box<[u16]>,
}

impl NameIndex {
    /// An index of `names`, of which there are fewer than 2^15. Of equal names the first wins.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Box<[Box<str>]> = names.map(Box::from).collect();
        let mut slots = vec![0_u16; (names.len() * 2).next_power_of_two()].into_boxed_slice();
        for (place, name) in names.iter().enumerate() {
            let free = probe(name, slots.len()).find(|&slot| slots.get(slot) == Some(&0));
            if let Some(slot) = free.and_then(|slot| slots.get_mut(slot)) {
                *slot = u16::try_from(place + 1).unwrap_or(0);
            }
        }
        Self { names, slots }
    }

    /// The position of `name`.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        for slot in probe(name, self.slots.len()) {
            let place = usize::from(*self.slots.get(slot)?).checked_sub(1)?;
            if self.names.get(place).is_some_and(|there| **there == *name) {
                return Some(place);
            }
        }
        None
    }

    /// The name at `place`.
    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        self.names.get(place).map(|name| &**name)
    }

    /// The names in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

/// The slots to try for `name`, in order: a multiplicative hash of eight bytes at a time
/// (Knuth, The Art of Computer Programming, vol. 3, §6.4), then linear.
#[inline]
fn probe(name: &str, slots: usize) -> impl Iterator<Item = usize> {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let mut hash = rest.iter().fold(0_u64, |hash, &byte| hash << 8 | u64::from(byte));
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(ODD).rotate_left(29);
    }
    // The best mixed bits of a product are its high ones.
    let high = hash.wrapping_mul(ODD) >> 32;
    let (start, mask) = (usize::try_from(high).unwrap_or(0), slots.wrapping_sub(1));
    (0..slots).map(move |step| start.wrapping_add(step) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_name_and_no_other() {
        let names: Vec<String> = (0..4096).map(|i| format!("field_{i}")).collect();
        let index = NameIndex::new(names.iter().map(String::as_str));
        for (place, name) in names.iter().enumerate() {
            assert_eq!(index.find(name), Some(place));
        }
        assert_eq!(index.find("field_4096"), None);
        assert_eq!(NameIndex::new(std::iter::empty()).find("a"), None);
        assert_eq!(NameIndex::new(["a"].into_iter()).find("b"), None);
    }
}
