//! `tidegate test`: the examples beside contracts, judged as workers judge.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_contract::{Contract, ContractRef, Diagnostic, Level, render};

use crate::cli::{TestArgs, TestOutput};
use crate::commands::lint::examine::{Examined, Since, examine};
use crate::commands::lint::{count, formats};
use crate::exit::Exit;
use crate::review::ground::Ground;
use crate::review::{codes, finding};

mod avro;
mod expected;
mod report;
mod suite;
mod trial;

use suite::{Kind, Suite};
use trial::{Trial, Tried};

pub(crate) fn run(args: &TestArgs) -> Exit {
    crate::screen::ending(test(args))
}

fn test(args: &TestArgs) -> anyhow::Result<Exit> {
    let clock = args.now.as_deref().map(moment).transpose()?;
    let paths = args.path.clone().into_iter().collect::<Vec<PathBuf>>();
    let examined = examine(&paths, crate::wiring::clock::now_micros(), &Since::Nothing)?;
    let refused = refused(&examined);
    let tests = Tests::of(&examined, clock)?;
    let mut out = std::io::stdout().lock();
    match args.output {
        TestOutput::Human => {
            let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let all: Vec<Diagnostic> = refused.iter().cloned().chain(tests.found()).collect();
            let text = format!("{}{}", render(&all, &examined.sources(), color), report::human(&tests));
            write!(out, "{}", formats::harmless(text))?;
        }
        TestOutput::Json => write!(out, "{}", formats::printed_json(&report::json(&tests, &refused))?)?,
        TestOutput::Junit => write!(out, "{}", report::junit(&tests, &refused))?,
        TestOutput::Github => {
            let all: Vec<Diagnostic> = refused.iter().cloned().chain(tests.found()).collect();
            let ground = paths.first().map(|path| Ground::of(path)).transpose()?.flatten();
            let all = ground.map_or_else(|| all.clone(), |ground| ground.placed(&all));
            formats::github(&formats::worst_first(all))
                .iter()
                .try_for_each(|line| writeln!(out, "{line}"))?;
        }
    }
    if !refused.is_empty() {
        eprintln!("error: not every contract loads; `tidegate lint` says all about it");
        return Ok(Exit::CouldNotTell);
    }
    if tests.events() == 0 && !tests.has_failures() {
        eprintln!("error: there are no tests beside these contracts; see `tidegate explain TG0316`");
        return Ok(Exit::CouldNotTell);
    }
    Ok(if tests.has_failures() { Exit::Findings } else { Exit::Clean })
}

/// What keeps contracts from loading, without which nothing can be tested.
fn refused(examined: &Examined) -> Vec<Diagnostic> {
    let is_of_contract = |one: &&Diagnostic| one.code.starts_with("TG01") || one.code.starts_with("TG02");
    let errors = examined.found.iter().filter(|one| one.level == Level::Error).filter(is_of_contract);
    let consumers = |one: &&Diagnostic| !examined.consumers.files.iter().any(|file| file.path == one.location.file);
    errors.filter(consumers).cloned().collect()
}

/// The tests of every contract that was examined.
pub(crate) struct Tests {
    contracts: Vec<Tested>,
}

struct Tested {
    contract: ContractRef,
    file: Arc<str>,
    trial: Trial,
    /// The layout, and what is missing.
    found: Vec<Diagnostic>,
}

// === impl Tests ===

impl Tests {
    /// Runs them. `clock` is for tests that name no time. The error is a file that cannot be read.
    pub(crate) fn of(examined: &Examined, clock: Option<i64>) -> anyhow::Result<Tests> {
        let contracts = examined.contracts.iter().map(|contract| tested(contract, clock));
        Ok(Tests {
            contracts: contracts.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Everything that is to be said, in the order of the files.
    pub(crate) fn found(&self) -> Vec<Diagnostic> {
        let mut all = Vec::new();
        for tested in &self.contracts {
            all.extend(tested.found.iter().chain(&tested.trial.found).cloned());
            all.extend(tested.trial.tried.iter().filter_map(|tried| tried.failure.clone()));
        }
        all.sort_by_key(|one| (one.location.file.clone(), one.location.line, one.location.column, one.code));
        all.dedup();
        all
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.found().iter().any(|one| one.level == Level::Error)
    }

    /// How many were judged.
    pub(crate) fn events(&self) -> usize {
        self.contracts.iter().map(|tested| tested.trial.tried.len()).sum()
    }

    /// How many did not do what was expected.
    pub(crate) fn failures(&self) -> usize {
        let failed = |tried: &&Tried| tried.failure.is_some();
        self.contracts
            .iter()
            .map(|tested| tested.trial.tried.iter().filter(failed).count())
            .sum()
    }

    /// In one line, without a full stop.
    pub(crate) fn sentence(&self) -> String {
        let untested: usize = self.contracts.iter().map(|tested| tested.trial.untested.len()).sum();
        let events = count(self.events(), "event");
        let result = match self.failures() {
            0 => "all as expected".to_owned(),
            some => format!("{some} otherwise than expected"),
        };
        match untested {
            0 => format!("{events}, {result}"),
            some => format!("{events}, {result}; {} without an example", count(some, "rule")),
        }
    }
}

fn tested(contract: &Arc<Contract>, clock: Option<i64>) -> anyhow::Result<Tested> {
    let path = Path::new(&*contract.location.file);
    let mut found = Vec::new();
    let suite = Suite::beside(path, &mut found)?;
    let trial = match &suite {
        Some(suite) => trial::run(contract, path, suite, clock)?,
        None => Trial {
            tried: Vec::new(),
            found: Vec::new(),
            untested: Vec::new(),
            fingerprints: Vec::new(),
        },
    };
    if found.is_empty() && suite.is_none_or(|suite| suite.cases.is_empty()) {
        let place = (&*contract.location.file, 1, 1);
        let help = "add events to tests/valid and tests/invalid beside it";
        found.push(finding(
            codes::TEST_NONE,
            Level::Warning,
            place,
            format!("{} has no tests", contract.reference()),
            help,
        ));
    }
    Ok(Tested {
        contract: contract.reference(),
        file: contract.location.file.clone(),
        trial,
        found,
    })
}

fn moment(text: &str) -> anyhow::Result<i64> {
    let time = text.parse::<jiff::Timestamp>();
    Ok(time
        .with_context(|| format!("--now: `{text}` is not an RFC 3339 time"))?
        .as_microsecond())
}

// === impl Tested ===

impl Tested {
    fn count(&self, kind: Kind) -> usize {
        self.trial.tried.iter().filter(|tried| tried.kind == kind).count()
    }

    fn failures(&self) -> impl Iterator<Item = (&Tried, &Diagnostic)> {
        self.trial.tried.iter().filter_map(|tried| Some((tried, tried.failure.as_ref()?)))
    }
}
