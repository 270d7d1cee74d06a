//! The frame filter in front of every bound socket.
//!
//! Each accepted connection gets a task that does the handshake itself, then opens a connection of its own to
//! the crate's socket on a private unix socket and forwards message frames, in both directions, without
//! keeping more than one buffer of them: back-pressure goes through. Heartbeats are answered and taken out.

pub(crate) mod filter;
mod forward;
mod listener;
mod roster;
pub(crate) mod stats;

pub(crate) use listener::{Guard, Listen};
