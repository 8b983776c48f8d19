//! `tidegate doctor`: what fails in practice, one line each with its fix.
//!
//! Checks come in the order in which one needs the other, each with a bound in time. What cannot be looked at because something before it is
//! wrong says so; nothing is passed over in silence.

mod brokers;
mod network;
mod places;
mod report;
mod rights;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tidegate_kafka::{Settings, TopicAdmin};
use tidegate_validator::Mode;

use crate::cli::{DoctorArgs, DoctorRole};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::ending;
use crate::wiring::contracts::LiveContracts;

use report::{Line, Report};

/// What every check needs.
pub(super) struct Patient {
    config: Config,
    roles: Vec<DoctorRole>,
    timeout: Duration,
}

/// `doctor`.
pub(crate) fn run(args: &DoctorArgs) -> Exit {
    ending(Config::load(&args.role).map(|config| {
        let roles = match args.roles.is_empty() {
            false => args.roles.clone(),
            true if config.lake.is_some() => vec![DoctorRole::Validator, DoctorRole::Sink, DoctorRole::Audit],
            true => vec![DoctorRole::Validator],
        };
        let patient = Arc::new(Patient {
            config,
            roles,
            timeout: Duration::from_secs(args.timeout),
        });
        let mut report = Report::new(args.output, patient.config.profile);
        examine(&patient, args, &mut report);
        report.end()
    }))
}

fn examine(patient: &Arc<Patient>, args: &DoctorArgs, report: &mut Report) {
    report.add("config", Instant::now(), vec![config_line(&patient.config)]);
    let sources = contracts(patient, report);
    if let Some(admin) = reach(patient, report) {
        match &sources {
            Some(sources) => cluster(patient, args, &admin, sources, report),
            None => {
                for check in ["topics", "rights", "transactions", "groups"] {
                    report.skip(check, "the contracts do not load, so nobody knows which topics there must be");
                }
            }
        }
    }
    bounded(patient, report, "registry", places::registry);
    bounded(patient, report, "store", places::store);
}

fn config_line(config: &Config) -> Line {
    match config.profile {
        Some(platform) if platform.is_event_hubs() && config.sink.topic_epoch.is_none() => Line::wrong(
            "Event Hubs has no ids of topics, so a sink cannot tell a hub that was made anew",
            "set sink.topic_epoch: 1, and raise it when a hub is deleted and made again",
        ),
        Some(platform) => Line::ok(format!("the config loads, and fits the profile {}", platform.as_str())),
        None => Line::ok("the config loads; no profile is named, so nothing of a platform's own limits was held against it"),
    }
}

/// The source topics, when the contracts load and compile.
fn contracts(patient: &Arc<Patient>, report: &mut Report) -> Option<Vec<Arc<str>>> {
    let started = Instant::now();
    let config = patient.config.clone();
    let found = within(patient.timeout, move || {
        LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every).map(|contracts| {
            let current = contracts.current();
            (current.snapshot.contracts.len(), current.commit().to_string(), current.topics())
        })
    });
    let (line, sources) = match found {
        None => (late(patient, "look whether the contracts' host is reached from here"), None),
        Some(Err(error)) => (
            Line::wrong(
                format!("the contracts do not load: {error}"),
                format!("tidegate lint {} shows each place and fix", patient.config.contracts),
            ),
            None,
        ),
        Some(Ok((_, commit, sources))) if sources.is_empty() => (
            Line::wrong(
                format!("the contracts of {commit} bind no topic: no role would have anything to do"),
                "give an object `physicalType: topic` and an enforced status",
            ),
            None,
        ),
        Some(Ok((count, commit, sources))) => (
            Line::ok(format!("{count} contracts of {commit} compile, {} topics are bound", sources.len())),
            Some(sources),
        ),
    };
    report.add("contracts", started, vec![line]);
    sources
}

/// From names to a client that was let in.
fn reach(patient: &Arc<Patient>, report: &mut Report) -> Option<Arc<TopicAdmin>> {
    const BEHIND: [&str; 7] = ["network", "tls", "sign-in", "topics", "rights", "transactions", "groups"];
    if let Err(error) = patient.config.require_brokers() {
        let fix = "give kafka.brokers";
        report.add("network", Instant::now(), vec![Line::wrong(error.to_string(), fix)]);
        BEHIND[1..].iter().for_each(|check| report.skip(check, "no brokers are named"));
        return None;
    }
    if !bounded(patient, report, "network", network::reach) {
        BEHIND[1..].iter().for_each(|check| report.skip(check, "no broker is reached"));
        return None;
    }
    bounded(patient, report, "tls", network::certificates);
    let started = Instant::now();
    let asked = patient.clone();
    let (lines, admin) = match within(patient.timeout, move || brokers::sign_in(&asked)) {
        Some(outcome) => outcome,
        None => (
            vec![late(
                patient,
                "look at security.protocol, sasl.mechanism and the port: a listener of another kind stays silent",
            )],
            None,
        ),
    };
    report.add("sign-in", started, lines);
    if admin.is_none() {
        BEHIND[3..]
            .iter()
            .for_each(|check| report.skip(check, "the brokers do not let us in"));
    }
    admin.map(Arc::new)
}

fn cluster(patient: &Arc<Patient>, args: &DoctorArgs, admin: &Arc<TopicAdmin>, sources: &[Arc<str>], report: &mut Report) {
    let spec = patient.config.topics.spec(&patient.config, sources, &args.topics);
    match spec {
        Err(error) => {
            report.add(
                "topics",
                Instant::now(),
                vec![Line::wrong(format!("{error:#}"), "mend the section topics of the config")],
            );
        }
        Ok((spec, said)) => {
            let asked = admin.clone();
            bounded(patient, report, "topics", move |patient| {
                brokers::topics(patient, &asked, spec, &said)
            });
        }
    }
    let (asked, of) = (admin.clone(), sources.to_vec());
    bounded(patient, report, "rights", move |patient| rights::lines(patient, &asked, &of));
    let validates = patient.roles.contains(&DoctorRole::Validator);
    match patient.config.validator.mode {
        Mode::AtLeastOnce => report.skip("transactions", "validator.mode is at_least_once, which needs none"),
        Mode::ExactlyOnce if !validates => report.skip("transactions", "only validators need them (--role validator)"),
        Mode::ExactlyOnce => {
            bounded(patient, report, "transactions", brokers::transactions);
        }
    }
    let (asked, of) = (admin.clone(), sources.to_vec());
    bounded(patient, report, "groups", move |patient| brokers::groups(patient, &asked, &of));
}

/// Runs a check on a thread of its own and adds its lines; whether all of them are well. A check that takes too long is left behind: it ends
/// with the process.
fn bounded(
    patient: &Arc<Patient>,
    report: &mut Report,
    check: &'static str,
    run: impl FnOnce(&Patient) -> Vec<Line> + Send + 'static,
) -> bool {
    let started = Instant::now();
    let asked = patient.clone();
    let lines = within(patient.timeout, move || run(&asked));
    let lines = lines.unwrap_or_else(|| vec![late(patient, "it may be a packet filter that drops; --timeout gives it longer")]);
    report.add(check, started, lines)
}

fn late(patient: &Patient, fix: &str) -> Line {
    Line::wrong(format!("no answer within {} s", patient.timeout.as_secs()), fix)
}

fn within<T: Send + 'static>(timeout: Duration, run: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (answer, answered) = mpsc::sync_channel(1);
    let spawned = std::thread::Builder::new().name("check".to_owned()).spawn(move || {
        // Nobody listens any more when it took too long.
        let _ = answer.send(run());
    });
    spawned.ok()?;
    answered.recv_timeout(timeout).ok()
}

impl Patient {
    fn kafka(&self) -> &Settings {
        &self.config.kafka
    }

    fn has(&self, role: DoctorRole) -> bool {
        self.roles.contains(&role)
    }
}
