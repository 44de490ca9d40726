//! Sixteen senders, three kills, an outage of the relay and a wall clock moved by two days either
//! way: by the relay's own record no period sees more messages than the limit, and the summaries
//! tell exactly what the ledger holds as limited.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use annunciator_testkit::http::Client;
use annunciator_testkit::process::{Launch, faked_clock};
use annunciator_testkit::relay::{Action, Message, Relay, Stage, When};
use serde_json::{Value, json};

use crate::support::{BINARY, Site, critical, email_settings, eventually_within};

const SENDERS: usize = 16;
const COUNT: usize = 5;
const PERIOD: Duration = Duration::from_secs(2);
/// The relay is this slow, so that a kill meets attempts under way.
const RELAY_DELAY: Duration = Duration::from_millis(60);
/// Pause of a sender after each event.
const SENDER_PAUSE: Duration = Duration::from_millis(150);
/// Longest wait for what takes a few periods.
const LIMIT: Duration = Duration::from_secs(60);

struct Load {
    address: SocketAddr,
    token: String,
    next: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    /// Posts events until the end; what is not answered counts for nothing.
    fn post(&self) {
        let client = Client::new(self.address).token(&self.token).keep_alive();
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let event = critical(&format!("type.{}", number % 7)).json();
            if let Ok(answer) = client.post("/api/v1/events", &event) {
                assert!(matches!(answer.status, 202 | 503), "{answer}");
            }
            std::thread::sleep(SENDER_PAUSE);
        }
    }
}

/// Waits until so many more messages have arrived.
fn wait_for_more(relay: &Relay, what: &str, more: usize) {
    let wanted = relay.message_count() + more;
    eventually_within(LIMIT, what, || {
        let count = relay.message_count();
        if count >= wanted { Ok(()) } else { Err(format!("{count} of {wanted} messages")) }
    });
}

/// Kills the server while an attempt is under way, moves the clock, and starts it again.
fn die(site: &mut Site, relay: &Relay, clock: Option<(&Path, &str)>) {
    wait_for_more(relay, "an attempt under way", 1);
    site.server.kill9();
    if let Some((file, offset)) = clock {
        std::fs::write(file, offset).unwrap();
    }
    site.server.restart();
}

fn run_through_it_all(site: &mut Site, relay: &Relay, clock: &Path) {
    wait_for_more(relay, "mail at the beginning", 2 * COUNT);
    die(site, relay, None);
    wait_for_more(relay, "mail after a kill", COUNT);
    relay.go_down();
    std::thread::sleep(2 * PERIOD);
    relay.come_up();
    wait_for_more(relay, "mail after the outage", 2 * COUNT);
    std::fs::write(clock, "+2d").unwrap();
    wait_for_more(relay, "mail with the clock set forward", 2 * COUNT);
    die(site, relay, None);
    wait_for_more(relay, "mail after a kill with the clock set forward", COUNT);
    std::fs::write(clock, "+0").unwrap();
    wait_for_more(relay, "mail with the clock set back", 2 * COUNT);
    die(site, relay, Some((clock, "-2d")));
    wait_for_more(relay, "mail with the clock set back while the server was down", 2 * COUNT);
    std::fs::write(clock, "+0").unwrap();
    wait_for_more(relay, "mail with the right time", COUNT);
}

/// No period sees more than the limit; by the relay's own time of each arrival.
pub(crate) fn check_periods(messages: &[Message], limit: usize, period: Duration) {
    let mut times: Vec<Instant> = messages.iter().map(|message| message.at).collect();
    times.sort_unstable();
    for window in times.windows(limit + 1) {
        let span = window[limit].duration_since(window[0]);
        assert!(span > period, "{} messages in {span:?}", limit + 1);
    }
}

/// How many the summaries tell that arrived, each once.
fn told_by_mail(messages: &[Message]) -> usize {
    let mut told = BTreeMap::new();
    for message in messages {
        let subject = message.header("Subject").unwrap_or_default();
        if let Some(rest) = subject.strip_prefix("Summary: ") {
            let count: usize = rest.split(' ').next().unwrap().parse().expect("a number");
            told.insert(message.header("Message-ID").unwrap(), count);
        }
    }
    assert!(told.len() >= 5, "{} summaries", told.len());
    told.values().sum()
}

#[test]
fn crash_limit_holds_over_senders_restarts_outage_and_clock() {
    let relay =
        Relay::builder().on(Stage::DataEnd, When::Always, Action::Delay(RELAY_DELAY)).start();
    let folder = tempfile::tempdir().unwrap();
    let clock: PathBuf = folder.path().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let mut launch = Launch::new(Path::new(BINARY), folder.path());
    for (name, value) in faked_clock(&clock) {
        launch = launch.environment(name, &value);
    }
    let mut site = Site::of(launch, folder);
    let mut email = email_settings(relay.port());
    email["limit"] = json!({"count": COUNT, "period_s": PERIOD.as_secs()});
    site.save(&json!({ "email": email, "delivery": { "lifetime_s": 2_592_000 } }));
    let load = Load {
        address: site.server.address(),
        token: site.server.token().to_owned(),
        next: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| load.post());
        }
        let end = End(&load);
        run_through_it_all(&mut site, &relay, &clock);
        drop(end);
    });
    eventually_within(LIMIT, "every summary out", || {
        let limits = site.get("/api/v1/status")["limits"].clone();
        if limits == json!([]) { Ok(()) } else { Err(limits.to_string()) }
    });
    eventually_within(LIMIT, "nothing left in the queue", || {
        let lanes = site.get("/api/v1/status")["lanes"].clone();
        if lanes[0]["queued"] == 0 { Ok(()) } else { Err(lanes.to_string()) }
    });
    site.wait_until_idle();
    let log = site.server.log();
    for words in
        ["the wall clock was set;", "the wall clock was set back while the server was down"]
    {
        assert!(log.contains(words), "the clock was not moved: no `{words}`");
    }
    let messages = relay.messages();
    check_periods(&messages, COUNT, PERIOD);
    let limited = |event: &Value| {
        let decisions = event["decisions"].as_array().into_iter().flatten();
        decisions.filter(|decision| decision["decision"] == "limited").count()
    };
    let events = site.events();
    let in_ledger: usize = events.iter().map(limited).sum();
    assert!(in_ledger > 100, "{in_ledger} limited of {}", events.len());
    assert_eq!(told_by_mail(&messages), in_ledger, "of {} events", events.len());
}

/// Ends the load, also when the test fails: else its threads would go on for ever.
struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}
