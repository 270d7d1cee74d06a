//! The load tools that are built in, one file each.
