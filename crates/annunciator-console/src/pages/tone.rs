//! Words of the API about how something went become tones of badges: good, warn, bad, or calm.
//!
//! Colour never stands alone: the word itself is always beside it.

/// Of a severity.
pub(crate) fn severity(word: &str) -> &'static str {
    match word {
        "critical" => "bad solid",
        "failure" => "bad",
        "warning" => "warn",
        _ => "",
    }
}

/// Of a delivery's state.
pub(crate) fn state(word: &str) -> &'static str {
    match word {
        "delivered" => "good",
        "failed" => "bad",
        "in_flight" => "accent",
        "queued" => "warn",
        _ => "",
    }
}

/// Of what was decided for a channel.
pub(crate) fn decision(word: &str) -> &'static str {
    match word {
        "notified" => "good",
        "limited" => "warn",
        "incomplete" => "bad",
        _ => "",
    }
}

/// Of an attempt.
pub(crate) fn outcome(word: &str) -> &'static str {
    match word {
        "delivered" => "good",
        "permanent_failure" => "bad",
        _ => "warn",
    }
}
