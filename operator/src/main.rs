//! loads-operator
fn main() {}
