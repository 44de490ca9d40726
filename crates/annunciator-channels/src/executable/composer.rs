//! An event into what an executable gets: arguments, environment, standard input.
//!
//! What holds more than a program can be given is rendered just so far that the launcher refuses it
//! as too long: it is never started with a part of its arguments.
//! Standard: spec 3.3; the JSON has the fields of the event contract (spec 13).

use annunciator_core::{Command, Event, Recipient, RecipientRole, Severity};
use annunciator_launcher::{COMMAND_BYTES_MAX, PATH_USUAL};
use annunciator_planner::{Compose, Composed};
use annunciator_template::{
    Escape, EventValues, PARAMETERS, Purpose, Reader, Template, Values, shown_event_parameter,
    shown_value,
};
use serde_json::{Value, json};

/// Begins the names of variables that hold event parameters.
const PARAMETER_PREFIX: &str = "PARAM_";

/// What a run is made from.
#[derive(Debug)]
pub(super) struct CommandComposer {
    pub(super) file: String,
    pub(super) reader: Reader,
    pub(super) arguments: Vec<Template>,
    /// What the ledger shows as the subject.
    pub(super) title: Template,
}

impl Compose for CommandComposer {
    fn compose(&self, event: &Event, link: &str) -> Vec<Composed> {
        let values = EventValues { link, ..EventValues::for_reader(event, &self.reader) };
        let environment = environment(event, &values);
        let bytes = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        let command = Command { arguments: self.render_arguments(&values, bytes), environment };
        vec![Composed {
            subject: self.title.render(&values, Escape::Line),
            text: event_json(event).to_string(),
            recipients: vec![Recipient { address: self.file.clone(), role: RecipientRole::To }],
            command: Some(command),
            ..Composed::default()
        }]
    }

    fn summaries(&self, event: &Event, _draft: Composed) -> Vec<Composed> {
        // The file was cleared since something was limited: nobody is there to be told.
        if self.file.is_empty() {
            return Vec::new();
        }
        // For a program it is an event like any other.
        self.compose(event, "")
    }
}

impl CommandComposer {
    /// The arguments, to the first that makes the command too long; `bytes` is its length before.
    fn render_arguments(&self, values: &dyn Values, mut bytes: usize) -> Vec<String> {
        let mut arguments = Vec::new();
        for template in &self.arguments {
            if bytes > COMMAND_BYTES_MAX {
                break;
            }
            let argument = template.render(values, Escape::None);
            bytes += argument.len();
            arguments.push(argument);
        }
        arguments
    }
}

/// Every parameter under its name and its aliases, each name once; event parameters after them.
fn environment(event: &Event, values: &dyn Values) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> =
        vec![("PATH".to_owned(), PATH_USUAL.to_owned()), ("LANG".to_owned(), "C.UTF-8".to_owned())];
    for row in PARAMETERS.iter().filter(|row| row.purposes.contains(&Purpose::Executable)) {
        let value = shown_value(values, row.parameter);
        for name in std::iter::once(&row.name).chain(row.aliases) {
            variables.push(((*name).to_owned(), value.clone().into_owned()));
        }
    }
    for name in event.parameters.keys() {
        let variable = variable_name(name);
        // Two names may become one: the first in the order of names stays.
        if !variables.iter().any(|(known, _)| *known == variable) {
            variables.push((variable, shown_event_parameter(values, name).into_owned()));
        }
    }
    variables
}

/// Upper case; what is no letter or digit of ASCII becomes `_`.
fn variable_name(parameter: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    };
    PARAMETER_PREFIX.chars().chain(parameter.chars().map(letter)).collect()
}

/// The whole event, as it was handed in, with what became of it here.
fn event_json(event: &Event) -> Value {
    let Event { application, device, .. } = event;
    json!({
        "uid": event.uid,
        "id": event.id,
        "type": event.event_type,
        "type_name": event.type_name,
        "severity": event.severity,
        "severity_number": Severity::number(event.severity),
        "application": {"name": application.name, "version": application.version},
        "device": {
            "name": device.name, "ip": device.ip, "connection_ip": device.connection_ip,
            "domain": device.domain, "group": device.group,
        },
        "task": event.task,
        "description": event.description,
        "occurred_at": event.occurred_at,
        "registered_at": event.registered_at,
        "parameters": event.parameters,
    })
}

#[cfg(test)]
mod tests {
    use annunciator_core::ParameterValue;
    use annunciator_template::RENDERED_BYTES_MAX;

    use super::*;

    #[test]
    fn an_argument_stays_one_whatever_the_event_holds() {
        let hostile = "$(rm -rf /); `id` \"quoted\" 'single' %EVENT% \n second line | > ü";
        let mut event = crate::sample_event();
        event.description = hostile.to_owned();
        let parse = |text: &str| Template::parse(text, Purpose::Executable).expect("good");
        let composer = CommandComposer {
            file: "/x/y".to_owned(),
            reader: Reader::STANDARD.clone(),
            arguments: vec![parse("--text=%DESCR%"), parse("%PARAM:none%"), parse("100%%")],
            title: parse("%EVENT%"),
        };
        let composed = composer.compose(&event, "").remove(0);
        let command = composed.command.expect("a command");
        assert_eq!(command.arguments, [format!("--text={hostile}"), String::new(), "100%".into()]);
        let value = |name: &str| {
            let found = command.environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("DESCR"), Some(hostile));
        assert_eq!(value("SEVERITY_NUM"), Some("4"));
        assert_eq!(value("KL_PRODUCT"), value("PRODUCT"));
        assert_eq!(value("PHONE"), None, "for SMS only");
        let read: Value = serde_json::from_str(&composed.text).expect("JSON");
        assert_eq!(read["description"], hostile);
        assert_eq!(read["application"]["name"], "Storage Guard");
    }

    #[test]
    fn a_summary_starts_the_executable_unless_there_is_none_any_more() {
        for (file, count) in [("/x/y", 1), ("", 0)] {
            let composer = CommandComposer {
                file: file.to_owned(),
                reader: Reader::STANDARD.clone(),
                arguments: Vec::new(),
                title: Template::empty(),
            };
            let summaries = composer.summaries(&crate::sample_event(), Composed::default());
            assert_eq!(summaries.len(), count, "{file:?}");
        }
    }

    #[test]
    fn a_command_is_composed_no_further_than_it_can_be_given() {
        let check = |count: usize, is_whole: bool| {
            let mut event = crate::sample_event();
            event.description = "x".repeat(1_000);
            let template = "%DESCR%".repeat(1_000);
            let argument = Template::parse(&template, Purpose::Executable).expect("good");
            let composer = CommandComposer {
                file: "/x/y".to_owned(),
                reader: Reader::STANDARD.clone(),
                arguments: vec![argument; count],
                title: Template::empty(),
            };
            let command = composer.compose(&event, "").remove(0).command.expect("a command");
            let bytes: usize = command.arguments.iter().map(String::len).sum();
            assert_eq!(command.arguments.len() == count, is_whole, "{count}");
            let is_refused = command_bytes(&command) > COMMAND_BYTES_MAX;
            assert_eq!(is_refused, !is_whole, "what is cut cannot start: {bytes}");
            assert!(command_bytes(&command) < COMMAND_BYTES_MAX + RENDERED_BYTES_MAX);
        };
        check(3, true);
        check(100, false);
    }

    fn command_bytes(command: &Command) -> usize {
        let environment = command.environment.iter().map(|(name, value)| name.len() + value.len());
        environment.chain(command.arguments.iter().map(String::len)).sum()
    }

    #[test]
    fn event_parameters_become_variables_each_name_once() {
        let mut event = crate::sample_event();
        for (name, value) in [("free.percent", "1"), ("free-percent", "2"), ("größe", "3")] {
            event.parameters.insert(name.to_owned(), ParameterValue::Text(value.to_owned()));
        }
        let variables = environment(&event, &EventValues::new(&event));
        let of_event: Vec<_> = variables
            .iter()
            .filter(|(name, _)| name.starts_with(PARAMETER_PREFIX))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(of_event, [("PARAM_FREE_PERCENT", "2"), ("PARAM_GR__E", "3")]);
        let mut names: Vec<_> = variables.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), variables.len());
    }
}
