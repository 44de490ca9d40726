//! Device groups, their policies and the devices with settings of their own, as the tree beside
//! each page.

use std::collections::BTreeMap;

use annunciator_api_types::{
    ApplicationSettingsList, ApplicationSettingsView, DeviceGroupList, PolicyList, PolicyView,
};

use super::owner::Owner;
use crate::api::with_query;
use crate::page::Visitor;
use crate::refusal::Stop;

/// Most rows that are shown of each kind.
const ROWS_MAX: usize = 100;

/// A device group with its policies.
pub(super) struct Group {
    /// How many groups are above it.
    pub(super) depth: usize,
    /// Its own name; empty for the root.
    pub(super) name: String,
    /// Its path.
    pub(super) path: String,
    /// Its policies.
    pub(super) policies: Vec<PolicyView>,
}

/// What the tree shows.
pub(super) struct Tree {
    /// Each group before those below it.
    pub(super) groups: Vec<Group>,
    /// Applications on devices.
    pub(super) devices: Vec<ApplicationSettingsView>,
    /// Whether there are more than are shown.
    pub(super) is_cut: bool,
    /// Whose page it is.
    pub(super) owner: Owner,
}

impl Tree {
    /// Reads it.
    ///
    /// # Errors
    /// The API refuses.
    pub(super) async fn read(visitor: &Visitor, owner: &Owner) -> Result<Self, Stop> {
        let groups: DeviceGroupList = visitor.get("/api/v1/device-groups").await?;
        let policies: PolicyList = visitor.get("/api/v1/policies").await?;
        let devices: ApplicationSettingsList = visitor.get("/api/v1/application-settings").await?;
        let is_cut = groups.groups.len() > ROWS_MAX
            || policies.policies.len() > ROWS_MAX
            || devices.application_settings.len() > ROWS_MAX;
        let groups = grouped(groups, policies.policies);
        let devices = devices.application_settings.into_iter().take(ROWS_MAX).collect();
        Ok(Self { groups, devices, is_cut, owner: owner.clone() })
    }

    /// Whether the page is about the server's event configuration.
    pub(super) fn is_server(&self) -> bool {
        self.owner == Owner::Server
    }

    /// Whether the page is about this policy.
    pub(super) fn is_policy(&self, name: &str) -> bool {
        matches!(&self.owner, Owner::Policy(policy) if policy.name == name)
    }

    /// Whether the page is about this application on this device.
    pub(super) fn is_device(&self, view: &ApplicationSettingsView) -> bool {
        matches!(&self.owner, Owner::Device { application, device, .. }
            if *application == view.application && *device == view.device)
    }

    /// The page of a device.
    pub(super) fn device_path(view: &ApplicationSettingsView) -> String {
        let pairs = [("application", view.application.as_str()), ("device", &view.device)];
        with_query("/event-configuration", &pairs)
    }
}

/// The groups as rows, with their policies.
pub(super) fn grouped(groups: DeviceGroupList, policies: Vec<PolicyView>) -> Vec<Group> {
    let mut by_group: BTreeMap<String, Vec<PolicyView>> = BTreeMap::new();
    for policy in policies.into_iter().take(ROWS_MAX) {
        by_group.entry(policy.group.clone()).or_default().push(policy);
    }
    let row = |path: String| {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        Group {
            depth: names.len(),
            name: names.last().map_or_else(String::new, |name| (*name).to_owned()),
            policies: by_group.remove(&path).unwrap_or_default(),
            path,
        }
    };
    groups.groups.into_iter().take(ROWS_MAX).map(|group| group.path).map(row).collect()
}

#[cfg(test)]
mod tests {
    use annunciator_api_types::DeviceGroupView;

    use super::*;

    #[test]
    fn each_group_stands_below_the_one_above_it_with_its_policies() {
        let view = |path: &str| DeviceGroupView { path: path.to_owned(), policies: vec![] };
        let policy = |name: &str, group: &str| PolicyView {
            name: name.to_owned(),
            application: "Guard".to_owned(),
            group: group.to_owned(),
            enabled: true,
            inherit: true,
            force_children: false,
            event_count: 0,
        };
        let groups = ["", "Plant A", "Plant A/Line 2"].map(view).into();
        let policies = vec![policy("all", ""), policy("line", "Plant A/Line 2")];
        let found = grouped(DeviceGroupList { revision: 1, groups }, policies);
        let rows: Vec<_> =
            found.iter().map(|g| (g.depth, g.name.as_str(), g.policies.len())).collect();
        assert_eq!(rows, [(0, "", 1), (1, "Plant A", 0), (2, "Line 2", 1)]);
    }
}
