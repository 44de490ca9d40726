//! Named tasks that are counted, so that a drain can wait for them and a death is noticed.
//!
//! Failure: an essential task that ends before the stop is told by [`Tasks::failed`]; the process
//! then ends and its supervisor starts it anew, which is safe because everything is in the store.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a server. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    failure: CancellationToken,
    name: Arc<std::sync::Mutex<String>>,
}

impl Tasks {
    /// Starts a task. A panic in it is logged and counts as a failure of the server.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.clone();
        self.tracker.spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                tracing::error!(task = name, "a task of the server panicked");
                tasks.fail(name);
            }
        });
    }

    /// Says that the server cannot go on.
    pub fn fail(&self, name: &str) {
        name.clone_into(&mut self.name.lock().expect("no panic while it is held"));
        self.failure.cancel();
    }

    /// Ends when a task has panicked; answers its name.
    pub async fn failed(&self) -> String {
        self.failure.cancelled().await;
        self.name.lock().expect("no panic while it is held").clone()
    }

    /// Waits for all tasks to end.
    pub async fn finish(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
