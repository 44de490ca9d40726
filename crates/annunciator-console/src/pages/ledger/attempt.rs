//! What an attempt shows beside its facts: what to do about its failure, and who said which line.

use annunciator_api_types::AttemptView;

/// Key of the words about what can be done, when an attempt failed.
pub(crate) fn advice(attempt: &AttemptView) -> Option<&str> {
    attempt.failure.as_ref().map(|failure| failure.stage.as_str())
}

/// Who said a line of a dialogue, as a class, and what was said.
pub(crate) fn speaker(line: &str) -> (&'static str, &str) {
    match line.split_once(": ") {
        Some(("C", said)) => ("client", said),
        Some(("S", said)) => ("server", said),
        _ => ("remark", line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_and_server_are_told_apart() {
        let check = |line: &str, expected: (&str, &str)| assert_eq!(speaker(line), expected);
        check("C: EHLO a", ("client", "EHLO a"));
        check("S: 250 S: ok", ("server", "250 S: ok"));
        check("connected: C: x", ("remark", "connected: C: x"));
    }
}
