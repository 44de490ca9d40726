//! Messages per minute, and a relay that bears fewer connections than its settings allow.

use std::sync::Arc;
use std::time::Duration;

use annunciator_smtp::{Client, Extensions, Limits, Relay};
use annunciator_testkit::relay::{Stage, When, reply};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stage::{Basket, Server, deliver, diagnostic, relay_to, submission, words};

fn paced(server: &Server, messages_per_minute_max: u32) -> Relay {
    let limits = Limits { connections_max: 4, messages_per_minute_max, ..Limits::default() };
    let extensions = Extensions { chunking: true, ..Extensions::default() };
    Relay { limits, extensions, ..relay_to(server) }
}

#[tokio::test]
async fn no_more_than_the_limit_is_begun_and_the_rest_is_not_even_taken() {
    for builder in [Server::builder(), Server::builder().chunking()] {
        let server = builder.start();
        let (client, relay) = (Client::default(), paced(&server, 5));
        let all = (1..=9).map(|tag| submission(tag, &["a@x.test"])).collect();
        let reports = deliver(&client, &relay, all).await;
        assert_eq!(reports.len(), 5);
        assert!(reports.iter().all(|report| words(report) == ["delivered"]));
        // The first of a call was taken already: it waits as long as its attempt may last.
        let mut late = submission(10, &["a@x.test"]);
        late.deadline = Instant::now() + Duration::from_millis(300);
        let report = deliver(&client, &relay, vec![late]).await.remove(0);
        assert_eq!(words(&report), ["transient prepare Relay - 4.4.5"]);
        assert!(diagnostic(&report).contains("this minute"), "{}", diagnostic(&report));
        assert_eq!(server.message_count(), 5);
        // A test message does not wait.
        let mut test = submission(11, &["a@x.test"]);
        test.fresh_connection = true;
        assert_eq!(words(&deliver(&client, &relay, vec![test]).await[0]), ["delivered"]);
    }
}

#[tokio::test]
async fn the_limit_holds_over_all_connections() {
    let server = Server::builder().chunking().start();
    let (client, relay) = (Client::default(), Arc::new(paced(&server, 7)));
    let mut tasks = JoinSet::new();
    for lane in 0..4 {
        let (client, relay) = (client.clone(), Arc::clone(&relay));
        tasks.spawn(async move {
            let make = |tag| {
                let mut one = submission(tag, &["a@x.test"]);
                one.deadline = Instant::now() + Duration::from_secs(2);
                one
            };
            let basket = Basket::new((1..5).map(|n| make(lane * 10 + n)).collect());
            client.deliver(&relay, make(lane * 10), &basket).await;
            basket.by_tag().values().filter(|report| words(report) == ["delivered"]).count()
        });
    }
    let delivered: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!((delivered, server.message_count()), (7, 7));
}

#[tokio::test]
async fn a_refused_message_does_not_use_up_the_slot_of_another() {
    let server = Server::builder().size(100).start();
    let (client, relay) = (Client::default(), paced(&server, 2));
    let mut all: Vec<_> = (1..=4).map(|tag| submission(tag, &["a@x.test"])).collect();
    // Too big for the server: it is never begun.
    all[1].content = "x\r\n".repeat(100).into();
    let reports = deliver(&client, &relay, all).await;
    let kinds: Vec<_> = reports.iter().map(|report| report.outcomes[0].as_str()).collect();
    assert_eq!(kinds, ["delivered", "permanent_failure", "delivered"]);
}

/// Four callers with ten messages each to a relay that bears one connection.
async fn crowd(server: &Server) -> (Client, usize) {
    let (client, relay) = (Client::default(), Arc::new(paced(server, 0)));
    let mut tasks = JoinSet::new();
    for lane in 0..4 {
        let (client, relay) = (client.clone(), Arc::clone(&relay));
        tasks.spawn(async move {
            let all = (1..10).map(|n| submission(lane * 10 + n, &["a@x.test"])).collect();
            let basket = Basket::new(all);
            client.deliver(&relay, submission(lane * 10, &["a@x.test"]), &basket).await;
            let reports = basket.by_tag();
            assert!(reports.values().all(|report| words(report) == ["delivered"]));
            reports.len()
        });
    }
    let count = tasks.join_all().await.into_iter().sum();
    (client, count)
}

#[tokio::test]
async fn a_relay_that_bears_one_connection_gets_everything_over_one() {
    for refusal in ["421 4.7.0 too many connections", "451 4.3.2 busy"] {
        let server = Server::builder()
            .chunking()
            .on(Stage::DataEnd, When::OnConnection(1).and(When::Times(1)), {
                annunciator_testkit::relay::Action::Delay(Duration::from_millis(500))
            })
            .on(Stage::Greeting, When::After(1), reply(refusal))
            .start();
        let (client, count) = crowd(&server).await;
        assert_eq!((count, server.message_count()), (40, 40), "{}", server.transcript());
        let health = &client.health()[0];
        assert!(health.connections_limit < 4, "{health:?}");
        assert_eq!(health.consecutive_failures, 0);
        assert!(health.last_failure.is_none());
    }
}

#[tokio::test]
async fn a_refusal_without_any_other_connection_is_trouble_with_the_relay() {
    let server =
        Server::builder().on(Stage::Greeting, When::Always, reply("421 4.7.0 too many")).start();
    let client = Client::default();
    let one = vec![submission(1, &["a@x.test"])];
    let report = deliver(&client, &paced(&server, 0), one).await.remove(0);
    assert_eq!(words(&report), ["transient greeting Relay 421 4.7.0"]);
    let health = &client.health()[0];
    assert_eq!((health.consecutive_failures, health.connections_limit), (1, 4));
}
