//! The part of a relay's bounds that this process uses when others send over the same relay.
//!
//! In: which of how many this is. Out: its part of a bound; the parts add up to the bound as long as
//! it is not smaller than their number, as everybody has at least 1.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which of how many senders this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    place: u32,
    count: u32,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { place: 0, count: 1 };

    /// The part of the sender at a place, from 0, of so many; 0 senders are one, and a place beyond
    /// the last is the last.
    #[must_use]
    pub fn new(place: u32, count: u32) -> Self {
        let count = count.max(1);
        Self { place: place.min(count - 1), count }
    }

    /// The part of a bound, at least 1; what cannot be parted goes to the first.
    #[must_use]
    pub fn of(self, bound: usize) -> usize {
        let (place, count) = (self.place as usize, self.count as usize);
        (bound / count + usize::from(place < bound % count)).max(1)
    }
}

/// A share that changes while it is used. Cheap to clone: clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShareCell(Arc<AtomicU64>);

impl ShareCell {
    pub(crate) fn set(&self, share: Share) {
        let packed = u64::from(share.place) << 32 | u64::from(share.count);
        self.0.store(packed, Ordering::Relaxed);
    }

    pub(crate) fn of(&self, bound: usize) -> usize {
        let packed = self.0.load(Ordering::Relaxed);
        let count = u32::try_from(packed & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let place = u32::try_from(packed >> 32).unwrap_or(u32::MAX);
        Share::new(place, count).of(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_the_bound_and_everybody_has_one() {
        for (bound, count, expected) in [
            (4, 1, vec![4]),
            (4, 3, vec![2, 1, 1]),
            (16, 3, vec![6, 5, 5]),
            (3, 3, vec![1, 1, 1]),
            (1, 3, vec![1, 1, 1]),
        ] {
            let parts: Vec<usize> =
                (0..count).map(|place| Share::new(place, count).of(bound)).collect();
            assert_eq!(parts, expected, "{bound} over {count}");
        }
        assert_eq!(Share::new(7, 2), Share::new(1, 2));
        assert_eq!(Share::new(0, 0), Share::WHOLE);
        let cell = ShareCell::default();
        assert_eq!(cell.of(5), 5, "alone at first");
        cell.set(Share::new(1, 2));
        assert_eq!(cell.of(5), 2);
    }
}
