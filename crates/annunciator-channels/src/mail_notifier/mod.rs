//! The Mail Notifier: incidents to those who subscribe to them, over a relay of its own (spec 9).
//!
//! In: layers of settings; incidents with those who are told. Out: mails in each reader's language,
//! a transport to send with.
//! Knows nothing of: subscriptions, users, queues.

mod bundle;
mod chart;
mod composer;
mod letter;
mod page;
mod plain;
mod settings;
mod words;

use std::sync::Arc;

use annunciator_certificates::{CertificateBook, is_key_weak};
use annunciator_core::{ChannelName, Lane, Notification};
use annunciator_planner::{ChannelProfile, Switch};
use annunciator_settings::{NotifyAbout, Problem, Resolved, SettingsGroup as _, layer_group};

use crate::layers::{ChannelLayers, EffectiveValue, LayerView, effective_values, lane_id, sources};
use crate::mail_notifier::composer::IncidentComposer;
pub use crate::mail_notifier::settings::{NotifierLayer, NotifierRelayLayer, NotifierSettings};
use crate::mail_transport::{self, MailSender};
use crate::mail_warnings;
use crate::relay_parts::Basis;
use crate::{
    Channel, RelayLayer, RelaySettings, ServerStatus, Surroundings, TlsMode, Transport,
    TransportFuture,
};

/// The channel's name, and its key in settings.
const NAME: &str = "mail_notifier";

layer_group! {
    /// What one layer sets for the Mail Notifier.
    pub struct MailNotifierLayer {
        /// From whom.
        notify: NotifierLayer,
        /// How mail reaches the relay.
        relay: NotifierRelayLayer,
    }
}

/// The Mail Notifier.
struct MailNotifier {
    sender: MailSender,
}

/// Makes the channel; see [`crate::MakeChannel`].
#[must_use]
pub fn make(surroundings: &Surroundings) -> Arc<dyn Channel> {
    Arc::new(MailNotifier { sender: MailSender::new(surroundings).with_strong_tls() })
}

fn notify_of(layers: &[LayerView<'_>]) -> Resolved<NotifierSettings> {
    NotifierSettings::resolve_sources(&sources(NAME, layers, |layers| &layers.mail_notifier.notify))
}

fn relay_of(layers: &[LayerView<'_>]) -> Resolved<RelaySettings> {
    let sources = sources(NAME, layers, |layers| &layers.mail_notifier.relay.0);
    let mut relay = RelaySettings::resolve_sources(&sources);
    settings::put_defaults(&mut relay);
    relay
}

impl Channel for MailNotifier {
    fn name(&self) -> ChannelName {
        ChannelName::from_static(NAME)
    }

    fn sets_transport(&self, layers: &ChannelLayers) -> bool {
        layers.mail_notifier.relay.0 != RelayLayer::default()
    }

    fn sets_profile(&self, layers: &ChannelLayers) -> bool {
        layers.mail_notifier != MailNotifierLayer::default()
    }

    fn profile(&self, layers: &[LayerView<'_>], transport: &dyn Transport) -> ChannelProfile {
        let sender = notify_of(layers).values.sender;
        let missing = match sender.is_empty() {
            _ if !transport.missing().is_empty() => transport.missing().to_owned(),
            true => "no sender is set".to_owned(),
            false => String::new(),
        };
        let missing = match missing.is_empty() {
            true => missing,
            false => format!("the Mail Notifier cannot send: {missing}"),
        };
        let lane = lane_id(layers, relay_of(layers).supplier_of("servers"));
        ChannelProfile {
            channel: self.name(),
            lane: Lane::new(&format!("{NAME}/{lane}")),
            limit: None,
            // Subscriptions decide.
            switch: Switch::About(NotifyAbout::All),
            composer: Arc::new(IncidentComposer::new(sender)),
            missing,
        }
    }

    fn transport(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Arc<dyn Transport> {
        self.sender.transport(&relay_of(layers).values, basis)
    }

    fn effective(&self, layers: &[LayerView<'_>]) -> Vec<EffectiveValue> {
        let mut values = effective_values(&notify_of(layers));
        let relay = effective_values(&relay_of(layers)).into_iter();
        values.extend(relay.filter(|value| settings::is_here(value.key)));
        values
    }

    fn find_problems(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Vec<Problem> {
        let relay = relay_of(layers).values;
        let mut problems = relay.find_conflicts(basis.certificates);
        problems.extend(settings::find_problem(&relay));
        problems
    }

    fn find_warnings(
        &self,
        layers: &[LayerView<'_>],
        certificates: &CertificateBook,
    ) -> Vec<Problem> {
        let relay = relay_of(layers).values;
        if relay.servers.is_empty() {
            // Nobody has to use it; the subscriptions say that nothing can be sent.
            return Vec::new();
        }
        let sender = notify_of(layers).values.sender;
        let mut warnings = mail_warnings::find(&sender, &relay, "the Mail Notifier");
        for warning in &mut warnings {
            if warning.code == "empty_sender" {
                // It is no warning of the other channels, which send all the same.
                warning.code = "no_sender";
                warning.detail = "no sender is set: nothing can be sent".to_owned();
            }
        }
        warnings.extend(settings::find_tls_warning(&relay));
        warnings.extend(find_weak_key(&relay, certificates));
        if relay.tls == TlsMode::Off && !relay.client_certificate.is_empty() {
            let words = "without TLS nobody sees the certificate: use TLS (`required`)";
            warnings.push(Problem::new("unused", words).under("client_certificate"));
        }
        warnings
    }

    fn message(&self, notification: &Notification) -> Result<Vec<u8>, String> {
        mail_transport::show_message(notification)
    }

    fn servers(&self) -> Vec<ServerStatus> {
        self.sender.servers()
    }

    fn forget_failures(&self) {
        self.sender.forget_failures();
    }

    fn set_share(&self, share: annunciator_smtp::Share) {
        self.sender.set_share(share);
    }

    fn close_idle(&self) -> TransportFuture<'_> {
        self.sender.close_idle()
    }
}

/// A key that is accepted and weaker than recommended (spec 9.5).
fn find_weak_key(relay: &RelaySettings, certificates: &CertificateBook) -> Option<Problem> {
    let client = certificates.client(&relay.client_certificate)?;
    let facts = annunciator_certificates::describe(client.chain.first()?).ok()?;
    let words = weakness(&facts.key)?;
    Some(Problem::new("weak_key", words).under("client_certificate"))
}

/// What is weak about a key, described as `RSA 2048` or `EC P-256`.
fn weakness(key: &str) -> Option<String> {
    let remedy = "use RSA of 4096 bits or more, or EC of P-384 or more";
    is_key_weak(key).then(|| format!("its key is {key}, weaker than recommended: {remedy}"))
}

#[cfg(test)]
mod tests;
