//! The e-mail channel over a scripted relay: orders in, messages and reports out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annunciator_certificates::{CertificateBook, CertificateObject, SecretOctets, SigningKey};
use annunciator_channels::{
    AttemptReport, Basis, ChannelLayers, LayerView, MemoryKeeper, NamesSettings, Order, OrderFeed,
    StageReport, Surroundings, Transport,
};
use annunciator_core::{
    ChannelName, Content, EventUid, Notification, NotificationId, Recipient, RecipientRole, Scope,
    Severity, Timestamp,
};
use annunciator_settings::{LayerGroup as _, Origin};
use annunciator_testkit::relay::{Message, Relay};
use serde_json::Value;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// A time that has passed: verifiers refuse signatures of the future.
pub(crate) const COMPOSED_AT: Timestamp = Timestamp(1_700_000_000_123);

/// What came back for orders.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) reports: Mutex<Vec<AttemptReport>>,
    pub(crate) stages: Mutex<Vec<StageReport>>,
}

impl OrderFeed for Seen {
    fn next(&self) -> Option<Order> {
        None
    }

    fn report(&self, _tag: u64, report: AttemptReport) {
        self.reports.lock().unwrap().push(report);
    }

    fn stage(&self, _tag: u64, stage: &StageReport) {
        self.stages.lock().unwrap().push(stage.clone());
    }
}

/// A book with this key, PKCS#8 DER, as the object `key`.
pub(crate) fn book(key: &[u8]) -> CertificateBook {
    let key = SigningKey { key: SecretOctets::new(key.to_vec()) };
    let objects = HashMap::from([("key".to_owned(), CertificateObject::SigningKey(key))]);
    CertificateBook::new(objects)
}

/// A transport with these settings of the relay.
pub(crate) fn transport(settings: &Value, certificates: &CertificateBook) -> Arc<dyn Transport> {
    let mut layers = ChannelLayers::default();
    layers.email.patch(settings).expect("valid settings");
    let surroundings = Surroundings {
        hello_name: "sender.test".into(),
        keeper: Arc::new(MemoryKeeper::default()),
        executables: Arc::default(),
    };
    let names = NamesSettings::default();
    let view = LayerView { id: "server", origin: Origin::Server, layers: &layers, locked: None };
    let basis = Basis { names: &names, certificates, first_retry: Duration::from_secs(60) };
    annunciator_channels::email::make(&surroundings).transport(&[view], basis)
}

/// Content that is as plain as can be.
pub(crate) fn content(sender: &str, recipients: &[&str]) -> Content {
    let recipient =
        |address: &&str| Recipient { address: (*address).to_owned(), role: RecipientRole::To };
    Content {
        subject: "Critical: Disk full on pc-17".to_owned(),
        text: "Disk full\n".to_owned(),
        html: None,
        sender: sender.to_owned(),
        recipients: recipients.iter().map(recipient).collect(),
        message_id: "1@sender.test".to_owned(),
        thread_id: "2@sender.test".to_owned(),
        event_id: "e1".to_owned(),
        command: None,
        pictures: Vec::new(),
    }
}

/// An order for all recipients of some content, watched stage by stage.
pub(crate) fn order(content: Content) -> Order {
    let recipients = content.recipients.clone();
    let scope = Scope {
        application: String::new(),
        event_type: String::new(),
        severity: Severity::Critical,
        device: String::new(),
        group: String::new(),
        conditions: Vec::new(),
    };
    let notification = Notification {
        id: NotificationId::from_parts(1, [0; 10]),
        event: EventUid::from_parts(1, [0; 10]),
        channel: ChannelName::from_static("email"),
        created_at: COMPOSED_AT,
        scope,
        content,
    };
    Order {
        tag: 1,
        notification: Arc::new(notification),
        recipients,
        prefer_server: None,
        deadline: Instant::now() + PATIENCE,
        dry_run: false,
        trace: false,
        fresh_connection: true,
    }
}

/// Has the transport deliver an order, and returns what the relay took of it.
pub(crate) async fn deliver(
    transport: &dyn Transport,
    relay: &Relay,
    order: Order,
    seen: &Seen,
) -> Vec<Message> {
    transport.attempt(order, seen).await;
    relay.take_messages()
}
