//! Stub until the branch with matchers is merged.
use annunciator_core::Event;
use annunciator_settings::Problem;
/// Stub.
#[derive(Clone, PartialEq, Debug)]
pub struct MatcherSet;
impl MatcherSet {
    /// Stub.
    pub fn holds(&self, _event: &Event) -> bool {
        true
    }
    /// Stub.
    pub fn fingerprint(&self) -> u64 {
        0
    }
    /// Stub.
    pub fn find_contradiction(&self) -> Option<String> {
        None
    }
    /// Stub.
    /// # Errors
    /// Stub
    pub fn from_json(_: &serde_json::Value) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
    /// Stub.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
impl std::fmt::Display for MatcherSet {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
