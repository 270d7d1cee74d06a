//! What end-to-end tests share: the built program, a demo server that counts, and a run in a folder of its own.
//!
//! Everything is real: processes, sockets, files, signals. Nothing here sleeps; waits are on conditions.

pub mod cluster;
pub mod program;
pub mod run;
pub mod target;
pub mod wait;
