//! Servers that are slow, silent, malformed or gone.

use std::time::Duration;

use annunciator_smtp::{Client, Relay, Timeouts};
use annunciator_testkit::relay::{Action, Stage, When};
use tokio::time::Instant;

use crate::stage::{Server, deliver, relay_to, submission, words};

/// Runs one message against this action; its outcome and how long it took.
async fn run(stage: Stage, action: Action, limit: Duration) -> (Vec<String>, Duration) {
    let server = Server::builder().on(stage, When::Always, action).start();
    let limits = Timeouts {
        greeting: limit,
        hello: limit,
        mail: limit,
        rcpt: limit,
        data_start: limit,
        ..Timeouts::default()
    };
    let relay = Relay { timeouts: limits, ..relay_to(&server) };
    let mut message = submission(1, &["a@x.test"]);
    message.deadline = Instant::now() + limit * 4;
    let begun = Instant::now();
    let report = deliver(&Client::default(), &relay, vec![message]).await.remove(0);
    let _ = server.violations();
    (words(&report), begun.elapsed())
}

const LIMIT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn silence_ends_at_the_deadline_of_its_stage() {
    for (stage, expected) in [
        (Stage::Greeting, "transient greeting Relay - 4.4.2"),
        (Stage::Ehlo, "transient hello Relay - 4.4.2"),
        (Stage::Mail, "transient mail_from Relay - 4.4.2"),
        (Stage::Rcpt, "transient rcpt_to Relay - 4.4.2"),
        (Stage::Data, "transient data Relay - 4.4.2"),
        (Stage::DataEnd, "uncertain data_end Delivery - 4.4.2"),
    ] {
        let (outcome, took) = run(stage, Action::Silence, LIMIT).await;
        assert_eq!(outcome, [expected]);
        assert!(took >= LIMIT && took < LIMIT * 8, "{stage:?} took {took:?}");
    }
}

#[tokio::test]
async fn a_reply_that_drips_is_cut_by_the_deadline_of_the_whole() {
    let drip = Action::DripFeed { every: Duration::from_millis(100) };
    let (outcome, took) = run(Stage::Greeting, drip, LIMIT).await;
    assert_eq!(outcome, ["transient greeting Relay - 4.4.2"]);
    assert!(took < LIMIT * 4);
}

#[tokio::test]
async fn a_lost_connection_is_uncertain_only_after_the_dot() {
    for (stage, expected) in [
        (Stage::Greeting, "transient greeting Relay - 4.4.2"),
        (Stage::Ehlo, "transient hello Relay - 4.4.2"),
        (Stage::Mail, "transient mail_from Relay - 4.4.2"),
        (Stage::Rcpt, "transient rcpt_to Relay - 4.4.2"),
        (Stage::Data, "transient data Relay - 4.4.2"),
        (Stage::DataEnd, "uncertain data_end Delivery - 4.4.2"),
    ] {
        for action in [Action::Close, Action::CloseAfterReading] {
            let (outcome, _) = run(stage, action, Duration::from_secs(5)).await;
            assert_eq!(outcome, [expected]);
        }
    }
}

#[tokio::test]
async fn what_is_no_reply_never_counts_as_success() {
    let endless = || vec![b'2'; 80 * 1024];
    let lines = || b"250-x\r\n".repeat(1_100);
    for (octets, stages) in [
        (b"hello\r\n".to_vec(), 5),
        (b"2x0 ok\r\n".to_vec(), 5),
        (b"250-a\r\n354 b\r\n".to_vec(), 5),
        (b"\x00\x01\x02\n".to_vec(), 5),
        (endless(), 5),
        (lines(), 5),
    ] {
        let all = [Stage::Greeting, Stage::Ehlo, Stage::Mail, Stage::Data, Stage::DataEnd];
        for stage in all.into_iter().take(stages) {
            let (outcome, _) =
                run(stage, Action::Raw(octets.clone()), Duration::from_secs(5)).await;
            let kind = if stage == Stage::DataEnd { "uncertain" } else { "transient" };
            assert!(outcome[0].starts_with(kind), "{stage:?}: {outcome:?}");
            assert!(outcome[0].ends_with("4.5.0"), "{stage:?}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn bare_line_feeds_in_replies_are_forgiven() {
    for (stage, octets) in [
        (Stage::Greeting, &b"220 hi\n"[..]),
        (Stage::Mail, b"250-2.1.0 a\n250 2.1.0 b\r\n"),
        (Stage::DataEnd, b"250 2.0.0 ok\n"),
    ] {
        let (outcome, _) = run(stage, Action::Raw(octets.to_vec()), Duration::from_secs(5)).await;
        assert_eq!(outcome, ["delivered"]);
    }
}

#[tokio::test]
async fn a_server_that_says_more_than_it_was_asked_is_left() {
    let twice = Action::Raw(b"220 hi\r\n250 ok\r\n".to_vec());
    let (outcome, _) = run(Stage::Greeting, twice, Duration::from_secs(5)).await;
    assert_eq!(outcome, ["transient hello Relay - 4.5.0"]);
    // The answers to MAIL, RCPT and DATA in one: the next would be taken for those that follow.
    let early = Action::Raw(b"250 a\r\n250 b\r\n354 c\r\n250 2.0.0 delivered\r\n".to_vec());
    let (outcome, _) = run(Stage::Mail, early, Duration::from_secs(5)).await;
    assert!(outcome[0].starts_with("transient data Relay"), "{outcome:?}");
}

#[tokio::test]
async fn a_submission_whose_time_is_over_is_not_begun() {
    let server = Server::builder().start();
    let mut late = submission(1, &["a@x.test"]);
    late.deadline = Instant::now();
    let report = deliver(&Client::default(), &relay_to(&server), vec![late]).await.remove(0);
    assert_eq!(words(&report), ["transient prepare Relay - 4.4.5"]);
    assert_eq!(server.connection_count(), 0);
}
