//! The same burst end to end over each store, side by side: SQLite, PostgreSQL, and two nodes on it.

use std::time::Instant;

use annunciator_testkit::postgres::PostgresCluster;

use crate::figures::Measured;
use crate::http::post_to;
use crate::server::{Server, TOKEN};
use crate::sink::Sink;

/// Connections that events are posted over; a database is slow for few and fair for many.
const CONNECTIONS: u32 = 64;

/// Events a second from the first POST to the last mail, over each store.
///
/// Both stores confirm what is on the disk that holds the checkout. Without PostgreSQL there is the
/// figure of SQLite alone.
pub(crate) fn burst(count: u32) -> Vec<Measured> {
    let folder = || tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
    let (data, keys) = (folder(), folder());
    let sink = Sink::open();
    let alone = [Server::start(Some(sink.port))];
    let mut measured = vec![run("end to end, SQLite", count, &sink, &alone)];
    drop(alone);
    let Some(cluster) = PostgresCluster::start_on(data.path(), None, &[]) else {
        return measured;
    };
    for (name, nodes) in [("end to end, PostgreSQL", 1), ("end to end, PostgreSQL, 2 nodes", 2)] {
        let sink = Sink::open();
        let address = cluster.address(&cluster.database("template0"));
        let key = keys.path().join(format!("{nodes}.key"));
        let nodes: Vec<Server> =
            (0..nodes).map(|_| Server::start_node(sink.port, &address, &key)).collect();
        measured.push(run(name, count, &sink, &nodes));
    }
    measured
}

fn run(name: &'static str, count: u32, sink: &Sink, nodes: &[Server]) -> Measured {
    let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
    let begin = Instant::now();
    post_to(&ports, TOKEN, count, CONNECTIONS);
    sink.wait_for(count);
    Measured {
        name,
        unit: "mails/s",
        value: f64::from(count) / begin.elapsed().as_secs_f64(),
        cpu_s_per_1000: None,
        rss_mib: None,
    }
}
