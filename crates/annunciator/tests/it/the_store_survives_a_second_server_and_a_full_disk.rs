//! A data folder has one server at a time; a full disk refuses events before it acknowledges them,
//! and what was accepted goes on.

use std::fs;
use std::path::Path;
use std::process::Command;

use annunciator_testkit::disk::Disk;
use annunciator_testkit::process::{Launch, free_address};
use annunciator_testkit::relay::Relay;

use crate::support::{BINARY, PATIENCE, Site, critical, email_settings, eventually};

/// Size of the disk that is filled.
const DISK_MB: u64 = 40;
/// Left free on the full disk: less than its reserve of a twentieth.
const LEFT_BYTES: u64 = 1 << 20;
const EVENTS: usize = 20;

#[test]
fn a_second_server_on_the_same_folder_is_refused_with_words() {
    let site = Site::start();
    site.submit("disk.full");
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("second.toml");
    let data = site.server.data_folder();
    let text = format!("listen = \"{}\"\ndata_dir = \"{}\"\n", free_address(), data.display());
    fs::write(&second, text).unwrap();
    let output = Command::new(BINARY).args(["serve", "--config"]).arg(&second).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains(&data.display().to_string()), "{words}");
    assert!(words.contains("another") || words.contains("in use"), "{words}");
    // The first one did not notice.
    site.submit("disk.full.again");
    assert_eq!(site.events().len(), 2);
}

#[test]
fn a_full_disk_refuses_events_and_recovers_when_there_is_room() {
    let disk = match Disk::mount(DISK_MB) {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!(
                "skipped, a small disk cannot be mounted (are the tests run as root?): {why}"
            );
            return;
        }
    };
    let relay = Relay::builder().start();
    relay.go_down();
    let folder = tempfile::tempdir().unwrap();
    let data = disk.path().join("data");
    let launch = Launch::new(Path::new(BINARY), folder.path())
        .configuration(&format!("data_dir = \"{}\"", data.display()));
    let site = Site::of(launch, folder);
    site.save(&serde_json::json!({ "email": email_settings(relay.port()) }));
    for number in 0..EVENTS {
        site.submit_event(critical(&format!("event-{number}")));
    }
    disk.fill(LEFT_BYTES);
    let client = site.server.client();
    let post = || client.post("/api/v1/events", &critical("too.late").json()).unwrap();
    let refused = eventually("an event refused for want of room", || {
        let answer = post();
        if answer.status == 507 { Ok(answer) } else { Err(answer.to_string()) }
    });
    assert!(refused.header("Retry-After").is_some_and(|wait| wait.parse::<u32>().is_ok()));
    assert_eq!(refused.json()["type"], "urn:annunciator:store-full");
    let events_then = site.events().len();

    // What was accepted goes on in the reserve.
    relay.come_up();
    eventually("all delivered on a full disk", || {
        let delivered = site.get("/api/v1/deliveries?state=delivered&limit=1000");
        let count = delivered["deliveries"].as_array().map_or(0, Vec::len);
        if count >= EVENTS { Ok(()) } else { Err(format!("{count} delivered")) }
    });
    assert_eq!(post().status, 507, "it is still full");
    assert_eq!(site.events().len(), events_then, "nothing of a refused event is stored");
    disk.make_room();
    eventually("events taken again without a restart", || {
        let answer = post();
        if answer.status == 202 { Ok(()) } else { Err(answer.to_string()) }
    });
    relay.wait_for_messages(events_then + 1, PATIENCE).unwrap();
    site.wait_until_idle();
    let ready = client.get("/-/ready").unwrap();
    assert_eq!(ready.status, 200, "{ready}");
    assert!(disk.state().2 > LEFT_BYTES);
}
