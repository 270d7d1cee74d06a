//! Ctrl-C and SIGTERM as orders to end the load: the first drains, the second cuts.

use loads_wire::message::StopMode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;

/// A channel that says drain after the first signal and now after the second.
pub fn stop_orders() -> Result<watch::Receiver<Option<StopMode>>, Exit> {
    let refuse = |error| Exit::error(format!("signals can not be received: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refuse)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(refuse)?;
    let (orders, receiver) = watch::channel(None);
    tokio::spawn(async move {
        for mode in [StopMode::Drain, StopMode::Now] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            orders.send_replace(Some(mode));
        }
        // A third one means it: whatever still hangs is left behind.
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(105);
    });
    Ok(receiver)
}
