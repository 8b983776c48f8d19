//! E2e.
fn main() {}
