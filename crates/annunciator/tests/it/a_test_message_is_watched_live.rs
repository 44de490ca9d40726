//! The stages of a test message come one by one while it runs, and the test ends when nobody
//! watches any longer.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use annunciator_testkit::relay::{Action, Relay, Stage, When, reply};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, answer, email_settings, eventually, field_errors};

const PATH: &str = "/api/v1/test-message";
const LIVE: [(&str, &str); 2] =
    [("Content-Type", "application/json"), ("Accept", "application/x-ndjson")];

/// A connection on which a test message was asked for; its lines come as they are written.
fn watch(site: &Site, body: &Value) -> impl Iterator<Item = Value> {
    let mut stream = TcpStream::connect(site.server.address()).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let (body, token) = (body.to_string(), site.server.token());
    write!(
        stream,
        "POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nAccept: application/x-ndjson\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("the request is written");
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    // What is no JSON object is a header field, or the size of a chunk.
    lines.filter_map(|line| serde_json::from_str(&line).ok()).filter(Value::is_object)
}

#[test]
fn stages_are_lines_and_the_result_is_the_last() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let request = json!({"email": email_settings(relay.port())});
    let whole = site.post(PATH, &request).expect_status(200).json();
    let live =
        answer(site.server.client().send("POST", PATH, &LIVE, request.to_string().as_bytes()))
            .expect_status(200);
    assert_eq!(live.header("Content-Type"), Some("application/x-ndjson"));
    let lines: Vec<Value> =
        live.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, stages) = lines.split_last().expect("there are lines");
    let names =
        |list: &[Value]| -> Vec<Value> { list.iter().map(|one| one["stage"].clone()).collect() };
    let told: Vec<Value> = stages.iter().map(|line| line["stage"].clone()).collect();
    assert_eq!(names(&told), names(whole["stages"].as_array().unwrap()), "as without `Accept`");
    assert_eq!(last["result"]["stages"], json!(told));
    assert_eq!(last["result"]["ok"], true, "{last}");
    assert_eq!(relay.message_count(), 2);

    let bad = json!({"email": {"port": 70_000}}).to_string();
    let bad = answer(site.server.client().send("POST", PATH, &LIVE, bad.as_bytes()));
    assert_eq!(bad.header("Content-Type"), Some("application/problem+json"));
    let errors = field_errors(&bad.expect_status(422).json());
    assert_eq!(errors, [("/email/port".to_owned(), "range".to_owned())]);
}

#[test]
fn a_stage_is_told_before_the_next_one_ends() {
    let relay = Relay::builder().on(Stage::Mail, When::Always, Action::Silence).start();
    let site = Site::start();
    let request = json!({"email": email_settings(relay.port())});
    let mut lines = watch(&site, &request);
    for expected in ["settings", "resolve", "connect", "greeting", "hello"] {
        let line = lines.next().expect("a line");
        assert_eq!(line["stage"]["stage"], expected, "{line}");
    }
    eventually("MAIL at the relay", || {
        let transcript = relay.transcript();
        if transcript.contains("MAIL FROM") { Ok(()) } else { Err(transcript) }
    });
    assert_eq!(relay.open_connections(), 1);
    drop(lines);
    let none_open = |relay: &Relay| match relay.open_connections() {
        0 => Ok(()),
        some => Err(format!("{some} open")),
    };
    eventually("the test's connection ends with its watcher", || none_open(&relay));
    relay.behave();
    relay.on(Stage::Mail, When::Always, reply("250 2.1.0 Ok"));
    drop(site.post(PATH, &request).expect_status(200));
}
