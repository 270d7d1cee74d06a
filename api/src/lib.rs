//! loads-api
