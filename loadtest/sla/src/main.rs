//! What the SLA check of twenty rules costs over ten million local rows. `loadtest/README.md` says how it is set beside DuckDB.
//!
//! `make` writes the rows, `check` runs the pass. Whoever starts it takes
//! the processor time of the whole process.

#![allow(clippy::print_stdout, reason = "the figures are what this executable is for")]

mod folder;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use tidegate_contract::{ContractFile, Snapshot};
use tidegate_query::{Lake, Limits};
use tidegate_sla::{Filter, Report, run_once};

use folder::LocalFolder;

/// The contract with the twenty rules.
const CONTRACT: &str = include_str!("../data/orders.odcs.yaml");
/// The instant that everything is judged at: 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400_000_000;

/// The SLA check over many rows.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    /// Writes the rows.
    Make {
        /// Folder.
        #[arg(long)]
        folder: PathBuf,
        /// Rows.
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
    },
    /// One pass, by the loop of `tidegate sla run --once`.
    Check {
        /// Folder.
        #[arg(long)]
        folder: PathBuf,
        /// Threads of the engine.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Only this rule.
        #[arg(long)]
        rule: Option<String>,
        /// Prints what each rule says.
        #[arg(long)]
        say: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Make { folder, rows } => rows::make(&folder, rows, NOW),
        Command::Check {
            folder,
            threads,
            rule,
            say,
        } => check(folder, threads, rule, say),
    }
}

fn check(folder: PathBuf, threads: usize, rule: Option<String>, say: bool) -> anyhow::Result<()> {
    let files = [ContractFile {
        path: "orders.odcs.yaml".into(),
        text: CONTRACT.to_owned(),
    }];
    let snapshot = Snapshot::build("bench", &files)
        .map_err(|problems| anyhow::anyhow!("the contract does not load: {problems:?}"))?
        .0;
    let limits = Limits {
        threads,
        ..Limits::default()
    };
    let lake = Lake::new(Arc::new(LocalFolder(folder)), limits)?;
    let filter = Filter {
        rule: rule.map(Into::into),
        ..Filter::default()
    };
    let report = run_once(&snapshot, &lake, &|_, _, _| "rows".into(), NOW, &filter);
    results(&report, say)
}

/// What was measured, for the peer's answers to be held against: rule, value.
fn results(report: &Report, say: bool) -> anyhow::Result<()> {
    for entry in &report.entries {
        let measured = entry
            .measured
            .as_ref()
            .with_context(|| format!("{}: {}", entry.clause.id, entry.says))?;
        println!("rule {} {}", entry.clause.rule, measured.value);
        if say {
            println!("  {}", entry.says);
        }
    }
    Ok(())
}
