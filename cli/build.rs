//! The Python package is part of the program: rebuild when it changes.

fn main() {
    println!("cargo:rerun-if-changed=../agent-image/python/src");
    println!("cargo:rerun-if-changed=../agent-image/python/requirements.txt");
}
