//! Ids as newtypes, so that they are never mixed up.
//!
//! Ids made here are `UUIDv7` (RFC 9562 section 5.7): they sort by the time they were made, so the
//! store appends instead of inserting at random places.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes an id from a time in milliseconds and ten random octets.
            #[must_use]
            pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// The ledger's own id of an event: unique over all applications.
    ///
    /// The event's `id` is the source's and unique per application only (spec 13).
    EventUid
}
uuid_id! {
    /// Id of a notification; its Message-ID is made from it.
    NotificationId
}
uuid_id! {
    /// Id of a delivery, the same over all attempts.
    DeliveryId
}
uuid_id! {
    /// Id of a silence.
    SilenceId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_7_uuid_that_sorts_by_time() {
        let earlier = EventUid::from_parts(1_000, [255; 10]);
        let later = EventUid::from_parts(1_001, [0; 10]);
        assert!(earlier < later);
        assert_eq!(earlier.0.get_version_num(), 7);
        assert_eq!(earlier.to_string().parse::<EventUid>().unwrap(), earlier);
    }
}
