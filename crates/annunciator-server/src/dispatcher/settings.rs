//! Settings of delivery: retry schedule, lifetime (spec 4.7).

use annunciator_settings::settings;

settings! {
    /// How long and how often deliveries are tried.
    pub struct DeliverySettings / DeliveryLayer {
        /// Waits between attempts for transient answers about one delivery.
        ///
        /// The last one repeats until the lifetime ends. Each wait varies by a tenth, so that
        /// deliveries do not come back all at once.
        retry_schedule_s: Vec<u32> = vec![60, 120, 300, 600, 1_200, 2_400, 3_600],
            range(1, 86_400), measure("seconds"), items_max(50);
        /// When a delivery is given up.
        lifetime_s: u32 = 172_800, range(60, 2_592_000), measure("seconds");
        /// Longest time of one attempt.
        ///
        /// It is above the 10 minutes that RFC 5321 section 4.5.3.2.6 asks to wait for the reply
        /// to the final dot.
        attempt_s_max: u32 = 1_200, range(660, 7_200), measure("seconds");
    }
}

impl DeliverySettings {
    /// The wait after the given number of used steps. Unit: milliseconds.
    #[must_use]
    pub fn retry_wait_ms(&self, retries: u32) -> i64 {
        let last = self.retry_schedule_s.len().saturating_sub(1);
        let step = usize::try_from(retries).unwrap_or(last).min(last);
        i64::from(self.retry_schedule_s.get(step).copied().unwrap_or(60)) * 1_000
    }

    /// The lifetime. Unit: milliseconds.
    #[must_use]
    pub fn lifetime_ms(&self) -> i64 {
        i64::from(self.lifetime_s) * 1_000
    }
}
