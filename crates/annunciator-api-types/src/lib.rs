//! Wire types of the HTTP API: the only types that are public as JSON.
//!
//! Standard: RFC 8259 (JSON), RFC 9457 (problem details), RFC 3339 (times); contracts: spec 13.
//! Knows nothing of: HTTP servers, stores, channels.

mod certificate;
mod event;
mod ledger;
mod operation;
mod problem;
mod settings;

pub use certificate::{
    CertificateFactsView, CertificateFile, CertificateList, CertificateSaved, CertificateUpload,
    CertificateView, ExpiryView, KeyDownloadRequest,
};
pub use event::{
    AcceptedEvent, AcceptedEvents, ApplicationInput, DeviceInput, EventInput, ParameterInput,
};
pub use ledger::{
    AttemptView, DecisionView, DeliveryDetail, DeliveryList, DeliveryView, EventDetail, EventList,
    EventTypeList, EventTypeView, EventView, FailureView, NotificationView, OperationResult,
    OperationResults, OperationTargets, RecipientView, ResendResult, RouteView, StagesView,
    TlsView, TriedServerView,
};
pub use operation::{
    AuditList, AuditView, HealthView, LaneView, NewToken, NewTokenRequest, RelayServerView, Role,
    StageView, StatusView, TestMessageRequest, TestMessageResult, TestRecipientResult, TokenList,
    TokenView,
};
pub use problem::{FieldError, Problem};
pub use settings::{
    PresetList, PresetQuestion, PresetView, PreviewRequest, PreviewResult, RollbackRequest,
    SettingChange, SettingsHistory, SettingsPlan, SettingsRevisionDetail, SettingsRevisionView,
    SettingsSaved, SettingsView,
};
