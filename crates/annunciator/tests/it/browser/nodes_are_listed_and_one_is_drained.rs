//! The page of the system lists the nodes and says what deserves a look: versions side by side, a
//! silent node, a clock that parts; a node is asked to drain after a question, and that is called
//! back; who may not sees no button.

use annunciator_testkit::postgres::PostgresCluster;

use super::{add_user, click_in_the_middle, picture, sign_in, signed_in, speak_russian};
use crate::support::Site;

/// A node that serves and has a clock of its own, one that died.
const OTHERS: &str = "
    INSERT INTO nodes (id, name, version, address, started_at, state, skew_ms, beat_at)
    VALUES ('00000000-0000-4000-8000-000000000002', 'n2.example', '0.0.9', '192.0.2.12:8650', 0,
            'serving', -7300, (extract(epoch FROM now()) * 1000)::bigint),
           ('00000000-0000-4000-8000-000000000003', 'n3.example', '0.0.9', '192.0.2.13:8650', 0,
            'serving', 0, (extract(epoch FROM now()) * 1000)::bigint - 95000)";

#[test]
fn browser_nodes_are_listed_and_one_is_drained() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let name = cluster.database("template0");
    let keys = tempfile::tempdir().unwrap();
    let site = Site::node(&cluster.address(&name), &keys.path().join("key"));
    let Some(browser) = signed_in(&site) else { return };
    let _ = cluster.ask(&name, OTHERS);
    // Nobody gives signs of life for it.
    let keep_alive = || {
        let _ = cluster
            .ask(&name, "UPDATE nodes SET beat_at = beat_at + 3600000 WHERE name LIKE 'n2%'");
    };
    browser.open("/system");
    browser.wait_for_text("PostgreSQL 1");
    let page = browser.page_text();
    for words in [
        "Nodes of several versions stand side by side (0.0.9, ",
        "The node n3.example gives no sign of life",
        "The clock of the node n2.example is 8 s behind the database's",
        "unreachable",
        "The store is a PostgreSQL database: make copies with pg_dump",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Back up now") && !page.contains("are free of"), "{page}");
    picture(&browser, "nodes");

    let asked = || cluster.ask(&name, "SELECT name FROM nodes WHERE drain_asked").trim().to_owned();
    let find = |name: &str| browser.find_all(&format!("button[aria-label='{name}']")).len();
    assert_eq!(find("Let node n2.example drain"), 1);
    assert_eq!(find("Let node n3.example drain"), 0, "it does not run");
    let drain = "button[aria-label='Let node n2.example drain']";
    click_in_the_middle(&browser, drain);
    assert!(browser.dismiss_dialog().contains("n2.example"));
    assert_eq!(asked(), "");
    keep_alive();
    click_in_the_middle(&browser, drain);
    browser.accept_dialog();
    browser.wait_for_text("The node is asked to drain");
    assert_eq!(asked(), "n2.example");
    click_in_the_middle(&browser, "button[aria-label='Call back the drain of node n2.example']");
    browser.wait_for_text("The drain is called back.");
    assert_eq!(asked(), "");
    browser.open("/audit");
    browser.wait_for_text("Drain of a node called back");

    add_user(&site, "vera", "viewer");
    let viewer = browser.new_session();
    sign_in(&viewer, "vera");
    viewer.open("/system");
    viewer.wait_for_text("n2.example");
    assert!(viewer.find_all("section[aria-labelledby=nodes] button").is_empty());

    speak_russian(&browser);
    browser.open("/system");
    browser.wait_for_text("завершите обновление");
    picture(&browser, "nodes-russian");
}
