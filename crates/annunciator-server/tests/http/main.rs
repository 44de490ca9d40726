//! The HTTP API of a whole server over real connections: who gets in, what is refused, and how.

mod nodes;
mod server;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use annunciator_api_types::Role;
use annunciator_server::TlsFiles;
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::http::{Response, exchange_raw_until_close};
use serde_json::{Value, json};

use server::{LIMIT, Server, token};

fn event(id: &str) -> Value {
    json!({"id": id, "type": "disk.full", "severity": "info", "application": {"name": "Guard"}})
}

fn kind(response: &Response) -> String {
    assert_eq!(response.header("Content-Type"), Some("application/problem+json"), "{response}");
    let body = response.json();
    assert_eq!(body["status"], response.status, "{response}");
    body["type"].as_str().unwrap_or_default().trim_start_matches("urn:annunciator:").to_owned()
}

#[test]
fn events_are_accepted_once_and_can_be_read_back() {
    let server = Server::start();
    let client = server.client(Role::Administrator).keep_alive();
    let answer = client.post("/api/v1/events", &event("a1")).unwrap().expect_status(202);
    assert_eq!(answer.text(), r#"{"events":[{"id":"a1","duplicate":false}]}"#);
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    let again = client.post("/api/v1/events", &event("a1")).unwrap().expect_status(202);
    assert_eq!(again.json()["events"][0]["duplicate"], true);
    let batch = json!([event("a2"), event("a1"), event("a2")]);
    let answer = client.post("/api/v1/events", &batch).unwrap().expect_status(202);
    let duplicates: Vec<_> = answer.json()["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["duplicate"].clone())
        .collect();
    assert_eq!(duplicates, [false, true, true]);
    let list = client.get("/api/v1/events").unwrap().expect_status(200).json();
    assert_eq!(list["events"].as_array().unwrap().len(), 2);
    let first = client.get("/api/v1/events/a1").unwrap().expect_status(200).json();
    let uid = first["event"]["uid"].as_str().unwrap();
    let same = client.get(&format!("/api/v1/events/{uid}")).unwrap().expect_status(200).json();
    assert_eq!(same["event"]["id"], "a1");
    assert_eq!(kind(&client.get("/api/v1/events/a9").unwrap().expect_status(404)), "not-found");
    let types = client.get("/api/v1/event-types").unwrap().expect_status(200).json();
    assert_eq!(types["event_types"][0]["type"], "disk.full");
}

#[test]
fn an_id_of_two_applications_asks_which() {
    let server = Server::start();
    let client = server.client(Role::Administrator);
    let mut other = event("a1");
    other["application"]["name"] = "Other".into();
    let _ = client.post("/api/v1/events", &json!([event("a1"), other])).unwrap().expect_status(202);
    let refused = client.get("/api/v1/events/a1").unwrap().expect_status(409);
    let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("\"Guard\"") && detail.contains("\"Other\""), "{detail}");
    let found = client.get("/api/v1/events/a1?application=Other").unwrap().expect_status(200);
    assert_eq!(found.json()["event"]["application"]["name"], "Other");
}

#[test]
fn an_idempotency_key_answers_the_same_body_again_and_refuses_another() {
    let server = Server::start();
    let client = server.client(Role::Ingest);
    let post = |key: &str, body: &Value| {
        let fields = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        client.send("POST", "/api/v1/events", &fields, body.to_string().as_bytes()).unwrap()
    };
    let mut unnamed = event("");
    unnamed.as_object_mut().unwrap().remove("id");
    let first = post("k1", &unnamed).expect_status(202);
    assert_eq!(post("k1", &unnamed).expect_status(202).text(), first.text());
    let refused = post("k1", &event("x")).expect_status(422);
    assert_eq!(kind(&refused), "idempotency-key-reused");
    assert_ne!(post("k2", &unnamed).expect_status(202).text(), first.text());
    assert_eq!(kind(&post("a b", &unnamed).expect_status(400)), "malformed");
}

#[test]
fn every_operation_lets_in_the_roles_that_may_and_nobody_else() {
    let server = Server::start();
    let reader = [Role::Administrator, Role::Operator, Role::Viewer];
    let operator = [Role::Administrator, Role::Operator];
    let administrator = [Role::Administrator];
    let no_id = "019aaa36-5c11-7cc4-8f54-1f5a7d0f9ad2";
    let delivery = format!("/api/v1/deliveries/{no_id}");
    let resend = format!("{delivery}/resend");
    let notification = format!("/api/v1/notifications/{no_id}");
    let message = format!("{notification}/message");
    let rows: [(&str, &str, &[Role]); 18] = [
        ("POST", "/api/v1/events", &[Role::Administrator, Role::Ingest]),
        ("GET", "/api/v1/events", &reader),
        ("GET", "/api/v1/events/a1", &reader),
        ("GET", "/api/v1/event-types", &reader),
        ("GET", "/api/v1/deliveries", &reader),
        ("GET", &delivery, &reader),
        ("GET", &notification, &reader),
        ("GET", &message, &reader),
        ("GET", "/api/v1/status", &reader),
        ("POST", "/api/v1/deliveries/retry", &operator),
        ("POST", "/api/v1/deliveries/cancel", &operator),
        ("POST", &resend, &operator),
        ("GET", "/api/v1/settings", &administrator),
        ("PATCH", "/api/v1/settings", &administrator),
        ("GET", "/api/v1/tokens", &administrator),
        ("POST", "/api/v1/tokens", &administrator),
        ("DELETE", "/api/v1/tokens/none", &administrator),
        ("GET", "/api/v1/audit", &administrator),
    ];
    for (method, path, may) in rows {
        let refused = server.anonymous().send(method, path, &[], b"").unwrap();
        assert_eq!(refused.status, 401, "{method} {path}");
        assert_eq!(kind(&refused), "unauthenticated");
        assert!(refused.header("WWW-Authenticate").is_some_and(|it| it.starts_with("Bearer ")));
        for role in Role::ALL {
            let answer = server.client(role).send(method, path, &[], b"").unwrap();
            let is_in = !matches!(answer.status, 401 | 403);
            assert_eq!(is_in, may.contains(&role), "{method} {path} {}: {answer}", role.as_str());
            assert!(answer.status < 500, "{method} {path}: {answer}");
        }
    }
    let wrong = server.anonymous().token("ann_administrator_wrong").get("/api/v1/status").unwrap();
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("WWW-Authenticate").unwrap().contains("invalid_token"));
}

#[test]
fn some_paths_are_open() {
    let server = Server::start();
    for path in ["/-/healthy", "/-/ready", "/metrics", "/api/v1/openapi.json"] {
        let _ = server.anonymous().get(path).unwrap().expect_status(200);
        let _ = server.anonymous().send("HEAD", path, &[], b"").unwrap().expect_status(200);
    }
    let document = server.anonymous().get("/api/v1/openapi.json").unwrap();
    assert_eq!(document.text(), annunciator_server::api::openapi_json());
    let metrics = server.anonymous().get("/metrics").unwrap().text();
    let open = metrics.lines().find_map(|line| line.strip_prefix("annunciator_http_connections "));
    let open: u32 = open.and_then(|count| count.parse().ok()).expect("the gauge is there");
    assert!(open >= 1, "this connection is open");
}

#[test]
fn until_it_is_ready_events_are_put_off() {
    let server = Server::start_unready(None);
    let _ = server.anonymous().get("/-/healthy").unwrap().expect_status(200);
    let unready = server.anonymous().get("/-/ready").unwrap().expect_status(503);
    assert!(unready.header("Retry-After").is_some());
    server.bootstrap();
    let _ = server.anonymous().get("/-/ready").unwrap().expect_status(200);
}

#[test]
fn unknown_paths_methods_and_parameters_are_problems() {
    let server = Server::start();
    let client = server.client(Role::Administrator);
    for path in ["/", "/api", "/api/v1/nothing", "/api/v1/events/", "//", "/%ff"] {
        assert_eq!(kind(&client.get(path).unwrap().expect_status(404)), "not-found", "{path}");
    }
    for (method, path, allow) in [
        ("PUT", "/api/v1/events", "POST, GET"),
        ("DELETE", "/api/v1/status", "GET"),
        ("OPTIONS", "/api/v1/tokens", "GET, POST"),
        ("BREW", "/-/ready", "GET"),
    ] {
        let refused = client.send(method, path, &[], b"").unwrap().expect_status(405);
        assert_eq!(kind(&refused), "method-not-allowed");
        assert_eq!(refused.header("Allow"), Some(allow), "{method} {path}");
    }
    let refused = client.get("/api/v1/events?sevrity=info&limit=0").unwrap().expect_status(422);
    assert!(refused.text().contains("did you mean `severity`?"), "{refused}");
    let refused = client.get("/api/v1/deliveries?limit=0&since=x&state=y&event=z").unwrap();
    assert_eq!(refused.expect_status(422).json()["errors"].as_array().unwrap().len(), 4);
    let _ = client.get("/api/v1/events?after=nonsense").unwrap().expect_status(400);
    let _ = client.get("/api/v1/events/%ff").unwrap().expect_status(400);
    let _ = client.get("/api/v1/deliveries/none").unwrap().expect_status(404);
}

#[test]
fn bad_bodies_are_refused_with_nothing_stored() {
    let server = Server::start();
    let client = server.client(Role::Administrator);
    let post = |path: &str, media_type: &str, body: &[u8]| {
        client.send("POST", path, &[("Content-Type", media_type)], body).unwrap()
    };
    let json = "application/json";
    for (path, media_type, body, status) in [
        ("/api/v1/events", json, &b""[..], 400),
        ("/api/v1/events", json, b"{", 400),
        ("/api/v1/events", json, b"\xff\xfe", 400),
        ("/api/v1/events", json, b"{}", 422),
        ("/api/v1/events", json, b"[]", 422),
        ("/api/v1/events", "text/plain", b"{}", 415),
        ("/api/v1/tokens", json, b"", 400),
        ("/api/v1/tokens", json, b"{\"name\":\"x\"", 400),
        ("/api/v1/tokens", json, b"{}", 422),
        ("/api/v1/tokens", json, b"{\"name\":\"x\",\"role\":\"king\"}", 422),
        ("/api/v1/tokens", json, b"{\"name\":\"\",\"role\":\"viewer\"}", 422),
        ("/api/v1/tokens", json, b"{\"name\":\"x\",\"role\":\"viewer\",\"rol\":1}", 422),
        ("/api/v1/tokens", "text/plain", b"{}", 415),
        ("/api/v1/deliveries/retry", json, b"{\"deliveries\":[]}", 422),
        ("/api/v1/deliveries/retry", json, b"{\"deliveries\":[\"x\"]}", 422),
    ] {
        let answer = post(path, media_type, body);
        assert_eq!(answer.status, status, "{path} {}: {answer}", String::from_utf8_lossy(body));
        kind(&answer);
    }
    let mixed = json!([event("a1"), {"type": "t"}]);
    let refused = client.post("/api/v1/events", &mixed).unwrap().expect_status(422);
    assert_eq!(refused.json()["errors"][0]["pointer"], "/1/severity");
    let list = client.get("/api/v1/events").unwrap().json();
    assert_eq!(list["events"].as_array().unwrap().len(), 0);
}

#[test]
fn bodies_and_heads_have_a_longest_length() {
    let server = Server::start();
    let client = server.client(Role::Administrator);
    let json = [("Content-Type", "application/json")];
    let large = vec![b' '; (8 << 20) + 1];
    let refused = client.send("POST", "/api/v1/events", &json, &large).unwrap();
    assert_eq!((refused.status, kind(&refused).as_str()), (413, "too-large"));
    let large = vec![b' '; (1 << 20) + 1];
    let _ = client.send("POST", "/api/v1/tokens", &json, &large).unwrap().expect_status(413);
    // Announced by chunks, it is known to be too long only on the way.
    let mut chunked = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        token(Role::Administrator)
    )
    .into_bytes();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x1_0000], b"\r\n".to_vec()].concat();
    chunked.extend(chunk.repeat(17));
    assert_eq!(server.raw(&chunked).status, 413);
    let long = format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    assert_eq!(server.raw(long.as_bytes()).status, 431);
    let many = format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(server.raw(many.as_bytes()).status, 431);
}

#[test]
fn a_token_is_refused_before_its_body_is_read() {
    let server = Server::start();
    let head = "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n";
    assert_eq!(server.raw(head.as_bytes()).status, 401);
    let expecting = "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
                     Content-Length: 8000000\r\n\r\n";
    assert_eq!(server.raw(expecting.as_bytes()).status, 401);
}

#[test]
fn what_is_no_http_is_refused_and_the_connection_ends() {
    let server = Server::start();
    let address = server.running().address();
    for octets in [&b"nonsense\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00"] {
        let answer = exchange_raw_until_close(address, octets, LIMIT).unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 400 ") || text.is_empty(), "{text}");
    }
    let old = exchange_raw_until_close(address, b"GET /-/healthy HTTP/1.0\r\n\r\n", LIMIT).unwrap();
    assert!(String::from_utf8_lossy(&old).starts_with("HTTP/1.0 200 "));
}

#[test]
fn a_body_that_ends_early_is_refused_with_nothing_stored() {
    let server = Server::start();
    let mut stream = server.connect();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 500\r\n\r\n{}",
        token(Role::Ingest),
        event("a1")
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let list = server.client(Role::Viewer).get("/api/v1/events").unwrap().json();
    assert_eq!(list["events"].as_array().unwrap().len(), 0);
}

#[test]
fn silent_connections_lock_nobody_out_and_are_cut() {
    let server = Server::start();
    let started = Instant::now();
    let silent: Vec<TcpStream> = (0..256).map(|_| server.connect()).collect();
    let mut half = server.connect_until_served(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Slow");
    let _ = server.client(Role::Viewer).get("/api/v1/status").unwrap().expect_status(200);
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    for mut stream in silent {
        let ended = stream.read(&mut [0]);
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}

#[test]
fn the_owner_is_administrator_over_the_socket() {
    let server = Server::start();
    let mut stream = UnixStream::connect(server.running().socket_path()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let body = r#"{"name":"ops-1","role":"operator"}"#;
    let request = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let made: Value = serde_json::from_str(body).unwrap();
    let author = made["record"]["created_by"].as_str().unwrap();
    assert!(author.starts_with("local "), "{author}");
    let client = server.anonymous().token(made["token"].as_str().unwrap());
    let _ = client.get("/api/v1/status").unwrap().expect_status(200);
    let _ = client.get("/api/v1/tokens").unwrap().expect_status(403);
    let path = format!("/api/v1/tokens/{}", made["record"]["id"].as_str().unwrap());
    let _ = server.client(Role::Administrator).delete(&path).unwrap().expect_status(204);
    let _ = client.get("/api/v1/status").unwrap().expect_status(401);
    let audit = server.client(Role::Administrator).get("/api/v1/audit").unwrap().json();
    let actions: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions[..2], ["token.delete", "token.create"]);
    assert!(!audit.to_string().contains(made["token"].as_str().unwrap()));
}

#[test]
fn settings_are_changed_from_a_revision() {
    let server = Server::start();
    let client = server.client(Role::Administrator);
    let before = client.get("/api/v1/settings").unwrap().expect_status(200);
    assert_eq!(before.header("ETag"), Some("\"0\""));
    let patch = |if_match: &str, body: Value| {
        let fields = [("Content-Type", "application/json"), ("If-Match", if_match)];
        let path = "/api/v1/settings?comment=first%20try";
        client.send("PATCH", path, &fields, body.to_string().as_bytes()).unwrap()
    };
    let change = json!({"email": {"recipients": ["ops@example.org"]}});
    let saved = patch("\"0\"", change.clone()).expect_status(200);
    let tag = saved.header("ETag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", saved.json()["revision"]));
    let refused = patch("\"0\"", change.clone()).expect_status(412);
    assert_eq!(kind(&refused), "precondition-failed");
    let _ = patch("7", change).expect_status(400);
    let history = client.get("/api/v1/settings/history").unwrap().expect_status(200).json();
    assert_eq!(history["revisions"][0]["comment"], "first try");
    assert_eq!(history["revisions"][0]["author"], "token administrator");
}

#[test]
fn over_tls_the_api_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test");
    let (certificate, key) = authority.server(&["localhost"]).write_files(folder.path(), "server");
    let server = Server::start_unready(Some(TlsFiles { certificate, key }));
    server.bootstrap();
    let mut builder =
        openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls_client()).unwrap();
    builder.cert_store_mut().add_cert(authority.certificate().clone()).unwrap();
    let mut stream = builder.build().connect("localhost", server.connect()).unwrap();
    let request = format!(
        "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        token(Role::Viewer)
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    // In clear nothing is answered.
    let plain = exchange_raw_until_close(
        server.running().address(),
        b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
        LIMIT,
    );
    assert!(!String::from_utf8_lossy(&plain.unwrap_or_default()).contains("200"));
}

#[test]
fn a_stop_ends_idle_connections_and_gives_the_socket_back() {
    let mut server = Server::start();
    let client = server.client(Role::Viewer).keep_alive();
    let _ = client.get("/api/v1/status").unwrap().expect_status(200);
    let address = server.running().address();
    let started = Instant::now();
    let running = server.running.take().unwrap();
    server.runtime.block_on(running.drain());
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    assert!(server.folder.path().exists());
}
