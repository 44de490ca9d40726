//! Settings of the Mail Notifier: its sender, and a relay of its own (spec 9.5).

use std::sync::LazyLock;

use annunciator_settings::{
    Definition, Format, LayerGroup, Problem, Resolved, SettingsGroup as _, settings,
};
use serde_json::{Map, Value};

use crate::mail_transport::check_address;
use crate::{RelayLayer, RelaySettings, TlsMode};

settings! {
    /// How incidents are mailed to those who subscribe to them.
    pub struct NotifierSettings / NotifierLayer {
        /// Sender address; without it nothing is sent.
        sender: String = String::new(), format(Format::Mailbox), chars_max(254),
            check(check_address);
    }
}

/// Settings of a relay that make no sense here: the server is named, not looked up.
const NOT_HERE: [&str; 3] = ["mx_lookup", "dane", "mta_sts"];

/// TLS is on or off: what verifies is sent over, and what does not is not.
static TLS: LazyLock<Definition> = LazyLock::new(|| {
    let rows = RelaySettings::definitions().iter();
    let row = rows.into_iter().find(|row| row.key == "tls").expect("a relay has TLS");
    Definition {
        key: row.key,
        doc_source: "When TLS is used: `required` (TLS 1.2 or 1.3 with authenticated encryption \
                     and forward secrecy; recommended), `implicit` or `off`.",
        kind_under: row.kind_under,
        default: || Some("off".into()),
        rules: row.rules,
    }
});

/// What one layer sets of the Mail Notifier's relay.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NotifierRelayLayer(pub RelayLayer);

/// Whether a relay's setting is one of the Mail Notifier's.
pub(super) fn is_here(key: &str) -> bool {
    !NOT_HERE.contains(&key)
}

impl LayerGroup for NotifierRelayLayer {
    fn parts(&self) -> Vec<&dyn LayerGroup> {
        vec![&self.0]
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn LayerGroup> {
        vec![&mut self.0]
    }

    fn rows(&self) -> Vec<&'static Definition> {
        let rows = self.0.rows().into_iter().filter(|row| is_here(row.key));
        rows.map(|row| if row.key == TLS.key { &*TLS } else { row }).collect()
    }

    fn shown(&self) -> Map<String, Value> {
        self.0.shown().into_iter().filter(|(key, _)| is_here(key)).collect()
    }
}

/// Where no layer says so, there is no TLS (spec 9.5).
pub(super) fn put_defaults(relay: &mut Resolved<RelaySettings>) {
    if relay.supplier_of("tls").is_none() {
        relay.values.tls = TlsMode::Off;
    }
}

/// What is wrong with a relay here and would be right elsewhere.
pub(super) fn find_problem(relay: &RelaySettings) -> Option<Problem> {
    let words = "must be `required`, `implicit` or `off`: here TLS either proves the server or is \
                 not used";
    let is_wrong = relay.tls == TlsMode::IfSupported;
    is_wrong.then(|| Problem::new("one_of", words).under("tls"))
}

/// What works but deserves a look.
pub(super) fn find_tls_warning(relay: &RelaySettings) -> Option<Problem> {
    if relay.servers.is_empty() || relay.tls != TlsMode::Off {
        return None;
    }
    let words = "mail crosses the network in clear: use TLS (`required`), version 1.2 or 1.3 with \
                 the recommended suites";
    Some(Problem::new("no_tls", words).under("tls"))
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{Origin, SettingsLayer as _, find_faults};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_definitions_have_no_faults_and_tls_is_off_until_it_is_turned_on() {
        assert_eq!(find_faults(NotifierSettings::definitions()), Vec::<String>::new());
        let rows = NotifierRelayLayer::default().rows();
        assert!(NOT_HERE.iter().all(|key| rows.iter().all(|row| row.key != *key)));
        let tls = rows.iter().find(|row| row.key == "tls").unwrap();
        assert_eq!((tls.default)(), Some("off".into()));
        assert!(tls.summary().ends_with('.'));
        let check = |document: Value, expected: TlsMode| {
            let layer = RelayLayer::from_json(&document).unwrap();
            let mut relay = RelaySettings::resolve(&[(Origin::Server, &layer)]);
            put_defaults(&mut relay);
            assert_eq!(relay.values.tls, expected, "{document}");
            assert_eq!(find_problem(&relay.values).is_some(), expected == TlsMode::IfSupported);
        };
        check(json!({"servers": "a"}), TlsMode::Off);
        check(json!({"servers": "a", "tls": "required"}), TlsMode::Required);
        check(json!({"servers": "a", "tls": "if_supported"}), TlsMode::IfSupported);
    }
}
