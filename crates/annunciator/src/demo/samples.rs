//! Six events as sources would write them.

use annunciator_api_types::{ApplicationInput, DeviceInput, EventInput, ParameterInput};

/// What the samples differ in.
struct Sample {
    application: (&'static str, &'static str),
    event_type: (&'static str, &'static str),
    severity: &'static str,
    /// Name, IP address, domain, group.
    device: [&'static str; 4],
    task: &'static str,
    description: &'static str,
    parameters: &'static [(&'static str, f64)],
}

const SAMPLES: [Sample; 6] = [
    Sample {
        application: ("Endpoint Security", "12.4"),
        event_type: ("malware.found", "Malicious object found"),
        severity: "critical",
        device: ["pc-17", "10.20.0.17", "PLANT", "Plant A/Office"],
        task: "Daily scan",
        description: "EICAR-Test-File in C:\\Users\\anna\\Downloads\\invoice.zip was moved to quarantine.",
        parameters: &[("objects", 1.0)],
    },
    Sample {
        application: ("Anomaly Detector", "4.0"),
        event_type: ("forecast.deviation", "Deviation from the forecast"),
        severity: "critical",
        device: ["Förderband 3", "10.20.7.3", "PLANT", "Plant A/Line 2"],
        task: "",
        description: "Bearing temperature 92.4 °C, forecast 71.0 °C. Температура подшипника выше прогноза.",
        parameters: &[("mse", 0.183), ("threshold", 0.05), ("value", 92.4)],
    },
    Sample {
        application: ("Backup", "7.2.1"),
        event_type: ("backup.failed", "Backup failed"),
        severity: "failure",
        device: ["srv-backup", "10.20.0.5", "PLANT", "Plant A/Servers"],
        task: "Nightly full backup",
        description: "Volume D: could not be read after 3 tries; the last good backup is 26 hours old.",
        parameters: &[("age_hours", 26.0)],
    },
    Sample {
        application: ("Power Watch", "2.8"),
        event_type: ("ups.on_battery", "On battery"),
        severity: "warning",
        device: ["ups-2", "10.20.9.2", "PLANT", "Plant A/Line 2"],
        task: "",
        description: "Mains lost; the battery holds for about 41 minutes.",
        parameters: &[("minutes_left", 41.0), ("charge_percent", 97.0)],
    },
    Sample {
        application: ("Endpoint Security", "12.4"),
        event_type: ("update.done", "Databases updated"),
        severity: "info",
        device: ["security-server", "10.20.0.2", "PLANT", "Plant A/Servers"],
        task: "Update",
        description: "All 148 devices have the databases of today.",
        parameters: &[("devices", 148.0)],
    },
    Sample {
        application: ("Storage Guard", "1.4"),
        event_type: ("disk.full", "Disk full"),
        severity: "critical",
        device: ["historian", "10.20.0.9", "PLANT", "Plant A/Servers"],
        task: "",
        description: "Volume D: has 1 % left: at this rate the history stops in about 3 hours.",
        parameters: &[("free_percent", 1.0)],
    },
];

/// How many there are.
pub(super) const COUNT: usize = SAMPLES.len();

/// The sample events, in the order that they are sent.
pub(super) fn events() -> Vec<EventInput> {
    SAMPLES.iter().map(Sample::to_event).collect()
}

impl Sample {
    fn to_event(&self) -> EventInput {
        let [name, ip, domain, group] = self.device.map(str::to_owned);
        let number = |(name, value): &(&str, f64)| {
            let value = ParameterInput::Number(*value);
            ((*name).to_owned(), value)
        };
        EventInput {
            event_type: self.event_type.0.to_owned(),
            type_name: self.event_type.1.to_owned(),
            severity: self.severity.to_owned(),
            application: ApplicationInput {
                name: self.application.0.to_owned(),
                version: self.application.1.to_owned(),
            },
            device: Some(DeviceInput { name, ip, domain, group, ..DeviceInput::default() }),
            task: self.task.to_owned(),
            description: self.description.to_owned(),
            parameters: self.parameters.iter().map(number).collect(),
            ..EventInput::default()
        }
    }
}
