//! Clients that send their headers for ever hold up nobody, and are cut off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Site, client_with, critical, eventually_within};

/// More than the 256 connections that one address may have.
const SLOW: usize = 300;
/// A header is awaited for 10 seconds; a busy machine may be late.
const CUT_WITHIN: Duration = Duration::from_secs(15);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long a request line with one more header field keeps a connection slow.
const DRIP_EVERY: Duration = Duration::from_millis(500);

/// Whether the server has closed this connection.
fn is_cut(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1_024]) {
        Ok(0) => true,
        // An answer such as 408 comes before the end.
        Ok(_) => is_cut(stream),
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted
        ),
    }
}

fn open_slow(site: &Site) -> TcpStream {
    let mut stream = TcpStream::connect(site.server.address()).expect("loopback connects");
    stream.write_all(b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: ").expect("it is open");
    stream.set_nonblocking(true).expect("a socket");
    stream
}

#[test]
fn slow_clients_do_not_stop_others() {
    let site = Site::start();
    let event = critical("disk.full").json();
    let started_at = Instant::now();
    let mut slow: Vec<TcpStream> = (0..SLOW).map(|_| open_slow(&site)).collect();
    let (mut next_drip, mut posted) = (started_at + DRIP_EVERY, 0);
    eventually_within(CUT_WITHIN, "all slow clients cut off", || {
        if Instant::now() >= next_drip {
            next_drip += DRIP_EVERY;
            // Fails on those that are cut.
            slow.iter_mut().for_each(|stream| drop(stream.write(b"x")));
        }
        // Each time over a connection of its own: it takes the seat of a slow one when all are
        // taken, and is asked to come again while they all are younger than a second.
        eventually_within(ANSWER_WITHIN, "a post is taken beside the slow clients", || {
            let client = client_with(&site.server, site.server.token()).limit(ANSWER_WITHIN);
            match client.post("/api/v1/events", &event).map(|answer| answer.status) {
                Ok(202) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        posted += 1;
        slow.retain_mut(|stream| !is_cut(stream));
        if slow.is_empty() { Ok(()) } else { Err(format!("{} are open", slow.len())) }
    });
    assert!(started_at.elapsed() > Duration::from_secs(5), "the deadline is 10 s, not at once");
    assert_eq!(site.events().len(), posted);
    let metrics = site.get_text("/metrics");
    let cut = metrics.lines().find(|line| line.contains("refused_total{result=\"slow\"}"));
    assert!(cut.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
    assert!(started_at.elapsed() < PATIENCE);
}
