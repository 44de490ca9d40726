//! A channel whose answers a test gives, and which remembers what it was asked.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use annunciator_channels::{
    AttemptReport, Basis, Channel, ChannelLayers, EffectiveValue, LayerView, MemoryKeeper, Order,
    OrderFeed, ServerStatus, Surroundings, Transport, TransportFuture,
};
use annunciator_core::{
    AttemptFacts, ChannelName, EnhancedStatus, Failure, FailureScope, Notification, Outcome, Stage,
};
use annunciator_planner::ChannelProfile;
use annunciator_settings::{LayerGroup as _, Problem};
use tokio::sync::Notify;

/// One order as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Subject of its notification.
    pub(super) subject: String,
    /// The one server it may go to.
    pub(super) prefer_server: Option<String>,
}

/// What the script does with an order.
pub(super) enum Answer {
    /// An outcome for all its recipients.
    Is(Outcome),
    /// The same, when the test says so.
    After(Arc<Notify>, Outcome),
    /// Nothing, for ever.
    Silence,
    /// A fault in the channel's own code.
    Panic,
}

type Script = Box<dyn Fn(&Order) -> Answer + Send + Sync>;

/// The channel, and the transport that it makes.
pub(super) struct ScriptedChannel {
    book: Arc<Book>,
}

struct Book {
    script: Script,
    answers_knocks: AtomicBool,
    concurrency_max: usize,
    calls: Mutex<Vec<Call>>,
}

impl ScriptedChannel {
    pub(super) fn new(
        concurrency_max: usize,
        script: impl Fn(&Order) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let book = Book {
            script: Box::new(script),
            answers_knocks: AtomicBool::new(false),
            concurrency_max,
            calls: Mutex::default(),
        };
        Self { book: Arc::new(book) }
    }

    /// Whether the next hop answers a knock.
    pub(super) fn set_answers_knocks(&self, answers: bool) {
        self.book.answers_knocks.store(answers, Ordering::Release);
    }

    /// What was tried so far, in order; forgotten by the call.
    pub(super) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.book.calls.lock().expect("no panic while it is held"))
    }
}

/// The real channel plans: only sending is scripted.
fn email() -> Arc<dyn Channel> {
    annunciator_channels::email::make(&Surroundings {
        hello_name: "script.test".into(),
        keeper: Arc::new(MemoryKeeper::default()),
        executables: Arc::default(),
    })
}

impl Channel for ScriptedChannel {
    fn name(&self) -> ChannelName {
        ChannelName::from_static("email")
    }

    fn sets_transport(&self, _layers: &ChannelLayers) -> bool {
        false
    }

    fn sets_profile(&self, layers: &ChannelLayers) -> bool {
        !layers.email.is_empty()
    }

    fn profile(&self, layers: &[LayerView<'_>], transport: &dyn Transport) -> ChannelProfile {
        email().profile(layers, transport)
    }

    fn transport(&self, _layers: &[LayerView<'_>], _basis: Basis<'_>) -> Arc<dyn Transport> {
        Arc::new(ScriptedTransport(self.book.clone()))
    }

    fn effective(&self, layers: &[LayerView<'_>]) -> Vec<EffectiveValue> {
        email().effective(layers)
    }

    fn find_problems(&self, _layers: &[LayerView<'_>], _basis: Basis<'_>) -> Vec<Problem> {
        Vec::new()
    }

    fn find_warnings(
        &self,
        _layers: &[LayerView<'_>],
        _certificates: &annunciator_certificates::CertificateBook,
    ) -> Vec<Problem> {
        Vec::new()
    }

    fn message(&self, _notification: &Notification) -> Result<Vec<u8>, String> {
        Err("a script has no messages".to_owned())
    }

    fn servers(&self) -> Vec<ServerStatus> {
        Vec::new()
    }

    fn forget_failures(&self) {}

    fn close_idle(&self) -> TransportFuture<'_> {
        Box::pin(async {})
    }
}

struct ScriptedTransport(Arc<Book>);

impl Transport for ScriptedTransport {
    fn concurrency_max(&self) -> usize {
        self.0.concurrency_max
    }

    fn missing(&self) -> &'static str {
        ""
    }

    fn attempt<'a>(&'a self, first: Order, feed: &'a dyn OrderFeed) -> TransportFuture<'a> {
        Box::pin(async move {
            let mut next = Some(first);
            while let Some(order) = next {
                let subject = order.notification.content.subject.clone();
                self.0
                    .calls
                    .lock()
                    .expect("no panic while it is held")
                    .push(Call { subject, prefer_server: order.prefer_server.clone() });
                let outcome = match (self.0.script)(&order) {
                    Answer::Is(outcome) => outcome,
                    Answer::After(gate, outcome) => {
                        gate.notified().await;
                        outcome
                    }
                    Answer::Silence => std::future::pending().await,
                    Answer::Panic => panic!("as the script says"),
                };
                tokio::task::yield_now().await;
                let is_good = outcome == Outcome::Delivered;
                let outcomes = vec![outcome; order.recipients.len()];
                let facts = AttemptFacts { server: "script".to_owned(), ..Default::default() };
                feed.report(order.tag, AttemptReport::shared(outcomes, facts));
                // As with a real relay, a connection is used on while it is good.
                next = if is_good { feed.next() } else { None };
            }
        })
    }

    fn knock(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { self.0.answers_knocks.load(Ordering::Acquire) })
    }
}

/// Nobody answers at the relay.
pub(super) fn refused() -> Outcome {
    let status = EnhancedStatus::new(4, 4, 1);
    let diagnostic = "connection refused".to_owned();
    let (stage, scope) = (Stage::Connect, FailureScope::Relay);
    Outcome::TransientFailure(Failure { stage, scope, code: None, status, diagnostic })
}

/// The reply to the final dot was lost.
pub(super) fn unconfirmed() -> Outcome {
    let status = EnhancedStatus::new(4, 4, 2);
    let diagnostic = "connection lost (end of message)".to_owned();
    let (stage, scope) = (Stage::DataEnd, FailureScope::Delivery);
    Outcome::Uncertain(Failure { stage, scope, code: None, status, diagnostic })
}

/// The relay does not take this recipient now.
pub(super) fn deferred() -> Outcome {
    let status = EnhancedStatus::new(4, 2, 1);
    let diagnostic = "mailbox busy".to_owned();
    let (stage, scope) = (Stage::RcptTo, FailureScope::Delivery);
    Outcome::TransientFailure(Failure { stage, scope, code: None, status, diagnostic })
}
