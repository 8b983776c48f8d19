//! `tidegate ci`: everything that is to be known about a pull request on contracts, in one call.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_contract::{Contract, Diagnostic, Level, Location, is_draft, render};
use tidegate_diff::render::one_line;
use tidegate_diff::{Diff, Verdict, compare_sets};
use tidegate_git::history::{has_folder, line};
use tidegate_preview::Report;

use crate::cli::{CiArgs, CiOutput, Undetermined};
use crate::commands::diff::side::Side;
use crate::commands::lint::examine::{Examined, Since, examine};
use crate::commands::lint::{Tally, count, formats};
use crate::commands::test::Tests;
use crate::exit::Exit;
use crate::review::back::let_go_back;
use crate::review::consumers::{Consumers, Hit, hits};
use crate::review::ground::{Ground, Named, is_in_repository, leads_out};
use crate::review::{codes, finding};
use crate::wiring::clock::now_micros;

pub(crate) mod events;
mod report;

/// How many commits of the base are tried until one loads.
const BACK_MAX: usize = 100;

pub(crate) fn run(args: &CiArgs) -> Exit {
    crate::screen::ending(ci(args))
}

/// One check of the review and its result.
struct Step {
    name: &'static str,
    state: State,
    /// One line without a full stop.
    said: String,
}

/// Worse states come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Clean,
    /// Somebody should know, and nothing is wrong.
    Told,
    Findings,
    CouldNotTell,
}

/// What the review says.
struct Review<'r> {
    base: &'r Named,
    /// The commit that the change is compared with.
    compared: &'r str,
    steps: Vec<Step>,
    /// Those on changed lines first, the worst first.
    found: Vec<Diagnostic>,
    /// None when contracts do not load.
    diff: Option<&'r Diff>,
    hits: Vec<Hit<'r>>,
    /// What the change would do to events, where that was asked and could be told.
    preview: Option<Report>,
}

fn ci(args: &CiArgs) -> anyhow::Result<Exit> {
    let path = args.path.clone().unwrap_or_else(|| PathBuf::from("."));
    let Some(ground) = Ground::of(&path)? else {
        bail!("{}: is not in a Git repository", path.display());
    };
    if let Some(around) = ground.around() {
        bail!(
            "{}: is a submodule of {}, whose branches are not those of the change; commit the files themselves, or review a clone of its own",
            path.display(),
            around.display()
        );
    }
    if !path.is_dir() {
        bail!("{}: name the folder of the contracts, not a file", path.display());
    }
    let base = ground.find(&args.base)?;
    let parted = ground.parted(&base)?;
    let clock = args.now.as_deref().map(moment).transpose()?;
    let mut examined = examine(
        std::slice::from_ref(&path),
        clock.unwrap_or_else(now_micros),
        &Since::Reference(args.base.clone()),
    )?;
    let mut steps = vec![lint(&examined, args.deny.is_some())];

    let tests = Tests::of(&examined, clock)?;
    let tested = tests.found();
    steps.push(Step {
        name: "tests",
        state: if tests.has_failures() { State::Findings } else { State::Clean },
        said: tests.sentence(),
    });
    examined.found.extend(tested);

    let before = Before::find(&ground, &base, &parted, &examined)?;
    examined.found.extend(before.said.clone());
    let diff = match loads(&examined) && !has_contract_errors(&examined) {
        true => {
            let names = (before.name.as_str(), path.display().to_string());
            let mut diff = compare_sets((names.0, &names.1), &before.contracts, &examined.contracts).at(clock.unwrap_or_else(now_micros));
            // Lint asked the whole history about them.
            diff.violations.clear();
            let diff = match args.undetermined {
                Undetermined::Major => diff,
                Undetermined::Minor => diff.trusting(),
            };
            let past = (&*ground.root, parted.as_str(), ground.folder.as_str());
            Some(let_go_back(diff, past, &before.contracts, &examined.contracts)?)
        }
        false => None,
    };
    let hits = diff
        .as_ref()
        .map(|diff| hits(&before.consumers, &examined.consumers, diff, &examined.contracts))
        .unwrap_or_default();
    let mut versions = diff.as_ref().map(|diff| versions(diff, &examined.contracts)).unwrap_or_default();
    steps.push(match &diff {
        Some(diff) => compared(diff, versions.len()),
        None => Step {
            name: "changes",
            state: State::Findings,
            said: "not compared: contracts of this side do not load".to_owned(),
        },
    });
    // What lint said about the version of a published contract says what to write, too.
    versions.retain(|one| {
        let same = |other: &Diagnostic| other.code == tidegate_diff::history::PUBLISHED && other.location.file == one.location.file;
        !examined.found.iter().any(same)
    });
    if !hits.is_empty() {
        steps.push(consumers(&hits));
    }
    let here = path.display().to_string();
    let sides = [(before.name.as_str(), &*before.contracts), (here.as_str(), &*examined.contracts)];
    let preview = match args.events.step(sides, diff.as_ref(), clock) {
        Some((step, preview)) => {
            steps.push(step);
            preview
        }
        None => None,
    };

    let mut found = std::mem::take(&mut examined.found);
    found.extend(versions);
    found.extend(diff.iter().flat_map(unannounced));
    found.extend(hits.iter().map(told));
    let changed = examined.changed(&args.base)?;
    // Notes about what nobody touched are the same in every review.
    found.retain(|one| one.level != Level::Note || changed.has(&one.location.file, one.location.line));
    changed.sort(&mut found);
    found.dedup();
    for step in &mut steps {
        step.said = one_line(&step.said);
    }
    let review = Review {
        base: &base,
        compared: &before.commit,
        steps,
        found,
        diff: diff.as_ref(),
        hits,
        preview,
    };
    write(args, &ground, &examined, &review)?;
    Ok(match review.state() {
        State::Clean | State::Told => Exit::Clean,
        State::Findings => Exit::Findings,
        State::CouldNotTell => Exit::CouldNotTell,
    })
}

// === impl Review ===

impl Review<'_> {
    /// The worst of the steps.
    fn state(&self) -> State {
        self.steps.iter().map(|step| step.state).max().unwrap_or(State::CouldNotTell)
    }
}

fn lint(examined: &Examined, denied: bool) -> Step {
    let tally = Tally::of(&examined.found);
    let is_cut = examined.found.iter().any(|one| one.code == codes::HISTORY);
    let said = tally.sentence();
    let (state, said) = match (is_cut, tally.errors, tally.warnings) {
        // Whether a published version changed is the one question that only the history answers.
        (true, ..) => (
            State::CouldNotTell,
            format!("{said}; the history of this clone is cut (fetch-depth: 0)"),
        ),
        (_, 0, 0) => (State::Clean, said),
        (_, 0, _) if !denied => (State::Clean, said),
        _ => (State::Findings, said),
    };
    Step { name: "lint", state, said }
}

/// Whether every contract is read that a worker would load; what is wrong with a draft is a warning of `lint`.
fn loads(examined: &Examined) -> bool {
    let is_read = |path: &Arc<str>| examined.contracts.iter().any(|contract| contract.location.file == *path);
    examined.files.iter().all(|file| is_read(&file.path) || is_draft(&file.text))
}

fn has_contract_errors(examined: &Examined) -> bool {
    let is_contract = |one: &&Diagnostic| examined.files.iter().any(|file| file.path == one.location.file);
    let errors = examined.found.iter().filter(|one| one.level == Level::Error).filter(is_contract);
    // An owner or a version that must be mended keeps no contract from being read.
    errors
        .into_iter()
        .any(|one| (one.code.starts_with("TG01") || one.code.starts_with("TG02")) && one.code != tidegate_diff::history::PUBLISHED)
}

/// The old side of the change.
struct Before {
    name: String,
    commit: String,
    contracts: Vec<Arc<Contract>>,
    consumers: Consumers,
    said: Vec<Diagnostic>,
}

// === impl Before ===

impl Before {
    /// The contracts where the branch parted, or the last ones before that load: workers stayed on those.
    fn find(ground: &Ground, base: &Named, parted: &str, examined: &Examined) -> anyhow::Result<Before> {
        let mut said = Vec::new();
        for commit in line(&ground.root, parted, BACK_MAX)? {
            let mut before = Before {
                name: format!("{}:{}", base.name, ground.folder),
                commit: commit.clone(),
                contracts: Vec::new(),
                consumers: Consumers::at(&ground.root, &commit, &ground.folder)?,
                said: Vec::new(),
            };
            if !has_folder(&ground.root, &commit, &ground.folder)? {
                before.said = said;
                return Ok(before);
            }
            let side = Side::at_commit(ground.root.clone(), &base.name, commit.clone(), &ground.folder);
            match side.contracts()? {
                Ok(loaded) => {
                    before.contracts = loaded.contracts;
                    before.said = said;
                    return Ok(before);
                }
                Err(refused) if said.is_empty() => {
                    let first = &refused.errors[0];
                    let problem = format!(
                        "contracts of {} do not load since an earlier commit ({} {}), so the change is compared with the last one that loads",
                        base.name, first.location, first.problem
                    );
                    let help = "mend them on the base, too";
                    // Services show no finding that is about no file of the change.
                    let file = examined.files.first().map_or("", |file| &file.path);
                    said.push(finding(codes::BASE, Level::Warning, (file, 1, 1), problem, help));
                }
                Err(_) => {}
            }
        }
        bail!(
            "none of the last {BACK_MAX} commits of {} has contracts that load: there is nothing to compare with",
            base.name
        )
    }
}

/// Versions that rise too little, and contracts that are gone.
fn versions(diff: &Diff, current: &[Arc<Contract>]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for contract in &diff.contracts {
        match (&contract.verdict, &contract.new, &contract.old) {
            (Verdict::TooSmall { least } | Verdict::Backwards { least }, Some(new), Some(old)) => {
                let now = current.iter().find(|one| one.location.file == new.file);
                let node = now.and_then(|now| now.document.get("version"));
                let demanded = contract.demanded.as_str();
                let problem = match contract.verdict {
                    Verdict::Backwards { .. } => format!("{}: version {} → {} is a step back", new.id, old.version, new.version),
                    _ => format!(
                        "{}: version {} → {} is too small a step, a {demanded} version is needed",
                        new.id, old.version, new.version
                    ),
                };
                found.push(Diagnostic {
                    code: codes::VERSION_STEP,
                    level: Level::Error,
                    location: Location {
                        file: new.file.clone(),
                        line: node.map_or(1, |node| node.line),
                        column: node.map_or(1, |node| node.column),
                        pointer: "/version".into(),
                    },
                    problem,
                    help: format!("write `version: {least}`"),
                });
            }
            (Verdict::Gone, _, Some(old)) => {
                let problem = format!("{}@{} is gone although it is enforced", old.id, old.version);
                let help = "set `status: retired` first, and remove the file later";
                found.push(finding(codes::GONE, Level::Error, (&old.file, 1, 1), problem, help));
            }
            _ => {}
        }
    }
    found
}

/// What breaks somebody and makes no version rise, at the line that does it, so that whoever reads the change sees it there.
fn unannounced(diff: &Diff) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for contract in &diff.contracts {
        // What is gone although enforced stops the merge; the rest of it belongs to the table.
        for change in contract.unannounced().filter(|_| !contract.verdict.is_finding()) {
            let Some(place) = change.new.as_ref().or(change.old.as_ref()) else {
                continue;
            };
            let whom = match (change.breaks_producers(), change.breaks_consumers()) {
                (true, false) => "producers",
                (false, true) => "readers",
                _ => "producers and readers",
            };
            found.push(Diagnostic {
                code: codes::UNANNOUNCED,
                level: Level::Warning,
                location: place.clone(),
                problem: one_line(&format!("{}: {}", contract.id(), change.sentence)),
                help: format!("no version tells {whom}: ask them, or look what it does to events that came (`--preview`)"),
            });
        }
    }
    found
}

fn compared(diff: &Diff, findings: usize) -> Step {
    let producers = diff.changes().filter(|change| change.breaks_producers()).count();
    let consumers = diff.changes().filter(|change| change.breaks_consumers()).count();
    let mut said = match (diff.contracts.len(), diff.changes().count()) {
        (0, _) => "no contract changed".to_owned(),
        (contracts, changes) => format!("{} of {}", count(changes, "change"), count(contracts, "contract")),
    };
    if producers + consumers > 0 {
        said.push_str(&format!("; {producers} break producers, {consumers} break consumers"));
    }
    if findings > 0 {
        said.push_str(&format!("; {} too little or gone", count(findings, "version")));
    }
    let goes_back: Vec<&str> = diff.contracts.iter().filter(|one| one.goes_back).map(|one| &**one.id()).collect();
    if !goes_back.is_empty() {
        said.push_str(&format!("; back to what was published: {}", goes_back.join(", ")));
    }
    let is_unannounced = diff.contracts.iter().any(|one| one.unannounced().next().is_some());
    Step {
        name: "changes",
        state: match findings {
            0 if goes_back.is_empty() && !is_unannounced => State::Clean,
            0 => State::Told,
            _ => State::Findings,
        },
        said,
    }
}

/// Whether it is for somebody to know, and nothing is wrong.
fn is_told(one: &Diagnostic) -> bool {
    [codes::CONSUMER_HIT, codes::UNANNOUNCED].contains(&one.code)
}

fn consumers(hits: &[Hit<'_>]) -> Step {
    let mut names: Vec<String> = Vec::new();
    for hit in hits {
        let name = format!("{} ({})", hit.consumer.name, hit.consumer.owner);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Step {
        name: "consumers",
        state: State::Told,
        said: format!("who feels the change: {}", names.join(", ")),
    }
}

/// At the line that changed, so that whoever reads the change sees it there.
fn told(hit: &Hit<'_>) -> Diagnostic {
    let place = hit.change.and_then(|change| change.new.as_ref());
    let place = place.map_or((hit.file.clone(), hit.line, 1), |place| {
        (place.file.clone(), place.line, place.column)
    });
    let help = format!("ask {} before the merge ({}:{})", hit.consumer.owner, hit.file, hit.line);
    finding(
        codes::CONSUMER_HIT,
        Level::Warning,
        (&place.0, place.1, place.2),
        hit.sentence(),
        help,
    )
}

fn write(args: &CiArgs, ground: &Ground, examined: &Examined, review: &Review<'_>) -> anyhow::Result<()> {
    // Services know files by their place in the repository, wherever this was run.
    let found = ground.placed(&review.found);
    let put = |path: &Path, text: &str| {
        // The change may have brought a link of that name.
        let is_link = path.is_symlink() && path.parent().is_some_and(is_in_repository);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if is_link || folder.is_some_and(leads_out) {
            bail!(
                "{}: is a link, or behind one that leads out of the repository; nothing is written through it",
                path.display()
            );
        }
        std::fs::write(path, text).with_context(|| format!("{}: cannot be written", path.display()))
    };
    if let Some(path) = &args.comment {
        put(path, &report::markdown(review))?;
    }
    if let Some(path) = &args.junit {
        let names: Vec<&str> = examined.files.iter().map(|file| &*file.path).collect();
        // What others feel is no failure, whatever else is denied.
        let failing: Vec<Diagnostic> = review.found.iter().filter(|one| !is_told(one)).cloned().collect();
        put(path, &formats::junit("tidegate ci", &names, &failing, args.deny.is_some()))?;
    }
    if let Some(path) = &args.code_quality {
        put(path, &formats::printed_json(&formats::gitlab(&found))?)?;
    }
    if let Some(path) = &args.sarif {
        put(path, &formats::printed_json(&formats::sarif(&found))?)?;
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = file.as_mut().map(|file| file.write_all(report::summary(review).as_bytes()));
        // The result stands without it.
        if !matches!(written, Ok(Ok(()))) {
            eprintln!("warning: {}: the summary cannot be written", path.display());
        }
    }
    let mut out = std::io::stdout().lock();
    match args.output.unwrap_or_else(surroundings) {
        CiOutput::Text => {
            let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let shown: Vec<Diagnostic> = review.found.iter().filter(|one| one.level != Level::Note).cloned().collect();
            let text = format!("{}{}", render(&shown, &examined.sources(), color), report::text(review));
            write!(out, "{}", formats::harmless(text))?;
        }
        CiOutput::Json => write!(out, "{}", formats::printed_json(&report::json(review))?)?,
        CiOutput::Markdown => write!(out, "{}", report::markdown(review))?,
        CiOutput::Github => {
            formats::github(&found).iter().try_for_each(|line| writeln!(out, "{line}"))?;
            write!(out, "{}", formats::without_commands(&report::text(review)))?;
        }
        CiOutput::Azure => {
            formats::azure(&found).iter().try_for_each(|line| writeln!(out, "{line}"))?;
            write!(out, "{}", formats::without_commands(&report::text(review)))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// What the service that runs this shows best.
fn surroundings() -> CiOutput {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    if is_set("GITHUB_ACTIONS") {
        CiOutput::Github
    } else if is_set("TF_BUILD") {
        CiOutput::Azure
    } else {
        CiOutput::Text
    }
}

fn moment(text: &str) -> anyhow::Result<i64> {
    let time = text.parse::<jiff::Timestamp>();
    Ok(time
        .with_context(|| format!("--now: `{text}` is not an RFC 3339 time"))?
        .as_microsecond())
}
