//! The nodes that share the store: what each does, what deserves a look; one is let drain.
//!
//! In: `GET /api/v1/nodes`. Out: rows, and warnings above them.

use std::collections::BTreeSet;

use annunciator_api_types::{NodeList, NodeView};
use axum::extract::Path;
use axum::response::Response;
use hyper::Method;

use super::overview::after;
use crate::api::escape;
use crate::page::{Page, Visitor};
use crate::refusal::Stop;

/// A clock that parts from the store's by more deserves a look: limits count by it. Unit:
/// milliseconds.
const SKEW_MS_MAX: i64 = 2_000;

/// The nodes as they are shown.
pub(super) struct Nodes {
    pub(super) rows: Vec<NodeView>,
    /// What deserves a look, in words.
    pub(super) warnings: Vec<String>,
}

impl Nodes {
    pub(super) async fn fetch(visitor: &Visitor, page: &Page) -> Result<Self, Stop> {
        let list: NodeList = visitor.get("/api/v1/nodes").await?;
        let warnings = warnings(&list.nodes).iter().map(|one| one.words(page)).collect();
        Ok(Self { rows: list.nodes, warnings })
    }

    /// The tone of a state.
    pub(super) fn tone(word: &str) -> &'static str {
        match word {
            "serving" => "good",
            "draining" => "warn",
            "unreachable" => "bad",
            _ => "",
        }
    }

    /// Whether nobody serves any more when this one drains.
    pub(super) fn is_last(&self, node: &NodeView) -> bool {
        !self.rows.iter().any(|other| other.id != node.id && other.state == "serving")
    }
}

/// What deserves a look.
#[derive(Debug, PartialEq, Eq)]
enum Warning<'a> {
    /// Nodes of these versions stand side by side.
    Versions(String),
    /// This one gives no sign of life.
    Silent(&'a NodeView),
    /// The clock of this one parts from the store's.
    Clock(&'a NodeView),
}

impl Warning<'_> {
    fn words(&self, page: &Page) -> String {
        match self {
            Self::Versions(versions) => {
                page.t1("system-node-versions", "versions", versions.as_str())
            }
            Self::Silent(node) => {
                let ago = page.ago(&node.seen_at);
                page.t2("system-node-silent", "name", node.name.as_str(), "ago", ago)
            }
            Self::Clock(node) => {
                let seconds = node.clock_ahead_ms.unsigned_abs().div_ceil(1_000);
                let key = if node.clock_ahead_ms > 0 {
                    "system-node-clock-ahead"
                } else {
                    "system-node-clock-behind"
                };
                page.t2(key, "name", node.name.as_str(), "seconds", seconds)
            }
        }
    }
}

fn warnings(nodes: &[NodeView]) -> Vec<Warning<'_>> {
    let there: Vec<&NodeView> = nodes.iter().filter(|node| node.state != "stopped").collect();
    let versions: BTreeSet<&str> = there.iter().map(|node| node.version.as_str()).collect();
    let mut found = Vec::new();
    if versions.len() > 1 {
        let versions: Vec<&str> = versions.into_iter().collect();
        found.push(Warning::Versions(versions.join(", ")));
    }
    for node in there {
        if node.state == "unreachable" {
            found.push(Warning::Silent(node));
        } else if node.clock_ahead_ms.abs() > SKEW_MS_MAX {
            found.push(Warning::Clock(node));
        }
    }
    found
}

pub(super) async fn drain(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    ask(&visitor, &id.0, Method::POST, "node-drain").await
}

pub(super) async fn undrain(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    ask(&visitor, &id.0, Method::DELETE, "node-undrain").await
}

async fn ask(visitor: &Visitor, id: &str, method: Method, notice: &str) -> Result<Response, Stop> {
    let path = format!("/api/v1/nodes/{}/drain", escape(id));
    let done = visitor.try_send(method, &path, &()).await;
    after(visitor, done.map(drop), notice).await
}

#[cfg(test)]
mod tests {
    use annunciator_core::Timestamp;

    use super::*;

    fn node(name: &str, state: &str, version: &str, clock_ahead_ms: i64) -> NodeView {
        NodeView {
            id: name.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            address: String::new(),
            state: state.to_owned(),
            started_at: Timestamp(0),
            seen_at: Timestamp(0),
            silent_s: 0,
            drain_asked: false,
            is_this: false,
            clock_ahead_ms,
            deliveries_in_flight: 0,
            events_unplanned: 0,
        }
    }

    #[test]
    fn silence_versions_and_clocks_deserve_a_look() {
        let check = |nodes: &[NodeView], expected: &[&str]| {
            let found = warnings(nodes);
            let found: Vec<String> = found
                .iter()
                .map(|warning| match warning {
                    Warning::Versions(versions) => format!("versions {versions}"),
                    Warning::Silent(node) => format!("silent {}", node.name),
                    Warning::Clock(node) => format!("clock {}", node.name),
                })
                .collect();
            assert_eq!(found, expected);
        };
        let good = node("n1", "serving", "1.0", 2_000);
        check(std::slice::from_ref(&good), &[]);
        check(&[good.clone(), node("n2", "stopped", "0.9", 9_000)], &[]);
        check(&[good.clone(), node("n2", "draining", "0.9", 0)], &["versions 0.9, 1.0"]);
        check(
            &[good, node("n2", "unreachable", "1.0", 9_000), node("n3", "serving", "1.0", -2_001)],
            &["silent n2", "clock n3"],
        );
    }

    #[test]
    fn the_last_that_serves_is_known() {
        let rows = vec![node("n1", "serving", "1", 0), node("n2", "draining", "1", 0)];
        let nodes = Nodes { rows, warnings: Vec::new() };
        assert!(nodes.is_last(&nodes.rows[0]));
        assert!(!nodes.is_last(&nodes.rows[1]));
    }
}
