//! The judge beside its peers: `ratio NAME MEDIAN MIN MAX` lines on standard output, everything else on standard error.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this executable is for")]

use clap::Parser;
use tidegate_judge_bench::contracts::Plans;
use tidegate_judge_bench::data::Data;
use tidegate_judge_bench::ratios::{Per, Ratio};
use tidegate_judge_bench::{peers, prove, ratios, rounds};

/// What judging costs beside its peers, in processor time of one thread.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Distinct events of each kind.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,
    /// Rounds that count; one more comes before them.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these ratios, as they are called in the output.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Seed of the events.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Compare verdicts only, take no times.
    #[arg(long)]
    prove: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    eprintln!("{}", peers::describe()?);
    let plans = Plans::compile()?;
    // Names are looked at before the long part.
    let [plain, ruled] = ratios::chosen(&args.only)?;
    let data = Data::make(args.seed, usize::try_from(args.events)?);
    for (name, records) in [
        ("JSON", &data.json),
        ("Avro", &data.avro),
        ("rows", &data.rows),
        ("changes", &data.changes.values),
        ("changes with the old row", &data.full_changes.values),
        ("poison", &data.poison),
    ] {
        eprintln!(
            "{name}: {} events of {} bytes on average",
            records.len(),
            records.joined(records.len()).len() / records.len()
        );
    }
    let rounds = if args.prove { 0 } else { usize::try_from(args.rounds)? };
    eprintln!("{}", prove::prove(&data, &plans, args.seed)?);
    show(&mut ratios::ratios(&data, &plans, &plain)?, rounds);
    if !ruled.is_empty() {
        let count = prove::prove_rules(&data, &plans)?;
        eprintln!("verdicts with rules are what was planted, on {count} events");
        show(&mut ratios::ratios(&data, &plans, &ruled)?, rounds);
    }
    Ok(())
}

fn show(ratios: &mut [Ratio<'_>], rounds: usize) {
    if rounds == 0 {
        return;
    }
    let measured = rounds::measure(ratios, rounds);
    for (ratio, measured) in ratios.iter().zip(measured) {
        println!("ratio {} {}", ratio.name, measured.ratio);
        let unit = match ratio.per {
            Per::Event => "event",
            Per::Byte => "byte",
        };
        let limit = ratio.at_most.map_or(String::from("no limit"), |limit| {
            let verdict = if measured.ratio.median <= limit { "holds" } else { "missed" };
            format!("at most {limit}: {verdict}")
        });
        eprintln!("  per {unit}, {} events a round, {limit}", measured.events);
        for (side, name) in ratio.name.split('/').enumerate() {
            let nanos = measured.nanos[side];
            eprintln!(
                "  side {name} {:.0} {:.0} {:.0} ns/event, {:.0} MB/s",
                nanos.median, nanos.min, nanos.max, measured.megabytes[side]
            );
        }
    }
}
