//! Three nodes on one database and sixteen senders: by the relay's own record no period sees more
//! messages than the limit, also when a node is killed in between.

use std::time::Duration;

use annunciator_testkit::relay::{Action, Relay, Stage, When};
use serde_json::json;

use crate::crash_limit_holds_over_senders_restarts_outage_and_clock::check_periods;
use crate::support::{answer, eventually_within};
use crate::three_nodes::{COUNT, Load, Nodes, email, is_soak};

const SENDERS: usize = 16;
const PER_S: u32 = 100;
/// Periods under load.
const PERIODS: u32 = 5;
/// The relay is this slow, so that a kill meets attempts under way.
const RELAY_DELAY: Duration = Duration::from_millis(60);

#[test]
fn three_nodes_keep_a_limit_together() {
    let (limit, period) = match is_soak() {
        true => (50, Duration::from_secs(60)),
        false => (8, Duration::from_secs(3)),
    };
    let Some(mut nodes) = Nodes::start() else { return };
    let relay =
        Relay::builder().on(Stage::DataEnd, When::Always, Action::Delay(RELAY_DELAY)).start();
    let mut settings = email("127.0.0.1", relay.port(), 4);
    settings["email"]["limit"] = json!({"count": limit, "period_s": period.as_secs()});
    nodes.save(&settings);
    let load = Load::new(&nodes, PER_S);
    load.while_doing(SENDERS, || {
        std::thread::sleep(period * (PERIODS - 2));
        nodes.servers[COUNT - 1].kill9();
        nodes.servers[COUNT - 1].restart();
        std::thread::sleep(period * 2);
    });
    let patience = period * 6 + Duration::from_secs(60);
    eventually_within(patience, "every summary out", || {
        let status = answer(nodes.client(0).get("/api/v1/status")).expect_status(200).json();
        let limits = status["limits"].clone();
        if limits == json!([]) { Ok(()) } else { Err(limits.to_string()) }
    });
    nodes.wait_until_idle();
    let messages = relay.messages();
    check_periods(&messages, limit, period);
    println!("{} messages of {} events", messages.len(), load.acknowledged().len());
    let senders: std::collections::BTreeSet<String> =
        messages.iter().filter_map(|one| one.header("Message-ID")).collect();
    let nodes_seen = (0..COUNT)
        .filter(|number| senders.iter().any(|id| id.ends_with(&format!("@n{number}.test>"))));
    assert_eq!(nodes_seen.count(), COUNT, "each node has its part");
    // It is used up, too.
    assert!(messages.len() >= limit * PERIODS as usize / 2, "{} messages", messages.len());
    for server in &nodes.servers {
        server.expect_no_errors_in_log();
    }
}
