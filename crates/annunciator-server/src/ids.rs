//! Where new ids come from: the clock, a counter and randomness.
//!
//! The counter keeps ids of one millisecond in the order they were made, so that lists by id are
//! lists by time and the store appends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use annunciator_core::{Clock, DeliveryId, EventUid, NotificationId, SilenceId, Timestamp};

/// Makes ids. Cheap to clone.
#[derive(Clone)]
pub struct IdSource {
    clock: Arc<dyn Clock>,
    counter: Arc<AtomicU32>,
}

impl IdSource {
    /// Ids by the time of this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counter: Arc::default() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An id for an event that is registered at `now`.
    #[must_use]
    pub fn event(&self, now: Timestamp) -> EventUid {
        let (ms, random) = self.parts(now);
        EventUid::from_parts(ms, random)
    }

    /// An id for a notification.
    #[must_use]
    pub fn notification(&self, now: Timestamp) -> NotificationId {
        let (ms, random) = self.parts(now);
        NotificationId::from_parts(ms, random)
    }

    /// An id for a delivery.
    #[must_use]
    pub fn delivery(&self, now: Timestamp) -> DeliveryId {
        let (ms, random) = self.parts(now);
        DeliveryId::from_parts(ms, random)
    }

    /// An id for a silence.
    #[must_use]
    pub fn silence(&self, now: Timestamp) -> SilenceId {
        let (ms, random) = self.parts(now);
        SilenceId::from_parts(ms, random)
    }

    /// An id for a certificate object: a `UUIDv7` as text, as settings name it.
    #[must_use]
    pub fn certificate(&self, now: Timestamp) -> String {
        self.event(now).to_string()
    }

    fn parts(&self, now: Timestamp) -> (u64, [u8; 10]) {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut parts = [0; 10];
        // Version and variant overwrite the top four bits of octet 0 and the top two of octet 2:
        // the counter goes around them, so that ids of one millisecond keep their order.
        let [b0, b1, b2, b3] = count.to_be_bytes();
        parts[0] = b0 >> 6;
        parts[1] = b0 << 2 | b1 >> 6;
        parts[2] = b1 & 0x3f;
        parts[3] = b2;
        parts[4] = b3;
        parts[5..].copy_from_slice(&fastrand::u64(..).to_be_bytes()[..5]);
        (u64::try_from(now.0).unwrap_or(0), parts)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn ids_of_one_millisecond_keep_the_order_they_were_made_in() {
        let source = IdSource::new(Arc::new(crate::clock::SystemClock));
        let now = Timestamp(1_795_325_400_007);
        for start in [0, 0x3f_fffa, 0xff_fffa, 0x3fff_fffa, u32::MAX - 8] {
            source.counter.store(start, Ordering::Relaxed);
            let made: Vec<_> = (0..8).map(|_| source.delivery(now)).collect();
            assert!(made.is_sorted(), "from {start:#x}: {made:?}");
        }
    }
}
