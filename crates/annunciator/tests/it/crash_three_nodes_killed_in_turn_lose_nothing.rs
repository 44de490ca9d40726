//! Three nodes on one database; again and again one of them is killed and started again: no
//! acknowledged event is lost, and at most what it had in flight comes once more, with the same
//! Message-ID.

use std::time::{Duration, Instant};

use annunciator_testkit::relay::{Action, Relay, Stage, When};

use crate::three_nodes::{COUNT, Hits, Load, Nodes, email, is_soak};

const SOURCES: usize = 24;
const CONNECTIONS: u32 = 16;
/// The relay is this slow, so that there is always something in flight.
const RELAY_DELAY: Duration = Duration::from_millis(150);
/// From a kill to the new start.
const DOWN: Duration = Duration::from_millis(500);

#[test]
fn crash_three_nodes_killed_in_turn_lose_nothing() {
    let (rounds, round, per_s) = match is_soak() {
        true => (10, Duration::from_secs(10), 200),
        false => (4, Duration::from_secs(3), 100),
    };
    let Some(mut nodes) = Nodes::start() else { return };
    let relay =
        Relay::builder().on(Stage::DataEnd, When::Always, Action::Delay(RELAY_DELAY)).start();
    nodes.save(&email("127.0.0.1", relay.port(), CONNECTIONS));
    let load = Load::new(&nodes, per_s);
    let began = Instant::now();
    let hits = load.while_doing(SOURCES, || {
        let mut hits = Hits::default();
        for number in 0..rounds {
            std::thread::sleep(round.saturating_sub(DOWN));
            let hit = usize::try_from(number).unwrap() % COUNT;
            nodes.servers[hit].kill9();
            // A claim may be committed only now.
            nodes.wait_for_last_commits(hit);
            // Before it starts again: then it gives up what it had.
            let in_flight = nodes.in_flight(hit);
            println!("round {number}: {} in flight", in_flight.len());
            hits.add(in_flight);
            std::thread::sleep(DOWN);
            nodes.servers[hit].restart();
        }
        std::thread::sleep(round);
        hits
    });
    let posted = began.elapsed();
    relay.behave();
    nodes.wait_until_idle();
    let acknowledged = load.acknowledged();
    let further = hits.check(&relay, &acknowledged);
    println!(
        "{} events acknowledged in {posted:?}, {} tried again, {} in flight at {rounds} kills, \
         {further} further copies",
        acknowledged.len(),
        load.tried_again(),
        hits.count(),
    );
    assert!(hits.count() > 0, "no kill hit anything");
    assert!(load.tried_again() > 0, "no source met a dead node");
    for server in &nodes.servers {
        server.expect_no_errors_in_log();
    }
}
