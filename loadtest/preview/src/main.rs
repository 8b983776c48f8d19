//! What a preview of lines costs: events per second of processor time of the whole process, reading, splitting and counting included.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this executable is for")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_contract::Contract;
use tidegate_flow::WorldError;
use tidegate_preview::line::LineFeed;
use tidegate_preview::run::Bounds;
use tidegate_preview::{Asked, Change, Fetched, Pair, Schemas, Side, Tally};
use tidegate_sim::traffic::{Route, Traffic};

/// Previews of orders, in memory. `rate NAME MEDIAN MIN MAX` lines on standard output, in events per second of processor time.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Distinct events.
    #[arg(long, default_value_t = 500_000)]
    events: usize,
    /// Rounds that count; one more comes before them.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Judging threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Events per second of processor time below which a median fails the run.
    #[arg(long, default_value_t = 300_000.0)]
    at_least: f64,
    /// Seed of the events.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// A change of one clause: every event is judged twice.
const CHANGED: [(&str, &str); 2] = [("maximum: 10000", "maximum: 9000"), ("version: \"1.2.0\"", "version: \"1.2.1\"")];

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

impl Schemas for NoSchemas {
    fn fetch(&self, _: &SchemaNeed) -> Result<Fetched, WorldError> {
        Ok(Fetched::NoSource)
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/shop/orders/v1.odcs.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let changed = CHANGED.iter().try_fold(text.clone(), |text, (old, new)| {
        anyhow::ensure!(text.contains(old), "the contract has no `{old}` any more");
        Ok(text.replace(old, new))
    })?;
    let mut slow = Vec::new();
    for (name, fault_every) in [("clean", u32::MAX), ("one_in_twelve_faulty", 12)] {
        let (lines, events) = orders(&args, fault_every);
        eprintln!("{name}: {events} events of {} bytes on average", lines.len() / events);
        for (pair_name, new) in [("changed", &changed), ("unchanged", &text)] {
            let pair = Pair {
                old: side("old", &text)?,
                new: side("new", new)?,
            };
            let mut rates = Vec::new();
            for round in 0..=args.rounds {
                let (cpu, wall) = (processor_time(), Instant::now());
                let tally = preview(&pair, &lines, args.threads)?;
                let (cpu, wall) = (processor_time() - cpu, wall.elapsed().as_secs_f64());
                anyhow::ensure!(
                    tally.events() == events as u64 && tally.of(Change::Undecided) == 0,
                    "not every event was compared"
                );
                if round > 0 {
                    rates.push(events as f64 / cpu);
                } else {
                    eprintln!(
                        "  {pair_name}: {} still fail, first round {cpu:.2} s of processor time in {wall:.2} s",
                        tally.of(Change::StillFailing)
                    );
                }
            }
            rates.sort_by(f64::total_cmp);
            let median = *rates.get(rates.len() / 2).context("--rounds is at least 1")?;
            println!("rate {name}/{pair_name} {median:.0} {:.0} {:.0}", rates[0], rates[rates.len() - 1]);
            if median < args.at_least {
                slow.push(format!("{name}/{pair_name}"));
            }
        }
    }
    anyhow::ensure!(
        slow.is_empty(),
        "below {:.0} events per second of processor time: {}",
        args.at_least,
        slow.join(", ")
    );
    Ok(())
}

fn orders(args: &Args, fault_every: u32) -> (Vec<u8>, usize) {
    let route = Route {
        prefix: String::new(),
        partitions: 1,
        payment_schema: 1,
        fault_every,
    };
    let mut traffic = Traffic::new(route, args.seed);
    let (mut lines, mut events, mut at) = (Vec::new(), 0, 1_700_000_000_000_000);
    while events < args.events {
        at += 1000;
        let record = traffic.next(at).record;
        // A fault of the traffic may lie outside of what a line can hold.
        let Some(value) = record
            .value
            .filter(|value| *record.to.topic == *"orders" && !value.contains(&b'\n') && !value.starts_with(b"@"))
        else {
            continue;
        };
        if value.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        lines.extend_from_slice(&value);
        lines.push(b'\n');
        events += 1;
    }
    (lines, events)
}

fn side(name: &str, text: &str) -> anyhow::Result<Side> {
    let (contract, _) = tidegate_contract::parse("orders.odcs.yaml", text);
    let contract: Arc<Contract> = Arc::new(contract.context("the contract does not load")?);
    Side::new(name, &[contract]).map_err(|problems| anyhow::anyhow!("the contract does not compile: {problems:?}"))
}

fn preview(pair: &Pair, lines: &[u8], threads: usize) -> anyhow::Result<Tally> {
    let mut feed = LineFeed::new("orders.jsonl", "orders", 1_800_000_000_000_000, lines);
    let bounds = Bounds {
        events_max: u64::MAX,
        threads,
    };
    let ran = tidegate_preview::run(pair, &mut feed, &Asked::default(), &NoSchemas, bounds, &mut |_| true)?;
    Ok(ran.tally)
}

/// Seconds that all threads of this process have had.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
