//! Builds the JSON of an event as a source would post it (spec 13).

use serde_json::{Value, json};

/// An event of this type; severity `failure`, application `Storage Guard` 1.4, all else absent.
#[must_use]
pub fn event(event_type: &str) -> EventBuilder {
    EventBuilder {
        value: json!({
            "type": event_type,
            "severity": "failure",
            "application": {"name": "Storage Guard", "version": "1.4"},
        }),
    }
}

/// An event in the making.
#[derive(Clone, PartialEq, Debug)]
pub struct EventBuilder {
    value: Value,
}

impl EventBuilder {
    /// Sets a member of the event to any value, wrong ones included.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.value[name] = value.into();
        self
    }

    /// Takes a member of the event away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Some(members) = self.value.as_object_mut() {
            members.remove(name);
        }
        self
    }

    fn within(mut self, group: &str, name: &str, value: impl Into<Value>) -> Self {
        self.value[group][name] = value.into();
        self
    }

    /// The source's id.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.with("id", id)
    }

    /// Display name of the event type.
    #[must_use]
    pub fn type_name(self, name: &str) -> Self {
        self.with("type_name", name)
    }

    /// `info`, `warning`, `failure` or `critical`.
    #[must_use]
    pub fn severity(self, severity: &str) -> Self {
        self.with("severity", severity)
    }

    /// Name and version of the application.
    #[must_use]
    pub fn application(self, name: &str, version: &str) -> Self {
        self.with("application", json!({"name": name, "version": version}))
    }

    /// Name of the device.
    #[must_use]
    pub fn device(self, name: &str) -> Self {
        self.within("device", "name", name)
    }

    /// Address of the device.
    #[must_use]
    pub fn device_ip(self, ip: &str) -> Self {
        self.within("device", "ip", ip)
    }

    /// Address the device connects from.
    #[must_use]
    pub fn connection_ip(self, ip: &str) -> Self {
        self.within("device", "connection_ip", ip)
    }

    /// Domain of the device.
    #[must_use]
    pub fn domain(self, domain: &str) -> Self {
        self.within("device", "domain", domain)
    }

    /// Path of the device group, such as `Plant A/Line 2`.
    #[must_use]
    pub fn group(self, path: &str) -> Self {
        self.within("device", "group", path)
    }

    /// Name of the task.
    #[must_use]
    pub fn task(self, task: &str) -> Self {
        self.with("task", task)
    }

    /// What happened.
    #[must_use]
    pub fn description(self, text: &str) -> Self {
        self.with("description", text)
    }

    /// When it happened, RFC 3339.
    #[must_use]
    pub fn occurred_at(self, time: &str) -> Self {
        self.with("occurred_at", time)
    }

    /// A named parameter.
    #[must_use]
    pub fn parameter(self, name: &str, value: impl Into<Value>) -> Self {
        self.within("parameters", name, value)
    }

    /// The JSON.
    #[must_use]
    pub fn json(self) -> Value {
        self.value
    }
}

impl From<EventBuilder> for Value {
    fn from(builder: EventBuilder) -> Self {
        builder.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_yields_the_example_of_the_specification() {
        let built = event("disk.full")
            .id("a1")
            .type_name("Disk full")
            .severity("critical")
            .device("pc-17")
            .device_ip("10.0.0.17")
            .connection_ip("10.0.0.1")
            .domain("PLANT")
            .group("Plant A/Line 2")
            .task("")
            .description("Volume D: has 1 % left")
            .occurred_at("2026-11-22T05:30:00.000Z")
            .parameter("free_percent", 1)
            .json();
        let expected: Value = serde_json::from_str(
            r#"{"id":"a1","type":"disk.full","type_name":"Disk full","severity":"critical",
            "application":{"name":"Storage Guard","version":"1.4"},
            "device":{"name":"pc-17","ip":"10.0.0.17","connection_ip":"10.0.0.1","domain":"PLANT",
            "group":"Plant A/Line 2"},"task":"","description":"Volume D: has 1 % left",
            "occurred_at":"2026-11-22T05:30:00.000Z","parameters":{"free_percent":1}}"#,
        )
        .unwrap();
        assert_eq!(built, expected);
    }

    #[test]
    fn members_can_be_wrong_or_missing() {
        let built = event("x").with("severity", 7).without("application").json();
        assert_eq!(built, json!({"type": "x", "severity": 7}));
    }
}
