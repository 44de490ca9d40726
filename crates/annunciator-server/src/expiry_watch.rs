//! The watch over what ends: certificates and the secret of an OAuth 2.0 client, told 30, 7 and 1
//! days before and at the end (quality G13).
//!
//! In: objects, settings, the time. Out: own events, once for each stage, across restarts.
//! Failure: what the store does not take is told at the next look.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annunciator_certificates::{CertificateFacts, ExpiryStage};
use annunciator_channels::{AuthMode, RelaySettings};
use annunciator_core::{ParameterValue, Severity, Timestamp};
use annunciator_settings::{Origin, SettingsGroup as _};
use annunciator_store::{KeptText, StoreError};
use tokio_util::sync::CancellationToken;

use crate::own_events::OwnEvent;
use crate::shared::Shared;

/// Wait between two looks.
const ROUND: Duration = Duration::from_secs(60);
/// Wait for the bootstrap to be done.
const READY_WAIT: Duration = Duration::from_millis(500);
/// Most events of one look: the rest comes with the next.
const RAISED_MAX: usize = 50;

/// Something that ends.
pub struct Ending {
    /// What it is, for people.
    pub what: String,
    /// When it ends.
    pub ends_at: Timestamp,
    /// What it is, for the note that it was told.
    place: String,
    kind: Kind,
    parameters: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificate,
    OAuthSecret,
}

/// Runs until the stop.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut told = HashMap::new();
    loop {
        // Before the bootstrap is done nobody could be told.
        let is_ready = shared.ready.load(Ordering::Acquire);
        if is_ready && let Err(error) = look(&shared, &mut told).await {
            tracing::warn!(%error, "what ends soon could not be told; it is told later");
        }
        tokio::select! {
            () = tokio::time::sleep(if is_ready { ROUND } else { READY_WAIT }) => {}
            () = shared.certificates.changed() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Everything that ends, the first end first.
#[must_use]
pub fn endings(shared: &Shared) -> Vec<Ending> {
    let mut endings = Vec::new();
    for entry in shared.certificates.entries().iter() {
        let record = &entry.record;
        for facts in &entry.facts {
            let what = format!("certificate `{}` ({})", record.name, title(facts));
            let place = format!("certificate/{}/{}", record.id, facts.fingerprint_sha256);
            let mut ending = Ending::of_certificate(what, place, facts);
            ending.parameters.push(("certificate", record.id.clone()));
            ending.parameters.push(("name", record.name.clone()));
            endings.push(ending);
        }
    }
    if let Some(facts) = shared.certificates.listener() {
        let what = format!("certificate of the HTTPS listener ({})", title(facts));
        let place = format!("listener/{}", facts.fingerprint_sha256);
        endings.push(Ending::of_certificate(what, place, facts));
    }
    endings.extend(oauth_secrets(shared));
    endings.sort_by(|a, b| (a.ends_at, &a.place).cmp(&(b.ends_at, &b.place)));
    endings
}

/// What ends within 30 days, or is over.
#[must_use]
pub fn near(shared: &Shared) -> Vec<Ending> {
    let now = shared.clock.now();
    let mut endings = endings(shared);
    endings.retain(|ending| ExpiryStage::of(ending.ends_at, now).is_some());
    endings
}

fn title(facts: &CertificateFacts) -> &str {
    if facts.subject.is_empty() { &facts.serial } else { &facts.subject }
}

/// The secrets of OAuth 2.0 clients that the relays of all layers use, each once.
fn oauth_secrets(shared: &Shared) -> Vec<Ending> {
    let configuration = shared.settings.current().configuration.clone();
    let mut endings: Vec<Ending> = Vec::new();
    for layer in configuration.relays() {
        // A relay resolves as one unit: what a layer sets of it is all there is.
        let relay = RelaySettings::resolve(&[(Origin::Server, layer)]).values;
        let day = &relay.oauth_secret_expires;
        let place = format!("oauth_secret/{}/{day}", relay.oauth_client_id);
        let is_known = endings.iter().any(|known| known.place == place);
        if relay.auth != AuthMode::OAuth2 || day.is_empty() || is_known {
            continue;
        }
        let Ok(ends_at) = format!("{day}T00:00:00Z").parse() else { continue };
        endings.push(Ending {
            what: format!("client secret of OAuth 2.0 client `{}`", relay.oauth_client_id),
            ends_at,
            place,
            kind: Kind::OAuthSecret,
            parameters: vec![("client_id", relay.oauth_client_id.clone())],
        });
    }
    endings
}

impl Ending {
    fn of_certificate(what: String, place: String, facts: &CertificateFacts) -> Self {
        let parameters = vec![
            ("subject", facts.subject.clone()),
            ("issuer", facts.issuer.clone()),
            ("serial", facts.serial.clone()),
            ("fingerprint_sha256", facts.fingerprint_sha256.clone()),
        ];
        Self { what, ends_at: facts.not_after, place, kind: Kind::Certificate, parameters }
    }

    fn to_event(&self, stage: ExpiryStage) -> OwnEvent {
        let (event_type, type_name, remedy) = match self.kind {
            Kind::Certificate => (
                "annunciator.certificate_expires",
                "Certificate expires",
                "Obtain a new one and replace it",
            ),
            Kind::OAuthSecret => (
                "annunciator.oauth_secret_expires",
                "OAuth 2.0 client secret expires",
                "Make a new one at the provider and save it",
            ),
        };
        let severity = match stage {
            ExpiryStage::Month | ExpiryStage::Week => Severity::Warning,
            ExpiryStage::Day => Severity::Failure,
            ExpiryStage::Over => Severity::Critical,
        };
        let what = capitalised(&self.what);
        let description = if stage == ExpiryStage::Over {
            format!("{what} ended on {}. {remedy}.", self.ends_at)
        } else {
            let days = stage.days();
            format!("{what} ends on {}, within {days} days. {remedy}.", self.ends_at)
        };
        let mut parameters: std::collections::BTreeMap<_, _> = self
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), ParameterValue::Text(value.clone())))
            .collect();
        parameters.insert("ends_at".to_owned(), ParameterValue::Text(self.ends_at.to_string()));
        parameters
            .insert("within_days".to_owned(), ParameterValue::Integer(i64::from(stage.days())));
        let id = format!("expires {} {}", self.place, stage.days());
        let id = annunciator_core::one_line(&id, 250);
        OwnEvent { id, event_type, type_name, severity, description, parameters }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// Tells what has come nearer since it was told last; `told` saves questions to the store.
async fn look(
    shared: &Shared,
    told: &mut HashMap<String, Option<ExpiryStage>>,
) -> Result<(), StoreError> {
    let now = shared.clock.now();
    let endings = endings(shared);
    told.retain(|place, _| endings.iter().any(|ending| &ending.place == place));
    let mut raised = 0;
    for ending in &endings {
        let Some(stage) = ExpiryStage::of(ending.ends_at, now) else { continue };
        let place = format!("told/expiry/{}", ending.place);
        let before = match told.get(&ending.place) {
            Some(before) => *before,
            None => shared.store.kept(&place).await?.and_then(|kept| stage_of(&kept.text)),
        };
        if before < Some(stage) && raised < RAISED_MAX {
            shared.own_events.raise(ending.to_event(stage)).await?;
            let text = stage.days().to_string();
            shared.store.keep(&place, KeptText { text, saved_at: now }).await?;
            tracing::warn!(what = %ending.what, ends_at = %ending.ends_at, "this ends soon or is over");
            raised += 1;
            told.insert(ending.place.clone(), Some(stage));
        } else if before >= Some(stage) {
            told.insert(ending.place.clone(), before);
        }
    }
    Ok(())
}

/// The stage that was told, from its days.
fn stage_of(text: &str) -> Option<ExpiryStage> {
    ExpiryStage::ALL.into_iter().find(|stage| stage.days().to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_told_with_its_severity_and_its_words() {
        let ending = Ending {
            what: "certificate `Relay`".to_owned(),
            ends_at: Timestamp(1_795_325_400_000),
            place: "certificate/1/ab".to_owned(),
            kind: Kind::Certificate,
            parameters: vec![("name", "Relay".to_owned())],
        };
        for (stage, severity, words) in [
            (ExpiryStage::Month, Severity::Warning, "within 30 days"),
            (ExpiryStage::Week, Severity::Warning, "within 7 days"),
            (ExpiryStage::Day, Severity::Failure, "within 1 days"),
            (ExpiryStage::Over, Severity::Critical, "Certificate `Relay` ended on 2026-11-22"),
        ] {
            let event = ending.to_event(stage);
            assert_eq!(event.severity, severity);
            assert!(event.description.contains(words), "{}", event.description);
            assert_eq!(event.event_type, "annunciator.certificate_expires");
            assert_eq!(stage_of(&stage.days().to_string()), Some(stage));
        }
        let ids = ExpiryStage::ALL.map(|stage| ending.to_event(stage).id);
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
    }
}
