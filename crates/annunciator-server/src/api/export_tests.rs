//! Nothing is looked for on behalf of a file that may not be written.

use super::*;
use crate::planner_task::tests::shared;

#[tokio::test]
async fn whoever_may_not_write_a_file_costs_the_store_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shared = shared(folder.path()).await;
    // A store that would be asked says that it is closed.
    shared.store.close().await;
    let ask = || {
        let format = FormatParams { format: None };
        let filter = AuditParams::default();
        export_audit(State(Arc::clone(&shared)), ParamGroups(format, filter))
    };
    let words = |refused: Result<Response, ApiError>| {
        refused.expect_err("refused").problem().detail.clone().unwrap_or_default()
    };
    assert_eq!(words(ask().await), "The store does not answer now.");
    let taken = EXPORTS.try_acquire_many(u32::try_from(EXPORTS_MAX).unwrap()).unwrap();
    assert_eq!(words(ask().await), "Other files are being written: ask again.");
    drop(taken);
    assert_eq!(words(ask().await), "The store does not answer now.");
}
