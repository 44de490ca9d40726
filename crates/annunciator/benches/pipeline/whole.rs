//! Measurements of the whole server, from outside: accept alone, deliver alone, end to end.

use std::thread;
use std::time::{Duration, Instant};

use crate::figures::{Measured, percentile};
use crate::http::{Connection, post_all};
use crate::server::{Server, TOKEN};
use crate::sink::Sink;
use crate::usage::Usage;

/// Connections that events are posted over.
const CONNECTIONS: u32 = 16;
/// Events a second of the measurement of latency.
pub(crate) const RATE: u32 = 10;

/// Acknowledged events a second, when nobody is to be told.
pub(crate) fn accept(count: u32) -> Vec<Measured> {
    let server = Server::start(None);
    let usage = Usage::begin(server.pid());
    let begin = Instant::now();
    post_all(server.port, TOKEN, count, CONNECTIONS);
    let took = begin.elapsed();
    vec![rate("accept", "events/s", count, took, &usage)]
}

/// Queued deliveries that go out in a second.
pub(crate) fn deliver(count: u32) -> Vec<Measured> {
    let sink = Sink::closed();
    let server = Server::start(Some(sink.port));
    post_all(server.port, TOKEN, count, CONNECTIONS);
    server.wait_until_planned();
    let usage = Usage::begin(server.pid());
    let begin = Instant::now();
    sink.open_gate();
    sink.wait_for(count);
    vec![rate("deliver", "mails/s", count, begin.elapsed(), &usage)]
}

/// Events a second from the first POST to the last mail.
pub(crate) fn burst(count: u32) -> Vec<Measured> {
    let sink = Sink::open();
    let server = Server::start(Some(sink.port));
    let usage = Usage::begin(server.pid());
    let begin = Instant::now();
    post_all(server.port, TOKEN, count, CONNECTIONS);
    sink.wait_for(count);
    vec![rate("end to end", "mails/s", count, begin.elapsed(), &usage)]
}

/// Time from the moment an event is due to be posted to the end of its mail.
pub(crate) fn latency(count: u32) -> Vec<Measured> {
    let sink = Sink::open();
    let server = Server::start(Some(sink.port));
    let mut http = Connection::open(server.port).expect("the server listens");
    let begin = Instant::now() + Duration::from_millis(100);
    let due = |number: u32| begin + Duration::from_secs(1) / RATE * number;
    for number in 0..count {
        // Open loop: what comes late because the one before was slow counts as late.
        thread::sleep(due(number).saturating_duration_since(Instant::now()));
        http.post(number, TOKEN);
    }
    let came = sink.wait_for(count);
    let mut waits: Vec<f64> = (0..count)
        .zip(came)
        .map(|(number, at)| at.saturating_duration_since(due(number)).as_secs_f64() * 1_000.0)
        .collect();
    waits.sort_by(f64::total_cmp);
    let row = |name, percent| Measured {
        name,
        unit: "ms",
        value: percentile(&waits, percent),
        cpu_s_per_1000: None,
        rss_mib: None,
    };
    vec![row("latency p50", 50), row("latency p99", 99)]
}

/// So many in that time.
pub(crate) fn rate(
    name: &'static str,
    unit: &'static str,
    count: u32,
    took: Duration,
    usage: &Usage,
) -> Measured {
    Measured {
        name,
        unit,
        value: f64::from(count) / took.as_secs_f64(),
        cpu_s_per_1000: Some(usage.cpu_s_per_1000(count)),
        rss_mib: Some(usage.peak_rss_mib()),
    }
}
