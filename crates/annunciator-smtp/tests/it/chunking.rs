//! BDAT: several messages in flight on one connection, each with its own fate.

use std::collections::HashMap;
use std::time::Duration;

use annunciator_core::Outcome;
use annunciator_smtp::{
    Client, Envelope, Extensions, ForwardPath, Limits, Mailbox, Relay, Report, ReversePath,
    Submission,
};
use annunciator_testkit::relay::{Action, RelayBuilder, Stage, When, for_address, reply};
use bytes::Bytes;

use crate::stage::{Server, deliver, relay_to, submission, words};

/// The relay with BDAT wanted.
fn chunked(server: &Server) -> Relay {
    let extensions = Extensions { chunking: true, ..Extensions::default() };
    Relay { extensions, ..relay_to(server) }
}

/// A message with its own sender, so that a mix-up of envelopes shows.
fn message(tag: u64, to: &[&str]) -> Submission {
    let mailbox = |text: &str| Mailbox::new(text).unwrap();
    let from = ReversePath(Some(mailbox(&format!("from{tag}@example.org"))));
    let to = to.iter().map(|text| ForwardPath(mailbox(text))).collect();
    Submission { envelope: Envelope::new(from, to).unwrap(), ..submission(tag, &["x@x.test"]) }
}

/// So many messages, each to two recipients of its own.
fn many(count: u64) -> Vec<Submission> {
    let two = |tag| message(tag, &[&format!("a{tag}@x.test"), &format!("b{tag}@x.test")]);
    (1..=count).map(two).collect()
}

fn with_bdat() -> RelayBuilder {
    Server::builder().chunking()
}

fn is_delivered(report: &Report) -> bool {
    report.outcomes.iter().all(|outcome| *outcome == Outcome::Delivered)
}

/// What must hold whatever the relay did: each recipient whose outcome is delivered has the
/// message exactly once, with the right sender; one with an uncertain outcome at most once; any
/// other not at all.
fn check_account(server: &Server, reports: &[Report]) {
    let mut taken: HashMap<(String, String), usize> = HashMap::new();
    for message in server.messages() {
        let id = message.header("Message-ID").unwrap();
        let tag = id.trim_start_matches('<').split('@').next().unwrap().to_owned();
        assert_eq!(message.reverse_path, format!("from{tag}@example.org"));
        for path in message.forward_paths {
            *taken.entry((tag.clone(), path)).or_default() += 1;
        }
    }
    for (at, report) in reports.iter().enumerate() {
        for (letter, outcome) in ["a", "b"].iter().zip(&report.outcomes) {
            let tag = at + 1;
            let count = taken.get(&(tag.to_string(), format!("{letter}{tag}@x.test")));
            let count = count.copied().unwrap_or(0);
            let fits = match outcome {
                Outcome::Delivered => count == 1,
                Outcome::Uncertain(_) => count <= 1,
                _ => count == 0,
            };
            assert!(fits, "{tag} {outcome:?} {count}\n{}", server.transcript());
        }
    }
}

/// A dozen messages to a relay that does something to the fifth; its words, while all others are
/// delivered and the connections are as many as expected.
async fn check(stage: Stage, when: When, action: Action, connections: usize, expected: [&str; 2]) {
    let server = with_bdat().on(stage, when.and(When::Times(1)), action.clone()).start();
    let reports = deliver(&Client::default(), &chunked(&server), many(12)).await;
    check_account(&server, &reports);
    let shown = server.transcript();
    assert_eq!(words(&reports[4]), expected, "{stage:?} {action:?}\n{shown}");
    for (at, report) in reports.iter().enumerate() {
        assert!(at == 4 || is_delivered(report), "{at} {:?}\n{shown}", words(report));
    }
    assert_eq!(server.connection_count(), connections, "{stage:?} {action:?}");
}

#[tokio::test]
async fn a_thousand_messages_go_over_one_connection_many_at_a_time() {
    let server = with_bdat().start();
    let all = many(1_000);
    let reports = deliver(&Client::default(), &chunked(&server), all.clone()).await;
    assert!(reports.iter().all(is_delivered));
    check_account(&server, &reports);
    assert_eq!(server.connection_count(), 1);
    for (message, given) in server.messages().iter().zip(&all) {
        assert!(message.chunked);
        assert_eq!(message.raw, &given.content[..]);
    }
    let commands = &server.connections()[0].commands;
    assert!(!commands.iter().any(|command| command == "DATA"));
    let ahead = server.transcript().matches("more is here already").count();
    assert!(ahead > 100, "only {ahead} were in flight before an earlier reply");
}

#[tokio::test]
async fn without_the_setting_or_pipelining_data_is_used() {
    let server = with_bdat().start();
    deliver(&Client::default(), &relay_to(&server), many(3)).await;
    let single = with_bdat().pipelining(false).start();
    deliver(&Client::default(), &chunked(&single), many(3)).await;
    for server in [server, single] {
        assert_eq!(server.message_count(), 3);
        assert!(server.messages().iter().all(|message| !message.chunked));
    }
}

#[tokio::test]
async fn a_refused_message_harms_none_that_is_in_flight() {
    let both = |words: &'static str| [words, words];
    let mail = || for_address("from5@*");
    for (answer, expected) in [
        ("550 5.7.1 no", "permanent mail_from Delivery 550 5.7.1"),
        ("450 4.7.1 later", "transient mail_from Delivery 450 4.7.1"),
    ] {
        check(Stage::Mail, mail(), reply(answer), 1, both(expected)).await;
    }
    for (answer, expected) in [
        ("554 5.6.0 no", "permanent data_end Delivery 554 5.6.0"),
        ("452 4.3.1 full", "transient data_end Delivery 452 4.3.1"),
    ] {
        check(Stage::DataEnd, mail(), reply(answer), 1, both(expected)).await;
    }
    let expected = ["delivered", "permanent rcpt_to Delivery 550 5.1.1"];
    check(Stage::Rcpt, for_address("b5@*"), reply("550 5.1.1 no"), 1, expected).await;
}

#[tokio::test]
async fn a_message_whose_recipients_are_all_refused_leaves_no_transaction_to_the_next() {
    for (answer, expected) in [
        ("550 5.1.1 no", "permanent rcpt_to Delivery 550 5.1.1"),
        ("450 4.2.1 later", "transient rcpt_to Delivery 450 4.2.1"),
    ] {
        let server = with_bdat()
            .on(Stage::Rcpt, for_address("a5@*"), reply(answer))
            .on(Stage::Rcpt, for_address("b5@*"), reply(answer))
            .start();
        let reports = deliver(&Client::default(), &chunked(&server), many(12)).await;
        check_account(&server, &reports);
        assert_eq!(words(&reports[4]), [expected, expected]);
        assert_eq!(reports.iter().filter(|report| is_delivered(report)).count(), 11);
        assert_eq!(server.connection_count(), 1);
    }
}

#[tokio::test]
async fn after_421_what_was_in_flight_begins_anew_and_nothing_is_uncertain() {
    let mail = || for_address("from5@*");
    let bye = || reply("421 4.3.2 closing");
    check(Stage::Mail, mail(), bye(), 2, ["delivered", "delivered"]).await;
    let at_end = "transient data_end Relay 421 4.3.2";
    check(Stage::DataEnd, mail(), bye(), 2, [at_end, at_end]).await;
    let at_rcpt = "transient rcpt_to Relay 421 4.3.2";
    check(Stage::Rcpt, for_address("a5@*"), bye(), 2, [at_rcpt, at_rcpt]).await;
    // The fourth RSET alone.
    let fourth = When::EveryNth(4).and(When::Times(4));
    let server = with_bdat().on(Stage::Rset, fourth, bye()).start();
    let reports = deliver(&Client::default(), &chunked(&server), many(12)).await;
    check_account(&server, &reports);
    assert!(reports.iter().all(is_delivered) && server.connection_count() == 2);
}

#[tokio::test]
async fn what_was_written_whole_and_not_answered_is_uncertain() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::DataEnd] {
        for action in [Action::CloseAfterReading, Action::Close] {
            let when = || for_address("*5@*").and(When::Times(1));
            let server = with_bdat().on(stage, when(), action.clone()).start();
            let reports = deliver(&Client::default(), &chunked(&server), many(12)).await;
            check_account(&server, &reports);
            let kinds: Vec<&str> = reports.iter().map(|r| r.outcomes[0].as_str()).collect();
            let all = kinds.join(" ");
            assert_eq!(kinds[..4], ["delivered"; 4], "{stage:?} {action:?} {all}");
            // The second to the ninth were written together: the window is eight after the first.
            assert_eq!(kinds[4..9], ["uncertain"; 5], "{stage:?} {action:?} {all}");
            // What was not written whole went over another connection.
            assert!(kinds.iter().all(|kind| ["delivered", "uncertain"].contains(kind)), "{all}");
        }
    }
}

#[tokio::test]
async fn a_message_in_flight_that_was_refused_stays_refused_when_the_session_ends() {
    let server = with_bdat()
        .on(Stage::Rcpt, for_address("b5@*"), reply("550 5.1.1 no"))
        .on(Stage::DataEnd, for_address("from5@*"), Action::CloseAfterReading)
        .start();
    let reports = deliver(&Client::default(), &chunked(&server), many(8)).await;
    check_account(&server, &reports);
    let expected = ["uncertain data_end Delivery - 4.4.2", "permanent rcpt_to Delivery 550 5.1.1"];
    assert_eq!(words(&reports[4]), expected);
}

#[tokio::test]
async fn a_late_answer_delays_and_changes_nothing() {
    let late = || Action::Delay(Duration::from_millis(300));
    for stage in [Stage::Mail, Stage::Bdat, Stage::DataEnd] {
        let expected = ["delivered", "delivered"];
        let when = if stage == Stage::Bdat { When::Always } else { for_address("from5@*") };
        check(stage, when, late(), 1, expected).await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_bdat_gets_data() {
    for answer in ["502 5.5.1 no BDAT", "500 5.5.2 what?", "503 5.5.1 not now", "501 5.5.4 zero?"] {
        let server = with_bdat().on(Stage::Bdat, When::Always, reply(answer)).start();
        let reports = deliver(&Client::default(), &chunked(&server), many(5)).await;
        assert!(reports.iter().all(is_delivered), "{}", server.transcript());
        check_account(&server, &reports);
        // What follows must not be misunderstood, so it goes over another connection.
        let connections = server.connections();
        let bdat =
            |at: usize| connections[at].commands.iter().filter(|c| c.starts_with("BDAT")).count();
        assert_eq!((connections.len(), bdat(0), bdat(1)), (2, 1, 0));
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_bdat_never_sees_content_as_commands() {
    let server = Server::builder().announce("CHUNKING").start();
    let reports = deliver(&Client::default(), &chunked(&server), many(5)).await;
    assert!(reports.iter().all(is_delivered));
    let blamed: Vec<String> = server.violations().into_iter().map(|v| v.text).collect();
    let first_line = ["unknown command `BDAT 29`", "unknown command `Message-ID: <1@client.test>`"];
    assert!(blamed.iter().all(|text| first_line.contains(&text.as_str())), "{blamed:?}");
}

#[tokio::test]
async fn a_server_that_loses_bdat_on_the_way_gets_data_from_then_on() {
    let when = || for_address("from5@*").and(When::Times(1));
    let server = with_bdat().on(Stage::DataEnd, when(), reply("503 5.5.1 bad sequence")).start();
    let reports = deliver(&Client::default(), &chunked(&server), many(30)).await;
    assert!(reports.iter().all(is_delivered), "{}", server.transcript());
    check_account(&server, &reports);
    assert_eq!(server.connection_count(), 1);
    assert!(server.messages().iter().any(|message| !message.chunked));
}

#[tokio::test]
async fn limits_of_messages_per_connection_hold_on_both_sides() {
    let server = with_bdat().start();
    let limits = Limits { messages_per_connection_max: 3, ..Limits::default() };
    let relay = Relay { limits, ..chunked(&server) };
    let reports = deliver(&Client::default(), &relay, many(8)).await;
    assert!(reports.iter().all(is_delivered));
    let counts: Vec<u64> = server.connections().iter().map(|c| c.messages).collect();
    assert_eq!(counts, [3, 3, 2]);

    let server = with_bdat().messages_per_connection(2).start();
    let reports = deliver(&Client::default(), &chunked(&server), many(20)).await;
    assert!(reports.iter().all(is_delivered), "{}", server.transcript());
    check_account(&server, &reports);
    assert_eq!(server.connection_count(), 10);
}

#[tokio::test]
async fn a_dead_idle_connection_makes_nothing_uncertain() {
    let server = with_bdat().start();
    let (client, relay) = (Client::default(), chunked(&server));
    deliver(&client, &relay, many(12)).await;
    server.go_down();
    server.come_up();
    let again = deliver(&client, &relay, many(12)).await;
    assert!(again.iter().all(is_delivered));
}

#[tokio::test]
async fn large_and_lonely_messages_fit_between_those_in_flight() {
    let server = with_bdat().size(10_000_000).start();
    let mut all = many(20);
    let text = ".dot and text\r\n".repeat(100_000);
    all[7].content = Bytes::from(format!("Message-ID: <8@client.test>\r\n\r\n{text}"));
    (all[10].trace, all[12].fresh_connection, all[14].dry_run) = (true, true, true);
    let reports = deliver(&Client::default(), &chunked(&server), all.clone()).await;
    assert!(reports.iter().all(is_delivered), "{}", server.transcript());
    assert_eq!(server.message_count(), 19);
    let big = server.messages().into_iter().find(|m| m.octets > 1_000_000).unwrap();
    assert!(big.chunked && big.raw == all[7].content[..]);
    let dialogue = reports[10].facts.dialogue.join("\n");
    let octets = all[10].content.len() - 30;
    for part in ["C: BDAT 30", "S: 250", &format!("C: BDAT {octets} LAST"), "octets of message]"] {
        assert!(dialogue.contains(part), "{part} in\n{dialogue}");
    }
    assert!(!dialogue.contains("Subject"));
}

#[tokio::test]
async fn a_message_that_wants_another_server_does_not_stop_the_others() {
    // One process answers on both addresses; the first connection is the first server's.
    let first = |address| for_address(address).and(When::OnConnection(1));
    let greylisted = || reply("451 4.7.1 greylisted");
    let server = with_bdat()
        .on(Stage::Rcpt, first("a5@*"), greylisted())
        .on(Stage::Rcpt, first("b5@*"), greylisted())
        .start();
    let hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let relay = Relay { hosts, ..chunked(&server) };
    let reports = deliver(&Client::default(), &relay, many(12)).await;
    assert!(reports.iter().all(is_delivered), "{}", server.transcript());
    check_account(&server, &reports);
    assert_eq!(reports[4].facts.tried_before.len(), 1);
}

#[tokio::test]
async fn recipients_that_are_too_many_for_one_transaction_get_another_at_once() {
    let to: Vec<String> = (0..7).map(|n| format!("r{n}@x.test")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    for builder in [with_bdat(), Server::builder(), Server::builder().pipelining(false)] {
        let server = builder.recipients(3).start();
        let all = vec![message(1, &["x@x.test"]), message(2, &to), message(3, &["y@x.test"])];
        let reports = deliver(&Client::default(), &chunked(&server), all).await;
        assert!(reports.iter().all(is_delivered), "{}", server.transcript());
        let mut got: Vec<String> = server
            .messages()
            .into_iter()
            .filter(|m| m.reverse_path == "from2@example.org")
            .inspect(|m| assert!(m.forward_paths.len() <= 3))
            .flat_map(|m| m.forward_paths)
            .collect();
        got.sort_unstable();
        assert_eq!(got, to);
        assert_eq!(server.connection_count(), 1);
    }
}

mod any_script {
    use proptest::prelude::*;

    use super::*;

    /// What a relay may do without breaking the protocol.
    fn misdeed() -> impl Strategy<Value = (Stage, When, Action)> {
        let stage = prop_oneof![
            Just(Stage::Mail),
            Just(Stage::Rcpt),
            Just(Stage::Data),
            Just(Stage::Bdat),
            Just(Stage::DataEnd),
            Just(Stage::Rset),
        ];
        let when = prop_oneof![
            (1_u64..12).prop_map(|tag| for_address(format!("*{tag}@*"))),
            (2_u64..9).prop_map(When::EveryNth),
            (1_u64..30).prop_map(|n| When::EveryNth(n).and(When::Times(n))),
        ];
        let action = prop_oneof![
            Just(reply("550 5.0.0 no")),
            Just(reply("451 4.0.0 later")),
            Just(reply("452 4.5.3 too many")),
            Just(reply("503 5.5.1 out of order")),
            Just(reply("421 4.3.2 closing")),
            Just(Action::Close),
            Just(Action::CloseAfterReading),
            Just(Action::Delay(Duration::from_millis(20))),
        ];
        (stage, when, action).prop_filter("a refused RSET is against the standard", |(s, _, a)| {
            *s != Stage::Rset || !matches!(a, Action::Reply(text) if !text.starts_with("421"))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        #[test]
        fn every_message_is_reported_once_and_none_is_lost_or_doubled(
            rules in prop::collection::vec(misdeed(), 0..5),
            count in 1_u64..30,
            chunking in prop::bool::weighted(0.8),
            pipelining in prop::bool::weighted(0.8),
            two_hosts in prop::bool::ANY,
        ) {
            let mut builder = Server::builder().pipelining(pipelining);
            if chunking {
                builder = builder.chunking();
            }
            for (stage, when, action) in rules {
                builder = builder.on(stage, when, action);
            }
            let server = builder.start();
            let mut relay = chunked(&server);
            if two_hosts {
                relay.hosts.push("localhost".to_owned());
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (reports, left) = runtime.unwrap().block_on(async {
                let client = Client::default();
                let mut all: std::collections::VecDeque<_> = many(count).into();
                let basket = crate::stage::Basket::default();
                // As the dispatcher does: go on until nothing is left.
                while let Some(first) = all.pop_front() {
                    basket.waiting.lock().unwrap().extend(all.drain(..));
                    client.deliver(&relay, first, &basket).await;
                    all.extend(basket.waiting.lock().unwrap().drain(..));
                }
                (basket.by_tag(), all.len())
            });
            prop_assert_eq!((reports.len() as u64, left), (count, 0));
            let reports: Vec<Report> = reports.into_values().collect();
            check_account(&server, &reports);
        }
    }
}
