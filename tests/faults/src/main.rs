//! `just soak MINUTES`: a random mix of faults over a running deployment, and the audit's ledger at the end.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of the tests")]

use std::time::Duration;

use clap::Parser;
use tidegate_faults::{Plan, Spans, soak};
use tidegate_tests::stand::Stand;

/// Random faults over a running deployment. Exit 0 only when nothing was lost, doubled or misjudged and the audit is clean.
#[derive(Debug, Parser)]
struct Args {
    /// How long faults strike, in minutes; finishing and proving come on top.
    #[arg(default_value_t = 10.0)]
    minutes: f64,
    /// Draws traffic and faults; default: a new one, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Events each second.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Only faults of these kinds, as the ledger calls them; may be given again.
    #[arg(long, value_name = "KIND")]
    only: Vec<String>,
    /// Where the lake is.
    #[arg(long, default_value = "s3", value_parser = ["s3", "azure"])]
    store: String,
    /// Absences of brokers and stores last five minutes and storms of joining and leaving ten, instead of until everybody has noticed.
    #[arg(long)]
    full: bool,
}

fn main() {
    let args = Args::parse();
    let stand = Stand::get().expect("run it as `just soak`, which starts the servers");
    let plan = Plan {
        length: Duration::from_secs_f64(args.minutes * 60.0),
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        rate: args.rate,
        only: args.only,
        store: if args.store == "azure" { "azure" } else { "s3" },
        spans: if args.full { Spans::FULL } else { Spans::default() },
    };
    println!("seed {}", plan.seed);
    let soaked = soak(&stand, plan);
    print!("{soaked}");
}
