//! A node whose clock parts from the database's would hold up the limits of all: it does not start,
//! says by how much, and starts when the clock is set.

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::faked_clock;

use crate::nodes::launch;

#[test]
fn a_node_whose_clock_is_wrong_does_not_start() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let address = cluster.address(&cluster.database("template0"));
    let folder = tempfile::tempdir().unwrap();
    let (clock, key) = (folder.path().join("clock"), folder.path().join("secret.key"));
    let node = || {
        let node = launch(folder.path(), &address, &key);
        faked_clock(&clock).iter().fold(node, |node, (name, value)| node.environment(name, value))
    };
    for (offset, words) in [("+1h", " s ahead of the database's"), ("-1h", " s behind the")] {
        std::fs::write(&clock, offset).unwrap();
        let said = node().try_start().err().expect("its clock is wrong");
        assert!(said.contains(words) && said.contains("set the clock by NTP"), "{said}");
    }
    std::fs::write(&clock, "+0").unwrap();
    drop(node().start());
}
