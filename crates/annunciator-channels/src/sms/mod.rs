//! The SMS channel: mail to a gateway that turns each into an SMS (spec 3.2).
//!
//! In: layers of settings. Out: a profile to plan events with, a transport to send with; and the
//! rules of SMS: what a text costs, which phone numbers there are, their addresses.
//! Knows nothing of: queues, owners of layers.

mod alphabet;
mod composer;
mod gateway;
mod grapheme;
mod phone;
mod settings;
mod text;
mod transliteration;

use std::sync::Arc;

use annunciator_certificates::CertificateBook;
use annunciator_core::{ChannelName, Content, Lane, Notification};
use annunciator_planner::{ChannelProfile, Words};
use annunciator_settings::{NotifyAbout, Problem, Resolved, SettingsGroup as _, layer_group};
use annunciator_template::{Language, Purpose};

use crate::layers::{
    ChannelLayers, EffectiveValue, LayerView, effective_values, lane_id, limit_of, sources,
    switch_of,
};
use crate::mail_transport::{self, MailSender};
use crate::mail_warnings;
use crate::relay_parts::Basis;
use crate::sms::composer::SmsComposer;
use crate::{
    Channel, ReaderLayer, ReaderSettings, RelayLayer, RelaySettings, ServerStatus, Surroundings,
    Transport, TransportFuture,
};

pub use alphabet::Alphabet;
pub use gateway::{DESTINATIONS_MAX, Destination, PhoneFormat, addresses, check_pattern};
pub use phone::{NUMBERS_MAX, PhoneNumber, PhoneProblem, PhoneProblemKind, check_phone};
pub use settings::{GatewayLayer, NotifyLayer, NotifySettings};
pub use text::{Measure, measure, shorten};
pub use transliteration::transliterate;

/// The channel's name, and its key in settings.
const NAME: &str = "sms";

layer_group! {
    /// What one layer sets for SMS.
    pub struct SmsLayer {
        /// Whom to tell, and in which words.
        notify: NotifyLayer,
        /// In which language and time.
        reader: ReaderLayer,
        /// How mail reaches the gateway.
        relay: GatewayLayer,
    }
}

/// The SMS channel.
struct Sms {
    sender: MailSender,
}

/// Makes the channel; see [`crate::MakeChannel`].
#[must_use]
pub fn make(surroundings: &Surroundings) -> Arc<dyn Channel> {
    Arc::new(Sms { sender: MailSender::new(surroundings) })
}

fn notify_of(layers: &[LayerView<'_>]) -> Resolved<NotifySettings> {
    NotifySettings::resolve_sources(&sources(NAME, layers, |layers| &layers.sms.notify))
}

fn reader_of(layers: &[LayerView<'_>]) -> Resolved<ReaderSettings> {
    ReaderSettings::resolve_sources(&sources(NAME, layers, |layers| &layers.sms.reader))
}

/// The text that nobody set is in the reader's language.
fn put_standard_text(notify: &mut Resolved<NotifySettings>, language: Language) {
    if notify.supplier_of("message").is_none() {
        notify.values.message = settings::STANDARD_MESSAGE.of(language).to_owned();
    }
}

fn relay_of(layers: &[LayerView<'_>]) -> Resolved<RelaySettings> {
    RelaySettings::resolve_sources(&sources(NAME, layers, |layers| &layers.sms.relay.0))
}

impl Channel for Sms {
    fn name(&self) -> ChannelName {
        ChannelName::from_static(NAME)
    }

    fn sets_transport(&self, layers: &ChannelLayers) -> bool {
        layers.sms.relay.0 != RelayLayer::default()
    }

    fn sets_profile(&self, layers: &ChannelLayers) -> bool {
        layers.sms != SmsLayer::default()
    }

    fn profile(&self, layers: &[LayerView<'_>], transport: &dyn Transport) -> ChannelProfile {
        let reader = reader_of(layers).values.to_reader();
        let mut notify = notify_of(layers);
        put_standard_text(&mut notify, reader.language);
        let settings = &notify.values;
        let words = Words::parse(&settings.subject, &settings.message, "", Purpose::Sms);
        let (words, fault) = match words {
            Ok(words) => (words, String::new()),
            Err(error) => (Words::empty(), format!("a template does not parse: {error}")),
        };
        let (destinations, missing) = match settings.destinations() {
            Err(problem) => {
                let key = problem.pointer.trim_start_matches('/').to_owned();
                (Vec::new(), format!("`{key}` {}", problem.detail))
            }
            Ok(none) if none.is_empty() => {
                (none, "no phone numbers and no recipients are set".to_owned())
            }
            Ok(destinations) if !fault.is_empty() => (destinations, fault),
            Ok(destinations) => (destinations, transport.missing().to_owned()),
        };
        let lane = lane_id(layers, relay_of(layers).supplier_of("servers"));
        ChannelProfile {
            channel: self.name(),
            lane: Lane::new(&format!("{NAME}/{lane}")),
            limit: limit_of(&self.name(), layers, &notify, settings.limit.as_ref()),
            switch: switch_of(&notify, &settings.notify_about, settings.notify),
            composer: Arc::new(SmsComposer {
                words,
                reader,
                sender: settings.sender.clone(),
                destinations,
                are_words_personal: settings.words_name_the_phone(),
                phone_format: settings.phone_format,
                segments_max: match settings.segments_max {
                    0 => usize::MAX,
                    count => count as usize,
                },
                transliterate: settings.transliterate,
            }),
            missing,
        }
    }

    fn transport(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Arc<dyn Transport> {
        self.sender.transport(&relay_of(layers).values, basis)
    }

    fn effective(&self, layers: &[LayerView<'_>]) -> Vec<EffectiveValue> {
        let (mut notify, reader) = (notify_of(layers), reader_of(layers));
        put_standard_text(&mut notify, reader.values.to_reader().language);
        let mut values = effective_values(&notify);
        values.extend(effective_values(&reader));
        let relay = effective_values(&relay_of(layers)).into_iter();
        values.extend(relay.filter(|value| settings::is_for_gateways(value.key)));
        values
    }

    fn find_problems(&self, layers: &[LayerView<'_>], basis: Basis<'_>) -> Vec<Problem> {
        let mut problems = notify_of(layers).values.find_problems();
        problems.extend(relay_of(layers).values.find_conflicts(basis.certificates));
        problems
    }

    fn find_warnings(&self, layers: &[LayerView<'_>], _: &CertificateBook) -> Vec<Problem> {
        let (notify, relay) = (notify_of(layers).values, relay_of(layers).values);
        let is_unused = notify.notify_about == NotifyAbout::Severities(Vec::new())
            && notify.phone_numbers.is_empty()
            && notify.recipients.is_empty();
        if is_unused {
            return Vec::new();
        }
        let mut warnings = mail_warnings::find(&notify.sender, &relay, "SMS");
        let mut warn = |key: &str, code: &'static str, words: &str| {
            warnings.push(Problem::new(code, words).under(key));
        };
        if notify.phone_numbers.is_empty() && notify.recipients.is_empty() {
            let words = "no phone numbers and no recipients are set: nobody is told by SMS";
            warn("phone_numbers", "incomplete", words);
        } else if notify.phone_numbers.is_empty() && notify.words_name_the_phone() {
            let words = "no phone numbers are set: `%PHONE%` is empty in subject and message";
            warn("phone_numbers", "phone_is_empty", words);
        }
        warnings
    }

    fn message(&self, notification: &Notification) -> Result<Vec<u8>, String> {
        mail_transport::show_message(notification)
    }

    fn remark(&self, content: &Content) -> String {
        let Measure { alphabet, units, segments, units_left } = measure(&content.text);
        let of = if segments == 1 { "segment" } else { "segments" };
        format!("{segments} {of}, {units} characters of {alphabet}, {units_left} left")
    }

    fn measure(&self, content: &Content) -> Option<Measure> {
        Some(measure(&content.text))
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
