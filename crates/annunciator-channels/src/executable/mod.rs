//! The executable channel: a program of the operator is started for an event (spec 3.3).
//!
//! In: layers of settings, orders. Out: a profile to plan events with, one outcome for each run.
//! Knows nothing of: queues, owners of layers, how a program is started and ended safely.

mod composer;
mod exit_status;
mod settings;
mod transport;

use std::path::PathBuf;
use std::sync::Arc;

use annunciator_certificates::CertificateBook;
use annunciator_core::{ChannelName, Lane, Notification};
use annunciator_planner::ChannelProfile;
use annunciator_settings::{NotifyAbout, Problem, Resolved, SettingsGroup as _, layer_group};
use annunciator_template::{Purpose, Template};

use crate::executable::composer::CommandComposer;
pub use crate::executable::settings::{ExecutableSettings, ExecutableSettingsLayer};
use crate::executable::transport::ExecutableTransport;
use crate::layers::{
    ChannelLayers, EffectiveValue, LayerView, effective_values, lane_id, limit_of, sources,
    switch_of,
};
use crate::relay_parts::Basis;
use crate::{
    Channel, ReaderLayer, ReaderSettings, ServerStatus, Surroundings, Transport, TransportFuture,
};

/// The channel's name, and its key in settings.
const NAME: &str = "executable";
/// What the ledger shows as the subject of a run.
const TITLE: &str = "%SEVERITY%: %EVENT% on %COMPUTER%";

layer_group! {
    /// What one layer sets for executables.
    pub struct ExecutableLayer {
        /// Which one, with which arguments.
        program: ExecutableSettingsLayer,
        /// In which language and time.
        reader: ReaderLayer,
    }
}

/// Which executables this server may start, and what they must not see; from the bootstrap config.
#[derive(Clone, Debug, Default)]
pub struct Executables {
    /// Folders that they may lie in.
    pub dirs: Vec<PathBuf>,
    /// Files and folders that they must not read, such as the server's data.
    pub hidden: Vec<PathBuf>,
}

/// The executable channel.
struct Executable {
    executables: Arc<Executables>,
}

/// Makes the channel; see [`crate::MakeChannel`].
#[must_use]
pub fn make(surroundings: &Surroundings) -> Arc<dyn Channel> {
    Arc::new(Executable { executables: surroundings.executables.clone() })
}

fn settings_of(layers: &[LayerView<'_>]) -> Resolved<ExecutableSettings> {
    ExecutableSettings::resolve_sources(&sources(NAME, layers, |layers| &layers.executable.program))
}

fn reader_of(layers: &[LayerView<'_>]) -> Resolved<ReaderSettings> {
    ReaderSettings::resolve_sources(&sources(NAME, layers, |layers| &layers.executable.reader))
}

impl Channel for Executable {
    fn name(&self) -> ChannelName {
        ChannelName::from_static(NAME)
    }

    fn sets_transport(&self, layers: &ChannelLayers) -> bool {
        self.sets_profile(layers)
    }

    fn sets_profile(&self, layers: &ChannelLayers) -> bool {
        layers.executable != ExecutableLayer::default()
    }

    fn profile(&self, layers: &[LayerView<'_>], transport: &dyn Transport) -> ChannelProfile {
        let resolved = settings_of(layers);
        let settings = &resolved.values;
        let parse = |text: &str| Template::parse(text, Purpose::Executable);
        let arguments: Result<Vec<_>, _> =
            settings.arguments.iter().map(|text| parse(text)).collect();
        let (arguments, missing) = match arguments {
            Ok(arguments) => (arguments, transport.missing().to_owned()),
            Err(error) => (Vec::new(), format!("an argument does not parse: {error}")),
        };
        let lane = lane_id(layers, resolved.supplier_of("file"));
        ChannelProfile {
            channel: self.name(),
            lane: Lane::new(&format!("{NAME}/{lane}")),
            limit: limit_of(&self.name(), layers, &resolved, settings.limit.as_ref()),
            switch: switch_of(&resolved, &settings.notify_about, settings.notify),
            composer: Arc::new(CommandComposer {
                file: settings.file.clone(),
                reader: reader_of(layers).values.to_reader(),
                arguments,
                title: parse(TITLE).expect("the title is a good template"),
            }),
            missing,
        }
    }

    fn transport(&self, layers: &[LayerView<'_>], _basis: Basis<'_>) -> Arc<dyn Transport> {
        let settings = settings_of(layers).values;
        Arc::new(ExecutableTransport::new(settings, self.executables.clone()))
    }

    fn effective(&self, layers: &[LayerView<'_>]) -> Vec<EffectiveValue> {
        let mut values = effective_values(&settings_of(layers));
        values.extend(effective_values(&reader_of(layers)));
        values
    }

    fn find_problems(&self, layers: &[LayerView<'_>], _basis: Basis<'_>) -> Vec<Problem> {
        settings_of(layers).values.find_problems(&self.executables)
    }

    fn find_warnings(&self, layers: &[LayerView<'_>], _: &CertificateBook) -> Vec<Problem> {
        let settings = settings_of(layers).values;
        let is_used = settings.notify_about != NotifyAbout::Severities(Vec::new());
        if is_used && settings.file.is_empty() {
            let words = "no executable is set: nothing is started";
            return vec![Problem::new("incomplete", words).under("file")];
        }
        Vec::new()
    }

    fn message(&self, _notification: &Notification) -> Result<Vec<u8>, String> {
        Err("an executable gets no message: see its arguments, environment and standard input in \
             the notification"
            .to_owned())
    }

    fn servers(&self) -> Vec<ServerStatus> {
        Vec::new()
    }

    fn forget_failures(&self) {}

    fn close_idle(&self) -> TransportFuture<'_> {
        Box::pin(async {})
    }
}
