//! Ctrl-C and SIGTERM become one cancellation.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// A token that is cancelled by the first Ctrl-C, SIGTERM or SIGHUP from now on. A second one ends the
/// process at once, for somebody who cannot wait.
///
/// # Errors
/// If the handlers cannot be set.
pub fn on_signal() -> Result<CancellationToken, Failure> {
    let cannot = |cause| Failure::other(format_args!("signals cannot be handled: {cause}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(cannot)?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            if cancelled.is_cancelled() {
                std::process::exit(1);
            }
            cancelled.cancel();
        }
    });
    Ok(token)
}
