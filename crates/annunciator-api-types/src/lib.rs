//! Wire types of the HTTP API: the only types that are public as JSON.
//!
//! Standard: RFC 8259 (JSON), RFC 9457 (problem details), RFC 3339 (times); contracts: spec 13.
//! Knows nothing of: HTTP servers, stores, channels.

mod certificate;
mod event;
mod explain;
mod incident;
mod ledger;
mod limit;
mod node;
mod operation;
mod overrides;
mod problem;
mod settings;
mod silence;
mod statistics;
mod subscription;
mod system;
mod template;
mod user;

pub use certificate::{
    CertificateFactsView, CertificateFile, CertificateList, CertificateSaved, CertificateUpload,
    CertificateView, ExpiryView, KeptPart, KeyDownloadRequest,
};
pub use event::{
    AcceptedEvent, AcceptedEvents, ApplicationInput, DeviceInput, EventInput, ParameterInput,
};
pub use explain::{
    ExplainRequest, ExplainView, ExplainedChannelView, ExplainedLimitView,
    ExplainedNotificationView, ReplayChannelView, ReplayCountView, ReplayDifferenceView,
    ReplayRequest, ReplaySideView, ReplayView,
};
pub use incident::{
    AcceptedIncident, AcceptedIncidents, DetectorInput, IncidentBundleView, IncidentDetail,
    IncidentGroupList, IncidentGroupView, IncidentInput, IncidentList, IncidentStatusEntry,
    IncidentStatusRequest, IncidentStatusResult, IncidentStatusView, IncidentView, MappingGapView,
    MappingPreview, MappingPreviewRequest, SampleInput, SampleView, TopTagInput,
};
pub use ledger::{
    AttemptView, CommandView, DecisionView, DeliveryDetail, DeliveryList, DeliveryView,
    EventDetail, EventList, EventTypeChannelView, EventTypeList, EventTypeView, EventView,
    FailureView, NotificationView, OperationResult, OperationResults, OperationTargets,
    OperationView, RecipientView, ResendResult, RouteView, RunView, StagesView, TlsView,
    TriedServerView,
};
pub use limit::LimitView;
pub use node::{NodeList, NodeView};
pub use operation::{
    AuditList, AuditView, HealthView, LaneView, NewToken, NewTokenRequest, RelayServerView, Role,
    StageView, StatusView, TestMessageLine, TestMessageRequest, TestMessageResult,
    TestRecipientResult, TokenList, TokenView,
};
pub use overrides::{
    ApplicationSettingsList, ApplicationSettingsView, BeneathInput, ConsultedLayerView,
    DeviceGroupInput, DeviceGroupList, DeviceGroupView, DeviceOwnerInput, EffectiveChannelView,
    EffectiveRequest, EffectiveSettingView, EffectiveView, EntryView, OriginView, OverrideChange,
    OverrideList, OverridesSaved, OwnerInput, OwnerView, PolicyInput, PolicyList, PolicyView,
    StorageTermView, TargetInput,
};
pub use problem::{FieldError, Problem};
pub use settings::{
    PresetList, PresetQuestion, PresetView, RollbackRequest, SettingChange, SettingsHistory,
    SettingsPlan, SettingsRevisionDetail, SettingsRevisionLine, SettingsRevisionView,
    SettingsSaved, SettingsView,
};
pub use silence::{
    MatcherInput, SilenceList, SilencePreview, SilencePreviewRequest, SilenceRequest, SilenceSaved,
    SilenceView,
};
pub use statistics::{SeriesView, StatisticsView};
pub use subscription::{
    AddresseeView, AudienceRequest, AudienceView, LeftOutView, PauseRequest, PausedView,
    SubscriptionList, SubscriptionSaved, SubscriptionView,
};
pub use system::{BackupList, BackupView, BuildView, RetentionView, StoreView, SystemView};
pub use template::{
    JoinedSubject, PreviewLengths, PreviewRequest, PreviewResult, SegmentsView, TemplateList,
    TemplateView, TextLength,
};
pub use user::{
    KeySignInRequest, NewUserRequest, PasswordChange, PasswordSet, PreferencesPatch, RightView,
    RoleInput, RoleList, RoleView, SavedViewInput, SavedViewList, SavedViewView, SessionLine,
    SessionList, SessionView, SetupRequest, SetupView, SignInRequest, UserList, UserPatch,
    UserSaved, UserView,
};
