//! A broker in another process, as seen from here: figures by asking, orders by telling.

use std::sync::Arc;
use std::time::Duration;

use loads_transport::{Dealer, Event};
use loads_wire::RunResult;
use loads_wire::message::{Envelope, StopMode, ToAgent, ToBroker};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::exit::Exit;

const ASK: Duration = Duration::from_millis(250);

/// Follows the broker at `control`: figures into the returned channel, orders out of the other one. Orders
/// are repeated to a broker that was restarted.
pub fn follow(
    run: String,
    control: &str,
) -> Result<(watch::Receiver<Arc<RunResult>>, mpsc::UnboundedSender<StopMode>), Exit> {
    let dealer = Dealer::connect(control).map_err(|e| Exit::error(e.to_string()))?;
    let (figures, live) = watch::channel(Arc::default());
    let (stop, stops) = mpsc::unbounded_channel();
    tokio::spawn(converse(run, dealer, figures, stops));
    Ok((live, stop))
}

async fn converse(
    run: String,
    mut broker: Dealer,
    figures: watch::Sender<Arc<RunResult>>,
    mut stops: mpsc::UnboundedReceiver<StopMode>,
) {
    let mut ask = interval(ASK);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut order = None;
    let say = |body| Envelope::new(&run, 0, 0, body).encode().unwrap_or_default();
    loop {
        let message = tokio::select! {
            _ = ask.tick() => say(ToBroker::Summary),
            Some(stop) = stops.recv() => {
                order = Some(stop);
                say(ToBroker::Stop { stop })
            }
            event = broker.recv() => match (event, order) {
                (Ok(Event::Connected), Some(stop)) => say(ToBroker::Stop { stop }),
                (Ok(Event::Message(bytes)), _) => {
                    if let Ok(ToAgent::Summary { result, .. }) = Envelope::decode(&bytes, &run).map(|m| m.body) {
                        figures.send_replace(Arc::from(result));
                    }
                    continue;
                }
                (Ok(_), _) => continue,
                (Err(_), _) => return,
            },
        };
        // Not sent is asked again.
        let _ = broker.send(message).await;
    }
}
