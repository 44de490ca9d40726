//! `annunciator node`: the nodes that share a database; let one drain.

use std::process::ExitCode;

use annunciator_api_types::{NodeList, NodeView};
use annunciator_core::Timestamp;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hyper::Method;

use crate::client::{Call, Client, ConnectOptions, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

const PATH: &str = "/api/v1/nodes";
/// A clock that parts from the store's by more deserves a look. Unit: milliseconds.
const SKEW_MS_MAX: i64 = 2_000;

/// Arguments of `node`.
#[derive(Args, Debug)]
pub(crate) struct NodeArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Subcommand, Debug)]
enum NodeCommand {
    /// List the nodes: what each does, its version, its last sign of life
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Let a node drain: it takes nothing new, finishes what it has, and ends
    Drain {
        /// Its id, or its name when no other node has the same
        #[arg(value_name = "NODE")]
        node: String,
    },
    /// Call a drain back that the node has not begun
    Undrain {
        /// Its id, or its name when no other node has the same
        #[arg(value_name = "NODE")]
        node: String,
    },
}

/// Runs `node`.
pub(crate) async fn run(args: NodeArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let list: NodeList = client.get(PATH).await?;
    match args.command {
        NodeCommand::List { json: true } => {
            for node in &list.nodes {
                output::print_line(&serde_json::to_string(node)?);
            }
        }
        NodeCommand::List { json: false } => {
            output::print(&report(Paint::for_output(), moment::now(), &list.nodes));
        }
        NodeCommand::Drain { node } => {
            let node = drain(&client, find(&list.nodes, &node)?, Method::POST).await?;
            output::print_line(&format!("{}  {}  asked to drain", node.id, node.name));
        }
        NodeCommand::Undrain { node } => {
            let node = drain(&client, find(&list.nodes, &node)?, Method::DELETE).await?;
            output::print_line(&format!("{}  {}  not asked to drain", node.id, node.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn drain(client: &Client, node: &NodeView, method: Method) -> Result<NodeView> {
    let path = format!("{PATH}/{}/drain", percent_encode(&node.id));
    client.call(Call::new(method, path)).await
}

/// The node of this id, or the only one of this name.
fn find<'a>(nodes: &'a [NodeView], word: &str) -> Result<&'a NodeView> {
    if let Some(node) = nodes.iter().find(|node| node.id == word) {
        return Ok(node);
    }
    let mut named = nodes.iter().filter(|node| node.name == word);
    match (named.next(), named.next()) {
        (Some(node), None) => Ok(node),
        (Some(_), Some(_)) => bail!("several nodes are named {word}: give the id of one"),
        (None, _) => bail!("there is no node {word}: `annunciator node list` lists them"),
    }
}

fn report(paint: Paint, now: Timestamp, nodes: &[NodeView]) -> String {
    let rows: Vec<Vec<Cell>> = nodes.iter().map(|node| row(node, nodes, now)).collect();
    let headings = [
        "ID",
        "NAME",
        "STATE",
        "VERSION",
        "ADDRESS",
        "STARTED",
        "SEEN",
        "IN FLIGHT",
        "TO PLAN",
        "NOTE",
    ];
    output::table(paint, &headings, &rows)
}

fn row(node: &NodeView, all: &[NodeView], now: Timestamp) -> Vec<Cell> {
    let tone = match node.state.as_str() {
        "serving" => Tone::Good,
        "unreachable" => Tone::Bad,
        "stopped" => Tone::Faint,
        _ => Tone::Waiting,
    };
    let is_mixed = all.iter().any(|other| is_there(other) && other.version != node.version);
    let version = if is_mixed && is_there(node) { Tone::Waiting } else { Tone::Plain };
    let mut notes = Vec::new();
    if node.is_this {
        notes.push("this one".to_owned());
    }
    if node.drain_asked && node.state == "serving" {
        notes.push("asked to drain".to_owned());
    }
    if node.clock_ahead_ms.abs() > SKEW_MS_MAX && is_there(node) {
        let (ms, side) = (node.clock_ahead_ms.unsigned_abs(), node.clock_ahead_ms.signum());
        let side = if side > 0 { "ahead" } else { "behind" };
        notes.push(format!("its clock is {} s {side}", ms.div_ceil(1_000)));
    }
    vec![
        Cell::from(&node.id),
        Cell::from(&node.name),
        Cell::toned(&node.state, tone),
        Cell::toned(&node.version, version),
        Cell::from(&node.address),
        Cell::from(moment::relative(node.started_at, now)),
        Cell::from(format!("{} s ago", node.silent_s)),
        Cell::from(node.deliveries_in_flight.to_string()),
        Cell::from(node.events_unplanned.to_string()),
        Cell::from(notes.join(", ")),
    ]
}

fn is_there(node: &NodeView) -> bool {
    node.state != "stopped"
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_325_400_000);

    fn node(id: &str, name: &str, state: &str) -> NodeView {
        NodeView {
            id: id.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            address: "192.0.2.1:8650".to_owned(),
            state: state.to_owned(),
            started_at: NOW.plus_ms(-60_000),
            seen_at: NOW,
            silent_s: 2,
            drain_asked: false,
            is_this: id == "a",
            clock_ahead_ms: 0,
            deliveries_in_flight: 3,
            events_unplanned: 0,
        }
    }

    #[test]
    fn the_list_says_what_deserves_a_look() {
        let asked = NodeView { drain_asked: true, ..node("a", "n1", "serving") };
        let wrong = NodeView { clock_ahead_ms: -3_100, ..node("b", "n2", "unreachable") };
        let text = report(Paint::off(), NOW, &[asked, wrong]);
        let expected = "\
ID  NAME  STATE        VERSION  ADDRESS         STARTED   SEEN     IN FLIGHT  TO PLAN  NOTE
a   n1    serving      1.0.0    192.0.2.1:8650  60 s ago  2 s ago  3          0        this one, asked to drain
b   n2    unreachable  1.0.0    192.0.2.1:8650  60 s ago  2 s ago  3          0        its clock is 4 s behind
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_node_is_named_by_its_id_or_by_a_name_of_its_own() {
        let nodes =
            [node("a", "n1", "serving"), node("b", "n2", "serving"), node("c", "n2", "stopped")];
        let check = |word: &str, expected: Result<&str, &str>| match find(&nodes, word) {
            Ok(node) => assert_eq!(Ok(node.id.as_str()), expected),
            Err(error) => assert!(error.to_string().contains(expected.unwrap_err()), "{error}"),
        };
        check("b", Ok("b"));
        check("n1", Ok("a"));
        check("n2", Err("several nodes"));
        check("n9", Err("no node n9"));
    }
}
