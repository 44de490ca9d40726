//! Two nodes on one database: what one changes holds on the other; who they are is listed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annunciator_api_types::Role;
use annunciator_store::contract::samples;
use annunciator_store::postgres::{NodeIdentity, PostgresStore};
use annunciator_store::{Accept, Store as _};
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::http::{Client, Response};
use annunciator_testkit::postgres::PostgresCluster;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{LIMIT, Server};
use super::{event, kind};

/// A password that is taken.
const PASSWORD: &str = "four words in a row";

/// Two nodes on a database of their own.
struct Pair {
    north: Server,
    south: Server,
    cluster: Arc<PostgresCluster>,
    database: String,
    _keys: TempDir,
}

impl Pair {
    fn start() -> Option<Self> {
        let cluster = PostgresCluster::shared()?;
        let database = cluster.database("template0");
        let address = cluster.address(&database);
        let keys = tempfile::tempdir().expect("a folder is made");
        let key_file = keys.path().join("key");
        let north = Server::start_node(&address, &key_file);
        let south = Server::start_node(&address, &key_file);
        Some(Self { north, south, cluster, database, _keys: keys })
    }

    /// Administrators at the one and at the other.
    fn clients(&self) -> (Client, Client) {
        (self.north.client(Role::Administrator), self.south.client(Role::Administrator))
    }

    fn ask(&self, text: &str) -> String {
        self.cluster.ask(&self.database, text).trim().to_owned()
    }

    /// Takes the other's ear for the news, as a pooler does: it looks every second.
    fn deafen(&self) {
        let _ = self.ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE query LIKE '%; LISTEN %' AND pid <> pg_backend_pid()
               AND datname = current_database()",
        );
    }

    /// A node that is there and does not listen, or was there so many milliseconds ago.
    fn add_node(&self, id: &str, version: &str, skew_ms: i64, silent_ms: i64) {
        let _ = self.ask(&format!(
            "INSERT INTO nodes (id, name, version, address, started_at, state, skew_ms, beat_at)
             VALUES ('{id}', 'far', '{version}', '192.0.2.9:8650', 0, 'serving', {skew_ms},
                     (extract(epoch FROM now()) * 1000)::bigint - {silent_ms})"
        ));
    }
}

/// Waits until something holds: within seconds by far, but the machine may be busy.
#[track_caller]
fn wait(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn has(client: &Client, path: &str, words: &str) -> bool {
    client.get(path).expect("it answers").expect_status(200).text().contains(words)
}

#[test]
fn what_one_node_changes_holds_on_the_other() {
    let Some(pair) = Pair::start() else { return };
    let (one, other) = pair.clients();
    let settings = json!({"email": {
        "servers": ["127.0.0.1"], "port": 2525, "sender": "a@plant.example",
        "recipients": ["b@plant.example"], "username": "u", "password": "geheim",
    }});
    let _ = one.patch("/api/v1/settings", &settings).unwrap().expect_status(200);
    wait("settings hold", || has(&other, "/api/v1/settings", "a@plant.example"));
    pair.deafen();
    let change = json!({"email": {"sender": "c@plant.example"}});
    let _ = one.patch("/api/v1/settings", &change).unwrap().expect_status(200);
    wait("settings hold with nobody to wake", || {
        has(&other, "/api/v1/settings", "c@plant.example")
    });

    let wanted = json!({"name": "late", "role": "ingest"});
    let made = one.post("/api/v1/tokens", &wanted).unwrap().expect_status(201).json();
    let late = pair.south.anonymous().token(made["token"].as_str().unwrap());
    let answers =
        |id: &str, status: u16| late.post("/api/v1/events", &event(id)).unwrap().status == status;
    wait("a new token is known", || answers("n1", 202));
    let id = made["record"]["id"].as_str().unwrap();
    let _ = one.delete(&format!("/api/v1/tokens/{id}")).unwrap().expect_status(204);
    wait("a deleted token is refused", || answers("n2", 401));

    // Each reads what the other took, and an id is one event on both.
    let _ = one.post("/api/v1/events", &event("x")).unwrap().expect_status(202);
    let again = other.post("/api/v1/events", &event("x")).unwrap().expect_status(202);
    assert_eq!(again.json()["events"][0]["duplicate"], true);
    let planned = || {
        let shown = other.get("/api/v1/events?state=planned").unwrap().expect_status(200);
        shown.json()["events"].as_array().is_some_and(|events| events.len() >= 2)
    };
    wait("both are planned", planned);
}

#[test]
fn silences_roles_and_certificates_of_one_node_hold_on_the_other() {
    let Some(pair) = Pair::start() else { return };
    let (one, other) = pair.clients();
    let settings = json!({"email": {
        "servers": ["127.0.0.1"], "port": 2525, "sender": "a@plant.example",
        "recipients": ["b@plant.example"], "notify_about": "all",
    }});
    let _ = one.patch("/api/v1/settings", &settings).unwrap().expect_status(200);
    wait("settings hold", || has(&other, "/api/v1/settings", "a@plant.example"));
    // The other node plans what it takes by the silences that it knows.
    let silence = json!({
        "matchers": [{"field": "type", "op": "equals", "value": "disk.full"}],
        "comment": "new disk", "duration_s": 3600,
    });
    let made = one.post("/api/v1/silences", &silence).unwrap().expect_status(201).json();
    let is_silenced = |id: &str| -> bool {
        let _ = other.post("/api/v1/events", &event(id)).unwrap().expect_status(202);
        let path = format!("/api/v1/events/{id}");
        let decided =
            || other.get(&path).unwrap().expect_status(200).json()["event"]["decisions"].clone();
        wait("the event is planned", || decided().as_array().is_some_and(|all| !all.is_empty()));
        decided().to_string().contains("silenced")
    };
    let number = std::cell::Cell::new(0);
    let next = || {
        number.set(number.get() + 1);
        format!("s{}", number.get())
    };
    wait("a silence mutes", || is_silenced(&next()));
    let id = made["silence"]["id"].as_str().unwrap();
    let _ = one.post(&format!("/api/v1/silences/{id}/end"), &json!({})).unwrap().expect_status(200);
    wait("an ended silence mutes no more", || !is_silenced(&next()));

    let put = |rights: Value| {
        let body = json!({ "rights": rights });
        let _ = one.put("/api/v1/roles/Night", &body).unwrap().expect_status(200);
    };
    put(json!(["read_events"]));
    let wanted = json!({"name": "night", "role": "Night"});
    let made = one.post("/api/v1/tokens", &wanted).unwrap().expect_status(201).json();
    let night = pair.south.anonymous().token(made["token"].as_str().unwrap());
    let reads = |path: &str| night.get(path).unwrap().status == 200;
    wait("a new role is known", || reads("/api/v1/events"));
    assert!(!reads("/api/v1/audit"));
    put(json!(["read_audit"]));
    wait("a changed role holds", || reads("/api/v1/audit") && !reads("/api/v1/events"));

    let root = Authority::new("Plant root").pem();
    let body = json!({"name": "plant", "kind": "authorities", "password": "",
        "files": [{"name": "root.pem", "content_base64": Base64::encode_string(&root)}]});
    let made = one.post("/api/v1/certificates", &body).unwrap().expect_status(201).json();
    let id = made["certificate"]["id"].as_str().unwrap();
    // Settings that name it are refused where it is not in force.
    let uses = || {
        let change = json!({"email": {"ca_certificates": id}});
        let answer = other.patch("/api/v1/settings", &change).unwrap();
        assert!(matches!(answer.status, 200 | 422), "{answer}");
        answer.status == 200
    };
    wait("a certificate is in force", uses);
}

/// A browser's request with a session, at a node.
fn browse(server: &Server, method: &str, path: &str, cookie: &str, body: &Value) -> Response {
    let origin = format!("http://{}", server.running().address());
    let mut fields = vec![("Origin", origin.as_str()), ("Content-Type", "application/json")];
    if !cookie.is_empty() {
        fields.push(("Cookie", cookie));
    }
    let octets = if body.is_null() { String::new() } else { body.to_string() };
    server.anonymous().send(method, path, &fields, octets.as_bytes()).expect("it answers")
}

/// Signs in at a node; gives the cookie of the session.
fn sign_in(server: &Server, user: &str) -> String {
    let body = json!({ "user": user, "password": PASSWORD });
    let answer = browse(server, "POST", "/api/v1/session", "", &body).expect_status(200);
    let set = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs: Vec<&str> = set.filter_map(|(_, line)| Some(line.split_once(';')?.0)).collect();
    pairs.join("; ")
}

#[test]
fn a_session_is_valid_on_every_node_and_ends_on_every_node_at_once() {
    let Some(pair) = Pair::start() else { return };
    let (one, other) = pair.clients();
    let add = |name: &str| {
        let user = json!({"name": name, "role": "viewer", "password": PASSWORD});
        let _ = one.post("/api/v1/users", &user).unwrap().expect_status(201);
    };
    let reads = |server: &Server, cookie: &str| {
        browse(server, "GET", "/api/v1/status", cookie, &Value::Null).status
    };
    add("boris");
    let cookie = sign_in(&pair.north, "boris");
    assert_eq!((reads(&pair.north, &cookie), reads(&pair.south, &cookie)), (200, 200));
    // Not a moment later: a session is asked of the database with each request.
    let block = json!({"blocked": true});
    let _ = one.patch("/api/v1/users/boris", &block).unwrap().expect_status(200);
    assert_eq!((reads(&pair.north, &cookie), reads(&pair.south, &cookie)), (401, 401));
    let body = json!({ "user": "boris", "password": PASSWORD });
    let refused = browse(&pair.south, "POST", "/api/v1/session", "", &body);
    assert_eq!(refused.status, 401, "{refused}");

    add("vera");
    let (cookie, elsewhere) = (sign_in(&pair.south, "vera"), sign_in(&pair.north, "vera"));
    let _ =
        browse(&pair.north, "DELETE", "/api/v1/session", &cookie, &Value::Null).expect_status(204);
    assert_eq!((reads(&pair.south, &cookie), reads(&pair.south, &elsewhere)), (401, 200));
    let _ = other.post("/api/v1/users/vera/sign-out", &json!({})).unwrap();
    assert_eq!(reads(&pair.north, &elsewhere), 401);
}

#[test]
fn nodes_are_listed_with_what_deserves_a_look_and_asked_to_drain() {
    const FAR: &str = "00000000-0000-4000-8000-000000000009";
    const DEAD: &str = "00000000-0000-4000-8000-00000000000d";
    let Some(pair) = Pair::start() else { return };
    let (one, other) = pair.clients();
    pair.add_node(FAR, "0.0.9", 7_300, -3_600_000);
    pair.add_node(DEAD, "0.0.9", 0, 95_000);
    let list = || -> Vec<Value> {
        let shown = one.get("/api/v1/nodes").unwrap().expect_status(200).json();
        shown["nodes"].as_array().unwrap().clone()
    };
    let find = |id: &str| list().into_iter().find(|node| node["id"] == id).unwrap();
    let address = |server: &Server| server.running().address().to_string();
    wait("both have said where they listen", || {
        let said = |server: &Server| {
            list().iter().any(|n| n["address"] == address(server) && n["state"] == "serving")
        };
        said(&pair.north) && said(&pair.south)
    });
    let this: Vec<Value> = list().into_iter().filter(|node| node["is_this"] == true).collect();
    assert_eq!(this.len(), 1);
    assert_eq!(this[0]["address"], address(&pair.north));
    assert_eq!(this[0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(this[0]["clock_ahead_ms"], 0);
    assert_eq!(
        (&find(FAR)["state"], &find(FAR)["clock_ahead_ms"]),
        (&json!("serving"), &json!(7_300))
    );
    assert_eq!(find(DEAD)["state"], "unreachable");
    assert!(find(DEAD)["silent_s"].as_u64().unwrap() >= 95);

    let metrics = one.get("/metrics").unwrap().expect_status(200).text();
    for line in [
        "annunciator_nodes{state=\"serving\"} 3",
        "annunciator_nodes{state=\"unreachable\"} 1",
        &format!("annunciator_node_clock_ahead_seconds{{id=\"{FAR}\",name=\"far\"}} 7.3"),
        &format!("annunciator_node_silent_seconds{{id=\"{DEAD}\",name=\"far\"}} "),
        "annunciator_database_connections ",
        "annunciator_database_failures_total 0",
    ] {
        assert!(metrics.lines().any(|one| one.starts_with(line)), "{line}: {metrics}");
    }
    let made = "annunciator_database_connections_made_total ";
    let made = metrics.lines().find_map(|line| line.strip_prefix(made)).unwrap();
    assert!(made.parse::<u64>().unwrap() >= 2, "{made}");

    let path = |id: &str| format!("/api/v1/nodes/{id}/drain");
    let post = |id: &str| other.post(&path(id), &json!({})).unwrap();
    for _ in 0..2 {
        assert_eq!(post(FAR).expect_status(200).json()["drain_asked"], true);
    }
    assert_eq!(pair.ask("SELECT name FROM nodes WHERE drain_asked"), "far");
    for _ in 0..2 {
        let back = other.delete(&path(FAR)).unwrap().expect_status(200);
        assert_eq!(back.json()["drain_asked"], false);
    }
    assert_eq!(kind(&post(DEAD).expect_status(409)), "conflict");
    let _ = post(FAR).expect_status(200);
    let _ = pair.ask("UPDATE nodes SET state = 'draining' WHERE drain_asked");
    assert_eq!(kind(&other.delete(&path(FAR)).unwrap().expect_status(409)), "conflict");
    for id in ["00000000-0000-4000-8000-000000000077", "x"] {
        assert_eq!(kind(&post(id).expect_status(404)), "not-found");
    }
    let audit = one.get("/api/v1/audit").unwrap().expect_status(200).json();
    let entries = audit["entries"].as_array().unwrap().iter();
    let drains: Vec<&Value> =
        entries.filter(|one| one["target"] == "far").map(|one| &one["action"]).collect();
    assert_eq!(drains, ["node.drain", "node.undrain", "node.drain"]);
}

#[test]
fn what_a_dead_node_had_taken_is_planned_by_another() {
    let Some(pair) = Pair::start() else { return };
    let (one, _) = pair.clients();
    let address = pair.cluster.address(&pair.database);
    let folder = tempfile::tempdir().unwrap();
    leave_an_event(&pair.north, &address, folder.path());
    let is_planned = || {
        let shown = one.get("/api/v1/events?state=planned").unwrap().expect_status(200).json();
        shown["events"].as_array().is_some_and(|events| events.len() == 1)
    };
    // It lives as far as anybody knows.
    assert!(!is_planned());
    let _ = pair.ask("UPDATE nodes SET beat_at = beat_at - 15000 WHERE name = 'short-lived'");
    wait("its event is planned", is_planned);
}

/// A node takes an event for planning, and is gone.
fn leave_an_event(server: &Server, address: &str, folder: &Path) {
    server.runtime.block_on(async {
        let node = NodeIdentity::of_folder(folder, "short-lived").expect("nobody has it");
        let store = PostgresStore::open(&address.parse().expect("it is there"), node)
            .await
            .expect("it is there");
        let accept = Accept {
            events: vec![samples::event(1)],
            idempotency: None,
            claimed: true,
            now: samples::time_of(1),
        };
        store.accept(accept).await.expect("taken");
    });
}
