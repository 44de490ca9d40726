//! DSN and REQUIRETLS: asked for where they are offered, and what a real Postfix makes of them.

use std::time::Duration;

use annunciator_smtp::{
    Client, DsnRequest, Envelope, Extensions, ForwardPath, Mailbox, Relay, ReversePath, Submission,
    TlsPolicy, Verify,
};
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::postfix::{Postfix, PostfixError, PostfixSetup};
use annunciator_testkit::relay::TlsSetup;
use bytes::Bytes;

use crate::stage::{Server, deliver, diagnostic, relay_at, relay_to, submission, words};

const ALL: DsnRequest = DsnRequest::About { failure: true, delay: true, success: true };

fn asking(dsn: DsnRequest, chunking: bool) -> Extensions {
    Extensions { chunking, dsn, require_tls: false }
}

/// The MAIL and RCPT commands of one message.
async fn envelope(server: &Server, relay: &Relay, envelope_id: &str) -> Vec<String> {
    let mut one = submission(1, &["a+b@x.test"]);
    envelope_id.clone_into(&mut one.envelope_id);
    let report = deliver(&Client::default(), relay, vec![one]).await.remove(0);
    assert_eq!(words(&report), ["delivered"], "{}", server.transcript());
    let commands = server.connections()[0].commands.clone();
    commands.into_iter().filter(|c| c.starts_with("MAIL") || c.starts_with("RCPT")).collect()
}

#[tokio::test]
async fn reports_are_asked_for_where_they_are_offered_and_wanted() {
    let plain = ["MAIL FROM:<from@example.org>", "RCPT TO:<a+b@x.test>"];
    let never = DsnRequest::About { failure: false, delay: false, success: false };
    for (offered, dsn, id, expected) in [
        (false, ALL, "id", plain),
        (true, DsnRequest::Unasked, "id", plain),
        (
            true,
            ALL,
            "a+b=c",
            [
                "MAIL FROM:<from@example.org> RET=HDRS ENVID=a+2Bb+3Dc",
                "RCPT TO:<a+b@x.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@x.test",
            ],
        ),
        (
            true,
            never,
            "",
            [
                "MAIL FROM:<from@example.org> RET=HDRS",
                "RCPT TO:<a+b@x.test> NOTIFY=NEVER ORCPT=rfc822;a+2Bb@x.test",
            ],
        ),
    ] {
        let builder = Server::builder();
        let server = if offered { builder.dsn().start() } else { builder.start() };
        let relay = Relay { extensions: asking(dsn, false), ..relay_to(&server) };
        assert_eq!(envelope(&server, &relay, id).await, expected);
    }
}

#[tokio::test]
async fn verified_tls_onwards_is_asked_for_or_nothing_is_sent() {
    let authority = Authority::new("ca");
    let tls = || TlsSetup::new(&authority.server(&["127.0.0.1"]));
    let ca = Some(vec![authority.certificate().to_der().unwrap()]);
    let required = TlsPolicy::Required { verify: Verify { ca, ..Verify::default() } };
    let extensions = Extensions { require_tls: true, ..Extensions::default() };
    let good = Server::builder().starttls(&tls()).require_tls_onwards().start();
    let relay = Relay { extensions: extensions.clone(), tls: required.clone(), ..relay_to(&good) };
    let sent = envelope(&good, &relay, "").await;
    assert_eq!(sent[0], "MAIL FROM:<from@example.org> REQUIRETLS");

    let unable = Server::builder().starttls(&tls()).start();
    let plain = Server::builder().start();
    let unverified = Server::builder().starttls(&tls()).require_tls_onwards().start();
    let loose = TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca: None };
    for (server, tls, reason) in [
        (&unable, required, "does not offer REQUIRETLS"),
        (&plain, loose.clone(), "no TLS"),
        (&unverified, loose, "was not verified"),
    ] {
        let relay = Relay { extensions: extensions.clone(), tls, ..relay_to(server) };
        let one = vec![submission(1, &["a@x.test"])];
        let report = deliver(&Client::default(), &relay, one).await.remove(0);
        assert_eq!(words(&report), ["transient tls Relay - 4.7.30"], "{reason}");
        let said = diagnostic(&report);
        assert!(said.contains("`require_tls`") && said.contains(reason), "{said}");
        let commands = &server.connections()[0].commands;
        assert!(!commands.iter().any(|command| command.starts_with("MAIL")));
    }
}

/// A Postfix, or nothing where there is none.
fn postfix() -> Option<Postfix> {
    match PostfixSetup::default().refuse("bad@x.test").start() {
        Ok(postfix) => Some(postfix),
        // The machine's fault, not ours; the sentence must help.
        Err(PostfixError::Missing(what)) => {
            assert!(what.contains("install") || what.contains("root"), "{what}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn to_postfix(postfix: &Postfix, dsn: DsnRequest) -> Relay {
    let relay = relay_at(&["127.0.0.1"], postfix.address().port());
    Relay { extensions: asking(dsn, true), ..relay }
}

fn mail(tag: u64, to: &[&str], content: String) -> Submission {
    let mailbox = |text: &str| Mailbox::new(text).unwrap();
    let from = ReversePath(Some(mailbox("from@x.test")));
    let to = to.iter().map(|text| ForwardPath(mailbox(text))).collect();
    let envelope = Envelope::new(from, to).unwrap();
    let content = Bytes::from(content);
    Submission { envelope, content, ..submission(tag, &["x@x.test"]) }
}

#[tokio::test]
async fn postfix_gets_every_octet_of_messages_in_flight() {
    let Some(postfix) = postfix() else { return };
    let body = |n: u64| format!(".\r\n..\r\n.dot {n}\r\n{}\r\n.\r\nend\r\n", "x".repeat(990));
    let all: Vec<Submission> = (0..100)
        .map(|n| {
            let to: &[&str] = if n % 10 == 5 { &["bad@x.test"] } else { &["a@x.test"] };
            mail(n, to, format!("Subject: {n}\r\nX-Number: {n}\r\n\r\n{}", body(n)))
        })
        .collect();
    let client = Client::default();
    let reports = deliver(&client, &to_postfix(&postfix, DsnRequest::Unasked), all).await;
    for (n, report) in reports.iter().enumerate() {
        let refused = ["permanent rcpt_to Delivery 550 5.1.1"];
        let expected = if n % 10 == 5 { refused } else { ["delivered"] };
        assert_eq!(words(report), expected, "{n}: {}", postfix.log());
    }
    client.close_idle().await;
    let received = postfix.wait_for_received(90, Duration::from_secs(60)).unwrap();
    assert_eq!(received.len(), 90);
    for message in received {
        let text = String::from_utf8(message).unwrap();
        let number = text.split("\nX-Number: ").nth(1).unwrap().split('\n').next().unwrap();
        let expected = body(number.parse().unwrap()).replace("\r\n", "\n");
        assert_eq!(text.split_once("\n\n").unwrap().1, expected);
    }
    // All went over one connection, with BDAT, and Postfix saw no fault in it.
    let log = postfix.log();
    let ends: Vec<&str> = log.lines().filter(|line| line.contains("bdat=")).collect();
    assert_eq!(ends.len(), 1, "{log}");
    assert!(!ends[0].contains("data=") && !log.contains("unknown="), "{}", ends[0]);
}

#[tokio::test]
async fn postfix_reports_the_delivery_that_was_asked_about() {
    let Some(postfix) = postfix() else { return };
    let mut one = mail(1, &["a@x.test"], "Subject: report me\r\n\r\ntext\r\n".to_owned());
    one.envelope_id = "notification+1".to_owned();
    let report = deliver(&Client::default(), &to_postfix(&postfix, ALL), vec![one]).await.remove(0);
    assert_eq!(words(&report), ["delivered"]);
    let received = postfix.wait_for_received(2, Duration::from_secs(60)).unwrap();
    let texts: Vec<String> =
        received.iter().map(|octets| String::from_utf8_lossy(octets).into_owned()).collect();
    let status = texts.iter().find(|text| text.contains("message/delivery-status")).unwrap();
    for part in [
        "Original-Envelope-Id: notification+1",
        "Original-Recipient: rfc822;a@x.test",
        "Action: delivered",
    ] {
        assert!(status.contains(part), "{part} in\n{status}");
    }
    // RET=HDRS: the header comes back, the text does not.
    assert!(status.contains("Subject: report me") && !status.contains("\n\ntext\n"));
}
