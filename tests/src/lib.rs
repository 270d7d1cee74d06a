//! loads-tests
