//! A preview takes any setting of its channel as it stands in a form, and tells what an SMS costs;
//! nothing is saved.

use serde_json::{Value, json};

use crate::support::{Site, field_errors, text};

fn preview(site: &Site, channel: &str, settings: &Value) -> Value {
    let request = json!({"channel": channel, "settings": settings});
    site.post("/api/v1/settings/preview", &request).expect_status(200).json()
}

#[test]
fn a_preview_takes_settings_that_are_not_saved() {
    let site = Site::start();
    let check = |message: &str, segments: Value| {
        let shown = preview(&site, "sms", &json!({"message": message, "segments_max": 1}));
        assert_eq!(shown["lengths"]["segments"], segments, "{shown}");
        shown
    };
    check("Fire!", json!({"count": 1, "alphabet": "GSM-7", "units": 5, "units_left": 155}));
    let full = json!({"count": 1, "alphabet": "UCS-2", "units": 70, "units_left": 0});
    let cut = check(&"\u{43f}".repeat(200), full);
    assert!(text(&cut["text"]).ends_with('\u{2026}'), "{cut}");

    let program = json!({"file": "/nowhere/run", "arguments": ["--type=%EVENT_TYPE%", "a b"]});
    let shown = preview(&site, "executable", &program);
    assert_eq!(shown["arguments"], json!(["--type=disk.full", "a b"]));
    assert!(shown["lengths"]["segments"].is_null(), "{shown}");
    assert!(preview(&site, "email", &json!({}))["lengths"]["segments"].is_null());

    let bad = json!({"channel": "executable", "settings": {"arguments": ["a", "%NOPE%"]}});
    let bad = site.post("/api/v1/settings/preview", &bad).expect_status(422).json();
    assert_eq!(field_errors(&bad)[0].0, "/arguments/1", "{bad}");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing was saved");
}
