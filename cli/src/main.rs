//! loads
fn main() {}
