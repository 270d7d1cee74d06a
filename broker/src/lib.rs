//! loads-broker
