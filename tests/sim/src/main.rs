//! `just sim`: runs seeds, says what struck and how fast, and how to replay the first seed that fails.

#![allow(clippy::print_stdout, reason = "a command")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Parser;
use tidegate_simulation::{Counts, Fault, Mutation, Options, Outcome, Passes, simulate};

/// Runs the roles over a broker and a store in memory, with faults drawn from seeds.
#[derive(Debug, Parser)]
#[command(name = "just sim")]
struct Arguments {
    /// How many seeds.
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Only this fault, instead of those that each seed draws; may be given again. `F8=10` makes it ten times as likely.
    #[arg(long)]
    fault: Vec<String>,
    /// No faults at all.
    #[arg(long, conflicts_with = "fault")]
    calm: bool,
    /// Turns a protection off: P1, P3, ... see src/mutation.rs.
    #[arg(long)]
    mutate: Option<String>,
    /// Prints every call of every process to standard error.
    #[arg(long)]
    trace: bool,
    /// Goes on after a seed that fails.
    #[arg(long)]
    all: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if std::env::var_os("RUST_LOG").is_some() {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .init();
    }
    let options = options(&arguments)?;
    let begun = Instant::now();
    let mut sums = Sums::default();
    for seed in arguments.first..arguments.first.saturating_add(arguments.seeds) {
        let outcome = simulate(seed, &options);
        sums.add(&outcome);
        if outcome.wrong.is_empty() {
            continue;
        }
        println!("seed {seed} FAILS");
        outcome.wrong.iter().take(12).for_each(|wrong| println!("    {wrong}"));
        println!("    replay: just sim 1 --first {seed}{} --trace", extra(&arguments));
        if !arguments.all {
            break;
        }
    }
    sums.print(begun.elapsed().as_secs_f64());
    Ok(if sums.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(arguments: &Arguments) -> anyhow::Result<Options> {
    let mut faults = Vec::new();
    for name in &arguments.fault {
        let (name, factor) = name.split_once('=').unwrap_or((name, "1"));
        let fault = Fault::from_name(name).with_context(|| format!("there is no fault {name}; see tests/sim/src/fault.rs"))?;
        faults.push((fault, factor.parse().with_context(|| format!("`{factor}` is no number"))?));
    }
    let mutation = match &arguments.mutate {
        None => None,
        Some(name) => match Mutation::from_name(name) {
            Some(mutation) => Some(mutation),
            None => bail!("there is no switch {name}; see tests/sim/src/mutation.rs"),
        },
    };
    Ok(Options {
        faults: (arguments.calm || !faults.is_empty()).then_some(faults),
        mutation,
        trace: arguments.trace,
    })
}

/// What else the command line of a replay needs.
fn extra(arguments: &Arguments) -> String {
    let mut extra: String = arguments.fault.iter().map(|fault| format!(" --fault {fault}")).collect();
    if let Some(mutation) = &arguments.mutate {
        extra.push_str(&format!(" --mutate {mutation}"));
    }
    if arguments.calm {
        extra.push_str(" --calm");
    }
    extra
}

#[derive(Default)]
struct Sums {
    seeds: u64,
    failed: u64,
    struck: BTreeMap<Fault, (u64, u64)>,
    exits: BTreeMap<String, u64>,
    counts: Counts,
    passes: Passes,
    simulated: f64,
    calls: u64,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.failed += u64::from(!outcome.wrong.is_empty());
        for (fault, times) in &outcome.struck {
            let (seeds, all) = self.struck.entry(*fault).or_default();
            *seeds += 1;
            *all += times;
        }
        for (what, times) in &outcome.exits {
            *self.exits.entry(what.clone()).or_default() += times;
        }
        self.counts.sources += outcome.counts.sources;
        self.counts.validated += outcome.counts.validated;
        self.counts.dead += outcome.counts.dead;
        self.counts.rows += outcome.counts.rows;
        self.passes.add(outcome.passes);
        self.simulated += outcome.took.as_secs_f64();
        self.calls += outcome.trace.1;
    }

    fn print(&self, seconds: f64) {
        println!("{:<6}{:>8}{:>10}  what", "fault", "seeds", "struck");
        for (fault, (seeds, times)) in &self.struck {
            println!("{:<6}{seeds:>8}{times:>10}  {}", format!("{fault:?}"), fault.row().what);
        }
        let Counts {
            sources,
            validated,
            dead,
            rows,
        } = self.counts;
        println!("records {sources}: {validated} validated, {dead} dead-lettered; {rows} rows in the lake");
        let Passes { judged, untold } = self.passes;
        println!("SLA passes: {judged} objectives judged twice, {untold} could not be told over a store in trouble");
        for (what, times) in &self.exits {
            println!("ended and started again {times} times: {what}");
        }
        println!(
            "{} seeds, {} failed, {:.1} seeds/s; {:.1} simulated hours in {seconds:.0} s, {} lines of trace",
            self.seeds,
            self.failed,
            self.seeds as f64 / seconds,
            self.simulated / 3600.0,
            self.calls
        );
    }
}
