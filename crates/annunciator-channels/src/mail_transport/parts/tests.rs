//! Orders become transactions and come back as one report each.

use std::sync::Arc;

use annunciator_core::{
    ChannelName, Content, EventUid, NotificationId, Scope, Severity, Timestamp,
};
use tokio::time::Instant;

use super::*;

#[derive(Default)]
struct Collected {
    waiting: Mutex<VecDeque<Order>>,
    reports: Mutex<Vec<(u64, Vec<&'static str>)>>,
}

impl OrderFeed for Collected {
    fn next(&self) -> Option<Order> {
        self.waiting.lock().unwrap().pop_front()
    }

    fn report(&self, tag: u64, report: AttemptReport) {
        let outcomes = report.outcomes.iter().map(Outcome::as_str).collect();
        self.reports.lock().unwrap().push((tag, outcomes));
    }
}

fn order(tag: u64, sender: &str, addresses: &[&str]) -> Order {
    let recipients: Vec<_> = addresses
        .iter()
        .map(|address| Recipient { address: (*address).to_owned(), role: RecipientRole::To })
        .collect();
    let scope = Scope {
        application: String::new(),
        event_type: String::new(),
        severity: Severity::Info,
        device: String::new(),
        group: String::new(),
        conditions: Vec::new(),
    };
    let content = Content {
        subject: "s".into(),
        text: "t".into(),
        html: None,
        sender: sender.into(),
        recipients: recipients.clone(),
        message_id: "1@host.example".into(),
        thread_id: "2@host.example".into(),
        event_id: "e".into(),
        command: None,
        pictures: Vec::new(),
    };
    let notification = Notification {
        id: NotificationId::from_parts(1, [0; 10]),
        event: EventUid::from_parts(1, [0; 10]),
        channel: ChannelName::from_static("email"),
        created_at: Timestamp(0),
        scope,
        content,
    };
    Order {
        tag,
        notification: Arc::new(notification),
        recipients,
        prefer_server: None,
        deadline: Instant::now(),
        dry_run: false,
        trace: false,
        fresh_connection: false,
    }
}

fn paths(submission: &Submission) -> (String, Vec<String>) {
    let envelope = &submission.envelope;
    let forward = envelope.forward_paths().iter().map(|path| path.0.as_str().to_owned());
    (envelope.reverse_path().to_owned(), forward.collect())
}

fn delivered(count: usize) -> Report {
    Report { outcomes: vec![Outcome::Delivered; count], facts: AttemptFacts::default() }
}

#[test]
fn with_a_sender_all_recipients_share_one_transaction() {
    let feed = Collected::default();
    let parts = Parts::new(&feed, "", false);
    parts.take(&order(7, "s@x.example", &["a@x.example", "b@bücher.example"]));
    let submission = parts.next_taken().expect("one");
    let expected = vec!["a@x.example".to_owned(), "b@xn--bcher-kva.example".to_owned()];
    assert_eq!(paths(&submission), ("s@x.example".to_owned(), expected));
    assert!(parts.next_taken().is_none());
    Feed::report(&parts, submission.tag, delivered(2));
    assert_eq!(*feed.reports.lock().unwrap(), [(7, vec!["delivered", "delivered"])]);
}

#[test]
fn without_a_sender_each_recipient_gets_it_from_its_own_address() {
    let feed = Collected::default();
    let parts = Parts::new(&feed, "", false);
    parts.take(&order(7, "", &["a@x.example", "b@x.example"]));
    let first = parts.next_taken().expect("one");
    let second = Feed::next(&parts).expect("two");
    assert_eq!(paths(&first), ("a@x.example".into(), vec!["a@x.example".into()]));
    assert_eq!(paths(&second), ("b@x.example".into(), vec!["b@x.example".into()]));
    let text = String::from_utf8(second.content.to_vec()).unwrap();
    assert!(text.contains("From: b@x.example\r\n") && text.contains("To: b@x.example\r\n"));
    assert!(!text.contains("a@x.example"), "others are not named: {text}");
    let failure = prepare_failure(FailureScope::Delivery, "no");
    let refused = Report {
        outcomes: vec![Outcome::PermanentFailure(failure)],
        facts: AttemptFacts::default(),
    };
    Feed::report(&parts, second.tag, refused);
    assert!(feed.reports.lock().unwrap().is_empty(), "the order is not finished");
    Feed::report(&parts, first.tag, delivered(1));
    assert_eq!(*feed.reports.lock().unwrap(), [(7, vec!["delivered", "permanent_failure"])]);
}

#[test]
fn a_transport_without_servers_holds_the_lane_and_a_bad_address_fails_alone() {
    let feed = Collected::default();
    let parts = Parts::new(&feed, "no SMTP servers are set", false);
    parts.take(&order(1, "s@x.example", &["a@x.example"]));
    assert_eq!(*feed.reports.lock().unwrap(), [(1, vec!["transient_failure"])]);
    let feed = Collected::default();
    feed.waiting.lock().unwrap().push_back(order(2, "s@x.example", &["not an address"]));
    feed.waiting.lock().unwrap().push_back(order(3, "s@x.example", &["a@x.example"]));
    let parts = Parts::new(&feed, "", false);
    let next = Feed::next(&parts).expect("the good one behind the bad one");
    assert_eq!(paths(&next).1, ["a@x.example"]);
    assert_eq!(*feed.reports.lock().unwrap(), [(2, vec!["permanent_failure"])]);
}

#[test]
fn recipients_that_need_smtputf8_get_a_transaction_of_their_own() {
    let feed = Collected::default();
    let parts = Parts::new(&feed, "", false);
    parts.take(&order(7, "s@x.example", &["a@x.example", "пётр@x.example", "b@x.example"]));
    let first = parts.next_taken().expect("one");
    assert_eq!(paths(&first).1, ["a@x.example", "b@x.example"]);
    assert!(first.content.is_ascii(), "the others are not named to a relay without SMTPUTF8");
    let second = parts.next_taken().expect("two");
    assert_eq!(paths(&second).1, ["пётр@x.example"]);
}

#[test]
fn a_relay_in_trouble_is_asked_once_for_an_order_of_several_transactions() {
    let feed = Collected::default();
    let parts = Parts::new(&feed, "", false);
    parts.take(&order(7, "", &["a@x.example", "b@x.example", "c@x.example"]));
    let first = parts.next_taken().expect("one");
    let failure = prepare_failure(FailureScope::Relay, "connection refused");
    let outcomes = vec![Outcome::TransientFailure(failure)];
    Feed::report(&parts, first.tag, Report { outcomes, facts: AttemptFacts::default() });
    assert!(parts.next_taken().is_none());
    assert_eq!(*feed.reports.lock().unwrap(), [(7, vec!["transient_failure"; 3])]);
}
