//! The validator beside the copy loop: A B A B on one broker, each run a process with a fresh group and fresh topics, every outcome
//! read back before a figure counts.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tidegate_kafka::Settings;

use crate::figures::Spread;
use crate::fill::{self, Filled};
use crate::measure::Measured;
use crate::tally::Tally;
use crate::topics;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    fill: fill::Args,
    /// Rounds that count; one more goes first to warm broker and page cache.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The contract that binds the orders topic.
    #[arg(long, default_value = "contracts/shop/orders/v1.odcs.yaml")]
    contract: PathBuf,
}

/// What runs in a round, in this order: each validator right after the copy loop with the same guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    CopyEos,
    ValidatorEos,
    CopyAlo,
    ValidatorAlo,
}

const ROUND: [Side; 4] = [Side::CopyEos, Side::ValidatorEos, Side::CopyAlo, Side::ValidatorAlo];

/// Runs it all and prints the figures.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let bench = Bench {
        settings: Settings::plain(&*args.fill.brokers),
        args,
        filled: fill::run(&args.fill)?,
    };
    println!("{}", bench.filled);
    let stored = Tally::of_topic(&bench.settings, &bench.filled.topic)?;
    ensure!(
        stored == bench.filled.all(),
        "the source holds {} records and not the {} that were made",
        stored.records,
        bench.filled.all().records
    );
    let mut rounds: Vec<[Measured; ROUND.len()]> = Vec::new();
    for round in 0..=args.rounds {
        let mut measured = Vec::with_capacity(ROUND.len());
        for side in ROUND {
            measured.push(bench.turn(round, side)?);
        }
        if round > 0 {
            rounds.push(measured.try_into().expect("one figure a side"));
        }
    }
    for (at, side) in ROUND.iter().enumerate() {
        let micros = Spread::of(rounds.iter().map(|round| round[at].micros_per_event())).context("no rounds")?;
        let peak = rounds.iter().map(|round| round[at].peak_kib).max().unwrap_or_default() / 1024;
        println!("cpu_us_per_event {} {micros} peak_mib {peak}", side.name());
    }
    for (validator, copy) in [(Side::ValidatorEos, Side::CopyEos), (Side::ValidatorAlo, Side::CopyAlo)] {
        let micros = |round: &[Measured], side: Side| round[side as usize].micros_per_event();
        let ratio = Spread::of(rounds.iter().map(|round| micros(round, validator) / micros(round, copy))).context("no rounds")?;
        println!("ratio {}/{} {ratio}", validator.name(), copy.name());
    }
    Ok(())
}

struct Bench<'a> {
    settings: Settings,
    args: &'a Args,
    filled: Filled,
}

// === impl Bench ===

impl Bench<'_> {
    /// One run of one side: fresh topics, a process, the outcomes read back, the topics removed.
    fn turn(&self, round: u32, side: Side) -> anyhow::Result<Measured> {
        let name = format!("{}-{round}", side.name());
        let (first, second) = (format!("{name}.out"), format!("{name}.dlq"));
        let outs: &[&str] = if side.copies() { &[&first] } else { &[&first, &second] };
        topics::create(&self.settings, outs)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(if side.copies() { "copy" } else { "validate" });
        command.args([
            "--brokers",
            &self.args.fill.brokers,
            "--source",
            &self.filled.topic,
            "--group",
            &name,
        ]);
        match side {
            Side::CopyEos => command.args(["--transactions", "on", "--out", &first]),
            Side::CopyAlo => command.args(["--transactions", "off", "--out", &first]),
            Side::ValidatorEos => command.args(["--mode", "exactly_once"]),
            Side::ValidatorAlo => command.args(["--mode", "at_least_once"]),
        };
        if !side.copies() {
            command
                .args(["--validated", &first, "--dead-letters", &second])
                .arg("--contract")
                .arg(&self.args.contract);
        }
        let measured = measured_by(command).with_context(|| name.clone())?;
        ensure!(
            measured.aborted == 0,
            "{name}: {} batches were aborted; the run is not clean",
            measured.aborted
        );
        self.verify(side, &name, outs)?;
        topics::delete(&self.settings, outs)?;
        let warm_up = if round == 0 { " (warm-up)" } else { "" };
        println!(
            "round {round} {:<13} {:.3} us/event, cpu {:.2} s of {:.2} s with start, wall {:.2} s, {} batches, peak {} MiB, counts right{warm_up}",
            side.name(),
            measured.micros_per_event(),
            measured.cpu.as_secs_f64(),
            measured.process_cpu.as_secs_f64(),
            measured.wall.as_secs_f64(),
            measured.batches,
            measured.peak_kib / 1024,
        );
        std::io::stdout().flush()?;
        Ok(measured)
    }

    /// Reads the outcomes at read_committed: each record of the source once, on its partition, with its time, key and value; and from
    /// a validator each in the right topic.
    fn verify(&self, side: Side, name: &str, outs: &[&str]) -> anyhow::Result<()> {
        let wanted: &[Tally] = if side.copies() {
            &[self.filled.all()]
        } else {
            &[self.filled.valid, self.filled.faulty]
        };
        for (topic, wanted) in outs.iter().zip(wanted) {
            let found = Tally::of_topic(&self.settings, topic)?;
            ensure!(
                found.records == wanted.records,
                "{name}: {topic} holds {} records, {} were expected",
                found.records,
                wanted.records
            );
            ensure!(
                found == *wanted,
                "{name}: {topic} holds as many records as expected, but not the same ones"
            );
        }
        Ok(())
    }
}

// === impl Side ===

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::CopyEos => "copy_eos",
            Side::ValidatorEos => "validator_eos",
            Side::CopyAlo => "copy_alo",
            Side::ValidatorAlo => "validator_alo",
        }
    }

    fn copies(self) -> bool {
        matches!(self, Side::CopyEos | Side::CopyAlo)
    }
}

/// Runs a side to its end; its last line tells.
fn measured_by(mut command: Command) -> anyhow::Result<Measured> {
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .context("starting it")?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    let text = String::from_utf8(output.stdout).context("its output")?;
    text.lines().last().context("it printed nothing")?.parse()
}
