//! What a replay holds, and that there is one at a time.

use annunciator_core::{Application, Device, EventUid, Severity};

use super::*;
use crate::planner_task;

#[test]
fn the_size_of_an_event_grows_with_all_that_may_be_long() {
    let event = |description: &str, parameter: &str| Event {
        uid: EventUid::from_parts(1, [0; 10]),
        id: String::new(),
        event_type: "x".to_owned(),
        type_name: String::new(),
        severity: Severity::Info,
        application: Application { name: "A".to_owned(), version: String::new() },
        device: Device::default(),
        task: String::new(),
        description: description.to_owned(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(0),
        parameters: [("p".to_owned(), ParameterValue::Text(parameter.to_owned()))].into(),
    };
    let (long, none) = ("x".repeat(100_000), size_of_event(&event("", "")));
    assert_eq!(size_of_event(&event(&long, "")), none + 100_000);
    assert_eq!(size_of_event(&event("", &long)), none + 100_000);
}

#[tokio::test]
async fn a_second_replay_is_told_to_ask_again() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = planner_task::tests::shared(folder.path()).await;
    let request = || ReplayRequest {
        since: "2000-01-01T00:00:00Z".to_owned(),
        settings: Some(serde_json::Map::new()),
        ..ReplayRequest::default()
    };
    let running = TURN.acquire().await.expect("never closed");
    let refused = replay(&shared, request()).await.expect_err("refused");
    assert!(matches!(refused, AdminError::Unavailable(words) if words.contains("ask again")));
    drop(running);
    for _ in 0..2 {
        let view = replay(&shared, request()).await.expect("planned");
        assert_eq!((view.events, view.truncated), (0, false));
    }
}
