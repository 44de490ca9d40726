//! A certificate that ends soon raises one event for its stage, also over a restart; so does the
//! secret of an OAuth 2.0 client.

use annunciator_testkit::certificates::{Authority, Profile, Purpose};
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::certificates::uploaded;
use crate::support::{PATIENCE, Site, eventually, text};

/// Own events, oldest first: type, severity, description.
fn own_events(site: &Site) -> Vec<(String, String, String)> {
    let own = |event: &Value| {
        let field = |name: &str| text(&event[name]).to_owned();
        (field("type"), field("severity"), field("description"))
    };
    let mut events: Vec<_> = site.events().iter().map(own).collect();
    events.reverse();
    events
}

fn wait_for_events(site: &Site, count: usize) -> Vec<(String, String, String)> {
    eventually(&format!("{count} events"), || {
        let events = own_events(site);
        if events.len() == count { Ok(events) } else { Err(format!("{events:?}")) }
    })
}

#[test]
fn an_ending_certificate_raises_its_own_event() {
    let relay = Relay::builder().start();
    let mut site = Site::with_relay(&relay);
    let authority = Authority::new("Root");
    let upload = |site: &Site, days: i64| {
        let dates = Profile {
            purpose: Purpose::Client,
            valid_to_days: days,
            ..Profile::server(&["robot"])
        };
        let identity = authority.issue(&dates);
        uploaded(site, "client", &[&identity.certificate_pem(), &identity.key_pem()], "")
    };
    upload(&site, 60);
    let soon = upload(&site, 5);
    let events = wait_for_events(&site, 1);
    let (event_type, severity, description) = &events[0];
    assert_eq!(
        (event_type.as_str(), severity.as_str()),
        ("annunciator.certificate_expires", "warning")
    );
    assert!(description.contains("within 7 days") && description.contains("CN=robot"));
    upload(&site, 1);
    let events = wait_for_events(&site, 2);
    assert_eq!(events[1].1, "failure", "{events:?}");
    relay.wait_for_messages(2, PATIENCE).unwrap();
    let ending = site.get("/api/v1/status");
    assert_eq!(ending["ending"].as_array().unwrap().len(), 2, "{ending}");
    assert!(site.run(&["status"]).contains("my client"));

    // What was told is not told again; something new is.
    site.server.restart();
    let patch = json!({"email": {"tls": "required", "client_certificate": soon}});
    let saved = site.save(&patch);
    let codes: Vec<_> =
        saved["warnings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("certificate_ends")), "{saved}");
    upload(&site, 20);
    let events = wait_for_events(&site, 3);
    assert!(events[2].2.contains("within 30 days"), "{events:?}");
    site.save(&json!({"email": {"tls": "if_supported"}}));
    site.wait_for_deliveries(3, "delivered");
}

#[test]
fn an_ending_oauth_secret_raises_its_own_event() {
    let mut site = Site::start();
    let yesterday = "2020-01-01";
    site.save(&json!({"email": {"servers": ["127.0.0.1"], "auth": "oauth2", "username": "u",
        "oauth_token_url": "https://login.example/token", "oauth_client_id": "app",
        "oauth_flow": "client_credentials", "oauth_client_secret": "s",
        "oauth_secret_expires": yesterday}}));
    // The watch looks now and then, and at every start.
    site.server.restart();
    let events = wait_for_events(&site, 1);
    assert_eq!(events[0].0, "annunciator.oauth_secret_expires");
    assert_eq!(events[0].1, "critical");
    assert!(events[0].2.contains("`app` ended on 2020-01-01"), "{events:?}");
}
