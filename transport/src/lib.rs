//! loads-transport
