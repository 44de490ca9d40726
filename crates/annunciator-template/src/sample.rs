//! An event as it may look, for previews without one (spec 5.4).

use annunciator_core::{Application, Device, Event, EventUid, ParameterValue, Severity, Timestamp};

use crate::parameters::Parameter;
use crate::reader::Language;

/// When it happened: 2026-11-22T05:30:00Z.
const OCCURRED_AT: Timestamp = Timestamp(1_795_325_400_000);

/// The event whose values are the samples of the table; what a source would write in the
/// language of its readers is in this language.
#[must_use]
pub fn sample_event(language: Language) -> Event {
    let sample = |parameter: Parameter| parameter.row().sample.to_owned();
    let words = |parameter: Parameter, russian: &str| match language {
        Language::English => sample(parameter),
        Language::Russian => russian.to_owned(),
    };
    Event {
        uid: EventUid::from_parts(0, [0; 10]),
        id: sample(Parameter::EventId),
        event_type: sample(Parameter::EventType),
        type_name: words(Parameter::Event, "Диск заполнен"),
        severity: Severity::Critical,
        application: Application {
            name: sample(Parameter::Product),
            version: sample(Parameter::Version),
        },
        device: Device {
            name: sample(Parameter::Computer),
            ip: sample(Parameter::HostIp),
            connection_ip: sample(Parameter::HostConnIp),
            domain: sample(Parameter::Domain),
            group: words(Parameter::Group, "Цех А/Линия 2"),
        },
        task: words(Parameter::Task, "Ночное резервное копирование"),
        description: words(Parameter::Descr, "На томе D: остался 1 % свободного места"),
        occurred_at: OCCURRED_AT,
        registered_at: OCCURRED_AT,
        parameters: [("free_percent".to_owned(), ParameterValue::Integer(1))].into(),
    }
}
