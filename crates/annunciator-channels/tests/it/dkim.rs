//! Signed messages, verified by dkimpy with the DNS record that we tell administrators to publish.

use std::sync::Arc;

use annunciator_certificates::{CertificateBook, Signer};
use annunciator_channels::Transport;
use annunciator_core::{Content, Outcome, Recipient, RecipientRole};
use annunciator_mail::{SignatureDraft, SigningName, canonical_body};
use annunciator_testkit::certificates::{ed25519_signing_key, rsa_signing_key};
use annunciator_testkit::python_dkim::{Verdict, verify_with_dkimpy};
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::channel::{COMPOSED_AT, Seen, book, content, deliver, order, transport};

fn keys() -> [Vec<u8>; 2] {
    [rsa_signing_key(2_048), ed25519_signing_key()]
}

fn signer(book: &CertificateBook) -> Signer {
    book.signing_key("key").unwrap().signer().unwrap()
}

/// The record of the key, at the name where verifiers look for it.
fn record(book: &CertificateBook, name: &str) -> (String, String) {
    (name.to_owned(), signer(book).dns_record())
}

fn settings(relay: &Relay, more: &Value) -> Value {
    let mut settings = json!({"servers": ["127.0.0.1"], "port": relay.port(),
        "dkim_key": "key", "dkim_selector": "mail"});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

/// Octets that the channel hands over for this content.
async fn sent(transport: &dyn Transport, relay: &Relay, content: Content) -> Vec<Vec<u8>> {
    let messages = deliver(transport, relay, order(content), &Seen::default()).await;
    messages.into_iter().map(|message| message.raw).collect()
}

/// Content whose header and body have all that signing could stumble over.
fn odd_contents() -> Vec<Content> {
    let plain = || content("alerts@x.example", &["ops@example.org"]);
    let html = Some("<p>Größe:\t<b>1 %</b> &amp; weniger  </p>\n\n\n".to_owned());
    let many: Vec<String> = (0..60).map(|n| format!("operator{n}@long.example.org")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut hidden = content("alerts@x.example", &["a@example.org", "b@example.org"]);
    for one in &mut hidden.recipients {
        one.role = RecipientRole::Bcc;
    }
    let cc = Recipient { address: "boss@example.org".to_owned(), role: RecipientRole::Cc };
    vec![
        plain(),
        Content { text: String::new(), ..plain() },
        Content { text: "\n".to_owned(), ..plain() },
        Content { text: " \n\t\n \n".to_owned(), ..plain() },
        Content { text: "a  b\tc \n\n.\n..\n\n\n\n".to_owned(), ..plain() },
        Content { text: "no line end, Größe".to_owned(), ..plain() },
        Content { text: "На диске остался 1 %\n".repeat(50), ..plain() },
        Content { text: "x".repeat(5_000), html, ..plain() },
        Content { subject: String::new(), ..plain() },
        Content { subject: "word ".repeat(120), ..plain() },
        Content { subject: "Критическое событие: ".repeat(20), ..plain() },
        Content { subject: "x\r\nBcc: evil@example.net\r\n\r\n".to_owned(), ..plain() },
        Content { thread_id: "1@sender.test".to_owned(), ..plain() },
        Content { recipients: vec![cc], ..plain() },
        content("alerts@bücher.example", &many),
        hidden,
    ]
}

/// Verdicts on messages signed with `key`, for the domains that the odd contents come from.
fn verdicts(messages: &[Vec<u8>], book: &CertificateBook) -> Vec<Verdict> {
    let records = [
        record(book, "mail._domainkey.x.example"),
        record(book, "mail._domainkey.xn--bcher-kva.example"),
    ];
    verify_with_dkimpy(messages, &records)
}

#[tokio::test]
async fn an_independent_verifier_accepts_every_message_and_none_that_was_changed() {
    for key in keys() {
        let book = book(&key);
        let relay = Relay::builder().start();
        let transport = transport(&settings(&relay, &json!({})), &book);
        let mut messages = Vec::new();
        for content in odd_contents() {
            messages.extend(sent(transport.as_ref(), &relay, content).await);
        }
        assert_eq!(messages.len(), odd_contents().len());
        for (message, verdict) in messages.iter().zip(verdicts(&messages, &book)) {
            let shown = String::from_utf8_lossy(message);
            assert!(verdict.is_good, "{verdict:?}\n{shown}");
            assert_eq!(verdict.tags["a"], signer(&book).algorithm());
            assert_eq!(verdict.tags["t"], "1700000000");
            let header = shown.split("\r\n\r\n").next().unwrap();
            assert!(header.split("\r\n").all(|line| line.len() <= 78), "{header}");
        }
        let changed = changed(&messages[0]);
        for (message, verdict) in changed.iter().zip(verdicts(&changed, &book)) {
            assert!(!verdict.is_good, "{}", String::from_utf8_lossy(message));
        }
    }
}

/// The message with one thing changed that a signature is there to protect.
fn changed(message: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let replaced = [
        ("Disk full\r\n", "Disk fine\r\n"),
        ("Disk full\r\n", "Disk full\r\n\r\nand more\r\n"),
        ("Subject: Critical", "Subject: critical"),
        ("From: alerts@", "From: others@"),
        ("To: ops@", "To: you@"),
        ("Message-ID: <1@", "Message-ID: <2@"),
        ("\r\nDate: ", "\r\nDate:  X"),
        ("References: <2@", "References: <3@"),
        ("charset=utf-8", "charset=utf-7"),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nReply-To: evil@example.net\r\n"),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nSubject: another\r\n"),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nCc: another@example.net\r\n"),
        (" t=1700000000;", " t=1700000001;"),
        ("d=x.example", "d=xn--bcher-kva.example"),
    ];
    let replace = |(from, to)| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from:?} is not in the message: {text}");
        changed.into_bytes()
    };
    replaced.into_iter().map(replace).collect()
}

#[tokio::test]
async fn a_repeated_message_has_the_same_octets() {
    for key in keys() {
        let relay = Relay::builder().start();
        let mut copies = Vec::new();
        for _ in 0..2 {
            // Each with a transport of its own, as after a restart.
            let transport = transport(&settings(&relay, &json!({})), &book(&key));
            let content = content("alerts@x.example", &["ops@example.org"]);
            copies.extend(sent(transport.as_ref(), &relay, content).await);
        }
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0].escape_ascii().to_string(), copies[1].escape_ascii().to_string());
    }
}

#[tokio::test]
async fn a_domain_of_its_own_signs_for_every_sender() {
    let key = ed25519_signing_key();
    let book = book(&key);
    let relay = Relay::builder().start();
    let named = settings(&relay, &json!({"dkim_domain": "Bücher.example"}));
    let transport = transport(&named, &book);
    // Without a sender each recipient gets the message from its own address.
    let content = content("", &["a@one.example", "b@two.example", "c@[192.0.2.1]"]);
    let messages = sent(transport.as_ref(), &relay, content).await;
    assert_eq!(messages.len(), 3);
    for verdict in verdicts(&messages, &book) {
        assert!(verdict.is_good, "{verdict:?}");
        assert_eq!(verdict.tags["d"], "xn--bcher-kva.example");
    }
}

#[tokio::test]
async fn a_sender_without_a_domain_fails_alone() {
    let key = ed25519_signing_key();
    let relay = Relay::builder().start();
    let transport = transport(&settings(&relay, &json!({})), &book(&key));
    let seen = Seen::default();
    let order = order(content("", &["c@[192.0.2.1]", "a@one.example"]));
    let messages = deliver(transport.as_ref(), &relay, order, &seen).await;
    assert_eq!(messages.len(), 1, "the other one is sent");
    let report = seen.reports.lock().unwrap().remove(0);
    let words: Vec<_> = report.outcomes.iter().map(Outcome::as_str).collect();
    assert_eq!(words, ["permanent_failure", "delivered"]);
    let failure = report.outcomes[0].failure().unwrap();
    assert!(failure.diagnostic.contains("dkim_domain"), "{failure:?}");
}

#[tokio::test]
async fn who_watches_sees_who_signed() {
    let key = rsa_signing_key(2_048);
    let relay = Relay::builder().start();
    let transport = transport(&settings(&relay, &json!({})), &book(&key));
    let seen = Seen::default();
    let order = order(content("alerts@x.example", &["ops@example.org"]));
    deliver(transport.as_ref(), &relay, order, &seen).await;
    let stages = seen.stages.lock().unwrap();
    let prepare = &stages[0];
    assert_eq!((prepare.stage.as_str(), prepare.ok), ("prepare", true), "{stages:?}");
    assert_eq!(prepare.detail, ["signed by d=x.example s=mail (rsa-sha256)"]);
}

#[tokio::test]
async fn a_key_that_cannot_sign_sends_nothing() {
    let relay = Relay::builder().start();
    let weak = rsa_signing_key(1_024);
    for (book, words) in
        [(book(&weak), "1024 bits"), (CertificateBook::default(), "there is no certificate object")]
    {
        let transport: Arc<dyn Transport> = transport(&settings(&relay, &json!({})), &book);
        assert!(transport.missing().contains(words), "{}", transport.missing());
        let seen = Seen::default();
        let order = order(content("alerts@x.example", &["ops@example.org"]));
        deliver(transport.as_ref(), &relay, order, &seen).await;
        let report = seen.reports.lock().unwrap().remove(0);
        assert_eq!(report.outcomes[0].as_str(), "transient_failure");
    }
    assert_eq!(relay.connection_count(), 0);
}

#[test]
fn any_body_and_header_of_others_verify_too() {
    // What this server does not compose, but the rules allow.
    let key = ed25519_signing_key();
    let book = book(&key);
    let (signer, name) = (signer(&book), SigningName::new("x.example", "mail").unwrap());
    let mut messages = Vec::new();
    for message in [
        "From: a@x.example\r\n\r\n",
        "From: a@x.example\r\n\r\n\r\n\r\n",
        "From: a@x.example\r\n\r\nno line end",
        "From: a@x.example\r\n\r\n \t\r\n\r\nx \t y\t\r\n \r\n",
        "FROM:a@x.example\r\nSubject:\r\nTo:\r\n\ta@x.example,\r\n\t b@x.example \r\n\r\nx\r\n",
        "From: a@x.example\r\nSubject: Größe \u{a0}ü\r\nTo: пётр@x.example\r\n\r\nüx\r\n",
        "From: a@x.example\r\nReferences: <a@x>\r\n <b@x>\r\nReferences: <c@x>\r\n\r\nx\r\n",
    ] {
        let message = message.as_bytes();
        let digest = Signer::digest(&canonical_body(message));
        let draft = SignatureDraft::new(message, &name, signer.algorithm(), COMPOSED_AT, &digest);
        let signature = signer.sign(draft.signed_octets()).unwrap();
        messages.push(draft.finish(&signature, message));
    }
    for (message, verdict) in messages.iter().zip(verdicts(&messages, &book)) {
        assert!(verdict.is_good, "{verdict:?}\n{}", String::from_utf8_lossy(message));
    }
}
