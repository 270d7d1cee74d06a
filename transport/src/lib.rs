//! ZeroMQ between broker, agents and runners: the only place that names the `zeromq` crate.
//!
//! Bound sockets ([`Router`], [`Puller`], [`Publisher`]) stand behind a frame filter of our own, because the
//! crate has neither a time limit for handshakes nor a size limit before it allocates, and ends the link of
//! a peer that sends heartbeats. Connecting sockets ([`Dealer`], [`Subscriber`]) reconnect by themselves.
//! A message is one frame of bytes; what is in it is `loads-wire`'s matter.
//!
//! Between machines, [`ServerTls`] and [`ClientTls`] put mutual TLS below ZeroMQ: who has no certificate of the
//! run reaches no decoder.
//!
//! What a message goes through: `guard::listener` accepts (and does the TLS handshake), `guard::filter` checks and forwards frames,
//! the crate queues them, `router`, `puller` or `publisher` hand them over.
#![forbid(unsafe_code)]

mod dealer;
mod endpoint;
mod error;
mod guard;
mod limits;
mod link;
mod publisher;
mod puller;
mod reach;
mod router;
mod subscriber;
mod tls;
mod tunnel;
mod zmtp;

pub use dealer::{Dealer, DealerSender, Event};
pub use error::Error;
pub use guard::stats::Counts;
pub use limits::{Limits, raise_open_files};
pub use publisher::Publisher;
pub use puller::Puller;
pub use router::{Incoming, PeerId, Router, RouterReceiver, RouterSender};
pub use subscriber::Subscriber;
pub use tls::{ClientTls, ServerTls};
