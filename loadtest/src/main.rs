//! Load tests on a real broker: what checking costs beside copying. `loadtest/README.md` says how to read the numbers.
//!
//! `path` runs everything; `fill`, `copy` and `validate` are its parts, each a process of its own so that its processor time is its own.

#![allow(clippy::print_stdout, reason = "the figures are what this executable is for")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod copy;
mod dead_letters;
mod figures;
mod fill;
mod measure;
mod path;
mod progress;
mod tally;
mod topics;
mod validate;
mod watched;

use clap::Parser;

/// Load tests against a real Kafka.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    /// The validator beside the copy loop that people write, A B A B, with counts verified.
    Path(path::Args),
    /// Makes the source topic and fills it with orders.
    Fill(fill::Args),
    /// Copies the source topic once, without looking at the events.
    Copy(copy::Args),
    /// Validates the source topic once.
    Validate(validate::Args),
    /// Looks at a million dead letters and sends some of them back.
    DeadLetters(dead_letters::Args),
}

fn main() -> anyhow::Result<()> {
    // Nothing below warnings: a log line per batch would be measured too.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    match Command::parse() {
        Command::Path(args) => path::run(&args),
        Command::Fill(args) => fill::run(&args).map(|filled| println!("{filled}")),
        Command::Copy(args) => copy::run(&args).map(|measured| println!("{measured}")),
        Command::Validate(args) => validate::run(&args).map(|measured| println!("{measured}")),
        Command::DeadLetters(args) => dead_letters::run(&args),
    }
}
