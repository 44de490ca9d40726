//! The relay against a hand-written client over plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// A client that knows no protocol: it sends octets and reads replies.
struct Hand {
    stream: BufReader<TcpStream>,
}

impl Hand {
    /// Connects without reading the greeting.
    fn connect(relay: &Relay) -> Self {
        let stream = TcpStream::connect(relay.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Connects, reads the greeting and says EHLO.
    fn greeted(relay: &Relay) -> Self {
        let mut hand = Self::connect(relay);
        assert!(hand.read().starts_with("220 "));
        assert!(hand.ask("EHLO client.test\r\n").starts_with("250-"));
        hand
    }

    fn write(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(octets.as_ref()).unwrap();
    }

    /// A whole reply; empty when the relay has closed.
    fn read(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            match self.stream.read_line(&mut reply) {
                Ok(0) => return reply,
                Ok(_) if reply.as_bytes()[start..].get(3) == Some(&b'-') => {}
                Ok(_) => return reply,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return reply,
                Err(error) => panic!("{error} after {reply:?}"),
            }
        }
    }

    fn ask(&mut self, octets: impl AsRef<[u8]>) -> String {
        self.write(octets);
        self.read()
    }

    /// Sends a message step by step; the reply to the final dot.
    fn mail(&mut self, to: &[&str], content: &str) -> String {
        assert!(self.ask("MAIL FROM:<from@example.org>\r\n").starts_with("250 "));
        for address in to {
            self.ask(format!("RCPT TO:<{address}>\r\n"));
        }
        assert!(self.ask("DATA\r\n").starts_with("354 "));
        self.ask(format!("{content}.\r\n"))
    }
}

fn texts(relay: &Relay) -> Vec<String> {
    relay.violations().into_iter().map(|violation| violation.text).collect()
}

#[test]
fn a_good_session_is_recorded_with_everything_and_no_violation() {
    let relay = Relay::builder().start();
    let before = Instant::now();
    let mut hand = Hand::greeted(&relay);
    let reply = hand.mail(&["a@x.test", "b@x.test"], "Subject: one\r\n two\r\n\r\n..dot\r\n..\r\n");
    assert_eq!(reply, "250 2.0.0 taken as 1-1\r\n");
    hand.mail(&["c@x.test"], "Subject: next\r\n\r\n");
    assert!(hand.ask("RSET\r\n").starts_with("250 ") && hand.ask("NOOP\r\n").starts_with("250 "));
    assert!(hand.ask("QUIT\r\n").starts_with("221 "));
    assert_eq!(hand.read(), "", "closed after QUIT");

    let messages = relay.wait_for_messages(2, LIMIT).unwrap();
    let first = &messages[0];
    assert_eq!(first.reverse_path, "from@example.org");
    assert_eq!(first.forward_paths, ["a@x.test", "b@x.test"]);
    assert_eq!(first.raw, b"Subject: one\r\n two\r\n\r\n.dot\r\n.\r\n");
    assert_eq!(first.header("subject").as_deref(), Some("one two"));
    assert_eq!((first.connection, first.nth_in_connection, first.tls), (1, 1, false));
    assert!(first.at >= before && messages[1].at >= first.at);
    assert_eq!(messages[1].nth_in_connection, 2);
    relay.wait_until("the end", LIMIT, |relay| relay.open_connections() == 0).unwrap();
    let [connection] = &relay.connections()[..] else { panic!("one connection") };
    assert_eq!(connection.ehlo_names, ["client.test"]);
    assert_eq!(connection.commands[1], "MAIL FROM:<from@example.org>");
    assert_eq!((connection.messages, connection.end.as_deref()), (2, Some("the client quit")));
    assert!(relay.transcript().contains("[1] C: RCPT TO:<b@x.test>\n[1] S: 250 2.1.5"));
    assert_eq!(texts(&relay), [""; 0]);
}

/// Which violations these octets, sent in one write after EHLO, lead to.
fn check(builder: RelayBuilder, octets: &[u8], expected: &[&str]) {
    let relay = builder.start();
    let mut hand = Hand::greeted(&relay);
    // One write, so that all of it is there when the first command is obeyed.
    hand.write([octets, b"QUIT\r\n"].concat());
    while !hand.read().is_empty() {}
    let found = texts(&relay);
    let shown = String::from_utf8_lossy(octets);
    assert_eq!(found.len(), expected.len(), "{shown:?}: {found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{shown:?}: {found:?}");
    }
}

#[test]
fn each_breach_of_the_protocol_is_a_violation() {
    let usual = Relay::builder;
    let mail = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n";
    for (octets, expected) in [
        ("RSET\n", "bare LF"),
        ("MAIL FROM:<a\rb@x>\r\n", "bare CR"),
        ("MAIL FROM:<a\0b@x>\r\n", "NUL"),
        ("MAIL FROM: <a@x>\r\n", "space behind FROM:"),
        ("MAIL FROM:a@x\r\n", "malformed path"),
        ("MAIL FROM:<a@x> RET=HDRS\r\n", "RET was not announced"),
        ("MAIL FROM:<a@x> SIZE=9\r\n", "SIZE was not announced"),
        ("MAIL FROM:<ä@x>\r\n", "without SMTPUTF8"),
        ("MAIL FROM:<a@x>\r\nMAIL FROM:<a@x>\r\n", "within a transaction"),
        ("RCPT TO:<b@x>\r\n", "RCPT without MAIL"),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<>\r\n", "empty forward-path"),
        ("MAIL FROM:<a@x>\r\nRCPT TO:<b@x> NOTIFY=NEVER\r\n", "NOTIFY was not announced"),
    ] {
        check(usual(), octets.as_bytes(), &[expected]);
    }
    let too_long = format!("RSET{}\r\n", " ".repeat(507));
    check(usual(), too_long.as_bytes(), &["513 octets"]);
    let utf8 = format!("{}RSET\r\n", mail.replace("<a@x>", "<ä@x> SMTPUTF8 BODY=8BITMIME"));
    check(usual(), utf8.as_bytes(), &[]);
    check(usual(), format!("{mail}RSET\r\n").as_bytes(), &[]);
}

#[test]
fn tls_on_a_plain_port_is_greeted_and_no_violation_of_smtp() {
    // A line end within the octets must not make commands of them.
    let hello = b"\x16\x03\x01\x00\x05\x01\x00\r\nEHLO\r\n";
    for waits in [true, false] {
        let relay = Relay::builder().start();
        let mut hand = Hand::connect(&relay);
        if waits {
            assert!(hand.read().starts_with("220 "));
            hand.write(hello);
        } else {
            hand.write(hello);
            assert!(hand.read().starts_with("220 "));
        }
        assert_eq!(hand.read(), "", "the relay closes");
        drop(hand);
        relay.wait_until("an end", LIMIT, |relay| relay.open_connections() == 0).unwrap();
        assert_eq!(texts(&relay), [""; 0], "waits: {waits}");
        let end = relay.connections()[0].end.clone();
        assert_eq!(end.as_deref(), Some("the client began TLS on a plain port"));
    }
}

#[test]
fn commands_that_must_wait_are_violations_when_they_do_not() {
    let mail = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n";
    let plain = || Relay::builder().bare();
    check(plain(), b"RSET\r\nRSET\r\n", &["sent ahead"; 2]);
    check(plain(), mail.as_bytes(), &["sent ahead"; 2]);
    let usual = Relay::builder;
    check(usual(), b"NOOP\r\nRSET\r\n", &["NOOP"]);
    check(usual(), b"EHLO again.test\r\nRSET\r\n", &["EHLO"]);
    check(usual(), b"DATA\r\n", &["DATA before its reply", "DATA without MAIL"]);
    check(usual(), b"STARTTLS\r\n", &["STARTTLS before its reply", "not announced"]);
    check(usual(), b"AUTH PLAIN AHUAcA==\r\n", &["AUTH before its reply", "not announced"]);
    check(usual(), b"BDAT 5\r\n", &["BDAT before its reply", "unknown command"]);
}

/// Which violations a message with this content leads to.
fn check_content(parameters: &str, content: &[u8], expected: &[&str]) {
    let relay = Relay::builder().start();
    let mut hand = Hand::greeted(&relay);
    hand.write(format!("MAIL FROM:<a@x>{parameters}\r\nRCPT TO:<b@x>\r\nDATA\r\n"));
    assert_eq!(
        [hand.read(), hand.read(), hand.read()].map(|it| it[..3].to_owned()),
        ["250", "250", "354"]
    );
    hand.write(content);
    assert!(hand.ask("\r\n.\r\n").starts_with("250 "));
    assert_eq!(texts(&relay), expected);
    assert_eq!(relay.message_count(), 1);
}

#[test]
fn message_lines_are_held_to_the_standard() {
    let long = [b'x'; 999];
    check_content("", &long[..998], &[]);
    check_content("", &long, &["line of more than 998 octets in a message"]);
    check_content("", &[b"..", &long[..997]].concat(), &[]);
    check_content("", b"a\nb", &["bare LF in a message"]);
    check_content("", b"a\n.\nb", &["bare LF in a message"]);
    check_content("", b"a\r\n.\nb", &["bare LF in a message"]);
    check_content("", b"a\rb", &["bare CR in a message"]);
    check_content("", b"a\r\r\nb", &["bare CR in a message"]);
    check_content("", b"a\0b\0c", &["NUL in a message"]);
    check_content("", b".a", &["line begins with a dot that is not doubled"]);
    check_content("", "ä".as_bytes(), &["octets above 127 without BODY=8BITMIME"]);
    check_content(" BODY=8BITMIME", "ä".as_bytes(), &[]);
}

#[test]
fn a_violation_nobody_has_read_fails_the_test() {
    let dropped = std::panic::catch_unwind(|| {
        let relay = Relay::builder().start();
        let mut hand = Hand::greeted(&relay);
        assert!(hand.ask("RCPT TO:<b@x>\r\n").starts_with("503 "));
    });
    let text = dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("RCPT without MAIL"), "{text}");
}

#[test]
fn a_pipelined_group_is_answered_in_order_also_behind_a_refusal() {
    let relay = Relay::builder()
        .on(Stage::Mail, for_address("bad@x"), reply("550 5.7.1 not you"))
        .on(Stage::Rcpt, for_address("bad@x"), reply("550 5.1.1 no such user"))
        .start();
    let mut hand = Hand::greeted(&relay);
    let mut codes = |octets: &str, n: usize| {
        hand.write(octets);
        (0..n).map(|_| hand.read()[..3].to_owned()).collect::<Vec<_>>()
    };
    let group = "MAIL FROM:<a@x>\r\nRCPT TO:<bad@x>\r\nRCPT TO:<good@x>\r\nDATA\r\n";
    assert_eq!(codes(group, 4), ["250", "550", "250", "354"]);
    // The dot and the next group in one write, as RFC 2920 section 3.1 allows.
    let group = "hi\r\n.\r\nMAIL FROM:<bad@x>\r\nRCPT TO:<good@x>\r\nDATA\r\n";
    assert_eq!(codes(group, 4), ["250", "550", "503", "503"]);
    let group = "MAIL FROM:<a@x>\r\nRCPT TO:<bad@x>\r\nDATA\r\n";
    assert_eq!(codes(group, 3), ["250", "550", "554"]);
    assert_eq!(relay.messages()[0].forward_paths, ["good@x"]);
    assert_eq!(texts(&relay), [""; 0]);
}

#[test]
fn faults_act_at_their_stage_and_occasion() {
    let relay = Relay::builder()
        .on(Stage::Greeting, When::OnConnection(1), reply("421 4.3.2 not now"))
        .on(Stage::Connect, When::OnConnection(2), Action::Close)
        .on(Stage::Rcpt, for_address("bad@*").and(When::Times(1)), reply("450 4.2.1 later"))
        .on(Stage::DataEnd, When::Times(1), reply("451 4.3.0 try again"))
        .on(Stage::DataEnd, When::OnConnection(4), Action::Close)
        .on(Stage::DataEnd, When::OnConnection(5), Action::ReplyThenClose("250 ok".into()))
        .on(Stage::Ehlo, When::OnConnection(6), Action::CloseAfterReading)
        .on(Stage::Ehlo, When::OnConnection(7), Action::Raw(b"250-x\r\n250 SIZE 9\r\n".to_vec()))
        .start();
    let mut first = Hand::connect(&relay);
    assert_eq!([first.read(), first.read()], ["421 4.3.2 not now\r\n", ""]);
    assert_eq!(Hand::connect(&relay).read(), "");

    let mut third = Hand::greeted(&relay);
    assert_eq!(third.mail(&["a@x"], "x\r\n"), "451 4.3.0 try again\r\n");
    assert!(third.ask("MAIL FROM:<a@x>\r\n").starts_with("250 "));
    assert_eq!(third.ask("RCPT TO:<bad@x>\r\n"), "450 4.2.1 later\r\n");
    assert!(third.ask("RCPT TO:<bad@x>\r\n").starts_with("250 "));
    assert_eq!(relay.refused_messages().len(), 1);

    assert_eq!(Hand::greeted(&relay).mail(&["a@x"], "x\r\n"), "", "closed without a reply");
    assert_eq!(relay.messages()[0].reply, None);
    let mut fifth = Hand::greeted(&relay);
    assert_eq!([fifth.mail(&["a@x"], "x\r\n"), fifth.read()], ["250 ok\r\n", ""]);

    let mut sixth = Hand::connect(&relay);
    sixth.read();
    assert_eq!(sixth.ask("EHLO client.test\r\n"), "");
    let mut seventh = Hand::connect(&relay);
    seventh.read();
    assert_eq!(seventh.ask("EHLO client.test\r\n"), "250-x\r\n250 SIZE 9\r\n");
    assert!(seventh.ask("MAIL FROM:<a@x> SIZE=1\r\n").starts_with("250 "), "SIZE was announced");
    relay.behave();
    assert!(Hand::greeted(&relay).mail(&["a@x"], "x\r\n").starts_with("250 "));
}

#[test]
fn slow_and_silent_relays_take_their_time() {
    let pause = Duration::from_millis(20);
    let relay = Relay::builder()
        .on(Stage::Greeting, When::OnConnection(1), Action::DripFeed { every: pause })
        .on(Stage::Greeting, When::OnConnection(2), Action::Delay(pause))
        .on(Stage::Greeting, When::OnConnection(3), Action::Silence)
        .start();
    let start = Instant::now();
    assert_eq!(Hand::connect(&relay).read(), "220 relay.test ESMTP scripted relay\r\n");
    assert!(start.elapsed() >= 36 * pause, "37 octets, a pause between each two");
    let start = Instant::now();
    assert!(Hand::connect(&relay).read().starts_with("220 "));
    assert!(start.elapsed() >= pause);
    let mut silent = Hand::connect(&relay);
    silent.stream.get_ref().set_read_timeout(Some(pause)).unwrap();
    let error = silent.stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "open, and no octet");
    drop(silent);
    relay.wait_until("all closed", LIMIT, |relay| relay.open_connections() == 0).unwrap();
    assert_eq!(relay.connections()[2].end.as_deref(), Some("the client gave up on a silent relay"));
}

#[test]
fn a_relay_that_is_down_refuses_and_comes_back_on_its_port() {
    let relay = Relay::builder().start();
    for round in 0..5 {
        let mut hand = Hand::greeted(&relay);
        relay.go_down();
        assert_eq!(hand.read(), "", "open connections end");
        assert_eq!(relay.open_connections(), 0);
        let error = TcpStream::connect(relay.address()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        relay.go_down();
        relay.come_up();
        relay.come_up();
        Hand::greeted(&relay).mail(&["a@x"], "x\r\n");
        assert_eq!(relay.message_count(), round + 1);
    }
}

#[test]
fn limits_are_kept() {
    let relay = Relay::builder().size(100).messages_per_connection(2).connections(1).start();
    let mut hand = Hand::greeted(&relay);
    assert!(Hand::connect(&relay).read().starts_with("421 "), "a second connection");
    assert!(hand.ask("MAIL FROM:<a@x> SIZE=101\r\n").starts_with("552 "));
    assert!(hand.mail(&["a@x"], &"x\r\n".repeat(40)).starts_with("552 "));
    assert!(hand.mail(&["a@x"], "x\r\n").starts_with("250 "));
    assert!(hand.ask("MAIL FROM:<a@x>\r\n").starts_with("421 "));
    assert_eq!(hand.read(), "");
    assert_eq!((relay.message_count(), relay.refused_messages().len()), (1, 1));
}

#[test]
fn authentication_is_checked_and_recorded() {
    let relay =
        Relay::builder().auth(&["PLAIN", "LOGIN"]).user("user", "pass").require_auth().start();
    let mut hand = Hand::greeted(&relay);
    assert!(hand.ask("MAIL FROM:<a@x>\r\n").starts_with("530 "));
    assert!(hand.ask("AUTH PLAIN AHVzZXIAd3Jvbmc=\r\n").starts_with("535 "));
    assert_eq!(hand.ask("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\r\n");
    assert_eq!(hand.ask("dXNlcg==\r\n"), "334 UGFzc3dvcmQ6\r\n");
    assert!(hand.ask("cGFzcw==\r\n").starts_with("235 "));
    hand.mail(&["a@x"], "x\r\n");
    assert_eq!(relay.messages()[0].auth_user.as_deref(), Some("user"));
    let auth = relay.connections()[0].auth.clone();
    let seen: Vec<_> = auth
        .iter()
        .map(|one| {
            (one.mechanism.as_str(), one.identity.as_str(), one.secret.as_str(), one.accepted)
        })
        .collect();
    assert_eq!(seen, [("PLAIN", "user", "wrong", false), ("LOGIN", "user", "pass", true)]);
}

#[test]
fn octets_can_be_injected_behind_the_220_of_starttls() {
    let injected = b"220 go\r\n250-relay.test\r\n250 AUTH PLAIN\r\n".to_vec();
    let tls = TlsSetup::new(&crate::certificates::self_signed(&["127.0.0.1"]));
    let relay = Relay::builder()
        .starttls(&tls)
        .on(Stage::StartTls, When::Always, Action::Raw(injected))
        .start();
    let mut hand = Hand::greeted(&relay);
    assert_eq!(hand.ask("STARTTLS\r\n"), "220 go\r\n");
    assert_eq!(hand.read(), "250-relay.test\r\n250 AUTH PLAIN\r\n");
    hand.write("MAIL FROM:<in@clear>\r\n");
    hand.read();
    relay.wait_until("a failure", LIMIT, |it| it.connections()[0].tls_error.is_some()).unwrap();
}

#[test]
fn data_behind_starttls_is_a_violation() {
    let tls = TlsSetup::new(&crate::certificates::self_signed(&["127.0.0.1"]));
    let relay = Relay::builder().starttls(&tls).start();
    let mut hand = Hand::greeted(&relay);
    assert!(hand.ask("STARTTLS\r\nEHLO too.early\r\n").starts_with("220 "));
    drop(hand);
    relay.wait_until("the end", LIMIT, |relay| relay.open_connections() == 0).unwrap();
    let [violation] = &texts(&relay)[..] else { panic!("one violation: {:?}", texts(&relay)) };
    assert!(violation.contains("STARTTLS"), "{violation}");
}

#[tokio::test]
async fn waiting_in_a_task_leaves_the_thread_to_others() {
    let relay = Relay::builder().start();
    let address = relay.address();
    // Runs on this very thread, so a wait that blocked it would never be met.
    let client = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut chunk = [0; 1024];
        for octets in [
            "EHLO c.test\r\n",
            "MAIL FROM:<>\r\n",
            "RCPT TO:<b@x>\r\n",
            "DATA\r\n",
            ".\r\n",
            "QUIT\r\n",
        ] {
            assert_ne!(stream.read(&mut chunk).await.unwrap(), 0);
            stream.write_all(octets.as_bytes()).await.unwrap();
        }
    });
    let messages = relay.wait_for_messages_in_task(1, LIMIT).await.unwrap();
    assert_eq!((messages[0].reverse_path.as_str(), messages[0].raw.len()), ("", 0));
    client.await.unwrap();
    let short = Duration::from_millis(1);
    let error = relay.wait_for_messages_in_task(2, short).await.unwrap_err().to_string();
    assert!(error.contains("2 messages") && error.contains("1 taken"), "{error}");
}

#[test]
fn counting_takes_ten_thousand_messages_and_keeps_little() {
    const MESSAGES: usize = 10_000;
    let relay = Relay::builder().counting_only().start();
    let mut hand = Hand::greeted(&relay);
    let body = "x".repeat(70) + "\r\n";
    let body = body.repeat(25);
    for n in 0..MESSAGES {
        hand.write("MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
        for code in ["250 ", "250 ", "354 "] {
            assert!(hand.read().starts_with(code));
        }
        let header = format!("Message-ID: <{n}@x>\r\nSubject: s {n}\r\nTo: b@x\r\n\r\n");
        assert!(hand.ask(format!("{header}{body}.\r\n")).starts_with("250 "));
    }
    let messages = relay.wait_for_messages(MESSAGES, LIMIT).unwrap();
    let last = &messages[MESSAGES - 1];
    assert_eq!(last.header("Message-ID"), Some(format!("<{}@x>", MESSAGES - 1)));
    assert_eq!(last.forward_paths, ["b@x"]);
    assert!(last.raw.len() < 100 && last.octets > 1_800);
    assert_eq!((relay.dialogue().len(), relay.take_messages().len()), (0, MESSAGES));
    assert_eq!((relay.messages().len(), relay.message_count()), (0, MESSAGES));
}
