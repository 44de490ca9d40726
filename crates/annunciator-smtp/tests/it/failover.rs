//! Several servers: order, fail-over, breaker.

use annunciator_smtp::{BreakerState, Client};
use annunciator_testkit::relay::{Stage, When, reply};

use crate::stage::{Server, deliver, relay_at, relay_to, submission, words};

/// Nothing listens on this loopback address.
const DEAD: &str = "127.0.0.9";

#[tokio::test]
async fn another_server_is_tried_within_the_attempt_when_one_is_dead() {
    let server = Server::builder().start();
    let relay = relay_at(&[DEAD, "127.0.0.1"], server.port());
    let client = Client::default();
    let report = deliver(&client, &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
    assert_eq!(words(&report), ["delivered"]);
    let [(label, failure)] = &report.facts.tried_before[..] else { panic!("one was tried before") };
    assert_eq!(*label, format!("{DEAD}:{}", server.port()));
    assert_eq!(failure.stage, annunciator_core::Stage::Connect);
    assert_eq!(report.facts.server, format!("127.0.0.1:{}", server.port()));
}

#[tokio::test]
async fn a_refusal_for_now_is_taken_to_another_server() {
    // One process answers on both addresses; the first connection is the first server's.
    for (stage, answer) in [
        (Stage::Greeting, "421 busy"),
        (Stage::Greeting, "554 no"),
        (Stage::Ehlo, "451 later"),
        (Stage::Mail, "451 later"),
        (Stage::Mail, "421 bye"),
        (Stage::Rcpt, "451 later"),
        (Stage::Data, "451 later"),
    ] {
        let server = Server::builder().on(stage, When::OnConnection(1), reply(answer)).start();
        let relay = relay_at(&["127.0.0.1", "localhost"], server.port());
        let report = deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await;
        assert_eq!(words(&report[0]), ["delivered"], "{stage:?} {answer}: {}", server.transcript());
        assert_eq!(report[0].facts.tried_before.len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_for_good_or_after_the_dot_is_not_taken_to_another_server() {
    for (stage, answer) in [
        (Stage::Mail, "550 no"),
        (Stage::Rcpt, "550 no"),
        (Stage::Data, "554 no"),
        (Stage::DataEnd, "451 later"),
        (Stage::DataEnd, "421 bye"),
    ] {
        let server = Server::builder().on(stage, When::OnConnection(1), reply(answer)).start();
        let relay = relay_at(&["127.0.0.1", "localhost"], server.port());
        let report = deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await;
        assert_ne!(words(&report[0]), ["delivered"]);
        assert_eq!(server.connection_count(), 1, "{stage:?} {answer}");
    }
}

#[tokio::test]
async fn the_words_of_a_server_about_the_message_outweigh_a_dead_one() {
    let server = Server::builder().on(Stage::Mail, When::Always, reply("451 4.7.1 wait")).start();
    let relay = relay_at(&["127.0.0.1", DEAD], server.port());
    let report = deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await;
    assert_eq!(words(&report[0]), ["transient mail_from Delivery 451 4.7.1"]);
}

#[tokio::test]
async fn all_servers_dead_is_trouble_with_the_relay() {
    let server = Server::builder().start();
    let relay = relay_at(&[DEAD, "127.0.0.8"], server.port());
    let report = deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await;
    assert_eq!(words(&report[0]), ["transient connect Relay - 4.4.1"]);
    assert_eq!(report[0].facts.tried_before.len(), 1);
}

#[tokio::test]
async fn an_unknown_name_is_trouble_with_the_relay() {
    let report = deliver(
        &Client::default(),
        &relay_at(&["no-such-host.invalid"], 25),
        vec![submission(1, &["a@x.test"])],
    )
    .await;
    assert_eq!(words(&report[0]), ["transient resolve Relay - 4.4.3"]);
}

#[tokio::test]
async fn the_server_of_an_uncertain_attempt_is_tried_first() {
    let server = Server::builder().start();
    let relay = relay_at(&["127.0.0.1", "localhost"], server.port());
    let mut again = submission(1, &["a@x.test"]);
    again.prefer_server = Some(format!("localhost:{}", server.port()));
    let report = deliver(&Client::default(), &relay, vec![again]).await.remove(0);
    assert_eq!(report.facts.server, format!("localhost:{}", server.port()));
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_skipped_until_settings_change() {
    let server = Server::builder().start();
    let relay = relay_at(&[DEAD, "127.0.0.1"], server.port());
    let client = Client::default();
    let mut tried = Vec::new();
    for tag in 1..=5 {
        client.close_idle().await;
        let report = deliver(&client, &relay, vec![submission(tag, &["a@x.test"])]).await.remove(0);
        tried.push(report.facts.tried_before.len());
    }
    assert_eq!(tried, [1, 1, 1, 0, 0]);
    let health = client.health();
    let dead = health.iter().find(|server| server.host.starts_with(DEAD)).unwrap();
    assert!(matches!(dead.breaker, BreakerState::Open { .. }));
    assert_eq!(dead.consecutive_failures, 3);
    assert!(dead.last_failure.is_some());
    client.forget_failures();
    assert!(client.health().iter().all(|server| server.breaker == BreakerState::Closed));
}

#[tokio::test]
async fn one_success_closes_the_breaker_of_the_only_server() {
    let server = Server::builder().on(Stage::Greeting, When::Times(4), reply("421 busy")).start();
    let (client, relay) = (Client::default(), relay_to(&server));
    for tag in 1..=4 {
        let report = deliver(&client, &relay, vec![submission(tag, &["a@x.test"])]).await;
        assert_eq!(words(&report[0]), ["transient greeting Relay 421 4.0.0"]);
    }
    assert!(matches!(client.health()[0].breaker, BreakerState::Open { .. }));
    let report = deliver(&client, &relay, vec![submission(5, &["a@x.test"])]).await;
    assert_eq!(words(&report[0]), ["delivered"]);
    assert_eq!(client.health()[0].consecutive_failures, 0);
}
