//! The e-mail channel: settings into words, recipients and a relay.
//!
//! In: layers of settings. Out: a profile to plan events with, a transport to send with.
//! Knows nothing of: queues, owners of layers.
//! Standard: spec 3.1.

mod composer;
mod settings;

use std::sync::Arc;

use annunciator_certificates::CertificateBook;
use annunciator_core::{ChannelName, Lane, Notification};
use annunciator_planner::{ChannelProfile, Words};
use annunciator_settings::{Problem, Resolved, SettingsGroup as _, layer_group};
use annunciator_template::Purpose;

use crate::email::composer::EmailComposer;
use crate::email::settings::put_standard_texts;
pub use crate::email::settings::{NotifyLayer, NotifySettings};
use crate::layers::{
    ChannelLayers, EffectiveValue, LayerView, effective_values, lane_id, limit_of, sources,
    switch_of,
};
use crate::mail_transport::{self, MailSender};
use crate::mail_warnings;
use crate::readers::PerLanguage;
use crate::relay_parts::Basis;
use crate::{
    Channel, ReaderLayer, ReaderSettings, RelayLayer, RelaySettings, ServerStatus, Surroundings,
    Transport, TransportFuture,
};

/// The channel's name, and its key in settings.
const NAME: &str = "email";

layer_group! {
    /// What one layer sets for e-mail.
    pub struct EmailLayer {
        /// Whom to tell, and in which words.
        notify: NotifyLayer,
        /// In which language and time.
        reader: ReaderLayer,
        /// How mail reaches the relay.
        relay: RelayLayer,
    }
}

/// The e-mail channel.
struct Email {
    sender: MailSender,
}

/// Makes the channel; see [`crate::MakeChannel`].
#[must_use]
pub fn make(surroundings: &Surroundings) -> Arc<dyn Channel> {
    Arc::new(Email { sender: MailSender::new(surroundings) })
}

fn notify_of(layers: &[LayerView<'_>]) -> Resolved<NotifySettings> {
    NotifySettings::resolve_sources(&sources(NAME, layers, |layers| &layers.email.notify))
}

fn reader_of(layers: &[LayerView<'_>]) -> Resolved<ReaderSettings> {
    ReaderSettings::resolve_sources(&sources(NAME, layers, |layers| &layers.email.reader))
}

/// The words for readers of each language, and why there are none when a template is broken.
fn words_of(notify: &Resolved<NotifySettings>) -> (PerLanguage<Words>, String) {
    let mut fault = String::new();
    let words = PerLanguage::make(|language| {
        let mut notify = notify.clone();
        put_standard_texts(&mut notify, language);
        let NotifySettings { subject, message, html_message, .. } = &notify.values;
        Words::parse(subject, message, html_message, Purpose::Email).unwrap_or_else(|error| {
            fault = format!("a template does not parse: {error}");
            Words::empty()
        })
    });
    (words, fault)
}

fn relay_of(layers: &[LayerView<'_>]) -> Resolved<RelaySettings> {
    RelaySettings::resolve_sources(&sources(NAME, layers, |layers| &layers.email.relay))
}

impl Channel for Email {
    fn name(&self) -> ChannelName {
        ChannelName::from_static(NAME)
    }

    fn sets_transport(&self, layers: &ChannelLayers) -> bool {
        layers.email.relay != RelayLayer::default()
    }

    fn sets_profile(&self, layers: &ChannelLayers) -> bool {
        layers.email != EmailLayer::default()
    }

    fn profile(&self, layers: &[LayerView<'_>], transport: &dyn Transport) -> ChannelProfile {
        let notify = notify_of(layers);
        let settings = &notify.values;
        let recipients = settings.list_recipients();
        let (words, fault) = words_of(&notify);
        let reader = reader_of(layers).values.to_reader();
        let missing = match recipients.is_empty() {
            true => "no recipients are set".to_owned(),
            false if !fault.is_empty() => fault,
            false => transport.missing().to_owned(),
        };
        let sender = settings.sender.clone();
        let lane = lane_id(layers, relay_of(layers).supplier_of("servers"));
        ChannelProfile {
            channel: self.name(),
            lane: Lane::new(&format!("{NAME}/{lane}")),
            limit: limit_of(&self.name(), layers, &notify, settings.limit.as_ref()),
            switch: switch_of(&notify, &settings.notify_about, settings.notify),
            composer: Arc::new(EmailComposer::new(words, sender, recipients, &|_| reader.clone())),
            missing,
        }
    }

    fn transport(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Arc<dyn Transport> {
        self.sender.transport(&relay_of(layers).values, basis)
    }

    fn effective(&self, layers: &[LayerView<'_>]) -> Vec<EffectiveValue> {
        let (mut notify, reader) = (notify_of(layers), reader_of(layers));
        put_standard_texts(&mut notify, reader.values.to_reader().language);
        let mut values = effective_values(&notify);
        values.extend(effective_values(&reader));
        values.extend(effective_values(&relay_of(layers)));
        values
    }

    fn find_problems(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Vec<Problem> {
        let mut problems = notify_of(layers).values.find_problems();
        problems.extend(relay_of(layers).values.find_conflicts(basis.certificates));
        problems
    }

    fn find_warnings(&self, layers: &[LayerView<'_>], _: &CertificateBook) -> Vec<Problem> {
        let (notify, relay) = (notify_of(layers).values, relay_of(layers).values);
        let mut warnings = mail_warnings::find(&notify.sender, &relay, NAME);
        if notify.list_recipients().is_empty() {
            let words = "no recipients are set: nobody is told by e-mail";
            warnings.push(Problem::new("incomplete", words).under("recipients"));
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

#[cfg(test)]
mod tests;
