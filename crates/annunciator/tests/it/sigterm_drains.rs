//! SIGTERM lets the attempts under way finish; nothing is lost or repeated after the restart.

use std::time::Duration;

use annunciator_testkit::relay::{Action, Relay, Stage, When};
use serde_json::json;

use crate::support::{PATIENCE, Site, critical, email_settings, eventually};

const EVENTS: usize = 12;

#[test]
fn sigterm_drains() {
    let slow = Action::Delay(Duration::from_secs(1));
    let relay = Relay::builder().on(Stage::DataEnd, When::Always, slow).start();
    let mut site = Site::start();
    let mut email = email_settings(relay.port());
    email["connections_max"] = json!(2);
    site.save(&json!({ "email": email }));
    for number in 0..EVENTS {
        site.submit_event(critical(&format!("event-{number:02}")));
    }
    relay
        .wait_until("two messages under way", PATIENCE, |relay| {
            let commands: Vec<_> =
                relay.connections().into_iter().flat_map(|c| c.commands).collect();
            commands.iter().filter(|line| line.as_str() == "DATA").count() >= 2
        })
        .unwrap();
    let status = site.server.terminate_and_wait(PATIENCE);
    assert_eq!(status.code(), Some(0));
    let before = relay.message_count();
    assert!((2..EVENTS).contains(&before), "{before} messages at the end of the drain");
    assert!(site.server.log().contains("drained"));
    eventually("the connections are closed", || {
        let open = relay.open_connections();
        if open == 0 { Ok(()) } else { Err(format!("{open} open")) }
    });
    let broken = relay.connections().into_iter().filter(|one| one.broken_off_in_data).count();
    assert_eq!(broken, 0, "no message was broken off");

    relay.behave();
    site.server.restart();
    let deliveries = site.wait_for_deliveries(EVENTS, "delivered");
    let repeated: Vec<_> = deliveries
        .iter()
        .filter(|one| one["attempts"] != 1)
        .map(|one| site.delivery(one["id"].as_str().unwrap()))
        .collect();
    assert!(repeated.is_empty(), "{repeated:#?}\n{}", site.server.log());
    let doubtful: Vec<_> =
        deliveries.iter().filter(|one| one["possibly_duplicated"] == true).collect();
    assert!(doubtful.is_empty(), "{doubtful:?}\n{}", site.server.log());
    assert_eq!(relay.message_count(), EVENTS, "none twice");
}

#[test]
fn requests_under_way_at_sigterm_are_answered() {
    use std::io::{Read, Write};
    let mut site = Site::start();
    let mut stream = std::net::TcpStream::connect(site.server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = critical("disk.full").json().to_string();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        site.server.token(),
        body.len()
    );
    let (first, rest) = body.split_at(body.len() / 2);
    stream.write_all(format!("{head}{first}").as_bytes()).unwrap();
    // The request is known to be read once another, later one was answered.
    assert_eq!(site.events().len(), 0);
    site.server.signal("TERM");
    site.server.wait_for_log("draining", PATIENCE);
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    // It came too late to be taken: the source is told to come again.
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nretry-after: "), "{answer}");
    eventually("the server ended", || {
        if site.server.runs() { Err("it runs".to_owned()) } else { Ok(()) }
    });
    site.server.restart();
    assert_eq!(site.events().len(), 0, "what was not answered 202 is not there");
}
