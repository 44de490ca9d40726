//! What becomes of single messages at a server that answers properly.

use annunciator_smtp::{Client, Limits};
use annunciator_testkit::relay::{Stage, When, for_address, reply};
use bytes::Bytes;

use crate::stage::{Basket, Server, deliver, deliver_to, diagnostic, relay_to, submission, words};

async fn check(server: &Server, to: &[&str], expected: &[&str]) {
    let report = deliver_to(&relay_to(server), to).await;
    assert_eq!(words(&report), expected, "{}", server.transcript());
}

/// With and without PIPELINING the same must come out.
fn both(make: impl Fn() -> annunciator_testkit::relay::RelayBuilder) -> [Server; 2] {
    [make().start(), make().pipelining(false).start()]
}

const MANY: [&str; 3] = ["a@x.test", "b@x.test", "c@x.test"];

#[tokio::test]
async fn a_message_arrives_as_it_was_given() {
    let queued = || reply("250 2.0.0 Ok: queued as 4Fxyz12");
    let make = || Server::builder().size(1_000_000).on(Stage::DataEnd, When::Always, queued());
    for server in both(make) {
        let report = deliver_to(&relay_to(&server), &MANY).await;
        assert_eq!(words(&report), ["delivered"; 3]);
        let message = server.messages().remove(0);
        assert_eq!(message.raw, &submission(1, &MANY).content[..]);
        assert_eq!(message.forward_paths, MANY);
        assert_eq!(report.facts.address, server.address().to_string());
        assert_eq!(report.facts.queue_id, "4Fxyz12");
        assert_eq!(report.facts.reply, "250 2.0.0 Ok: queued as 4Fxyz12");
        assert!(report.facts.stages.connect_us.is_some() && !report.facts.reused);
        assert!(server.connections()[0].commands[1].contains("SIZE="));
    }
}

#[tokio::test]
async fn a_big_message_arrives_as_it_was_given() {
    for server in both(Server::builder) {
        let mut big = submission(1, &MANY);
        let line = ".".repeat(70) + "\r\n";
        big.content = Bytes::from(line.repeat(20_000));
        let report =
            deliver(&Client::default(), &relay_to(&server), vec![big.clone()]).await.remove(0);
        assert_eq!(words(&report), ["delivered"; 3]);
        assert_eq!(server.messages()[0].raw, &big.content[..]);
    }
}

#[tokio::test]
async fn one_refused_recipient_harms_no_other() {
    for (answer, expected) in [
        ("550 5.1.1 unknown", "permanent rcpt_to Delivery 550 5.1.1"),
        ("450 4.2.1 later", "transient rcpt_to Delivery 450 4.2.1"),
        ("452 4.2.2 mailbox full", "transient rcpt_to Delivery 452 4.2.2"),
    ] {
        let make = || Server::builder().on(Stage::Rcpt, for_address("b@*"), reply(answer));
        for server in both(make) {
            check(&server, &MANY, &["delivered", expected, "delivered"]).await;
            assert_eq!(server.messages()[0].forward_paths, ["a@x.test", "c@x.test"]);
        }
    }
}

#[tokio::test]
async fn too_many_recipients_leave_the_others_for_later() {
    let make = || {
        Server::builder().on(Stage::Rcpt, When::After(1), reply("452 4.5.3 too many recipients"))
    };
    for server in both(make) {
        let later = "transient rcpt_to Delivery 452 4.5.3";
        check(&server, &MANY, &["delivered", later, later]).await;
    }
}

#[tokio::test]
async fn each_refusal_means_what_its_stage_and_class_say() {
    for (stage, answer, expected) in [
        (Stage::Mail, "550 5.7.1 no", "permanent mail_from Delivery 550 5.7.1"),
        (Stage::Mail, "451 4.3.0 later", "transient mail_from Delivery 451 4.3.0"),
        (Stage::Mail, "530 5.7.0 auth first", "transient mail_from Relay 530 5.7.0"),
        (Stage::Mail, "421 4.3.2 bye", "transient mail_from Relay 421 4.3.2"),
        (Stage::Mail, "354 what", "transient mail_from Relay 354 4.5.0"),
        (Stage::Rcpt, "550 no", "permanent rcpt_to Delivery 550 5.0.0"),
        (Stage::Rcpt, "450 4.2.0 later", "transient rcpt_to Delivery 450 4.2.0"),
        (Stage::Rcpt, "421 4.3.2 bye", "transient rcpt_to Relay 421 4.3.2"),
        (Stage::Data, "554 5.5.1 no", "permanent data Delivery 554 5.5.1"),
        (Stage::Data, "451 4.3.0 later", "transient data Delivery 451 4.3.0"),
        (Stage::Data, "250 ok", "transient data Relay 250 4.5.0"),
        (Stage::DataEnd, "554 5.7.1 spam", "permanent data_end Delivery 554 5.7.1"),
        (Stage::DataEnd, "451 4.3.0 later", "transient data_end Delivery 451 4.3.0"),
        (Stage::DataEnd, "421 4.3.2 bye", "transient data_end Relay 421 4.3.2"),
        (Stage::DataEnd, "354 more", "uncertain data_end Delivery 354 4.5.0"),
        (Stage::Greeting, "554 no service", "transient greeting Relay 554 5.0.0"),
        (Stage::Greeting, "421 busy", "transient greeting Relay 421 4.0.0"),
        (Stage::Ehlo, "550 no", "transient hello Relay 550 5.0.0"),
    ] {
        let make = || Server::builder().on(stage, When::Always, reply(answer));
        for server in both(make) {
            check(&server, &["a@x.test"], &[expected]).await;
            // The script may lead the relay into states where it blames the client.
            let _ = server.violations();
        }
    }
}

#[tokio::test]
async fn all_recipients_refused_and_data_accepted_ends_with_a_lone_dot() {
    let server = Server::builder()
        .on(Stage::Rcpt, When::Times(1), reply("550 5.1.1 no"))
        .on(Stage::Data, When::Times(1), reply("354 go"))
        .start();
    let reports = deliver(
        &Client::default(),
        &relay_to(&server),
        vec![submission(1, &["a@x.test"]), submission(2, &["b@x.test"])],
    )
    .await;
    assert_eq!(words(&reports[0]), ["permanent rcpt_to Delivery 550 5.1.1"]);
    assert_eq!(words(&reports[1]), ["delivered"], "{}", server.transcript());
    assert_eq!(server.connection_count(), 1);
    let _ = server.violations();
}

#[tokio::test]
async fn what_a_server_cannot_carry_is_refused_before_it_is_sent() {
    let small = Server::builder().size(10).start();
    check(&small, &["a@x.test"], &["permanent mail_from Delivery - 5.3.4"]).await;
    let ascii = Server::builder().smtputf8(false).start();
    check(&ascii, &["ж@x.test"], &["permanent mail_from Delivery - 5.6.7"]).await;
    let utf8 = Server::builder().start();
    check(&utf8, &["ж@x.test"], &["delivered"]).await;
    assert!(utf8.messages()[0].smtputf8);

    let bare = Server::builder().bare().start();
    let mut eight_bit = submission(1, &["a@x.test"]);
    eight_bit.needs_8bit = true;
    let report = deliver(&Client::default(), &relay_to(&bare), vec![eight_bit]).await.remove(0);
    assert_eq!(words(&report), ["permanent mail_from Delivery - 5.6.3"]);
    assert!(diagnostic(&report).contains("7-bit"));
}

#[tokio::test]
async fn a_server_without_ehlo_is_greeted_with_helo() {
    let server = Server::builder().bare().on(Stage::Ehlo, When::Times(1), reply("502 no")).start();
    check(&server, &["a@x.test"], &["delivered"]).await;
    assert!(server.connections()[0].commands[1].starts_with("HELO "));
}

#[tokio::test]
async fn a_session_goes_on_after_a_refused_transaction() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::DataEnd] {
        for answer in ["550 5.0.0 no", "450 4.0.0 later"] {
            let make = || Server::builder().on(stage, When::Times(1), reply(answer));
            for server in both(make) {
                let two = vec![submission(1, &["a@x.test"]), submission(2, &["b@x.test"])];
                let reports = deliver(&Client::default(), &relay_to(&server), two).await;
                assert_ne!(words(&reports[0]), ["delivered"]);
                assert_eq!(words(&reports[1]), ["delivered"], "{}", server.transcript());
                assert_eq!(server.connection_count(), 1, "{stage:?} {answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_dry_run_stops_before_data_and_tells_each_stage() {
    let server =
        Server::builder().on(Stage::Rcpt, for_address("b@*"), reply("550 5.1.1 unknown")).start();
    let mut dry = submission(7, &MANY);
    (dry.dry_run, dry.trace, dry.fresh_connection) = (true, true, true);
    let basket = Basket::default();
    let relay = annunciator_smtp::Relay { limits: Limits::default(), ..relay_to(&server) };
    Client::default().deliver(&relay, dry, &basket).await;
    let report = &basket.by_tag()[&7];
    assert_eq!(words(report), ["delivered", "permanent rcpt_to Delivery 550 5.1.1", "delivered"]);
    assert_eq!(server.message_count(), 0);
    assert!(report.facts.dialogue.iter().any(|line| line == "C: RCPT TO:<a@x.test>"));
    assert!(!report.facts.dialogue.iter().any(|line| line.contains("DATA")));
    let stages = basket.stages.lock().unwrap();
    let seen: Vec<String> = stages.iter().map(|s| format!("{} {}", s.stage, s.ok)).collect();
    let expected = "resolve true,connect true,greeting true,hello true,mail_from true,\
                    rcpt_to true,rcpt_to false,rcpt_to true";
    assert_eq!(seen.join(","), expected);
    let refused = stages.iter().find(|stage| !stage.ok).unwrap();
    assert_eq!(refused.detail, ["b@x.test: 550 5.1.1 unknown"]);
    assert!(!refused.advice.is_empty());
}

#[tokio::test]
async fn a_dialogue_names_the_message_and_not_its_text() {
    let server = Server::builder().start();
    let mut traced = submission(1, &["a@x.test"]);
    traced.trace = true;
    let report = deliver(&Client::default(), &relay_to(&server), vec![traced]).await.remove(0);
    let expected = [
        "S: 220 ",
        "C: EHLO client.test",
        "S: 250-",
        "C: MAIL FROM:<from@example.org>",
        "C: RCPT TO:<a@x.test>",
        "C: DATA",
        "S: 354",
        "octets of message]",
        "C: .",
        "S: 250 2.0.0 taken",
    ];
    let dialogue = report.facts.dialogue.join("\n");
    let mut rest = dialogue.as_str();
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} in order in\n{dialogue}"));
        rest = &rest[at..];
    }
    assert!(!dialogue.contains("Subject"));
}

#[tokio::test]
async fn content_that_must_not_be_sent_never_is() {
    let server = Server::builder().start();
    let long = format!("{}\r\n", "x".repeat(999));
    for content in ["a\nb\r\n", "a\rb\r\n", "a\0b\r\n", "no end", "", &long] {
        let mut bad = submission(1, &["a@x.test"]);
        bad.content = Bytes::copy_from_slice(content.as_bytes());
        let good = submission(2, &["a@x.test"]);
        let alone = deliver(&Client::default(), &relay_to(&server), vec![bad.clone()]).await;
        assert_eq!(words(&alone[0]), ["permanent prepare Delivery - 5.6.0"]);
        // Handed on by the feed it harms neither what came before nor what comes after.
        let all = vec![submission(0, &["a@x.test"]), bad, good];
        let reports = deliver(&Client::default(), &relay_to(&server), all).await;
        let kinds: Vec<_> = reports.iter().map(|report| report.outcomes[0].as_str()).collect();
        assert_eq!(kinds, ["delivered", "permanent_failure", "delivered"]);
    }
}

#[tokio::test]
async fn a_thousand_recipients_go_in_one_transaction() {
    for server in both(Server::builder) {
        let to: Vec<String> =
            (0..1_000).map(|n| format!("{n}-{}@x.test", "r".repeat(40))).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let report = deliver_to(&relay_to(&server), &to).await;
        assert!(report.outcomes.iter().all(|outcome| outcome.as_str() == "delivered"));
        assert_eq!(server.messages()[0].forward_paths, to);
    }
}
