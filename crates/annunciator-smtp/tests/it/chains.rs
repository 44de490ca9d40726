//! Many messages: one connection, pipelined, each accounted for exactly once.

use std::time::Duration;

use annunciator_smtp::{Client, Limits, Relay};
use annunciator_testkit::relay::{Action, Stage, When, reply};

use crate::stage::{Basket, Server, deliver, relay_to, submission, words};

fn many(count: u64) -> Vec<annunciator_smtp::Submission> {
    (1..=count).map(|tag| submission(tag, &["a@x.test"])).collect()
}

#[tokio::test]
async fn a_thousand_messages_go_over_one_connection_each_exactly_once() {
    for pipelining in [true, false] {
        let server = Server::builder().pipelining(pipelining).start();
        let reports = deliver(&Client::default(), &relay_to(&server), many(1_000)).await;
        assert_eq!(reports.len(), 1_000);
        assert!(reports.iter().all(|report| words(report) == ["delivered"]));
        let ids: Vec<_> =
            server.messages().iter().map(|m| m.header("Message-ID").unwrap()).collect();
        let expected: Vec<_> = (1..=1_000).map(|tag| format!("<{tag}@client.test>")).collect();
        assert_eq!(ids, expected);
        assert_eq!(server.connection_count(), 1);
        assert!(!reports[0].facts.reused && reports[1].facts.reused);
    }
}

#[tokio::test]
async fn a_connection_is_changed_after_its_number_of_messages() {
    let server = Server::builder().start();
    let limits = Limits { messages_per_connection_max: 3, ..Limits::default() };
    let relay = Relay { limits, ..relay_to(&server) };
    let reports = deliver(&Client::default(), &relay, many(8)).await;
    assert!(reports.iter().all(|report| words(report) == ["delivered"]));
    let counts: Vec<u64> = server.connections().iter().map(|c| c.messages).collect();
    assert_eq!(counts, [3, 3, 2]);
}

#[tokio::test]
async fn a_server_that_ends_the_session_after_some_messages_loses_and_doubles_none() {
    let server = Server::builder().messages_per_connection(2).start();
    let reports = deliver(&Client::default(), &relay_to(&server), many(7)).await;
    assert!(reports.iter().all(|report| words(report) == ["delivered"]));
    assert_eq!(server.message_count(), 7);
}

#[tokio::test]
async fn a_pipelined_envelope_that_falls_with_the_session_is_sent_anew() {
    // The first connection takes the first message and closes without another word.
    let server = Server::builder()
        .on(Stage::DataEnd, When::Times(1), Action::ReplyThenClose("250 2.0.0 taken".into()))
        .start();
    let reports = deliver(&Client::default(), &relay_to(&server), many(3)).await;
    assert!(reports.iter().all(|report| words(report) == ["delivered"]));
    assert_eq!((server.message_count(), server.connection_count()), (3, 2));
}

#[tokio::test]
async fn the_answer_that_is_lost_after_the_dot_is_uncertain_for_that_message_alone() {
    for pipelining in [true, false] {
        let server = Server::builder()
            .pipelining(pipelining)
            .on(Stage::DataEnd, When::Times(1), Action::CloseAfterReading)
            .start();
        let client = Client::default();
        let reports = deliver(&client, &relay_to(&server), many(2)).await;
        assert_eq!(words(&reports[0]), ["uncertain data_end Delivery - 4.4.2"]);
        // With PIPELINING the second was announced already, so it is this call's to carry.
        if pipelining {
            assert_eq!(words(&reports[1]), ["delivered"]);
        }
    }
}

#[tokio::test]
async fn a_stale_connection_is_replaced_silently() {
    let server = Server::builder().start();
    let (client, relay) = (Client::default(), relay_to(&server));
    let first = deliver(&client, &relay, many(1)).await;
    // The relay restarts: the idle connection is dead, the client may or may not have noticed.
    server.go_down();
    server.come_up();
    let second = deliver(&client, &relay, many(1)).await;
    assert_eq!(
        (words(&first[0]), words(&second[0])),
        (vec!["delivered".into()], vec!["delivered".into()])
    );
    assert!(second[0].facts.tried_before.is_empty() && !second[0].facts.reused);
    assert_eq!(client.health()[0].consecutive_failures, 0);
}

#[tokio::test]
async fn a_connection_that_dies_at_the_next_mail_is_replaced_silently() {
    for action in [Action::Close, reply("421 4.4.2 idle too long")] {
        let server = Server::builder()
            .on(Stage::Mail, When::After(1).and(When::OnConnection(1)), action)
            .start();
        let (client, relay) = (Client::default(), relay_to(&server));
        for _ in 0..2 {
            assert_eq!(words(&deliver(&client, &relay, many(1)).await[0]), ["delivered"]);
        }
        assert_eq!(server.connection_count(), 2);
    }
}

#[tokio::test]
async fn idle_connections_are_reused_and_closed_in_time() {
    let server = Server::builder().start();
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let (client, relay) = (Client::default(), Relay { limits, ..relay_to(&server) });
    deliver(&client, &relay, many(1)).await;
    let reports = deliver(&client, &relay, many(1)).await;
    assert!(reports[0].facts.reused);
    assert_eq!(server.connection_count(), 1);
    let closed = server
        .wait_until_in_task("the idle connection to close", Duration::from_secs(10), |server| {
            server.open_connections() == 0
        })
        .await;
    closed.unwrap();
    assert_eq!(server.connections()[0].end.as_deref(), Some("the client quit"));
}

#[tokio::test]
async fn close_idle_says_quit() {
    let server = Server::builder().start();
    let (client, relay) = (Client::default(), relay_to(&server));
    deliver(&client, &relay, many(1)).await;
    assert_eq!((client.health()[0].connections_open, client.health()[0].connections_idle), (1, 1));
    client.close_idle().await;
    assert_eq!((client.health()[0].connections_open, client.health()[0].connections_idle), (0, 0));
    server
        .wait_until("the end", Duration::from_secs(10), |server| server.open_connections() == 0)
        .unwrap();
    assert_eq!(server.connections()[0].end.as_deref(), Some("the client quit"));
}

#[tokio::test]
async fn no_more_connections_are_open_than_allowed() {
    let server = Server::builder().start();
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let (client, relay) = (Client::default(), Relay { limits, ..relay_to(&server) });
    let mut tasks = tokio::task::JoinSet::new();
    for tag in 0..20 {
        let (client, relay) = (client.clone(), relay.clone());
        tasks.spawn(async move {
            let basket = Basket::default();
            client.deliver(&relay, submission(tag, &["a@x.test"]), &basket).await;
            words(&basket.by_tag()[&tag])
        });
    }
    for outcome in tasks.join_all().await {
        assert_eq!(outcome, ["delivered"]);
    }
    assert!(server.open_connections_peak() <= 2);
}

#[tokio::test]
async fn a_cancelled_delivery_still_reports() {
    let server = Server::builder().on(Stage::Mail, When::Always, Action::Silence).start();
    let basket = Basket::default();
    let (client, relay) = (Client::default(), relay_to(&server));
    let delivery = client.deliver(&relay, submission(1, &["a@x.test"]), &basket);
    let asked = server.wait_until_in_task("MAIL", Duration::from_secs(10), |server| {
        server.connections().iter().any(|connection| connection.commands.len() > 1)
    });
    tokio::select! {
        () = delivery => panic!("the relay is silent"),
        asked = asked => asked.unwrap(),
    }
    assert_eq!(words(&basket.by_tag()[&1]), ["transient prepare Relay - 4.4.2"]);
}

#[tokio::test]
async fn submissions_that_want_to_be_alone_fit_into_a_chain() {
    let server = Server::builder().start();
    let mut all = many(9);
    (all[2].trace, all[4].fresh_connection, all[6].dry_run) = (true, true, true);
    let reports = deliver(&Client::default(), &relay_to(&server), all).await;
    assert!(reports.iter().all(|report| words(report) == ["delivered"]));
    assert_eq!(server.message_count(), 8);
    let traced: Vec<bool> = reports.iter().map(|r| !r.facts.dialogue.is_empty()).collect();
    assert_eq!(traced.iter().filter(|traced| **traced).count(), 1);
    assert!(!reports[4].facts.reused && reports[3].facts.reused);
}
