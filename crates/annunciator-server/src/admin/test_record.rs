//! A test message becomes a line of the audit log: who tested what, and what came of it.
//!
//! Failure: a test that was broken off is noted by a task of its own; what cannot be noted is in the
//! log.

use std::sync::Arc;

use annunciator_api_types::TestMessageResult;
use annunciator_store::NewAudit;
use serde_json::json;

use crate::shared::Shared;

/// What will be noted of a test.
pub(super) struct TestRecord {
    shared: Arc<Shared>,
    author: String,
    channel: String,
    is_dry_run: bool,
    /// How many were to be told.
    pub(super) recipients: usize,
    is_noted: bool,
}

impl TestRecord {
    pub(super) fn new(shared: &Arc<Shared>, author: &str, channel: &str, is_dry_run: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            author: author.to_owned(),
            channel: channel.to_owned(),
            is_dry_run,
            recipients: 0,
            is_noted: false,
        }
    }

    /// Notes what came of it.
    pub(super) async fn finish(mut self, result: &TestMessageResult) {
        // With servers that failed, the last one that was tried.
        let tried = result.stages.iter().rev().map(|stage| stage.server.as_str());
        let mut servers = std::iter::once(result.server.as_str()).chain(tried);
        let server = servers.find(|server| !server.is_empty()).unwrap_or_default();
        let line = self.line(server, if result.ok { "accepted" } else { "failed" });
        self.is_noted = true;
        note(&self.shared, line).await;
    }

    fn line(&self, server: &str, outcome: &str) -> NewAudit {
        NewAudit {
            at: self.shared.clock.now(),
            author: self.author.clone(),
            action: "test_message.send".to_owned(),
            target: self.channel.clone(),
            detail: json!({
                "server": server,
                "recipients": self.recipients,
                "dry_run": self.is_dry_run,
                "outcome": outcome,
            })
            .to_string(),
        }
    }
}

impl Drop for TestRecord {
    fn drop(&mut self) {
        if !self.is_noted {
            let (line, shared) = (self.line("", "broken off"), Arc::clone(&self.shared));
            let task = async move { note(&shared, line).await };
            self.shared.tasks.spawn("test record", task);
        }
    }
}

async fn note(shared: &Shared, line: NewAudit) {
    if let Err(error) = shared.store.note(line).await {
        tracing::warn!(%error, "a test message could not be noted in the audit log");
    }
}
