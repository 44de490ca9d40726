//! Numbers into events, as a source posts them and as the pipeline knows them.

use annunciator_core::{Application, Device, Event, EventUid, Severity, Timestamp};

/// When the events of the programs that know no clock happen: 2026-11-22T05:30:00Z.
pub(crate) const START: Timestamp = Timestamp(1_795_325_400_000);
/// What stands before the number in the subject of a mail, which the sink reads it from.
pub(crate) const TOKEN: &str = "event-";

/// The JSON of an event; its description, which becomes the subject, holds the number.
pub(crate) fn json(number: u32) -> String {
    format!(
        "{{\"id\":\"{TOKEN}{number}\",\"type\":\"bench.event\",\"type_name\":\"Benchmark event\",\
         \"severity\":\"critical\",\"application\":{{\"name\":\"Benchmark\",\"version\":\"1\"}},\
         \"device\":{{\"name\":\"host-{number}\",\"domain\":\"example.test\"}},\
         \"description\":\"{TOKEN}{number}\",\"occurred_at\":\"{START}\"}}"
    )
}

/// The same event behind the validation.
pub(crate) fn event(number: u32) -> Event {
    let mut random = [7; 10];
    random[2..6].copy_from_slice(&number.to_be_bytes());
    let at = START.plus_ms(i64::from(number));
    Event {
        uid: EventUid::from_parts(unix_ms(at), random),
        id: format!("{TOKEN}{number}"),
        event_type: "bench.event".to_owned(),
        type_name: "Benchmark event".to_owned(),
        severity: Severity::Critical,
        application: Application { name: "Benchmark".to_owned(), version: "1".to_owned() },
        device: Device {
            name: format!("host-{number}"),
            domain: "example.test".to_owned(),
            ..Device::default()
        },
        task: String::new(),
        description: format!("{TOKEN}{number}"),
        occurred_at: START,
        registered_at: at,
        parameters: std::collections::BTreeMap::new(),
    }
}

/// A time after 1970 as ids want it.
pub(crate) fn unix_ms(at: Timestamp) -> u64 {
    u64::try_from(at.0).expect("it is after 1970")
}
