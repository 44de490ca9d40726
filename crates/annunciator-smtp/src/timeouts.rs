//! How long each command may take.
//!
//! Standard: RFC 5321 section 4.5.3.2; a deadline is for the whole reply, not for its next octet.

use std::time::Duration;

/// Least wait for the reply to the final dot (RFC 5321 section 4.5.3.2.6): giving up earlier
/// duplicates mail, because the relay may already have accepted it.
pub const DATA_END_MIN: Duration = Duration::from_secs(600);

/// One limit per command.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Timeouts {
    /// Name resolution.
    pub resolve: Duration,
    /// TCP connection, per address.
    pub connect: Duration,
    /// From the connection to the whole greeting.
    pub greeting: Duration,
    /// EHLO or HELO.
    pub hello: Duration,
    /// STARTTLS and, apart from it, the handshake.
    pub tls: Duration,
    /// Each step of AUTH.
    pub auth: Duration,
    /// MAIL, and RSET.
    pub mail: Duration,
    /// Each RCPT.
    pub rcpt: Duration,
    /// The reply to DATA.
    pub data_start: Duration,
    /// Each block of content that is written (64 KiB).
    pub data_block: Duration,
    /// The reply to the final dot; never below [`DATA_END_MIN`], whatever stands here.
    pub data_end: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(30),
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(300),
            hello: Duration::from_secs(300),
            tls: Duration::from_secs(120),
            auth: Duration::from_secs(120),
            mail: Duration::from_secs(300),
            rcpt: Duration::from_secs(300),
            data_start: Duration::from_secs(120),
            data_block: Duration::from_secs(180),
            data_end: DATA_END_MIN,
        }
    }
}

impl Timeouts {
    /// The wait for the reply to the final dot that is used.
    #[must_use]
    pub fn data_end_used(&self) -> Duration {
        self.data_end.max(DATA_END_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_the_final_reply_is_never_below_ten_minutes() {
        for (set, used) in [(1, 600), (600, 600), (900, 900)] {
            let timeouts = Timeouts { data_end: Duration::from_secs(set), ..Timeouts::default() };
            assert_eq!(timeouts.data_end_used(), Duration::from_secs(used));
        }
    }
}
