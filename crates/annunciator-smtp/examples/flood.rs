//! Hands N messages to a relay as fast as it takes them, for profiling.
//!
//! `flood HOST:PORT [messages] [connections] [octets] [--chunking]`

use std::env;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annunciator_core::Outcome;
use annunciator_smtp::{
    Client, Envelope, Extensions, Feed, ForwardPath, Limits, Mailbox, Relay, Report, ReversePath,
    Submission, TlsPolicy,
};
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

struct Flood {
    left: AtomicU64,
    delivered: AtomicU64,
    failure: Mutex<Option<Outcome>>,
    envelope: Envelope,
    content: Bytes,
}

impl Feed for Flood {
    fn next(&self) -> Option<Submission> {
        let less = |left: u64| left.checked_sub(1);
        let tag = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(Submission {
            tag,
            envelope: self.envelope.clone(),
            content: self.content.clone(),
            needs_8bit: false,
            prefer_server: None,
            deadline: Instant::now() + Duration::from_secs(60),
            envelope_id: String::new(),
            dry_run: false,
            trace: false,
            fresh_connection: false,
        })
    }

    fn report(&self, _tag: u64, report: Report) {
        for outcome in report.outcomes {
            match outcome {
                Outcome::Delivered => {
                    self.delivered.fetch_add(1, Ordering::Relaxed);
                }
                other => *self.failure.lock().expect("nobody panics with it") = Some(other),
            }
        }
    }
}

fn argument(at: usize, default: usize) -> usize {
    env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2525".to_owned());
    let (host, port) = target.rsplit_once(':').ok_or("HOST:PORT")?;
    let (messages, connections) = (argument(2, 20_000), argument(3, 10));
    let line = "0123456789".repeat(7) + "\r\n";
    let content = format!("Subject: flood\r\n\r\n{}", line.repeat(argument(4, 2_048) / line.len()));
    let envelope = Envelope::new(
        ReversePath(Some(Mailbox::new("from@example.org")?)),
        vec![ForwardPath(Mailbox::new("to@example.org")?)],
    )?;
    let feed = Arc::new(Flood {
        left: AtomicU64::new(messages as u64),
        delivered: AtomicU64::new(0),
        failure: Mutex::default(),
        envelope,
        content: content.into(),
    });
    let relay = Arc::new(Relay {
        hosts: vec![host.to_owned()],
        port: port.parse()?,
        tls: TlsPolicy::Off,
        extensions: Extensions {
            chunking: env::args().any(|argument| argument == "--chunking"),
            ..Extensions::default()
        },
        hello_name: "flood.example.org".into(),
        limits: Limits { connections_max: connections, ..Limits::default() },
        ..Relay::default()
    });
    let (client, begun) = (Client::default(), Instant::now());
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (client, feed, relay) = (client.clone(), Arc::clone(&feed), Arc::clone(&relay));
        tasks.spawn(async move {
            while let Some(first) = feed.next() {
                client.deliver(&relay, first, &*feed).await;
            }
        });
    }
    tasks.join_all().await;
    let (took, delivered) = (begun.elapsed(), feed.delivered.load(Ordering::Relaxed));
    let rate = delivered as f64 / took.as_secs_f64();
    let mut output = std::io::stdout();
    writeln!(output, "{delivered} of {messages} delivered in {took:.2?}: {rate:.0} messages/s")?;
    if let Some(outcome) = &*feed.failure.lock().expect("nobody panics with it") {
        writeln!(output, "last failure: {outcome:?}")?;
    }
    Ok(())
}
