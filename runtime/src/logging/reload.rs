//! Changes of the log's filter while the process runs.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use tracing::Subscriber;
use tracing_subscriber::{layer::Filter, reload};

use super::{INSTALLED, LogError, filter};
#[cfg(unix)]
use crate::settings::{CommandLine, Environment, Layers, LogConfig, Source};

/// A filter of any type.
type AnyFilter<S> = Box<dyn Filter<S> + Send + Sync>;

/// Replaces a filter by one with other directives.
type Replace = dyn Fn(&str) -> Result<(), LogError> + Send + Sync;

/// The filter of the installed log.
pub(super) struct CurrentFilter {
    directives: Mutex<String>,
    replace: Box<Replace>,
}

impl CurrentFilter {
    /// Creates a filter, and what replaces it.
    ///
    /// # Errors
    ///
    /// The directives are invalid.
    pub(super) fn new<S: Subscriber>(directives: &str) -> Result<(reload::Layer<AnyFilter<S>, S>, Self), LogError> {
        let (layer, handle) = reload::Layer::new(filter::of_log(directives)?);
        let replace = move |directives: &str| {
            let filter = filter::of_log(directives)?;
            handle.reload(filter).map_err(|_| LogError::NotInstalled)
        };
        Ok((
            layer,
            Self { directives: Mutex::new(filter::or_default(directives).to_owned()), replace: Box::new(replace) },
        ))
    }

    /// Replaces the filter, and logs the change. Returns whether the filter is another one.
    fn set(&self, directives: &str) -> Result<bool, LogError> {
        let directives = filter::or_default(directives);
        filter::parse(directives)?;
        let mut current = self.directives.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == directives {
            return Ok(false);
        }
        // The line is logged even if neither filter enables it.
        (self.replace)(&format!("{current},{}=info", module_path!()))?;
        tracing::info!(from = *current, to = directives, "changed the filter of the log");
        (self.replace)(directives)?;
        directives.clone_into(&mut current);
        Ok(true)
    }
}

impl fmt::Debug for CurrentFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentFilter").field("directives", &self.directives).finish_non_exhaustive()
    }
}

/// Changes the filter of the log that [`init`](super::init) or one of its variants has installed. An event with the old and
/// the new filter is logged.
///
/// ```no_run
/// toolgate::logging::set_filter("info,my_server=debug")?;
/// # Ok::<(), toolgate::logging::LogError>(())
/// ```
///
/// # Errors
///
/// The filter is invalid, or the log is not installed. The old filter then remains.
pub fn set_filter(directives: &str) -> Result<(), LogError> {
    let installed = INSTALLED.get().ok_or(LogError::NotInstalled)?;
    installed.filter.set(directives).map(drop)
}

/// Where the filter of the log is set.
#[cfg(unix)]
#[derive(Clone, Debug)]
pub(crate) struct FilterSource {
    /// The settings of the code.
    pub(crate) code: LogConfig,
    pub(crate) file: Option<(std::path::PathBuf, &'static str)>,
    pub(crate) command_line: CommandLine,
}

#[cfg(unix)]
impl FilterSource {
    /// Reads the filter again, and logs what has changed. An invalid one has no effect.
    pub(crate) fn reload(&self) {
        let Some(installed) = INSTALLED.get() else { return };
        let changed = self.read().and_then(|(filter, source)| {
            let is_changed = installed.filter.set(&filter)?;
            Ok((is_changed, filter, source))
        });
        match changed {
            Ok((true, ..)) => {}
            Ok((false, filter, source)) => tracing::info!(
                filter,
                %source,
                "the filter of the log is unchanged: change `log.filter` in the configuration file; the environment and \
                 the command line of a process cannot change, and are stronger"
            ),
            Err(error) => tracing::error!(%error, "cannot change the filter of the log"),
        }
    }

    fn read(&self) -> Result<(String, Source), LogError> {
        let Self { code, file, command_line } = self.clone();
        let layers = Layers { file, environment: &Environment::of_process(), command_line: &command_line };
        let loaded = layers.load(&super::LogSettings { log: code, ..Default::default() })?;
        let source = loaded.values.iter().find(|value| value.key == "log.filter").map(|value| value.source.clone());
        Ok((loaded.settings.log.filter, source.unwrap_or(Source::Default)))
    }
}
