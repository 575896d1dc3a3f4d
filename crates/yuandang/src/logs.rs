//! Where log lines go: standard error for a whole process, or a file for one participant of several
//! in it.

use std::{fs::File, sync::Arc};

use tracing::{Dispatch, Event, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::{Context, SubscriberExt},
    registry,
};

/// Lines of `level` and above; the variable RUST_LOG says otherwise where it is set.
fn filter(level: LevelFilter) -> EnvFilter {
    EnvFilter::builder().with_default_directive(level.into()).from_env_lossy()
}

/// Sends the log lines of this process to standard error. Nothing changes if it was called before.
pub fn to_standard_error(level: LevelFilter) {
    let _ = fmt()
        .with_env_filter(filter(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// A destination for the log lines of one participant: its own file. `seen` is shown every event, also
/// those that do not reach the file.
#[must_use]
pub fn to_file(file: File, level: LevelFilter, seen: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Dispatch {
    let lines = fmt::layer().with_writer(Arc::new(file)).with_ansi(false).with_filter(filter(level));
    Dispatch::new(registry().with(lines).with(Watcher(seen)))
}

/// Shows events to a function.
struct Watcher<F>(F);

impl<S: Subscriber, F: Fn(&Event<'_>) + Send + Sync + 'static> Layer<S> for Watcher<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        (self.0)(event);
    }
}
